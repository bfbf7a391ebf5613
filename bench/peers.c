/* SPDX-License-Identifier: MIT */
/*
 * What Linux' own ways to tell somebody something cost: sent and taken by one thread, and one way
 * between two processes on one core that sleep in between, which is half of there and back. Prints
 * a line of figures for each. The ways are in peers_ways.c.
 */
#include "peers.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figures.h"

#define SAMPLES	   21u
#define MAX_PEERS  8u
#define ALONE	   4000u
#define ROUNDS	   2000u
#define NAME_BYTES 64u

/* ns to send one and take it. */
static double alone(const struct peer *p)
{
	struct way w = { .pid = 0 };
	uint64_t ns;

	p->open(&w);
	ns = figures_now();
	for (unsigned i = 0; i < ALONE; i++) {
		p->send(&w);
		p->take(&w);
	}
	ns = figures_now() - ns;
	p->shut(&w);
	return (double)ns / ALONE;
}

static _Noreturn void answer(const struct peer *p, struct way *there, struct way *back)
{
	for (;;) {
		p->take(there);
		p->send(back);
	}
}

/* ns one way, asleep at both ends. each: of each round, NULL: not wanted. */
static double one_way(const struct peer *p, double *each)
{
	struct way there = { .pid = 0 }, back = { .pid = 0 };
	uint64_t ns;
	pid_t child;

	p->open(&there);
	p->open(&back);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child)
		answer(p, &there, &back);
	there.pid = child;
	ns = figures_now();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t round = each ? figures_now() : 0;

		p->send(&there);
		p->take(&back);
		if (each)
			each[i] = (double)(figures_now() - round) / 2;
	}
	ns = figures_now() - ns;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	p->shut(&there);
	p->shut(&back);
	return (double)ns / ROUNDS / 2;
}

static void print(const char *peer, const char *what, double *samples, unsigned n,
		  const double *each)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "peer/%s/%s", peer, what);
	if (each)
		figures_samples(name, each, ROUNDS);
	figures_print(name, "ns", samples, n, "");
}

/* A sample of each in turn, so that all see the same noise of the machine. */
int main(void)
{
	static double each[MAX_PEERS][ROUNDS];
	double single[MAX_PEERS][SAMPLES], between[MAX_PEERS][SAMPLES];
	unsigned n = figures_fewer(SAMPLES);

	if (nr_peers > MAX_PEERS)
		errx(1, "more than %u peers", MAX_PEERS);
	figures_pin(0);
	for (unsigned k = 0; k < n; k++) {
		for (unsigned i = 0; i < nr_peers; i++) {
			if (!peers[i].two_only)
				single[i][k] = alone(&peers[i]);
			between[i][k] = one_way(&peers[i], k ? NULL : each[i]);
		}
	}
	for (unsigned i = 0; i < nr_peers; i++) {
		if (!peers[i].two_only)
			print(peers[i].name, "send-take", single[i], n, NULL);
		print(peers[i].name, "one-way", between[i], n, each[i]);
	}
	return 0;
}
