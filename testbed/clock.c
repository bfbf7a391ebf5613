/* SPDX-License-Identifier: MIT */
/*
 * Time: the virtual clock that tests step, or the host's with a thread that fires deadlines; kicks,
 * because both wait by futex. What runs when a vCPU wakes is run.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

static uint64_t host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t testbed_clock_now(void *ctx)
{
	struct testbed *tb = ctx;

	return tb->time == TESTBED_VIRTUAL ? atomic_load(&tb->now) : host_ns() - tb->started;
}

uint64_t testbed_now(const struct testbed *tb)
{
	return testbed_clock_now((struct testbed *)tb);
}

uint64_t testbed_cycles(const struct testbed *tb)
{
	return TESTBED_CYCLES0 + 2 * testbed_now(tb);
}

void testbed_set_skew(struct testbed_vcpu *v, uint64_t cycles)
{
	v->skew = cycles;
	hv_set_clock_stable(v->d->tb->hv, false);
}

/* Sleep while *word is `seen`, ns at most (HV_NEVER: no limit). May return for no reason. */
void testbed_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u) };

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, ns == HV_NEVER ? NULL : &t, NULL, 0);
}

static void bump(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/*
 * Called with the hypervisor's locks held: no lock is taken here, and the waiter looks at the vCPU
 * between reading the counter and sleeping on it, so no kick is lost.
 */
void testbed_kick(struct hv_vcpu *hv)
{
	struct testbed_vcpu *v = hv_vcpu_user(hv);

	if (!v)
		return;
	if (v->d->tb->time == TESTBED_THREADS)
		bump(&v->kicks);
	else
		atomic_fetch_add(&v->kicks, 1);
}

void testbed_set_timer(struct hv_vcpu *hv, uint64_t deadline)
{
	struct testbed_vcpu *v = hv_vcpu_user(hv);

	if (!v)
		return;
	atomic_store(&v->deadline, deadline);
	if (v->d->tb->time == TESTBED_THREADS)
		bump(&v->d->tb->timer_seq);
}

void testbed_set_line_timer(void *ctx, uint64_t deadline)
{
	struct testbed *tb = ctx;

	atomic_store(&tb->line_deadline, deadline);
	if (tb->time == TESTBED_THREADS)
		bump(&tb->timer_seq);
}

uint64_t testbed_line_deadline(const struct testbed *tb)
{
	return atomic_load(&tb->line_deadline);
}

unsigned testbed_kicks(const struct testbed_vcpu *v)
{
	return atomic_load(&v->kicks);
}

uint64_t testbed_deadline(const struct testbed_vcpu *v)
{
	return atomic_load(&v->deadline);
}

/* Disarm and fire; the hypervisor arms the next from inside. */
static void fire(struct testbed_vcpu *v, uint64_t deadline)
{
	if (atomic_compare_exchange_strong(&v->deadline, &deadline, HV_NEVER))
		hv_vcpu_timer(v->hv);
}

static void fire_lines(struct testbed *tb, uint64_t deadline)
{
	if (atomic_compare_exchange_strong(&tb->line_deadline, &deadline, HV_NEVER))
		hv_irq_timer(tb->hv);
}

/* The vCPUs' earliest deadline; on a tie the domain created first and its lowest vCPU. */
static struct testbed_vcpu *earliest(const struct testbed *tb)
{
	struct testbed_vcpu *first = NULL;

	for (struct testbed_domain *d = tb->domains; d; d = d->next) {
		for (unsigned i = d->nr_vcpus; i-- > 0;) {
			struct testbed_vcpu *v = &d->vcpus[i];
			uint64_t at = testbed_deadline(v);

			if (at != HV_NEVER && (!first || at <= testbed_deadline(first)))
				first = v;
		}
	}
	return first;
}

/* The next deadline of all, which is at `at`; the lines' before a vCPU's. */
static void step_to(struct testbed *tb, uint64_t at)
{
	struct testbed_vcpu *v = earliest(tb);

	if (at > atomic_load(&tb->now))
		atomic_store(&tb->now, at);
	if (testbed_line_deadline(tb) == at)
		fire_lines(tb, at);
	else
		fire(v, at);
	testbed_run(tb);
}

uint64_t testbed_next(const struct testbed *tb)
{
	const struct testbed_vcpu *v = earliest(tb);
	uint64_t lines = testbed_line_deadline(tb);

	return v && testbed_deadline(v) < lines ? testbed_deadline(v) : lines;
}

bool testbed_step(struct testbed *tb)
{
	uint64_t at = testbed_next(tb);

	if (at != HV_NEVER)
		step_to(tb, at);
	return at != HV_NEVER;
}

void testbed_advance(struct testbed *tb, uint64_t ns)
{
	uint64_t until = atomic_load(&tb->now) + ns, at;

	while ((at = testbed_next(tb)) <= until)
		step_to(tb, at);
	/* A handler may have waited longer than that */
	if (until > atomic_load(&tb->now))
		atomic_store(&tb->now, until);
}

/* Fire what is due; when does the next one come? */
static uint64_t fire_due(struct testbed *tb)
{
	uint64_t next = testbed_line_deadline(tb);

	if (next <= testbed_now(tb)) {
		fire_lines(tb, next);
		next = testbed_line_deadline(tb);
	}
	pthread_mutex_lock(&tb->domains_lock);
	for (struct testbed_domain *d = tb->domains; d; d = d->next) {
		for (unsigned i = 0; i < d->nr_vcpus; i++) {
			struct testbed_vcpu *v = &d->vcpus[i];
			uint64_t at = testbed_deadline(v);

			if (at <= testbed_now(tb)) {
				fire(v, at);
				at = testbed_deadline(v);
			}
			if (at < next)
				next = at;
		}
	}
	pthread_mutex_unlock(&tb->domains_lock);
	return next;
}

static void *timer_main(void *arg)
{
	struct testbed *tb = arg;

	while (!atomic_load(&tb->stopping)) {
		uint32_t seen = atomic_load(&tb->timer_seq);
		uint64_t next = fire_due(tb);
		uint64_t now = testbed_now(tb);

		if (next > now)
			testbed_futex_wait(&tb->timer_seq, seen,
					   next == HV_NEVER ? HV_NEVER : next - now);
	}
	return NULL;
}

void testbed_clock_start(struct testbed *tb)
{
	tb->started = host_ns();
	if (tb->time == TESTBED_THREADS && pthread_create(&tb->timer_thread, NULL, timer_main, tb))
		testbed_die("no timer thread");
}

void testbed_clock_stop(struct testbed *tb)
{
	if (tb->time != TESTBED_THREADS)
		return;
	atomic_store(&tb->stopping, true);
	bump(&tb->timer_seq);
	pthread_join(tb->timer_thread, NULL);
}
