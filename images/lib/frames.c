/* SPDX-License-Identifier: MIT */
/*
 * Frames that the command line tells of, mapped; and in words why not. A domain that was promised
 * memory and cannot have it has nothing to do.
 */
#include "lib.h"

void *frames_open(struct pv *pv, const char *what, uint64_t frame, uint64_t pages)
{
	void *mapped;
	int r = pv_map_frames(pv, frame, pages, true, &mapped);

	if (r == -XEN_ENOSPC)
		pv_panic("%s: %lu pages are too many: a domain of this kernel can map %lu "
			 "(%lu MiB) of shared memory and devices in all",
			 what, pages, PV_MAP_PAGES, PV_MAP_PAGES * PV_PAGE_BYTES >> 20);
	if (r == -XEN_ENOMEM)
		pv_panic("%s: no memory for the page tables of %lu pages: the kernel uses no more "
			 "than was mapped when it started",
			 what, pages);
	if (r)
		pv_panic("%s: cannot map %lu frames at %#lx: error %d", what, pages, frame, -r);
	return mapped;
}
