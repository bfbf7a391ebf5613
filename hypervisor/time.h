/* SPDX-License-Identifier: MIT */
/*
 * Time: a vCPU's timers, merged into the one deadline that the embedder keeps for it, and the clock
 * pages that guests read.
 */
#ifndef HYPERVISOR_TIME_H
#define HYPERVISOR_TIME_H

#include "private.h"

void timers_init(struct hv_vcpu *v, bool tick);
void timers_stop(struct hv_vcpu *v);

/* The deadline of the poll that is beginning; HV_NEVER: none (any more). */
void timers_set_poll(struct hv_vcpu *v, uint64_t deadline);
/* The vCPU runs again: so does its tick, if it had stopped for that. */
void timers_resumed(struct hv_vcpu *v);

void timers_set_single(struct hv_vcpu *v, uint64_t deadline);
void timers_set_period(struct hv_vcpu *v, uint64_t period);
/* One of the domain's watchdogs; HV_NEVER: it sleeps. */
void timers_set_watchdog(struct hv_domain *d, unsigned i, uint64_t deadline);

/* Write the clock into the vCPU's vcpu_info, the wall clock into the domain's shared_info. */
void clock_update_vcpu(struct hv_vcpu *v);
void clock_update_domain(struct hv_domain *d);

long do_set_timer_op(struct hv_vcpu *v, const uint64_t a[6]);

#endif
