/* SPDX-License-Identifier: MIT */
/* With several vCPUs at once: hypercalls with anything, on anything, while the others do too. */
#include "hostile.h"

#include "../../../images/lib/lib.h"

#define MAX_CPUS 8u

static uint8_t stacks[MAX_CPUS][16384] __attribute__((aligned(16)));
static uint64_t gs_area[MAX_CPUS][8];

void hostile_start_vcpu(struct pv *pv, unsigned n, void (*f)(unsigned cpu, void *arg), void *arg)
{
	struct vcpu_guest_context *c = pv_alloc(pv, sizeof(*c));
	long r;

	if (!c)
		pv_panic("hostile: no memory");
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = pv_arg(hostile_ap_entry);
	c->user_regs.rsp = pv_arg(&stacks[n][sizeof(stacks[n])]);
	c->user_regs.rdi = n;
	c->user_regs.rsi = (uint64_t)f;
	c->user_regs.rdx = pv_arg(arg);
	c->user_regs.rflags = 0x202;
	c->user_regs.cs = FLAT_KERNEL_CS64;
	c->user_regs.ss = FLAT_KERNEL_SS64;
	c->ctrlreg[3] = xen_pfn_to_cr3(pv_frame_of(pv, (void *)hostile_si()->pt_base));
	gs_area[n][0] = pv_arg(&pv->shared_info->vcpu_info[n]);
	c->gs_base_kernel = pv_arg(gs_area[n]);
	c->event_callback_eip = pv_arg(hostile_ap_event);
	r = pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, n, pv_arg(c), 0, 0);
	if (!r)
		r = pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, n, 0, 0, 0);
	if (r)
		pv_panic("hostile: vCPU %u: %ld", n, r);
}

/* ---- fuzz --------------------------------------------------------------------------------------
 */

static uint8_t arena[8][PV_PAGE_BYTES] __attribute__((aligned(PV_PAGE_BYTES)));

static uint64_t some_value(struct pv *pv, uint64_t *seed)
{
	uint64_t r = hostile_rnd(seed), si = hostile_si()->shared_info >> 12;

	switch (r % 12) {
	case 0:
		return r >> 8 & 15;
	case 1:
		return pv_frame_of(pv, arena[r >> 8 & 7]);
	case 2:
		return pv_arg(arena[r >> 8 & 7]) + (r >> 16 & 4095);
	case 3:
		return pv_arg(arena[r >> 8 & 7]) + (r >> 16 & 0xff8);
	case 4:
		return si + (r >> 8 & 3) - 1;
	case 5:
		return pv_pte(pv_frame_of(pv, arena[r >> 8 & 7]), r >> 16 & 1);
	case 6:
		return pv_frame_of(pv, arena[r >> 8 & 7]) << 12 | (r >> 16 & 0xfff);
	case 7:
		return DOMID_SELF;
	case 8:
		return UINT64_C(1) << (r >> 8 & 63);
	case 9:
		return hostile_si()->pt_base + (r >> 8 & 0xffff);
	case 10:
		return r >> 8 & 0xfff;
	default:
		return hostile_rnd(seed);
	}
}

static void fill(struct pv *pv, uint64_t *seed)
{
	/* The first four stay as they are mapped, so that there is something to write to. */
	uint64_t *words = (uint64_t *)arena[hostile_rnd(seed) & 3];

	for (unsigned i = 0; i < 8; i++)
		words[hostile_rnd(seed) & 511] = some_value(pv, seed);
	/* and a few small words at the front, where operations have their members */
	for (unsigned i = 0; i < 6; i++)
		((uint32_t *)words)[i] = (uint32_t)some_value(pv, seed);
}

