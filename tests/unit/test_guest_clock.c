/* SPDX-License-Identifier: MIT */
/*
 * The guest half: clock, wall clock, timer, halt; and reading a time page that changes under the
 * reader, on a hypervisor of the test's own that is nothing but that page.
 */
#include <stdlib.h>

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "guests.h"

#define MS TESTBED_MS

static void clock_is_system_time(void **state)
{
	struct guests *m = *state;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(guest_clock(m->a), testbed_now(m->tb));
		testbed_advance(m->tb, 12345678);
	}
}

static void clock_follows_the_relation(void **state)
{
	struct guests *m = *state;
	uint64_t before, after;

	testbed_advance(m->tb, 1000 * MS);
	before = guest_clock(m->a);
	/* the counter is found to run 1 ms less far: time goes on, not back */
	hv_set_clock(testbed_hv(m->tb), testbed_cycles(m->tb), testbed_now(m->tb) - MS, 0x80000000u,
		     0);
	assert_rc(op_set_timer(m->va, testbed_now(m->tb) + 1), 0);
	testbed_advance(m->tb, 1);
	after = guest_clock(m->a);
	assert_true(after >= before);
	testbed_advance(m->tb, 10 * MS);
	assert_in_range(guest_clock(m->a), before + 9 * MS, before + 10 * MS + 1);
}

static void wall_clock(void **state)
{
	struct guests *m = *state;
	uint64_t sec;
	uint32_t nsec;

	guest_wallclock(m->a, &sec, &nsec);
	assert_int_equal(sec, 1700000000);
	assert_int_equal(nsec, 5);
	testbed_advance(m->tb, 2999999999);
	guest_wallclock(m->a, &sec, &nsec);
	assert_int_equal(sec, 1700000003);
	assert_int_equal(nsec, 4);
	/* beyond 32 bits of seconds */
	hv_set_wallclock(testbed_hv(m->tb), 0x123456789, 0);
	guest_wallclock(m->a, &sec, &nsec);
	assert_int_equal(sec, 0x123456789 + 2);
}

static void note_time(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	*(uint64_t *)r->arg = guest_clock(g);
}

static void timer(void **state)
{
	struct guests *m = *state;
	uint64_t at = 0;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = note_time, .arg = &at };
	int irq = guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, GUEST_IRQF_PERCPU,
						"timer", &r);

	assert_true(irq > 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_set_timer(m->a, 25 * MS), 0);
	testbed_advance(m->tb, 24 * MS);
	assert_int_equal(r.runs, 0);
	testbed_advance(m->tb, 500 * MS);
	assert_int_equal(r.runs, 1);
	assert_int_equal(at, 25 * MS);
	/* the past: at once; off */
	assert_rc(guest_set_timer(m->a, 5), 0);
	testbed_advance(m->tb, 0);
	assert_int_equal(r.runs, 2);
	assert_rc(guest_set_timer(m->a, testbed_now(m->tb) + MS), 0);
	assert_rc(guest_set_timer(m->a, 0), 0);
	testbed_advance(m->tb, 10 * MS);
	assert_int_equal(r.runs, 2);
}

static void from_cpu_to_cpu(void **state)
{
	struct guests *m = *state;
	uint64_t there, here;

	assert_rc(testbed_vcpu_boot(m->va1), 0);
	testbed_set_skew(m->va1, 5000);
	testbed_advance(m->tb, 100);
	testbed_on(m->va1);
	there = guest_clock(m->a);
	assert_int_equal(there, 100 + 2500);
	testbed_on(m->va);
	here = guest_clock(m->a);
	assert_int_equal(here, there); /* it stands still, and does not go back */
	testbed_advance(m->tb, 2600);
	assert_int_equal(guest_clock(m->a), 2700);
	/* The promise comes later than what was read without it. */
	testbed_on(m->va1);
	there = guest_clock(m->a);
	hv_set_clock_stable(testbed_hv(m->tb), true);
	testbed_on(m->va);
	assert_int_equal(guest_clock(m->a), there);
	/* And is believed: the line of all CPUs is not written any more. */
	testbed_on(m->va1);
	testbed_advance(m->tb, 10000);
	there = guest_clock(m->a);
	testbed_on(m->va);
	assert_true(guest_clock(m->a) < there);
}

