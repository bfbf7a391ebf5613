/* SPDX-License-Identifier: MIT */
/*
 * The timer thread. What the deadlines mean (vCPU timers, device ticks, following the clock) is in
 * the callbacks.
 *
 * No deadline is lost between arming and waiting: `programmed` and the timerfd change only together
 * and under the lock, the thread computes the earliest under the same lock, and a timerfd remembers
 * an expiry that nobody waited for.
 */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "timers.h"

#define NEVER UINT64_MAX
#define NSEC  1000000000ull

/* Called with the lock held. */
static void program(struct timer_queue *ts, uint64_t deadline)
{
	struct itimerspec spec = { 0 };

	ts->programmed = deadline;
	if (deadline != NEVER) {
		uint64_t at = ts->epoch_ns + deadline;

		if (at < deadline || at / NSEC > INT32_MAX)
			at = (uint64_t)INT32_MAX * NSEC;
		spec.it_value.tv_sec = (time_t)(at / NSEC);
		spec.it_value.tv_nsec = (long)(at % NSEC);
	}
	timerfd_settime(ts->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static uint64_t now(const struct timer_queue *ts)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec - ts->epoch_ns;
}

/* The first of the list that is due and has not fired in this pass. Called with the lock held. */
static struct timer *due(struct timer_queue *ts, uint64_t at)
{
	struct timer *t;

	for (t = ts->list; t; t = t->next)
		if (t->deadline <= at && t->deadline != NEVER && t->fired_in != ts->passes)
			return t;
	return NULL;
}

static void program_earliest(struct timer_queue *ts)
{
	uint64_t earliest = NEVER;
	struct timer *t;

	for (t = ts->list; t; t = t->next)
		if (t->deadline < earliest)
			earliest = t->deadline;
	if (earliest != ts->programmed)
		program(ts, earliest);
}

/*
 * One pass: each that is due, once. A guest that keeps setting a deadline in the past gets its next
 * turn after all the others had theirs.
 */
static void fire_due(struct timer_queue *ts)
{
	struct timer *t;

	pthread_mutex_lock(&ts->lock);
	ts->programmed = NEVER;
	ts->passes++;
	while (!ts->stopping && (t = due(ts, now(ts)))) {
		t->fired_in = ts->passes;
		t->deadline = NEVER;
		ts->firing = t;
		pthread_mutex_unlock(&ts->lock);
		t->fire(t, t->arg);
		pthread_mutex_lock(&ts->lock);
		ts->firing = NULL;
		pthread_cond_broadcast(&ts->idle);
	}
	program_earliest(ts);
	pthread_mutex_unlock(&ts->lock);
}

static void *timer_thread(void *arg)
{
	struct timer_queue *ts = arg;
	uint64_t expiries;

	prctl(PR_SET_NAME, "timers");
	for (;;) {
		if (read(ts->fd, &expiries, sizeof(expiries)) < 0 && errno != EINTR)
			break;
		if (__atomic_load_n(&ts->stopping, __ATOMIC_ACQUIRE))
			break;
		fire_due(ts);
	}
	return NULL;
}

int timer_queue_init(struct timer_queue *ts, uint64_t epoch_ns)
{
	*ts = (struct timer_queue){ .programmed = NEVER, .epoch_ns = epoch_ns };
	pthread_mutex_init(&ts->lock, NULL);
	pthread_cond_init(&ts->idle, NULL);
	ts->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return ts->fd < 0 ? -errno : 0;
}

int timer_queue_start(struct timer_queue *ts)
{
	int error = pthread_create(&ts->thread, NULL, timer_thread, ts);

	ts->running = !error;
	return -error;
}

void timer_queue_stop(struct timer_queue *ts)
{
	if (ts->running) {
		pthread_mutex_lock(&ts->lock);
		__atomic_store_n(&ts->stopping, true, __ATOMIC_RELEASE);
		program(ts, 0);
		pthread_mutex_unlock(&ts->lock);
		pthread_join(ts->thread, NULL);
		ts->running = false;
	}
	if (ts->fd >= 0)
		close(ts->fd);
	ts->fd = -1;
}

void timer_add(struct timer_queue *ts, struct timer *t, void (*fire)(struct timer *t, void *arg),
	       void *arg)
{
	*t = (struct timer){ .timers = ts, .deadline = NEVER, .fire = fire, .arg = arg };
	pthread_mutex_lock(&ts->lock);
	t->next = ts->list;
	ts->list = t;
	pthread_mutex_unlock(&ts->lock);
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct timer_queue *ts = t->timers;

	/* Also of one that was removed: nobody will look at it any more. */
	pthread_mutex_lock(&ts->lock);
	t->deadline = deadline;
	if (deadline < ts->programmed && !ts->stopping)
		program(ts, deadline);
	pthread_mutex_unlock(&ts->lock);
}

void timer_remove(struct timer *t)
{
	struct timer_queue *ts = t->timers;
	struct timer **link;

	if (!ts)
		return; /* never added */
	pthread_mutex_lock(&ts->lock);
	for (link = &ts->list; *link; link = &(*link)->next) {
		if (*link == t) {
			*link = t->next;
			break;
		}
	}
	while (ts->firing == t)
		pthread_cond_wait(&ts->idle, &ts->lock);
	pthread_mutex_unlock(&ts->lock);
}
