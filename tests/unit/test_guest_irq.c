/* SPDX-License-Identifier: MIT */
/*
 * The guest half: events reaching handlers. Order, sharing, enable and disable, the interrupt flag,
 * unbinding from inside, fair scanning, other CPUs, the table of interrupts. pirqs are
 * test_guest_pirq.c.
 */
#include <stdio.h>

#include "guests.h"

static void delivered_once_each(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	unsigned irq = bind_self(m->a, &r, 0);

	guest_local_irq_enable(m->a);
	for (unsigned i = 1; i <= 5; i++) {
		assert_rc(guest_notify_irq(m->a, irq), 0);
		assert_int_equal(r.runs, i);
	}
	assert_int_equal(r.irq, irq);
	assert_int_equal(guest_irq_count(m->a, irq), 5);
	assert_false(port_pending(m->a, guest_irq_port(m->a, irq)));
	/* closed, then used anew: the count is the new one's */
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
}

static void disabled_events_wait(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	unsigned irq = bind_self(m->a, &r, 0);
	guest_flags_t outer, inner;

	assert_true(guest_irqs_disabled(m->a));
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 0);
	guest_local_irq_enable(m->a); /* delivered before it returns; two sends have merged */
	assert_int_equal(r.runs, 1);
	assert_false(guest_irqs_disabled(m->a));
	outer = guest_local_irq_save(m->a);
	inner = guest_local_irq_save(m->a);
	assert_true(outer);
	assert_false(inner);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	guest_local_irq_restore(m->a, inner);
	assert_true(guest_irqs_disabled(m->a));
	assert_int_equal(r.runs, 1);
	guest_local_irq_restore(m->a, outer);
	assert_int_equal(r.runs, 2);
	guest_local_irq_disable(m->a);
	assert_true(guest_irqs_disabled(m->a));
	guest_local_irq_enable(m->a);
	assert_int_equal(r.runs, 2);
}

static void disable_nests_and_keeps(void **state)
{
	struct guests *m = *state;
	struct record self = RECORD, loop = RECORD;
	evtchn_port_t tx;
	unsigned irqs[2];

	irqs[0] = bind_self(m->a, &self, 0);
	irqs[1] = bind_loop_to(m->a, &tx);
	assert_rc(guest_request_irq(m->a, irqs[1], record_run, 0, "loop", &loop), 0);
	guest_local_irq_enable(m->a);
	for (int i = 0; i < 2; i++) {
		struct record *r = i ? &loop : &self;

		assert_rc(guest_disable_irq(m->a, irqs[i]), 0);
		assert_rc(guest_disable_irq_nosync(m->a, irqs[i]), 0);
		assert_rc(i ? guest_notify_port(m->a, tx) : guest_notify_irq(m->a, irqs[0]), 0);
		testbed_run(m->tb);
		assert_int_equal(r->runs, 0);
		assert_true(port_pending(m->a, guest_irq_port(m->a, irqs[i])));
		assert_rc(guest_enable_irq(m->a, irqs[i]), 0);
		assert_int_equal(r->runs, 0);
		assert_rc(guest_enable_irq(m->a, irqs[i]), 0);
		assert_int_equal(r->runs, 1);
		assert_fails(guest_enable_irq(m->a, irqs[i]), EINVAL);
		assert_int_equal(r->runs, 1);
	}
}

static void starts_disabled(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	unsigned irq = bind_self(m->a, &r, GUEST_IRQF_NO_AUTOEN);

	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 0);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 1);
}

static void before_the_first_handler(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	guest_local_irq_enable(m->a);
	/* bound, nobody requested: kept, and masked or left alone */
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_true(port_pending(m->a, guest_irq_port(m->a, irq)));
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "late", &r), 0);
	assert_int_equal(r.runs, 1);
	/* after the last free nothing runs, the next request finds it again */
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "again", &r), 0);
	assert_int_equal(r.runs, 2);
}

