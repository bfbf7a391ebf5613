/* SPDX-License-Identifier: MIT */
/*
 * Shows: a kernel of several CPUs, all of which call, interrupt and wait for each other at once,
 * while some go and come back; and that nothing of it is lost or done twice.
 *
 * CPU 0 brings all up (at most 8; max_cpus=N: the first N), then there are two phases:
 *
 *	storm	Every CPU makes rounds (rounds=N): a call to all, a call to one, work for one, a
 *		reschedule IPI to one, a section under one lock that all want, with its timer
 *		running.
 *	churn	The same, while CPU 0 takes each of the others away and brings it back (cycles=N),
 *		with a port of that CPU's on which events arrive before and after.
 *
 * At the end every count must agree: what was asked for with what was done, what was sent with what
 * was handled. Success: the table, the counts, shutdown with reason poweroff; else a crash.
 */
#include "smp.h"

#define TICK (UINT64_C(1000000)) /* ns */

struct smp smp;

static void set(unsigned *word, unsigned value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static unsigned get(const unsigned *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* ---- timers: each armed one fires once ------------------------------------------------------- */

enum guest_irqreturn smp_timer(struct guest *g, unsigned irq, void *dev)
{
	const struct pv_cpu *cpu = pv_this_cpu();
	struct smp_cpu *c = &smp.cpu[guest_this_cpu(g)];

	(void)irq;
	(void)dev;
	/* On this CPU's interrupt stack; upcalls that come now are on it too, and are over then. */
	guest_local_irq_enable(g);
	if ((size_t)((char *)cpu->irq_stack - (char *)__builtin_frame_address(0)) >=
		    PV_IRQ_STACK_BYTES ||
	    cpu->irq_depth != 1)
		pv_panic("smp: CPU %u: a handler on another stack", cpu->id);
	guest_local_irq_disable(g);
	/* A tick of the periodic timer, which a vCPU starts with, may still have been on the way.
	 */
	if (c->fired != c->armed && guest_clock(g) >= c->deadline)
		c->fired++;
	return GUEST_IRQ_HANDLED;
}

static void arm(struct guest *g, unsigned cpu)
{
	struct smp_cpu *c = &smp.cpu[cpu];

	c->deadline = guest_clock(g) + TICK;
	c->armed++;
	if (guest_set_timer(g, c->deadline))
		pv_panic("smp: CPU %u cannot set its timer", cpu);
}

static void timer_wait(struct guest *g, unsigned cpu)
{
	const volatile struct smp_cpu *c = &smp.cpu[cpu];

	guest_local_irq_disable(g);
	while (c->fired != c->armed) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
}

/* ---- one round ------------------------------------------------------------------------------- */

static void called(struct guest *g, void *arg)
{
	(void)arg;
	smp.cpu[guest_this_cpu(g)].called++;
}

static void worked(struct guest *g, struct guest_work *work)
{
	(void)work;
	smp.cpu[guest_this_cpu(g)].worked++;
}

static void round_of_calls(struct guest *g, unsigned cpu, unsigned round)
{
	static const struct guest_cpumask all = { { 0xff } };
	struct smp_cpu *c = &smp.cpu[cpu];
	unsigned to = (cpu + round) % smp.nr_cpus;
	int r;

	r = guest_smp_call_function_mask(g, &all, called, NULL, round & 1);
	if (r < 0)
		pv_panic("smp: CPU %u cannot call all: %d", cpu, r);
	c->calls += (unsigned)r;
	r = guest_smp_call_function_single(g, to, called, NULL, !(round & 1));
	if (r && r != -XEN_ENXIO)
		pv_panic("smp: CPU %u cannot call %u: %d", cpu, to, r);
	c->calls += !r;
}

static void round_of(struct guest *g, unsigned cpu, unsigned round)
{
	struct smp_cpu *c = &smp.cpu[cpu];
	unsigned to = (cpu + round) % smp.nr_cpus;
	guest_flags_t flags;

	/* Now and then with events disabled: then calls are served by waiting only. */
	if (round % 4 == 0) {
		flags = guest_local_irq_save(g);
		round_of_calls(g, cpu, round);
		guest_local_irq_restore(g, flags);
	} else {
		round_of_calls(g, cpu, round);
	}
	c->works += !guest_work_queue_on(g, &c->work[to], to);
	c->reschedules += !guest_smp_send_reschedule(g, to);
	guest_spin_lock(g, &smp.lock);
	smp.locked++; /* not atomic: that is what the lock is for */
	guest_spin_unlock(g, &smp.lock);
	c->locks++;
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void rounds(struct guest *g, unsigned cpu, unsigned n)
{
	arm(g, cpu);
	for (unsigned i = 0; i < n; i++) {
		round_of(g, cpu, i);
		if (smp.cpu[cpu].fired == smp.cpu[cpu].armed)
			arm(g, cpu);
	}
	timer_wait(g, cpu);
	for (unsigned i = 0; i < smp.nr_cpus; i++)
		(void)guest_work_sync(g, &smp.cpu[cpu].work[i]);
}

static void churn(struct guest *g, unsigned cpu)
{
	while (!guest_cpu_dying(g) && get(&smp.phase) == PHASE_CHURN)
		rounds(g, cpu, 8);
}

/* A CPU other than 0, each time that it is up: what CPU 0 wants, until it is to go. */
static void cpu_main(struct pv *pv, unsigned cpu)
{
	struct guest *g = pv->guest;
	struct smp_cpu *c = &smp.cpu[cpu];

	c->lives++;
	for (;;) {
		guest_local_irq_disable(g);
		/* What has changed since the last look sends a reschedule IPI: halting sees it. */
		while (!guest_cpu_dying(g) && get(&c->done) == get(&smp.phase)) {
			guest_halt(g);
			guest_local_irq_disable(g);
		}
		if (guest_cpu_dying(g))
			return;
		guest_local_irq_enable(g);
		if (get(&smp.phase) == PHASE_STORM) {
			rounds(g, cpu, smp.rounds);
			set(&c->done, PHASE_STORM);
		} else if (get(&smp.phase) == PHASE_CHURN) {
			churn(g, cpu);
		} else {
			set(&c->done, PHASE_END);
		}
		(void)guest_smp_send_reschedule(g, 0);
		set(&c->told, get(&c->done));
	}
}

static void phase_begin(struct guest *g, unsigned phase)
{
	set(&smp.phase, phase);
	for (unsigned i = 1; i < smp.nr_cpus; i++)
		if (guest_smp_send_reschedule(g, i))
			pv_panic("smp: CPU %u is not there", i);
}

static void phase_wait(struct guest *g)
{
	for (unsigned i = 1; i < smp.nr_cpus; i++) {
		guest_local_irq_disable(g);
		while (get(&smp.cpu[i].done) != smp.phase) {
			guest_halt(g);
			guest_local_irq_disable(g);
		}
		guest_local_irq_enable(g);
		/* It may be sending still, if it was another that woke us. */
		while (get(&smp.cpu[i].told) != smp.phase)
			__builtin_ia32_pause();
	}
}

/* ---- CPUs that go and come back -------------------------------------------------------------- */

static void cycle(struct pv *pv, unsigned cpu)
{
	struct guest *g = pv->guest;
	int r;

	smp_loop_open(pv, cpu);
	smp_loop_send(pv);
	r = guest_cpu_down(g, cpu);
	if (r)
		pv_panic("smp: CPU %u does not go: %d", cpu, r);
	smp_loop_send(pv);
	smp_loop_close(pv); /* when both have arrived, here at least the second */
	round_of(g, 0, cpu);
	r = guest_cpu_up(g, cpu);
	if (r)
		pv_panic("smp: CPU %u does not come back: %d", cpu, r);
	round_of(g, 0, cpu + 1);
	smp.cycles++;
}

/* ---- the story ------------------------------------------------------------------------------- */

static unsigned number(const char *cmdline, const char *key, unsigned otherwise)
{
	const char *p = pv_word(cmdline, key);
	uint64_t n;

	return p && pv_number(&p, &n) && n < 1000000 ? (unsigned)n : otherwise;
}

static void prepare(struct pv *pv)
{
	const struct pv_smp_config config = {
		.main = cpu_main,
		.timer = smp_timer,
		.max_cpus = MAX_CPUS,
		.spin_limit = 64,
	};
	int r = pv_smp_init(pv, &config);

	if (r)
		pv_panic("smp: %d", r);
	smp.nr_cpus = guest_count_cpus(&pv->ops, pv,
				       number(pv_cmdline(pv->start_info), "max_cpus=", MAX_CPUS));
	if (smp.nr_cpus > MAX_CPUS)
		smp.nr_cpus = MAX_CPUS;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		for (unsigned j = 0; j < MAX_CPUS; j++)
			smp.cpu[i].work[j].fn = worked;
	guest_local_irq_enable(pv->guest);
	(void)guest_stop_periodic_tick(pv->guest, 0);
	smp.cpu[0].lives = 1;
	for (unsigned i = 1; i < smp.nr_cpus; i++) {
		r = guest_cpu_up(pv->guest, i);
		if (r)
			pv_panic("smp: CPU %u does not come up: %d", i, r);
	}
}

void pv_main(struct start_info *si)
{
	const char *cmdline = pv_cmdline(si);
	unsigned cycles = number(cmdline, "cycles=", 3);
	struct guest *g;
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	g = pv->guest;
	smp.rounds = number(cmdline, "rounds=", 100);
	prepare(pv);

	phase_begin(g, PHASE_STORM);
	rounds(g, 0, smp.rounds);
	phase_wait(g);

	phase_begin(g, PHASE_CHURN);
	for (unsigned i = 0; i < cycles; i++)
		for (unsigned cpu = 1; cpu < smp.nr_cpus; cpu++)
			cycle(pv, cpu);
	phase_begin(g, PHASE_END);
	phase_wait(g);

	smp_check(pv, cycles);
	pv_shutdown(SHUTDOWN_poweroff);
}
