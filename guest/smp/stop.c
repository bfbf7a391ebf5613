/* SPDX-License-Identifier: MIT */
/* Stopping all other CPUs at the end of a kernel. Taking one away for a while is cpu.c's. */
#include "smp.h"

#include <xen/vcpu.h>

#include "../mm/mm.h"

void smp_park(struct guest *g)
{
	struct smp_cpu *c;

	guest_local_irq_disable(g);
	c = smp_this(g);
	mm_cpu_leave(g);
	/* Whoever waits for a call of ours could not be stopped either. */
	smp_close(g, c);
	store_release(&c->state, (uint32_t)SMP_STOPPED);
	for (;;) {
		(void)hypercall(g, __HYPERVISOR_vcpu_op, VCPUOP_down, c->nr, 0);
		cpu_relax(g);
	}
}

/* Does it run, or will it? Not by who is online: it leaves those first, and stops after that. */
static bool runs(const struct smp_cpu *c)
{
	uint32_t state = load_acquire(&c->state);

	return state == SMP_STARTING || state == SMP_ONLINE || state == SMP_DYING;
}

/* Ask those that run, each once; one that was only starting refuses, and is asked again. */
static unsigned ask(struct guest *g, unsigned me, struct guest_cpumask *asked)
{
	guest_flags_t flags = guest_batch_begin(g);
	unsigned cpu, n = 0;

	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		if (cpu == me || !runs(&g->smp->cpu[cpu]))
			continue;
		n++;
		if (!guest_cpumask_test(asked, cpu) && !smp_raise(g, cpu, GUEST_IPI_STOP))
			guest_cpumask_set(asked, cpu);
	}
	/* Whatever else this CPU was about to do. */
	batch_flush(g);
	(void)guest_batch_end(g, flags);
	return n;
}

unsigned guest_smp_stop_others(struct guest *g, uint64_t timeout_ns)
{
	guest_flags_t flags;
	uint64_t end;
	struct guest_cpumask asked = { 0 };
	unsigned me, n;

	if (!g->smp)
		return 0;
	flags = guest_local_irq_save(g);
	me = this_cpu(g)->nr;
	if (xchg_acquire(&g->smp->stopper, 1u))
		smp_park(g);
	end = guest_clock(g) + timeout_ns;
	while ((n = ask(g, me, &asked)) && guest_clock(g) < end) {
		/* One may wait for a call of this CPU before it can look at its IPI. */
		if (!smp_this(g)->serving)
			smp_run_calls(g, smp_this(g), false);
		cpu_relax(g);
	}
	store_release(&g->smp->stopper, 0u);
	guest_local_irq_restore(g, flags);
	return n;
}
