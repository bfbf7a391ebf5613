/* SPDX-License-Identifier: MIT */
/*
 * Event channels as the lines of IRQs: ports, their ABI (2-level here; FIFO has the same table),
 * the way from an upcall to an IRQ. What a driver's handler sees of it is in irq/.
 */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include "../private.h"

#include "../irq/irq.h"

enum source_type {
	SOURCE_EVTCHN, /* a port that somebody else made */
	SOURCE_INTERDOMAIN,
	SOURCE_VIRQ,
	SOURCE_IPI,
	SOURCE_PIRQ,
};

/* An event-channel ABI: what the shared words look like. All of it with events disabled. */
struct events_abi {
	unsigned nr_ports; /* port numbers 1 .. nr_ports - 1 */

	/*
	 * Its state (guest.abi_state); every port masked and CPU 0's, nothing pending forgotten. 0
	 * or -ENOMEM. [boot]
	 */
	int (*init)(struct guest *g);
	void (*fini)(struct guest *g);

	/*
	 * This port is handled on that CPU from now on: the hypervisor knows already, the port is
	 * masked.
	 */
	void (*set_cpu)(struct guest *g, evtchn_port_t port, unsigned cpu);

	/* Answers whether it was not masked before. */
	bool (*mask)(struct guest *g, evtchn_port_t port);
	/*
	 * If it is pending then, it is delivered: on this CPU, once events are enabled; on another,
	 * at once.
	 */
	void (*unmask)(struct guest *g, evtchn_port_t port);
	/* Answers whether it was pending. */
	bool (*clear_pending)(struct guest *g, evtchn_port_t port);
	/* Announces nothing: masked, or unmasked by the caller afterwards. */
	void (*set_pending)(struct guest *g, evtchn_port_t port);

	/*
	 * Bring every event of this CPU that has been announced to events_dispatch. nestable: it
	 * may be called in an upcall that has interrupted a handler, so from inside itself.
	 */
	bool nestable;
	void (*handle)(struct guest *g, struct guest_cpu *cpu);
};

extern const struct events_abi events_abi_2l;

extern const struct irq_chip irq_chip_dynamic;
extern const struct irq_chip irq_chip_percpu;
extern const struct irq_chip irq_chip_pirq;
extern const struct irq_chip irq_chip_late;

/* What the chips share. */
void port_retrigger(struct guest *g, struct irq_desc *desc);
unsigned port_cpu(const struct irq_desc *desc);
bool port_suits(const struct irq_desc *desc, const struct irq_flow *flow);

/* move.c, as irq_chip.set_affinity. */
int events_move(struct guest *g, struct irq_desc *desc, unsigned cpu);

/* late.c: every CPU's VIRQ_TIMER also ends delayed eois. 0, or why not. [task] */
int late_prepare(struct guest *g);

extern const struct irq_fixed_ops events_fixed_ops;

int events_init(struct guest *g);
void events_fini(struct guest *g);

/* A port that is pending and not masked, on the CPU that it is bound to. In the upcall. */
void events_dispatch(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port);

/* op: EVTCHNOP_*. */
static inline int evtchn_call(const struct guest *g, unsigned op, void *arg)
{
	return (int)hypercall(g, __HYPERVISOR_event_channel_op, op, hypercall_arg(arg), 0);
}

#endif
