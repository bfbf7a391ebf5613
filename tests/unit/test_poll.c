/* SPDX-License-Identifier: MIT */
/*
 * Sleeping: sched_op poll (scenarios 18, 35), block and what wakes them, on virtual time. The ends
 * are those that real Xen recorded.
 */
#include <xen/sched.h>

#include "bare.h"

#define MS TESTBED_MS

/* a: port 1, b: port 2, connected; i: port 3, an IPI of vCPU 0; t: port 4, its timer */
static void ports_of_18(struct bare *b)
{
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_rc(op_bind_ipi(b->v0, 0), 3);
	mem_set_pending(b->d0, 2, false);
	mem_clear_upcall(b->v0);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 4);
}

static void quiet(struct bare *b)
{
	for (uint32_t p = 1; p <= 4; p++)
		mem_set_pending(b->d0, p, false);
	mem_clear_upcall(b->v0);
}

static long poll3(struct bare *b, uint32_t p, uint32_t q, uint32_t r)
{
	evtchn_port_t ports[] = { p, q, r };

	return op_poll_ends(b->v0, ports, 3, 300 * MS);
}

static void poll_pending_and_timeout(void **state)
{
	struct bare *b = *state;

	ports_of_18(b);
	assert_rc(op_send(b->v0, 1), 0);
	/* polling does not consume */
	assert_rc(op_poll_end(b->v0, 2, 300 * MS), POLL_IMMEDIATE);
	assert_bits(b->d0, 2, 1, 0);
	assert_rc(op_poll_end(b->v0, 2, 300 * MS), POLL_IMMEDIATE);
	quiet(b);
	assert_rc(op_poll_end(b->v0, 2, 300 * MS), POLL_TIMEOUT);
	assert_rc(poll3(b, 1, 2, 3), POLL_TIMEOUT);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(poll3(b, 1, 2, 3), POLL_IMMEDIATE);
	assert_rc(poll3(b, 1, 2, 1), POLL_TIMEOUT);
	assert_rc(poll3(b, 3, 1, 1), POLL_IMMEDIATE);
	/* a masked port counts, though it gives no upcall */
	quiet(b);
	mem_set_masked(b->d0, 3, true);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(op_poll_end(b->v0, 3, 300 * MS), POLL_IMMEDIATE);
	mem_set_masked(b->d0, 3, false);
}

static void poll_deadlines(void **state)
{
	struct bare *b = *state;
	evtchn_port_t a = 1;
	uint64_t start;

	ports_of_18(b);
	testbed_advance(b->tb, 1000 * MS);
	assert_rc(op_poll(b->v0, &a, 1, testbed_now(b->tb)), 0);
	testbed_advance(b->tb, 0);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	assert_rc(op_poll(b->v0, &a, 1, testbed_now(b->tb) - 100 * MS), 0);
	testbed_advance(b->tb, 0);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	start = testbed_now(b->tb);
	assert_rc(op_poll_end(b->v0, 1, 100 * MS), POLL_TIMEOUT);
	assert_int_equal(testbed_now(b->tb) - start, 100 * MS);
	/* a port that nobody is connected to */
	assert_rc(op_alloc_unbound(b->v0, SELF, 9), 5);
	assert_rc(op_poll_end(b->v0, 5, 100 * MS), POLL_TIMEOUT);
}

static void poll_bad_ports(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 0, 40, 63, 64, 4096, 0xffffffff };

	ports_of_18(b);
	for (unsigned i = 0; i < ALEN(bad); i++) {
		assert_fails(op_poll_end(b->v0, bad[i], 300 * MS), EINVAL);
		assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	}
	/* in order, until one is pending */
	assert_fails(poll3(b, 1, 64, 3), EINVAL);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(poll3(b, 3, 64, 1), POLL_IMMEDIATE);
	assert_fails(poll3(b, 64, 3, 1), EINVAL);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
}

