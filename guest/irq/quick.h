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
 *	read `open`				close it
 *	cpu->quick = what it was		barrier
 *	take the event (read-modify-write)	change what is to be changed
 *	barrier					is cpu->quick of this IRQ? Then a pass runs
 *	read what to call; still the same?	open it with another number, let go, wait for the
 *	Then the pass is claimed		pass if need be
 *
 * Either this CPU sees another value, and comes to the lock with its event; or the other one sees
 * the claim, and what it has changed is for the next pass. So a claim that is seen may be one that
 * does not hold, or whose pass has ended: it is over soon, when this CPU claims the next pass or
 * goes another way. (The next one of this IRQ is another number, as whoever looks has closed it.)
 * One CPU never has two, as upcalls do not interrupt quick passes.
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
};

/* True: now take the event, then irq_claimed. False: go the other way. */
static inline bool irq_claim(struct irq_line *at, struct guest_cpu *cpu, struct irq_claim *claim)
{
	/* Acquire: pairs with irq_unlock, so what is read is not older. */
	claim->open = load_acquire(&at->open);
	if (open_nr(claim->open) != cpu->quick_nr)
		return false;
	/* Release: this ends the claim before, and the pass that it may have been. */
	store_release(&cpu->quick, claim->open);
	return true;
}

/* Is all as it was? Then the pass runs, and others wait for it. */
static inline bool irq_claimed(const struct irq_line *at, struct irq_claim *claim)
{
	barrier_after_rmw();
	/* Acquire: whether it is open is read after them. */
	claim->handler = load_acquire(&at->handler);
	claim->dev = load_acquire(&at->dev);
	return load_acquire(&at->open) == claim->open;
}

/*
 * No pass of this CPU runs from here on, whatever else it does. Release: whoever waited may change
 * what it used.
 */
static inline void irq_unclaim(struct guest_cpu *cpu)
{
	store_release(&cpu->quick, (uint64_t)0);
}

/* quick.c: the end of a pass after which there is something to do. */
__attribute__((cold)) void irq_quick_end_slowly(struct guest *g, struct guest_cpu *cpu,
						enum guest_irqreturn answer);

static inline void irq_run_untold(struct guest *g, struct irq_line *at, struct guest_cpu *cpu,
				  const struct irq_claim *claim)
{
	enum guest_irqreturn answer;

	count_one_release(&at->count);
	/* Release for nobody: it is one instruction. */
	count_one_release(&cpu->handled);
	answer = claim->handler(g, open_irq(claim->open), claim->dev);
	if ((unsigned)answer != cpu->quick_answer)
		irq_quick_end_slowly(g, cpu, answer);
}

/*
 * quick.c: the same with hooks, which know of it first. False: it has not been run, as one of them
 * has removed the handler. By value, and another function's: the quick way has no register to spare
 * for what is needed after the hooks.
 */
__attribute__((cold)) bool irq_run_told(struct guest *g, struct irq_line *at, struct guest_cpu *cpu,
					struct irq_claim claim);

/*
 * Run the pass that irq_claim has claimed: its event has been taken since, by a sequentially
 * consistent read-modify-write. False: there is none, put the event back. The caller sees to it
 * that it is unclaimed in the end.
 */
static inline bool irq_run_claimed(struct guest *g, struct irq_line *at, struct guest_cpu *cpu,
				   struct irq_claim *claim)
{
	if (!irq_claimed(at, claim))
		return false;
	if (UNLIKELY(load_acquire(&g->hooks)))
		return irq_run_told(g, at, cpu, *claim);
	irq_run_untold(g, at, cpu, claim);
	return true;
}

#endif
