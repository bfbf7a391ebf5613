/* SPDX-License-Identifier: MIT */
/*
 * The guest half: late eoi. The port stays masked until the driver says so; a peer that sends for
 * nothing waits longer and longer; the delay is ended by the timer, beside the kernel's own timers.
 */
#include "guests.h"

#define MS TESTBED_MS

/* b sends to a, who has the port with late eoi. */
struct late {
	struct guests *m;
	unsigned irq, tx; /* in a, in b */
	uint32_t port;
};

static void late_connect(struct late *l, struct guests *m)
{
	int port = guest_alloc_unbound(m->b, 1), tx, irq;

	l->m = m;
	assert_true(port > 0);
	tx = guest_bind_evtchn_to_irq(m->b, (evtchn_port_t)port);
	irq = guest_bind_interdomain_evtchn_to_irq_lateeoi(m->a, 2, (evtchn_port_t)port);
	assert_true(tx > 0 && irq > 0);
	l->tx = (unsigned)tx;
	l->irq = (unsigned)irq;
	l->port = guest_irq_port(m->a, l->irq);
	assert_true(guest_clear_irq_pending(m->a, l->irq)); /* binding made it pending */
}

static void late_send(struct late *l)
{
	assert_rc(guest_notify_irq(l->m->b, l->tx), 0);
	testbed_run(l->m->tb);
}

static void masked_until_the_eoi(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct late l;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 0), EINVAL); /* nothing is owed */
	late_send(&l);
	assert_int_equal(r.runs, 1);
	assert_true(port_masked(m->a, l.port));
	late_send(&l);
	testbed_advance(m->tb, 5000 * MS);
	assert_int_equal(r.runs, 1);
	/* not even if it is seen, as by a CPU that had read the port's words before */
	assert_rc(op_unmask(m->va, l.port), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	assert_true(port_masked(m->a, l.port));
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 2), EINVAL);
	assert_rc(guest_irq_lateeoi(m->a, l.irq, 0), 0);
	assert_int_equal(r.runs, 2); /* the second has been waiting */
	assert_rc(guest_irq_lateeoi(m->a, l.irq, 0), 0);
	assert_false(port_masked(m->a, l.port));
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 0), EINVAL);
	assert_fails(guest_irq_lateeoi(m->a, 60, 0), EINVAL);
	/* disabled and owed: both must end */
	late_send(&l);
	assert_int_equal(r.runs, 3);
	assert_rc(guest_disable_irq(m->a, l.irq), 0);
	assert_rc(guest_irq_lateeoi(m->a, l.irq, 0), 0);
	late_send(&l);
	assert_int_equal(r.runs, 3);
	assert_true(port_masked(m->a, l.port));
	assert_rc(guest_enable_irq(m->a, l.irq), 0);
	assert_int_equal(r.runs, 4);
	assert_rc(guest_disable_irq(m->a, l.irq), 0);
	assert_rc(guest_enable_irq(m->a, l.irq), 0);
	assert_true(port_masked(m->a, l.port)); /* still owed */
	assert_rc(guest_irq_lateeoi(m->a, l.irq, 0), 0);
	assert_false(port_masked(m->a, l.port));
}

static void say_eoi(struct guest *g, unsigned irq, struct record *r)
{
	(void)r;
	assert_rc(guest_irq_lateeoi(g, irq, 0), 0);
}

static void eoi_in_the_handler(void **state)
{
	struct guests *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = say_eoi };
	struct late l;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	for (unsigned i = 1; i <= 5; i++) {
		late_send(&l);
		assert_int_equal(r.runs, i);
		assert_false(port_masked(m->a, l.port));
	}
}

/* Spurious eois: how long does the next event wait? In ms. */
static unsigned long wait_of(struct late *l, struct record *r, unsigned flags)
{
	unsigned runs = r->runs;
	uint64_t start = testbed_now(l->m->tb);

	assert_rc(guest_irq_lateeoi(l->m->a, l->irq, flags), 0);
	late_send(l);
	while (r->runs == runs)
		assert_true(testbed_step(l->m->tb));
	assert_int_equal(r->runs, runs + 1);
	assert_int_equal((testbed_now(l->m->tb) - start) % MS, 0);
	return (unsigned long)((testbed_now(l->m->tb) - start) / MS);
}

