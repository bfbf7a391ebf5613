/* SPDX-License-Identifier: MIT */
/*
 * What the thread tests of a guest half with several CPUs share: a machine whose CPUs are brought
 * up by CPU 0, run what the test says, and go down when they are asked to. What they do is the
 * tests'.
 */
#ifndef CARILLON_TESTS_CPUS_H
#define CARILLON_TESTS_CPUS_H

#include "load.h"

#include <carillon/guest_smp.h>
#include <xen/vcpu.h>

#define CPUS 4u

struct machine {
	struct testbed *tb;
	struct testbed_domain *d;
	struct guest *g;
	enum guest_abi abi;
	void (*run)(struct machine *m, struct testbed_vcpu *v, unsigned cpu);
	void *arg;
	bool started[CPUS]; /* its thread; of who brings CPUs up */
	atomic_uint arrived;
	atomic_bool stop;
	atomic_uint wrong;
};

static struct machine *the_machine; /* the guest half's callbacks know only the guest */

static inline void wrong_unless(struct machine *m, bool ok)
{
	if (!ok)
		atomic_fetch_add(&m->wrong, 1);
}

/* A CPU's life, again and again: up, at its work, down when it is asked to. */
static inline void secondary(struct testbed_vcpu *v, void *arg)
{
	struct machine *m = arg;

	for (;;) {
		guest_cpu_started(m->g);
		guest_local_irq_enable(m->g);
		m->run(m, v, testbed_vcpu_id(v));
		if (guest_cpu_die(m->g))
			return; /* nobody asked: the test is over */
	}
}

static inline int start(struct guest *g, unsigned cpu)
{
	struct machine *m = the_machine;
	struct testbed_vcpu *self = testbed_vcpu(m->d, guest_this_cpu(g));

	if (m->started[cpu])
		return (int)testbed_call(self, __HYPERVISOR_vcpu_op, VCPUOP_up, cpu);
	m->started[cpu] = true;
	testbed_thread(testbed_vcpu(m->d, cpu), secondary, m);
	return 0;
}

static inline void boot_cpu(struct testbed_vcpu *v, void *arg)
{
	struct machine *m = arg;

	guest_local_irq_enable(m->g);
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		wrong_unless(m, !guest_cpu_up(m->g, cpu));
	m->run(m, v, 0);
}

static inline enum guest_abi abi_of(void **state)
{
	return *(enum guest_abi *)*state;
}

/* All CPUs up, `run` on each, until all are done; then the counters. */
static inline void run_machine(struct machine *m, const struct guest_smp_config *more,
			       struct guest_smp_counters *c)
{
	struct guest_smp_config cfg = *more;

	m->tb = testbed_create(TESTBED_THREADS);
	m->d = load_guest(m->tb, 1, CPUS, m->abi);
	m->g = testbed_guest(m->d);
	the_machine = m;
	cfg.start = start;
	assert_int_equal(guest_smp_init(m->g, &cfg), 0);
	testbed_thread(testbed_vcpu(m->d, 0), boot_cpu, m);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		testbed_join(testbed_vcpu(m->d, cpu));
	guest_smp_counters(m->g, c);
	assert_int_equal(atomic_load(&m->wrong), 0);
}

static inline void end_machine(struct machine *m)
{
	assert_int_equal(testbed_destroy(m->tb), 0);
	the_machine = NULL;
}

static inline void assert_settled(const struct guest_smp_counters *c)
{
	for (unsigned i = 0; i < GUEST_SMP_IPIS; i++)
		if (i != GUEST_IPI_SPIN)
			assert_int_equal(c->ipi[i].sent, c->ipi[i].handled);
	assert_int_equal(c->calls, c->calls_run);
	assert_int_equal(c->works, c->works_run);
	assert_int_equal(c->calls, c->ipi[GUEST_IPI_CALL].sent + c->ipi[GUEST_IPI_CALL].merged +
					   c->ipi[GUEST_IPI_CALL_SINGLE].sent +
					   c->ipi[GUEST_IPI_CALL_SINGLE].merged);
	assert_int_equal(c->works, c->ipi[GUEST_IPI_WORK].sent + c->ipi[GUEST_IPI_WORK].merged);
}

#endif
