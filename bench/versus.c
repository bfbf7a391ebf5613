/* SPDX-License-Identifier: MIT */
/*
 * Both halves together against what a program on Linux has for the same: an event sent and handled
 * against an eventfd written, found by epoll and read. All on one thread, no domain is another
 * process: what crossing over costs is in run.py's process/. It is the thread's own time, as
 * samples of epoll are long enough that others have their turns in them, and ours are not. `versus
 * time` prints a line of figures for each row; `versus count PREFIX` does each of ours of that name
 * a fixed number of times, for callgrind (counts.py).
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "bare.h"
#include "guest.h"
#include "versus.h"

#define SAMPLES	 21u
#define EVENTS	 16384u
#define COUNTED	 256u
#define MANY	 10000u
#define PRIORITY EVTCHN_FIFO_PRIORITY_DEFAULT

/* How events are sent and handled. What binding chooses is FIFO and the level flow. */
static const struct way {
	const char *name;
	enum guest_abi abi;
	enum guest_irq_flow flow;
	unsigned channels, burst;
} ways[] = {
	{ "versus/epoll-1", GUEST_ABI_FIFO, GUEST_FLOW_LEVEL, 1, 1 },
	{ "versus/epoll-1-edge", GUEST_ABI_FIFO, GUEST_FLOW_EDGE, 1, 1 },
	{ "versus/epoll-1-2l", GUEST_ABI_2L, GUEST_FLOW_LEVEL, 1, 1 },
	{ "versus/epoll-64-of-10000", GUEST_ABI_FIFO, GUEST_FLOW_LEVEL, MANY, EPOLL_BURST },
	{ "versus/epoll-64-of-10000-edge", GUEST_ABI_FIFO, GUEST_FLOW_EDGE, MANY, EPOLL_BURST },
};

#define NR_WAYS	  (sizeof(ways) / sizeof(ways[0]))
#define FEW_WAYS  3u /* of one channel */
#define MOST_WAYS FEW_WAYS

_Static_assert(NR_WAYS - FEW_WAYS <= MOST_WAYS, "both kinds fit");

/* The channels of a burst are spread over all of them: the next one. */
static inline unsigned next(unsigned at, unsigned step, unsigned nr)
{
	return at + step < nr ? at + step : at + step - nr;
}

/* ---- ours ---- */

/* With events enabled, each is handled before its send returns. */
static void one_by_one(struct channels *c, unsigned events)
{
	guest_local_irq_enable(c->m.g);
	for (unsigned i = 0; i < events; i++)
		(void)guest_notify_port(c->m.g, c->tx[0]);
	guest_local_irq_disable(c->m.g);
}

static void in_bursts(struct channels *c, unsigned burst, unsigned events)
{
	unsigned step = c->nr / burst;

	for (unsigned n = 0; n < events / burst; n++) {
		for (unsigned i = 0, at = n % c->nr; i < burst; i++, at = next(at, step, c->nr))
			(void)guest_notify_port(c->m.g, c->tx[at]);
		guest_local_irq_enable(c->m.g);
		guest_local_irq_disable(c->m.g);
	}
}

static void send(struct channels *c, const struct way *w, unsigned events)
{
	c->handled = 0;
	if (w->burst == 1)
		one_by_one(c, events);
	else
		in_bursts(c, w->burst, events);
	if (c->handled != events)
		errx(1, "%s: %u events handled of %u", w->name, c->handled, events);
}

static double ours(struct channels *c, const struct way *w)
{
	uint64_t start = figures_own_now();

	send(c, w, EVENTS);
	return (double)(figures_own_now() - start) / EVENTS;
}

/* ---- epoll's, and the bare ABI's ---- */

static double epolls(const struct eventfds *e, unsigned burst)
{
	unsigned ready[EPOLL_BURST], step = e->nr / burst;
	uint64_t start = figures_own_now();

	for (unsigned n = 0; n < EVENTS / burst; n++) {
		for (unsigned i = 0, at = n % e->nr; i < burst; i++, at = next(at, step, e->nr))
			eventfds_post(e, at);
		for (unsigned taken = 0; taken < burst;)
			taken += eventfds_take(e, ready);
	}
	return (double)(figures_own_now() - start) / EVENTS;
}

static double bare(struct played *p)
{
	uint64_t start = figures_own_now();

	for (unsigned i = 0; i < EVENTS; i++) {
		if (bare_send_fifo(played_word(p, 1), 1, p->block, PRIORITY))
			bare_tell(&p->shared->vcpu_info[0]);
		floor_fifo(p);
	}
	return (double)(figures_own_now() - start) / EVENTS;
}

/* ---- a sample of each in turn, so that all see the same noise of the machine ---- */

static void measure(const struct way *w, unsigned nr, const char *epoll, const char *abi)
{
	double a[MOST_WAYS][SAMPLES], b[SAMPLES], c[SAMPLES];
	struct channels channels[MOST_WAYS];
	unsigned n = figures_fewer(SAMPLES);
	struct eventfds e;
	struct played p;

	eventfds_open(&e, w->channels);
	played_create(&p, GUEST_ABI_FIFO, 1, GUEST_FLOW_LEVEL);
	for (unsigned i = 0; i < nr; i++)
		channels_open(&channels[i], w[i].abi, w[i].flow, w[i].channels);
	for (unsigned k = 0; k < n; k++) {
		/* Others have had the cache meanwhile: each once before. */
		(void)epolls(&e, w->burst);
		b[k] = epolls(&e, w->burst);
		c[k] = bare(&p);
		for (unsigned i = 0; i < nr; i++) {
			(void)ours(&channels[i], &w[i]);
			a[i][k] = ours(&channels[i], &w[i]);
		}
	}
	figures_print(epoll, "ns", b, n, "");
	if (abi)
		figures_print(abi, "ns", c, n, "");
	for (unsigned i = 0; i < nr; i++) {
		figures_print(w[i].name, "ns", a[i], n, "");
		channels_shut(&channels[i]);
	}
	played_destroy(&p);
	eventfds_shut(&e);
}

static void measure_all(void)
{
	measure(ways, FEW_WAYS, "floor/epoll-1", "floor/fifo-send-and-event");
	measure(ways + FEW_WAYS, NR_WAYS - FEW_WAYS, "floor/epoll-64-of-10000", NULL);
	measure_storms();
}

/* ---- counting ---- */

/* callgrind writes down here what it counted since it was here last. */
__attribute__((noinline)) void versus_mark(void);

void versus_mark(void)
{
	__asm__ volatile("");
}

static void count(const struct way *w)
{
	struct channels c;

	channels_open(&c, w->abi, w->flow, w->channels);
	/* once before, so that nothing is counted that happens the first time only */
	send(&c, w, COUNTED);
	versus_mark();
	send(&c, w, COUNTED);
	versus_mark();
	printf("%s %u\n", w->name, COUNTED);
	channels_shut(&c);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "time") == 0) {
		measure_all();
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "count") != 0)
		errx(2, "usage: versus time | count PREFIX");
	for (const struct way *w = ways; w < ways + NR_WAYS; w++)
		if (strncmp(w->name, argv[2], strlen(argv[2])) == 0)
			count(w);
	return 0;
}
