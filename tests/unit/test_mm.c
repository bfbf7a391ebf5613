/* SPDX-License-Identifier: MIT */
/*
 * PV memory: what memory a domain has, hv_pv_adopt, copies by page tables, changes of leaves,
 * memory_op. Changes of whole tables and GDTs, and guests that try anything, are in
 * test_mm_tables.c.
 *
 * An operation that succeeds leaves the embedder's notes and the tables agreeing; so does one that
 * fails, and then neither has changed.
 */
#include "mm_machine.h"

/* ---- adopting ---- */

static void adopts_in_runs(void **state)
{
	struct machine *m = *state;

	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), 0);
	assert_int_equal(m->calls, 2); /* the data, and the four tables */
	compare(m);
	assert_int_equal(noted_prot(m, va(0)), 7);
	assert_int_equal(noted_prot(m, va(L1)), HV_PROT_READ | HV_PROT_EXEC);
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), -XEN_EINVAL);
	assert_ptr_equal(hv_domain_frame(m->d, mfn(3)), page(m, 3));
	assert_ptr_equal(hv_domain_frame(m->d, SPECIAL_MFN), m->special);
	assert_null(hv_domain_frame(m->d, FOREIGN_MFN));
}

static void adopts_the_upper_half(void **state)
{
	struct machine *m = *state;

	page(m, ROOT)[272] = page(m, ROOT)[0];
	page(m, ROOT)[0] = 0;
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), 0);
	compare(m);
	assert_int_equal(noted_prot(m, HYPERVISOR_VIRT_END + va(0)), 7);
}

static void does_not_adopt(void **state)
{
	struct machine *m = *state;
	const struct {
		unsigned table, slot;
		uint64_t value;
	} bad[] = {
		{ L1, L2, leaf(L2, RW) }, /* a table, writable */
		{ L1, ROOT, leaf(ROOT, RW) },
		{ L1, 7, FOREIGN_MFN << 12 | PRESENT }, /* not its frame */
		{ L1, 7, LOCKED_MFN << 12 | PRESENT | RW },
		{ L1, 7, leaf(7, PSE) },
		{ L1, 7, leaf(7, GLOBAL) },
		{ L1, 7, leaf(7, 1ull << 62) },
		{ L1, 7, ~0ull },
		{ L2, 1, leaf(L1, TABLE) }, /* linked twice */
		{ L2, 1, leaf(7, TABLE) },  /* writable data as a table */
		{ L2, 1, leaf(L2, TABLE) }, /* in a circle */
		{ L2, 1, SHARED_MFN << 12 | TABLE },
		{ L2, 1, FOREIGN_MFN << 12 | TABLE },
		{ L2, 1, leaf(8, TABLE | PSE) },
		{ L3, 5, leaf(L1, TABLE) }, /* of the wrong level */
		{ ROOT, 1, leaf(ROOT, TABLE) },
		{ ROOT, 256, leaf(L3, TABLE) }, /* Xen's */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_first_tables(m);
		page(m, bad[i].table)[bad[i].slot] = bad[i].value;
		assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), -XEN_EINVAL);
		assert_int_equal(m->calls, 0);
	}
	assert_int_equal(hv_pv_adopt(m->d, SHARED_MFN), -XEN_EINVAL);
	assert_int_equal(hv_pv_adopt(m->d, FOREIGN_MFN), -XEN_EINVAL);
	/* Nothing was left typed or counted. */
	write_first_tables(m);
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), 0);
	compare(m);
}

static void adopts_all_or_nothing(void **state)
{
	struct machine *m = *state;

	m->fail_at = 2;
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), -XEN_ENOMEM);
	for (unsigned i = 0; i < RAM_PAGES; i++)
		assert_int_equal(noted_prot(m, va(i)), 0);
	assert_int_equal(hv_pv_copy_from(m->d, &m->calls, va(0), 1), -XEN_EFAULT);
	assert_int_equal(hv_pv_adopt(m->d, mfn(ROOT)), 0);
	compare(m);
}

