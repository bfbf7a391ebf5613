/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op as far as it matters for events (scenario 34): initialise, up, down, a vcpu_info of its
 * own, runstate; and the embedder's view of a vCPU. Timers are test_virq.c, sleeping is
 * test_poll.c.
 */
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "bare.h"

static long simple(struct bare *b, unsigned op, uint32_t vcpu)
{
	return op_vcpu(b->v0, op, vcpu, NULL, 0);
}

static void is_up(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 2, 8191, 0x80000000, 0xffffffff };

	assert_rc(simple(b, VCPUOP_is_up, 0), 1);
	assert_rc(simple(b, VCPUOP_is_up, 1), 0);
	for (unsigned i = 0; i < ALEN(bad); i++) {
		assert_fails(simple(b, VCPUOP_is_up, bad[i]), ENOENT);
		assert_fails(simple(b, VCPUOP_initialise, bad[i]), ENOENT);
		assert_fails(simple(b, 99, bad[i]), ENOENT);
	}
	assert_fails(simple(b, 99, 0), ENOSYS);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(simple(b, VCPUOP_is_up, 1), 1);
	assert_rc(testbed_vcpu_boot(b->v1), -XEN_EEXIST);
}

static void never_initialised(void **state)
{
	struct bare *b = *state;

	assert_null(hv_vcpu_context(testbed_hv_vcpu(b->v1)));
	assert_fails(simple(b, VCPUOP_up, 1), EINVAL);
	assert_fails(simple(b, VCPUOP_initialise, 1), EFAULT);
	assert_rc(simple(b, VCPUOP_down, 1), 0);
	assert_rc(simple(b, VCPUOP_is_up, 1), 0);
	/* one that is up */
	assert_rc(simple(b, VCPUOP_up, 0), 0);
}

static void initialised_twice(void **state)
{
	struct bare *b = *state;
	struct vcpu_guest_context *page = testbed_page(b->d0), *next = testbed_page(b->d0);

	/* the context is larger than a page: two that follow each other */
	assert_ptr_equal((uint8_t *)next, (uint8_t *)page + HV_PAGE_SIZE);
	page->flags = VGCF_in_kernel;
	page->user_regs.rip = 0x1234;
	assert_fails(
		testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 0, (uintptr_t)page),
		EEXIST);
}

/* As on Xen 4.17: VCPUOP_up wakes only a vCPU that was down. */
static void begun_up_it_is_not_woken(void **state)
{
	struct bare *b = *state;
	struct vcpu_guest_context *page = testbed_page(b->d0);
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);

	(void)testbed_page(b->d0);
	page->flags = VGCF_in_kernel | VGCF_online;
	assert_rc(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, (uintptr_t)page),
		  0);
	assert_rc(simple(b, VCPUOP_is_up, 1), 1);
	assert_rc(simple(b, VCPUOP_up, 1), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(simple(b, VCPUOP_down, 1), 0);
	assert_rc(simple(b, VCPUOP_is_up, 1), 0);
	assert_rc(simple(b, VCPUOP_up, 1), 0);
	assert_true(hv_vcpu_runnable(v1));
}

static void a_pause_wakes_it(void **state)
{
	struct bare *b = *state;
	struct vcpu_guest_context *page = testbed_page(b->d0);
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);

	(void)testbed_page(b->d0);
	page->flags = VGCF_in_kernel | VGCF_online;
	assert_rc(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, (uintptr_t)page),
		  0);
	assert_false(hv_vcpu_runnable(v1));
	hv_domain_pause(hv_vcpu_domain(v1));
	hv_domain_unpause(hv_vcpu_domain(v1));
	assert_true(hv_vcpu_runnable(v1));
}

static void timers_of_others(void **state)
{
	struct bare *b = *state;
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = 50 * TESTBED_MS };

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 1);
	assert_fails(op_vcpu(b->v0, VCPUOP_set_singleshot_timer, 1, &s, sizeof(s)), EINVAL);
	assert_fails(simple(b, VCPUOP_stop_singleshot_timer, 1), EINVAL);
	assert_fails(simple(b, VCPUOP_set_singleshot_timer, 0), EFAULT);
	assert_rc(simple(b, VCPUOP_stop_periodic_timer, 1), 0);
	testbed_advance(b->tb, 100 * TESTBED_MS);
	assert_bits(b->d0, 1, 0, 0);
}

