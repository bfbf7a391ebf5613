/* SPDX-License-Identifier: MIT */
/*
 * Real threads on the FIFO ABI: senders against a guest that reads its queues, masks, unmasks and
 * moves ports. Every send has a number; its sender waits until the guest has handled that or a
 * later one of the port, so a lost event is not hidden by the next one. The second test switches
 * between the ABIs and adds pages under fire.
 */
#include <time.h>

#include "../unit/fifo.h"
#include "load.h"

#define SENDERS	  3u
#define CONSUMERS 2u
#define MAX_PORTS 64u

/* Somebody waits for an event that does not come: not a matter of speed, but of a hang reported. */
#define PATIENCE 60

struct flow {
	struct testbed_domain *from, *to;
	struct fifo_view view;
	unsigned ports;
	unsigned rounds;
	unsigned priorities; /* ports are moved among that many */
	bool moves;
	_Atomic unsigned sent[MAX_PORTS + 1], seen[MAX_PORTS + 1];
	_Atomic unsigned handled, found_masked, found_nothing;
	atomic_uint arrived;
	atomic_bool done;  /* nothing is sent any more */
	atomic_bool still; /* nor unmasked: the mover has left */
	_Atomic unsigned senders_left;
	_Atomic unsigned bad, lost;
};

static event_word_t word_now(const struct fifo_view *view, uint32_t port)
{
	return __atomic_load_n(word_at(view, port), __ATOMIC_SEQ_CST);
}

#define THREADS (SENDERS + CONSUMERS + 1)

/* ---- senders ---- */

static bool wait_seen(struct flow *f, uint32_t port, unsigned number)
{
	time_t end = time(NULL) + PATIENCE;

	for (unsigned spin = 1; atomic_load(&f->seen[port]) < number; spin++) {
		if (atomic_load(&f->lost))
			return false;
		if (spin % 1024 == 0 && time(NULL) > end) {
			atomic_fetch_add(&f->lost, 1);
			return false;
		}
		sched_yield();
	}
	return true;
}

static void flow_sender(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	uint32_t seed = 7 + testbed_vcpu_id(v);
	uint32_t port[4];
	unsigned number[4];

	rendezvous(v, &f->arrived, THREADS);
	for (unsigned i = 0; i < f->rounds; i++) {
		unsigned n = 1 + rnd(&seed) % 4;

		for (unsigned k = 0; k < n; k++) {
			port[k] = 1 + rnd(&seed) % f->ports;
			number[k] = atomic_fetch_add(&f->sent[port[k]], 1) + 1;
			if (op_send(v, port[k]))
				atomic_fetch_add(&f->bad, 1);
		}
		for (unsigned k = 0; k < n; k++)
			if (!wait_seen(f, port[k], number[k]))
				i = f->rounds;
	}
	if (atomic_fetch_sub(&f->senders_left, 1) == 1)
		atomic_store(&f->done, true);
}

/* ---- the guest ---- */

static void handle(struct flow *f, uint32_t port)
{
	unsigned now, seen = atomic_load(&f->seen[port]);

	/* cleared before the handler looks: an event after this is a new one */
	word_clear(&f->view, port, PENDING);
	now = atomic_load(&f->sent[port]);
	while (seen < now && !atomic_compare_exchange_weak(&f->seen[port], &seen, now))
		;
	atomic_fetch_add(&f->handled, 1);
}

static void consume_one(struct flow *f, unsigned cpu, unsigned priority, uint32_t *ready)
{
	event_word_t old = 0;
	uint32_t port = pop_word(&f->view, cpu, priority, &old);

	if (!f->view.head[cpu][priority])
		*ready &= ~(1u << priority);
	if (!port || port > f->ports || !(old & LINKED))
		atomic_fetch_add(&f->bad, 1); /* the queue is broken */
	else if (old & MASKED)
		atomic_fetch_add(&f->found_masked, 1);
	else if (old & PENDING)
		handle(f, port);
	else
		atomic_fetch_add(&f->found_nothing, 1);
}

static bool upcall(struct flow *f, unsigned cpu)
{
	struct vcpu_info *info = &testbed_shared_info(f->to)->vcpu_info[cpu];
	uint32_t ready;

	if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST))
		return false;
	ready = take_ready(&f->view, cpu);
	while (ready) {
		consume_one(f, cpu, (unsigned)__builtin_ctz(ready), &ready);
		ready |= take_ready(&f->view, cpu);
	}
	return true;
}

static void flow_consumer(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	bool last;

	rendezvous(v, &f->arrived, THREADS);
	do {
		last = atomic_load(&f->still);
		while (upcall(f, testbed_vcpu_id(v)))
			;
		sched_yield();
	} while (!last);
}

