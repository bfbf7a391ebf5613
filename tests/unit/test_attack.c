/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest's tricks that once worked: arguments that change while a hypercall is cut short,
 * answers that cannot be written, calls made where none is expected. Races are in tests/threads.
 */
#include <xen/vcpu.h>
#include <xen/version.h>

#include "fifo.h"

/* Whatever there is to go on with, it is time to do so. */
static bool always(struct testbed_vcpu *v, void *arg)
{
	(void)v;
	(void)arg;
	return true;
}

static bool cut_short(struct testbed_vcpu *v, uint64_t nr, uint64_t args[6], long *rc)
{
	*rc = hv_hypercall(testbed_hv_vcpu(v), nr, args);
	return hv_vcpu_preempted(testbed_hv_vcpu(v));
}

/*
 * The search for a port in a domain that has many is cut short, and goes on in one that has few:
 * the guest has changed its argument.
 */
static void search_goes_elsewhere(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	struct testbed_domain *d5 = bare_domain(b, 5, true);
	struct evtchn_alloc_unbound a = { .dom = SELF, .remote_dom = 0 };
	uint64_t args[6] = { EVTCHNOP_alloc_unbound };
	long rc;

	while (f.pages < 2)
		give_page(&f, NULL);
	for (uint32_t port = 1; port < 2048; port++)
		word_set(&f, port, LINKED);
	args[1] = testbed_place(b->v0, AT_OK, 0, &a, sizeof(a));
	assert_true(cut_short(b->v0, __HYPERVISOR_event_channel_op, args, &rc));
	a.dom = 5;
	testbed_place(b->v0, AT_OK, 0, &a, sizeof(a));
	assert_false(cut_short(b->v0, __HYPERVISOR_event_channel_op, args, &rc));
	assert_rc(rc, 0);
	testbed_fetch(b->v0, args[1], &a, sizeof(a));
	assert_int_equal(a.port, 1);
	assert_status(b->v0, 5, 1, "unbound vcpu=0 dom=0");
	assert_rc(op_bind_ipi(testbed_vcpu(d5, 0), 0), 2);
}

/*
 * An entry of a multicall is cut short, and how it goes on cannot be written to it: the multicall
 * has failed, and does not go on with the entry's arguments.
 */
static void entry_cannot_go_on(void **state)
{
	struct bare *b = *state;
	struct evtchn_reset reset = { SELF };
	struct multicall_entry e = { .op = __HYPERVISOR_event_channel_op,
				     .args = { EVTCHNOP_reset } };
	uint64_t args[6] = { 0, 1 };
	long rc;

	for (unsigned i = 0; i < 600; i++)
		assert_true(op_bind_ipi(b->v0, 0) > 0);
	e.args[1] = testbed_place(b->v0, AT_OK, 0, &reset, sizeof(reset));
	args[0] = testbed_place(b->v0, AT_READONLY, 1, &e, sizeof(e));
	testbed_set_preempt(b->tb, always, NULL);
	assert_false(cut_short(b->v0, __HYPERVISOR_multicall, args, &rc));
	assert_rc(rc, -XEN_EFAULT);
	assert_int_equal(args[1], 1);
}

static struct vcpu_runstate_info runstate(struct bare *b, unsigned vcpu)
{
	struct vcpu_runstate_info r = { 0 };
	uint64_t args[6] = { VCPUOP_get_runstate_info, vcpu,
			     testbed_place(b->v0, AT_OK, 0, &r, sizeof(r)) };

	assert_rc(hv_hypercall(testbed_hv_vcpu(b->v0), __HYPERVISOR_vcpu_op, args), 0);
	testbed_fetch(b->v0, args[2], &r, sizeof(r));
	return r;
}

/* It was paused, and got one more hypercall in before it heard: it does not run meanwhile. */
static void paused_does_not_run(void **state)
{
	struct bare *b = *state;
	uint64_t args[6] = { XENVER_version };
	struct vcpu_runstate_info r;

	runstate(b, 0);
	hv_domain_pause(testbed_hv_domain(b->d0));
	hv_hypercall(testbed_hv_vcpu(b->v0), __HYPERVISOR_xen_version, args);
	testbed_advance(b->tb, 5 * TESTBED_MS);
	hv_domain_unpause(testbed_hv_domain(b->d0));
	r = runstate(b, 0);
	assert_int_equal(r.state, RUNSTATE_running);
	assert_int_equal(r.time[RUNSTATE_running], 0);
	assert_int_equal(r.time[RUNSTATE_offline], 5 * TESTBED_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(search_goes_elsewhere),
		bare_test(entry_cannot_go_on),
		bare_test(paused_does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
