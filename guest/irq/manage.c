/* SPDX-License-Identifier: MIT */
/*
 * What drivers do with an IRQ: request, free, disable, enable, choose a flow. The passes over the
 * handlers are in flow.c, binding IRQs to event channels is in events/bind.c.
 */
#include "irq.h"

#define IRQF_ALL                                                                                  \
	(GUEST_IRQF_SHARED | GUEST_IRQF_NO_AUTOEN | GUEST_IRQF_PERCPU | GUEST_IRQF_NO_BALANCING | \
	 GUEST_IRQF_NESTED)

/*
 * A quick pass of this IRQ, claimed before the line was closed last. One claimed since has seen the
 * change, and is not waited for: those that follow it look just like it.
 */
static bool old_quick(const struct irq_desc *desc, uint64_t quick)
{
	const struct irq_line *at = load_relaxed(&desc->at);

	return irq_owns_quick(desc, quick) && (!at || load_relaxed(&at->open) != quick);
}

/*
 * A run of handlers that could have begun before the caller's change is waited for; not one in
 * whose handler we are. Another pass may begin meanwhile: it has seen the change, which was made
 * with the lock held.
 */
static void wait_for_pass(struct guest *g, struct irq_desc *desc)
{
	unsigned pass = load_acquire(&desc->passes);
	/* Acquire: pairs with irq_set_pass_cpu. A quick pass, if one runs, is on this CPU. */
	const struct guest_cpu *cpu = &g->cpus[load_acquire(&desc->pass_cpu)];
	uint64_t quick = load_acquire(&cpu->quick);
	bool old = old_quick(desc, quick);

	if (cpu == this_cpu(g))
		return;
	while ((pass & 1 && load_acquire(&desc->passes) == pass) ||
	       (old && load_acquire(&cpu->quick) == quick))
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

bool irq_has_drivers(const struct irq_desc *desc)
{
	const struct irq_action *a = desc->actions;

	/* There is at most one of the others, at the head. */
	if (a && (a->flags & IRQF_INTERNAL))
		a = a->next;
	return a;
}

/* May the new one stand beside those that are there? */
static int may_join(const struct irq_desc *desc, const struct irq_action *added)
{
	const struct irq_action *a;
	const unsigned alike = GUEST_IRQF_SHARED | GUEST_IRQF_PERCPU;

	if (!desc->chip)
		return desc->soft ? -XEN_ENOSYS : -XEN_EINVAL;
	if ((added->flags & GUEST_IRQF_PERCPU) && !desc->chip->percpu)
		return -XEN_EINVAL;
	for (a = desc->actions; a; a = a->next) {
		if (a->flags & IRQF_INTERNAL)
			continue;
		if (!(added->flags & GUEST_IRQF_SHARED) ||
		    (a->flags & alike) != (added->flags & alike))
			return -XEN_EBUSY;
		if (a->dev == added->dev)
			return -XEN_EBUSY; /* dev is how guest_free_irq tells them apart */
	}
	return 0;
}

static void set_depth(struct guest *g, struct irq_desc *desc, unsigned depth)
{
	desc->depth = depth;
	if (depth)
		desc->chip->mask(g, desc);
	else
		desc->chip->unmask(g, desc);
}

/*
 * At the end, so that handlers are called in the order in which they came. A pass may be running:
 * it sees the new one whole or not.
 */
static void action_append(struct guest *g, struct irq_desc *desc, struct irq_action *added)
{
	bool first = !irq_has_drivers(desc);
	struct irq_action **end = &desc->actions;

	while (*end)
		end = &(*end)->next;
	store_release(end, added);
	if (first)
		set_depth(g, desc, added->flags & GUEST_IRQF_NO_AUTOEN ? 1 : 0);
	else
		irq_unstick(g, desc);
}

static int flags_check(guest_irq_handler handler, unsigned flags, const void *dev)
{
	if (!handler || (flags & ~IRQF_ALL))
		return -XEN_EINVAL;
	/* Starting disabled is not for one of several to decide. */
	if ((flags & GUEST_IRQF_SHARED) && (!dev || (flags & GUEST_IRQF_NO_AUTOEN)))
		return -XEN_EINVAL;
	return 0;
}

/* first: there was none before. */
static int action_add(struct guest *g, struct irq_desc *desc, const struct irq_action *wish,
		      bool *first)
{
	struct irq_action *action = action_get(g);
	guest_flags_t flags;
	int rc;

	if (!action)
		return -XEN_ENOMEM;
	*action = *wish;
	flags = irq_lock_save(g, desc);
	*first = !irq_has_drivers(desc);
	rc = may_join(desc, action);
	if (rc)
		irq_action_recycle(g, action);
	else
		action_append(g, desc, action);
	irq_unlock(g, desc);
	irq_run_raised(g, this_cpu(g));
	guest_local_irq_restore(g, flags);
	return rc;
}

int guest_request_irq(struct guest *g, unsigned irq, guest_irq_handler handler, unsigned flags,
		      const char *name, void *dev)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	bool first;
	int rc;

	if (!desc)
		return -XEN_EINVAL;
	rc = flags_check(handler, flags, dev);
	if (!rc && desc->fixed)
		rc = g->irqs.fixed->bind(g, desc->irq, flags & GUEST_IRQF_SHARED);
	if (rc)
		return rc;
	rc = action_add(g, desc,
			&(struct irq_action){
				.handler = handler, .dev = dev, .name = name, .flags = flags },
			&first);
	if (rc && desc->fixed)
		(void)g->irqs.fixed->unbind(g, desc->irq);
	if (!rc && first)
		irq_offer(g, desc);
	return rc;
}

