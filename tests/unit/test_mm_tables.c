/* SPDX-License-Identifier: MIT */
/*
 * PV memory: linking, pinning and exchanging page tables, the batches in which that is asked for,
 * GDTs; and guests that try anything, at random but by a fixed seed. Leaves and what is simple is
 * in test_mm.c.
 */
#include "mm_machine.h"

/* ---- tables ---- */

static void links_a_leaf_table(void **state)
{
	struct machine *m = *state;

	page(m, 10)[3] = leaf(6, RW);
	page(m, 10)[4] = leaf(7, RW);
	page(m, 10)[6] = leaf(8, 0);
	assert_int_equal(store(m, L2, 1, leaf(10, TABLE)), -XEN_EINVAL); /* mapped writable */
	lock_pages(m, 10, 1);
	m->calls = 0;
	assert_int_equal(store(m, L2, 1, leaf(10, TABLE)), 0);
	assert_int_equal(m->calls, 2);
	compare(m);
	assert_int_equal(hv_pv_copy_to(m->d, va(515), "new", 4), 0);
	assert_memory_equal(page(m, 6), "new", 4);
	assert_int_equal(map(m, va(10), leaf(10, RW)), -XEN_EBUSY);
	assert_int_equal(map(m, va(512), leaf(9, RW)), 0);
	assert_int_equal(store(m, L2, 2, leaf(10, TABLE)), -XEN_EINVAL); /* a second place */
	assert_int_equal(store(m, L2, 1, leaf(10, TABLE | DIRTY)), 0);	 /* the same place */
	compare(m);
	assert_int_equal(store(m, L2, 1, 0), 0);
	compare(m);
	assert_int_equal(hv_pv_copy_to(m->d, va(515), "new", 4), -XEN_EFAULT);
	assert_int_equal(map(m, va(10), leaf(10, RW)), 0);
	compare(m);
}

/* Neighbours in number may be far apart in the host. */
static void splits_runs_between_memories(void **state)
{
	struct machine *m = *state;

	for (unsigned i = 0; i <= SHARED_PAGES; i++)
		page(m, 10)[i] = (SHARED_MFN + i) << 12 | PRESENT;
	lock_pages(m, 10, 1);
	m->calls = 0;
	assert_int_equal(store(m, L2, 1, leaf(10, TABLE)), 0);
	assert_int_equal(m->calls, 2);
	compare(m);
}

static void avoids_an_address(void **state)
{
	struct machine *m = *state;

	page(m, 10)[1] = leaf(30, RW);
	page(m, 10)[3] = leaf(31, RW);
	page(m, 11)[1] = leaf(32, RW);
	lock_pages(m, 10, 2);
	assert_int_equal(store(m, L2, 1, leaf(11, TABLE)), 0);
	m->never_at = va(515);
	assert_int_equal(store(m, L2, 1, leaf(10, TABLE)), -XEN_EINVAL);
	assert_int_equal(page(m, L2)[1], leaf(11, TABLE));
	compare(m);
	assert_int_equal(map(m, va(10), leaf(10, RW)), 0);
}

/* A tree of its own in pages 20-24: 20 is an L3 with 21 (L2), which has 22 and 23 (L1). */
static void write_second_tree(struct machine *m)
{
	page(m, 20)[511] = leaf(21, TABLE);
	page(m, 21)[0] = leaf(22, TABLE);
	page(m, 21)[511] = leaf(23, TABLE);
	for (unsigned i = 0; i < 4; i++) {
		page(m, 22)[i] = leaf(30 + i, RW);
		page(m, 23)[i * 2ul] = leaf(40 + i, RW | NX);
	}
	lock_pages(m, 20, 4);
}

