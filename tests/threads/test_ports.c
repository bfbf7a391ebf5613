/* SPDX-License-Identifier: MIT */
/*
 * Real threads on raw domains: the hypervisor half alone under load. Sends against masking, moving,
 * closing, allocation, destruction. The guest half is test_guests.c.
 */
#include "load.h"

/* ---- sends against mask, bind_vcpu, unmask
 * ----------------------------------------------------------------------- */

#define CHANNELS 40u /* in more than one word of either width */
#define SENDS	 3000u
#define MOVES	 3000u

struct moves {
	struct testbed_domain *from, *to;
	_Atomic unsigned sent[CHANNELS + 1], seen[CHANNELS + 1]; /* by port: the same on both sides
								  */
	atomic_uint arrived;
	atomic_bool quiet;
	_Atomic unsigned bad;
	unsigned word_ports; /* in a word of the receiver's width */
};

static void moves_sender(struct testbed_vcpu *v, void *arg)
{
	struct moves *m = arg;
	uint32_t seed = 5 + testbed_vcpu_id(v);

	rendezvous(v, &m->arrived, 5);
	for (unsigned i = 0; i < SENDS; i++) {
		/* each channel has one sender: odd ports vCPU 1, even ones vCPU 0 */
		unsigned port = 1 + (rnd(&seed) % (CHANNELS / 2)) * 2 + (1 - testbed_vcpu_id(v));

		atomic_fetch_add_explicit(&m->sent[port], 1, memory_order_relaxed);
		if (op_send(v, port))
			atomic_fetch_add(&m->bad, 1);
	}
	atomic_fetch_add(&m->arrived, 1);
}

static void moves_mover(struct testbed_vcpu *v, void *arg)
{
	struct moves *m = arg;
	uint32_t seed = 99;

	rendezvous(v, &m->arrived, 5);
	for (unsigned i = 0; i < MOVES; i++) {
		unsigned port = 1 + rnd(&seed) % CHANNELS;
		long rc = 0;

		mem_set_masked(m->to, port, true);
		if (rnd(&seed) % 2)
			rc = op_bind_vcpu(v, port, rnd(&seed) % 2);
		if (rc || op_unmask(v, port))
			atomic_fetch_add(&m->bad, 1);
	}
	atomic_fetch_add(&m->arrived, 1);
}

static void see(struct moves *m, unsigned port)
{
	unsigned now, seen = atomic_load(&m->seen[port]);

	mem_set_pending(m->to, port, false);
	now = atomic_load_explicit(&m->sent[port], memory_order_relaxed);
	while (seen < now && !atomic_compare_exchange_weak(&m->seen[port], &seen, now))
		;
}

/* As a guest that handles whatever the selected words show. The flag is cleared before the selector
 * is taken. */
static bool consume(struct moves *m, struct testbed_vcpu *v)
{
	uint64_t words;

	if (!mem_take_upcall(v, &words))
		return false;
	for (unsigned port = 1; port <= CHANNELS; port++)
		if (words >> (port / m->word_ports) & 1 && mem_pending(m->to, port) &&
		    !mem_masked(m->to, port))
			see(m, port);
	return true;
}

static void moves_consumer(struct testbed_vcpu *v, void *arg)
{
	struct moves *m = arg;
	bool last;

	rendezvous(v, &m->arrived, 5);
	do {
		last = atomic_load(&m->arrived) == 8;
		while (consume(m, v))
			;
		sched_yield();
	} while (!last);
}

static void moves_of_width(bool compat32)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct testbed_domain_config to = { .id = 2, .vcpus = 3, .compat32 = compat32 };
	struct moves *m = calloc(1, sizeof(*m));

	m->from = load_domain(tb, 1, 2, false);
	m->to = testbed_domain_create(tb, &to, NULL);
	m->word_ports = compat32 ? 32 : 64;
	for (unsigned i = 1; i <= CHANNELS; i++) {
		evtchn_port_t p, q;

		assert_int_equal(hv_evtchn_connect(testbed_hv_domain(m->from),
						   testbed_hv_domain(m->to), &p, &q),
				 0);
		assert_int_equal(p, i);
		assert_int_equal(q, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		testbed_thread(testbed_vcpu(m->from, i), moves_sender, m);
		testbed_thread(testbed_vcpu(m->to, i), moves_consumer, m);
	}
	testbed_thread(testbed_vcpu(m->to, 2), moves_mover, m);
	for (unsigned i = 0; i < 3; i++) {
		if (i < 2)
			testbed_join(testbed_vcpu(m->from, i));
		testbed_join(testbed_vcpu(m->to, i));
	}
	assert_int_equal(atomic_load(&m->bad), 0);
	for (unsigned i = 1; i <= CHANNELS; i++) {
		assert_true(atomic_load(&m->sent[i]) > 0);
		assert_int_equal(atomic_load(&m->seen[i]), atomic_load(&m->sent[i]));
		assert_false(mem_pending(m->to, i));
	}
	assert_int_equal(testbed_destroy(tb), 0);
	free(m);
}

