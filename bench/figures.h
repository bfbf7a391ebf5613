/* SPDX-License-Identifier: MIT */
/*
 * Times, medians, and the lines in which a benchmark tells run.py what it has measured. What is
 * measured is elsewhere.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdint.h>
#include <x86intrin.h>

uint64_t figures_now(void); /* ns, CLOCK_MONOTONIC */
/* ns that this thread has run: of what never sleeps, and may be interrupted by others' turns. */
uint64_t figures_own_now(void);

/* The time-stamp counter, for what is too short for that: what is before is done before it is read,
 * what is after begins after it. */
static inline uint64_t figures_cycles(void)
{
	uint64_t now;

	_mm_lfence();
	now = __rdtsc();
	_mm_lfence();
	return now;
}

double figures_ns_per_cycle(void); /* measured, for 20 ms */

double figures_median(double *samples, unsigned n); /* sorts them */
/* The sample below which that part of them is, 0 .. 1; they are sorted. */
double figures_quantile(const double *samples, unsigned n, double part);

/* A line for run.py: name, unit, median, minimum, maximum, and words of key=value. */
void figures_print(const char *name, const char *unit, double *samples, unsigned n,
		   const char *more);

/* One line more: all of them, in order of time, for a histogram. */
void figures_samples(const char *name, const double *samples, unsigned n);

/* Both of single latencies in ns, with their 99th percentile and their 99.9th. Sorts them. */
void figures_print_each(const char *name, double *ns, unsigned n);

/* How often a thing is measured: as often as that, or less in a quick run (BENCH_QUICK is set). */
unsigned figures_fewer(unsigned n);

/* This thread on the processor of that number, of those that we may use (from 0, round again). */
void figures_pin(unsigned nr);
void figures_unpin(void);
unsigned figures_processors(void);

#endif
