/* SPDX-License-Identifier: MIT */
/*
 * What the processor itself asks for, to compare with: one locked operation, and a cache line that
 * goes to another core and comes back. Nothing of Carillon is measured here.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "engine.h"

#define LOCKED_OPS 4096u

static _Alignas(64) _Atomic uint32_t hot;

/* One after the other on one line, as they stand on the way of one event. */
static void locked_ops(struct engine *e)
{
	(void)e;
	for (unsigned i = 0; i < LOCKED_OPS; i++)
		atomic_fetch_add(&hot, 1);
}

const struct row floor_locked_op = {
	.name = "floor/locked-op",
	.ops = LOCKED_OPS,
	.batch = locked_ops,
};

#define TRIPS	 20000u
#define SAMPLES	 11u
#define PATIENCE 1000u /* looks before the other may have our processor: it may be the same */

static void look_for(uint32_t value)
{
	unsigned looks = 0;

	while (atomic_load_explicit(&hot, memory_order_acquire) != value)
		if (++looks % PATIENCE == 0)
			sched_yield();
}

static void *answer(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < TRIPS; i++) {
		look_for(2 * i + 1);
		atomic_store(&hot, 2 * i + 2);
	}
	return NULL;
}

/* The first and the last processor that we may use; false if there is only one. */
static bool two_processors(cpu_set_t *here, cpu_set_t *there)
{
	cpu_set_t allowed;
	int first = CPU_SETSIZE, last = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		err(1, "sched_getaffinity");
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		first = cpu;
		last = cpu > last ? cpu : last;
	}
	CPU_ZERO(here);
	CPU_SET(first, here);
	CPU_ZERO(there);
	CPU_SET(last, there);
	return first != last;
}

static double round_trip(const cpu_set_t *there)
{
	pthread_attr_t attr;
	pthread_t other;
	uint64_t start;

	atomic_store(&hot, 0);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(*there), there);
	if (pthread_create(&other, &attr, answer, NULL))
		errx(1, "no thread");
	start = engine_now();
	for (uint32_t i = 0; i < TRIPS; i++) {
		atomic_store(&hot, 2 * i + 1);
		look_for(2 * i + 2);
	}
	start = engine_now() - start;
	pthread_join(other, NULL);
	pthread_attr_destroy(&attr);
	return (double)start / TRIPS;
}

void measure_cache_line(void)
{
	cpu_set_t before, here, there;
	double samples[SAMPLES];

	if (!two_processors(&here, &there))
		return;
	sched_getaffinity(0, sizeof(before), &before);
	sched_setaffinity(0, sizeof(here), &here);
	for (unsigned i = 0; i < SAMPLES; i++)
		samples[i] = round_trip(&there);
	sched_setaffinity(0, sizeof(before), &before);
	engine_print("floor/cache-line-round-trip", "ns", samples, SAMPLES, "");
}