static void shared_handlers(void **state)
{
	struct guests *m = *state;
	char trail[64] = "";
	struct record r[3] = { { .answer = GUEST_IRQ_NONE, .mark = 'a', .trail = trail },
			       { .answer = GUEST_IRQ_HANDLED, .mark = 'b', .trail = trail },
			       { .answer = GUEST_IRQ_NONE, .mark = 'c', .trail = trail } };
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	for (int i = 0; i < 3; i++)
		assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "s", &r[i]),
			  0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_string_equal(trail, "abc");
	assert_int_equal(guest_irq_count(m->a, irq), 1);
	assert_rc(guest_free_irq(m->a, irq, &r[1]), 0);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_string_equal(trail, "abcac");
	assert_rc(guest_free_irq(m->a, irq, &r[0]), 0);
	assert_rc(guest_free_irq(m->a, irq, &r[2]), 0);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_string_equal(trail, "abcac");
}

static void send_again(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	if (r->runs < 10)
		assert_rc(guest_notify_port(g, *(evtchn_port_t *)r->arg), 0);
}

/* The event is taken before the handlers run: what they cause is not lost. */
static void sent_from_its_own_handler(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx, ipi;
	struct record loop = { .answer = GUEST_IRQ_HANDLED, .also = send_again, .arg = &tx };
	struct record self = { .answer = GUEST_IRQ_HANDLED, .also = send_again, .arg = &ipi };
	unsigned irq = bind_loop_to(m->a, &tx), self_irq = bind_self(m->a, &self, 0);

	ipi = guest_irq_port(m->a, self_irq);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "loop", &loop), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_int_equal(loop.runs, 10);
	assert_rc(guest_notify_port(m->a, ipi), 0);
	assert_int_equal(self.runs, 10);
	assert_int_equal(guest_irq_count(m->a, irq), 10);
}

static void unbind_self(struct guest *g, unsigned irq, struct record *r)
{
	r->arg = (void *)(uintptr_t)guest_irq_port(g, irq);
	assert_rc(guest_unbind_from_irqhandler(g, irq, r), 0);
}

static void unbound_inside_the_handler(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx;

	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 100; i++) { /* more than there are numbers */
		struct record r = { .answer = GUEST_IRQ_HANDLED, .also = unbind_self };
		unsigned irq = bind_loop_to(m->a, &tx);

		assert_rc(guest_request_irq(m->a, irq, record_run, 0, "once", &r), 0);
		assert_rc(guest_notify_port(m->a, tx), 0);
		assert_int_equal(r.runs, 1);
		assert_status(m->va, SELF, (uint32_t)(uintptr_t)r.arg, "closed vcpu=0");
		assert_rc(guest_notify_port(m->a, tx), 0); /* to nobody */
		assert_int_equal(r.runs, 1);
		assert_rc(op_close(m->va, tx), 0);
	}
}

static void free_self(struct guest *g, unsigned irq, struct record *r)
{
	assert_rc(guest_free_irq(g, irq, r), 0);
}

static void freed_inside_the_handler(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct record a = { .also = free_self, .mark = 'a', .trail = trail };
	struct record b = { .answer = GUEST_IRQ_HANDLED, .mark = 'b', .trail = trail };
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "a", &a), 0);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "b", &b), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_string_equal(trail, "ab");
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_string_equal(trail, "abb");
}

static void disable_self(struct guest *g, unsigned irq, struct record *r)
{
	assert_rc(guest_disable_irq_nosync(g, irq), 0);
	if (r->arg)
		assert_rc(guest_notify_port(g, *(evtchn_port_t *)r->arg), 0);
}

static void disabled_inside_the_handler(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = disable_self, .arg = &tx };
	unsigned irq = bind_loop_to(m->a, &tx);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_int_equal(r.runs, 1);
	assert_true(port_pending(m->a, guest_irq_port(m->a, irq)));
	r.arg = NULL;
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 2); /* what it sent itself; then it disabled itself again */
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_int_equal(r.runs, 2);
}

static void enable_and_send(struct guest *g, unsigned irq, struct record *r)
{
	struct record *inner = r->arg;

	(void)irq;
	guest_local_irq_enable(g);
	assert_rc(guest_notify_irq(g, inner->irq), 0);
	/* not nested: the upcall that runs comes round again */
	assert_int_equal(inner->runs, 0);
}

