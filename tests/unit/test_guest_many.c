/* SPDX-License-Identifier: MIT */
/*
 * Ports without number: all 131,071 of the FIFO ABI (4,095 of 2-level) bound at once, memory that
 * comes with them, several IPIs for each CPU, and the storm on one port that must not keep another
 * from being served.
 */
#include "guests.h"

static struct testbed_domain *big_guest(struct guests *m)
{
	struct testbed_domain_config cfg = guests_config(3, 2);

	cfg.nr_irqs = 0;
	cfg.pages = 4096;
	cfg.abi = m->abi;
	return testbed_domain_create(m->tb, &cfg, NULL);
}

struct many {
	unsigned runs;
	unsigned last; /* IRQ */
};

static enum guest_irqreturn many_run(struct guest *g, unsigned irq, void *dev)
{
	struct many *r = dev;

	(void)g;
	r->runs++;
	r->last = irq;
	return GUEST_IRQ_HANDLED;
}

/* Loops of two ports, both bound, until there is no port left; how many ports. */
static unsigned bind_all(struct guest *g, struct many *r, unsigned ports)
{
	unsigned n;

	for (n = 0; n + 2 <= ports; n += 2) {
		int tx = guest_alloc_unbound(g, DOMID_SELF), rx;

		assert_true(tx > 0);
		assert_true(guest_bind_evtchn_to_irq(g, (evtchn_port_t)tx) > 0);
		rx = guest_bind_interdomain_to_irq(g, DOMID_SELF, (evtchn_port_t)tx);
		assert_true(rx > 0);
		guest_clear_irq_pending(g, (unsigned)rx);
		assert_rc(guest_request_irq(g, (unsigned)rx, many_run, 0, "rx", r), 0);
	}
	return n;
}

static void every_port(void **state)
{
	struct guests *m = *state;
	struct testbed_domain *d = big_guest(m);
	struct guest *g = testbed_guest(d);
	unsigned ports = (m->abi == GUEST_ABI_FIFO ? 131072 : 4096) - 1, blocks, n;
	struct many r = { 0 };
	int irq;

	n = bind_all(g, &r, ports);
	irq = guest_bind_ipi_to_irq(g, 0, 0);
	assert_true(irq > 0);
	assert_int_equal(n + 1, ports);
	assert_fails(guest_bind_ipi_to_irq(g, 1, 0), ENOSPC);
	assert_fails(guest_alloc_unbound(g, 2), ENOSPC);
	guest_local_irq_enable(g);
	for (evtchn_port_t port = 2; port < ports; port += port < 70 ? 2 : 1000) {
		unsigned runs = r.runs;

		assert_rc(guest_notify_port(g, port - 1), 0);
		assert_int_equal(r.runs, runs + 1);
		assert_int_equal(guest_irq_port(g, r.last), port);
		assert_int_equal(guest_port_irq(g, port), r.last);
	}
	/* closed and bound anew, they need no more memory */
	blocks = testbed_blocks(m->tb);
	for (evtchn_port_t port = 1; port < 2000; port++)
		assert_rc(port % 2 ? guest_unbind_irq(g, (unsigned)guest_port_irq(g, port))
				   : guest_unbind_from_irqhandler(
					     g, (unsigned)guest_port_irq(g, port), &r),
			  0);
	assert_int_equal(bind_all(g, &r, 1999), 1998);
	assert_int_equal(testbed_blocks(m->tb), blocks);
	testbed_domain_destroy(d);
}

/* A guest with a few ports does not pay for those that there could be. */
static void memory_comes_with_use(void **state)
{
	struct guests *m = *state;
	unsigned before = testbed_blocks(m->tb), few, many;
	struct testbed_domain *d = big_guest(m);
	struct guest *g = testbed_guest(d);
	struct many r = { 0 };

	bind_all(g, &r, 10);
	few = testbed_blocks(m->tb) - before;
	assert_true(few < 200);
	bind_all(g, &r, 3000);
	many = testbed_blocks(m->tb) - before;
	assert_true(many > few + 3000); /* a descriptor each */
	assert_true(many < few + 3000 + 3000 / 2 * 2 + 200);
	testbed_domain_destroy(d);
}

