/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs: that all are there, calls and their refusals, IPIs, work, locks, runstates, what
 * VCPUOP answers about them. CPUs that go and come back are in hotplug.c.
 */
#include "conformance.h"

#include <xen/vcpu.h>

static volatile unsigned ran_on[MAX_CPUS];

static void clear_ran(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		ran_on[cpu] = 0;
}

static void run_here(struct guest *g, void *arg)
{
	(void)arg;
	__atomic_fetch_add(&ran_on[guest_this_cpu(g)], 1, __ATOMIC_SEQ_CST);
}

static unsigned ran(void)
{
	unsigned n = 0;

	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		n += ran_on[cpu];
	return n;
}

static struct guest_cpumask everybody(void)
{
	struct guest_cpumask all = { { (1u << conf.nr_cpus) - 1 } };

	return all;
}

/* ---- there ---------------------------------------------------------------------------------- */

static void all_are_online(void)
{
	struct guest_cpumask online;

	guest_online_cpus(conf.g, &online);
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT(guest_cpu_online(conf.g, cpu));
		EXPECT(guest_cpumask_test(&online, cpu));
		EXPECT(cpu == 0 || conf.cpu[cpu].lives);
	}
	EXPECT(!guest_cpu_online(conf.g, conf.nr_cpus));
}

static void topology_is_flat(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		struct guest_topology t = guest_cpu_topology(conf.g, cpu);

		EXPECT(t.package == 0 && t.core == cpu && t.thread == 0);
	}
}

static volatile unsigned seen_id;

static void look_at_id(void *arg)
{
	(void)arg;
	seen_id = pv_this_cpu()->id == guest_this_cpu(conf.g) ? pv_this_cpu()->id : 99;
	if (guest_irqs_disabled(conf.g))
		seen_id = 98;
}

static void each_knows_itself(void)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		task_start(cpu, look_at_id, NULL);
		task_wait(cpu);
		EXPECT_EQ(seen_id, cpu);
	}
}

/* ---- calls -------------------------------------------------------------------------------- */

static void call_each_and_wait(void)
{
	clear_ran();
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(guest_smp_call_function_single(conf.g, cpu, run_here, NULL, true), 0);
		EXPECT_EQ(ran_on[cpu], 1);
	}
	EXPECT_EQ(ran(), conf.nr_cpus);
}

static void call_all_and_wait(void)
{
	struct guest_cpumask all = everybody();

	clear_ran();
	for (unsigned i = 1; i <= 20; i++) {
		EXPECT_EQ(guest_smp_call_function_mask(conf.g, &all, run_here, NULL, true),
			  conf.nr_cpus);
		EXPECT_EQ(ran(), i * conf.nr_cpus);
	}
}

static void call_without_waiting(void)
{
	struct guest_cpumask all = everybody();

	clear_ran();
	EXPECT_EQ(guest_smp_call_function_mask(conf.g, &all, run_here, NULL, false), conf.nr_cpus);
	WAIT_FOR(ran() == conf.nr_cpus);
}

static void call_is_in_a_handler(struct guest *g, void *arg)
{
	volatile bool *ok = arg;

	*ok = guest_irqs_disabled(g);
}

static void call_has_events_disabled(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		volatile bool ok = false;

		EXPECT_EQ(guest_smp_call_function_single(conf.g, cpu, call_is_in_a_handler,
							 (void *)&ok, true),
			  0);
		EXPECT(ok);
	}
	EXPECT(!guest_irqs_disabled(conf.g));
}

static void call_nobody(void)
{
	EXPECT_EQ(guest_smp_call_function_single(conf.g, GUEST_MAX_CPUS, run_here, NULL, true),
		  -XEN_EINVAL);
	EXPECT_EQ(guest_smp_send_reschedule(conf.g, GUEST_MAX_CPUS), -XEN_EINVAL);
}