static void handler_that_enables_events(void **state)
{
	struct guests *m = *state;
	struct record inner = RECORD;
	struct record outer = { .answer = GUEST_IRQ_HANDLED,
				.also = enable_and_send,
				.arg = &inner };
	evtchn_port_t tx;
	unsigned irq;

	inner.irq = bind_self(m->a, &inner, 0);
	irq = bind_loop_to(m->a, &tx);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "outer", &outer), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, tx), 0);
	assert_int_equal(outer.runs, 1);
	assert_int_equal(inner.runs, 1);
	assert_false(guest_irqs_disabled(m->a));
}

struct storm {
	evtchn_port_t tx;
	struct record *victim;
	unsigned served_at; /* runs of the storm when the victim came */
};

static void blow(struct guest *g, unsigned irq, struct record *r)
{
	struct storm *s = r->arg;

	(void)irq;
	if (!s->served_at && s->victim->runs)
		s->served_at = r->runs;
	if (r->runs < 1000)
		assert_rc(guest_notify_port(g, s->tx), 0);
}

/* A port that is always pending does not keep a higher one from being served, nor one in its own
 * word. */
static void storm_against(struct guests *m, unsigned distance)
{
	struct record victim = RECORD;
	struct storm s = { .victim = &victim };
	struct record storm = { .answer = GUEST_IRQ_HANDLED, .also = blow, .arg = &s };
	unsigned irq = bind_loop_to(m->a, &s.tx), virq;
	evtchn_port_t vtx;

	for (unsigned i = 0; i < distance; i++)
		assert_true(guest_alloc_unbound(m->a, 2) > 0);
	virq = bind_loop_to(m->a, &vtx);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "storm", &storm), 0);
	assert_rc(guest_request_irq(m->a, virq, record_run, 0, "victim", &victim), 0);
	assert_rc(guest_notify_port(m->a, s.tx), 0);
	assert_rc(guest_notify_port(m->a, vtx), 0);
	guest_local_irq_enable(m->a);
	assert_int_equal(storm.runs, 1000);
	assert_int_equal(victim.runs, 1);
	assert_in_range(s.served_at, 1, 3);
	guest_local_irq_disable(m->a);
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &storm), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, virq, &victim), 0);
}

static void fair_scan(void **state)
{
	struct guests *m = *state;

	storm_against(m, 1);
	storm_against(m, 3000);
}

static void every_pending_port_in_one_upcall(void **state)
{
	struct guests *m = *state;
	struct record r[60];
	evtchn_port_t tx[60];
	unsigned irqs[60];

	for (unsigned i = 0; i < 60; i++) {
		r[i] = (struct record)RECORD;
		irqs[i] = bind_loop_to(m->a, &tx[i]);
		assert_rc(guest_request_irq(m->a, irqs[i], record_run, 0, "n", &r[i]), 0);
		assert_rc(guest_notify_port(m->a, tx[i]), 0);
	}
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(r[i].runs, 1);
		assert_int_equal(r[i].irq, irqs[i]);
	}
}

static void note_cpu(struct guest *g, unsigned irq, struct record *r)
{
	(void)g;
	(void)irq;
	r->arg = testbed_on(NULL);
	testbed_on(r->arg);
}

static void on_another_cpu(void **state)
{
	struct guests *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = note_cpu };
	int irq = guest_bind_ipi_to_irqhandler(m->a, 0, 1, record_run, 0, "ipi", &r);

	assert_true(irq > 0);
	assert_rc(testbed_vcpu_boot(m->va1), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 0); /* CPU 1 has events disabled */
	testbed_on(m->va1);
	assert_true(guest_irqs_disabled(m->a));
	guest_local_irq_enable(m->a);
	testbed_on(NULL);
	assert_int_equal(r.runs, 1);
	assert_ptr_equal(r.arg, m->va1);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(r.runs, 1);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_int_equal(guest_irq_count(m->a, (unsigned)irq), 2);
	/* disabled here, sent, enabled here: CPU 1 gets it */
	assert_rc(guest_disable_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_rc(guest_enable_irq(m->a, (unsigned)irq), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 3);
	assert_ptr_equal(r.arg, m->va1);
}