static void down_and_up_with_an_event(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);

	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_true(hv_vcpu_runnable(v1));
	assert_rc(simple(b, VCPUOP_down, 1), 0);
	assert_rc(simple(b, VCPUOP_is_up, 1), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v1, 1, 1);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(simple(b, VCPUOP_down, 1), 0);
	assert_rc(simple(b, VCPUOP_up, 1), 0);
	assert_true(hv_vcpu_runnable(v1));
	assert_rc(simple(b, VCPUOP_is_up, 1), 1);
}

static void down_of_oneself(void **state)
{
	struct bare *b = *state;

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(op_vcpu(b->v1, VCPUOP_down, 1, NULL, 0), 0);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v1)));
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	assert_rc(simple(b, VCPUOP_up, 1), 0);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v1)));
}

static void tick_stops_while_down(void **state)
{
	struct bare *b = *state;
	struct vcpu_set_periodic_timer p = { .period_ns = 10 * TESTBED_MS };

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 1);
	assert_rc(op_vcpu(b->v0, VCPUOP_set_periodic_timer, 1, &p, sizeof(p)), 0);
	testbed_advance(b->tb, 11 * TESTBED_MS);
	assert_bits(b->d0, 1, 1, 0);
	assert_rc(simple(b, VCPUOP_down, 1), 0);
	testbed_advance(b->tb, 11 * TESTBED_MS);
	mem_set_pending(b->d0, 1, false);
	testbed_advance(b->tb, 100 * TESTBED_MS);
	assert_bits(b->d0, 1, 0, 0);
}

static long register_info(struct bare *b, uint32_t vcpu, const void *page, uint32_t offset)
{
	struct vcpu_register_vcpu_info r = { .mfn = testbed_frame(b->d0, page), .offset = offset };

	return op_vcpu(b->v0, VCPUOP_register_vcpu_info, vcpu, &r, sizeof(r));
}

static void own_vcpu_info(void **state)
{
	struct bare *b = *state;
	uint8_t *page = testbed_page(b->d0);
	struct vcpu_info *old = &testbed_shared_info(b->d0)->vcpu_info[1];
	struct vcpu_info *new = (void *)(page + 128);
	struct vcpu_register_vcpu_info bad = { .mfn = 1, .offset = 0 };
	uint64_t mfn;
	unsigned offset;

	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_int_equal(old->evtchn_upcall_pending, 1);
	/* frames that are not its own, and areas that do not fit */
	assert_true(op_vcpu(b->v0, VCPUOP_register_vcpu_info, 1, &bad, sizeof(bad)) < 0);
	assert_true(register_info(b, 1, page, HV_PAGE_SIZE - 63) < 0);
	assert_true(register_info(b, 1, page, UINT32_MAX) < 0);
	assert_fails(op_vcpu(b->v0, VCPUOP_register_vcpu_info, 1, NULL, 0), EFAULT);
	assert_ptr_equal(hv_vcpu_info(testbed_hv_vcpu(b->v1), &mfn, &offset), old);

	assert_rc(register_info(b, 1, page, 128), 0);
	assert_ptr_equal(hv_vcpu_info(testbed_hv_vcpu(b->v1), &mfn, &offset), new);
	assert_int_equal(mfn, testbed_frame(b->d0, page));
	assert_int_equal(offset, 128);
	/* nothing is lost in the move: the new one is told to look everywhere */
	assert_int_equal(new->evtchn_upcall_pending, 1);
	assert_int_equal(new->evtchn_pending_sel, ~0ul);
	assert_int_equal(new->evtchn_upcall_mask, 1);
	mem_clear_upcall(b->v1);
	old->evtchn_upcall_pending = 0;
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_int_equal(new->evtchn_upcall_pending, 1);
	assert_int_equal(old->evtchn_upcall_pending, 0);
	/* once only */
	assert_fails(register_info(b, 1, page, 256), EINVAL);
}

