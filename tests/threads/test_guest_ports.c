/* SPDX-License-Identifier: MIT */
/*
 * Ports of a guest while events arrive on real threads: moved from CPU to CPU, masked and unmasked,
 * closed and bound, read and written by programs; with each of the ABIs. No event may be lost, no
 * two passes of a handler may meet. Handlers and halting are test_guests.c.
 */
#include <carillon/guest_evtchn.h>

#include "load.h"

#include "../../guest/events/events.h"

static enum guest_abi abi_of(void **state)
{
	return *(enum guest_abi *)*state;
}

/* Domain 2 sends to the two CPUs of domain 1. */
struct flow {
	struct testbed *tb;
	struct testbed_domain *da, *db;
	struct guest *a, *b;
	evtchn_port_t port_b; /* its end, connected or waiting */
	_Atomic unsigned sent, seen, runs;
	_Atomic bool inside; /* a handler */
	_Atomic unsigned failed;
	_Atomic bool stop;	   /* the sender */
	_Atomic bool sender_ended; /* nothing is on its way any more */
	_Atomic bool end;	   /* all others */
};

static enum guest_irqreturn nothing(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn flow_handler(struct guest *g, unsigned irq, void *dev)
{
	struct flow *f = dev;

	(void)g;
	(void)irq;
	if (atomic_exchange(&f->inside, true))
		atomic_fetch_add(&f->failed, 1);
	atomic_store(&f->seen, atomic_load(&f->sent));
	atomic_fetch_add(&f->runs, 1);
	atomic_store(&f->inside, false);
	return GUEST_IRQ_HANDLED;
}

static void flow_begin(struct flow *f, enum guest_abi abi)
{
	memset(f, 0, sizeof(*f));
	f->tb = testbed_create(TESTBED_THREADS);
	f->da = load_guest(f->tb, 1, 2, abi);
	f->db = load_guest(f->tb, 2, 1, abi);
	f->a = testbed_guest(f->da);
	f->b = testbed_guest(f->db);
	f->port_b = (evtchn_port_t)guest_alloc_unbound(f->b, 1);
	assert_true(guest_bind_evtchn_to_irqhandler(f->b, f->port_b, nothing, 0, "tx", f) > 0);
}

static void sender(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;

	while (!atomic_load(&f->stop)) {
		atomic_fetch_add(&f->sent, 1);
		guest_notify_port(f->b, f->port_b);
		testbed_point(v);
	}
	atomic_store(&f->sender_ended, true);
}

/* A CPU that only takes its upcalls, now and then with its events disabled for a while. */
static void bystander(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	uint32_t seed = 7;

	guest_local_irq_enable(f->a);
	while (!atomic_load(&f->end)) {
		if (rnd(&seed) % 8 == 0) {
			guest_local_irq_disable(f->a);
			sched_yield();
			guest_local_irq_enable(f->a);
		}
		testbed_point(v);
		sched_yield();
	}
}

/* Let the sender end, then see that its last event has come; hangs if it was lost. */
static void drain(struct testbed_vcpu *v, struct flow *f)
{
	atomic_store(&f->stop, true);
	while (!atomic_load(&f->sender_ended) || atomic_load(&f->seen) != atomic_load(&f->sent)) {
		testbed_point(v);
		sched_yield();
	}
	atomic_store(&f->end, true);
}

static void flow_run(struct flow *f, void (*cpu1)(struct testbed_vcpu *v, void *arg))
{
	testbed_thread(testbed_vcpu(f->da, 0), bystander, f);
	testbed_thread(testbed_vcpu(f->da, 1), cpu1, f);
	testbed_thread(testbed_vcpu(f->db, 0), sender, f);
	testbed_join(testbed_vcpu(f->da, 1));
	testbed_join(testbed_vcpu(f->da, 0));
	testbed_join(testbed_vcpu(f->db, 0));
	assert_int_equal(atomic_load(&f->failed), 0);
	assert_true(atomic_load(&f->runs) > 0);
	assert_int_equal(testbed_destroy(f->tb), 0);
}

static int move(struct guest *g, unsigned irq, unsigned cpu)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags = irq_lock_save(g, desc);
	int rc = events_move(g, desc, cpu);

	irq_unlock_restore(g, desc, flags);
	return rc;
}

