/* SPDX-License-Identifier: MIT */
/*
 * Spin locks for CPUs that may not be running: who waits stands in a queue, looks at memory of its
 * own, and after a while sleeps until it is kicked (kick.c, also for why no wake-up is lost).
 *
 * The word:	bit 0		taken
 *		bit 1		the first in the queue blocks; bits 8-15 are its CPU
 *		bits 16-31	the last in the queue: CPU * SPIN_LEVELS + level + 1, 0: no queue
 */
#include "smp.h"

#define TAKEN	   0x1u
#define SLEEPS	   0x2u
#define CPU_SHIFT  8
#define CPU_MASK   0xffu
#define TAIL_SHIFT 16
#define TAIL_MASK  0xffff0000u

_Static_assert(GUEST_MAX_CPUS - 1 <= CPU_MASK, "a CPU fits");
_Static_assert(GUEST_MAX_CPUS *SPIN_LEVELS < 1u << (32 - TAIL_SHIFT), "and every node");

bool guest_spin_trylock(struct guest *g, struct guest_spinlock *lock)
{
	uint32_t is_free = 0;

	(void)g;
	return cas_acquire(&lock->word, &is_free, TAKEN);
}

/* ---- the queue ---------------------------------------------------------------------------- */

static struct spin_node *node_of(const struct guest *g, uint32_t tail)
{
	return &g->smp->cpu[(tail - 1) / SPIN_LEVELS].spin[(tail - 1) % SPIN_LEVELS];
}

/* Become the last one; who was it before, 0: nobody. */
static uint32_t enqueue(struct guest_spinlock *lock, uint32_t tail)
{
	uint32_t word = load_relaxed(&lock->word);

	/* Publishes the node: pairs with itself in who comes next, and writes our `next`. */
	while (!cas_sc(&lock->word, &word, (word & ~TAIL_MASK) | tail << TAIL_SHIFT))
		;
	return word >> TAIL_SHIFT;
}

static void wait_for_turn(struct guest *g, struct smp_cpu *c, struct spin_node *node)
{
	uint32_t waits;
	unsigned i;

	for (;;) {
		for (i = g->smp->cfg.spin_limit; i; i--) {
			if (load_acquire(&node->state) == SPIN_TURN)
				return;
			cpu_relax(g);
		}
		if (!smp_kick_clear(g, c))
			continue;
		/* Pairs with pass_turn. If we slept before and woke for nothing, it says so still.
		 */
		waits = SPIN_WAITS;
		if (!cas_sc(&node->state, &waits, (uint32_t)SPIN_SLEEPS) && waits == SPIN_TURN)
			return;
		smp_sleep(g, c, false, 0);
	}
}

/* We have the lock: the next in the queue is the first one now. */
static void pass_turn(struct guest *g, struct spin_node *node)
{
	struct spin_node *next;

	/* It is the last one, so it says that it follows us in a moment. */
	while (!(next = load_acquire(&node->next)))
		cpu_relax(g);
	/* Its node may be used anew as soon as it has seen this. */
	if (xchg_sc(&next->state, (uint32_t)SPIN_TURN) == SPIN_SLEEPS)
		smp_kick(g, (unsigned)next->cpu);
}

/* Say that we block, unless the lock is free: then false. Pairs with guest_spin_unlock. */
static bool sleep_first(struct guest_spinlock *lock, const struct smp_cpu *c)
{
	uint32_t word = load_sc(&lock->word);

	while (word & TAKEN) {
		if (word & SLEEPS)
			return true; /* it was us, and we woke for nothing */
		if (cas_sc(&lock->word, &word, word | SLEEPS | c->nr << CPU_SHIFT))
			return true;
	}
	return false;
}

/* The first in the queue takes the lock when it is free; nobody can be faster. */
static void take(struct guest *g, struct smp_cpu *c, struct guest_spinlock *lock,
		 struct spin_node *node, uint32_t tail)
{
	unsigned spins = g->smp->cfg.spin_limit;
	uint32_t word = load_relaxed(&lock->word);
	bool last;

	for (;;) {
		last = word >> TAIL_SHIFT == tail;
		if (!(word & TAKEN)) {
			/* What was said of a first one that blocks goes too. */
			if (cas_acquire(&lock->word, &word, TAKEN | (last ? 0 : word & TAIL_MASK)))
				break;
			continue;
		}
		if (spins) {
			spins--;
			cpu_relax(g);
		} else {
			if (smp_kick_clear(g, c) && sleep_first(lock, c))
				smp_sleep(g, c, false, 0);
			spins = g->smp->cfg.spin_limit;
		}
		word = load_relaxed(&lock->word);
	}
	if (!last)
		pass_turn(g, node);
}

static void lock_slowly(struct guest *g, struct guest_spinlock *lock, struct smp_cpu *c)
{
	unsigned level = load_relaxed(&c->spin_level);
	struct spin_node *node = &c->spin[level];
	uint32_t tail = c->nr * SPIN_LEVELS + level + 1, before;

	if (level == SPIN_LEVELS) {
		while (!guest_spin_trylock(g, lock))
			cpu_relax(g);
		return;
	}
	/* Handlers from here on take the next node, and give it back before they return. */
	store_relaxed(&c->spin_level, level + 1);
	store_relaxed(&node->next, (struct spin_node *)NULL);
	store_relaxed(&node->state, (uint32_t)SPIN_WAITS);
	before = enqueue(lock, tail);
	if (before) {
		store_release(&node_of(g, before)->next, node);
		wait_for_turn(g, c, node);
	}
	take(g, c, lock, node, tail);
	store_relaxed(&c->spin_level, level);
	smp_kick_again(g, c, level);
}

void guest_spin_lock(struct guest *g, struct guest_spinlock *lock)
{
	if (guest_spin_trylock(g, lock))
		return;
	if (!g->smp) { /* one CPU, and another thread of it has the lock */
		while (!guest_spin_trylock(g, lock))
			cpu_relax(g);
		return;
	}
	cpu_pin(g);
	lock_slowly(g, lock, smp_this(g));
	cpu_unpin(g);
}

void guest_spin_unlock(struct guest *g, struct guest_spinlock *lock)
{
	/* Release: the section. Whether the first one blocks is seen in the same step. */
	uint32_t word = fetch_sub_sc(&lock->word, TAKEN);

	if (word & SLEEPS)
		smp_kick(g, word >> CPU_SHIFT & CPU_MASK);
}

guest_flags_t guest_spin_lock_irqsave(struct guest *g, struct guest_spinlock *lock)
{
	guest_flags_t flags = guest_local_irq_save(g);

	guest_spin_lock(g, lock);
	return flags;
}

void guest_spin_unlock_irqrestore(struct guest *g, struct guest_spinlock *lock, guest_flags_t flags)
{
	guest_spin_unlock(g, lock);
	guest_local_irq_restore(g, flags);
}
