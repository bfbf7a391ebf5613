/* SPDX-License-Identifier: MIT */
/*
 * IRQ descriptors and their numbers: made, bound to a line, recycled. Memory of descriptors and
 * actions is kept until the guest goes, so an upcall may follow a pointer that it looked up a
 * moment before another CPU unbound the IRQ.
 */
#include "irq.h"

static size_t desc_size(const struct guest *g)
{
	return offsetof(struct irq_desc, count) + g->nr_cpus * sizeof(uint64_t);
}

/* A descriptor of that number, which nobody has yet. */
static int desc_make(struct guest *g, unsigned irq, struct irq_desc **out)
{
	int rc = table_reserve(g, &g->irqs.table, irq);
	struct irq_desc *desc;

	if (rc)
		return rc;
	desc = guest_alloc(g, desc_size(g));
	if (!desc)
		return -XEN_ENOMEM;
	desc->irq = irq;
	desc->depth = 1;
	table_set(&g->irqs.table, irq, desc);
	*out = desc;
	return 0;
}

#define CASCADE	    2u /* of a PC's two controllers */
#define CASCADED_AS 9u

int irqs_init(struct guest *g, unsigned nr_irqs, unsigned nr_fixed)
{
	struct irq_desc *desc;
	unsigned irq;
	int rc;

	g->irqs.fresh = nr_fixed > 1 ? nr_fixed : 1; /* 0 is no IRQ */
	g->irqs.nr_fixed = nr_fixed;
	rc = table_init(g, &g->irqs.table, nr_irqs, TABLE_POINTERS);
	for (irq = 1; !rc && irq < nr_fixed; irq++) {
		if (irq == CASCADE && nr_fixed > CASCADED_AS)
			continue;
		rc = desc_make(g, irq, &desc);
		if (rc)
			return rc;
		desc->fixed = true;
		if (irq == CASCADED_AS)
			table_set(&g->irqs.table, CASCADE, desc);
	}
	return rc;
}

static void free_actions(struct guest *g, struct irq_action *action, bool by_free_link)
{
	struct irq_action *next;

	for (; action; action = next) {
		next = by_free_link ? action->next_free : action->next;
		guest_free(g, action, sizeof(*action));
	}
}

void irqs_fini(struct guest *g)
{
	struct irq_desc *desc;
	unsigned irq;

	for (irq = 0; g->irqs.table.pages && irq < g->irqs.fresh; irq++) {
		desc = irq_to_desc(g, irq);
		if (!desc || desc->irq != irq)
			continue; /* CASCADE: freed by its own number */
		free_actions(g, desc->actions, false);
		free_actions(g, desc->dead, true);
		guest_free(g, desc, desc_size(g));
	}
	free_actions(g, g->irqs.free_actions, true);
	table_fini(g, &g->irqs.table);
}

/*
 * One of which no pass runs. The last may do so still after the IRQ was unbound, and would do to
 * the new line what was meant for the old one. While it is not bound, none begins.
 */
static struct irq_desc *pop_free(struct guest *g)
{
	struct irqs *irqs = &g->irqs;
	struct irq_desc **at, *desc;

	lock_acquire(g, &irqs->lock);
	for (at = &irqs->free; *at && irq_running(g, *at); at = &(*at)->next_free)
		;
	desc = *at;
	if (desc)
		*at = desc->next_free;
	lock_release(&irqs->lock);
	return desc;
}

/*
 * Nothing of an earlier life is left. With the lock, as a CPU's timer may have found it on its list
 * of late eois a moment before it left that.
 */
static void desc_reset(struct guest *g, struct irq_desc *desc)
{
	unsigned cpu;

	irq_lock(g, desc);
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		store_relaxed(&desc->count[cpu], (uint64_t)0);
	store_relaxed(&desc->merged, (uint64_t)0);
	desc->unclaimed = (struct irq_unclaimed){ 0 };
	desc->affinity = (struct irq_affinity){ 0 };
	desc->late = (struct irq_late){ 0 };
	irq_unlock(g, desc);
}

int irq_desc_get(struct guest *g, struct irq_desc **out)
{
	struct irqs *irqs = &g->irqs;
	unsigned irq = irqs->fresh;
	struct irq_desc *desc;
	int rc;

	desc = pop_free(g);
	if (desc) {
		desc_reset(g, desc);
		*out = desc;
		return 0;
	}
	if (irq >= irqs->table.limit)
		return -XEN_ENOSPC;
	rc = desc_make(g, irq, out);
	if (!rc)
		store_release(&irqs->fresh, irq + 1);
	return rc;
}

int irq_desc_get_fixed(struct guest *g, struct irq_desc *desc)
{
	/* Not bound, so no pass begins: what has ended has ended. */
	if (irq_running(g, desc))
		return -XEN_EAGAIN;
	desc_reset(g, desc);
	return 0;
}

void irq_desc_put(struct guest *g, struct irq_desc *desc)
{
	guest_flags_t flags;

	if (desc->fixed)
		return;
	flags = lock_irqsave(g, &g->irqs.lock);
	desc->next_free = g->irqs.free;
	g->irqs.free = desc;
	unlock_irqrestore(g, &g->irqs.lock, flags);
}

/* 0, NULL: none. With the lock, so what it had is closed. */
static void set_line(struct irq_desc *desc, unsigned line, struct irq_line *at)
{
	irq_settle_count(desc);
	store_relaxed(&desc->line, line);
	store_relaxed(&desc->at, at);
}

void irq_desc_bind(struct guest *g, struct irq_desc *desc, const struct irq_chip *chip,
		   const struct irq_flow *flow, unsigned line, struct irq_line *at)
{
	guest_flags_t flags = irq_lock_save(g, desc);

	desc->chip = chip;
	desc->flow = flow;
	desc->pending = false;
	desc->stuck = false;
	set_line(desc, line, at);
	chip->mask(g, desc);
	irq_count_line(g, desc, 1);
	irq_unlock_restore(g, desc, flags);
}

int irq_desc_unbind(struct guest *g, struct irq_desc *desc)
{
	guest_flags_t flags = irq_lock_save(g, desc);
	int rc = -XEN_EBUSY;

	if (!desc->actions) {
		desc->chip->mask(g, desc);
		irq_count_line(g, desc, -1);
		desc->chip = NULL;
		set_line(desc, 0, NULL);
		rc = 0;
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}

void irq_desc_rebind(struct guest *g, struct irq_desc *desc, const struct irq_flow *flow,
		     unsigned line, struct irq_line *at)
{
	guest_flags_t flags = irq_lock_save(g, desc);

	desc->flow = flow;
	desc->pending = false;
	set_line(desc, line, at);
	desc->chip->mask(g, desc);
	if (desc->actions && !desc->depth)
		desc->chip->unmask(g, desc);
	irq_unlock_restore(g, desc, flags);
}

void irq_action_recycle(struct guest *g, struct irq_action *action)
{
	lock_acquire(g, &g->irqs.lock);
	action->next_free = g->irqs.free_actions;
	g->irqs.free_actions = action;
	lock_release(&g->irqs.lock);
}

void irq_pass_cleanup(struct guest *g, struct irq_desc *desc)
{
	struct irq_action *action;

	while ((action = desc->dead)) {
		desc->dead = action->next_free;
		irq_action_recycle(g, action);
	}
}
