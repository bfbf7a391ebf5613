/* SPDX-License-Identifier: MIT */
/*
 * Runstates on virtual time: every nanosecond of a vCPU is in one of the four, and the area in the
 * guest follows. The hypercalls' errors are in test_vcpu_op.c.
 */
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "bare.h"

static struct vcpu_runstate_info get(struct bare *b, unsigned vcpu)
{
	struct vcpu_runstate_info r;
	uint64_t va;

	memset(&r, 0xa5, sizeof(r));
	va = testbed_place(b->v0, AT_OK, 0, &r, sizeof(r));
	assert_rc(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, vcpu, va), 0);
	testbed_fetch(b->v0, va, &r, sizeof(r));
	return r;
}

static void assert_times(const struct vcpu_runstate_info *r, int state, uint64_t running,
			 uint64_t runnable, uint64_t blocked, uint64_t offline)
{
	assert_int_equal(r->state, state);
	assert_int_equal(r->time[RUNSTATE_running], running * TESTBED_MS);
	assert_int_equal(r->time[RUNSTATE_runnable], runnable * TESTBED_MS);
	assert_int_equal(r->time[RUNSTATE_blocked], blocked * TESTBED_MS);
	assert_int_equal(r->time[RUNSTATE_offline], offline * TESTBED_MS);
}

static void pass(struct bare *b, uint64_t ms)
{
	testbed_advance(b->tb, ms * TESTBED_MS);
}

static void a_life(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *hv1 = testbed_hv_vcpu(b->v1);
	struct vcpu_runstate_info r;

	get(b, 0); /* v0 runs */
	pass(b, 3);
	r = get(b, 1);
	assert_times(&r, RUNSTATE_offline, 0, 0, 0, 3);
	assert_int_equal(r.state_entry_time, 0);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	pass(b, 5); /* it may run, and does not yet */
	r = get(b, 1);
	assert_times(&r, RUNSTATE_runnable, 0, 5, 0, 3);
	hv_vcpu_resumed(hv1);
	pass(b, 7);
	r = get(b, 1);
	assert_times(&r, RUNSTATE_running, 7, 5, 0, 3);
	assert_int_equal(r.state_entry_time, 8 * TESTBED_MS);
	assert_rc(op_sched(b->v1, SCHEDOP_block, NULL, 0), 0);
	pass(b, 11);
	r = get(b, 1);
	assert_times(&r, RUNSTATE_blocked, 7, 5, 11, 3);
	hv_domain_pause(testbed_hv_domain(b->d0));
	pass(b, 1); /* paused as well: it is blocked all the same */
	hv_domain_unpause(testbed_hv_domain(b->d0));
	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(op_send(b->v0, 1), 0);
	pass(b, 2);
	r = get(b, 1);
	assert_times(&r, RUNSTATE_runnable, 7, 7, 12, 3);
	/* A hypercall of its own says that it runs, too. */
	r = get(b, 0);
	assert_int_equal(r.state, RUNSTATE_running);
	assert_rc(op_vcpu(b->v1, VCPUOP_down, 1, NULL, 0), 0);
	pass(b, 4);
	r = get(b, 1);
	assert_times(&r, RUNSTATE_offline, 7, 7, 12, 7);
}

/* A poll that does not sleep takes no time and changes nothing. */
static void no_sleep(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info before, after;
	evtchn_port_t port = 1;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_send(b->v0, 1), 0);
	before = get(b, 0);
	assert_rc(op_poll(b->v0, &port, 1, 0), 0);
	after = get(b, 0);
	assert_int_equal(before.state_entry_time, after.state_entry_time);
	assert_int_equal(after.state, RUNSTATE_running);
}

static void poll_by_deadline(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info r;
	evtchn_port_t port = 1;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	get(b, 0);
	assert_rc(op_poll(b->v0, &port, 1, 6 * TESTBED_MS), 0);
	pass(b, 10);
	r = get(b, 0);
	assert_times(&r, RUNSTATE_running, 0, 4, 6, 0);
}

static struct vcpu_runstate_info *give_area(struct bare *b, struct testbed_vcpu *by, unsigned vcpu)
{
	struct vcpu_runstate_info *area = testbed_page(b->d0);
	struct vcpu_register_runstate_memory_area a = { .addr.p = (uint64_t)(uintptr_t)area };

	assert_rc(op_vcpu(by, VCPUOP_register_runstate_memory_area, vcpu, &a, sizeof(a)), 0);
	return area;
}

