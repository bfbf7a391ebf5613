/* SPDX-License-Identifier: MIT */
/*
 * A domain's memory: an arena of pages with a protection each, and the hypervisor's copies to and
 * from it. A guest virtual address is the host's; so a 32-bit domain's arena must be where its
 * guest could name it. The arena ends in: a writable area and a hole for each slot, read-only
 * areas, a hole; page 0 is a hole.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/errno.h>

#include "private.h"

#define EDGE_PAGES (SLOT_PAGES + 1) /* an area and its hole */
#define TAIL_PAGES (SLOTS * EDGE_PAGES + SLOTS * SLOT_PAGES + 1)

static void protect(struct arena *a, unsigned page, unsigned prot)
{
	a->prot[page] = (uint8_t)prot;
	/* A hole is one for us too. The read-only page stays writable here: tests fill it. */
	if (!prot)
		mprotect(a->base + (size_t)page * PAGE, PAGE, PROT_NONE);
}

static void tail_create(struct arena *a, unsigned page)
{
	a->edge = a->base + (size_t)page * PAGE;
	for (unsigned slot = 0; slot < SLOTS; slot++, page += EDGE_PAGES)
		protect(a, page + SLOT_PAGES, 0);
	a->read_only = a->base + (size_t)page * PAGE;
	for (unsigned i = 0; i < SLOTS * SLOT_PAGES; i++)
		protect(a, page++, HV_PROT_READ);
	protect(a, page, 0);
}

void arena_create(struct testbed_domain *d, unsigned pages)
{
	struct arena *a = &d->ram;

	a->pages = 1 + pages + TAIL_PAGES;
	a->base = mmap(NULL, (size_t)a->pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | (d->compat32 ? MAP_32BIT : 0), -1, 0);
	a->prot = calloc(a->pages, sizeof(*a->prot));
	a->taken = calloc(a->pages, sizeof(*a->taken));
	if (a->base == MAP_FAILED || !a->prot || !a->taken)
		testbed_die("out of memory");
	a->mfn = d->tb->next_mfn;
	d->tb->next_mfn += a->pages + 17; /* frames nobody owns between domains */
	for (unsigned i = 0; i < a->pages; i++)
		protect(a, i, HV_PROT_READ | HV_PROT_WRITE);
	protect(a, 0, 0);
	a->taken[0] = UINT32_MAX;
	for (unsigned i = 0; i < TAIL_PAGES; i++)
		a->taken[a->pages - 1 - i] = UINT32_MAX;
	tail_create(a, a->pages - TAIL_PAGES);
}

void arena_destroy(struct testbed_domain *d)
{
	munmap(d->ram.base, (size_t)d->ram.pages * PAGE);
	free(d->ram.prot);
	free(d->ram.taken);
}

/*
 * First fit. NULL if there is no such run. Tests take pages when no thread runs; the guest half
 * under lines_lock.
 */
void *arena_alloc(struct testbed_domain *d, unsigned pages)
{
	struct arena *a = &d->ram;
	unsigned run = 0;

	for (unsigned i = 0; i < a->pages; i++) {
		run = a->taken[i] ? 0 : run + 1;
		if (run < pages)
			continue;
		i -= pages - 1;
		a->taken[i] = pages;
		for (unsigned k = 1; k < pages; k++)
			a->taken[i + k] = UINT32_MAX;
		return memset(a->base + (size_t)i * PAGE, 0, (size_t)pages * PAGE);
	}
	return NULL;
}

bool arena_holds(const struct testbed_domain *d, const void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)d->ram.base;

	return at < (size_t)d->ram.pages * PAGE;
}

void arena_free(struct testbed_domain *d, void *p, unsigned pages)
{
	size_t page = (size_t)((uint8_t *)p - d->ram.base) / PAGE;

	if (d->ram.taken[page] != pages)
		testbed_die("%u pages are freed as %u", d->ram.taken[page], pages);
	memset(&d->ram.taken[page], 0, pages * sizeof(*d->ram.taken));
}

