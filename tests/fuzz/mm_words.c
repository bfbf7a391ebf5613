/* SPDX-License-Identifier: MIT */
/*
 * The type words of the hypervisor half, held against the reference (mm_uses.h). The one file of
 * fuzz-mm that looks inside the half.
 */
#include "../../hypervisor/mm_internal.h"

#include "input.h"

#undef TABLE
#include "mm_uses.h"

static uint64_t expected(const struct mm_state *s, const struct mm_uses *u, unsigned i)
{
	const struct mm_use *use = &u->frame[i];
	unsigned level = mm_level_of(u, RAM_MFN + i);
	uint64_t word;

	if (use->writable)
		return use->writable * FRAME_USE | FRAME_WRITABLE;
	if (use->gdt)
		return use->gdt * FRAME_USE | FRAME_GDT;
	if (!level)
		return FRAME_FREE;
	word = table_type(level) | (s->pinned[i] ? FRAME_PINNED : 0);
	if (level == PT_TOP)
		return word | use->loads * FRAME_USE;
	if (use->links)
		word |= FRAME_LINKED | (uint64_t)use->slot << FRAME_SLOT_SHIFT |
			use->parent << FRAME_PARENT_SHIFT;
	return word;
}

void mm_words_compare(const struct hv_domain *d, const struct mm_state *s, const struct mm_uses *u)
{
	const struct mm *mm = d->mm;

	for (unsigned i = 0; i < RAM_PAGES; i++) {
		uint64_t word = type_load(mm_type_word(mm, RAM_MFN + i));

		MUST(word == expected(s, u, i), "frame %u: %#llx, not %#llx", i,
		     (unsigned long long)word, (unsigned long long)expected(s, u, i));
	}
	MUST(mm->nr_roots == u->roots, "%u roots, not %u", mm->nr_roots, u->roots);
	for (unsigned v = 0; v < VCPUS; v++)
		MUST(mm->vcpus[v].root == s->root[v], "vCPU %u has another root", v);
	for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
		MUST(!root_slot_ok(slot) || pte_same_mapping(mm->top[slot], u->root[slot]),
		     "slot %u of the roots", slot);
	MUST(!mm->corrupt && !mm->lock.taken, "left locked, or corrupt");
}

static void follow(struct descriptors *to, const struct gdt *from)
{
	to->entries = from->entries;
	memcpy(to->mfn, from->mfn, sizeof(to->mfn));
}

void mm_words_follow(const struct hv_domain *d, struct mm_state *s)
{
	const struct mm *mm = d->mm;

	for (unsigned i = 0; i < RAM_PAGES; i++) {
		uint64_t word = type_load(mm_type_word(mm, RAM_MFN + i));

		s->pinned[i] = 0;
		if (is_table(type_of(word)) && (word & FRAME_PINNED))
			s->pinned[i] = table_level(type_of(word));
	}
	for (unsigned v = 0; v < VCPUS; v++) {
		s->root[v] = mm->vcpus[v].root;
		follow(&s->gdt[v], &mm->vcpus[v].gdt);
		follow(&s->ldt[v], &mm->vcpus[v].ldt);
	}
}
