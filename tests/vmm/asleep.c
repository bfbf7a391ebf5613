/* SPDX-License-Identifier: MIT */
/*
 * A vCPU that sleeps with its call unanswered (vmm/process_kick.c) against threads that send to it,
 * pause it, raise NMIs: each call is answered once, nobody's event waits for another's, and what is
 * the own thread's is touched by one at a time (under TSan). The hypervisor, the process and the
 * guest are played here. Exit status 0: all passed; a lost wake-up ends it by the alarm.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <carillon/hypervisor_look.h>

#include "process_internal.h"

#define ROUNDS	20000u
#define SECONDS 100u /* far more than it takes */
#define BLOCKED 1u   /* hv_vcpu.stopped */
#define PAUSED	2u

struct hv_vcpu {
	_Atomic uint32_t stopped;
	_Atomic uint32_t pending, nmi;
	unsigned resumed; /* of its thread, or who acts for it */
};

struct process_backend process_backend;

static struct hv_vcpu hv;
static struct shim_vcpu control;
static struct process process;
static struct vcpu vcpu = { .process = &process, .hv = &hv, .control = &control };

static atomic_bool shut_down, killed;
static _Atomic uint32_t signalled;
static _Atomic uint64_t answered; /* the call's number; 0: not yet */
static sem_t goes_on;		  /* the guest's thread sleeps in its call */

/* Of who answers for it */
static _Thread_local bool nmi_due, called_in;

static unsigned slept, calls; /* of the vCPU's thread */

/* Where others may come in between: what the backend asks is asked at such moments. */
static void point(void)
{
	static _Thread_local unsigned turn;

	turn = turn * 1103515245 + 12345 + !turn * (unsigned)gettid();
	if ((turn >> 16) % 8 == 0)
		sched_yield();
	else if ((turn >> 16) % 64 == 1)
		usleep(1);
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "asleep: %s\n", what);
	exit(1);
}

/* ---- what process_kick.c asks of others ------------------------------------------------------ */

void *hv_vcpu_user(const struct hv_vcpu *v)
{
	(void)v;
	point();
	return &vcpu;
}

bool hv_vcpu_runnable(const struct hv_vcpu *v)
{
	bool runnable;

	point();
	runnable = !atomic_load(&v->stopped) && !atomic_load(&shut_down);
	point();
	return runnable;
}

bool hv_vcpu_nmi_due(const struct hv_vcpu *v)
{
	return atomic_load(&v->nmi);
}

bool hv_vcpu_upcall_due(const struct hv_vcpu *v)
{
	return atomic_load(&v->pending);
}

struct vcpu_info *hv_vcpu_info(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset)
{
	(void)v;
	(void)mfn;
	(void)offset;
	return NULL;
}

void hv_vcpu_state(const struct hv_vcpu *v, struct hv_vcpu_state *out)
{
	(void)v;
	*out = (struct hv_vcpu_state){ 0 };
}

void hv_vcpu_resumed(struct hv_vcpu *v)
{
	v->resumed++;
	nmi_due = atomic_load(&v->nmi);
	called_in = false;
	point();
}

bool hv_domain_is_shut_down(const struct hv_domain *d, unsigned *reason)
{
	(void)d;
	(void)reason;
	return atomic_load(&shut_down);
}

void process_kill(const struct process *p)
{
	(void)p;
	if (!atomic_exchange(&killed, true))
		sem_post(&goes_on);
}

bool vcpu_domain_over(struct vcpu *v, bool waited)
{
	(void)waited;
	if (atomic_load(&shut_down))
		process_kill(v->process);
	return atomic_load(&killed);
}

void vcpu_signal(const struct vcpu *v)
{
	called_in = __atomic_load_n(&v->control->park, __ATOMIC_RELAXED);
	atomic_store(&signalled, 1);
}

void vcpu_answer(const struct vcpu *v, struct seccomp_notif_resp *resp)
{
	(void)v;
	check(called_in || !nmi_due, "an NMI that was due is not taken first");
	check(!atomic_exchange(&answered, resp->id), "a call is answered twice");
	sem_post(&goes_on);
}

/* ---- the vCPU: its guest, and its thread in the monitor -------------------------------------- */

