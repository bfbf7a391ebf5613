/* SPDX-License-Identifier: MIT */
/*
 * Copies between the hypervisor and guest virtual addresses by the domain's page tables. Takes no
 * lock: tables may change meanwhile. Each entry is read once; whatever is in it, only the domain's
 * own frames are reached.
 */
#include "mm_internal.h"

/* The host address of a guest address, or NULL. */
static uint8_t *translate(const struct mm *mm, uint64_t va, bool write)
{
	const uint64_t *table = mm->top;
	const struct range *r;
	uint64_t entry;

	if (!va_ok(va))
		return NULL;
	for (unsigned level = PT_TOP;; level--) {
		entry = pte_load(&table[va_slot(va, level)]);
		if (!(entry & PTE_PRESENT) || (write && !(entry & PTE_RW)))
			return NULL;
		r = mm_range(mm, pte_mfn(entry));
		if (!r)
			return NULL;
		if (level == 1)
			break;
		/*
		 * A frame that is no table now, by a stale entry, is the guest's own data: nothing
		 * is lost. By a stale root it would be a correct guest's, hence mm.top.
		 */
		table = range_frame(r, pte_mfn(entry));
	}
	if (write && r->read_only)
		return NULL;
	if (write && r->types && type_of(type_load(range_type(r, pte_mfn(entry)))) > FRAME_WRITABLE)
		return NULL;
	return (uint8_t *)range_frame(r, pte_mfn(entry)) + va % HV_PAGE_SIZE;
}

/* How many bytes from va on, of n, are in its page. */
static size_t in_page(uint64_t va, size_t n)
{
	size_t left = HV_PAGE_SIZE - va % HV_PAGE_SIZE;

	return n < left ? n : left;
}

int mm_copy_from(const struct hv_domain *d, void *dst, uint64_t va, size_t n)
{
	uint8_t *to = dst;

	if (n > UINT64_MAX - va)
		return -XEN_EFAULT;
	while (n) {
		size_t part = in_page(va, n);
		const uint8_t *from = translate(d->mm, va, false);

		if (!from)
			return -XEN_EFAULT;
		__builtin_memcpy(to, from, part);
		to += part;
		va += part;
		n -= part;
	}
	return 0;
}

int mm_copy_to(const struct hv_domain *d, uint64_t va, const void *src, size_t n)
{
	const uint8_t *from = src;

	if (n > UINT64_MAX - va)
		return -XEN_EFAULT;
	while (n) {
		size_t part = in_page(va, n);
		uint8_t *to = translate(d->mm, va, true);

		if (!to)
			return -XEN_EFAULT;
		__builtin_memcpy(to, from, part);
		from += part;
		va += part;
		n -= part;
	}
	return 0;
}

uint64_t mm_frame_at(const struct hv_domain *d, uint64_t va)
{
	const uint8_t *host = translate(d->mm, va, false);

	return host ? mm_frame_number(d, host) : HV_NEVER;
}

int hv_pv_copy_from(struct hv_domain *d, void *dst, uint64_t src, size_t n)
{
	return mm_copy_from(d, dst, src, n);
}

int hv_pv_copy_to(struct hv_domain *d, uint64_t dst, const void *src, size_t n)
{
	return mm_copy_to(d, dst, src, n);
}
