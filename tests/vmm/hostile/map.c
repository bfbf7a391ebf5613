/* SPDX-License-Identifier: MIT */
/* Against the monitor by way of page tables: how many, how often, and what is under our own feet.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

static uint64_t *table_of(uint64_t va)
{
	return (uint64_t *)va;
}

/* An entry of a table that is mapped at va for reading */
static uint64_t entry_mfn(uint64_t va, unsigned slot)
{
	return table_of(va)[slot] >> 12 & ((UINT64_C(1) << 40) - 1);
}

uint64_t hostile_l3(struct pv *pv)
{
	(void)pv;
	return entry_mfn(hostile_si()->pt_base, 0);
}

uint64_t hostile_new_table(struct pv *pv)
{
	void *page = pv_alloc(pv, PV_PAGE_BYTES);
	uint64_t mfn;

	if (!page)
		pv_panic("hostile: no memory");
	mfn = pv_frame_of(pv, page);
	memset(page, 0, PV_PAGE_BYTES);
	if (pv_remap(page, pv_pte(mfn, false)))
		pv_panic("hostile: table");
	return mfn;
}

static long mmu_update(const struct mmu_update *u, uint64_t n)
{
	return pv_hypercall(__HYPERVISOR_mmu_update, pv_arg(u), n, 0, DOMID_SELF, 0);
}

void hostile_link(uint64_t table_mfn, unsigned slot, uint64_t entry)
{
	struct mmu_update u = { table_mfn << 12 | slot * 8, entry };
	long r = mmu_update(&u, 1);

	if (r)
		pv_panic("hostile: mmu_update of %lx[%u] to %lx: %ld", (unsigned long)table_mfn,
			 slot, (unsigned long)entry, r);
}

/* Tables, not linked yet, whose pages alternate between two frames: no two can be one mapping. */
static uint64_t alternating(struct pv *pv, unsigned n)
{
	static uint8_t some[3][PV_PAGE_BYTES] __attribute__((aligned(PV_PAGE_BYTES)));
	uint64_t l2 = 0, l1;
	static uint64_t first_l2;

	for (unsigned i = 0; i < n; i++) {
		uint64_t *page = pv_alloc(pv, PV_PAGE_BYTES);

		if (!page)
			break;
		for (unsigned k = 0; k < 512; k++)
			page[k] = pv_pte(pv_frame_of(pv, some[(k & 1) * 2]), false);
		l1 = pv_frame_of(pv, page);
		if (pv_remap(page, pv_pte(l1, false)))
			pv_panic("hostile: table");
		if (i % 512 == 0) {
			l2 = hostile_new_table(pv);
			first_l2 = first_l2 ? first_l2 : l2;
		}
		hostile_link(l2, i % 512, l1 << 12 | 0x67);
	}
	return first_l2;
}

/*
 * Many mappings by one entry, linked and unlinked again and again in one hypercall. The monitor has
 * to remember what is to be done, but not without end.
 */
void mode_plan(struct pv *pv)
{
	unsigned n = (unsigned)hostile_option("tables=", 100);
	uint64_t rounds = hostile_option("rounds=", 4000), l3 = hostile_l3(pv), l2;
	struct mmu_update *u = pv_alloc(pv, rounds * 2 * sizeof(*u));
	long r;

	if (!u)
		pv_panic("hostile: no memory");
	l2 = hostile_new_table(pv);
	hostile_link(l3, 64, l2 << 12 | 0x67);
	hostile_link(l3, 64, 0);
	l2 = alternating(pv, n);
	/* A table that nothing names is forgotten, so it is pinned. */
	for (uint64_t i = 0; i < rounds; i++) {
		u[2 * i] = (struct mmu_update){ l3 << 12 | 64 * 8, l2 << 12 | 0x67 };
		u[2 * i + 1] = (struct mmu_update){ l3 << 12 | 64 * 8, 0 };
	}
	pv_printf("hostile: linking\n");
	r = mmu_update(u, 2 * rounds);
	pv_printf("hostile: linking answered %ld\n", r);
	hostile_done();
}

/* More mappings than the host allows a process. Refused, or our end with a report. */
void mode_maps(struct pv *pv)
{
	uint64_t l3 = hostile_l3(pv),
		 l2 = alternating(pv, (unsigned)hostile_option("tables=", 200));

	pv_printf("hostile: mapping\n");
	hostile_link(l3, 64, l2 << 12 | 0x67);
	pv_printf("hostile: mapped\n");
	hostile_done();
}

/*
 * One hypercall that takes long; it could be days. It can be ended from outside, and by another
 * vCPU's fault or death: kill=1 has vCPU 1 end the process meanwhile, so that nobody can say why.
 */
static void end_process(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	for (unsigned i = 0; i < 2000000; i++)
		__builtin_ia32_pause();
	hostile_die();
}

static void fault(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	for (unsigned i = 0; i < 2000000; i++)
		__builtin_ia32_pause();
	__asm__ volatile("movl $0, 16");
}

#define CALLS 32768u

