/* SPDX-License-Identifier: MIT */
/*
 * What the files of the guest half's benchmark share. A guest on a hypervisor that is played: its
 * hypercalls are answered here, and events are announced by plain stores into the shared words, as
 * Xen would by its own. So what is measured is the guest half's alone.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <carillon/guest.h>

#include "figures.h"
#include "memory.h"

#define PORTS_2L   4095u
#define PORTS_FIFO 131071u

/* ---- guest_machine.c ---- */

struct played {
	struct memory_ram ram; /* the guest's */
	struct guest *g;
	struct shared_info *shared;
	struct evtchn_fifo_control_block *block;
	event_word_t *page[128]; /* FIFO: words of 1,024 ports each */
	unsigned pages;
	evtchn_port_t ports; /* in use: 1 .. ports */
	unsigned handled;
	const evtchn_port_t *pending; /* which ports get events, in this order ... */
	unsigned nr_pending;	      /* ... and how many */
};

/* A guest with that many ports bound and a handler on each, events disabled. */
void played_create(struct played *p, enum guest_abi abi, evtchn_port_t ports,
		   enum guest_irq_flow flow);
void played_destroy(struct played *p);
/* Of all ports n, spread over all, in an order that no prefetcher guesses; to be freed. */
evtchn_port_t *played_choose(const struct played *p, unsigned n);
/* Their events: pending, announced, the upcall is due. */
void played_send(struct played *p);

static inline event_word_t *played_word(const struct played *p, evtchn_port_t port)
{
	return &p->page[port / 1024][port % 1024];
}

/* ---- guest_floor.c: what the ABI itself asks of a guest for these events, and no more ---- */

void floor_2l(struct played *p);
void floor_fifo(struct played *p);

/* ---- what is measured as a whole: they print ---- */

void measure_dispatch(void);	  /* guest_dispatch.c */
void measure_each_dispatch(void); /* guest_latency.c */
void measure_calls(void);	  /* guest_calls.c */
void measure_lateness(void);	  /* guest_timer.c */
void measure_sleep(void); /* guest_timer.c: prints only how late in ns a thread's sleep is */

/* guest_dispatch.c: rows whose names begin so, a fixed number of times, for callgrind. */
void count_dispatch(const char *prefix);

#endif
