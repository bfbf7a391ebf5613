/* SPDX-License-Identifier: MIT */
/*
 * The timer device: an edge line pulsed at a fixed period. It runs on the machine's timer thread
 * (timers.h), without a thread of its own.
 */
#include <stdlib.h>

#include <carillon/device.h>

#include "device.h"
#include "machine.h"
#include "message.h"

struct ticker {
	struct device *dev;
	struct timer_regs *regs;
	struct timer timer;
	uint64_t period, next, count;
};

static void tick(struct timer *t, void *arg)
{
	struct ticker *k = arg;
	const struct config_device *cfg = k->dev->cfg;
	uint64_t now = clock_now(&k->dev->machine->clock);

	k->count++;
	/* In this order: who binds the line and still finds the old count gets this pulse. */
	__atomic_store_n(&k->regs->count, k->count, __ATOMIC_RELEASE);
	irqchip_pulse(&k->dev->machine->irqchip, (unsigned)cfg->lines[0]);
	if (cfg->count && k->count == cfg->count)
		return;
	k->next += k->period;
	if (k->next < now) /* the host was late: pulses that were missed are not made up for */
		k->next = now + k->period;
	timer_set(t, k->next);
}

static const struct config_key keys[] = {
	DEVICE_KEYS,
	CONFIG_KEY(config_device, domain, KEY_NAME),
	CONFIG_KEY(config_device, domains, KEY_CUSTOM),
	CONFIG_KEY(config_device, shared, KEY_BOOL),
	DEVICE_LINE_KEY("line", 0),
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
	struct ticker *k = calloc(1, sizeof(*k));

	dev->state = k;
	if (!k) {
		message("device %s: no memory; free some", dev->cfg->name);
		return 1;
	}
	k->dev = dev;
	k->period = dev->cfg->period_us * 1000;
	k->regs = (struct timer_regs *)dev->mem.host;
	k->regs->magic = DEVICE_MAGIC_TIMER;
	k->regs->version = 1;
	k->regs->period_ns = k->period;
	timer_add(&dev->machine->timers, &k->timer, tick, k);
	return device_add_line(dev, 0, HV_IRQ_EDGE, NULL, NULL) ? 1 : 0;
}

static int start(struct device *dev)
{
	struct ticker *k = dev->state;

	k->next = clock_now(&dev->machine->clock) + k->period;
	timer_set(&k->timer, k->next);
	return 0;
}

static void stop(struct device *dev)
{
	struct ticker *k = dev->state;

	timer_remove(&k->timer);
}

static void destroy(struct device *dev)
{
	struct ticker *k = dev->state;

	if (k)
		timer_remove(&k->timer);
	free(k);
}

const struct device_type device_timer = {
	.name = "timer",
	.keys = keys,
	.nr_lines = 1,
	.pages = pages,
	.create = create,
	.start = start,
	.stop = stop,
	.destroy = destroy,
};
