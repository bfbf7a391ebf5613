/* SPDX-License-Identifier: MIT */
/*
 * The last accesses of a schedule, by thread, source line and function, for who has to understand
 * why it failed.
 */
#include <stdio.h>
#include <string.h>

#include "private.h"

void trace_note(const struct sim_thread *t, const char *what, const volatile void *p,
		uint64_t value, int order, const struct sim_site *site)
{
	if (!sim.running)
		return;
	sim.trace[sim.traced++ % TRACE] = (struct trace_entry){ .site = site,
								.p = p,
								.value = value,
								.what = what,
								.step = sim.steps,
								.thread = t->nr,
								.order = order };
}

static const char *order_name(int order)
{
	switch (order) {
	case __ATOMIC_RELAXED:
		return "relaxed";
	case __ATOMIC_ACQUIRE:
		return "acquire";
	case __ATOMIC_RELEASE:
		return "release";
	default:
		return "seq_cst";
	}
}

static void print_entry(const struct trace_entry *e)
{
	const char *file = strrchr(e->site->file, '/');
	char place[32];
	long at = (const volatile uint8_t *)e->p - sim.arena;

	if (at >= 0 && at < (long)ARENA_SIZE)
		snprintf(place, sizeof(place), "+%lx", at);
	else
		snprintf(place, sizeof(place), "%lx", (unsigned long)(uintptr_t)e->p);
	fprintf(stderr, "%6u  %-12s %-10s %-8s %8s %18llx  %s:%u %s\n", e->step,
		sim.thread[e->thread].name, e->what, order_name(e->order), place,
		(unsigned long long)e->value, file ? file + 1 : e->site->file, e->site->line,
		e->site->function);
}

void sim_trace(void)
{
	unsigned n = sim.traced < TRACE ? sim.traced : TRACE;

	fprintf(stderr, "%6s  %-12s %-19s %8s %18s  where\n", "step", "thread", "access", "place",
		"value");
	for (unsigned i = sim.traced - n; i < sim.traced; i++)
		print_entry(&sim.trace[i % TRACE]);
}
