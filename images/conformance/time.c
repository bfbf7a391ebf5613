/* SPDX-License-Identifier: MIT */
/*
 * The clock, and VIRQ_TIMER: never before its time. How late it is, is a comment and no check: a
 * host may keep anybody waiting.
 */
#include "conformance.h"

#include <xen/vcpu.h>

/* ---- the clock ---------------------------------------------------------------------------- */

static void read_often(void *arg)
{
	uint64_t last = guest_clock(conf.g), back = 0;

	(void)arg;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = guest_clock(conf.g);

		back += now < last;
		last = now;
	}
	EXPECT_EQ(back, 0);
}

/* On each CPU, while the others read it too. */
static void never_goes_back(void)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, read_often, NULL);
	read_often(NULL);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
}

#define PASSES 4000u

/* What one CPU has read goes to another one, which must not read less; and back. */
static struct {
	uint64_t clock, back;
	uint32_t turn;
} baton;

static bool baton_is_here(unsigned side)
{
	uint64_t give_up = guest_clock(conf.g) + PATIENCE;

	for (unsigned n = 1; __atomic_load_n(&baton.turn, __ATOMIC_ACQUIRE) % 2 != side; n++) {
		if (n % 1024)
			continue;
		if (guest_clock(conf.g) > give_up)
			return EXPECT(!"the clock is handed over");
		nap();
	}
	return true;
}

static void relay(void *arg)
{
	for (unsigned i = 0; i < PASSES / (conf.nr_cpus - 1); i++) {
		if (!baton_is_here(arg ? 1 : 0))
			return;
		baton.back += guest_clock(conf.g) < baton.clock;
		baton.clock = guest_clock(conf.g);
		__atomic_fetch_add(&baton.turn, 1, __ATOMIC_RELEASE);
	}
}

static void never_goes_back_from_cpu_to_cpu(void)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		memset(&baton, 0, sizeof(baton));
		task_start(cpu, relay, &baton);
		relay(NULL);
		task_wait(cpu);
		EXPECT_EQ(baton.turn, PASSES / (conf.nr_cpus - 1) * 2);
		EXPECT_EQ(baton.back, 0);
	}
}

static void goes_on(void)
{
	uint64_t began = guest_clock(conf.g);

	nap_until(began + 3 * MS);
	EXPECT(guest_clock(conf.g) >= began + 3 * MS);
}

static void page_is_consistent(void)
{
	const volatile struct vcpu_time_info *t = &conf.pv->shared_info->vcpu_info[0].time;

	for (unsigned i = 0; i < 1000; i++) {
		uint32_t before = t->version;
		uint64_t at = t->system_time;

		EXPECT_EQ(before & 1, 0); /* Xen writes it while this vCPU does not run */
		EXPECT(at <= guest_clock(conf.g));
	}
}

static void wallclock_goes_on(void)
{
	uint64_t a, b;
	uint32_t na, nb;

	guest_wallclock(conf.g, &a, &na);
	nap_until(guest_clock(conf.g) + 2 * MS);
	guest_wallclock(conf.g, &b, &nb);
	EXPECT(na < 1000000000 && nb < 1000000000);
	EXPECT(a > 1000000000); /* it is later than 2001 */
	EXPECT(b > a || (b == a && nb > na));
	EXPECT((b - a) * 1000000000 + nb - na >= 2 * MS);
}

/* ---- one shot ----------------------------------------------------------------------------- */

static uint64_t most_late;

static bool fires_at(uint64_t deadline)
{
	volatile struct conf_cpu *c = &conf.cpu[0];
	uint64_t ticks = c->ticks;

	EXPECT_EQ(guest_set_timer(conf.g, deadline), 0);
	if (!WAIT_FOR(c->ticks != ticks))
		return false;
	EXPECT_EQ(c->ticks, ticks + 1);
	EXPECT(c->ticked >= deadline);
	if (c->ticked - deadline > most_late)
		most_late = c->ticked - deadline;
	return true;
}

