/* SPDX-License-Identifier: MIT */
/*
 * The quick way of an event: from its port to its handler without the descriptor's lock, with no
 * locked operation but those by which the port is taken. Which IRQs may go it, and what has to be
 * done when that has changed meanwhile, is in quick.c; all other ways are in flow.c.
 *
 * Only one CPU may: the one that the line notifies. It claims the pass, takes the event, and looks
 * whether the lock has been taken since it began to look:
 *
 *	this CPU				who holds the lock
 *	read the lock's number, and the rest	take the lock: another number
 *	cpu->quick = desc			barrier
 *	take the event (read-modify-write)	change what is to be changed
 *	barrier					is cpu->quick desc? Then a pass runs
 *	same number? Then the pass is claimed	let go, wait for the pass if need be
 *
 * Either this CPU sees the new number, and comes to the lock with its event; or the other one sees
 * the claim, and what it has changed is for the next pass. So a claim that is seen may be one that
 * does not hold: it is over soon. One CPU never has two, as upcalls do not interrupt quick passes.
 *
 * The end of a pass looks at nothing that another CPU may have done meanwhile: there is nothing
 * that it would have to do about it. Whoever finds an event while a pass runs elsewhere has it
 * announced there once more (flow.c).
 */
#ifndef GUEST_QUICK_H
#define GUEST_QUICK_H

#include "irq.h"

/* What a pass would do, and the lock's number when that was read. */
struct irq_claim {
	uint64_t seq;
	guest_irq_handler handler;
	void *dev;
};

/* True: now take the event, then irq_claimed. False: go the other way. */
static inline bool irq_claim(const struct irq_desc *desc, struct guest_cpu *cpu, unsigned line,
			     struct irq_claim *claim)
{
	/* Acquire: pairs with seq_lock_release, so what is read is not older than the number. */
	claim->seq = load_acquire(&desc->lock.seq);
	if (claim->seq & 1 || load_relaxed(&desc->quick) != irq_quick(cpu->nr, line))
		return false;
	claim->handler = load_relaxed(&desc->handler);
	claim->dev = load_relaxed(&desc->dev);
	store_relaxed(&cpu->quick, desc);
	return true;
}

/*
 * The event has been taken, by a read-modify-write: is what irq_claim read still so? Then the pass
 * runs, and others wait for it. Else irq_unclaim, and put the event back.
 */
static inline bool irq_claimed(struct guest *g, struct irq_desc *desc,
			       const struct irq_claim *claim)
{
	const struct guest_irq_hooks *hooks;

	barrier_after_rmw();
	if (load_acquire(&desc->lock.seq) != claim->seq)
		return false;
	hooks = load_acquire(&g->hooks);
	if (!hooks)
		return true;
	irq_tell_entropy(g, desc, hooks);
	/*
	 * Whoever took the lock meanwhile found the pass running. But the hook itself may have
	 * removed the handler, which nobody waits for then: that was the whole pass.
	 */
	if (!desc->dead)
		return true;
	irq_pass_ended(g, desc);
	return false;
}

/* The pass is over, or there is none. Release: whoever waited may change what it used. */
static inline void irq_unclaim(struct guest_cpu *cpu)
{
	store_release(&cpu->quick, (struct irq_desc *)NULL);
}

static inline void irq_quick_end(struct guest_cpu *cpu)
{
	/* First the count: whoever waits for this very pass looks at both (manage.c). */
	store_release(&cpu->handled, cpu->handled + 1);
	irq_unclaim(cpu);
}

/* quick.c: the end of a pass after which there is something to do. */
void irq_quick_end_slowly(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu,
			  bool handled);

/* The pass that has been claimed, its event taken. */
static inline void irq_run_quick(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu,
				 const struct irq_claim *claim)
{
	bool handled;

	count_one(&desc->quick_count);
	handled = claim->handler(g, desc->irq, claim->dev) == GUEST_IRQ_HANDLED;
	if (handled && !cpu->after_quick && load_relaxed(&cpu->vcpu_info->evtchn_upcall_mask))
		irq_quick_end(cpu);
	else
		irq_quick_end_slowly(g, desc, cpu, handled);
}

#endif
