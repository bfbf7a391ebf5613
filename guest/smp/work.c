/* SPDX-License-Identifier: MIT */
/*
 * Work: the caller's own structure, queued once until it begins, run in the upcall of the CPU that
 * was asked for. Its queue is like that of calls (smp.h).
 */
#include "smp.h"

#define QUEUED	0x1u
#define RUNNING 0x2u

static void run_work(struct guest *g, struct smp_cpu *c, struct guest_work *work)
{
	uint32_t running = RUNNING;

	/* Both at once: it may be queued again, here or elsewhere, from now on. */
	xchg_sc(&work->state, RUNNING);
	c->serving++;
	work->fn(g, work);
	c->serving--;
	smp_count(&c->counters.works_run);
	/*
	 * If it was queued again, it is that run's business. This is the last access: pairs with
	 * guest_work_sync, after which it may be freed.
	 */
	(void)cas_sc(&work->state, &running, 0u);
}

void smp_run_works(struct guest *g, struct smp_cpu *c, bool close)
{
	struct guest_smp_link *link = smp_take(&c->works, close), *next;

	for (; link; link = next) {
		next = load_relaxed(&link->next);
		run_work(g, c, (struct guest_work *)link);
	}
}

static int queue(struct guest *g, struct guest_work *work, unsigned cpu)
{
	int rc;

	/* If it was queued: run_work has still to take that mark away, and then sees our writes. */
	if (fetch_or_sc(&work->state, QUEUED) & QUEUED)
		return 1;
	rc = smp_push_and_tell(g, cpu, &g->smp->cpu[cpu].works, &work->link, GUEST_IPI_WORK);
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
