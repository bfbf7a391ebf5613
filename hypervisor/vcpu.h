/* SPDX-License-Identifier: MIT */
/*
 * A vCPU as a thing that runs or does not, and its vcpu_info. Where the guest is entered is in
 * entry.h, waiting for events in sched.h, timers in time.h.
 */
#ifndef HYPERVISOR_VCPU_H
#define HYPERVISOR_VCPU_H

#include "private.h"

int vcpu_create(struct hv_domain *d, unsigned id);
void vcpu_free(struct hv_domain *d, unsigned id);

/* Its domain's vCPU of that number, bounded also under speculation; NULL if there is none. */
struct hv_vcpu *vcpu_find(const struct hv_domain *d, uint64_t id);

/*
 * Add reasons (STOP_*) not to run, take them away. Both kick if that changed anything for the
 * embedder. [any]
 */
void vcpu_stop(struct hv_vcpu *v, uint32_t reasons);
void vcpu_resume(struct hv_vcpu *v, uint32_t reasons);

/* Take reasons away without a kick: for its own thread. True if it runs again. */
bool vcpu_let_run(struct hv_vcpu *v, uint32_t reasons);

/*
 * Set upcall_pending; if it was not, wake the vCPU from block or poll and kick it. In a read
 * section, or on its own thread.
 */
void vcpu_mark_pending(struct hv_vcpu *v, struct vcpu_area *info);

/* Does this vCPU have an upcall to take as soon as it does not mask them? */
bool vcpu_has_upcall(const struct hv_vcpu *v);

long do_vcpu_op(struct hv_vcpu *self, const uint64_t a[6]);

#endif
