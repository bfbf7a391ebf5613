/* SPDX-License-Identifier: MIT */
/*
 * Roots of the address space: how the first one is adopted, how others become roots, and which vCPU
 * has which one loaded. What a root is, is in mm_internal.h. Its entries are changed in
 * mm_update.c.
 */
#include "mm_internal.h"

/* A root is held by its pin and by the vCPUs that have it loaded. */
#define ROOT_HELD (~0ull << FRAME_SLOT_SHIFT | FRAME_PINNED)

/* The first one: its entries are the address space. */
static int take_top(struct mm *mm, const uint64_t *entries)
{
	for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
		uint64_t entry = pte_load(&entries[slot]);
		int err = -XEN_EINVAL;

		if (root_slot_ok(slot) || !(entry & PTE_PRESENT))
			err = mm_take_entry(mm, entry, PT_TOP, 0, slot);
		if (err)
			return err;
		pte_store(&mm->top[slot], entry);
	}
	return 0;
}

static void drop_top(struct mm *mm)
{
	for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
		uint64_t entry = mm->top[slot];

		pte_store(&mm->top[slot], 0ull);
		mm_drop_entry(mm, entry, PT_TOP, 0, slot);
	}
}

/* Xen's slots are not looked at: there they are filled in. */
static bool says_the_same(const struct mm *mm, const uint64_t *entries)
{
	for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
		uint64_t entry = pte_load(&entries[slot]);

		if (!root_slot_ok(slot))
			continue;
		if (!pte_same_mapping(mm->top[slot], entry))
			return false;
		if ((entry & PTE_PRESENT) && !mm_entry_flags_ok(entry, PT_TOP))
			return false;
	}
	return true;
}

/*
 * The type word of a frame that is a root, perhaps from now on: then the caller holds it, or lets
 * go of it. NULL: it cannot be one.
 */
static uint64_t *find_root(struct mm *mm, uint64_t mfn)
{
	uint64_t *word = mm_type_word(mm, mfn);

	if (!word || !mm->adopted)
		return NULL;
	if (type_of(type_load(word)) == FRAME_FREE) {
		/* No writable mapping is left of it, so what is compared stays so. */
		if (!says_the_same(mm, range_frame(mm_range(mm, mfn), mfn)))
			return NULL;
		type_store(word, table_type(PT_TOP));
		mm->nr_roots++;
	}
	return type_of(type_load(word)) == table_type(PT_TOP) ? word : NULL;
}

/* Take this away from what holds it. */
static void let_go(struct mm *mm, uint64_t *word, uint64_t hold)
{
	uint64_t left = type_load(word) - hold;

	if (left & ROOT_HELD) {
		type_store(word, left);
		return;
	}
	/* The tables below are held by mm.top. That no root is left is for vCPU 0 to prevent. */
	type_store(word, FRAME_FREE);
	mm->nr_roots--;
}

int mm_pin_root(struct mm *mm, uint64_t mfn)
{
	uint64_t *word = find_root(mm, mfn);

	if (!word || (type_load(word) & FRAME_PINNED))
		return -XEN_EINVAL;
	type_store(word, type_load(word) | FRAME_PINNED);
	return 0;
}

void mm_unpin_root(struct mm *mm, uint64_t mfn)
{
	let_go(mm, mm_type_word(mm, mfn), FRAME_PINNED);
}

static void unload(struct mm *mm, struct mm_vcpu *m)
{
	if (m->root != HV_NEVER)
		let_go(mm, mm_type_word(mm, m->root), FRAME_USE);
	m->root = HV_NEVER;
}

static int load(struct mm *mm, struct mm_vcpu *m, uint64_t mfn)
{
	uint64_t *word;

	if (m->root == mfn)
		return 0;
	word = find_root(mm, mfn);
	if (!word)
		return -XEN_EINVAL;
	type_store(word, type_load(word) + FRAME_USE);
	unload(mm, m);
	m->root = mfn;
	return 0;
}

bool mm_adopted(const struct hv_domain *d)
{
	return d->mm->adopted;
}

int mm_load_root(struct hv_vcpu *v, uint64_t mfn)
{
	struct hv_domain *d = v->domain;
	int err = 0;

	mm_lock(d);
	if (d->mm->adopted)
		err = load(d->mm, &d->mm->vcpus[v->id], mfn);
	/* Not checked: a vCPU's initialisation comes here with the domain's lock. */
	mm_unlock(d);
	return err;
}

void mm_unload_root(struct hv_vcpu *v)
{
	mm_lock(v->domain);
	unload(v->domain->mm, &v->domain->mm->vcpus[v->id]);
	mm_unlock(v->domain);
}

static int adopt(struct hv_domain *d, uint64_t mfn)
{
	struct mm *mm = d->mm;
	uint64_t *word = mm_type_word(mm, mfn);
	int err;

	if (d->compat32 || mm->adopted || !d->hv->ops->pv_map)
		return -XEN_EINVAL;
	if (!word || type_of(type_load(word)) != FRAME_FREE)
		return -XEN_EINVAL;
	/* Typed first, so that an entry that maps it writable is refused as any other. */
	type_store(word, table_type(PT_TOP));
	err = take_top(mm, range_frame(mm_range(mm, mfn), mfn)) ? -XEN_EINVAL : mm_map_all(d);
	if (err) {
		drop_top(mm);
		type_store(word, FRAME_FREE);
		return err;
	}
	mm->adopted = true;
	mm->nr_roots = 1;
	type_store(word, type_load(word) | FRAME_PINNED);
	/* vCPU 0 boots on it. Only another root can take its place, so that one is always there. */
	return load(mm, &mm->vcpus[0], mfn);
}

int hv_pv_adopt(struct hv_domain *d, uint64_t root_mfn)
{
	int err;

	mm_lock(d);
	err = adopt(d, root_mfn);
	mm_unlock_checked(d);
	return err;
}
