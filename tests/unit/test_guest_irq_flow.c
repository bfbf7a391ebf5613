/* SPDX-License-Identifier: MIT */
/*
 * The guest half: what each flow does to its line, choosing a flow, software IRQs, nesting, events
 * that nobody was there to take or claims, hooks. What all flows have in common is
 * test_guest_irq.c.
 */
#include "guests.h"

/*
 * Is the IRQ's port masked while its handler runs? The only handler of a line that needs no eoi
 * needs no mask either.
 */
struct look {
	evtchn_port_t port;
	bool masked, pending;
};

static void look_at_port(struct guest *g, unsigned irq, struct record *r)
{
	struct look *l = r->arg;

	(void)irq;
	l->masked = port_masked(g, l->port);
	l->pending = port_pending(g, l->port);
}

static void masks_as_the_flow_says(void **state)
{
	struct guests *m = *state;
	static const struct {
		enum guest_irq_flow flow;
		bool shared, masked;
	} flows[] = { { GUEST_FLOW_LEVEL, false, false },
		      { GUEST_FLOW_LEVEL, true, true },
		      { GUEST_FLOW_EDGE, false, false },
		      { GUEST_FLOW_EDGE, true, false },
		      { GUEST_FLOW_FASTEOI, false, false } };
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);
	struct look look = { .port = guest_irq_port(m->a, irq) };

	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < ALEN(flows); i++) {
		struct record r = { .answer = GUEST_IRQ_HANDLED,
				    .also = look_at_port,
				    .arg = &look };
		struct record other = { .answer = GUEST_IRQ_HANDLED };
		unsigned shared = flows[i].shared ? GUEST_IRQF_SHARED : 0;

		assert_rc(guest_set_irq_flow(m->a, irq, flows[i].flow), 0);
		assert_rc(guest_request_irq(m->a, irq, record_run, shared, "r", &r), 0);
		if (shared)
			assert_rc(guest_request_irq(m->a, irq, record_run, shared, "o", &other), 0);
		assert_rc(guest_notify_port(m->a, tx), 0);
		assert_int_equal(r.runs, 1);
		assert_int_equal(other.runs, flows[i].shared);
		if (shared)
			assert_rc(guest_free_irq(m->a, irq, &other), 0);
		assert_int_equal(look.masked, flows[i].masked);
		assert_false(look.pending); /* taken before */
		assert_false(port_masked(m->a, look.port));
		assert_rc(guest_free_irq(m->a, irq, &r), 0);
		assert_true(port_masked(m->a, look.port));
	}
}

static void flows_that_suit(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx), ipi = bind_self(m->a, &r, 0);
	int level, edge;

	assert_fails(guest_set_irq_flow(m->a, irq, GUEST_FLOW_PERCPU), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, irq, GUEST_FLOW_SIMPLE), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, irq, (enum guest_irq_flow)5), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, 50, GUEST_FLOW_EDGE), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, ipi, GUEST_FLOW_EDGE), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, ipi, GUEST_FLOW_PERCPU), EBUSY);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	assert_fails(guest_set_irq_flow(m->a, irq, GUEST_FLOW_EDGE), EBUSY);

	/* a line that needs its eoi must be given one */
	assert_non_null(testbed_line(m->tb, 5, HV_IRQ_LEVEL));
	assert_non_null(testbed_line(m->tb, 6, HV_IRQ_EDGE));
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 9, 5, false), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 8, 6, false), 0);
	level = guest_bind_pirq_to_irq(m->a, 9, false);
	edge = guest_bind_pirq_to_irq(m->a, 8, false);
	assert_fails(guest_set_irq_flow(m->a, (unsigned)level, GUEST_FLOW_EDGE), EINVAL);
	assert_rc(guest_set_irq_flow(m->a, (unsigned)level, GUEST_FLOW_FASTEOI), 0);
	assert_rc(guest_set_irq_flow(m->a, (unsigned)edge, GUEST_FLOW_EDGE), 0);
}

static void lower_the_line(struct guest *g, unsigned irq, struct record *r)
{
	(void)g;
	(void)irq;
	if (r->runs == 3)
		testbed_line_set(r->arg, false);
}

