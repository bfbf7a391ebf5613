/* SPDX-License-Identifier: MIT */
/*
 * Two processors that send to one vCPU of the conventional design, nobody draining: what
 * engine_pair.c does with the engine, ports and rounds alike.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define FRESH  2048u /* ports of each sender, whose event words share no line with the other's */
#define FIRST  64u
#define ROUNDS 501u

_Static_assert(2 * FRESH == BURST, "engine_drain() wants so many");

struct pair {
	struct engine e;
	struct engine_both both;
	bool fifo;
	unsigned rounds;
	_Atomic unsigned go; /* which round has begun */
	_Atomic unsigned arrived;
};

/* The receiver has been told already: who sends tells nobody. */
static void reset(struct pair *p)
{
	struct engine *e = &p->e;

	reset_2l_told(e);
	if (!p->fifo)
		return;
	memset(e->words, 0, (FIRST + 2 * FRESH) * sizeof(*e->words));
	memset(e->block[0], 0, sizeof(*e->block[0]));
}

/* 2-level: ports of every second cache line of bits. */
static uint32_t port_of(const struct pair *p, unsigned who, uint32_t i)
{
	if (p->fifo)
		return FIRST + who * FRESH + i;
	return ((i / 512) * 2 + who) * 512 + i % 512;
}

static void send_all(struct pair *p, unsigned who)
{
	for (uint32_t i = 0; i < FRESH; i++)
		conv_send(&p->e.conv->from, port_of(p, who, i));
}

static void wait_until(_Atomic unsigned *what, unsigned is)
{
	for (unsigned looks = 1; atomic_load_explicit(what, memory_order_acquire) != is; looks++)
		engine_patience(looks);
}

static void *second_sender(void *arg)
{
	struct pair *p = arg;

	for (unsigned round = 1; round <= p->rounds; round++) {
		wait_until(&p->go, round);
		send_all(p, 1);
		atomic_store(&p->arrived, round);
	}
	return NULL;
}

/* ns for each send of all that are sent; round 0: by the first alone. */
static double one_round(struct pair *p, unsigned round)
{
	uint64_t start;

	reset(p);
	start = figures_now();
	if (round)
		atomic_store(&p->go, round);
	send_all(p, 0);
	if (round)
		wait_until(&p->arrived, round);
	return (double)(figures_now() - start) / (round ? 2 * FRESH : FRESH);
}

static void measure_senders(const char *name, bool fifo)
{
	struct pair *p = calloc(1, sizeof(*p));
	double samples[ROUNDS], single[ROUNDS];
	char more[64];

	if (!p || !engine_both_begin(&p->both))
		goto out;
	p->fifo = fifo;
	p->rounds = figures_fewer(ROUNDS);
	conv_create(&p->e);
	if (fifo)
		conv_fifo_both(&p->e, FIRST + 2 * FRESH);
	conv_connect(&p->e, fifo ? FIRST + 2 * FRESH - 1 : PORTS_2L);
	for (unsigned i = 0; i < p->rounds; i++)
		single[i] = one_round(p, 0);
	engine_both_start(&p->both, second_sender, p);
	for (unsigned i = 0; i < p->rounds; i++)
		samples[i] = one_round(p, i + 1);
	engine_both_end(&p->both);
	if (fifo)
		engine_drain(&p->e); /* all of the last round: neither has lost the other's */
	snprintf(more, sizeof(more), "alone=%.2f", figures_median(single, p->rounds));
	figures_print(name, "ns", samples, p->rounds, more);
	conv_destroy(&p->e);
out:
	free(p);
}

void measure_baseline_pairs(void)
{
	measure_senders("baseline/2l/two-senders", false);
	measure_senders("baseline/fifo/two-senders-one-queue", true);
}
