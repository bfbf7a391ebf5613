/* SPDX-License-Identifier: MIT */
/*
 * Real threads on shared level lines: a device that raises as fast as it can against eoi, unbind,
 * bind, and domains that crash and are destroyed meanwhile. The same with eois that are forced all
 * the time, a foreground that moves, lines that are probed, given, taken away and chained. And
 * vCPUs of one domain that do everything to the same ports at once.
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

/* ---- everything that can happen to lines ---- */

#define ROWS	 4u  /* lines: 1 and 2 levels (2 with focus), 3 an edge, 4 per-CPU */
#define PARENT	 20u /* through which 1 and 3 signal too */
#define ROUGH	 1500u
#define SHORT_NS 20000u /* the eoi timeout: many are forced */

struct rough {
	struct testbed *tb;
	struct testbed_domain *d[2];
	struct testbed_line *line[ROWS + 1];
	atomic_bool stop;
	atomic_uint arrived, wrong;
	_Atomic uint32_t signals; /* of the parent's children */
};

static void nothing(void *data, unsigned line)
{
	(void)data;
	(void)line;
}

static uint32_t take_signals(void *data, unsigned line)
{
	struct rough *r = data;

	(void)line;
	return atomic_exchange(&r->signals, 0);
}

static const struct hv_irq_chip parent_chip = {
	.name = "parent",
	.startup = nothing,
	.shutdown = nothing,
	.mask = nothing,
	.unmask = nothing,
};
static const unsigned parent_lines[] = { 1, 3 };
static const struct hv_irq_demux parent_demux = { parent_lines, 2, take_signals };

/* The devices. */
static void *raise_all(void *arg)
{
	struct rough *r = arg;
	struct hv *hv = testbed_hv(r->tb);
	uint32_t seed = 11;

	while (!atomic_load(&r->stop)) {
		unsigned i = 1 + rnd(&seed) % ROWS;

		if (i < 4)
			testbed_line_set(r->line[i], rnd(&seed) % 2);
		else
			hv_irq_raise_vcpu(testbed_hv_vcpu(testbed_vcpu(r->d[0], 0)), 4);
		if (rnd(&seed) % 4 == 0) {
			atomic_fetch_or(&r->signals, 1 + rnd(&seed) % 3);
			hv_irq_raise(hv, PARENT);
		}
	}
	return NULL;
}

/* The embedder: who is looked at, what is probed, time. */
static void *meddle(void *arg)
{
	struct rough *r = arg;
	struct hv *hv = testbed_hv(r->tb);
	uint32_t seed = 12;

	while (!atomic_load(&r->stop)) {
		unsigned i = 1 + rnd(&seed) % ROWS, who = rnd(&seed) % 3;

		hv_set_foreground(hv, who < 2 ? testbed_hv_domain(r->d[who]) : NULL);
		hv_irq_timer(hv);
		hv_irq_resample(hv, i);
		if (hv_irq_probe_begin(hv, i) == 0 && hv_irq_probe_end(hv, i) < 0)
			atomic_fetch_add(&r->wrong, 1);
		hv_irq_set_flags(hv, 2, rnd(&seed) % 2 ? HV_IRQ_FOCUS : 0);
		if (rnd(&seed) % 8 == 0) {
			hv_domain_unmap_pirq(testbed_hv_domain(r->d[1]), 1);
			hv_domain_map_pirq(testbed_hv_domain(r->d[1]), 1, 1, true);
		}
		sched_yield();
	}
	return NULL;
}

/* A domain: binds, eois and closes whatever it can. */
static void handle_all(struct testbed_vcpu *v, void *arg)
{
	struct rough *r = arg;
	struct testbed_domain *d = testbed_vcpu_domain(v);
	uint32_t seed = 20 + hv_domain_id(testbed_hv_domain(d));

	if (d == r->d[0] || d == r->d[1])
		rendezvous(v, &r->arrived, 2);
	for (unsigned n = 0; n < ROUGH || (d != r->d[0] && d != r->d[1]); n++) {
		uint32_t pirq = 1 + rnd(&seed) % ROWS;
		long port = op_bind_pirq(v, pirq, BIND_PIRQ__WILL_SHARE);

		for (unsigned i = rnd(&seed) % 8; i; i--) {
			op_eoi(v, 1 + rnd(&seed) % ROWS);
			mem_set_pending(d, 1 + rnd(&seed) % 5, false);
		}
		if (port > 0 && rnd(&seed) % 2)
			op_close(v, (uint32_t)port);
		else if (rnd(&seed) % 16 == 0)
			op_close(v, 1 + rnd(&seed) % 5);
	}
}

