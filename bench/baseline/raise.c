/* SPDX-License-Identifier: MIT */
/*
 * The conventional design: how an event is written down for the guest, in both ABIs. Its channels
 * are in channel.c.
 */
#include "conventional.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define LINK	EVTCHN_FIFO_LINK_MASK

static bool set_bit64(xen_ulong_t *words, uint32_t nr)
{
	uint64_t bit = UINT64_C(1) << nr % 64;

	return __atomic_fetch_or(&words[nr / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static enum conv_path tell(struct conv_domain *d, unsigned vcpu)
{
	if (__atomic_exchange_n(&d->vcpu[vcpu].info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
		return CONV_TOLD;
	d->system->kick(d, vcpu);
	return CONV_KICKED;
}

static enum conv_path raise_2l(struct conv_domain *d, const struct conv_channel *c, uint32_t port)
{
	xen_ulong_t mask;

	if (set_bit64(d->shared->evtchn_pending, port))
		return CONV_MERGED;
	mask = __atomic_load_n(&d->shared->evtchn_mask[port / 64], __ATOMIC_SEQ_CST);
	if (mask >> port % 64 & 1)
		return CONV_MASKED;
	if (set_bit64(&d->vcpu[c->vcpu].info->evtchn_pending_sel, port / 64))
		return CONV_TOLD;
	return tell(d, c->vcpu);
}

static event_word_t *word_of(const struct conv_domain *d, uint32_t port)
{
	return &d->words[port / CONV_WORDS][port % CONV_WORDS];
}

/* Behind the tail, if the guest has not taken that off meanwhile. Queue's lock held. */
static bool link_behind(event_word_t *tail, uint32_t port)
{
	event_word_t was = __atomic_load_n(tail, __ATOMIC_SEQ_CST);

	do
		if (!(was & LINKED))
			return false;
	while (!__atomic_compare_exchange_n(tail, &was, (was & ~LINK) | port, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

/* The queue that the port was on, and the one where it goes to, in the order of their addresses. */
static void take_both(struct conv_queue *a, struct conv_queue *b)
{
	spin_take(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_take(a < b ? &b->lock : &a->lock);
}

static void drop_both(struct conv_queue *a, struct conv_queue *b)
{
	if (a != b)
		spin_drop(&a->lock);
	spin_drop(&b->lock);
}

static struct conv_queue *last_queue(struct conv_domain *d, const struct conv_channel *c)
{
	unsigned last = __atomic_load_n(&c->last, __ATOMIC_RELAXED);

	return &d->vcpu[last / EVTCHN_FIFO_MAX_QUEUES].queue[last % EVTCHN_FIFO_MAX_QUEUES];
}

/* Both queues' locks held. True: it begins the queue, and the ready bit was not set. */
static bool append(struct conv_domain *d, struct conv_channel *c, uint32_t port,
		   struct conv_queue *from, struct conv_queue *to)
{
	struct evtchn_fifo_control_block *block = d->vcpu[c->vcpu].block;
	uint32_t bit = UINT32_C(1) << c->priority, tail = to->tail;

	if (__atomic_fetch_or(word_of(d, port), LINKED, __ATOMIC_SEQ_CST) & LINKED)
		return false;
	if (from != to && from->tail == port)
		from->tail = 0;
	__atomic_store_n(&c->last, c->vcpu * EVTCHN_FIFO_MAX_QUEUES + c->priority,
			 __ATOMIC_RELAXED);
	to->tail = port;
	if (tail && tail != port && link_behind(word_of(d, tail), port))
		return false;
	__atomic_store_n(&block->head[c->priority], port, __ATOMIC_SEQ_CST);
	return !(__atomic_fetch_or(&block->ready, bit, __ATOMIC_SEQ_CST) & bit);
}

static enum conv_path raise_fifo(struct conv_domain *d, struct conv_channel *c, uint32_t port)
{
	struct conv_queue *from, *to = &d->vcpu[c->vcpu].queue[c->priority];
	event_word_t was = __atomic_fetch_or(word_of(d, port), PENDING, __ATOMIC_SEQ_CST);
	bool news;

	if (was & MASKED)
		return CONV_MASKED;
	if (was & LINKED)
		return CONV_MERGED;
	for (;;) {
		from = last_queue(d, c);
		take_both(from, to);
		if (from == last_queue(d, c))
			break;
		drop_both(from, to);
	}
	news = append(d, c, port, from, to);
	drop_both(from, to);
	return news ? tell(d, c->vcpu) : CONV_TOLD;
}

void conv_raise(struct conv_domain *d, struct conv_channel *c, uint32_t port)
{
	enum conv_path path = d->fifo ? raise_fifo(d, c, port) : raise_2l(d, c, port);

	__atomic_fetch_add(&d->system->paths[path], 1, __ATOMIC_RELAXED);
}
