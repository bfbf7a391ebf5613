/* SPDX-License-Identifier: MIT */
/*
 * Against what the shim and the monitor find in a vCPU when they are entered: its segments, its
 * descriptor table, its vector and protection-key state; and the areas that it has the hypervisor
 * half write to. The end of this domain with a report, or OK.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

#define OFTEN_NS UINT64_C(200000)

/* ---- areas --------------------------------------------------------------------------------- */

static uint8_t pages[4][PV_PAGE_BYTES] __attribute__((aligned(PV_PAGE_BYTES)));

/* Somewhere in the pages, at their edges, or where nothing of ours may be. */
static uint64_t somewhere(uint64_t *seed)
{
	static const uint64_t odd[] = {
		0,
		SHIM_BASE,
		SHIM_CONTROL + 8,
		SHIM_SCRATCH + 64,
		SHIM_END - 8,
		UINT64_C(0x7ffffffffff8),
		UINT64_C(0x800000000000) - 4,
		UINT64_C(0x8000000000000000),
		UINT64_C(0xffff800000000000),
		UINT64_MAX - 7,
	};
	uint64_t r = hostile_rnd(seed);

	switch (r >> 40 & 3) {
	case 0:
		return odd[r % (sizeof(odd) / sizeof(odd[0]))];
	case 1: /* on the edge of two pages */
		return pv_arg(pages[1 + (r & 1)]) - (r >> 8 & 63);
	case 2:
		return hostile_si()->pt_base + (r & 4095);
	default:
		return pv_arg(pages) + r % sizeof(pages);
	}
}

/* Present, read-only, or not there at all */
static void change_page(const uint64_t mfns[4], uint64_t r)
{
	static const uint64_t flags[] = { 0, 1, 3 };
	uint64_t flag = flags[r >> 8 & 1 ? 2 : r >> 9 & 1];

	(void)pv_remap(pages[r & 3], flag ? pv_pte(mfns[r >> 2 & 3], flag == 3) : 0);
}

/*
 * Areas that the hypervisor half writes to when this vCPU runs, blocks or takes the time, at any
 * address, straddling pages, and unmapped when they are registered.
 */
void mode_areas(struct pv *pv)
{
	static const uint64_t ops[] = { VCPUOP_register_runstate_memory_area,
					VCPUOP_register_vcpu_time_memory_area,
					VCPUOP_register_vcpu_info, VCPUOP_get_runstate_info };
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15, mfns[4];
	static uint64_t argument[2];

	for (unsigned i = 0; i < 4; i++)
		mfns[i] = pv_frame_of(pv, pages[i]);
	hostile_timer(pv, OFTEN_NS);
	for (uint64_t i = 0; i < hostile_option("rounds=", 2000); i++) {
		uint64_t r = hostile_rnd(&seed), at = pv_arg(argument);

		argument[0] = somewhere(&seed);
		argument[1] = hostile_rnd(&seed);
		/* A vcpu_info can be placed once only, and then our upcalls are over. */
		if (r >> 20 & 15)
			pv_hypercall(__HYPERVISOR_vcpu_op, ops[r & 1], 0, at, 0, 0);
		else
			pv_hypercall(__HYPERVISOR_vcpu_op, ops[3], 0, somewhere(&seed), 0, 0);
		change_page(mfns, r >> 24);
		if (!(r >> 50 & 7))
			pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	}
	argument[0] = hostile_rnd(&seed) & 0xffff;
	argument[1] = hostile_rnd(&seed) & 0xffff;
	pv_hypercall(__HYPERVISOR_vcpu_op, ops[2], 0, pv_arg(argument), 0, 0);
	hostile_done();
}

/* ---- segments ------------------------------------------------------------------------------ */

static bool any_trap(struct pv *pv, struct pv_frame *frame)
{
	(void)pv;
	/* A selector that cannot be loaded: over that instruction, all are of two bytes. */
	if (frame->vector != 13 && frame->vector != 11)
		return false;
	frame->rip += 2;
	return true;
}

/*
 * Any selector and any base, descriptors of any kind, between upcalls and hypercalls that come with
 * them.
 */
