/* SPDX-License-Identifier: MIT */
/*
 * Real threads, both halves: no event lost, no handler after it was removed or disabled, no wake-up
 * missed; with each of the ABIs. Raw domains under load are test_ports.c.
 */
#include "load.h"

static enum guest_abi abi_of(void **state)
{
	return *(enum guest_abi *)*state;
}

/* ---- ping-pong: the payload is no atomic, so TSan sees whether an event orders what it should
 * ------------------- */

#define ROUNDS 2000

struct pong {
	struct testbed_domain *da, *db;
	unsigned irq_a, irq_b;
	unsigned to_b, to_a; /* payloads, plain */
	unsigned got_a, got_b;
	unsigned wrong;
};

static enum guest_irqreturn pong_b(struct guest *g, unsigned irq, void *dev)
{
	struct pong *p = dev;

	if (p->to_b != p->got_b + 1)
		p->wrong++;
	p->got_b = p->to_b;
	p->to_a = p->got_b;
	guest_notify_irq(g, irq);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn pong_a(struct guest *g, unsigned irq, void *dev)
{
	struct pong *p = dev;

	(void)g;
	(void)irq;
	p->got_a = p->to_a;
	return GUEST_IRQ_HANDLED;
}

static void halt_until(struct guest *g, const unsigned *word, unsigned value)
{
	guest_local_irq_disable(g);
	while (*word != value) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
}

static void pong_main_a(struct testbed_vcpu *v, void *arg)
{
	struct pong *p = arg;
	struct guest *g = testbed_guest(p->da);

	(void)v;
	for (unsigned i = 1; i <= ROUNDS; i++) {
		p->to_b = i;
		guest_notify_irq(g, p->irq_a);
		halt_until(g, &p->got_a, i);
	}
}

static void pong_main_b(struct testbed_vcpu *v, void *arg)
{
	struct pong *p = arg;

	(void)v;
	halt_until(testbed_guest(p->db), &p->got_b, ROUNDS);
}

static void ping_pong(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct pong p = { .da = load_guest(tb, 1, 1, abi_of(state)),
			  .db = load_guest(tb, 2, 1, abi_of(state)) };
	struct guest *a = testbed_guest(p.da), *b = testbed_guest(p.db);
	int port = guest_alloc_unbound(a, 2);
	struct hv_counters c;

	p.irq_a = (unsigned)guest_bind_evtchn_to_irqhandler(a, (evtchn_port_t)port, pong_a, 0, "a",
							    &p);
	p.irq_b = (unsigned)guest_bind_interdomain_to_irqhandler(b, 1, (evtchn_port_t)port, pong_b,
								 0, "b", &p);
	/* the event that binding makes comes before any payload */
	guest_clear_irq_pending(b, p.irq_b);
	testbed_thread(testbed_vcpu(p.db, 0), pong_main_b, &p);
	testbed_thread(testbed_vcpu(p.da, 0), pong_main_a, &p);
	testbed_join(testbed_vcpu(p.da, 0));
	testbed_join(testbed_vcpu(p.db, 0));
	assert_int_equal(p.wrong, 0);
	assert_int_equal(p.got_a, ROUNDS);
	assert_int_equal(p.got_b, ROUNDS);
	hv_domain_counters(testbed_hv_domain(p.da), &c);
	assert_int_equal(c.sends, ROUNDS);
	assert_int_equal(c.merged, 0);
	assert_int_equal(guest_irq_count(a, p.irq_a), ROUNDS);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- storm: everybody sends to everybody, by IPIs and between domains
 * -------------------------------------------- */

#define DOMS  3u
#define CPUS  2u
#define SENDS 1500u

struct channel {
	_Atomic unsigned sent; /* by its one sender: the number of the last event */
	_Atomic unsigned seen; /* by the handler */
	_Atomic unsigned runs;
	unsigned irq; /* on the sender's side */
};

struct storm {
	struct testbed_domain *d[DOMS];
	/* from a vCPU (domain, CPU) to a domain, of the own one: to the other CPU */
	struct channel ch[DOMS][CPUS][DOMS];
	atomic_uint arrived;
};

static enum guest_irqreturn storm_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;

	(void)g;
	(void)irq;
	atomic_fetch_add_explicit(&c->runs, 1, memory_order_relaxed);
	atomic_store_explicit(&c->seen, atomic_load_explicit(&c->sent, memory_order_relaxed),
			      memory_order_relaxed);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn nothing(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_HANDLED;
}

static void storm_main(struct testbed_vcpu *v, void *arg)
{
	struct storm *s = arg;
	struct testbed_domain *d = testbed_vcpu_domain(v);
	unsigned dom = hv_domain_id(testbed_hv_domain(d)) - 1, cpu = testbed_vcpu_id(v);
	struct guest *g = testbed_guest(d);
	uint32_t seed = 77 + dom * 13 + cpu;

	guest_local_irq_enable(g);
	rendezvous(v, &s->arrived, DOMS * CPUS);
	for (unsigned i = 1; i <= SENDS; i++) {
		struct channel *c = &s->ch[dom][cpu][rnd(&seed) % DOMS];

		atomic_fetch_add_explicit(&c->sent, 1, memory_order_relaxed);
		guest_notify_irq(g, c->irq);
		if (rnd(&seed) % 16 == 0) {
			guest_local_irq_disable(g);
			sched_yield();
			guest_local_irq_enable(g);
		}
	}
	rendezvous(v, &s->arrived, 2 * DOMS * CPUS);
}

static void storm_connect(struct storm *s, unsigned dom, unsigned cpu, unsigned to)
{
	struct channel *c = &s->ch[dom][cpu][to];
	struct guest *g = testbed_guest(s->d[dom]), *peer = testbed_guest(s->d[to]);
	int port;

	if (dom == to) {
		c->irq = (unsigned)guest_bind_ipi_to_irqhandler(g, 0, 1 - cpu, storm_handler, 0,
								"ipi", c);
		return;
	}
	port = guest_alloc_unbound(peer, (domid_t)(dom + 1));
	assert_true(port > 0);
	assert_true(guest_bind_evtchn_to_irqhandler(peer, (evtchn_port_t)port, storm_handler, 0,
						    "rx", c) > 0);
	c->irq = (unsigned)guest_bind_interdomain_to_irqhandler(
		g, (domid_t)(to + 1), (evtchn_port_t)port, nothing, 0, "tx", c);
}

static void storm(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct storm *s = calloc(1, sizeof(*s));

	for (unsigned d = 0; d < DOMS; d++)
		s->d[d] = load_guest(tb, (domid_t)(d + 1), CPUS, abi_of(state));
	for (unsigned i = 0; i < DOMS * CPUS * DOMS; i++)
		storm_connect(s, i / DOMS / CPUS, i / DOMS % CPUS, i % DOMS);
	for (unsigned i = 0; i < DOMS * CPUS; i++)
		testbed_thread(testbed_vcpu(s->d[i / CPUS], i % CPUS), storm_main, s);
	for (unsigned i = 0; i < DOMS * CPUS; i++)
		testbed_join(testbed_vcpu(s->d[i / CPUS], i % CPUS));
	for (unsigned i = 0; i < DOMS * CPUS * DOMS; i++) {
		struct channel *c = &s->ch[i / DOMS / CPUS][i / DOMS % CPUS][i % DOMS];

		assert_true(atomic_load(&c->sent) > 0);
		assert_int_equal(atomic_load(&c->seen), atomic_load(&c->sent));
		assert_in_range(atomic_load(&c->runs), 1, atomic_load(&c->sent));
	}
	assert_int_equal(testbed_destroy(tb), 0);
	free(s);
}

/* ---- handlers come and go while their events arrive
 * ------------------------------------------------------------- */

#define REBINDS 300

struct rebind {
	struct testbed_domain *da, *db;
	unsigned tx; /* IRQ in b */
	evtchn_port_t port_b;
	atomic_bool stop;
	_Atomic unsigned handled;
	unsigned failed;
};

struct driver {
	struct rebind *all;
	unsigned count; /* plain: of the handler alone, and of whoever removed it */
};

static enum guest_irqreturn driver_handler(struct guest *g, unsigned irq, void *dev)
{
	struct driver *d = dev;

	(void)g;
	(void)irq;
	d->count++;
	atomic_fetch_add(&d->all->handled, 1);
	return GUEST_IRQ_HANDLED;
}

static void rebind_sender(struct testbed_vcpu *v, void *arg)
{
	struct rebind *r = arg;

	while (!atomic_load(&r->stop)) {
		guest_notify_irq(testbed_guest(r->db), r->tx);
		testbed_point(v);
	}
}

static void rebind_cpu0(struct testbed_vcpu *v, void *arg)
{
	struct rebind *r = arg;

	guest_local_irq_enable(testbed_guest(r->da));
	while (!atomic_load(&r->stop)) {
		testbed_point(v);
		sched_yield();
	}
}

/* On CPU 1; the handlers run on CPU 0. What was removed is freed at once. */
static void rebind_cpu1(struct testbed_vcpu *v, void *arg)
{
	struct rebind *r = arg;
	struct guest *g = testbed_guest(r->da);

	(void)v;
	guest_local_irq_enable(g);
	for (unsigned i = 0; i < REBINDS; i++) {
		struct driver *d = calloc(1, sizeof(*d));
		unsigned before = atomic_load(&r->handled);
		int irq;

		d->all = r;
		irq = guest_bind_interdomain_to_irqhandler(g, 2, r->port_b, driver_handler, 0, "d",
							   d);
		if (irq <= 0)
			r->failed++;
		while (irq > 0 && atomic_load(&r->handled) == before)
			sched_yield();
		if (irq > 0 && guest_unbind_from_irqhandler(g, (unsigned)irq, d))
			r->failed++;
		if (!d->count)
			r->failed++;
		free(d);
	}
	atomic_store(&r->stop, true);
}

static void rebinding_under_load(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct rebind r = { .da = load_guest(tb, 1, 2, abi_of(state)),
			    .db = load_guest(tb, 2, 1, abi_of(state)) };
	struct guest *b = testbed_guest(r.db);
	int irq;

	r.port_b = (evtchn_port_t)guest_alloc_unbound(b, 1);
	irq = guest_bind_evtchn_to_irqhandler(b, r.port_b, nothing, 0, "tx", &r);
	assert_true(irq > 0);
	r.tx = (unsigned)irq;
	testbed_thread(testbed_vcpu(r.da, 0), rebind_cpu0, &r);
	testbed_thread(testbed_vcpu(r.da, 1), rebind_cpu1, &r);
	testbed_thread(testbed_vcpu(r.db, 0), rebind_sender, &r);
	testbed_join(testbed_vcpu(r.da, 1));
	testbed_join(testbed_vcpu(r.da, 0));
	testbed_join(testbed_vcpu(r.db, 0));
	assert_int_equal(r.failed, 0);
	assert_true(atomic_load(&r.handled) >= REBINDS);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- disable waits
 * ---------------------------------------------------------------------------------------------- */

#define TOGGLES 1000

struct toggle {
	struct testbed_domain *d;
	unsigned irq;
	unsigned guarded; /* plain: the handler's, or whoever disabled the IRQ */
	bool inside;	  /* plain as well */
	atomic_bool stop;
	unsigned runs;
	unsigned unbalanced;
};

static enum guest_irqreturn toggle_handler(struct guest *g, unsigned irq, void *dev)
{
	struct toggle *t = dev;

	(void)g;
	(void)irq;
	t->inside = true;
	t->guarded++;
	t->runs++;
	sched_yield();
	t->inside = false;
	return GUEST_IRQ_HANDLED;
}

static void toggle_cpu0(struct testbed_vcpu *v, void *arg)
{
	struct toggle *t = arg;
	struct guest *g = testbed_guest(t->d);

	guest_local_irq_enable(g);
	while (!atomic_load(&t->stop)) {
		guest_notify_irq(g, t->irq);
		testbed_point(v);
	}
	guest_notify_irq(g, t->irq);
}

static void toggle_cpu1(struct testbed_vcpu *v, void *arg)
{
	struct toggle *t = arg;
	struct guest *g = testbed_guest(t->d);

	(void)v;
	guest_local_irq_enable(g);
	for (unsigned i = 0; i < TOGGLES; i++) {
		if (guest_disable_irq(g, t->irq))
			t->unbalanced++;
		t->guarded = 0;
		if (t->inside)
			t->unbalanced++;
		if (guest_enable_irq(g, t->irq))
			t->unbalanced++;
	}
	atomic_store(&t->stop, true);
}

static void disable_excludes_the_handler(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct toggle t = { .d = load_guest(tb, 1, 2, abi_of(state)) };

	t.irq = (unsigned)guest_bind_ipi_to_irqhandler(testbed_guest(t.d), 0, 0, toggle_handler, 0,
						       "t", &t);
	testbed_thread(testbed_vcpu(t.d, 0), toggle_cpu0, &t);
	testbed_thread(testbed_vcpu(t.d, 1), toggle_cpu1, &t);
	testbed_join(testbed_vcpu(t.d, 1));
	testbed_join(testbed_vcpu(t.d, 0));
	assert_int_equal(t.unbalanced, 0);
	assert_true(t.runs > 0);
	assert_true(t.guarded > 0); /* the last event came after the last enable */
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- timers on the real clock
 * ------------------------------------------------------------------------------------ */

struct alarm {
	struct testbed_domain *d;
	unsigned rang[2];
	unsigned early;
};

static enum guest_irqreturn alarm_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	++*(unsigned *)dev;
	return GUEST_IRQ_HANDLED;
}

static void alarm_main(struct testbed_vcpu *v, void *arg)
{
	struct alarm *a = arg;
	struct guest *g = testbed_guest(a->d);
	unsigned *rang = &a->rang[testbed_vcpu_id(v)];

	for (unsigned i = 1; i <= 20; i++) {
		uint64_t at = testbed_now(testbed_domain_machine(a->d)) + TESTBED_MS;

		guest_set_timer(g, at);
		halt_until(g, rang, i);
		if (testbed_now(testbed_domain_machine(a->d)) < at)
			__atomic_fetch_add(&a->early, 1, __ATOMIC_SEQ_CST);
	}
}

static void timers_wake_halted_cpus(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct alarm a = { .d = load_guest(tb, 1, 2, abi_of(state)) };

	for (unsigned i = 0; i < 2; i++)
		assert_true(guest_bind_virq_to_irqhandler(testbed_guest(a.d), VIRQ_TIMER, i,
							  alarm_handler, 0, "t", &a.rang[i]) > 0);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(a.d, i), alarm_main, &a);
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(a.d, i));
	assert_int_equal(a.rang[0], 20);
	assert_int_equal(a.rang[1], 20);
	assert_int_equal(a.early, 0);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- a level line raised from outside while the guest eois
 * -------------------------------------------------------- */

#define RAISES 3000u

struct line {
	struct testbed_domain *d;
	_Atomic unsigned produced, consumed;
	_Atomic unsigned runs;
};

static void chip_nothing(void *data, unsigned line)
{
	(void)data;
	(void)line;
}

static bool chip_asserted(void *data, unsigned line)
{
	struct line *l = data;

	(void)line;
	return atomic_load(&l->produced) != atomic_load(&l->consumed);
}

static const struct hv_irq_chip line_chip = { .name = "test",
					      .startup = chip_nothing,
					      .shutdown = chip_nothing,
					      .ack = chip_nothing,
					      .mask = chip_nothing,
					      .unmask = chip_nothing,
					      .asserted = chip_asserted };

static enum guest_irqreturn line_handler(struct guest *g, unsigned irq, void *dev)
{
	struct line *l = dev;

	(void)g;
	(void)irq;
	atomic_fetch_add(&l->runs, 1);
	atomic_store(&l->consumed, atomic_load(&l->produced));
	return GUEST_IRQ_HANDLED;
}

static void line_main(struct testbed_vcpu *v, void *arg)
{
	struct line *l = arg;
	struct guest *g = testbed_guest(l->d);

	(void)v;
	guest_local_irq_disable(g);
	while (atomic_load(&l->consumed) != RAISES) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
}

static void level_line_from_outside(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct line l = { .d = load_guest(tb, 1, 1, abi_of(state)) };

	assert_int_equal(hv_irq_register(testbed_hv(tb), 3, HV_IRQ_LEVEL, &line_chip, &l), 0);
	assert_int_equal(hv_domain_map_pirq(testbed_hv_domain(l.d), 3, 3, false), 0);
	assert_true(guest_bind_pirq_to_irqhandler(testbed_guest(l.d), 3, line_handler, 0, "l", &l) >
		    0);
	testbed_thread(testbed_vcpu(l.d, 0), line_main, &l);
	for (unsigned i = 0; i < RAISES; i++) {
		atomic_fetch_add(&l.produced, 1);
		hv_irq_raise(testbed_hv(tb), 3);
		if (i % 64 == 0)
			sched_yield();
	}
	testbed_join(testbed_vcpu(l.d, 0)); /* hangs if one was lost */
	assert_in_range(atomic_load(&l.runs), 1, RAISES);
	assert_int_equal(testbed_destroy(tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(ping_pong),
		both(storm),
		both(rebinding_under_load),
		both(disable_excludes_the_handler),
		both(timers_wake_halted_cpus),
		both(level_line_from_outside),
	};

	return cmocka_run_group_tests_name("threads: guests", tests, NULL, NULL);
}
