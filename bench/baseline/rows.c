/* SPDX-License-Identifier: MIT */
/* The conventional design in the states in which the engine is measured: engine_send.c's rows. */
#include <err.h>

#include "machine.h"

#define LIVES 64u

static void send(struct engine *e, uint32_t port)
{
	conv_send(&e->conv->from, port);
}

/* ---- machines ---- */

static void setup_conv_2l(struct engine *e)
{
	conv_create(e);
	conv_connect(e, PORTS_2L);
}

static void setup_conv_2l_pending(struct engine *e)
{
	setup_conv_2l(e);
	all_pending_2l(e);
}

static void setup_conv_2l_masked(struct engine *e)
{
	setup_conv_2l(e);
	all_masked_2l(e);
}

static void setup_conv_fifo(struct engine *e)
{
	conv_create(e);
	conv_fifo_both(e, PORTS_FIFO + 1);
	conv_connect(e, PORTS_FIFO);
	for (uint32_t port = 1; port <= QUEUES; port++)
		conv_place(&e->conv->to, port, vcpu_of_queue(port), priority_of_queue(port));
}

static void setup_conv_fifo_behind(struct engine *e)
{
	setup_conv_fifo(e);
	e->tail = FIRST_OF_QUEUE + 2 * HALF - 1;
	for (uint32_t port = FIRST_OF_QUEUE; port <= e->tail; port++)
		send(e, port);
}

static void setup_conv_fifo_pending(struct engine *e)
{
	setup_conv_fifo(e);
	ports_from_1(e, MANY, send);
}

/* ---- batches ---- */

static void conv_each_selector(struct engine *e)
{
	each_selector(e, send);
}

static void conv_many(struct engine *e)
{
	ports_from_1(e, MANY, send);
}

static void conv_each_queue(struct engine *e)
{
	each_queue(e, send);
}

static void conv_behind(struct engine *e)
{
	behind_another(e, send);
}

static void conv_burst(struct engine *e)
{
	ports_from_1(e, BURST, send);
}

/* All of the first one arrive, or the drain ends the program. */
static void setup_conv_fifo_burst(struct engine *e)
{
	conv_create(e);
	conv_fifo_both(e, BURST + 1);
	conv_connect(e, BURST);
	conv_burst(e);
	engine_drain(e);
}

/* ---- a channel's whole life, both its ends in one domain ---- */

static void setup_conv_alone(struct engine *e)
{
	conv_create(e);
}

static void setup_conv_alone_fifo(struct engine *e)
{
	conv_create(e);
	conv_fifo_both(e, PORTS_FIFO + 1);
}

static void conv_lives(struct engine *e)
{
	struct conv_domain *d = &e->conv->to;
	uint32_t a, b;

	for (unsigned i = 0; i < LIVES; i++) {
		if (conv_alloc_unbound(d, d, &a) || conv_bind_interdomain(d, d, a, &b))
			errx(1, "baseline: no channel");
		engine_take_one(e, b);
		if (conv_close(d, a) || conv_close(d, b))
			errx(1, "baseline: the channel is not closed");
	}
}

const struct row baseline_rows[] = {
	{ "baseline/2l/send", SELECTORS, setup_conv_2l, reset_2l, conv_each_selector },
	{ "baseline/2l/send-told", MANY, setup_conv_2l, reset_2l_told, conv_many },
	{ "baseline/2l/send-pending", MANY, setup_conv_2l_pending, NULL, conv_many },
	{ "baseline/2l/send-masked", MANY, setup_conv_2l_masked, reset_2l, conv_many },
	{ "baseline/fifo/send", QUEUES, setup_conv_fifo, reset_fifo, conv_each_queue },
	{ "baseline/fifo/send-behind", HALF, setup_conv_fifo_behind, reset_fifo_behind,
	  conv_behind },
	{ "baseline/fifo/send-pending", MANY, setup_conv_fifo_pending, NULL, conv_many },
	{ "baseline/fifo/send-masked", MANY, setup_conv_fifo, reset_fifo_masked, conv_many },
	{ "baseline/fifo/burst-4096-send", BURST, setup_conv_fifo_burst, reset_fifo_burst,
	  conv_burst },
	{ "baseline/2l/loopback-pair", LIVES, setup_conv_alone, NULL, conv_lives },
	{ "baseline/fifo/loopback-pair", LIVES, setup_conv_alone_fifo, NULL, conv_lives },
};

const unsigned nr_baseline_rows = sizeof(baseline_rows) / sizeof(baseline_rows[0]);
