/* SPDX-License-Identifier: MIT */
/*
 * The machine's interrupt controller: lines with a level or pulses, driven by devices, seen by the
 * hypervisor half through its chip callbacks. Who receives a line is not known here.
 */
#ifndef CARILLON_VMM_IRQCHIP_H
#define CARILLON_VMM_IRQCHIP_H

#include <stdatomic.h>
#include <stdbool.h>

#include <carillon/hypervisor.h>

/*
 * A device's end of a line. Called with the hypervisor's lock of that line held: no waiting, no
 * calling back.
 */
struct irqchip_source {
	/* Level lines: is it asserted now? Sampled when it matters. */
	bool (*asserted)(void *data);
	/* The line was enabled or unmasked: the guest has looked. A device's doorbell, or NULL. */
	void (*unmasked)(void *data);
};

struct irqchip_line {
	const struct irqchip_source *source;
	void *data;
	_Atomic bool masked; /* as the hypervisor said last; for devices to look at */
};

struct irqchip {
	struct hv *hv;
	struct irqchip_line lines[HV_MAX_LINES];
};

/*
 * Describe a line to the hypervisor. source: not NULL for a level line; it and data stay in use
 * until hv_destroy. -errno.
 */
int irqchip_add(struct irqchip *chip, unsigned line, enum hv_irq_flow flow,
		const struct irqchip_source *source, void *data);

/* Neither from a source's callback. A level line: what the level follows from has changed. */
void irqchip_update(struct irqchip *chip, unsigned line);
/* An edge. */
void irqchip_pulse(struct irqchip *chip, unsigned line);

#endif
