/* SPDX-License-Identifier: MIT */
/*
 * Two processors that send to one vCPU, nobody draining: ports and rounds, for the engine
 * (engine_pair.c) and the conventional design (baseline/pair.c) alike.
 */
#ifndef BENCH_ENGINE_SENDERS_H
#define BENCH_ENGINE_SENDERS_H

#include <stdatomic.h>

#include "engine_states.h"

#define SENDERS_FIRST 64u
#define SENDERS_FRESH 2048u /* ports of each, whose event words share no line with the other's */
#define SENDERS_PORTS (SENDERS_FIRST + 2 * SENDERS_FRESH) /* FIFO: port numbers are below it */

struct senders {
	struct engine e;
	bool fifo;
	void (*send_all)(const struct senders *s, unsigned who); /* who: 0 or 1 */
	/* engine_senders.c's */
	struct engine_both both;
	unsigned rounds;
	_Atomic uint32_t go; /* which round has begun */
	_Atomic uint32_t arrived;
};

/* Port i of one of the two. 2-level: those of every second cache line of bits. */
static inline uint32_t senders_port(const struct senders *s, unsigned who, uint32_t i)
{
	if (s->fifo)
		return SENDERS_FIRST + who * SENDERS_FRESH + i;
	return ((i / 512) * 2 + who) * 512 + i % 512;
}

/* The ports that are to be connected: 1 up to it. */
static inline uint32_t senders_last_port(const struct senders *s)
{
	return s->fifo ? SENDERS_PORTS - 1 : PORTS_2L;
}

/* Without the machine, which the caller makes in `e`. NULL: there is only one processor. */
struct senders *senders_create(bool fifo, void (*send_all)(const struct senders *s, unsigned who));
/* The first alone, then both; prints. To be called once. */
void senders_measure(struct senders *s, const char *name);

#endif
