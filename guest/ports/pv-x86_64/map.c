/* SPDX-License-Identifier: MIT */
/*
 * Mapping frames that are not the kernel's own: shared memory, device pages. They take the place of
 * a window in .bss, whose page tables exist already, so that none has to be made. A kernel that
 * maps nothing has no window either: the linker drops it.
 */
#include "internal.h"

#define BATCH 32u

static uint8_t window[PV_WINDOW_PAGES][PV_PAGE_SIZE] __attribute__((aligned(PV_PAGE_SIZE)));
static unsigned long window_mfn[PV_WINDOW_PAGES];

int pv_map_frames(struct pv *pv, uint64_t mfn, size_t n, bool writable, void **out)
{
	struct multicall_entry calls[BATCH];
	size_t first = pv->window_used;

	if (n > PV_WINDOW_PAGES - first)
		return -XEN_ENOMEM;
	pv->window = &window[0][0];
	pv->window_mfn = window_mfn;
	pv->window_used += n;

	for (size_t done = 0; done < n;) {
		size_t batch = n - done < BATCH ? n - done : BATCH;
		long r;

		for (size_t i = 0; i < batch; i++) {
			window_mfn[first + done + i] = mfn + done + i;
			calls[i] = (struct multicall_entry){
				.op = __HYPERVISOR_update_va_mapping,
				.args = { pv_arg(window[first + done + i]),
					  pv_pte(mfn + done + i, writable), UVMF_INVLPG },
			};
		}
		r = pv_hypercall(__HYPERVISOR_multicall, pv_arg(calls), batch, 0, 0, 0);
		if (r)
			return (int)r;
		for (size_t i = 0; i < batch; i++)
			if (calls[i].result)
				return (int)(long)calls[i].result;
		done += batch;
	}
	*out = window[first];
	return 0;
}
