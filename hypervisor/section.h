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

/* A vCPU's, in which only its own thread is: no two senders write the same line. */
struct section {
	uint64_t inside; /* the epoch in which it entered; 0: it is out */
} __attribute__((aligned(64)));

/* That of all other threads, who count themselves. */
struct shared_section {
	uint32_t inside[2]; /* how many are in, by whether the epoch was odd when they entered */
} __attribute__((aligned(64)));

/*
 * Enter and leave. Nothing that blocks or takes the locks of those who wait may be between them,
 * and no other section of the same vCPU.
 *
 * Pairs with sections_wait(): that one has stored "gone" and then reads `inside`; we write `inside`
 * and then read. All four are sequentially consistent, so either it sees us and waits, or we see
 * "gone". Acquire: an epoch that began after "gone" was stored shows it, too.
 *
 * It is also the one full barrier between what the guest wrote before its hypercall and whatever
 * the section reads.
 */
static inline void section_enter(struct section *s, const uint64_t *epoch)
{
	exchange_seq(&s->inside, load_acquire(epoch));
}

static inline void section_leave(struct section *s)
{
	/* Release: what we did in there is done for whoever reads that we left. */
	store_release(&s->inside, UINT64_C(0));
}

/* What enter returns goes to leave. */
static inline unsigned section_enter_shared(struct shared_section *s, const uint64_t *epoch)
{
	unsigned p = load_relaxed(epoch) & 1;

	fetch_add_seq(&s->inside[p], 1u);
	return p;
}

static inline void section_leave_shared(struct shared_section *s, unsigned p)
{
	/* Release, as above. */
	fetch_sub_release(&s->inside[p], 1u);
}

/* Senders that had entered before the call are out. */
void sections_wait(struct hv *hv);

#endif
