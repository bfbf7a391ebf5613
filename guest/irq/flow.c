/* SPDX-License-Identifier: MIT */
/*
 * Flow handlers: from an event that has arrived to the handlers of its IRQ, and what the line sees
 * of it before and after. The rules for all of them are in irq.h.
 */
#include "irq.h"

/*
 * Events are enabled for a handler that wants it. Upcalls look at may_nest, which is the innermost
 * handler's.
 */
static enum guest_irqreturn call_handler(struct guest *g, struct guest_cpu *cpu,
					 const struct irq_desc *desc,
					 const struct irq_action *action)
{
	bool outer = load_relaxed(&cpu->may_nest), nest = action->flags & GUEST_IRQF_NESTED;
	enum guest_irqreturn answer;

	store_relaxed(&cpu->may_nest, nest);
	if (nest)
		guest_local_irq_enable(g);
	answer = action->handler(g, desc->irq, action->dev);
	irq_events_off(g, cpu);
	store_relaxed(&cpu->may_nest, outer);
	return answer;
}

bool irq_may_nest(const struct guest_cpu *cpu)
{
	return load_relaxed(&cpu->may_nest) && cpu->nesting < GUEST_MAX_NESTING;
}

void irq_tell_entropy(struct guest *g, const struct irq_desc *desc,
		      const struct guest_irq_hooks *hooks)
{
	if (hooks->entropy)
		hooks->entropy(hooks->arg, desc->irq, g->ops->cycles(g->ctx));
}

/* Every handler that is there; whether there was one, and whether one claims the interrupt. */
static void call_handlers(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu,
			  bool *called, bool *claimed)
{
	struct irq_action *action;

	*called = false;
	*claimed = false;
	for (action = load_acquire(&desc->actions); action; action = load_acquire(&action->next)) {
		if (load_relaxed(&action->dead))
			continue;
		/* An event that finds nobody comes again. The pass may count without the lock. */
		if (!*called) {
			count_one(&desc->count[cpu->nr]);
			count_one(&cpu->handled);
		}
		*called = true;
		if (call_handler(g, cpu, desc, action) == GUEST_IRQ_HANDLED)
			*claimed = true;
	}
}

static bool wanted(const struct irq_desc *desc)
{
	return desc->actions && !desc->depth;
}

/* Have the line's CPU told of the event once more; of an IRQ that is disabled it stays masked. */
static void tell_again(struct guest *g, struct irq_desc *desc)
{
	/* Of a port that is not masked a 2-level hypervisor announces nothing. */
	desc->chip->mask(g, desc);
	if (wanted(desc))
		desc->chip->unmask(g, desc);
}

/*
 * A pass runs, which is not to be overtaken. One begun with the lock looks at its end whether the
 * line is to be unmasked. A quick one does not: the hypervisor announces the event to its CPU, as
 * that is where the line is; this one had read it before that.
 */
static bool leave_to_pass(struct guest *g, struct irq_desc *desc)
{
	if (irq_running_locked(desc)) {
		desc->chip->mask(g, desc);
		return true;
	}
	if (!irq_running_quick(g, desc))
		return false;
	tell_again(g, desc);
	/*
	 * If the line is here it was claimed by the CPU that had it before, which has not looked
	 * yet whether it may: the event comes here again until it has.
	 */
	cpu_relax(g);
	return true;
}

/*
 * The last handler was removed after the event had been taken, before it was called. The line is
 * masked by that, and the next handler finds the event; if there is one already, it missed it when
 * it unmasked.
 */
static void put_back(struct guest *g, struct irq_desc *desc)
{
	desc->chip->retrigger(g, desc);
	if (wanted(desc))
		desc->chip->unmask(g, desc);
}

/*
 * One pass, not a quick one. The descriptor's lock is held before and after, not meanwhile: a
 * handler may enable, disable, free and unbind, this IRQ too; other CPUs may remove handlers, and
 * then wait for `passes` to move on.
 */
static void run_handlers(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	const struct guest_irq_hooks *hooks = load_acquire(&g->hooks);
	bool called, claimed, stuck;

	irq_set_pass_cpu(desc, cpu->nr);
	store_release(&desc->passes, desc->passes + 1);
	cpu->passes++;
	irq_unlock(g, desc);

	if (hooks)
		irq_tell_entropy(g, desc, hooks);
	call_handlers(g, desc, cpu, &called, &claimed);
	if (called && !claimed)
		count_one(&cpu->spurious);
	stuck = called && irq_note(g, desc, claimed);
	if (stuck)
		irq_stuck(g, desc);

	irq_lock(g, desc);
	if (!called && desc->chip)
		put_back(g, desc);
	cpu->passes--;
	store_release(&desc->passes, desc->passes + 1);
	irq_pass_ended(g, desc);
}

