/* SPDX-License-Identifier: MIT */
/*
 * The guest half with several CPUs, in one thread: what a CPU gets and what is taken from it, what
 * fails and is undone, ports that move with what is pending, refused calls, work, and interrupt
 * flags under a kernel that moves its threads. Many at once is tests/threads/test_smp.c's.
 */
#include <stdlib.h>

#include <carillon/guest_multicall.h>
#include <carillon/guest_smp.h>
#include <xen/vcpu.h>

#include "guests.h"

#define CPUS  4u
#define PORTS 7u /* of a CPU: six IPIs and a timer */

struct smp {
	struct testbed *tb;
	struct testbed_domain *d;
	struct guest *g;
	struct testbed_vcpu *v[CPUS];
	int start_answers;
	unsigned starts, releases, reschedules, ticks;
	bool initialised[40]; /* a vCPU's context was given, so VCPUOP_up is next */
	unsigned calls[CPUS], works[CPUS];
	void (*dying)(struct smp *m); /* just before a CPU goes */
};

static struct smp *the_smp; /* the guest half's callbacks know only the guest */

/* The kernel of a started CPU: it is there, and has its events enabled. */
static int start(struct guest *g, unsigned cpu)
{
	struct smp *m = the_smp;
	struct testbed_vcpu *v = testbed_vcpu(m->d, cpu), *before;
	int rc;

	m->starts++;
	if (m->start_answers)
		return m->start_answers;
	if (m->initialised[cpu])
		rc = (int)op_vcpu(testbed_vcpu(m->d, 0), VCPUOP_up, cpu, NULL, 0);
	else
		rc = testbed_vcpu_boot(v);
	if (rc)
		return rc;
	m->initialised[cpu] = true;
	before = testbed_on(v);
	assert_true(guest_irqs_disabled(g));
	guest_cpu_started(g);
	guest_local_irq_enable(g);
	testbed_on(before);
	return 0;
}

static void release(struct guest *g, unsigned cpu)
{
	(void)g;
	assert_int_equal(op_vcpu(the_smp->v[0], VCPUOP_is_up, cpu, NULL, 0), 0);
	the_smp->releases++;
}

static void reschedule(struct guest *g)
{
	(void)g;
	the_smp->reschedules++;
}

static enum guest_irqreturn tick(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	assert_null(dev);
	the_smp->ticks++;
	return GUEST_IRQ_HANDLED;
}

static const struct guest_smp_config config = {
	.start = start,
	.release = release,
	.reschedule = reschedule,
	.timer = tick,
	.max_cpus = 3,
};

/* What the other CPUs do while one waits: go, if they are asked to. */
static void meanwhile(void *arg)
{
	struct smp *m = arg;

	for (unsigned i = 1; i < CPUS; i++) {
		struct testbed_vcpu *before = testbed_on(m->v[i]);

		if (guest_cpu_dying(m->g)) {
			if (m->dying)
				m->dying(m);
			assert_rc(guest_cpu_die(m->g), 0);
		}
		testbed_on(before);
	}
}

static void make(struct smp *m, uint32_t max_port, enum guest_abi abi)
{
	struct testbed_domain_config cfg = guests_config(1, CPUS);

	memset(m, 0, sizeof(*m));
	the_smp = m;
	cfg.max_evtchn_port = max_port;
	cfg.abi = abi;
	m->tb = testbed_create(TESTBED_VIRTUAL);
	m->d = testbed_domain_create(m->tb, &cfg, NULL);
	assert_non_null(m->d);
	m->g = testbed_guest(m->d);
	for (unsigned i = 0; i < CPUS; i++)
		m->v[i] = testbed_vcpu(m->d, i);
	testbed_meanwhile(m->tb, meanwhile, m);
}

static int setup(void **state, enum guest_abi abi)
{
	struct smp *m = test_calloc(1, sizeof(*m));

	make(m, 0, abi);
	*state = m;
	assert_rc(guest_smp_init(m->g, &config), 0);
	guest_local_irq_enable(m->g);
	return 0;
}

