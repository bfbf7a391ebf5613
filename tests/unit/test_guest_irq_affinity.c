/* SPDX-License-Identifier: MIT */
/*
 * The guest half: IRQs that move between CPUs, at once and at the next ack, what refuses to, and
 * the balancer. Domain a has two CPUs; here both are prepared.
 */
#include "guests.h"

static int two_cpus(void **state, enum guest_abi abi)
{
	struct guests *m;
	int rc = guests_setup(state, abi);

	m = *state;
	return rc ? rc : testbed_vcpu_boot(m->va1);
}

static int two_cpus_2l(void **state)
{
	return two_cpus(state, GUEST_ABI_2L);
}

static int two_cpus_fifo(void **state)
{
	return two_cpus(state, GUEST_ABI_FIFO);
}

#define cpus_test(f)                                                  \
	{ #f " (2l)", f, two_cpus_2l, guests_teardown, NULL },        \
	{                                                             \
#f " (fifo)", f, two_cpus_fifo, guests_teardown, NULL \
	}

static struct guest_cpumask cpus(unsigned first, unsigned second)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, first);
	guest_cpumask_set(&mask, second);
	return mask;
}

static void enable_on(struct guests *m, struct testbed_vcpu *v)
{
	struct testbed_vcpu *before = testbed_on(v);

	guest_local_irq_enable(m->a);
	testbed_on(before);
}

static void note_cpu(struct guest *g, unsigned irq, struct record *r)
{
	struct testbed_vcpu *v = testbed_on(NULL);

	(void)g;
	(void)irq;
	testbed_on(v);
	r->arg = v;
}

static void set_to(struct guests *m, unsigned irq, unsigned cpu)
{
	struct guest_cpumask mask = cpus(cpu, cpu);

	assert_rc(guest_irq_set_affinity(m->a, irq, &mask), 0);
}

static void send(struct guests *m, evtchn_port_t tx)
{
	assert_rc(guest_notify_port(m->a, tx), 0);
	testbed_run(m->tb);
}

static void moves_at_once(void **state)
{
	struct guests *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = note_cpu };
	struct guest_cpumask mask;
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);
	uint32_t port = guest_irq_port(m->a, irq);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	enable_on(m, m->va);
	enable_on(m, m->va1);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
	assert_rc(guest_irq_get_affinity(m->a, irq, &mask), 0);
	assert_int_equal(mask.bits[0], 3); /* wherever */
	for (unsigned i = 0; i < 4; i++) {
		unsigned to = (i + 1) % 2;

		set_to(m, irq, to);
		assert_int_equal(guest_irq_effective_cpu(m->a, irq), to);
		assert_rc(guest_irq_get_affinity(m->a, irq, &mask), 0);
		assert_int_equal(mask.bits[0], 1u << to);
		assert_string_equal(op_status_text(m->va, SELF, port),
				    to ? "interdomain vcpu=1 dom=1 port=1"
				       : "interdomain vcpu=0 dom=1 port=1");
		send(m, tx);
		assert_int_equal(r.runs, i + 1);
		assert_ptr_equal(r.arg, to ? m->va1 : m->va);
	}
	assert_int_equal(guest_irq_count_cpu(m->a, irq, 0), 2);
	assert_int_equal(guest_irq_count_cpu(m->a, irq, 1), 2);
	assert_int_equal(guest_irq_count(m->a, irq), 4);
	/* in the mask already: it stays */
	set_to(m, irq, 1);
	mask = cpus(0, 1);
	assert_rc(guest_irq_set_affinity(m->a, irq, &mask), 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 1);
}

/*
 * What is pending when the line moves arrives once: on the new CPU, unless it is on the old one's
 * queue (FIFO).
 */
static void pending_goes_along(void **state)
{
	struct guests *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = note_cpu };
	bool queued = m->abi == GUEST_ABI_FIFO;
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	send(m, tx); /* CPU 0 has events disabled: announced there, and not taken */
	assert_int_equal(r.runs, 0);
	set_to(m, irq, 1);
	enable_on(m, m->va); /* finds the announcement */
	assert_int_equal(r.runs, queued);
	enable_on(m, m->va1);
	assert_int_equal(r.runs, 1);
	assert_ptr_equal(r.arg, queued ? m->va : m->va1);
	/* the same while it is disabled: enabling, on the CPU that had it before, finds it */
	assert_rc(guest_disable_irq(m->a, irq), 0);
	send(m, tx);
	set_to(m, irq, 0);
	assert_true(port_masked(m->a, guest_irq_port(m->a, irq)));
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	testbed_on(m->va1);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	testbed_on(NULL);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_ptr_equal(r.arg, m->va);
}

