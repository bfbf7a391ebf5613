/* SPDX-License-Identifier: MIT */
/*
 * VIRQs: which may be bound where, how they arrive, and the timers that raise VIRQ_TIMER, on
 * virtual time (scenarios 06, 24; the tick from the specification). Sleeping vCPUs are test_poll.c.
 */
#include <xen/vcpu.h>

#include "bare.h"

#define MS TESTBED_MS

static void all_numbers_on_vcpu_0(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 24, 25, 31, 255, 0x7fffffff, 0x80000000, 0xffffffff };

	for (uint32_t virq = 0; virq < NR_VIRQS; virq++)
		assert_rc(op_bind_virq(b->v0, virq, 0), virq + 1);
	for (uint32_t virq = 0; virq < NR_VIRQS; virq++)
		assert_fails(op_bind_virq(b->v0, virq, 0), EEXIST);
	for (unsigned i = 0; i < ALEN(bad); i++) {
		assert_fails(op_bind_virq(b->v0, bad[i], 0), EINVAL);
		assert_fails(op_bind_virq(b->v0, bad[i], 2), EINVAL);
	}
	assert_status(b->v0, SELF, 6, "virq vcpu=0 virq=5");
	assert_status(b->v0, SELF, 17, "virq vcpu=0 virq=16");
}

static void per_vcpu_ones_on_vcpu_1(void **state)
{
	struct bare *b = *state;
	long port = 1;

	for (uint32_t virq = 0; virq < NR_VIRQS; virq++) {
		bool percpu = virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
			      virq == VIRQ_XENPMU;

		assert_rc(op_bind_virq(b->v0, virq, 1), percpu ? port++ : -XEN_EINVAL);
		assert_rc(op_bind_virq(b->v0, virq, 2), percpu ? -XEN_ENOENT : -XEN_EINVAL);
		assert_rc(op_bind_virq(b->v0, virq, UINT32_MAX),
			  percpu ? -XEN_ENOENT : -XEN_EINVAL);
	}
	assert_rc(port, 5);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 5);
	/* closing one vCPU's frees that one only */
	assert_rc(op_close(b->v0, 1), 0);
	assert_fails(op_bind_virq(b->v0, VIRQ_TIMER, 0), EEXIST);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 1);
}

static void raised_from_outside(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d0 = testbed_hv_domain(b->d0);

	hv_domain_virq(d0, VIRQ_CON_RING); /* unbound: lost */
	assert_rc(op_bind_virq(b->v0, VIRQ_CON_RING, 0), 1);
	assert_bits(b->d0, 1, 0, 0);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 2);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 1), 3);
	hv_vcpu_virq(testbed_hv_vcpu(b->v1), VIRQ_DEBUG);
	assert_bits(b->d0, 2, 0, 0);
	assert_bits(b->d0, 3, 1, 0);
	assert_upcall(b->v0, 0, 0);
	assert_upcall(b->v1, 1, 1);
	mem_clear_upcall(b->v1);
	/* a global one goes where it was moved to */
	assert_rc(op_bind_vcpu(b->v0, 1, 1), 0);
	hv_domain_virq(d0, VIRQ_CON_RING);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 0, 0);
	assert_upcall(b->v1, 1, 1);
	mem_clear_upcall(b->v1);
	mem_set_pending(b->d0, 1, false);
	mem_set_masked(b->d0, 1, true);
	hv_domain_virq(d0, VIRQ_CON_RING);
	assert_bits(b->d0, 1, 1, 1);
	assert_upcall(b->v1, 0, 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_upcall(b->v1, 1, 1);
}

static void timer_once(void **state)
{
	struct bare *b = *state;

	/* not bound when it fires: lost */
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 50 * MS), 0);
	testbed_advance(b->tb, 150 * MS);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_bits(b->d0, 1, 0, 0);

	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 50 * MS), 0);
	testbed_advance(b->tb, 50 * MS - 1);
	assert_bits(b->d0, 1, 0, 0);
	testbed_advance(b->tb, 1);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	mem_set_pending(b->d0, 1, false);
	mem_clear_upcall(b->v0);
	/* once */
	assert_int_equal(testbed_deadline(b->v0), HV_NEVER);
	testbed_advance(b->tb, 1000 * MS);
	assert_bits(b->d0, 1, 0, 0);
}