/* As a guest that cannot unmask by itself what is pending: then it asks. */
static long unmask(struct flow *f, struct testbed_vcpu *v, uint32_t port, bool ask)
{
	event_word_t *word = word_at(&f->view, port);
	event_word_t w = word_now(&f->view, port);

	while (!ask && !(w & (PENDING | BUSY)))
		if (__atomic_compare_exchange_n(word, &w, w & ~MASKED, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return 0;
	return op_unmask(v, port);
}

static void flow_mover(struct testbed_vcpu *v, void *arg)
{
	struct flow *f = arg;
	uint32_t seed = 99;

	rendezvous(v, &f->arrived, THREADS);
	while (!atomic_load(&f->done)) {
		uint32_t port = 1 + rnd(&seed) % f->ports;
		bool ask = rnd(&seed) % 2;
		long rc = 0;

		word_set(&f->view, port, MASKED);
		if (f->moves && rnd(&seed) % 2) {
			rc = op_bind_vcpu(v, port, rnd(&seed) % CONSUMERS);
			ask = true; /* it may be pending and linked nowhere */
		}
		if (f->moves && rnd(&seed) % 2)
			rc |= set_priority(v, port, rnd(&seed) % f->priorities);
		if (rnd(&seed) % 4 == 0)
			sched_yield();
		if (unmask(f, v, port, ask) || rc)
			atomic_fetch_add(&f->bad, 1);
		if (rnd(&seed) % 8 == 0)
			sched_yield();
	}
	atomic_store(&f->still, true);
}

/* ---- the test ---- */

static void connect_ports(struct flow *f)
{
	for (unsigned i = 1; i <= f->ports; i++) {
		evtchn_port_t p, q;

		assert_int_equal(hv_evtchn_connect(testbed_hv_domain(f->from),
						   testbed_hv_domain(f->to), &p, &q),
				 0);
		assert_int_equal(p, i);
		assert_int_equal(q, i);
		assert_rc(op_bind_vcpu(testbed_vcpu(f->to, 0), q, i % CONSUMERS), 0);
	}
}

static void run_flow(unsigned ports, unsigned rounds, unsigned priorities, bool moves)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct flow *f = calloc(1, sizeof(*f));

	f->from = load_domain(tb, 1, SENDERS, false);
	f->to = load_domain(tb, 2, CONSUMERS + 1, false);
	f->ports = ports;
	f->rounds = rounds;
	f->priorities = priorities;
	f->moves = moves;
	atomic_store(&f->senders_left, SENDERS);
	f->view = fifo_begin(f->to, CONSUMERS);
	connect_ports(f);
	for (unsigned i = 0; i < SENDERS; i++)
		testbed_thread(testbed_vcpu(f->from, i), flow_sender, f);
	for (unsigned i = 0; i < CONSUMERS; i++)
		testbed_thread(testbed_vcpu(f->to, i), flow_consumer, f);
	testbed_thread(testbed_vcpu(f->to, CONSUMERS), flow_mover, f);
	for (unsigned i = 0; i < SENDERS; i++)
		testbed_join(testbed_vcpu(f->from, i));
	for (unsigned i = 0; i <= CONSUMERS; i++)
		testbed_join(testbed_vcpu(f->to, i));
	assert_int_equal(atomic_load(&f->lost), 0);
	assert_int_equal(atomic_load(&f->bad), 0);
	for (uint32_t p = 1; p <= ports; p++) {
		assert_true(atomic_load(&f->sent[p]) > 0);
		assert_int_equal(atomic_load(&f->seen[p]), atomic_load(&f->sent[p]));
		assert_false(word_now(&f->view, p) & PENDING);
	}
	assert_true(atomic_load(&f->handled) > 0);
	assert_int_equal(testbed_destroy(tb), 0);
	free(f);
}

/* Long queues. */
static void many_ports(void **state)
{
	(void)state;
	run_flow(48, 4000, 1, false);
}

/* The tail is always one of a few, and sent to again by several. */
static void few_ports(void **state)
{
	(void)state;
	run_flow(3, 8000, 1, false);
}

/* Tails that go to other queues, on the same and on another vCPU. */
static void moved_ports(void **state)
{
	(void)state;
	run_flow(6, 8000, 3, true);
}

static void many_moved_ports(void **state)
{
	(void)state;
	run_flow(32, 4000, 16, true);
}

/* ---- into FIFO and back while others send ---- */

#define SWITCHES 150u
#define SW_PORTS 8u
#define SW_STALE 0x11111111u

struct switches {
	struct testbed_domain *from, *to;
	struct fifo_view view;
	_Atomic unsigned asked, answered;
	atomic_bool stop;
	_Atomic unsigned bad;
	char why[80];
};

/* One send to every port each time that it is asked. */
static void switch_sender(struct testbed_vcpu *v, void *arg)
{
	struct switches *s = arg;

	while (!atomic_load(&s->stop)) {
		unsigned asked = atomic_load(&s->asked);

		if (asked == atomic_load(&s->answered)) {
			sched_yield();
			continue;
		}
		for (uint32_t p = 1; p <= SW_PORTS; p++) {
			if (op_send(v, p))
				atomic_fetch_add(&s->bad, 1);
			if (p % 3 == asked % 3)
				sched_yield();
		}
		atomic_store(&s->answered, asked);
	}
}

/* Never asked: sends at any time, also to ports that are closing, and looks at them. */
static void switch_disturber(struct testbed_vcpu *v, void *arg)
{
	struct switches *s = arg;
	uint32_t seed = 17;

	while (!atomic_load(&s->stop)) {
		struct hv_port_info info;

		if (op_send(v, SW_PORTS + 1))
			atomic_fetch_add(&s->bad, 1);
		hv_port_info(testbed_hv_domain(s->to), 1 + rnd(&seed) % SW_PORTS, &info);
	}
}

static void switch_expect(struct switches *s, bool ok, const char *what, unsigned round)
{
	if (ok)
		return;
	if (atomic_fetch_add(&s->bad, 1) == 0)
		snprintf(s->why, sizeof(s->why), "round %u: %s", round, what);
}

static void pause_some(unsigned n)
{
	while (n--)
		sched_yield();
}

static void switch_once(struct switches *s, struct testbed_vcpu *v, unsigned round,
			struct evtchn_fifo_control_block *block, event_word_t *words)
{
	uint64_t block_frame = testbed_frame(s->to, block), frame = testbed_frame(s->to, words);
	unsigned queued = 0;

	for (uint32_t p = 1; p <= SW_PORTS + 1; p++) {
		switch_expect(s, op_bind_interdomain(v, 1, p) == p, "bind", round);
		mem_set_pending(s->to, p, false);
	}
	memset(block, 0, sizeof(*block));
	memset(words, 0, HV_PAGE_SIZE);
	atomic_fetch_add(&s->asked, 1);
	pause_some(round % 5);
	switch_expect(s, init_control(v, block_frame, 0, 0) == 17, "init_control", round);
	pause_some(round % 3);
	switch_expect(s, expand_array(v, frame) == 0, "expand_array", round);
	while (atomic_load(&s->answered) != atomic_load(&s->asked))
		sched_yield();
	/* whenever it came, it is queued now */
	for (uint32_t p = 1; p <= SW_PORTS; p++)
		switch_expect(s, (word_now(&s->view, p) & (PENDING | LINKED)) == (PENDING | LINKED),
			      "an event is lost", round);
	memset(s->view.head, 0, sizeof(s->view.head));
	do {
		event_word_t old = 0;
		uint32_t port = pop_word(&s->view, 0, 7, &old);

		switch_expect(s, (old & LINKED) || port == SW_PORTS + 1, "not linked", round);
		queued += port <= SW_PORTS;
	} while (s->view.head[0][7] && queued < 2 * SW_PORTS);
	switch_expect(s, queued == SW_PORTS, "the queue is broken", round);
	switch_expect(s, op_reset(v, DOMID_SELF) == 0, "reset", round);
	/* from here on the pages are the guest's */
	memset(words, 0x11, HV_PAGE_SIZE);
	memset(block, 0x11, sizeof(*block));
	pause_some(2);
	for (unsigned i = 0; i < 16; i++)
		switch_expect(s, words[i] == SW_STALE, "written after reset", round);
	switch_expect(s, block->ready == SW_STALE && block->head[7] == SW_STALE,
		      "block written after reset", round);
}

static void switch_main(struct testbed_vcpu *v, void *arg)
{
	struct switches *s = arg;

	for (unsigned i = 0; i < SWITCHES && !atomic_load(&s->bad); i++)
		switch_once(s, v, i, s->view.block[0], s->view.page[0]);
	atomic_store(&s->stop, true);
}

static void switches_under_fire(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct switches *s = calloc(1, sizeof(*s));

	(void)state;
	s->from = load_domain(tb, 1, 2, false);
	s->to = load_domain(tb, 2, 1, false);
	s->view.d = s->to;
	s->view.block[0] = testbed_page(s->to);
	s->view.page[0] = testbed_page(s->to);
	s->view.pages = 1;
	for (uint32_t p = 1; p <= SW_PORTS + 1; p++)
		assert_rc(op_alloc_unbound(testbed_vcpu(s->from, 0), DOMID_SELF, 2), p);
	testbed_thread(testbed_vcpu(s->from, 0), switch_sender, s);
	testbed_thread(testbed_vcpu(s->from, 1), switch_disturber, s);
	testbed_thread(testbed_vcpu(s->to, 0), switch_main, s);
	testbed_join(testbed_vcpu(s->to, 0));
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(s->from, i));
	assert_string_equal(s->why, "");
	assert_int_equal(atomic_load(&s->bad), 0);
	assert_int_equal(testbed_destroy(tb), 0);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_ports),	       cmocka_unit_test(few_ports),
		cmocka_unit_test(moved_ports),	       cmocka_unit_test(many_moved_ports),
		cmocka_unit_test(switches_under_fire),
	};

	return cmocka_run_group_tests_name("threads: fifo", tests, NULL, NULL);
}
