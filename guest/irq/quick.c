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

	return desc->chip && desc->chip->quick && desc->flow->quick && desc->line && !desc->depth &&
	       action && !action->next && !(action->flags & GUEST_IRQF_NESTED) && !desc->pending &&
	       !desc->affinity.move && !desc->unclaimed.in_count;
}

/*
 * A quick pass of the CPU's own may be running: it is out when the next one begins. Any other pass
 * may not.
 */
static bool may_begin(const struct guest *g, const struct irq_desc *desc)
{
	return !irq_running_locked(desc) &&
	       (desc->chip->cpu(desc) == desc->pass_cpu || !irq_running_quick(g, desc));
}

void irq_unlock(struct guest *g, struct irq_desc *desc)
{
	uint64_t quick = 0;

	if (is_plain(desc) && may_begin(g, desc)) {
		irq_set_pass_cpu(desc, desc->chip->cpu(desc));
		store_relaxed(&desc->handler, desc->actions->handler);
		store_relaxed(&desc->dev, desc->actions->dev);
		quick = irq_quick(desc->pass_cpu, desc->line);
	}
	store_relaxed(&desc->quick, quick);
	seq_lock_release(&desc->lock);
}

/* A pass whose event nobody claimed. While such are counted those that are claimed count, too. */
static void unclaimed(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	count_one(&cpu->spurious);
	if (irq_note(g, desc, false)) {
		irq_stuck(g, desc);
		return;
	}
	/* The other way sees to that: letting go of the lock finds that there is a count. */
	irq_lock(g, desc);
	irq_unlock(g, desc);
}

void irq_quick_end_slowly(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu,
			  bool handled)
{
	/* One that enabled events unasked: from here on upcalls would be in the way. */
	if (!load_relaxed(&cpu->vcpu_info->evtchn_upcall_mask))
		guest_local_irq_disable(g);
	cpu->after_quick = false;
	if (!handled)
		unclaimed(g, desc, cpu);
	irq_pass_ended(g, desc);
	irq_quick_end(cpu);
	irq_run_raised(g, cpu);
}
