/* SPDX-License-Identifier: MIT */
/*
 * Shows: how long an event takes from one domain to the handler in another, and how late a timer
 * is, by the guest's own clock. Two domains share a page and an event channel, both named "ball";
 * the one with the word `serve` sends first. Each sends from its handler, and sleeps in between.
 *
 * Success: lines with nanoseconds one way (half of there and back, the best of several rounds), and
 * with the median, the 99th percentile and the most of a timer's lateness; shutdown with reason
 * poweroff.
 */
#include "../lib/lib.h"

#define ROUNDS	5u
#define TRIPS	2000u
#define TIMERS	400u
#define TIMEOUT UINT64_C(1000000) /* ns */

struct latency {
	struct pv *pv;
	struct shared ball;
	bool serve;
	/* written in handlers, read with events disabled */
	unsigned trips; /* to be made */
	bool fired;
	uint64_t deadline, late[TIMERS];
};

static struct latency latency;

static uint32_t *over(void)
{
	return latency.ball.memory;
}

static enum guest_irqreturn ball_handler(struct guest *g, unsigned irq, void *dev)
{
	struct latency *l = dev;

	(void)g;
	(void)irq;
	if (l->serve && l->trips)
		l->trips--;
	if (!l->serve || l->trips)
		shared_notify(&l->ball, l->pv);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn timer_handler(struct guest *g, unsigned irq, void *dev)
{
	struct guest_timer_event event;
	struct latency *l = dev;
	uint64_t now = guest_clock(g);
	int r = guest_timer_take(g, &event);

	(void)irq;
	if (r)
		pv_panic("latency: the timer cannot be taken: %d", r);
	if (event.oneshot) {
		l->deadline = now - l->deadline;
		l->fired = true;
	}
	return GUEST_IRQ_HANDLED;
}

static uint64_t one_way(struct latency *l)
{
	struct guest *g = l->pv->guest;
	uint64_t start = guest_clock(g);

	guest_local_irq_disable(g);
	l->trips = TRIPS;
	shared_notify(&l->ball, l->pv);
	while (l->trips) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
	return (guest_clock(g) - start) / TRIPS / 2;
}

static uint64_t lateness(struct latency *l)
{
	struct guest *g = l->pv->guest;
	int r;

	guest_local_irq_disable(g);
	l->fired = false;
	l->deadline = guest_clock(g) + TIMEOUT;
	r = guest_set_timer(g, l->deadline);
	if (r)
		pv_panic("latency: the timer cannot be set: %d", r);
	while (!l->fired) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
	return l->deadline;
}

/* Into its place among the first n, which are in order. */
static void insert(uint64_t *sorted, unsigned n, uint64_t value)
{
	for (; n && sorted[n - 1] > value; n--)
		sorted[n] = sorted[n - 1];
	sorted[n] = value;
}

static void measure(struct latency *l)
{
	uint64_t best = UINT64_MAX, ns;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		ns = one_way(l);
		if (ns < best)
			best = ns;
	}
	pv_printf("%lu ns one way\n", best);
	for (i = 0; i < TIMERS; i++)
		insert(l->late, i, lateness(l));
	pv_printf("timer late by %lu ns, 99%% by at most %lu, all by at most %lu\n",
		  l->late[TIMERS / 2], l->late[TIMERS * 99 / 100], l->late[TIMERS - 1]);
}

/* Until the other side says that it is over; it sends after that. */
static void serve_others(struct latency *l)
{
	struct guest *g = l->pv->guest;

	guest_local_irq_disable(g);
	while (!__atomic_load_n(over(), __ATOMIC_SEQ_CST)) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
}

void pv_main(struct start_info *si)
{
	struct latency *l = &latency;
	int r;

	if (pv_init(&l->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	l->serve = pv_word(pv_cmdline(si), "serve") != NULL;
	r = guest_stop_periodic_tick(l->pv->guest, 0);
	if (!r)
		r = guest_bind_virq_to_irqhandler(l->pv->guest, VIRQ_TIMER, 0, timer_handler,
						  GUEST_IRQF_PERCPU, "timer", l);
	if (r < 0)
		pv_panic("latency: no timer: %d", r);
	shared_open(&l->ball, l->pv, "ball", ball_handler, l);
	guest_local_irq_enable(l->pv->guest);
	if (l->serve) {
		measure(l);
		__atomic_store_n(over(), 1, __ATOMIC_SEQ_CST);
		shared_notify(&l->ball, l->pv);
	} else {
		serve_others(l);
	}
	pv_shutdown(SHUTDOWN_poweroff);
}
