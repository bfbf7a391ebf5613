/* SPDX-License-Identifier: MIT */
/*
 * A send as the FIFO ABI itself has it, onto an empty queue: its accesses to the shared words, and
 * nothing else. For the floors.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>

#include <xen/event_channel.h>

/* True: the vCPU is to be told. */
static inline bool bare_send_fifo(event_word_t *word, evtchn_port_t port,
				  struct evtchn_fifo_control_block *block, unsigned priority)
{
	event_word_t stays = 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_LINKED;
	event_word_t linked = 1u << EVTCHN_FIFO_LINKED;
	uint32_t bit = UINT32_C(1) << priority;

	if (__atomic_fetch_or(word, 1u << EVTCHN_FIFO_PENDING, __ATOMIC_SEQ_CST) & stays)
		return false;
	if (__atomic_fetch_or(word, linked, __ATOMIC_SEQ_CST) & linked)
		return false;
	__atomic_store_n(&block->head[priority], port, __ATOMIC_RELEASE);
	return !(__atomic_fetch_or(&block->ready, bit, __ATOMIC_SEQ_CST) & bit);
}

static inline void bare_tell(struct vcpu_info *v)
{
	__atomic_exchange_n(&v->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

#endif
