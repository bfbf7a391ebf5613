/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller. It has no lock: the hypervisor serialises the chip callbacks of one
 * line, and a level that rises meanwhile is either seen by the sample after the unmask or signalled
 * after it: devices write the level first and signal then.
 */
#include "irqchip.h"

static struct irqchip_line *line_of(void *data, unsigned line)
{
	struct irqchip *chip = data;

	return &chip->lines[line];
}

static void tell_unmasked(struct irqchip_line *l)
{
	if (l->source && l->source->unmasked)
		l->source->unmasked(l->data);
}

static void chip_startup(void *data, unsigned line)
{
	struct irqchip_line *l = line_of(data, line);

	atomic_store_explicit(&l->masked, false, memory_order_seq_cst);
	atomic_store_explicit(&l->enabled, true, memory_order_seq_cst);
	tell_unmasked(l);
}

static void chip_shutdown(void *data, unsigned line)
{
	atomic_store_explicit(&line_of(data, line)->enabled, false, memory_order_seq_cst);
}

static void chip_ack(void *data, unsigned line)
{
	atomic_fetch_add_explicit(&line_of(data, line)->acks, 1, memory_order_relaxed);
}

static void chip_mask(void *data, unsigned line)
{
	atomic_store_explicit(&line_of(data, line)->masked, true, memory_order_seq_cst);
}

static void chip_unmask(void *data, unsigned line)
{
	struct irqchip_line *l = line_of(data, line);

	atomic_store_explicit(&l->masked, false, memory_order_seq_cst);
	tell_unmasked(l);
}

static bool chip_asserted(void *data, unsigned line)
{
	struct irqchip_line *l = line_of(data, line);

	if (l->source && l->source->asserted)
		return l->source->asserted(l->data);
	return atomic_load_explicit(&l->level, memory_order_seq_cst);
}

static const struct hv_irq_chip level_chip = {
	.name = "vmm-level",
	.startup = chip_startup,
	.shutdown = chip_shutdown,
	.ack = chip_ack,
	.mask = chip_mask,
	.unmask = chip_unmask,
	.asserted = chip_asserted,
};

static const struct hv_irq_chip edge_chip = {
	.name = "vmm-edge",
	.startup = chip_startup,
	.shutdown = chip_shutdown,
	.ack = chip_ack,
	.mask = chip_mask,
	.unmask = chip_unmask,
};

int irqchip_add(struct irqchip *chip, unsigned line, enum hv_irq_flow flow,
		const struct irqchip_source *source, void *data)
{
	struct irqchip_line *l = &chip->lines[line];

	l->source = source;
	l->data = data;
	return hv_irq_register(chip->hv, line, flow,
			       flow == HV_IRQ_LEVEL ? &level_chip : &edge_chip, chip);
}

/*
 * A line that nobody enabled drops its signals, as a real one does. Its level stays, and is sampled
 * after startup: the device writes the level, then reads `enabled`; startup writes `enabled`, and
 * the sample follows.
 */
static void signal_line(struct irqchip *chip, unsigned line)
{
	if (atomic_load_explicit(&chip->lines[line].enabled, memory_order_seq_cst))
		hv_irq_raise(chip->hv, line);
}

void irqchip_set_level(struct irqchip *chip, unsigned line, bool level)
{
	atomic_store_explicit(&chip->lines[line].level, level, memory_order_seq_cst);
	if (level)
		signal_line(chip, line);
}

void irqchip_update(struct irqchip *chip, unsigned line)
{
	if (chip_asserted(chip, line))
		signal_line(chip, line);
}

void irqchip_pulse(struct irqchip *chip, unsigned line)
{
	signal_line(chip, line);
}
