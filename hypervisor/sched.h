/* SPDX-License-Identifier: MIT */
/*
 * sched_op: waiting for events and ending the domain.
 */
#ifndef HYPERVISOR_SCHED_H
#define HYPERVISOR_SCHED_H

#include "atomic.h"
#include "private.h"

long do_sched_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_sched_op_compat(struct hv_vcpu *v, const uint64_t a[6]);

/* Wake the vCPUs that poll on this port. */
void poll_wake(struct hv_domain *d, uint32_t port);

/*
 * A port has just become pending: does anybody poll? Then poll_wake(). Pairs with do_poll(), which
 * says that it polls, then looks.
 */
static inline bool poll_wanted(const struct hv_domain *d)
{
	return !is_seq(&d->pollers, 0);
}

/* The vCPU goes on in its guest: it polls no more. By the one thread that acts for it. */
void poll_end(struct hv_vcpu *v);

#endif