static void call_with_events_disabled(void)
{
	struct guest_cpumask all = everybody();

	clear_ran();
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(guest_smp_call_function_mask(conf.g, &all, run_here, NULL, true), conf.nr_cpus);
	EXPECT_EQ(ran(), conf.nr_cpus);
	EXPECT(guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
}

static volatile int in_call, in_handler;

static void call_from_call(struct guest *g, void *arg)
{
	(void)arg;
	in_call = guest_smp_call_function_single(g, 0, run_here, NULL, false);
}

static enum guest_irqreturn call_from_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	(void)dev;
	in_handler = guest_smp_call_function_single(g, 0, run_here, NULL, false);
	return GUEST_IRQ_HANDLED;
}

static void call_refused_in_handlers(void)
{
	struct wire w;

	clear_ran();
	in_call = in_handler = 99;
	EXPECT_EQ(guest_smp_call_function_single(conf.g, conf.nr_cpus - 1, call_from_call, NULL,
						 true),
		  0);
	EXPECT_EQ(in_call, -XEN_EDEADLK);
	if (wire_open(&w, call_from_handler, 0)) {
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(in_handler, -XEN_EDEADLK);
		wire_close(&w);
	}
	EXPECT_EQ(ran(), 0);
}

#define ROUNDS 200u

static volatile unsigned wrong[MAX_CPUS];

static void call_everybody(void *arg)
{
	struct guest_cpumask all = everybody();
	unsigned me = guest_this_cpu(conf.g);

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++)
		wrong[me] += guest_smp_call_function_mask(conf.g, &all, run_here, NULL, i & 1) !=
			     (int)conf.nr_cpus;
}

static void on_every_cpu(void (*task)(void *arg))
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, task, NULL);
	task(NULL);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
}

static void calls_from_all_to_all(void)
{
	clear_ran();
	on_every_cpu(call_everybody);
	WAIT_FOR(ran() == ROUNDS * conf.nr_cpus * conf.nr_cpus);
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(wrong[cpu], 0);
		EXPECT_EQ(ran_on[cpu], ROUNDS * conf.nr_cpus);
	}
}

/* ---- IPIs ----------------------------------------------------------------------------------- */

static volatile unsigned got[MAX_CPUS], strayed;

static enum guest_irqreturn got_ipi(struct guest *g, unsigned irq, void *dev)
{
	unsigned cpu = (unsigned)(uintptr_t)dev - 1;

	(void)irq;
	if (guest_this_cpu(g) == cpu)
		__atomic_fetch_add(&got[cpu], 1, __ATOMIC_SEQ_CST);
	else
		strayed++;
	return GUEST_IRQ_HANDLED;
}

static void ipis_to_each(void)
{
	int irq[MAX_CPUS] = { 0 };

	strayed = 0;
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		got[cpu] = 0;
		irq[cpu] = guest_bind_ipi_to_irqhandler(conf.g, 6, cpu, got_ipi, GUEST_IRQF_PERCPU,
							"ipi", (void *)(uintptr_t)(cpu + 1));
		EXPECT(irq[cpu] > 0);
	}
	for (unsigned i = 1; i <= 50; i++) {
		for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
			EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)irq[cpu]), 0);
		for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
			WAIT_FOR(got[cpu] == i);
	}
	EXPECT_EQ(strayed, 0);
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		EXPECT_EQ(guest_unbind_from_irqhandler(conf.g, (unsigned)irq[cpu],
						       (void *)(uintptr_t)(cpu + 1)),
			  0);
}

bool smp_counters_agree(void)
{
	struct guest_smp_counters c;
	bool ok = true;

	guest_smp_counters(conf.g, &c);
	for (unsigned i = 0; i < GUEST_SMP_IPIS; i++)
		ok &= i == GUEST_IPI_SPIN || c.ipi[i].sent == c.ipi[i].handled;
	return ok && c.calls == c.calls_run && c.works == c.works_run;
}

static void counters_agree(void)
{
	call_all_and_wait();
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		EXPECT_EQ(guest_smp_send_reschedule(conf.g, cpu), 0);
	WAIT_FOR(smp_counters_agree());
}