static void never_early(void)
{
	static const uint64_t after[] = { 1,	  100,	  1000,	   10000,   50000,   100000,
					  250000, 500000, 1000000, 1500000, 3000000, 7000000 };

	most_late = 0;
	for (unsigned i = 0; i < 3 * sizeof(after) / sizeof(after[0]); i++)
		if (!fires_at(guest_clock(conf.g) + after[i % 12]))
			break;
	comment("VIRQ_TIMER was at most %lu us late", most_late / 1000);
}

static void past_is_now(void)
{
	most_late = 0;
	EXPECT(fires_at(1));
	EXPECT(fires_at(guest_clock(conf.g) - MS));
	EXPECT(fires_at(guest_clock(conf.g)));
}

static void off_is_off(void)
{
	uint64_t ticks = conf.cpu[0].ticks;

	EXPECT_EQ(guest_set_timer(conf.g, guest_clock(conf.g) + 10000 * MS), 0);
	EXPECT_EQ(guest_set_timer(conf.g, 0), 0);
	nap_until(guest_clock(conf.g) + 10 * MS);
	EXPECT_EQ(conf.cpu[0].ticks, ticks);
}

static void set_again_is_one(void)
{
	volatile struct conf_cpu *c = &conf.cpu[0];
	uint64_t ticks = c->ticks, now = guest_clock(conf.g), second = now + 20000 * MS + PATIENCE;

	/* Earlier than the first, later than the first: only the last one counts. */
	EXPECT_EQ(guest_set_timer(conf.g, second), 0);
	EXPECT(fires_at(guest_clock(conf.g) + MS));
	EXPECT_EQ(guest_set_timer(conf.g, second), 0);
	EXPECT_EQ(guest_set_timer(conf.g, second + MS), 0);
	nap_until(guest_clock(conf.g) + 3 * MS);
	EXPECT_EQ(c->ticks, ticks + 1);
	EXPECT_EQ(guest_set_timer(conf.g, 0), 0);
}

static void arrives_when_enabled(void)
{
	volatile struct conf_cpu *c = &conf.cpu[0];
	uint64_t ticks = c->ticks, deadline;

	guest_local_irq_disable(conf.g);
	deadline = guest_clock(conf.g) + MS;
	EXPECT_EQ(guest_set_timer(conf.g, deadline), 0);
	/* Not poll: what is pending would end it at once, or not. */
	while (guest_clock(conf.g) < deadline + 2 * MS)
		(void)pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	EXPECT_EQ(c->ticks, ticks);
	guest_local_irq_enable(conf.g);
	WAIT_FOR(c->ticks == ticks + 1);
}

static void set_on_other(void *arg)
{
	struct conf_cpu *c = &conf.cpu[guest_this_cpu(conf.g)];
	uint64_t ticks = c->ticks, deadline = guest_clock(conf.g) + 2 * MS;

	(void)arg;
	EXPECT_EQ(guest_set_timer(conf.g, deadline), 0);
	WAIT_FOR(c->ticks == ticks + 1);
	EXPECT(c->ticked >= deadline);
}

static void each_cpu_has_its_own(void)
{
	uint64_t ticks = conf.cpu[0].ticks;

	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, set_on_other, NULL);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
	EXPECT_EQ(conf.cpu[0].ticks, ticks);
}

/* ---- by vcpu_op --------------------------------------------------------------------------- */

static long vcpu_op(unsigned op, unsigned cpu, void *arg)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, op, cpu, pv_arg(arg), 0, 0);
}

static void single_shot(void)
{
	volatile struct conf_cpu *c = &conf.cpu[0];
	struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = guest_clock(conf.g) + MS };
	uint64_t ticks = c->ticks;

	EXPECT_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
	WAIT_FOR(c->ticks == ticks + 1);
	EXPECT(c->ticked >= op.timeout_abs_ns);
	op.timeout_abs_ns = guest_clock(conf.g) + 10000 * MS;
	EXPECT_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
	EXPECT_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	nap_until(guest_clock(conf.g) + 3 * MS);
	EXPECT_EQ(c->ticks, ticks + 1);
}

