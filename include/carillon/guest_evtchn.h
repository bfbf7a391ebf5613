/* SPDX-License-Identifier: MIT */
/*
 * Event channels for programs, as Linux's /dev/xen/evtchn has them, inside a guest kernel: handles
 * that bind ports, a queue of the ports on which something has arrived, and nothing else to tell
 * them apart. Kernel drivers use IRQs (guest.h) instead; a port belongs to one or the other.
 *
 * A bound port is enabled. When an event arrives its number is put into the handle's queue, once,
 * and the port is disabled: masked, so what comes then stays pending. guest_evtchn_write enables
 * it, and what is pending arrives. So a program that reads, acts and then writes misses nothing,
 * and the queue has room for every port that is bound: it never overflows.
 *
 * Results and contexts are as in guest.h. Any number of CPUs may use a handle at a time, except
 * that nobody uses it while it is being closed. Only the handle that bound a port can notify,
 * enable or unbind it. After guest_resume the ports of a handle are dead: nothing arrives on them,
 * notifying them does nothing; unbind them and bind others.
 */
#ifndef CARILLON_GUEST_EVTCHN_H
#define CARILLON_GUEST_EVTCHN_H

#include <carillon/guest.h>

struct guest_evtchn;

/*
 * Something can be read from the handle, and before that nothing could: wake whoever waits. Called
 * as a handler is, events disabled.
 */
typedef void (*guest_evtchn_wake)(struct guest_evtchn *h, void *arg);

/* A handle without ports. wake may be NULL. -ENOMEM. [task] */
int guest_evtchn_open(struct guest *g, guest_evtchn_wake wake, void *arg,
		      struct guest_evtchn **out);

/* Unbind its ports and free it. [task] */
void guest_evtchn_close(struct guest_evtchn *h);

/*
 * Bind a port and give its number: a new one that remote_dom may connect to, one connected to a
 * port of remote_dom (the event that connecting makes is there at once, as on Xen), a VIRQ of CPU
 * 0, which nobody else has bound.
 *
 * -ENOMEM; -EACCES: the handle is restricted to another domain; or what the hypercall answered.
 * [task]
 */
int guest_evtchn_bind_unbound(struct guest_evtchn *h, domid_t remote_dom);
int guest_evtchn_bind_interdomain(struct guest_evtchn *h, domid_t remote_dom,
				  evtchn_port_t remote_port);
int guest_evtchn_bind_virq(struct guest_evtchn *h, unsigned virq);

/*
 * Bind a port that was there when the domain began. Unbinding does not close it. 0; -EISCONN: this
 * handle has it; -EBUSY: somebody else has; otherwise as guest_bind_evtchn_to_irq and -EACCES: the
 * handle is restricted. [task]
 */
int guest_evtchn_bind_static(struct guest_evtchn *h, evtchn_port_t port);

/*
 * Unbind and close it; if it is in the queue it is not read any more. -EINVAL: there is no such
 * number; -ENOTCONN: this handle has not bound it. [task]
 */
int guest_evtchn_unbind(struct guest_evtchn *h, evtchn_port_t port);

/* Send on it. -ENOTCONN: this handle has not bound it; or what the hypercall answered. [any] */
int guest_evtchn_notify(struct guest_evtchn *h, evtchn_port_t port);

/*
 * Take up to n ports out of the queue, in the order of their events. How many, or -EAGAIN: there is
 * none. Does not wait. [any]
 */
int guest_evtchn_read(struct guest_evtchn *h, evtchn_port_t *ports, size_t n);

/*
 * Enable these ports: what is pending on them arrives, as with guest_enable_irq. Those that this
 * handle has not bound, and those that are enabled, are passed over. [any]
 */
void guest_evtchn_write(struct guest_evtchn *h, const evtchn_port_t *ports, size_t n);

/* Empty the queue; ports that were in it stay disabled. [any] */
void guest_evtchn_reset(struct guest_evtchn *h);

/*
 * From now on bind only to that domain, no VIRQ and no given port; what is bound stays. For a
 * program that is to be trusted less from here on. -EINVAL: domain 0 or no domain's number;
 * -EACCES: it has been restricted before. [any]
 */
int guest_evtchn_restrict(struct guest_evtchn *h, domid_t dom);

#endif
