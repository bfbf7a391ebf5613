/* SPDX-License-Identifier: MIT */
/*
 * From page-table entries to the embedder's pv_map: finds the runs of pages that an entry
 * translates, and makes a change of them whole or not at all. Types and counts are mm_type.c's;
 * they are right before this is called.
 */
#include "mm_internal.h"

/* A walk over what an entry maps, in ascending addresses, which gathers pages into runs. */
struct walk {
	struct hv_domain *d;
	struct hv_vcpu *v;
	bool unmap;   /* tell the embedder that they are not mapped */
	uint64_t end; /* pages from this address on are left out */
	int err;
	uint64_t told; /* the embedder was told of all before this address */
	const struct range *range;
	uint64_t va, mfn, pages; /* the run that is being gathered */
	unsigned prot;
};

bool mm_place(const struct mm *mm, uint64_t table, unsigned level, struct place *out)
{
	uint64_t va = 0;
	unsigned rights = HV_PROT_READ | HV_PROT_WRITE | HV_PROT_EXEC;

	for (; level < PT_TOP; level++) {
		const uint64_t *word = mm_type_word(mm, table);
		uint64_t type = word ? type_load(word) : 0;
		uint64_t slot = (type >> FRAME_SLOT_SHIFT) % PT_ENTRIES;
		const uint64_t *parent =
			level + 1 < PT_TOP ? mm_table(mm, type >> FRAME_PARENT_SHIFT, level + 1)
					   : mm->top;
		uint64_t entry;

		if (type_of(type) != table_type(level) || !(type & FRAME_LINKED) || !parent)
			return false;
		entry = pte_load(&parent[slot]);
		if (!(entry & PTE_RW))
			rights &= ~HV_PROT_WRITE;
		if (entry & PTE_NX)
			rights &= ~HV_PROT_EXEC;
		va |= slot << (PAGE_SHIFT + PT_SHIFT * level);
		table = type >> FRAME_PARENT_SHIFT;
	}
	out->va = va >> 47 ? va | UINT64_MAX << 48 : va;
	out->rights = rights;
	return mm->adopted;
}

static void walk_flush(struct walk *w)
{
	const struct hv_ops *ops = w->d->hv->ops;

	if (!w->pages || w->err)
		return;
	if (w->unmap)
		w->err = ops->pv_map(w->d, w->v, w->va, 0, w->pages, 0);
	else
		w->err = ops->pv_map(w->d, w->v, w->va, w->mfn, w->pages, w->prot);
	if (!w->err)
		w->told = w->va + (w->pages << PAGE_SHIFT);
	w->pages = 0;
}

static void walk_page(struct walk *w, uint64_t va, uint64_t entry, unsigned rights)
{
	const struct mm *mm = w->d->mm;
	uint64_t mfn = pte_mfn(entry);
	const struct range *r = mm_range(mm, mfn);
	unsigned prot = HV_PROT_READ | HV_PROT_EXEC;

	if (!r || va >= w->end)
		return;
	/* Asked again, since the entry was read again: see Trust in mm_internal.h. */
	if ((entry & PTE_RW) && !r->read_only &&
	    (!r->types || type_of(type_load(range_type(r, mfn))) == FRAME_WRITABLE))
		prot |= HV_PROT_WRITE;
	if (entry & PTE_NX)
		prot &= ~HV_PROT_EXEC;
	prot &= rights;
	/* A run lies in one range: neighbours in number may be far apart in the host. */
	if (w->pages && va == w->va + (w->pages << PAGE_SHIFT) &&
	    (w->unmap || (prot == w->prot && r == w->range && mfn == w->mfn + w->pages))) {
		w->pages++;
		return;
	}
	walk_flush(w);
	w->va = va;
	w->mfn = mfn;
	w->pages = 1;
	w->prot = prot;
	w->range = r;
}

static void walk_entry(struct walk *w, unsigned level, uint64_t entry, uint64_t va,
		       unsigned rights);