static void info_for_vcpu_40(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 41 }, NULL);
	struct testbed_vcpu *v = testbed_vcpu(d, 0);
	struct vcpu_info *info = testbed_page(d);
	struct vcpu_register_vcpu_info r = { .mfn = testbed_frame(d, info) };

	assert_rc(op_bind_ipi(v, 40), 1);
	assert_rc(op_send(v, 1), 0);
	assert_int_equal(info->evtchn_upcall_pending, 0);
	assert_rc(op_vcpu(v, VCPUOP_register_vcpu_info, 40, &r, sizeof(r)), 0);
	assert_int_equal(info->evtchn_upcall_pending, 1);
	assert_int_equal(info->evtchn_pending_sel, ~0ul);
}

static void upcall_due(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct vcpu_info *info = &testbed_shared_info(b->d0)->vcpu_info[0];

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_false(hv_vcpu_upcall_due(v)); /* masked */
	info->evtchn_upcall_mask = 0;
	assert_false(hv_vcpu_upcall_due(v)); /* no callback */
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_callbacks, 0x5000, 0x6000, 0x7000), 0);
	assert_true(hv_vcpu_upcall_due(v));
	info->evtchn_upcall_pending = 0;
	assert_false(hv_vcpu_upcall_due(v));
}

static void pause_counts(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	unsigned kicks = testbed_kicks(b->v0);

	hv_domain_pause(d);
	assert_true(testbed_kicks(b->v0) > kicks);
	hv_domain_pause(d);
	assert_false(hv_vcpu_runnable(v));
	hv_domain_unpause(d);
	assert_false(hv_vcpu_runnable(v));
	kicks = testbed_kicks(b->v0);
	hv_domain_unpause(d);
	assert_true(hv_vcpu_runnable(v));
	assert_true(testbed_kicks(b->v0) > kicks);
}

static void looking_up(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);

	assert_ptr_equal(hv_ctx(testbed_hv(b->tb)), b->tb);
	assert_ptr_equal(hv_domain_hv(d), testbed_hv(b->tb));
	assert_int_equal(hv_domain_id(d), 0);
	assert_ptr_equal(hv_domain_user(d), b->d0);
	assert_ptr_equal(hv_domain_vcpu(d, 1), testbed_hv_vcpu(b->v1));
	assert_null(hv_domain_vcpu(d, 2));
	assert_int_equal(hv_vcpu_id(testbed_hv_vcpu(b->v1)), 1);
	assert_ptr_equal(hv_vcpu_domain(testbed_hv_vcpu(b->v1)), d);
	assert_ptr_equal(hv_vcpu_user(testbed_hv_vcpu(b->v1)), b->v1);
	assert_int_equal(hv_vcpu_context(testbed_hv_vcpu(b->v0))->flags, VGCF_in_kernel);
}

static void frames(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);
	uint8_t *page = testbed_page(b->d0);
	uint64_t mfn = testbed_frame(b->d0, page);

	assert_ptr_equal(hv_domain_frame(d, mfn), page);
	assert_null(hv_domain_frame(d, 0));
	assert_null(hv_domain_frame(d, UINT64_MAX));
	assert_null(hv_domain_frame(d, mfn + 100000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(is_up),
		bare_test(never_initialised),
		bare_test(initialised_twice),
		bare_test(begun_up_it_is_not_woken),
		bare_test(a_pause_wakes_it),
		bare_test(timers_of_others),
		bare_test(down_and_up_with_an_event),
		bare_test(down_of_oneself),
		bare_test(tick_stops_while_down),
		bare_test(own_vcpu_info),
		bare_test(info_for_vcpu_40),
		bare_test(upcall_due),
		bare_test(pause_counts),
		bare_test(looking_up),
		bare_test(frames),
	};

	return cmocka_run_group_tests_name("vcpu_op", tests, NULL, NULL);
}
