/* SPDX-License-Identifier: MIT */
/*
 * What a quick pass (quick.h) needs of an IRQ, in one cache line that is found by the number of its
 * chip's line (the port), so an event touches nothing else of it; and the table of those. An IRQ
 * has one while it is bound to a port. The rest of an IRQ is its descriptor's, in irq.h.
 */
#ifndef GUEST_LINE_H
#define GUEST_LINE_H

#include <carillon/guest.h>

#include "../lock.h"

struct irq_desc;

/*
 * All of it is atomic. Written with the lock of the IRQ whose line it is, but for `desc` (map_lock)
 * and `count` (by the CPU that it is open for; with the lock, once it is closed).
 */
struct irq_line {
	/*
	 * Lower half: the number plus 1 of the CPU that may begin quick passes; 0: closed, none.
	 * Upper half: how often it has been closed. What is read of the rest is worth something if
	 * this is the same before and after.
	 */
	uint64_t open;
	guest_irq_handler handler; /* the only one's, and its dev, while it is open */
	void *dev;
	struct irq_desc *desc; /* NULL: nobody's. Set by who gives the IRQ to the upcall. */
	unsigned irq;
	uint64_t count; /* quick passes of that CPU, which are not in the descriptor's count yet */
} __attribute__((aligned(CACHE_LINE)));

#define LINES_PAGE (4096u / (unsigned)sizeof(struct irq_line))

/*
 * Lines by number. Pages are made when a number on them is first used, and stay; all those that
 * have not been made are one, of lines that are nobody's and closed, and is never written.
 */
struct lines {
	struct irq_line **pages;
	unsigned limit; /* numbers 0 .. limit - 1 */
};

/* In line.c. init and reserve answer 0 or -ENOMEM; one writer at a time. */
int lines_init(struct guest *g, struct lines *l, unsigned limit);
int lines_reserve(struct guest *g, struct lines *l, unsigned nr);
void lines_fini(struct guest *g, struct lines *l);

/* Those from LINES_PAGE * page on, which are below the limit. */
static inline struct irq_line *lines_page(const struct lines *l, size_t page)
{
	/* Acquire: pairs with lines_reserve, which may be running on another CPU. */
	return load_acquire(&l->pages[page]);
}

/* nr is below the limit. */
static inline struct irq_line *lines_at(const struct lines *l, unsigned nr)
{
	return &lines_page(l, nr / LINES_PAGE)[nr % LINES_PAGE];
}

/*
 * By who has just taken the lock. Pairs with irq_claim and irq_claimed (quick.h): if somebody who
 * claims a pass, and then makes a read-modify-write, still finds the line open, what the caller
 * loads from here on is that claim.
 */
static inline void irq_line_close(struct irq_line *at)
{
	uint64_t open = load_relaxed(&at->open);

	if (!(uint32_t)open)
		return;
	(void)xchg_sc(&at->open, ((open >> 32) + 1) << 32);
	barrier_after_rmw();
}

/* With the lock, closed. NULL: there is none. */
static inline uint64_t irq_line_take_count(struct irq_line *at)
{
	uint64_t n = at ? load_relaxed(&at->count) : 0;

	if (n)
		store_relaxed(&at->count, (uint64_t)0);
	return n;
}

#endif