static void refuses_memory(void **state)
{
	struct machine *m = *state;
	const struct hv_memory bad[] = {
		{ .mfn = RAM_MFN + 3, .pages = 1, .host = m->shared },
		{ .mfn = RAM_MFN - 1, .pages = 2, .host = m->shared },
		{ .mfn = 0, .pages = 1ull << 40, .host = m->shared },
		{ .mfn = 1, .pages = 1ull << 40, .host = m->shared },
		{ .mfn = 1ull << 40, .pages = 1, .host = m->shared },
		{ .mfn = 1, .pages = 0, .host = m->shared },
		{ .mfn = 1, .pages = UINT64_MAX, .host = m->shared },
		{ .mfn = 1, .pages = 1, .host = NULL },
		{ .mfn = 1, .pages = 1, .host = m->shared + 8 },
		{ .mfn = 1, .pages = 1, .host = m->shared, .kind = (enum hv_memory_kind)9 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hv_domain_add_memory(m->d, &bad[i]), -XEN_EINVAL);
	/* Many ranges, found again each. */
	for (unsigned i = 0; i < 40; i++)
		add(m, 0x20000 + (i * 7u % 40) * 2, 1, m->ram + (size_t)i * PAGE, HV_MEMORY_SHARED,
		    false);
	for (unsigned i = 0; i < 40; i++) {
		assert_ptr_equal(hv_domain_frame(m->d, 0x20000 + (i * 7u % 40) * 2), page(m, i));
		assert_null(hv_domain_frame(m->d, 0x20001 + i * 2));
	}
}

static void costs_little_memory(void **state)
{
	struct machine *m = *state;
	size_t before = m->allocated;
	void *host = aligned_alloc(4096, 16u << 20);

	add(m, 0x100000, 4096, host, HV_MEMORY_RAM, false);
	assert_true(m->allocated - before <= 64 << 10);
	free(host);
}

/* ---- copies ---- */

static void copies(void **state)
{
	struct machine *m = *state;
	uint8_t out[8192], in[8192];

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 31 + 7);
	assert_int_equal(hv_pv_copy_to(m->d, va(4) + 100, out, 8000), 0);
	assert_memory_equal(m->ram + 4 * PAGE + 100, out, 8000);
	assert_int_equal(hv_pv_copy_from(m->d, in, va(4) + 100, 8000), 0);
	assert_memory_equal(in, out, 8000);
	assert_int_equal(map(m, va(7), leaf(7, USER)), 0);
	assert_int_equal(hv_pv_copy_to(m->d, va(7), out, 1), -XEN_EFAULT);
	/* Out of order: the second page of the copy is another frame. */
	assert_int_equal(map(m, va(5), leaf(9, RW)), 0);
	assert_int_equal(hv_pv_copy_to(m->d, va(5) - 4, "abcdefgh", 8), 0);
	assert_memory_equal(m->ram + 9 * PAGE, "efgh", 4);

	assert_int_equal(hv_pv_copy_from(m->d, in, va(L1), 4096), 0);
	assert_int_equal(hv_pv_copy_to(m->d, va(L1), out, 1), -XEN_EFAULT);
	assert_int_equal(hv_pv_copy_to(m->d, va(ROOT) - 1, out, 2), -XEN_EFAULT);
	assert_int_equal(hv_pv_copy_from(m->d, in, va(RAM_PAGES) - 1, 2), -XEN_EFAULT);
	assert_int_equal(hv_pv_copy_from(m->d, in, va(RAM_PAGES) - 1, 1), 0);
}

static void copies_from_nowhere(void **state)
{
	struct machine *m = *state;
	static const uint64_t nowhere[] = { 0,
					    8,
					    BASE - 1,
					    1ull << 47,
					    (1ull << 47) - 1,
					    BASE | 1ull << 48,
					    UINT64_MAX,
					    UINT64_MAX - 3,
					    HYPERVISOR_VIRT_START,
					    HYPERVISOR_VIRT_END - 1,
					    HYPERVISOR_VIRT_END,
					    1ull << 63 };
	uint64_t word;

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		assert_int_equal(hv_pv_copy_from(m->d, &word, nowhere[i], 8), -XEN_EFAULT);
		assert_int_equal(hv_pv_copy_to(m->d, nowhere[i], &word, 8), -XEN_EFAULT);
		assert_int_equal(hv_pv_copy_from(m->d, &word, nowhere[i], SIZE_MAX), -XEN_EFAULT);
		assert_int_equal(hv_pv_copy_from(m->d, &word, nowhere[i], 0), 0);
	}
}

/* ---- leaves ---- */

