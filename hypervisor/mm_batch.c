/* SPDX-License-Identifier: MIT */
/*
 * How mmu_update and mmuext_op are called: an array of requests, a count of those done, and whose
 * frames they are about.
 */
#include "domain.h"
#include "guest_access.h"
#include "hypercall.h"
#include "mm_internal.h"

/* How many are done between two looks whether there is something else to do. */
#define BATCH_STEP 64u

/* Set in a count by Xen when it restarts a call, with the requests done before in *pdone. A guest
 * may set it too. */
#define COUNT_RESTARTED (1u << 31)

int mm_check_domid(const struct hv_domain *d, domid_t id)
{
	if (id == DOMID_SELF)
		return 0;
	/* As on Xen: a domain does not call itself foreign. */
	if (id == d->domid)
		return -XEN_ESRCH;
	if (id == DOMID_IO || id == DOMID_XEN)
		return -XEN_EPERM;
	/* Only whether it is there: it may go at any moment. */
	return domain_lookup(d->hv, id) ? -XEN_EPERM : -XEN_ESRCH;
}

int mm_check_vcpumask(struct hv_vcpu *v, uint64_t mask)
{
	uint64_t bits;
	int err = 0;

	for (unsigned i = 0; i < v->domain->max_vcpus && !err; i += 64)
		err = copy_from_guest(v, &bits, mask + i / 8, sizeof(bits));
	return err;
}

int mm_batch_begin(struct hv_vcpu *v, const uint64_t a[6], size_t size, struct mm_batch *out)
{
	out->requests = a[0];
	out->count = (uint32_t)a[1] & ~COUNT_RESTARTED;
	out->done_at = a[2];
	out->done = 0;
	out->size = size;
	if (((uint32_t)a[1] & COUNT_RESTARTED) && out->done_at)
		(void)copy_from_guest(v, &out->done, out->done_at, sizeof(out->done));
	/* The rest of the array cannot reach over the hole: 2^31 requests are far smaller than
	 * that. */
	return out->count && !va_ok(out->requests) ? -XEN_EFAULT : 0;
}

int mm_batch_get(struct hv_vcpu *v, const struct mm_batch *b, uint32_t i, void *request)
{
	/* However long the array is, one who gives up on the domain waits for one request only. */
	if (hv_domain_is_shut_down(v->domain, NULL))
		return -XEN_EAGAIN;
	return copy_from_guest(v, request, b->requests + i * b->size, b->size);
}

void mm_batch_end(struct hv_vcpu *v, const struct mm_batch *b, uint32_t done)
{
	uint32_t total = b->done + done;

	/* As on Xen, the guest that gave a bad address for it does not learn it. */
	if (b->done_at)
		(void)copy_to_guest(v, b->done_at, &total, sizeof(total));
}

bool mm_batch_should_yield(struct hv_vcpu *v, uint32_t done)
{
	return done && done % BATCH_STEP == 0 && hypercall_should_yield(v);
}

long mm_batch_again(struct hv_vcpu *v, const uint64_t a[6], const struct mm_batch *b, uint32_t done)
{
	const uint64_t rest[6] = { b->requests + done * b->size,
				   (b->count - done) | COUNT_RESTARTED, b->done_at, a[3] };

	mm_batch_end(v, b, done);
	return hypercall_again(v, rest);
}
