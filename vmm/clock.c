/* SPDX-License-Identifier: MIT */
/*
 * Guests compute time from the cycle counter and a factor (pvclock); the monitor has
 * CLOCK_MONOTONIC. This file finds the factor and follows it. A correction never makes a clock
 * jump: the new relation meets the old one at this moment and bends so that the difference is gone
 * after the interval.
 */
#include <cpuid.h>
#include <math.h>
#include <time.h>
#include <x86intrin.h>

#include "clock.h"

#define NSEC	       1000000000ull
#define MIN_BASE       (2ull * 1000000) /* ns between the two samples if CPUID says nothing */
#define FIRST_INTERVAL (NSEC / 10)
#define MAX_INTERVAL   NSEC
#define MAX_BEND       500e-6 /* how much faster or slower than measured a clock may run */

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

/* Both at one moment: of a few tries the one that nothing came between. */
static void sample(uint64_t *cycles, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;
	unsigned i;

	for (i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), t = monotonic(), after = __rdtsc();

		if (after - before < best) {
			best = after - before;
			*cycles = before + best / 2;
			*ns = t;
		}
	}
}

/* Hz by CPUID: the processor's own leaf, else the one that hypervisors offer. 0: neither. */
static double cpuid_frequency(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(0x15, &a, &b, &c, &d) && a && b && c)
		return (double)c * b / a;
	__cpuid(1, a, b, c, d);
	if (!(c >> 31 & 1)) /* no hypervisor */
		return 0;
	__cpuid(0x40000000, a, b, c, d);
	if (a < 0x40000010)
		return 0;
	__cpuid(0x40000010, a, b, c, d);
	return (double)a * 1000;
}

/* Set the slope, as guests compute with it: mul uses its whole 32 bits, for the best resolution. */
static void tell_hypervisor(struct clock *c, double slope)
{
	c->shift = 0;
	while (slope >= 1.0) {
		slope /= 2;
		c->shift++;
	}
	while (slope < 0.5) {
		slope *= 2;
		c->shift--;
	}
	c->mul = (uint32_t)(slope * 4294967296.0);
	hv_set_clock(c->hv, c->at_cycles, c->at_ns, c->mul, c->shift);
}

/* What a guest's clock says at that cycle: the same arithmetic, or the next relation would not meet
 * it. */
static uint64_t guest_time(const struct clock *c, uint64_t cycles)
{
	uint64_t delta = cycles - c->at_cycles;

	delta = c->shift < 0 ? delta >> -c->shift : delta << c->shift;
	return c->at_ns + (uint64_t)(((unsigned __int128)delta * c->mul) >> 32);
}

static void correct(struct timer *t, void *arg)
{
	struct clock *c = arg;
	uint64_t cycles = 0, ns = 0, now, guest;
	double bend;

	sample(&cycles, &ns);
	now = ns - c->epoch_ns;
	guest = guest_time(c, cycles);
	c->measured = (double)now / (double)(cycles - c->first_cycles);
	bend = ((double)now - (double)guest) / (double)c->interval;
	bend = fmin(fmax(bend, -MAX_BEND), MAX_BEND);
	c->at_cycles = cycles;
	c->at_ns = guest;
	tell_hypervisor(c, c->measured * (1 + bend));
	if (c->interval < MAX_INTERVAL)
		c->interval *= 2;
	timer_set(t, now + c->interval);
}

void clock_init(struct clock *c)
{
	*c = (struct clock){ .interval = FIRST_INTERVAL };
	sample(&c->first_cycles, &c->epoch_ns);
}

uint64_t clock_now(const struct clock *c)
{
	return monotonic() - c->epoch_ns;
}

void clock_start(struct clock *c, struct hv *hv, struct timer_queue *timers)
{
	double hz = cpuid_frequency();
	uint64_t cycles = 0, ns = 0;
	struct timespec wall;

	c->hv = hv;
	do
		sample(&cycles, &ns);
	while (hz < 1e6 && ns - c->epoch_ns < MIN_BASE);
	c->measured = hz < 1e6 ? (double)(ns - c->epoch_ns) / (double)(cycles - c->first_cycles)
			       : NSEC / hz;
	c->at_cycles = cycles;
	c->at_ns = ns - c->epoch_ns;
	tell_hypervisor(c, c->measured);
	clock_gettime(CLOCK_REALTIME, &wall);
	ns = (uint64_t)wall.tv_sec * NSEC + (uint64_t)wall.tv_nsec - clock_now(c);
	hv_set_wallclock(hv, ns / NSEC, (uint32_t)(ns % NSEC));
	timer_add(timers, &c->timer, correct, c);
	timer_set(&c->timer, c->at_ns + c->interval);
}

void clock_stop(struct clock *c)
{
	timer_remove(&c->timer);
}
