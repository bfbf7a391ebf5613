/* SPDX-License-Identifier: MIT */
/*
 * Devices of a machine: a table of types, one file per type. A device is a few pages that its
 * owners map (registers first, include/carillon/device.h) and one or two interrupt lines.
 */
#ifndef CARILLON_VMM_DEVICE_H
#define CARILLON_VMM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "irqchip.h"
#include "memory.h"

struct machine;

struct device {
	const struct device_type *type;
	const struct config_device *cfg;
	struct machine *machine;
	struct memory mem;
	void *state; /* the type's */
	bool started;
};

struct device_type {
	const char *name;
	const struct config_key *keys; /* into struct config_device */
	unsigned nr_lines;
	bool many_pages; /* its word in the command line says how many */
	void (*defaults)(struct config_device *cfg);
	/* What is wrong with it and what to do, or NULL. */
	const char *(*check)(const struct config_device *cfg);
	uint64_t (*pages)(const struct config_device *cfg);
	/*
	 * Its files opened, its registers written, its lines described. 0 or an exit status after a
	 * line on stderr; destroy is called in any case.
	 */
	int (*create)(struct device *dev);
	int (*start)(struct device *dev); /* threads and timers; -errno */
	void (*stop)(struct device *dev); /* none of them is left */
	void (*destroy)(struct device *dev);
	/* Optional. At the end: print the verdict of `check`; false: it failed. */
	bool (*verdict)(struct device *dev);
	/* Optional. Bytes that came in and went out so far. */
	void (*bytes)(const struct device *dev, uint64_t *in, uint64_t *out);
};

/* What every device has. */
#define DEVICE_KEYS                                                          \
	{ .name = "type",                                                    \
	  .kind = KEY_STRING,                                                \
	  .required = true,                                                  \
	  .offset = offsetof(struct config_device, type_name) },             \
		CONFIG_KEY(config_device, name, KEY_NAME, .required = true), \
		CONFIG_KEY(config_device, focus, KEY_BOOL)
#define DEVICE_LINE_KEY(key, index)                                                           \
	{                                                                                     \
		.name = (key), .kind = KEY_UINT,                                              \
		.offset = offsetof(struct config_device, lines) + (index) * sizeof(uint64_t), \
		.required = true, .min = 1, .max = HV_MAX_LINES - 1                           \
	}

/* Describe one of the device's lines to the machine. 0, or -1 after a line on stderr. */
int device_add_line(struct device *dev, unsigned index, enum hv_irq_flow flow,
		    const struct irqchip_source *source, void *data);

/* Device threads have it unblocked: its handler does nothing, a sleeping system call ends. */
#define DEVICE_STOP_SIGNAL SIGRTMIN

/* Ends with NULL. */
extern const struct device_type *const device_types[];

extern const struct device_type device_chardev, device_timer, device_line;

#endif
