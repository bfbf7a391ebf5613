/* SPDX-License-Identifier: MIT */
/*
 * CPUs that come and go: what is made for one before it starts, what it does at its beginning and
 * its end, what is taken away after it. One comes or goes at a time. How a vCPU is made to run is
 * the port's.
 */
#include "smp.h"

#include <xen/vcpu.h>

#include "../events/events.h"
#include "../mm/mm.h"

#define DEFAULT_SPIN_LIMIT 512u

static long vcpu_op(const struct guest *g, unsigned op, unsigned cpu)
{
	return hypercall(g, __HYPERVISOR_vcpu_op, op, cpu, 0);
}

unsigned guest_count_cpus(const struct guest_port_ops *ops, void *ctx, unsigned max)
{
	unsigned n = 1;

	while (n < max && n < GUEST_MAX_CPUS &&
	       ops->hypercall(ctx, __HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0, 0, 0) >= 0)
		n++;
	return n;
}

unsigned guest_this_cpu(const struct guest *g)
{
	return this_cpu(g)->nr;
}

bool guest_cpu_online(const struct guest *g, unsigned cpu)
{
	if (!g->smp)
		return cpu == 0;
	return cpu < g->nr_cpus && (load_acquire(&g->smp->online[cpu / 64]) >> cpu % 64 & 1);
}

void guest_online_cpus(const struct guest *g, struct guest_cpumask *out)
{
	unsigned i;

	for (i = 0; i < GUEST_MAX_CPUS / 64; i++)
		out->bits[i] = g->smp ? load_acquire(&g->smp->online[i]) : i == 0;
}

struct guest_topology guest_cpu_topology(const struct guest *g, unsigned cpu)
{
	(void)g;
	return (struct guest_topology){ .core = cpu };
}

/* ---- what a CPU has ----------------------------------------------------------------------- */

static size_t nodes_size(const struct guest *g)
{
	return g->nr_cpus * sizeof(struct call_node);
}

static int prepare(struct guest *g, struct smp_cpu *c)
{
	unsigned cpu;
	int rc;

	c->nodes = guest_alloc(g, nodes_size(g));
	if (!c->nodes)
		return -XEN_ENOMEM;
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		c->nodes[cpu].caller = c->nr;
	rc = smp_bind(g, c);
	if (rc) {
		guest_free(g, c->nodes, nodes_size(g));
		c->nodes = NULL;
	}
	return rc;
}

static void unprepare(struct guest *g, struct smp_cpu *c)
{
	smp_unbind(g, c);
	guest_free(g, c->nodes, nodes_size(g));
	c->nodes = NULL;
}

/* On the CPU itself. */
static void go_online(struct guest *g, struct smp_cpu *c)
{
	/* First: who finds a queue open must be able to tell us. Pairs with smp_push_and_tell. */
	store_sc(&c->raised, 0u);
	store_sc(&c->calls, (struct guest_smp_link *)NULL);
	store_sc(&c->works, (struct guest_smp_link *)NULL);
	fetch_or_sc(&g->smp->online[c->nr / 64], UINT64_C(1) << c->nr % 64);
}

void smp_close(struct guest *g, struct smp_cpu *c)
{
	uint32_t raised;
	unsigned ipi;

	fetch_and_sc(&g->smp->online[c->nr / 64], ~(UINT64_C(1) << c->nr % 64));
	smp_run_calls(g, c, true);
	smp_run_works(g, c, true);
	/* What is on the way arrives here; who comes after this is refused. */
	raised = fetch_or_sc(&c->raised, SMP_CLOSED_IPIS);
	for (ipi = 0; ipi < GUEST_SMP_IPIS; ipi++)
		if (raised & 1u << ipi)
			smp_count(&c->counters.ipi[ipi].handled);
}

/* ---- the beginning and the end of it all -------------------------------------------------- */

static size_t smp_size(const struct guest *g)
{
	return sizeof(struct smp) + g->nr_cpus * sizeof(struct smp_cpu);
}

static void init_cpu(struct smp_cpu *c, unsigned nr)
{
	unsigned level;

	c->nr = nr;
	c->calls = SMP_CLOSED;
	c->works = SMP_CLOSED;
	c->raised = SMP_CLOSED_IPIS;
	for (level = 0; level < SPIN_LEVELS; level++)
		c->spin[level].cpu = nr;
}

