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
 * The port has just become pending: does anybody poll? Pairs with do_poll(), which says that it
 * polls, then looks.
 */
static inline void poll_check(struct hv_domain *d, uint32_t port)
{
	unsigned i;

	for (i = 0; i < sizeof(d->poll_mask) / sizeof(d->poll_mask[0]); i++)
		if (load_seq(&d->poll_mask[i])) {
			poll_wake(d, port);
			return;
		}
}

/* The vCPU's thread is back in its guest: it polls no more. On its own thread. */
void poll_end(struct hv_vcpu *v);

#endif