static void fuzz_one(struct pv *pv, uint64_t *seed)
{
	static const uint8_t numbers[] = {
		__HYPERVISOR_mmu_update,
		__HYPERVISOR_set_gdt,
		__HYPERVISOR_stack_switch,
		__HYPERVISOR_update_descriptor,
		__HYPERVISOR_memory_op,
		__HYPERVISOR_multicall,
		__HYPERVISOR_update_va_mapping,
		__HYPERVISOR_set_timer_op,
		__HYPERVISOR_event_channel_op_compat,
		__HYPERVISOR_event_channel_op,
		__HYPERVISOR_event_channel_op,
		__HYPERVISOR_event_channel_op,
		__HYPERVISOR_xen_version,
		__HYPERVISOR_physdev_op,
		__HYPERVISOR_physdev_op_compat,
		__HYPERVISOR_vm_assist,
		__HYPERVISOR_update_va_mapping_otherdomain,
		__HYPERVISOR_vcpu_op,
		__HYPERVISOR_vcpu_op,
		__HYPERVISOR_mmuext_op,
		__HYPERVISOR_mmuext_op,
		__HYPERVISOR_sched_op,
		__HYPERVISOR_callback_op,
		__HYPERVISOR_nmi_op,
	};
	unsigned nr = numbers[hostile_rnd(seed) % sizeof(numbers)];
	uint64_t a[5];

	fill(pv, seed);
	for (unsigned i = 0; i < 5; i++)
		a[i] = some_value(pv, seed);
	/* Mostly a good operation at a good place. */
	if (hostile_rnd(seed) % 4) {
		unsigned page = hostile_rnd(seed) & 3;

		if (nr == __HYPERVISOR_mmu_update || nr == __HYPERVISOR_mmuext_op ||
		    nr == __HYPERVISOR_multicall) {
			a[0] = pv_arg(arena[page]) + (hostile_rnd(seed) & 0x1f8);
			a[1] = hostile_rnd(seed) & 15;
			a[2] = hostile_rnd(seed) & 1 ? 0 : pv_arg(arena[7]);
			a[3] = DOMID_SELF;
		} else if (nr == __HYPERVISOR_vcpu_op) {
			a[0] = hostile_rnd(seed) % 14;
			a[1] = hostile_rnd(seed) % 5;
			a[2] = pv_arg(arena[page]);
		} else if (nr == __HYPERVISOR_update_va_mapping) {
			a[0] = pv_arg(arena[page + 4]);
			a[1] = pv_pte(pv_frame_of(pv, arena[hostile_rnd(seed) & 7]),
				      hostile_rnd(seed) & 1);
		} else {
			a[0] = hostile_rnd(seed) % 16;
			a[1] = pv_arg(arena[page]);
		}
	}
	/* Not to end too soon: shutdown, block or poll for ever, all vCPUs down. */
	if (nr == __HYPERVISOR_sched_op && (uint32_t)a[0] != SCHEDOP_yield)
		a[0] = hostile_rnd(seed) % 64 ? SCHEDOP_yield : a[0];
	if (nr == __HYPERVISOR_vcpu_op && (uint32_t)a[0] == VCPUOP_down && hostile_rnd(seed) % 8)
		a[0] = VCPUOP_up;
	if (nr == __HYPERVISOR_event_channel_op_compat && hostile_rnd(seed) % 4)
		a[0] = pv_arg(arena[hostile_rnd(seed) & 3]);
	pv_hypercall(nr, a[0], a[1], a[2], a[3], a[4]);
}

struct fuzz {
	struct pv *pv;
	uint64_t seed, rounds;
};

static void fuzz_cpu(unsigned cpu, void *arg)
{
	struct fuzz *f = arg;
	uint64_t seed = (f->seed + 1) * 0x9e3779b97f4a7c15 + cpu * 0x2545f4914f6cdd1d;

	for (uint64_t i = 0; i < f->rounds; i++)
		fuzz_one(f->pv, &seed);
}

/* Random hypercalls on cpus= vCPUs. Anything but a report or an OK is a fault of the monitor's. */
void mode_fuzz(struct pv *pv)
{
	static struct fuzz f;
	unsigned cpus = (unsigned)hostile_option("cpus=", 3);

	f = (struct fuzz){ pv, hostile_option("seed=", 1), hostile_option("rounds=", 3000) };
	for (unsigned i = 1; i < cpus && i < MAX_CPUS; i++)
		hostile_start_vcpu(pv, i, fuzz_cpu, &f);
	fuzz_cpu(0, &f);
	hostile_done();
}

/* ---- the shim's stacks
 * ---------------------------------------------------------------------------- */

static void scribble(unsigned cpu, void *arg)
{
	volatile uint64_t *base = (volatile uint64_t *)(uint64_t)SHIM_SCRATCH;
	uint64_t seed = pv_arg(arg) * 0x9e3779b97f4a7c15 + cpu;

	/* Words that may send it somewhere: addresses of the shim's, numbers of the host's calls */
	for (;;) {
		uint64_t r = hostile_rnd(&seed), at = r % (32768 / 8);
		uint64_t value = hostile_rnd(&seed);

		switch (r >> 32 & 3) {
		case 0:
			value = SHIM_BASE + value % 4096;
			break;
		case 1:
			value = 57 + value % 30;
			break;
		case 2:
			value = SHIM_SCRATCH + value % 65536;
			break;
		}
		base[at] = value;
	}
}

/* vCPU 1 writes over the scratch page and signal stack of vCPU 0 while that takes upcalls. */
void mode_scratch(struct pv *pv)
{
	hostile_timer(pv, 100000);
	hostile_start_vcpu(pv, 1, scribble, (void *)hostile_option("seed=", 1));
	hostile_spin(pv, 300);
	hostile_done();
}

/* ---- vCPUs up and down, their areas moved
 * -------------------------------------------------------- */

