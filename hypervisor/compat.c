/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls of 32-bit guests. Each has a body here that turns what the guest passed into what
 * a 64-bit guest would have passed and calls the body that serves those; whatever has one layout in
 * both widths goes there directly. No check of a value is made here, none is left out there.
 *
 * A translated structure stays in the vCPU (hv_vcpu.translated) and is named to the other body by
 * TRANSLATED, an address that no 32-bit guest can name: copies recognise it (guest_access.h). Guest
 * addresses inside of it are the guest's own, zero-extended.
 */
#include "compat.h"

#include <xen/callback.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

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

/* Far from the guest's 4 GiB: no count of elements leads from there to here. */
#define TRANSLATED (UINT64_C(1) << 62)

#define COMMAND_BITS 6u /* of memory_op's: mm_memory.c */

static uint64_t place(const struct hv_vcpu *v, uint64_t va, size_t n)
{
	uint64_t at = va - TRANSLATED;

	if (va < TRANSLATED || n > sizeof(v->translated) || at > sizeof(v->translated) - n)
		return HV_NEVER;
	return index_nospec(at, sizeof(v->translated));
}

int compat_copy_translated(const struct hv_vcpu *v, void *dst, uint64_t va, size_t n)
{
	uint64_t at = place(v, va, n);

	if (at == HV_NEVER)
		return -XEN_EFAULT;
	memcpy(dst, v->translated + at, n);
	return 0;
}

int compat_give_translated(struct hv_vcpu *v, uint64_t va, const void *src, size_t n)
{
	uint64_t at = place(v, va, n);

	if (at == HV_NEVER)
		return -XEN_EFAULT;
	memcpy(v->translated + at, src, n);
	v->answered = true;
	return 0;
}

/* Put a structure into the room; where the 64-bit body finds it. */
static uint64_t translate(struct hv_vcpu *v, const void *native, size_t n)
{
	memcpy(v->translated, native, n);
	v->answered = false;
	return TRANSLATED;
}

#define TRANSLATE(v, native) translate((v), (native), sizeof(*(native)))

/* All that is put there. */
union native {
	struct trap_info traps[2];
	struct xennmi_callback nmi;
	struct sched_poll poll;
	struct xen_platform_parameters parameters;
	struct vcpu_set_singleshot_timer single;
	struct vcpu_register_runstate_memory_area area;
	struct physdev_map_pirq map;
	struct physdev_set_iobitmap iobitmap;
	struct physdev_pirq_eoi_gmfn eoi_map;
	struct physdev_apic apic;
	struct xen_memory_reservation reservation;
	struct xen_memory_map memory_map;
};

_Static_assert(sizeof(union native) <= COMPAT_ROOM, "they have room.");

/* ---- entry points ---- */

/* One by one, so that those before a bad address are set, as they are for a 64-bit guest. */
static long compat_set_trap_table(struct hv_vcpu *v, const uint64_t a[6])
{
	const unsigned most = 256;
	struct compat_trap_info t;
	uint64_t va = a[0];
	unsigned i;
	long rc;

	if (!va)
		return do_set_trap_table(v, a);
	for (i = 0; i <= most; i++, va += sizeof(t)) {
		struct trap_info native[2] = { { 0 } };

		if (copy_from_guest(v, &t, va, sizeof(t)))
			return -XEN_EFAULT;
		if (!t.address)
			return 0;
		native[0].vector = t.vector;
		native[0].flags = t.flags;
		native[0].cs = t.cs;
		native[0].address = t.address;
		rc = do_set_trap_table(v, (const uint64_t[6]){ TRANSLATE(v, &native) });
		if (rc)
			return rc;
	}
	return -XEN_EINVAL;
}

static long set_callback(struct hv_vcpu *v, unsigned type, unsigned flags,
			 const struct compat_xen_callback *to)
{
	long rc;

	/* A 32-bit user mode has no such instruction to enter its kernel by. */
	if (type == CALLBACKTYPE_syscall)
		return -XEN_ENOSYS;
	rc = entry_set_callback(v, type, flags, to->eip);
	if (rc == 0 && type == CALLBACKTYPE_event)
		v->entry.at.event_cs = (uint16_t)to->cs;
	if (rc == 0 && type == CALLBACKTYPE_failsafe)
		v->entry.at.failsafe_cs = (uint16_t)to->cs;
	return rc;
}

