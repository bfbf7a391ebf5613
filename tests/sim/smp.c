/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of a guest half with two CPUs, on both ABIs: IRQs that move, functions called on the
 * other CPU, a CPU that goes and comes again, time that one reads and the other compares.
 */
#include "scenario.h"

#include <carillon/guest_smp.h>
#include <xen/vcpu.h>

#define CALLS 3u

static struct {
	struct world w;
	struct world_domain *from, *to;
	struct channel c[2];
	unsigned called[2]; /* on each CPU */
	bool inside[2];
	bool done;
	uint64_t told; /* atomic: a time, from CPU to CPU */
} s;

/* In the body the other CPU's part is done at once, later its own thread does it. */
static int start_cpu(struct guest *g, unsigned cpu)
{
	struct world_domain *d = guest_ctx(g);
	struct world *w = hv_ctx(hv_domain_hv(d->hv));

	if (sim_self())
		return (int)world_hypercall(world_self(), __HYPERVISOR_vcpu_op, VCPUOP_up, cpu, 0);
	w->acting = &d->vcpu[cpu];
	guest_cpu_started(g);
	w->acting = &d->vcpu[0];
	return 0;
}

void smp_begin(struct world *w, struct world_domain *d)
{
	const struct guest_smp_config cfg = { .start = start_cpu, .spin_limit = 4 };

	w->acting = &d->vcpu[0];
	world_expect(guest_smp_init(d->guest, &cfg) == 0, "smp_init");
	for (unsigned i = 1; i < d->nr_vcpus; i++)
		world_expect(guest_cpu_up(d->guest, i) == 0, "cpu_up");
	w->acting = NULL;
}

static void begin(enum guest_abi abi)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, 2, 0, abi);
	smp_begin(&s.w, s.to);
}

static void finish(unsigned channels)
{
	sim_run();
	for (unsigned i = 0; i < channels; i++) {
		channel_check(&s.c[i], "channel");
		world_expect(s.c[i].runs <= s.c[i].sent, "%u handled, %u sent", s.c[i].runs,
			     s.c[i].sent);
	}
	world_end(&s.w);
}

static void send_three(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static int move_to(struct guest *g, unsigned cpu)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, cpu);
	return guest_irq_set_affinity(g, s.c[0].irq, &mask);
}

/* ---- IRQs that move ---- */

static void move_often(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 1; i <= 3; i++)
		world_expect(move_to(g, i % 2) == 0, "set_affinity");
}

static void affinity_vs_send(enum guest_abi abi)
{
	begin(abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	channel_to_guest(&s.c[1], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_three);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_three);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", move_often);
	finish(2);
}

/* ---- calls ---- */

static void called(struct guest *g, void *arg)
{
	unsigned cpu = guest_this_cpu(g), *number = arg;

	world_expect(guest_irqs_disabled(g), "a call with events enabled");
	world_expect(!s.inside[cpu], "two calls at once on CPU %u", cpu);
	s.inside[cpu] = true;
	sim_point();
	s.called[cpu]++;
	*number += 1;
	s.inside[cpu] = false;
}

static void call_other(struct world_vcpu *v)
{
	static unsigned numbers[2][CALLS]; /* not on the stack: one is not waited for */
	unsigned *mine = numbers[v->id];
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < CALLS; i++) {
		bool wait = i != 1;

		mine[i] = 0;
		world_expect(!guest_smp_call_function_single(g, !v->id, called, &mine[i], wait),
			     "call");
		world_expect(!wait || mine[i] == 1, "a call was waited for and made %u times",
			     mine[i]);
	}
}

/* No timer: whoever waits is woken. */
static void call_storm(enum guest_abi abi)
{
	begin(abi);
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", call_other);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", call_other);
	sim_run();
	for (unsigned i = 0; i < 2; i++)
		world_expect(s.called[i] == CALLS, "%u calls on CPU %u", s.called[i], i);
	world_end(&s.w);
}

/* ---- a CPU that goes and comes again ---- */

static void come_and_go(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (;;) {
		guest_local_irq_disable(g);
		if (guest_cpu_dying(g)) {
			world_expect(guest_cpu_die(g) == 0, "cpu_die");
			guest_cpu_started(g);
		} else if (s.done) {
			break;
		} else {
			guest_halt(g);
		}
		guest_local_irq_enable(g);
	}
	guest_local_irq_enable(g);
}

static void take_down_and_up(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	world_expect(guest_cpu_down(g, 1) == 0, "cpu_down");
	world_expect(!guest_cpu_online(g, 1), "a CPU that is down is online");
	while (s.c[0].seen < 3)
		sim_relax();
	world_expect(guest_cpu_up(g, 1) == 0, "cpu_up");
	s.done = true;
	world_expect(guest_smp_send_reschedule(g, 1) == 0, "reschedule");
}

/* Events of the CPU that goes come to the other one. */
static void down_vs_send(enum guest_abi abi)
{
	begin(abi);
	world_timer(&s.w); /* waiting for a CPU sleeps for a while at a time */
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	world_expect(move_to(s.to->guest, 1) == 0, "set_affinity");
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", take_down_and_up);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", come_and_go);
	finish(1);
}

/* ---- the clock ---- */

static void read_and_tell(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t told = ATOMIC_LOAD(&s.told, __ATOMIC_ACQUIRE);
		uint64_t now = guest_clock(v->d->guest);

		world_expect(now >= told, "%llu was told before, and now it is %llu",
			     (unsigned long long)told, (unsigned long long)now);
		ATOMIC_STORE(&s.told, now, __ATOMIC_RELEASE);
		s.w.now += sim_random(60);
	}
}

/* The counters differ, and nobody has promised that they do not. */
static void clock_from_cpu_to_cpu(void)
{
	begin(GUEST_ABI_2L);
	s.to->vcpu[1].skew = 100;
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", read_and_tell);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", read_and_tell);
	finish(0);
}

/* ---- each on both ABIs ---- */

ON_BOTH(affinity_vs_send);
ON_BOTH(call_storm);
ON_BOTH(down_vs_send);

const struct scenario scenarios_smp[] = {
	{ "affinity_vs_send", affinity_vs_send_2l, 600 },
	{ "guest_fifo_affinity_vs_send", affinity_vs_send_fifo, 650 },
	{ "call_storm", call_storm_2l, 750 },
	{ "guest_fifo_call_storm", call_storm_fifo, 800 },
	{ "down_vs_send", down_vs_send_2l, 1650 },
	{ "guest_fifo_down_vs_send", down_vs_send_fifo, 1750 },
	{ "clock_from_cpu_to_cpu", clock_from_cpu_to_cpu, 150 },
	{ 0 },
};