static void walk_table(struct walk *w, unsigned level, const uint64_t *entries, uint64_t va,
		       unsigned rights)
{
	for (unsigned slot = 0; slot < PT_ENTRIES && !w->err; slot++) {
		uint64_t at = va + ((uint64_t)slot << (PAGE_SHIFT + PT_SHIFT * (level - 1)));

		if (level == PT_TOP && !root_slot_ok(slot))
			continue;
		if (level == PT_TOP && slot >= ROOT_XEN_END)
			at |= UINT64_MAX << 48;
		walk_entry(w, level, pte_load(&entries[slot]), at, rights);
	}
}

/* Recursion: at most PT_TOP deep. */
static void walk_entry(struct walk *w, unsigned level, uint64_t entry, uint64_t va, unsigned rights)
{
	const uint64_t *entries;

	if (!(entry & PTE_PRESENT))
		return;
	if (level == 1) {
		walk_page(w, va, entry, rights);
		return;
	}
	if (!(entry & PTE_RW))
		rights &= ~HV_PROT_WRITE;
	if (entry & PTE_NX)
		rights &= ~HV_PROT_EXEC;
	entries = mm_table(w->d->mm, pte_mfn(entry), level - 1);
	if (entries)
		walk_table(w, level - 1, entries, va, rights);
}

/* Map or unmap all that an entry translates below `end`. *told: as far as the embedder knows it
 * now. */
static int tell(struct hv_domain *d, struct hv_vcpu *v, bool unmap, unsigned level,
		const struct place *place, uint64_t entry, uint64_t end, uint64_t *told)
{
	struct walk w = { .d = d, .v = v, .unmap = unmap, .end = end, .told = place->va };

	walk_entry(&w, level, entry, place->va, place->rights);
	walk_flush(&w);
	*told = w.told;
	return w.err;
}

/* Take back what a failed change did. If that fails too, the guest's memory is not what its tables
 * say. */
static void tell_back(struct hv_domain *d, struct hv_vcpu *v, bool unmap, unsigned level,
		      const struct place *place, uint64_t entry, uint64_t end)
{
	uint64_t told;

	if (tell(d, v, unmap, level, place, entry, end, &told))
		d->mm->corrupt = true;
}

static int change_page(struct hv_domain *d, struct hv_vcpu *v, const struct place *place,
		       uint64_t from, uint64_t to)
{
	uint64_t told;

	if (to & PTE_PRESENT)
		return tell(d, v, false, 1, place, to, UINT64_MAX, &told);
	return tell(d, v, true, 1, place, from, UINT64_MAX, &told);
}

int mm_change_mapping(struct hv_domain *d, struct hv_vcpu *v, unsigned level,
		      const struct place *place, uint64_t from, uint64_t to)
{
	bool same_table = (from & to & PTE_PRESENT) && pte_mfn(from) == pte_mfn(to);
	uint64_t told;
	int err;

	if (level == 1)
		return change_page(d, v, place, from, to);
	/* The same pages with other rights need not be unmapped between. */
	if (!same_table) {
		err = tell(d, v, true, level, place, from, UINT64_MAX, &told);
		if (err) {
			tell_back(d, v, false, level, place, from, told);
			return err;
		}
	}
	err = tell(d, v, false, level, place, to, UINT64_MAX, &told);
	if (!err)
		return 0;
	if (same_table) {
		tell_back(d, v, false, level, place, from, told);
		return err;
	}
	tell_back(d, v, true, level, place, to, told);
	tell_back(d, v, false, level, place, from, UINT64_MAX);
	return err;
}

int mm_map_all(struct hv_domain *d)
{
	const struct mm *mm = d->mm;
	unsigned rights = HV_PROT_READ | HV_PROT_WRITE | HV_PROT_EXEC;
	struct walk w = { .d = d, .end = UINT64_MAX };
	struct walk back = { .d = d, .unmap = true };

	walk_table(&w, PT_TOP, mm->top, 0, rights);
	walk_flush(&w);
	if (!w.err)
		return 0;
	back.end = w.told;
	walk_table(&back, PT_TOP, mm->top, 0, rights);
	walk_flush(&back);
	return w.err;
}
