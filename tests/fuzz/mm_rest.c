/* SPDX-License-Identifier: MIT */
/*
 * fuzz-mm besides page tables: vCPUs that begin, pages that the hypervisor writes, copies,
 * selectors, CPUID, registers. See mm.c.
 */
#include <string.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#include "mm_step.h"

#define DESC_CODE  (1ull << 43)
#define DESC_LONG  (1ull << 53)
#define DESC_WRITE (1ull << 41)
#define DESC_READY (0xfull << 44) /* present, privilege 3, code or data */

/* ---- vCPUs, and pages that the hypervisor writes ---- */

void initialise(struct machine *x, struct input *in)
{
	struct vcpu_guest_context c;
	struct descriptors gdt = { .entries = take8(in) % 4u * 300u };
	uint64_t root = take_frame(in), ldt = take_va(in), ldt_entries = take8(in) % 3u * 400u;
	struct mm_state *s = x->s, with = *s;
	bool should = !x->up[1] && x->me == 0;

	if (x->me)
		return;
	memset(&c, 0, sizeof(c));
	c.ctrlreg[3] = xen_pfn_to_cr3(root);
	root = xen_cr3_to_pfn(c.ctrlreg[3]);
	for (unsigned i = 0; i < 16; i++)
		c.gdt_frames[i] = gdt.mfn[i] = i < 2 ? take_frame(in) : RAM_MFN + FIRST_GDT;
	c.gdt_ents = gdt.entries;
	c.ldt_base = ldt;
	c.ldt_ents = ldt_entries;
	/* One after the other, each beside what was before. */
	x->me = 1;
	should = should && may_load(x, root);
	if (should)
		s->root[1] = root;
	should = should && may_set(x, &gdt);
	if (should)
		s->gdt[1] = gdt;
	should = should && may_set_ldt(x, ldt, ldt_entries);
	*s = with;
	x->me = 0;
	if (!done(x, "initialise",
		  call(x, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, args(x, &c, sizeof(c)), 0),
		  should))
		return;
	s->root[1] = root;
	s->gdt[1] = gdt;
	find_ldt(x, ldt, ldt_entries, &s->ldt[1]);
	MUST(call(x, __HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0, 0) == 0, "up");
	x->up[1] = true;
}

static void register_info(struct machine *x, struct input *in)
{
	unsigned id = take8(in) % VCPUS;
	struct vcpu_register_vcpu_info r = { .mfn = take_frame(in), .offset = take8(in) * 64u };
	bool should = !x->info[id] && (id == x->me || !x->up[id]) && r.offset <= 4096 - 64 &&
		      mm_is_data(&x->u, r.mfn);

	if (!done(x, "register_vcpu_info",
		  call(x, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, id,
		       args(x, &r, sizeof(r)), 0),
		  should))
		return;
	x->info[id] = true;
	x->s->data[r.mfn - RAM_MFN]++;
}

static void init_control(struct machine *x, struct input *in)
{
	struct evtchn_init_control a = { take_frame(in), 0, take8(in) % VCPUS, 0, { 0 } };
	bool should = !x->block[a.vcpu] && mm_is_data(&x->u, a.control_gfn);
	uint64_t mfn = a.control_gfn;

	if (!done(x, "init_control",
		  call(x, __HYPERVISOR_event_channel_op, EVTCHNOP_init_control,
		       args(x, &a, sizeof(a)), 0, 0),
		  should))
		return;
	x->block[a.vcpu] = true;
	x->block_mfn[a.vcpu] = mfn;
	x->s->data[mfn - RAM_MFN]++;
}

static void expand_array(struct machine *x, struct input *in)
{
	struct evtchn_expand_array a = { take_frame(in) };
	bool should =
		(x->block[0] || x->block[1]) && x->words < 128 && mm_is_data(&x->u, a.array_gfn);

	if (!done(x, "expand_array",
		  call(x, __HYPERVISOR_event_channel_op, EVTCHNOP_expand_array,
		       args(x, &a, sizeof(a)), 0, 0),
		  should))
		return;
	x->words_mfn[x->words++] = a.array_gfn;
	x->s->data[a.array_gfn - RAM_MFN]++;
}

