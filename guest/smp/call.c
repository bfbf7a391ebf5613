/* SPDX-License-Identifier: MIT */
/*
 * Calling functions on other CPUs. A call is a node of the caller's, pushed on the queue of the
 * called one: lines that move are the queue's (to push, to take), the node's (to read), and the
 * node's again (to see it done). One node for each pair of CPUs is enough, since a caller does not
 * leave before its nodes are read; so nothing is allocated, and nothing is locked.
 */
#include "smp.h"

#define NAP UINT64_C(100000) /* ns */

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

/* From the exchange on the node is the caller's again: it may be in a queue at once. */
static void done(struct guest *g, struct call_node *node)
{
	unsigned caller = node->caller;

	/* Release, and what the caller says when it goes to sleep: pairs with wait_for. */
	if (xchg_sc(&node->busy, (uint32_t)CALL_DONE) == CALL_SLEEPS)
		smp_kick(g, caller);
}

static void run_call(struct guest *g, struct smp_cpu *c, struct call_node *node)
{
	guest_call_fn fn = node->fn;
	void *arg = node->arg;
	bool wait = node->wait;

	if (!wait)
		done(g, node);
	c->serving++;
	fn(g, arg);
	c->serving--;
	smp_count(&c->counters.calls_run);
	if (wait)
		done(g, node);
}

void smp_run_calls(struct guest *g, struct smp_cpu *c, bool close)
{
	struct guest_smp_link *link = smp_take(&c->calls, close), *next;

	for (; link; link = next) {
		next = load_relaxed(&link->next);
		run_call(g, c, (struct call_node *)link);
	}
}

/* What has come to this CPU. The thread is pinned. */
static void serve(struct guest *g, struct smp_cpu *c)
{
	guest_flags_t flags;

	if (!load_relaxed(&c->calls))
		return;
	flags = guest_local_irq_save(g);
	if (load_relaxed(&c->calls) != SMP_CLOSED)
		smp_run_calls(g, c, false);
	guest_local_irq_restore(g, flags);
}

void smp_serve(struct guest *g, unsigned *looks)
{
	struct smp_cpu *c;
	bool disabled;

	cpu_pin(g);
	c = smp_this(g);
	serve(g, c);
	if (++*looks % g->smp->cfg.spin_limit == 0 && smp_kick_clear(g, c)) {
		/* Nobody will say when it is done: a nap, unless a call comes. */
		disabled = guest_irqs_disabled(g);
		if (disabled)
			smp_take_calls(g, c);
		smp_sleep(g, c, disabled, guest_clock(g) + NAP);
	}
	cpu_unpin(g);
	cpu_relax(g);
}

/* In a section, what is waited for may need what is queued. A thread that is in none of these is
 * not in one of another CPU's either if it is moved. */
bool smp_may_wait(const struct guest *g)
{
	const struct smp_cpu *c;
	bool may;

	cpu_pin(g);
	c = smp_this(g);
	may = !load_relaxed(&this_cpu(g)->in_upcall) && !c->serving && !c->calling &&
	      !batch_open(this_cpu(g));
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
	store_relaxed(&node->busy, (uint32_t)CALL_BUSY);
	if (smp_push_and_tell(g, cpu, &g->smp->cpu[cpu].calls, &node->link, ipi)) {
		store_relaxed(&node->busy, (uint32_t)CALL_DONE);
		return false;
	}
	smp_count(&me->counters.calls);
	return true;
}

/* With events disabled, calls to this CPU end the sleep too: their callers may be waited for. */
static void sleep_for(struct guest *g, struct smp_cpu *me, struct call_node *node)
{
	bool disabled = guest_irqs_disabled(g);
	uint32_t busy = CALL_BUSY;

	if (!smp_kick_clear(g, me))
		return;
	if (disabled)
		smp_take_calls(g, me);
	/* Pairs with done(). If we slept before and woke for nothing, it says so still. */
	if (cas_sc(&node->busy, &busy, (uint32_t)CALL_SLEEPS) || busy == CALL_SLEEPS)
		smp_sleep(g, me, disabled, 0);
}

static void wait_for(struct guest *g, struct smp_cpu *me, struct call_node *node)
{
	unsigned looks = 0;

	/* Acquire: what fn wrote. */
	while (load_acquire(&node->busy) != CALL_DONE) {
		serve(g, me);
		if (++looks % g->smp->cfg.spin_limit == 0)
			sleep_for(g, me, node);
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
	(void)guest_batch_begin(g);
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		if (cpu == me->nr || !guest_cpumask_test(mask, cpu) ||
		    !post(g, me, cpu, &call, GUEST_IPI_CALL))
			continue;
		guest_cpumask_set(&called, cpu);
		n++;
	}
	/* All IPIs by one trap, before anything is waited for. */
	(void)guest_batch_end(g, false);
	guest_local_irq_restore(g, flags);
	if (guest_cpumask_test(mask, me->nr)) {
		call_here(g, me, &call);
		n++;
	}
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		if (guest_cpumask_test(&called, cpu))
			wait_for(g, me, &me->nodes[cpu]);
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
		wait_for(g, me, &me->nodes[cpu]);
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
