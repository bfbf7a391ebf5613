/* SPDX-License-Identifier: MIT */
/*
 * The guest half: binding sources to IRQs, references, handlers and sharing, and every error on the
 * way. What handlers see is test_guest_irq.c.
 */
#include "guests.h"

static void references(void **state)
{
	struct guests *m = *state;
	int irq = guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0);
	evtchn_port_t port;

	assert_true(irq > 0);
	port = guest_irq_port(m->a, (unsigned)irq);
	assert_int_equal(port, 1);
	assert_int_equal(guest_port_irq(m->a, port), irq);
	assert_status(m->va, SELF, port, "virq vcpu=0 virq=1");
	assert_int_equal(guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0), irq);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_status(m->va, SELF, port, "virq vcpu=0 virq=1");
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_status(m->va, SELF, port, "closed vcpu=0");
	assert_fails(guest_unbind_irq(m->a, (unsigned)irq), EINVAL);
	assert_fails(guest_port_irq(m->a, port), ENOENT);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), 0);
	/* and anew */
	irq = guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0);
	assert_true(irq > 0);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), port);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
}

static void a_source_per_cpu(void **state)
{
	struct guests *m = *state;
	int v0 = guest_bind_virq_to_irq(m->a, VIRQ_TIMER, 0);
	int v1 = guest_bind_virq_to_irq(m->a, VIRQ_TIMER, 1);
	int i0 = guest_bind_ipi_to_irq(m->a, 0, 0), i1 = guest_bind_ipi_to_irq(m->a, 0, 1);

	assert_true(v0 > 0 && v1 > 0 && i0 > 0 && i1 > 0);
	assert_int_not_equal(v0, v1);
	assert_int_not_equal(i0, i1);
	assert_int_equal(guest_bind_ipi_to_irq(m->a, 0, 1), i1);
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)v1), "virq vcpu=1 virq=0");
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)i1), "ipi vcpu=1");
	assert_true(guest_bind_virq_to_irq(m->a, VIRQ_TIMER, 2) < 0);
	assert_true(guest_bind_ipi_to_irq(m->a, 0, 2) < 0);
	assert_true(guest_bind_ipi_to_irq(m->a, 0, UINT32_MAX) < 0);
	assert_true(guest_bind_ipi_to_irq(m->a, GUEST_NR_IPIS, 0) < 0);
	assert_fails(guest_bind_virq_to_irq(m->a, NR_VIRQS, 0), EINVAL);
	assert_fails(guest_bind_virq_to_irq(m->a, VIRQ_CON_RING, 1), EINVAL);
}

static void an_existing_port(void **state)
{
	struct guests *m = *state;
	int port = guest_alloc_unbound(m->a, 2), irq;

	assert_int_equal(port, 1);
	irq = guest_bind_evtchn_to_irq(m->a, 1);
	assert_true(irq > 0);
	assert_int_equal(guest_bind_evtchn_to_irq(m->a, 1), irq);
	assert_int_equal(guest_port_irq(m->a, 1), irq);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_status(m->va, SELF, 1, "closed vcpu=0");
	/* no such port */
	assert_true(guest_bind_evtchn_to_irq(m->a, 0) < 0);
	assert_true(guest_bind_evtchn_to_irq(m->a, 7) < 0);
	assert_true(guest_bind_evtchn_to_irq(m->a, 4096) < 0);
	assert_true(guest_bind_evtchn_to_irq(m->a, UINT32_MAX) < 0);
}

static void interdomain_errors(void **state)
{
	struct guests *m = *state;

	/* more often than there are IRQs: a failure must not use one up */
	for (int i = 0; i < 200; i++) {
		assert_fails(guest_bind_interdomain_to_irq(m->a, 77, 1), ESRCH);
		assert_fails(guest_bind_interdomain_to_irq(m->a, 2, 1), EINVAL);
	}
	assert_int_equal(guest_alloc_unbound(m->b, 1), 1);
	assert_true(guest_bind_interdomain_to_irq(m->a, 2, 1) > 0);
	assert_status(m->vb, SELF, 1, "interdomain vcpu=0 dom=1 port=1");
}

static void numbers_run_out(void **state)
{
	struct guests *m = *state;
	unsigned n = 0;
	int irq, last = 0;
	struct record r = RECORD;

	for (;;) {
		int port = guest_alloc_unbound(m->a, 2);

		assert_true(port > 0);
		irq = guest_bind_evtchn_to_irq(m->a, (evtchn_port_t)port);
		if (irq < 0)
			break;
		last = irq;
		n++;
	}
	assert_fails(irq, ENOSPC);
	assert_int_equal(n, 63); /* 64 numbers, 0 is none */
	/* the port that found no number is the caller's still; one made by the bind is closed */
	assert_status(m->va, SELF, 64, "unbound vcpu=0 dom=2");
	assert_fails(guest_bind_ipi_to_irqhandler(m->a, 0, 0, record_run, 0, "x", &r), ENOSPC);
	assert_status(m->va, SELF, 65, "closed vcpu=0");
	assert_rc(guest_unbind_irq(m->a, (unsigned)last), 0);
	assert_int_equal(bind_self(m->a, &r, 0), last);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)last, &r), 0);
}

