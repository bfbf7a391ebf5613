/* SPDX-License-Identifier: MIT */
/*
 * What devices share that do something at a fixed period, on the machine's timer thread: one page
 * of registers, one line, a timer. What they do is in device_timer.c and device_line.c.
 */
#ifndef CARILLON_VMM_DEVICE_PERIODIC_H
#define CARILLON_VMM_DEVICE_PERIODIC_H

#include "device.h"
#include "timers.h"

/* The first member of such a device's state. */
struct periodic {
	struct device *dev;
	struct timer timer;
	uint64_t period, next;		  /* ns */
	bool (*tick)(struct periodic *p); /* a period is over; false: that was the last */
};

#define PERIODIC_KEYS                                                                       \
	DEVICE_KEYS, CONFIG_KEY(config_device, domain, KEY_NAME),                           \
		CONFIG_KEY(config_device, domains, KEY_CUSTOM),                             \
		CONFIG_KEY(config_device, shared, KEY_BOOL), DEVICE_LINE_KEY("line", 0),    \
		CONFIG_KEY(config_device, period_us, KEY_UINT, .required = true, .min = 10, \
			   .max = 3600000000ull),                                           \
		CONFIG_KEY(config_device, count, KEY_UINT, .max = UINT32_MAX)

/* dev->state of so many bytes. NULL after a line on stderr. */
void *periodic_create(struct device *dev, size_t size, bool (*tick)(struct periodic *p));

/* For struct device_type. */
uint64_t periodic_pages(const struct config_device *cfg);
int periodic_start(struct device *dev);
void periodic_stop(struct device *dev);
void periodic_destroy(struct device *dev);

#endif
