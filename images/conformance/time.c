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

static const struct check checks[] = {
	{ "never_goes_back", never_goes_back, 0 },
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
	{ 0 },
};

const struct area area_time = { "time", checks };
