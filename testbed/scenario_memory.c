/* SPDX-License-Identifier: MIT */
/*
 * The guest's own side of the shared words, in the 2-level and the FIFO ABI: no hypercalls. Where a
 * domain's words are is what its script told the hypervisor (scenario_event.c).
 */
#include <string.h>

#include <xen/event_channel.h>

#include "ops.h"
#include "scenario_private.h"

#define BIT(n) (UINT32_C(1) << (n))

void memory_forget(struct rdomain *d)
{
	d->fifo = false;
	d->nr_array = 0;
	for (unsigned i = 0; i < d->nr_vcpus; i++) {
		d->side[i].block_gfn = HV_NEVER;
		memset(d->side[i].head, 0, sizeof(d->side[i].head));
	}
}

/* ---- whose memory, and where in it ---- */

static struct rdomain *domain_of(struct call *c)
{
	uint64_t id = call_field(c, "dom", DOMID_SELF);
	struct rdomain *d = id == DOMID_SELF ? c->d : replay_domain(c->r, id);

	if (!d)
		call_trouble(c, "there is no domain %u with memory", (unsigned)id);
	return d;
}

static struct side *side_of(struct call *c)
{
	struct rdomain *d = domain_of(c);
	uint64_t vcpu = call_field(c, "vcpu", 0);

	if (!d)
		return NULL;
	if (vcpu < d->nr_vcpus)
		return &d->side[vcpu];
	call_trouble(c, "domain %u has %u vCPUs", d->id, d->nr_vcpus);
	return NULL;
}

static void *at_frame(const struct rdomain *d, uint64_t gfn, size_t offset)
{
	uint8_t *page = gfn == HV_NEVER ? NULL : hv_domain_frame(testbed_hv_domain(d->d), gfn);

	return page ? page + offset : NULL;
}

/* NULL: its page is not there */
static uint32_t *word_of(const struct rdomain *d, uint64_t port)
{
	if (port / FIFO_PAGE >= d->nr_array)
		return NULL;
	return at_frame(d, d->array[port / FIFO_PAGE], port % FIFO_PAGE * sizeof(uint32_t));
}

static struct evtchn_fifo_control_block *block_of(struct call *c, struct side **side)
{
	struct evtchn_fifo_control_block *block = NULL;
	struct rdomain *d = domain_of(c);

	*side = side_of(c);
	if (*side)
		block = at_frame(d, (*side)->block_gfn, (*side)->block_offset);
	if (*side && !block)
		answer_word(&c->answer, NULL, "no-block");
	return block;
}

/* NULL, and the answer is given: it has no vcpu_info. */
static struct testbed_vcpu *vcpu_with_info(struct call *c)
{
	struct side *side = side_of(c);

	if (side && !mem_has_info(side->v))
		answer_word(&c->answer, NULL, "no-vcpu-info");
	return side && mem_has_info(side->v) ? side->v : NULL;
}

/* ---- bits ---- */

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void show_bit(struct call *c, const char *key, uint32_t word, unsigned bit)
{
	answer_number(&c->answer, key, AS_NUMBER, word >> bit & 1);
}

static void show_shared(struct call *c, const struct rdomain *d, uint64_t port)
{
	if (port >= mem_ports(d->d)) {
		answer_word(&c->answer, NULL, "no-word");
		return;
	}
	answer_number(&c->answer, "pending", AS_NUMBER, mem_pending(d->d, (uint32_t)port));
	answer_number(&c->answer, "masked", AS_NUMBER, mem_masked(d->d, (uint32_t)port));
}

void run_mem_shared(struct call *c)
{
	const struct rdomain *d = domain_of(c);

	if (d)
		show_shared(c, d, call_field(c, "port", 0));
}

void run_mem_port(struct call *c)
{
	const struct rdomain *d = domain_of(c);
	uint64_t port = call_field(c, "port", 0);
	const uint32_t *word;
	uint32_t w;

	if (!d)
		return;
	if (!d->fifo) {
		show_shared(c, d, port);
		return;
	}
	word = word_of(d, port);
	if (!word) {
		answer_word(&c->answer, NULL, "no-word");
		return;
	}
	w = load(word);
	show_bit(c, "pending", w, EVTCHN_FIFO_PENDING);
	show_bit(c, "masked", w, EVTCHN_FIFO_MASKED);
	show_bit(c, "linked", w, EVTCHN_FIFO_LINKED);
	show_bit(c, "busy", w, EVTCHN_FIFO_BUSY);
	answer_number(&c->answer, "link", AS_NUMBER, w & EVTCHN_FIFO_LINK_MASK);
}

