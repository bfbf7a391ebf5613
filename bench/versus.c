/* SPDX-License-Identifier: MIT */
/*
 * Both halves together against what a program on Linux has for the same: an event sent and handled
 * against a byte-less eventfd written, found by epoll and read; and how long an urgent event waits
 * while 4,096 others are being handled, by priority, by 2-level's turns, and by epoll's order. All
 * on one thread, no domain is another process: what crossing over costs is in run.py's process/.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <testbed.h>

#include "figures.h"

#define SAMPLES 31u
#define EVENTS	16384u
#define MANY	10000u
#define BURST	64u
#define STORM	4096u
#define URGENT	201u /* measured one after the other */

/* ---- carillon: a guest that sends to itself ---- */

struct machine {
	struct testbed *tb;
	struct guest *g;
	unsigned nr;
	evtchn_port_t *tx; /* sending on it arrives at the channel of that number */
	unsigned *irq;
	unsigned handled;
	/* The storm: at which event the urgent one is sent, and when. */
	unsigned at;
	uint64_t sent, waited;
};

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	struct machine *m = dev;

	(void)irq;
	if (m->handled++ == m->at) {
		m->sent = figures_now();
		(void)guest_notify_port(g, m->tx[m->nr - 1]);
	}
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn urgent_handler(struct guest *g, unsigned irq, void *dev)
{
	struct machine *m = dev;

	(void)g;
	(void)irq;
	m->waited = figures_now() - m->sent;
	return GUEST_IRQ_HANDLED;
}

static void bind(struct machine *m, unsigned i, guest_irq_handler fn)
{
	int port = guest_alloc_unbound(m->g, DOMID_SELF), irq;

	if (port < 0)
		errx(1, "no port: %d", port);
	m->tx[i] = (evtchn_port_t)port;
	irq = guest_bind_interdomain_to_irq(m->g, DOMID_SELF, m->tx[i]);
	if (irq < 0)
		errx(1, "no channel: %d", irq);
	m->irq[i] = (unsigned)irq;
	(void)guest_clear_irq_pending(m->g, m->irq[i]);
	if (guest_request_irq(m->g, m->irq[i], fn, 0, "versus", m))
		errx(1, "no handler");
}

static void create(struct machine *m, enum guest_abi abi, unsigned nr)
{
	struct testbed_domain_config cfg = { .id = 1, .pages = 512, .guest = true, .abi = abi };
	struct testbed_domain *d;

	*m = (struct machine){ .tb = testbed_create(TESTBED_VIRTUAL), .nr = nr, .at = UINT32_MAX };
	m->tx = calloc(nr, sizeof(*m->tx));
	m->irq = calloc(nr, sizeof(*m->irq));
	d = m->tb ? testbed_domain_create(m->tb, &cfg, NULL) : NULL;
	if (!d || !m->tx || !m->irq)
		errx(1, "no machine");
	m->g = testbed_guest(d);
	for (unsigned i = 0; i < nr; i++)
		bind(m, i, handler);
}

static void destroy(struct machine *m)
{
	free(m->tx);
	free(m->irq);
	if (testbed_destroy(m->tb))
		errx(1, "memory is left");
}

static double one_by_one(struct machine *m)
{
	uint64_t start = figures_now();

	guest_local_irq_enable(m->g);
	for (unsigned i = 0; i < EVENTS; i++)
		(void)guest_notify_port(m->g, m->tx[0]);
	guest_local_irq_disable(m->g);
	return (double)(figures_now() - start) / EVENTS;
}

/* Spread over all of them. */
static double bursts(struct machine *m)
{
	uint64_t start = figures_now();

	for (unsigned n = 0; n < EVENTS / BURST; n++) {
		for (unsigned i = 0; i < BURST; i++)
			(void)guest_notify_port(m->g, m->tx[(i * (m->nr / BURST) + n) % m->nr]);
		guest_local_irq_enable(m->g);
		guest_local_irq_disable(m->g);
	}
	return (double)(figures_now() - start) / EVENTS;
}

/* ---- epoll ---- */

struct epoll {
	int ep;
	unsigned nr;
	int *fd;
};

static void epoll_open(struct epoll *e, unsigned nr)
{
	struct rlimit limit;

	/* One end for each, and some to spare. */
	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
	*e = (struct epoll){ .ep = epoll_create1(EPOLL_CLOEXEC), .nr = nr };
	e->fd = calloc(nr, sizeof(*e->fd));
	if (e->ep < 0 || !e->fd)
		err(1, "epoll");
	for (unsigned i = 0; i < nr; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		e->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (e->fd[i] < 0 || epoll_ctl(e->ep, EPOLL_CTL_ADD, e->fd[i], &ev))
			err(1, "eventfd %u", i);
	}
}

static void epoll_shut(struct epoll *e)
{
	for (unsigned i = 0; i < e->nr; i++)
		close(e->fd[i]);
	close(e->ep);
	free(e->fd);
}

