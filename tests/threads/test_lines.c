/* SPDX-License-Identifier: MIT */
/*
 * Real threads on shared level lines: a device that raises as fast as it can against eoi, unbind,
 * bind, and domains that crash and are destroyed meanwhile. And vCPUs of one domain that do
 * everything to the same ports at once.
 */
#include "load.h"

#include <pthread.h>

/* ---- a shared level line ---- */

#define ROUNDS 200u
#define SERVED 1500u

struct storm {
	struct testbed *tb;
	struct testbed_domain *d0;
	struct testbed_line *line;
	atomic_bool level, stop;
	_Atomic unsigned served;
};

/* The device: asserted until d0 serves it, then at once again. */
static void *device(void *arg)
{
	struct storm *s = arg;

	while (!atomic_load(&s->stop)) {
		if (!atomic_exchange(&s->level, true))
			testbed_line_set(s->line, true);
		hv_irq_raise(testbed_hv(s->tb), 5);
		sched_yield();
	}
	return NULL;
}

/* d0: polls its port's bit, serves the device, eois; now and then binds anew. */
static void server(struct testbed_vcpu *v, void *arg)
{
	struct storm *s = arg;
	long port = op_bind_pirq(v, 5, BIND_PIRQ__WILL_SHARE);

	while (atomic_load(&s->served) < SERVED || !atomic_load(&s->stop)) {
		if (atomic_load(&s->stop) && !atomic_load(&s->level))
			break;
		if (!mem_pending(s->d0, (uint32_t)port)) {
			sched_yield();
			continue;
		}
		mem_set_pending(s->d0, (uint32_t)port, false);
		testbed_line_set(s->line, false);
		atomic_store(&s->level, false);
		if (atomic_fetch_add(&s->served, 1) % 16 == 0) {
			op_close(v, (uint32_t)port);
			port = op_bind_pirq(v, 5, BIND_PIRQ__WILL_SHARE);
		} else {
			op_eoi(v, 5);
		}
	}
}

/* The other owner: binds, perhaps eois, and is dead before long. */
static void victim(struct testbed_vcpu *v, void *arg)
{
	uint32_t seed = 7;

	(void)arg;
	for (;;) {
		long port = op_bind_pirq(v, 5, BIND_PIRQ__WILL_SHARE);

		for (unsigned i = rnd(&seed) % 4; i; i--)
			op_eoi(v, 5);
		if (port > 0 && rnd(&seed) % 2)
			op_close(v, (uint32_t)port);
		else if (rnd(&seed) % 4 == 0)
			op_reset(v, DOMID_SELF);
	}
}

static void line_storm(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct storm s = { .tb = tb, .d0 = load_domain(tb, 0, 1, false) };
	pthread_t thread;

	(void)state;
	s.line = testbed_line(tb, 5, HV_IRQ_LEVEL);
	assert_int_equal(hv_domain_map_pirq(testbed_hv_domain(s.d0), 5, 5, true), 0);
	testbed_thread(testbed_vcpu(s.d0, 0), server, &s);
	assert_int_equal(pthread_create(&thread, NULL, device, &s), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct testbed_domain *d = load_domain(tb, 9, 1, false);
		unsigned before;

		assert_int_equal(hv_domain_map_pirq(testbed_hv_domain(d), 5, 5, true), 0);
		testbed_thread(testbed_vcpu(d, 0), victim, &s);
		sched_yield();
		hv_domain_crash(testbed_hv_domain(d));
		/* dead and not destroyed: the line goes on (else this hangs) */
		before = atomic_load(&s.served);
		while (atomic_load(&s.served) < before + 3)
			sched_yield();
		testbed_domain_destroy(d);
	}
	while (atomic_load(&s.served) < SERVED)
		sched_yield();
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	testbed_join(testbed_vcpu(s.d0, 0));
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- everything at once ---- */

#define MESS 4000u

struct mess {
	struct testbed_domain *d[2];
	atomic_uint arrived;
};

static void mess_main(struct testbed_vcpu *v, void *arg)
{
	struct mess *m = arg;
	unsigned me = hv_domain_id(testbed_hv_domain(testbed_vcpu_domain(v))) - 1;
	uint32_t seed = 1000 + me * 10 + testbed_vcpu_id(v);

	rendezvous(v, &m->arrived, 4);
	for (unsigned i = 0; i < MESS; i++) {
		uint32_t port = 1 + rnd(&seed) % 12;
		evtchn_port_t poll = port;

		switch (rnd(&seed) % 16) {
		case 0:
			op_alloc_unbound(v, DOMID_SELF, 2 - me);
			break;
		case 1:
			op_bind_interdomain(v, 2 - me, port);
			break;
		case 2:
			op_close(v, port);
			break;
		case 3:
			op_bind_vcpu(v, port, rnd(&seed) % 2);
			break;
		case 4:
			op_bind_ipi(v, rnd(&seed) % 2);
			break;
		case 5:
			op_bind_virq(v, VIRQ_TIMER, rnd(&seed) % 2);
			break;
		case 6:
			op_set_timer(v, 1);
			break;
		case 7:
			op_poll(v, &poll, 1, 1);
			break;
		case 8:
			if (rnd(&seed) % 64 == 0)
				op_reset(v, DOMID_SELF);
			break;
		case 9:
			mem_set_masked(m->d[me], port, true);
			break;
		case 10:
			op_unmask(v, port);
			break;
		case 11:
			hv_domain_pause(testbed_hv_domain(m->d[1 - me]));
			hv_domain_unpause(testbed_hv_domain(m->d[1 - me]));
			break;
		default:
			op_send(v, port);
		}
		mem_set_pending(m->d[me], port, false);
	}
}

static void everything_at_once(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct mess m = { .d = { load_domain(tb, 1, 2, false), load_domain(tb, 2, 2, false) } };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		testbed_thread(testbed_vcpu(m.d[i / 2], i % 2), mess_main, &m);
	for (unsigned i = 0; i < 4; i++)
		testbed_join(testbed_vcpu(m.d[i / 2], i % 2));
	assert_int_equal(testbed_destroy(tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_storm),
		cmocka_unit_test(everything_at_once),
	};

	return cmocka_run_group_tests_name("threads: lines", tests, NULL, NULL);
}
