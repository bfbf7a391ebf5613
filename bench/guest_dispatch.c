/* SPDX-License-Identifier: MIT */
/*
 * From the upcall's entry to the last handler's return: how long per event, on both ABIs, with few
 * and with many ports bound and pending, against the floor of the same events (guest_floor.c).
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define SAMPLES		101u
#define EVENTS		4096u /* of a sample: short, so that most are not interrupted */
#define COUNTED_UPCALLS 4u

struct row {
	const char *name;
	enum guest_abi abi;
	unsigned ports, pending;
	enum guest_irq_flow flow;
	bool floor;
};

/* Each row after its floor, which run.py compares it with. */
static const struct row rows[] = {
	{ "floor/2l-event", GUEST_ABI_2L, PORTS_2L, 64, GUEST_FLOW_LEVEL, true },
	{ "guest/2l/dispatch-1", GUEST_ABI_2L, PORTS_2L, 1, GUEST_FLOW_LEVEL, false },
	{ "guest/2l/dispatch", GUEST_ABI_2L, PORTS_2L, 64, GUEST_FLOW_LEVEL, false },
	{ "guest/2l/dispatch-4095", GUEST_ABI_2L, PORTS_2L, PORTS_2L, GUEST_FLOW_LEVEL, false },
	{ "guest/2l/dispatch-edge", GUEST_ABI_2L, PORTS_2L, 64, GUEST_FLOW_EDGE, false },
	{ "floor/fifo-event", GUEST_ABI_FIFO, 128, 64, GUEST_FLOW_LEVEL, true },
	{ "guest/fifo/drain-64-of-128", GUEST_ABI_FIFO, 128, 64, GUEST_FLOW_LEVEL, false },
	{ "floor/fifo-event-of-131071", GUEST_ABI_FIFO, PORTS_FIFO, 64, GUEST_FLOW_LEVEL, true },
	{ "guest/fifo/dispatch-1", GUEST_ABI_FIFO, PORTS_FIFO, 1, GUEST_FLOW_LEVEL, false },
	{ "guest/fifo/dispatch", GUEST_ABI_FIFO, PORTS_FIFO, 64, GUEST_FLOW_LEVEL, false },
	{ "guest/fifo/dispatch-edge", GUEST_ABI_FIFO, PORTS_FIFO, 64, GUEST_FLOW_EDGE, false },
	{ "guest/fifo/drain-4096-of-131071", GUEST_ABI_FIFO, PORTS_FIFO, 4096, GUEST_FLOW_LEVEL,
	  false },
	{ "floor/fifo-4096-of-131071", GUEST_ABI_FIFO, PORTS_FIFO, 4096, GUEST_FLOW_LEVEL, true },
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A row at work. Rows of the same ports share them. */
struct state {
	struct played *p;
	evtchn_port_t *pending;
	double samples[SAMPLES];
	double sends; /* ns, the least: one that was interrupted would be taken off */
};

static bool same_machine(const struct row *a, const struct row *b)
{
	return a->abi == b->abi && a->ports == b->ports && a->flow == b->flow;
}

static void begin(const struct row *row, struct state *all, struct state *s)
{
	*s = (struct state){ 0 };
	for (unsigned i = 0; &rows[i] < row && !s->p; i++)
		if (same_machine(&rows[i], row))
			s->p = all[i].p;
	if (!s->p) {
		s->p = malloc(sizeof(*s->p));
		if (!s->p)
			errx(1, "out of memory");
		played_create(s->p, row->abi, row->ports, row->flow);
	}
	s->pending = played_choose(s->p, row->pending);
}

static void end(const struct row *row, struct state *s)
{
	free(s->pending);
	for (const struct row *later = row + 1; later < rows + NR_ROWS; later++)
		if (same_machine(later, row))
			return;
	played_destroy(s->p);
	free(s->p);
}

static void run(const struct row *row, struct played *p)
{
	if (!row->floor)
		guest_upcall(p->g);
	else if (row->abi == GUEST_ABI_2L)
		floor_2l(p);
	else
		floor_fifo(p);
}

static double rounds(const struct row *row, struct state *s, bool with)
{
	uint64_t start = figures_now();

	for (unsigned i = 0; i < EVENTS / row->pending; i++) {
		played_send(s->p);
		if (with)
			run(row, s->p);
	}
	return (double)(figures_now() - start);
}

static void sample(const struct row *row, struct state *s, unsigned k)
{
	unsigned events = EVENTS / row->pending * row->pending;
	double sends;

	s->p->pending = s->pending;
	s->p->nr_pending = row->pending;
	/* Others have had the cache meanwhile. */
	(void)rounds(row, s, true);
	s->p->handled = 0;
	s->samples[k] = rounds(row, s, true) / events;
	if (s->p->handled != events)
		errx(1, "%s: %u events handled of %u", row->name, s->p->handled, events);
	sends = rounds(row, s, false) / events;
	run(row, s->p);
	if (k == 0 || sends < s->sends)
		s->sends = sends;
}

/* A sample of each in turn, so that all see the same noise of the machine. */
void measure_dispatch(void)
{
	static struct state states[NR_ROWS];

	for (unsigned i = 0; i < NR_ROWS; i++)
		begin(&rows[i], states, &states[i]);
	for (unsigned k = 0; k < SAMPLES; k++)
		for (unsigned i = 0; i < NR_ROWS; i++)
			sample(&rows[i], &states[i], k);
	for (unsigned i = 0; i < NR_ROWS; i++) {
		for (unsigned k = 0; k < SAMPLES; k++)
			states[i].samples[k] -= states[i].sends;
		figures_print(rows[i].name, "ns", states[i].samples, SAMPLES, "");
		end(&rows[i], &states[i]);
	}
}

/* callgrind writes down here what it counted since it was here last. */
__attribute__((noinline)) void guest_mark(void);

void guest_mark(void)
{
	__asm__ volatile("");
}

static void count(const struct row *row)
{
	evtchn_port_t *pending;
	struct played p;

	played_create(&p, row->abi, row->ports, row->flow);
	pending = played_choose(&p, row->pending);
	p.pending = pending;
	p.nr_pending = row->pending;
	/* once before, so that nothing is counted that happens the first time only */
	for (unsigned i = 0; i <= COUNTED_UPCALLS; i++) {
		played_send(&p);
		guest_upcall(p.g);
		if (i == 0 || i == COUNTED_UPCALLS)
			guest_mark();
	}
	printf("%s %u\n", row->name, COUNTED_UPCALLS * row->pending);
	played_destroy(&p);
	free(pending);
}

void count_dispatch(const char *prefix)
{
	for (unsigned i = 0; i < NR_ROWS; i++)
		if (!rows[i].floor && strncmp(rows[i].name, prefix, strlen(prefix)) == 0)
			count(&rows[i]);
}
