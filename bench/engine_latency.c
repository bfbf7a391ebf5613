/* SPDX-License-Identifier: MIT */
/*
 * Each send by itself, between two readings of the processor's counter, for the histograms: what
 * single ones take that are not the median. The readings have their own cost, which the row without
 * a send between them shows.
 */
#include <stdlib.h>

#include "../hypervisor/event.h"
#include "engine_states.h"

#define SAMPLES 6400u
#define MORE	64u

static void one_by_one(const char *name, struct engine *e, unsigned ports,
		       void (*clear)(struct engine *e), double scale)
{
	unsigned n = figures_fewer(SAMPLES);
	double *samples = calloc(n, sizeof(*samples));

	for (unsigned i = 0; samples && i < n; i++) {
		uint32_t port = e->words ? 1 + i % ports : port_of_selector(i % ports);
		uint64_t start;

		if (clear && i % ports == 0)
			clear(e);
		if (clear)
			untell(e, e->words ? vcpu_of_queue(port) : 0);
		start = figures_cycles();
		if (clear)
			event_send(e->sender, port);
		samples[i] = (double)(figures_cycles() - start) * scale;
	}
	if (!samples)
		return;
	figures_print_each(name, samples, n);
	free(samples);
}

void measure_latency(void)
{
	double scale = figures_ns_per_cycle();
	struct engine e;

	engine_setup_2l(&e);
	one_by_one("floor/timestamp-each", &e, SELECTORS, NULL, scale);
	one_by_one("engine/2l/send-each", &e, SELECTORS, reset_2l, scale);
	engine_destroy(&e);
	engine_setup_fifo(&e);
	one_by_one("engine/fifo/send-each", &e, QUEUES, reset_fifo, scale);
	engine_destroy(&e);
}
