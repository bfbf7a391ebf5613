/* SPDX-License-Identifier: MIT */
/*
 * On which CPU an IRQ's events arrive: asked for by mask, moved at once or at the next ack, spread
 * by a balancer. How a line is moved is its chip's matter.
 */
#include "irq.h"

/* IRQs may be put there. Pairs with guest_cpu_init. */
static bool cpu_ready(const struct guest *g, unsigned cpu)
{
	return cpu < g->nr_cpus && load_acquire(&g->cpus[cpu].ready);
}

void irq_count_line(struct guest *g, const struct irq_desc *desc, int change)
{
	if (desc->chip->set_affinity)
		fetch_add_relaxed(&g->cpus[desc->chip->cpu(desc)].lines, (unsigned)change);
}

int irq_move(struct guest *g, struct irq_desc *desc, unsigned cpu)
{
	unsigned from = desc->chip->cpu(desc);
	int rc;

	desc->affinity.move = false;
	if (from == cpu)
		return 0;
	rc = desc->chip->set_affinity(g, desc, cpu);
	if (rc)
		return rc;
	fetch_add_relaxed(&g->cpus[from].lines, ~0u);
	fetch_add_relaxed(&g->cpus[cpu].lines, 1u);
	return 0;
}

void irq_move_due(struct guest *g, struct irq_desc *desc)
{
	/*
	 * If the hypervisor will not have it, or the CPU has gone meanwhile, the IRQ stays where it
	 * is: nobody is there to be told. A wish that stayed would keep it from the quick way.
	 */
	desc->affinity.move = false;
	if (cpu_ready(g, desc->affinity.cpu))
		(void)irq_move(g, desc, desc->affinity.cpu);
}

static int move_or_note(struct guest *g, struct irq_desc *desc, unsigned cpu)
{
	if (!irq_running(g, desc))
		return irq_move(g, desc, cpu);
	/*
	 * Its handlers run. Moved now, the next event would find another CPU in them; the pass
	 * could be kept from overlapping, but drivers that count on one CPU could not.
	 */
	desc->affinity.cpu = cpu;
	desc->affinity.move = true;
	return 0;
}

/* 0, or why the IRQ cannot be moved by whoever asks. */
static int movable(const struct irq_desc *desc)
{
	const struct irq_action *a;

	if (!desc->chip || !desc->chip->cpu)
		return -XEN_EINVAL;
	if (desc->chip->percpu || !desc->chip->set_affinity)
		return -XEN_EIO;
	for (a = desc->actions; a; a = a->next) {
		if (a->flags & GUEST_IRQF_NO_BALANCING)
			return -XEN_EIO;
	}
	return 0;
}

/* The CPU to use, nr_cpus if the mask has none. */
static unsigned choose(const struct guest *g, const struct irq_desc *desc,
		       const struct guest_cpumask *mask)
{
	unsigned cpu = desc->chip->cpu(desc), best = g->nr_cpus, lines, fewest = 0;

	if (guest_cpumask_test(mask, cpu) && cpu_ready(g, cpu))
		return cpu;
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		if (!guest_cpumask_test(mask, cpu) || !cpu_ready(g, cpu))
			continue;
		lines = load_relaxed(&g->cpus[cpu].lines);
		if (best == g->nr_cpus || lines < fewest) {
			best = cpu;
			fewest = lines;
		}
	}
	return best;
}

int guest_irq_set_affinity(struct guest *g, unsigned irq, const struct guest_cpumask *mask)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	unsigned cpu;
	int rc;

	if (!desc || !mask)
		return -XEN_EINVAL;
	flags = irq_lock_save(g, desc);
	rc = movable(desc);
	if (!rc) {
		cpu = choose(g, desc, mask);
		rc = cpu < g->nr_cpus ? move_or_note(g, desc, cpu) : -XEN_EINVAL;
	}
	if (!rc) {
		desc->affinity.mask = *mask;
		desc->affinity.set = true;
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}

static void mask_of(const struct guest *g, const struct irq_desc *desc, struct guest_cpumask *mask)
{
	unsigned cpu;

	if (desc->affinity.set) {
		*mask = desc->affinity.mask;
		return;
	}
	*mask = (struct guest_cpumask){ 0 };
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		if (!desc->chip->percpu || cpu == desc->chip->cpu(desc))
			guest_cpumask_set(mask, cpu);
	}
}