static void maps_and_unmaps(void **state)
{
	struct machine *m = *state;

	assert_int_equal(map(m, va(4), leaf(5, RW)), 0);
	compare(m);
	assert_int_equal(map(m, va(4), leaf(5, NX)), 0);
	compare(m);
	assert_int_equal(noted_prot(m, va(4)), HV_PROT_READ);
	assert_int_equal(map(m, va(4), 0), 0);
	compare(m);
	assert_int_equal(noted_prot(m, va(4)), 0);
	assert_int_equal(map(m, va(4), SHARED_MFN << 12 | PRESENT | RW), 0);
	assert_int_equal(map(m, va(5), LOCKED_MFN << 12 | PRESENT), 0);
	assert_int_equal(map(m, va(6), SPECIAL_MFN << 12 | PRESENT | RW), 0);
	compare(m);
	assert_int_equal(hv_pv_copy_to(m->d, va(4), "xyz", 4), 0);
	assert_memory_equal(m->shared, "xyz", 4);
	/* What is not present may be anything, and what changes no mapping is told to nobody. */
	m->calls = 0;
	assert_int_equal(map(m, va(7), 0), 0);
	assert_int_equal(m->calls, 1);
	assert_int_equal(map(m, va(7), ~PRESENT), 0);
	assert_int_equal(page(m, L1)[7], ~PRESENT);
	assert_int_equal(map(m, va(8), leaf(8, RW | DIRTY)), 0);
	assert_int_equal(m->calls, 1);
	compare(m);
}

static void refuses_leaves(void **state)
{
	struct machine *m = *state;
	const struct {
		uint64_t at, value;
		long answer;
	} bad[] = {
		{ va(4), leaf(L1, RW), -XEN_EBUSY },
		{ va(L1), leaf(L1, RW), -XEN_EBUSY },
		{ va(4), FOREIGN_MFN << 12 | PRESENT, -XEN_EBUSY },
		{ va(4), (RAM_MFN - 1) << 12 | PRESENT, -XEN_EBUSY },
		{ va(4), (RAM_MFN + RAM_PAGES) << 12 | PRESENT, -XEN_EBUSY },
		{ va(4), LOCKED_MFN << 12 | PRESENT | RW, -XEN_EBUSY },
		{ va(4), leaf(4, PSE), -XEN_EINVAL },
		{ va(4), ~0ull, -XEN_EINVAL },
		{ va(RAM_PAGES), leaf(4, 0), -XEN_EINVAL }, /* no table there */
		{ 0, leaf(4, 0), -XEN_EINVAL },
		{ 1ull << 47, leaf(4, 0), -XEN_EINVAL },
		{ HYPERVISOR_VIRT_START, leaf(4, 0), -XEN_EINVAL },
		{ UINT64_MAX, leaf(4, 0), -XEN_EINVAL },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(map(m, bad[i].at, bad[i].value), bad[i].answer);
	assert_int_equal(m->calls, 0);
	compare(m);
	/* Nothing was counted either: the page may become a table once its own mapping is
	 * read-only. */
	lock_pages(m, 4, 1);
	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(4), 0), 0);
}

static void embedder_refuses_leaf(void **state)
{
	struct machine *m = *state;

	m->fail_always = 1;
	assert_int_equal(map(m, va(4), leaf(5, RW)), -XEN_ENOMEM);
	assert_int_equal(map(m, va(4), 0), -XEN_ENOMEM);
	m->fail_always = 0;
	assert_int_equal(page(m, L1)[4], leaf(4, RW | USER));
	compare(m);
	lock_pages(m, 4, 2);
	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(5), 0), 0);
}

