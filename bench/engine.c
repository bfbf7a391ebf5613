/* SPDX-License-Identifier: MIT */
/*
 * The engine benchmark: the hypervisor half's send path and its port table, in one process, on one
 * thread, and the conventional design's. `engine time` prints a line of figures for each row;
 * `engine count TABLE [PREFIX]` does each row of that table a fixed number of times, for callgrind
 * (counts.py). What is measured is in engine_*.c and baseline/.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SAMPLES	       31u
#define OPS_PER_SAMPLE 20000u
#define COUNT_BATCHES  4u
#define MAX_ROWS       64u
#define LONG_BATCH     4096u /* operations: long enough to be timed by itself */

/* ---- rows ---- */

/* Those of a table are counted in the same functions: counts.py. */
static const struct table {
	const char *name;
	const struct row *rows;
	const unsigned *nr;
} tables[] = {
	{ "floor", floor_rows, &nr_floor_rows },
	{ "send", send_rows, &nr_send_rows },
	{ "drain", drain_rows, &nr_drain_rows },
	{ "loopback", loopback_rows, &nr_loopback_rows },
	{ "baseline", baseline_rows, &nr_baseline_rows },
};

#define NR_TABLES (sizeof(tables) / sizeof(tables[0]))

static void reset(const struct row *row, struct engine *e)
{
	if (row->reset)
		row->reset(e);
}

static void destroy(const struct row *row, struct engine *e)
{
	if (e->conv)
		conv_destroy(e);
	else if (row->setup)
		engine_destroy(e);
}

static bool timed_by_itself(const struct row *row)
{
	return row->ops >= LONG_BATCH;
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

static double batches_of(const struct row *row, struct engine *e)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < OPS_PER_SAMPLE / row->ops; i++) {
		uint64_t start;

		reset(row, e);
		start = figures_now();
		row->batch(e);
		sum += figures_now() - start;
	}
	return (double)sum;
}

struct timing {
	const struct row *row;
	struct engine machine;
	double samples[SAMPLES];
	double resets; /* the least: one that was interrupted would be taken off */
};

static void take_sample(struct timing *t, unsigned k)
{
	double resets;

	if (timed_by_itself(t->row)) {
		t->samples[k] = batches_of(t->row, &t->machine);
		return;
	}
	resets = rounds_of(t->row, &t->machine, false);
	if (k == 0 || resets < t->resets)
		t->resets = resets;
	t->samples[k] = rounds_of(t->row, &t->machine, true);
}

static void print_timing(struct timing *t, unsigned samples)
{
	unsigned ops = OPS_PER_SAMPLE / t->row->ops * t->row->ops;

	for (unsigned k = 0; k < samples; k++)
		t->samples[k] = (t->samples[k] - t->resets) / ops;
	figures_print(t->row->name, "ns", t->samples, samples, "");
}

/* A sample of each in turn, so that all see the same noise of the machine. */
static void time_rows(void)
{
	static struct timing timings[MAX_ROWS] = { { .row = &floor_locked_op } };
	unsigned n = 1, samples = figures_fewer(SAMPLES);

	for (unsigned t = 0; t < NR_TABLES; t++)
		for (unsigned i = 0; i < *tables[t].nr; i++)
			timings[n++].row = &tables[t].rows[i];
	for (unsigned i = 0; i < n; i++)
		if (timings[i].row->setup)
			timings[i].row->setup(&timings[i].machine);
	for (unsigned k = 0; k < samples; k++)
		for (unsigned i = 0; i < n; i++)
			take_sample(&timings[i], k);
	for (unsigned i = 0; i < n; i++) {
		print_timing(&timings[i], samples);
		destroy(timings[i].row, &timings[i].machine);
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
	destroy(row, &e);
}

/* Apart, as what callgrind counts in differs. */
static void count_table(const struct table *t, const char *prefix)
{
	for (unsigned i = 0; i < *t->nr; i++)
		if (strncmp(t->rows[i].name, prefix, strlen(prefix)) == 0)
			count_row(&t->rows[i]);
}

static void time_all(void)
{
	time_rows();
	measure_latency();
	measure_cache_line();
	measure_pairs();
	measure_baseline_pairs();
	measure_ports();
	measure_baseline_ports();
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "time") == 0) {
		time_all();
		return 0;
	}
	if ((argc != 3 && argc != 4) || strcmp(argv[1], "count") != 0)
		errx(2, "usage: engine time | count TABLE [PREFIX]");
	for (unsigned t = 0; t < NR_TABLES; t++)
		if (strcmp(tables[t].name, argv[2]) == 0)
			count_table(&tables[t], argc == 4 ? argv[3] : "");
	return 0;
}
