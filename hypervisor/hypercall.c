/* SPDX-License-Identifier: MIT */
/*
 * The way in: a hypercall's number finds its body, and a multicall's entries go the same way.
 * Arguments are checked where they are used, in the bodies.
 */
#include "hypercall.h"
#include "atomic.h"
#include "bound.h"
#include "compat.h"
#include "entry.h"
#include "event.h"
#include "guest_access.h"
#include "irq.h"
#include "mm.h"
#include "runstate.h"
#include "sched.h"
#include "time.h"
#include "vcpu.h"
#include "version.h"

static body *const bodies[] = {
	[__HYPERVISOR_set_trap_table] = do_set_trap_table,
	[__HYPERVISOR_mmu_update] = do_mmu_update,
	[__HYPERVISOR_set_gdt] = do_set_gdt,
	[__HYPERVISOR_stack_switch] = do_stack_switch,
	[__HYPERVISOR_set_callbacks] = do_set_callbacks,
	[__HYPERVISOR_fpu_taskswitch] = do_fpu_taskswitch,
	[__HYPERVISOR_sched_op_compat] = do_sched_op_compat,
	[__HYPERVISOR_update_descriptor] = do_update_descriptor,
	[__HYPERVISOR_memory_op] = do_memory_op,
	[__HYPERVISOR_multicall] = do_multicall,
	[__HYPERVISOR_update_va_mapping] = do_update_va_mapping,
	[__HYPERVISOR_set_timer_op] = do_set_timer_op,
	[__HYPERVISOR_event_channel_op_compat] = do_event_channel_op_compat,
	[__HYPERVISOR_xen_version] = do_xen_version,
	[__HYPERVISOR_console_io] = do_console_io,
	[__HYPERVISOR_physdev_op_compat] = do_physdev_op_compat,
	[__HYPERVISOR_vm_assist] = do_vm_assist,
	[__HYPERVISOR_update_va_mapping_otherdomain] = do_update_va_mapping_otherdomain,
	[__HYPERVISOR_iret] = do_iret,
	[__HYPERVISOR_vcpu_op] = do_vcpu_op,
	[__HYPERVISOR_set_segment_base] = do_set_segment_base,
	[__HYPERVISOR_mmuext_op] = do_mmuext_op,
	[__HYPERVISOR_nmi_op] = do_nmi_op,
	[__HYPERVISOR_sched_op] = do_sched_op,
	[__HYPERVISOR_callback_op] = do_callback_op,
	[__HYPERVISOR_event_channel_op] = do_event_channel_op,
	[__HYPERVISOR_physdev_op] = do_physdev_op,
};

#define BODIES (sizeof(bodies) / sizeof(bodies[0]))

static long dispatch(struct hv_vcpu *v, uint64_t nr, const uint64_t a[6])
{
	body *f;

	if (v->domain->compat32)
		return compat_dispatch(v, (uint32_t)nr, a);
	if (nr >= BODIES)
		return -XEN_ENOSYS;
	f = bodies[index_nospec(nr, BODIES)];
	return f ? f(v, a) : -XEN_ENOSYS;
}

/* iret in a multicall would load a context in the middle of it. */
static long one_call(struct hv_vcpu *v, struct multicall_entry *e)
{
	uint64_t args[6];

	memcpy(args, e->args, sizeof(args));
	if (e->op == __HYPERVISOR_iret)
		return -XEN_ENOSYS;
	return dispatch(v, e->op, args);
}

/* ---- an entry, in the width of the guest ---- */

static size_t entry_size(const struct hv_vcpu *v)
{
	return v->domain->compat32 ? sizeof(struct compat_multicall_entry)
				   : sizeof(struct multicall_entry);
}

static int get_entry(struct hv_vcpu *v, struct multicall_entry *e, uint64_t va)
{
	return v->domain->compat32 ? compat_get_entry(v, e, va)
				   : copy_from_guest(v, e, va, sizeof(*e));
}

/* The entry goes on later, with other arguments. */
static int give_arguments(struct hv_vcpu *v, uint64_t va, const uint64_t args[6])
{
	if (v->domain->compat32)
		return compat_give_arguments(v, va, args);
	return copy_to_guest(v, va + offsetof(struct multicall_entry, args), args,
			     sizeof(((struct multicall_entry *)0)->args));
}