static long compat_set_callbacks(struct hv_vcpu *v, const uint64_t a[6])
{
	const struct compat_xen_callback event = { (uint32_t)a[0], (uint32_t)a[1] };
	const struct compat_xen_callback failsafe = { (uint32_t)a[2], (uint32_t)a[3] };

	set_callback(v, CALLBACKTYPE_event, 0, &event);
	set_callback(v, CALLBACKTYPE_failsafe, 0, &failsafe);
	return 0;
}

static long compat_callback_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_callback_register reg;
	struct callback_unregister unreg;

	switch (a[0]) {
	case CALLBACKOP_register:
		if (copy_from_guest(v, &reg, a[1], sizeof(reg)))
			return -XEN_EFAULT;
		return set_callback(v, reg.type, reg.flags, &reg.address);
	case CALLBACKOP_unregister:
		if (copy_from_guest(v, &unreg, a[1], sizeof(unreg)))
			return -XEN_EFAULT;
		if (unreg.type == CALLBACKTYPE_syscall)
			return -XEN_ENOSYS;
		return entry_unset_callback(v, unreg.type);
	default:
		return -XEN_EINVAL; /* not as the 64-bit one: on Xen, too */
	}
}

static long compat_nmi_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_xennmi_callback cb;
	struct xennmi_callback native = { 0 };

	if (a[0] != XENNMI_register_callback)
		return do_nmi_op(v, a);
	if (copy_from_guest(v, &cb, a[1], sizeof(cb)))
		return -XEN_EFAULT;
	native.handler_address = cb.handler_address;
	return do_nmi_op(v, (const uint64_t[6]){ a[0], TRANSLATE(v, &native) });
}

/* Of its types the one above 31 is the 64-bit guests'. */
static long compat_vm_assist(struct hv_vcpu *v, const uint64_t a[6])
{
	return a[1] < 32 ? do_vm_assist(v, a) : -XEN_EINVAL;
}

/* ---- time and waiting ---- */

/* A time does not fit a register: low half, high half. */
static long compat_set_timer_op(struct hv_vcpu *v, const uint64_t a[6])
{
	return do_set_timer_op(v, (const uint64_t[6]){ a[1] << 32 | a[0] });
}

static long compat_sched_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_sched_poll p;
	struct sched_poll native = { 0 };

	if (a[0] != SCHEDOP_poll)
		return do_sched_op(v, a);
	if (copy_from_guest(v, &p, a[1], sizeof(p)))
		return -XEN_EFAULT;
	native.ports = p.ports;
	native.nr_ports = p.nr_ports;
	native.timeout = p.timeout;
	return do_sched_op(v, (const uint64_t[6]){ a[0], TRANSLATE(v, &native) });
}

/* ---- vCPUs ---- */

static void widen_registers(struct cpu_user_regs *to, const struct compat_cpu_user_regs *from)
{
	to->rbp = from->ebp;
	to->rbx = from->ebx;
	to->rax = from->eax;
	to->rcx = from->ecx;
	to->rdx = from->edx;
	to->rsi = from->esi;
	to->rdi = from->edi;
	to->error_code = from->error_code;
	to->entry_vector = from->entry_vector;
	to->rip = from->eip;
	to->cs = from->cs;
	to->saved_upcall_mask = from->saved_upcall_mask;
	to->rflags = from->eflags;
	to->rsp = from->esp;
	to->ss = from->ss;
	to->es = from->es;
	to->ds = from->ds;
	to->fs = from->fs;
	to->gs = from->gs;
}

static void widen_context(struct vcpu_guest_context *to,
			  const struct compat_vcpu_guest_context *from)
{
	unsigned i;

	memcpy(&to->fpu_ctxt, &from->fpu_ctxt, sizeof(to->fpu_ctxt));
	to->flags = from->flags;
	widen_registers(&to->user_regs, &from->user_regs);
	for (i = 0; i < 256; i++) {
		to->trap_ctxt[i].vector = from->trap_ctxt[i].vector;
		to->trap_ctxt[i].flags = from->trap_ctxt[i].flags;
		to->trap_ctxt[i].cs = from->trap_ctxt[i].cs;
		to->trap_ctxt[i].address = from->trap_ctxt[i].address;
	}
	to->ldt_base = from->ldt_base;
	to->ldt_ents = from->ldt_ents;
	for (i = 0; i < 16; i++)
		to->gdt_frames[i] = from->gdt_frames[i];
	to->gdt_ents = from->gdt_ents;
	to->kernel_ss = from->kernel_ss;
	to->kernel_sp = from->kernel_sp;
	for (i = 0; i < 8; i++) {
		to->ctrlreg[i] = from->ctrlreg[i];
		to->debugreg[i] = from->debugreg[i];
	}
	/* Frame numbers of more than 20 bits are folded into a 32-bit cr3. */
	to->ctrlreg[3] = xen_pfn_to_cr3(from->ctrlreg[3] >> 12 | from->ctrlreg[3] << 20);
	to->event_callback_eip = from->event_callback_eip;
	to->failsafe_callback_eip = from->failsafe_callback_eip;
	to->vm_assist = from->vm_assist;
}

