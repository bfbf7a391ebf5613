/* SPDX-License-Identifier: MIT */
/*
 * After the domain was restored: the hypervisor has forgotten every port, and so do we; then each
 * source that can be made again is, under its old IRQ and handlers. How a source is made is in
 * bind.c. Nobody else runs meanwhile.
 */
#include "bind.h"

/* The next IRQ that is bound, from `irq` on, NULL: there is none. */
static struct irq_desc *next_bound(struct guest *g, unsigned irq)
{
	struct irq_desc *desc;

	for (; irq < g->irqs.fresh; irq++) {
		desc = irq_to_desc(g, irq);
		if (desc && desc->irq == irq && desc->src.refs)
			return desc;
	}
	return NULL;
}

static void kill(struct guest *g, struct irq_desc *desc)
{
	evtchn_port_t port = desc->line;

	store_relaxed(&desc->src.dead, true);
	/* First, as it closes the line: one that is open is somebody's. */
	irq_desc_rebind(g, desc, desc->flow, 0, NULL);
	if (port)
		events_set_irq(g, port, NULL);
}

int events_forget(struct guest *g)
{
	guest_flags_t flags;
	struct irq_desc *desc;
	unsigned cpu;
	int rc;

	guest_local_irq_disable(g);
	flags = lock_irqsave(g, &g->map_lock);
	for (desc = next_bound(g, 1); desc; desc = next_bound(g, desc->irq + 1))
		kill(g, desc);
	/* The timers that would end their delays are off. */
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		late_cpu_dead(g, &g->cpus[cpu]);
	rc = g->abi->restart(g);
	if (rc && g->abi->id == GUEST_ABI_FIFO && g->abi_wanted == GUEST_ABI_AUTO) {
		g->abi->fini(g);
		rc = events_choose_abi(g);
	}
	unlock_irqrestore(g, &g->map_lock, flags);
	return rc;
}

/* A port for it, where it was and as it was. map_lock is held. */
static int reopen(struct guest *g, struct irq_desc *desc, const struct bind_request *r,
		  struct bound *b)
{
	struct evtchn_bind_vcpu move = { .vcpu = desc->src.cpu };
	int rc = events_open_source(g, r, b);

	if (rc)
		return rc;
	rc = events_reserve(g, b->port);
	move.port = b->port;
	if (!rc && b->cpu != desc->src.cpu)
		rc = evtchn_call(g, EVTCHNOP_bind_vcpu, &move);
	if (rc) {
		(void)events_close_port(g, b->port);
		return rc;
	}
	/* Refused by the 2-level ABI, which has none. */
	if (desc->src.priority != EVTCHN_FIFO_PRIORITY_DEFAULT)
		(void)events_set_priority(g, b->port, desc->src.priority);
	return 0;
}

int events_remake(struct guest *g, struct irq_desc *desc)
{
	struct bind_request r = { .type = desc->src.type, .number = desc->src.number };
	struct bound b = { 0 };
	const struct irq_chip *chip;
	const struct irq_flow *flow;
	int rc;

	if (r.type == SOURCE_EVTCHN || r.type == SOURCE_INTERDOMAIN)
		return -XEN_ENOENT;
	if (load_relaxed(&desc->src.only_cpu) != ANY_CPU)
		r.cpu = desc->src.cpu;
	r.shareable = desc->src.shareable;
	rc = reopen(g, desc, &r, &b);
	if (rc)
		return rc;
	desc->src.needs_eoi = b.needs_eoi;
	store_relaxed(&desc->src.dead, false);
	events_choose_chip(&r, &b, &chip, &flow);
	/* A flow that was chosen for it stays, if the line is still one for that. */
	if (desc->chip->suits(desc, desc->flow))
		flow = desc->flow;
	if (g->abi->move && desc->src.cpu)
		g->abi->move(g, b.port, 0, desc->src.cpu);
	events_set_irq(g, b.port, desc);
	irq_desc_rebind(g, desc, flow, b.port, events_line(g, b.port));
	return 0;
}

int events_rebind(struct guest *g)
{
	guest_flags_t flags = lock_irqsave(g, &g->map_lock);
	struct irq_desc *desc;
	int dead = 0;

	for (desc = next_bound(g, 1); desc; desc = next_bound(g, desc->irq + 1))
		if (events_remake(g, desc))
			dead++;
	unlock_irqrestore(g, &g->map_lock, flags);
	return dead;
}