static void links_a_tree(void **state)
{
	struct machine *m = *state;
	static const unsigned slots[] = { 1, 255, 272, 511 };

	write_second_tree(m);
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		assert_int_equal(store(m, ROOT, slots[i], leaf(20, TABLE)), 0);
		compare(m);
		assert_int_equal(store(m, 23, 9, leaf(49, RW)), 0);
		compare(m);
		/* Rights above count for all below. */
		assert_int_equal(store(m, 21, 511, leaf(23, PRESENT | USER)), 0);
		compare(m);
		assert_int_equal(store(m, 20, 511, leaf(21, TABLE | NX)), 0);
		compare(m);
		assert_int_equal(store(m, 20, 511, leaf(21, TABLE)), 0);
		assert_int_equal(store(m, 21, 511, leaf(23, TABLE)), 0);
		assert_int_equal(store(m, 23, 9, 0), 0);
		assert_int_equal(store(m, ROOT, slots[i], 0), 0);
		compare(m);
	}
	assert_int_equal(store(m, ROOT, 256, leaf(20, TABLE)), -XEN_EINVAL);
	assert_int_equal(store(m, ROOT, 271, 0), -XEN_EINVAL);
	/* One table for another, in place. */
	assert_int_equal(store(m, L2, 1, leaf(22, TABLE)), 0);
	assert_int_equal(store(m, L2, 1, leaf(23, TABLE)), 0);
	compare(m);
	for (unsigned i = 20; i < 23; i++)
		assert_int_equal(map(m, va(i), leaf(i, RW)), 0);
	assert_int_equal(map(m, va(23), leaf(23, RW)), -XEN_EBUSY);
}

/* From the last address on there is nothing, not the first one. */
static void ends_at_the_top(void **state)
{
	struct machine *m = *state;
	uint64_t word = 0;

	write_second_tree(m);
	page(m, 23)[511] = leaf(50, RW);
	page(m, 25)[0] = leaf(26, TABLE);
	page(m, 26)[0] = leaf(51, RW);
	lock_pages(m, 25, 2);
	assert_int_equal(store(m, ROOT, 511, leaf(20, TABLE)), 0);
	assert_int_equal(store(m, L3, 0, leaf(25, TABLE)), 0);
	compare(m);
	assert_int_equal(hv_pv_copy_from(m->d, &word, UINT64_MAX - 8, 8), 0);
	assert_int_equal(hv_pv_copy_from(m->d, &word, 0, 8), 0);
	assert_int_equal(hv_pv_copy_from(m->d, &word, UINT64_MAX - 3, 8), -XEN_EFAULT);
	assert_int_equal(hv_pv_copy_to(m->d, UINT64_MAX - 3, &word, 8), -XEN_EFAULT);
}

/* Whichever of its calls the embedder refuses, all is as before. */
static void embedder_refuses_trees(void **state)
{
	struct machine *m = *state;
	const struct {
		unsigned table, slot;
		uint64_t value;
	} steps[] = {
		{ ROOT, 1, leaf(20, TABLE) },
		{ 21, 511, leaf(23, PRESENT) },
		{ 21, 0, leaf(24, TABLE) },
		{ 20, 511, leaf(21, TABLE | NX) },
		{ ROOT, 1, leaf(20, PRESENT | USER) },
		{ 20, 511, 0 },
	};

	write_second_tree(m);
	page(m, 24)[1] = leaf(50, RW);
	page(m, 24)[3] = leaf(51, RW);
	page(m, 24)[9] = leaf(52, 0);
	lock_pages(m, 24, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t before = page(m, steps[i].table)[steps[i].slot];
		unsigned refused = 0;
		long answer;

		for (;;) {
			m->calls = 0;
			m->fail_at = refused + 1;
			answer = store(m, steps[i].table, steps[i].slot, steps[i].value);
			if (!answer)
				break;
			assert_int_equal(answer, -XEN_ENOMEM);
			assert_int_equal(page(m, steps[i].table)[steps[i].slot], before);
			compare(m);
			refused++;
		}
		assert_true(refused > 0 && m->calls == refused);
		m->fail_at = 0;
		compare(m);
	}
}

