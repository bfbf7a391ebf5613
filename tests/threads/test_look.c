/* SPDX-License-Identifier: MIT */
/*
 * Looking while everything moves: a watcher that reads every port, vCPU and line and turns the
 * counting of ports on and off, while others send, bind, close, turn to FIFO and back, raise a
 * line, and a domain comes and goes.
 */
#include "load.h"

#define ROUNDS	 2000u
#define LOOKS	 300u
#define LIVES	 60u
#define CHANNELS 4u
#define LINE	 9u

struct scene {
	struct testbed *tb;
	struct testbed_domain *d[2]; /* 1 sends and binds, 2 as well */
	struct testbed_line *line;
	atomic_bool stop;
	_Atomic unsigned bad, looked, counted, met;
};

/* Sends to the fixed channels; binds and closes others beside them, across a bucket's end. */
static void mover(struct testbed_vcpu *v, void *arg)
{
	struct scene *s = arg;
	uint32_t seed = 71 + testbed_vcpu_id(v);

	for (unsigned i = 0; i < ROUNDS; i++) {
		long extra[8], rc;
		unsigned n = 1 + rnd(&seed) % 8;

		if (op_send(v, 1 + rnd(&seed) % CHANNELS))
			atomic_fetch_add(&s->bad, 1);
		for (unsigned k = 0; k < n; k++)
			extra[k] = op_bind_ipi(v, testbed_vcpu_id(v));
		for (unsigned k = 0; k < n; k++) {
			rc = extra[k] <= (long)CHANNELS ? -1 : op_send(v, (uint32_t)extra[k]);
			if (rc || op_close(v, (uint32_t)extra[k]))
				atomic_fetch_add(&s->bad, 1);
		}
	}
}

static void raiser(struct testbed_vcpu *v, void *arg)
{
	struct scene *s = arg;
	long port = op_bind_pirq(v, 3, 0);

	if (port <= 0)
		atomic_fetch_add(&s->bad, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		testbed_line_set(s->line, true);
		testbed_line_set(s->line, false);
		if (op_eoi(v, 3))
			atomic_fetch_add(&s->bad, 1);
	}
}

static void look_at_port(struct scene *s, const struct hv_port_info *p, evtchn_port_t port)
{
	atomic_fetch_add(&s->looked, 1);
	if (p->counted)
		atomic_fetch_add(&s->counted, 1);
	if (p->status > EVTCHNSTAT_ipi || p->vcpu > 2)
		atomic_fetch_add(&s->bad, 1);
	/* what belongs together is of one moment */
	if (port <= CHANNELS &&
	    (p->status != EVTCHNSTAT_interdomain || p->remote_port != port || !p->has_word))
		atomic_fetch_add(&s->bad, 1);
	if (p->status == EVTCHNSTAT_pirq && p->irq != 3)
		atomic_fetch_add(&s->bad, 1);
}

static int look_at_domain(struct hv_domain *d, void *arg)
{
	struct scene *s = arg;
	struct hv_port_info p;
	struct hv_vcpu_state state;
	struct hv_counters c;
	struct hv_vcpu *v;

	for (evtchn_port_t port = 1; !hv_port_info(d, port, &p); port++)
		if (hv_domain_id(d) <= 2)
			look_at_port(s, &p, port);
		else if (p.status != EVTCHNSTAT_closed)
			atomic_fetch_add(&s->met, 1);
	for (unsigned i = 0; (v = hv_domain_vcpu(d, i)) != NULL; i++) {
		hv_vcpu_state(v, &state);
		hv_vcpu_counters(v, &c);
		if (state.polling && !state.blocked)
			atomic_fetch_add(&s->bad, 1);
	}
	return 0;
}

static void watcher(struct testbed_vcpu *v, void *arg)
{
	struct scene *s = arg;
	struct hv_irq_info line;

	(void)v;
	for (unsigned i = 0; i < LOOKS || !atomic_load(&s->stop); i++) {
		if (hv_domain_trace(testbed_hv_domain(s->d[i % 2]), i % 4 < 2))
			atomic_fetch_add(&s->bad, 1);
		if (hv_for_each_domain(testbed_hv(s->tb), look_at_domain, s))
			atomic_fetch_add(&s->bad, 1);
		if (hv_irq_info(testbed_hv(s->tb), LINE, &line) || line.nr_bound > 1 ||
		    line.in_flight > line.nr_bound)
			atomic_fetch_add(&s->bad, 1);
	}
}

/* Domain 7 comes, is counted and sent to, and goes, with its counters on. */
static void lives(struct scene *s)
{
	for (unsigned i = 0; i < LIVES; i++) {
		struct testbed_domain *d = load_domain(s->tb, 7, 1, false);

		if (hv_domain_trace(testbed_hv_domain(d), true))
			atomic_fetch_add(&s->bad, 1);
		for (unsigned p = 1; p < 80; p++)
			if (op_bind_ipi(testbed_vcpu(d, 0), 0) != (long)p ||
			    op_send(testbed_vcpu(d, 0), p))
				atomic_fetch_add(&s->bad, 1);
		testbed_domain_destroy(d);
	}
}