/* fasteoi gives the eoi: a line that stays asserted fires again after each. */
static void fasteoi_of_a_line(void **state)
{
	struct guests *m = *state;
	struct testbed_line *line = testbed_line(m->tb, 5, HV_IRQ_LEVEL);
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = lower_the_line, .arg = line };
	int irq;

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 9, 5, false), 0);
	irq = guest_bind_pirq_to_irq(m->a, 9, false);
	assert_true(irq > 0);
	assert_rc(guest_set_irq_flow(m->a, (unsigned)irq, GUEST_FLOW_FASTEOI), 0);
	assert_rc(guest_request_irq(m->a, (unsigned)irq, record_run, 0, "line", &r), 0);
	guest_local_irq_enable(m->a);
	testbed_line_set(line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 3);
	assert_true(testbed_line_enabled(line));
	/* disabled: kept, and found by enable */
	assert_rc(guest_disable_irq(m->a, (unsigned)irq), 0);
	r.runs = 2;
	testbed_line_set(line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_rc(guest_enable_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(r.runs, 3);
	assert_true(testbed_line_enabled(line));
}

/* ---- the event that nobody was there to take ------------------------------------------------ */

struct evil {
	struct guest *g;
	struct record *victim;
	unsigned irqs, last;
	uint64_t cycles;
	bool free, looks;
};

static void on_interrupt(void *arg, unsigned irq, uint64_t cycles)
{
	struct evil *e = arg;
	struct guest_irq_stats stats;

	e->irqs++;
	e->last = irq;
	e->cycles = cycles;
	if (e->looks)
		assert_rc(guest_irq_get_stats(e->g, irq, &stats), 0);
	if (!e->free)
		return;
	/* at the worst moment: the event has been taken, its handler not yet called */
	e->free = false;
	assert_rc(guest_free_irq(e->g, irq, e->victim), 0);
}

static void taken_but_not_lost(void **state)
{
	struct guests *m = *state;
	static const enum guest_irq_flow flows[] = { GUEST_FLOW_LEVEL, GUEST_FLOW_EDGE,
						     GUEST_FLOW_FASTEOI };
	struct record r = RECORD;
	struct evil evil = { .g = m->a, .victim = &r };
	struct guest_irq_hooks hooks = { .arg = &evil, .entropy = on_interrupt };
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx), runs = 0;

	guest_set_irq_hooks(m->a, &hooks);
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < ALEN(flows); i++) {
		assert_rc(guest_set_irq_flow(m->a, irq, flows[i]), 0);
		assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
		evil.free = true;
		assert_rc(guest_notify_port(m->a, tx), 0);
		assert_false(evil.free);
		assert_int_equal(r.runs, runs);
		assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
		assert_int_equal(r.runs, ++runs);
		assert_int_equal(guest_irq_count(m->a, irq), runs); /* not what was put back */
		assert_rc(guest_free_irq(m->a, irq, &r), 0);
	}
}

static void entropy_of_each_interrupt(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct evil evil = { .g = m->a };
	struct guest_irq_hooks hooks = { .arg = &evil, .entropy = on_interrupt };
	unsigned irq = bind_self(m->a, &r, 0);

	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(evil.irqs, 0);
	guest_set_irq_hooks(m->a, &hooks);
	for (unsigned i = 1; i <= 3; i++) {
		testbed_advance(m->tb, 1000);
		assert_rc(guest_notify_irq(m->a, irq), 0);
		assert_int_equal(evil.irqs, i);
		assert_int_equal(evil.last, irq);
		assert_int_equal(evil.cycles, testbed_cycles(m->tb));
	}
	/* also if it has the descriptor's lock meanwhile */
	evil.looks = true;
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(evil.irqs, 4);
	guest_set_irq_hooks(m->a, NULL);
	assert_rc(guest_notify_irq(m->a, irq), 0);
	assert_int_equal(evil.irqs, 4);
	assert_int_equal(r.runs, 6);
}

/* ---- unclaimed ------------------------------------------------------------------------------ */

struct judge {
	unsigned irq, reports;
};

static void on_unclaimed(void *arg, unsigned irq)
{
	struct judge *j = arg;

	j->irq = irq;
	j->reports++;
}

static void send_many(struct guests *m, evtchn_port_t tx, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_rc(guest_notify_port(m->a, tx), 0);
}

