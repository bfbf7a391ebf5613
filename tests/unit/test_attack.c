/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest's tricks that once worked: arguments that change while a hypercall is cut short,
 * answers that cannot be written, calls made where none is expected. Races are in tests/threads.
 */
#include <xen/physdev.h>
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

struct first_event {
	const uint64_t *eoi_map;
	unsigned delivered;
	bool marked;
};

static int look_at_bit(void *arg, struct hv_domain *d, unsigned pirq, unsigned line)
{
	struct first_event *f = arg;

	(void)d;
	(void)line;
	f->delivered++;
	f->marked = f->eoi_map[pirq / 64] >> (pirq % 64) & 1;
	return 0;
}

/* The first event comes while the pirq is bound: its handler must find that it needs an eoi. */
static void first_event_finds_its_bit(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 70, HV_IRQ_LEVEL);
	uint64_t *page = testbed_page(b->d0);
	struct physdev_pirq_eoi_gmfn m = { .gmfn = testbed_frame(b->d0, page) };
	struct first_event f = { .eoi_map = page };

	assert_rc(op_physdev(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v2, &m, sizeof(m)), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 70, 70, false), 0);
	testbed_line_set(l, true);
	testbed_deliver_if(b->tb, look_at_bit, &f);
	assert_rc(op_bind_pirq(b->v0, 70, 0), 1);
	testbed_deliver_if(b->tb, NULL, NULL);
	assert_int_equal(f.delivered, 1);
	assert_true(f.marked);
}

/* ---- memory that is not there ---- */

/*
 * An operation that may be the one that fails for want of memory: then it is done again, and must
 * answer as if nothing had been.
 */
#define AGAIN(n, call)                                         \
	__extension__({                                        \
		long rc_ = (call);                             \
                                                               \
		if (rc_ == -XEN_ENOMEM) {                      \
			testbed_fail_alloc(b->tb, UINT64_MAX); \
			(n)++;                                 \
			rc_ = (call);                          \
		}                                              \
		rc_;                                           \
	})

static long give(struct testbed_domain *d, unsigned op, uint64_t frame)
{
	if (op == EVTCHNOP_init_control)
		return init_control(testbed_vcpu(d, 0), frame, 0, 0);
	return expand_array(testbed_vcpu(d, 0), frame);
}

static long describe(struct bare *b, unsigned line)
{
	return testbed_line(b->tb, line, HV_IRQ_LEVEL) ? 0 : -XEN_ENOMEM;
}

/* Of everything that takes memory something, and allocation n fails; how many operations did. */
static unsigned use_memory(struct bare *b, uint64_t n)
{
	struct testbed_domain *d = bare_domain(b, 5, true);
	struct hv_domain *hv0 = testbed_hv_domain(b->d0), *hv5 = testbed_hv_domain(d);
	struct vcpu_guest_context context = { 0 };
	uint64_t block = testbed_frame(b->d0, testbed_page(b->d0));
	uint64_t words = testbed_frame(b->d0, testbed_page(b->d0));
	unsigned failed = 0;

	testbed_fail_alloc(b->tb, n);
	assert_rc(AGAIN(failed, describe(b, 5)), 0);
	assert_rc(AGAIN(failed, hv_domain_map_pirq(hv0, 6, 6, true)), 0);
	assert_rc(AGAIN(failed, op_bind_pirq(b->v0, 6, BIND_PIRQ__WILL_SHARE)), 1);
	assert_rc(AGAIN(failed, hv_irq_set_flags(testbed_hv(b->tb), 7, HV_IRQ_FOCUS)), 0);
	assert_rc(AGAIN(failed, hv_domain_trace(hv0, true)), 0);
	for (long port = 2; port <= 130; port++)
		assert_rc(AGAIN(failed, op_bind_ipi(b->v0, 0)), port);
	assert_rc(AGAIN(failed, give(b->d0, EVTCHNOP_init_control, block)), 17);
	assert_rc(AGAIN(failed, give(b->d0, EVTCHNOP_expand_array, words)), 0);
	assert_rc(AGAIN(failed, hv_evtchn_connect_at(hv0, 5000, hv5, 1000)), 0);
	assert_rc(AGAIN(failed, op_alloc_unbound(b->v0, 5, 0)), 1);
	assert_rc(AGAIN(failed, hv_vcpu_start(testbed_hv_vcpu(b->v1), &context)), 0);
	assert_rc(op_send(b->v0, 5000), 0);
	assert_rc(op_close(b->v0, 5000), 0);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_rc(hv_domain_trace(hv0, false), 0);
	return failed;
}

/* Each allocation fails once; what is left over in the end, bare_teardown finds. */
static void without_memory(void **state)
{
	unsigned n = 0, failed;

	do {
		assert_rc(bare_teardown(state), 0);
		bare_setup(state);
		failed = use_memory(*state, n++);
	} while (failed);
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(search_goes_elsewhere), bare_test(entry_cannot_go_on),
		bare_test(paused_does_not_run),	  bare_test(first_event_finds_its_bit),
		bare_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
