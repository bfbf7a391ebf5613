/* SPDX-License-Identifier: MIT */
/*
 * How long an urgent event waits while thousands of others are being handled: by priority, by
 * 2-level's turns, and by epoll's order. The others are another domain's and all pending when the
 * first is handled; at some moment a handler sends the urgent one, which has waited when its own
 * begins.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "versus.h"

#define STORM	 4096u
#define STORM_2L 4093u /* 2-level has 4,095 ports, and the urgent channel takes two */
#define URGENT	 201u  /* measured one after the other */

struct storm {
	struct machine from, to;
	unsigned events;
	evtchn_port_t *tx, urgent_tx;
	unsigned *irq, urgent_irq;
	unsigned handled, at; /* at: the event whose handler sends the urgent one */
	uint64_t sent, waited;
};

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	struct storm *s = dev;

	(void)irq;
	if (++s->handled == s->at) {
		s->sent = figures_cycles();
		(void)guest_notify_port(g, s->urgent_tx);
	}
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn urgent_handler(struct guest *g, unsigned irq, void *dev)
{
	struct storm *s = dev;

	(void)g;
	(void)irq;
	s->waited = figures_cycles() - s->sent;
	return GUEST_IRQ_HANDLED;
}

/* In FIFO's ABI, urgent or as low as can be; 2-level knows no priorities. */
static void add(struct storm *s, unsigned irq, guest_irq_handler fn, unsigned priority)
{
	struct guest *g = s->to.g;

	if (guest_request_irq(g, irq, fn, 0, "storm", s) ||
	    (guest_abi(g) == GUEST_ABI_FIFO && guest_set_irq_priority(g, irq, priority)))
		errx(1, "no handler, or no priority");
}

static void storm_open(struct storm *s, enum guest_abi abi, unsigned events)
{
	*s = (struct storm){ .events = events };
	s->tx = calloc(events, sizeof(*s->tx));
	s->irq = calloc(events, sizeof(*s->irq));
	if (!s->tx || !s->irq)
		errx(1, "out of memory");
	machine_create(&s->to, abi, NULL);
	machine_create(&s->from, abi, &s->to);
	for (unsigned i = 0; i < events; i++) {
		s->irq[i] = channel_from(&s->from, &s->to, &s->tx[i]);
		add(s, s->irq[i], handler, EVTCHN_FIFO_PRIORITY_MIN);
	}
	s->urgent_irq = channel_to_itself(&s->to, &s->urgent_tx);
	add(s, s->urgent_irq, urgent_handler, EVTCHN_FIFO_PRIORITY_MAX);
}

static void storm_shut(struct storm *s)
{
	int rc = guest_unbind_from_irqhandler(s->to.g, s->urgent_irq, s);

	for (unsigned i = 0; i < s->events && !rc; i++)
		rc = guest_unbind_from_irqhandler(s->to.g, s->irq[i], s);
	if (rc)
		errx(1, "a channel cannot be closed: %d", rc);
	machine_destroy(&s->from);
	machine_destroy(&s->to);
	free(s->tx);
	free(s->irq);
}

/* After how many of that many events the k-th urgent one is sent: all over the storm. */
static unsigned moment(unsigned k, unsigned events)
{
	return 1 + (unsigned)((uint64_t)k * 2654435761u % (events - 1));
}

/* How long the k-th urgent event waits, in cycles. */
static uint64_t storm(struct storm *s, unsigned k)
{
	s->handled = 0;
	s->waited = 0;
	s->at = moment(k, s->events);
	for (unsigned i = 0; i < s->events; i++)
		(void)guest_notify_port(s->from.g, s->tx[i]);
	guest_local_irq_enable(s->to.g);
	guest_local_irq_disable(s->to.g);
	if (!s->waited || s->handled != s->events)
		errx(1, "storm: %u of %u handled, the urgent one %s", s->handled, s->events,
		     s->waited ? "too" : "not");
	return s->waited;
}

/* The urgent one is the last descriptor. */
static uint64_t wait_in_epoll(const struct eventfds *e, unsigned at)
{
	unsigned which[EPOLL_BURST], handled = 0;
	uint64_t sent = 0;

	for (;;) {
		unsigned n = eventfds_take(e, which);

		for (unsigned i = 0; i < n; i++) {
			if (which[i] == STORM)
				return figures_cycles() - sent;
			if (++handled == at) {
				sent = figures_cycles();
				eventfds_post(e, STORM);
			}
		}
	}
}

static uint64_t epoll_storm(const struct eventfds *e, unsigned k)
{
	unsigned which[EPOLL_BURST];
	uint64_t waited;

	for (unsigned i = 0; i < STORM; i++)
		eventfds_post(e, i);
	waited = wait_in_epoll(e, moment(k, STORM));
	while (eventfds_take(e, which))
		;
	return waited;
}

/* The row's figure is the 99th percentile: one number, so it has no spread of its own. */
static void print_waits(const char *name, double *ns)
{
	char more[128];
	double p99;

	figures_samples(name, ns, URGENT);
	(void)figures_median(ns, URGENT);
	p99 = figures_quantile(ns, URGENT, 0.99);
	snprintf(more, sizeof(more), "p50=%.0f p90=%.0f p99=%.0f max=%.0f",
		 figures_quantile(ns, URGENT, 0.5), figures_quantile(ns, URGENT, 0.9), p99,
		 ns[URGENT - 1]);
	figures_print(name, "ns", &p99, 1, more);
}

/* One of each in turn, so that all see the same noise of the machine. */
void measure_storms(void)
{
	double scale = figures_ns_per_cycle(), epoll[URGENT], turns[URGENT], priority[URGENT];
	struct storm two_level, fifo;
	struct eventfds e;

	eventfds_open(&e, STORM + 1);
	storm_open(&two_level, GUEST_ABI_2L, STORM_2L);
	storm_open(&fifo, GUEST_ABI_FIFO, STORM);
	for (unsigned k = 0; k < URGENT; k++) {
		/* Others have had the cache meanwhile: each once before. */
		(void)epoll_storm(&e, k);
		epoll[k] = (double)epoll_storm(&e, k) * scale;
		(void)storm(&two_level, k);
		turns[k] = (double)storm(&two_level, k) * scale;
		(void)storm(&fifo, k);
		priority[k] = (double)storm(&fifo, k) * scale;
	}
	print_waits("floor/epoll-storm-p99", epoll);
	print_waits("guest/2l/storm-p99", turns);
	print_waits("versus/priority-p99", priority);
	storm_shut(&fifo);
	storm_shut(&two_level);
	eventfds_shut(&e);
}
