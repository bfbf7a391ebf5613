/* SPDX-License-Identifier: MIT */
/*
 * Two processors that send to one vCPU of the conventional design, nobody draining: what
 * engine_pair.c does with the engine.
 */
#include <stdlib.h>

#include "../engine_senders.h"
#include "machine.h"

_Static_assert(2 * SENDERS_FRESH == BURST, "engine_drain() wants so many");

static void send_all(const struct senders *s, unsigned who)
{
	for (uint32_t i = 0; i < SENDERS_FRESH; i++)
		conv_send(&s->e.conv->from, senders_port(s, who, i));
}

static void measure_senders(const char *name, bool fifo)
{
	struct senders *s = senders_create(fifo, send_all);

	if (!s)
		return;
	conv_create(&s->e);
	if (fifo)
		conv_fifo_both(&s->e, SENDERS_PORTS);
	conv_connect(&s->e, senders_last_port(s));
	senders_measure(s, name);
	if (fifo)
		engine_drain(&s->e); /* all of the last round: neither has lost the other's */
	conv_destroy(&s->e);
	free(s);
}

void measure_baseline_pairs(void)
{
	measure_senders("baseline/2l/two-senders", false);
	measure_senders("baseline/fifo/two-senders-one-queue", true);
}
