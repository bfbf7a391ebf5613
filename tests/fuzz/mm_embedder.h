/* SPDX-License-Identifier: MIT */
/*
 * The embedder of fuzz-mm: a PV domain in played machine memory, whose first page tables are
 * written and adopted, and notes of what pv_map was told. Checks what it is told against the memory
 * that there is, and the notes against the page tables; what the types must be is mm_uses.c's.
 */
#ifndef CARILLON_TESTS_FUZZ_MM_EMBEDDER_H
#define CARILLON_TESTS_FUZZ_MM_EMBEDDER_H

#include <carillon/hypervisor.h>

#include "mm_uses.h"

/* One leaf table maps all of the RAM, in order, from BASE on: to these read-only. */
#define BASE	  0x100000000ull
#define FIRST_RO  16u
#define FIRST_GDT 16u /* the next page is one that may not become a GDT's */
#define TREE	  20u /* L3 -> 21 (L2) -> 22, 23 (L1): linked nowhere */
#define COPY	  40u /* and the next: like the root */
#define ROOT	  44u
#define L3	  45u
#define L2	  46u
#define L1	  47u
#define IRET_RAX  77	/* what an iret leaves in rax */
#define ARGS	  0u	/* and the next: where hypercall arguments are put */
#define NOTES	  8192u /* more than one step may add to the half of them */

struct note {
	uint64_t va, mfn; /* mfn 0: free; prot 0: not mapped */
	unsigned prot;
};

struct embedder {
	struct hv *hv;
	struct hv_domain *d;
	uint8_t *memory;
	struct mm_state s; /* what was done */
	unsigned mapped_writable[RAM_PAGES];
	bool forging;	  /* its guest writes where it likes */
	bool args_too;	  /* or in its arguments while they are read */
	unsigned fail_in; /* the call of pv_map that is refused; 0: none */
	bool refused;	  /* one was */
	bool preempt;	  /* hypercalls are cut short */
	unsigned segment; /* set last, to this base */
	uint64_t base;
	unsigned shutdowns;
	size_t allocated;
	unsigned nr_notes, mapped; /* addresses noted; pages mapped */
	struct note notes[NOTES];
};

/*
 * All of it, adopted: with the entry in this slot of this table, if not refused for it, and as far
 * as pv_map is not refused at that call.
 */
struct embedder *embedder_create(uint64_t table, unsigned slot, uint64_t entry, unsigned fail_in);
/* Everything was given back. */
void embedder_destroy(struct embedder *e);

/* The pages that other vCPUs may write to now are the mutator's. */
void embedder_let_write(struct embedder *e);

/* The notes are what the roots say; and no table and no GDT page is mapped writable. */
void embedder_compare(struct embedder *e, const struct mm_uses *u);

#endif
