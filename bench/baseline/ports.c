/* SPDX-License-Identifier: MIT */
/*
 * What a port costs that the conventional design looks for from the first one on. All of 131,071 by
 * that search would take as long as the rest of the benchmark together, so a few are measured in
 * the middle of each tenth, and those between are taken into use without it. As each search is as
 * long as the number of ports before it, the mean is that of all.
 */
#include <err.h>
#include <stdio.h>

#include "machine.h"

#define TENTHS	   10u
#define PER_TENTH  32u
#define MAX_RUNS   11u
#define PORTS_LAST 131071u

static double some_of_tenth(struct conv_domain *d, struct conv_domain *remote, uint32_t *next,
			    uint32_t first)
{
	uint64_t start;
	uint32_t port;

	for (; *next < first; (*next)++)
		if (conv_occupy(d, CONV_UNBOUND, remote, *next))
			errx(1, "baseline: port %u is not occupied", *next);
	start = figures_now();
	for (unsigned i = 0; i < PER_TENTH; i++, (*next)++)
		if (conv_alloc_unbound(d, remote, &port) || port != *next)
			errx(1, "baseline: port %u is not the next", *next);
	return (double)(figures_now() - start) / PER_TENTH;
}

/* ns per port; *growth: the last tenth's to the first's; *bytes: for each port that there is. */
static double one_run(uint32_t ports, double *growth, double *bytes)
{
	double tenth[TENTHS], sum = 0;
	uint32_t next = 1;
	struct engine e;

	conv_create(&e);
	conv_fifo_both(&e, CONV_WORDS);
	for (unsigned i = 0; i < TENTHS; i++) {
		tenth[i] = some_of_tenth(&e.conv->to, &e.conv->from, &next,
					 ports / TENTHS * i + ports / TENTHS / 2 - PER_TENTH / 2);
		sum += tenth[i];
	}
	*bytes = (double)e.conv->bytes / e.conv->to.ports;
	conv_destroy(&e);
	*growth = tenth[TENTHS - 1] / tenth[0];
	return sum / TENTHS;
}

static void measure_size(const char *name, uint32_t ports, const char *memory)
{
	double samples[MAX_RUNS], growth[MAX_RUNS], bytes[MAX_RUNS];
	unsigned runs = figures_fewer(MAX_RUNS);
	char more[64];

	for (unsigned i = 0; i < runs; i++)
		samples[i] = one_run(ports, &growth[i], &bytes[i]);
	snprintf(more, sizeof(more), "last_to_first_tenth=%.2f", figures_median(growth, runs));
	figures_print(name, "ns", samples, runs, more);
	if (memory)
		figures_print(memory, "B", bytes, runs, "");
}

void measure_baseline_ports(void)
{
	measure_size("baseline/fifo/allocate-1000", 1000, NULL);
	measure_size("baseline/fifo/allocate-10000", 10000, NULL);
	measure_size("baseline/fifo/allocate-131071", PORTS_LAST, "baseline/bytes-per-port");
}
