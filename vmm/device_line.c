/* SPDX-License-Identifier: MIT */
/*
 * The test line: raised at a fixed period, as an edge, or as a level that stays until a guest has
 * acknowledged it in the registers. What a guest makes of it is its own affair: nothing is checked
 * here.
 *
 * Every raise of a level is a level of its own: the next comes only when the last is acknowledged
 * and the line is open again, which takes the eoi of every domain that had it (hypervisor/irq.c).
 * So those who share the line need one acknowledgement between them, each sees each raise from its
 * bind on, and one that dies, or is too slow (eoi_timeout_ms), does not keep the others waiting.
 */
#include <carillon/device.h>

#include "device_periodic.h"
#include "machine.h"

struct test_line {
	struct periodic periodic;
	struct line_regs *regs;
	_Atomic uint32_t raised; /* so often; the registers' copy is for the guest */
};

static uint32_t raises(const struct test_line *l)
{
	return atomic_load_explicit(&l->raised, memory_order_seq_cst);
}

static bool asserted(void *data)
{
	const struct test_line *l = data;

	return raises(l) != __atomic_load_n(&l->regs->acked, __ATOMIC_SEQ_CST);
}

static const struct irqchip_source source = { .asserted = asserted };

/*
 * A level: only when the last one is over. In this order: once it is acknowledged the line is not
 * masked anew, so if it is open then, everybody has given his eoi.
 */
static bool may_raise(struct test_line *l)
{
	const struct device *dev = l->periodic.dev;
	const struct irqchip_line *line = &dev->machine->irqchip.lines[dev->cfg->lines[0]];

	if (dev->cfg->flow == FLOW_EDGE)
		return true;
	return !asserted(l) && !atomic_load_explicit(&line->masked, memory_order_seq_cst);
}

static void raise_once(struct test_line *l)
{
	const struct device *dev = l->periodic.dev;
	struct irqchip *chip = &dev->machine->irqchip;
	unsigned line = (unsigned)dev->cfg->lines[0];
	uint32_t raised = raises(l) + 1; /* the timer thread alone writes it */

	/* The registers first: the guest may be interrupted as soon as the level is up. */
	__atomic_store_n(&l->regs->raised, raised, __ATOMIC_SEQ_CST);
	atomic_store_explicit(&l->raised, raised, memory_order_seq_cst);
	if (dev->cfg->flow == FLOW_LEVEL)
		irqchip_update(chip, line);
	else
		irqchip_pulse(chip, line);
}

static bool tick(struct periodic *p)
{
	struct test_line *l = (struct test_line *)p;
	uint64_t count = p->dev->cfg->count;

	if (may_raise(l))
		raise_once(l);
	return !count || raises(l) != count;
}

static const char *const flow_choices[] = { "level", "edge", NULL };

static const struct config_key keys[] = {
	PERIODIC_KEYS,
	CONFIG_KEY(config_device, flow, KEY_CHOICE, .choices = flow_choices),
	{ 0 },
};

static int create(struct device *dev)
{
	struct test_line *l = periodic_create(dev, sizeof(*l), tick);
	bool level = dev->cfg->flow == FLOW_LEVEL;

	if (!l)
		return 1;
	l->regs = (struct line_regs *)dev->mem.host;
	l->regs->magic = DEVICE_MAGIC_LINE;
	l->regs->version = 1;
	l->regs->level = level;
	return device_add_line(dev, 0, level ? HV_IRQ_LEVEL : HV_IRQ_EDGE, level ? &source : NULL,
			       l)
		       ? 1
		       : 0;
}

const struct device_type device_line = {
	.name = "line",
	.keys = keys,
	.nr_lines = 1,
	.pages = periodic_pages,
	.create = create,
	.start = periodic_start,
	.stop = periodic_stop,
	.destroy = periodic_destroy,
};