/* ---- work --------------------------------------------------------------------------------- */

static struct guest_work work;

static void do_work(struct guest *g, struct guest_work *w)
{
	(void)w;
	run_here(g, NULL);
}

static void work_on_each(void)
{
	clear_ran();
	work = (struct guest_work){ .fn = do_work };
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(guest_work_queue_on(conf.g, &work, cpu), 0);
		EXPECT_EQ(guest_work_sync(conf.g, &work), 0);
		EXPECT_EQ(ran_on[cpu], 1);
	}
}

static void work_is_queued_once(void)
{
	clear_ran();
	work = (struct guest_work){ .fn = do_work };
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(guest_work_queue(conf.g, &work), 0);
	EXPECT_EQ(guest_work_queue(conf.g, &work), 1);
	EXPECT_EQ(ran(), 0);
	EXPECT_EQ(guest_work_sync(conf.g, &work), -XEN_EDEADLK);
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(guest_work_sync(conf.g, &work), 0);
	EXPECT_EQ(ran(), 1);
}

static void work_nowhere(void)
{
	work = (struct guest_work){ .fn = do_work };
	EXPECT_EQ(guest_work_queue_on(conf.g, &work, GUEST_MAX_CPUS), -XEN_EINVAL);
	EXPECT_EQ(guest_work_sync(conf.g, &work), 0);
}

/* ---- locks -------------------------------------------------------------------------------- */

static struct guest_spinlock lock;
static volatile uint64_t under_lock;

static void count_locked(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 1000; i++) {
		guest_spin_lock(conf.g, &lock);
		under_lock = under_lock + 1; /* not atomic: that is what the lock is for */
		guest_spin_unlock(conf.g, &lock);
	}
}

static void lock_excludes(void)
{
	under_lock = 0;
	on_every_cpu(count_locked);
	EXPECT_EQ(under_lock, 1000 * conf.nr_cpus);
	EXPECT_EQ(lock.word & 0xffff, lock.word >> 16); /* free */
}

static void trylock_answers(void)
{
	EXPECT(guest_spin_trylock(conf.g, &lock));
	EXPECT(!guest_spin_trylock(conf.g, &lock));
	guest_spin_unlock(conf.g, &lock);
	EXPECT(guest_spin_trylock(conf.g, &lock));
	guest_spin_unlock(conf.g, &lock);
}

static void lock_irqsave(void)
{
	guest_flags_t flags = guest_spin_lock_irqsave(conf.g, &lock);

	EXPECT(guest_irqs_disabled(conf.g));
	guest_spin_unlock_irqrestore(conf.g, &lock, flags);
	EXPECT(!guest_irqs_disabled(conf.g));
}

static volatile bool waiting;

static void wait_for_lock(void *arg)
{
	(void)arg;
	waiting = true;
	guest_spin_lock(conf.g, &lock);
	under_lock = under_lock + 1;
	guest_spin_unlock(conf.g, &lock);
}

/* Held for long: the waiter sleeps at the hypervisor, and is woken. */
static void lock_waiter_is_woken(void)
{
	for (unsigned i = 0; i < 10; i++) {
		waiting = false;
		under_lock = 0;
		guest_spin_lock(conf.g, &lock);
		task_start(1, wait_for_lock, NULL);
		WAIT_FOR(waiting);
		nap_until(guest_clock(conf.g) + 2 * MS);
		EXPECT_EQ(under_lock, 0);
		guest_spin_unlock(conf.g, &lock);
		task_wait(1);
		EXPECT_EQ(under_lock, 1);
	}
}

/* ---- what Xen says of vCPUs --------------------------------------------------------------- */

static long vcpu_op(unsigned op, unsigned cpu, void *arg)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, op, cpu, pv_arg(arg), 0, 0);
}

static void vcpus_are_up(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(vcpu_op(VCPUOP_is_up, cpu, NULL), 1);
		EXPECT_EQ(vcpu_op(VCPUOP_up, cpu, NULL), 0);
	}
}

