/* SPDX-License-Identifier: MIT */
/*
 * The machine that the tests of PV memory share: an embedder that only writes down what pv_map
 * tells it, a domain with a few kinds of memory and first page tables, and compare(), which holds
 * the embedder's notes against what the tables in guest memory say. The tests are in test_mm.c and
 * test_mm_tables.c.
 */
#ifndef CARILLON_TESTS_MM_MACHINE_H
#define CARILLON_TESTS_MM_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <carillon/hypervisor.h>
#include <xen/errno.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#define PRESENT	   0x1ull
#define RW	   0x2ull
#define USER	   0x4ull
#define ACCESSED   0x20ull
#define DIRTY	   0x40ull
#define PSE	   0x80ull
#define GLOBAL	   0x100ull
#define NX	   (1ull << 63)
#define TABLE	   (PRESENT | RW | USER | ACCESSED)
#define MFN(entry) (((entry) >> 12) & 0xffffffffffull)

/* Guest memory: one leaf table maps all of the RAM, in order, from BASE on. */
#define RAM_MFN	     0x1000ull
#define RAM_PAGES    512u
#define SHARED_MFN   0x5000ull
#define SHARED_PAGES 2u
#define LOCKED_MFN   0x5002ull /* the next memory, which the guest may only read */
#define SPECIAL_MFN  0x7000ull
#define FOREIGN_MFN  0x9000ull
#define BASE	     0x100000000ull
#define ROOT	     508u /* the page of each first table */
#define L3	     509u
#define L2	     510u
#define L1	     511u
#define ARGS	     0u /* the page that hypercall arguments are put in */

#define PAGE  4096ul
#define NOTES 16384u

struct note {
	uint64_t va, mfn;
	unsigned prot;
};

struct machine {
	struct hv *hv;
	struct hv_domain *d;
	struct hv_vcpu *v;
	uint8_t *ram, *shared, *locked, *special;
	struct note notes[NOTES]; /* open hash by va; mfn 0: free, prot 0: not mapped */
	unsigned calls;		  /* of pv_map */
	unsigned fail_at;	  /* the call that fails; 0: none */
	int fail_always;
	uint64_t never_at; /* an address where the embedder maps and unmaps nothing; 0: none */
	unsigned shutdowns;
	unsigned cuts; /* hypercalls that were to be called again: the vCPU is down */
	size_t allocated;
};

/* ---- the embedder ---- */

static inline void *lend(void *ctx, size_t size)
{
	struct machine *m = ctx;
	void *p = aligned_alloc(size % 4096 ? 64 : 4096, (size + 63) / 64 * 64);

	assert_non_null(p);
	m->allocated += size;
	return memset(p, 0, (size + 63) / 64 * 64);
}

static inline void take_back(void *ctx, void *p, size_t size)
{
	struct machine *m = ctx;

	m->allocated -= size;
	free(p);
}

static inline uint64_t no_time(void *ctx)
{
	(void)ctx;
	return 1;
}

static inline void no_kick(struct hv_vcpu *v)
{
	(void)v;
}

static inline void no_timer(struct hv_vcpu *v, uint64_t deadline)
{
	(void)v;
	(void)deadline;
}

static inline void count_shutdown(struct hv_domain *d, unsigned reason)
{
	struct machine *m = hv_ctx(hv_domain_hv(d));

	(void)reason;
	m->shutdowns++;
}

static inline struct note *note_of(struct machine *m, uint64_t va)
{
	size_t at = (va >> 12) * 0x9e3779b97f4a7c15ull >> 50;

	for (size_t i = 0; i < NOTES; i++) {
		struct note *n = &m->notes[(at + i) % NOTES];

		if (n->va == va || (!n->va && !n->mfn))
			return n;
	}
	fail_msg("too many notes");
	return NULL;
}