static void poll_bad_arguments(void **state)
{
	struct bare *b = *state;
	struct sched_poll none = { .ports = testbed_place(b->v0, AT_UNMAPPED, 0, "", 1) };
	evtchn_port_t list[129];
	evtchn_port_t a = 1;

	ports_of_18(b);
	for (unsigned i = 0; i < ALEN(list); i++)
		list[i] = 1;
	assert_rc(op_poll_ends(b->v0, list, 128, 300 * MS), POLL_TIMEOUT);
	assert_fails(op_poll_ends(b->v0, list, 129, 300 * MS), EINVAL);
	assert_fails(op_poll(b->v0, list, UINT32_MAX, 0), EINVAL);
	assert_rc(op_poll_ends(b->v0, list, 0, 300 * MS), POLL_TIMEOUT);
	ops_at(b->v0, AT_NULL);
	assert_fails(op_poll(b->v0, &a, 1, 0), EFAULT);
	ops_at(b->v0, AT_STRADDLE);
	assert_fails(op_poll(b->v0, &a, 1, 0), EFAULT);
	none.nr_ports = 1;
	assert_fails(op_sched(b->v0, SCHEDOP_poll, &none, sizeof(none)), EFAULT);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	/* a list of none is not looked at */
	none.nr_ports = 0;
	none.timeout = testbed_now(b->tb) + MS;
	assert_rc(op_sched(b->v0, SCHEDOP_poll, &none, sizeof(none)), 0);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	testbed_advance(b->tb, MS);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
}

/* What ends a poll when VIRQ_TIMER, on port 4, arrives at 100 ms. */
static void poll_woken(void **state)
{
	struct bare *b = *state;
	static const struct {
		const char *what;
		unsigned nr;
		evtchn_port_t ports[2];
		bool masked, upcall_before;
		enum poll_end end;
	} t[] = {
		{ "on itself", 1, { 4 }, false, false, POLL_WOKEN },
		{ "another, by the upcall", 1, { 1 }, false, false, POLL_WOKEN },
		{ "others, by the upcall", 2, { 1, 2 }, false, false, POLL_WOKEN },
		{ "others, masked", 2, { 1, 2 }, true, false, POLL_WOKEN },
		{ "none, masked", 0, { 0 }, true, false, POLL_WOKEN },
		{ "another, masked", 1, { 1 }, true, false, POLL_TIMEOUT },
		{ "on itself, masked", 1, { 4 }, true, false, POLL_WOKEN },
		{ "another, flag set before", 1, { 1 }, false, true, POLL_TIMEOUT },
	};

	ports_of_18(b);
	for (unsigned i = 0; i < ALEN(t); i++) {
		mem_set_masked(b->d0, 4, t[i].masked);
		if (t[i].upcall_before)
			assert_rc(op_send(b->v0, 3), 0);
		assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 100 * MS), 0);
		if (op_poll_ends(b->v0, t[i].ports, t[i].nr, 400 * MS) != t[i].end)
			fail_msg("poll, timer port: %s", t[i].what);
		assert_bits(b->d0, 4, 1, t[i].masked);
		assert_int_equal(mem_upcall(b->v0), !t[i].masked);
		quiet(b);
	}
}

static void poll_on_another_vcpu(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);
	evtchn_port_t a = 1;
	unsigned kicks;

	ports_of_18(b);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(op_poll(b->v1, &a, 1, 0), 0);
	assert_false(hv_vcpu_runnable(v1));
	testbed_advance(b->tb, 300 * MS);
	assert_rc(op_send(b->v0, 3), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(op_vcpu(b->v0, 3 /* is_up */, 1, NULL, 0), 1);
	kicks = testbed_kicks(b->v1);
	assert_rc(op_send(b->v0, 2), 0);
	assert_true(hv_vcpu_runnable(v1));
	assert_true(testbed_kicks(b->v1) > kicks);
	/* woken by a port that notifies vCPU 0: no upcall for vCPU 1 */
	assert_upcall(b->v1, 0, 0);
}

