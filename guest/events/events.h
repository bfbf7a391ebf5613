/* SPDX-License-Identifier: MIT */
/*
 * Event channels as the lines of IRQs: ports, their ABI (2-level or FIFO), the way from an upcall
 * to an IRQ. What a driver's handler sees of it is in irq/.
 */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include "../private.h"

#include "../irq/quick.h"

enum source_type {
	SOURCE_EVTCHN, /* a port that somebody else made */
	SOURCE_INTERDOMAIN,
	SOURCE_VIRQ,
	SOURCE_IPI,
	SOURCE_PIRQ,
};

/*
 * An event-channel ABI: what the shared words look like. A port that is bound has been reserved.
 * All of it with events disabled; NULL where not said otherwise is not allowed.
 */
struct events_abi {
	enum guest_abi id;
	unsigned nr_ports; /* port numbers 1 .. nr_ports - 1 */

	/*
	 * Its state (guest.abi_state); every port masked and CPU 0's, nothing pending forgotten. 0,
	 * -ENOMEM or what the hypervisor answered; then fini has to be called all the same. [boot]
	 */
	int (*init)(struct guest *g);
	void (*fini)(struct guest *g);
	/* The hypervisor has forgotten all: as after init, with the memory that is there. */
	int (*restart)(struct guest *g);
	/* This CPU can have events now. 0 or what the hypervisor answered. May be NULL. */
	int (*cpu_init)(struct guest *g, unsigned cpu);

	/*
	 * What the ABI itself has for a port whose line has been reserved. 0 or an error. Under
	 * map_lock.
	 */
	int (*reserve)(struct guest *g, evtchn_port_t port);
	/*
	 * This port is handled on another CPU from now on: the hypervisor knows already, the port
	 * is masked. At first every port is CPU 0's. May be NULL.
	 */
	void (*move)(struct guest *g, evtchn_port_t port, unsigned from, unsigned to);

	/* Answers whether it was not masked before. */
	bool (*mask)(struct guest *g, evtchn_port_t port);
	/*
	 * If it is pending then, it is delivered: on this CPU, once events are enabled; on another,
	 * at once.
	 */
	void (*unmask)(struct guest *g, evtchn_port_t port);
	/* Answers whether it was pending before. */
	bool (*clear_pending)(struct guest *g, evtchn_port_t port);
	/* Both, mask first, in one step if the words allow it. Answers as clear_pending. */
	bool (*mask_clear)(struct guest *g, evtchn_port_t port);
	/*
	 * Announces nothing: it is masked, or the caller unmasks it afterwards. Answers whether it
	 * was pending before.
	 */
	bool (*set_pending)(struct guest *g, evtchn_port_t port);
	unsigned (*state)(const struct guest *g, evtchn_port_t port); /* GUEST_PORT_*; any port */

	/*
	 * Bring every event of this CPU that has been announced to events_dispatch. Also in an
	 * upcall that has interrupted a handler, so from inside itself. Begins with a
	 * read-modify-write, at least release, of the word that is set before upcall_pending is:
	 * guest_upcall counts on it.
	 */
	void (*handle)(struct guest *g, struct guest_cpu *cpu);
	/*
	 * Of a CPU that is dead: take the next event off its queues. False: there is none. *ready:
	 * it is to be handled, by who is the port's CPU now. NULL: it has no queues.
	 */
	bool (*take)(struct guest *g, unsigned cpu, evtchn_port_t *port, bool *ready);
};

/* irq_source.only_cpu: the IRQ may be any CPU's. */
#define ANY_CPU UINT32_MAX

extern const struct events_abi events_abi_2l;
extern const struct events_abi events_abi_fifo;

extern const struct irq_chip irq_chip_dynamic;
extern const struct irq_chip irq_chip_percpu;
extern const struct irq_chip irq_chip_pirq;
extern const struct irq_chip irq_chip_late;

/* What the chips share. */
void port_retrigger(struct guest *g, struct irq_desc *desc);
unsigned port_cpu(const struct irq_desc *desc);
bool port_suits(const struct irq_desc *desc, const struct irq_flow *flow);

/* late.c: every CPU's VIRQ_TIMER also ends delayed eois. 0, or why not. [task] */
int late_prepare(struct guest *g);
/* No timer of that CPU will end them: what it delays ends now. Events disabled. */
void late_cpu_dead(struct guest *g, struct guest_cpu *cpu);

extern const struct irq_fixed_ops events_fixed_ops;

/* upcall.c. Chooses the ABI as `wanted` says. [boot] */
int events_init(struct guest *g, enum guest_abi wanted);
int events_choose_abi(struct guest *g); /* none is in use */
void events_fini(struct guest *g);
/* Of guest_cpu_init, for the CPU that it is called on. */
int events_cpu_init(struct guest *g, struct guest_cpu *cpu);

/*
 * move.c. Have the IRQ's port notify another CPU; what is pending goes with it, or is handled once
 * more where it was. The descriptor's lock is held, events disabled. -EINVAL: not bound, or the IRQ
 * is its CPU's; or what the hypercall answered, and nothing has changed.
 */
int events_move(struct guest *g, struct irq_desc *desc, unsigned cpu);

/*
 * resume.c. No IRQ has a port any more, and the ABI is set up anew: 0 or an error. Then, ports for
 * those that can have one: how many cannot. [task], one CPU only
 */
int events_forget(struct guest *g);
int events_rebind(struct guest *g);

/* Tell the hypervisor. -ENOSYS: 2-level. The descriptor's lock is held. */
int events_set_priority(struct guest *g, evtchn_port_t port, unsigned priority);

/* upcall.c, in the upcall. A port that is pending and not masked, on the CPU that has it. */
void events_dispatch(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port);
/* The same, of one whose event has been taken by a claim that does not hold; and gives that up. */
__attribute__((cold)) void events_put_back(struct guest *g, struct guest_cpu *cpu,
					   evtchn_port_t port);

/* The line of a port that the ABI has; nobody's, if it has not been reserved. */
static inline struct irq_line *events_line(const struct guest *g, evtchn_port_t port)
{
	return line_at(&g->lines, port);
}

/* Where that of the first of 64 ports is; line_beside finds the others, these and no more. */
static inline uintptr_t events_lines(const struct guest *g, evtchn_port_t port)
{
	return (uintptr_t)events_line(g, port - port % (LINES_PAGE / 2));
}

/* The port's IRQ at present, or NULL; a number out of range has none. */
static inline struct irq_desc *events_irq(const struct guest *g, evtchn_port_t port)
{
	return table_get(&g->ports, port);
}

/* From here on the upcall finds it. NULL: none. The port is reserved; under map_lock. */
static inline void events_set_irq(struct guest *g, evtchn_port_t port, struct irq_desc *desc)
{
	table_set(&g->ports, port, desc);
}

/* op: EVTCHNOP_*. */
static inline int evtchn_call(const struct guest *g, unsigned op, void *arg)
{
	return (int)hypercall(g, __HYPERVISOR_event_channel_op, op, hypercall_arg(arg), 0);
}

#endif
