/* SPDX-License-Identifier: MIT */
/* Two processors that send to one vCPU: engine_senders.h. */
#include "engine_senders.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 501u

/* The receiver has been told already: who sends tells nobody. */
static void reset(struct senders *s)
{
	struct engine *e = &s->e;

	reset_2l_told(e);
	if (!s->fifo)
		return;
	memset(e->words, 0, SENDERS_PORTS * sizeof(*e->words));
	memset(e->block[0], 0, sizeof(*e->block[0]));
}

static void *second_sender(void *arg)
{
	struct senders *s = arg;

	for (uint32_t round = 1; round <= s->rounds; round++) {
		engine_wait_until(&s->go, round);
		s->send_all(s, 1);
		atomic_store(&s->arrived, round);
	}
	return NULL;
}

/* ns for each send of all that are sent; round 0: by the first alone. */
static double one_round(struct senders *s, uint32_t round)
{
	uint64_t start;

	reset(s);
	start = figures_now();
	if (round)
		atomic_store(&s->go, round);
	s->send_all(s, 0);
	if (round)
		engine_wait_until(&s->arrived, round);
	return (double)(figures_now() - start) / (round ? 2 * SENDERS_FRESH : SENDERS_FRESH);
}

struct senders *senders_create(bool fifo, void (*send_all)(const struct senders *s, unsigned who))
{
	struct senders *s = calloc(1, sizeof(*s));

	if (!s)
		errx(1, "out of memory");
	s->fifo = fifo;
	s->send_all = send_all;
	s->rounds = figures_fewer(ROUNDS);
	if (engine_both_begin(&s->both))
		return s;
	free(s);
	return NULL;
}

void senders_measure(struct senders *s, const char *name)
{
	double both[ROUNDS], single[ROUNDS];
	char more[64];

	for (unsigned i = 0; i < s->rounds; i++)
		single[i] = one_round(s, 0);
	engine_both_start(&s->both, second_sender, s);
	for (unsigned i = 0; i < s->rounds; i++)
		both[i] = one_round(s, i + 1);
	engine_both_end(&s->both);
	snprintf(more, sizeof(more), "alone=%.2f", figures_median(single, s->rounds));
	figures_print(name, "ns", both, s->rounds, more);
}
