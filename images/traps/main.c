/* SPDX-License-Identifier: MIT */
/*
 * Shows: what a hypercall costs, by the guest's own clock: the cheapest one (xen_version), many
 * times over, the best of several rounds since the machine is shared. Success: one line with
 * nanoseconds per hypercall, shutdown with reason poweroff.
 */
#include "../lib/lib.h"

#include <xen/version.h>

#define ROUNDS 5u
#define CALLS  20000u

static uint64_t round_ns(struct pv *pv)
{
	uint64_t start = guest_clock(pv->guest);
	unsigned i;

	for (i = 0; i < CALLS; i++)
		pv->ops.hypercall(pv, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
	return guest_clock(pv->guest) - start;
}

void pv_main(struct start_info *si)
{
	uint64_t best = UINT64_MAX, ns;
	struct pv *pv;
	unsigned i;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	for (i = 0; i < ROUNDS; i++) {
		ns = round_ns(pv);
		if (ns < best)
			best = ns;
	}
	pv_printf("%lu.%lu ns per hypercall\n", best / CALLS, best * 10 / CALLS % 10);
	pv_shutdown(SHUTDOWN_poweroff);
}
