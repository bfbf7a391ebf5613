/* SPDX-License-Identifier: MIT */
/*
 * The chips whose lines are event channels. They differ in name, in that a pirq has a real line
 * behind it, which has to be told when it was handled, and in that a per-CPU port never moves. When
 * a chip's functions are called is the flows' matter (irq/flow.c). Late eoi has a file of its own.
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

static bool port_ack(struct guest *g, struct irq_desc *desc)
{
	return g->abi->clear_pending(g, desc->line);
}

static bool port_mask_ack(struct guest *g, struct irq_desc *desc)
{
	return g->abi->mask_clear(g, desc->line);
}

void port_retrigger(struct guest *g, struct irq_desc *desc)
{
	if (desc->line && g->abi->set_pending(g, desc->line))
		fetch_add_relaxed(&desc->merged, UINT64_C(1));
}

unsigned port_cpu(const struct irq_desc *desc)
{
	return desc->src.cpu;
}

bool port_suits(const struct irq_desc *desc, const struct irq_flow *flow)
{
	(void)desc;
	return flow == &irq_flow_level || flow == &irq_flow_edge || flow == &irq_flow_fasteoi;
}

/* A line that waits for its eoi would wait for ever with a flow that gives none. */
static bool pirq_suits(const struct irq_desc *desc, const struct irq_flow *flow)
{
	return port_suits(desc, flow) && !(desc->src.needs_eoi && flow == &irq_flow_edge);
}

static bool percpu_suits(const struct irq_desc *desc, const struct irq_flow *flow)
{
	(void)desc;
	return flow == &irq_flow_percpu;
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
	.spread = true,
	.quick = true,
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
	.mask_ack = port_mask_ack,
	.retrigger = port_retrigger,
	.cpu = port_cpu,
	.set_affinity = events_move,
	.suits = port_suits,
};

const struct irq_chip irq_chip_percpu = {
	.name = "xen-percpu",
	.percpu = true,
	.quick = true,
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
	.mask_ack = port_mask_ack,
	.retrigger = port_retrigger,
	.cpu = port_cpu,
	.suits = percpu_suits,
};

const struct irq_chip irq_chip_pirq = {
	.name = "xen-pirq",
	.mask = port_mask,
	.unmask = port_unmask,
	.ack = port_ack,
	.mask_ack = port_mask_ack,
	.eoi = pirq_eoi,
	.retrigger = port_retrigger,
	.cpu = port_cpu,
	.set_affinity = events_move,
	.suits = pirq_suits,
};