int irq_add_internal(struct guest *g, unsigned irq, guest_irq_handler handler, const char *name)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	struct irq_action *action = action_get(g);
	guest_flags_t flags;
	int rc = 0;

	if (!action)
		return -XEN_ENOMEM;
	*action = (struct irq_action){ .handler = handler, .name = name, .flags = IRQF_INTERNAL };
	flags = irq_lock_save(g, desc);
	if (desc->actions && (desc->actions->flags & IRQF_INTERNAL)) {
		irq_action_recycle(g, action);
		rc = -XEN_EEXIST;
	} else {
		action->next = desc->actions;
		store_release(&desc->actions, action);
		if (!action->next)
			set_depth(g, desc, 0);
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}

/* The last handler has gone: the line is shut down, unless the guest half itself needs it. */
static void last_removed(struct guest *g, struct irq_desc *desc)
{
	desc->stuck = false;
	if (desc->actions) {
		set_depth(g, desc, 0);
		return;
	}
	desc->depth = 1;
	if (desc->chip->shutdown)
		desc->chip->shutdown(g, desc);
	else
		desc->chip->mask(g, desc);
}

/* Take the handler out of the list. The lock is held. */
static struct irq_action *action_remove(struct guest *g, struct irq_desc *desc, const void *dev)
{
	struct irq_action **link = &desc->actions, *action;

	while (*link && ((*link)->dev != dev || ((*link)->flags & IRQF_INTERNAL)))
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
	if (!irq_has_drivers(desc))
		last_removed(g, desc);
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
	flags = irq_lock_save(g, desc);
	action = action_remove(g, desc, dev);
	own = irq_running(g, desc) && desc->pass_cpu == this_cpu(g)->nr;
	if (action && own) {
		/*
		 * Called by a handler of this IRQ: the pass that runs below us is the one to wait
		 * for.
		 */
		action->next_free = desc->dead;
		desc->dead = action;
		this_cpu(g)->quick_answer = QUICK_MORE;
	}
	irq_unlock_restore(g, desc, flags);
	if (!action)
		return -XEN_ENOENT;
	if (!own) {
		wait_for_pass(g, desc);
		flags = guest_local_irq_save(g);
		irq_action_recycle(g, action);
		guest_local_irq_restore(g, flags);
	}
	/* What closing the port answers concerns nobody: the handler has gone. */
	if (desc->fixed)
		(void)g->irqs.fixed->unbind(g, desc->irq);
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
	flags = irq_lock_save(g, desc);
	if (irq_has_drivers(desc) && (!enable || desc->depth)) {
		rc = 0;
		if (!enable && !desc->depth++)
			desc->chip->mask(g, desc);
		else if (enable && !--desc->depth)
			desc->chip->unmask(g, desc);
		/* Who takes back a disable takes back whichever there is. */
		if (!desc->depth)
			desc->stuck = false;
	}
	irq_unlock(g, desc);
	irq_run_raised(g, this_cpu(g));
	guest_local_irq_restore(g, flags);
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

int guest_synchronize_irq(struct guest *g, unsigned irq)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;

	if (!desc)
		return -XEN_EINVAL;
	/*
	 * With the lock once, though nothing is changed under it: a pass that begins later has seen
	 * what the caller did before, as if it had.
	 */
	flags = irq_lock_save(g, desc);
	irq_unlock_restore(g, desc, flags);
	wait_for_pass(g, desc);
	return 0;
}

static const struct irq_flow *const flows[] = {
	[GUEST_FLOW_LEVEL] = &irq_flow_level,	  [GUEST_FLOW_EDGE] = &irq_flow_edge,
	[GUEST_FLOW_FASTEOI] = &irq_flow_fasteoi, [GUEST_FLOW_PERCPU] = &irq_flow_percpu,
	[GUEST_FLOW_SIMPLE] = &irq_flow_simple,
};

int guest_set_irq_flow(struct guest *g, unsigned irq, enum guest_irq_flow flow)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = 0;

	if (!desc || (unsigned)flow >= sizeof(flows) / sizeof(flows[0]))
		return -XEN_EINVAL;
	flags = irq_lock_save(g, desc);
	if (desc->soft && !desc->chip && flow == GUEST_FLOW_SIMPLE) {
		desc->chip = &irq_chip_soft;
		desc->flow = flows[flow];
	} else if (!desc->chip || !desc->chip->suits(desc, flows[flow])) {
		rc = -XEN_EINVAL;
	} else if (desc->actions || irq_running_locked(desc) ||
		   irq_owns_quick(desc, this_cpu(g)->quick)) {
		rc = -XEN_EBUSY;
	} else {
		desc->flow = flows[flow];
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}