static void stuck_line_is_disabled(void **state)
{
	struct guests *m = *state;
	struct record r = { .answer = GUEST_IRQ_NONE }, other = RECORD;
	struct judge judge = { 0 };
	struct guest_irq_hooks hooks = { .arg = &judge, .unclaimed = on_unclaimed };
	struct guest_irq_stats stats;
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	guest_set_irq_hooks(m->a, &hooks);
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "r", &r), 0);
	guest_local_irq_enable(m->a);
	send_many(m, tx, 99999);
	assert_int_equal(judge.reports, 0);
	send_many(m, tx, 1);
	assert_int_equal(judge.reports, 1);
	assert_int_equal(judge.irq, irq);
	assert_int_equal(r.runs, 100000);
	send_many(m, tx, 5);
	assert_int_equal(r.runs, 100000);
	assert_rc(guest_irq_get_stats(m->a, irq, &stats), 0);
	assert_int_equal(stats.handled, 100000);
	assert_int_equal(stats.unclaimed, 100000);
	/* whoever joins gives it another chance */
	assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_SHARED, "o", &other), 0);
	assert_int_equal(r.runs, 100001);
	assert_fails(guest_enable_irq(m->a, irq), EINVAL); /* nothing is disabled any more */
	/* and so does enable */
	assert_rc(guest_free_irq(m->a, irq, &other), 0);
	send_many(m, tx, 100000);
	assert_int_equal(judge.reports, 2);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_fails(guest_enable_irq(m->a, irq), EINVAL);
	r.runs = 0;
	send_many(m, tx, 1);
	assert_int_equal(r.runs, 1);
}

static void claim_some(struct guest *g, unsigned irq, struct record *r)
{
	unsigned claimed = *(unsigned *)r->arg;

	(void)g;
	(void)irq;
	/* the first is not, a count begins with it */
	r->answer = r->runs > 1 && r->runs <= 1 + claimed ? GUEST_IRQ_HANDLED : GUEST_IRQ_NONE;
}

/* 99,900 of 100,000 are not more than 99,900; nor are those that come now and then a storm. */
static void odd_ones_are_forgiven(void **state)
{
	struct guests *m = *state;
	unsigned claimed = 100;
	struct record r = { .also = claim_some, .arg = &claimed };
	struct judge judge = { 0 };
	struct guest_irq_hooks hooks = { .arg = &judge, .unclaimed = on_unclaimed };
	evtchn_port_t tx;
	unsigned irq = bind_loop_to(m->a, &tx);

	guest_set_irq_hooks(m->a, &hooks);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	guest_local_irq_enable(m->a);
	testbed_advance(m->tb, 1000 * TESTBED_MS);
	send_many(m, tx, 100000);
	assert_int_equal(r.runs, 100000);
	assert_int_equal(judge.reports, 0);
	r.runs = 0;
	claimed = 99;
	send_many(m, tx, 100000);
	assert_int_equal(judge.reports, 1);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	r.runs = 0;
	claimed = 0;
	send_many(m, tx, 50000);
	testbed_advance(m->tb, 101 * TESTBED_MS);
	send_many(m, tx, 50000);
	assert_int_equal(r.runs, 100000);
	assert_int_equal(judge.reports, 1);
}

/* ---- software IRQs -------------------------------------------------------------------------- */

static unsigned soft_irq(struct guest *g, struct record *r)
{
	int irq = guest_alloc_irq(g);

	assert_true(irq > 0);
	assert_rc(guest_set_irq_flow(g, (unsigned)irq, GUEST_FLOW_SIMPLE), 0);
	if (r)
		assert_rc(guest_request_irq(g, (unsigned)irq, record_run, 0, "soft", r), 0);
	return (unsigned)irq;
}

static void raised_by_the_kernel(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int made = guest_alloc_irq(m->a);
	unsigned irq = (unsigned)made;

	assert_true(made > 0);
	assert_fails(guest_request_irq(m->a, irq, record_run, 0, "r", &r), ENOSYS);
	assert_fails(guest_raise_irq(m->a, irq), EINVAL);
	assert_fails(guest_set_irq_flow(m->a, irq, GUEST_FLOW_EDGE), EINVAL);
	assert_rc(guest_set_irq_flow(m->a, irq, GUEST_FLOW_SIMPLE), 0);
	assert_fails(guest_unbind_irq(m->a, irq), EINVAL);
	assert_int_equal(guest_irq_port(m->a, irq), 0);
	/* before there is a handler: once */
	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "r", &r), 0);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 2); /* events are disabled here: it does not need them */
	assert_true(guest_irqs_disabled(m->a));
	assert_rc(guest_disable_irq(m->a, irq), 0);
	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 2);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 3);
	assert_int_equal(guest_irq_count(m->a, irq), 3);
	assert_fails(guest_dealloc_irq(m->a, irq), EBUSY);
	assert_rc(guest_free_irq(m->a, irq, &r), 0);
	assert_rc(guest_dealloc_irq(m->a, irq), 0);
	assert_fails(guest_dealloc_irq(m->a, irq), EINVAL);
	assert_fails(guest_raise_irq(m->a, irq), EINVAL);
	assert_fails(guest_request_irq(m->a, irq, record_run, 0, "r", &r), EINVAL);
	/* the number is another's now; what was raised before is not his */
	assert_int_equal(bind_self(m->a, &r, 0), irq);
	assert_fails(guest_dealloc_irq(m->a, irq), EINVAL);
	assert_int_equal(r.runs, 3);
}