int guest_smp_init(struct guest *g, const struct guest_smp_config *cfg)
{
	struct smp *s;
	unsigned i;
	int rc;

	if (!cfg->start || this_cpu(g)->nr)
		return -XEN_EINVAL;
	if (g->smp)
		return -XEN_EEXIST;
	s = guest_alloc(g, smp_size(g));
	if (!s)
		return -XEN_ENOMEM;
	s->cfg = *cfg;
	if (!s->cfg.max_cpus || s->cfg.max_cpus > g->nr_cpus)
		s->cfg.max_cpus = g->nr_cpus;
	if (!s->cfg.spin_limit)
		s->cfg.spin_limit = DEFAULT_SPIN_LIMIT;
	for (i = 0; i < g->nr_cpus; i++)
		init_cpu(&s->cpu[i], i);
	g->smp = s;
	for (i = 0; i < g->nr_cpus; i++)
		g->cpus[i].inbox = &s->cpu[i];
	rc = prepare(g, &s->cpu[0]);
	if (rc) {
		smp_fini(g);
		return rc;
	}
	store_release(&s->cpu[0].state, (uint32_t)SMP_ONLINE);
	go_online(g, &s->cpu[0]);
	return 0;
}

int guest_smp_exit(struct guest *g)
{
	struct smp *s = g->smp;
	guest_flags_t flags;
	unsigned i;

	if (!s || this_cpu(g)->nr)
		return -XEN_EINVAL;
	for (i = 1; i < g->nr_cpus; i++)
		if (load_acquire(&s->cpu[i].state) != SMP_OFFLINE)
			return -XEN_EBUSY;
	flags = guest_local_irq_save(g);
	smp_close(g, &s->cpu[0]);
	guest_local_irq_restore(g, flags);
	unprepare(g, &s->cpu[0]);
	smp_fini(g);
	return 0;
}

/* Also of a guest whose CPUs stopped in the middle of something. */
void smp_fini(struct guest *g)
{
	unsigned i;

	if (!g->smp)
		return;
	for (i = 0; i < g->nr_cpus; i++)
		guest_free(g, g->smp->cpu[i].nodes, nodes_size(g));
	for (i = 0; i < g->nr_cpus; i++)
		g->cpus[i].inbox = NULL;
	guest_free(g, g->smp, smp_size(g));
	g->smp = NULL;
}

/* ---- up ----------------------------------------------------------------------------------- */

static bool is_down(const struct guest *g, const struct smp_cpu *c)
{
	return vcpu_op(g, VCPUOP_is_up, c->nr) <= 0;
}

/* 0, or why it is down again. */
static int wait_started(struct guest *g, struct smp_cpu *c)
{
	unsigned looks = 0;

	for (;;) {
		uint32_t state = load_acquire(&c->state);

		if (state == SMP_ONLINE)
			return 0;
		if (state == SMP_FAILED && is_down(g, c))
			return c->error;
		smp_serve(g, &looks);
	}
}

static int start(struct guest *g, struct smp_cpu *c)
{
	const struct guest_smp_config *cfg = &g->smp->cfg;
	int rc;

	/* Its first instruction must not be an upcall. */
	store_sc(&g->cpus[c->nr].vcpu_info->evtchn_upcall_mask, (uint8_t)1);
	store_release(&c->state, (uint32_t)SMP_STARTING);
	rc = cfg->start(g, c->nr);
	if (!rc) {
		rc = wait_started(g, c);
		if (rc && cfg->release)
			cfg->release(g, c->nr);
	}
	return rc;
}

static int cpu_up(struct guest *g, struct smp_cpu *c)
{
	uint32_t state = load_acquire(&c->state);
	int rc;

	if (state != SMP_OFFLINE)
		return state == SMP_ONLINE ? -XEN_EEXIST : -XEN_EBUSY;
	rc = cpu_info_init(g, &g->cpus[c->nr]);
	if (rc)
		return rc;
	rc = prepare(g, c);
	if (rc)
		return rc;
	rc = start(g, c);
	if (rc) {
		unprepare(g, c);
		store_release(&c->state, (uint32_t)SMP_OFFLINE);
	}
	return rc;
}

