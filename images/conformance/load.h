/* SPDX-License-Identifier: MIT */
/*
 * What the load's two files share: load.c is the traffic and its CPUs, load_count.c the targets of
 * sends, their accounts, and the sums at the end.
 */
#ifndef IMAGES_CONFORMANCE_LOAD_H
#define IMAGES_CONFORMANCE_LOAD_H

#include "conformance.h"

#define LOAD_CHANNELS 6u	     /* of each CPU */
#define LOAD_WINDOW   8u	     /* sends between two rests, at most */
#define LOAD_PATIENCE (3 * PATIENCE) /* many CPUs on one of a busy host's */

/* Sends to one IRQ. All but `sent` is the handler's, which never runs twice at once. */
struct load_target {
	uint64_t sent; /* atomic: counted before the hypercall */
	uint64_t seen; /* atomic: of `sent`, as of the last run */
	uint64_t handled, coalesced, empty;
	unsigned irq;
	evtchn_port_t tx;
} __attribute__((aligned(64)));

struct load_sum {
	uint64_t sent, handled, coalesced, empty;
};

/* Each is its CPU's, handlers there included. */
struct load_cpu {
	unsigned nr;
	uint64_t random, turns;
	uint64_t calls, works, locks, armed; /* asked for */
	uint64_t called, worked, fired, strays;
	uint64_t moved, priorities, rebound;
	struct load_target channel[LOAD_CHANNELS];
	struct load_sum channels; /* of those that are closed */
	struct guest_work work[MAX_CPUS];
} __attribute__((aligned(64)));

struct load {
	uint64_t until;
	bool over; /* atomic: something is wrong */
	struct load_cpu cpu[MAX_CPUS];
	struct load_target ipi[MAX_CPUS]; /* anybody sends */
	struct guest_spinlock lock;
	uint64_t locked; /* under lock */
	uint64_t cycles;
};

extern struct load load_state;

/* Note what is wrong, and have everybody stop. [any] */
void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- load_count.c ------------------------------------------------------------------------- */

bool channel_make(struct load_target *t);
/* Wait for the last send, close it, add it to the CPU's sum. */
void channel_end(struct load_cpu *c, struct load_target *t);
bool ipis_make(void);
void ipis_end(struct load_sum *sum);

/* The number of this send among the target's. */
uint64_t target_send(struct load_target *t);
void target_wait(const struct load_target *t, uint64_t number, const char *what);
/* A send whose wake-up is thrown away: on purpose. */
void target_lose(struct load_target *t);

/* Do all counts agree? Prints them, as TAP. */
bool load_count(void);

#endif
