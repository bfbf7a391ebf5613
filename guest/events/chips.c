/* SPDX-License-Identifier: MIT */
/*
 * The chips whose lines are event channels. They differ in name, and in that a pirq has a real line
 * behind it, which has to be told when it was handled. When a chip's functions are called is the
 * flows' matter (irq/flow.c).
 */
#include "events.h"

#include <xen/physdev.h>

/* A dead IRQ has no port (events/resume.c). */
static void port_mask(struct guest *g, struct irq_desc *desc)
{
	if (desc->line)
		(void)g->abi->mask(g, desc->line);
}

static void port_unmask(struct guest *g, struct irq_desc *desc)
{
	if (desc->line)
		g->abi->unmask(g, desc->line);
}

static void port_ack(struct guest *g, struct irq_desc *desc)
{
	(void)g->abi->clear_pending(g, desc->line);
}

/*
 * The hypervisor lets the line fire again, once every domain that holds it has said so; if the line
 * is still asserted that happens before this returns. So the port is unmasked only after it.
 */
static void pirq_eoi(struct guest *g, struct irq_desc *desc)
{
	struct physdev_eoi eoi = { .irq = desc->src.number };

	if (desc->src.needs_eoi)
		(void)hypercall(g, __HYPERVISOR_physdev_op, PHYSDEVOP_eoi, hypercall_arg(&eoi), 0);
}

const struct irq_chip irq_chip_dynamic = {
	.name = "xen-dyn",
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
};

const struct irq_chip irq_chip_percpu = {
	.name = "xen-percpu",
	.percpu = true,
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
};

const struct irq_chip irq_chip_pirq = {
	.name = "xen-pirq",
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
	.eoi = pirq_eoi,
};
