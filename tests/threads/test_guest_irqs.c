/* SPDX-License-Identifier: MIT */
/*
 * Threads: the guest half's IRQs that move, are waited for, raised, delayed and closed while they
 * run. In each test domain 1 has two CPUs or more, and a lost event makes it hang or the numbers
 * differ. With each of the ABIs.
 */
#include "load.h"

static enum guest_abi abi_of(void **state)
{
	return *(enum guest_abi *)*state;
}

/* An IRQ of domain 1, and what its handler sees. Plain fields are the handler's, one at a time. */
struct line {
	struct testbed_domain *d;
	unsigned irq, tx; /* in domain 1; in whoever sends */
	_Atomic unsigned sent, seen, runs;
	unsigned inside, overlaps;
	atomic_bool stop;
	unsigned failed;
};

static enum guest_irqreturn line_handler(struct guest *g, unsigned irq, void *dev)
{
	struct line *l = dev;

	(void)g;
	(void)irq;
	if (l->inside++)
		l->overlaps++;
	atomic_store(&l->seen, atomic_load(&l->sent));
	atomic_fetch_add(&l->runs, 1);
	if (atomic_load(&l->runs) % 8 == 0)
		sched_yield();
	l->inside--;
	return GUEST_IRQ_HANDLED;
}

/* Take upcalls until the others have done. */
static void line_listener(struct testbed_vcpu *v, void *arg)
{
	struct line *l = arg;

	guest_local_irq_enable(testbed_guest(l->d));
	while (!atomic_load(&l->stop) || atomic_load(&l->seen) != atomic_load(&l->sent)) {
		testbed_point(v);
		sched_yield();
	}
}

/* ---- moving --------------------------------------------------------------------------------- */

#define MOVES	 400u
#define MOVESEND 2000u

struct moving {
	struct line line;
	struct testbed_domain *db;
	atomic_bool moved;
	bool patient; /* the sender waits for each event to be seen */
};

static void move_sender(struct testbed_vcpu *v, void *arg)
{
	struct moving *m = arg;
	struct guest *b = testbed_guest(m->db);

	for (unsigned i = 1; i <= MOVESEND || !atomic_load(&m->moved); i++) {
		atomic_store(&m->line.sent, i);
		guest_notify_irq(b, m->line.tx);
		do {
			testbed_point(v);
			if (m->patient)
				sched_yield();
		} while (m->patient && atomic_load(&m->line.seen) != i);
	}
	atomic_store(&m->line.stop, true);
}

/* On CPU 1, which takes its share of the events. */
static void mover(struct testbed_vcpu *v, void *arg)
{
	struct moving *m = arg;
	struct guest *a = testbed_guest(m->line.d);

	guest_local_irq_enable(a);
	for (unsigned i = 0; i < MOVES; i++) {
		struct guest_cpumask mask = { { 1u << i % 2 } };

		if (guest_irq_set_affinity(a, m->line.irq, &mask))
			m->line.failed++;
		testbed_point(v);
		if (i % 16 == 0)
			sched_yield();
	}
	atomic_store(&m->moved, true);
	line_listener(v, arg);
}

static void moving_under_load(void **state, enum guest_irq_flow flow, bool patient)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct moving m = { .line.d = load_guest(tb, 1, 2, abi_of(state)),
			    .db = load_guest(tb, 2, 1, abi_of(state)),
			    .patient = patient };
	struct guest *a = testbed_guest(m.line.d), *b = testbed_guest(m.db);
	int port = guest_alloc_unbound(b, 1), irq, tx;

	tx = guest_bind_evtchn_to_irq(b, (evtchn_port_t)port);
	irq = guest_bind_interdomain_to_irq(a, 2, (evtchn_port_t)port);
	assert_true(port > 0 && irq > 0 && tx > 0);
	m.line.tx = (unsigned)tx;
	m.line.irq = (unsigned)irq;
	guest_clear_irq_pending(a, m.line.irq); /* from binding */
	assert_int_equal(guest_set_irq_flow(a, m.line.irq, flow), 0);
	assert_int_equal(guest_request_irq(a, m.line.irq, line_handler, 0, "line", &m.line), 0);
	testbed_thread(testbed_vcpu(m.line.d, 1), mover, &m);
	testbed_thread(testbed_vcpu(m.line.d, 0), line_listener, &m);
	testbed_thread(testbed_vcpu(m.db, 0), move_sender, &m);
	testbed_join(testbed_vcpu(m.db, 0));
	testbed_join(testbed_vcpu(m.line.d, 0));
	testbed_join(testbed_vcpu(m.line.d, 1));
	assert_int_equal(atomic_load(&m.line.seen), atomic_load(&m.line.sent));
	assert_int_equal(m.line.overlaps, 0);

	assert_int_equal(m.line.failed, 0);
	/* not one event was handled twice */
	assert_in_range(atomic_load(&m.line.runs), patient ? m.line.sent : 1, m.line.sent);
	assert_int_equal(guest_irq_count(a, m.line.irq), atomic_load(&m.line.runs));
	assert_int_equal(testbed_destroy(tb), 0);
}