static void post(const struct epoll *e, unsigned i)
{
	uint64_t one = 1;

	if (write(e->fd[i], &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd write");
}

/* What is ready, at most a burst: which, and how many. */
static unsigned take(const struct epoll *e, unsigned *which)
{
	struct epoll_event ev[BURST];
	uint64_t count;
	int n = epoll_wait(e->ep, ev, BURST, 0);

	if (n < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++) {
		which[i] = ev[i].data.u32;
		if (read(e->fd[which[i]], &count, sizeof(count)) != sizeof(count))
			err(1, "eventfd read");
	}
	return (unsigned)n;
}

static double epoll_bursts(const struct epoll *e, unsigned burst)
{
	uint64_t start = figures_now();
	unsigned which[BURST], events = EVENTS / 4;

	for (unsigned n = 0; n < events / burst; n++) {
		for (unsigned i = 0; i < burst; i++)
			post(e, (i * (e->nr / burst) + n) % e->nr);
		for (unsigned taken = 0; taken < burst;)
			taken += take(e, which);
	}
	return (double)(figures_now() - start) / events;
}

static void versus_epoll(const char *ours, const char *theirs, unsigned nr, unsigned burst)
{
	double a[SAMPLES], b[SAMPLES];
	unsigned n = figures_fewer(SAMPLES);
	struct machine m;
	struct epoll e;

	create(&m, GUEST_ABI_FIFO, nr);
	epoll_open(&e, nr);
	for (unsigned k = 0; k < n; k++) {
		b[k] = epoll_bursts(&e, burst);
		m.handled = 0;
		a[k] = burst == 1 ? one_by_one(&m) : bursts(&m);
		if (m.handled != EVENTS)
			errx(1, "%s: %u events handled of %u", ours, m.handled, EVENTS);
	}
	figures_print(theirs, "ns", b, n, "");
	figures_print(ours, "ns", a, n, "");
	epoll_shut(&e);
	destroy(&m);
}

/* ---- an urgent event in a storm ---- */

static void print_waits(const char *name, double *ns)
{
	double most;
	char more[128];

	figures_samples(name, ns, URGENT);
	(void)figures_median(ns, URGENT);
	most = ns[URGENT - 1];
	snprintf(more, sizeof(more), "p50=%.0f p90=%.0f p99=%.0f max=%.0f",
		 figures_quantile(ns, URGENT, 0.5), figures_quantile(ns, URGENT, 0.9),
		 figures_quantile(ns, URGENT, 0.99), most);
	/* The row's figure is the 99th percentile: one number, so it has no spread. */
	ns[0] = figures_quantile(ns, URGENT, 0.99);
	figures_print(name, "ns", ns, 1, more);
}

/* When in the storm the urgent event comes: all over it. */
static unsigned moment(unsigned k)
{
	return (unsigned)((uint64_t)k * 2654435761u % (STORM - 1));
}

static void storm(const char *name, enum guest_abi abi, unsigned ports)
{
	double waits[URGENT];
	struct machine m;
	unsigned last = ports - 1;

	create(&m, abi, ports);
	if (guest_free_irq(m.g, m.irq[last], &m) ||
	    guest_request_irq(m.g, m.irq[last], urgent_handler, 0, "urgent", &m))
		errx(1, "no urgent handler");
	for (unsigned i = 0; i < ports && abi == GUEST_ABI_FIFO; i++)
		if (guest_set_irq_priority(m.g, m.irq[i],
					   i == last ? EVTCHN_FIFO_PRIORITY_MAX
						     : EVTCHN_FIFO_PRIORITY_MIN))
			errx(1, "no priority");
	for (unsigned k = 0; k < URGENT; k++) {
		m.handled = 0;
		m.waited = 0;
		m.at = moment(k) % last;
		for (unsigned i = 0; i < last; i++)
			(void)guest_notify_port(m.g, m.tx[i]);
		guest_local_irq_enable(m.g);
		guest_local_irq_disable(m.g);
		if (!m.waited || m.handled != last)
			errx(1, "%s: %u of %u handled, the urgent one %s", name, m.handled, last,
			     m.waited ? "too" : "not");
		waits[k] = (double)m.waited;
	}
	print_waits(name, waits);
	destroy(&m);
}

static void epoll_storm(const char *name)
{
	unsigned which[BURST];
	double waits[URGENT];
	struct epoll e;

	epoll_open(&e, STORM + 1);
	for (unsigned k = 0; k < URGENT; k++) {
		unsigned handled = 0, at = moment(k);
		uint64_t sent = 0, waited = 0;

		for (unsigned i = 0; i < STORM; i++)
			post(&e, i);
		while (!waited) {
			unsigned n = take(&e, which);

			for (unsigned i = 0; i < n; i++) {
				if (which[i] == STORM)
					waited = figures_now() - sent;
				else if (handled++ == at) {
					sent = figures_now();
					post(&e, STORM);
				}
			}
		}
		while (take(&e, which))
			;
		waits[k] = (double)waited;
	}
	print_waits(name, waits);
	epoll_shut(&e);
}

int main(void)
{
	versus_epoll("versus/epoll-1", "floor/epoll-1", 1, 1);
	versus_epoll("versus/epoll-64-of-10000", "floor/epoll-64-of-10000", MANY, BURST);
	epoll_storm("floor/epoll-storm-p99");
	/* 2-level has 4,095 ports, and each channel of ours takes two. */
	storm("guest/2l/storm-p99", GUEST_ABI_2L, 2047);
	storm("versus/priority-p99", GUEST_ABI_FIFO, STORM + 1);
	return 0;
}
