/* SPDX-License-Identifier: MIT */
/*
 * The guest half on four CPUs, each a thread: calls from all to all, with a CPU that goes and comes
 * back meanwhile, work, spin locks whose waiters block, the stop at the end. Everything is counted,
 * plainly where only one CPU at a time may be: so TSan sees whether calls and locks order what they
 * should. All ends by counts.
 */
#include "cpus.h"

static struct guest_cpumask all_cpus(void)
{
	return (struct guest_cpumask){ { ~UINT64_C(0), ~UINT64_C(0) } };
}

/* ---- calls ----------------------------------------------------------------------------------- */

#define CALLS 400u

struct calls {
	struct {
		unsigned runs; /* plain: only its CPU runs it */
		uint64_t asked;
	} cpu[CPUS];
	unsigned cycles; /* of CPU 3, down and up */
};

struct gather {
	unsigned value[CPUS];
	unsigned seen[CPUS];
};

static void count_call(struct guest *g, void *arg)
{
	struct calls *c = arg;

	c->cpu[guest_this_cpu(g)].runs++;
}

static void gather_call(struct guest *g, void *arg)
{
	struct gather *s = arg;
	unsigned cpu = guest_this_cpu(g);

	s->seen[cpu] = s->value[cpu] + 1;
	wrong_unless(the_machine, guest_irqs_disabled(g));
	/* a call from here would wait for CPUs that may wait for us */
	wrong_unless(the_machine, guest_smp_call_function_single(g, cpu, gather_call, arg, true) ==
					  -XEN_EDEADLK);
}

/* What fn wrote is there, from each CPU that was called and no other. */
static void gather(struct machine *m, unsigned round)
{
	struct guest_cpumask all = all_cpus();
	struct gather s = { { 0 }, { 0 } };
	unsigned ran = 0;
	int n;

	for (unsigned i = 0; i < CPUS; i++)
		s.value[i] = round + i;
	n = guest_smp_call_function_mask(m->g, &all, gather_call, &s, true);
	for (unsigned i = 0; i < CPUS; i++) {
		wrong_unless(m, !s.seen[i] || s.seen[i] == round + i + 1);
		ran += s.seen[i] != 0;
	}
	wrong_unless(m, n > 0 && ran == (unsigned)n);
}

static void some_calls(struct machine *m, unsigned cpu, unsigned round)
{
	struct calls *c = m->arg;
	struct guest_cpumask all = all_cpus();
	guest_flags_t flags = true;
	int rc;

	/* Every third one with events disabled: served by those who wait, in both directions. */
	if (round % 3 == 0)
		flags = guest_local_irq_save(m->g);
	gather(m, round);
	rc = guest_smp_call_function_mask(m->g, &all, count_call, c, round & 1);
	wrong_unless(m, rc > 0);
	c->cpu[cpu].asked += (unsigned)rc;
	rc = guest_smp_call_function_single(m->g, (cpu + round) % CPUS, count_call, c, round & 2);
	wrong_unless(m, !rc || rc == -XEN_ENXIO);
	c->cpu[cpu].asked += !rc;
	guest_local_irq_restore(m->g, flags);
}

static void calls_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	rendezvous(v, &m->arrived, CPUS);
	for (unsigned i = 1; i <= CALLS; i++)
		some_calls(m, cpu, i);
	rendezvous(v, &m->arrived, 2 * CPUS);
}

static void check_calls(const struct calls *c)
{
	uint64_t asked = 0, runs = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		asked += c->cpu[i].asked;
		runs += c->cpu[i].runs;
		assert_true(c->cpu[i].runs > 0);
	}
	assert_int_equal(asked, runs);
}

static void calls_from_all_to_all(void **state)
{
	struct calls c = { 0 };
	struct machine m = { .abi = abi_of(state), .run = calls_run, .arg = &c };
	struct guest_smp_counters counters;

	run_machine(&m, &(struct guest_smp_config){ 0 }, &counters);
	check_calls(&c);
	/* nobody went: every one of them reached all */
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(c.cpu[i].asked, CALLS * (CPUS + 1));
	assert_settled(&counters);
	assert_int_equal(counters.calls, CPUS * CALLS * (3 + 3) + CPUS * CALLS * 3 / 4);
	end_machine(&m);
}

