/* SPDX-License-Identifier: MIT */
/*
 * What a quick pass (quick.h) needs of an IRQ, in half a cache line that is found by the number of
 * its chip's line (the port), so an event touches nothing else of it. An IRQ has one while it is
 * bound to a port. The rest of an IRQ is its descriptor's, in irq.h.
 */
#ifndef GUEST_LINE_H
#define GUEST_LINE_H

#include <carillon/guest.h>

#include "../lock.h"
#include "../table.h"

/*
 * All of it is atomic. Written with the lock of the IRQ whose line it is, but for `count` (by the
 * CPU that it is open for; with the lock, once it is closed).
 */
struct irq_line {
	/*
	 * 0: closed, nobody may begin quick passes. Else which CPU may, of which IRQ, and a number
	 * that is another one each time it is opened: what is read of the rest is worth something
	 * if this is the same before and after.
	 */
	uint64_t open;
	guest_irq_handler handler; /* the only one's, and its dev, while it is open */
	void *dev;
	uint64_t count; /* quick passes of that CPU, which are not in the descriptor's count yet */
};

/* From below: the CPU's number plus 1, how often the IRQ's line has been opened (32 bits), the IRQ.
 */
#define OPEN_NR_BITS	 8u
#define OPEN_IRQ_SHIFT	 (OPEN_NR_BITS + 32)
#define OPEN_MAX_NR_IRQS (1u << (64 - OPEN_IRQ_SHIFT))

_Static_assert(GUEST_MAX_CPUS < 1u << OPEN_NR_BITS, "every CPU's number plus 1");

static inline uint64_t open_make(unsigned irq, uint32_t opened, uint8_t nr)
{
	return (uint64_t)irq << OPEN_IRQ_SHIFT | (uint64_t)opened << OPEN_NR_BITS | nr;
}

static inline uint8_t open_nr(uint64_t open)
{
	return (uint8_t)open;
}

static inline unsigned open_irq(uint64_t open)
{
	return (unsigned)(open >> OPEN_IRQ_SHIFT);
}

#define LINES_PAGE (TABLE_PAGE / (unsigned)sizeof(struct irq_line))

/*
 * Of a page of lines, the one of a number that is on that page, which is the page-th. A cache line
 * has those of two numbers that are half a page apart, as neighbours are more often two CPUs'. And
 * cache lines are in another order on each page: those of every second port, say, would else all be
 * in half of a cache's sets.
 */
static inline struct irq_line *line_on(struct irq_line *lines, size_t page, size_t nr)
{
	const size_t half = LINES_PAGE / 2;

	return &lines[(nr ^ page) % half * 2 + nr / half % 2];
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
 * The same by the line that is said for number 0 of its half of the page: a page is aligned to its
 * size, so what line_on does to a number are bits of the address.
 */
static inline struct irq_line *line_beside(uintptr_t first, size_t nr)
{
	return (struct irq_line *)(first ^ nr * 2 * sizeof(struct irq_line));
}

/*
 * By who has just taken the lock. Pairs with irq_claim and irq_claimed (quick.h): if somebody who
 * claims a pass, and then makes a read-modify-write, still finds the line open, what the caller
 * loads from here on is that claim.
 */
static inline void irq_line_close(struct irq_line *at)
{
	/* Whoever closed it had the barrier, and let the lock go after that. */
	if (!load_relaxed(&at->open))
		return;
	(void)xchg_sc(&at->open, (uint64_t)0);
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
