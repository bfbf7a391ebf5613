/* SPDX-License-Identifier: MIT */
/*
 * Event channels as the rest of this half uses them. The states of a port and the hypercall are in
 * event_channel.c and event_close.c, how events are raised in event_send.c, where the bits are in
 * event_2l.c and event_fifo.c.
 */
#ifndef HYPERVISOR_EVENT_H
#define HYPERVISOR_EVENT_H

#include <xen/event_channel.h>

#include "private.h"

struct port;

/* ---- event_send.c ---- */

/* EVTCHNOP_send by this vCPU, on its own thread, on a port of its domain. */
long event_send(struct hv_vcpu *by, uint32_t port);
/*
 * An event on that port, which notifies v. by: whose thread this is, NULL if it is not
 * one vCPU's own. In a read section, or with the domain's lock held.
 */
void event_raise(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port);
/* The same by the vCPU whose hypercall it is, in no section: with v's domain's lock held. */
void event_raise_own(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port);
/* The same once more, of an event that has been counted. With the domain's lock held. */
void event_repeat(struct hv_vcpu *v, uint32_t port);
/* The port of a pirq, if it is bound: its event. [any] */
void event_send_pirq(struct hv_domain *d, const uint32_t *port);
/* Is that port pending? [any] */
bool event_pirq_pending(struct hv_domain *d, const uint32_t *port);

/* Is the port of its domain pending: 1 or 0, -XEN_EINVAL if it is not in use. On its own thread. */
long event_port_poll(struct hv_vcpu *v, uint32_t port);

/* Has a domain one of this VIRQ, bound on vCPU 0 and movable? Of the others each vCPU has its own.
 */
bool virq_is_global(unsigned virq);

/* ---- event_close.c ---- */

long event_close(struct hv_domain *d, uint32_t port);
/*
 * All of them, and back to the 2-level ABI. by: the vCPU whose hypercall it is. -XEN_EAGAIN: others
 * of the domain have opened some meanwhile; those stay, and so does the ABI. -XEN_ERESTART: by has
 * something else to do; resume goes on. -XEN_EBUSY: one is half done already, or with resume none.
 */
long event_reset(struct hv_domain *d, struct hv_vcpu *by, bool resume);
/* The domain is dying: it gets no new ports, and has none after this. */
void event_close_all(struct hv_domain *d);

/* ---- event_fifo_setup.c ---- */

long event_init_control(struct hv_domain *d, struct evtchn_init_control *a);
long event_expand_array(struct hv_domain *d, const struct evtchn_expand_array *a);
/* Back to the 2-level ABI if it is not in that; no port is in use. Domain's lock held. */
void event_fifo_leave(struct hv_domain *d);

/* ---- event_channel.c ---- */

/* EVTCHNOP_alloc_unbound and EVTCHNOP_bind_interdomain by this vCPU, on its own thread. */
long event_alloc_unbound(struct hv_vcpu *v, struct evtchn_alloc_unbound *a);
long event_bind_interdomain(struct hv_vcpu *v, struct evtchn_bind_interdomain *a);

/* EVTCHNOP_unmask by this vCPU, on its own thread. -XEN_EINVAL: no such port. */
long event_unmask(struct hv_vcpu *v, uint32_t port);

long do_event_channel_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_event_channel_op_compat(struct hv_vcpu *v, const uint64_t a[6]);

#endif
