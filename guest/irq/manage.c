/* SPDX-License-Identifier: MIT */
/*
 * What drivers do with an IRQ: request, free, disable, enable. The passes over the handlers are in
 * flow.c, binding IRQs to event channels is in events/bind.c.
 */
#include "irq.h"

#define IRQF_ALL (GUEST_IRQF_SHARED | GUEST_IRQF_NO_AUTOEN | GUEST_IRQF_PERCPU)

/*
 * A run of handlers that could have begun before the caller's change is waited for; not one in
 * whose handler we are.
 */
static void wait_for_pass(struct guest *g, struct irq_desc *desc)
{
	unsigned pass = load_acquire(&desc->passes);

	if (!(pass & 1) || load_relaxed(&desc->pass_cpu) == this_cpu(g)->nr)
		return;
	/* Another pass has begun since: it has seen the change, as both are made under the lock. */
	while (load_acquire(&desc->passes) == pass)
		cpu_relax(g);
}

static struct irq_action *action_get(struct guest *g)
{
	struct irqs *irqs = &g->irqs;
	guest_flags_t flags = lock_irqsave(g, &irqs->lock);
	struct irq_action *action = irqs->free_actions;

	if (action)
		irqs->free_actions = action->next_free;
	unlock_irqrestore(g, &irqs->lock, flags);
	return action ? action : guest_alloc(g, sizeof(*action));
}

/* May the new one stand beside those that are there? */
static int may_join(const struct irq_desc *desc, const struct irq_action *added)
{
	const struct irq_action *a;
	const unsigned alike = GUEST_IRQF_SHARED | GUEST_IRQF_PERCPU;

	if (!desc->chip || ((added->flags & GUEST_IRQF_PERCPU) && !desc->chip->percpu))
		return -XEN_EINVAL;
	for (a = desc->actions; a; a = a->next) {
		if (!(added->flags & GUEST_IRQF_SHARED) ||
		    (a->flags & alike) != (added->flags & alike))
			return -XEN_EBUSY;
		if (a->dev == added->dev)
			return -XEN_EBUSY; /* dev is how guest_free_irq tells them apart */
	}
	return 0;
}

/*
 * At the end, so that handlers are called in the order in which they came. A pass may be running:
 * it sees the new one whole or not.
 */
static void action_append(struct guest *g, struct irq_desc *desc, struct irq_action *added)
{
	bool first = !desc->actions;
	struct irq_action **end = &desc->actions;

	while (*end)
		end = &(*end)->next;
	store_release(end, added);
	if (!first)
		return;
	desc->depth = added->flags & GUEST_IRQF_NO_AUTOEN ? 1 : 0;
	if (!desc->depth)
		desc->chip->unmask(g, desc);
}

int guest_request_irq(struct guest *g, unsigned irq, guest_irq_handler handler, unsigned flags,
		      const char *name, void *dev)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	struct irq_action *action;
	guest_flags_t saved;
	int rc;

	if (!desc || !handler || (flags & ~IRQF_ALL))
		return -XEN_EINVAL;
	/* Starting disabled is not for one of several to decide. */
	if ((flags & GUEST_IRQF_SHARED) && (!dev || (flags & GUEST_IRQF_NO_AUTOEN)))
		return -XEN_EINVAL;
	action = action_get(g);
	if (!action)
		return -XEN_ENOMEM;
	*action =
		(struct irq_action){ .handler = handler, .dev = dev, .name = name, .flags = flags };

	saved = lock_irqsave(g, &desc->lock);
	rc = may_join(desc, action);
	if (rc)
		irq_action_recycle(g, action);
	else
		action_append(g, desc, action);
	unlock_irqrestore(g, &desc->lock, saved);
	return rc;
}

/* Take the handler out of the list; the last one shuts the line down. The lock is held. */
static struct irq_action *action_remove(struct guest *g, struct irq_desc *desc, const void *dev)
{
	struct irq_action **link = &desc->actions, *action;

	while (*link && (*link)->dev != dev)
		link = &(*link)->next;
	action = *link;
	if (!action)
		return NULL;
	/*
	 * A pass may stand at this very action: it keeps its `next`, and is not recycled before the
	 * pass has ended.
	 */
	store_relaxed(&action->dead, true);
	store_release(link, action->next);
	if (!desc->actions) {
		desc->depth = 1;
		desc->chip->mask(g, desc);
	}
	return action;
}

int guest_free_irq(struct guest *g, unsigned irq, void *dev)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	struct irq_action *action;
	guest_flags_t flags;
	bool own;

	if (!desc)
		return -XEN_EINVAL;
	flags = lock_irqsave(g, &desc->lock);
	action = action_remove(g, desc, dev);
	own = irq_running(desc) && desc->pass_cpu == this_cpu(g)->nr;
	if (action && own) {
		/*
		 * Called by a handler of this IRQ: the pass that runs below us is the one to wait
		 * for.
		 */
		action->next_free = desc->dead;
		desc->dead = action;
	}
	unlock_irqrestore(g, &desc->lock, flags);
	if (!action)
		return -XEN_ENOENT;
	if (own)
		return 0;

	wait_for_pass(g, desc);
	flags = guest_local_irq_save(g);
	irq_action_recycle(g, action);
	guest_local_irq_restore(g, flags);
	return 0;
}

/* There must be a handler: without one an IRQ is not enabled, however often it is asked. */
static int change_depth(struct guest *g, unsigned irq, bool enable)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = -XEN_EINVAL;

	if (!desc)
		return rc;
	flags = lock_irqsave(g, &desc->lock);
	if (desc->actions && (!enable || desc->depth)) {
		rc = 0;
		if (!enable && !desc->depth++)
			desc->chip->mask(g, desc);
		else if (enable && !--desc->depth)
			desc->chip->unmask(g, desc);
	}
	unlock_irqrestore(g, &desc->lock, flags);
	return rc;
}

int guest_disable_irq_nosync(struct guest *g, unsigned irq)
{
	return change_depth(g, irq, false);
}

int guest_disable_irq(struct guest *g, unsigned irq)
{
	int rc = change_depth(g, irq, false);

	if (!rc)
		wait_for_pass(g, irq_to_desc(g, irq));
	return rc;
}

int guest_enable_irq(struct guest *g, unsigned irq)
{
	return change_depth(g, irq, true);
}

uint64_t guest_irq_count(const struct guest *g, unsigned irq)
{
	const struct irq_desc *desc = irq_to_desc(g, irq);
	uint64_t sum = 0;
	unsigned cpu;

	for (cpu = 0; desc && cpu < g->nr_cpus; cpu++)
		sum += load_relaxed(&desc->count[cpu]);
	return sum;
}
