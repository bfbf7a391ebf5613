/* SPDX-License-Identifier: MIT */
/*
 * The quick way of an event: from its port to its handler without the descriptor's lock, with no
 * locked operation but those by which the port is taken. Which IRQs may go it, and what has to be
 * done when that has changed meanwhile, is in quick.c; all other ways are in flow.c.
 *
 * Only one CPU may: the one that the line notifies, for which it is open. It claims the pass, takes
 * the event, and looks whether it has been closed since it began to look:
 *
 *	this CPU				who takes the lock
 *	read `open`				close it: another number
 *	cpu->quick = desc			barrier
 *	take the event (read-modify-write)	change what is to be changed
 *	barrier					is cpu->quick desc? Then a pass runs
 *	read what to call; same number? Then	open it, let go, wait for the pass if need be
 *	the pass is claimed
 *
 * Either this CPU sees the new number, and comes to the lock with its event; or the other one sees
 * the claim, and what it has changed is for the next pass. So a claim that is seen may be one that
 * does not hold, or whose pass has ended: it is over soon, when this CPU claims the next pass or
 * goes another way. One CPU never has two, as upcalls do not interrupt quick passes.
 *
 * The end of a pass looks at nothing that another CPU may have done meanwhile: there is nothing
 * that it would have to do about it. Whoever finds an event while a pass runs elsewhere has it
 * announced there once more (flow.c).
 */
#ifndef GUEST_QUICK_H
#define GUEST_QUICK_H

#include "irq.h"

/* What a pass does, and what says whether it may. */
struct irq_claim {
	uint64_t open;
	guest_irq_handler handler;
	void *dev;
	unsigned irq;
};

/* True: now take the event, then irq_claimed. False: go the other way. */
static inline bool irq_claim(struct irq_line *at, struct guest_cpu *cpu, struct irq_claim *claim)
{
	/* Acquire: pairs with irq_unlock, so what is read is not older. */
	claim->open = load_acquire(&at->open);
	if ((uint32_t)claim->open != cpu->quick_nr)
		return false;
	/* Release, both: this ends the claim before, and the pass that it may have been. */
	count_one_release(&cpu->claims);
	store_release(&cpu->quick, load_relaxed(&at->desc));
	return true;
}

/* quick.c: the pass that has been claimed is known to the hooks first. False: that was it. */
bool irq_claimed_hooks(struct guest *g, struct irq_desc *desc, const struct guest_irq_hooks *hooks);

/*
 * The event has been taken, by a read-modify-write: is all as it was? Then the pass runs, and
 * others wait for it. Else irq_unclaim, and put the event back.
 */
static inline bool irq_claimed(struct guest *g, const struct irq_line *at,
			       const struct guest_cpu *cpu, struct irq_claim *claim)
{
	const struct guest_irq_hooks *hooks;

	barrier_after_rmw();
	/* Acquire: whether it is open is read after them. */
	claim->handler = load_acquire(&at->handler);
	claim->dev = load_acquire(&at->dev);
	claim->irq = load_acquire(&at->irq);
	if (load_acquire(&at->open) != claim->open)
		return false;
	hooks = load_acquire(&g->hooks);
	return !hooks || irq_claimed_hooks(g, cpu->quick, hooks);
}

/*
 * No pass of this CPU runs from here on, whatever else it does. Release: whoever waited may change
 * what it used.
 */
static inline void irq_unclaim(struct guest_cpu *cpu)
{
	store_release(&cpu->quick, (struct irq_desc *)NULL);
}

/* quick.c: the end of a pass after which there is something to do. */
void irq_quick_end_slowly(struct guest *g, struct guest_cpu *cpu, enum guest_irqreturn answer);

/*
 * The pass that has been claimed, its event taken. The caller counts it for the CPU, and sees to it
 * that it is unclaimed in the end.
 */
static inline void irq_run_quick(struct guest *g, struct irq_line *at, struct guest_cpu *cpu,
				 const struct irq_claim *claim)
{
	enum guest_irqreturn answer;

	count_one_release(&at->count);
	answer = claim->handler(g, claim->irq, claim->dev);
	if (answer != GUEST_IRQ_HANDLED || cpu->after_quick ||
	    !load_relaxed(&cpu->vcpu_info->evtchn_upcall_mask))
		irq_quick_end_slowly(g, cpu, answer);
}

/* So many passes of this CPU have been run. */
static inline void irq_count_quick(struct guest_cpu *cpu, unsigned n)
{
	store_relaxed(&cpu->handled, cpu->handled + n);
}

#endif
