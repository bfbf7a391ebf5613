/* SPDX-License-Identifier: MIT */
/*
 * Leaving the only processor to whom one woke (vmm/process_handover.c): domains that send to each
 * other in a ring, to one that makes no call, and while they are destroyed and made anew; and which
 * thread has which vCPU then (vmm/process_seat.c). Each call is answered once, no event is lost,
 * nobody who is gone is touched (also under TSan). Hypervisor, processes and guests are played
 * here. Exit status 0: all passed; a standstill ends by the alarm.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <carillon/hypervisor_look.h>

#include "process_internal.h"

#define DOMAINS	    6u
#define ROUNDS	    6000u
#define RINGS	    20u /* are tried at most until one is held */
#define DEAF_ROUNDS 100u
#define DEATHS	    400u
#define SECONDS	    100u /* far more than it takes */
#define BLOCKED	    1u	 /* hv_vcpu.stopped */
#define ALIVE	    0x616c697665u

struct hv_vcpu {
	struct domain *d;
	_Atomic uint32_t stopped, ready, pending;
};

/* One vCPU, with a thread that is the guest, and one of the monitor's, if it has it now. */
struct domain {
	uint64_t alive; /* ALIVE until it is freed */
	unsigned id;
	struct process process;
	struct vcpu vcpu;
	struct hv_vcpu hv;
	struct shim_vcpu control;
	pthread_t guest;
	atomic_bool guest_left;
	int sends_to; /* its call, -1: SCHEDOP_block */
	sem_t called; /* there is one to be received */
	_Atomic uint64_t call, answered;
	sem_t goes_on; /* it is answered */
	bool (*event)(struct domain *d);
	unsigned seed;
};

struct process_backend process_backend;

/* As the hypervisor's sections: who is found in here is freed later. */
static struct domain *domains[DOMAINS];
static pthread_rwlock_t section = PTHREAD_RWLOCK_INITIALIZER;

static atomic_bool looks_wanted, blind, over;
static _Atomic unsigned events, held, followed;

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "handover: %s\n", what);
	exit(1);
}

