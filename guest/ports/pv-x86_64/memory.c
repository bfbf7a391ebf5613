/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own memory: which of it is free at the start of day, an allocator over that, and
 * frame numbers. Mapping frames that are not our own is map.c's.
 *
 * Stretches of whole pages are on a list by address, first fit, merged when freed. Less than a page
 * is a block of a power of two, from a list per size; such pages never go back.
 */
#include "internal.h"

#define SMALLEST      64u
#define BOOT_PADDING  (512ul << 10) /* that Xen's builders leave, at least, after the boot stack */
#define BOOT_BOUNDARY (4ul << 20)   /* and then up to here */

static unsigned long round_up(unsigned long x, unsigned long to)
{
	return (x + to - 1) & ~(to - 1);
}

/* Handlers do not allocate, so it is never waited for on the CPU that holds it. */
static void lock(struct pv *pv)
{
	while (__atomic_exchange_n(&pv->lock, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void unlock(struct pv *pv)
{
	__atomic_store_n(&pv->lock, 0, __ATOMIC_RELEASE);
}

static void *alloc_pages(struct pv *pv, size_t pages)
{
	for (struct pv_free **link = &pv->runs; *link; link = &(*link)->next) {
		struct pv_free *run = *link;

		if (run->pages < pages)
			continue;
		run->pages -= pages;
		if (!run->pages)
			*link = run->next;
		return (char *)run + run->pages * PV_PAGE_SIZE;
	}
	return NULL;
}

static bool adjacent(const struct pv_free *low, const struct pv_free *high)
{
	return high && (const char *)low + low->pages * PV_PAGE_SIZE == (const char *)high;
}

static void free_pages(struct pv *pv, void *p, size_t pages)
{
	struct pv_free *before = NULL, *after = pv->runs, *run = p;

	while (after && after < run) {
		before = after;
		after = after->next;
	}
	run->pages = pages;
	run->next = after;
	if (before)
		before->next = run;
	else
		pv->runs = run;
	if (adjacent(run, after)) {
		run->pages += after->pages;
		run->next = after->next;
	}
	if (before && adjacent(before, run)) {
		before->pages += run->pages;
		before->next = run->next;
	}
}

/* Which list of small blocks, PV_SMALL_CLASSES for what is a matter of pages. */
static unsigned small_class(size_t size)
{
	unsigned class = 0;

	while (class < PV_SMALL_CLASSES && size > (size_t)SMALLEST << class)
		class ++;
	return class;
}

static void *alloc_small(struct pv *pv, unsigned class)
{
	size_t block = (size_t)SMALLEST << class;
	struct pv_free *first = pv->small[class];

	if (!first) {
		char *page = alloc_pages(pv, 1);

		if (!page)
			return NULL;
		for (size_t at = 0; at < PV_PAGE_SIZE; at += block) {
			struct pv_free *b = (struct pv_free *)(page + at);

			b->next = first;
			first = b;
		}
	}
	pv->small[class] = first->next;
	return first;
}

void *pv_alloc(struct pv *pv, size_t size)
{
	unsigned class = small_class(size);
	size_t bytes;
	void *p;

	if (!size || size > SIZE_MAX - PV_PAGE_SIZE)
		return NULL;
	lock(pv);
	if (class < PV_SMALL_CLASSES) {
		bytes = (size_t)SMALLEST << class;
		p = alloc_small(pv, class);
	} else {
		bytes = round_up(size, PV_PAGE_SIZE);
		p = alloc_pages(pv, bytes / PV_PAGE_SIZE);
	}
	unlock(pv);
	if (p)
		__builtin_memset(p, 0, bytes);
	return p;
}

void pv_free(struct pv *pv, void *p, size_t size)
{
	unsigned class = small_class(size);

	if (!p || !size)
		return;
	lock(pv);
	if (class < PV_SMALL_CLASSES) {
		struct pv_free *b = p;

		b->next = pv->small[class];
		pv->small[class] = b;
	} else {
		free_pages(pv, p, round_up(size, PV_PAGE_SIZE) / PV_PAGE_SIZE);
	}
	unlock(pv);
}

static unsigned long later(unsigned long a, unsigned long b)
{
	return a > b ? a : b;
}

/*
 * Behind the image lie a module, the p2m, start_info, page tables and the boot stack, the builder's
 * order; what follows the last is free, as far as it is mapped. That end cannot be read off the
 * page tables (they hold machine frames, and we have no way back from those), it is the ABI's
 * promise.
 */
void pv_memory_init(struct pv *pv)
{
	const struct start_info *si = pv->start_info;
	unsigned long top = PV_VIRT_BASE + si->nr_pages * PV_PAGE_SIZE;
	unsigned long start = (unsigned long)pv_image_end, end;

	start = later(start, (unsigned long)(si + 1));
	start = later(start, si->pt_base + si->nr_pt_frames * PV_PAGE_SIZE);
	start = later(start, pv_boot_rsp);
	if (!si->first_p2m_pfn)
		start = later(start, si->mfn_list + si->nr_pages * sizeof(unsigned long));
	if (!(si->flags & SIF_MOD_START_PFN))
		start = later(start, si->mod_start + si->mod_len);
	start = round_up(start, PV_PAGE_SIZE);

	end = round_up(start - PV_VIRT_BASE + BOOT_PADDING, BOOT_BOUNDARY) + PV_VIRT_BASE;
	if (end > top)
		end = top;
	if (start < end)
		free_pages(pv, (void *)start, (end - start) / PV_PAGE_SIZE);
}

int pv_remap(const void *va, uint64_t pte)
{
	return (int)pv_hypercall(__HYPERVISOR_update_va_mapping, pv_arg(va), pte,
				 UVMF_INVLPG | UVMF_ALL, 0, 0);
}

uint64_t pv_frame_of(const struct pv *pv, const void *p)
{
	unsigned long at = (unsigned long)p;

	if (at - (unsigned long)pv->shared_info < PV_PAGE_SIZE)
		return pv->start_info->shared_info >> 12;
	if (at >= PV_MAP_BASE)
		return pv_mapped_frame(pv, p);
	at = (at - PV_VIRT_BASE) / PV_PAGE_SIZE;
	return at < pv->start_info->nr_pages ? pv->p2m[at] : UINT64_MAX;
}