/* A time that is over is not refused, whatever the flag says. */
static void single_shot_in_the_past(void)
{
	static const uint32_t flags[] = { 0, VCPU_SSHOTTMR_future };

	for (unsigned i = 0; i < 2; i++) {
		struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1, .flags = flags[i] };
		uint64_t ticks = conf.cpu[0].ticks;

		EXPECT_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
		WAIT_FOR(conf.cpu[0].ticks == ticks + 1);
	}
}

static void single_shot_bad(void)
{
	struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(
			vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)place(p, &op, sizeof(op))),
			-XEN_EFAULT);
	if (conf.nr_cpus > 1) {
		EXPECT_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 1, &op), -XEN_EINVAL);
		EXPECT_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
	}
}

static void periodic(void)
{
	volatile struct conf_cpu *c = &conf.cpu[0];
	struct vcpu_set_periodic_timer op = { .period_ns = 2 * MS };
	uint64_t ticks = c->ticks, began = guest_clock(conf.g), n;

	EXPECT_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &op), 0);
	WAIT_FOR(c->ticks >= ticks + 10);
	EXPECT_EQ(guest_stop_periodic_tick(conf.g, 0), 0);
	/* Not more of them than periods have passed, and one that began earlier. */
	n = c->ticks - ticks;
	EXPECT(n <= (guest_clock(conf.g) - began) / (2 * MS) + 1);
	ticks = c->ticks;
	nap_until(guest_clock(conf.g) + 10 * MS);
	EXPECT(c->ticks <= ticks + 1); /* one may have been on its way */
}

static void periodic_bad(void)
{
	struct vcpu_set_periodic_timer op = { .period_ns = MS - 1 };

	EXPECT_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &op), -XEN_EINVAL);
	op.period_ns = 0;
	EXPECT_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &op), -XEN_EINVAL);
	EXPECT_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, NULL), -XEN_EFAULT);
	EXPECT_EQ(guest_stop_periodic_tick(conf.g, GUEST_MAX_CPUS), -XEN_EINVAL);
}

/* ---- the guest half's tick ---------------------------------------------------------------- */

#define TICKS 100u

/* Of each CPU; its handler's, while it ticks. */
static struct ticker {
	uint64_t first, period; /* 0: it does not tick */
	uint64_t most_late, missed;
	volatile uint64_t count, deadline, deadlines;
} tickers[MAX_CPUS];

static uint64_t due(const struct ticker *t, uint64_t now)
{
	return now < t->first ? 0 : (now - t->first) / t->period + 1;
}

/* All ticks are told that were due before it was asked, and none that is not due after that. */
static void take(void)
{
	struct ticker *t = &tickers[guest_this_cpu(conf.g)];
	uint64_t before = guest_clock(conf.g), after, late;
	struct guest_timer_event e;

	EXPECT_EQ(guest_timer_take(conf.g, &e), 0);
	after = guest_clock(conf.g);
	if (!t->period)
		return;
	late = after - (t->first + t->count * t->period);
	if (e.ticks && late > t->most_late)
		t->most_late = late;
	if (e.ticks > 1)
		t->missed += e.ticks - 1;
	t->count += e.ticks;
	EXPECT(t->count >= due(t, before));
	EXPECT(t->count <= due(t, after));
	if (!e.oneshot)
		return;
	EXPECT(t->deadline && t->deadline <= after);
	t->deadline = 0;
	t->deadlines++;
}

/* CPUs tick in other phases. */
static struct ticker *tick_begin(uint64_t period)
{
	unsigned cpu = guest_this_cpu(conf.g);
	struct ticker *t = &tickers[cpu];
	guest_flags_t flags = guest_local_irq_save(conf.g);
	struct guest_timer_event before;