static void request_errors(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, s = RECORD;
	evtchn_port_t tx;
	unsigned irq;

	assert_fails(guest_request_irq(m->a, 5, record_run, 0, "none", &r), EINVAL);
	assert_fails(guest_request_irq(m->a, 0, record_run, 0, "none", &r), EINVAL);
	assert_fails(guest_request_irq(m->a, UINT32_MAX, record_run, 0, "none", &r), EINVAL);
	irq = bind_loop_to(m->a, &tx);
	assert_fails(guest_request_irq(m->a, irq, NULL, 0, "no handler", &r), EINVAL);
	assert_fails(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "no dev", NULL),
		     EINVAL);
	assert_fails(guest_free_irq(m->a, irq, &r), ENOENT);
	assert_fails(guest_enable_irq(m->a, 40), EINVAL);
	assert_fails(guest_disable_irq(m->a, 40), EINVAL);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "alone", &r), 0);
	assert_fails(guest_request_irq(m->a, irq, record_run, 0, "second", &s), EBUSY);
	assert_fails(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "second", &s),
		     EBUSY);
	assert_fails(guest_free_irq(m->a, irq, &s), ENOENT);
	/* balanced? nothing is disabled */
	assert_fails(guest_enable_irq(m->a, irq), EINVAL);
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_fails(guest_free_irq(m->a, irq, &r), ENOENT);

	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "one", &r), 0);
	assert_fails(guest_request_irq(m->a, irq, record_run, 0, "two", &s), EBUSY);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "two", &s), 0);
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_rc(guest_free_irq(m->a, irq, &s), 0);
	assert_rc(guest_unbind_irq(m->a, irq), 0);
}

static void handler_or_nothing(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;

	assert_fails(guest_bind_ipi_to_irqhandler(m->a, 0, 0, NULL, 0, "x", &r), EINVAL);
	assert_fails(guest_bind_virq_to_irqhandler(m->a, VIRQ_DEBUG, 0, record_run,
						   GUEST_IRQF_SHARED, "x", NULL),
		     EINVAL);
	assert_status(m->va, SELF, 1, "closed vcpu=0");
	/* the peer's port can be bound by another try */
	assert_int_equal(guest_alloc_unbound(m->b, 1), 1);
	assert_fails(guest_bind_interdomain_to_irqhandler(m->a, 2, 1, NULL, 0, "x", &r), EINVAL);
	assert_status(m->vb, SELF, 1, "unbound vcpu=0 dom=1");
	assert_true(guest_bind_interdomain_to_irqhandler(m->a, 2, 1, record_run, 0, "x", &r) > 0);
	/* a port of the caller's own stays open */
	assert_int_equal(guest_alloc_unbound(m->a, 2), 2);
	assert_fails(guest_bind_evtchn_to_irqhandler(m->a, 2, NULL, 0, "x", &r), EINVAL);
	assert_status(m->va, SELF, 2, "unbound vcpu=0 dom=2");
}

static void unbind_with_a_handler(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	unsigned irq = bind_self(m->a, &r, 0);

	guest_local_irq_enable(m->a);
	assert_fails(guest_unbind_irq(m->a, irq), EBUSY);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	assert_fails(guest_unbind_from_irqhandler(m->a, irq, &r), ENOENT);
	assert_fails(guest_notify_irq(m->a, irq), EINVAL);
	assert_int_equal(r.runs, 1);
}

static void count_events(struct guest *g, unsigned irq, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_rc(guest_notify_irq(g, irq), 0);
	assert_int_equal(guest_irq_count(g, irq), n);
}

/* Ports and IRQ numbers come back in another order: each IRQ has its own events counted only. */
static void counts_of_those_before(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	evtchn_port_t port[2];
	int irq[2], next[2];

	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 2; i++) {
		irq[i] = guest_bind_ipi_to_irqhandler(m->a, i, 0, record_run, 0, "before", &r);
		assert_true(irq[i] > 0);
		port[i] = guest_irq_port(m->a, (unsigned)irq[i]);
		count_events(m->a, (unsigned)irq[i], 3);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq[i], &r), 0);
	for (unsigned i = 0; i < 2; i++) {
		next[i] = guest_bind_ipi_to_irqhandler(m->a, i, 0, record_run, 0, "next", &r);
		assert_int_equal(next[i], irq[!i]);
		assert_int_equal(guest_irq_port(m->a, (unsigned)next[i]), port[i]);
		count_events(m->a, (unsigned)next[i], 2);
	}
	assert_int_equal(guest_irq_count(m->a, (unsigned)next[0]), 2);
}

static void create_without_a_port(void **state)
{
	struct guests *m = *state;
	struct guest *g = NULL;
	struct guest_config cfg = { .shared_info = testbed_shared_info(m->da), .nr_cpus = 0 };
	static const struct guest_port_ops none;

	assert_fails(guest_create(&g, &none, NULL, &cfg), EINVAL);
	assert_null(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(references),
		guests_test(a_source_per_cpu),
		guests_test(an_existing_port),
		guests_test(interdomain_errors),
		guests_test(numbers_run_out),
		guests_test(request_errors),
		guests_test(handler_or_nothing),
		guests_test(unbind_with_a_handler),
		guests_test(counts_of_those_before),
		guests_test(create_without_a_port),
	};

	return cmocka_run_group_tests_name("guest_bind", tests, NULL, NULL);
}