struct mover {
	unsigned to; /* CPU; 2: none */
	unsigned sends;
	evtchn_port_t tx;
	char trail[16]; /* CPU of each run */
};

static void move_in_the_handler(struct guest *g, unsigned irq, struct record *r)
{
	struct mover *v = r->arg;
	struct guest_cpumask mask = cpus(v->to, v->to);
	struct testbed_vcpu *on = testbed_on(NULL);

	testbed_on(on);
	v->trail[strlen(v->trail)] = (char)('0' + testbed_vcpu_id(on));
	if (v->to < 2) {
		unsigned at = (unsigned)guest_irq_effective_cpu(g, irq);

		assert_rc(guest_irq_set_affinity(g, irq, &mask), 0);
		assert_int_equal(guest_irq_effective_cpu(g, irq), at); /* not yet */
		v->to = 2;
	}
	if (v->sends) {
		v->sends--;
		assert_rc(guest_notify_port(g, v->tx), 0);
	}
}

/* Asked for while the handler runs: the next event is still taken on the old CPU, and moves it. */
static void moves_at_the_next_ack(void **state)
{
	struct guests *m = *state;
	static const enum guest_irq_flow flows[] = { GUEST_FLOW_LEVEL, GUEST_FLOW_EDGE,
						     GUEST_FLOW_FASTEOI };

	enable_on(m, m->va);
	enable_on(m, m->va1);
	for (unsigned i = 0; i < ALEN(flows); i++) {
		struct mover mover = { .to = 1 };
		struct record r = { .answer = GUEST_IRQ_HANDLED,
				    .also = move_in_the_handler,
				    .arg = &mover };
		unsigned irq = bind_loop_to(m->a, &mover.tx);

		assert_rc(guest_set_irq_flow(m->a, irq, flows[i]), 0);
		assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
		send(m, mover.tx);
		assert_string_equal(mover.trail, "0");
		assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
		send(m, mover.tx);
		assert_string_equal(mover.trail, "00");
		assert_int_equal(guest_irq_effective_cpu(m->a, irq), 1);
		send(m, mover.tx);
		assert_string_equal(mover.trail, "001");
		/* events from the handler itself are not lost on the way either */
		mover.to = 0;
		mover.sends = 3;
		send(m, mover.tx);
		assert_int_equal(r.runs, 7);
		assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
		assert_false(port_pending(m->a, guest_irq_port(m->a, irq)));
		assert_false(port_masked(m->a, guest_irq_port(m->a, irq)));
		assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	}
}

/* The CPU has gone until then: the IRQ stays, and is not taken there when the CPU comes again. */
static void moves_to_a_cpu_that_has_gone(void **state)
{
	struct guests *m = *state;
	struct mover mover = { .to = 1 };
	struct record r = { .answer = GUEST_IRQ_HANDLED,
			    .also = move_in_the_handler,
			    .arg = &mover };
	unsigned irq = bind_loop_to(m->a, &mover.tx);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	enable_on(m, m->va);
	send(m, mover.tx);
	assert_rc(guest_cpu_dead(m->a, 1), 0);
	send(m, mover.tx);
	testbed_on(m->va1);
	assert_rc(guest_cpu_init(m->a), 0);
	testbed_on(NULL);
	send(m, mover.tx);
	assert_string_equal(mover.trail, "000");
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
}

static void what_does_not_move(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, s = RECORD;
	struct guest_cpumask one = cpus(1, 1), none = { { 0 } }, beyond = cpus(2, 127), mask;
	evtchn_port_t tx;
	unsigned ipi = bind_self(m->a, &r, 0), irq = bind_loop_to(m->a, &tx);
	int soft = guest_alloc_irq(m->a), timer = guest_bind_virq_to_irq(m->a, VIRQ_TIMER, 1);

	assert_fails(guest_irq_set_affinity(m->a, ipi, &one), EIO);
	assert_fails(guest_irq_set_affinity(m->a, (unsigned)timer, &one), EIO);
	assert_int_equal(guest_irq_effective_cpu(m->a, ipi), 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, (unsigned)timer), 1);
	assert_rc(guest_irq_get_affinity(m->a, (unsigned)timer, &mask), 0);
	assert_int_equal(mask.bits[0], 2);
	assert_rc(guest_set_irq_flow(m->a, (unsigned)soft, GUEST_FLOW_SIMPLE), 0);
	assert_fails(guest_irq_set_affinity(m->a, (unsigned)soft, &one), EINVAL);
	assert_fails(guest_irq_effective_cpu(m->a, (unsigned)soft), EINVAL);
	assert_fails(guest_irq_get_affinity(m->a, (unsigned)soft, &mask), EINVAL);
	assert_fails(guest_irq_set_affinity(m->a, 40, &one), EINVAL);
	assert_fails(guest_irq_set_affinity(m->a, irq, NULL), EINVAL);
	assert_fails(guest_irq_set_affinity(m->a, irq, &none), EINVAL);
	assert_fails(guest_irq_set_affinity(m->a, irq, &beyond), EINVAL);

	assert_rc(guest_request_irq(m->a, irq, record_run,
				    GUEST_IRQF_SHARED | GUEST_IRQF_NO_BALANCING, "r", &r),
		  0);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "s", &s), 0);
	assert_fails(guest_irq_set_affinity(m->a, irq, &one), EIO);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_rc(guest_irq_set_affinity(m->a, irq, &one), 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 1);
}

