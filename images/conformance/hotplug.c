/* SPDX-License-Identifier: MIT */
/*
 * CPUs that go and come back: that they do, what is refused meanwhile, and what becomes of the
 * events that were theirs.
 */
#include "conformance.h"

#include <xen/vcpu.h>

static bool down(unsigned cpu)
{
	return EXPECT_EQ(guest_cpu_down(conf.g, cpu), 0);
}

static void up(unsigned cpu)
{
	EXPECT_EQ(guest_cpu_up(conf.g, cpu), 0);
	WAIT_FOR(conf.cpu[cpu].lives);
}

static long vcpu_op(unsigned op, unsigned cpu, void *arg)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, op, cpu, pv_arg(arg), 0, 0);
}

static void nothing(struct guest *g, void *arg)
{
	(void)g;
	(void)arg;
}

static void no_work(struct guest *g, struct guest_work *work)
{
	(void)g;
	(void)work;
}

static void each_goes_and_comes(void)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		unsigned lives = conf.cpu[cpu].nr_lives;

		if (!down(cpu))
			continue;
		EXPECT(!guest_cpu_online(conf.g, cpu));
		EXPECT_EQ(vcpu_op(VCPUOP_is_up, cpu, NULL), 0);
		up(cpu);
		EXPECT(guest_cpu_online(conf.g, cpu));
		EXPECT_EQ(vcpu_op(VCPUOP_is_up, cpu, NULL), 1);
		EXPECT_EQ(conf.cpu[cpu].nr_lives, lives + 1);
		EXPECT_EQ(guest_smp_call_function_single(conf.g, cpu, nothing, NULL, true), 0);
	}
}

static void all_go_and_come(void)
{
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
			(void)down(cpu);
		for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
			up(cpu);
	}
}

static void refused_while_down(void)
{
	struct guest_work work = { .fn = no_work };
	struct guest_cpumask two = { { 3 } };

	if (!down(1))
		return;
	EXPECT_EQ(guest_smp_call_function_single(conf.g, 1, nothing, NULL, true), -XEN_ENXIO);
	EXPECT_EQ(guest_smp_call_function_mask(conf.g, &two, nothing, NULL, true), 1);
	EXPECT_EQ(guest_smp_send_reschedule(conf.g, 1), -XEN_ENXIO);
	EXPECT_EQ(guest_work_queue_on(conf.g, &work, 1), -XEN_ENXIO);
	EXPECT_EQ(guest_cpu_down(conf.g, 1), -XEN_EINVAL);
	up(1);
}

static void answers(void)
{
	EXPECT_EQ(guest_cpu_up(conf.g, 0), -XEN_EEXIST);
	EXPECT_EQ(guest_cpu_up(conf.g, GUEST_MAX_CPUS), -XEN_EINVAL);
	EXPECT_EQ(guest_cpu_down(conf.g, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_cpu_down(conf.g, GUEST_MAX_CPUS), -XEN_EINVAL);
	EXPECT_EQ(guest_cpu_die(conf.g), -XEN_EINVAL);
	EXPECT(!guest_cpu_dying(conf.g));
}

static struct guest_cpumask only(unsigned cpu)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, cpu);
	return mask;
}

/* A port of a CPU that goes is moved off it; nothing that was sent is lost. */
static void ports_move_off(void)
{
	struct guest_cpumask one = only(1);
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &one), 0);
	EXPECT_EQ(port_send(w.tx), 0);
	WAIT_FOR(w.count == 1);
	EXPECT_EQ(w.cpu, 1);
	if (down(1)) {
		EXPECT_EQ(guest_irq_effective_cpu(conf.g, (unsigned)w.irq), 0);
		EXPECT_EQ(port_vcpu(guest_irq_port(conf.g, (unsigned)w.irq)), 0);
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, 2);
		EXPECT_EQ(w.cpu, 0);
		up(1);
	}
	wire_close(&w);
}

static volatile bool deaf, hear;

static void be_deaf(void *arg)
{
	(void)arg;
	guest_local_irq_disable(conf.g);
	deaf = true;
	while (!hear && !guest_cpu_dying(conf.g))
		nap();
	/* Events stay disabled: it goes with what is pending. The main function enables them. */
}

static void pending_moves_off(void)
{
	struct guest_cpumask one = only(1);
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned i = 1; i <= 4; i++) {
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &one), 0);
		deaf = hear = false;
		task_start(1, be_deaf, NULL);
		WAIT_FOR(deaf);
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, i - 1);
		if (down(1)) {
			WAIT_FOR(w.count == i);
			EXPECT_EQ(w.cpu, 0);
			up(1);
		}
	}
	wire_close(&w);
}

static volatile unsigned got;

static enum guest_irqreturn got_it(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	(void)dev;
	got += guest_this_cpu(g) == 1 ? 1 : 100;
	return GUEST_IRQ_HANDLED;
}

/* An IPI is its CPU's: what is sent while it is down is there when it comes back. */
static void ipi_waits_for_its_cpu(void)
{
	int irq = guest_bind_ipi_to_irqhandler(conf.g, 6, 1, got_it, GUEST_IRQF_PERCPU, "ipi",
					       (void *)&got);

	got = 0;
	EXPECT(irq > 0);
	if (down(1)) {
		EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)irq), 0);
		nap();
		EXPECT_EQ(got, 0);
		up(1);
		WAIT_FOR(got == 1);
		EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)irq), 0);
		WAIT_FOR(got == 2);
	}
	EXPECT_EQ(guest_unbind_from_irqhandler(conf.g, (unsigned)irq, (void *)&got), 0);
}

static void timer_stays_off(void)
{
	uint64_t ticks;

	if (!down(1))
		return;
	ticks = conf.cpu[1].ticks;
	nap_until(guest_clock(conf.g) + 5 * MS);
	EXPECT_EQ(conf.cpu[1].ticks, ticks);
	up(1);
}

static void runstate_offline(void)
{
	struct vcpu_runstate_info info = { 0 };

	if (!down(1))
		return;
	EXPECT_EQ(vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
	EXPECT_EQ(info.state, RUNSTATE_offline);
	up(1);
	EXPECT_EQ(vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
	EXPECT(info.state != RUNSTATE_offline);
}

static void down_and_initialised(void)
{
	static struct vcpu_guest_context c;

	if (!down(1))
		return;
	EXPECT_EQ(vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
	EXPECT_EQ(vcpu_op(VCPUOP_down, 1, NULL), 0);
	EXPECT_EQ(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	up(1);
}

static const struct check checks[] = {
	{ "each_goes_and_comes", each_goes_and_comes, NEEDS_CPUS },
	{ "all_go_and_come", all_go_and_come, NEEDS_CPUS },
	{ "refused_while_down", refused_while_down, NEEDS_CPUS },
	{ "answers", answers, 0 },
	{ "ports_move_off", ports_move_off, NEEDS_CPUS },
	{ "pending_moves_off", pending_moves_off, NEEDS_CPUS },
	{ "ipi_waits_for_its_cpu", ipi_waits_for_its_cpu, NEEDS_CPUS },
	{ "timer_stays_off", timer_stays_off, NEEDS_CPUS },
	{ "runstate_offline", runstate_offline, NEEDS_CPUS },
	{ "down_and_initialised", down_and_initialised, NEEDS_CPUS },
	{ 0 },
};

const struct area area_hotplug = { "hotplug", checks };
