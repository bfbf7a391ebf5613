/* SPDX-License-Identifier: MIT */
/*
 * Devices that do something at a fixed period: their timer and their life. They have no thread of
 * their own.
 */
#include "device_periodic.h"

#include <stdlib.h>

#include "machine.h"
#include "message.h"

static void period_over(struct timer *t, void *arg)
{
	struct periodic *p = arg;
	uint64_t now = clock_now(&p->dev->machine->clock);

	if (!p->tick(p))
		return;
	p->next += p->period;
	if (p->next < now) /* the host was late: what was missed is not made up for */
		p->next = now + p->period;
	timer_set(t, p->next);
}

void *periodic_create(struct device *dev, size_t size, bool (*tick)(struct periodic *p))
{
	struct periodic *p = calloc(1, size);

	dev->state = p;
	if (!p) {
		message("device %s: no memory; free some", dev->cfg->name);
		return NULL;
	}
	p->dev = dev;
	p->period = dev->cfg->period_us * 1000;
	p->tick = tick;
	timer_add(&dev->machine->timers, &p->timer, period_over, p);
	return p;
}

uint64_t periodic_pages(const struct config_device *cfg)
{
	(void)cfg;
	return 1;
}

int periodic_start(struct device *dev)
{
	struct periodic *p = dev->state;

	p->next = clock_now(&dev->machine->clock) + p->period;
	timer_set(&p->timer, p->next);
	return 0;
}

void periodic_stop(struct device *dev)
{
	struct periodic *p = dev->state;

	timer_remove(&p->timer);
}

void periodic_destroy(struct device *dev)
{
	if (dev->state)
		periodic_stop(dev);
	free(dev->state);
}