/* A run is of one memory, and what is only to be read is never mapped otherwise. */
static inline void check_run(uint64_t mfn, uint64_t pages, unsigned prot)
{
	static const struct {
		uint64_t mfn, pages;
		int locked;
	} all[] = { { RAM_MFN, RAM_PAGES, 0 },
		    { SHARED_MFN, SHARED_PAGES, 0 },
		    { LOCKED_MFN, 1, 1 },
		    { SPECIAL_MFN, 1, 0 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (mfn - all[i].mfn >= all[i].pages)
			continue;
		assert_true(pages <= all[i].pages - (mfn - all[i].mfn));
		assert_false(all[i].locked && (prot & HV_PROT_WRITE));
		return;
	}
	fail_msg("a frame that is not the domain's");
}

static inline int write_down(struct hv_domain *d, struct hv_vcpu *v, uint64_t va, uint64_t mfn,
			     uint64_t pages, unsigned prot)
{
	struct machine *m = hv_ctx(hv_domain_hv(d));

	(void)v;
	assert_true(pages > 0 && va % 4096 == 0);
	if (prot)
		check_run(mfn, pages, prot);
	if (++m->calls == m->fail_at || m->fail_always)
		return -XEN_ENOMEM;
	if (m->never_at && m->never_at >= va && m->never_at < va + pages * PAGE)
		return -XEN_EINVAL;
	for (uint64_t i = 0; i < pages; i++) {
		struct note *n = note_of(m, va + i * PAGE);

		n->va = va + i * PAGE;
		n->mfn = prot ? mfn + i : 1;
		n->prot = prot;
	}
	return 0;
}

static const struct hv_ops ops = {
	.alloc = lend,
	.free = take_back,
	.now = no_time,
	.kick = no_kick,
	.set_timer = no_timer,
	.pv_map = write_down,
	.shutdown = count_shutdown,
};

/* ---- the guest's memory ---- */

static inline uint64_t *page(struct machine *m, unsigned n)
{
	return (uint64_t *)(void *)(m->ram + (size_t)n * PAGE);
}

static inline uint64_t mfn(unsigned n)
{
	return RAM_MFN + n;
}

static inline uint64_t leaf(unsigned n, uint64_t flags)
{
	return mfn(n) << 12 | PRESENT | flags;
}

static inline uint64_t va(uint64_t n)
{
	return BASE + n * PAGE;
}

static inline void write_first_tables(struct machine *m)
{
	memset(m->ram, 0, RAM_PAGES * PAGE);
	page(m, ROOT)[0] = leaf(L3, TABLE);
	page(m, L3)[4] = leaf(L2, TABLE);
	page(m, L2)[0] = leaf(L1, TABLE);
	for (unsigned i = 0; i < RAM_PAGES; i++)
		page(m, L1)[i] = leaf(i, i < ROOT ? RW | USER : USER);
}

static inline void add(struct machine *m, uint64_t first, uint64_t pages, void *host,
		       enum hv_memory_kind kind, bool read_only)
{
	const struct hv_memory memory = {
		.mfn = first, .pages = pages, .host = host, .kind = kind, .read_only = read_only
	};

	assert_int_equal(hv_domain_add_memory(m->d, &memory), 0);
}

static inline int set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct hv_domain_config cfg = { .domid = 1, .max_vcpus = 2 };

	m->ram = aligned_alloc(4096, RAM_PAGES * PAGE);
	m->shared = aligned_alloc(4096, SHARED_PAGES * PAGE);
	m->locked = aligned_alloc(4096, 4096);
	m->special = aligned_alloc(4096, 4096);
	memset(m->shared, 0, SHARED_PAGES * PAGE);
	memset(m->locked, 0, 4096);
	memset(m->special, 0, 4096);
	cfg.shared_info = m->special;
	assert_int_equal(hv_create(&m->hv, &ops, m), 0);
	hv_set_clock(m->hv, 0, 0, 1u << 31, 1);
	assert_int_equal(hv_domain_create(m->hv, &cfg, &m->d), 0);
	add(m, SPECIAL_MFN, 1, m->special, HV_MEMORY_SPECIAL, false);
	add(m, RAM_MFN, RAM_PAGES, m->ram, HV_MEMORY_RAM, false);
	add(m, LOCKED_MFN, 1, m->locked, HV_MEMORY_SHARED, true);
	add(m, SHARED_MFN, SHARED_PAGES, m->shared, HV_MEMORY_SHARED, false);
	m->v = hv_domain_vcpu(m->d, 0);
	write_first_tables(m);
	*state = m;
	return 0;
}

