/* SPDX-License-Identifier: MIT */
/*
 * Each dispatch by itself: one event, from the upcall's entry to its return after the handler, for
 * the histograms. guest_dispatch.c has the means.
 */
#include <stdlib.h>

#include "guest.h"

#define SAMPLES 6400u
#define MORE	64u
#define FEW	1023u /* ports */

static void each(const char *name, enum guest_abi abi, unsigned ports, double scale)
{
	unsigned n = figures_fewer(SAMPLES);
	double *samples = calloc(n, sizeof(*samples));
	evtchn_port_t *which;
	struct played p;

	if (!samples)
		return;
	played_create(&p, abi, ports, GUEST_FLOW_LEVEL);
	which = played_choose(&p, 64);
	p.nr_pending = 1;
	for (unsigned i = 0; i < n; i++) {
		uint64_t start;

		p.pending = &which[i % 64];
		played_send(&p);
		start = figures_cycles();
		guest_upcall(p.g);
		samples[i] = (double)(figures_cycles() - start) * scale;
	}
	figures_print_each(name, samples, n);
	free(which);
	played_destroy(&p);
	free(samples);
}

void measure_each_dispatch(void)
{
	double scale = figures_ns_per_cycle();

	each("guest/2l/dispatch-each", GUEST_ABI_2L, PORTS_2L, scale);
	each("guest/fifo/dispatch-each", GUEST_ABI_FIFO, FEW, scale);
}