static void counts_what_is_done(void **state)
{
	struct machine *m = *state;
	struct mmu_update *u = (void *)page(m, ARGS);
	uint32_t *done = (void *)page(m, 1);
	const unsigned nr = __HYPERVISOR_mmu_update;

	for (unsigned i = 0; i < 4; i++)
		u[i] = (struct mmu_update){ (mfn(L1) << 12) + (100 + i) * 8ul, 0 };
	u[1].val = leaf(L1, RW);
	*done = 77;
	assert_int_equal(call(m, nr, va(ARGS), 4, va(1), DOMID_SELF), -XEN_EBUSY);
	assert_int_equal(*done, 1);
	assert_int_equal(noted_prot(m, va(100)), 0);
	assert_int_equal(noted_prot(m, va(102)), 7);
	u[1].val = 0;
	assert_int_equal(call(m, nr, va(ARGS), 4, va(1), DOMID_SELF), 0);
	assert_int_equal(*done, 4);
	compare(m);
	/* The array ends where memory does; and a bad place for the count is not told. */
	assert_int_equal(map(m, va(1), 0), 0);
	assert_int_equal(call(m, nr, va(ARGS), 4, va(1), DOMID_SELF), 0);
	memmove((uint8_t *)page(m, 1) - 32, u, 32);
	assert_int_equal(call(m, nr, va(1) - 32, 0x7fffffff, va(2), DOMID_SELF), -XEN_EFAULT);
	assert_int_equal(*(uint32_t *)page(m, 2), 2);
	assert_int_equal(call(m, nr, HYPERVISOR_VIRT_START, 1, 0, DOMID_SELF), -XEN_EFAULT);
	assert_int_equal(call(m, nr, 0, 0, 0, DOMID_SELF), 0);
	compare(m);
}

/* Cut short after every 64, an array goes on where it was, and counts all that was done. */
static void counts_over_cuts(void **state)
{
	struct machine *m = *state;
	struct mmu_update *u = (void *)page(m, ARGS);
	uint32_t *done = (void *)page(m, 1);
	const unsigned nr = __HYPERVISOR_mmu_update;

	for (unsigned i = 0; i < 200; i++)
		u[i] = (struct mmu_update){ (mfn(7) << 12) + i * 8ul, 1000 + i };
	assert_int_equal(call(m, nr, va(ARGS), 200, va(1), DOMID_SELF), 0);
	assert_int_equal(m->cuts, 3);
	assert_int_equal(*done, 200);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(page(m, 7)[i], 1000 + i);
	u[150].ptr = ~7ull;
	assert_int_equal(call(m, nr, va(ARGS), 200, va(1), DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(*done, 150);
	compare(m);
}

static void updates_besides_tables(void **state)
{
	struct machine *m = *state;
	struct mmu_update *u = (void *)page(m, ARGS);
	const unsigned nr = __HYPERVISOR_mmu_update;

	u->ptr = mfn(L1) << 12 | 9 * 8ul | MMU_PT_UPDATE_PRESERVE_AD;
	page(m, L1)[9] |= DIRTY; /* as the processor does */
	u->val = leaf(9, 0);
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), 0);
	assert_int_equal(page(m, L1)[9], leaf(9, DIRTY));
	assert_int_equal(store(m, 7, 3, 0x1234), 0); /* plain memory */
	assert_int_equal(page(m, 7)[3], 0x1234);
	u->ptr = mfn(7) << 12 | MMU_MACHPHYS_UPDATE;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), 0);
	u->ptr = FOREIGN_MFN << 12 | MMU_MACHPHYS_UPDATE;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), -XEN_EINVAL);
	u->ptr = mfn(7) << 12 | 5;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), -XEN_ENOSYS);
	u->ptr = FOREIGN_MFN << 12;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), -XEN_EINVAL);
	u->ptr = SHARED_MFN << 12;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), -XEN_EINVAL);
	u->ptr = ~7ull;
	assert_int_equal(call(m, nr, va(ARGS), 1, 0, DOMID_SELF), -XEN_EINVAL);
	compare(m);
}

