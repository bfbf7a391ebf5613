/* SPDX-License-Identifier: MIT */
/* Binding, as its two files share it: the sources (bind.c) and the public calls (api.c). */
#ifndef GUEST_BIND_H
#define GUEST_BIND_H

#include "events.h"

/*
 * What shall be bound. number: port, remote port, VIRQ or pirq, by type; all of it has been
 * checked.
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

/* The IRQ, or an error. */
int events_bind(struct guest *g, const struct bind_request *r);
/* close: the port too, if this was the last reference. -EBUSY if handlers are left then. */
int events_unbind(struct guest *g, unsigned irq, bool close);

#endif
