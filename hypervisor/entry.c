/* SPDX-License-Identifier: MIT */
/*
 * What a PV guest says of itself: its entry points, exception handlers, kernel stack, assists; and
 * NMIs on their way to it. Kept here, checked, and handed to the embedder, who does the entering;
 * nothing here enters a guest.
 */
#include "entry.h"

#include <xen/callback.h>
#include <xen/nmi.h>

#include "atomic.h"
#include "bound.h"
#include "guest_access.h"
#include "vcpu.h"

#define TRAPS		  256u
#define TRAP_MASKS_EVENTS 4u
#define VECTOR_NMI	  2u

int entry_init(const struct hv_domain *d, struct entry *e)
{
	e->at.event_cs = d->compat32 ? COMPAT_FLAT_KERNEL_CS : FLAT_KERNEL_CS;
	e->at.failsafe_cs = e->at.event_cs;
	e->traps = alloc(d->hv, TRAPS * sizeof(*e->traps));
	return e->traps ? 0 : -XEN_ENOMEM;
}

void entry_free(const struct hv *hv, struct entry *e)
{
	release(hv, e->traps, TRAPS * sizeof(*e->traps));
}

int entry_check(const struct vcpu_guest_context *c)
{
	unsigned i;

	if (!is_canonical(c->user_regs.rip) || !is_canonical(c->event_callback_eip) ||
	    !is_canonical(c->failsafe_callback_eip) || !is_canonical(c->syscall_callback_eip))
		return -XEN_EINVAL;
	if (!is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
	    !is_canonical(c->gs_base_user))
		return -XEN_EINVAL;
	for (i = 0; i < TRAPS; i++)
		if (!is_canonical(c->trap_ctxt[i].address))
			return -XEN_EINVAL;
	return 0;
}

void entry_from_context(struct entry *e, const struct vcpu_guest_context *c)
{
	unsigned i;

	/* A context's table is indexed by vector; what its entries say of that is ignored. */
	for (i = 0; i < TRAPS; i++) {
		e->traps[i] = c->trap_ctxt[i];
		e->traps[i].vector = (uint8_t)i;
	}
	store_relaxed(&e->at.event, c->event_callback_eip);
	e->at.failsafe = c->failsafe_callback_eip;
	e->at.failsafe_masks = c->flags & VGCF_failsafe_disables_events;
	e->at.syscall = c->syscall_callback_eip;
	e->at.kernel_ss = (uint16_t)c->kernel_ss;
	e->at.kernel_sp = c->kernel_sp;
}

/*
 * An array that ends with address 0; no array: forget all. More entries than there are vectors is
 * no sensible table.
 */
long do_set_trap_table(struct hv_vcpu *v, const uint64_t a[6])
{
	struct trap_info t;
	uint64_t va = a[0];
	unsigned i;

	if (!va) {
		memset(v->entry.traps, 0, TRAPS * sizeof(t));
		return 0;
	}
	for (i = 0; i <= TRAPS; i++, va += sizeof(t)) {
		if (copy_from_guest(v, &t, va, sizeof(t)))
			return -XEN_EFAULT;
		if (!t.address)
			return 0;
		if (!is_canonical(t.address))
			return -XEN_EINVAL;
		v->entry.traps[t.vector] = t;
	}
	return -XEN_EINVAL;
}

/* It is the handler of its vector, and always masks events. */
static void set_nmi(struct hv_vcpu *v, uint64_t address)
{
	struct trap_info *t = &v->entry.traps[VECTOR_NMI];

	memset(t, 0, sizeof(*t));
	if (!address)
		return;
	t->vector = VECTOR_NMI;
	t->flags = TRAP_MASKS_EVENTS;
	t->cs = v->domain->compat32 ? COMPAT_FLAT_KERNEL_CS : FLAT_KERNEL_CS;
	t->address = address;
}