static void pins(void **state)
{
	struct machine *m = *state;

	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(22), 0), -XEN_EINVAL);
	write_second_tree(m);
	assert_int_equal(extended(m, MMUEXT_PIN_L2_TABLE, mfn(21), 0), 0);
	assert_int_equal(extended(m, MMUEXT_PIN_L2_TABLE, mfn(21), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(21), 0), -XEN_EINVAL);
	assert_int_equal(map(m, va(22), leaf(22, RW)), -XEN_EBUSY);
	assert_int_equal(store(m, 22, 9, leaf(35, RW)), 0); /* in no address space yet */
	compare(m);
	assert_int_equal(store(m, ROOT, 1, leaf(20, TABLE)), 0);
	compare(m);
	assert_int_equal(store(m, ROOT, 1, 0), 0);
	compare(m);
	assert_int_equal(map(m, va(20), leaf(20, RW)), 0);
	assert_int_equal(map(m, va(22), leaf(22, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, MMUEXT_UNPIN_TABLE, mfn(22), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_UNPIN_TABLE, mfn(21), 0), 0);
	assert_int_equal(extended(m, MMUEXT_UNPIN_TABLE, mfn(21), 0), -XEN_EINVAL);
	assert_int_equal(map(m, va(22), leaf(22, RW)), 0);
	compare(m);
	/* The root is pinned and loaded; it stays loaded. */
	assert_int_equal(extended(m, MMUEXT_PIN_L4_TABLE, mfn(ROOT), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_UNPIN_TABLE, mfn(ROOT), 0), 0);
	assert_int_equal(extended(m, MMUEXT_PIN_L4_TABLE, mfn(ROOT), 0), 0);
	lock_pages(m, 60, 1);
	assert_int_equal(extended(m, MMUEXT_PIN_L4_TABLE, mfn(60), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_NEW_BASEPTR, mfn(ROOT), 0), 0);
	assert_int_equal(extended(m, MMUEXT_NEW_BASEPTR, mfn(60), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	assert_int_equal(extended(m, MMUEXT_NEW_USER_BASEPTR, mfn(ROOT), 0), -XEN_ENOSYS);
	compare(m);
}

static void extended_rest(void **state)
{
	struct machine *m = *state;

	page(m, 5)[9] = 5;
	assert_int_equal(extended(m, MMUEXT_COPY_PAGE, mfn(6), mfn(5)), 0);
	assert_int_equal(page(m, 6)[9], 5);
	assert_int_equal(extended(m, MMUEXT_COPY_PAGE, mfn(6), mfn(6)), 0);
	assert_int_equal(extended(m, MMUEXT_COPY_PAGE, mfn(L1), mfn(5)), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_COPY_PAGE, mfn(6), FOREIGN_MFN), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_CLEAR_PAGE, mfn(6), 0), 0);
	assert_int_equal(page(m, 6)[9], 0);
	assert_int_equal(extended(m, MMUEXT_CLEAR_PAGE, mfn(L1), 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_CLEAR_PAGE, SHARED_MFN, 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_SET_LDT, 1, 0), 0);
	assert_int_equal(extended(m, MMUEXT_SET_LDT, va(1), 1), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_SET_LDT, va(1) + 8, 1), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_SET_LDT, va(1), 8193), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_MARK_SUPER, mfn(0), 0), -XEN_EOPNOTSUPP);
	assert_int_equal(extended(m, MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EACCES);
	assert_int_equal(extended(m, 14, 0, 0), -XEN_ENOSYS);
	assert_int_equal(extended(m, UINT32_MAX, 0, 0), -XEN_ENOSYS);
	compare(m);
}