static void sends_against_moves(void **state)
{
	(void)state;
	moves_of_width(false);
}

/* 64-bit senders, a 32-bit receiver. */
static void sends_against_moves_32(void **state)
{
	(void)state;
	moves_of_width(true);
}

/* ---- no phantom: after close no late sender sets the closed port's bit
 * ------------------------------------------- */

#define CLOSES 1500u

struct phantom {
	struct testbed_domain *from, *to;
	atomic_bool stop;
	_Atomic unsigned bad;
};

static void phantom_sender(struct testbed_vcpu *v, void *arg)
{
	struct phantom *p = arg;

	while (!atomic_load(&p->stop))
		if (op_send(v, 1))
			atomic_fetch_add(&p->bad, 1);
}

static void phantom_closer(struct testbed_vcpu *v, void *arg)
{
	struct phantom *p = arg;

	for (unsigned i = 0; i < CLOSES; i++) {
		long port = op_bind_interdomain(v, 1, 1);

		if (port != 1)
			atomic_fetch_add(&p->bad, 1);
		mem_set_pending(p->to, 1, false);
		if (i % 4 == 0)
			while (!mem_pending(p->to, 1))
				sched_yield();
		if (op_close(v, 1))
			atomic_fetch_add(&p->bad, 1);
		for (unsigned k = 0; k < 3; k++) {
			if (mem_pending(p->to, 1))
				atomic_fetch_add(&p->bad, 1);
			if (i % 8 == 0)
				sched_yield();
		}
	}
	atomic_store(&p->stop, true);
}

static void close_leaves_no_phantom(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct phantom p = { .from = load_domain(tb, 1, 2, false),
			     .to = load_domain(tb, 2, 1, false) };

	(void)state;
	assert_int_equal(op_alloc_unbound(testbed_vcpu(p.from, 0), DOMID_SELF, 2), 1);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(p.from, i), phantom_sender, &p);
	testbed_thread(testbed_vcpu(p.to, 0), phantom_closer, &p);
	testbed_join(testbed_vcpu(p.to, 0));
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(p.from, i));
	assert_int_equal(atomic_load(&p.bad), 0);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- allocation by several vCPUs at once
 * -------------------------------------------------------------------------- */

#define ALLOCS 1500u

struct allocs {
	struct testbed_domain *d;
	_Atomic unsigned owner[4096];
	_Atomic unsigned bad;
	atomic_uint arrived;
};

static long alloc_one(struct testbed_vcpu *v, unsigned kind)
{
	switch (kind % 3) {
	case 0:
		return op_alloc_unbound(v, DOMID_SELF, 1);
	case 1:
		return op_bind_ipi(v, kind % 2);
	default:
		return op_alloc_unbound(v, DOMID_SELF, DOMID_SELF);
	}
}

static void alloc_main(struct testbed_vcpu *v, void *arg)
{
	struct allocs *a = arg;
	uint32_t seed = 31 + testbed_vcpu_id(v);
	long mine[8] = { 0 };

	rendezvous(v, &a->arrived, 3);
	for (unsigned i = 0; i < ALLOCS; i++) {
		unsigned slot = rnd(&seed) % 8;

		if (mine[slot]) {
			atomic_store(&a->owner[mine[slot]], 0);
			if (op_close(v, (uint32_t)mine[slot]))
				atomic_fetch_add(&a->bad, 1);
		}
		mine[slot] = alloc_one(v, rnd(&seed));
		/* nobody else has it, and three times eight are never more than 24 */
		if (mine[slot] < 1 || mine[slot] > 24 ||
		    atomic_exchange(&a->owner[mine[slot]], testbed_vcpu_id(v) + 1))
			atomic_fetch_add(&a->bad, 1);
	}
	for (unsigned i = 0; i < 8; i++) {
		if (!mine[i])
			continue;
		atomic_store(&a->owner[mine[i]], 0);
		if (op_close(v, (uint32_t)mine[i]))
			atomic_fetch_add(&a->bad, 1);
	}
}