static void a_storm_is_delayed(void **state)
{
	struct guests *m = *state;
	static const unsigned expected[] = { 0,	 1,   2,   4,	8,    16,   32,
					     64, 128, 256, 512, 1000, 1000, 1000 };
	struct record r = RECORD;
	struct guest_irq_stats stats;
	struct late l;
	uint64_t sum = 0;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	late_send(&l);
	for (unsigned i = 0; i < ALEN(expected); i++) {
		assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), expected[i]);
		sum += expected[i];
	}
	assert_rc(guest_irq_get_stats(m->a, l.irq, &stats), 0);
	assert_int_equal(stats.late_spurious, ALEN(expected));
	assert_int_equal(stats.late_delayed, ALEN(expected) - 1);
	assert_int_equal(stats.late_delay, sum * MS);
	/* one that was worth it ends the row; the next is free again */
	assert_int_equal(wait_of(&l, &r, 0), 0);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 0);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 1);
	/* delayed, it is owed no more */
	assert_rc(guest_irq_lateeoi(m->a, l.irq, GUEST_EOI_SPURIOUS), 0);
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 0), EINVAL);
	assert_true(port_masked(m->a, l.port));
	testbed_advance(m->tb, 2 * MS);
	assert_false(port_masked(m->a, l.port));
}

struct shown {
	unsigned found;
	char lines[2][160];
};

static void find_late(void *arg, const char *line)
{
	struct shown *s = arg;

	if (strstr(line, "xen-late"))
		strncpy(s->lines[0], line, 159);
	else if (!strncmp(line, "LTE:", 4))
		strncpy(s->lines[1], line, 159);
	else
		return;
	s->found++;
}

static void storm(struct late *l, struct record *r, unsigned n)
{
	late_send(l);
	for (unsigned i = 0; i < n; i++)
		(void)wait_of(l, r, GUEST_EOI_SPURIOUS);
	assert_rc(guest_irq_lateeoi(l->m->a, l->irq, GUEST_EOI_SPURIOUS), 0);
}

static void shown_in_the_table(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct shown s = { 0 };
	struct late l;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	guest_show_interrupts(m->a, find_late, &s);
	assert_int_equal(s.found, 1); /* no line about delays without one */
	storm(&l, &r, 3);
	s.found = 0;
	guest_show_interrupts(m->a, find_late, &s);
	assert_int_equal(s.found, 2);
	assert_non_null(strstr(s.lines[0], "delayed: 3, ms: 7"));
	assert_non_null(strstr(s.lines[1], "LTE:          3          0 "));
}

/* Several wait at once, each for its own time. */
static void delays_in_any_order(void **state)
{
	struct guests *m = *state;
	struct record r[3] = { RECORD, RECORD, RECORD };
	struct late l[3];
	static const unsigned steps[] = { 5, 2, 4 }; /* then 16, 2 and 8 ms */

	for (unsigned i = 0; i < 3; i++) {
		late_connect(&l[i], m);
		assert_rc(guest_request_irq(m->a, l[i].irq, record_run, 0, "late", &r[i]), 0);
	}
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 3; i++) {
		late_send(&l[i]);
		for (unsigned n = 0; n < steps[i]; n++)
			(void)wait_of(&l[i], &r[i], GUEST_EOI_SPURIOUS);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_irq_lateeoi(m->a, l[i].irq, GUEST_EOI_SPURIOUS), 0);
	for (unsigned ms = 1; ms <= 17; ms++) {
		testbed_advance(m->tb, MS);
		assert_int_equal(port_masked(m->a, l[0].port), ms < 16);
		assert_int_equal(port_masked(m->a, l[1].port), ms < 2);
		assert_int_equal(port_masked(m->a, l[2].port), ms < 8);
	}
}

/* Freed or unbound while delayed, or while an eoi is owed: nothing of it is left for the next. */
static void closed_while_delayed(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct late l, other;

	late_connect(&l, m);
	late_connect(&other, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	assert_rc(guest_request_irq(m->a, other.irq, record_run, 0, "other", &r), 0);
	guest_local_irq_enable(m->a);
	storm(&l, &r, 3);
	late_send(&l);
	assert_rc(guest_free_irq(m->a, l.irq, &r), 0);
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 0), EINVAL);
	testbed_advance(m->tb, 100 * MS);
	assert_true(port_masked(m->a, l.port));
	r.runs = 0;
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	assert_int_equal(r.runs, 1); /* what came meanwhile; and nobody is punished for the past */
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 0);
	assert_rc(guest_free_irq(m->a, l.irq, &r), 0); /* owed */
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	assert_false(port_masked(m->a, l.port));

	storm(&l, &r, 3);
	assert_rc(guest_unbind_from_irqhandler(m->a, l.irq, &r), 0);
	/* the number goes to an ordinary IRQ, and the list does not know it */
	assert_int_equal(guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0), l.irq);
	storm(&other, &r, 3);
	testbed_advance(m->tb, 100 * MS);
	assert_false(port_masked(m->a, other.port));
	assert_true(port_masked(m->a, guest_irq_port(m->a, l.irq)));
	assert_fails(guest_irq_lateeoi(m->a, l.irq, 0), EINVAL);
}

