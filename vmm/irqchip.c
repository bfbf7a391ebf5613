/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller. It has no lock: the hypervisor serialises all that concerns one line by
 * that line's. Devices write first what a level follows from and signal then, so a level that rises
 * at any moment is either seen by the hypervisor's sample (after startup, after each unmask) or
 * signalled after it. What is signalled while nobody has the line, or while it is masked, the
 * hypervisor drops; for an edge that is the end of it.
 */
#include "irqchip.h"

static struct irqchip_line *line_of(void *data, unsigned line)
{
	struct irqchip *chip = data;

	return &chip->lines[line];
}

/* Enabled or unmasked. */
static void chip_unmask(void *data, unsigned line)
{
	struct irqchip_line *l = line_of(data, line);

	atomic_store_explicit(&l->masked, false, memory_order_seq_cst);
	if (l->source && l->source->unmasked)
		l->source->unmasked(l->data);
}

static void chip_mask(void *data, unsigned line)
{
	atomic_store_explicit(&line_of(data, line)->masked, true, memory_order_seq_cst);
}

/* Nobody has it any more: the hypervisor drops what is signalled. */
static void chip_shutdown(void *data, unsigned line)
{
	(void)data;
	(void)line;
}

static bool chip_asserted(void *data, unsigned line)
{
	const struct irqchip_line *l = line_of(data, line);

	return l->source->asserted(l->data);
}

static const struct hv_irq_chip hv_chip = {
	.name = "vmm",
	.startup = chip_unmask,
	.shutdown = chip_shutdown,
	.mask = chip_mask,
	.unmask = chip_unmask,
	.asserted = chip_asserted,
};

int irqchip_add(struct irqchip *chip, unsigned line, enum hv_irq_flow flow,
		const struct irqchip_source *source, void *data)
{
	chip->lines[line].source = source;
	chip->lines[line].data = data;
	return hv_irq_register(chip->hv, line, flow, &hv_chip, chip);
}

void irqchip_update(struct irqchip *chip, unsigned line)
{
	if (chip_asserted(chip, line))
		hv_irq_raise(chip->hv, line);
}

void irqchip_pulse(struct irqchip *chip, unsigned line)
{
	hv_irq_raise(chip->hv, line);
}
