/* SPDX-License-Identifier: MIT */
/*
 * Page tables: mapping pages of our own anew, what a page-table frame may not be, pinning. With one
 * address space. Page faults are in trap.c.
 */
#include "conformance.h"

static uint8_t page[2][PV_PAGE_BYTES] __attribute__((aligned(4096)));

static uint64_t frame_of(const void *p)
{
	return pv_frame_of(conf.pv, p);
}

static const uint64_t *root(void)
{
	return (const uint64_t *)conf.pv->start_info->pt_base;
}

/* The machine address of the entry that maps a page of ours, by the tables themselves. */
static uint64_t entry_of(const void *va, unsigned level)
{
	const uint64_t *table = root();
	const char *base = (const char *)root();
	unsigned long n = conf.pv->start_info->nr_pt_frames;

	for (unsigned l = 4;; l--) {
		const uint64_t *e = &table[pv_arg(va) >> (12 + 9 * (l - 1)) & 511];
		uint64_t frame = (*e & UINT64_C(0x000ffffffffff000)) >> 12;
		unsigned long i;

		if (l == level)
			return frame_of(e) << 12 | (pv_arg(e) & 4095);
		for (i = 0; i < n && frame_of(base + i * PV_PAGE_BYTES) != frame; i++)
			;
		if (i == n)
			return 0;
		table = (const uint64_t *)(base + i * PV_PAGE_BYTES);
	}
}

/* ---- update_va_mapping -------------------------------------------------------------------- */

static void unmap_and_back(void)
{
	page[0][5] = 77;
	EXPECT_EQ(pv_remap(page[0], 0), 0);
	TRY("mov (%1), %%al", "r"(page[0]));
	EXPECT(took(14, 0));
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame_of(page[0]), true)), 0);
	EXPECT_EQ(page[0][5], 77);
}

static void one_frame_twice(void)
{
	volatile uint8_t *a = page[0], *b = page[1];

	EXPECT_EQ(pv_remap(page[1], pv_pte(frame_of(page[0]), true)), 0);
	a[9] = 1;
	EXPECT_EQ(b[9], 1);
	b[9] = 2;
	EXPECT_EQ(a[9], 2);
	EXPECT_EQ(pv_remap(page[1], pv_pte(frame_of(page[1]), true)), 0);
	EXPECT_EQ(b[9], 0);
	a[9] = 0;
}

static void read_only_and_back(void)
{
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame_of(page[0]), false)), 0);
	EXPECT(!writable(&page[0][3]));
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame_of(page[0]), true)), 0);
	EXPECT(writable(&page[0][3]));
}

static void no_such_frame(void)
{
	EXPECT(pv_remap(page[0], pv_pte(UINT64_C(0xffffffff), true)) < 0);
	page[0][0] = 1; /* it is there still */
	page[0][0] = 0;
}

static void no_such_address(void)
{
	EXPECT(pv_remap((const void *)UINT64_C(0xffff82d040200000), 0) < 0);
}

static void reserved_bits(void)
{
	EXPECT(pv_remap(page[0], pv_pte(frame_of(page[0]), true) | UINT64_C(1) << 51) < 0);
	page[0][0] = 0;
}

/* ---- page-table frames -------------------------------------------------------------------- */

static void table_is_read_only(void)
{
	EXPECT(!conf.pv->start_info->pt_base ||
	       pv_remap(page[1], pv_pte(frame_of(root()), true)) < 0);
	EXPECT_EQ(pv_remap(page[1], pv_pte(frame_of(page[1]), true)), 0);
}

static void table_may_be_read(void)
{
	const volatile uint64_t *view = (const volatile uint64_t *)page[1];

	EXPECT_EQ(pv_remap(page[1], pv_pte(frame_of(root()), false)), 0);
	EXPECT_EQ(view[0], root()[0]);
	EXPECT_EQ(pv_remap(page[1], pv_pte(frame_of(page[1]), true)), 0);
}