static void deadline_in_the_future(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;

	assert_true(guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &r) > 0);
	guest_local_irq_enable(m->a);
	testbed_advance(m->tb, 10 * MS);
	assert_rc(guest_set_timer_future(m->a, 12 * MS), 0);
	testbed_advance(m->tb, 5 * MS);
	assert_int_equal(r.runs, 1);
	/* Refused, and neither it nor the one before it comes. */
	assert_rc(guest_set_timer_future(m->a, 30 * MS), 0);
	assert_rc(guest_set_timer_future(m->a, 12 * MS), -XEN_ETIME);
	testbed_advance(m->tb, 100 * MS);
	assert_int_equal(r.runs, 1);
	/* A tick that shares the timer stays. */
	assert_rc(guest_set_periodic_timer(m->a, 120 * MS, MS), 0);
	assert_rc(guest_set_timer_future(m->a, 100 * MS), -XEN_ETIME);
	testbed_advance(m->tb, 5 * MS);
	assert_int_equal(r.runs, 2);
}

struct ticks {
	struct guest_timer_event sum;
	uint64_t last; /* when the last run was */
	unsigned oneshots;
};

static void take_ticks(struct guest *g, unsigned irq, struct record *r)
{
	struct guest_timer_event e;
	struct ticks *t = r->arg;

	(void)irq;
	assert_rc(guest_timer_take(g, &e), 0);
	t->sum.ticks += e.ticks;
	t->oneshots += e.oneshot;
	t->last = guest_clock(g);
}

static void periodic_ticks(void **state)
{
	struct guests *m = *state;
	struct ticks t = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = take_ticks, .arg = &t };

	assert_true(guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &r) > 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_set_periodic_timer(m->a, 0, MS), -XEN_EINVAL);
	assert_rc(guest_set_periodic_timer(m->a, 5, GUEST_MIN_PERIOD - 1), -XEN_EINVAL);
	/* a period below Xen's own least, and a phase */
	assert_rc(guest_set_periodic_timer(m->a, MS + 7, 300000), 0);
	testbed_advance(m->tb, MS + 7 + 99 * 300000);
	assert_int_equal(t.sum.ticks, 100);
	assert_int_equal(t.last, MS + 7 + 99 * 300000);
	assert_int_equal(r.runs, 100);
	/* Events disabled for 10 ticks and a half: they are counted, the phase stays. */
	guest_local_irq_disable(m->a);
	testbed_advance(m->tb, 10 * 300000 + 150000);
	guest_local_irq_enable(m->a);
	assert_int_equal(t.sum.ticks, 110);
	assert_int_equal(r.runs, 101);
	testbed_advance(m->tb, 150000);
	assert_int_equal(t.sum.ticks, 111);
	assert_int_equal(t.last, MS + 7 + 110 * 300000);
	/* With a deadline beside it: each event says whose it is. */
	assert_rc(guest_set_timer(m->a, t.last + 100000), 0);
	testbed_advance(m->tb, 200000);
	assert_int_equal(t.oneshots, 1);
	assert_int_equal(t.sum.ticks, 111);
	testbed_advance(m->tb, 100000);
	assert_int_equal(t.sum.ticks, 112);
	assert_int_equal(t.oneshots, 1);
	assert_rc(guest_set_periodic_timer(m->a, 0, 0), 0);
	testbed_advance(m->tb, 10 * MS);
	assert_int_equal(t.sum.ticks, 112);
	assert_int_equal(r.runs, 104);
}

/*
 * The hypervisor's clock may be a little ahead of what the guest computes: its timer then comes
 * before the guest's deadline, and is over. It is armed again.
 */
static void comes_too_early(void **state)
{
	struct guests *m = *state;
	struct hv *hv = testbed_hv(m->tb);
	struct ticks t = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = take_ticks, .arg = &t };

	assert_true(guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &r) > 0);
	guest_local_irq_enable(m->a);
	hv_set_clock(hv, testbed_cycles(m->tb), testbed_now(m->tb), 0x7fff0000u, 0);
	assert_rc(guest_set_timer(m->a, 20 * MS), 0);
	assert_true(testbed_step(m->tb));
	assert_int_equal(testbed_now(m->tb), 20 * MS);
	assert_true(guest_clock(m->a) < 20 * MS);
	assert_int_equal(r.runs, 1);
	assert_int_equal(t.oneshots, 0);
	hv_set_clock(hv, testbed_cycles(m->tb), testbed_now(m->tb), 0x80000000u, 0);
	testbed_advance(m->tb, MS);
	assert_int_equal(r.runs, 2);
	assert_int_equal(t.oneshots, 1);
	testbed_advance(m->tb, 10 * MS);
	assert_int_equal(r.runs, 2);
}