static void initialise_once(void)
{
	static struct vcpu_guest_context c;

	EXPECT_EQ(vcpu_op(VCPUOP_initialise, 0, &c), -XEN_EEXIST);
	EXPECT_EQ(vcpu_op(VCPUOP_initialise, 0, NULL), -XEN_EFAULT);
	EXPECT_EQ(vcpu_op(VCPUOP_initialise, 8191, &c), -XEN_ENOENT);
}

static void runstate_of_the_running(void)
{
	struct vcpu_runstate_info a = { 0 }, b = { 0 };
	uint64_t sum_a = 0, sum_b = 0;

	EXPECT_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &a), 0);
	EXPECT_EQ(a.state, RUNSTATE_running);
	EXPECT(a.state_entry_time <= guest_clock(conf.g));
	nap_until(guest_clock(conf.g) + 5 * MS);
	/* A nap whose time is over before it begins, on a slow host, does not block. */
	WAIT_FOR(!vcpu_op(VCPUOP_get_runstate_info, 0, &b) &&
		 b.time[RUNSTATE_blocked] > a.time[RUNSTATE_blocked]);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT(b.time[i] >= a.time[i]);
		sum_a += a.time[i];
		sum_b += b.time[i];
	}
	/* The states share out all the time there is. */
	EXPECT(sum_b - sum_a >= 4 * MS);
}

static void runstate_area(void)
{
	static struct vcpu_runstate_info area __attribute__((aligned(64)));
	struct vcpu_register_runstate_memory_area op = { .addr.v = pv_arg(&area) };
	volatile struct vcpu_runstate_info *v = &area;
	uint64_t entered;

	EXPECT_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &op), 0);
	EXPECT_EQ(v->state, RUNSTATE_running);
	entered = v->state_entry_time;
	WAIT_FOR(v->state_entry_time > entered && v->time[RUNSTATE_blocked] > 0);
	op.addr.v = 0;
	EXPECT_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &op), 0);
}

static void runstate_bad_places(void)
{
	struct vcpu_runstate_info info = { 0 };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(
			vcpu_op(VCPUOP_get_runstate_info, 0, (void *)place(p, &info, sizeof(info))),
			-XEN_EFAULT);
}

static const struct check checks[] = {
	{ "all_are_online", all_are_online, 0 },
	{ "topology_is_flat", topology_is_flat, 0 },
	{ "each_knows_itself", each_knows_itself, NEEDS_CPUS },
	{ "call_each_and_wait", call_each_and_wait, 0 },
	{ "call_all_and_wait", call_all_and_wait, 0 },
	{ "call_without_waiting", call_without_waiting, 0 },
	{ "call_has_events_disabled", call_has_events_disabled, 0 },
	{ "call_nobody", call_nobody, 0 },
	{ "call_with_events_disabled", call_with_events_disabled, 0 },
	{ "call_refused_in_handlers", call_refused_in_handlers, 0 },
	{ "calls_from_all_to_all", calls_from_all_to_all, 0 },
	{ "ipis_to_each", ipis_to_each, 0 },
	{ "counters_agree", counters_agree, 0 },
	{ "work_on_each", work_on_each, 0 },
	{ "work_is_queued_once", work_is_queued_once, 0 },
	{ "work_nowhere", work_nowhere, 0 },
	{ "lock_excludes", lock_excludes, 0 },
	{ "trylock_answers", trylock_answers, 0 },
	{ "lock_irqsave", lock_irqsave, 0 },
	{ "lock_waiter_is_woken", lock_waiter_is_woken, NEEDS_CPUS },
	{ "vcpus_are_up", vcpus_are_up, 0 },
	{ "initialise_once", initialise_once, 0 },
	{ "runstate_of_the_running", runstate_of_the_running, 0 },
	{ "runstate_area", runstate_area, 0 },
	{ "runstate_bad_places", runstate_bad_places, 0 },
	{ 0 },
};

const struct area area_smp = { "smp", checks };
