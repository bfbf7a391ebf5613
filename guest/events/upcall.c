/* SPDX-License-Identifier: MIT */
/*
 * The choice of the ABI, and from the upcall to the IRQ: rounds until nothing is announced any
 * more, and each port to its descriptor. How a round finds the ports is the ABI's (two_level.c,
 * fifo.c), which try the quick way first (irq/quick.h); what an IRQ does with an event otherwise is
 * its flow's (irq/flow.c).
 */
#include "events.h"

static int start_abi(struct guest *g, const struct events_abi *abi)
{
	int rc;

	g->abi = abi;
	rc = abi->init(g);
	if (rc) {
		abi->fini(g);
		g->abi = NULL;
	}
	return rc;
}

static bool may_be_fifo(const struct guest *g)
{
	return g->abi_wanted != GUEST_ABI_2L && g->ops->frame_of;
}

int events_choose_abi(struct guest *g)
{
	int rc = may_be_fifo(g) ? start_abi(g, &events_abi_fifo) : -XEN_EINVAL;

	if (!rc || g->abi_wanted == GUEST_ABI_FIFO)
		return rc;
	return start_abi(g, &events_abi_2l);
}

int events_init(struct guest *g, enum guest_abi wanted)
{
	unsigned ports;
	int rc;

	g->abi_wanted = wanted;
	g->irqs.fixed = &events_fixed_ops;
	ports = may_be_fifo(g) ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
	rc = table_init(g, &g->ports, ports, TABLE_POINTERS);
	if (!rc)
		rc = table_init(g, &g->lines, ports, LINES_PAGE);
	return rc ? rc : events_choose_abi(g);
}

void events_fini(struct guest *g)
{
	if (g->abi)
		g->abi->fini(g);
	table_fini(g, &g->lines);
	table_fini(g, &g->ports);
}

void guest_upcall(struct guest *g)
{
	struct guest_cpu *cpu = this_cpu(g);
	uint8_t *pending = &cpu->vcpu_info->evtchn_upcall_pending;
	bool inside = load_relaxed(&cpu->in_upcall);
	bool outer = load_relaxed(&cpu->may_nest);

	if (inside && !irq_may_nest(cpu)) {
		/* Cleared also here, or returning from this upcall would raise it again at once. */
		xchg_sc(pending, (uint8_t)0);
		store_relaxed(&cpu->upcall_again, true);
		return;
	}

	if (inside)
		count_one(&cpu->nested);
	store_relaxed(&cpu->in_upcall, true);
	/* Of the handler that was interrupted; those of this upcall have their own. */
	store_relaxed(&cpu->may_nest, false);
	cpu->nesting++;
	/*
	 * If this is another CPU's IPI, the line is with that one, and its handler will want it: it
	 * comes while the event is looked for. If it is none, the line is here.
	 */
	if (cpu->inbox)
		__builtin_prefetch(cpu->inbox, 1);
	do {
		store_relaxed(&cpu->upcall_again, false);
		/*
		 * Before the selector is read. The hypervisor sets the selector, then
		 * upcall_pending, and kicks only if that was 0: cleared afterwards, it would
		 * swallow the announcement of an event which this round does not see. Relaxed is
		 * enough, as handle begins by taking the selector: a sender who sets a bit that was
		 * not taken has seen the taking, so this store too.
		 */
		store_relaxed(pending, (uint8_t)0);
		g->abi->handle(g, cpu);
		irq_unclaim(cpu);
		/*
		 * Also if a handler has written the flag itself. Another upcall in here only leaves
		 * word that it came, so none may come after the last look.
		 */
		irq_events_off(g, cpu);
	} while (load_sc(pending) || load_relaxed(&cpu->upcall_again));
	cpu->nesting--;
	store_relaxed(&cpu->may_nest, outer);
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
	desc = events_irq(g, port);
	if (!desc && g->abi->mask(g, port))
		count_one(&cpu->spurious);
	lock_release(&g->map_lock);
	if (desc)
		irq_handle(g, desc, cpu, port);
}

void events_dispatch(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port)
{
	struct irq_desc *desc = events_irq(g, port);

	irq_unclaim(cpu);
	if (desc)
		irq_handle(g, desc, cpu, port);
	else
		dispatch_unbound(g, cpu, port);
}

/* Is it anything to the hypervisor? */
static bool is_open(const struct guest *g, evtchn_port_t port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	return !evtchn_call(g, EVTCHNOP_status, &op) && op.status != EVTCHNSTAT_closed;
}

/*
 * Whoever took the lock while the event was taken without it may have closed the port, and bound it
 * anew. With map_lock, so that nothing is left pending on one that is closed.
 */
void events_put_back(struct guest *g, struct guest_cpu *cpu, evtchn_port_t port)
{
	struct irq_desc *desc;
	bool met = false;

	lock_acquire(g, &g->map_lock);
	desc = events_irq(g, port);
	if (desc || is_open(g, port))
		met = g->abi->set_pending(g, port);
	if (met && desc)
		fetch_add_relaxed(&desc->merged, UINT64_C(1));
	lock_release(&g->map_lock);
	/* Not before that: who disables the IRQ waits for the claim, and then finds it pending. */
	irq_unclaim(cpu);
	events_dispatch(g, cpu, port);
	/* What the hook raised for whose sake the event is put back: nobody may come after this. */
	irq_run_raised(g, cpu);
}
