/* SPDX-License-Identifier: MIT */
/*
 * A table by small numbers: a directory of pages, found in one step and without a lock. Memory for
 * the numbers in use only, a page at a time, kept until the table goes. What is on the pages is not
 * known here, but for tables of pointers, table_get and table_set; lines are in irq/line.h.
 */
#ifndef GUEST_TABLE_H
#define GUEST_TABLE_H

#include <carillon/guest.h>

#include "atomic.h"

#define TABLE_PAGE     4096u
#define TABLE_POINTERS (TABLE_PAGE / (unsigned)sizeof(void *))

struct table {
	/* Those that have not been made yet are all one, full of zeroes: it is never written. */
	void **pages;
	unsigned limit; /* numbers 0 .. limit - 1 */
	unsigned per_page;
};

/*
 * In guest.c. init and reserve answer 0 or -ENOMEM, reserve also -EINVAL: the page is not aligned
 * to its size. nr is below the limit; one writer at a time.
 */
int table_init(struct guest *g, struct table *t, unsigned limit, unsigned per_page);
int table_reserve(struct guest *g, struct table *t, unsigned nr);
void table_fini(struct guest *g, struct table *t);

/* The page of the numbers from per_page * page on, which are below the limit. */
static inline void *table_page(const struct table *t, size_t page)
{
	/* Acquire: pairs with table_reserve, which may be running on another CPU. */
	return load_acquire(&t->pages[page]);
}

static inline void *table_get(const struct table *t, unsigned nr)
{
	void *const *page;

	if (nr >= t->limit)
		return NULL;
	page = table_page(t, nr / TABLE_POINTERS);
	/* Acquire: pairs with table_set. */
	return load_acquire(&page[nr % TABLE_POINTERS]);
}

/* After table_reserve of that number. */
static inline void table_set(struct table *t, unsigned nr, void *p)
{
	void **page = t->pages[nr / TABLE_POINTERS];

	store_release(&page[nr % TABLE_POINTERS], p);
}

#endif
