/* SPDX-License-Identifier: MIT */
/*
 * The spin lock of the guest half. Every lock that a handler may want is taken with events
 * disabled, else the upcall would wait for the CPU that it interrupted. Order: map_lock, then a
 * descriptor's lock, then irqs.lock or a CPU's late_lock.
 */
#ifndef GUEST_LOCK_H
#define GUEST_LOCK_H

#include <carillon/guest.h>

#include "atomic.h"

#define CACHE_LINE 64

struct lock {
	uint32_t held;
};

/* In every busy wait: whoever is waited for may need this very processor. In guest.c. */
void cpu_relax(const struct guest *g);

/* Events are disabled already. */
static inline void lock_acquire(struct guest *g, struct lock *l)
{
	while (xchg_acquire(&l->held, 1u)) {
		while (load_relaxed(&l->held))
			cpu_relax(g);
	}
}

static inline void lock_release(struct lock *l)
{
	store_release(&l->held, 0u);
}

static inline guest_flags_t lock_irqsave(struct guest *g, struct lock *l)
{
	guest_flags_t flags = guest_local_irq_save(g);

	lock_acquire(g, l);
	return flags;
}

/* What became pending meanwhile is delivered in here, if events were enabled. */
static inline void unlock_irqrestore(struct guest *g, struct lock *l, guest_flags_t flags)
{
	lock_release(l);
	guest_local_irq_restore(g, flags);
}

/*
 * A lock that also tells who does not take it whether anybody has meanwhile: odd while it is held,
 * and another number each time.
 */
struct seq_lock {
	uint64_t seq;
};

/*
 * Events are disabled already. Who reads something that the caller writes from here on, and the
 * number after that, reads another number than before.
 */
static inline void seq_lock_acquire(struct guest *g, struct seq_lock *l)
{
	uint64_t seq = load_relaxed(&l->seq);

	while (seq & 1 || !cas_sc(&l->seq, &seq, seq + 1)) {
		if (seq & 1) {
			cpu_relax(g);
			seq = load_relaxed(&l->seq);
		}
	}
	barrier_after_rmw();
}

static inline void seq_lock_release(struct seq_lock *l)
{
	store_release(&l->seq, load_relaxed(&l->seq) + 1);
}

#endif