static void reset(struct machine *x)
{
	struct evtchn_reset a = { DOMID_SELF };

	done(x, "reset",
	     call(x, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, args(x, &a, sizeof(a)), 0, 0),
	     true);
	for (unsigned i = 0; i < x->words; i++)
		x->s->data[x->words_mfn[i] - RAM_MFN]--;
	for (unsigned id = 0; id < VCPUS; id++)
		if (x->block[id])
			x->s->data[x->block_mfn[id] - RAM_MFN]--;
	x->words = 0;
	memset(x->block, 0, sizeof(x->block));
}

void data_page(struct machine *x, struct input *in)
{
	uint8_t how = take8(in);

	/* Who holds such pages is not followed when nobody says what was asked for. */
	if (x->unknown)
		return;
	if (how < 100)
		register_info(x, in);
	else if (how < 160)
		init_control(x, in);
	else if (how < 220)
		expand_array(x, in);
	else
		reset(x);
}

/* ---- what only looks, or writes as the guest may ---- */

void copy(struct machine *x, struct input *in)
{
	uint64_t va = take_va(in) + take8(in) * 16ull;
	uint8_t how = take8(in), bytes[4096] = { 0 };
	size_t n = how & 2 ? sizeof(bytes) : how >> 4;
	bool write = how & 1, should = va + n >= va;

	for (uint64_t at = va; n && should && at < va + n; at = (at | 4095) + 1)
		should = mm_translate(x->s, &x->u, at, write) != NO_MFN &&
			 !(write && mm_is_locked(mm_translate(x->s, &x->u, at, write)));
	done(x, write ? "copy_to" : "copy_from",
	     write ? hv_pv_copy_to(x->e->d, va, bytes, n) : hv_pv_copy_from(x->e->d, bytes, va, n),
	     should);
}

static uint64_t find_descriptor(const struct machine *x, unsigned selector)
{
	const struct descriptors *t = selector & 4 ? &x->s->ldt[x->me] : &x->s->gdt[x->me];
	unsigned i = selector / 8;
	const uint64_t *page = i < t->entries ? mm_page(x->s, t->mfn[i / ENTRIES]) : NULL;

	return page ? page[i % ENTRIES] : 0;
}

void check_return(struct machine *x, struct input *in)
{
	uint16_t cs = take8(in) & 0x80 ? 0xe030 : take16(in) % 1024u;
	uint16_t ss = take8(in) & 0x80 ? 0xe02b : take16(in) % 1024u;
	uint64_t code = find_descriptor(x, cs), stack = find_descriptor(x, ss);
	const uint64_t is_code = DESC_READY | DESC_CODE | DESC_LONG;
	const uint64_t is_stack = DESC_READY | DESC_WRITE;
	struct hv_exception raised;
	bool should = (cs & 3) != 3;

	should = should && (cs == 0xe030 || (code & is_code) == is_code);
	should = should && (ss == 0xe02b || (stack & (is_stack | DESC_CODE)) == is_stack);
	done(x, "check_return", hv_vcpu_check_return(x->v, cs, ss, &raised), should);
}

/* Xen's leaves are the same on every machine; of the machine's own, nothing is made up. */
void cpuid(struct machine *x, struct input *in)
{
	static const uint32_t bases[] = { 0, XEN_CPUID_FIRST_LEAF, 0x80000000, 0x80000020 };
	uint8_t kind = take8(in);
	uint32_t leaf = bases[kind % 4u] + (kind >> 4), subleaf = take8(in) % 70u;
	struct hv_cpuid a, b = { 0, 0, 0, 0 }, was;

	take(in, &a, sizeof(a));
	was = a;
	hv_vcpu_cpuid(x->v, leaf, subleaf, &a);
	if (kind % 4u == 1) {
		hv_vcpu_cpuid(x->v, leaf, subleaf, &b);
		MUST(!memcmp(&a, &b, sizeof(a)), "leaf %#x", leaf);
		return;
	}
	MUST(a.eax <= was.eax && !(a.edx & ~was.edx), "leaf %#x", leaf);
	MUST(leaf == 1 || !((a.ebx & ~was.ebx) | (a.ecx & ~was.ecx)), "leaf %#x", leaf);
}