/* As in process_vcpu.c. False: the domain is over. */
static bool way_back(void)
{
	for (;;) {
		__atomic_store_n(&control.park, 0, __ATOMIC_SEQ_CST);
		if (!hv_vcpu_runnable(&hv) && !vcpu_wait_runnable(&vcpu))
			return false;
		hv.resumed++;
		atomic_store(&hv.nmi, 0);
		vcpu_set_state(&vcpu, VCPU_IN_GUEST);
		if (hv_vcpu_runnable(&hv) && !atomic_load(&hv.nmi))
			break;
		vcpu_set_state(&vcpu, VCPU_IN_MONITOR);
	}
	if (atomic_load(&hv.pending))
		vcpu_signal(&vcpu);
	return true;
}

/*
 * It looks for events at the end of its call, or else only when it is told to, and comes to the
 * monitor if that says so. False: the domain is over.
 */
static bool guest(bool looks)
{
	if (looks)
		atomic_store(&hv.pending, 0);
	do {
		while (!atomic_exchange(&signalled, 0)) {
			if (!atomic_load(&hv.pending))
				return true;
			sched_yield();
		}
		atomic_store(&hv.pending, 0);
		if (!__atomic_load_n(&control.park, __ATOMIC_ACQUIRE))
			continue;
		vcpu_set_state(&vcpu, VCPU_IN_MONITOR);
		if (!way_back())
			return false;
	} while (true);
}

/* SCHEDOP_block. False: the domain is over. */
static bool block(void)
{
	vcpu_set_state(&vcpu, VCPU_IN_MONITOR);
	atomic_fetch_or(&hv.stopped, BLOCKED);
	if (atomic_load(&hv.pending) || atomic_load(&hv.nmi))
		atomic_fetch_and(&hv.stopped, ~BLOCKED);
	if (hv_vcpu_runnable(&hv))
		return way_back();
	vcpu.left_answer = (struct seccomp_notif_resp){ .id = ++calls };
	vcpu.left_looks = calls % 2;
	atomic_store(&answered, 0);
	if (!vcpu_fall_asleep(&vcpu))
		return way_back();
	slept++;
	while (sem_wait(&goes_on))
		;
	if (atomic_load(&killed))
		return false;
	check(atomic_load(&answered) == calls, "another call is answered");
	return true;
}

static void *vcpu_thread(void *arg)
{
	while (block() && guest(vcpu.left_looks))
		;
	return arg;
}

/* ---- those who wake it ----------------------------------------------------------------------- */

static void unblock(void)
{
	if (atomic_load(&hv.stopped) & BLOCKED)
		atomic_fetch_and(&hv.stopped, ~BLOCKED);
	process_kick(&hv);
}

/* One event at a time: that it is taken hangs on this wake-up alone. */
static void *send(void *arg)
{
	_Atomic uint32_t *what = arg;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		if (!atomic_exchange(what, 1))
			unblock();
		while (atomic_load(what))
			sched_yield();
	}
	return NULL;
}

static void *pause_and_go_on(void *arg)
{
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		if (!atomic_fetch_or(&hv.stopped, PAUSED))
			process_kick(&hv);
		point();
		if (atomic_fetch_and(&hv.stopped, ~PAUSED) == PAUSED)
			process_kick(&hv);
		point();
	}
	return arg;
}

/* They run together, until all have done all. */
static void together(void *(*a)(void *), void *with_a, void *(*b)(void *), void *with_b)
{
	pthread_t threads[2];

	check(!pthread_create(&threads[0], NULL, a, with_a), "no thread");
	check(!pthread_create(&threads[1], NULL, b, with_b), "no thread");
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

int main(void)
{
	pthread_t thread;

	alarm(SECONDS);
	sem_init(&goes_on, 0, 0);
	check(!pthread_create(&thread, NULL, vcpu_thread, NULL), "no thread");
	send(&hv.pending);
	together(send, &hv.pending, send, &hv.pending);
	together(send, &hv.pending, send, &hv.nmi);
	together(send, &hv.pending, pause_and_go_on, NULL);
	/* Asleep by now, or soon: either way it is to end. */
	atomic_store(&shut_down, true);
	process_kick(&hv);
	pthread_join(thread, NULL);
	check(slept > ROUNDS / 10, "it hardly ever slept");
	printf("%u calls left unanswered, %u times resumed\n", slept, hv.resumed);
	return 0;
}
