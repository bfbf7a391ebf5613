/* SPDX-License-Identifier: MIT */
/*
 * Who has a level line in service: it is unmasked when the last of them has eoi'd, or is not waited
 * for any more (dead, unbound, out of focus, too slow). When it signals is in irq_flow.c.
 *
 * An eoi carries no number, so one that comes after it was forced looks like one for what has been
 * sent since. `late` says that it is still to come; it is taken back when the domain cannot have
 * seen two events (the first one was still pending when the second was sent), or when a later
 * service passed in which an eoi did come and was taken for late: then it was not.
 */
#include "irq.h"

#include "atomic.h"
#include "event.h"

void irq_count(struct irq_line *line, struct pirq *p)
{
	if (p->in_flight)
		return;
	p->in_flight = true;
	p->answered = false;
	line->in_flight++;
	/* The guest may be taking it at this moment: then its late eoi ends this service early. */
	if (p->late && event_pirq_pending(p->domain, &p->port))
		p->late = false;
}

/* Not waited for any more. */
static void drop(struct irq_line *line, struct pirq *p)
{
	if (!p->in_flight)
		return;
	p->in_flight = false;
	if (--line->in_flight == 0)
		store_relaxed(&line->deadline, HV_NEVER);
}

void irq_excuse(struct irq_line *line, struct pirq *p)
{
	drop(line, p);
	p->late = false;
}

/* It will eoi what it has, when nobody waits for it any more. */
static void give_up(struct irq_line *line, struct pirq *p)
{
	drop(line, p);
	p->late = !p->answered;
}

/*
 * The device may still, or again, assert it: whoever did that while it was masked was not heard.
 */
void irq_served(struct hv *hv, struct irq_line *line)
{
	if (line->in_flight || !line->masked || !line->started)
		return;
	line->masked = false;
	line->chip->unmask(line->data, line->number);
	irq_sample(hv, line);
}

void irq_eoi(struct hv *hv, struct pirq *p)
{
	struct irq_line *line = p->line;

	lock_take(hv, &line->lock);
	if (p->late) {
		p->late = false;
		p->answered = true;
	} else if (p->in_flight) {
		drop(line, p);
		irq_served(hv, line);
	}
	lock_drop(&line->lock);
}

void irq_forget(struct hv *hv, struct pirq *p)
{
	struct irq_line *line = p->line;

	lock_take(hv, &line->lock);
	irq_excuse(line, p);
	irq_served(hv, line);
	lock_drop(&line->lock);
}

bool irq_in_flight(struct hv *hv, struct pirq *p)
{
	bool in_flight;

	lock_take(hv, &p->line->lock);
	in_flight = p->in_flight;
	lock_drop(&p->line->lock);
	return in_flight;
}

/* Flags or the foreground have changed. Somebody else may have waited for it, masked. */
void irq_refocus(struct hv *hv, struct irq_line *line)
{
	struct pirq *p;

	for (p = line->bound; p; p = p->next)
		if (p->in_flight && !irq_has_focus(line, p->domain))
			give_up(line, p);
	irq_served(hv, line);
}

/* ---- forced eois ---- */

/*
 * One deadline for all lines. Pairs with hv_irq_timer: a line's deadline is stored before we take
 * this lock, and it looks at deadlines after it held it. So either it sees ours, or we see that it
 * has disarmed the timer, and arm it.
 */
static void arm(struct hv *hv, uint64_t deadline)
{
	lock_take(hv, &hv->irq_timer_lock);
	if (deadline < hv->irq_timer_armed) {
		hv->irq_timer_armed = deadline;
		hv->ops->set_line_timer(hv->ctx, deadline);
	}
	lock_drop(&hv->irq_timer_lock);
}

void irq_arm(struct hv *hv, struct irq_line *line)
{
	uint64_t timeout = load_relaxed(&hv->eoi_timeout), at;

	if (!hv->ops->set_line_timer || timeout == HV_NEVER)
		return;
	at = now(hv);
	if (timeout >= HV_NEVER - at)
		return;
	store_relaxed(&line->deadline, at + timeout);
	arm(hv, at + timeout);
}

static void force(struct hv *hv, struct irq_line *line)
{
	struct pirq *p;

	for (p = line->bound; p; p = p->next)
		if (p->in_flight)
			give_up(line, p);
	irq_served(hv, line);
}

void hv_irq_timer(struct hv *hv)
{
	uint64_t at = now(hv), next = HV_NEVER;
	unsigned i;

	lock_take(hv, &hv->irq_timer_lock);
	hv->irq_timer_armed = HV_NEVER;
	lock_drop(&hv->irq_timer_lock);
	for (i = 0; i < HV_MAX_LINES; i++) {
		struct irq_line *line = irq_find(hv, i);

		if (!line || load_relaxed(&line->deadline) == HV_NEVER)
			continue;
		lock_take(hv, &line->lock);
		if (line->deadline <= at)
			force(hv, line);
		if (line->deadline < next)
			next = line->deadline;
		lock_drop(&line->lock);
	}
	if (next != HV_NEVER)
		arm(hv, next);
}

int hv_set_eoi_timeout(struct hv *hv, uint64_t ns)
{
	if (ns == 0)
		return -XEN_EINVAL;
	store_relaxed(&hv->eoi_timeout, ns);
	return 0;
}