static int setup_2l(void **state)
{
	return setup(state, GUEST_ABI_2L);
}

static int setup_fifo(void **state)
{
	return setup(state, GUEST_ABI_FIFO);
}

static int teardown(void **state)
{
	struct smp *m = *state;
	unsigned leaked;

	testbed_on(NULL);
	leaked = testbed_destroy(m->tb);
	test_free(m);
	return leaked != 0;
}

static unsigned open_ports(struct smp *m)
{
	unsigned n = 0;

	for (uint32_t port = 1; port < 64; port++)
		n += !strstr(op_status_text(m->v[0], SELF, port), "closed");
	return n;
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

static long three_vcpus(void *ctx, unsigned nr, uint64_t op, uint64_t cpu, uint64_t a2, uint64_t a3,
			uint64_t a4)
{
	(void)a2;
	(void)a3;
	(void)a4;
	assert_int_equal(nr, __HYPERVISOR_vcpu_op);
	assert_int_equal(op, VCPUOP_is_up);
	assert_true(cpu <= 3); /* and no further */
	++*(unsigned *)ctx;
	return cpu < 3 ? 0 : -XEN_ENOENT;
}

static void possible_cpus(void **state)
{
	const struct guest_port_ops ops = { .hypercall = three_vcpus };
	struct smp *m = *state;
	unsigned asked = 0;

	assert_int_equal(guest_count_cpus(&ops, &asked, GUEST_MAX_CPUS), 3);
	assert_int_equal(guest_count_cpus(&ops, &asked, 2), 2);
	asked = 0;
	assert_int_equal(guest_count_cpus(&ops, &asked, 0), 1);
	assert_int_equal(guest_count_cpus(&ops, &asked, 1), 1);
	assert_int_equal(asked, 0);
	for (unsigned i = 0; i < CPUS; i++) {
		struct guest_topology t = guest_cpu_topology(m->g, i);

		assert_int_equal(t.package, 0);
		assert_int_equal(t.core, i);
		assert_int_equal(t.thread, 0);
	}
}

static void init_and_exit(void **state)
{
	struct smp *m = *state;
	struct guest_smp_config none = config;

	assert_fails(guest_smp_init(m->g, &config), EEXIST);
	assert_int_equal(open_ports(m), PORTS);
	assert_rc(guest_smp_exit(m->g), 0);
	assert_int_equal(open_ports(m), 0);
	assert_fails(guest_smp_exit(m->g), EINVAL);
	assert_fails(guest_cpu_up(m->g, 1), EINVAL);
	assert_fails(guest_smp_send_reschedule(m->g, 0), EINVAL);
	none.start = NULL;
	assert_fails(guest_smp_init(m->g, &none), EINVAL);
	assert_true(guest_cpu_online(m->g, 0));
	assert_rc(guest_smp_init(m->g, &config), 0);
	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_fails(guest_smp_exit(m->g), EBUSY);
}

static void up_and_down(void **state)
{
	struct smp *m = *state;
	struct guest_cpumask online;
	unsigned blocks = 0;

	for (unsigned i = 0; i < 3; i++) {
		assert_rc(guest_cpu_up(m->g, 1), 0);
		assert_fails(guest_cpu_up(m->g, 1), EEXIST);
		guest_online_cpus(m->g, &online);
		assert_int_equal(online.bits[0], 3);
		assert_int_equal(open_ports(m), 2 * PORTS);
		assert_status(m->v[0], SELF, PORTS + 1, "ipi vcpu=1");
		assert_status(m->v[0], SELF, 2 * PORTS, "virq vcpu=1 virq=0");
		/* Its timer is its own, and its tick is off. */
		testbed_on(m->v[1]);
		assert_int_equal(guest_this_cpu(m->g), 1);
		assert_rc(guest_set_timer(m->g, guest_clock(m->g) + 1000), 0);
		testbed_on(NULL);
		m->ticks = 0;
		testbed_advance(m->tb, 100 * TESTBED_MS);
		assert_int_equal(m->ticks, 1);

		assert_rc(guest_cpu_down(m->g, 1), 0);
		assert_int_equal(op_vcpu(m->v[0], VCPUOP_is_up, 1, NULL, 0), 0);
		assert_false(guest_cpu_online(m->g, 1));
		assert_int_equal(open_ports(m), PORTS);
		assert_int_equal(m->releases, i + 1);
		/* IRQ descriptors stay for the next time. */
		if (i)
			assert_int_equal(testbed_blocks(m->tb), blocks);
		blocks = testbed_blocks(m->tb);
	}
	assert_fails(guest_cpu_down(m->g, 1), EINVAL);
	assert_fails(guest_cpu_down(m->g, 0), EINVAL);
	assert_fails(guest_cpu_down(m->g, CPUS), EINVAL);
	assert_fails(guest_cpu_up(m->g, 3), EINVAL); /* max_cpus */
	assert_fails(guest_cpu_up(m->g, 0), EEXIST);
	assert_fails(guest_cpu_die(m->g), EINVAL);
}

static void from_32_on(void **state)
{
	struct smp *m = *state;
	struct testbed_domain_config cfg = guests_config(2, 40);
	struct guest_smp_config all = config;
	struct testbed_domain *was = m->d;
	struct guest *g;

	cfg.nr_irqs = 0;
	all.max_cpus = 0;
	m->d = testbed_domain_create(m->tb, &cfg, NULL);
	g = testbed_guest(m->d);
	testbed_on(testbed_vcpu(m->d, 0));
	assert_rc(guest_smp_init(g, &all), 0);
	guest_local_irq_enable(g);
	assert_rc(guest_cpu_up(g, 35), 0);
	assert_rc(guest_smp_send_reschedule(g, 35), 0);
	testbed_run(m->tb);
	assert_int_equal(m->reschedules, 1);
	testbed_on(NULL);
	testbed_domain_destroy(m->d);
	m->d = was;
}

/* ---- what fails is undone -------------------------------------------------------------------- */

static void no_port_left(void **state)
{
	(void)state;
	for (unsigned left = 0; left <= PORTS; left++) {
		struct smp *m = test_calloc(1, sizeof(*m));
		void *self = m;
		unsigned blocks;

		make(m, PORTS + left, GUEST_ABI_2L);
		assert_rc(guest_smp_init(m->g, &config), 0);
		blocks = testbed_blocks(m->tb);
		if (left < PORTS) {
			assert_fails(guest_cpu_up(m->g, 1), ENOSPC);
			assert_int_equal(m->starts, 0);
			assert_int_equal(open_ports(m), PORTS);
			/* descriptors of IRQs are kept for the next, no more than were needed */
			assert_in_range(testbed_blocks(m->tb) - blocks, 0, 2 * (left + 1));
			assert_fails(guest_smp_call_function_single(m->g, 1, NULL, NULL, true),
				     EINVAL);
			blocks = testbed_blocks(m->tb);
			assert_fails(guest_cpu_up(m->g, 1), ENOSPC);
			assert_int_equal(testbed_blocks(m->tb), blocks);
		} else {
			assert_rc(guest_cpu_up(m->g, 1), 0);
		}
		assert_int_equal(teardown(&self), 0);
	}
	/* CPU 0's own */
	for (unsigned left = 1; left < PORTS; left++) {
		struct smp *m = test_calloc(1, sizeof(*m));
		void *self = m;

		make(m, left, GUEST_ABI_2L);
		assert_fails(guest_smp_init(m->g, &config), ENOSPC);
		assert_int_equal(open_ports(m), 0);
		assert_fails(guest_cpu_up(m->g, 1), EINVAL);
		assert_int_equal(teardown(&self), 0);
	}
}

static void no_start(void **state)
{
	struct smp *m = *state;
	unsigned blocks;

	assert_rc(guest_cpu_up(m->g, 1), 0); /* so that descriptors are there */
	assert_rc(guest_cpu_down(m->g, 1), 0);
	blocks = testbed_blocks(m->tb);
	m->start_answers = -XEN_EIO;
	assert_fails(guest_cpu_up(m->g, 1), EIO);
	assert_int_equal(testbed_blocks(m->tb), blocks);
	assert_int_equal(open_ports(m), PORTS);
	assert_int_equal(m->releases, 1); /* start has undone its own */
	assert_false(guest_cpu_online(m->g, 1));
	m->start_answers = 0;
	assert_rc(guest_cpu_up(m->g, 1), 0);
}

/* ---- ports of a CPU that goes ---------------------------------------------------------------- */

static evtchn_port_t tx;

static void send_late(struct smp *m)
{
	/* The dying CPU takes it, or leaves it pending: it has its events enabled still. */
	guest_local_irq_disable(m->g);
	assert_rc(guest_notify_port(m->g, tx), 0);
}

static unsigned cpu_of(struct smp *m, evtchn_port_t port)
{
	struct evtchn_status s;

	assert_rc(op_status(m->v[0], SELF, port, &s), 0);
	return s.vcpu;
}

static void ports_move(void **state)
{
	struct smp *m = *state;
	struct record r = RECORD;
	evtchn_port_t rx = (evtchn_port_t)guest_alloc_unbound(m->g, SELF);
	unsigned irq;

	assert_rc(guest_cpu_up(m->g, 1), 0);
	irq = (unsigned)guest_bind_interdomain_to_irq(m->g, SELF, rx);
	tx = guest_irq_port(m->g, irq);
	assert_rc(op_bind_vcpu(m->v[0], rx, 1), 0);
	irq = (unsigned)guest_bind_evtchn_to_irqhandler(m->g, rx, record_run, 0, "rx", &r);
	assert_true((int)irq > 0);
	assert_rc(guest_notify_port(m->g, tx), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);

	m->dying = send_late;
	assert_rc(guest_cpu_down(m->g, 1), 0);
	assert_int_equal(r.runs, 2); /* on this CPU, before guest_cpu_down returned */
	assert_int_equal(cpu_of(m, rx), 0);
	assert_rc(guest_notify_port(m->g, tx), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 3);

	/* It stays here when the CPU comes back; a disabled one moves disabled. */
	m->dying = NULL;
	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_int_equal(cpu_of(m, rx), 0);
	assert_rc(guest_unbind_from_irqhandler(m->g, irq, &r), 0);
}

static void a_disabled_one_moves_disabled(void **state)
{
	struct smp *m = *state;
	struct record r = RECORD;
	evtchn_port_t rx = (evtchn_port_t)guest_alloc_unbound(m->g, SELF);
	unsigned other = (unsigned)guest_bind_interdomain_to_irq(m->g, SELF, rx), irq;

	assert_rc(guest_cpu_up(m->g, 2), 0);
	assert_rc(op_bind_vcpu(m->v[0], rx, 2), 0);
	irq = (unsigned)guest_bind_evtchn_to_irqhandler(m->g, rx, record_run, 0, "rx", &r);
	assert_rc(guest_disable_irq(m->g, irq), 0);
	assert_rc(guest_notify_irq(m->g, other), 0);
	assert_rc(guest_cpu_down(m->g, 2), 0);
	assert_int_equal(r.runs, 0);
	assert_rc(guest_enable_irq(m->g, irq), 0);
	assert_int_equal(r.runs, 1);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void count(struct guest *g, void *arg)
{
	assert_ptr_equal(arg, &tx);
	assert_true(guest_irqs_disabled(g));
	the_smp->calls[guest_this_cpu(g)]++;
}

static void call_back(struct guest *g, void *arg)
{
	count(g, arg);
	assert_fails(guest_smp_call_function_single(g, 0, count, arg, false), EDEADLK);
	assert_fails(guest_cpu_up(g, 2), EDEADLK);
	assert_fails(guest_cpu_down(g, guest_this_cpu(g) == 1 ? 2 : 1), EDEADLK);
}

static void in_handler(struct guest *g, unsigned irq, struct record *r)
{
	const struct guest_cpumask all = { { 7 } };

	(void)irq;
	(void)r;
	assert_fails(guest_smp_call_function_mask(g, &all, count, &tx, false), EDEADLK);
	assert_fails(guest_smp_call_function_single(g, 0, count, &tx, true), EDEADLK);
}

static void calls(void **state)
{
	const struct guest_cpumask all = { { ~UINT64_C(0), ~UINT64_C(0) } }, one = { { 2 } };
	struct smp *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = in_handler };
	struct guest_batch_counters before, after;
	struct guest_smp_counters c;
	int irq;

	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_rc(guest_cpu_up(m->g, 2), 0);
	guest_batch_counters(m->g, &before);
	assert_rc(guest_smp_call_function_mask(m->g, &all, count, &tx, true), 3);
	guest_batch_counters(m->g, &after);
	assert_int_equal(after.calls, before.calls + 2); /* two IPIs by one trap */
	assert_int_equal(after.traps, before.traps + 1);
	assert_rc(guest_smp_call_function_mask(m->g, &one, call_back, &tx, false), 1);
	assert_rc(guest_smp_call_function_single(m->g, 0, call_back, &tx, true), 0);
	assert_rc(guest_smp_call_function_single(m->g, 2, call_back, &tx, true), 0);
	assert_fails(guest_smp_call_function_single(m->g, 3, count, &tx, true), ENXIO);
	assert_fails(guest_smp_call_function_single(m->g, CPUS, count, &tx, true), EINVAL);
	assert_fails(guest_smp_call_function_mask(m->g, &all, NULL, NULL, true), EINVAL);
	assert_int_equal(m->calls[0], 2);
	assert_int_equal(m->calls[1], 2);
	assert_int_equal(m->calls[2], 2);

	irq = guest_bind_ipi_to_irqhandler(m->g, GUEST_SMP_IPIS, 0, record_run, 0, "own", &r);
	assert_true(irq > 0);
	assert_rc(guest_notify_irq(m->g, (unsigned)irq), 0);
	assert_int_equal(r.runs, 1);

	/* With events disabled: the callers' waits are what serves, and the flags stay. */
	guest_local_irq_disable(m->g);
	assert_rc(guest_smp_call_function_mask(m->g, &all, count, &tx, true), 3);
	assert_true(guest_irqs_disabled(m->g));
	guest_local_irq_enable(m->g);
	assert_rc(guest_cpu_down(m->g, 2), 0);
	assert_rc(guest_smp_call_function_mask(m->g, &all, count, &tx, true), 2);
	assert_int_equal(m->calls[2], 3);

	testbed_run(m->tb);
	guest_smp_counters(m->g, &c);
	assert_int_equal(c.calls, c.calls_run);
	for (unsigned i = 0; i < GUEST_IPI_SPIN; i++)
		assert_int_equal(c.ipi[i].sent, c.ipi[i].handled);
}

static void reschedules(void **state)
{
	struct smp *m = *state;
	struct guest_smp_counters c;

	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_int_equal(m->reschedules, 1);
	guest_local_irq_disable(m->g);
	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_int_equal(m->reschedules, 1);
	guest_local_irq_enable(m->g);
	assert_int_equal(m->reschedules, 2);
	guest_smp_counters(m->g, &c);
	assert_int_equal(c.ipi[GUEST_IPI_RESCHEDULE].sent, 2);
	assert_int_equal(c.ipi[GUEST_IPI_RESCHEDULE].merged, 2);
	assert_int_equal(c.ipi[GUEST_IPI_RESCHEDULE].handled, 2);
	assert_fails(guest_smp_send_reschedule(m->g, 1), ENXIO);
	assert_fails(guest_smp_send_reschedule(m->g, CPUS), EINVAL);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void work_fn(struct guest *g, struct guest_work *work)
{
	assert_true(guest_irqs_disabled(g));
	/* The first time once more: it is not queued while it runs. */
	if (!the_smp->works[guest_this_cpu(g)]++)
		assert_rc(guest_work_queue(g, work), 0);
	assert_fails(guest_work_sync(g, work), EDEADLK);
}

static void work(void **state)
{
	struct smp *m = *state;
	struct guest_work w = { .fn = work_fn }, no = { .fn = NULL };

	guest_local_irq_disable(m->g);
	assert_rc(guest_work_queue(m->g, &w), 0);
	assert_rc(guest_work_queue(m->g, &w), 1);
	assert_int_equal(m->works[0], 0);
	assert_fails(guest_work_sync(m->g, &w), EDEADLK);
	guest_local_irq_enable(m->g);
	assert_int_equal(m->works[0], 2);
	assert_rc(guest_work_sync(m->g, &w), 0);

	assert_fails(guest_work_queue_on(m->g, &w, 1), ENXIO);
	assert_rc(guest_work_sync(m->g, &w), 0); /* refused, so free */
	assert_fails(guest_work_queue_on(m->g, &w, CPUS), EINVAL);
	assert_fails(guest_work_queue(m->g, &no), EINVAL);
	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_rc(guest_work_queue_on(m->g, &w, 1), 0);
	assert_rc(guest_work_sync(m->g, &w), 0);
	assert_int_equal(m->works[1], 2);
	/* What a CPU is asked for before it goes is done. */
	assert_rc(guest_work_queue_on(m->g, &w, 1), 0);
	assert_rc(guest_cpu_down(m->g, 1), 0);
	assert_int_equal(m->works[1], 3);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void locks(void **state)
{
	struct smp *m = *state;
	struct guest_spinlock l = { 0 };
	guest_flags_t flags;

	guest_spin_lock(m->g, &l);
	assert_false(guest_spin_trylock(m->g, &l));
	guest_spin_unlock(m->g, &l);
	assert_int_equal(l.word, 0);
	assert_true(guest_spin_trylock(m->g, &l));
	guest_spin_unlock(m->g, &l);
	flags = guest_spin_lock_irqsave(m->g, &l);
	assert_true(flags);
	assert_true(guest_irqs_disabled(m->g));
	assert_false(guest_spin_lock_irqsave(m->g, &(struct guest_spinlock){ 0 }));
	guest_spin_unlock_irqrestore(m->g, &l, flags);
	assert_false(guest_irqs_disabled(m->g));
}

/* ---- the domain was saved and restored ------------------------------------------------------- */

static void resumed(void **state)
{
	struct guest_work w = { .fn = work_fn };
	struct smp *m = *state;

	/* With what was on the way, which Xen has forgotten. */
	guest_local_irq_disable(m->g);
	assert_rc(guest_work_queue(m->g, &w), 0);
	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_rc(op_reset(m->v[0], SELF), 0);
	assert_rc(guest_resume(m->g), 0);
	assert_int_equal(m->works[0], 1);
	guest_local_irq_enable(m->g);
	assert_int_equal(m->works[0], 2); /* it had queued itself, by an IPI on a new port */
	assert_rc(guest_smp_send_reschedule(m->g, 0), 0);
	assert_int_equal(m->reschedules, 2);
	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_rc(guest_smp_call_function_single(m->g, 1, count, &tx, true), 0);
	assert_int_equal(m->calls[1], 1);
}

/* ---- flags of a thread that is moved whenever it can be -------------------------------------- */

struct mover {
	struct shared_info *shared;
	unsigned cpu, pins, moves;
};

static unsigned mover_cpu(void *ctx)
{
	struct mover *m = ctx;
	unsigned cpu = m->cpu;

	/* Not pinned and its CPU's events enabled: at once after we have said where it is. */
	if (!m->pins && !m->shared->vcpu_info[cpu].evtchn_upcall_mask) {
		m->cpu = !cpu;
		m->moves++;
	}
	return cpu;
}

static void mover_pin(void *ctx)
{
	((struct mover *)ctx)->pins++;
}

static void mover_unpin(void *ctx)
{
	struct mover *m = ctx;

	assert_true(m->pins > 0);
	m->pins--;
	(void)mover_cpu(ctx); /* and here */
}

static long mover_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			    uint64_t a3, uint64_t a4)
{
	(void)ctx;
	(void)nr;
	(void)a0;
	(void)a1;
	(void)a2;
	(void)a3;
	(void)a4;
	return 0;
}

static void *mover_alloc(void *ctx, size_t size)
{
	void *p = aligned_alloc(size % 4096 ? 64 : 4096, (size + 63) / 64 * 64);

	(void)ctx;
	return memset(p, 0, size);
}

static void mover_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

static uint64_t mover_cycles(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct guest_port_ops mover_ops = {
	.hypercall = mover_hypercall,
	.this_cpu = mover_cpu,
	.alloc = mover_alloc,
	.free = mover_free,
	.cycles = mover_cycles,
	.pin = mover_pin,
	.unpin = mover_unpin,
};

static void flags_of_a_moved_thread(void **state)
{
	struct mover m = { .shared = aligned_alloc(4096, 4096) };
	struct guest_port_ops half = mover_ops;
	struct guest_config cfg = { .shared_info = m.shared, .nr_cpus = 2 };
	struct vcpu_info *info = m.shared->vcpu_info;
	struct guest *g;

	(void)state;
	memset(m.shared, 0, 4096);
	info[0].evtchn_upcall_mask = 1;
	half.unpin = NULL;
	assert_fails(guest_create(&g, &half, &m, &cfg), EINVAL);
	assert_rc(guest_create(&g, &mover_ops, &m, &cfg), 0);
	info[0].evtchn_upcall_mask = 0;
	for (unsigned i = 0; i < 100; i++) {
		guest_flags_t flags;

		if (i & 1) {
			flags = guest_local_irq_save(g);
		} else {
			guest_local_irq_disable(g);
			flags = true;
		}
		assert_true(flags);
		/* The CPU that it is on is the one that is masked, and no other. */
		assert_int_equal(info[m.cpu].evtchn_upcall_mask, 1);
		assert_int_equal(info[!m.cpu].evtchn_upcall_mask, 0);
		assert_true(guest_irqs_disabled(g));
		assert_false(guest_local_irq_save(g));
		guest_local_irq_restore(g, false);
		assert_true(guest_irqs_disabled(g));
		guest_local_irq_restore(g, flags);
		assert_int_equal(info[0].evtchn_upcall_mask, 0);
		assert_int_equal(info[1].evtchn_upcall_mask, 0);
		assert_false(guest_irqs_disabled(g));
	}
	assert_true(m.moves >= 100);
	assert_int_equal(m.pins, 0);
	m.pins++; /* destroying asks nobody where it is */
	guest_destroy(g);
	free(m.shared);
}

#define smp_test(f)                                         \
	{ #f " (2l)", f, setup_2l, teardown, NULL },        \
	{                                                   \
#f " (fifo)", f, setup_fifo, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		smp_test(possible_cpus),
		smp_test(init_and_exit),
		smp_test(up_and_down),
		smp_test(from_32_on),
		cmocka_unit_test(no_port_left),
		smp_test(no_start),
		smp_test(ports_move),
		smp_test(a_disabled_one_moves_disabled),
		smp_test(calls),
		smp_test(reschedules),
		smp_test(work),
		smp_test(locks),
		smp_test(resumed),
		cmocka_unit_test(flags_of_a_moved_thread),
	};

	return cmocka_run_group_tests_name("guest_smp", tests, NULL, NULL);
}
