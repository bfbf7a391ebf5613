/* SPDX-License-Identifier: MIT */
/*
 * Changes of the address space: update_va_mapping, mmu_update. An entry's change is validated and
 * counted (mm_type.c), told to the embedder (mm_map.c), stored, and only then is forgotten what the
 * old value named.
 */
#include "guest_access.h"
#include "mm_internal.h"

static int change_mapping(struct hv_domain *d, struct hv_vcpu *v, uint64_t table, unsigned level,
			  unsigned slot, uint64_t from, uint64_t to)
{
	struct place place;

	if (pte_same_mapping(from, to) || !mm_place(d->mm, table, level, &place))
		return 0;
	place.va += (uint64_t)slot << (PAGE_SHIFT + PT_SHIFT * (level - 1));
	if (level == PT_TOP && slot >= ROOT_XEN_END)
		place.va |= UINT64_MAX << 48;
	return mm_change_mapping(d, v, level, &place, from, to);
}

/* Is such a value admitted there at all? */
static bool value_ok(const struct mm *mm, unsigned level, unsigned slot, uint64_t value)
{
	if ((value & PTE_PRESENT) && !mm_entry_flags_ok(value, level))
		return false;
	if (level < PT_TOP)
		return true;
	/* What one root said alone would be another address space. */
	return root_slot_ok(slot) && (mm->nr_roots == 1 || pte_same_mapping(mm->top[slot], value));
}

/* Store a value in an entry of a table of this level. */
static int change_entry(struct hv_vcpu *v, uint64_t table, unsigned level, unsigned slot,
			uint64_t value, bool keep_ad)
{
	struct hv_domain *d = v->domain;
	uint64_t *entry = mm_table(d->mm, table, level) + slot;
	uint64_t *top = level == PT_TOP ? &d->mm->top[slot] : NULL;
	uint64_t parent = top ? 0 : table;
	uint64_t old = pte_load(top ? top : entry);
	bool same_table;
	int err;

	if (keep_ad)
		value |= pte_load(entry) & (PTE_ACCESSED | PTE_DIRTY);
	if (!value_ok(d->mm, level, slot, value))
		return -XEN_EINVAL;
	/* A table that stays where it is would otherwise be taken for one that is linked twice. */
	same_table = level > 1 && (old & value & PTE_PRESENT) && pte_mfn(old) == pte_mfn(value);
	if (!same_table) {
		err = mm_take_entry(d->mm, value, level, parent, slot);
		if (err)
			return err;
	}
	err = change_mapping(d, v, table, level, slot, old, value);
	if (err) {
		if (!same_table)
			mm_drop_entry(d->mm, value, level, parent, slot);
		return err;
	}
	if (top)
		pte_store(top, value);
	pte_store(entry, value);
	if (!same_table)
		mm_drop_entry(d->mm, old, level, parent, slot);
	return 0;
}

/* The leaf table that translates an address; false if there is none. */
static bool find_leaf_table(const struct mm *mm, uint64_t va, uint64_t *mfn)
{
	const uint64_t *table = mm->top;

	if (!va_ok(va))
		return false;
	for (unsigned level = PT_TOP; table && level > 1; level--) {
		uint64_t entry = pte_load(&table[va_slot(va, level)]);

		if (!(entry & PTE_PRESENT))
			return false;
		*mfn = pte_mfn(entry);
		table = mm_table(mm, *mfn, level - 1);
	}
	return table;
}