static void moving_level(void **state)
{
	moving_under_load(state, GUEST_FLOW_LEVEL, false);
	moving_under_load(state, GUEST_FLOW_LEVEL, true);
}

static void moving_edge(void **state)
{
	moving_under_load(state, GUEST_FLOW_EDGE, false);
	moving_under_load(state, GUEST_FLOW_EDGE, true);
}

static void moving_fasteoi(void **state)
{
	moving_under_load(state, GUEST_FLOW_FASTEOI, false);
	moving_under_load(state, GUEST_FLOW_FASTEOI, true);
}

/* ---- synchronize ---------------------------------------------------------------------------- */

#define SWAPS 500u

struct sync {
	struct line line;
	_Atomic(unsigned *) thing;
	_Atomic unsigned sum;
};

/* Uses the thing for a while; freed under it, the sanitizers say so. */
static enum guest_irqreturn sync_handler(struct guest *g, unsigned irq, void *dev)
{
	struct sync *s = dev;
	unsigned *thing = atomic_load(&s->thing);

	(void)g;
	(void)irq;
	for (unsigned i = 0; i < 4; i++) {
		atomic_fetch_add(&s->sum, *thing);
		sched_yield();
	}
	return GUEST_IRQ_HANDLED;
}

static void sync_cpu0(struct testbed_vcpu *v, void *arg)
{
	struct sync *s = arg;
	struct guest *g = testbed_guest(s->line.d);

	guest_local_irq_enable(g);
	while (!atomic_load(&s->line.stop)) {
		guest_notify_irq(g, s->line.irq);
		testbed_point(v);
		sched_yield();
	}
}

static void sync_cpu1(struct testbed_vcpu *v, void *arg)
{
	struct sync *s = arg;
	struct guest *g = testbed_guest(s->line.d);

	(void)v;
	for (unsigned i = 0; i < SWAPS; i++) {
		unsigned *fresh = malloc(sizeof(*fresh)), *old;

		*fresh = 1;
		old = atomic_exchange(&s->thing, fresh);
		if (guest_synchronize_irq(g, s->line.irq))
			s->line.failed++;
		*old = 0;
		free(old);
		sched_yield();
	}
	atomic_store(&s->line.stop, true);
}