/* The other CPU's tick is its own, and goes with it. */
static void tick_of_a_cpu_that_goes(void **state)
{
	struct guests *m = *state;
	struct ticks t = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = take_ticks, .arg = &t };

	assert_rc(testbed_vcpu_boot(m->va1), 0);
	assert_true(guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 1, record_run, 0, "t", &r) > 0);
	testbed_on(m->va1);
	guest_local_irq_enable(m->a);
	assert_rc(guest_set_periodic_timer(m->a, MS, MS), 0);
	testbed_on(m->va);
	testbed_advance(m->tb, 10 * MS);
	assert_int_equal(t.sum.ticks, 10);
	testbed_on(m->va1);
	guest_local_irq_disable(m->a);
	assert_rc(testbed_call(m->va1, __HYPERVISOR_vcpu_op, VCPUOP_down, 1), 0);
	testbed_on(m->va);
	assert_rc(guest_cpu_dead(m->a, 1), 0);
	testbed_advance(m->tb, 10 * MS);
	assert_rc(testbed_call(m->va, __HYPERVISOR_vcpu_op, VCPUOP_up, 1), 0);
	testbed_on(m->va1);
	assert_rc(guest_cpu_init(m->a), 0);
	guest_local_irq_enable(m->a);
	testbed_on(m->va);
	testbed_advance(m->tb, 10 * MS);
	assert_int_equal(t.sum.ticks, 10);
}

static void tick_after_resume(void **state)
{
	struct guests *m = *state;
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	struct ticks t = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = take_ticks, .arg = &t };

	assert_true(guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &r) > 0);
	guest_local_irq_enable(m->a);
	assert_rc(guest_set_periodic_timer(m->a, MS, MS), 0);
	testbed_advance(m->tb, 3 * MS);
	assert_int_equal(t.sum.ticks, 3);
	assert_rc(op_raw(m->va, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
	assert_rc(guest_resume(m->a), 0);
	guest_local_irq_enable(m->a);
	testbed_advance(m->tb, 5 * MS);
	assert_int_equal(t.sum.ticks, 3);
	assert_rc(guest_set_periodic_timer(m->a, 20 * MS, MS), 0);
	testbed_advance(m->tb, 14 * MS);
	assert_int_equal(t.sum.ticks, 6);
}

static void halt_until_the_timer(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int irq = guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "timer", &r);

	assert_true(irq > 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_rc(guest_set_timer(m->a, i * 30 * MS), 0);
		guest_local_irq_disable(m->a);
		guest_halt(m->a);
		assert_int_equal(r.runs, i);
		assert_int_equal(testbed_now(m->tb), i * 30 * MS);
		assert_false(guest_irqs_disabled(m->a));
	}
	/* one that came before is not missed: no time passes */
	guest_local_irq_disable(m->a);
	assert_rc(guest_set_timer(m->a, 1), 0);
	testbed_advance(m->tb, 0);
	assert_int_equal(r.runs, 5);
	guest_halt(m->a);
	assert_int_equal(r.runs, 6);
	assert_int_equal(testbed_now(m->tb), 150 * MS);
}

static void tick(void **state)
{
	struct guests *m = *state;
	struct testbed_domain *d = testbed_domain_create(
		m->tb,
		&(struct testbed_domain_config){ .id = 3, .guest = true, .periodic_tick = true },
		NULL);
	struct guest *g = testbed_guest(d);
	struct record r = RECORD;

	assert_true(guest_bind_virq_to_irqhandler(g, VIRQ_TIMER, 0, record_run, 0, "t", &r) > 0);
	guest_local_irq_enable(g);
	testbed_advance(m->tb, 1000 * MS);
	assert_in_range(r.runs, 99, 101);
	assert_rc(guest_stop_periodic_tick(g, 0), 0);
	r.runs = 0;
	testbed_advance(m->tb, 1000 * MS);
	assert_int_equal(r.runs, 0);
	assert_true(guest_stop_periodic_tick(g, 1) < 0);
}

