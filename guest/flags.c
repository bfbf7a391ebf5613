/* SPDX-License-Identifier: MIT */
/*
 * The interrupt flag: a Xen guest's is evtchn_upcall_mask of the CPU's vcpu_info, 1 for disabled.
 * Ports have masks of their own, in events/.
 */
#include "private.h"

#include <xen/sched.h>
#include <xen/version.h>

/*
 * Each of these finds out which CPU it is on, then touches that CPU's mask: a thread moved in
 * between would touch another's, hence the pins. Looking once more afterwards would be too late to
 * undo it: whose the mask was meanwhile cannot be told.
 */

void guest_local_irq_disable(struct guest *g)
{
	cpu_pin(g);
	store_sc(&this_cpu(g)->vcpu_info->evtchn_upcall_mask, (uint8_t)1);
	cpu_unpin(g);
}

/*
 * An event that came while the mask was 1 has set evtchn_upcall_pending and left it at that; nobody
 * will kick us for it again. Any way into the hypervisor and back delivers it, so take the
 * cheapest.
 */
static void force_callback(struct guest *g)
{
	(void)hypercall(g, __HYPERVISOR_xen_version, XENVER_version, 0, 0);
}

/* If this is a handler on the quick way, whoever called it disables them again. */
static void tell_caller(struct guest_cpu *cpu)
{
	if (load_relaxed(&cpu->quick))
		cpu->quick_answer = QUICK_MORE;
}

void guest_local_irq_enable(struct guest *g)
{
	struct vcpu_info *info;
	struct guest_cpu *cpu;

	cpu_pin(g);
	cpu = this_cpu(g);
	tell_caller(cpu);
	info = cpu->vcpu_info;
	/*
	 * Unmask, then look, in this order and sequentially consistent: the hypervisor sets
	 * pending, then looks at the mask. Either it sees us unmasked, or we see pending. An upcall
	 * that comes between the two leaves pending clear.
	 */
	store_sc(&info->evtchn_upcall_mask, (uint8_t)0);
	if (load_sc(&info->evtchn_upcall_pending))
		force_callback(g);
	cpu_unpin(g);
}

bool guest_irqs_disabled(const struct guest *g)
{
	bool disabled;

	cpu_pin(g);
	disabled = load_relaxed(&this_cpu(g)->vcpu_info->evtchn_upcall_mask);
	cpu_unpin(g);
	return disabled;
}

guest_flags_t guest_local_irq_save(struct guest *g)
{
	struct vcpu_info *info;
	bool enabled;

	cpu_pin(g);
	info = this_cpu(g)->vcpu_info;
	enabled = !load_relaxed(&info->evtchn_upcall_mask);
	/* An upcall between the two restores the mask it found: what was read still holds. */
	if (enabled)
		store_sc(&info->evtchn_upcall_mask, (uint8_t)1);
	cpu_unpin(g);
	return enabled;
}

void guest_local_irq_restore(struct guest *g, guest_flags_t flags)
{
	if (flags)
		guest_local_irq_enable(g);
	else
		guest_local_irq_disable(g);
}

void guest_halt(struct guest *g)
{
	cpu_pin(g);
	tell_caller(this_cpu(g));
	cpu_unpin(g);
	/*
	 * Block unmasks and tests pending in one step at the hypervisor: an event that came since
	 * the caller disabled events makes it return at once, and is delivered on the way.
	 */
	if (hypercall(g, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0))
		guest_local_irq_enable(g);
}
