/* SPDX-License-Identifier: MIT */
/*
 * The simulation's engine: threads that take turns at their atomic accesses, as a seed says, and a
 * memory in which stores may be late. It knows nothing of hypervisors or guests (world.h). One
 * simulation at a time.
 *
 * A schedule is deterministic: the same program with the same options does the same. Whatever is
 * wrong is told by sim_fail(), which ends the schedule.
 */
#ifndef CARILLON_SIM_ENGINE_H
#define CARILLON_SIM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which stores others may see late. */
enum sim_memory {
	SIM_MEMORY_SC,	 /* none */
	SIM_MEMORY_TSO,	 /* all that are not seq_cst, in order; any read-modify-write waits for them
			  */
	SIM_MEMORY_WEAK, /* also a relaxed one before or after another; read-modify-writes wait as
			    their order says */
	SIM_MEMORY_SEED, /* one of them, by the seed */
};

#define SIM_PCT_SEED (-1)

struct sim_options {
	uint64_t seed;
	int pct; /* priority changes of a PCT schedule; 0: uniformly random; SIM_PCT_SEED */
	enum sim_memory memory;
	unsigned length; /* about how many steps the schedule has; PCT spreads its changes there */
	unsigned max_steps; /* more is a livelock */
};

struct sim_thread;

/*
 * One schedule. body runs first, alone: it makes threads and calls sim_run(). False: sim_fail() was
 * called, and sim_failure() says with what.
 */
bool sim_schedule(const struct sim_options *o, void (*body)(void *arg), void *arg);
const char *sim_failure(void);
unsigned sim_steps(void); /* of the last schedule */
/* What the seed has decided, as options of the command line. */
const char *sim_decided(void);

/* ---- for the body ---- */

/* A thread; it starts in sim_run. */
struct sim_thread *sim_spawn(const char *name, void (*fn)(void *arg), void *arg);

/*
 * Let them run until all have ended or are parked as idle. One that is parked otherwise when
 * nobody can go on is a deadlock: sim_fail(). Afterwards the body is alone again.
 */
void sim_run(void);

/* Called at each step of sim_run from now on, with no access of its own: an invariant. */
void sim_set_check(void (*check)(void));

/* ---- for threads ---- */

_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The running thread; NULL in the body. */
struct sim_thread *sim_self(void);
void sim_set_user(struct sim_thread *t, void *user);
void *sim_user(const struct sim_thread *t);

/* One turn of a busy wait: others first. */
void sim_relax(void);

/* Others' turn, perhaps: between two plain accesses of a scenario. */
void sim_point(void);

/* Sleep until sim_wake(); one that came since the last sim_park() ends it at once. */
void sim_park(bool idle);
void sim_wake(struct sim_thread *t);

/* Sleep until that thread has ended. */
void sim_join(struct sim_thread *t);

/* End the running thread. */
_Noreturn void sim_exit(void);

/*
 * Before some later access of thread t, fn is called on it, once: an interrupt. held: not now, as
 * long as it is not 0.
 */
void sim_attention(struct sim_thread *t);
void sim_set_interrupt(struct sim_thread *t, void (*fn)(void *user));
unsigned *sim_held(struct sim_thread *t);

/* A number below n, by the seed. */
unsigned sim_random(unsigned n);

/* ---- memory ---- */

/* Zeroed; aligned to 64, or to a page if size is a multiple of one. Not reused before the end. */
void *sim_alloc(size_t size);
void sim_free(void *p, size_t size);
unsigned sim_blocks(void); /* allocated and not freed */

/* All stores of this thread are seen by everybody. */
void sim_barrier(void);

/* ---- after a failure ---- */

/* Print the last accesses of the schedule. */
void sim_trace(void);

#endif
