/* SPDX-License-Identifier: MIT */
/*
 * The engine benchmark: the hypervisor half's send path and its port table, in one process, on one
 * thread. `engine time` prints a line of figures for each row; `engine count PREFIX` does each row
 * of that name a fixed number of times, for callgrind (counts.py); `engine count loopback` those.
 * What is measured is in engine_*.c.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SAMPLES	       31u
#define OPS_PER_SAMPLE 20000u
#define COUNT_BATCHES  4u
#define MAX_ROWS       16u

/* ---- rows ---- */

static void reset(const struct row *row, struct engine *e)
{
	if (row->reset)
		row->reset(e);
}

/* ns of some rounds, with what is measured or with the resets alone. */
static double rounds_of(const struct row *row, struct engine *e, bool with)
{
	uint64_t start = figures_now();

	for (unsigned i = 0; i < OPS_PER_SAMPLE / row->ops; i++) {
		reset(row, e);
		if (with)
			row->batch(e);
	}
	return (double)(figures_now() - start);
}

struct timing {
	const struct row *row;
	struct engine machine;
	double samples[SAMPLES];
	double resets; /* the least: one that was interrupted would be taken off */
};

static void take_sample(struct timing *t, unsigned k)
{
	double resets = rounds_of(t->row, &t->machine, false);

	if (k == 0 || resets < t->resets)
		t->resets = resets;
	t->samples[k] = rounds_of(t->row, &t->machine, true);
}

static void print_timing(struct timing *t)
{
	unsigned ops = OPS_PER_SAMPLE / t->row->ops * t->row->ops;

	for (unsigned k = 0; k < SAMPLES; k++)
		t->samples[k] = (t->samples[k] - t->resets) / ops;
	figures_print(t->row->name, "ns", t->samples, SAMPLES, "");
}

/* A sample of each in turn, so that all see the same noise of the machine. */
static void time_rows(void)
{
	static struct timing timings[MAX_ROWS] = { { .row = &floor_locked_op } };
	unsigned n = 1;

	for (unsigned i = 0; i < nr_send_rows; i++)
		timings[n++].row = &send_rows[i];
	for (unsigned i = 0; i < nr_loopback_rows; i++)
		timings[n++].row = &loopback_rows[i];
	for (unsigned i = 0; i < n; i++)
		if (timings[i].row->setup)
			timings[i].row->setup(&timings[i].machine);
	for (unsigned k = 0; k < SAMPLES; k++)
		for (unsigned i = 0; i < n; i++)
			take_sample(&timings[i], k);
	for (unsigned i = 0; i < n; i++) {
		print_timing(&timings[i]);
		if (timings[i].row->setup)
			engine_destroy(&timings[i].machine);
	}
}

/* callgrind writes down here what it counted since it was here last. */
__attribute__((noinline)) void engine_mark(void);

void engine_mark(void)
{
	__asm__ volatile("");
}

static void count_row(const struct row *row)
{
	struct engine e;

	row->setup(&e);
	/* once before, so that nothing is counted that happens the first time only */
	for (unsigned i = 0; i <= COUNT_BATCHES; i++) {
		reset(row, &e);
		row->batch(&e);
		if (i == 0 || i == COUNT_BATCHES)
			engine_mark();
	}
	printf("%s %u\n", row->name, COUNT_BATCHES * row->ops);
	engine_destroy(&e);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "time") == 0) {
		time_rows();
		measure_cache_line();
		measure_pairs();
		measure_ports();
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "count") != 0)
		errx(2, "usage: engine time | count PREFIX|loopback");
	for (unsigned i = 0; i < nr_send_rows; i++)
		if (strncmp(send_rows[i].name, argv[2], strlen(argv[2])) == 0)
			count_row(&send_rows[i]);
	/* apart, as they are counted in another function than other rows of their prefix */
	for (unsigned i = 0; i < nr_loopback_rows && strcmp(argv[2], "loopback") == 0; i++)
		count_row(&loopback_rows[i]);
	return 0;
}
