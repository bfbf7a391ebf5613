/* SPDX-License-Identifier: MIT */
/*
 * Shows: the shortest whole life of a domain: entry, exception handlers, shared_info, callbacks,
 * guest_create, a line, the end. How long it takes is how long booting takes. Success: one line on
 * the console, shutdown with reason poweroff.
 */
#include "../lib/lib.h"

void pv_main(struct start_info *si)
{
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	pv_printf("hello from a Xen guest: %lu pages, command line \"%s\"\n", si->nr_pages,
		  pv_cmdline(si));
	pv_shutdown(SHUTDOWN_poweroff);
}
