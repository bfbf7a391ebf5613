/* SPDX-License-Identifier: MIT */
/*
 * Where arguments are: good memory, addresses that are none, and the edges of a hole and of memory
 * that may only be read. And the pages that scripts name. All in the memory of the domain whose
 * line it is; another's is written through its window (build.c).
 */
#include "scenario.h"

#define PAGE PV_PAGE_BYTES

static uint8_t edge[2][EDGE_PAGES * PAGE] __attribute__((aligned(4096)));
static uint8_t good[2][GOOD_PAGES * PAGE] __attribute__((aligned(64)));

/* Our own may be written by no other mapping: for so long they may be by this one. */
static int protect(struct machine *m, unsigned slot, bool writable)
{
	int r = 0;

	if (m->by != &m->self)
		return 0; /* its window can be written by */
	for (unsigned i = EDGE_RO; i < EDGE_PAGES && !r; i++) {
		uint8_t *p = edge[slot] + i * PAGE;

		r = pv_remap(p, pv_pte(pv_frame_of(m->pv, p), writable));
	}
	return r;
}

void place_init(struct machine *m)
{
	m->by = &m->self;
	for (unsigned slot = 0; slot < 2; slot++) {
		if (pv_remap(edge[slot] + EDGE_HOLE * PAGE, 0))
			pv_panic("a page cannot be unmapped");
		if (protect(m, slot, false))
			pv_panic("a page cannot be made read-only");
		m->self.edge[slot] = edge[slot];
		m->self.good[slot] = good[slot];
	}
}

static uint8_t *place_read_only(struct machine *m, unsigned slot, const void *bytes, size_t n)
{
	uint8_t *p = m->by->edge[slot] + EDGE_RO * PAGE;

	protect(m, slot, true);
	memcpy(p, bytes, n);
	protect(m, slot, false);
	return p;
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
	const struct domain *d = m->by;
	uint8_t *p = d->good[slot], *hole = d->edge[slot] + EDGE_HOLE * PAGE;

	if (is_word(m, key, "NULL"))
		return 0;
	if (is_word(m, key, "UNMAPPED"))
		return pv_arg(hole) + 64 + d->shift;
	if (is_word(m, key, "NONCANON"))
		return 0x0000900000000000;
	if (is_word(m, key, "XEN"))
		return 0xffff82d040200000;
	if (is_word(m, key, "TOP"))
		return 0xfffffffffffffff0;
	if (is_word(m, key, "RO"))
		return pv_arg(place_read_only(m, slot, bytes, n)) + d->shift;
	if (is_word(m, key, "UNALIGNED"))
		p++;
	else if (is_word(m, key, "EDGE"))
		p = hole - n;
	else if (is_word(m, key, "STRADDLE")) {
		p = hole - bytes_before(n);
		n = bytes_before(n);
	}
	memcpy(p, bytes, n);
	return pv_arg(p) + d->shift;
}

/* Without a sum that could wrap around. */
static bool inside(uint64_t va, size_t n, const uint8_t *base, size_t size)
{
	return va - pv_arg(base) < size && size - (va - pv_arg(base)) >= n;
}

bool fetch(const struct machine *m, uint64_t va, void *bytes, size_t n)
{
	const struct domain *d = m->by;
	uint64_t at = va - d->shift;
	bool here = false;

	for (unsigned slot = 0; slot < 2; slot++)
		here = here || inside(at, n, d->good[slot], GOOD_PAGES * PAGE) ||
		       inside(at, n, d->edge[slot], EDGE_HOLE * PAGE) ||
		       inside(at, n, d->edge[slot] + EDGE_RO * PAGE, (EDGE_PAGES - EDGE_RO) * PAGE);
	if (here)
		memcpy(bytes, (const void *)at, n);
	return here;
}

static bool new_page(struct machine *m, struct named_page *named)
{
	if (m->by != &m->self)
		return build_page(m->by, m->by->nr_pages, named);
	named->page = pv_alloc(m->pv, PAGE);
	if (named->page)
		named->frame = pv_frame_of(m->pv, named->page);
	return named->page;
}

uint64_t named_frame(struct machine *m, const struct text *name)
{
	struct domain *d = m->by;
	struct named_page *named;

	if (text_is(name, "pagetable"))
		return d == &m->self ? pv_frame_of(m->pv, (void *)m->pv->start_info->pt_base)
				     : build_table_frame(d);
	for (named = d->page; named < d->page + d->nr_pages; named++)
		if (named->name.len == name->len && !memcmp(named->name.at, name->at, name->len))
			return named->frame;
	if (d->nr_pages == NAMED_PAGES || !new_page(m, named))
		pv_panic("the script names too many pages");
	named->name = *name;
	d->nr_pages++;
	return named->frame;
}

uint8_t *page_of_frame(const struct machine *m, uint64_t frame)
{
	const struct domain *d = m->by;

	for (unsigned i = 0; i < d->nr_pages; i++)
		if (d->page[i].frame == frame)
			return d->page[i].page;
	return NULL;
}
