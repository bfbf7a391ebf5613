/* SPDX-License-Identifier: MIT */
/*
 * Calling functions on other CPUs. A call is a node of the caller's, pushed on the queue of the
 * called one: lines that move are the queue's (to push, to take), the node's (to read), and the
 * node's again (to see it done). One node for each pair of CPUs is enough, since a caller does not
 * leave before its nodes are read; so nothing is allocated, and nothing is locked.
 */
#include "smp.h"

struct guest_smp_link *smp_take(struct guest_smp_link **head, bool close)
{
	struct guest_smp_link *link = xchg_sc(head, close ? SMP_CLOSED : NULL);
	struct guest_smp_link *first = NULL, *next;

	/* They are last come first. */
	for (; link && link != SMP_CLOSED; link = next) {
		next = load_relaxed(&link->next);
		store_relaxed(&link->next, first);
		first = link;
	}
	return first;
}

static void run_call(struct guest *g, struct smp_cpu *c, struct call_node *node)
{
	guest_call_fn fn = node->fn;
	void *arg = node->arg;
	bool wait = node->wait;

	/* From the release on the node is the caller's again: it may be in a queue at once. */
	if (!wait)
		store_release(&node->busy, 0u);
	c->serving++;
	fn(g, arg);
	c->serving--;
	smp_count(&c->counters.calls_run);
	if (wait)
		store_release(&node->busy, 0u);
}

void smp_run_calls(struct guest *g, struct smp_cpu *c, bool close)
{
	struct guest_smp_link *link = smp_take(&c->calls, close), *next;

	for (; link; link = next) {
		next = load_relaxed(&link->next);
		run_call(g, c, (struct call_node *)link);
	}
}

void smp_serve(struct guest *g)
{
	guest_flags_t flags;
	struct smp_cpu *c;

	cpu_pin(g);
	c = smp_this(g);
	if (load_relaxed(&c->calls)) {
		flags = guest_local_irq_save(g);
		if (load_relaxed(&c->calls) != SMP_CLOSED)
			smp_run_calls(g, c, false);
		guest_local_irq_restore(g, flags);
	}
	cpu_unpin(g);
}

/* A thread that is in none of these is not in one of another CPU's either if it is moved. */
bool smp_may_wait(const struct guest *g)
{
	const struct smp_cpu *c;
	bool may;

	cpu_pin(g);
	c = smp_this(g);
	may = !load_relaxed(&this_cpu(g)->in_upcall) && !c->serving && !c->calling;
	cpu_unpin(g);
	return may;
}

/* Answers whether it will be called. */
static bool post(struct guest *g, struct smp_cpu *me, unsigned cpu, const struct call_node *call,
		 enum guest_ipi ipi)
{
	struct call_node *node = &me->nodes[cpu];

	node->fn = call->fn;
	node->arg = call->arg;
	node->wait = call->wait;
	store_relaxed(&node->busy, 1u);
	if (smp_push_and_tell(g, cpu, &g->smp->cpu[cpu].calls, &node->link, ipi)) {
		store_relaxed(&node->busy, 0u);
		return false;
	}
	smp_count(&me->counters.calls);
	return true;
}

static void wait_for(struct guest *g, const struct call_node *node)
{
	/* Acquire: what fn wrote. */
	while (load_acquire(&node->busy)) {
		smp_serve(g);
		cpu_relax(g);
	}
}

static void call_here(struct guest *g, struct smp_cpu *me, const struct call_node *call)
{
	guest_flags_t flags = guest_local_irq_save(g);

	me->serving++;
	call->fn(g, call->arg);
	me->serving--;
	guest_local_irq_restore(g, flags);
}

/* Begin: this CPU, or NULL if it may not. The thread is pinned until call_end. */
static struct smp_cpu *call_begin(struct guest *g, guest_flags_t *flags)
{
	struct smp_cpu *me;

	cpu_pin(g);
	*flags = guest_local_irq_save(g);
	me = smp_this(g);
	if (!smp_may_wait(g)) {
		guest_local_irq_restore(g, *flags);
		cpu_unpin(g);
		return NULL;
	}
	me->calling = true;
	return me;
}

static void call_end(struct guest *g, struct smp_cpu *me)
{
	me->calling = false;
	cpu_unpin(g);
}

int guest_smp_call_function_mask(struct guest *g, const struct guest_cpumask *mask,
				 guest_call_fn fn, void *arg, bool wait)
{
	const struct call_node call = { .fn = fn, .arg = arg, .wait = wait };
	struct guest_cpumask called = { 0 };
	struct smp_cpu *me;
	guest_flags_t flags;
	unsigned cpu;
	int n = 0;

	if (!g->smp || !fn)
		return -XEN_EINVAL;
	me = call_begin(g, &flags);
	if (!me)
		return -XEN_EDEADLK;
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		if (cpu == me->nr || !guest_cpumask_test(mask, cpu) ||
		    !post(g, me, cpu, &call, GUEST_IPI_CALL))
			continue;
		guest_cpumask_set(&called, cpu);
		n++;
	}
	guest_local_irq_restore(g, flags);
	if (guest_cpumask_test(mask, me->nr)) {
		call_here(g, me, &call);
		n++;
	}
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		if (guest_cpumask_test(&called, cpu))
			wait_for(g, &me->nodes[cpu]);
	call_end(g, me);
	return n;
}

int guest_smp_call_function_single(struct guest *g, unsigned cpu, guest_call_fn fn, void *arg,
				   bool wait)
{
	const struct call_node call = { .fn = fn, .arg = arg, .wait = wait };
	struct smp_cpu *me;
	guest_flags_t flags;
	bool here, posted;

	if (!g->smp || !fn || cpu >= g->nr_cpus)
		return -XEN_EINVAL;
	me = call_begin(g, &flags);
	if (!me)
		return -XEN_EDEADLK;
	here = cpu == me->nr;
	posted = !here && post(g, me, cpu, &call, GUEST_IPI_CALL_SINGLE);
	guest_local_irq_restore(g, flags);
	if (here)
		call_here(g, me, &call);
	else if (posted)
		wait_for(g, &me->nodes[cpu]);
	call_end(g, me);
	return here || posted ? 0 : -XEN_ENXIO;
}

static void nothing(struct guest *g, void *arg)
{
	(void)g;
	(void)arg;
}

void smp_grace(struct guest *g)
{
	struct guest_cpumask all;
	unsigned i;

	for (i = 0; i < GUEST_MAX_CPUS / 64; i++)
		all.bits[i] = ~UINT64_C(0);
	(void)guest_smp_call_function_mask(g, &all, nothing, NULL, true);
}
