/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_watchdog on virtual time: two for a domain, fed, put to sleep, and what comes of one that
 * is forgotten.
 */
#include <xen/sched.h>

#include "bare.h"

static long watchdog(struct testbed_vcpu *v, uint32_t id, uint32_t timeout)
{
	struct sched_watchdog w = { id, timeout };

	return op_sched(v, SCHEDOP_watchdog, &w, sizeof(w));
}

static void seconds(struct bare *b, uint64_t n)
{
	testbed_advance(b->tb, n * 1000 * TESTBED_MS);
}

static bool dead(const struct testbed_domain *d)
{
	unsigned reason = 99;
	bool down = hv_domain_is_shut_down(testbed_hv_domain(d), &reason);

	if (down)
		assert_int_equal(reason, SHUTDOWN_watchdog);
	return down;
}

static void fed(void **state)
{
	struct bare *b = *state;

	assert_rc(watchdog(b->v0, 0, 10), 1);
	seconds(b, 9);
	assert_rc(watchdog(b->v0, 1, 10), 0);
	seconds(b, 9);
	assert_rc(watchdog(b->v0, 1, 0), 0);
	seconds(b, 100);
	assert_false(dead(b->d0));
	assert_fails(watchdog(b->v0, 1, 10), EINVAL);
	assert_rc(watchdog(b->v0, 0, 10), 1);
	seconds(b, 9);
	assert_false(dead(b->d0));
	seconds(b, 1);
	assert_true(dead(b->d0));
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
}

static void two_of_them(void **state)
{
	struct bare *b = *state;

	assert_rc(watchdog(b->v0, 0, 10), 1);
	assert_rc(watchdog(b->v0, 0, 20), 2);
	assert_fails(watchdog(b->v0, 0, 5), ENOSPC);
	assert_rc(watchdog(b->v0, 1, 0), 0);
	assert_rc(watchdog(b->v0, 0, 30), 1);
	seconds(b, 19);
	assert_false(dead(b->d0));
	seconds(b, 1);
	assert_true(dead(b->d0));
}

static void errors(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 3, 4, 32, 33, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_fails(watchdog(b->v0, bad[i], 10), EINVAL);
	assert_fails(watchdog(b->v0, 1, 10), EINVAL);
	assert_fails(watchdog(b->v0, 2, 0), EINVAL);
	assert_fails(op_sched(b->v0, SCHEDOP_watchdog, NULL, 0), EFAULT);
	seconds(b, 100);
	assert_false(dead(b->d0));
}

/* Each domain its own; and other timers of that vCPU go on. */
static void of_one_domain(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	assert_rc(op_bind_virq(v, VIRQ_TIMER, 0), 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_DOM_EXC, 0), 1);
	assert_rc(watchdog(v, 0, 10), 1);
	assert_rc(op_set_timer(v, 3000 * TESTBED_MS), 0);
	seconds(b, 3);
	assert_bits(d1, 1, 1, 0);
	assert_false(dead(d1));
	assert_bits(b->d0, 1, 0, 0);
	/* The longest that can be asked for */
	assert_rc(watchdog(v, 0, 0xffffffff), 2);
	seconds(b, 7);
	assert_true(dead(d1));
	assert_int_equal(testbed_shutdowns(d1), 1);
	assert_bits(b->d0, 1, 1, 0);
	assert_false(dead(b->d0));
}

/* A new one with no time at all, as on Xen. */
static void at_once(void **state)
{
	struct bare *b = *state;

	assert_rc(watchdog(b->v0, 0, 0), 1);
	seconds(b, 0);
	assert_true(dead(b->d0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(fed),		  bare_test(two_of_them), bare_test(errors),
		bare_test(of_one_domain), bare_test(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
