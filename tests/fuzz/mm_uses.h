/* SPDX-License-Identifier: MIT */
/*
 * What the frames of a PV domain are used as, found anew each time by a walk over all that there
 * is: the reference of fuzz-mm. It knows Xen's rules and the page tables, which it only reads, and
 * nothing of hypervisor/; how the half words its own notes is in mm_words.c.
 */
#ifndef CARILLON_TESTS_FUZZ_MM_USES_H
#define CARILLON_TESTS_FUZZ_MM_USES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRESENT	 0x1ull
#define RW	 0x2ull
#define USER	 0x4ull
#define ACCESSED 0x20ull
#define DIRTY	 0x40ull
#define NX	 (1ull << 63)
#define TABLE	 (PRESENT | RW | USER | ACCESSED)
#define ENTRIES	 512u
#define TOP	 4u /* the level of a root */

#define MFN(entry) (((entry) >> 12) & 0xffffffffffull)

/* The domain's memory: RAM, and what can be no table. */
#define RAM_MFN	     0x1000ull
#define RAM_PAGES    48u
#define SHARED_MFN   0x5000ull
#define SHARED_PAGES 2u
#define LOCKED_MFN   0x5002ull /* the guest may only read it */
#define SPECIAL_MFN  0x7000ull

#define VCPUS  2u
#define NO_MFN UINT64_MAX

/* A GDT or an LDT. */
struct descriptors {
	unsigned entries;
	uint64_t mfn[16];
};

/* All that was done by hypercalls and is not in the page tables. */
struct mm_state {
	uint64_t *ram;
	unsigned pinned[RAM_PAGES]; /* as a table of this level; 0: not */
	uint64_t root[VCPUS];	    /* loaded; NO_MFN: none */
	struct descriptors gdt[VCPUS], ldt[VCPUS];
	unsigned data[RAM_PAGES]; /* the hypervisor writes there: so often */
};

/* One entry more than there are: what is to be stored while the old one still counts. */
struct mm_extra {
	unsigned level, slot;
	uint64_t table, value;
};

struct mm_use {
	unsigned writable, gdt; /* so often */
	unsigned tables;	/* bit n: as a table of level n */
	unsigned links;		/* entries that name it as a table */
	unsigned loads;		/* vCPUs that have it as their root */
	uint64_t parent;	/* and the last of them: of that table, 0: of the roots */
	unsigned slot;
};

struct mm_uses {
	struct mm_use frame[RAM_PAGES];
	unsigned roots;
	const uint64_t *root; /* one of them */
	bool bad;	      /* there is an entry such as there must not be */
};

/* extra may be NULL. */
void mm_uses_find(struct mm_uses *u, const struct mm_state *s, const struct mm_extra *extra);

/* Is each frame one thing only, linked once, all roots alike, no entry bad? */
bool mm_uses_valid(const struct mm_uses *u);

static inline uint64_t *mm_page(const struct mm_state *s, uint64_t mfn)
{
	return mfn - RAM_MFN < RAM_PAGES ? s->ram + (mfn - RAM_MFN) * ENTRIES : NULL;
}

/* Do two entries name and allow the same? */
bool mm_same_mapping(uint64_t a, uint64_t b);

static inline bool mm_root_slot_ok(unsigned slot)
{
	return slot < 256 || slot >= 272;
}

/* Such flags as a guest may set. */
bool mm_flags_ok(uint64_t entry, unsigned level);

/* The domain has it; the guest may not write it. */
bool mm_is_frame(uint64_t mfn);
bool mm_is_locked(uint64_t mfn);

/* Is it a table now: of which level? 0: no. */
unsigned mm_level_of(const struct mm_uses *u, uint64_t mfn);

/* May it be written as data? */
bool mm_is_data(const struct mm_uses *u, uint64_t mfn);

/* What a guest address is mapped to, by one of the roots; NO_MFN: nothing that may be so used. */
uint64_t mm_translate(const struct mm_state *s, const struct mm_uses *u, uint64_t va, bool write);

/* ---- mm_words.c ---- */

struct hv_domain;

/* The half's own notes of all frames must say the same. */
void mm_words_compare(const struct hv_domain *d, const struct mm_state *s, const struct mm_uses *u);

/* Read from them what was pinned, loaded and set, where nobody has followed what was done. */
void mm_words_follow(const struct hv_domain *d, struct mm_state *s);

#endif