static void poll_in_a_paused_domain(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);
	evtchn_port_t c = 1;
	long l;

	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_rc(op_poll(v, &c, 1, testbed_now(b->tb) + 5000 * MS), 0);
	/* binding and closing by the peer do not end it */
	l = op_bind_interdomain(b->v0, 1, 1);
	assert_rc(l, 1);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(v)));
	assert_rc(op_close(b->v0, 1), 0);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(v)));
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 1);
	/* a paused one is woken, and runs when it is not paused any more */
	hv_domain_pause(testbed_hv_domain(d1));
	hv_domain_pause(testbed_hv_domain(d1));
	assert_rc(op_send(b->v0, 1), 0);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(v)));
	hv_domain_unpause(testbed_hv_domain(d1));
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(v)));
	hv_domain_unpause(testbed_hv_domain(d1));
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(v)));
	assert_rc(op_poll_end(v, 1, 1000 * MS), POLL_IMMEDIATE);
}

static void block_and_wake(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v0 = testbed_hv_vcpu(b->v0);
	struct vcpu_info *info = &testbed_shared_info(b->d0)->vcpu_info[0];

	ports_of_18(b);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_int_equal(info->evtchn_upcall_mask, 1);
	assert_rc(op_sched(b->v0, SCHEDOP_block, NULL, 0), 0);
	assert_false(hv_vcpu_runnable(v0));
	assert_int_equal(info->evtchn_upcall_mask, 0);
	/* a masked port does not wake */
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v1, 2), 0);
	assert_false(hv_vcpu_runnable(v0));
	mem_set_masked(b->d0, 1, false);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_send(b->v1, 2), 0);
	assert_true(hv_vcpu_runnable(v0));
	/* with something pending already, block does not sleep */
	assert_rc(op_sched(b->v0, SCHEDOP_block, NULL, 0), 0);
	assert_true(hv_vcpu_runnable(v0));
	/* no event callback is registered: no upcall is due */
	assert_false(hv_vcpu_upcall_due(v0));
	quiet(b);
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 10 * MS), 0);
	assert_rc(op_sched(b->v0, SCHEDOP_block, NULL, 0), 0);
	assert_false(hv_vcpu_runnable(v0));
	assert_true(testbed_step(b->tb));
	assert_true(hv_vcpu_runnable(v0));
	assert_int_equal(testbed_now(b->tb), 10 * MS);
}

static void yield_and_unknown(void **state)
{
	struct bare *b = *state;

	assert_rc(op_sched(b->v0, SCHEDOP_yield, NULL, 0), 0);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	assert_fails(op_sched(b->v0, 99, NULL, 0), ENOSYS);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, 0), EFAULT);
	assert_false(hv_domain_is_shut_down(testbed_hv_domain(b->d0), &(unsigned){ 0 }));
}

static void shutdown_stops_all(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct sched_shutdown s = { SHUTDOWN_reboot };
	unsigned reason = 99;

	assert_rc(op_sched(testbed_vcpu(d1, 0), SCHEDOP_shutdown, &s, sizeof(s)), 0);
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(d1), &reason));
	assert_int_equal(reason, SHUTDOWN_reboot);
	assert_int_equal(testbed_shutdowns(d1), 1);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(testbed_vcpu(d1, 0))));
	/* the first reason stays, the callback is not called again */
	hv_domain_crash(testbed_hv_domain(d1));
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(d1), &reason));
	assert_int_equal(reason, SHUTDOWN_reboot);
	assert_int_equal(testbed_shutdowns(d1), 1);
	hv_domain_crash(testbed_hv_domain(b->d0));
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(b->d0), &reason));
	assert_int_equal(reason, SHUTDOWN_crash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(poll_pending_and_timeout),
		bare_test(poll_deadlines),
		bare_test(poll_bad_ports),
		bare_test(poll_bad_arguments),
		bare_test(poll_woken),
		bare_test(poll_on_another_vcpu),
		bare_test(poll_in_a_paused_domain),
		bare_test(block_and_wake),
		bare_test(yield_and_unknown),
		bare_test(shutdown_stops_all),
	};

	return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