static void allocation_by_many(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct allocs *a = calloc(1, sizeof(*a));
	struct hv_port_info info;

	(void)state;
	a->d = load_domain(tb, 1, 3, false);
	for (unsigned i = 0; i < 3; i++)
		testbed_thread(testbed_vcpu(a->d, i), alloc_main, a);
	for (unsigned i = 0; i < 3; i++)
		testbed_join(testbed_vcpu(a->d, i));
	assert_int_equal(atomic_load(&a->bad), 0);
	for (evtchn_port_t p = 1; !hv_port_info(testbed_hv_domain(a->d), p, &info); p++)
		assert_int_equal(info.status, EVTCHNSTAT_closed);
	assert_int_equal(op_bind_ipi(testbed_vcpu(a->d, 0), 0), 1);
	assert_int_equal(testbed_destroy(tb), 0);
	free(a);
}

/* ---- both ends close and bind at once: two domains' locks in both orders
 * ------------------------------------------ */

#define CROSSES 1500u

struct cross {
	struct testbed_domain *d[2];
	_Atomic unsigned bad;
	_Atomic unsigned connected;
	atomic_uint arrived;
};

static void cross_main(struct testbed_vcpu *v, void *arg)
{
	struct cross *c = arg;
	unsigned me = hv_domain_id(testbed_hv_domain(testbed_vcpu_domain(v))) - 1;
	uint32_t seed = 41 + me * 2 + testbed_vcpu_id(v);

	rendezvous(v, &c->arrived, 4);
	for (unsigned i = 0; i < CROSSES; i++) {
		uint32_t port = 1 + rnd(&seed) % 6;
		struct evtchn_status s;
		long rc;

		switch (rnd(&seed) % 5) {
		case 0:
			rc = op_alloc_unbound(v, DOMID_SELF, 2 - me);
			break;
		case 1:
			rc = op_bind_interdomain(v, 2 - me, port);
			if (rc > 0)
				atomic_fetch_add(&c->connected, 1);
			break;
		case 2:
			rc = op_close(v, port);
			break;
		case 3:
			rc = op_send(v, port);
			break;
		default:
			rc = op_status(v, DOMID_SELF, port, &s);
			break;
		}
		if (rc < 0 && rc != -XEN_EINVAL)
			atomic_fetch_add(&c->bad, 1);
	}
}

/* Connected pairs name each other, everything else is unbound or closed. */
static void check_pairs(struct cross *c, unsigned me)
{
	struct hv_port_info a, b;

	for (evtchn_port_t p = 1; !hv_port_info(testbed_hv_domain(c->d[me]), p, &a); p++) {
		if (a.status == EVTCHNSTAT_closed || a.status == EVTCHNSTAT_unbound)
			continue;
		assert_int_equal(a.status, EVTCHNSTAT_interdomain);
		assert_int_equal(a.remote_dom, 2 - me);
		assert_int_equal(hv_port_info(testbed_hv_domain(c->d[1 - me]), a.remote_port, &b),
				 0);
		assert_int_equal(b.status, EVTCHNSTAT_interdomain);
		assert_int_equal(b.remote_dom, me + 1);
		assert_int_equal(b.remote_port, p);
	}
}