static void give_lines(struct testbed_domain *d)
{
	struct hv_domain *hd = testbed_hv_domain(d);

	for (unsigned i = 1; i < ROWS; i++)
		assert_int_equal(hv_domain_map_pirq(hd, i, i, true), 0);
	assert_int_equal(hv_vcpu_map_pirq(testbed_hv_vcpu(testbed_vcpu(d, 0)), ROWS, ROWS), 0);
}

/* Nothing of it is in service, masked or armed any more, and the lines work. */
static void still_well(struct rough *r)
{
	struct testbed_vcpu *v = testbed_vcpu(r->d[0], 0);

	hv_set_foreground(testbed_hv(r->tb), testbed_hv_domain(r->d[0]));
	op_reset(v, DOMID_SELF);
	assert_int_equal(hv_irq_probe_begin(testbed_hv(r->tb), 1), 0);
	assert_true(hv_irq_probe_end(testbed_hv(r->tb), 1) >= 0);
	for (unsigned i = 1; i <= ROWS; i++) {
		long port = op_bind_pirq(v, i, 0);

		assert_int_equal(port, i);
		if (i < ROWS)
			testbed_line_set(r->line[i], true);
		else
			hv_irq_raise_vcpu(testbed_hv_vcpu(v), i);
		assert_true(mem_pending(r->d[0], (uint32_t)port));
		if (i < ROWS)
			testbed_line_set(r->line[i], false);
		op_eoi(v, i);
	}
}

static void rough_lines(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct rough r = { .tb = tb,
			   .d = { load_domain(tb, 1, 1, false), load_domain(tb, 2, 1, false) } };
	static const enum hv_irq_flow flows[] = { HV_IRQ_LEVEL, HV_IRQ_LEVEL, HV_IRQ_EDGE,
						  HV_IRQ_PERCPU };
	pthread_t raiser, meddler;

	(void)state;
	assert_int_equal(hv_set_eoi_timeout(testbed_hv(tb), SHORT_NS), 0);
	for (unsigned i = 1; i <= ROWS; i++)
		r.line[i] = testbed_line(tb, i, flows[i - 1]);
	assert_int_equal(hv_irq_chain(testbed_hv(tb), PARENT, &parent_chip, &r, &parent_demux), 0);
	for (unsigned i = 0; i < 2; i++) {
		give_lines(r.d[i]);
		testbed_thread(testbed_vcpu(r.d[i], 0), handle_all, &r);
	}
	assert_int_equal(pthread_create(&raiser, NULL, raise_all, &r), 0);
	assert_int_equal(pthread_create(&meddler, NULL, meddle, &r), 0);
	for (unsigned i = 0; i < ROUNDS / 2; i++) {
		struct testbed_domain *d = load_domain(tb, 9, 1, false);

		give_lines(d);
		testbed_thread(testbed_vcpu(d, 0), handle_all, &r);
		sched_yield();
		hv_set_foreground(testbed_hv(tb), testbed_hv_domain(d));
		if (i % 2)
			hv_domain_crash(testbed_hv_domain(d));
		testbed_domain_destroy(d);
	}
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(r.d[i], 0));
	atomic_store(&r.stop, true);
	pthread_join(raiser, NULL);
	pthread_join(meddler, NULL);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.signals, 0); /* each was followed by a look */
	testbed_domain_destroy(r.d[1]);
	for (unsigned i = 1; i < ROWS; i++)
		testbed_line_set(r.line[i], false);
	still_well(&r);
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
		cmocka_unit_test(rough_lines),
		cmocka_unit_test(everything_at_once),
	};

	return cmocka_run_group_tests_name("threads: lines", tests, NULL, NULL);
}