static void synchronize_waits(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct sync s = { .line.d = load_guest(tb, 1, 2, abi_of(state)) };
	struct guest *g = testbed_guest(s.line.d);

	s.thing = malloc(sizeof(*s.thing));
	*s.thing = 1;
	s.line.irq = (unsigned)guest_bind_ipi_to_irqhandler(g, 0, 0, sync_handler, 0, "sync", &s);
	testbed_thread(testbed_vcpu(s.line.d, 0), sync_cpu0, &s);
	testbed_thread(testbed_vcpu(s.line.d, 1), sync_cpu1, &s);
	testbed_join(testbed_vcpu(s.line.d, 1));
	testbed_join(testbed_vcpu(s.line.d, 0));
	assert_int_equal(s.line.failed, 0);
	assert_int_equal(guest_synchronize_irq(g, 60), -XEN_EINVAL);
	/* every use saw a thing that was alive */
	assert_int_equal(atomic_load(&s.sum), 4 * guest_irq_count(g, s.line.irq));
	free(s.thing);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- the handler is replaced while its events arrive ----------------------------------------- */

#define REPLACED 2000u

struct replace {
	struct line line;
	struct testbed_domain *db;
};

static void replace_sender(struct testbed_vcpu *v, void *arg)
{
	struct replace *r = arg;

	while (!atomic_load(&r->line.stop)) {
		guest_notify_irq(testbed_guest(r->db), r->line.tx);
		testbed_point(v);
		sched_yield();
	}
}

/* CPU 1: frees the handler when it has been called. */
static void replace_cpu1(struct testbed_vcpu *v, void *arg)
{
	struct replace *r = arg;
	struct guest *g = testbed_guest(r->line.d);
	unsigned runs = 0;

	(void)v;
	for (unsigned i = 0; i < REPLACED; i++) {
		while (atomic_load(&r->line.runs) == runs)
			sched_yield();
		while (guest_free_irq(g, r->line.irq, &r->line))
			sched_yield();
		/* none is called any more, unless the next one is there already */
		runs = atomic_load(&r->line.runs);
	}
	atomic_store(&r->line.stop, true);
}

/* CPU 2: puts the next one in its place, as soon as it can; an event may have been taken between.
 */
static void replace_cpu2(struct testbed_vcpu *v, void *arg)
{
	struct replace *r = arg;
	struct guest *g = testbed_guest(r->line.d);

	(void)v;
	while (!atomic_load(&r->line.stop)) {
		int rc = guest_request_irq(g, r->line.irq, line_handler, 0, "line", &r->line);

		if (rc && rc != -XEN_EBUSY)
			r->line.failed++;
		sched_yield();
	}
}

/* Between an event's being taken and its handler's being called. */
static void replace_dawdle(void *arg, unsigned irq, uint64_t cycles)
{
	(void)arg;
	(void)irq;
	if (cycles % 2)
		sched_yield();
}

static void replaced_under_load(void **state)
{
	static const struct guest_irq_hooks hooks = { .entropy = replace_dawdle };
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct replace r = { .line.d = load_guest(tb, 1, 3, abi_of(state)),
			     .db = load_guest(tb, 2, 1, abi_of(state)) };
	struct guest *a = testbed_guest(r.line.d), *b = testbed_guest(r.db);
	int port = guest_alloc_unbound(b, 1), irq, tx;

	tx = guest_bind_evtchn_to_irq(b, (evtchn_port_t)port);
	irq = guest_bind_interdomain_to_irq(a, 2, (evtchn_port_t)port);
	assert_true(port > 0 && irq > 0 && tx > 0);
	r.line.tx = (unsigned)tx;
	r.line.irq = (unsigned)irq;
	guest_set_irq_hooks(a, &hooks);
	assert_int_equal(guest_set_irq_flow(a, r.line.irq, GUEST_FLOW_EDGE), 0);
	assert_int_equal(guest_request_irq(a, r.line.irq, line_handler, 0, "line", &r.line), 0);
	testbed_thread(testbed_vcpu(r.line.d, 0), line_listener, &r);
	testbed_thread(testbed_vcpu(r.line.d, 1), replace_cpu1, &r);
	testbed_thread(testbed_vcpu(r.line.d, 2), replace_cpu2, &r);
	testbed_thread(testbed_vcpu(r.db, 0), replace_sender, &r);
	testbed_join(testbed_vcpu(r.line.d, 1)); /* hangs if an event was lost */
	testbed_join(testbed_vcpu(r.line.d, 2));
	testbed_join(testbed_vcpu(r.db, 0));
	testbed_join(testbed_vcpu(r.line.d, 0));
	assert_int_equal(r.line.failed, 0);
	assert_int_equal(r.line.overlaps, 0);
	assert_true(atomic_load(&r.line.runs) >= REPLACED);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- raised by both CPUs -------------------------------------------------------------------- */

#define RAISES 3000u

static void raiser(struct testbed_vcpu *v, void *arg)
{
	struct line *l = arg;
	struct guest *g = testbed_guest(l->d);

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < RAISES; i++) {
		atomic_fetch_add(&l->sent, 1);
		if (guest_raise_irq(g, l->irq))
			l->failed++;
		if (testbed_vcpu_id(v) && i % 64 == 0) {
			guest_disable_irq(g, l->irq);
			l->inside = 0; /* nobody else is in there */
			guest_enable_irq(g, l->irq);
		}
	}
}

static void raised_on_two_cpus(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct line l = { .d = load_guest(tb, 1, 2, abi_of(state)) };
	struct guest *g = testbed_guest(l.d);
	int irq = guest_alloc_irq(g);

	assert_true(irq > 0);
	l.irq = (unsigned)irq;
	assert_int_equal(guest_set_irq_flow(g, l.irq, GUEST_FLOW_SIMPLE), 0);
	assert_int_equal(guest_request_irq(g, l.irq, line_handler, 0, "soft", &l), 0);
	for (unsigned i = 0; i < 2; i++)
		testbed_thread(testbed_vcpu(l.d, i), raiser, &l);
	for (unsigned i = 0; i < 2; i++)
		testbed_join(testbed_vcpu(l.d, i));
	assert_int_equal(l.failed, 0);
	assert_int_equal(l.overlaps, 0);
	assert_int_equal(atomic_load(&l.seen), 2 * RAISES);
	assert_in_range(atomic_load(&l.runs), 1, 2 * RAISES);
	assert_int_equal(guest_free_irq(g, l.irq, &l), 0);
	assert_int_equal(guest_dealloc_irq(g, l.irq), 0);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- late eoi by another CPU, while handlers come and go ------------------------------------ */

#define LATES 600u

struct late {
	struct line line;
	struct testbed_domain *db;
	_Atomic unsigned owed; /* events that the handler has left to the thread */
	_Atomic unsigned eois;
};

static enum guest_irqreturn late_handler(struct guest *g, unsigned irq, void *dev)
{
	struct late *l = dev;

	(void)g;
	(void)irq;
	if (l->line.inside++)
		l->line.overlaps++;
	atomic_store(&l->line.seen, atomic_load(&l->line.sent));
	atomic_fetch_add(&l->owed, 1);
	l->line.inside--;
	return GUEST_IRQ_HANDLED;
}

static void late_sender(struct testbed_vcpu *v, void *arg)
{
	struct late *l = arg;

	for (unsigned i = 1; !atomic_load(&l->line.stop); i++) {
		atomic_store(&l->line.sent, i);
		guest_notify_irq(testbed_guest(l->db), l->line.tx);
		testbed_point(v);
		sched_yield();
	}
}

/* CPU 1: says eoi, two of three spurious (so 1 ms of delay each round); moves and replaces. */
static void late_worker(struct testbed_vcpu *v, void *arg)
{
	struct late *l = arg;
	struct guest *g = testbed_guest(l->line.d);

	guest_local_irq_enable(g);
	while (atomic_load(&l->eois) < LATES) {
		unsigned n = atomic_load(&l->eois);
		struct guest_cpumask mask = { { 1u << n / 8 % 2 } };

		if (atomic_exchange(&l->owed, 0)) {
			if (guest_irq_lateeoi(g, l->line.irq, n % 3 ? GUEST_EOI_SPURIOUS : 0))
				l->line.failed++;
			atomic_store(&l->eois, n + 1);
		}
		if (n % 32 == 7) {
			guest_free_irq(g, l->line.irq, l); /* whatever was owed is over */
			atomic_store(&l->owed, 0);
			if (guest_request_irq(g, l->line.irq, late_handler, 0, "late", l))
				l->line.failed++;
			atomic_store(&l->eois, n + 1);
		}
		if (n % 8 == 3)
			guest_irq_set_affinity(g, l->line.irq, &mask);
		testbed_point(v);
		sched_yield();
	}
	atomic_store(&l->line.stop, true);
}

static void late_eoi_from_a_thread(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct late l = { .line.d = load_guest(tb, 1, 2, abi_of(state)),
			  .db = load_guest(tb, 2, 1, abi_of(state)) };
	struct guest *a = testbed_guest(l.line.d), *b = testbed_guest(l.db);
	int port = guest_alloc_unbound(b, 1), irq, tx;
	struct guest_irq_stats stats;

	tx = guest_bind_evtchn_to_irq(b, (evtchn_port_t)port);
	irq = guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(a, 2, (evtchn_port_t)port,
								  late_handler, 0, "late", &l);
	assert_true(port > 0 && irq > 0 && tx > 0);
	l.line.tx = (unsigned)tx;
	l.line.irq = (unsigned)irq;
	testbed_thread(testbed_vcpu(l.line.d, 0), line_listener, &l);
	testbed_thread(testbed_vcpu(l.line.d, 1), late_worker, &l);
	testbed_thread(testbed_vcpu(l.db, 0), late_sender, &l);
	testbed_join(testbed_vcpu(l.line.d, 1)); /* hangs if a port stays masked */
	testbed_join(testbed_vcpu(l.db, 0));
	/* the listener waits for the last event, which may be behind an eoi that nobody says */
	atomic_store(&l.line.seen, atomic_load(&l.line.sent));
	testbed_join(testbed_vcpu(l.line.d, 0));
	assert_int_equal(l.line.failed, 0);
	assert_int_equal(l.line.overlaps, 0);
	assert_int_equal(guest_irq_get_stats(a, l.line.irq, &stats), 0);
	assert_in_range(stats.late_delayed, LATES / 8, LATES);
	assert_int_equal(stats.late_delay, stats.late_delayed * TESTBED_MS);
	assert_int_equal(testbed_destroy(tb), 0);
}

/* ---- a fixed number: closed in its handler, bound again elsewhere --------------------------- */

#define ROUNDS 400u

struct fixed {
	struct testbed_domain *d;
	struct testbed_line *line;
	_Atomic unsigned handled;
	atomic_bool stop;
	unsigned failed;
};

static enum guest_irqreturn fixed_handler(struct guest *g, unsigned irq, void *dev)
{
	struct fixed *f = dev;

	if (guest_free_irq(g, irq, f))
		f->failed++;
	atomic_fetch_add(&f->handled, 1);
	/* closed, and still running: the other CPU is at it already, and has to wait */
	for (unsigned i = 0; i < 10; i++) {
		sched_yield();
		if (guest_irq_port(g, irq))
			f->failed++;
	}
	return GUEST_IRQ_HANDLED;
}

static void fixed_cpu0(struct testbed_vcpu *v, void *arg)
{
	struct fixed *f = arg;

	guest_local_irq_enable(testbed_guest(f->d));
	while (!atomic_load(&f->stop)) {
		testbed_point(v);
		sched_yield();
	}
}

static void fixed_cpu1(struct testbed_vcpu *v, void *arg)
{
	struct fixed *f = arg;
	struct guest *g = testbed_guest(f->d);

	(void)v;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (guest_request_irq(g, 5, fixed_handler, 0, "fixed", f))
			f->failed++;
		testbed_line_set(f->line, true);
		while (atomic_load(&f->handled) == i)
			sched_yield();
	}
	atomic_store(&f->stop, true);
}

static void fixed_number_under_load(void **state)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct fixed f = { .line = testbed_line(tb, 5, HV_IRQ_EDGE) };

	f.d = testbed_domain_create(tb,
				    &(struct testbed_domain_config){ .id = 1,
								     .vcpus = 2,
								     .nr_pirqs = 8,
								     .nr_legacy_pirqs = 8,
								     .abi = abi_of(state),
								     .guest = true },
				    NULL);
	assert_non_null(f.d);
	assert_int_equal(hv_domain_map_pirq(testbed_hv_domain(f.d), 5, 5, false), 0);
	testbed_thread(testbed_vcpu(f.d, 0), fixed_cpu0, &f);
	testbed_thread(testbed_vcpu(f.d, 1), fixed_cpu1, &f);
	testbed_join(testbed_vcpu(f.d, 1)); /* hangs if an event was lost */
	testbed_join(testbed_vcpu(f.d, 0));
	assert_int_equal(f.failed, 0);
	assert_int_equal(atomic_load(&f.handled), ROUNDS);
	assert_int_equal(testbed_destroy(tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(moving_level),	      both(moving_edge),
		both(moving_fasteoi),	      both(synchronize_waits),
		both(replaced_under_load),    both(raised_on_two_cpus),
		both(late_eoi_from_a_thread), both(fixed_number_under_load),
	};

	return cmocka_run_group_tests_name("threads: guest irqs", tests, NULL, NULL);
}
