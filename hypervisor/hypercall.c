/* SPDX-License-Identifier: MIT */
/*
 * The way in: a hypercall's number finds its body, and a multicall's entries go the same way.
 * Arguments are checked where they are used, in the bodies.
 */
#include "atomic.h"
#include "bound.h"
#include "entry.h"
#include "event.h"
#include "guest_access.h"
#include "irq.h"
#include "mm.h"
#include "sched.h"
#include "time.h"
#include "vcpu.h"
#include "version.h"

static long do_multicall(struct hv_vcpu *v, const uint64_t a[6]);

typedef long body(struct hv_vcpu *v, const uint64_t a[6]);

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

static long run_calls(struct hv_vcpu *v, uint64_t va, uint32_t n)
{
	struct multicall_entry e;
	uint32_t i;

	for (i = 0; i < n; i++, va += sizeof(e)) {
		if (copy_from_guest(v, &e, va, sizeof(e)))
			return -XEN_EFAULT;
		e.result = (xen_ulong_t)one_call(v, &e);
		if (copy_to_guest(v, va + offsetof(struct multicall_entry, result), &e.result,
				  sizeof(e.result)))
			return -XEN_EFAULT;
		/*
		 * One that stopped this vCPU for good: on Xen, too, the rest is not done. One that
		 * blocked it takes effect at the end of the list (Xen sleeps in between, and goes
		 * on afterwards).
		 */
		if (load_seq(&v->stopped) & (STOP_DOWN | STOP_SHUTDOWN))
			return 0;
	}
	return 0;
}

static long do_multicall(struct hv_vcpu *v, const uint64_t a[6])
{
	long rc;

	if (v->in_multicall)
		return -XEN_EINVAL;
	v->in_multicall = true;
	rc = run_calls(v, a[0], (uint32_t)a[1]);
	v->in_multicall = false;
	return rc;
}

long hv_hypercall(struct hv_vcpu *v, uint64_t nr, const uint64_t args[6])
{
	/* Its own thread's counter: a plain addition that others may read. */
	store_relaxed(&v->counters.hypercalls, load_relaxed(&v->counters.hypercalls) + 1);
	/* It runs, so whatever it polled for is over. */
	if (v->polling)
		poll_end(v);
	return dispatch(v, nr, args);
}
