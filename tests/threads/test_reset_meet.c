/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs go on with the same reset, and a port is opened behind the one and before the other.
 * Each is stopped before its k-th atomic access, for the k around the end, where the domain leaves
 * the FIFO ABI. Deterministic: two threads of which one runs at a time.
 */
#include "../unit/fifo.h"
#include "points.h"
#include "turns.h"

/* The last port of the table: beyond the 2-level ABI's, and in the reset's last step. */
#define LAST	 5055u
#define STEPS	 19u
#define MID_SCAN 340u

/* By vCPU + 1. */
static struct {
	unsigned after_opening;
	unsigned made[3], in_time;
	bool opened, over[3];
} m;

static struct testbed *tb;
static struct testbed_domain *d, *other;
static uint64_t arg;
static long result[3];

/* Too late if the second has ended the reset: the port is none of the 2-level ABI's. */
static void open_last(void)
{
	int rc;

	m.opened = true;
	rc = hv_evtchn_connect_at(testbed_hv_domain(d), LAST, testbed_hv_domain(other), 1);
	assert_true(rc == 0 || rc == -XEN_ENOSPC);
	m.in_time += rc == 0;
	turns.countdown[1] = m.after_opening;
}

void test_point(void)
{
	if (!me)
		return;
	m.made[me]++;
	if (m.over[3 - me])
		return;
	if (++turns.spent == ENOUGH) {
		let_go();
	} else if (turns.countdown[me] && --turns.countdown[me] == 0) {
		let_go();
		if (me == 1 && !m.opened)
			open_last();
	}
}

static bool always(struct testbed_vcpu *v, void *a)
{
	(void)v;
	(void)a;
	return true;
}

static long go_on(unsigned vcpu, uint64_t op)
{
	uint64_t args[6] = { op, arg };

	return hv_hypercall(testbed_hv_vcpu(testbed_vcpu(d, vcpu)), __HYPERVISOR_event_channel_op,
			    args);
}

/* A reset has come to the step of the last port. */
static void begin(void)
{
	struct evtchn_reset a = { SELF };
	struct shared_info *s;

	tb = testbed_create(TESTBED_VIRTUAL);
	d = testbed_domain_create(tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 2 }, NULL);
	other = testbed_domain_create(tb, &(struct testbed_domain_config){ .id = 2 }, NULL);
	assert_rc(testbed_vcpu_boot(testbed_vcpu(d, 1)), 0);
	fifo_begin(d, 2);
	assert_rc(hv_evtchn_connect_at(testbed_hv_domain(d), LAST, testbed_hv_domain(other), 1), 0);
	assert_rc(op_close(testbed_vcpu(d, 0), LAST), 0);
	assert_rc(op_close(testbed_vcpu(other, 0), 1), 0);
	s = testbed_shared_info(d);
	memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
	arg = testbed_place(testbed_vcpu(d, 0), AT_OK, 0, &a, sizeof(a));
	testbed_set_preempt(tb, always, NULL);
	for (unsigned i = 0; i < STEPS; i++) {
		go_on(0, i ? EVTCHNOP_reset_cont : EVTCHNOP_reset);
		assert_true(hv_vcpu_preempted(testbed_hv_vcpu(testbed_vcpu(d, 0))));
	}
	testbed_set_preempt(tb, NULL, NULL);
}

static void *second_thread(void *unused)
{
	(void)unused;
	me = 2;
	await_turn();
	result[2] = go_on(1, EVTCHNOP_reset_cont);
	m.over[2] = true;
	give_turn(1);
	return NULL;
}

/* Nothing beside the words of the 2-level ABI was written, and the domain can be reset. */
static void end(void)
{
	const struct shared_info *s = testbed_shared_info(d);

	for (unsigned i = 0; i < ALEN(s->evtchn_mask); i++)
		if (s->evtchn_mask[i] != UINT64_MAX)
			fail_msg("masks of ports from %u: %lx", i * 64, s->evtchn_mask[i]);
	for (unsigned i = 1; i <= 2; i++)
		if (result[i] != 0 && result[i] != -XEN_EAGAIN && result[i] != -XEN_EBUSY)
			fail_msg("vCPU %u: %ld", i - 1, result[i]);
	assert_rc(op_reset(testbed_vcpu(d, 0), SELF), 0);
	assert_fails(set_priority(testbed_vcpu(d, 0), 1, 3), ENOSYS);
	assert_rc(testbed_destroy(tb), 0);
}

/* The first stops in its scan, the second before access j, then the first k after the opening. */
static void meet(unsigned j, unsigned k)
{
	pthread_t thread;

	begin();
	turns.turn = 1;
	turns.spent = m.made[1] = m.made[2] = 0;
	m.over[1] = m.over[2] = m.opened = false;
	turns.countdown[1] = MID_SCAN;
	turns.countdown[2] = j;
	m.after_opening = k;
	assert_rc(pthread_create(&thread, NULL, second_thread, NULL), 0);
	me = 1;
	result[1] = go_on(0, EVTCHNOP_reset_cont);
	m.over[1] = true;
	if (!m.over[2]) {
		give_turn(2);
		await_turn();
	}
	pthread_join(thread, NULL);
	me = 0;
	end();
}

static void opened_between_two_resets(void **state)
{
	unsigned last;

	(void)state;
	meet(0, 0);
	last = m.made[2];
	assert_true(last > MID_SCAN);
	for (unsigned j = last - 40; j <= last; j++)
		for (unsigned k = 1; k < 200; k += 2)
			meet(j, k);
	assert_true(m.in_time > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opened_between_two_resets),
	};

	return cmocka_run_group_tests_name("threads: two go on with a reset", tests, NULL, NULL);
}
