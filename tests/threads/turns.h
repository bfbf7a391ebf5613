/* SPDX-License-Identifier: MIT */
/*
 * Two threads of which one runs at a time, for tests of what meets what: numbers 1 and 2, and 0 for
 * who takes no part. Where they stop, and what they do, is the tests'.
 */
#ifndef CARILLON_TESTS_TURNS_H
#define CARILLON_TESTS_TURNS_H

#include <pthread.h>

/* More accesses than any operation makes: who makes more spins on what the other one holds. */
#define ENOUGH 40000u

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned turn;	       /* whose; 0: nobody meets */
	unsigned spent;	       /* accesses in this turn */
	unsigned countdown[3]; /* by number: accesses before it stops; 0: it does not */
} turns = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static _Thread_local unsigned me;

static void give_turn(unsigned to)
{
	pthread_mutex_lock(&turns.lock);
	turns.turn = to;
	pthread_cond_broadcast(&turns.changed);
	pthread_mutex_unlock(&turns.lock);
}

static void await_turn(void)
{
	pthread_mutex_lock(&turns.lock);
	while (turns.turn != me)
		pthread_cond_wait(&turns.changed, &turns.lock);
	pthread_mutex_unlock(&turns.lock);
}

static void let_go(void)
{
	turns.spent = 0;
	give_turn(3 - me);
	await_turn();
}

#endif
