/* SPDX-License-Identifier: MIT */
/*
 * What one event costs its sender: rows for each ABI, by event_send(), which is EVTCHNOP_send
 * without the way in, and by hv_hypercall() with the argument in guest memory. The states and the
 * batches are in engine_states.h, which others that send share.
 */
#include "../hypervisor/event.h"
#include "engine_states.h"

/* ---- the machines ---- */

void engine_setup_2l(struct engine *e)
{
	engine_create(e, 16);
	engine_connect(e, PORTS_2L);
	e->args = testbed_page(e->from);
	for (unsigned i = 0; i < SELECTORS; i++)
		e->args[i].port = port_of_selector(i);
}

void engine_setup_fifo(struct engine *e)
{
	struct testbed_vcpu *v;

	engine_create(e, 16);
	engine_fifo(e->to, ENGINE_VCPUS, PORTS_FIFO + 1, e->block, &e->words);
	engine_connect(e, PORTS_FIFO);
	e->args = testbed_page(e->from);
	v = testbed_vcpu(e->to, 0);
	for (uint32_t port = 1; port <= QUEUES; port++) {
		struct evtchn_bind_vcpu to = { port, vcpu_of_queue(port) };
		struct evtchn_set_priority at = { port, priority_of_queue(port) };

		engine_call(v, EVTCHNOP_bind_vcpu, &to, sizeof(to));
		engine_call(v, EVTCHNOP_set_priority, &at, sizeof(at));
		e->args[port - 1].port = port;
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

/* ---- 2-level ---- */

static void send_2l(struct engine *e)
{
	each_selector(e, send);
}

static void hypercall_2l(struct engine *e)
{
	for (unsigned i = 0; i < SELECTORS; i++) {
		untell(e, 0);
		send_by_hypercall(e, i);
	}
}

static void setup_2l_pending(struct engine *e)
{
	engine_setup_2l(e);
	all_pending_2l(e);
}

static void setup_2l_masked(struct engine *e)
{
	engine_setup_2l(e);
	all_masked_2l(e);
}

static void send_many(struct engine *e)
{
	ports_from_1(e, MANY, send);
}

/* ---- FIFO ---- */

static void send_fifo(struct engine *e)
{
	each_queue(e, send);
}

static void hypercall_fifo(struct engine *e)
{
	for (uint32_t port = 1; port <= QUEUES; port++) {
		untell(e, vcpu_of_queue(port));
		send_by_hypercall(e, port - 1);
	}
}

static void send_behind(struct engine *e)
{
	behind_another(e, send);
}

static void setup_fifo_behind(struct engine *e)
{
	engine_setup_fifo(e);
	e->tail = FIRST_OF_QUEUE + 2 * HALF - 1;
	for (uint32_t port = FIRST_OF_QUEUE; port <= e->tail; port++)
		send(e, port);
}

/* Each on its queue and pending. */
static void setup_fifo_pending(struct engine *e)
{
	engine_setup_fifo(e);
	send_many(e);
}

/* ---- a burst onto one queue, and taking it off ---- */

/* Both in the FIFO ABI, the sender's for the number of its ports. */
static void setup_fifo_burst(struct engine *e)
{
	engine_create(e, 32);
	engine_fifo(e->from, 1, BURST + 1, e->block, &e->words);
	engine_fifo(e->to, ENGINE_VCPUS, BURST + 1, e->block, &e->words);
	engine_connect(e, BURST);
}

static void send_burst(struct engine *e)
{
	ports_from_1(e, BURST, send);
}

static void reset_for_drain(struct engine *e)
{
	reset_fifo_burst(e);
	send_burst(e);
}

const struct row send_rows[] = {
	{ "engine/2l/send", SELECTORS, engine_setup_2l, reset_2l, send_2l },
	{ "engine/2l/send-told", MANY, engine_setup_2l, reset_2l_told, send_many },
	{ "engine/2l/send-pending", MANY, setup_2l_pending, NULL, send_many },
	{ "engine/2l/send-masked", MANY, setup_2l_masked, reset_2l, send_many },
	{ "engine/fifo/send", QUEUES, engine_setup_fifo, reset_fifo, send_fifo },
	{ "engine/fifo/send-behind", HALF, setup_fifo_behind, reset_fifo_behind, send_behind },
	{ "engine/fifo/send-pending", MANY, setup_fifo_pending, NULL, send_many },
	{ "engine/fifo/send-masked", MANY, engine_setup_fifo, reset_fifo_masked, send_many },
	{ "engine/fifo/burst-4096-send", BURST, setup_fifo_burst, reset_fifo_burst, send_burst },
	{ "hypercall/2l/send", SELECTORS, engine_setup_2l, reset_2l, hypercall_2l },
	{ "hypercall/fifo/send", QUEUES, engine_setup_fifo, reset_fifo, hypercall_fifo },
};

const unsigned nr_send_rows = sizeof(send_rows) / sizeof(send_rows[0]);

/* What a guest takes off is what the engine has linked, so it stands here. */
const struct row drain_rows[] = {
	{ "engine/fifo/burst-4096-drain", BURST, setup_fifo_burst, reset_for_drain, engine_drain },
};

const unsigned nr_drain_rows = sizeof(drain_rows) / sizeof(drain_rows[0]);
