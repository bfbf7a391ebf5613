/* SPDX-License-Identifier: MIT */
/*
 * A vCPU as a thing that runs or does not, and its vcpu_info. Where the guest is entered is in
 * entry.h, waiting for events in sched.h, timers in time.h.
 */
#ifndef HYPERVISOR_VCPU_H
#define HYPERVISOR_VCPU_H

#include "atomic.h"
#include "private.h"
#include "probe.h"

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

/* Set upcall_pending. True: it was not; count that, then vcpu_tell(). */
static inline bool vcpu_set_pending(struct vcpu_area *info)
{
	/* Pairs with do_block(): it says that it blocks, then looks at upcall_pending. */
	return !exchange_seq(&info->evtchn_upcall_pending, (uint8_t)1);
}

/* Let it run if it is blocked, and kick it. */
void vcpu_wake(struct hv_vcpu *v);

/*
 * Its upcall_pending went from 0 to 1: wake it from block or poll, and kick it, whatever
 * upcall_mask reads: guests unmask with a plain store, and then look only after they were
 * interrupted. In a read section, or on its own thread.
 */
static inline void vcpu_tell(struct hv_vcpu *v)
{
	probe_upcall(v->domain->domid, v->id);
	if (__builtin_expect(load_seq(&v->stopped) & STOP_BLOCKED, false))
		vcpu_wake(v);
	else
		v->domain->hv->ops->kick(v);
}

/* The same where no send is counted. */
void vcpu_tell_uncounted(struct hv_vcpu *v);

/* An event was raised for v, which has a slot; by the vCPU whose thread this is. */
static inline void count_own(struct hv_vcpu *by, const struct hv_vcpu *v, enum counted kind)
{
	add_own(&by->counting.sent[v->cells + kind]);
}

/* The same by anybody. by: the vCPU whose thread this is; NULL: none's, or it is not known. */
static inline void count(struct hv_vcpu *by, struct hv_vcpu *v, enum counted kind)
{
	if (by && v->cells < COUNT_CELLS)
		count_own(by, v, kind);
	else
		fetch_add_relaxed(&v->counting.others[kind], UINT64_C(1));
}

/* Does this vCPU have an upcall to take as soon as it does not mask them? */
bool vcpu_has_upcall(const struct hv_vcpu *v);

long do_vcpu_op(struct hv_vcpu *self, const uint64_t a[6]);

#endif