/*
 * Take the event; and now that it is taken, and before the next one can be on its way to two CPUs,
 * is the time for the line to move.
 */
static bool take(struct guest *g, struct irq_desc *desc, bool mask)
{
	if (!(mask ? desc->chip->mask_ack(g, desc) : desc->chip->ack(g, desc)))
		return false;
	irq_move_now(g, desc);
	return true;
}

/*
 * Level, with the lock: masked while the handlers run, then told that it was handled. A handler
 * that disabled its IRQ leaves it masked but still gives the eoi: if the line is asserted after
 * that, it fires into the masked port, where enabling finds it.
 */
static void handle_level(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	/*
	 * No ack in these cases: the event stays pending for who unmasks (the pass that runs
	 * elsewhere; enable; request).
	 */
	if (leave_to_pass(g, desc))
		return;
	if (!wanted(desc)) {
		desc->chip->mask(g, desc);
		return;
	}
	if (take(g, desc, true)) {
		run_handlers(g, desc, cpu);
		if (!desc->chip)
			return; /* a handler unbound it: the line is closed */
		if (desc->chip->eoi)
			desc->chip->eoi(g, desc);
	}
	if (wanted(desc))
		desc->chip->unmask(g, desc);
}

/*
 * Not masked while the handlers run, so that the next event is seen. It may be seen on another CPU,
 * if the line was moved there meanwhile: that CPU masks it and leaves it to this one, which takes
 * it in another pass.
 */
static void handle_unmasked(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu, bool eoi)
{
	bool again, taken;

	if (leave_to_pass(g, desc)) {
		desc->pending = irq_running_locked(desc);
		return;
	}
	if (!wanted(desc)) {
		desc->chip->mask(g, desc);
		desc->pending = false;
		return;
	}
	for (again = false;; again = true) {
		taken = take(g, desc, false);
		/*
		 * In this order, else what the next pass will have handled is sent to the other CPU
		 * once more.
		 */
		if (again)
			desc->chip->unmask(g, desc);
		if (!taken)
			return;
		run_handlers(g, desc, cpu);
		if (!desc->chip)
			return; /* a handler unbound it: the line is closed */
		if (eoi && desc->chip->eoi)
			desc->chip->eoi(g, desc);
		if (!desc->pending)
			return;
		desc->pending = false;
		if (!wanted(desc))
			return; /* masked and pending: enable finds it */
	}
}

/* Edge: the next event may come at any time. */
static void handle_edge(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	handle_unmasked(g, desc, cpu, false);
}

/* Fasteoi: the line itself keeps silent until its eoi, so there is no need to mask it. */
static void handle_fasteoi(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	handle_unmasked(g, desc, cpu, true);
}

/*
 * Per CPU: no other CPU ever handles it. A pass that runs is one that this upcall has interrupted.
 * Masked only then, and while it is disabled.
 */
static void handle_percpu(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	handle_unmasked(g, desc, cpu, false);
}

/*
 * Simple: there is no line, `pending` is all that there is of the event. Raised again meanwhile, it
 * waits for its turn behind the others.
 */
static void handle_simple(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu)
{
	if (!desc->pending || irq_running_locked(desc) || !wanted(desc))
		return;
	desc->pending = false;
	run_handlers(g, desc, cpu);
	if (desc->chip)
		desc->chip->unmask(g, desc);
}

/* Without an eoi, the three differ only in what is done while a pass runs, and after it. */
const struct irq_flow irq_flow_level = { "level", true, handle_level };
const struct irq_flow irq_flow_edge = { "edge", true, handle_edge };
const struct irq_flow irq_flow_percpu = { "percpu", true, handle_percpu };
const struct irq_flow irq_flow_fasteoi = { "fasteoi", false, handle_fasteoi };
const struct irq_flow irq_flow_simple = { "simple", false, handle_simple };

void irq_handle(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu, unsigned line)
{
	irq_lock(g, desc);
	/*
	 * Unbound since the caller looked: another CPU closed the line. If it has an IRQ again,
	 * that one's first unmask finds whatever is pending, so there is nothing to be done about
	 * it here. It may be this IRQ again, and another CPU's alone by now.
	 */
	if (desc->line == line && desc->chip->percpu && desc->chip->cpu(desc) != cpu->nr)
		tell_again(g, desc);
	else if (desc->line == line)
		desc->flow->handle(g, desc, cpu);
	irq_unlock(g, desc);
	irq_run_raised(g, cpu);
}