struct chain {
	char *trail;
	unsigned irq[3];
	unsigned depth, deepest;
};

static void raise_all(struct guest *g, unsigned irq, struct record *r)
{
	struct chain *c = r->arg;

	c->depth++;
	if (c->depth > c->deepest)
		c->deepest = c->depth;
	for (unsigned i = 0; i < 3 && r->runs < 3; i++)
		assert_rc(guest_raise_irq(g, c->irq[i]), 0);
	(void)irq;
	c->depth--;
}

/* Raising in a handler, also of the IRQ itself, runs afterwards, in the order of raising. */
static void raising_does_not_nest(void **state)
{
	struct guests *m = *state;
	char trail[64] = "";
	struct chain c = { .trail = trail };
	struct record r[3], port = { .answer = GUEST_IRQ_HANDLED,
				     .also = raise_all,
				     .arg = &c,
				     .mark = 'p',
				     .trail = trail };
	unsigned self;

	for (unsigned i = 0; i < 3; i++) {
		r[i] = (struct record){ .answer = GUEST_IRQ_HANDLED,
					.also = raise_all,
					.arg = &c,
					.mark = (char)('a' + i),
					.trail = trail };
		c.irq[i] = soft_irq(m->a, &r[i]);
	}
	self = bind_self(m->a, &port, 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, self), 0);
	/* each raises all three until it has run three times */
	assert_string_equal(trail, "pabcabcabc");
	assert_int_equal(c.deepest, 1);
	assert_int_equal(guest_irq_count_cpu(m->a, c.irq[2], 0), 3);
	assert_int_equal(guest_irq_count_cpu(m->a, c.irq[2], 1), 0);
	assert_int_equal(guest_irq_count_cpu(m->a, c.irq[2], 77), 0);
}

static void drop_other(struct guest *g, unsigned irq, struct record *r)
{
	unsigned other = *(unsigned *)r->arg;

	(void)irq;
	assert_rc(guest_raise_irq(g, other), 0);
	assert_rc(guest_dealloc_irq(g, other), 0);
}

/* Raised, then given back before its turn has come. */
static void given_back_while_raised(void **state)
{
	struct guests *m = *state;
	unsigned other = soft_irq(m->a, NULL);
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = drop_other, .arg = &other };
	struct record next = RECORD;
	unsigned irq = soft_irq(m->a, &r);

	assert_rc(guest_raise_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 1);
	assert_int_equal(soft_irq(m->a, &next), other);
	assert_int_equal(next.runs, 0);
	assert_rc(guest_raise_irq(m->a, other), 0);
	assert_int_equal(next.runs, 1);
}

/* ---- nesting -------------------------------------------------------------------------------- */

struct nest {
	unsigned irq[6];
	evtchn_port_t tx[6];
	unsigned level, deepest;
	char log[64];
};

static void interrupted(struct guest *g, unsigned irq, struct record *r)
{
	struct nest *n = r->arg;
	unsigned i = 0;

	while (n->irq[i] != irq)
		i++;
	n->log[strlen(n->log)] = (char)('a' + i);
	n->level++;
	if (n->level > n->deepest)
		n->deepest = n->level;
	assert_int_equal(guest_irqs_disabled(g), i == 5);
	if (i < 5)
		assert_rc(guest_notify_port(g, n->tx[i + 1]), 0);
	n->level--;
	n->log[strlen(n->log)] = (char)('A' + i);
}