static void blink(unsigned cpu, void *arg)
{
	uint64_t seed = cpu * 77777 + 1;

	(void)arg;
	for (;;) {
		unsigned other = 1 + (unsigned)(hostile_rnd(&seed) % 3);

		pv_hypercall(__HYPERVISOR_vcpu_op, hostile_rnd(&seed) & 1 ? VCPUOP_up : VCPUOP_down,
			     other, 0, 0, 0);
	}
}

/* Three vCPUs take each other up and down while vCPU 0 looks on. OK. */
void mode_chaos(struct pv *pv)
{
	uint64_t end;

	for (unsigned i = 1; i < 4; i++)
		hostile_start_vcpu(pv, i, blink, NULL);
	end = guest_clock(pv->guest) + hostile_option("ms=", 500) * UINT64_C(1000000);
	while (guest_clock(pv->guest) < end)
		for (unsigned i = 1; i < 4; i++)
			pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, i, 0, 0, 0);
	hostile_done();
}

static void shut_down(unsigned cpu, void *arg)
{
	struct sched_shutdown s = { cpu % 2 ? SHUTDOWN_poweroff : SHUTDOWN_crash };

	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n((int *)arg, __ATOMIC_SEQ_CST) < 4)
		__builtin_ia32_pause();
	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, pv_arg(&s), 0, 0, 0);
}

/* Four vCPUs shut down at once, for different reasons. One of them counts. */
void mode_shutdowns(struct pv *pv)
{
	static int arrived;

	for (unsigned i = 1; i < 4; i++)
		hostile_start_vcpu(pv, i, shut_down, &arrived);
	shut_down(0, &arrived);
	hostile_done();
}

/* vcpu_info of a vCPU that others take up and down moves into our memory meanwhile. */
void mode_info(struct pv *pv)
{
	static int count;
	uint64_t ticks;

	for (unsigned i = 1; i < 4; i++)
		hostile_start_vcpu(pv, i, blink, &count);
	hostile_timer(pv, 100000);
	for (unsigned i = 0; i < 3000; i++) {
		struct vcpu_register_vcpu_info r = { pv_frame_of(pv, arena[i & 7]), (i & 7) * 64,
						     0 };

		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1 + i % 3, 0, 0, 0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 1 + i % 3, pv_arg(&r),
			     0, 0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1 + i % 3, 0, 0, 0);
	}
	/* Did one of them take ours for its own, which has moved from this page? */
	ticks = hostile_ticks;
	for (unsigned i = 0; i < 200 && hostile_ticks == ticks; i++)
		hostile_spin(pv, 10);
	if (hostile_ticks == ticks)
		pv_panic("hostile: CPU 0 has no upcalls any more");
	hostile_done();
}

static volatile bool awake[MAX_CPUS];

/* Once. Then it makes no call, so nothing but what woke it can show it where its vcpu_info is. */
static void sleep_once(unsigned cpu, void *arg)
{
	(void)arg;
	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0, 0);
	awake[cpu] = true;
	for (;;)
		__builtin_ia32_pause();
}

static bool is_blocked(unsigned cpu)
{
	struct vcpu_runstate_info r;

	return !pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, cpu, pv_arg(&r), 0,
			     0) &&
	       r.state == RUNSTATE_blocked;
}

/* Not by spinning: the other vCPUs may need this processor. */
static void nap(struct pv *pv, uint64_t ms)
{
	struct sched_poll p = { .timeout = guest_clock(pv->guest) + ms * UINT64_C(1000000) };

	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0);
}

static void move_asleep(struct pv *pv, unsigned cpu)
{
	volatile struct vcpu_info *info = (void *)&arena[cpu][cpu * 64];
	struct vcpu_register_vcpu_info r = { pv_frame_of(pv, arena[cpu]), cpu * 64, 0 };
	uint64_t end = guest_clock(pv->guest) + UINT64_C(15000000000);

	hostile_start_vcpu(pv, cpu, sleep_once, NULL);
	while (!is_blocked(cpu))
		nap(pv, 1);
	nap(pv, 20);
	pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, cpu, 0, 0, 0);
	gs_area[cpu][0] = pv_arg(&arena[cpu][cpu * 64]);
	if (pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, cpu, pv_arg(&r), 0, 0))
		pv_panic("hostile: vcpu_info does not move");
	pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, cpu, 0, 0, 0);
	while (info->evtchn_upcall_pending || !awake[cpu]) {
		if (guest_clock(pv->guest) > end)
			pv_panic("hostile: vCPU %u is %s, and has no upcall", cpu,
				 awake[cpu] ? "awake" : "asleep");
		nap(pv, 1);
	}
	pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, cpu, 0, 0, 0);
}

/* Their vcpu_info moves while vCPUs sleep: they take their upcalls in the new place. OK. */
void mode_moved(struct pv *pv)
{
	for (unsigned i = 1; i < 4; i++)
		move_asleep(pv, i);
	hostile_done();
}
