/* SPDX-License-Identifier: MIT */
/*
 * What the processor itself asks for, to compare with: one locked operation, and a cache line that
 * goes to another core and comes back. Nothing of Carillon is measured here.
 */
#include <err.h>
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

/* ---- two processors ---- */

#define PATIENCE 1000u /* looks before the other may have our processor: it may be the same */

void engine_patience(unsigned looks)
{
	if (looks % PATIENCE == 0)
		sched_yield();
}

void engine_wait_until(const _Atomic uint32_t *what, uint32_t is)
{
	for (unsigned looks = 1; atomic_load_explicit(what, memory_order_acquire) != is; looks++)
		engine_patience(looks);
}

/* The first and the last processor that we may use; false if there is only one. */
bool engine_both_begin(struct engine_both *b)
{
	int first = CPU_SETSIZE, last = 0;
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(b->before), &b->before))
		err(1, "sched_getaffinity");
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &b->before))
			continue;
		first = cpu;
		last = cpu > last ? cpu : last;
	}
	CPU_ZERO(&here);
	CPU_SET(first, &here);
	CPU_ZERO(&b->there);
	CPU_SET(last, &b->there);
	if (first == last)
		return false;
	sched_setaffinity(0, sizeof(here), &here);
	return true;
}

void engine_both_start(struct engine_both *b, void *(*f)(void *arg), void *arg)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(b->there), &b->there);
	if (pthread_create(&b->other, &attr, f, arg))
		errx(1, "no thread");
	pthread_attr_destroy(&attr);
}

void engine_both_end(struct engine_both *b)
{
	pthread_join(b->other, NULL);
	sched_setaffinity(0, sizeof(b->before), &b->before);
}

/* ---- a cache line that goes there and comes back ---- */

#define TRIPS	100u
#define SAMPLES 1001u

static void *answer(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < TRIPS * SAMPLES; i++) {
		engine_wait_until(&hot, 2 * i + 1);
		atomic_store(&hot, 2 * i + 2);
	}
	return NULL;
}

void measure_cache_line(void)
{
	double samples[SAMPLES];
	struct engine_both b;
	uint32_t i = 0;

	if (!engine_both_begin(&b))
		return;
	atomic_store(&hot, 0);
	engine_both_start(&b, answer, NULL);
	for (unsigned k = 0; k < SAMPLES; k++) {
		uint64_t start = figures_now();

		for (; i < (k + 1) * TRIPS; i++) {
			atomic_store(&hot, 2 * i + 1);
			engine_wait_until(&hot, 2 * i + 2);
		}
		samples[k] = (double)(figures_now() - start) / TRIPS;
	}
	engine_both_end(&b);
	figures_print("floor/cache-line-round-trip", "ns", samples, SAMPLES, "");
}
