/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI itself, for the floors and for a guest that is played: its accesses to the shared
 * words, as few as there can be, and nothing else.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>

#include <xen/event_channel.h>

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define LINK	EVTCHN_FIFO_LINK_MASK

/* A send onto a queue that is empty. True: the vCPU is to be told. */
static inline bool bare_send_fifo(event_word_t *word, evtchn_port_t port,
				  struct evtchn_fifo_control_block *block, unsigned priority)
{
	uint32_t bit = UINT32_C(1) << priority;
	event_word_t old = 0;

	/* Pending and on its queue in one step, if nothing is set in its word. */
	if (!__atomic_compare_exchange_n(word, &old, PENDING | LINKED, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED)) {
		if (__atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST) & (MASKED | LINKED))
			return false;
		if (__atomic_fetch_or(word, LINKED, __ATOMIC_SEQ_CST) & LINKED)
			return false;
	}
	__atomic_store_n(&block->head[priority], port, __ATOMIC_RELEASE);
	return !(__atomic_fetch_or(&block->ready, bit, __ATOMIC_SEQ_CST) & bit);
}

/* Off its queue, and if it is to be handled no more pending, in one step. What was there. */
static inline event_word_t bare_take_fifo(event_word_t *word)
{
	event_word_t old = __atomic_load_n(word, __ATOMIC_RELAXED), mine;

	do {
		mine = LINKED | LINK;
		if ((old & (PENDING | MASKED)) == PENDING)
			mine |= PENDING;
	} while (!__atomic_compare_exchange_n(word, &old, old & ~mine, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return old;
}

static inline void bare_tell(struct vcpu_info *v)
{
	__atomic_exchange_n(&v->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

#endif
