/* SPDX-License-Identifier: MIT */
/*
 * A lock for short sections of the control path. The send path takes a FIFO queue's at most, and
 * those of a vCPU that it wakes.
 *
 * Order, outermost first: domain lock (of two, the lower domid's first); a line's lock (a chained
 * line's before one of its children's); hv->lock; hv->section_lock. A vCPU's timer lock, and in it
 * its runstate's, its clock lock, the lines' timer lock, hv->count_lock and a domain's mm lock are
 * innermost, and so are FIFO queues' (of two, the one of the lower vCPU, then priority, first).
 * Senders take a FIFO queue's, and a vCPU's timer and runstate locks. Whoever waits for senders may
 * hold the first four, never one of the innermost.
 */
#ifndef HYPERVISOR_LOCK_H
#define HYPERVISOR_LOCK_H

#include <stdint.h>

#include "atomic.h"

struct hv;

struct lock {
	uint32_t taken;
};

/* One turn of a busy wait. */
void relax(const struct hv *hv);

/* Somebody has it. */
void lock_wait(const struct hv *hv, struct lock *l);

static inline void lock_take(const struct hv *hv, struct lock *l)
{
	if (exchange_acquire(&l->taken, 1u))
		lock_wait(hv, l);
}

static inline void lock_drop(struct lock *l)
{
	store_release(&l->taken, 0u);
}

#endif
