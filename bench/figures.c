/* SPDX-License-Identifier: MIT */
/* Times, medians, and the lines for run.py: figures.h. */
#include "figures.h"

#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALIBRATE_NS 20000000u

#define QUICKER 8u
#define LEAST	3u /* so that there is a median and a spread */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t figures_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t figures_own_now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double figures_ns_per_cycle(void)
{
	uint64_t ns = figures_now(), start = figures_cycles();

	while (figures_now() - ns < CALIBRATE_NS)
		;
	return (double)(figures_now() - ns) / (double)(figures_cycles() - start);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double figures_median(double *samples, unsigned n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return samples[n / 2];
}

double figures_quantile(const double *samples, unsigned n, double part)
{
	unsigned at = (unsigned)(part * n);

	return samples[at < n ? at : n - 1];
}

void figures_print(const char *name, const char *unit, double *samples, unsigned n,
		   const char *more)
{
	double median = figures_median(samples, n);

	printf("%s %s %.2f %.2f %.2f %s\n", name, unit, median, samples[0], samples[n - 1], more);
}

void figures_samples(const char *name, const double *samples, unsigned n)
{
	printf("samples %s", name);
	for (unsigned i = 0; i < n; i++)
		printf(" %.1f", samples[i]);
	putchar('\n');
}

void figures_print_each(const char *name, double *ns, unsigned n)
{
	char more[64];

	figures_samples(name, ns, n);
	(void)figures_median(ns, n);
	snprintf(more, sizeof(more), "p99=%.0f p999=%.0f", figures_quantile(ns, n, 0.99),
		 figures_quantile(ns, n, 0.999));
	figures_print(name, "ns", ns, n, more);
}

unsigned figures_fewer(unsigned n)
{
	return !getenv("BENCH_QUICK") || n <= LEAST ? n : n / QUICKER > LEAST ? n / QUICKER : LEAST;
}

/* Taken once, before anybody is pinned. */
static const cpu_set_t *allowed(void)
{
	static cpu_set_t set;

	if (!CPU_COUNT(&set) && sched_getaffinity(0, sizeof(set), &set))
		err(1, "sched_getaffinity");
	return &set;
}

unsigned figures_processors(void)
{
	return (unsigned)CPU_COUNT(allowed());
}

void figures_pin(unsigned nr)
{
	const cpu_set_t *set = allowed();
	cpu_set_t one;
	int cpu = 0;

	nr %= figures_processors();
	for (;; cpu++)
		if (CPU_ISSET(cpu, set) && nr-- == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

void figures_unpin(void)
{
	if (sched_setaffinity(0, sizeof(cpu_set_t), allowed()))
		err(1, "sched_setaffinity");
}
