/* SPDX-License-Identifier: MIT */
/*
 * What the event channel ABIs themselves ask of a guest: to take the announcement, to find the
 * ports, to take each event, and to look whether there is more; with a call through a pointer for
 * each, as there is a handler. No IRQs, no locks, no masks, nothing is counted. Nothing of Carillon
 * is measured here.
 */
#include "bare.h"
#include "guest.h"

static void count(struct played *p)
{
	p->handled++;
}

static void (*volatile const handler)(struct played *p) = count;

static void look(struct played *p, void (*round)(struct played *p))
{
	struct vcpu_info *v = &p->shared->vcpu_info[0];

	do {
		__atomic_exchange_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
		round(p);
	} while (__atomic_load_n(&v->evtchn_upcall_pending, __ATOMIC_SEQ_CST));
}

static void word_2l(struct played *p, unsigned word)
{
	uint64_t ready, bit;

	while ((ready = __atomic_load_n(&p->shared->evtchn_pending[word], __ATOMIC_ACQUIRE) &
			~__atomic_load_n(&p->shared->evtchn_mask[word], __ATOMIC_ACQUIRE))) {
		bit = ready & -ready;
		__atomic_fetch_and(&p->shared->evtchn_pending[word], ~bit, __ATOMIC_SEQ_CST);
		handler(p);
	}
}

static void round_2l(struct played *p)
{
	uint64_t sel = __atomic_exchange_n(&p->shared->vcpu_info[0].evtchn_pending_sel, 0,
					   __ATOMIC_SEQ_CST);

	for (; sel; sel &= sel - 1)
		word_2l(p, (unsigned)__builtin_ctzll(sel));
}

void floor_2l(struct played *p)
{
	look(p, round_2l);
}

static void queue_fifo(struct played *p, unsigned q)
{
	evtchn_port_t port = __atomic_load_n(&p->block->head[q], __ATOMIC_ACQUIRE);

	while (port) {
		event_word_t old = bare_take_fifo(played_word(p, port));

		if ((old & (PENDING | MASKED)) == PENDING)
			handler(p);
		port = old & LINKED ? old & LINK : 0;
	}
}

static void round_fifo(struct played *p)
{
	uint32_t ready;

	while ((ready = __atomic_exchange_n(&p->block->ready, 0, __ATOMIC_SEQ_CST)))
		for (; ready; ready &= ready - 1)
			queue_fifo(p, (unsigned)__builtin_ctz(ready));
}

void floor_fifo(struct played *p)
{
	look(p, round_fifo);
}
