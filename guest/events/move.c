/* SPDX-License-Identifier: MIT */
/*
 * Ports changing their CPU: one by one, as the IRQ core wants it (guest_irq_set_affinity), and all
 * of a CPU that has stopped. Which IRQ should be on which CPU is not decided here. Also priorities,
 * which are the other thing that can be said of a bound port.
 */
#include "events.h"

static int bind_vcpu(struct guest *g, evtchn_port_t port, unsigned cpu)
{
	struct evtchn_bind_vcpu op = { .port = port, .vcpu = cpu };

	return evtchn_call(g, EVTCHNOP_bind_vcpu, &op);
}

/*
 * Masked first: a sender that finds it so leaves its event pending, so nothing is announced on
 * either CPU until all agree on which one it is. What is pending when it is unmasked is announced
 * to the new CPU.
 *
 * An event that is on the old CPU's queue already (FIFO) or that the old CPU has just read stays
 * there; it is handled there, with the descriptor's lock, or is found taken.
 */
int events_move(struct guest *g, struct irq_desc *desc, unsigned cpu)
{
	bool was_unmasked;
	int rc;

	if (!desc->line || cpu >= g->nr_cpus || load_relaxed(&desc->src.only_cpu) != ANY_CPU)
		return -XEN_EINVAL;
	if (desc->src.cpu == cpu)
		return 0;
	was_unmasked = g->abi->mask(g, desc->line);
	rc = bind_vcpu(g, desc->line, cpu);
	if (!rc) {
		if (g->abi->move)
			g->abi->move(g, desc->line, desc->src.cpu, cpu);
		desc->src.cpu = cpu;
	}
	if (was_unmasked)
		g->abi->unmask(g, desc->line);
	return rc;
}

static void move_all_from(struct guest *g, unsigned cpu)
{
	unsigned irq, end = load_acquire(&g->irqs.fresh);
	struct irq_desc *desc;
	guest_flags_t flags;

	for (irq = 1; irq < end; irq++) {
		desc = irq_to_desc(g, irq);
		if (!desc)
			continue;
		flags = irq_lock_save(g, desc);
		/* What cannot move is the CPU's own. */
		if (desc->line && desc->src.cpu == cpu && desc->chip->set_affinity)
			(void)irq_move(g, desc, 0);
		irq_unlock_restore(g, desc, flags);
	}
}

/* The events on its queues: each port can be queued again, or handed out again, only once taken
 * off. */
static void drain(struct guest *g, unsigned cpu)
{
	struct evtchn_unmask op;
	struct irq_desc *desc;
	bool ready;

	while (g->abi->take(g, cpu, &op.port, &ready)) {
		desc = events_irq(g, op.port);
		/*
		 * It has moved: have the hypervisor queue it anew. The dead CPU's own stay pending
		 * (queued anew, they would come back here); so does what nobody has bound.
		 */
		if (ready && desc && load_relaxed(&desc->src.only_cpu) != cpu)
			(void)evtchn_call(g, EVTCHNOP_unmask, &op);
	}
}

int guest_cpu_dead(struct guest *g, unsigned cpu)
{
	guest_flags_t flags;

	if (!cpu || cpu >= g->nr_cpus || cpu == this_cpu(g)->nr)
		return -XEN_EINVAL;
	/* From here on nothing is moved to it. */
	store_release(&g->cpus[cpu].ready, false);
	/* Nor does a handler return in which it may have stopped. */
	irq_unclaim(&g->cpus[cpu]);
	move_all_from(g, cpu);
	flags = guest_local_irq_save(g);
	late_cpu_dead(g, &g->cpus[cpu]);
	clock_cpu_reset(&g->cpus[cpu]);
	if (g->abi->take) {
		drain(g, cpu);
		g->cpus[cpu].drained = true;
	}
	guest_local_irq_restore(g, flags);
	return 0;
}

/* What came while the CPU was down, and was taken off its queues: have it queued again. */
static void raise_again(struct guest *g, unsigned irq)
{
	struct irq_desc *desc = irq ? irq_to_desc(g, irq) : NULL;
	guest_flags_t flags;

	if (!desc)
		return;
	flags = irq_lock_save(g, desc);
	if (desc->line && desc->actions && !desc->depth)
		desc->chip->unmask(g, desc);
	irq_unlock_restore(g, desc, flags);
}

int events_cpu_init(struct guest *g, struct guest_cpu *cpu)
{
	unsigned i;
	int rc = g->abi->cpu_init ? g->abi->cpu_init(g, cpu->nr) : 0;

	if (rc || !cpu->drained)
		return rc;
	cpu->drained = false;
	lock_acquire(g, &g->map_lock);
	for (i = 0; i < NR_VIRQS; i++)
		raise_again(g, cpu->virq_irq[i]);
	for (i = 0; i < GUEST_NR_IPIS; i++)
		raise_again(g, cpu->ipi_irq[i]);
	lock_release(&g->map_lock);
	return 0;
}

int events_set_priority(struct guest *g, evtchn_port_t port, unsigned priority)
{
	struct evtchn_set_priority op = { .port = port, .priority = priority };

	return g->abi->id == GUEST_ABI_FIFO ? evtchn_call(g, EVTCHNOP_set_priority, &op)
					    : -XEN_ENOSYS;
}

int guest_set_irq_priority(struct guest *g, unsigned irq, unsigned priority)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = -XEN_EINVAL;

	if (!desc || priority > EVTCHN_FIFO_PRIORITY_MIN)
		return rc;
	flags = irq_lock_save(g, desc);
	if (desc->line) {
		rc = events_set_priority(g, desc->line, priority);
		if (!rc)
			desc->src.priority = (uint8_t)priority;
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}
