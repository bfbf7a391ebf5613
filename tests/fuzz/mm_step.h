/* SPDX-License-Identifier: MIT */
/*
 * What the files of fuzz-mm share: a step's machine, its numbers and its calls. Tables are changed
 * in mm.c; vCPUs, pages that the hypervisor writes and what only looks are in mm_rest.c.
 */
#ifndef CARILLON_TESTS_FUZZ_MM_STEP_H
#define CARILLON_TESTS_FUZZ_MM_STEP_H

#include "input.h"
#include "mm_embedder.h"

struct machine {
	struct embedder *e;
	struct mm_state *s;
	struct mm_uses u;      /* at the beginning of the step */
	uint64_t *changed, to; /* the one entry of a table that the step changed; NULL: none */
	bool many;	       /* or it may have changed any */
	bool unknown;	       /* nobody says what the answers are */
	unsigned me;
	struct hv_vcpu *v;
	bool up[VCPUS], info[VCPUS], block[VCPUS];
	uint64_t info_mfn[VCPUS], block_mfn[VCPUS], words_mfn[128];
	unsigned words;
};

/* Numbers that mean something, mostly. A frame is none of those that arguments are in. */
uint64_t take_frame(struct input *in);
uint64_t take_entry(struct input *in);
unsigned take_slot(struct input *in, uint64_t table);
uint64_t take_va(struct input *in);

/* A hypercall, to its end; and bytes where its arguments are, by their guest address. */
long call(struct machine *x, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
uint64_t args(struct machine *x, const void *from, size_t n);

/* Was it done, and was it right to do it or not? */
bool done(struct machine *x, const char *what, long rc, bool should);

/* Could this be set as a descriptor table beside all that there is, also the old one? */
bool may_set(const struct machine *x, const struct descriptors *t);
bool may_set_ldt(const struct machine *x, uint64_t va, uint64_t entries);
void find_ldt(const struct machine *x, uint64_t va, uint64_t entries, struct descriptors *t);

/* Could this be loaded as a root? */
bool may_load(const struct machine *x, uint64_t mfn);

/* ---- mm_rest.c: steps ---- */

void initialise(struct machine *x, struct input *in);
void data_page(struct machine *x, struct input *in);
void copy(struct machine *x, struct input *in);
void check_return(struct machine *x, struct input *in);
void cpuid(struct machine *x, struct input *in);
void memory_op(struct machine *x, struct input *in);
void guest_write(struct machine *x, struct input *in);
void registers(struct machine *x, struct input *in);

#endif