static void ipis_of_a_cpu(void **state)
{
	struct guests *m = *state;
	struct record r[2][GUEST_NR_IPIS];
	int irq[2][GUEST_NR_IPIS];

	assert_rc(testbed_vcpu_boot(m->va1), 0);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		for (unsigned i = 0; i < GUEST_NR_IPIS; i++) {
			r[cpu][i] = (struct record)RECORD;
			irq[cpu][i] = guest_bind_ipi_to_irqhandler(m->a, i, cpu, record_run, 0,
								   "ipi", &r[cpu][i]);
			assert_true(irq[cpu][i] > 0);
			assert_int_equal(guest_bind_ipi_to_irq(m->a, i, cpu), irq[cpu][i]);
		}
	assert_fails(guest_bind_ipi_to_irq(m->a, GUEST_NR_IPIS, 0), EINVAL);
	assert_fails(guest_bind_ipi_to_irq(m->a, UINT32_MAX, 0), EINVAL);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		testbed_on(testbed_vcpu(m->da, cpu));
		guest_local_irq_enable(m->a);
		testbed_on(NULL);
	}
	for (unsigned i = 0; i < GUEST_NR_IPIS; i++)
		for (unsigned n = 0; n <= i; n++) {
			assert_rc(guest_notify_irq(m->a, (unsigned)irq[1][i]), 0);
			testbed_run(m->tb);
		}
	for (unsigned i = 0; i < GUEST_NR_IPIS; i++) {
		assert_int_equal(r[1][i].runs, i + 1);
		assert_int_equal(r[0][i].runs, 0);
	}
	/* one goes, the others stay */
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq[1][3]), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq[1][3], &r[1][3]), 0);
	assert_fails(guest_notify_irq(m->a, (unsigned)irq[1][3]), EINVAL);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq[1][4]), 0);
	testbed_run(m->tb);
	assert_int_equal(r[1][4].runs, 6);
}

struct storm {
	evtchn_port_t tx;
	struct record *victim;
	unsigned served_at;
};

static void blow(struct guest *g, unsigned irq, struct record *r)
{
	struct storm *s = r->arg;

	(void)irq;
	if (!s->served_at && s->victim->runs)
		s->served_at = r->runs;
	if (r->runs < 300)
		assert_rc(guest_notify_port(g, s->tx), 0);
}

/* Port 1 is always pending; the other is the last one that there is. */
static void from_end_to_end(void **state)
{
	struct guests *m = *state;
	struct testbed_domain *d = big_guest(m);
	struct guest *g = testbed_guest(d);
	struct record victim = RECORD;
	struct storm s = { .victim = &victim };
	struct record storm = { .answer = GUEST_IRQ_HANDLED, .also = blow, .arg = &s };
	int irq, virq;

	irq = guest_bind_ipi_to_irqhandler(g, 0, 0, record_run, 0, "storm", &storm);
	s.tx = guest_irq_port(g, (unsigned)irq);
	assert_int_equal(s.tx, 1);
	for (unsigned port = 2; port < 4095; port++)
		assert_int_equal(guest_alloc_unbound(g, 2), port);
	virq = guest_bind_ipi_to_irqhandler(g, 1, 0, record_run, 0, "victim", &victim);
	assert_int_equal(guest_irq_port(g, (unsigned)virq), 4095);
	assert_rc(guest_notify_irq(g, (unsigned)irq), 0);
	assert_rc(guest_notify_irq(g, (unsigned)virq), 0);
	guest_local_irq_enable(g);
	assert_int_equal(storm.runs, 300);
	assert_int_equal(victim.runs, 1);
	assert_in_range(s.served_at, 1, 3);
	testbed_domain_destroy(d);
}

static void send_both(struct guest *g, unsigned irq, struct record *r)
{
	const unsigned *irqs = r->arg;

	(void)irq;
	assert_rc(guest_notify_irq(g, irqs[0]), 0);
	assert_rc(guest_notify_irq(g, irqs[2]), 0);
}

/*
 * 2-level: the scan goes on behind the word that was served last, and comes round; within a word it
 * is from the lowest port on.
 */
static void resumes_after_the_last(struct guests *m, unsigned between, const char *order)
{
	char trail[8] = "";
	struct record r[3];
	unsigned irqs[3];

	for (unsigned i = 0; i < 3; i++) {
		r[i] = (struct record){ .answer = GUEST_IRQ_HANDLED,
					.mark = (char)('a' + i),
					.trail = trail };
		irqs[i] = (unsigned)guest_bind_ipi_to_irqhandler(m->a, i, 0, record_run, 0, "i",
								 &r[i]);
		for (unsigned n = 0; n < between; n++)
			assert_true(guest_alloc_unbound(m->a, 2) > 0);
	}
	r[1].also = send_both;
	r[1].arg = irqs;
	assert_rc(guest_notify_irq(m->a, irqs[1]), 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, order);
	guest_local_irq_disable(m->a);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_unbind_from_irqhandler(m->a, irqs[i], &r[i]), 0);
}

static void the_scan_comes_round(void **state)
{
	resumes_after_the_last(*state, 3, "bac");
	resumes_after_the_last(*state, 200, "bca");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(every_port),
		guests_test(memory_comes_with_use),
		guests_test(ipis_of_a_cpu),
		guests_test(from_end_to_end),
		guests_test_2l(the_scan_comes_round),
	};

	return cmocka_run_group_tests_name("guest_many", tests, NULL, NULL);
}