void *testbed_page(struct testbed_domain *d)
{
	void *p = arena_alloc(d, 1);

	if (!p)
		testbed_die("the domain's pages are used up: raise testbed_domain_config.pages");
	return p;
}

uint64_t testbed_frame(const struct testbed_domain *d, const void *p)
{
	if (!arena_holds(d, p))
		testbed_die("an address outside the domain's memory has no frame");
	return d->ram.mfn + (uintptr_t)((const uint8_t *)p - d->ram.base) / PAGE;
}

uint64_t testbed_root(const struct testbed_domain *d)
{
	return testbed_frame(d, d->root);
}

/* May the vCPU touch [va, va + n) in that way? */
static bool range_ok(const struct testbed_vcpu *v, uint64_t va, size_t n, unsigned prot)
{
	const struct arena *a = &v->d->ram;
	uint64_t at = va - (uintptr_t)a->base;
	uint64_t size = (uint64_t)a->pages * PAGE;

	if (!n)
		return true;
	if (at >= size) /* the guest half's arguments are on the host's stacks */
		return v->trusted && va >= PAGE && va + n > va && va + n < 1ull << 47;
	if (n > size - at)
		return false;
	for (uint64_t page = at / PAGE; page <= (at + n - 1) / PAGE; page++)
		if ((a->prot[page] & prot) != prot)
			return false;
	return true;
}

int testbed_copy_from(struct hv_vcpu *hv, void *dst, uint64_t src, size_t n)
{
	const struct testbed_vcpu *v = hv_vcpu_user(hv);

	if (!range_ok(v, src, n, HV_PROT_READ))
		return -XEN_EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src, n);
	return 0;
}

int testbed_copy_to(struct hv_vcpu *hv, uint64_t dst, const void *src, size_t n)
{
	const struct testbed_vcpu *v = hv_vcpu_user(hv);

	if (!range_ok(v, dst, n, HV_PROT_READ | HV_PROT_WRITE))
		return -XEN_EFAULT;
	memcpy((void *)(uintptr_t)dst, src, n);
	return 0;
}

static uint8_t *place_of(const struct testbed_vcpu *v, enum testbed_where where, unsigned slot,
			 size_t n)
{
	const struct arena *a = &v->d->ram;
	uint8_t *hole = a->edge + (size_t)slot * EDGE_PAGES * PAGE + SLOT;

	switch (where) {
	case AT_OK:
		return v->args + slot * SLOT;
	case AT_UNALIGNED:
		return v->args + slot * SLOT + 1;
	case AT_STRADDLE:
		return hole - (n <= 2 ? 1 : n <= 4 ? 2 : 4);
	case AT_EDGE:
		return hole - n;
	case AT_READONLY:
		return a->read_only + slot * SLOT;
	case AT_UNMAPPED:
		return hole + 64;
	default:
		return NULL;
	}
}

uint64_t testbed_place(struct testbed_vcpu *v, enum testbed_where where, unsigned slot,
		       const void *bytes, size_t n)
{
	uint8_t *p = place_of(v, where, slot, n);

	switch (where) {
	case AT_NULL:
		return 0;
	case AT_NONCANON: /* no 32-bit address is: of those, one that is not mapped */
		return v->d->compat32 ? 0xf0000000 : 0x0000900000000000;
	case AT_XEN:
		return v->d->compat32 ? COMPAT_HYPERVISOR_VIRT_START : 0xffff82d040200000;
	case AT_TOP:
		return v->d->compat32 ? 0xfffffff0 : 0xfffffffffffffff0;
	case AT_UNMAPPED:
		return (uintptr_t)p;
	case AT_STRADDLE:
		memcpy(p, bytes, n <= 2 ? 1 : n <= 4 ? 2 : 4);
		return (uintptr_t)p;
	default:
		memcpy(p, bytes, n);
		return (uintptr_t)p;
	}
}

bool testbed_fetch(struct testbed_vcpu *v, uint64_t va, void *bytes, size_t n)
{
	if (!arena_holds(v->d, (void *)(uintptr_t)va) || !range_ok(v, va, n, HV_PROT_READ))
		return false;
	memcpy(bytes, (const void *)(uintptr_t)va, n);
	return true;
}
