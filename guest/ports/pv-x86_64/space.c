/* SPDX-License-Identifier: MIT */
/*
 * Roots for address spaces: copies of the builder's, so that all of the kernel is mapped in each.
 * Who switches to them, and how they are taken away again, is the guest half's (guest/mm/).
 */
#include "internal.h"

/* Xen's own entries of a root, HYPERVISOR_VIRT_START .. HYPERVISOR_VIRT_END. */
#define XEN_FIRST 256u
#define XEN_END	  272u

int pv_space_init(struct pv *pv)
{
	return guest_mm_init(pv->guest, pv_frame_of(pv, (void *)pv->start_info->pt_base));
}

/* Xen takes it as a root only if nobody can write to it; and gives it back when it is none. */
static int make_writable(const uint64_t *root, uint64_t mfn, bool writable)
{
	return pv_remap(root, pv_pte(mfn, writable));
}

int pv_space_create(struct pv *pv, struct pv_space *space)
{
	const uint64_t *builders = (const uint64_t *)pv->start_info->pt_base;
	uint64_t *root = pv_alloc(pv, PV_PAGE_SIZE), mfn;
	int r;

	if (!root)
		return -XEN_ENOMEM;
	/* Its own entries Xen fills in when it pins the root. */
	for (unsigned slot = 0; slot < PV_PAGE_SIZE / sizeof(*root); slot++)
		if (slot < XEN_FIRST || slot >= XEN_END)
			root[slot] = builders[slot];
	mfn = pv_frame_of(pv, root);
	r = make_writable(root, mfn, false);
	if (r)
		goto free;
	space->root = root;
	r = guest_space_create(pv->guest, &space->space, mfn);
	if (!r)
		return 0;
	if (make_writable(root, mfn, true))
		return r; /* better lost than in the allocator */
free:
	pv_free(pv, root, PV_PAGE_SIZE);
	return r;
}

int pv_space_destroy(struct pv *pv, struct pv_space *space)
{
	int r = guest_space_destroy(pv->guest, &space->space);

	if (r)
		return r;
	r = make_writable(space->root, pv_frame_of(pv, space->root), true);
	if (!r)
		pv_free(pv, space->root, PV_PAGE_SIZE);
	return r;
}