int guest_cpu_up(struct guest *g, unsigned cpu)
{
	struct smp *s = g->smp;
	int rc;

	if (!s || cpu >= s->cfg.max_cpus)
		return -XEN_EINVAL;
	if (!smp_may_wait(g))
		return -XEN_EDEADLK;
	if (xchg_acquire(&s->hotplug, 1u))
		return -XEN_EBUSY;
	rc = cpu_up(g, &s->cpu[cpu]);
	store_release(&s->hotplug, 0u);
	return rc;
}

void guest_cpu_started(struct guest *g)
{
	struct smp_cpu *c;
	int rc;

	for (;;) {
		c = smp_this(g);
		rc = guest_cpu_init(g);
		if (!rc)
			break;
		c->error = rc;
		store_release(&c->state, (uint32_t)SMP_FAILED);
		(void)vcpu_op(g, VCPUOP_down, c->nr);
	}
	(void)guest_stop_periodic_tick(g, c->nr);
	go_online(g, c);
	/* Pairs with wait_started. */
	store_release(&c->state, (uint32_t)SMP_ONLINE);
}

/* ---- down --------------------------------------------------------------------------------- */

bool guest_cpu_dying(const struct guest *g)
{
	return g->smp && load_acquire(&smp_this(g)->state) == SMP_DYING;
}

int guest_cpu_die(struct guest *g)
{
	struct smp_cpu *c;

	if (!guest_cpu_dying(g))
		return -XEN_EINVAL;
	if (!smp_may_wait(g))
		return -XEN_EDEADLK;
	guest_local_irq_disable(g);
	c = smp_this(g);
	/* First: who finds us closed counts on it. Pairs with guest_space_destroy. */
	mm_cpu_leave(g);
	smp_close(g, c);
	clock_cpu_die(g, this_cpu(g));
	/*
	 * Pairs with cpu_down, which takes things away when it sees this and that we are down.
	 * Nothing of ours but the stack is needed from here on.
	 */
	store_release(&c->state, (uint32_t)SMP_DEAD);
	while (vcpu_op(g, VCPUOP_down, c->nr) < 0)
		cpu_relax(g);
	return 0;
}

static int cpu_down(struct guest *g, struct smp_cpu *c)
{
	uint32_t online = SMP_ONLINE;
	guest_flags_t flags;
	unsigned looks = 0;

	/* Against guest_smp_stop_others, which may stop it in this moment. */
	if (!cas_sc(&c->state, &online, (uint32_t)SMP_DYING))
		return -XEN_EINVAL;
	/* Events disabled: it halts before it looks, and this wakes it, or it looks and sees. */
	flags = guest_local_irq_save(g);
	(void)smp_raise(g, c->nr, GUEST_IPI_RESCHEDULE);
	guest_local_irq_restore(g, flags);
	while (load_acquire(&c->state) != SMP_DEAD || !is_down(g, c)) {
		if (load_relaxed(&c->state) == SMP_STOPPED)
			return -XEN_EINVAL;
		smp_serve(g, &looks);
	}
	store_relaxed(&c->port[GUEST_IPI_SPIN], 0u);
	/* Now nobody is about to send to it any more, so what guest_cpu_dead leaves empty stays so.
	 */
	smp_grace(g);
	(void)guest_cpu_dead(g, c->nr);
	unprepare(g, c);
	if (g->smp->cfg.release)
		g->smp->cfg.release(g, c->nr);
	store_release(&c->state, (uint32_t)SMP_OFFLINE);
	return 0;
}

int guest_cpu_down(struct guest *g, unsigned cpu)
{
	struct smp *s = g->smp;
	int rc;

	if (!s || !cpu || cpu >= g->nr_cpus || cpu == guest_this_cpu(g))
		return -XEN_EINVAL;
	if (!smp_may_wait(g))
		return -XEN_EDEADLK;
	if (xchg_acquire(&s->hotplug, 1u))
		return -XEN_EBUSY;
	rc = cpu_down(g, &s->cpu[cpu]);
	store_release(&s->hotplug, 0u);
	return rc;
}
