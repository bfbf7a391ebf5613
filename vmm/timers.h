/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: one thread, one timerfd, any number of timers. Arming is a lock, a store and, only if
 * the deadline is the earliest, one system call; it never waits for a callback.
 */
#ifndef CARILLON_VMM_TIMERS_H
#define CARILLON_VMM_TIMERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct timer_queue;

struct timer {
	struct timer_queue *timers; /* NULL until it is added, then constant */
	struct timer *next;	    /* under the lock, as the deadline */
	uint64_t deadline;
	uint64_t fired_in; /* the pass in which it fired last */
	void (*fire)(struct timer *t, void *arg);
	void *arg;
};

struct timer_queue {
	pthread_mutex_t lock;
	pthread_cond_t idle;  /* a callback has returned */
	struct timer *list;   /* all that were added */
	struct timer *firing; /* its callback runs */
	uint64_t passes;
	uint64_t programmed; /* what the timerfd is set to; UINT64_MAX: nothing */
	uint64_t epoch_ns;   /* CLOCK_MONOTONIC at time 0 */
	pthread_t thread;
	bool running, stopping;
	int fd;
};

/* Times are ns since epoch_ns. -errno; timer_queue_stop is harmless after that. */
int timer_queue_init(struct timer_queue *ts, uint64_t epoch_ns);
/* Its thread: before that nothing fires. -errno */
int timer_queue_start(struct timer_queue *ts);
/* Nothing fires any more; its timers may still be set and removed. */
void timer_queue_stop(struct timer_queue *ts);

void timer_add(struct timer_queue *ts, struct timer *t, void (*fire)(struct timer *t, void *arg),
	       void *arg);
/*
 * UINT64_MAX disarms. From any thread, with any lock that fire() does not take; without effect on a
 * timer that was removed.
 */
void timer_set(struct timer *t, uint64_t deadline);
/* Afterwards it neither fires nor is firing. Not from a callback. Twice is once, or never added. */
void timer_remove(struct timer *t);

#endif