#define CYCLES 60u

/* CPU 0 takes CPU 3 away and brings it back; 1 and 2 call, and so does 3 while it is there. */
static void coming_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	struct calls *c = m->arg;
	unsigned i = 0;

	if (!cpu) {
		for (; i < CYCLES; i++) {
			wrong_unless(m, !guest_cpu_down(m->g, 3));
			wrong_unless(m, !guest_cpu_online(m->g, 3));
			wrong_unless(m, guest_cpu_down(m->g, 3) == -XEN_EINVAL);
			some_calls(m, cpu, i);
			wrong_unless(m, !guest_cpu_up(m->g, 3));
			wrong_unless(m, guest_cpu_online(m->g, 3));
			wrong_unless(m, guest_cpu_up(m->g, 3) == -XEN_EEXIST);
			some_calls(m, cpu, i);
		}
		atomic_store(&m->stop, true);
	} else if (cpu == 3) {
		c->cycles++;
		while (!guest_cpu_dying(m->g) && !atomic_load(&m->stop))
			some_calls(m, cpu, i++);
		if (guest_cpu_dying(m->g))
			return;
	} else {
		while (!atomic_load(&m->stop))
			some_calls(m, cpu, i++);
	}
	rendezvous(v, &m->arrived, CPUS);
}

static void calls_while_a_cpu_comes_and_goes(void **state)
{
	struct calls c = { 0 };
	struct machine m = { .abi = abi_of(state), .run = coming_run, .arg = &c };
	struct guest_smp_counters counters;

	run_machine(&m, &(struct guest_smp_config){ 0 }, &counters);
	assert_int_equal(c.cycles, CYCLES + 1);
	check_calls(&c);
	assert_settled(&counters);
	end_machine(&m);
}

/* ---- work ------------------------------------------------------------------------------------ */

#define WORKS 500u

struct job {
	struct guest_work work;
	unsigned runs; /* plain: a work is never run twice at once */
};

static void job_run(struct guest *g, struct guest_work *work)
{
	struct job *j = (struct job *)work;

	wrong_unless(the_machine, guest_irqs_disabled(g));
	/* The first of each two runs queues it again, here. */
	if (++j->runs & 1)
		wrong_unless(the_machine, guest_work_queue(g, work) >= 0);
}

static void works_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	struct job *shared = m->arg;
	struct job own[CPUS] = { { .runs = 0 } };

	for (unsigned i = 0; i < CPUS; i++)
		own[i].work.fn = job_run;
	rendezvous(v, &m->arrived, CPUS);
	for (unsigned i = 0; i < WORKS; i++) {
		unsigned to = (cpu + i) % CPUS;

		wrong_unless(m, guest_work_queue_on(m->g, &own[to].work, to) >= 0);
		wrong_unless(m, guest_work_queue(m->g, &shared->work) >= 0);
	}
	/* What is on our stack must be done before we go. */
	for (unsigned i = 0; i < CPUS; i++) {
		wrong_unless(m, !guest_work_sync(m->g, &own[i].work));
		wrong_unless(m, own[i].runs >= 2 && own[i].runs <= 2 * WORKS);
	}
	wrong_unless(m, !guest_work_sync(m->g, &shared->work));
	rendezvous(v, &m->arrived, 2 * CPUS);
}

static void work_everywhere(void **state)
{
	struct job shared = { .work.fn = job_run };
	struct machine m = { .abi = abi_of(state), .run = works_run, .arg = &shared };
	struct guest_smp_counters counters;

	run_machine(&m, &(struct guest_smp_config){ 0 }, &counters);
	assert_in_range(shared.runs, 2, 2 * CPUS * WORKS);
	assert_settled(&counters);
	end_machine(&m);
}

/* ---- spin locks ------------------------------------------------------------------------------ */

#define TURNS 1500u

