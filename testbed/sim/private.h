/* SPDX-License-Identifier: MIT */
/*
 * What the engine's files share: the one simulation there is at a time, its threads and their
 * stores that wait. Scenarios see engine.h only.
 */
#ifndef CARILLON_SIM_PRIVATE_H
#define CARILLON_SIM_PRIVATE_H

#include "atomic.h"
#include "engine.h"

#define MAX_THREADS 12u
#define MAX_BUFFER  8u
#define MAX_CHANGES 8u
#define STACK_SIZE  (256u << 10)
#define TRACE	    512u
#define ARENA_SIZE  (16u << 20)
#define GRANULE	    64u

enum thread_state {
	THREAD_READY, /* runs or could */
	THREAD_PARKED,
	THREAD_ENDED,
};

/*
 * A store that others do not see yet. While its thread runs, memory holds the new value, so that
 * the thread's plain accesses see it too; while others run, the old one.
 */
struct late_store {
	volatile void *p;
	uint64_t value, old;
	unsigned size;
	int order;
	const struct sim_site *site;
};

struct sim_thread {
	void *sp; /* while another runs */
	unsigned nr;
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	void *user;
	enum thread_state state;
	bool woken;
	bool idle; /* parked, and may stay so */
	bool attention;
	unsigned held;
	void (*interrupt)(void *user);
	int priority;
	struct sim_thread *joiner;
	struct late_store late[MAX_BUFFER];
	unsigned nr_late;
	void *fake_stack; /* ASan's */
};

/* One access, for the trace. */
struct trace_entry {
	const struct sim_site *site;
	const volatile void *p;
	uint64_t value;
	const char *what;
	unsigned step;
	unsigned thread;
	int order;
};

struct sim {
	struct sim_options options;
	uint64_t random;
	enum sim_memory memory;
	int pct;
	unsigned switch_in_256, late_in_256, interrupt_in_256;
	unsigned change[MAX_CHANGES]; /* PCT: the steps */
	unsigned next_change;
	int lowest;

	bool running;
	void (*check)(void);
	struct sim_thread body;
	struct sim_thread thread[MAX_THREADS];
	unsigned nr_threads;
	struct sim_thread *current;
	uint32_t ready, yielded; /* a bit per thread */
	unsigned with_late;	 /* late stores of all threads */
	unsigned steps;
	void *main_sp;
	void *main_fake_stack;

	bool failed;
	char failure[512];
	char decided[64];

	uint8_t *arena;
	size_t arena_used;
	uint8_t *freed; /* per granule of the arena: may not be accessed */
	unsigned blocks;

	struct trace_entry trace[TRACE];
	unsigned traced;
};

extern struct sim sim;

uint32_t random_bits(void);

/* engine.c: what every access begins with. */
void step(void);

/* memory.c */
void memory_reset(void);
void late_apply(struct sim_thread *t);	 /* it is about to run */
void late_suspend(struct sim_thread *t); /* it has run */
void late_flush(struct sim_thread *t);
void late_flush_all(void);
void late_flush_one(void); /* of anybody's, chosen at random; there is one */

/* trace.c */
void trace_note(const struct sim_thread *t, const char *what, const volatile void *p,
		uint64_t value, int order, const struct sim_site *site);

#endif