static void area_follows(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info *area;

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	pass(b, 2);
	area = give_area(b, b->v1, 1);
	assert_times(area, RUNSTATE_running, 2, 0, 0, 0);
	assert_rc(op_sched(b->v1, SCHEDOP_block, NULL, 0), 0);
	pass(b, 5);
	assert_times(area, RUNSTATE_running, 2, 0, 0, 0);
	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(op_send(b->v0, 1), 0);
	pass(b, 3);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_times(area, RUNSTATE_running, 2, 3, 5, 0);
	assert_int_equal(area->state_entry_time, 10 * TESTBED_MS);
	/* No news, no writing. */
	memset(area, 0x77, sizeof(*area));
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_int_equal(area->state, 0x77777777);
}

static void area_taken_back(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info *area = give_area(b, b->v0, 1);
	struct vcpu_register_runstate_memory_area none = { .addr.p = 0 };

	assert_times(area, RUNSTATE_offline, 0, 0, 0, 0);
	assert_rc(op_vcpu(b->v0, VCPUOP_register_runstate_memory_area, 1, &none, sizeof(none)), 0);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_int_equal(area->state, RUNSTATE_offline);
}

/* Where nothing can be written, nothing is, and the vCPU lives on. */
static void area_nowhere(void **state)
{
	struct bare *b = *state;
	struct vcpu_register_runstate_memory_area a = { .addr.p = testbed_place(b->v0, AT_UNMAPPED,
										0, "", 1) };

	assert_rc(op_vcpu(b->v0, VCPUOP_register_runstate_memory_area, 1, &a, sizeof(a)), 0);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_int_equal(get(b, 1).state, RUNSTATE_running);
	a.addr.p = UINT64_C(0x0000900000000000);
	assert_fails(op_vcpu(b->v0, VCPUOP_register_runstate_memory_area, 1, &a, sizeof(a)),
		     EFAULT);
}

/* The flag is gone at the end. */
static void update_flag(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info *area;

	assert_rc(testbed_call(b->v0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			       VMASST_TYPE_runstate_update_flag),
		  0);
	area = give_area(b, b->v0, 1);
	pass(b, 1);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_times(area, RUNSTATE_running, 0, 0, 0, 1);
	assert_int_equal(area->state_entry_time, TESTBED_MS);
	assert_fails(
		testbed_call(b->v0, __HYPERVISOR_vm_assist, 7, VMASST_TYPE_runstate_update_flag),
		ENOSYS);
}

/* An area over the edge of what can be written shows that the flag comes first. */
static void update_flag_first(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info r = { .state = RUNSTATE_offline };
	uint64_t va = testbed_place(b->v0, AT_EDGE, 0, &r, 16);
	struct vcpu_register_runstate_memory_area a = { .addr.p = va };

	assert_rc(testbed_call(b->v0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			       VMASST_TYPE_runstate_update_flag),
		  0);
	assert_rc(op_vcpu(b->v0, VCPUOP_register_runstate_memory_area, 1, &a, sizeof(a)), 0);
	testbed_place(b->v0, AT_EDGE, 0, &r, 16);
	pass(b, 1);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	testbed_fetch(b->v0, va, &r, 16);
	assert_int_equal(r.state_entry_time, XEN_RUNSTATE_UPDATE | TESTBED_MS);
}

/* Whatever the hypervisor holds when it kicks: a send's section, a timer's lock, the domain's. */
static void resumed_in_the_kick(void **state)
{
	struct bare *b = *state;
	struct vcpu_runstate_info *area;
	evtchn_port_t port = 1;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	area = give_area(b, b->v1, 0);
	testbed_kick_resumes(b->tb);
	get(b, 0);
	assert_rc(op_sched(b->v0, SCHEDOP_block, NULL, 0), 0);
	pass(b, 5);
	assert_rc(op_send(b->v1, port), 0);
	assert_times(area, RUNSTATE_running, 0, 0, 5, 0);
	mem_clear_upcall(b->v0);
	mem_set_pending(b->d0, port, false);
	assert_rc(op_poll(b->v0, &port, 1, 11 * TESTBED_MS), 0);
	pass(b, 6);
	assert_times(area, RUNSTATE_running, 0, 0, 11, 0);
	hv_domain_crash(testbed_hv_domain(b->d0));
	pass(b, 1);
	assert_times(area, RUNSTATE_running, 0, 0, 11, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(a_life),
		bare_test(no_sleep),
		bare_test(poll_by_deadline),
		bare_test(area_follows),
		bare_test(area_taken_back),
		bare_test(area_nowhere),
		bare_test(update_flag),
		bare_test(update_flag_first),
		bare_test(resumed_in_the_kick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
