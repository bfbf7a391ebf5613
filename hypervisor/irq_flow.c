/* SPDX-License-Identifier: MIT */
/*
 * What happens between an interrupt controller's signal and the ports: level, edge, per-CPU and
 * chained flow. All with the line's lock held; events are sent under it (sending takes no lock).
 * Who has a level in service, and for how long, is in irq_eoi.c.
 */
#include "irq.h"

#include "atomic.h"
#include "event.h"

bool irq_has_focus(const struct irq_line *line, const struct hv_domain *d)
{
	/* Pairs with the store in hv_set_foreground, which then takes our lock. */
	return !(line->flags & HV_IRQ_FOCUS) || load_seq(&d->hv->foreground) == d;
}

static bool is_for(const struct irq_line *line, const struct pirq *p)
{
	struct hv_domain *d = p->domain;
	const struct hv_ops *ops = d->hv->ops;

	if (!irq_has_focus(line, d))
		return false;
	return !ops->irq_may_deliver ||
	       ops->irq_may_deliver(d, (unsigned)(p - d->pirqs), line->number) == 0;
}

/*
 * A pirq whose port the guest masks is sent all the same: it stays pending there, and in flight.
 * For a domain that has shut down nobody waits: it says nothing any more.
 */
static void deliver(struct irq_line *line, struct pirq *p)
{
	if (!is_for(line, p))
		return;
	if (line->flow == HV_IRQ_LEVEL && !hv_domain_is_shut_down(p->domain, NULL))
		irq_count(line, p);
	event_send_pirq(p->domain, &p->port);
}

static void deliver_to_all(struct irq_line *line)
{
	struct pirq *p;

	for (p = line->bound; p; p = p->next)
		deliver(line, p);
}

static void ack(struct irq_line *line)
{
	if (line->chip->ack)
		line->chip->ack(line->data, line->number);
}

static void mask_and_ack(struct irq_line *line)
{
	line->chip->mask(line->data, line->number);
	ack(line);
}

/*
 * A level stays until the device is served, so the line is masked until all who got it say that
 * they did their part.
 */
static void arrive_level(struct hv *hv, struct irq_line *line)
{
	if (line->masked)
		return; /* sampled when it is unmasked */
	line->masked = true;
	mask_and_ack(line);
	deliver_to_all(line);
	if (line->in_flight)
		irq_arm(hv, line);
}

/*
 * An edge is over when it has been sent; the port's pending bit keeps the next one while the guest
 * handles this one.
 */
static void arrive_edge(struct irq_line *line)
{
	ack(line);
	deliver_to_all(line);
}

static void arrive_percpu(struct irq_line *line, const struct hv_vcpu *v)
{
	struct pirq *p;

	ack(line);
	for (p = line->bound; p; p = p->next)
		if (p->domain == v->domain && p->vcpu == v->id)
			deliver(line, p);
}

/* Nobody is bound: it is enough to know. A level would go on signalling. */
static void arrive_probed(struct irq_line *line)
{
	line->fired = true;
	if (line->masked)
		return;
	line->masked = line->flow == HV_IRQ_LEVEL;
	if (line->masked)
		mask_and_ack(line);
	else
		ack(line);
}

void irq_arrive(struct hv *hv, struct irq_line *line, const struct hv_vcpu *v)
{
	if (line->probing) {
		arrive_probed(line);
		return;
	}
	/*
	 * Nobody is bound. A level will be sampled when somebody is; an edge is lost, as on Xen.
	 */
	if (!line->started)
		return;
	switch (line->flow) {
	case HV_IRQ_LEVEL:
		arrive_level(hv, line);
		break;
	case HV_IRQ_EDGE:
		arrive_edge(line);
		break;
	case HV_IRQ_PERCPU:
		if (v)
			arrive_percpu(line, v);
		break;
	case HV_IRQ_CHAINED:
		break;
	}
}

/*
 * One look for each signal: a child that signals now raises this line after it, waits for our lock,
 * and has a look of its own. So no look is repeated, and nobody is kept here by others' signals.
 * Children are never chained themselves (may_chain).
 */
void irq_demultiplex(struct hv *hv, struct irq_line *line)
{
	uint32_t status;
	unsigned i;

	if (!line->started)
		return;
	mask_and_ack(line);
	status = line->demux->status(line->data, line->number);
	for (i = 0; i < line->demux->nr; i++) {
		struct irq_line *child;

		if (!(status >> i & 1))
			continue;
		child = irq_find(hv, line->demux->child[i]);
		lock_take(hv, &child->lock);
		irq_arrive(hv, child, NULL);
		lock_drop(&child->lock);
	}
	line->chip->unmask(line->data, line->number);
}

void irq_sample(struct hv *hv, struct irq_line *line)
{
	if (line->chip && (line->started || line->probing) && line->flow == HV_IRQ_LEVEL &&
	    line->chip->asserted(line->data, line->number))
		irq_arrive(hv, line, NULL);
}

void irq_start(struct hv *hv, struct irq_line *line)
{
	if (!line->chip || line->invalid || !line->bound || line->started)
		return;
	line->started = true;
	line->masked = false;
	line->chip->startup(line->data, line->number);
	irq_sample(hv, line);
}

void irq_stop(struct irq_line *line)
{
	if (!line->started)
		return;
	line->started = false;
	line->masked = false;
	line->chip->shutdown(line->data, line->number);
}
