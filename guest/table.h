/* SPDX-License-Identifier: MIT */
/*
 * A table from small numbers to pointers: two steps to look one up, without a lock; memory for the
 * numbers in use only, a page for every 512 of them, kept until the table goes. What the pointers
 * mean is not known here.
 */
#ifndef GUEST_TABLE_H
#define GUEST_TABLE_H

#include <carillon/guest.h>

#include "atomic.h"

#define TABLE_LEAF (4096u / sizeof(void *))

/* The leaf of all numbers that have none of their own yet: nothing is ever written there. */
extern void *const table_nothing[TABLE_LEAF];

struct table {
	void *const **leaves;
	unsigned limit; /* numbers 0 .. limit - 1 */
};

static inline size_t table_dir_size(unsigned limit)
{
	return (limit + TABLE_LEAF - 1) / TABLE_LEAF * sizeof(void *const *);
}

static inline void *table_get(const struct table *t, unsigned nr)
{
	void *const *leaf;

	if (nr >= t->limit)
		return NULL;
	/* Acquire, both: pair with table_reserve, which may be running elsewhere, and table_set. */
	leaf = load_acquire(&t->leaves[nr / TABLE_LEAF]);
	return load_acquire(&leaf[nr % TABLE_LEAF]);
}

/* After table_reserve of that number. One writer at a time. */
static inline void table_set(struct table *t, unsigned nr, void *p)
{
	void **leaf = (void **)t->leaves[nr / TABLE_LEAF];

	store_release(&leaf[nr % TABLE_LEAF], p);
}

/* In guest.c. init and reserve answer 0 or -ENOMEM. */
int table_init(struct guest *g, struct table *t, unsigned limit);
int table_reserve(struct guest *g, struct table *t, unsigned nr);
void table_fini(struct guest *g, struct table *t);

#endif