void mode_endless(struct pv *pv)
{
	static struct multicall_entry calls[CALLS];
	static struct mmu_update none[4096];
	uint64_t kill = hostile_option("kill=", 0);

	for (size_t i = 0; i < 4096; i++)
		none[i].ptr = pv_frame_of(pv, none) << 12 | MMU_MACHPHYS_UPDATE;
	for (size_t i = 0; i < CALLS; i++)
		calls[i] = (struct multicall_entry){
			.op = __HYPERVISOR_mmu_update,
			.args = { pv_arg(none), 4096, 0, DOMID_SELF },
		};
	if (kill)
		hostile_start_vcpu(pv, 1, kill == 1 ? end_process : fault, NULL);
	pv_printf("hostile: endless\n");
	for (;;)
		pv_hypercall(__HYPERVISOR_multicall, pv_arg(calls), hostile_option("calls=", CALLS),
			     0, 0, 0);
}

/*
 * What we stand on: what= stack, page of hypercalls, code, info, gone callbacks, tables, root. Our
 * end.
 */
void mode_unmap(struct pv *pv)
{
	const char *what = pv_word(pv_cmdline(hostile_si()), "what=");
	uint64_t here;

	hostile_timer(pv, 1000000);
	__asm__ volatile("mov %%rsp, %0" : "=r"(here));
	if (!what || *what == 's')
		pv_remap((void *)(here & ~4095ul), 0);
	else if (*what == 'p')
		pv_remap(pv_hypercall_page, 0);
	else if (*what == 'c')
		pv_remap((void *)((uint64_t)mode_unmap & ~4095ul), 0);
	else if (*what == 'i')
		pv_remap(pv->shared_info, 0);
	else if (*what == 'g')
		pv_hypercall(__HYPERVISOR_set_callbacks, 0x5000, 0x5000, 0x5000, 0, 0);
	else if (*what == 't') {
		struct mmu_update u = { entry_mfn(hostile_si()->pt_base, 0) << 12 | 4 * 8, 0 };

		mmu_update(&u, 1);
	} else if (*what == 'r') {
		struct mmu_update u = { pv_frame_of(pv, (void *)hostile_si()->pt_base) << 12, 0 };

		mmu_update(&u, 1);
	}
	hostile_spin(pv, 50);
	hostile_done();
}

/* Frames that are no RAM as tables, tables as vcpu_info, the root as everything. All refused. */
void mode_tables(struct pv *pv)
{
	uint64_t si_mfn = hostile_si()->shared_info >> 12, l3 = hostile_l3(pv);
	uint64_t mfns[] = { si_mfn,	si_mfn + 1, si_mfn - 1,	      0,
			    UINT64_MAX, 1ull << 40, (1ull << 40) - 1, (1ull << 52) - 1 };

	for (size_t i = 0; i < sizeof(mfns) / sizeof(mfns[0]); i++) {
		for (unsigned cmd = 0; cmd < 24; cmd++) {
			struct mmuext_op op = { .cmd = cmd };
			long r;

			op.arg1.mfn = mfns[i];
			op.arg2.src_mfn = mfns[i];
			r = pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0);
			if (r == 0 && cmd < 4 && mfns[i] != si_mfn - 1)
				pv_panic("hostile: pinned %lx", (unsigned long)mfns[i]);
		}
		for (unsigned level = 2; level < 4; level++) {
			struct mmu_update u = { l3 << 12 | 100 * 8, mfns[i] << 12 | 0x67 };

			if (mfns[i] != si_mfn - 1 && !mmu_update(&u, 1))
				pv_panic("hostile: linked %lx", (unsigned long)mfns[i]);
		}
		for (unsigned bits = 0; bits < 8; bits++) {
			struct vcpu_register_vcpu_info r = { mfns[i], bits * 8 - 8, 0 };

			if (mfns[i] == si_mfn - 1)
				continue;
			if (!pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
					  pv_arg(&r), 0, 0))
				pv_panic("hostile: vcpu_info at %lx", (unsigned long)mfns[i]);
		}
	}
	hostile_done();
}

/*
 * The region shm=both: read what is there, then write into it by every way there is, mapped
 * writable, by a mapping changed to writable, and by a hypercall that answers there. What each
 * gives is printed. The region's other owner, with write=1, writes it first and goes on.
 */
void mode_shared(struct pv *pv)
{
	const char *p = pv_word(pv_cmdline(hostile_si()), "shm=both,");
	uint64_t frame, pages;
	void *ro, *rw;
	long wrote;

	if (!p || !pv_number(&p, &frame) || !pv_number(&p, &pages))
		pv_panic("hostile: no region");
	if (p[0] == 'r' && p[1] == 'o')
		pv_printf("hostile: it says ro\n");
	wrote = pv_map_frames(pv, frame, pages, true, &rw);
	if (hostile_option("write=", 0)) {
		*(volatile uint64_t *)rw = 4711;
		pv_printf("hostile: wrote: %ld\n", wrote);
		return;
	}
	if (pv_map_frames(pv, frame, pages, false, &ro))
		pv_panic("hostile: it cannot be read");
	while (!*(volatile uint64_t *)ro)
		pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	pv_printf("hostile: read %lu\n", *(volatile uint64_t *)ro);
	pv_printf("hostile: mapped writable: %ld\n", wrote);
	pv_printf("hostile: made writable: %d\n", pv_remap(ro, frame << 12 | 0x63));
	pv_printf("hostile: answered there: %ld\n",
		  pv_hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, pv_arg(ro), 0, 0, 0));
	pv_printf("hostile: still %lu\n", *(volatile uint64_t *)ro);
	if (hostile_option("store=", 0))
		*(volatile uint64_t *)ro = 1;
}
