/* SPDX-License-Identifier: MIT */
/*
 * What a quick pass (quick.h) needs of an IRQ, in one cache line that is found by the number of its
 * chip's line (the port), so an event touches nothing else of it. An IRQ has one while it is bound
 * to a port. The rest of an IRQ is its descriptor's, in irq.h.
 */
#ifndef GUEST_LINE_H
#define GUEST_LINE_H

#include <carillon/guest.h>

#include "../lock.h"
#include "../table.h"

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

#define LINES_PAGE (TABLE_PAGE / (unsigned)sizeof(struct irq_line))

/*
 * Of a page of lines, the one of a number that is on that page, which is the page-th. Not in the
 * order of their numbers, but in another one on each page: of the ports of which a driver has every
 * second one, say, all would else be in half of a cache's sets.
 */
static inline struct irq_line *line_on(struct irq_line *lines, size_t page, size_t nr)
{
	return &lines[(nr ^ page) % LINES_PAGE];
}

/*
 * Of a table of lines, LINES_PAGE on each page: the one of that number, below the limit. If it was
 * never reserved it is one of those that are nobody's, closed, and never written.
 */
static inline struct irq_line *line_at(const struct table *t, unsigned nr)
{
	size_t page = nr / LINES_PAGE;

	return line_on(table_page(t, page), page, nr);
}

/*
 * By who has just taken the lock. Pairs with irq_claim and irq_claimed (quick.h): if somebody who
 * claims a pass, and then makes a read-modify-write, still finds the line open, what the caller
 * loads from here on is that claim.
 */
static inline void irq_line_close(struct irq_line *at)
{
	uint64_t open = load_relaxed(&at->open);

	/* Whoever closed it had the barrier, and let the lock go after that. */
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
