/* SPDX-License-Identifier: MIT */
/*
 * What the mm*.c files share: ranges of frames, the type word of a frame, page-table entries.
 * Nothing outside mm*.c includes this; mm.h is the way in.
 *
 * Frame types, as on Xen: a RAM frame is at any moment either data that may be mapped writable, or
 * a page table of one level, or a GDT page, and changes only through free. So what has been
 * validated stays valid. Unlike Xen, a table below the roots has at most one place: it is linked
 * from one entry of one table. That entry is kept in its type word, from which the address that a
 * table's entries translate is found.
 *
 * Roots. A domain has one address space and any number of roots, which all say the same: in each
 * slot that is not Xen's, the entry of every root names the same level 3 table with the same
 * rights, or is not present in any. What they say is kept in mm.top, where every walk begins; so
 * which root a vCPU has loaded changes no mapping, and a root that is data again is not looked at.
 * An entry whose meaning changes may be stored while there is one root only.
 *
 * Trust. The types keep a guest from writing its own tables, so that images behave here as they do
 * on Xen. The safety of the host does not rest on them: embedders exist that share the guest's
 * memory (the testbed), and a mapping that was just withdrawn is gone only when the hypercall
 * returns. So every entry is read once and bounded on every use, also in validated tables, and one
 * that contradicts the type words marks the address space as corrupt: the domain is crashed.
 */
#ifndef HYPERVISOR_MM_INTERNAL_H
#define HYPERVISOR_MM_INTERNAL_H

#include "atomic.h"
#include "bound.h"
#include "mm.h"
#include "private.h"

#define PAGE_SHIFT 12u
#define PT_ENTRIES 512u
#define PT_SHIFT   9u
#define PT_TOP	   4u /* the root's level; the leaves' is 1 */

#define PTE_PRESENT  0x1u
#define PTE_RW	     0x2u
#define PTE_ACCESSED 0x20u
#define PTE_DIRTY    0x40u
#define PTE_GRANT    (1ull << 62)
#define PTE_NX	     (1ull << 63)
/* What Xen refuses to a domain without hardware: PWT, PCD, PAT or PSE, GLOBAL; in leaves its own
 * grant mark. */
#define PTE_REFUSED	 0x198u
#define PTE_LEAF_REFUSED (PTE_REFUSED | PTE_GRANT)

#define MFN_BITS (MM_ADDRESS_BITS - PAGE_SHIFT)
#define MFN_END	 (1ull << MFN_BITS)

/* Entries of the root that are Xen's: HYPERVISOR_VIRT_START .. HYPERVISOR_VIRT_END */
#define ROOT_XEN_FIRST 256u
#define ROOT_XEN_END   272u

enum frame_type {
	FRAME_FREE,
	FRAME_WRITABLE, /* mapped writable, or pinned as data */
	FRAME_L1,	/* FRAME_L1 + n: a table of level n + 1 */
	FRAME_L2,
	FRAME_L3,
	FRAME_L4, /* a root */
	FRAME_GDT,
};

/*
 * A frame's type word: type in bits 0-2. Data and GDT pages: a use count from bit 5 on. Tables: bit
 * 3 pinned by the guest. Roots: from bit 5 on, how many vCPUs have it loaded. Other tables: bit 4
 * linked, and if so the entry it is linked from: slot in bits 5-13, that table's mfn above, 0 for
 * mm.top.
 */
#define FRAME_PINNED	   0x8ull
#define FRAME_LINKED	   0x10ull
#define FRAME_USE	   0x20ull
#define FRAME_SLOT_SHIFT   5u
#define FRAME_PARENT_SHIFT 14u

struct range {
	uint64_t mfn;
	uint64_t pages;
	uint8_t *host;
	uint64_t *types; /* type words; NULL if this is not RAM */
	bool read_only;
};

/* A GDT or an LDT. */
struct gdt {
	unsigned entries, frames;
	uint64_t mfn[16];
};

/* What a vCPU holds. */
struct mm_vcpu {
	struct gdt gdt, ldt;
	uint64_t root; /* loaded; HV_NEVER: none, it has not started */
};

