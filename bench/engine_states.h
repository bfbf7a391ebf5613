/* SPDX-License-Identifier: MIT */
/*
 * The states in which events are sent, and the batches that send in them, for whoever sends: the
 * engine (engine_send.c), the bare ABI (engine_floor_send.c), the conventional design (baseline/).
 * The receiving guest is played: between batches by a reset, within one by a plain store, where
 * each event shall find its vCPU untold.
 */
#ifndef BENCH_ENGINE_STATES_H
#define BENCH_ENGINE_STATES_H

#include "bare.h"
#include "engine.h"

#define PORTS_2L   4095u
#define PORTS_FIFO 1023u

#define SELECTORS      63u /* ports 64, 128, ...: each its own word and selector bit; 0 is none */
#define MANY	       1000u
#define QUEUES	       (ENGINE_VCPUS * EVTCHN_FIFO_MAX_QUEUES) /* ports 1 ..: each its own queue */
#define HALF	       400u /* ports of one queue, in two halves */
#define FIRST_OF_QUEUE (QUEUES + 1)
#define BURST	       4096u /* ports 1 .., all of one queue */

/* Port of the i-th selector; vCPU and priority of a port that has its own queue. */
static inline uint32_t port_of_selector(unsigned i)
{
	return 64 * (i + 1);
}

static inline unsigned vcpu_of_queue(uint32_t port)
{
	return (port - 1) / EVTCHN_FIFO_MAX_QUEUES;
}

static inline unsigned priority_of_queue(uint32_t port)
{
	return (port - 1) % EVTCHN_FIFO_MAX_QUEUES;
}

/* ---- what the guest has done between two batches ---- */

void reset_2l(struct engine *e);      /* nothing pending, nothing selected */
void reset_2l_told(struct engine *e); /* nothing pending, all selected, the upcall pending */
/* All queues empty, all ready bits taken, as a guest leaves them that has handled everything. */
void reset_fifo(struct engine *e);
void reset_fifo_behind(struct engine *e); /* all but the last have been taken off */
void reset_fifo_masked(struct engine *e);
void reset_fifo_burst(struct engine *e); /* all BURST taken off */

/* For good: */
void all_pending_2l(struct engine *e);
void all_masked_2l(struct engine *e);

/* ---- batches ---- */

typedef void send_fn(struct engine *e, uint32_t port);

/* Each batch with one sender, which is a constant: without a call through a pointer. */
#define BATCH static inline __attribute__((always_inline)) void

/* As a guest does at the beginning of its upcall. */
static inline void untell(struct engine *e, unsigned vcpu)
{
	__atomic_store_n(&e->shared->vcpu_info[vcpu].evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
}

BATCH each_selector(struct engine *e, send_fn *send)
{
	for (unsigned i = 0; i < SELECTORS; i++) {
		untell(e, 0);
		send(e, port_of_selector(i));
	}
}

BATCH each_queue(struct engine *e, send_fn *send)
{
	for (uint32_t port = 1; port <= QUEUES; port++) {
		untell(e, vcpu_of_queue(port));
		send(e, port);
	}
}

BATCH ports_from_1(struct engine *e, uint32_t nr, send_fn *send)
{
	for (uint32_t port = 1; port <= nr; port++)
		send(e, port);
}

/* One half of the ports, then the other: the last one of a batch is not sent in the next. */
BATCH behind_another(struct engine *e, send_fn *send)
{
	uint32_t first = e->tail + 1 == FIRST_OF_QUEUE + 2 * HALF ? FIRST_OF_QUEUE : e->tail + 1;

	for (uint32_t port = first; port < first + HALF; port++)
		send(e, port);
	e->tail = first + HALF - 1;
}

#endif