	EXPECT_EQ(guest_timer_take(conf.g, &before), 0); /* what was over before is not ours */
	*t = (struct ticker){ .period = period };
	t->first = guest_clock(conf.g) + period + cpu * period / MAX_CPUS;
	EXPECT_EQ(guest_set_periodic_timer(conf.g, t->first, period), 0);
	guest_local_irq_restore(conf.g, flags);
	return t;
}

static void tick_end(struct ticker *t)
{
	guest_flags_t flags = guest_local_irq_save(conf.g);
	uint64_t count;

	t->period = 0;
	EXPECT_EQ(guest_set_periodic_timer(conf.g, 0, 0), 0);
	guest_local_irq_restore(conf.g, flags);
	count = conf.cpu[guest_this_cpu(conf.g)].ticks;
	nap_until(guest_clock(conf.g) + 5 * MS);
	/* One may have been on its way. */
	EXPECT(conf.cpu[guest_this_cpu(conf.g)].ticks <= count + 1);
}

static void tick(void *arg)
{
	struct ticker *t = tick_begin(MS);

	(void)arg;
	WAIT_FOR(t->count >= TICKS);
	tick_end(t);
}

static void no_tick_lost_or_early(void)
{
	uint64_t late = 0, missed = 0;

	conf.tick = take;
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, tick, NULL);
	tick(NULL);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
	conf.tick = NULL;
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		late = tickers[cpu].most_late > late ? tickers[cpu].most_late : late;
		missed += tickers[cpu].missed;
	}
	comment("a tick of 1 ms was at most %lu us late; %lu were told together with the next",
		late / 1000, missed);
}

static void deadlines_between_ticks(void)
{
	struct ticker *t;

	conf.tick = take;
	t = tick_begin(3 * MS);
	for (unsigned i = 0; i < 20; i++) {
		guest_flags_t flags = guest_local_irq_save(conf.g);

		t->deadline = guest_clock(conf.g) + i * MS / 4 + 1;
		EXPECT_EQ(guest_set_timer(conf.g, t->deadline), 0);
		guest_local_irq_restore(conf.g, flags);
		WAIT_FOR(!t->deadline);
		EXPECT_EQ(t->deadlines, i + 1);
	}
	WAIT_FOR(t->count >= 5);
	EXPECT_EQ(t->deadlines, 20);
	tick_end(t);
	conf.tick = NULL;
}

static void tick_bad(void)
{
	EXPECT_EQ(guest_set_periodic_timer(conf.g, 1, GUEST_MIN_PERIOD - 1), -XEN_EINVAL);
	EXPECT_EQ(guest_set_periodic_timer(conf.g, 0, MS), -XEN_EINVAL);
	EXPECT_EQ(guest_set_timer_future(conf.g, guest_clock(conf.g)), -XEN_ETIME);
}

static const struct check checks[] = {
	{ "never_goes_back", never_goes_back, 0 },
	{ "never_goes_back_from_cpu_to_cpu", never_goes_back_from_cpu_to_cpu, NEEDS_CPUS },
	{ "goes_on", goes_on, 0 },
	{ "page_is_consistent", page_is_consistent, 0 },
	{ "wallclock_goes_on", wallclock_goes_on, 0 },
	{ "never_early", never_early, 0 },
	{ "past_is_now", past_is_now, 0 },
	{ "off_is_off", off_is_off, 0 },
	{ "set_again_is_one", set_again_is_one, 0 },
	{ "arrives_when_enabled", arrives_when_enabled, 0 },
	{ "each_cpu_has_its_own", each_cpu_has_its_own, NEEDS_CPUS },
	{ "single_shot", single_shot, 0 },
	{ "single_shot_in_the_past", single_shot_in_the_past, 0 },
	{ "single_shot_bad", single_shot_bad, 0 },
	{ "periodic", periodic, 0 },
	{ "periodic_bad", periodic_bad, 0 },
	{ "no_tick_lost_or_early", no_tick_lost_or_early, 0 },
	{ "deadlines_between_ticks", deadlines_between_ticks, 0 },
	{ "tick_bad", tick_bad, 0 },
	{ 0 },
};

const struct area area_time = { "time", checks };