struct table {
	char text[40][256];
	unsigned lines;
};

static void emit(void *arg, const char *line)
{
	struct table *t = arg;

	assert_true(t->lines < 40);
	snprintf(t->text[t->lines++], sizeof(t->text[0]), "%s", line);
}

/* The line that has `word` in it; there is one such. */
static const char *line_with(const struct table *t, const char *word)
{
	const char *found = NULL;

	for (unsigned i = 0; i < t->lines; i++) {
		if (!strstr(t->text[i], word))
			continue;
		assert_null(found);
		found = t->text[i];
	}
	assert_non_null(found);
	return found;
}

static void table_of_interrupts(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, none = { .answer = GUEST_IRQ_NONE };
	struct table t = { .lines = 0 };
	unsigned self = bind_self(m->a, &r, 0), irq, n, c0, c1;
	evtchn_port_t tx;

	irq = bind_loop_to(m->a, &tx);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "left", &none), 0);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "right", &r), 0);
	guest_local_irq_enable(m->a);
	for (int i = 0; i < 3; i++)
		assert_rc(guest_notify_irq(m->a, self), 0);
	assert_rc(guest_notify_port(m->a, tx), 0);
	guest_show_interrupts(m->a, emit, &t);
	assert_int_equal(t.lines, 4);
	assert_non_null(strstr(t.text[0], "CPU0"));
	assert_non_null(strstr(t.text[0], "CPU1"));
	assert_int_equal(sscanf(line_with(&t, "self"), "%u: %u %u", &n, &c0, &c1), 3);
	assert_int_equal(n, self);
	assert_int_equal(c0, 3);
	assert_int_equal(c1, 0);
	assert_non_null(strstr(line_with(&t, "self"), "percpu"));
	assert_int_equal(sscanf(line_with(&t, "left"), "%u: %u %u", &n, &c0, &c1), 3);
	assert_int_equal(n, irq);
	assert_int_equal(c0, 1);
	assert_non_null(strstr(line_with(&t, "left"), "right"));
	assert_int_equal(sscanf(t.text[3], "SPU: %u %u", &c0, &c1), 2);
	assert_int_equal(c0, 0);
	/* nobody's: spurious */
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_rc(guest_notify_port(m->a, tx), 0);
	t.lines = 0;
	guest_show_interrupts(m->a, emit, &t);
	assert_int_equal(sscanf(line_with(&t, "SPU"), "SPU: %u", &c0), 1);
	assert_int_equal(c0, 1);
}

/* An event on a port that has no IRQ: masked, so that it does not come back, and counted. */
static void nobodys_port(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, known = RECORD;
	long port;

	bind_self(m->a, &known, 0); /* with FIFO the port's word comes with a neighbour's */
	port = op_bind_ipi(m->va, 0);
	assert_true(port > 0);
	guest_local_irq_enable(m->a);
	assert_true(port_masked(m->a, (uint32_t)port));
	assert_rc(op_unmask(m->va, (uint32_t)port), 0);
	assert_rc(op_send(m->va, (uint32_t)port), 0);
	assert_true(port_masked(m->a, (uint32_t)port));
	assert_true(port_pending(m->a, (uint32_t)port));
	/* who binds it later gets it */
	assert_true(guest_bind_evtchn_to_irqhandler(m->a, (evtchn_port_t)port, record_run, 0, "r",
						    &r) > 0);
	assert_int_equal(r.runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(delivered_once_each),
		guests_test(disabled_events_wait),
		guests_test(disable_nests_and_keeps),
		guests_test(starts_disabled),
		guests_test(before_the_first_handler),
		guests_test(shared_handlers),
		guests_test(sent_from_its_own_handler),
		guests_test(unbound_inside_the_handler),
		guests_test(freed_inside_the_handler),
		guests_test(disabled_inside_the_handler),
		guests_test(handler_that_enables_events),
		guests_test(fair_scan),
		guests_test(every_pending_port_in_one_upcall),
		guests_test(on_another_cpu),
		guests_test(table_of_interrupts),
		guests_test(nobodys_port),
	};

	return cmocka_run_group_tests_name("guest_irq", tests, NULL, NULL);
}
