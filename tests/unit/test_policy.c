/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: the default policy, and an embedder's own, which is asked about every operation.
 */
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "fifo.h"

/* ---- the default ---- */

static long remote_shutdown(struct testbed_vcpu *v, domid_t dom)
{
	struct sched_remote_shutdown s = { dom, SHUTDOWN_reboot };

	return op_sched(v, SCHEDOP_remote_shutdown, &s, sizeof(s));
}

static void its_master(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true), *d2 = bare_domain(b, 2, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	assert_fails(op_alloc_unbound(v, 2, 1), EPERM);
	assert_fails(remote_shutdown(v, 2), EPERM);
	hv_domain_set_target(testbed_hv_domain(d1), testbed_hv_domain(d2));
	assert_rc(op_alloc_unbound(v, 2, 1), 1);
	assert_status(v, 2, 1, "unbound vcpu=0 dom=1");
	hv_domain_pause(testbed_hv_domain(d2));
	assert_rc(op_reset(v, 2), 0);
	assert_rc(remote_shutdown(v, 2), 0);
	/* Not of anybody else, nor the other way round. */
	assert_fails(op_alloc_unbound(v, 0, 1), EPERM);
	assert_fails(op_alloc_unbound(testbed_vcpu(d2, 0), 1, 2), EPERM);
	/* On itself it may not do what only a master may. */
	assert_fails(remote_shutdown(v, 1), EPERM);
	hv_domain_set_target(testbed_hv_domain(d1), NULL);
	assert_fails(op_alloc_unbound(v, 2, 1), EPERM);
}

static void target_dies(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true), *d2 = bare_domain(b, 2, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	hv_domain_set_target(testbed_hv_domain(d1), testbed_hv_domain(d2));
	testbed_domain_destroy(d2);
	assert_fails(op_alloc_unbound(v, 2, 1), ESRCH);
	/* Another domain of that number, perhaps in the same memory, is not its target. */
	bare_domain(b, 2, true);
	assert_fails(op_alloc_unbound(v, 2, 1), EPERM);
}

static long version_text(struct testbed_vcpu *v, unsigned what, char *text, size_t n)
{
	uint64_t va = testbed_place(v, AT_OK, 0, text, n);
	long rc = testbed_call(v, __HYPERVISOR_xen_version, what, va);

	testbed_fetch(v, va, text, n);
	return rc;
}

