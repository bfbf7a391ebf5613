/* SPDX-License-Identifier: MIT */
/*
 * guest_resume after the hypervisor has forgotten all ports of a domain (EVTCHNOP_reset stands for
 * suspend and restore): what comes back under its IRQ, and what is dead.
 */
#include "guests.h"

static void reset_and_resume(struct guests *m, int dead)
{
	assert_rc(op_reset(m->va, SELF), 0);
	assert_rc(guest_resume(m->a), dead);
	assert_true(guest_irqs_disabled(m->a));
	assert_int_equal(guest_abi(m->a), m->abi);
}

static void sources_come_back(void **state)
{
	struct guests *m = *state;
	struct record timer = RECORD, ipi = RECORD, other = RECORD, debug = RECORD;
	int t, i0, i1, v;

	guest_alloc_unbound(m->a, 2); /* so that the ports are not the same afterwards */
	t = guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &timer);
	i0 = guest_bind_ipi_to_irqhandler(m->a, 3, 0, record_run, 0, "i", &ipi);
	i1 = guest_bind_ipi_to_irqhandler(m->a, 4, 1, record_run, 0, "o", &other);
	v = guest_bind_virq_to_irqhandler(m->a, VIRQ_DEBUG, 1, record_run, 0, "d", &debug);
	assert_true(t > 0 && i0 > 0 && i1 > 0 && v > 0);
	assert_rc(testbed_vcpu_boot(m->va1), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, (unsigned)i0), 0);
	assert_int_equal(ipi.runs, 1);

	reset_and_resume(m, 0);
	/* what was counted of the old port stays the IRQ's */
	assert_int_equal(guest_irq_count(m->a, (unsigned)i0), 1);
	guest_local_irq_enable(m->a);
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)t), "virq vcpu=0 virq=0");
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)i0), "ipi vcpu=0");
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)i1), "ipi vcpu=1");
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)v), "virq vcpu=1 virq=1");
	assert_int_equal(guest_bind_ipi_to_irq(m->a, 3, 0), i0);
	assert_int_equal(guest_port_irq(m->a, guest_irq_port(m->a, (unsigned)t)), t);
	assert_rc(guest_notify_irq(m->a, (unsigned)i0), 0);
	assert_int_equal(ipi.runs, 2);
	assert_int_equal(guest_irq_count(m->a, (unsigned)i0), 2);
	assert_rc(guest_set_timer(m->a, testbed_now(m->tb) + 10), 0);
	testbed_advance(m->tb, 1000);
	assert_int_equal(timer.runs, 1);
	assert_rc(guest_notify_irq(m->a, (unsigned)i1), 0);
	testbed_on(m->va1);
	assert_rc(guest_cpu_init(m->a), 0);
	guest_local_irq_enable(m->a);
	testbed_on(NULL);
	testbed_run(m->tb);
	assert_int_equal(other.runs, 1);
}

/* Disabled stays disabled, and no handler is no handler. */
static void as_it_was(void **state)
{
	struct guests *m = *state;
	struct record off = RECORD, r = RECORD;
	int bare = guest_bind_ipi_to_irq(m->a, 1, 0);
	int irq = guest_bind_ipi_to_irqhandler(m->a, 2, 0, record_run, 0, "off", &off);

	assert_rc(guest_disable_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_disable_irq(m->a, (unsigned)irq), 0);
	reset_and_resume(m, 0);
	assert_true(port_masked(m->a, guest_irq_port(m->a, (unsigned)irq)));
	assert_true(port_masked(m->a, guest_irq_port(m->a, (unsigned)bare)));
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)bare), 0);
	assert_rc(guest_enable_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(off.runs, 0);
	assert_rc(guest_enable_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(off.runs, 1);
	assert_rc(guest_request_irq(m->a, (unsigned)bare, record_run, 0, "late", &r), 0);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq, &off), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)bare, &r), 0);
}

