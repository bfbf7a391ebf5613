/* SPDX-License-Identifier: MIT */
/*
 * How late a guest's timer is in the testbed on real time: from its deadline to the handler, with
 * both halves and the testbed's timer thread between; against a thread that sleeps until then.
 */
#include <err.h>
#include <stdio.h>
#include <time.h>

#include <testbed.h>

#include "guest.h"

#define TIMERS	 301u
#define AHEAD_NS 1000000u

static double slept(void)
{
	uint64_t at = figures_now() + AHEAD_NS;
	struct timespec ts = { .tv_sec = (time_t)(at / 1000000000u),
			       .tv_nsec = (long)(at % 1000000000u) };

	if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		errx(1, "clock_nanosleep");
	return (double)(figures_now() - at);
}

struct late {
	struct guest *g;
	uint64_t deadline;
	unsigned fired;
	double sleeps[TIMERS], timers[TIMERS];
};

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	uint64_t now = guest_clock(g);
	struct guest_timer_event event;
	struct late *l = dev;

	(void)irq;
	if (!guest_timer_take(g, &event) && event.oneshot)
		l->timers[l->fired++] = (double)(now - l->deadline);
	return GUEST_IRQ_HANDLED;
}

/* One of each in turn. */
static void run(struct testbed_vcpu *v, void *arg)
{
	struct late *l = arg;

	(void)v;
	for (unsigned i = 0; i < TIMERS; i++) {
		l->sleeps[i] = slept();
		guest_local_irq_disable(l->g);
		l->deadline = guest_clock(l->g) + AHEAD_NS;
		if (guest_set_timer(l->g, l->deadline))
			errx(1, "no timer");
		while (l->fired == i) {
			guest_halt(l->g);
			guest_local_irq_disable(l->g);
		}
	}
}

static void print(const char *name, double *ns)
{
	char more[96];

	(void)figures_median(ns, TIMERS);
	snprintf(more, sizeof(more), "p90=%.0f p99=%.0f", figures_quantile(ns, TIMERS, 0.9),
		 figures_quantile(ns, TIMERS, 0.99));
	figures_print(name, "ns", ns, TIMERS, more);
}

void measure_lateness(void)
{
	const struct testbed_domain_config cfg = { .id = 1, .guest = true };
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct testbed_domain *d = tb ? testbed_domain_create(tb, &cfg, NULL) : NULL;
	static struct late l;

	if (!d)
		errx(1, "no machine");
	l.g = testbed_guest(d);
	if (guest_bind_virq_to_irqhandler(l.g, VIRQ_TIMER, 0, handler, GUEST_IRQF_PERCPU, "timer",
					  &l) < 0)
		errx(1, "no timer");
	testbed_thread(testbed_vcpu(d, 0), run, &l);
	testbed_join(testbed_vcpu(d, 0));
	print("floor/thread-sleep-late", l.sleeps);
	print("guest/timer-lateness-testbed", l.timers);
	if (testbed_destroy(tb))
		errx(1, "memory is left");
}

void measure_sleep(void)
{
	static double ns[TIMERS];

	for (unsigned i = 0; i < TIMERS; i++)
		ns[i] = slept();
	printf("%.0f\n", figures_median(ns, TIMERS));
}
