/* SPDX-License-Identifier: MIT */
/*
 * The guest's own side of the shared words, in both ABIs.
 */
#include "scenario.h"

#define BIT(n) (UINT32_C(1) << (n))

void memory_forget(struct domain *d)
{
	d->fifo = false;
	d->nr_array = 0;
	memset(d->block, 0, sizeof(d->block));
	memset(d->head, 0, sizeof(d->head));
}

void memory_moved_info(struct machine *m, unsigned vcpu, uint64_t frame, uint32_t offset)
{
	uint8_t *page = page_of_frame(m, frame);

	if (page && vcpu < VCPUS)
		m->by->info[vcpu] = (struct vcpu_info *)(page + offset);
}

static uint32_t *word_of(struct domain *d, uint64_t port)
{
	return port / 1024 < d->nr_array ? &d->array[port / 1024][port % 1024] : NULL;
}

static bool shared_bit(const xen_ulong_t *words, uint64_t port)
{
	return __atomic_load_n(&words[port / 64], __ATOMIC_SEQ_CST) >> (port % 64) & 1;
}

static void set_bit(xen_ulong_t *words, uint64_t port, bool on)
{
	if (on)
		__atomic_fetch_or(&words[port / 64], UINT64_C(1) << (port % 64), __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&words[port / 64], ~(UINT64_C(1) << (port % 64)),
				   __ATOMIC_SEQ_CST);
}

static void show_shared(struct machine *m, const struct domain *d, uint64_t port)
{
	const struct shared_info *s = d->shared;

	if (port >= EVTCHN_2L_NR_CHANNELS) {
		answer_word(m, NULL, "no-word");
		return;
	}
	answer_number(m, "pending", shared_bit(s->evtchn_pending, port));
	answer_number(m, "masked", shared_bit(s->evtchn_mask, port));
}

static void show_port(struct machine *m, struct domain *d, uint64_t port)
{
	const uint32_t *word = word_of(d, port);
	uint32_t w;

	if (!d->fifo) {
		show_shared(m, d, port);
		return;
	}
	if (!word) {
		answer_word(m, NULL, "no-word");
		return;
	}
	w = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	answer_number(m, "pending", w >> EVTCHN_FIFO_PENDING & 1);
	answer_number(m, "masked", w >> EVTCHN_FIFO_MASKED & 1);
	answer_number(m, "linked", w >> EVTCHN_FIFO_LINKED & 1);
	answer_number(m, "busy", w >> EVTCHN_FIFO_BUSY & 1);
	answer_number(m, "link", w & EVTCHN_FIFO_LINK_MASK);
}

static void set_word(struct machine *m, uint32_t *word)
{
	static const struct {
		const char *key;
		unsigned bit;
	} bits[] = { { "pending", EVTCHN_FIFO_PENDING },
		     { "masked", EVTCHN_FIFO_MASKED },
		     { "linked", EVTCHN_FIFO_LINKED },
		     { "busy", EVTCHN_FIFO_BUSY } };

	for (unsigned i = 0; i < 4; i++) {
		uint32_t bit = BIT(bits[i].bit);

		if (!find(m->action, bits[i].key))
			continue;
		if (field(m, bits[i].key, 0))
			__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(
				word,
				~(bit |
				  (bits[i].bit == EVTCHN_FIFO_LINKED ? EVTCHN_FIFO_LINK_MASK : 0)),
				__ATOMIC_SEQ_CST);
	}
}

static void set(struct machine *m, struct domain *d, uint64_t port)
{
	uint32_t *word = word_of(d, port);

	if (d->fifo ? !word : port >= EVTCHN_2L_NR_CHANNELS) {
		answer_word(m, NULL, "no-word");
		return;
	}
	if (d->fifo) {
		set_word(m, word);
	} else {
		if (find(m->action, "pending"))
			set_bit(d->shared->evtchn_pending, port, field(m, "pending", 0));
		if (find(m->action, "masked"))
			set_bit(d->shared->evtchn_mask, port, field(m, "masked", 0));
	}
	answer_word(m, NULL, "ok");
}

static void queue_op(struct machine *m, struct domain *d, unsigned vcpu)
{
	struct evtchn_fifo_control_block *b = d->block[vcpu];
	uint64_t prio = field(m, "prio", 0) % EVTCHN_FIFO_MAX_QUEUES;
	uint32_t port, old, *word;

	if (!b) {
		answer_word(m, NULL, "no-block");
		return;
	}
	if (text_is(&m->action->op, "mem.queue")) {
		answer_number(m, "ready", b->ready >> prio & 1);
		answer_number(m, "head", b->head[prio]);
		return;
	}
	if (text_is(&m->action->op, "mem.take_ready")) {
		answer_hex(m, "ready", __atomic_exchange_n(&b->ready, 0, __ATOMIC_SEQ_CST));
		return;
	}
	port = d->head[vcpu][prio] ? d->head[vcpu][prio] : b->head[prio];
	word = port ? word_of(d, port) : NULL;
	if (!word) {
		answer_word(m, NULL, port ? "no-word" : "empty");
		return;
	}
	old = __atomic_fetch_and(word, ~(BIT(EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK),
				 __ATOMIC_SEQ_CST);
	d->head[vcpu][prio] = old & EVTCHN_FIFO_LINK_MASK;
	answer_number(m, "port", port);
	answer_number(m, "pending", old >> EVTCHN_FIFO_PENDING & 1);
	answer_number(m, "masked", old >> EVTCHN_FIFO_MASKED & 1);
	answer_number(m, "was_linked", old >> EVTCHN_FIFO_LINKED & 1);
	answer_number(m, "next", old & EVTCHN_FIFO_LINK_MASK);
}

bool run_memory(struct machine *m)
{
	const struct text *op = &m->action->op;
	struct domain *d = find(m->action, "dom") ? domain_find(m, field(m, "dom", 0)) : m->by;
	unsigned vcpu = (unsigned)field(m, "vcpu", 0) % VCPUS;
	uint64_t port = field(m, "port", 0);
	struct vcpu_info *info;

	if (op->len < 4 || memcmp(op->at, "mem.", 4) != 0)
		return false;
	info = d ? d->info[vcpu] : NULL;
	if (!info) {
		m->unknown = true;
		return false;
	}
	if (text_is(op, "mem.port"))
		show_port(m, d, port);
	else if (text_is(op, "mem.shared"))
		show_shared(m, d, port);
	else if (text_is(op, "mem.set"))
		set(m, d, port);
	else if (text_is(op, "mem.upcall")) {
		answer_number(m, "pending", info->evtchn_upcall_pending);
		answer_hex(m, "sel", info->evtchn_pending_sel);
	} else if (text_is(op, "mem.clear_upcall")) {
		info->evtchn_upcall_pending = 0;
		if (!field(m, "keep_sel", 0))
			info->evtchn_pending_sel = 0;
		answer_word(m, NULL, "ok");
	} else {
		queue_op(m, d, vcpu);
	}
	return true;
}