/* A hypervisor that is a page: it rewrites the page while the guest reads it, as often as `tears`
 * says. */
struct page {
	struct shared_info *shared;
	unsigned tears;
	unsigned reads;
	bool odd; /* leave it in the middle of the writing until the guest waits */
};

static void rewrite(struct page *p)
{
	struct vcpu_time_info *t = &p->shared->vcpu_info[0].time;

	t->version++;
	t->system_time += 1000000;
	t->tsc_timestamp += 1000;
	t->version++;
}

static uint64_t page_cycles(void *ctx)
{
	struct page *p = ctx;

	p->reads++;
	if (p->tears) {
		p->tears--;
		rewrite(p);
	}
	return 5000;
}

static void page_relax(void *ctx)
{
	struct page *p = ctx;

	if (p->odd) {
		p->odd = false;
		p->shared->vcpu_info[0].time.version++;
	}
}

static long page_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	(void)ctx, (void)nr, (void)a0, (void)a1, (void)a2, (void)a3, (void)a4;
	return -XEN_ENOSYS;
}

static unsigned page_cpu(void *ctx)
{
	(void)ctx;
	return 0;
}

static void *page_alloc(void *ctx, size_t size)
{
	void *p = aligned_alloc(size % 4096 ? 64 : 4096, (size + 63) / 64 * 64);

	(void)ctx;
	return memset(p, 0, size);
}

static void page_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

static uint64_t page_frame(void *ctx, const void *p)
{
	(void)ctx;
	return (uintptr_t)p / 4096;
}

static const struct guest_port_ops page_ops = { .hypercall = page_hypercall,
						.this_cpu = page_cpu,
						.alloc = page_alloc,
						.free = page_free,
						.cycles = page_cycles,
						.frame_of = page_frame,
						.relax = page_relax };

static void torn_reads(void **state)
{
	struct page p = { .shared = aligned_alloc(4096, 4096) };
	struct vcpu_time_info *t;
	struct guest_config cfg = { .shared_info = p.shared, .nr_cpus = 1 };
	struct guest *g;

	(void)state;
	memset(p.shared, 0, 4096);
	t = &p.shared->vcpu_info[0].time;
	*t = (struct vcpu_time_info){ .version = 2,
				      .tsc_timestamp = 1000,
				      .system_time = 70000000,
				      .tsc_to_system_mul = 0x80000000u,
				      .tsc_shift = 2 };
	assert_rc(guest_create(&g, &page_ops, &p, &cfg), 0);
	/* (5000 - 1000) << 2, half of it */
	assert_int_equal(guest_clock(g), 70000000 + 8000);
	assert_int_equal(p.reads, 1);
	p.tears = 3;
	assert_int_equal(guest_clock(g), 73000000 + (5000 - 4000) * 2);
	assert_int_equal(p.reads, 5);
	/* found in the middle of being written: waits */
	t->version++;
	t->system_time = 90000000;
	p.odd = true;
	assert_int_equal(guest_clock(g), 90000000 + (5000 - 4000) * 2);
	assert_false(p.odd);
	/* a negative shift, and a product beyond 64 bits */
	t->tsc_shift = -1;
	t->tsc_timestamp = 0;
	t->system_time = 100000000;
	assert_int_equal(guest_clock(g), 100000000 + 5000 / 2 / 2);
	guest_destroy(g);
	free(p.shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(clock_is_system_time),
		guests_test(clock_follows_the_relation),
		guests_test(wall_clock),
		guests_test(timer),
		guests_test(from_cpu_to_cpu),
		guests_test(deadline_in_the_future),
		guests_test(periodic_ticks),
		guests_test(comes_too_early),
		guests_test(tick_of_a_cpu_that_goes),
		guests_test(tick_after_resume),
		guests_test(halt_until_the_timer),
		guests_test(tick),
		cmocka_unit_test(torn_reads),
	};

	return cmocka_run_group_tests_name("guest_clock", tests, NULL, NULL);
}
