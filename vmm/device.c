/* SPDX-License-Identifier: MIT */
/*
 * The table of device types: adding one touches this list and device.h's. What a type does is in
 * its own file.
 */
#include <stddef.h>
#include <string.h>

#include "device.h"
#include "machine.h"
#include "message.h"

const struct device_type *const device_types[] = {
	&device_chardev,
	&device_timer,
	&device_line,
	NULL,
};

int device_add_line(struct device *dev, unsigned index, enum hv_irq_flow flow,
		    const struct irqchip_source *source, void *data)
{
	unsigned line = (unsigned)dev->cfg->lines[index];
	int error = irqchip_add(&dev->machine->irqchip, line, flow, source, data);

	if (error)
		message("device %s: line %u: %s; use another number", dev->cfg->name, line,
			strerror(-error));
	return error ? -1 : 0;
}
