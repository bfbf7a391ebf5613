/* SPDX-License-Identifier: MIT */
/*
 * The only way to guest virtual memory: copies, by the embedder's callbacks or else by the domain's
 * page tables. Whatever was copied in is the hypervisor's own and may be checked and used; the
 * guest's copy may change at any moment.
 */
#ifndef HYPERVISOR_GUEST_ACCESS_H
#define HYPERVISOR_GUEST_ACCESS_H

#include "compat.h"
#include "mm.h"
#include "private.h"

/* 0 or -XEN_EFAULT. */
static inline int copy_from_guest(struct hv_vcpu *v, void *dst, uint64_t va, size_t n)
{
	const struct hv_ops *ops = v->domain->hv->ops;
	int rc;

	if (n == 0)
		return 0;
	if (va + n < va)
		return -XEN_EFAULT; /* wraps around: so no callback has to think of that */
	if (v->domain->compat32 && !compat_is_guest(va, n))
		return compat_copy_translated(v, dst, va, n);
	rc = ops->copy_from_guest ? ops->copy_from_guest(v, dst, va, n)
				  : mm_copy_from(v->domain, dst, va, n);
	return rc ? -XEN_EFAULT : 0;
}

static inline int copy_to_guest(struct hv_vcpu *v, uint64_t va, const void *src, size_t n)
{
	const struct hv_ops *ops = v->domain->hv->ops;
	int rc;

	if (n == 0)
		return 0;
	if (va + n < va)
		return -XEN_EFAULT;
	if (v->domain->compat32 && !compat_is_guest(va, n))
		return compat_give_translated(v, va, src, n);
	rc = ops->copy_to_guest ? ops->copy_to_guest(v, va, src, n)
				: mm_copy_to(v->domain, va, src, n);
	return rc ? -XEN_EFAULT : 0;
}

#endif