static unsigned some(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

/* Where others may come in between */
static void point(void)
{
	static _Thread_local unsigned seed;

	if (some(&seed) % 8 == 0)
		sched_yield();
}

/* ---- what those and process_kick.c ask of others --------------------------------------------- */

static void exists(const struct hv_vcpu *v)
{
	point();
	check(v->d->alive == ALIVE, "a vCPU that is gone is touched");
}

void *hv_vcpu_user(const struct hv_vcpu *v)
{
	exists(v);
	return &v->d->vcpu;
}

bool hv_vcpu_runnable(const struct hv_vcpu *v)
{
	exists(v);
	return !atomic_load(&v->stopped);
}

bool hv_vcpu_nmi_due(const struct hv_vcpu *v)
{
	exists(v);
	return false;
}

bool hv_vcpu_upcall_due(const struct hv_vcpu *v)
{
	exists(v);
	return atomic_load(&v->pending);
}

struct vcpu_info *hv_vcpu_info(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset)
{
	exists(v);
	(void)mfn;
	(void)offset;
	return NULL;
}

void hv_vcpu_state(const struct hv_vcpu *v, struct hv_vcpu_state *out)
{
	exists(v);
	*out = (struct hv_vcpu_state){ .upcall_pending = atomic_load(&v->pending) };
}

void hv_vcpu_resumed(struct hv_vcpu *v)
{
	exists(v);
}

bool hv_domain_is_shut_down(const struct hv_domain *d, unsigned *reason)
{
	(void)d;
	(void)reason;
	return false;
}

void process_kill(const struct process *p)
{
	(void)p;
}

bool vcpu_domain_over(struct vcpu *v, bool waited)
{
	(void)waited;
	return atomic_load(&v->process->dead);
}

void vcpu_signal(const struct vcpu *v)
{
	exists(v->hv);
}

void vcpu_answer(const struct vcpu *v, struct seccomp_notif_resp *resp)
{
	struct domain *d = v->hv->d;

	exists(v->hv);
	check(atomic_exchange(&d->answered, resp->id) != resp->id, "a call is answered twice");
	sem_post(&d->goes_on);
}

static void look_later(void *arg)
{
	(void)arg;
	check(!atomic_exchange(&looks_wanted, true), "a second look is asked for");
}

static void *look(void *arg)
{
	while (!atomic_load(&over)) {
		usleep(1000);
		if (!atomic_load(&blind) && atomic_exchange(&looks_wanted, false))
			process_look();
	}
	return arg;
}

/* ---- a vCPU's thread in the monitor, as in process_vcpu.c ------------------------------------ */

static bool receive(struct domain *d)
{
	while (sem_wait(&d->called))
		;
	return !atomic_load(&d->process.dead);
}

/* EVTCHNOP_send, or somebody outside: it is told once that there is something. */
static void raise_event(unsigned to)
{
	struct domain *d;

	pthread_rwlock_rdlock(&section);
	d = domains[to];
	if (d) {
		atomic_store(&d->hv.ready, 1);
		if (!atomic_exchange(&d->hv.pending, 1)) {
			atomic_fetch_and(&d->hv.stopped, ~BLOCKED);
			process_kick(&d->hv);
		}
	}
	pthread_rwlock_unlock(&section);
}

static void block(struct domain *d)
{
	atomic_fetch_or(&d->hv.stopped, BLOCKED);
	if (atomic_load(&d->hv.pending))
		atomic_fetch_and(&d->hv.stopped, ~BLOCKED);
}

static bool way_back(struct domain *d)
{
	struct vcpu *v = &d->vcpu;

	for (;;) {
		if (!hv_vcpu_runnable(&d->hv) && !vcpu_wait_runnable(v))
			return false;
		vcpu_set_state(v, VCPU_IN_GUEST);
		if (hv_vcpu_runnable(&d->hv))
			return true;
		vcpu_set_state(v, VCPU_IN_MONITOR);
	}
}

static struct vcpu *serve(struct domain *d)
{
	struct vcpu *v = &d->vcpu, *next;
	bool send = d->sends_to >= 0;

	vcpu_set_state(v, VCPU_IN_MONITOR);
	v->left_answer.id = atomic_load(&d->call);
	v->left_looks = true;
	handover_begin(v, send, !send);
	if (send)
		raise_event((unsigned)d->sends_to);
	else
		block(d);
	handover_handled(v);
	if (!send && !hv_vcpu_runnable(&d->hv) && vcpu_fall_asleep(v)) {
		handover_end(v);
		return v;
	}
	if (!way_back(d))
		return NULL;
	next = handover_hold(v);
	if (next) {
		atomic_fetch_add(&held, 1);
		atomic_fetch_add(&followed, next != v);
		return next;
	}
	atomic_store(&v->told, false);
	handover_end(v);
	vcpu_answer(v, &v->left_answer);
	return v;
}

static void *sit(void *arg)
{
	struct vcpu *v = arg, *next = v;

	while (next) {
		v = next;
		exists(v->hv);
		next = receive(v->hv->d) ? serve(v->hv->d) : NULL;
	}
	handover_end(v);
	vcpu_set_state(v, VCPU_GONE);
	v->thread = pthread_self();
	atomic_store(&v->left, true);
	return NULL;
}

/* ---- a guest; its calls say false: it is over ------------------------------------------------ */

static bool call(struct domain *d, int sends_to)
{
	uint64_t nr = atomic_fetch_add(&d->call, 1) + 1;

	d->sends_to = sends_to;
	sem_post(&d->called);
	while (sem_wait(&d->goes_on))
		;
	check(atomic_load(&d->process.dead) || atomic_load(&d->answered) == nr,
	      "another call is answered");
	return !atomic_load(&d->process.dead);
}

static bool send_event(struct domain *d, unsigned to)
{
	return call(d, (int)to);
}

/* An upcall, which takes what comes meanwhile too, told or not; then it sleeps. */
static void *run(void *arg)
{
	struct domain *d = arg;
	bool alive = true;

	while (alive && (atomic_load(&d->hv.pending) || call(d, -1))) {
		atomic_store(&d->hv.pending, 0);
		while (alive && atomic_exchange(&d->hv.ready, 0))
			alive = d->event(d);
	}
	atomic_store(&d->guest_left, true);
	return NULL;
}

static void create(unsigned id, bool (*event)(struct domain *d))
{
	struct domain *d = aligned_alloc(_Alignof(struct domain), sizeof(*d));
	pthread_t thread;

	check(d, "no memory");
	*d = (struct domain){ .alive = ALIVE, .id = id, .event = event, .seed = id };
	d->hv.d = d;
	d->vcpu.process = &d->process;
	d->vcpu.hv = &d->hv;
	d->vcpu.control = &d->control;
	sem_init(&d->called, 0, 0);
	sem_init(&d->goes_on, 0, 0);
	pthread_rwlock_wrlock(&section);
	domains[id] = d;
	pthread_rwlock_unlock(&section);
	check(!pthread_create(&thread, NULL, sit, &d->vcpu) &&
		      !pthread_create(&d->guest, NULL, run, d),
	      "no thread");
}

/* As process_destroy, hv_domain_destroy and process_free: nothing it waits for comes to it. */
static void destroy(unsigned id)
{
	struct domain *d = domains[id];

	atomic_store(&d->process.dead, true);
	while (!atomic_load(&d->vcpu.left) || !atomic_load(&d->guest_left)) {
		process_kick(&d->hv);
		sem_post(&d->called);
		sem_post(&d->goes_on);
		sched_yield();
	}
	pthread_join(d->vcpu.thread, NULL);
	pthread_join(d->guest, NULL);
	handover_forget(&d->process);
	pthread_rwlock_wrlock(&section);
	domains[id] = NULL;
	pthread_rwlock_unlock(&section);
	d->alive = 0;
	free(d);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void reset(void)
{
	atomic_store(&events, 0);
	atomic_store(&held, 0);
	atomic_store(&followed, 0);
}

static unsigned ring; /* of so many domains */

static bool pass_on(struct domain *d)
{
	unsigned n = atomic_fetch_add(&events, 1);

	return n >= ROUNDS || send_event(d, (d->id + 1) % ring);
}

/* One event goes round and round: if it is lost, that is the end. */
static bool ring_is_held(unsigned nr)
{
	unsigned i;

	reset();
	ring = nr;
	for (i = 0; i < nr; i++)
		create(i, pass_on);
	raise_event(0);
	while (atomic_load(&events) <= ROUNDS)
		usleep(1000);
	for (i = 0; i < nr; i++)
		destroy(i);
	printf("ring of %u: %u of %u sends held, %u followed\n", nr, atomic_load(&held), ROUNDS,
	       atomic_load(&followed));
	return atomic_load(&held) > ROUNDS / 4 && (nr > 2 || atomic_load(&followed) > ROUNDS / 4);
}

/* Where others have the processors at the wrong moment, none is trusted for the rest of a ring. */
static void test_ring(unsigned nr)
{
	unsigned i;

	for (i = 0; i < RINGS && !ring_is_held(nr); i++)
		;
	check(i < RINGS, "they are hardly ever held, or threads hardly ever go along");
}

/* It makes no call until it is destroyed. */
static bool make_no_call(struct domain *d)
{
	do {
		atomic_fetch_add(&events, 1);
		while (!atomic_exchange(&d->hv.ready, 0)) {
			if (atomic_load(&d->process.dead))
				return false;
			sched_yield();
		}
		atomic_store(&d->hv.pending, 0);
	} while (true);
}

static bool send_to_deaf(struct domain *d)
{
	return send_event(d, 1);
}

/* To one that never calls: each is held, and each goes on. */
static void test_deaf(void)
{
	unsigned i;

	reset();
	create(0, send_to_deaf);
	create(1, make_no_call);
	for (i = 0; i < DEAF_ROUNDS; i++) {
		unsigned before = atomic_load(&events);

		raise_event(0);
		while (atomic_load(&events) == before || !atomic_load(&domains[0]->hv.stopped))
			usleep(100);
	}
	destroy(0);
	destroy(1);
	printf("deaf: %u of %u sends held\n", atomic_load(&held), DEAF_ROUNDS);
	check(atomic_load(&held) > DEAF_ROUNDS / 32, "they are hardly ever held");
}

static bool told_each_time(struct domain *d)
{
	atomic_store(&d->hv.pending, 0);
	atomic_fetch_add(&events, 1);
	return send_event(d, 1);
}

static bool ignore(struct domain *d)
{
	(void)d;
	return true;
}

/*
 * Without the look: an event for who is held, or is just going to be, ends it where the receiver
 * makes no call; and the receiver's next call does, which is no send.
 */
static void test_without_the_look(void)
{
	unsigned i;

	reset();
	atomic_store(&blind, true);
	create(0, told_each_time);
	create(1, make_no_call);
	for (i = 0; i < ROUNDS; i++) {
		unsigned before = atomic_load(&events);

		raise_event(0);
		while (atomic_load(&events) == before)
			sched_yield();
		if (i % 8)
			usleep(i % 64);
	}
	destroy(1);
	create(1, ignore);
	for (i = 0; i < DEAF_ROUNDS; i++) {
		raise_event(0);
		while (!atomic_load(&domains[0]->hv.stopped))
			sched_yield();
	}
	destroy(0);
	destroy(1);
	atomic_store(&blind, false);
	printf("without the look: %u of %u sends held\n", atomic_load(&held), ROUNDS);
	check(atomic_load(&held) > DEAF_ROUNDS, "they are hardly ever held");
}

static _Atomic unsigned to_and_fro; /* so many more of 0's events; each is sent on to 1, the last to
				       nobody */
static atomic_bool busy;

static bool send_at_last_to_2(struct domain *d)
{
	if (atomic_load(&to_and_fro))
		return atomic_fetch_sub(&to_and_fro, 1) == 1 || send_event(d, 1);
	return send_event(d, 2);
}

static bool send_back(struct domain *d)
{
	return send_event(d, 0);
}

static bool work(struct domain *d)
{
	while (atomic_load(&busy) && !atomic_load(&d->process.dead))
		sched_yield();
	return true;
}

static bool is_in_state(unsigned id, enum vcpu_state state, unsigned ms)
{
	while (ms-- && atomic_load(&domains[id]->vcpu.state) != state)
		usleep(1000);
	return atomic_load(&domains[id]->vcpu.state) == state;
}

/* An event of 0's for 2, which works. True: 0 has parked, as it does if it is trusted by then. */
static bool park_by_event_for_2(void)
{
	unsigned i;

	atomic_store(&busy, false);
	atomic_store(&to_and_fro, DEAF_ROUNDS);
	raise_event(0);
	while (atomic_load(&to_and_fro))
		usleep(100);
	for (i = 0; i < 3; i++)
		check(is_in_state(i, VCPU_ASLEEP, 10000), "it does not fall asleep");
	atomic_store(&busy, true);
	raise_event(0);
	return is_in_state(0, VCPU_VACANT, 100);
}

/*
 * A thread that parks keeps nobody whom it woke: how long it does is for others to say, and who
 * destroys that one's domain would wait for them.
 */
static void test_parked_keeps_nobody(void)
{
	unsigned i;

	reset();
	atomic_store(&blind, true);
	create(0, send_at_last_to_2);
	create(1, send_back);
	create(2, work);
	for (i = 0; i < DEAF_ROUNDS && !park_by_event_for_2(); i++)
		;
	check(i < DEAF_ROUNDS, "none parks");
	for (i = 0; i < 1000 && atomic_load(&domains[2]->process.kept); i++)
		usleep(1000);
	check(i < 1000, "a parked thread keeps whom it woke");
	printf("parked: it keeps nobody\n");
	for (i = 0; i < 3; i++)
		destroy(i);
	atomic_store(&blind, false);
}

/* Mostly to and fro between two */
static bool send_anywhere(struct domain *d)
{
	unsigned n = some(&d->seed) % 8 ? 1 : some(&d->seed) % 3;
	bool alive = true;

	atomic_fetch_add(&events, 1);
	while (alive && n--)
		alive = send_event(d, some(&d->seed) % 8 ? d->id ^ 1 : some(&d->seed) % DOMAINS);
	return alive;
}

/* They are destroyed at any moment, held or just being woken, and made anew. */
static void test_deaths(void)
{
	unsigned i, seed = 1;

	reset();
	for (i = 0; i < DOMAINS; i++)
		create(i, send_anywhere);
	for (i = 0; i < DEATHS; i++) {
		unsigned id = some(&seed) % DOMAINS, n = 1 + some(&seed) % 30;

		while (n--) {
			raise_event(some(&seed) % DOMAINS);
			usleep(some(&seed) % 256);
		}
		destroy(id);
		create(id, send_anywhere);
	}
	for (i = 0; i < DOMAINS; i++)
		destroy(i);
	printf("deaths: %u of %u events' sends held, %u followed\n", atomic_load(&held),
	       atomic_load(&events), atomic_load(&followed));
	check(atomic_load(&held) > DEATHS / 4, "they are hardly ever held");
	check(atomic_load(&followed) > DEATHS / 4, "threads hardly ever go along");
}

int main(void)
{
	pthread_t looker;

	alarm(SECONDS);
	process_backend.one_cpu = true;
	process_backend.look_later = look_later;
	check(!pthread_create(&looker, NULL, look, NULL), "no thread");
	test_ring(2);
	test_ring(DOMAINS);
	test_deaf();
	test_without_the_look();
	test_parked_keeps_nobody();
	test_deaths();
	atomic_store(&over, true);
	pthread_join(looker, NULL);
	return 0;
}
