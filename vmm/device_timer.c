/* SPDX-License-Identifier: MIT */
/*
 * The timer device: an edge line pulsed at a fixed period. Its timer is device_periodic.c's.
 */
#include <carillon/device.h>

#include "device_periodic.h"
#include "machine.h"

struct ticker {
	struct periodic periodic;
	struct timer_regs *regs;
	uint64_t count;
};

static bool tick(struct periodic *p)
{
	struct ticker *k = (struct ticker *)p;
	const struct config_device *cfg = p->dev->cfg;

	k->count++;
	/* In this order: who binds the line and still finds the old count gets this pulse. */
	__atomic_store_n(&k->regs->count, k->count, __ATOMIC_RELEASE);
	irqchip_pulse(&p->dev->machine->irqchip, (unsigned)cfg->lines[0]);
	return !cfg->count || k->count != cfg->count;
}

static const struct config_key keys[] = { PERIODIC_KEYS, { 0 } };

static int create(struct device *dev)
{
	struct ticker *k = periodic_create(dev, sizeof(*k), tick);

	if (!k)
		return 1;
	k->regs = (struct timer_regs *)dev->mem.host;
	k->regs->magic = DEVICE_MAGIC_TIMER;
	k->regs->version = 1;
	k->regs->period_ns = k->periodic.period;
	return device_add_line(dev, 0, HV_IRQ_EDGE, NULL, NULL) ? 1 : 0;
}

const struct device_type device_timer = {
	.name = "timer",
	.keys = keys,
	.nr_lines = 1,
	.pages = periodic_pages,
	.create = create,
	.start = periodic_start,
	.stop = periodic_stop,
	.destroy = periodic_destroy,
};