static inline int set_up_adopted(void **state)
{
	struct machine *m;

	set_up(state);
	m = *state;
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), 0);
	m->calls = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	struct machine *m = *state;

	hv_domain_destroy(m->d);
	hv_destroy(m->hv);
	assert_int_equal(m->allocated, 0);
	free(m->ram);
	free(m->shared);
	free(m->locked);
	free(m->special);
	free(m);
	return 0;
}

/* ---- what the tables say, and whether the embedder's notes agree ---- */

static inline unsigned compare_table(struct machine *m, unsigned level, const uint64_t *table,
				     uint64_t at, unsigned rights)
{
	unsigned pages = 0;

	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i], here = at + ((uint64_t)i << (3 + 9 * level));
		unsigned prot = rights;
		const struct note *n;

		if (!(e & PRESENT))
			continue;
		if (level == 4 && i >= 256)
			here |= UINT64_MAX << 48;
		if (!(e & RW))
			prot &= ~HV_PROT_WRITE;
		if (e & NX)
			prot &= ~HV_PROT_EXEC;
		if (level > 1) {
			pages += compare_table(m, level - 1, page(m, (unsigned)(MFN(e) - RAM_MFN)),
					       here, prot);
			continue;
		}
		n = note_of(m, here);
		assert_int_equal(n->va, here);
		assert_int_equal(n->mfn, MFN(e));
		assert_int_equal(n->prot, prot);
		pages++;
	}
	return pages;
}

static inline void compare(struct machine *m)
{
	unsigned pages = compare_table(m, 4, page(m, ROOT), 0, 7), noted = 0;

	for (unsigned i = 0; i < NOTES; i++)
		noted += m->notes[i].prot != 0;
	assert_int_equal(noted, pages);
	assert_int_equal(m->shutdowns, 0);
}

static inline unsigned noted_prot(struct machine *m, uint64_t at)
{
	return note_of(m, at)->prot;
}

/* ---- hypercalls ---- */

static inline long call(struct machine *m, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			uint64_t a3)
{
	uint64_t a[6] = { a0, a1, a2, a3 };
	long rc;

	while (rc = hv_hypercall(m->v, nr, a), hv_vcpu_preempted(m->v))
		m->cuts++;
	return rc;
}

static inline long map(struct machine *m, uint64_t at, uint64_t value)
{
	return call(m, __HYPERVISOR_update_va_mapping, at, value, UVMF_INVLPG, 0);
}

/* One mmu_update of an entry of a table. */
static inline long store(struct machine *m, unsigned table, unsigned slot, uint64_t value)
{
	struct mmu_update *u = (void *)page(m, ARGS);

	u->ptr = (mfn(table) << 12 | slot * 8u) | MMU_NORMAL_PT_UPDATE;
	u->val = value;
	return call(m, __HYPERVISOR_mmu_update, va(ARGS), 1, 0, DOMID_SELF);
}

static inline long extended(struct machine *m, unsigned command, uint64_t a1, uint64_t a2)
{
	struct mmuext_op *op = (void *)page(m, ARGS);

	op->cmd = command;
	op->arg1.mfn = a1;
	op->arg2.src_mfn = a2;
	return call(m, __HYPERVISOR_mmuext_op, va(ARGS), 1, 0, DOMID_SELF);
}

/* Make pages read-only, so that they may become tables. */
static inline void lock_pages(struct machine *m, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		assert_int_equal(map(m, va(i), leaf(i, USER)), 0);
}

#define TEST(f)		cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define TEST_ADOPTED(f) cmocka_unit_test_setup_teardown(f, set_up_adopted, tear_down)

#endif
