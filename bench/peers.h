/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a program on Linux tells another that something happened, to measure them
 * beside an event: peers.c; the ways themselves are in peers_ways.c. Nothing of Carillon is
 * measured here.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdbool.h>
#include <sys/types.h>

/* One direction: who sends, and who takes. */
struct way {
	int fd[2]; /* [0] is read, [1] written; both the same of an eventfd */
	int epoll;
	unsigned *word; /* shared memory */
	pid_t pid;	/* whom a signal goes to */
};

struct peer {
	const char *name;
	void (*open)(struct way *w);
	void (*send)(struct way *w);
	void (*take)(struct way *w); /* sleeps until there is one */
	void (*shut)(struct way *w);
	bool two_only; /* one thread that takes what it sent says nothing of it */
};

extern const struct peer peers[];
extern const unsigned nr_peers;

#endif
