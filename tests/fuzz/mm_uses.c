/* SPDX-License-Identifier: MIT */
/* What frames are used as, from scratch: see mm_uses.h. */
#include "mm_uses.h"

#include <string.h>

#include <xen/xen.h>

#define REFUSED	     0x198ull /* PWT, PCD, PSE, GLOBAL */
#define GRANT	     (1ull << 62)
#define SAME_MAPPING (0xffffffffffull << 12 | PRESENT | RW | NX)

bool mm_same_mapping(uint64_t a, uint64_t b)
{
	if (!(a & PRESENT) && !(b & PRESENT))
		return true;
	return (a & SAME_MAPPING) == (b & SAME_MAPPING);
}

bool mm_flags_ok(uint64_t entry, unsigned level)
{
	return !(entry & REFUSED) && (level > 1 || !(entry & GRANT));
}

bool mm_is_locked(uint64_t mfn)
{
	return mfn == LOCKED_MFN;
}

bool mm_is_frame(uint64_t mfn)
{
	return mfn - RAM_MFN < RAM_PAGES || mfn - SHARED_MFN < SHARED_PAGES || mfn == LOCKED_MFN ||
	       mfn == SPECIAL_MFN;
}

static struct mm_use *use_of(struct mm_uses *u, uint64_t mfn)
{
	return mfn - RAM_MFN < RAM_PAGES ? &u->frame[mfn - RAM_MFN] : NULL;
}

static void find_leaf(struct mm_uses *u, uint64_t entry)
{
	struct mm_use *use = use_of(u, MFN(entry));

	if (!mm_is_frame(MFN(entry)) || ((entry & RW) && mm_is_locked(MFN(entry))))
		u->bad = true;
	else if ((entry & RW) && use)
		use->writable++;
}

static void find_table(struct mm_uses *u, const struct mm_state *s, unsigned level, uint64_t mfn,
		       uint64_t name);

/* table: the name that a link from here has. */
static void find_entry(struct mm_uses *u, const struct mm_state *s, unsigned level, uint64_t table,
		       unsigned slot, uint64_t entry)
{
	struct mm_use *child = use_of(u, MFN(entry));

	if (!(entry & PRESENT))
		return;
	if (!mm_flags_ok(entry, level))
		u->bad = true;
	if (level == 1) {
		find_leaf(u, entry);
		return;
	}
	if (!child) {
		u->bad = true;
		return;
	}
	child->links++;
	child->parent = table;
	child->slot = slot;
	find_table(u, s, level - 1, MFN(entry), MFN(entry));
}

/* Each is looked at once as a table of a level, however often it is named. */
static void find_table(struct mm_uses *u, const struct mm_state *s, unsigned level, uint64_t mfn,
		       uint64_t name)
{
	struct mm_use *use = use_of(u, mfn);

	if (!use) {
		u->bad = true;
		return;
	}
	if (use->tables & 1u << level)
		return;
	use->tables |= 1u << level;
	for (unsigned slot = 0; slot < ENTRIES; slot++)
		if (level < TOP || mm_root_slot_ok(slot))
			find_entry(u, s, level, name, slot, mm_page(s, mfn)[slot]);
}

/* What all roots say counts once; of another one only that it says the same is looked at. */
static void find_root(struct mm_uses *u, const struct mm_state *s, uint64_t mfn)
{
	struct mm_use *use = use_of(u, mfn);

	if (!use) {
		u->bad = true;
		return;
	}
	if (use->tables & 1u << TOP)
		return;
	u->roots++;
	if (!u->root) {
		u->root = mm_page(s, mfn);
		find_table(u, s, TOP, mfn, 0);
		return;
	}
	use->tables |= 1u << TOP;
	for (unsigned slot = 0; slot < ENTRIES; slot++) {
		uint64_t entry = mm_page(s, mfn)[slot];

		if (!mm_root_slot_ok(slot))
			continue;
		if (!mm_same_mapping(u->root[slot], entry))
			u->bad = true;
		if ((entry & PRESENT) && !mm_flags_ok(entry, TOP))
			u->bad = true;
	}
}

static void find_descriptors(struct mm_uses *u, const struct descriptors *t)
{
	for (unsigned i = 0; i < (t->entries + ENTRIES - 1) / ENTRIES; i++) {
		struct mm_use *use = use_of(u, t->mfn[i]);

		if (use)
			use->gdt++;
		else
			u->bad = true;
	}
}

void mm_uses_find(struct mm_uses *u, const struct mm_state *s, const struct mm_extra *extra)
{
	memset(u, 0, sizeof(*u));
	/* vCPU 0 always has one loaded. */
	for (unsigned v = 0; v < VCPUS; v++) {
		find_descriptors(u, &s->gdt[v]);
		find_descriptors(u, &s->ldt[v]);
		if (s->root[v] == NO_MFN)
			continue;
		find_root(u, s, s->root[v]);
		if (use_of(u, s->root[v]))
			use_of(u, s->root[v])->loads++;
	}
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		u->frame[i].writable += s->data[i];
		if (s->pinned[i] == TOP)
			find_root(u, s, RAM_MFN + i);
		else if (s->pinned[i])
			find_table(u, s, s->pinned[i], RAM_MFN + i, RAM_MFN + i);
	}
	if (extra)
		find_entry(u, s, extra->level, extra->table, extra->slot, extra->value);
}

static bool is_power_of_2(unsigned n)
{
	return !(n & (n - 1));
}

bool mm_uses_valid(const struct mm_uses *u)
{
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		const struct mm_use *use = &u->frame[i];

		if (!!use->writable + !!use->gdt + !!use->tables > 1)
			return false;
		if (!is_power_of_2(use->tables) || use->links > 1)
			return false;
	}
	return !u->bad;
}

unsigned mm_level_of(const struct mm_uses *u, uint64_t mfn)
{
	if (mfn - RAM_MFN >= RAM_PAGES)
		return 0;
	for (unsigned level = 1; level <= TOP; level++)
		if (u->frame[mfn - RAM_MFN].tables & 1u << level)
			return level;
	return 0;
}

bool mm_is_data(const struct mm_uses *u, uint64_t mfn)
{
	return mfn - RAM_MFN < RAM_PAGES && !u->frame[mfn - RAM_MFN].tables &&
	       !u->frame[mfn - RAM_MFN].gdt;
}

uint64_t mm_translate(const struct mm_state *s, const struct mm_uses *u, uint64_t va, bool write)
{
	const uint64_t *table = u->root;
	uint64_t entry = 0;

	if (va >= 1ull << 47 && va < HYPERVISOR_VIRT_END)
		return NO_MFN;
	for (unsigned level = TOP; level; level--) {
		if (!table)
			return NO_MFN;
		entry = table[(va >> (3 + 9 * level)) % ENTRIES];
		if (!(entry & PRESENT) || (write && !(entry & RW)))
			return NO_MFN;
		table = level > 1 ? mm_page(s, MFN(entry)) : NULL;
	}
	if (write && MFN(entry) - RAM_MFN < RAM_PAGES && !mm_is_data(u, MFN(entry)))
		return NO_MFN;
	return MFN(entry);
}