struct locks {
	struct guest_spinlock a, b;
	unsigned in_a, in_b; /* plain: under their locks */
	unsigned handlers[CPUS];
};

/* The handler comes while its CPU waits for `a` and waits for `b` itself. */
static void locks_reschedule(struct guest *g)
{
	struct locks *l = the_machine->arg;

	guest_spin_lock(g, &l->b);
	l->in_b++;
	guest_spin_unlock(g, &l->b);
	l->handlers[guest_this_cpu(g)]++;
}

static void locks_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	struct locks *l = m->arg;
	guest_flags_t flags;

	rendezvous(v, &m->arrived, CPUS);
	for (unsigned i = 0; i < TURNS; i++) {
		wrong_unless(m, !guest_smp_send_reschedule(m->g, (cpu + 1 + i % 3) % CPUS));
		guest_spin_lock(m->g, &l->a);
		l->in_a++;
		if (i % 8 == 0)
			sched_yield();
		guest_spin_unlock(m->g, &l->a);
		flags = guest_spin_lock_irqsave(m->g, &l->b);
		l->in_b++;
		if (i % 8 == 4)
			sched_yield();
		guest_spin_unlock_irqrestore(m->g, &l->b, flags);
	}
	rendezvous(v, &m->arrived, 2 * CPUS);
}

static void locks_of_blocking_waiters(void **state)
{
	struct locks l = { { 0 }, { 0 }, 0, 0, { 0 } };
	struct machine m = { .abi = abi_of(state), .run = locks_run, .arg = &l };
	struct guest_smp_counters c;
	unsigned handlers = 0;

	run_machine(&m,
		    &(struct guest_smp_config){ .reschedule = locks_reschedule, .spin_limit = 1 },
		    &c);
	for (unsigned i = 0; i < CPUS; i++)
		handlers += l.handlers[i];
	assert_int_equal(l.in_a, CPUS * TURNS);
	assert_int_equal(l.in_b, CPUS * TURNS + handlers);
	assert_int_equal(handlers, c.ipi[GUEST_IPI_RESCHEDULE].handled);
	assert_int_equal(CPUS * TURNS,
			 c.ipi[GUEST_IPI_RESCHEDULE].sent + c.ipi[GUEST_IPI_RESCHEDULE].merged);
	assert_settled(&c);
	assert_true(c.blocks > 0 && c.ipi[GUEST_IPI_SPIN].sent > 0);
	assert_int_equal(l.a.word, 0);
	assert_int_equal(l.b.word, 0);
	end_machine(&m);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void stop_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	struct guest_cpumask online, all = all_cpus();
	struct calls *c = m->arg;

	rendezvous(v, &m->arrived, CPUS);
	if (!cpu) {
		/* ten minutes: they stop when they stop */
		wrong_unless(m, guest_smp_stop_others(m->g, UINT64_C(600000000000)) == 0);
		guest_online_cpus(m->g, &online);
		wrong_unless(m, online.bits[0] == 1 && online.bits[1] == 0);
		wrong_unless(m, guest_smp_call_function_mask(m->g, &all, count_call, c, true) == 1);
		wrong_unless(m, guest_cpu_down(m->g, 1) == -XEN_EINVAL);
		wrong_unless(m, guest_cpu_up(m->g, 1) == -XEN_EBUSY);
		hv_domain_crash(testbed_hv_domain(m->d)); /* they leave */
		return;
	}
	for (;;) /* until they are stopped in here */
		gather(m, cpu);
}

static void all_others_stop(void **state)
{
	struct calls c = { 0 };
	struct machine m = { .abi = abi_of(state), .run = stop_run, .arg = &c };
	struct guest_smp_counters counters;

	run_machine(&m, &(struct guest_smp_config){ 0 }, &counters);
	assert_int_equal(counters.ipi[GUEST_IPI_STOP].handled, CPUS - 1);
	assert_int_equal(c.cpu[0].runs, 1);
	end_machine(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(calls_from_all_to_all), both(calls_while_a_cpu_comes_and_goes),
		both(work_everywhere),	     both(locks_of_blocking_waiters),
		both(all_others_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
