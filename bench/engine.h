/* SPDX-License-Identifier: MIT */
/*
 * What the files of the engine benchmark share: a machine of two domains in the testbed, and rows
 * that are measured. The rows themselves are in engine_*.c.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include <testbed.h>

#include "figures.h"

#define ENGINE_VCPUS 4u /* of the domain that receives */

/* ---- engine_machine.c ---- */

/* `from` sends, and is in the 2-level ABI; `to` receives. Both are raw: no guest half. */
struct engine {
	struct testbed *tb;
	struct testbed_domain *from, *to;
	struct hv_vcpu *sender;
	struct shared_info *shared;			       /* of `to`, as what follows */
	struct evtchn_fifo_control_block *block[ENGINE_VCPUS]; /* FIFO */
	event_word_t *words;				       /* of all its ports */

	/* engine_send.c's and engine_loopback.c's */
	struct evtchn_send *args;
	uint32_t tail;
	struct conv_machine *conv; /* baseline/'s, in place of tb, from, to and sender */
};

/* Two domains with `pages` pages each for what they give the hypervisor. */
void engine_create(struct engine *e, unsigned pages);
/* The same, for more threads than one. */
void engine_create_threads(struct engine *e, unsigned pages);
void engine_destroy(struct engine *e);
/* Into the FIFO ABI, with control blocks for that many vCPUs and words for that many ports. */
void engine_fifo(struct testbed_domain *d, unsigned vcpus, uint32_t ports,
		 struct evtchn_fifo_control_block **blocks, event_word_t **words);
/* Channels between the two, whose ports have the same numbers at both ends: from 1 on. */
void engine_connect(struct engine *e, uint32_t ports);
/* EVTCHNOP_* with an argument that is read back; ends the program if it fails. */
void engine_call(struct testbed_vcpu *v, unsigned op, void *arg, size_t n);

/* ---- rows: something done many times ---- */

struct row {
	const char *name;
	unsigned ops; /* in a batch */
	void (*setup)(struct engine *e);
	/* What the guest would do between two batches. Not part of the figure. May be NULL. */
	void (*reset)(struct engine *e);
	void (*batch)(struct engine *e);
};

extern const struct row send_rows[];
extern const unsigned nr_send_rows;
extern const struct row drain_rows[];
extern const unsigned nr_drain_rows;
extern const struct row loopback_rows[];
extern const unsigned nr_loopback_rows;
extern const struct row floor_rows[]; /* engine_floor_send.c */
extern const unsigned nr_floor_rows;
extern const struct row baseline_rows[];
extern const unsigned nr_baseline_rows;
void conv_destroy(struct engine *e); /* baseline/machine.c: of a machine with conv */
extern const struct row floor_locked_op;

/* engine_send.c: the machines that its rows are measured on. */
void engine_setup_2l(struct engine *e);
void engine_setup_fifo(struct engine *e);
/* engine_floor_send.c: a guest's side of a burst. */
void engine_drain(struct engine *e);
/* engine_loopback.c: as a guest that has nothing else and knows what port the event is on. */
void engine_take_one(struct engine *e, evtchn_port_t port);

/* ---- engine_floor.c: this thread and another, each on a processor of its own ---- */

struct engine_both {
	cpu_set_t before, there;
	pthread_t other;
};

/* False: there is only one. Else this thread is on the first until the end. */
bool engine_both_begin(struct engine_both *b);
void engine_both_start(struct engine_both *b, void *(*f)(void *arg), void *arg);
void engine_both_end(struct engine_both *b);
/* In a busy wait, with the number of looks so far; and such a wait. */
void engine_patience(unsigned looks);
void engine_wait_until(const _Atomic uint32_t *what, uint32_t is);

/* ---- what is measured as a whole: they print ---- */

void measure_cache_line(void); /* engine_floor.c */
void measure_pairs(void);      /* engine_pair.c */
void measure_ports(void);      /* engine_ports.c */
void measure_latency(void);    /* engine_latency.c */
void measure_baseline_pairs(void);
void measure_baseline_ports(void);

#endif
