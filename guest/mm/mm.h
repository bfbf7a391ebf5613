/* SPDX-License-Identifier: MIT */
/*
 * What the files of mm/ share, and what the rest of the half calls: who has which root loaded.
 */
#ifndef GUEST_MM_H
#define GUEST_MM_H

#include "../multicall.h"
#include "../private.h"

#include <carillon/guest_mm.h>

/* A CPU's own, events disabled. */
struct mm_cpu {
	struct guest_space *loaded;  /* as far as flushed */
	struct guest_space *wanted;  /* another: that switch is queued */
	struct guest_space *current; /* NULL: the kernel's, or lazily */
	struct guest_space *before;  /* current, if what is queued fails */
} __attribute__((aligned(CACHE_LINE)));

struct mm {
	struct guest_space kernel; /* the kernel's own root */
	struct guest_mm_counters counters;
	struct mm_cpu cpu[]; /* nr_cpus */
};

/* Queue an mmuext_op of this CPU, or make it. mask: its vCPUs, NULL if it has none. */
int mm_ext(struct guest *g, unsigned cmd, uint64_t arg1, const struct guest_cpumask *mask,
	   guest_batch_done done, void *arg);

/* This CPU goes: it lets go of what it holds, and does not use a space any more. Events disabled.
 */
void mm_cpu_leave(struct guest *g);

void mm_fini(struct guest *g);

#endif