#define ROUNDS 1000u

static int bind(struct flow *f)
{
	return guest_bind_interdomain_to_irqhandler(f->a, 2, f->port_b, flow_handler, 0, "rx", f);
}

/* ---- moved back and forth ----------------------------------------------------------------- */

static void mover(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	int irq = bind(f);

	guest_local_irq_enable(f->a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (irq <= 0 || move(f->a, (unsigned)irq, i & 1))
			atomic_fetch_add(&f->failed, 1);
		testbed_point(v);
		if (i % 16 == 0)
			sched_yield();
	}
	drain(v, f);
}

static void moved_under_load(void **state)
{
	struct flow f;

	flow_begin(&f, abi_of(state));
	flow_run(&f, mover);
}

/* ---- masked and unmasked ------------------------------------------------------------------ */

static void masker(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	int irq = bind(f);

	guest_local_irq_enable(f->a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (irq <= 0 || guest_disable_irq(f->a, (unsigned)irq) || atomic_load(&f->inside))
			atomic_fetch_add(&f->failed, 1);
		if (i % 4 == 0)
			sched_yield();
		if (guest_enable_irq(f->a, (unsigned)irq))
			atomic_fetch_add(&f->failed, 1);
	}
	drain(v, f);
}

static void unmasked_under_load(void **state)
{
	struct flow f;

	flow_begin(&f, abi_of(state));
	flow_run(&f, masker);
}

/* ---- bound, moved, closed ----------------------------------------------------------------- */

static void binder(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	uint32_t seed = 99;
	int irq = 0;

	guest_local_irq_enable(f->a);
	for (unsigned i = 0; i < ROUNDS / 2; i++) {
		unsigned before = atomic_load(&f->runs);

		irq = bind(f);
		if (irq <= 0 || move(f->a, (unsigned)irq, rnd(&seed) & 1))
			atomic_fetch_add(&f->failed, 1);
		while (i % 3 == 0 && irq > 0 && atomic_load(&f->runs) == before) {
			testbed_point(v);
			sched_yield();
		}
		if (irq > 0 && guest_unbind_from_irqhandler(f->a, (unsigned)irq, f))
			atomic_fetch_add(&f->failed, 1);
		if (atomic_load(&f->inside))
			atomic_fetch_add(&f->failed, 1);
	}
	irq = bind(f);
	drain(v, f);
}

static void closed_under_load(void **state)
{
	struct flow f;

	flow_begin(&f, abi_of(state));
	flow_run(&f, binder);
}

/* ---- programs ----------------------------------------------------------------------------- */

static void program(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	struct guest_evtchn *h = NULL;
	evtchn_port_t got[4];
	int n, port = 0;

	guest_local_irq_enable(f->a);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!h && guest_evtchn_open(f->a, NULL, NULL, &h))
			atomic_fetch_add(&f->failed, 1);
		if (!port)
			port = guest_evtchn_bind_interdomain(h, 2, f->port_b);
		while ((n = guest_evtchn_read(h, got, 4)) < 0) {
			testbed_point(v);
			sched_yield();
		}
		/* one port, once; what was sent before it is written is seen now or comes then */
		if (n != 1 || port <= 0 || got[0] != (evtchn_port_t)port)
			atomic_fetch_add(&f->failed, 1);
		atomic_fetch_add(&f->runs, 1);
		if (i % 8 == 3 && guest_evtchn_unbind(h, (evtchn_port_t)port))
			atomic_fetch_add(&f->failed, 1);
		if (i % 8 == 7) {
			guest_evtchn_close(h);
			h = NULL;
		}
		if (i % 8 == 3 || i % 8 == 7)
			port = 0;
		else
			guest_evtchn_write(h, got, 1);
	}
	port = guest_evtchn_open(f->a, NULL, NULL, &h);
	if (port || guest_evtchn_bind_interdomain(h, 2, f->port_b) <= 0)
		atomic_fetch_add(&f->failed, 1);
	atomic_store(&f->stop, true);
	while (!atomic_load(&f->sender_ended) || atomic_load(&f->seen) != atomic_load(&f->sent)) {
		if (guest_evtchn_read(h, got, 1) == 1) {
			atomic_store(&f->seen, atomic_load(&f->sent));
			guest_evtchn_write(h, got, 1);
		}
		testbed_point(v);
	}
	guest_evtchn_close(h);
	atomic_store(&f->end, true);
}

