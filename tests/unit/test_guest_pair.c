/* SPDX-License-Identifier: MIT */
/*
 * Two guest halves over one hypervisor half: channels between them, used, closed, made anew, one
 * guest dying. And many CPUs in one guest.
 */
#include "guests.h"

struct side {
	struct record r;
	int irq;
	struct side *other;
	unsigned limit; /* rounds to answer */
};

static void answer(struct guest *g, unsigned irq, struct record *r)
{
	struct side *s = r->arg;

	if (r->runs <= s->limit)
		assert_rc(guest_notify_irq(g, irq), 0);
}

/* Port 1 of a is offered to b, which binds it. */
static void connect(struct guests *m, struct side *a, struct side *b)
{
	int port = guest_alloc_unbound(m->a, 2);

	*a = (struct side){ .r = { .answer = GUEST_IRQ_HANDLED, .also = answer }, .other = b };
	*b = (struct side){ .r = { .answer = GUEST_IRQ_HANDLED, .also = answer }, .other = a };
	a->r.arg = a;
	b->r.arg = b;
	assert_true(port > 0);
	a->irq = guest_bind_evtchn_to_irqhandler(m->a, (evtchn_port_t)port, record_run, 0, "to b",
						 &a->r);
	b->irq = guest_bind_interdomain_to_irqhandler(m->b, 1, (evtchn_port_t)port, record_run, 0,
						      "to a", &b->r);
	assert_true(a->irq > 0 && b->irq > 0);
}

static void ping_pong(void **state)
{
	struct guests *m = *state;
	struct side a, b;
	struct hv_counters ca, cb;

	connect(m, &a, &b);
	guest_local_irq_enable(m->a);
	guest_local_irq_enable(m->b); /* the event that binding makes */
	assert_int_equal(b.r.runs, 1);
	b.r.runs = 0;
	a.limit = b.limit = 1000;
	assert_rc(guest_notify_irq(m->a, (unsigned)a.irq), 0);
	testbed_run(m->tb);
	/* b answers its 1000th; a answers that; b has had enough */
	assert_int_equal(a.r.runs, 1000);
	assert_int_equal(b.r.runs, 1001);
	assert_int_equal(guest_irq_count(m->a, (unsigned)a.irq), 1000);
	hv_domain_counters(testbed_hv_domain(m->da), &ca);
	hv_domain_counters(testbed_hv_domain(m->db), &cb);
	assert_int_equal(ca.sends - ca.merged, 1000);
	assert_int_equal(cb.sends - cb.merged, 1002); /* and that of binding */
}

static void merged_while_masked(void **state)
{
	struct guests *m = *state;
	struct side a, b;

	connect(m, &a, &b);
	guest_local_irq_enable(m->a);
	for (int i = 0; i < 7; i++)
		assert_rc(guest_notify_irq(m->a, (unsigned)a.irq), 0);
	testbed_run(m->tb);
	assert_int_equal(b.r.runs, 0);
	guest_local_irq_enable(m->b);
	assert_int_equal(b.r.runs, 1);
}

static void closed_and_bound_again(void **state)
{
	struct guests *m = *state;
	struct side a, b;
	evtchn_port_t port;

	connect(m, &a, &b);
	guest_local_irq_enable(m->a);
	guest_local_irq_enable(m->b);
	port = guest_irq_port(m->a, (unsigned)a.irq);
	b.r.runs = 0;
	assert_rc(guest_unbind_from_irqhandler(m->b, (unsigned)b.irq, &b.r), 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)a.irq), 0); /* dropped */
	testbed_run(m->tb);
	assert_int_equal(b.r.runs, 0);
	b.irq = guest_bind_interdomain_to_irqhandler(m->b, 1, port, record_run, 0, "again", &b.r);
	assert_true(b.irq > 0);
	testbed_run(m->tb);
	b.r.runs = 0;
	assert_rc(guest_notify_irq(m->a, (unsigned)a.irq), 0);
	testbed_run(m->tb);
	assert_int_equal(b.r.runs, 1);
}

static void the_peer_dies(void **state)
{
	struct guests *m = *state;
	struct side a, b;
	struct testbed_domain_config cfg = guests_config(2, 1);

	cfg.abi = m->abi;
	connect(m, &a, &b);
	guest_local_irq_enable(m->a);
	testbed_domain_destroy(m->db);
	assert_status(m->va, SELF, guest_irq_port(m->a, (unsigned)a.irq), "unbound vcpu=0 dom=2");
	assert_rc(guest_notify_irq(m->a, (unsigned)a.irq), 0);
	assert_int_equal(a.r.runs, 0);
	/* its successor connects to the same port, and a's handler is there still */
	m->db = testbed_domain_create(m->tb, &cfg, NULL);
	m->b = testbed_guest(m->db);
	b.irq = guest_bind_interdomain_to_irqhandler(m->b, 1, guest_irq_port(m->a, (unsigned)a.irq),
						     record_run, 0, "new", &b.r);
	assert_true(b.irq > 0);
	assert_rc(guest_notify_irq(m->b, (unsigned)b.irq), 0);
	testbed_run(m->tb);
	assert_int_equal(a.r.runs, 1);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)a.irq, &a.r), 0);
}

/* 40 CPUs: those above 31 have their vcpu_info in the guest's own memory. */
static void forty_cpus(void **state)
{
	struct guests *m = *state;
	struct testbed_domain_config cfg = guests_config(3, 40);
	struct testbed_domain *d;
	struct record r[40];
	int irq[40];
	struct guest *g;

	cfg.nr_irqs = 0;
	cfg.abi = m->abi;
	d = testbed_domain_create(m->tb, &cfg, NULL);
	g = testbed_guest(d);
	for (unsigned i = 0; i < 40; i++) {
		struct testbed_vcpu *v = testbed_vcpu(d, i);

		if (i)
			assert_rc(testbed_vcpu_boot(v), 0);
		r[i] = (struct record)RECORD;
		irq[i] = guest_bind_ipi_to_irqhandler(g, 0, i, record_run, 0, "ipi", &r[i]);
		assert_true(irq[i] > 0);
		testbed_on(v);
		guest_local_irq_enable(g);
		testbed_on(NULL);
	}
	for (unsigned i = 0; i < 40; i++)
		assert_rc(guest_notify_irq(g, (unsigned)irq[i]), 0);
	testbed_run(m->tb);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(r[i].runs, 1);
	testbed_domain_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(ping_pong),
		guests_test(merged_while_masked),
		guests_test(closed_and_bound_again),
		guests_test(the_peer_dies),
		guests_test(forty_cpus),
	};

	return cmocka_run_group_tests_name("guest_pair", tests, NULL, NULL);
}
