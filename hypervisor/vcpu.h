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

/*
 * Its upcall_pending went from 0 to 1: wake it from block or poll, and kick it. In a read section,
 * or on its own thread.
 */
static inline void vcpu_tell(struct hv_vcpu *v)
{
	probe_upcall(v->domain->domid, v->id);
	if (__builtin_expect(load_seq(&v->stopped) & STOP_BLOCKED, false))
		vcpu_let_run(v, STOP_BLOCKED);
	/*
	 * Whatever upcall_mask reads: guests unmask with a plain store, and then look only after
	 * they were interrupted.
	 */
	v->domain->hv->ops->kick(v);
}

/* The same where no send is counted. */
void vcpu_tell_counted(struct hv_vcpu *v);

/* The cell in which `by` counts for `v`, if it is that one's. */
static inline struct count_cell *count_cell(struct hv_vcpu *by, const struct hv_vcpu *v)
{
	return (struct count_cell *)(void *)((char *)by->counting.cell + v->counting.place);
}

/* An event was raised for v. by: the vCPU whose thread and section this is; NULL: none's. */
static inline void count(struct hv_vcpu *by, struct hv_vcpu *v, enum counted kind)
{
	struct count_cell *c = by ? count_cell(by, v) : NULL;

	if (__builtin_expect(c && load_relaxed(&c->of) == v, true))
		store_relaxed(&c->n[kind], load_relaxed(&c->n[kind]) + 1);
	else
		count_otherwise(by, v, kind);
}

/* Does this vCPU have an upcall to take as soon as it does not mask them? */
bool vcpu_has_upcall(const struct hv_vcpu *v);

long do_vcpu_op(struct hv_vcpu *self, const uint64_t a[6]);

#endif
