/* SPDX-License-Identifier: MIT */
/*
 * The frames that a domain may name: ranges of host memory, and how the rest of the hypervisor gets
 * at them. What its own page tables make of them is in mm_type.c and mm_map.c.
 */
#include "mm_internal.h"

int mm_init(struct hv_domain *d)
{
	struct mm *mm = alloc(d->hv, sizeof(*mm));

	if (!mm)
		return -XEN_ENOMEM;
	mm->nr_vcpus = d->max_vcpus;
	mm->vcpus = alloc(d->hv, mm->nr_vcpus * sizeof(*mm->vcpus));
	if (!mm->vcpus) {
		release(d->hv, mm, sizeof(*mm));
		return -XEN_ENOMEM;
	}
	for (unsigned i = 0; i < mm->nr_vcpus; i++)
		mm->vcpus[i].root = HV_NEVER;
	d->mm = mm;
	return 0;
}

void mm_destroy(struct hv_domain *d)
{
	struct mm *mm = d->mm;

	if (!mm)
		return;
	for (unsigned i = 0; i < mm->nr_ranges; i++)
		release(d->hv, mm->ranges[i].types, mm->ranges[i].pages * sizeof(uint64_t));
	release(d->hv, mm->ranges, mm->max_ranges * sizeof(*mm->ranges));
	release(d->hv, mm->vcpus, mm->nr_vcpus * sizeof(*mm->vcpus));
	release(d->hv, mm, sizeof(*mm));
	d->mm = NULL;
}

void mm_lock(struct hv_domain *d)
{
	lock_take(d->hv, &d->mm->lock);
}

void mm_unlock(struct hv_domain *d)
{
	lock_drop(&d->mm->lock);
}

void mm_unlock_checked(struct hv_domain *d)
{
	bool corrupt = d->mm->corrupt;

	d->mm->corrupt = false;
	mm_unlock(d);
	if (corrupt)
		hv_domain_crash(d);
}

/* Index of the first range that ends above mfn. */
static unsigned range_index(const struct mm *mm, uint64_t mfn)
{
	unsigned low = 0, high = mm->nr_ranges;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct range *r = &mm->ranges[middle];

		if (r->mfn + r->pages <= mfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct range *mm_find_range(const struct mm *mm, uint64_t mfn)
{
	unsigned i = range_index(mm, mfn);

	return i < mm->nr_ranges && mm->ranges[i].mfn <= mfn ? &mm->ranges[i] : NULL;
}

void *mm_frame(const struct hv_domain *d, uint64_t mfn)
{
	const struct range *r = mm_range(d->mm, mfn);

	return r ? range_frame(r, mfn) : NULL;
}

uint64_t mm_frame_number(const struct hv_domain *d, const void *host)
{
	const struct mm *mm = d->mm;
	unsigned i;

	for (i = 0; i < mm->nr_ranges; i++) {
		const struct range *r = &mm->ranges[i];
		uintptr_t offset = (uintptr_t)host - (uintptr_t)r->host;

		if ((uintptr_t)host >= (uintptr_t)r->host && offset / HV_PAGE_SIZE < r->pages)
			return r->mfn + offset / HV_PAGE_SIZE;
	}
	return HV_NEVER;
}

void *hv_domain_frame(const struct hv_domain *d, uint64_t mfn)
{
	return mm_frame(d, mfn);
}

void *mm_get_frame(struct hv_domain *d, uint64_t mfn)
{
	const struct range *r = mm_range(d->mm, mfn);
	int err;

	if (!r || r->read_only)
		return NULL;
	mm_lock(d);
	err = mm_use_frame(d->mm, mfn, FRAME_WRITABLE);
	mm_unlock(d);
	return err ? NULL : range_frame(r, mfn);
}

void mm_put_frame(struct hv_domain *d, uint64_t mfn)
{
	mm_lock(d);
	mm_unuse_frame(d->mm, mfn, FRAME_WRITABLE);
	mm_unlock(d);
}

static int grow_ranges(struct hv_domain *d)
{
	struct mm *mm = d->mm;
	unsigned max = mm->max_ranges ? 2 * mm->max_ranges : 8;
	struct range *ranges;

	if (mm->nr_ranges < mm->max_ranges)
		return 0;
	ranges = alloc(d->hv, max * sizeof(*ranges));
	if (!ranges)
		return -XEN_ENOMEM;
	for (unsigned i = 0; i < mm->nr_ranges; i++)
		ranges[i] = mm->ranges[i];
	release(d->hv, mm->ranges, mm->max_ranges * sizeof(*ranges));
	mm->ranges = ranges;
	mm->max_ranges = max;
	return 0;
}

static bool memory_ok(const struct mm *mm, const struct hv_memory *m)
{
	unsigned i = range_index(mm, m->mfn);

	if (!m->pages || m->mfn >= MFN_END || m->pages > MFN_END - m->mfn)
		return false;
	if (!m->host || (uintptr_t)m->host % HV_PAGE_SIZE)
		return false;
	if (m->kind != HV_MEMORY_RAM && m->kind != HV_MEMORY_SHARED && m->kind != HV_MEMORY_SPECIAL)
		return false;
	/* Within a domain a frame number has one meaning. */
	return i == mm->nr_ranges || mm->ranges[i].mfn >= m->mfn + m->pages;
}

static void insert_range(struct mm *mm, const struct range *r)
{
	unsigned at = range_index(mm, r->mfn);

	for (unsigned i = mm->nr_ranges; i > at; i--)
		mm->ranges[i] = mm->ranges[i - 1];
	mm->ranges[at] = *r;
	mm->nr_ranges++;
	if (!r->types)
		return;
	mm->ram_pages += r->pages;
	if (mm->ram_end < r->mfn + r->pages)
		mm->ram_end = r->mfn + r->pages;
	if (mm->main.pages < r->pages)
		mm->main = *r;
}

int hv_domain_add_memory(struct hv_domain *d, const struct hv_memory *m)
{
	struct range r = {
		.mfn = m->mfn, .pages = m->pages, .host = m->host, .read_only = m->read_only
	};
	int err;

	if (!memory_ok(d->mm, m))
		return -XEN_EINVAL;
	err = grow_ranges(d);
	if (err)
		return err;
	if (m->kind == HV_MEMORY_RAM) {
		r.types = alloc(d->hv, r.pages * sizeof(*r.types));
		if (!r.types)
			return -XEN_ENOMEM;
	}
	insert_range(d->mm, &r);
	return 0;
}
