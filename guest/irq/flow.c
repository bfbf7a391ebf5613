/* SPDX-License-Identifier: MIT */
/*
 * Flow handlers: from an event that has arrived to the handlers of its IRQ, and what the line sees
 * of it before and after. One pass at a time runs over an IRQ's handlers, whatever the flow. The
 * one rule for all: ack comes before the handlers. An event that the other side sends while they
 * run is then pending again, and is not lost.
 */
#include "irq.h"

/*
 * One pass. The descriptor's lock is held before and after, not meanwhile: a handler may enable,
 * disable, free and unbind, this IRQ too; other CPUs may remove handlers, and then wait for
 * `passes` to move on.
 */
static void run_handlers(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	struct irq_action *action;
	bool called = false, handled = false;

	store_relaxed(&desc->pass_cpu, cpu->nr);
	store_release(&desc->passes, desc->passes + 1);
	count_one(&desc->count[cpu->nr]);
	lock_release(&desc->lock);

	for (action = load_acquire(&desc->actions); action; action = load_acquire(&action->next)) {
		if (load_relaxed(&action->dead))
			continue;
		called = true;
		if (action->handler(g, desc->irq, action->dev) == GUEST_IRQ_HANDLED)
			handled = true;
		/*
		 * One that enabled events got upcalls, which only left a note. From here on they
		 * would be in the way.
		 */
		if (!guest_irqs_disabled(g))
			guest_local_irq_disable(g);
	}
	/* None called: another CPU was removing the last one. That is not the sender's fault. */
	if (called && !handled)
		count_one(&cpu->spurious);

	lock_acquire(g, &desc->lock);
	store_release(&desc->passes, desc->passes + 1);
	irq_pass_ended(g, desc);
}

static bool wanted(const struct irq_desc *desc)
{
	return desc->actions && !desc->depth;
}

/*
 * Level: masked while the handlers run, then told that it was handled. A handler that disabled its
 * IRQ leaves it masked but still gives the eoi: if the line is asserted after that, it fires into
 * the masked port, where enabling finds it.
 */
static void handle_level(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	unsigned line = desc->line;

	desc->chip->mask(g, desc);
	/*
	 * No ack in these cases: the event stays pending for who unmasks (the pass that runs
	 * elsewhere; enable; request).
	 */
	if (irq_running(desc) || !wanted(desc))
		return;
	desc->chip->ack(g, desc);
	run_handlers(g, desc, cpu);
	if (desc->line != line)
		return; /* a handler unbound it: the line is closed */
	if (desc->chip->eoi)
		desc->chip->eoi(g, desc);
	if (wanted(desc))
		desc->chip->unmask(g, desc);
}

/*
 * Edge: not masked while the handlers run, so that the next edge is seen. It may be seen on another
 * CPU, if the line was moved there meanwhile: that CPU masks it and leaves it to this one, which
 * takes it in another pass.
 */
static void handle_edge(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	unsigned line = desc->line;

	if (irq_running(desc) || !wanted(desc)) {
		desc->chip->mask(g, desc);
		desc->again = irq_running(desc);
		return;
	}
	desc->chip->ack(g, desc);
	for (;;) {
		run_handlers(g, desc, cpu);
		if (desc->line != line || !desc->again)
			return;
		desc->again = false;
		if (!wanted(desc))
			return; /* masked and pending: enable finds it */
		/*
		 * In this order, else what the next pass will have handled is sent to the other CPU
		 * once more.
		 */
		desc->chip->ack(g, desc);
		desc->chip->unmask(g, desc);
	}
}

/*
 * Per CPU: no other CPU ever handles it, and this one is in the upcall. Masked only while it is
 * disabled.
 */
static void handle_percpu(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	if (!wanted(desc)) {
		desc->chip->mask(g, desc);
		return;
	}
	desc->chip->ack(g, desc);
	run_handlers(g, desc, cpu);
}

const struct irq_flow irq_flow_level = { "level", handle_level };
const struct irq_flow irq_flow_edge = { "edge", handle_edge };
const struct irq_flow irq_flow_percpu = { "percpu", handle_percpu };

void irq_handle(struct guest *g, struct irq_desc *desc, unsigned line)
{
	lock_acquire(g, &desc->lock);
	/*
	 * Unbound since the caller looked: another CPU closed the line. If it has an IRQ again,
	 * that one's first unmask finds whatever is pending, so there is nothing to be done about
	 * it here.
	 */
	if (desc->line == line)
		desc->flow->handle(g, desc, this_cpu(g));
	lock_release(&desc->lock);
}
