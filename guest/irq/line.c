/* SPDX-License-Identifier: MIT */
/*
 * The table of lines (line.h): a directory of pages, each made when a line on it is first used.
 * What lines say is not known here.
 */
#include "line.h"
#include "../private.h"

/* The page of those that have none yet. Nobody writes there. */
static struct irq_line *nobody(void)
{
	static const struct irq_line lines[LINES_PAGE];

	return (struct irq_line *)(uintptr_t)lines;
}

static unsigned nr_pages(unsigned limit)
{
	return (limit + LINES_PAGE - 1) / LINES_PAGE;
}

int lines_init(struct guest *g, struct lines *l, unsigned limit)
{
	unsigned page;

	l->pages = guest_alloc(g, nr_pages(limit) * sizeof(*l->pages));
	if (!l->pages)
		return -XEN_ENOMEM;
	for (page = 0; page < nr_pages(limit); page++)
		l->pages[page] = nobody();
	l->limit = limit;
	return 0;
}

int lines_reserve(struct guest *g, struct lines *l, unsigned nr)
{
	struct irq_line **at = &l->pages[nr / LINES_PAGE], *page;

	if (load_relaxed(at) != nobody())
		return 0;
	page = guest_alloc(g, LINES_PAGE * sizeof(*page));
	if (!page)
		return -XEN_ENOMEM;
	/* Another CPU's lines_at may come by at this moment: both are nobody's. */
	store_release(at, page);
	return 0;
}

void lines_fini(struct guest *g, struct lines *l)
{
	unsigned page;

	if (!l->pages)
		return;
	for (page = 0; page < nr_pages(l->limit); page++)
		if (l->pages[page] != nobody())
			guest_free(g, l->pages[page], LINES_PAGE * sizeof(*l->pages[page]));
	guest_free(g, l->pages, nr_pages(l->limit) * sizeof(*l->pages));
}