int compat_read_context(struct hv_vcpu *self, struct vcpu_guest_context *c, uint64_t arg,
			struct hv_entry *selectors)
{
	const struct hv *hv = self->domain->hv;
	struct compat_vcpu_guest_context *narrow = alloc(hv, sizeof(*narrow));
	int rc;

	if (!narrow)
		return -XEN_ENOMEM;
	rc = copy_from_guest(self, narrow, arg, sizeof(*narrow));
	if (rc == 0) {
		widen_context(c, narrow);
		selectors->event_cs = (uint16_t)narrow->event_callback_cs;
		selectors->failsafe_cs = (uint16_t)narrow->failsafe_callback_cs;
	}
	release(hv, narrow, sizeof(*narrow));
	return rc;
}

bool compat_context_fits(const struct vcpu_guest_context *c)
{
	uint64_t all = c->user_regs.rip | c->user_regs.rsp | c->event_callback_eip |
		       c->failsafe_callback_eip | c->syscall_callback_eip | c->kernel_sp;
	unsigned i;

	for (i = 0; i < 256; i++)
		all |= c->trap_ctxt[i].address;
	return all <= UINT32_MAX;
}

int compat_give_runstate(struct hv_vcpu *v, uint64_t va, const struct vcpu_runstate_info *r)
{
	struct compat_vcpu_runstate_info narrow = {
		.state = r->state,
		.state_entry_time = r->state_entry_time,
		.time = { r->time[0], r->time[1], r->time[2], r->time[3] },
	};

	return copy_to_guest(v, va, &narrow, sizeof(narrow));
}

static long set_single(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_vcpu_set_singleshot_timer set;
	struct vcpu_set_singleshot_timer native = { 0 };

	if (copy_from_guest(v, &set, a[2], sizeof(set)))
		return -XEN_EFAULT;
	native.timeout_abs_ns = set.timeout_abs_ns;
	native.flags = set.flags;
	return do_vcpu_op(v, (const uint64_t[6]){ a[0], a[1], TRANSLATE(v, &native) });
}

/* The area's address is 64 bits wide by one of its names, and a pointer by the one that counts. */
static long register_runstate(struct hv_vcpu *v, const uint64_t a[6])
{
	struct vcpu_register_runstate_memory_area native = { .addr.p = 0 };
	uint32_t address;

	if (copy_from_guest(v, &address, a[2], sizeof(address)))
		return -XEN_EFAULT;
	native.addr.p = address;
	return do_vcpu_op(v, (const uint64_t[6]){ a[0], a[1], TRANSLATE(v, &native) });
}

static long compat_vcpu_op(struct hv_vcpu *self, const uint64_t a[6])
{
	const struct hv_vcpu *v = vcpu_find(self->domain, a[1]);

	/* Of a vCPU that is none, or of another: refused before the argument is looked at. */
	if (a[0] == VCPUOP_register_runstate_memory_area && v)
		return register_runstate(self, a);
	if (a[0] == VCPUOP_set_singleshot_timer && v == self)
		return set_single(self, a);
	return do_vcpu_op(self, a);
}

/* ---- version, interrupts, memory ---- */

static long compat_xen_version(struct hv_vcpu *v, const uint64_t a[6])
{
	const struct compat_xen_platform_parameters p = { COMPAT_HYPERVISOR_VIRT_START };
	struct xen_platform_parameters native = { 0 };
	long rc;

	if (a[0] != XENVER_platform_parameters)
		return do_xen_version(v, a);
	rc = do_xen_version(v, (const uint64_t[6]){ a[0], TRANSLATE(v, &native) });
	return rc ? rc : copy_to_guest(v, a[1], &p, sizeof(p));
}