static void programs_under_load(void **state)
{
	struct flow f;

	flow_begin(&f, abi_of(state));
	flow_run(&f, program);
}

/* ---- many ports on one queue -------------------------------------------------------------- */

#define PORTS 6u

struct many {
	struct testbed_domain *da, *db;
	struct one {
		_Atomic unsigned sent, seen;
		unsigned tx; /* IRQ in b */
	} one[PORTS];
	_Atomic bool sender_ended;
};

static enum guest_irqreturn one_handler(struct guest *g, unsigned irq, void *dev)
{
	struct one *o = dev;

	(void)g;
	(void)irq;
	atomic_store(&o->seen, atomic_load(&o->sent));
	return GUEST_IRQ_HANDLED;
}

static void many_sender(struct testbed_vcpu *v, void *arg)
{
	struct many *m = arg;
	uint32_t seed = 5;

	for (unsigned i = 0; i < 40 * ROUNDS; i++) {
		struct one *o = &m->one[rnd(&seed) % PORTS];

		atomic_fetch_add(&o->sent, 1);
		guest_notify_irq(testbed_guest(m->db), o->tx);
	}
	testbed_point(v);
	atomic_store(&m->sender_ended, true);
}

/* Hangs if one was lost. */
static void many_receiver(struct testbed_vcpu *v, void *arg)
{
	struct many *m = arg;
	bool all;

	guest_local_irq_enable(testbed_guest(m->da));
	do {
		testbed_point(v);
		all = atomic_load(&m->sender_ended);
		for (unsigned i = 0; i < PORTS; i++)
			all &= atomic_load(&m->one[i].seen) == atomic_load(&m->one[i].sent);
	} while (!all);
}

static void many_on_a_queue(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct many *m = calloc(1, sizeof(*m));
	struct guest *a, *b;

	m->da = load_guest(tb, 1, 1, abi_of(state));
	m->db = load_guest(tb, 2, 1, abi_of(state));
	a = testbed_guest(m->da);
	b = testbed_guest(m->db);
	for (unsigned i = 0; i < PORTS; i++) {
		int port = guest_alloc_unbound(a, 2);

		assert_true(guest_bind_evtchn_to_irqhandler(a, (evtchn_port_t)port, one_handler, 0,
							    "rx", &m->one[i]) > 0);
		m->one[i].tx = (unsigned)guest_bind_interdomain_to_irq(b, 1, (evtchn_port_t)port);
	}
	testbed_thread(testbed_vcpu(m->da, 0), many_receiver, m);
	testbed_thread(testbed_vcpu(m->db, 0), many_sender, m);
	testbed_join(testbed_vcpu(m->da, 0));
	testbed_join(testbed_vcpu(m->db, 0));
	assert_int_equal(testbed_destroy(tb), 0);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(moved_under_load),	   both(unmasked_under_load), both(closed_under_load),
		both(programs_under_load), both(many_on_a_queue),
	};

	return cmocka_run_group_tests_name("threads: guest ports", tests, NULL, NULL);
}
