/* SPDX-License-Identifier: MIT */
/*
 * Which IRQs' events go the quick way (quick.h), decided whenever a descriptor's lock is let go, as
 * whatever matters to it is changed with the lock held.
 */
#include "quick.h"

/* One handler, of a line that is just a port, and nothing that the other way would have to do. */
static bool is_plain(const struct irq_desc *desc)
{
	const struct irq_action *action = desc->actions;

	return desc->chip && desc->chip->quick && desc->flow->quick && desc->at && !desc->depth &&
	       action && !action->next && !(action->flags & GUEST_IRQF_NESTED) && !desc->pending &&
	       !desc->affinity.move;
}

/*
 * A quick pass of the CPU that the line notifies may be running, as it is over when that CPU begins
 * the next one. Any other pass may not.
 */
static bool may_begin(const struct guest *g, const struct irq_desc *desc)
{
	return !irq_running_locked(desc) &&
	       (desc->chip->cpu(desc) == desc->pass_cpu || !irq_running_quick(g, desc));
}

/* Whoever counts has found that it is enough, or has come to the end; or a count has begun. */
static void counted(struct guest *g, struct irq_desc *desc, bool stuck)
{
	if (stuck) {
		irq_stuck(g, desc);
		return;
	}
	/* Letting go of the lock chooses the handler anew. */
	irq_lock(g, desc);
	irq_unlock(g, desc);
}

/*
 * In the place of an IRQ's handler while those of its events that nobody claims are counted, as
 * those that are claimed count as well then. The action is not recycled before the pass ends.
 */
static enum guest_irqreturn call_and_count(struct guest *g, unsigned irq, void *dev)
{
	const struct irq_action *action = dev;
	struct irq_desc *desc = irq_to_desc(g, irq);
	enum guest_irqreturn answer = action->handler(g, irq, action->dev);
	bool stuck;

	if (answer != GUEST_IRQ_HANDLED)
		return answer; /* the end of the pass counts it */
	stuck = irq_note(g, desc, true);
	if (stuck || !load_relaxed(&desc->unclaimed.in_count))
		counted(g, desc, stuck);
	return answer;
}

void irq_unlock(struct guest *g, struct irq_desc *desc)
{
	struct irq_action *action = desc->actions;
	struct irq_line *at = desc->at;
	bool count;

	if (is_plain(desc) && may_begin(g, desc)) {
		count = load_relaxed(&desc->unclaimed.in_count);
		irq_set_pass_cpu(desc, desc->chip->cpu(desc));
		store_relaxed(&at->handler, count ? call_and_count : action->handler);
		store_relaxed(&at->dev, count ? action : action->dev);
		/* Release: what such a pass uses is as it is now. */
		store_release(&at->open, open_make(desc->irq, ++desc->opened,
						   g->cpus[desc->pass_cpu].quick_nr));
	}
	seq_lock_release(&desc->lock);
}

bool irq_run_told(struct guest *g, struct irq_line *at, struct guest_cpu *cpu,
		  struct irq_claim claim)
{
	const struct guest_irq_hooks *hooks = load_acquire(&g->hooks);
	struct irq_desc *desc = irq_to_desc(g, open_irq(claim.open));

	if (hooks)
		irq_tell_entropy(g, desc, hooks);
	/*
	 * Whoever took the lock meanwhile found the pass running. But the hook itself may have
	 * removed the handler, which nobody waits for then: that was the whole pass.
	 */
	if (desc->dead) {
		irq_pass_ended(g, desc);
		return false;
	}
	irq_run_untold(g, at, cpu, &claim);
	return true;
}

void irq_quick_end_slowly(struct guest *g, struct guest_cpu *cpu, enum guest_irqreturn answer)
{
	struct irq_desc *desc = irq_to_desc(g, open_irq(cpu->quick));

	irq_events_off(g, cpu);
	cpu->quick_answer = GUEST_IRQ_HANDLED;
	if (answer != GUEST_IRQ_HANDLED) {
		count_one(&cpu->spurious);
		counted(g, desc, irq_note(g, desc, false));
	}
	irq_pass_ended(g, desc);
	irq_unclaim(cpu);
	irq_run_raised(g, cpu);
}