void memory_op(struct machine *x, struct input *in)
{
	uint8_t cmd = take8(in) % 16u, where = take8(in);
	struct xen_memory_reservation r = { .domid = DOMID_SELF, .nr_extents = take8(in) };
	const struct xen_memory_map map = { take8(in) % 4u, BASE + 64 };
	uint64_t start = where & 1, at = where < 200 ? args(x, &r, sizeof(r)) : take_va(in);
	long rc;

	if (where < 50)
		at = args(x, &r.domid, sizeof(r.domid));
	else if (where < 100)
		at = args(x, &map, sizeof(map));
	rc = call(x, __HYPERVISOR_memory_op, cmd | start << 6, at, 0, 0);
	if (cmd == XENMEM_maximum_ram_page)
		done(x, "maximum_ram_page", rc == RAM_MFN + RAM_PAGES ? rc : -1, !start);
	else if (cmd == XENMEM_current_reservation && where < 50)
		done(x, "current_reservation", rc == RAM_PAGES ? rc : -1, !start);
	else if (cmd == XENMEM_populate_physmap)
		MUST(rc == (long)start || rc == -XEN_EPERM, "populate_physmap: %ld", rc);
}

/* What a guest can write, it writes. */
void guest_write(struct machine *x, struct input *in)
{
	uint64_t mfn = take_frame(in), *page = mm_page(x->s, mfn);
	unsigned slot = take_slot(in, mfn);
	uint64_t value = take_entry(in);

	if (page && (x->e->mapped_writable[mfn - RAM_MFN] || x->e->forging))
		page[slot] = value;
}

/* ---- registers and handlers ---- */

/* Those are the embedder's: only that it is asked for the right ones. */
static void segment(struct machine *x, unsigned which, uint64_t base)
{
	bool canonical = which == SEGBASE_GS_USER_SEL || base + (1ull << 47) < 1ull << 48;
	long rc = call(x, __HYPERVISOR_set_segment_base, which, base, 0, 0);

	done(x, "set_segment_base", rc, which <= SEGBASE_GS_USER_SEL && canonical);
	MUST(rc < 0 || (x->e->segment == which && x->e->base == base), "another segment");
}

static void set_trap(struct machine *x, struct input *in)
{
	struct trap_info t[2] = { { .vector = take8(in), .flags = take8(in) & 7, .cs = 0xe033 } };
	struct hv_trap got;
	long rc;

	t[0].address = take8(in) & 1 ? take64(in) : take_va(in);
	rc = call(x, __HYPERVISOR_set_trap_table, args(x, t, sizeof(t)), 0, 0, 0);
	done(x, "set_trap_table", rc, !t[0].address || t[0].address + (1ull << 47) < 1ull << 48);
	if (rc || x->unknown || !t[0].address)
		return;
	MUST(hv_vcpu_trap(x->v, t[0].vector, &got) == 0 && got.rip == t[0].address &&
		     got.dpl == (t[0].flags & 3u) && got.mask_events == !!(t[0].flags & 4),
	     "trap %u", t[0].vector);
}

void registers(struct machine *x, struct input *in)
{
	uint8_t how = take8(in);
	struct hv_trap trap;

	if (how < 100) {
		segment(x, how % 6u, how & 8 ? take64(in) : take_va(in));
	} else if (how < 200) {
		set_trap(x, in);
	} else if (how < 220) {
		hv_vcpu_send_nmi(x->v);
		if (hv_vcpu_take_nmi(x->v, &trap) == 0)
			MUST(hv_vcpu_in_nmi(x->v), "not in an NMI");
	} else {
		MUST(call(x, __HYPERVISOR_iret, 0, 0, 0, 0) == IRET_RAX, "iret");
		MUST(!hv_vcpu_in_nmi(x->v), "still in an NMI");
	}
}