/* A page that the hypervisor writes itself cannot become a table, nor the other way round. */
static void keeps_data_pages(void **state)
{
	struct machine *m = *state;
	struct vcpu_register_vcpu_info *r = (void *)page(m, ARGS);
	const unsigned nr = __HYPERVISOR_vcpu_op;

	r->offset = 0;
	r->mfn = mfn(L1);
	assert_true(call(m, nr, VCPUOP_register_vcpu_info, 1, va(ARGS), 0) < 0);
	lock_pages(m, 5, 1);
	r->mfn = mfn(5);
	assert_int_equal(call(m, nr, VCPUOP_register_vcpu_info, 1, va(ARGS), 0), 0);
	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(5), 0), -XEN_EINVAL);
}

/* ---- GDT ---- */

static void sets_gdts(void **state)
{
	struct machine *m = *state;
	uint64_t *frames = page(m, ARGS);
	const unsigned set = __HYPERVISOR_set_gdt, update = __HYPERVISOR_update_descriptor;
	const uint64_t code = 0x00affa000000ffff, ours = 0x00affa000000ffff | 3ull << 45;
	const uint64_t system = 0x0000890000000067;

	frames[0] = mfn(5);
	frames[1] = mfn(6);
	page(m, 5)[1] = code;
	assert_int_equal(call(m, set, va(ARGS), 1, 0, 0), -XEN_EINVAL); /* mapped writable */
	lock_pages(m, 5, 2);
	page(m, 6)[7] = system;
	assert_int_equal(call(m, set, va(ARGS), 513, 0, 0), -XEN_EINVAL);
	page(m, 6)[7] = 0;
	assert_int_equal(call(m, set, va(ARGS), 513, 0, 0), 0);
	assert_int_equal(page(m, 5)[1], ours);
	assert_int_equal(map(m, va(5), leaf(5, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, MMUEXT_PIN_L1_TABLE, mfn(5), 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, mfn(6) << 12 | 16, code, 0, 0), 0);
	assert_int_equal(page(m, 6)[2], ours);
	assert_int_equal(call(m, update, mfn(6) << 12 | 16, system, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, mfn(6) << 12 | 17, code, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, mfn(L1) << 12, code, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, FOREIGN_MFN << 12, code, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, SPECIAL_MFN << 12, code, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, update, mfn(9) << 12, code, 0, 0), 0);
	assert_int_equal(page(m, 9)[0], ours);
	/* Its successor holds one of the two frames. */
	frames[0] = mfn(6);
	assert_int_equal(call(m, set, va(ARGS), 512, 0, 0), 0);
	assert_int_equal(map(m, va(5), leaf(5, RW)), 0);
	assert_int_equal(map(m, va(6), leaf(6, RW)), -XEN_EBUSY);
	assert_int_equal(call(m, set, va(ARGS), 7169, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, set, 16, 1, 0, 0), -XEN_EFAULT);
	frames[0] = SHARED_MFN;
	assert_int_equal(call(m, set, va(ARGS), 1, 0, 0), -XEN_EINVAL);
	assert_int_equal(call(m, set, 0, 0, 0, 0), 0);
	assert_int_equal(map(m, va(6), leaf(6, RW)), 0);
	compare(m);
}

static void sets_ldts(void **state)
{
	struct machine *m = *state;
	const unsigned set = MMUEXT_SET_LDT;

	assert_int_equal(extended(m, set, va(5), 1), -XEN_EINVAL); /* mapped writable */
	lock_pages(m, 5, 3);
	page(m, 6)[511] = 0x0000890000000067;
	assert_int_equal(extended(m, set, va(5), 513), -XEN_EINVAL);
	assert_int_equal(map(m, va(5), leaf(5, RW)), 0); /* nothing is held */
	lock_pages(m, 5, 1);
	page(m, 6)[511] = 0x00cf92000000ffff;
	assert_int_equal(extended(m, set, va(5), 1024), 0);
	assert_int_equal(page(m, 6)[511], 0x00cff2000000ffff);
	assert_int_equal(map(m, va(6), leaf(6, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, set, va(5) + 8, 1), -XEN_EINVAL);
	assert_int_equal(extended(m, set, va(5), 8193), -XEN_EINVAL);
	assert_int_equal(extended(m, set, va(RAM_PAGES), 1), -XEN_EINVAL); /* nothing there */
	assert_int_equal(extended(m, set, 0xffff800000000000, 1), -XEN_EINVAL);
	assert_int_equal(extended(m, set, 1ull << 63, 1), -XEN_EINVAL);
	/* None of these let go of the first. */
	assert_int_equal(map(m, va(5), leaf(5, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, set, va(6), 1), 0);
	assert_int_equal(map(m, va(5), leaf(5, RW)), 0);
	assert_int_equal(map(m, va(6), leaf(6, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, set, 1, 0), 0);
	assert_int_equal(map(m, va(6), leaf(6, RW)), 0);
	compare(m);
}

static int returns_to(struct machine *m, unsigned cs, unsigned ss, unsigned vector, uint32_t error)
{
	struct hv_exception e = { 0 };
	int rc = hv_vcpu_check_return(m->v, (uint16_t)cs, (uint16_t)ss, &e);

	assert_int_equal(e.vector, vector);
	assert_int_equal(e.error, error);
	return rc;
}

static void checks_returns(void **state)
{
	struct machine *m = *state;
	const unsigned cs = 0xe030, ss = 0xe02b;

	assert_int_equal(returns_to(m, cs, ss, 0, 0), 0);
	assert_int_equal(returns_to(m, cs | 3, ss, 0, 0), -XEN_EPERM);
	assert_int_equal(returns_to(m, 0, ss, 13, 0), -XEN_EINVAL);
	assert_int_equal(returns_to(m, cs, 0, 13, 0), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 8, ss, 13, 8), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 0xfff8, ss, 13, 0xfff8), -XEN_EINVAL);
	page(m, 5)[1] = 0x00affa000000ffff; /* code */
	page(m, 5)[2] = 0x00cf92000000ffff; /* data */
	page(m, 5)[3] = 0x00af7a000000ffff; /* code that is not there */
	page(m, 5)[4] = 0x00cf72000000ffff; /* data that is not there */
	page(m, 5)[5] = 0x00cffa000000ffff; /* 32-bit code */
	page(m, 5)[6] = 0x00cf90000000ffff; /* data that is not to be written */
	lock_pages(m, 5, 1);
	*page(m, ARGS) = mfn(5);
	assert_int_equal(call(m, __HYPERVISOR_set_gdt, va(ARGS), 7, 0, 0), 0);
	assert_int_equal(returns_to(m, 8, 16, 0, 0), 0);
	assert_int_equal(returns_to(m, 24, 16, 11, 24), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 8, 35, 12, 32), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 40, 16, 13, 40), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 8, 51, 13, 48), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 16, 16, 13, 16), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 8, 8, 13, 8), -XEN_EINVAL);
	assert_int_equal(returns_to(m, 56, 16, 13, 56), -XEN_EINVAL); /* its end */
	/* The same by an LDT. */
	assert_int_equal(returns_to(m, 12, 20, 13, 12), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_SET_LDT, va(5), 3), 0);
	assert_int_equal(returns_to(m, 12, 20, 0, 0), 0);
}

