/* SPDX-License-Identifier: MIT */
/*
 * Mapping frames that are not the kernel's own: shared memory, device pages. They go to addresses
 * of their own, PV_MAP_BASE and up, for which the builder made no level 1 tables: each is a page of
 * ours that we link into the builder's level 2 table when the first frame needs it.
 */
#include "internal.h"

#define ENTRIES	    512u	   /* of a page table, at each level */
#define TABLE_FLAGS UINT64_C(0x67) /* present, writable, user, accessed, dirty */
#define BATCH	    128u

static uint64_t entry_mfn(uint64_t entry)
{
	return (entry & UINT64_C(0x000ffffffffff000)) >> 12;
}

/*
 * Entries hold machine frames, and there is no way back from those to an address. But the builder's
 * tables lie together, so the one in that frame is among them. NULL: it is not.
 */
static const uint64_t *builders_table(const struct pv *pv, uint64_t mfn)
{
	const char *at = (const char *)pv->start_info->pt_base;

	for (unsigned long i = 0; i < pv->start_info->nr_pt_frames; i++, at += PV_PAGE_SIZE)
		if (pv_frame_of(pv, at) == mfn)
			return (const uint64_t *)at;
	return NULL;
}

/* The level 2 table that covers PV_VIRT_BASE and PV_MAP_BASE: both are in the same GiB. */
static const uint64_t *level2_table(const struct pv *pv)
{
	const uint64_t *table = (const uint64_t *)pv->start_info->pt_base;

	for (unsigned shift = 39; table && shift > 21; shift -= 9)
		table = builders_table(pv, entry_mfn(table[PV_MAP_BASE >> shift & (ENTRIES - 1)]));
	return table;
}

static int update(const struct mmu_update *updates, size_t n)
{
	return (int)pv_hypercall(__HYPERVISOR_mmu_update, pv_arg(updates), n, 0, DOMID_SELF, 0);
}

/* The machine address of an entry, as mmu_update wants it. */
static uint64_t entry_address(const struct pv *pv, const uint64_t *entry)
{
	return pv_frame_of(pv, entry) << 12 | (pv_arg(entry) & (PV_PAGE_SIZE - 1));
}

/* Link a new level 1 table. The hypervisor takes it only if nobody can write to it. */
static int add_table(struct pv *pv, size_t number)
{
	const uint64_t *level2 = level2_table(pv);
	uint64_t *table, mfn;
	struct mmu_update link;
	int r;

	if (!level2)
		return -XEN_EINVAL;
	level2 += (PV_MAP_BASE >> 21 & (ENTRIES - 1)) + number;
	if (*level2)
		return -XEN_EEXIST;
	table = pv_alloc(pv, PV_PAGE_SIZE);
	if (!table)
		return -XEN_ENOMEM;
	mfn = pv_frame_of(pv, table);
	r = pv_remap(table, pv_pte(mfn, false));
	if (r)
		goto free;
	link.ptr = entry_address(pv, level2) | MMU_NORMAL_PT_UPDATE;
	link.val = mfn << 12 | TABLE_FLAGS;
	r = update(&link, 1);
	if (r)
		goto make_writable;
	pv->map_tables[number] = table;
	return 0;

make_writable:
	if (pv_remap(table, pv_pte(mfn, true)))
		return r; /* better lost than in the allocator */
free:
	pv_free(pv, table, PV_PAGE_SIZE);
	return r;
}

/* Write the entries of pages first .. first + n - 1 of our addresses; their tables are there. */
static int write_entries(struct pv *pv, size_t first, uint64_t mfn, size_t n, bool writable)
{
	struct mmu_update updates[BATCH];
	int r = 0;

	for (size_t done = 0; done < n && !r;) {
		size_t batch = n - done < BATCH ? n - done : BATCH;

		for (size_t i = 0; i < batch; i++, done++) {
			size_t page = first + done;
			const uint64_t *table = pv->map_tables[page / ENTRIES];

			updates[i].ptr =
				entry_address(pv, &table[page % ENTRIES]) | MMU_NORMAL_PT_UPDATE;
			updates[i].val = pv_pte(mfn + done, writable);
		}
		r = update(updates, batch);
	}
	return r;
}

int pv_map_frames(struct pv *pv, uint64_t mfn, size_t n, bool writable, void **out)
{
	size_t first = pv->mapped;
	int r;

	if (n > PV_MAP_PAGES - first)
		return -XEN_ENOSPC;
	for (size_t number = first / ENTRIES; number * ENTRIES < first + n; number++) {
		r = pv->map_tables[number] ? 0 : add_table(pv, number);
		if (r)
			return r;
	}
	pv->mapped += n;
	r = write_entries(pv, first, mfn, n, writable);
	if (!r)
		*out = (char *)PV_MAP_BASE + first * PV_PAGE_SIZE;
	return r;
}

uint64_t pv_mapped_frame(const struct pv *pv, const void *p)
{
	size_t page = (pv_arg(p) - PV_MAP_BASE) / PV_PAGE_SIZE;

	if (page >= pv->mapped)
		return UINT64_MAX;
	return entry_mfn(pv->map_tables[page / ENTRIES][page % ENTRIES]);
}