struct mm {
	struct range main;    /* a copy of the largest RAM range: what nearly every look-up finds */
	bool adopted;	      /* there is an address space; constant once vCPUs run */
	struct range *ranges; /* ascending; constant once vCPUs run */
	unsigned nr_ranges;
	unsigned max_ranges;
	uint64_t ram_pages;
	uint64_t ram_end;      /* highest RAM frame + 1 */
	struct mm_vcpu *vcpus; /* one per vCPU */
	unsigned nr_vcpus;
	unsigned nr_roots; /* frames that are roots now */
	bool corrupt;	   /* an entry contradicted the types; under lock */
	struct lock lock;  /* innermost: types, page tables, vcpus. pv_map is called under it */
	/* What every root says. Written under the lock, walked without: see mm_copy.c. */
	uint64_t top[PT_ENTRIES];
};

/* ---- entries: guest memory, read and written whole, in no particular order with anything ---- */

static inline uint64_t pte_load(const uint64_t *entry)
{
	return load_relaxed(entry);
}

static inline void pte_store(uint64_t *entry, uint64_t value)
{
	store_relaxed(entry, value);
}

static inline uint64_t pte_mfn(uint64_t entry)
{
	return (entry >> PAGE_SHIFT) & (MFN_END - 1);
}

/* Do two values of an entry name and allow the same? */
static inline bool pte_same_mapping(uint64_t a, uint64_t b)
{
	const uint64_t what = (MFN_END - 1) << PAGE_SHIFT | PTE_PRESENT | PTE_RW | PTE_NX;

	return !((a | b) & PTE_PRESENT) || !((a ^ b) & what);
}

/* May the guest use this root entry, is this address translated by one that it may use? */
static inline bool root_slot_ok(unsigned slot)
{
	return slot < ROOT_XEN_FIRST || slot >= ROOT_XEN_END;
}

static inline bool va_ok(uint64_t va)
{
	return va < (1ull << 47) || va >= HYPERVISOR_VIRT_END;
}

static inline unsigned va_slot(uint64_t va, unsigned level)
{
	return (unsigned)(va >> (PAGE_SHIFT + PT_SHIFT * (level - 1))) % PT_ENTRIES;
}

/* ---- frames ---- */

const struct range *mm_find_range(const struct mm *mm, uint64_t mfn);

static inline const struct range *mm_range(const struct mm *mm, uint64_t mfn)
{
	if (mfn - mm->main.mfn < mm->main.pages)
		return &mm->main;
	return mm_find_range(mm, mfn);
}

/* Number of a frame in the range that it was found in, also while that is only a guess of the
 * processor. */
static inline uint64_t range_offset(const struct range *r, uint64_t mfn)
{
	return index_nospec(mfn - r->mfn, r->pages);
}

static inline void *range_frame(const struct range *r, uint64_t mfn)
{
	return r->host + (range_offset(r, mfn) << PAGE_SHIFT);
}

/* The type word of a frame of a RAM range. Written under the lock, read anywhere. */
static inline uint64_t *range_type(const struct range *r, uint64_t mfn)
{
	return &r->types[range_offset(r, mfn)];
}

/* The same; NULL if the domain has no such RAM. */
static inline uint64_t *mm_type_word(const struct mm *mm, uint64_t mfn)
{
	const struct range *r = mm_range(mm, mfn);

	return r && r->types ? range_type(r, mfn) : NULL;
}

static inline uint64_t type_load(const uint64_t *word)
{
	return load_relaxed(word);
}

static inline void type_store(uint64_t *word, uint64_t value)
{
	store_relaxed(word, value);
}

static inline enum frame_type type_of(uint64_t type_word)
{
	return (enum frame_type)(type_word & 7);
}

static inline bool is_table(enum frame_type type)
{
	return type >= FRAME_L1 && type <= FRAME_L4;
}

static inline enum frame_type table_type(unsigned level)
{
	return (enum frame_type)(FRAME_L1 + level - 1);
}

static inline unsigned table_level(enum frame_type type)
{
	return (unsigned)(type - FRAME_L1) + 1;
}

/* The entries of a table: NULL unless the frame has that type now. Under the lock. */
static inline uint64_t *mm_table(const struct mm *mm, uint64_t mfn, unsigned level)
{
	const struct range *r = mm_range(mm, mfn);

	if (!r || !r->types || type_of(type_load(range_type(r, mfn))) != table_type(level))
		return NULL;
	return range_frame(r, mfn);
}