static long update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };

	return pv_hypercall(__HYPERVISOR_mmu_update, pv_arg(&u), 1, 0, DOMID_SELF, 0);
}

static void update_an_entry(void)
{
	uint64_t entry = entry_of(page[0], 1), frame = frame_of(page[0]);

	if (!EXPECT(entry != 0))
		return;
	EXPECT_EQ(update(entry | MMU_NORMAL_PT_UPDATE, pv_pte(frame_of(page[1]), true)), 0);
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_update_va_mapping, pv_arg(page[0]),
			       pv_pte(frame_of(page[1]), true), UVMF_INVLPG | UVMF_ALL, 0, 0),
		  0);
	((volatile uint8_t *)page[1])[100] = 9;
	EXPECT_EQ(((volatile uint8_t *)page[0])[100], 9);
	((volatile uint8_t *)page[1])[100] = 0;
	EXPECT_EQ(update(entry | MMU_NORMAL_PT_UPDATE, pv_pte(frame, true)), 0);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, true)), 0);
}

static void update_counts_what_was_done(void)
{
	uint64_t entry = entry_of(page[0], 1), pte = pv_pte(frame_of(page[0]), true);
	struct mmu_update u[3] = {
		{ .ptr = entry, .val = pte },
		{ .ptr = entry, .val = pv_pte(frame_of(root()), true) }, /* a table: refused */
		{ .ptr = entry, .val = pte },
	};
	uint32_t done = 99;

	EXPECT(pv_hypercall(__HYPERVISOR_mmu_update, pv_arg(u), 3, pv_arg(&done), DOMID_SELF, 0) <
	       0);
	EXPECT_EQ(done, 1);
	EXPECT_EQ(pv_remap(page[0], pte), 0);
}

static void update_no_domain(void)
{
	struct mmu_update u = { .ptr = entry_of(page[0], 1),
				.val = pv_pte(frame_of(page[0]), true) };

	EXPECT_EQ(pv_hypercall(__HYPERVISOR_mmu_update, pv_arg(&u), 1, 0, 1000, 0), -XEN_ESRCH);
}

static void update_of_none(void)
{
	uint32_t done = 99;

	EXPECT_EQ(pv_hypercall(__HYPERVISOR_mmu_update, 0, 0, pv_arg(&done), DOMID_SELF, 0), 0);
	EXPECT_EQ(done, 0);
}

static void update_bad_places(void)
{
	struct mmu_update u = { .ptr = entry_of(page[0], 1),
				.val = pv_pte(frame_of(page[0]), true) };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(pv_hypercall(__HYPERVISOR_mmu_update, place(p, &u, sizeof(u)), 1, 0,
				       DOMID_SELF, 0),
			  -XEN_EFAULT);
}

/* ---- mmuext_op ---------------------------------------------------------------------------- */

static long ext(unsigned cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0);
}

static void pin_and_unpin(void)
{
	uint64_t frame = frame_of(page[0]);

	memset(page[0], 0, PV_PAGE_BYTES);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, false)), 0);
	EXPECT_EQ(ext(MMUEXT_PIN_L1_TABLE, frame), 0);
	/* Now it is a table, and cannot be written. */
	EXPECT(pv_remap(page[0], pv_pte(frame, true)) < 0);
	EXPECT_EQ(ext(MMUEXT_UNPIN_TABLE, frame), 0);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, true)), 0);
	EXPECT(writable(page[0]));
}

static void pin_writable(void)
{
	EXPECT(ext(MMUEXT_PIN_L1_TABLE, frame_of(page[0])) < 0);
	EXPECT(writable(page[0]));
}

static void pin_twice(void)
{
	uint64_t frame = frame_of(page[0]);

	memset(page[0], 0, PV_PAGE_BYTES);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, false)), 0);
	EXPECT_EQ(ext(MMUEXT_PIN_L1_TABLE, frame), 0);
	EXPECT_EQ(ext(MMUEXT_PIN_L1_TABLE, frame), -XEN_EINVAL);
	EXPECT(ext(MMUEXT_PIN_L2_TABLE, frame) < 0);
	EXPECT_EQ(ext(MMUEXT_UNPIN_TABLE, frame), 0);
	EXPECT_EQ(ext(MMUEXT_UNPIN_TABLE, frame), -XEN_EINVAL);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, true)), 0);
}

