/* SPDX-License-Identifier: MIT */
/*
 * The test line: raised at a fixed period, as an edge, or as a level that stays until a guest has
 * acknowledged it in the registers. What a guest makes of it is its own affair: nothing is checked
 * here.
 *
 * Every raise of a level is a level of its own: the next comes only when the last is acknowledged
 * and the line is open again, which takes the eoi of every domain that had it (hypervisor/irq.c).
 * So those who share the line need one acknowledgement between them, each sees each raise from its
 * bind on, and one that dies does not keep the others waiting.
 */
#include <stdlib.h>

#include <carillon/device.h>

#include "device.h"
#include "machine.h"
#include "message.h"

struct test_line {
	struct device *dev;
	struct line_regs *regs;
	struct timer timer;
	uint64_t period, next;
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
	const struct irqchip_line *line = &l->dev->machine->irqchip.lines[l->dev->cfg->lines[0]];

	if (l->dev->cfg->flow == FLOW_EDGE)
		return true;
	return !asserted(l) && !atomic_load_explicit(&line->masked, memory_order_seq_cst);
}

static void raise_once(struct test_line *l)
{
	struct irqchip *chip = &l->dev->machine->irqchip;
	unsigned line = (unsigned)l->dev->cfg->lines[0];
	uint32_t raised = raises(l) + 1; /* the timer thread alone writes it */

	/* The registers first: the guest may be interrupted as soon as the level is up. */
	__atomic_store_n(&l->regs->raised, raised, __ATOMIC_SEQ_CST);
	atomic_store_explicit(&l->raised, raised, memory_order_seq_cst);
	if (l->dev->cfg->flow == FLOW_LEVEL)
		irqchip_update(chip, line);
	else
		irqchip_pulse(chip, line);
}

static void period_over(struct timer *t, void *arg)
{
	struct test_line *l = arg;
	uint64_t now = clock_now(&l->dev->machine->clock), count = l->dev->cfg->count;

	if (may_raise(l))
		raise_once(l);
	if (count && raises(l) == count)
		return;
	l->next += l->period;
	if (l->next < now)
		l->next = now + l->period;
	timer_set(t, l->next);
}

static const char *const flow_choices[] = { "level", "edge", NULL };

static const struct config_key keys[] = {
	DEVICE_KEYS,
	CONFIG_KEY(config_device, domain, KEY_NAME),
	CONFIG_KEY(config_device, domains, KEY_CUSTOM),
	CONFIG_KEY(config_device, shared, KEY_BOOL),
	DEVICE_LINE_KEY("line", 0),
	CONFIG_KEY(config_device, flow, KEY_CHOICE, .choices = flow_choices),
	CONFIG_KEY(config_device, period_us, KEY_UINT, .required = true, .min = 10,
		   .max = 3600000000ull),
	CONFIG_KEY(config_device, count, KEY_UINT, .max = UINT32_MAX),
	{ 0 },
};

static uint64_t pages(const struct config_device *cfg)
{
	(void)cfg;
	return 1;
}

static int create(struct device *dev)
{
	struct test_line *l = calloc(1, sizeof(*l));
	bool level = dev->cfg->flow == FLOW_LEVEL;

	dev->state = l;
	if (!l) {
		message("device %s: no memory; free some", dev->cfg->name);
		return 1;
	}
	l->dev = dev;
	l->period = dev->cfg->period_us * 1000;
	l->regs = (struct line_regs *)dev->mem.host;
	l->regs->magic = DEVICE_MAGIC_LINE;
	l->regs->version = 1;
	l->regs->level = level;
	timer_add(&dev->machine->timers, &l->timer, period_over, l);
	return device_add_line(dev, 0, level ? HV_IRQ_LEVEL : HV_IRQ_EDGE, level ? &source : NULL,
			       l)
		       ? 1
		       : 0;
}

static int start(struct device *dev)
{
	struct test_line *l = dev->state;

	l->next = clock_now(&dev->machine->clock) + l->period;
	timer_set(&l->timer, l->next);
	return 0;
}

static void stop(struct device *dev)
{
	struct test_line *l = dev->state;

	timer_remove(&l->timer);
}

static void destroy(struct device *dev)
{
	struct test_line *l = dev->state;

	if (l)
		timer_remove(&l->timer);
	free(l);
}

const struct device_type device_line = {
	.name = "line",
	.keys = keys,
	.nr_lines = 1,
	.pages = pages,
	.create = create,
	.start = start,
	.stop = stop,
	.destroy = destroy,
};
