/* SPDX-License-Identifier: MIT */
/* Stopping all other CPUs at the end of a kernel. Taking one away for a while is cpu.c's. */
#include "smp.h"

#include <xen/vcpu.h>

void smp_park(struct guest *g)
{
	struct smp_cpu *c;

	guest_local_irq_disable(g);
	c = smp_this(g);
	/* Whoever waits for a call of ours could not be stopped either. */
	smp_close(g, c);
	store_release(&c->state, (uint32_t)SMP_STOPPED);
	for (;;) {
		(void)hypercall(g, __HYPERVISOR_vcpu_op, VCPUOP_down, c->nr, 0);
		cpu_relax(g);
	}
}

static unsigned left(const struct guest *g, unsigned me)
{
	unsigned cpu, n = 0;

	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		if (cpu != me && guest_cpu_online(g, cpu))
			n++;
	return n;
}

unsigned guest_smp_stop_others(struct guest *g, uint64_t timeout_ns)
{
	guest_flags_t flags;
	uint64_t end;
	unsigned cpu, me, n;

	if (!g->smp)
		return 0;
	flags = guest_local_irq_save(g);
	me = this_cpu(g)->nr;
	if (xchg_acquire(&g->smp->stopper, 1u))
		smp_park(g);
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		if (cpu != me)
			(void)smp_raise(g, cpu, GUEST_IPI_STOP);
	end = guest_clock(g) + timeout_ns;
	while ((n = left(g, me)) && guest_clock(g) < end) {
		/* One may wait for a call of this CPU before it can look at its IPI. */
		if (!smp_this(g)->serving)
			smp_run_calls(g, smp_this(g), false);
		cpu_relax(g);
	}
	store_release(&g->smp->stopper, 0u);
	guest_local_irq_restore(g, flags);
	return n;
}