static void narrow_map(struct compat_physdev_map_pirq *to, const struct physdev_map_pirq *from)
{
	to->domid = from->domid;
	to->type = from->type;
	to->index = from->index;
	to->pirq = from->pirq;
	to->bus = from->bus;
	to->devfn = from->devfn;
	to->entry_nr = from->entry_nr;
	to->table_base = from->table_base;
}

/* The answer is given also of one that failed, and if it cannot be, that is the error. */
static long map_pirq(struct hv_vcpu *v, uint64_t arg)
{
	struct compat_physdev_map_pirq m;
	struct physdev_map_pirq native = { 0 };
	long rc;

	if (copy_from_guest(v, &m, arg, sizeof(m)))
		return -XEN_EFAULT;
	native.domid = m.domid;
	native.type = m.type;
	native.index = m.index;
	native.pirq = m.pirq;
	native.bus = m.bus;
	native.devfn = m.devfn;
	native.entry_nr = m.entry_nr;
	native.table_base = m.table_base;
	rc = do_physdev_op(v, (const uint64_t[6]){ PHYSDEVOP_map_pirq, TRANSLATE(v, &native) });
	if (!v->answered)
		return rc;
	memcpy(&native, v->translated, sizeof(native));
	narrow_map(&m, &native);
	return copy_to_guest(v, arg, &m, sizeof(m)) ? -XEN_EFAULT : rc;
}

static long set_iobitmap(struct hv_vcpu *v, uint64_t arg)
{
	struct compat_physdev_set_iobitmap s;
	struct physdev_set_iobitmap native = { 0 };

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	native.bitmap = s.bitmap;
	native.nr_ports = s.nr_ports;
	return do_physdev_op(v,
			     (const uint64_t[6]){ PHYSDEVOP_set_iobitmap, TRANSLATE(v, &native) });
}

static long eoi_map(struct hv_vcpu *v, uint64_t op, uint64_t arg)
{
	struct compat_physdev_pirq_eoi_gmfn m;
	struct physdev_pirq_eoi_gmfn native = { 0 };

	if (copy_from_guest(v, &m, arg, sizeof(m)))
		return -XEN_EFAULT;
	native.gmfn = m.gmfn;
	return do_physdev_op(v, (const uint64_t[6]){ op, TRANSLATE(v, &native) });
}

/* It has no answer: nothing is at any address. */
static long apic_register(struct hv_vcpu *v, uint64_t op, uint64_t arg)
{
	struct compat_physdev_apic a;
	struct physdev_apic native = { 0 };

	if (copy_from_guest(v, &a, arg, sizeof(a)))
		return -XEN_EFAULT;
	native.apic_physbase = a.apic_physbase;
	native.reg = a.reg;
	native.value = a.value;
	return do_physdev_op(v, (const uint64_t[6]){ op, TRANSLATE(v, &native) });
}

static long compat_physdev_op(struct hv_vcpu *v, const uint64_t a[6])
{
	switch (a[0]) {
	case PHYSDEVOP_pirq_eoi_gmfn_v1:
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		return eoi_map(v, a[0], a[1]);
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
		return apic_register(v, a[0], a[1]);
	case PHYSDEVOP_map_pirq:
		return map_pirq(v, a[1]);
	case PHYSDEVOP_set_iobitmap:
		return set_iobitmap(v, a[1]);
	default:
		return do_physdev_op(v, a);
	}
}

/* Its arguments begin where the largest of them does, and that is not aligned to 8 here. */
static long compat_physdev_op_compat(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_physdev_op op;

	if (copy_from_guest(v, &op, a[0], sizeof(op)))
		return -XEN_EFAULT;
	return compat_physdev_op(
		v, (const uint64_t[6]){ op.cmd, a[0] + offsetof(struct compat_physdev_op, u) });
}

static long change_reservation(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_xen_memory_reservation r;
	struct xen_memory_reservation native = { 0 };

	/* One that cannot be read is as one of no extents: none was done. */
	if (copy_from_guest(v, &r, a[1], sizeof(r)) == 0) {
		native.extent_start = r.extent_start;
		native.nr_extents = r.nr_extents;
		native.extent_order = r.extent_order;
		native.mem_flags = r.mem_flags;
		native.domid = r.domid;
	}
	return do_memory_op(v, (const uint64_t[6]){ a[0], TRANSLATE(v, &native) });
}