static void unpin_what_is_not(void)
{
	EXPECT_EQ(ext(MMUEXT_UNPIN_TABLE, frame_of(page[0])), -XEN_EINVAL);
}

static void pin_bad_entries(void)
{
	uint64_t frame = frame_of(page[0]);

	/* It would map the root table for writing. */
	((uint64_t *)page[0])[17] = pv_pte(frame_of(root()), true);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, false)), 0);
	EXPECT(ext(MMUEXT_PIN_L1_TABLE, frame) < 0);
	EXPECT_EQ(pv_remap(page[0], pv_pte(frame, true)), 0);
	memset(page[0], 0, PV_PAGE_BYTES);
}

static void clear_and_copy(void)
{
	struct mmuext_op copy = { .cmd = MMUEXT_COPY_PAGE,
				  .arg1.mfn = frame_of(page[1]),
				  .arg2.src_mfn = frame_of(page[0]) };

	memset(page[0], 0x5a, PV_PAGE_BYTES);
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&copy), 1, 0, DOMID_SELF, 0), 0);
	EXPECT(!memcmp(page[0], page[1], PV_PAGE_BYTES));
	EXPECT_EQ(ext(MMUEXT_CLEAR_PAGE, frame_of(page[0])), 0);
	EXPECT_EQ(ext(MMUEXT_CLEAR_PAGE, frame_of(page[1])), 0);
	for (unsigned i = 0; i < PV_PAGE_BYTES; i++)
		EXPECT(!((volatile uint8_t *)page[0])[i] && !((volatile uint8_t *)page[1])[i]);
}

static void flushes(void)
{
	struct mmuext_op op = { .arg1.linear_addr = pv_arg(page[0]) };
	static const unsigned cmds[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL,
					 MMUEXT_TLB_FLUSH_ALL, MMUEXT_INVLPG_ALL };

	for (size_t i = 0; i < 4; i++) {
		op.cmd = cmds[i];
		EXPECT_EQ(pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0),
			  0);
	}
}

static void same_root_again(void)
{
	EXPECT_EQ(ext(MMUEXT_NEW_BASEPTR, frame_of(root())), 0);
	page[0][0] = 0;
}

static void ext_unknown(void)
{
	EXPECT_EQ(ext(99, 0), -XEN_ENOSYS);
}

static const struct check checks[] = {
	{ "unmap_and_back", unmap_and_back, 0 },
	{ "one_frame_twice", one_frame_twice, 0 },
	{ "read_only_and_back", read_only_and_back, 0 },
	{ "no_such_frame", no_such_frame, 0 },
	{ "no_such_address", no_such_address, 0 },
	{ "reserved_bits", reserved_bits, 0 },
	{ "table_is_read_only", table_is_read_only, 0 },
	{ "table_may_be_read", table_may_be_read, 0 },
	{ "update_an_entry", update_an_entry, 0 },
	{ "update_counts_what_was_done", update_counts_what_was_done, 0 },
	{ "update_no_domain", update_no_domain, 0 },
	{ "update_of_none", update_of_none, 0 },
	{ "update_bad_places", update_bad_places, 0 },
	{ "pin_and_unpin", pin_and_unpin, 0 },
	{ "pin_writable", pin_writable, 0 },
	{ "pin_twice", pin_twice, 0 },
	{ "unpin_what_is_not", unpin_what_is_not, 0 },
	{ "pin_bad_entries", pin_bad_entries, 0 },
	{ "clear_and_copy", clear_and_copy, 0 },
	{ "flushes", flushes, 0 },
	{ "same_root_again", same_root_again, 0 },
	{ "ext_unknown", ext_unknown, 0 },
	{ 0 },
};

const struct area area_memory = { "memory", checks };
