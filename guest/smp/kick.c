/* SPDX-License-Identifier: MIT */
/*
 * Sleeping until somebody says so: each CPU has a port that is masked, never handled, and nothing
 * but a bit that SCHEDOP_poll waits for. Who sleeps here and why: spinlock.c, call.c.
 *
 * Why no wake-up is lost. Who sleeps (1) clears the bit, (2) says that it sleeps, unless it finds
 * that it need not, (3) polls. Who wakes (1) gives what is waited for, and sees in the same step
 * whether the other said so, then (2) sends. All of that is sequentially consistent: if the
 * sleeper's 2 is before the waker's 1, the send comes after the clear, and the poll finds it or is
 * woken by it; else the sleeper sees that it need not. Waking for nothing only costs another look.
 *
 * A handler that comes between a sleeper's 1 and 3 and sleeps itself clears the same bit, perhaps
 * of a send that was meant for the sleeper below. So it leaves the bit set when it goes
 * (smp_kick_again).
 */
#include "smp.h"

#include <xen/sched.h>

#include "../events/events.h"

void smp_kick(struct guest *g, unsigned cpu)
{
	guest_flags_t flags = guest_local_irq_save(g);
	struct smp_cpu *me = smp_this(g);
	evtchn_port_t port = load_acquire(&g->smp->cpu[cpu].port[GUEST_IPI_SPIN]);

	if (port) {
		smp_count(&me->counters.ipi[GUEST_IPI_SPIN].sent);
		(void)guest_notify_port(g, port);
	}
	guest_local_irq_restore(g, flags);
}

bool smp_kick_clear(struct guest *g, struct smp_cpu *c)
{
	guest_flags_t flags;

	if (!c->port[GUEST_IPI_SPIN])
		return false;
	flags = guest_local_irq_save(g);
	c->kick_cleared = true;
	g->abi->clear_pending(g, c->port[GUEST_IPI_SPIN]);
	guest_local_irq_restore(g, flags);
	return true;
}

void smp_kick_again(struct guest *g, const struct smp_cpu *c, unsigned level)
{
	if ((level || c->calling) && c->kick_cleared)
		smp_kick(g, c->nr);
}

void smp_sleep(struct guest *g, struct smp_cpu *c, bool calls, uint64_t until)
{
	evtchn_port_t ports[] = { c->port[GUEST_IPI_SPIN], c->port[GUEST_IPI_CALL],
				  c->port[GUEST_IPI_CALL_SINGLE] };
	struct sched_poll op = { .nr_ports = calls ? 3 : 1,
				 .timeout = until,
				 .ports = hypercall_arg(ports) };

	smp_count(&c->counters.blocks);
	(void)hypercall(g, __HYPERVISOR_sched_op, SCHEDOP_poll, hypercall_arg(&op), 0);
}