static void channels_are_dead(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, peer = RECORD, fresh = RECORD;
	evtchn_port_t port_b = (evtchn_port_t)guest_alloc_unbound(m->b, 1), port;
	int irq, given, unused = guest_alloc_unbound(m->a, 2);
	unsigned next;

	assert_true(guest_bind_evtchn_to_irqhandler(m->b, port_b, record_run, 0, "b", &peer) > 0);
	irq = guest_bind_interdomain_to_irqhandler(m->a, 2, port_b, record_run, 0, "a", &r);
	given = guest_bind_evtchn_to_irqhandler(m->a, (evtchn_port_t)unused, record_run, 0, "g",
						&r);
	assert_true(irq > 0 && given > 0);
	port = guest_irq_port(m->a, (unsigned)irq);
	guest_local_irq_enable(m->b);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(peer.runs, 1);

	reset_and_resume(m, 2);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), 0);
	assert_int_equal(guest_irq_port(m->a, (unsigned)given), 0);
	assert_fails(guest_port_irq(m->a, port), ENOENT);
	/* sends go nowhere, also not to whoever has the number now */
	next = bind_self(m->a, &fresh, 0);
	assert_int_equal(guest_irq_port(m->a, next), unused);
	guest_local_irq_enable(m->a);
	for (int i = 0; i < 5; i++) {
		assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
		assert_rc(guest_notify_irq(m->a, (unsigned)given), 0);
	}
	testbed_run(m->tb);
	assert_int_equal(peer.runs, 1);
	assert_int_equal(fresh.runs, 0);
	r.runs = 0;
	/* drivers do with them what they like */
	assert_rc(guest_disable_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_enable_irq(m->a, (unsigned)irq), 0);
	assert_fails(guest_unbind_irq(m->a, (unsigned)irq), EBUSY);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq, &r), 0);
	assert_fails(guest_unbind_irq(m->a, (unsigned)irq), EINVAL);
	assert_fails(guest_notify_irq(m->a, (unsigned)irq), EINVAL);
	/* and connect again */
	irq = guest_bind_interdomain_to_irqhandler(m->a, 2, port_b, record_run, 0, "a", &r);
	assert_true(irq > 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(peer.runs, 2);
	/* nor do they take anything of that one's with them */
	assert_rc(guest_notify_irq(m->a, next), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)given, &r), 0);
	assert_rc(guest_notify_irq(m->a, next), 0);
	assert_int_equal(fresh.runs, 2);
	assert_int_equal(guest_irq_count(m->a, next), 2);
}

/* FIFO keeps what was asked for, queues of the former life are forgotten. */
static void priorities_and_queues(void **state)
{
	struct guests *m = *state;
	char trail[32] = "";
	struct record r[3];
	int irq[3];

	for (unsigned i = 0; i < 3; i++) {
		r[i] = (struct record){ .answer = GUEST_IRQ_HANDLED,
					.mark = (char)('a' + i),
					.trail = trail };
		irq[i] = guest_bind_ipi_to_irqhandler(m->a, i, 0, record_run, 0, "i", &r[i]);
	}
	assert_rc(guest_set_irq_priority(m->a, (unsigned)irq[2], 2), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_notify_irq(m->a, (unsigned)irq[i]), 0);
	reset_and_resume(m, 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "");
	guest_local_irq_disable(m->a);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_notify_irq(m->a, (unsigned)irq[i]), 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "cab");
}

static void lines_come_back(void **state)
{
	struct guests *m = *state;
	struct testbed_line *line = testbed_line(m->tb, 3, HV_IRQ_EDGE);
	struct record r = RECORD;
	int irq;

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 5, 3, false), 0);
	irq = guest_bind_pirq_to_irqhandler(m->a, 5, record_run, 0, "p", &r);
	assert_true(irq > 0);
	reset_and_resume(m, 0);
	guest_local_irq_enable(m->a);
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)irq), "pirq vcpu=0 pirq=5");
	for (unsigned i = 1; i < 4; i++) {
		testbed_line_set(line, true);
		testbed_run(m->tb);
		assert_int_equal(r.runs, i);
	}
}

/* A VIRQ that cannot be had now is dead; when it can, binding it makes it live again. */
static void refused_for_now(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int irq = guest_bind_virq_to_irqhandler(m->a, VIRQ_DEBUG, 0, record_run, 0, "d", &r);
	long stolen;

	assert_rc(op_reset(m->va, SELF), 0);
	stolen = op_bind_virq(m->va, VIRQ_DEBUG, 0);
	assert_true(stolen > 0);
	assert_rc(guest_resume(m->a), 1);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), 0);
	assert_fails(guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0), EEXIST);
	assert_rc(op_close(m->va, (uint32_t)stolen), 0);
	assert_int_equal(guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0), irq);
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)irq), "virq vcpu=0 virq=1");
	guest_local_irq_enable(m->a);
	hv_vcpu_virq(testbed_hv_vcpu(m->va), VIRQ_DEBUG);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq, &r), 0);
}

/* 40 CPUs, of which 8 have a vcpu_info of their own. */
static void many_cpus(void **state)
{
	struct guests *m = *state;
	struct testbed_domain_config cfg = guests_config(3, 40);
	struct testbed_domain *d;
	struct record r = RECORD;
	struct testbed_vcpu *last;
	struct guest *g;
	int irq;

	cfg.abi = m->abi;
	d = testbed_domain_create(m->tb, &cfg, NULL);
	g = testbed_guest(d);
	last = testbed_vcpu(d, 39);
	assert_rc(testbed_vcpu_boot(last), 0);
	irq = guest_bind_ipi_to_irqhandler(g, 0, 39, record_run, 0, "ipi", &r);
	assert_rc(op_reset(testbed_vcpu(d, 0), SELF), 0);
	assert_rc(guest_resume(g), 0);
	testbed_on(last);
	assert_rc(guest_cpu_init(g), 0);
	guest_local_irq_enable(g);
	testbed_on(NULL);
	assert_rc(guest_notify_irq(g, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	testbed_domain_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(sources_come_back), guests_test(as_it_was),
		guests_test(channels_are_dead), guests_test_fifo(priorities_and_queues),
		guests_test(lines_come_back),	guests_test(refused_for_now),
		guests_test(many_cpus),
	};

	return cmocka_run_group_tests_name("guest_resume", tests, NULL, NULL);
}