static void timer_off_and_past(void **state)
{
	struct bare *b = *state;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 100 * MS), 0);
	assert_rc(op_set_timer(b->v0, 0), 0);
	testbed_advance(b->tb, 200 * MS);
	assert_bits(b->d0, 1, 0, 0);
	/* set again: the later call counts */
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 10 * MS), 0);
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 30 * MS), 0);
	testbed_advance(b->tb, 20 * MS);
	assert_bits(b->d0, 1, 0, 0);
	testbed_advance(b->tb, 10 * MS);
	assert_bits(b->d0, 1, 1, 0);
	mem_set_pending(b->d0, 1, false);
	/* past: at once */
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) - 50 * MS), 0);
	testbed_advance(b->tb, 0);
	assert_bits(b->d0, 1, 1, 0);
}

static void timer_merges_while_masked(void **state)
{
	struct bare *b = *state;
	struct hv_counters before, after;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	mem_set_masked(b->d0, 1, true);
	hv_domain_counters(testbed_hv_domain(b->d0), &before);
	for (int i = 0; i < 2; i++) {
		assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 20 * MS), 0);
		testbed_advance(b->tb, 80 * MS);
	}
	hv_domain_counters(testbed_hv_domain(b->d0), &after);
	assert_bits(b->d0, 1, 1, 1);
	assert_upcall(b->v0, 0, 0);
	assert_int_equal(after.sends - before.sends, 2);
	assert_int_equal(after.merged - before.merged, 1);
}

static long singleshot(struct bare *b, uint64_t at, uint32_t flags)
{
	struct vcpu_set_singleshot_timer a = { .timeout_abs_ns = at, .flags = flags };

	return op_vcpu(b->v0, VCPUOP_set_singleshot_timer, 0, &a, sizeof(a));
}

static void vcpu_op_singleshot(void **state)
{
	struct bare *b = *state;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(singleshot(b, testbed_now(b->tb) + 20 * MS, 0), 0);
	testbed_advance(b->tb, 80 * MS);
	assert_bits(b->d0, 1, 1, 0);
	mem_set_pending(b->d0, 1, false);
	assert_rc(singleshot(b, testbed_now(b->tb) + 20 * MS, 0), 0);
	assert_rc(op_vcpu(b->v0, VCPUOP_stop_singleshot_timer, 0, NULL, 0), 0);
	testbed_advance(b->tb, 80 * MS);
	assert_bits(b->d0, 1, 0, 0);
	/* VCPU_SSHOTTMR_future: Xen 4.17 refuses a past time no more than without it */
	assert_rc(singleshot(b, testbed_now(b->tb) - 1, VCPU_SSHOTTMR_future), 0);
	testbed_advance(b->tb, MS);
	assert_bits(b->d0, 1, 1, 0);
}

static long periodic(struct testbed_vcpu *v, uint64_t period)
{
	struct vcpu_set_periodic_timer a = { .period_ns = period };

	return op_vcpu(v, VCPUOP_set_periodic_timer, testbed_vcpu_id(v), &a, sizeof(a));
}

static void vcpu_op_periodic(void **state)
{
	struct bare *b = *state;
	unsigned ticks = 0;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(periodic(b->v0, 20 * MS), 0);
	for (int i = 0; i < 100; i++) {
		testbed_advance(b->tb, 2 * MS);
		ticks += mem_pending(b->d0, 1);
		mem_set_pending(b->d0, 1, false);
	}
	assert_in_range(ticks, 9, 11);
	assert_rc(op_vcpu(b->v0, VCPUOP_stop_periodic_timer, 0, NULL, 0), 0);
	testbed_advance(b->tb, 50 * MS);
	assert_bits(b->d0, 1, 0, 0);
	/* under a millisecond is too fast */
	assert_fails(periodic(b->v0, MS - 1), EINVAL);
	assert_rc(periodic(b->v0, MS), 0);
	testbed_advance(b->tb, 2 * MS);
	assert_bits(b->d0, 1, 1, 0);
}

static void periodic_and_single_together(void **state)
{
	struct bare *b = *state;
	unsigned ticks = 0;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(periodic(b->v0, 20 * MS), 0);
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 5 * MS), 0);
	for (int i = 0; i < 45; i++) {
		testbed_advance(b->tb, MS);
		ticks += mem_pending(b->d0, 1);
		mem_set_pending(b->d0, 1, false);
	}
	/* at about 5, 20, 40 */
	assert_int_equal(ticks, 3);
}