static void the_host_is_not_told(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *v = testbed_vcpu(bare_domain(b, 1, true), 0);
	xen_commandline_t text;

	assert_rc(version_text(v, XENVER_commandline, text, sizeof(text)), 0);
	assert_string_equal(text, "<denied>");
	assert_fails(testbed_call(v, __HYPERVISOR_xen_version, XENVER_build_id, 0), EPERM);
	assert_rc(version_text(b->v0, XENVER_commandline, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_fails(testbed_call(b->v0, __HYPERVISOR_xen_version, XENVER_build_id, 0), ENODATA);
}

/* ---- an embedder's own ---- */

/* Refuses one operation, and writes down what it was asked about that. */
struct own {
	enum hv_operation refused;
	struct hv_request seen;
	unsigned asked;
};

static int refuse(const struct hv_request *r, void *arg)
{
	struct own *o = arg;

	if (r->op != o->refused)
		return hv_default_policy(r);
	o->seen = *r;
	o->asked++;
	return -XEN_EACCES;
}

struct refusal {
	struct bare *b;
	struct own own;
	struct testbed_domain *d1;
	struct fifo_view fifo;
};

static void begin(struct refusal *t, struct bare *b)
{
	t->b = b;
	t->d1 = bare_domain(b, 1, true);
	/* 1 to 4, on which things are then tried */
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 3);
	assert_rc(op_alloc_unbound(testbed_vcpu(t->d1, 0), SELF, 0), 1);
	bare_map_gsi(b, 20, 20);
	testbed_set_policy(b->tb, refuse, &t->own);
}

/* Asked once, about that, and by whom; and no port more. */
static void was_refused(struct refusal *t, long rc, enum hv_operation op, domid_t target,
			uint64_t number)
{
	assert_fails(rc, EACCES);
	assert_int_equal(t->own.asked, 1);
	assert_int_equal(t->own.seen.op, op);
	assert_ptr_equal(t->own.seen.caller, testbed_hv_vcpu(t->b->v0));
	assert_int_equal(hv_domain_id(t->own.seen.target), target);
	assert_int_equal(t->own.seen.number, number);
	assert_status(t->b->v0, SELF, 4, "closed vcpu=0");
	t->own.asked = 0;
}

#define REFUSED(t, op, call, target, number)                        \
	do {                                                        \
		(t)->own.refused = (op);                            \
		was_refused((t), (call), (op), (target), (number)); \
	} while (0)

static void event_channels(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *v = b->v0;
	struct refusal t = { 0 };

	begin(&t, b);
	REFUSED(&t, HV_OP_EVTCHN_ALLOC_UNBOUND, op_alloc_unbound(v, 1, 7), 1, 7);
	assert_status(v, 1, 2, "closed vcpu=0");
	REFUSED(&t, HV_OP_EVTCHN_BIND_INTERDOMAIN, op_bind_interdomain(v, 1, 1), 1, 1);
	assert_status(v, 1, 1, "unbound vcpu=0 dom=0");
	REFUSED(&t, HV_OP_EVTCHN_BIND_VIRQ, op_bind_virq(v, VIRQ_CONSOLE, 0), 0, VIRQ_CONSOLE);
	REFUSED(&t, HV_OP_EVTCHN_BIND_PIRQ, op_bind_pirq(v, 20, 0), 0, 20);
	REFUSED(&t, HV_OP_EVTCHN_BIND_IPI, op_bind_ipi(v, 1), 0, 1);
	REFUSED(&t, HV_OP_EVTCHN_CLOSE, op_close(v, 2), 0, 2);
	assert_status(v, SELF, 2, "unbound vcpu=0 dom=0");
	REFUSED(&t, HV_OP_EVTCHN_SEND, op_send(v, 1), 0, 1);
	assert_bits(b->d0, 1, 0, 0);
	REFUSED(&t, HV_OP_EVTCHN_BIND_VCPU, op_bind_vcpu(v, 2, 1), 0, 2);
	assert_status(v, SELF, 2, "unbound vcpu=0 dom=0");
	mem_set_masked(b->d0, 1, true);
	REFUSED(&t, HV_OP_EVTCHN_UNMASK, op_unmask(v, 1), 0, 1);
	assert_bits(b->d0, 1, 0, 1);
	REFUSED(&t, HV_OP_EVTCHN_RESET, op_reset(v, SELF), 0, 0);
	assert_status(v, SELF, 1, "ipi vcpu=0");
	/* A port that is not there is no question for a policy. */
	t.own.refused = HV_OP_EVTCHN_SEND;
	assert_fails(op_send(v, 5000), EINVAL);
	assert_int_equal(t.own.asked, 0);
}

static void states(void **state)
{
	struct bare *b = *state;
	struct refusal t = { 0 };
	struct evtchn_status s;

	begin(&t, b);
	t.own.refused = HV_OP_EVTCHN_STATUS;
	assert_fails(op_status(b->v0, 1, 1, &s), EACCES);
	assert_int_equal(t.own.asked, 1);
	assert_int_equal(hv_domain_id(t.own.seen.target), 1);
}

static void fifo(void **state)
{
	struct bare *b = *state;
	struct refusal t = { 0 };
	uint64_t gfn = testbed_frame(b->d0, testbed_page(b->d0));

	begin(&t, b);
	REFUSED(&t, HV_OP_EVTCHN_INIT_CONTROL, init_control(b->v0, gfn, 0, 0), 0, gfn);
	t.own.refused = HV_OPERATIONS;
	assert_fails(set_priority(b->v0, 1, 0), ENOSYS);
	t.fifo = fifo_begin(b->d0, 1);
	REFUSED(&t, HV_OP_EVTCHN_EXPAND_ARRAY, expand_array(b->v0, gfn), 0, gfn);
	REFUSED(&t, HV_OP_EVTCHN_SET_PRIORITY, set_priority(b->v0, 1, 0), 0, 1);
}

static void the_rest(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *v = b->v0;
	struct refusal t = { 0 };
	struct physdev_map_pirq map = {
		.domid = SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 30, .pirq = -1
	};
	struct physdev_unmap_pirq unmap = { .domid = SELF, .pirq = 20 };
	struct physdev_setup_gsi gsi = { .gsi = 20 };
	struct sched_shutdown down = { SHUTDOWN_reboot };
	uint64_t text;

	begin(&t, b);
	assert_non_null(testbed_line(b->tb, 30, HV_IRQ_EDGE));
	REFUSED(&t, HV_OP_PIRQ_MAP, op_physdev(v, PHYSDEVOP_map_pirq, &map, sizeof(map)), 0, 30);
	map.pirq = -1;
	REFUSED(&t, HV_OP_PIRQ_TAKE, op_physdev(v, PHYSDEVOP_map_pirq, &map, sizeof(map)), 0, 30);
	REFUSED(&t, HV_OP_PIRQ_UNMAP, op_physdev(v, PHYSDEVOP_unmap_pirq, &unmap, sizeof(unmap)), 0,
		20);
	REFUSED(&t, HV_OP_PIRQ_SETUP, op_physdev(v, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), 0, 20);
	REFUSED(&t, HV_OP_SHUTDOWN, op_sched(v, SCHEDOP_shutdown, &down, sizeof(down)), 0,
		SHUTDOWN_reboot);
	REFUSED(&t, HV_OP_REMOTE_SHUTDOWN, remote_shutdown(v, 1), 1, SHUTDOWN_reboot);
	assert_false(hv_domain_is_shut_down(testbed_hv_domain(b->d0), NULL));
	assert_false(hv_domain_is_shut_down(testbed_hv_domain(t.d1), NULL));
	REFUSED(&t, HV_OP_VCPU, op_vcpu(v, VCPUOP_is_up, 0, NULL, 0), 0, VCPUOP_is_up);
	text = testbed_place(v, AT_OK, 0, "x", 1);
	REFUSED(&t, HV_OP_CONSOLE,
		testbed_call(v, __HYPERVISOR_console_io, CONSOLEIO_write, 1, text), 0,
		CONSOLEIO_write);
	assert_string_equal(testbed_console(b->d0), "");
	t.own.refused = HV_OP_VERSION;
	assert_rc(testbed_call(v, __HYPERVISOR_xen_version, XENVER_pagesize, 0), 0);
	assert_int_equal(t.own.seen.number, XENVER_pagesize);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(its_master),	   bare_test(target_dies), bare_test(the_host_is_not_told),
		bare_test(event_channels), bare_test(states),	   bare_test(fifo),
		bare_test(the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