static void look_while_all_moves(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)state;
	s->tb = testbed_create(TESTBED_THREADS);
	for (unsigned i = 0; i < 2; i++)
		s->d[i] = load_domain(s->tb, (domid_t)(i + 1), 3, false);
	s->line = testbed_line(s->tb, LINE, HV_IRQ_LEVEL);
	assert_int_equal(hv_domain_map_pirq(testbed_hv_domain(s->d[0]), 3, LINE, false), 0);
	for (evtchn_port_t p = 1; p <= CHANNELS; p++)
		assert_int_equal(hv_evtchn_connect_at(testbed_hv_domain(s->d[0]), p,
						      testbed_hv_domain(s->d[1]), p),
				 0);
	/* so that extra ports come and go in a second bucket */
	for (evtchn_port_t p = CHANNELS + 1; p <= 60; p++)
		assert_int_equal(op_bind_ipi(testbed_vcpu(s->d[0], 0), 0), p);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(s->d[i], 0), mover, s);
	testbed_thread(testbed_vcpu(s->d[0], 1), mover, s);
	testbed_thread(testbed_vcpu(s->d[0], 2), raiser, s);
	testbed_thread(testbed_vcpu(s->d[1], 1), watcher, s);
	lives(s);
	for (unsigned i = 0; i < 3; i++)
		testbed_join(testbed_vcpu(s->d[0], i));
	testbed_join(testbed_vcpu(s->d[1], 0));
	atomic_store(&s->stop, true);
	testbed_join(testbed_vcpu(s->d[1], 1));
	assert_int_equal(atomic_load(&s->bad), 0);
	assert_true(atomic_load(&s->looked) >= LOOKS * 2 * 63);
	assert_true(atomic_load(&s->counted) > 0);
	assert_int_equal(testbed_destroy(s->tb), 0);
	free(s);
}

/* ---- counted exactly, while it is on ---- */

#define SENDS 20000u

static void exact_sender(struct testbed_vcpu *v, void *arg)
{
	_Atomic unsigned *bad = arg;

	for (unsigned i = 0; i < SENDS; i++)
		if (op_send(v, 1))
			atomic_fetch_add(bad, 1);
}

static void nothing_is_left_uncounted(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct testbed_domain *a = load_domain(tb, 1, 3, false), *b = load_domain(tb, 2, 1, false);
	_Atomic unsigned bad = 0;
	struct hv_port_info p;
	struct hv_counters c;

	(void)state;
	assert_int_equal(hv_evtchn_connect_at(testbed_hv_domain(a), 1, testbed_hv_domain(b), 70),
			 0);
	assert_int_equal(hv_domain_trace(testbed_hv_domain(b), true), 0);
	for (unsigned i = 0; i < 3; i++)
		testbed_thread(testbed_vcpu(a, i), exact_sender, &bad);
	for (unsigned i = 0; i < 3; i++)
		testbed_join(testbed_vcpu(a, i));
	assert_int_equal(bad, 0);
	assert_int_equal(hv_port_info(testbed_hv_domain(b), 70, &p), 0);
	assert_int_equal(p.sends, 3 * SENDS);
	assert_int_equal(p.merged, 3 * SENDS - 1);
	hv_domain_counters(testbed_hv_domain(b), &c);
	assert_int_equal(c.sends, p.sends);
	assert_int_equal(c.merged, p.merged);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- FIFO and back, while somebody looks: the ABI's pages go under the watcher ---- */

#define SWITCHES 400u

struct switches {
	struct testbed_domain *d;
	atomic_bool stop;
	_Atomic unsigned bad, fifo;
};

static void switcher(struct testbed_vcpu *v, void *arg)
{
	struct switches *s = arg;
	uint64_t block = testbed_frame(s->d, testbed_page(s->d));
	event_word_t *page = testbed_page(s->d);
	uint64_t words = testbed_frame(s->d, page);

	for (unsigned i = 0; i < SWITCHES; i++) {
		struct evtchn_init_control init = { block, 0, 0, 0, { 0 } };
		struct evtchn_expand_array array = { words };
		uint64_t va = testbed_place(v, AT_OK, 0, &init, sizeof(init));

		if (testbed_call(v, __HYPERVISOR_event_channel_op, EVTCHNOP_init_control, va))
			atomic_fetch_add(&s->bad, 1);
		va = testbed_place(v, AT_OK, 0, &array, sizeof(array));
		if (testbed_call(v, __HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, va))
			atomic_fetch_add(&s->bad, 1);
		/* a port that is still linked would not be given out */
		__atomic_store_n(&page[1], 0, __ATOMIC_SEQ_CST);
		if (op_bind_ipi(v, 0) != 1 || op_send(v, 1) || op_reset(v, DOMID_SELF))
			atomic_fetch_add(&s->bad, 1);
	}
	atomic_store(&s->stop, true);
}

static void switch_watcher(struct testbed_vcpu *v, void *arg)
{
	struct switches *s = arg;
	struct hv_port_info p;

	(void)v;
	while (!atomic_load(&s->stop)) {
		if (hv_port_info(testbed_hv_domain(s->d), 1, &p))
			atomic_fetch_add(&s->bad, 1);
		if (p.fifo)
			atomic_fetch_add(&s->fifo, 1);
		if (p.linked && (!p.fifo || !p.has_word))
			atomic_fetch_add(&s->bad, 1);
		/* The waits of the other side end only if we let it run. */
		sched_yield();
	}
}

static void look_while_the_abi_changes(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct switches s = { .d = load_domain(tb, 1, 2, false) };

	(void)state;
	testbed_thread(testbed_vcpu(s.d, 1), switch_watcher, &s);
	testbed_thread(testbed_vcpu(s.d, 0), switcher, &s);
	testbed_join(testbed_vcpu(s.d, 0));
	testbed_join(testbed_vcpu(s.d, 1));
	assert_int_equal(atomic_load(&s.bad), 0);
	assert_int_equal(testbed_destroy(tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_while_all_moves),
		cmocka_unit_test(nothing_is_left_uncounted),
		cmocka_unit_test(look_while_the_abi_changes),
	};

	return cmocka_run_group_tests_name("threads: look", tests, NULL, NULL);
}
