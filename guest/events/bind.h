/* SPDX-License-Identifier: MIT */
/* Binding, as its files share it: the sources (bind.c), the public calls (api.c), ports made anew
 * (resume.c). */
#ifndef GUEST_BIND_H
#define GUEST_BIND_H

#include "events.h"

/*
 * What shall be bound. number: port, remote port, VIRQ, kind of IPI or pirq, by type; all of it has
 * been checked.
 */
struct bind_request {
	enum source_type type;
	unsigned number;
	unsigned cpu;
	domid_t dom;
	bool shareable;
	bool late; /* eoi by the driver */
};

/* What the hypervisor made of it. */
struct bound {
	evtchn_port_t port;
	unsigned cpu; /* that the port notifies */
	bool needs_eoi;
};

/*
 * The hypercalls that make the port. Global VIRQs and pirqs are made on CPU 0, wherever they are
 * wanted.
 */
int events_open_source(struct guest *g, const struct bind_request *r, struct bound *b);
int events_close_port(struct guest *g, evtchn_port_t port);
/* Memory for what is known of a port. -ENOSPC: this ABI has no such port. Under map_lock. */
int events_reserve(struct guest *g, evtchn_port_t port);
/* Which chip and flow the source gets. */
void events_choose_chip(const struct bind_request *r, const struct bound *b,
			const struct irq_chip **chip, const struct irq_flow **flow);

/* A port for an IRQ that is dead (resume.c). Under map_lock. */
int events_remake(struct guest *g, struct irq_desc *desc);

/* The IRQ, or an error. */
int events_bind(struct guest *g, const struct bind_request *r);
/* close: the port too, if this was the last reference. -EBUSY if handlers are left then. */
int events_unbind(struct guest *g, unsigned irq, bool close);

#endif
