/* SPDX-License-Identifier: MIT */
/*
 * Runstates: how a vCPU has spent its time, for itself to ask and kept up to date in its memory.
 */
#ifndef HYPERVISOR_RUNSTATE_H
#define HYPERVISOR_RUNSTATE_H

#include <xen/vcpu.h>

#include "atomic.h"
#include "private.h"

void runstate_init(struct hv_vcpu *v);

/* Its reasons not to run (v->stopped) have changed. [any] */
void runstate_changed(struct hv_vcpu *v);

/* Its own thread is at work for it: so it runs. */
void runstate_runs(struct hv_vcpu *v);

static inline void runstate_check(struct hv_vcpu *v)
{
	/* Only its own thread says that it runs. */
	if (load_relaxed(&v->runstate.state) != RUNSTATE_running)
		runstate_runs(v);
}

long runstate_get(struct hv_vcpu *v, uint64_t va, struct hv_vcpu *self);
long runstate_register_area(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self);

#endif