static long memory_map(struct hv_vcpu *v, const uint64_t a[6])
{
	struct compat_xen_memory_map map;
	struct xen_memory_map native = { 0 };
	long rc;

	if (copy_from_guest(v, &map, a[1], sizeof(map)))
		return -XEN_EFAULT;
	native.nr_entries = map.nr_entries;
	native.buffer = map.buffer;
	rc = do_memory_op(v, (const uint64_t[6]){ a[0], TRANSLATE(v, &native) });
	if (rc)
		return rc;
	memcpy(&native, v->translated, sizeof(native));
	map.nr_entries = native.nr_entries;
	return copy_to_guest(v, a[1], &map, sizeof(map));
}

static long compat_memory_op(struct hv_vcpu *v, const uint64_t a[6])
{
	switch (a[0] % (1u << COMMAND_BITS)) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return change_reservation(v, a);
	case XENMEM_memory_map:
		return memory_map(v, a);
	default:
		return do_memory_op(v, a);
	}
}

/* ---- the table ---- */

int compat_get_entry(struct hv_vcpu *v, struct multicall_entry *e, uint64_t va)
{
	struct compat_multicall_entry narrow;
	unsigned i;

	if (copy_from_guest(v, &narrow, va, sizeof(narrow)))
		return -XEN_EFAULT;
	e->op = narrow.op;
	e->result = narrow.result;
	for (i = 0; i < 6; i++)
		e->args[i] = narrow.args[i];
	return 0;
}

int compat_give_arguments(struct hv_vcpu *v, uint64_t va, const uint64_t args[6])
{
	uint32_t narrow[6];
	unsigned i;

	for (i = 0; i < 6; i++)
		narrow[i] = (uint32_t)args[i];
	return copy_to_guest(v, va + offsetof(struct compat_multicall_entry, args), narrow,
			     sizeof(narrow));
}

int compat_give_result(struct hv_vcpu *v, uint64_t va, uint64_t result)
{
	uint32_t narrow = (uint32_t)result;

	return copy_to_guest(v, va + offsetof(struct compat_multicall_entry, result), &narrow,
			     sizeof(narrow));
}

/*
 * Not there: what changes page tables, segments' bases and descriptors. A 32-bit domain has none of
 * these here.
 */
static body *const bodies[] = {
	[__HYPERVISOR_set_trap_table] = compat_set_trap_table,
	[__HYPERVISOR_stack_switch] = do_stack_switch,
	[__HYPERVISOR_set_callbacks] = compat_set_callbacks,
	[__HYPERVISOR_fpu_taskswitch] = do_fpu_taskswitch,
	[__HYPERVISOR_sched_op_compat] = do_sched_op_compat,
	[__HYPERVISOR_memory_op] = compat_memory_op,
	[__HYPERVISOR_multicall] = do_multicall,
	[__HYPERVISOR_set_timer_op] = compat_set_timer_op,
	[__HYPERVISOR_event_channel_op_compat] = do_event_channel_op_compat,
	[__HYPERVISOR_xen_version] = compat_xen_version,
	[__HYPERVISOR_console_io] = do_console_io,
	[__HYPERVISOR_physdev_op_compat] = compat_physdev_op_compat,
	[__HYPERVISOR_vm_assist] = compat_vm_assist,
	[__HYPERVISOR_iret] = do_iret,
	[__HYPERVISOR_vcpu_op] = compat_vcpu_op,
	[__HYPERVISOR_nmi_op] = compat_nmi_op,
	[__HYPERVISOR_sched_op] = compat_sched_op,
	[__HYPERVISOR_callback_op] = compat_callback_op,
	[__HYPERVISOR_event_channel_op] = do_event_channel_op,
	[__HYPERVISOR_physdev_op] = compat_physdev_op,
};

#define BODIES (sizeof(bodies) / sizeof(bodies[0]))

long compat_dispatch(struct hv_vcpu *v, uint32_t nr, const uint64_t a[6])
{
	uint64_t low[6];
	body *f;
	unsigned i;

	if (nr >= BODIES)
		return -XEN_ENOSYS;
	f = bodies[index_nospec(nr, BODIES)];
	if (!f)
		return -XEN_ENOSYS;
	/* What its upper halves hold, a 32-bit guest does not know. */
	for (i = 0; i < 6; i++)
		low[i] = (uint32_t)a[i];
	return f(v, low);
}
