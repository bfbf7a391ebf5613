/* SPDX-License-Identifier: MIT */
/*
 * IRQs without a line, which the kernel raises itself. Their event is desc->pending. A raised one
 * waits on its CPU's list until no handler is on the stack there, so that raising from handlers
 * does not nest.
 */
#include "irq.h"

static void soft_mask(struct guest *g, struct irq_desc *desc)
{
	/* Nothing comes by itself, and the flow looks at the depth. */
	(void)g;
	(void)desc;
}

static void enqueue(struct guest *g, struct irq_desc *desc)
{
	struct guest_cpu *cpu = this_cpu(g);

	/* On another CPU's list, it is handled there, and soon. */
	if (desc->queued)
		return;
	desc->queued = true;
	desc->next_raised = NULL;
	if (cpu->raised)
		cpu->last_raised->next_raised = desc;
	else
		cpu->raised = desc;
	cpu->last_raised = desc;
	cpu->quick_answer = QUICK_MORE;
}

/* Whoever calls this runs the list afterwards, without the lock. */
static void soft_unmask(struct guest *g, struct irq_desc *desc)
{
	if (desc->pending)
		enqueue(g, desc);
}

static void soft_retrigger(struct guest *g, struct irq_desc *desc)
{
	(void)g;
	desc->pending = true;
}

static bool soft_suits(const struct irq_desc *desc, const struct irq_flow *flow)
{
	(void)desc;
	return flow == &irq_flow_simple;
}

const struct irq_chip irq_chip_soft = {
	.name = "soft",
	.mask = soft_mask,
	.unmask = soft_unmask,
	.retrigger = soft_retrigger,
	.suits = soft_suits,
};

void irq_run_queue(struct guest *g, struct guest_cpu *cpu)
{
	struct irq_desc *desc;

	while (!cpu->passes && !cpu->quick && (desc = cpu->raised)) {
		cpu->raised = desc->next_raised;
		irq_lock(g, desc);
		desc->queued = false;
		/* It may have been given back since. */
		if (desc->chip == &irq_chip_soft)
			desc->flow->handle(g, desc, cpu);
		irq_unlock(g, desc);
	}
}

int guest_alloc_irq(struct guest *g)
{
	guest_flags_t flags = lock_irqsave(g, &g->map_lock);
	struct irq_desc *desc;
	int rc = irq_desc_get(g, &desc);

	if (!rc) {
		irq_lock(g, desc);
		desc->soft = true;
		desc->pending = false; /* raised before it was given back: not for who has it now */
		desc->stuck = false;
		irq_unlock(g, desc);
		rc = (int)desc->irq;
	}
	unlock_irqrestore(g, &g->map_lock, flags);
	return rc;
}

static int give_back(struct guest *g, struct irq_desc *desc)
{
	guest_flags_t flags = irq_lock_save(g, desc);
	int rc = 0;

	if (!desc->soft)
		rc = -XEN_EINVAL;
	else if (desc->actions)
		rc = -XEN_EBUSY;
	if (!rc) {
		desc->soft = false;
		desc->chip = NULL;
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}

int guest_dealloc_irq(struct guest *g, unsigned irq)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc;

	if (!desc)
		return -XEN_EINVAL;
	flags = lock_irqsave(g, &g->map_lock);
	rc = give_back(g, desc);
	if (!rc)
		irq_desc_put(g, desc);
	unlock_irqrestore(g, &g->map_lock, flags);
	return rc;
}

int guest_raise_irq(struct guest *g, unsigned irq)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = -XEN_EINVAL;

	if (!desc)
		return rc;
	flags = irq_lock_save(g, desc);
	if (desc->chip == &irq_chip_soft) {
		rc = 0;
		desc->pending = true;
		enqueue(g, desc);
	}
	irq_unlock(g, desc);
	irq_run_raised(g, this_cpu(g));
	guest_local_irq_restore(g, flags);
	return rc;
}