static int give_result(struct hv_vcpu *v, uint64_t va, xen_ulong_t result)
{
	if (v->domain->compat32)
		return compat_give_result(v, va, result);
	return copy_to_guest(v, va + offsetof(struct multicall_entry, result), &result,
			     sizeof(result));
}

/* 1: this entry is not done yet, and its arguments say how it goes on. */
static long run_entry(struct hv_vcpu *v, uint64_t va)
{
	struct multicall_entry e;

	if (get_entry(v, &e, va))
		return -XEN_EFAULT;
	/* An entry that polled and was woken at once is over, too. */
	if (v->polling)
		poll_end(v);
	v->preempted = false;
	e.result = (xen_ulong_t)one_call(v, &e);
	if (!v->preempted)
		return give_result(v, va, e.result);
	/* The multicall may fail now, and is not to go on with what is the entry's. */
	v->preempted = false;
	return give_arguments(v, va, v->go_on_with) ? -XEN_EFAULT : 1;
}

/*
 * Between the entries the vCPU may have something else to do: an entry that blocked it puts it to
 * sleep here and not at the end of the list. The rest is another multicall then.
 */
static long run_calls(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t rest[6] = { a[0], (uint32_t)a[1] };

	while (rest[1]) {
		long rc = run_entry(v, rest[0]);

		if (rc < 0)
			return rc;
		if (rc > 0)
			return hypercall_again(v, rest);
		rest[0] += entry_size(v);
		rest[1]--;
		if (rest[1] && hypercall_should_yield(v))
			return hypercall_again(v, rest);
	}
	return 0;
}

long do_multicall(struct hv_vcpu *v, const uint64_t a[6])
{
	long rc;

	if (v->in_multicall)
		return -XEN_EINVAL;
	v->in_multicall = true;
	v->preempted = false;
	rc = run_calls(v, a);
	v->in_multicall = false;
	return rc;
}

/* ---- long ones ---- */

long hypercall_again(struct hv_vcpu *v, const uint64_t a[6])
{
	memcpy(v->go_on_with, a, sizeof(v->go_on_with));
	v->preempted = true;
	return 0;
}

bool hypercall_should_yield(struct hv_vcpu *v)
{
	const struct hv_ops *ops = v->domain->hv->ops;

	return !hv_vcpu_runnable(v) || vcpu_has_upcall(v) || (ops->preempt && ops->preempt(v));
}

bool hv_vcpu_preempted(const struct hv_vcpu *v)
{
	return v->preempted;
}

/* Apart, so that a send does not save registers for it. */
static __attribute__((noinline)) long any_call(struct hv_vcpu *v, uint64_t nr, uint64_t args[6])
{
	long rc;

	/* It runs, so whatever it polled for is over. */
	if (v->polling)
		poll_end(v);
	runstate_check(v);
	if (!v->preempted)
		v->search.from = 0;
	v->preempted = false;
	rc = dispatch(v, nr, args);
	if (v->preempted)
		memcpy(args, v->go_on_with, sizeof(v->go_on_with));
	return rc;
}

/* There is nothing to do first, nothing that goes on, nobody to be asked. */
static inline bool is_plain(const struct hv_vcpu *v)
{
	return !v->polling && !v->preempted && !v->domain->compat32 &&
	       !v->domain->hv->ops->policy && load_relaxed(&v->runstate.state) == RUNSTATE_running;
}

/* The same as by any_call(). */
static inline long plain_send(struct hv_vcpu *v, uint64_t va)
{
	struct evtchn_send a;

	return copy_from_guest(v, &a, va, sizeof(a)) ? -XEN_EFAULT : event_send(v, a.port);
}

long hv_hypercall(struct hv_vcpu *v, uint64_t nr, uint64_t args[6])
{
	add_own(&v->hypercalls);
	/* What guests do most, by the shortest way. */
	if (nr == __HYPERVISOR_event_channel_op && (uint32_t)args[0] == EVTCHNOP_send &&
	    is_plain(v))
		return plain_send(v, args[1]);
	return any_call(v, nr, args);
}
