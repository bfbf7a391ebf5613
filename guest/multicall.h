/* SPDX-License-Identifier: MIT */
/* A CPU's batch of hypercalls, as multicall.c fills it and the rest of the half looks at it. */
#ifndef GUEST_MULTICALL_H
#define GUEST_MULTICALL_H

#include "private.h"

#include <carillon/guest_multicall.h>

#define BATCH_NOTES 32u /* calls, and what is to be called after them */

/* Something to be told after the flush, of a call or not. */
struct batch_note {
	guest_batch_done done;
	void *arg;
	uint32_t call; /* its index, or none */
};

/* This CPU's, events disabled; others read the counters. */
struct batch {
	unsigned depth; /* sections */
	bool flushing;
	unsigned nr_calls, nr_notes;
	size_t bytes;
	long error; /* the first, of those that nobody was told yet */
	struct guest_batch_counters counters;
	struct batch_note note[BATCH_NOTES];
	struct multicall_entry call[GUEST_BATCH_CALLS];
	uint64_t args[GUEST_BATCH_BYTES / 8];
};

/* A CPU has one from guest_cpu_init on, until the guest goes. [boot] -ENOMEM */
int batch_init(struct guest *g, struct guest_cpu *cpu);
void batch_fini(struct guest *g, struct guest_cpu *cpu);

/* As guest_batch_flush, and what failed is still to be told. Events disabled. */
void batch_flush(struct guest *g);

/* Is this CPU in a section? Events disabled, or the thread pinned. */
static inline bool batch_open(const struct guest_cpu *cpu)
{
	return load_relaxed(&cpu->batch->depth);
}

#endif