void mode_segments(struct pv *pv)
{
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15;
	uint64_t *table = pv_alloc(pv, PV_PAGE_BYTES), mfn = pv_frame_of(pv, table);

	pv->trap_hook = any_trap;
	hostile_timer(pv, OFTEN_NS);
	for (uint64_t i = 0; i < hostile_option("rounds=", 3000); i++) {
		uint64_t r = hostile_rnd(&seed), value = hostile_rnd(&seed);

		if (r >> 16 & 1)
			value &= UINT64_C(0x7fffffffffff);
		if (!(r >> 17 & 7))
			value = SHIM_SCRATCH + (value & 4095);
		switch (r >> 20 & 7) {
		case 0:
			__asm__ volatile("mov %w0, %%ds" : : "a"(value));
			break;
		case 1:
			__asm__ volatile("mov %w0, %%es" : : "a"(value));
			break;
		case 2:
			__asm__ volatile("mov %w0, %%fs" : : "a"(value));
			break;
		case 3:
			/* The kernel's GS is where our own handlers look; that is our end. */
			if ((r & 3) != SEGBASE_GS_KERNEL)
				pv_hypercall(__HYPERVISOR_set_segment_base, r & 3, value, 0, 0, 0);
			break;
		case 4:
			pv_hypercall(__HYPERVISOR_update_descriptor, mfn << 12 | (r & 511) * 8,
				     value, 0, 0, 0);
			break;
		case 5:
			pv_hypercall(__HYPERVISOR_set_gdt, pv_arg(&mfn), r & 8191, 0, 0, 0);
			break;
		case 6:
			pv_hypercall(__HYPERVISOR_set_debugreg, r & 7, value, 0, 0, 0);
			break;
		default:
			pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
		}
	}
	hostile_done();
}

/* ---- vectors and keys ---------------------------------------------------------------------- */

static uint64_t cpuid7_ecx(void)
{
	unsigned a = 7, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c;
}

/*
 * kind 0: all exceptions of SSE and the x87 unmasked and pending when the shim is entered; 1: no
 * data of ours may be touched, by the protection keys; 2: an extended state that is garbage, made
 * ours by a forged signal frame.
 */
void mode_vectors(struct pv *pv)
{
	static uint8_t state[4096] __attribute__((aligned(64)));
	static uint64_t frame[64];
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15;
	unsigned mxcsr = 0x3f;
	unsigned short control = 0;

	hostile_timer(pv, OFTEN_NS);
	switch (hostile_option("kind=", 0)) {
	case 0:
		__asm__ volatile("fninit; fldz; fld1; fldcw %0; fdiv %%st(1)" : : "m"(control));
		for (unsigned i = 0; i < 1000; i++) {
			__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
			pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
		}
		hostile_spin(pv, 20);
		break;
	case 1:
		if (!(cpuid7_ecx() >> 4 & 1)) /* OSPKE */
			break;
		__asm__ volatile("wrpkru; mov $29, %%eax; syscall; mov (%%rsp), %%rax"
				 :
				 : "a"(~0u), "c"(0), "d"(0)
				 : "r11", "memory");
		break;
	default:
		for (size_t i = 0; i < sizeof(state) / 8; i++)
			((uint64_t *)state)[i] = hostile_rnd(&seed);
		((uint32_t *)state)[6] = (uint32_t)hostile_rnd(&seed); /* MXCSR */
		((uint32_t *)state)[116] = 0x46505853;		       /* FP_XSTATE_MAGIC1 */
		((uint32_t *)state)[117] = 2700 + (unsigned)(seed & 63) * 4;
		((uint64_t *)state)[59] = 0x2e7;
		((uint32_t *)state)[120] = 2696;
		frame[0] = 7; /* UC_FP_XSTATE */
		frame[20] = pv_arg(&frame[63]);
		frame[21] = (uint64_t)hostile_ud2;
		frame[22] = 0x202;
		frame[23] = SHIM_HOST_CS | (uint64_t)SHIM_HOST_SS << 48;
		frame[28] = pv_arg(state) + (hostile_rnd(&seed) & 3 ? 0 : seed & 127);
		hostile_sigreturn(frame, SHIM_BASE + SHIM_RESTORER_OFFSET);
	}
	hostile_done();
}