/* A CPU that nobody has prepared is none. */
static void only_to_cpus_that_are_there(void **state)
{
	struct guests *m = *state;
	struct guest_cpumask one = cpus(1, 1), both = cpus(0, 1);
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	assert_fails(guest_irq_set_affinity(m->a, irq, &one), EINVAL);
	assert_rc(guest_irq_set_affinity(m->a, irq, &both), 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
	assert_rc(testbed_vcpu_boot(m->va1), 0);
	assert_rc(guest_irq_set_affinity(m->a, irq, &one), 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 1);
}

/* The hypervisor refuses: nothing has changed. */
static void refused_by_the_hypervisor(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct guest_cpumask one = cpus(1, 1), mask;
	long port = op_bind_ipi(m->va, 0); /* which stays where it is */
	int bound = guest_bind_evtchn_to_irq(m->a, (evtchn_port_t)port);
	unsigned irq = (unsigned)bound;

	assert_true(port > 0 && bound > 0);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	enable_on(m, m->va);
	assert_fails(guest_irq_set_affinity(m->a, irq, &one), EINVAL);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0);
	assert_rc(guest_irq_get_affinity(m->a, irq, &mask), 0);
	assert_int_equal(mask.bits[0], 3);
	assert_false(port_masked(m->a, (uint32_t)port));
	send(m, (evtchn_port_t)port);
	assert_int_equal(r.runs, 1);
}

static void hardware_moves_too(void **state)
{
	struct guests *m = *state;
	struct testbed_line *line = testbed_line(m->tb, 5, HV_IRQ_EDGE);
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = note_cpu };
	int irq;

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 9, 5, false), 0);
	irq = guest_bind_pirq_to_irqhandler(m->a, 9, record_run, 0, "line", &r);
	assert_true(irq > 0);
	enable_on(m, m->va);
	enable_on(m, m->va1);
	set_to(m, (unsigned)irq, 1);
	testbed_line_set(line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	assert_ptr_equal(r.arg, m->va1);
}

/* One of the domain's VIRQs is found again wherever it has moved. */
static void a_virq_that_has_moved(void **state)
{
	struct guests *m = *state;
	int irq = guest_bind_virq_to_irq(m->a, VIRQ_ARGO, 0);

	assert_true(irq > 0);
	set_to(m, (unsigned)irq, 1);
	assert_int_equal(guest_bind_virq_to_irq(m->a, VIRQ_ARGO, 0), irq);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_unbind_irq(m->a, (unsigned)irq), 0);
	/* and its note is gone: bound anew, not found */
	assert_true(guest_bind_virq_to_irq(m->a, VIRQ_ARGO, 0) > 0);
	assert_int_equal(guest_irq_effective_cpu(m->a, (unsigned)irq), 0);
}

/* ---- the balancer --------------------------------------------------------------------------- */

static unsigned count_on(struct guests *m, const unsigned *irqs, unsigned n, int cpu)
{
	unsigned there = 0;

	for (unsigned i = 0; i < n; i++)
		there += guest_irq_effective_cpu(m->a, irqs[i]) == cpu;
	return there;
}

