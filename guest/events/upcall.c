/* SPDX-License-Identifier: MIT */
/*
 * From the upcall to the IRQ: rounds until nothing is announced any more, and each port to its
 * descriptor. How a round finds the ports is the ABI's (two_level.c); what an IRQ does with an
 * event is its flow's (irq/flow.c).
 */
#include "events.h"

int events_init(struct guest *g)
{
	int rc;

	g->abi = &events_abi_2l;
	g->irqs.fixed = &events_fixed_ops;
	rc = table_init(g, &g->ports, g->abi->nr_ports);
	return rc ? rc : g->abi->init(g);
}

void events_fini(struct guest *g)
{
	if (g->abi)
		g->abi->fini(g);
	table_fini(g, &g->ports);
}

void guest_upcall(struct guest *g)
{
	struct guest_cpu *cpu = this_cpu(g);
	uint8_t *pending = &cpu->vcpu_info->evtchn_upcall_pending;
	bool inside = load_relaxed(&cpu->in_upcall);

	if (inside && !(g->abi->nestable && irq_may_nest(cpu))) {
		/* Cleared also here, or returning from this upcall would raise it again at once. */
		xchg_sc(pending, (uint8_t)0);
		store_relaxed(&cpu->upcall_again, true);
		return;
	}

	if (inside)
		count_one(&cpu->nested);
	store_relaxed(&cpu->in_upcall, true);
	cpu->nesting++;
	do {
		store_relaxed(&cpu->upcall_again, false);
		/*
		 * Before the selector is read. The hypervisor sets the selector, then
		 * upcall_pending, and kicks only if that was 0: cleared afterwards, it would
		 * swallow the announcement of an event which this round does not see.
		 */
		xchg_sc(pending, (uint8_t)0);
		g->abi->handle(g, cpu);
	} while (load_sc(pending) || load_relaxed(&cpu->upcall_again));
	cpu->nesting--;
	store_relaxed(&cpu->in_upcall, inside);
}

/*
 * No IRQ: mask it, so that it does not come again; it stays pending, for who may bind it. Looked up
 * once more under the lock, as another CPU may be binding or closing it at this moment: a port
 * masked after its first unmask would be deaf.
 */
static void dispatch_unbound(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port)
{
	struct irq_desc *desc;

	lock_acquire(g, &g->map_lock);
	desc = table_get(&g->ports, port);
	if (!desc && g->abi->mask(g, port))
		count_one(&cpu->spurious);
	lock_release(&g->map_lock);
	if (desc)
		irq_handle(g, desc, port);
}

void events_dispatch(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port)
{
	struct irq_desc *desc = table_get(&g->ports, port);

	if (desc)
		irq_handle(g, desc, port);
	else
		dispatch_unbound(g, cpu, port);
}