static void set_word(const struct call *c, uint32_t *word)
{
	static const struct {
		const char *key;
		uint32_t bit, cleared;
	} bits[] = {
		{ "pending", BIT(EVTCHN_FIFO_PENDING), BIT(EVTCHN_FIFO_PENDING) },
		{ "masked", BIT(EVTCHN_FIFO_MASKED), BIT(EVTCHN_FIFO_MASKED) },
		{ "linked", BIT(EVTCHN_FIFO_LINKED),
		  BIT(EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK },
		{ "busy", BIT(EVTCHN_FIFO_BUSY), BIT(EVTCHN_FIFO_BUSY) },
	};

	for (unsigned i = 0; i < COUNT(bits); i++) {
		if (!call_token(c, bits[i].key))
			continue;
		if (call_field(c, bits[i].key, 0))
			__atomic_fetch_or(word, bits[i].bit, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(word, ~bits[i].cleared, __ATOMIC_SEQ_CST);
	}
}

static void set_shared(const struct call *c, const struct rdomain *d, uint64_t port)
{
	if (call_token(c, "pending"))
		mem_set_pending(d->d, (uint32_t)port, call_field(c, "pending", 0));
	if (call_token(c, "masked"))
		mem_set_masked(d->d, (uint32_t)port, call_field(c, "masked", 0));
}

void run_mem_set(struct call *c)
{
	const struct rdomain *d = domain_of(c);
	uint64_t port = call_field(c, "port", 0);
	uint32_t *word = d && d->fifo ? word_of(d, port) : NULL;

	if (!d)
		return;
	if (d->fifo ? !word : port >= mem_ports(d->d)) {
		answer_word(&c->answer, NULL, "no-word");
		return;
	}
	if (word)
		set_word(c, word);
	else if (call_token(c, "linked") || call_token(c, "busy"))
		call_trouble(c,
			     "linked= and busy= are bits of the FIFO ABI; the domain is not in it");
	else
		set_shared(c, d, port);
	answer_word(&c->answer, NULL, "ok");
}

void run_mem_upcall(struct call *c)
{
	const struct testbed_vcpu *v = vcpu_with_info(c);

	if (!v)
		return;
	answer_number(&c->answer, "pending", AS_NUMBER, mem_upcall(v));
	answer_number(&c->answer, "sel", AS_HEX, mem_selector(v));
}

void run_mem_clear_upcall(struct call *c)
{
	struct testbed_vcpu *v = vcpu_with_info(c);

	if (!v)
		return;
	if (call_field(c, "keep_sel", 0))
		mem_clear_upcall_only(v);
	else
		mem_clear_upcall(v);
	answer_word(&c->answer, NULL, "ok");
}

/* ---- FIFO queues ---- */

static bool priority_of(struct call *c, uint64_t *priority)
{
	*priority = call_field(c, "prio", 0);
	if (*priority >= PRIORITIES)
		call_trouble(c, "prio=%u: 0 to %u exist", (unsigned)*priority, PRIORITIES - 1);
	return *priority < PRIORITIES;
}

void run_mem_queue(struct call *c)
{
	struct side *side;
	const struct evtchn_fifo_control_block *block = block_of(c, &side);
	uint64_t priority;

	if (!block || !priority_of(c, &priority))
		return;
	show_bit(c, "ready", load(&block->ready), (unsigned)priority);
	answer_number(&c->answer, "head", AS_NUMBER, load(&block->head[priority]));
}

void run_mem_take_ready(struct call *c)
{
	struct side *side;
	struct evtchn_fifo_control_block *block = block_of(c, &side);

	if (block)
		answer_number(&c->answer, "ready", AS_HEX,
			      __atomic_exchange_n(&block->ready, 0, __ATOMIC_SEQ_CST));
}

/* As a guest consumes an event: from its own head, or the control block's if it has none. */
void run_mem_pop(struct call *c)
{
	struct side *side;
	const struct evtchn_fifo_control_block *block = block_of(c, &side);
	uint64_t priority;
	uint32_t port, old, *word;

	if (!block || !priority_of(c, &priority))
		return;
	port = side->head[priority] ? side->head[priority] : load(&block->head[priority]);
	word = port ? word_of(domain_of(c), port) : NULL;
	if (!word) {
		answer_word(&c->answer, NULL, port ? "no-word" : "empty");
		return;
	}
	old = __atomic_fetch_and(word, ~(BIT(EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK),
				 __ATOMIC_SEQ_CST);
	side->head[priority] = old & EVTCHN_FIFO_LINK_MASK;
	answer_number(&c->answer, "port", AS_NUMBER, port);
	show_bit(c, "pending", old, EVTCHN_FIFO_PENDING);
	show_bit(c, "masked", old, EVTCHN_FIFO_MASKED);
	show_bit(c, "was_linked", old, EVTCHN_FIFO_LINKED);
	answer_number(&c->answer, "next", AS_NUMBER, old & EVTCHN_FIFO_LINK_MASK);
}