long entry_set_callback(struct hv_vcpu *v, unsigned type, unsigned flags, uint64_t address)
{
	struct entry *e = &v->entry;

	if (!is_canonical(address))
		return -XEN_EINVAL;
	switch (type) {
	case CALLBACKTYPE_event:
		store_relaxed(&e->at.event, address);
		return 0;
	case CALLBACKTYPE_failsafe:
		e->at.failsafe = address;
		e->at.failsafe_masks = flags & CALLBACKF_mask_events;
		return 0;
	case CALLBACKTYPE_syscall:
		e->at.syscall = address;
		return 0;
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return 0; /* for a user mode that no guest has here: accepted, never entered */
	case CALLBACKTYPE_nmi:
		set_nmi(v, address);
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

long do_set_callbacks(struct hv_vcpu *v, const uint64_t a[6])
{
	if (!is_canonical(a[0]) || !is_canonical(a[1]) || !is_canonical(a[2]))
		return -XEN_EINVAL;
	entry_set_callback(v, CALLBACKTYPE_event, 0, a[0]);
	entry_set_callback(v, CALLBACKTYPE_failsafe, 0, a[1]);
	entry_set_callback(v, CALLBACKTYPE_syscall, 0, a[2]);
	return 0;
}

long entry_unset_callback(struct hv_vcpu *v, unsigned type)
{
	switch (type) {
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return -XEN_EINVAL;
	case CALLBACKTYPE_nmi:
		set_nmi(v, 0);
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

long do_callback_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct callback_register reg;
	struct callback_unregister unreg;

	switch ((uint32_t)a[0]) {
	case CALLBACKOP_register:
		if (copy_from_guest(v, &reg, a[1], sizeof(reg)))
			return -XEN_EFAULT;
		return entry_set_callback(v, reg.type, reg.flags, reg.address);
	case CALLBACKOP_unregister:
		if (copy_from_guest(v, &unreg, a[1], sizeof(unreg)))
			return -XEN_EFAULT;
		return entry_unset_callback(v, unreg.type);
	default:
		return -XEN_ENOSYS;
	}
}

long do_nmi_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct xennmi_callback cb;

	switch ((uint32_t)a[0]) {
	case XENNMI_register_callback:
		if (copy_from_guest(v, &cb, a[1], sizeof(cb)))
			return -XEN_EFAULT;
		return entry_set_callback(v, CALLBACKTYPE_nmi, 0, cb.handler_address);
	case XENNMI_unregister_callback:
		return entry_unset_callback(v, CALLBACKTYPE_nmi);
	default:
		return -XEN_ENOSYS;
	}
}

long do_stack_switch(struct hv_vcpu *v, const uint64_t a[6])
{
	v->entry.at.kernel_ss = (uint16_t)a[0];
	v->entry.at.kernel_sp = a[1];
	return 0;
}

long do_set_segment_base(struct hv_vcpu *v, const uint64_t a[6])
{
	const struct hv_ops *ops = v->domain->hv->ops;
	uint32_t which = (uint32_t)a[0];

	if (which > SEGBASE_GS_USER_SEL)
		return -XEN_EINVAL;
	if (which != SEGBASE_GS_USER_SEL && !is_canonical(a[1]))
		return -XEN_EINVAL;
	if (!ops->set_segment_base)
		return -XEN_ENOSYS;
	return ops->set_segment_base(v, which, a[1]);
}

/*
 * Accepted are those that mean nothing to a 64-bit kernel without user mode. Stores to page tables
 * are not emulated, and a guest that asked for that should hear so.
 */
long do_vm_assist(struct hv_vcpu *v, const uint64_t a[6])
{
	const uint64_t known = UINT64_C(1) << VMASST_TYPE_4gb_segments |
			       UINT64_C(1) << VMASST_TYPE_4gb_segments_notify |
			       UINT64_C(1) << VMASST_TYPE_pae_extended_cr3 |
			       UINT64_C(1) << VMASST_TYPE_architectural_iopl |
			       UINT64_C(1) << VMASST_TYPE_runstate_update_flag |
			       UINT64_C(1) << VMASST_TYPE_m2p_strict;
	uint32_t type = (uint32_t)a[1], command = (uint32_t)a[0];

	if (type >= 64 || !((known >> type) & 1))
		return -XEN_EINVAL;
	if (command != VMASST_CMD_enable && command != VMASST_CMD_disable)
		return -XEN_ENOSYS;
	if (type == VMASST_TYPE_runstate_update_flag)
		store_relaxed(&v->domain->runstate_flag, command == VMASST_CMD_enable);
	return 0;
}

/* The device-not-available trap is the host's: it cannot be asked for, and is never set. */
long do_fpu_taskswitch(struct hv_vcpu *v, const uint64_t a[6])
{
	(void)v;
	return (uint32_t)a[0] ? -XEN_ENOSYS : 0;
}

long do_iret(struct hv_vcpu *v, const uint64_t a[6])
{
	const struct hv_ops *ops = v->domain->hv->ops;

	(void)a;
	store_seq(&v->entry.nmi_masked, 0u);
	return ops->iret ? ops->iret(v) : -XEN_ENOSYS;
}

/* ---- for the embedder ---- */

void hv_vcpu_entry(const struct hv_vcpu *v, struct hv_entry *out)
{
	out->event = load_relaxed(&v->entry.at.event);
	out->failsafe = v->entry.at.failsafe;
	out->syscall = v->entry.at.syscall;
	out->failsafe_masks = v->entry.at.failsafe_masks;
	out->nmi = v->entry.traps[VECTOR_NMI].address;
	out->kernel_sp = v->entry.at.kernel_sp;
	out->event_cs = v->entry.at.event_cs;
	out->failsafe_cs = v->entry.at.failsafe_cs;
	out->kernel_ss = v->entry.at.kernel_ss;
}

int hv_vcpu_trap(const struct hv_vcpu *v, unsigned vector, struct hv_trap *out)
{
	const struct trap_info *t;

	if (vector >= TRAPS)
		return -XEN_ENOENT;
	t = &v->entry.traps[vector];
	if (!t->address)
		return -XEN_ENOENT;
	out->rip = t->address;
	out->cs = t->cs;
	out->mask_events = t->flags & TRAP_MASKS_EVENTS;
	out->dpl = TI_GET_DPL(t);
	return 0;
}

/* ---- NMIs ---- */

void hv_vcpu_send_nmi(struct hv_vcpu *v)
{
	/* Pairs with do_block() and do_poll(): they say that they block, then look for this. */
	if (exchange_seq(&v->entry.nmi_pending, 1u))
		return;
	if (load_seq(&v->stopped) & STOP_BLOCKED)
		vcpu_let_run(v, STOP_BLOCKED);
	v->domain->hv->ops->kick(v);
}

bool hv_vcpu_nmi_due(const struct hv_vcpu *v)
{
	return load_seq(&v->entry.nmi_pending) && !load_seq(&v->entry.nmi_masked);
}

bool hv_vcpu_in_nmi(const struct hv_vcpu *v)
{
	return load_seq(&v->entry.nmi_masked);
}

int hv_vcpu_take_nmi(struct hv_vcpu *v, struct hv_trap *out)
{
	if (!hv_vcpu_nmi_due(v))
		return -XEN_ENOENT;
	/* One that comes from here on is the next. */
	store_seq(&v->entry.nmi_pending, 0u);
	if (hv_vcpu_trap(v, VECTOR_NMI, out))
		return -XEN_ENOENT;
	store_seq(&v->entry.nmi_masked, 1u);
	return 0;
}