static void flushes(void **state)
{
	struct machine *m = *state;
	const unsigned nr = __HYPERVISOR_update_va_mapping;

	assert_int_equal(call(m, nr, va(4), 0, UVMF_TLB_FLUSH | UVMF_ALL, 0), 0);
	assert_int_equal(call(m, nr, va(4), 0, UVMF_TLB_FLUSH | UVMF_LOCAL, 0), 0);
	assert_int_equal(call(m, nr, va(4), 0, UVMF_INVLPG | va(1), 0), 0);
	assert_int_equal(call(m, nr, va(4), 0, UVMF_INVLPG | va(4), 0), -XEN_EFAULT);
	assert_int_equal(call(m, nr, va(4), 0, UVMF_NONE | va(4), 0), 0);
	assert_int_equal(extended(m, MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	assert_int_equal(extended(m, MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	assert_int_equal(extended(m, MMUEXT_INVLPG_LOCAL, va(3), 0), 0);
	assert_int_equal(extended(m, MMUEXT_INVLPG_ALL, va(3), 0), 0);
	assert_int_equal(extended(m, MMUEXT_TLB_FLUSH_MULTI, 0, va(1)), 0);
	assert_int_equal(extended(m, MMUEXT_INVLPG_MULTI, va(3), 16), -XEN_EINVAL);
}

static void names_domains(void **state)
{
	struct machine *m = *state;
	const unsigned other = __HYPERVISOR_update_va_mapping_otherdomain;

	assert_int_equal(call(m, other, va(4), 0, 0, DOMID_SELF), 0);
	assert_int_equal(call(m, other, va(4), 0, 0, 1), -XEN_ESRCH);
	assert_int_equal(call(m, other, va(4), 0, 0, 2), -XEN_ESRCH);
	assert_int_equal(call(m, other, va(4), 0, 0, 0xffff), -XEN_ESRCH);
	assert_int_equal(call(m, other, va(4), 0, 0, DOMID_IO), -XEN_EPERM);
	assert_int_equal(call(m, __HYPERVISOR_mmu_update, va(ARGS), 0, 0, 2), -XEN_ESRCH);
	assert_int_equal(call(m, __HYPERVISOR_mmu_update, va(ARGS), 0, 0, 2u << 16 | DOMID_SELF),
			 0);
	assert_int_equal(call(m, __HYPERVISOR_mmu_update, va(ARGS), 0, 0, 3u << 16 | DOMID_SELF),
			 -XEN_ESRCH);
	assert_int_equal(call(m, __HYPERVISOR_mmuext_op, va(ARGS), 0, 0, 2), -XEN_ESRCH);
	compare(m);
}

/* ---- memory_op ---- */

static void tells_of_memory(void **state)
{
	struct machine *m = *state;
	struct xen_memory_domain *who = (void *)page(m, ARGS);
	struct xen_memory_map *memory = (void *)page(m, 1);
	struct xen_memory_reservation *r = (void *)page(m, 2);
	const unsigned nr = __HYPERVISOR_memory_op;
	uint64_t size;

	who->domid = DOMID_SELF;
	assert_int_equal(call(m, nr, XENMEM_current_reservation, va(ARGS), 0, 0), RAM_PAGES);
	who->domid = 1;
	assert_int_equal(call(m, nr, XENMEM_maximum_reservation, va(ARGS), 0, 0), RAM_PAGES);
	who->domid = 5;
	assert_int_equal(call(m, nr, XENMEM_current_reservation, va(ARGS), 0, 0), -XEN_ESRCH);
	assert_int_equal(call(m, nr, XENMEM_current_reservation, 0, 0, 0), -XEN_EFAULT);
	assert_int_equal(call(m, nr, XENMEM_current_reservation | 64, va(ARGS), 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, nr, XENMEM_maximum_ram_page, 0, 0, 0), RAM_MFN + RAM_PAGES);
	*memory = (struct xen_memory_map){ .nr_entries = 9, .buffer = va(3) };
	assert_int_equal(call(m, nr, XENMEM_memory_map, va(1), 0, 0), 0);
	assert_int_equal(memory->nr_entries, 1);
	memcpy(&size, &page(m, 3)[1], sizeof(size));
	assert_int_equal(size, RAM_PAGES * PAGE);
	memory->buffer = 0;
	assert_int_equal(call(m, nr, XENMEM_memory_map, va(1), 0, 0), -XEN_EFAULT);
	*r = (struct xen_memory_reservation){ .nr_extents = 4, .domid = DOMID_SELF };
	assert_int_equal(call(m, nr, XENMEM_populate_physmap, va(2), 0, 0), 0);
	assert_int_equal(call(m, nr, XENMEM_decrease_reservation | 3 << 6, va(2), 0, 0), 3);
	assert_int_equal(call(m, nr, XENMEM_machphys_mapping, va(2), 0, 0), -XEN_ENOSYS);
	assert_int_equal(call(m, nr, UINT64_MAX, UINT64_MAX, 0, 0), -XEN_ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adopts_in_runs),
		TEST(adopts_the_upper_half),
		TEST(does_not_adopt),
		TEST(adopts_all_or_nothing),
		TEST(refuses_memory),
		TEST(costs_little_memory),
		TEST_ADOPTED(copies),
		TEST_ADOPTED(copies_from_nowhere),
		TEST_ADOPTED(maps_and_unmaps),
		TEST_ADOPTED(refuses_leaves),
		TEST_ADOPTED(embedder_refuses_leaf),
		TEST_ADOPTED(flushes),
		TEST_ADOPTED(names_domains),
		TEST_ADOPTED(tells_of_memory),
	};

	return cmocka_run_group_tests_name("mm", tests, NULL, NULL);
}