/* ---- a guest that tries anything ---- */

static uint64_t seed; /* of pick() */

static uint64_t pick(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* Pages 20-39 are what it makes tables of, from pages 20-59. */
static uint64_t any_entry(void)
{
	static const uint64_t flags[] = { RW, RW, 0, 0, NX, RW | NX, USER | RW, PSE, GLOBAL | RW };
	static const uint64_t strange[] = { SHARED_MFN,	 LOCKED_MFN, SPECIAL_MFN,
					    FOREIGN_MFN, 0,	     RAM_MFN - 1 };
	uint64_t f = PRESENT | flags[pick(9)];

	switch (pick(12)) {
	case 0:
		return strange[pick(6)] << 12 | f;
	case 1:
		return leaf(ROOT + (unsigned)pick(4), f);
	case 2:
		return ~0ull >> pick(64);
	case 3:
	case 4:
		return 0;
	default:
		return leaf(20 + (unsigned)pick(40), f);
	}
}

static unsigned any_table(void)
{
	return pick(6) ? 20 + (unsigned)pick(20) : ROOT + (unsigned)pick(3);
}

/* A few slots only, so that things meet; never those that reach the arguments. */
static unsigned any_slot(unsigned table)
{
	static const unsigned slots[] = { 1, 2, 5, 255, 256, 511 };

	return table == ROOT ? slots[pick(6)] : 5 + (unsigned)pick(3);
}

static void any_operation(struct machine *m)
{
	unsigned table = any_table(), n = 20 + (unsigned)pick(40);

	m->calls = 0;
	m->fail_at = pick(4) ? 0 : 1 + (unsigned)pick(6);
	switch (pick(6)) {
	case 0:
		map(m, va(n), pick(3) ? leaf(n, 0) : any_entry());
		return;
	case 1:
		extended(m, (unsigned)pick(6), pick(9) ? mfn(n) : ~0ull >> pick(64), 0);
		return;
	case 2:
		if (pick(8))
			map(m, va(n), leaf(n, pick(2) ? RW : 0));
		else
			extended(m, MMUEXT_CLEAR_PAGE, mfn(n), 0);
		return;
	default:
		store(m, table, any_slot(table), any_entry());
	}
}

static void tries_anything(void **state)
{
	struct machine *m = *state;

	seed = 88172645463325252ull;
	lock_pages(m, 20, 20);
	for (unsigned i = 0; i < 100000; i++) {
		any_operation(m);
		if ((m->fail_at && m->calls >= m->fail_at) || i % 16 == 0)
			compare(m);
		assert_int_equal(m->shutdowns, 0);
	}
}

/*
 * One that can write its tables, as where memory is shared with the embedder: it gets at no foreign
 * frame by it, and is crashed when that is noticed. The embedder's own checks and the sanitizers
 * look for the rest.
 */
static void forges_tables(void **state)
{
	unsigned crashed = 0;

	for (unsigned round = 0; round < 200; round++) {
		struct machine *m = *state;
		uint64_t word = round;

		seed = 0x9e3779b97f4a7c15ull * (round + 1);
		lock_pages(m, 20, 20);
		for (unsigned i = 0; i < 200; i++) {
			unsigned table = 20 + (unsigned)pick(20);

			any_operation(m);
			if (i > 100 && !pick(3))
				page(m, table)[any_slot(table)] = any_entry();
			hv_pv_copy_from(m->d, &word,
					pick(2) ? va(512 * pick(8)) : ~0ull >> pick(64), 8);
			hv_pv_copy_to(m->d, pick(2) ? va(512 * pick(8) + 5) : ~0ull >> pick(64),
				      &word, 8);
		}
		crashed += m->shutdowns;
		tear_down(state);
		set_up_adopted(state);
	}
	assert_true(crashed > 0 && crashed <= 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_ADOPTED(links_a_leaf_table),
		TEST_ADOPTED(splits_runs_between_memories),
		TEST_ADOPTED(avoids_an_address),
		TEST_ADOPTED(links_a_tree),
		TEST_ADOPTED(ends_at_the_top),
		TEST_ADOPTED(embedder_refuses_trees),
		TEST_ADOPTED(counts_what_is_done),
		TEST_ADOPTED(counts_over_cuts),
		TEST_ADOPTED(updates_besides_tables),
		TEST_ADOPTED(pins),
		TEST_ADOPTED(extended_rest),
		TEST_ADOPTED(keeps_data_pages),
		TEST_ADOPTED(sets_gdts),
		TEST_ADOPTED(sets_ldts),
		TEST_ADOPTED(checks_returns),
		TEST_ADOPTED(tries_anything),
		TEST_ADOPTED(forges_tables),
	};

	return cmocka_run_group_tests_name("mm_tables", tests, NULL, NULL);
}