/* ---- beside the kernel's timer -------------------------------------------------------------- */

static void note_time(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	*(uint64_t *)r->arg = guest_clock(g);
}

static void the_kernel_has_its_timer(void **state)
{
	struct guests *m = *state;
	uint64_t at = 0, start;
	struct record r = RECORD;
	struct record t = { .answer = GUEST_IRQ_HANDLED, .also = note_time, .arg = &at };
	struct late l;
	int timer;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	/* alone, as without late eois; and it may start disabled */
	timer = guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run,
					      GUEST_IRQF_PERCPU | GUEST_IRQF_NO_AUTOEN, "t", &t);
	assert_true(timer > 0);
	assert_fails(guest_request_irq(m->a, (unsigned)timer, record_run, 0, "u", &r), EBUSY);
	assert_rc(guest_enable_irq(m->a, (unsigned)timer), 0);
	assert_fails(guest_enable_irq(m->a, (unsigned)timer), EINVAL);
	guest_local_irq_enable(m->a);
	storm(&l, &r, 5); /* 16 ms from now */
	start = testbed_now(m->tb);
	/* the kernel's deadline later, earlier, and taken back: both are kept */
	assert_rc(guest_set_timer(m->a, start + 30 * MS), 0);
	testbed_advance(m->tb, 15 * MS);
	assert_true(port_masked(m->a, l.port));
	testbed_advance(m->tb, 2 * MS);
	assert_false(port_masked(m->a, l.port));
	testbed_advance(m->tb, 20 * MS);
	assert_int_equal(at, start + 30 * MS);

	late_send(&l);
	assert_rc(guest_irq_lateeoi(m->a, l.irq, GUEST_EOI_SPURIOUS), 0); /* 32 ms */
	start = testbed_now(m->tb);
	t.runs = 0;
	assert_rc(guest_set_timer(m->a, start + 10 * MS), 0);
	testbed_advance(m->tb, 11 * MS);
	assert_int_equal(t.runs, 1);
	assert_int_equal(at, start + 10 * MS);
	assert_true(port_masked(m->a, l.port));
	assert_rc(guest_set_timer(m->a, start + 20 * MS), 0);
	assert_rc(guest_set_timer(m->a, 0), 0);
	testbed_advance(m->tb, 20 * MS);
	assert_int_equal(t.runs, 1);
	assert_true(port_masked(m->a, l.port));
	testbed_advance(m->tb, 2 * MS);
	assert_false(port_masked(m->a, l.port));

	/* without the kernel's handler it goes on; and the IRQ cannot be taken away */
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)timer, &t), 0);
	assert_fails(guest_unbind_irq(m->a, (unsigned)timer), EBUSY);
	late_send(&l);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 64);
}

/* The hypervisor's clock is a little ahead, so its timer comes before the eoi is due by ours. */
static void a_timer_too_early(void **state)
{
	struct guests *m = *state;
	struct hv *hv = testbed_hv(m->tb);
	struct record r = RECORD;
	struct late l;

	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	storm(&l, &r, 5); /* 16 ms from now */
	hv_set_clock(hv, testbed_cycles(m->tb), testbed_now(m->tb), 0x7fff0000u, 0);
	assert_true(testbed_step(m->tb));
	assert_true(port_masked(m->a, l.port));
	hv_set_clock(hv, testbed_cycles(m->tb), testbed_now(m->tb), 0x80000000u, 0);
	testbed_advance(m->tb, MS);
	assert_false(port_masked(m->a, l.port));
}