static void tick_from_the_start(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = testbed_domain_create(
		b->tb,
		&(struct testbed_domain_config){ .id = 5, .vcpus = 2, .periodic_tick = true },
		NULL);
	struct testbed_vcpu *v = testbed_vcpu(d, 0);
	unsigned ticks = 0;

	assert_rc(op_bind_virq(v, VIRQ_TIMER, 0), 1);
	assert_rc(op_bind_virq(v, VIRQ_TIMER, 1), 2);
	for (int i = 0; i < 1000; i++) {
		testbed_advance(b->tb, MS);
		ticks += mem_pending(d, 1);
		mem_set_pending(d, 1, false);
	}
	assert_in_range(ticks, 99, 101);
	/* one that is down does not tick */
	assert_bits(d, 2, 0, 0);
	assert_rc(op_vcpu(v, VCPUOP_stop_periodic_timer, 0, NULL, 0), 0);
	testbed_advance(b->tb, 100 * MS);
	assert_bits(d, 1, 0, 0);
	assert_rc(testbed_vcpu_boot(testbed_vcpu(d, 1)), 0);
	testbed_advance(b->tb, 11 * MS);
	assert_bits(d, 2, 1, 0);
}

static void timers_of_two_vcpus(void **state)
{
	struct bare *b = *state;

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 2);
	assert_rc(op_set_timer(b->v0, testbed_now(b->tb) + 20 * MS), 0);
	assert_rc(op_set_timer(b->v1, testbed_now(b->tb) + 10 * MS), 0);
	assert_true(testbed_step(b->tb));
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_int_equal(testbed_now(b->tb), 10 * MS);
	assert_true(testbed_step(b->tb));
	assert_bits(b->d0, 1, 1, 0);
	assert_int_equal(testbed_now(b->tb), 20 * MS);
	assert_false(testbed_step(b->tb));
}

static void time_page(void **state)
{
	struct bare *b = *state;
	struct vcpu_time_info *t = &testbed_shared_info(b->d0)->vcpu_info[0].time;
	struct shared_info *s = testbed_shared_info(b->d0);

	assert_int_equal(t->version % 2, 0);
	assert_int_equal(t->tsc_to_system_mul, 0x80000000u);
	assert_int_equal(t->tsc_shift, 0);
	assert_int_equal(t->system_time, (t->tsc_timestamp - TESTBED_CYCLES0) / 2);
	assert_int_equal(s->wc_sec, 1700000000);
	assert_int_equal(s->wc_nsec, 5);
	assert_int_equal(s->wc_version % 2, 0);
}

/* By the embedder: on whoever handles it, bound or not; those of each vCPU are not global. */
static void global_ones(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct hv *hv = testbed_hv(b->tb);

	assert_rc(hv_global_virq(hv, VIRQ_CONSOLE), 0); /* nobody there: lost */
	assert_rc(op_bind_virq(b->v0, VIRQ_CONSOLE, 0), 1);
	assert_rc(op_bind_virq(testbed_vcpu(d1, 0), VIRQ_CONSOLE, 0), 1);
	assert_bits(b->d0, 1, 0, 0);
	assert_rc(hv_global_virq(hv, VIRQ_CONSOLE), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(d1, 1, 0, 0);
	mem_set_pending(b->d0, 1, false);
	assert_rc(hv_set_virq_handler(hv, VIRQ_CONSOLE, testbed_hv_domain(d1)), 0);
	assert_rc(hv_global_virq(hv, VIRQ_CONSOLE), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(d1, 1, 1, 0);
	assert_fails(hv_global_virq(hv, VIRQ_TIMER), EINVAL);
	assert_fails(hv_global_virq(hv, VIRQ_XENPMU), EINVAL);
	assert_fails(hv_global_virq(hv, NR_VIRQS), EINVAL);
	assert_fails(hv_global_virq(hv, UINT32_MAX), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(all_numbers_on_vcpu_0),
		bare_test(per_vcpu_ones_on_vcpu_1),
		bare_test(raised_from_outside),
		bare_test(timer_once),
		bare_test(timer_off_and_past),
		bare_test(timer_merges_while_masked),
		bare_test(vcpu_op_singleshot),
		bare_test(vcpu_op_periodic),
		bare_test(periodic_and_single_together),
		bare_test(tick_from_the_start),
		bare_test(timers_of_two_vcpus),
		bare_test(time_page),
		bare_test(global_ones),
	};

	return cmocka_run_group_tests_name("virq", tests, NULL, NULL);
}
