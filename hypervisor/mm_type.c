/* SPDX-License-Identifier: MIT */
/*
 * What frames are: typing, counting and linking of data frames, page tables and GDT pages. Nothing
 * here tells the embedder of a mapping (mm_map.c) or stores an entry (mm_update.c).
 */
#include "mm_internal.h"

int mm_use_frame(struct mm *mm, uint64_t mfn, enum frame_type type)
{
	uint64_t *word = mm_type_word(mm, mfn);
	uint64_t old;

	if (!word)
		return -XEN_EINVAL;
	old = type_load(word);
	if (type_of(old) != FRAME_FREE && type_of(old) != type)
		return -XEN_EBUSY;
	/* The count has 59 bits: there are not as many entries to count. */
	type_store(word, type_of(old) == FRAME_FREE ? FRAME_USE | type : old + FRAME_USE);
	return 0;
}

void mm_unuse_frame(struct mm *mm, uint64_t mfn, enum frame_type type)
{
	uint64_t *word = mm_type_word(mm, mfn);
	uint64_t old = word ? type_load(word) : 0;

	if (type_of(old) != type) {
		mm->corrupt = true;
		return;
	}
	type_store(word, old < 2 * FRAME_USE ? FRAME_FREE : old - FRAME_USE);
}

bool mm_entry_flags_ok(uint64_t entry, unsigned level)
{
	return !(entry & (level == 1 ? PTE_LEAF_REFUSED : PTE_REFUSED));
}

/* A leaf holds its frame only if it maps it writable: being read excludes nothing. */
static int take_leaf(struct mm *mm, uint64_t entry)
{
	const struct range *r = mm_range(mm, pte_mfn(entry));

	if (!r)
		return -XEN_EBUSY;
	if (!(entry & PTE_RW))
		return 0;
	if (r->read_only)
		return -XEN_EBUSY;
	return r->types ? mm_use_frame(mm, pte_mfn(entry), FRAME_WRITABLE) : 0;
}

static void drop_leaf(struct mm *mm, uint64_t entry)
{
	const struct range *r = mm_range(mm, pte_mfn(entry));

	if (!r)
		mm->corrupt = true;
	else if ((entry & PTE_RW) && r->types)
		mm_unuse_frame(mm, pte_mfn(entry), FRAME_WRITABLE);
}

/* table 0: it is linked from mm.top. */
static uint64_t link_word(uint64_t table, unsigned slot)
{
	return table << FRAME_PARENT_SHIFT | (uint64_t)slot << FRAME_SLOT_SHIFT | FRAME_LINKED;
}

/* Link the table `child` of this level from an entry; it becomes one if it is free. */
static int link_table(struct mm *mm, uint64_t child, unsigned level, uint64_t table, unsigned slot)
{
	uint64_t *word = mm_type_word(mm, child);
	uint64_t old;

	if (!word)
		return -XEN_EINVAL;
	if (type_of(type_load(word)) == FRAME_FREE) {
		int err = mm_make_table(mm, child, level);

		if (err)
			return err;
	}
	old = type_load(word);
	if (type_of(old) != table_type(level) || (old & FRAME_LINKED))
		return -XEN_EINVAL;
	type_store(word, old | link_word(table, slot));
	return 0;
}

static void unlink_table(struct mm *mm, uint64_t child, unsigned level, uint64_t table,
			 unsigned slot)
{
	uint64_t *word = mm_type_word(mm, child);
	uint64_t old = word ? type_load(word) : 0;

	if ((old & ~FRAME_PINNED) != (link_word(table, slot) | table_type(level))) {
		mm->corrupt = true;
		return;
	}
	type_store(word, (old & FRAME_PINNED) | table_type(level));
	if (!(old & FRAME_PINNED))
		mm_unmake_table(mm, child, level);
}

int mm_take_entry(struct mm *mm, uint64_t entry, unsigned level, uint64_t table, unsigned slot)
{
	if (!(entry & PTE_PRESENT))
		return 0;
	if (!mm_entry_flags_ok(entry, level))
		return -XEN_EINVAL;
	if (level == 1)
		return take_leaf(mm, entry);
	return link_table(mm, pte_mfn(entry), level - 1, table, slot);
}

void mm_drop_entry(struct mm *mm, uint64_t entry, unsigned level, uint64_t table, unsigned slot)
{
	if (!(entry & PTE_PRESENT))
		return;
	if (level == 1)
		drop_leaf(mm, entry);
	else
		unlink_table(mm, pte_mfn(entry), level - 1, table, slot);
}

static void drop_entries(struct mm *mm, const uint64_t *entries, unsigned n, unsigned level,
			 uint64_t table)
{
	for (unsigned slot = 0; slot < n; slot++)
		mm_drop_entry(mm, pte_load(&entries[slot]), level, table, slot);
}

/* Recursion: link_table comes back here with the next lower level, so at most PT_TOP deep. */
int mm_make_table(struct mm *mm, uint64_t mfn, unsigned level)
{
	uint64_t *word = mm_type_word(mm, mfn);
	const uint64_t *entries;

	if (!word || type_of(type_load(word)) != FRAME_FREE)
		return -XEN_EINVAL;
	/* Typed first, so that an entry that links it or maps it writable is refused as any other.
	 */
	type_store(word, table_type(level));
	entries = mm_table(mm, mfn, level);
	for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
		int err = mm_take_entry(mm, pte_load(&entries[slot]), level, mfn, slot);

		if (err) {
			drop_entries(mm, entries, slot, level, mfn);
			type_store(word, FRAME_FREE);
			return err;
		}
	}
	return 0;
}

void mm_unmake_table(struct mm *mm, uint64_t mfn, unsigned level)
{
	const uint64_t *entries = mm_table(mm, mfn, level);

	if (!entries) {
		mm->corrupt = true;
		return;
	}
	drop_entries(mm, entries, PT_ENTRIES, level, mfn);
	type_store(mm_type_word(mm, mfn), FRAME_FREE);
}
