/* SPDX-License-Identifier: MIT */
/*
 * Read sections: what lets a sender look at ports, domains and vCPUs without a lock. Whoever takes
 * something away makes it unfindable first, then calls sections_wait(): every section that could
 * have found it is over.
 */
#ifndef HYPERVISOR_SECTION_H
#define HYPERVISOR_SECTION_H

#include <stdint.h>

#include "atomic.h"

struct hv;

/*
 * One place where senders count themselves: each vCPU has one for its own thread, and the
 * hypervisor one for all others.
 */
struct section {
	uint32_t inside[2]; /* how many are in, by the phase in which they entered */
	struct section *next;
} __attribute__((aligned(64)));

/*
 * Enter and leave. Nothing that blocks or takes the locks of those who wait may be between them.
 * The two calls must be given the same section; the phase that enter returns goes to leave.
 *
 * Pairs with sections_wait(): that one has stored "gone" and then reads inside[]; we add to
 * inside[] and then read. All four are sequentially consistent, so either it sees us and waits, or
 * we see "gone".
 */
static inline unsigned section_enter(struct section *s, const uint32_t *phase)
{
	unsigned p = load_relaxed(phase) & 1;

	fetch_add_seq(&s->inside[p], 1u);
	return p;
}

static inline void section_leave(struct section *s, unsigned p)
{
	/* Release: what we did in there is done for whoever reads that we left. */
	fetch_sub_release(&s->inside[p], 1u);
}

/*
 * The same of a section that only this thread counts itself in, a vCPU's: nobody else writes
 * between our load and our store, so they need not be one step.
 */
static inline void section_leave_own(struct section *s, unsigned p)
{
	store_release(&s->inside[p], load_relaxed(&s->inside[p]) - 1);
}

void section_add(struct hv *hv, struct section *s);
void section_remove(struct hv *hv, struct section *s);
void sections_wait(struct hv *hv);

#endif
