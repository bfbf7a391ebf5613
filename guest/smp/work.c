/* SPDX-License-Identifier: MIT */
/*
 * Work: the caller's own structure, queued once until it begins, run in the upcall of the CPU that
 * was asked for, never twice at once. Its queue is like that of calls (smp.h).
 *
 * Who sets QUEUED has the claim: it pushes the work, unless that is running. Then it leaves where
 * to (cpu, and HANDED after it), and whoever of the two is later pushes: the one that runs it looks
 * for HANDED as it takes RUNNING away, the other looks for RUNNING as it sets HANDED.
 */
#include "smp.h"

#define QUEUED	0x1u
#define RUNNING 0x2u
#define HANDED	0x4u

static int push(struct guest *g, struct guest_work *work, unsigned cpu)
{
	return smp_push_and_tell(g, cpu, &g->smp->cpu[cpu].works, &work->link, GUEST_IPI_WORK);
}

static void run_work(struct guest *g, struct smp_cpu *c, struct guest_work *work)
{
	uint32_t old;

	do {
		/* The claim is over: it may be queued again from now on. */
		xchg_sc(&work->state, RUNNING);
		c->serving++;
		work->fn(g, work);
		c->serving--;
		smp_count(&c->counters.works_run);
		/*
		 * The last access, unless we are to push it: pairs with guest_work_sync, after
		 * which it may be freed.
		 */
		old = fetch_and_sc(&work->state, ~RUNNING);
		/* If the CPU has gone since it was promised, then here. */
	} while ((old & HANDED) && push(g, work, work->cpu));
}

static struct guest_work *work_of(struct guest_smp_link *link)
{
	return (struct guest_work *)(void *)((char *)link - offsetof(struct guest_work, link));
}

void smp_run_works(struct guest *g, struct smp_cpu *c, bool close)
{
	struct guest_smp_link *link = smp_take(&c->works, close), *next;

	for (; link; link = next) {
		next = load_relaxed(&link->next);
		run_work(g, c, work_of(link));
	}
}

/* We have the claim, and it runs. */
static int hand_over(struct guest *g, struct guest_work *work, unsigned cpu)
{
	if (load_sc(&g->smp->cpu[cpu].works) == SMP_CLOSED)
		return -XEN_ENXIO;
	work->cpu = cpu;
	if (fetch_or_sc(&work->state, HANDED) & RUNNING)
		return 0;
	fetch_and_sc(&work->state, ~HANDED);
	return push(g, work, cpu);
}

static int queue(struct guest *g, struct guest_work *work, unsigned cpu)
{
	uint32_t old = fetch_or_sc(&work->state, QUEUED);
	int rc;

	/* Then run_work has still to take that mark away, and sees our writes. */
	if (old & QUEUED)
		return 1;
	rc = old & RUNNING ? hand_over(g, work, cpu) : push(g, work, cpu);
	if (rc)
		fetch_and_sc(&work->state, ~QUEUED);
	else
		smp_count(&smp_this(g)->counters.works);
	return rc;
}

int guest_work_queue_on(struct guest *g, struct guest_work *work, unsigned cpu)
{
	guest_flags_t flags;
	int rc;

	if (!g->smp || !work->fn || cpu >= g->nr_cpus)
		return -XEN_EINVAL;
	flags = guest_local_irq_save(g);
	rc = queue(g, work, cpu);
	guest_local_irq_restore(g, flags);
	return rc;
}

int guest_work_queue(struct guest *g, struct guest_work *work)
{
	guest_flags_t flags;
	int rc;

	if (!g->smp || !work->fn)
		return -XEN_EINVAL;
	flags = guest_local_irq_save(g);
	rc = queue(g, work, this_cpu(g)->nr);
	guest_local_irq_restore(g, flags);
	return rc;
}

int guest_work_sync(struct guest *g, const struct guest_work *work)
{
	unsigned looks = 0;

	if (!g->smp)
		return -XEN_EINVAL;
	if (!smp_may_wait(g) || guest_irqs_disabled(g))
		return -XEN_EDEADLK;
	while (load_acquire(&work->state))
		smp_serve(g, &looks);
	return 0;
}