static void both_ends_at_once(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct cross c = { .d = { load_domain(tb, 1, 2, false), load_domain(tb, 2, 2, false) } };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		testbed_thread(testbed_vcpu(c.d[i / 2], i % 2), cross_main, &c);
	for (unsigned i = 0; i < 4; i++)
		testbed_join(testbed_vcpu(c.d[i / 2], i % 2));
	assert_int_equal(atomic_load(&c.bad), 0);
	assert_true(atomic_load(&c.connected) > 0);
	check_pairs(&c, 0);
	check_pairs(&c, 1);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- a domain is destroyed while others send to it, again and again
 * ----------------------------------------------- */

#define DEATHS 60u

struct deaths {
	struct testbed_domain *d0;
	atomic_bool stop;
	_Atomic unsigned bad;
};

static void deaths_sender(struct testbed_vcpu *v, void *arg)
{
	struct deaths *s = arg;
	struct evtchn_status st;
	uint32_t seed = 61 + testbed_vcpu_id(v);

	while (!atomic_load(&s->stop)) {
		long rc = op_send(v, 1 + rnd(&seed) % 4);

		if (rc)
			atomic_fetch_add(&s->bad, 1);
		rc = op_status(v, 9, 1, &st);
		if (rc && rc != -XEN_ESRCH)
			atomic_fetch_add(&s->bad, 1);
	}
}

/* The victim's own thread sends as well, until its domain crashes under it. */
static void deaths_victim(struct testbed_vcpu *v, void *arg)
{
	(void)arg;
	for (;;)
		op_send(v, 2);
}

static void destruction_under_load(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct deaths s = { .d0 = load_domain(tb, 0, 2, false) };
	unsigned blocks;

	(void)state;
	for (long p = 1; p <= 4; p++)
		assert_int_equal(op_alloc_unbound(testbed_vcpu(s.d0, 0), DOMID_SELF, 9), p);
	/* once before counting: what the hypervisor keeps for the next domain is no leak */
	testbed_domain_destroy(load_domain(tb, 9, 1, false));
	assert_int_equal(testbed_vcpu_boot(testbed_vcpu(s.d0, 1)), 0);
	blocks = testbed_blocks(tb);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(s.d0, i), deaths_sender, &s);
	for (unsigned i = 0; i < DEATHS; i++) {
		struct testbed_domain *d = load_domain(tb, 9, 1, false);
		struct testbed_vcpu *v = testbed_vcpu(d, 0);

		for (uint32_t p = 1; p <= 4; p++) {
			assert_false(mem_pending(d, p));
			assert_int_equal(op_bind_interdomain(v, 0, p), p);
		}
		mem_set_pending(d, 3, false);
		while (!mem_pending(d, 3))
			sched_yield();
		testbed_thread(v, deaths_victim, &s);
		testbed_domain_destroy(d);
		assert_int_equal(testbed_blocks(tb), blocks);
	}
	atomic_store(&s.stop, true);
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(s.d0, i));
	assert_int_equal(atomic_load(&s.bad), 0);
	for (uint32_t p = 1; p <= 4; p++)
		assert_string_equal(op_status_text(testbed_vcpu(s.d0, 0), DOMID_SELF, p),
				    "unbound vcpu=0 dom=9");
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- poll against send: no wake-up is missed
 * ----------------------------------------------------------------------- */

#define POLLS 2000u

struct polls {
	struct testbed_domain *d[2];
	_Atomic unsigned bad;
};

static void polls_main(struct testbed_vcpu *v, void *arg)
{
	struct polls *p = arg;
	struct testbed_domain *d = testbed_vcpu_domain(v);
	evtchn_port_t port = 1;
	bool first = hv_domain_id(testbed_hv_domain(d)) == 1;

	for (unsigned i = 0; i < POLLS; i++) {
		if (first && op_send(v, 1))
			atomic_fetch_add(&p->bad, 1);
		/* a poll may end for nothing, by a slow waker of the one before; it hangs if the
		 * event was missed */
		do {
			if (op_poll(v, &port, 1, 0))
				atomic_fetch_add(&p->bad, 1);
		} while (!mem_pending(d, 1));
		mem_set_pending(d, 1, false);
		if (!first && op_send(v, 1))
			atomic_fetch_add(&p->bad, 1);
	}
}

static void polls_meet_sends(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct polls p = { .d = { load_domain(tb, 1, 1, false), load_domain(tb, 2, 1, false) } };
	evtchn_port_t a, b;

	(void)state;
	assert_int_equal(
		hv_evtchn_connect(testbed_hv_domain(p.d[0]), testbed_hv_domain(p.d[1]), &a, &b), 0);
	/* also with the ports masked: a poll looks at pending alone */
	mem_set_masked(p.d[0], 1, true);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(p.d[i], 0), polls_main, &p);
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(p.d[i], 0));
	assert_int_equal(atomic_load(&p.bad), 0);
	assert_int_equal(testbed_destroy(tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_against_moves),	   cmocka_unit_test(sends_against_moves_32),
		cmocka_unit_test(close_leaves_no_phantom), cmocka_unit_test(allocation_by_many),
		cmocka_unit_test(both_ends_at_once),	   cmocka_unit_test(destruction_under_load),
		cmocka_unit_test(polls_meet_sends),
	};

	return cmocka_run_group_tests_name("threads: ports", tests, NULL, NULL);
}
