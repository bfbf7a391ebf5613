/* SPDX-License-Identifier: MIT */
/*
 * The test line: raised at a fixed period, as a level that stays until the guest has acknowledged
 * it, or as an edge. What a guest makes of it is its own affair: nothing is checked here.
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
	_Atomic uint32_t raised;
};

static bool asserted(void *data)
{
	struct test_line *l = data;

	return atomic_load_explicit(&l->raised, memory_order_seq_cst) !=
	       __atomic_load_n(&l->regs->acked, __ATOMIC_SEQ_CST);
}

static const struct irqchip_source source = { .asserted = asserted };

static void raise_line(struct timer *t, void *arg)
{
	struct test_line *l = arg;
	const struct config_device *cfg = l->dev->cfg;
	uint64_t now = clock_now(&l->dev->machine->clock);
	uint32_t raised = atomic_fetch_add_explicit(&l->raised, 1, memory_order_seq_cst) + 1;

	__atomic_store_n(&l->regs->raised, raised, __ATOMIC_SEQ_CST);
	if (cfg->flow == FLOW_LEVEL)
		irqchip_update(&l->dev->machine->irqchip, (unsigned)cfg->lines[0]);
	else
		irqchip_pulse(&l->dev->machine->irqchip, (unsigned)cfg->lines[0]);
	if (cfg->count && raised == cfg->count)
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
	timer_add(&dev->machine->timers, &l->timer, raise_line, l);
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
