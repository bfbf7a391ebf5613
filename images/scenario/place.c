/* SPDX-License-Identifier: MIT */
/*
 * Where arguments are: good memory, addresses that are none, and the edges of a hole and of memory
 * that may only be read. And the pages that scripts name.
 */
#include "scenario.h"

#define PAGE  ((size_t)4096)
#define PAGES 256u

/* Three pages: writable, a hole, one that may only be read. And room for two good arguments. */
static uint8_t edge[3 * PAGE] __attribute__((aligned(4096)));
static uint8_t good[2][8192] __attribute__((aligned(64)));

static struct {
	struct text name;
	uint8_t *page;
	uint64_t frame;
} pages[PAGES];
static unsigned nr_pages;

void place_init(struct pv *pv)
{
	if (pv_remap(edge + PAGE, 0))
		pv_panic("a page cannot be unmapped");
	if (pv_remap(edge + 2 * PAGE, pv_pte(pv_frame_of(pv, edge + 2 * PAGE), false)))
		pv_panic("a page cannot be made read-only");
}

/* The page has no other mapping to write it by: it may be written for so long. */
static uint64_t place_read_only(struct machine *m, const void *bytes, size_t n)
{
	uint8_t *p = edge + 2 * PAGE;
	uint64_t frame = pv_frame_of(m->pv, p);

	pv_remap(p, pv_pte(frame, true));
	memcpy(p, bytes, n);
	pv_remap(p, pv_pte(frame, false));
	return pv_arg(p);
}

/* Of an argument that straddles, so many bytes are there. */
static size_t bytes_before(size_t n)
{
	if (n == 2)
		return 1;
	return n == 4 ? 2 : 4;
}

uint64_t place(struct machine *m, const char *key, unsigned slot, const void *bytes, size_t n)
{
	uint8_t *p = good[slot];

	if (is_word(m, key, "NULL"))
		return 0;
	if (is_word(m, key, "UNMAPPED"))
		return pv_arg(edge + PAGE + 64);
	if (is_word(m, key, "NONCANON"))
		return 0x0000900000000000;
	if (is_word(m, key, "XEN"))
		return 0xffff82d040200000;
	if (is_word(m, key, "TOP"))
		return 0xfffffffffffffff0;
	if (is_word(m, key, "RO"))
		return place_read_only(m, bytes, n);
	if (is_word(m, key, "UNALIGNED"))
		p++;
	else if (is_word(m, key, "EDGE"))
		p = edge + PAGE - n;
	else if (is_word(m, key, "STRADDLE")) {
		p = edge + PAGE - bytes_before(n);
		n = bytes_before(n);
	}
	memcpy(p, bytes, n);
	return pv_arg(p);
}

/* Without a sum that could wrap around. */
static bool inside(uint64_t va, size_t n, const uint8_t *base, size_t size)
{
	return va - pv_arg(base) < size && size - (va - pv_arg(base)) >= n;
}

bool fetch(uint64_t va, void *bytes, size_t n)
{
	bool here = inside(va, n, good[0], sizeof(good)) || inside(va, n, edge, PAGE) ||
		    inside(va, n, edge + 2 * PAGE, PAGE);

	if (here)
		memcpy(bytes, (const void *)va, n);
	return here;
}

static uint8_t *named_page(struct machine *m, const struct text *name)
{
	unsigned i;

	for (i = 0; i < nr_pages; i++)
		if (pages[i].name.len == name->len &&
		    !memcmp(pages[i].name.at, name->at, name->len))
			return pages[i].page;
	if (nr_pages == PAGES)
		pv_panic("the script names more than %u pages", PAGES);
	pages[i].name = *name;
	pages[i].page = pv_alloc(m->pv, PAGE);
	if (!pages[i].page)
		pv_panic("no memory for a page");
	pages[i].frame = pv_frame_of(m->pv, pages[i].page);
	nr_pages++;
	return pages[i].page;
}

uint64_t named_frame(struct machine *m, const struct text *name)
{
	if (text_is(name, "pagetable"))
		return pv_frame_of(m->pv, (const void *)m->pv->start_info->pt_base);
	return pv_frame_of(m->pv, named_page(m, name));
}

uint8_t *page_of_frame(uint64_t frame)
{
	for (unsigned i = 0; i < nr_pages; i++)
		if (pages[i].frame == frame)
			return pages[i].page;
	return NULL;
}