int guest_irq_get_affinity(struct guest *g, unsigned irq, struct guest_cpumask *mask)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = -XEN_EINVAL;

	if (!desc)
		return rc;
	flags = irq_lock_save(g, desc);
	if (desc->chip && desc->chip->cpu) {
		mask_of(g, desc, mask);
		rc = 0;
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}

int guest_irq_effective_cpu(struct guest *g, unsigned irq)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int cpu = -XEN_EINVAL;

	if (!desc)
		return cpu;
	flags = irq_lock_save(g, desc);
	if (desc->chip && desc->chip->cpu)
		cpu = (int)desc->chip->cpu(desc);
	irq_unlock_restore(g, desc, flags);
	return cpu;
}

void guest_set_balancer(struct guest *g, guest_balancer balancer, void *arg)
{
	g->balancer_arg = arg;
	g->balancer = balancer;
}

/* Is it the balancer's business? Then also which CPUs it may have and where it is. */
static bool offered(struct guest *g, struct irq_desc *desc, struct guest_cpumask *mask,
		    unsigned *cpu)
{
	guest_flags_t flags = irq_lock_save(g, desc);
	bool yes = !movable(desc) && desc->chip->spread && irq_has_drivers(desc);

	if (yes) {
		mask_of(g, desc, mask);
		*cpu = desc->chip->cpu(desc);
	}
	irq_unlock_restore(g, desc, flags);
	return yes;
}

static void take_advice(struct guest *g, struct irq_desc *desc, unsigned cpu)
{
	guest_flags_t flags = irq_lock_save(g, desc);
	struct guest_cpumask mask;

	/* The balancer was asked without the lock: all of it once more. */
	if (!movable(desc)) {
		mask_of(g, desc, &mask);
		if (guest_cpumask_test(&mask, cpu) && cpu_ready(g, cpu))
			(void)move_or_note(g, desc, cpu);
	}
	irq_unlock_restore(g, desc, flags);
}

static void balance_one(struct guest *g, struct irq_desc *desc, struct guest_cpu_load *loads)
{
	struct guest_cpumask mask;
	unsigned cpu, at, to;

	if (!offered(g, desc, &mask, &at))
		return;
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		loads[cpu].handled = load_relaxed(&g->cpus[cpu].handled);
		loads[cpu].irqs = load_relaxed(&g->cpus[cpu].lines);
		loads[cpu].usable = guest_cpumask_test(&mask, cpu) && cpu_ready(g, cpu);
	}
	to = g->balancer(g->balancer_arg, desc->irq, at, loads, g->nr_cpus);
	if (to < g->nr_cpus && to != at)
		take_advice(g, desc, to);
}

/* Without memory nothing moves, which is always right. */
static void balance(struct guest *g, unsigned first, unsigned end)
{
	size_t size = g->nr_cpus * sizeof(struct guest_cpu_load);
	struct guest_cpu_load *loads;
	struct irq_desc *desc;
	unsigned irq;

	if (!g->balancer || g->nr_cpus < 2)
		return;
	loads = guest_alloc(g, size);
	for (irq = first; loads && irq < end; irq++) {
		desc = irq_to_desc(g, irq);
		if (desc && desc->irq == irq)
			balance_one(g, desc, loads);
	}
	guest_free(g, loads, size);
}

void irq_offer(struct guest *g, struct irq_desc *desc)
{
	balance(g, desc->irq, desc->irq + 1);
}

void guest_balance_irqs(struct guest *g)
{
	balance(g, 1, load_acquire(&g->irqs.fresh));
}

unsigned guest_balance_spread(void *arg, unsigned irq, unsigned cpu,
			      const struct guest_cpu_load *loads, unsigned nr_cpus)
{
	unsigned best = cpu, i;

	(void)arg;
	(void)irq;
	for (i = 0; i < nr_cpus; i++) {
		if (loads[i].usable && (!loads[best].usable || loads[i].irqs < loads[best].irqs))
			best = i;
	}
	/* One that only changes places with the others would be moved for ever. */
	return !loads[cpu].usable || loads[best].irqs + 1 < loads[cpu].irqs ? best : cpu;
}
