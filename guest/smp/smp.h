/* SPDX-License-Identifier: MIT */
/*
 * What the files of smp/ share: what is known of each CPU, queues that others push on, raising
 * IPIs. CPUs come and go in cpu.c; calls are in call.c, work in work.c, locks in spinlock.c.
 *
 * Two rules hold it together. A CPU that is not online has its queues and its IPIs closed, by a
 * mark in the very words that others write: who gets in before the mark is served, who comes after
 * is refused, and there is nothing in between. And who looks up a CPU's port and sends on it does
 * both with events disabled (what is queued is sent before they are enabled): once every CPU has
 * answered a call (smp_grace), nobody can still be about to send on a port that was there before.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "../multicall.h"
#include "../private.h"

#include <carillon/guest_smp.h>

#define SMP_CLOSED	((struct guest_smp_link *)1)
#define SMP_CLOSED_IPIS (1u << 31)

enum call_busy {
	CALL_DONE, /* the node is the caller's */
	CALL_BUSY,
	CALL_SLEEPS, /* the caller sleeps: kick it */
};

/* One CPU's call to another: of the caller's memory, one for each it may call. */
struct call_node {
	struct guest_smp_link link;
	guest_call_fn fn;
	void *arg;
	bool wait;
	unsigned caller; /* its CPU; never changes */
	uint32_t busy;	 /* enum call_busy; the called one sets CALL_DONE and then forgets it */
} __attribute__((aligned(CACHE_LINE)));

/* In guest_spin_lock a CPU may wait, a handler that interrupts it too, and one on top of that. */
#define SPIN_LEVELS 4u

enum spin_state {
	SPIN_WAITS,  /* in the queue */
	SPIN_SLEEPS, /* in the queue, and blocks: kick it */
	SPIN_TURN,   /* the next one */
};

struct spin_node {
	struct spin_node *next;
	uint32_t state; /* enum spin_state */
	unsigned cpu;
};

enum smp_state {
	SMP_OFFLINE,
	SMP_STARTING, /* guest_cpu_up waits for it */
	SMP_FAILED,   /* it said so and goes down */
	SMP_ONLINE,
	SMP_DYING, /* guest_cpu_down has asked it to go */
	SMP_DEAD,  /* it goes down */
	SMP_STOPPED,
};

struct smp_cpu {
	/* What other CPUs write: one line, moved once for a call and once for its IPI. */
	struct guest_smp_link *calls __attribute__((aligned(CACHE_LINE)));
	struct guest_smp_link *works;
	uint32_t raised; /* IPIs on the way, a bit for each kind; SMP_CLOSED_IPIS */

	/* What changes when it comes and goes. */
	uint32_t state __attribute__((aligned(CACHE_LINE))); /* enum smp_state */
	unsigned nr;
	int error;			    /* SMP_FAILED: why */
	evtchn_port_t port[GUEST_SMP_IPIS]; /* 0: none */
	unsigned irq[GUEST_SMP_IPIS], timer_irq;
	struct call_node *nodes; /* for calls of this CPU, one for each possible CPU */

	/* Its own. */
	unsigned serving __attribute__((aligned(CACHE_LINE))); /* in a fn or work */
	bool calling;
	unsigned spin_level; /* nodes of spin[] in use */
	bool kick_cleared;   /* its port's pending bit has been cleared, ever; spinlock.c */
	struct spin_node spin[SPIN_LEVELS];
	struct guest_smp_counters counters; /* added to atomically: handlers come in between */
} __attribute__((aligned(CACHE_LINE)));

struct smp {
	struct guest_smp_config cfg;
	uint32_t hotplug; /* somebody brings a CPU up or down */
	uint32_t stopper; /* guest_smp_stop_others was called */
	uint64_t online[GUEST_MAX_CPUS / 64];
	struct smp_cpu cpu[]; /* nr_cpus */
};

/* This CPU's; guest_smp_init was called. Stable while events are disabled or the thread pinned. */
static inline struct smp_cpu *smp_this(const struct guest *g)
{
	return &g->smp->cpu[this_cpu(g)->nr];
}

#define smp_count(p) ((void)fetch_add_relaxed((p), UINT64_C(1)))

/* All that is queued, first come first; closed or left empty. Owner only. */
struct guest_smp_link *smp_take(struct guest_smp_link **head, bool close);

/* ipi.c */
int smp_bind(struct guest *g, struct smp_cpu *c);    /* IPIs and timer of a CPU that is not up */
void smp_unbind(struct guest *g, struct smp_cpu *c); /* also if only some are bound */
/*
 * Events disabled. 0 or -ENXIO. What was written before is seen by the handler, whether its IPI was
 * ours or another's on the way already.
 */
int smp_raise(struct guest *g, unsigned cpu, enum guest_ipi ipi);
/* On a queue of that CPU, and tell it by that IPI. Events disabled. 0; -ENXIO: not online. */
int smp_push_and_tell(struct guest *g, unsigned cpu, struct guest_smp_link **head,
		      struct guest_smp_link *link, enum guest_ipi ipi);
/*
 * The IPIs of calls are taken here, and the calls run; of this CPU, events disabled, where it is
 * going to sleep until the next ones.
 */
void smp_take_calls(struct guest *g, struct smp_cpu *c);

/* kick.c. Wake that CPU, if it is up. [any] */
void smp_kick(struct guest *g, unsigned cpu);
/* Step 1 of sleeping; false: this CPU cannot. The thread is pinned. */
bool smp_kick_clear(struct guest *g, struct smp_cpu *c);
/* Step 3: until kicked; an event, if they are enabled; an IPI of `calls`; system time, if not 0. */
void smp_sleep(struct guest *g, struct smp_cpu *c, bool calls, uint64_t until);
/* At the end of a wait for a lock on top of `level` others of this CPU. */
void smp_kick_again(struct guest *g, const struct smp_cpu *c, unsigned level);

/* call.c: this CPU may wait for others, as it is not in a handler, fn, work or call. */
bool smp_may_wait(const struct guest *g);
/* of this CPU, events disabled */
void smp_run_calls(struct guest *g, struct smp_cpu *c, bool close);
/*
 * In every wait for another CPU, until it has done what it is waited for: it may be waiting for us.
 * Events enabled or not; takes a nap now and then. [task]
 */
void smp_serve(struct guest *g, unsigned *looks);
void smp_grace(struct guest *g);

/* work.c; the same */
void smp_run_works(struct guest *g, struct smp_cpu *c, bool close);

/* cpu.c: this CPU takes no more calls, work or IPIs; what there is is done. Events disabled. */
void smp_close(struct guest *g, struct smp_cpu *c);
/* stop.c */
_Noreturn void smp_park(struct guest *g);

/* The IRQs have new ports, and what was on the way is lost. On CPU 0, events disabled. */
void smp_resumed(struct guest *g);
void smp_fini(struct guest *g);

#endif
