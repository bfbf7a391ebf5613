/* SPDX-License-Identifier: MIT */
/*
 * What one event costs its sender: rows for each ABI, by event_send(), which is EVTCHNOP_send
 * without the way in, and by hv_hypercall() with the argument in guest memory. The receiving guest
 * is played: between batches by `reset`, within one by a plain store, where each event shall find
 * its vCPU untold.
 */
#include "../hypervisor/event.h"
#include "engine.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)

#define PORTS_2L   4095u
#define PORTS_FIFO 1023u

#define SELECTORS      63u /* ports 64, 128, ...: each its own word and selector bit; 0 is none */
#define MANY	       1000u
#define QUEUES	       (ENGINE_VCPUS * EVTCHN_FIFO_MAX_QUEUES) /* ports 1 ..: each its own queue */
#define HALF	       400u /* ports of one queue, in two halves */
#define FIRST_OF_QUEUE (QUEUES + 1)

/* ---- the machines ---- */

static void setup_2l(struct engine *e)
{
	engine_create(e, 16);
	engine_connect(e, PORTS_2L);
	e->args = testbed_page(e->from);
	for (unsigned i = 0; i < SELECTORS; i++)
		e->args[i].port = 64 * (i + 1);
}

static void setup_fifo(struct engine *e)
{
	struct testbed_vcpu *v;

	engine_create(e, 16);
	engine_fifo(e->to, ENGINE_VCPUS, PORTS_FIFO + 1, e->block, &e->words);
	engine_connect(e, PORTS_FIFO);
	e->args = testbed_page(e->from);
	v = testbed_vcpu(e->to, 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct evtchn_bind_vcpu to = { 1 + i, i / EVTCHN_FIFO_MAX_QUEUES };
		struct evtchn_set_priority at = { 1 + i, i % EVTCHN_FIFO_MAX_QUEUES };

		engine_call(v, EVTCHNOP_bind_vcpu, &to, sizeof(to));
		engine_call(v, EVTCHNOP_set_priority, &at, sizeof(at));
		e->args[i].port = 1 + i;
	}
}

static void send(struct engine *e, uint32_t port)
{
	event_send(e->sender, port);
}

static void send_by_hypercall(struct engine *e, unsigned arg)
{
	uint64_t args[6] = { EVTCHNOP_send, (uintptr_t)&e->args[arg] };

	hv_hypercall(e->sender, __HYPERVISOR_event_channel_op, args);
}

/* As a guest does at the beginning of its upcall. */
static void untell(struct engine *e, unsigned vcpu)
{
	__atomic_store_n(&e->shared->vcpu_info[vcpu].evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
}

/* ---- 2-level ---- */

/* Nothing pending, nothing selected. */
static void reset_2l(struct engine *e)
{
	memset(e->shared->evtchn_pending, 0, sizeof(e->shared->evtchn_pending));
	e->shared->vcpu_info[0].evtchn_pending_sel = 0;
}

static void send_2l(struct engine *e)
{
	for (unsigned i = 1; i <= SELECTORS; i++) {
		untell(e, 0);
		send(e, 64 * i);
	}
}

static void hypercall_2l(struct engine *e)
{
	for (unsigned i = 0; i < SELECTORS; i++) {
		untell(e, 0);
		send_by_hypercall(e, i);
	}
}

/* The vCPU has been told of that word already. */
static void reset_2l_told(struct engine *e)
{
	memset(e->shared->evtchn_pending, 0, sizeof(e->shared->evtchn_pending));
	e->shared->vcpu_info[0].evtchn_pending_sel = UINT64_MAX;
	e->shared->vcpu_info[0].evtchn_upcall_pending = 1;
}

static void setup_2l_pending(struct engine *e)
{
	setup_2l(e);
	memset(e->shared->evtchn_pending, 0xff, sizeof(e->shared->evtchn_pending));
}

static void setup_2l_masked(struct engine *e)
{
	setup_2l(e);
	memset(e->shared->evtchn_mask, 0xff, sizeof(e->shared->evtchn_mask));
}

static void send_many(struct engine *e)
{
	for (uint32_t port = 1; port <= MANY; port++)
		send(e, port);
}

/* ---- FIFO ---- */

/* All queues empty, all ready bits taken, as a guest leaves them that has handled everything. */
static void reset_fifo(struct engine *e)
{
	memset(e->words, 0, (QUEUES + 1) * sizeof(*e->words));
	for (unsigned i = 0; i < ENGINE_VCPUS; i++)
		memset(e->block[i], 0, sizeof(*e->block[i]));
}

static void send_fifo(struct engine *e)
{
	for (uint32_t port = 1; port <= QUEUES; port++) {
		untell(e, (port - 1) / EVTCHN_FIFO_MAX_QUEUES);
		send(e, port);
	}
}

static void hypercall_fifo(struct engine *e)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		untell(e, i / EVTCHN_FIFO_MAX_QUEUES);
		send_by_hypercall(e, i);
	}
}

/* Behind another on its queue. All but the last have been taken off meanwhile. */
static void reset_fifo_behind(struct engine *e)
{
	memset(&e->words[FIRST_OF_QUEUE], 0, sizeof(*e->words) * 2 * HALF);
	e->words[e->tail] = PENDING | LINKED;
}

/* One half of the ports, then the other: the last one of a batch is not sent in the next. */
static void send_behind(struct engine *e)
{
	uint32_t first = e->tail + 1 == FIRST_OF_QUEUE + 2 * HALF ? FIRST_OF_QUEUE : e->tail + 1;

	for (uint32_t port = first; port < first + HALF; port++)
		send(e, port);
	e->tail = first + HALF - 1;
}

static void setup_fifo_behind(struct engine *e)
{
	setup_fifo(e);
	e->tail = FIRST_OF_QUEUE + 2 * HALF - 1;
	for (uint32_t port = FIRST_OF_QUEUE; port <= e->tail; port++)
		send(e, port);
}

/* Each on its queue and pending. */
static void setup_fifo_pending(struct engine *e)
{
	setup_fifo(e);
	send_many(e);
}

static void reset_fifo_masked(struct engine *e)
{
	for (uint32_t port = 1; port <= MANY; port++)
		e->words[port] = MASKED;
}

const struct row send_rows[] = {
	{ "engine/2l/send", SELECTORS, setup_2l, reset_2l, send_2l },
	{ "engine/2l/send-told", MANY, setup_2l, reset_2l_told, send_many },
	{ "engine/2l/send-pending", MANY, setup_2l_pending, NULL, send_many },
	{ "engine/2l/send-masked", MANY, setup_2l_masked, reset_2l, send_many },
	{ "engine/fifo/send", QUEUES, setup_fifo, reset_fifo, send_fifo },
	{ "engine/fifo/send-behind", HALF, setup_fifo_behind, reset_fifo_behind, send_behind },
	{ "engine/fifo/send-pending", MANY, setup_fifo_pending, NULL, send_many },
	{ "engine/fifo/send-masked", MANY, setup_fifo, reset_fifo_masked, send_many },
	{ "hypercall/2l/send", SELECTORS, setup_2l, reset_2l, hypercall_2l },
	{ "hypercall/fifo/send", QUEUES, setup_fifo, reset_fifo, hypercall_fifo },
};

const unsigned nr_send_rows = sizeof(send_rows) / sizeof(send_rows[0]);