/* A timer that fired before there was anything late here. */
static void a_deadline_from_before(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct late l;

	testbed_advance(m->tb, 10 * MS);
	assert_rc(guest_set_timer(m->a, testbed_now(m->tb) - MS), 0);
	testbed_advance(m->tb, 1); /* it is over, and was nobody's */
	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	late_send(&l);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 0);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 1);
	assert_int_equal(wait_of(&l, &r, GUEST_EOI_SPURIOUS), 2);
}

static void one_way_or_the_other(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int port = guest_alloc_unbound(m->a, 2), irq;

	irq = guest_bind_evtchn_to_irq_lateeoi(m->a, (evtchn_port_t)port);
	assert_true(irq > 0);
	assert_int_equal(guest_bind_evtchn_to_irq_lateeoi(m->a, (evtchn_port_t)port), irq);
	assert_fails(guest_bind_evtchn_to_irq(m->a, (evtchn_port_t)port), EBUSY);
	assert_fails(guest_bind_evtchn_to_irq_lateeoi(m->a, 0), EINVAL);
	port = guest_alloc_unbound(m->a, 2);
	irq = guest_bind_evtchn_to_irqhandler(m->a, (evtchn_port_t)port, record_run, 0, "r", &r);
	assert_true(irq > 0);
	assert_fails(guest_bind_evtchn_to_irq_lateeoi(m->a, (evtchn_port_t)port), EBUSY);
	assert_fails(guest_irq_lateeoi(m->a, (unsigned)irq, 0), EINVAL);
	assert_fails(guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(m->a, 2, 99, record_run, 0,
									 "r", &r),
		     EINVAL);
	port = guest_alloc_unbound(m->b, 1);
	irq = guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(m->a, 2, (evtchn_port_t)port,
								  record_run, 0, "r", &r);
	assert_true(irq > 0);
	guest_local_irq_enable(m->a);
	assert_int_equal(r.runs, 1); /* binding makes it pending */
	assert_rc(guest_irq_lateeoi(m->a, (unsigned)irq, 0), 0);
}

static void moved_while_owed(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct guest_cpumask one = { { 2 } };
	struct late l;

	assert_rc(testbed_vcpu_boot(m->va1), 0);
	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	guest_local_irq_enable(m->a);
	testbed_on(m->va1);
	guest_local_irq_enable(m->a);
	testbed_on(NULL);
	late_send(&l);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_irq_set_affinity(m->a, l.irq, &one), 0);
	assert_true(port_masked(m->a, l.port));
	late_send(&l);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_irq_lateeoi(m->a, l.irq, 0), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_int_equal(guest_irq_count_cpu(m->a, l.irq, 1), 1);
}

/* The CPU whose timer would have ended the delay has stopped. */
static void delayed_by_a_cpu_that_dies(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct guest_cpumask one = { { 2 } };
	struct late l;

	assert_rc(testbed_vcpu_boot(m->va1), 0);
	late_connect(&l, m);
	assert_rc(guest_request_irq(m->a, l.irq, record_run, 0, "late", &r), 0);
	assert_rc(guest_irq_set_affinity(m->a, l.irq, &one), 0);
	guest_local_irq_enable(m->a);
	testbed_on(m->va1);
	guest_local_irq_enable(m->a);
	for (unsigned i = 1; i <= 2; i++) {
		late_send(&l);
		assert_int_equal(r.runs, i);
		assert_rc(guest_irq_lateeoi(m->a, l.irq, GUEST_EOI_SPURIOUS), 0);
	}
	guest_local_irq_disable(m->a);
	testbed_on(NULL);
	assert_true(port_masked(m->a, l.port));
	late_send(&l);
	assert_rc(guest_cpu_dead(m->a, 1), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 3);
	assert_int_equal(guest_irq_effective_cpu(m->a, l.irq), 0);
	assert_int_equal(guest_irq_count_cpu(m->a, l.irq, 0), 1);
	assert_fails(guest_irq_set_affinity(m->a, l.irq, &one), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(masked_until_the_eoi),     guests_test(eoi_in_the_handler),
		guests_test(a_storm_is_delayed),       guests_test(shown_in_the_table),
		guests_test(delays_in_any_order),      guests_test(closed_while_delayed),
		guests_test(the_kernel_has_its_timer), guests_test(a_deadline_from_before),
		guests_test(a_timer_too_early),	       guests_test(one_way_or_the_other),
		guests_test(moved_while_owed),	       guests_test(delayed_by_a_cpu_that_dies),
	};

	return cmocka_run_group_tests_name("guest_irq_late", tests, NULL, NULL);
}