static long update_va_mapping(struct hv_vcpu *v, uint64_t va, uint64_t value, uint64_t flags)
{
	struct hv_domain *d = v->domain;
	uint64_t flush = flags & UVMF_FLUSHTYPE_MASK, mask = flags & ~UVMF_FLUSHTYPE_MASK;
	uint64_t table;
	int err = -XEN_EINVAL;

	mm_lock(d);
	if (find_leaf_table(d->mm, va, &table))
		err = change_entry(v, table, 1, va_slot(va, 1), value, false);
	mm_unlock_checked(d);
	if (err || (flush != UVMF_TLB_FLUSH && flush != UVMF_INVLPG))
		return err;
	/* The embedder remaps before the guest goes on, so there is nothing to flush: only to look
	 * as Xen does. */
	if (mask == UVMF_LOCAL || mask == UVMF_ALL)
		return 0;
	return mm_check_vcpumask(v, mask);
}

long do_update_va_mapping(struct hv_vcpu *v, const uint64_t a[6])
{
	return update_va_mapping(v, a[0], a[1], a[2]);
}

long do_update_va_mapping_otherdomain(struct hv_vcpu *v, const uint64_t a[6])
{
	int err = mm_check_domid(v->domain, (domid_t)a[3]);

	return err ? err : update_va_mapping(v, a[0], a[1], a[2]);
}

/* mmu_update of a frame that is no table: a plain store, which the guest could have made itself. */
static int store_data(struct mm *mm, uint64_t mfn, unsigned slot, uint64_t value)
{
	const struct range *r = mm_range(mm, mfn);

	if (r->read_only || mm_use_frame(mm, mfn, FRAME_WRITABLE))
		return -XEN_EINVAL;
	pte_store((uint64_t *)range_frame(r, mfn) + slot, value);
	mm_unuse_frame(mm, mfn, FRAME_WRITABLE);
	return 0;
}

static int update_entry(struct hv_vcpu *v, uint64_t address, uint64_t value, bool keep_ad)
{
	struct mm *mm = v->domain->mm;
	uint64_t mfn = address >> PAGE_SHIFT;
	unsigned slot = (unsigned)(address % HV_PAGE_SIZE / sizeof(uint64_t));
	const uint64_t *word = mm_type_word(mm, mfn);
	enum frame_type type;

	if (!word)
		return -XEN_EINVAL;
	type = type_of(type_load(word));
	if (is_table(type))
		return change_entry(v, mfn, table_level(type), slot, value, keep_ad);
	return store_data(mm, mfn, slot, value);
}

static int update_one(struct hv_vcpu *v, const struct mmu_update *u)
{
	struct hv_domain *d = v->domain;
	uint64_t command = u->ptr % sizeof(uint64_t);
	int err;

	switch (command) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		mm_lock(d);
		err = update_entry(v, u->ptr - command, u->val,
				   command == MMU_PT_UPDATE_PRESERVE_AD);
		mm_unlock_checked(d);
		return err;
	case MMU_MACHPHYS_UPDATE:
		/* No table from machine to guest frames is shown to anybody, so none is kept. */
		return mm_frame(d, u->ptr >> PAGE_SHIFT) ? 0 : -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}

/*
 * The last argument: whose the frames are in its lower half, and whose the tables in the upper,
 * plus 1, if that is not 0.
 */
static int check_owners(const struct hv_domain *d, uint32_t owners)
{
	domid_t tables = (domid_t)((owners >> 16) - 1);
	int err = owners >> 16 && tables != d->domid ? mm_check_domid(d, tables) : 0;

	return err ? err : mm_check_domid(d, (domid_t)owners);
}

long do_mmu_update(struct hv_vcpu *v, const uint64_t a[6])
{
	struct mm_batch batch;
	struct mmu_update u;
	uint32_t i;
	int err = mm_batch_begin(v, a, sizeof(u), &batch);

	if (!err)
		err = check_owners(v->domain, (uint32_t)a[3]);
	if (err)
		return err;
	for (i = 0; i < batch.count; i++) {
		if (mm_batch_should_yield(v, i))
			return mm_batch_again(v, a, &batch, i);
		err = mm_batch_get(v, &batch, i, &u);
		if (!err)
			err = update_one(v, &u);
		if (err)
			break;
	}
	mm_batch_end(v, &batch, i);
	return err;
}