static void spreads_and_stops(void **state)
{
	struct guests *m = *state;
	struct record r[9];
	struct guest_cpumask zero = cpus(0, 0);
	unsigned irqs[9];
	evtchn_port_t tx;

	for (unsigned i = 0; i < 9; i++) {
		r[i] = (struct record)RECORD;
		irqs[i] = bind_loop_to(m->a, &tx);
	}
	/* off, as at the beginning */
	for (unsigned i = 0; i < 2; i++)
		assert_rc(guest_request_irq(m->a, irqs[i], record_run, 0, "r", &r[i]), 0);
	guest_balance_irqs(m->a);
	assert_int_equal(count_on(m, irqs, 9, 0), 9);

	guest_set_balancer(m->a, guest_balance_spread, NULL);
	for (unsigned i = 2; i < 6; i++)
		assert_rc(guest_request_irq(m->a, irqs[i], record_run, 0, "r", &r[i]), 0);
	assert_int_equal(count_on(m, irqs, 9, 1), 4); /* 5 are left on CPU 0 */
	/* those that are not requested are nobody's load to move */
	guest_balance_irqs(m->a);
	assert_int_equal(count_on(m, irqs, 9, 1), 4);
	assert_int_equal(guest_irq_effective_cpu(m->a, irqs[8]), 0);
	/* a CPU that stops leaves its load to another, and takes it up again */
	assert_rc(guest_cpu_dead(m->a, 1), 0);
	assert_int_equal(count_on(m, irqs, 9, 0), 9);
	guest_balance_irqs(m->a);
	assert_int_equal(count_on(m, irqs, 9, 0), 9);
	testbed_on(m->va1);
	assert_rc(guest_cpu_init(m->a), 0);
	testbed_on(NULL);
	guest_balance_irqs(m->a);
	assert_int_equal(count_on(m, irqs, 9, 1), 4);
	/* what was tied to a CPU stays */
	for (unsigned i = 6; i < 9; i++) {
		assert_rc(guest_irq_set_affinity(m->a, irqs[i], &zero), 0);
		assert_rc(guest_request_irq(m->a, irqs[i], record_run, 0, "r", &r[i]), 0);
	}
	assert_int_equal(count_on(m, &irqs[6], 3, 0), 3);
	/* off: everything may be put where it is wanted, and is left there */
	guest_set_balancer(m->a, NULL, NULL);
	for (unsigned i = 0; i < 6; i++)
		set_to(m, irqs[i], 0);
	guest_balance_irqs(m->a);
	assert_int_equal(count_on(m, irqs, 9, 0), 9);
}

struct seen {
	unsigned calls, irq, cpu, nr_cpus, answer;
	struct guest_cpu_load loads[2];
};

static unsigned see(void *arg, unsigned irq, unsigned cpu, const struct guest_cpu_load *loads,
		    unsigned nr_cpus)
{
	struct seen *s = arg;

	s->calls++;
	s->irq = irq;
	s->cpu = cpu;
	s->nr_cpus = nr_cpus;
	memcpy(s->loads, loads, sizeof(s->loads));
	return s->answer;
}

static void what_a_balancer_sees(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, self = RECORD;
	struct seen seen = { .answer = 77 };
	struct guest_cpumask zero = cpus(0, 0);
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx), ipi;

	enable_on(m, m->va);
	enable_on(m, m->va1);
	guest_set_balancer(m->a, see, &seen);
	ipi = bind_self(m->a, &self, 0);
	assert_int_equal(seen.calls, 0); /* per CPU */
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 0); /* 77 is none */
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_notify_irq(m->a, ipi), 0);
	set_to(m, irq, 1);
	send(m, tx);
	guest_balance_irqs(m->a);
	assert_int_equal(seen.calls, 2);
	assert_int_equal(seen.irq, irq);
	assert_int_equal(seen.cpu, 1);
	assert_int_equal(seen.nr_cpus, 2);
	assert_int_equal(seen.loads[0].handled, 3);
	assert_int_equal(seen.loads[1].handled, 1);
	assert_int_equal(seen.loads[0].irqs, 0);
	assert_int_equal(seen.loads[1].irqs, 1);
	assert_false(seen.loads[0].usable); /* tied to CPU 1 */
	assert_true(seen.loads[1].usable);
	seen.answer = 0; /* not in the mask */
	guest_balance_irqs(m->a);
	assert_int_equal(guest_irq_effective_cpu(m->a, irq), 1);
	assert_rc(guest_irq_set_affinity(m->a, irq, &zero), 0);
	/* unbound, it is nobody's load */
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	irq = bind_loop_to(m->a, &tx);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	assert_int_equal(seen.loads[0].irqs, 1);
	assert_int_equal(seen.loads[1].irqs, 0);
	assert_true(seen.loads[1].usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cpus_test(moves_at_once),
		cpus_test(pending_goes_along),
		cpus_test(moves_at_the_next_ack),
		cpus_test(moves_to_a_cpu_that_has_gone),
		cpus_test(what_does_not_move),
		guests_test(only_to_cpus_that_are_there),
		cpus_test(refused_by_the_hypervisor),
		cpus_test(hardware_moves_too),
		cpus_test(a_virq_that_has_moved),
		cpus_test(spreads_and_stops),
		cpus_test(what_a_balancer_sees),
	};

	return cmocka_run_group_tests_name("guest_irq_affinity", tests, NULL, NULL);
}
