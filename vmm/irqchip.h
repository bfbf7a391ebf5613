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

/* A device's end of a line. Called with the hypervisor's lock of that line held: no waiting, no
 * calling back. Both may be NULL. */
struct irqchip_source {
	/* Level lines whose level follows from shared memory: sampled when it matters. NULL: the
	 * level is what irqchip_set_level said last. */
	bool (*asserted)(void *data);
	/* The line was enabled or unmasked: the guest has looked. A device's doorbell. */
	void (*unmasked)(void *data);
};

struct irqchip_line {
	const struct irqchip_source *source;
	void *data;
	_Atomic bool level;
	_Atomic bool enabled, masked;
	_Atomic unsigned long acks;
};

struct irqchip {
	struct hv *hv;
	struct irqchip_line lines[HV_MAX_LINES];
};

/* Describe a line to the hypervisor. -errno. */
int irqchip_add(struct irqchip *chip, unsigned line, enum hv_irq_flow flow,
		const struct irqchip_source *source, void *data);

/* All not from a source's callback. A level line's level; rising, it is signalled. */
void irqchip_set_level(struct irqchip *chip, unsigned line, bool level);
/* A level line with a source: what the level follows from has changed. */
void irqchip_update(struct irqchip *chip, unsigned line);
/* An edge. */
void irqchip_pulse(struct irqchip *chip, unsigned line);

#endif