/* ---- mm_type.c: who uses a frame as what. Under the lock. ---- */

/* One more use of a frame as data (FRAME_WRITABLE) or GDT; -EBUSY if it is something else, -EINVAL
 * if it is not RAM. */
int mm_use_frame(struct mm *mm, uint64_t mfn, enum frame_type type);
void mm_unuse_frame(struct mm *mm, uint64_t mfn, enum frame_type type);

/* Make a free frame a table of this level: every entry is checked and what it names is typed and
 * counted, or nothing is. It is neither linked nor pinned then. -EINVAL, -EBUSY as Xen says */
int mm_make_table(struct mm *mm, uint64_t mfn, unsigned level);
/* The reverse. */
void mm_unmake_table(struct mm *mm, uint64_t mfn, unsigned level);

/* Are the flags of this entry, for a table of this level, such as Xen admits? */
bool mm_entry_flags_ok(uint64_t entry, unsigned level);

/* Count what an entry names that is about to be stored in this slot of that table; and forget it.
 */
int mm_take_entry(struct mm *mm, uint64_t entry, unsigned level, uint64_t table, unsigned slot);
void mm_drop_entry(struct mm *mm, uint64_t entry, unsigned level, uint64_t table, unsigned slot);

/* ---- mm_root.c. Under the lock. ---- */

/* MMUEXT_PIN_L4_TABLE of this frame; and the end of pinning of one that is a pinned root. */
int mm_pin_root(struct mm *mm, uint64_t mfn);
void mm_unpin_root(struct mm *mm, uint64_t mfn);

/* ---- mm_map.c: from entries to pv_map. Under the lock. ---- */

/* Where a table's first entry translates, and what the entries above it allow. */
struct place {
	uint64_t va;
	unsigned rights; /* HV_PROT_* */
};

/* The place of a table; false if it is not linked up to a root. */
bool mm_place(const struct mm *mm, uint64_t table, unsigned level, struct place *out);

/*
 * Tell the embedder that an entry at `place` (its own address and the rights above it) changes from
 * one value to another, either of which may be not present. An error leaves the embedder's mappings
 * as they were.
 */
int mm_change_mapping(struct hv_domain *d, struct hv_vcpu *v, unsigned level,
		      const struct place *place, uint64_t from, uint64_t to);

/* Tell it of all that there is; on error, of nothing. */
int mm_map_all(struct hv_domain *d);

/* ---- mm_copy.c ---- */

/* The frame that a guest address is mapped to, HV_NEVER if it is to none. [any] */
uint64_t mm_frame_at(const struct hv_domain *d, uint64_t va);

/* ---- mm.c ---- */

void mm_lock(struct hv_domain *d);
void mm_unlock(struct hv_domain *d);
/* As mm_unlock, and the domain is crashed if it was found corrupt: the caller holds no other lock.
 */
void mm_unlock_checked(struct hv_domain *d);

/* ---- mm_batch.c: what mmu_update and mmuext_op have in common ---- */

struct mm_batch {
	uint64_t requests; /* guest address of the array */
	uint64_t done_at;  /* guest address of the count of those done; 0: not wanted */
	uint32_t count;
	uint32_t done;
	size_t size; /* of one request */
};

/* Decode the arguments but the last, which names domains. */
int mm_batch_begin(struct hv_vcpu *v, const uint64_t a[6], size_t size, struct mm_batch *out);
/* Fetch request i. */
int mm_batch_get(struct hv_vcpu *v, const struct mm_batch *b, uint32_t i, void *request);
/* Report how many of them are done. */
void mm_batch_end(struct hv_vcpu *v, const struct mm_batch *b, uint32_t done);
/* So many are done: is it time for something else? Then mm_batch_again() is the call's result. */
bool mm_batch_should_yield(struct hv_vcpu *v, uint32_t done);
long mm_batch_again(struct hv_vcpu *v, const uint64_t a[6], const struct mm_batch *b,
		    uint32_t done);

/* The domain that a call names besides its own: 0 for DOMID_SELF, else why not. */
int mm_check_domid(const struct hv_domain *d, domid_t id);
/* Is a bitmap of the domain's vCPUs readable at this guest address? */
int mm_check_vcpumask(struct hv_vcpu *v, uint64_t mask);

#endif