/* Handlers that ask for it are interrupted by each other, and only so deep. */
static void nesting_is_bounded(void **state)
{
	struct guests *m = *state;
	struct nest n = { .level = 0 };
	struct record r[6];

	for (unsigned i = 0; i < 6; i++) {
		r[i] = (struct record){ .answer = GUEST_IRQ_HANDLED,
					.also = interrupted,
					.arg = &n };
		n.irq[i] = bind_loop_to(m->a, &n.tx[i]);
		assert_rc(guest_request_irq(m->a, n.irq[i], record_run,
					    i < 5 ? GUEST_IRQF_NESTED : 0, "n", &r[i]),
			  0);
	}
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, n.tx[0]), 0);
	/* the fourth upcall is the last that interrupts: it takes the others after d */
	assert_string_equal(n.log, "abcdDeEfFCBA");
	assert_int_equal(n.deepest, GUEST_MAX_NESTING);
	assert_false(guest_irqs_disabled(m->a));
	/* and afterwards all is as before */
	memset(n.log, 0, sizeof(n.log));
	assert_rc(guest_notify_port(m->a, n.tx[3]), 0);
	assert_string_equal(n.log, "defFED");
}

struct twice {
	evtchn_port_t tx;
	struct record *inner;
};

static void interrupted_twice(struct guest *g, unsigned irq, struct record *r)
{
	struct twice *t = r->arg;

	(void)irq;
	for (unsigned i = 1; i <= 3; i++) {
		assert_rc(guest_notify_port(g, t->tx), 0);
		assert_int_equal(t->inner->runs, i);
	}
}

/* One that may be interrupted may be again, though who interrupted it may not. */
static void interrupted_again(void **state)
{
	struct guests *m = *state;
	struct record inner = RECORD;
	struct twice t = { .inner = &inner };
	struct record outer = { .answer = GUEST_IRQ_HANDLED, .also = interrupted_twice, .arg = &t };
	unsigned irq = bind_loop_to(m->a, &t.tx), self = bind_self(m->a, &outer, GUEST_IRQF_NESTED);

	assert_rc(guest_request_irq(m->a, irq, record_run, 0, "inner", &inner), 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, self), 0);
	assert_int_equal(outer.runs, 1);
	assert_int_equal(inner.runs, 3);
}

struct again {
	unsigned inside, deepest;
	evtchn_port_t tx;
};

static void send_to_itself(struct guest *g, unsigned irq, struct record *r)
{
	struct again *a = r->arg;

	(void)irq;
	a->inside++;
	if (a->inside > a->deepest)
		a->deepest = a->inside;
	if (r->runs < 4)
		assert_rc(guest_notify_port(g, a->tx), 0);
	a->inside--;
}

/* No handler interrupts itself, whatever its flow; its next event waits. */
static void a_handler_does_not_interrupt_itself(void **state)
{
	struct guests *m = *state;
	static const enum guest_irq_flow flows[] = { GUEST_FLOW_LEVEL, GUEST_FLOW_EDGE,
						     GUEST_FLOW_FASTEOI, GUEST_FLOW_PERCPU };

	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < ALEN(flows); i++) {
		struct again a = { .inside = 0 };
		struct record r = { .answer = GUEST_IRQ_HANDLED,
				    .also = send_to_itself,
				    .arg = &a };
		unsigned irq;

		if (flows[i] == GUEST_FLOW_PERCPU) {
			irq = bind_self(m->a, &r, GUEST_IRQF_NESTED);
			a.tx = guest_irq_port(m->a, irq);
		} else {
			irq = bind_loop_to(m->a, &a.tx);
			assert_rc(guest_set_irq_flow(m->a, irq, flows[i]), 0);
			assert_rc(guest_request_irq(m->a, irq, record_run, GUEST_IRQF_NESTED, "r",
						    &r),
				  0);
		}
		assert_rc(guest_notify_port(m->a, a.tx), 0);
		assert_int_equal(r.runs, 4);
		assert_int_equal(a.deepest, 1);
		assert_false(port_masked(m->a, guest_irq_port(m->a, irq)));
		assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(masks_as_the_flow_says),
		guests_test(flows_that_suit),
		guests_test(fasteoi_of_a_line),
		guests_test(taken_but_not_lost),
		guests_test(entropy_of_each_interrupt),
		guests_test(stuck_line_is_disabled),
		guests_test(odd_ones_are_forgiven),
		guests_test(raised_by_the_kernel),
		guests_test(raising_does_not_nest),
		guests_test(given_back_while_raised),
		guests_test(nesting_is_bounded),
		guests_test(interrupted_again),
		guests_test(a_handler_does_not_interrupt_itself),
	};

	return cmocka_run_group_tests_name("guest_irq_flow", tests, NULL, NULL);
}
