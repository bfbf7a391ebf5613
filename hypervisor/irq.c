/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines: what happens between the controller and the ports. Each has a lock, under which
 * its chip is called and events are sent (sending takes no lock). Which domain may have a line is
 * not decided here (pirq.c).
 */
#include "irq.h"

#include "atomic.h"
#include "bound.h"
#include "event.h"

struct irq_line *irq_line(struct hv *hv, unsigned number)
{
	struct irq_line *line, *other = NULL;

	/* Acquire: pairs with the release inside the exchange that published it. */
	line = load_acquire(&hv->lines[number]);
	if (line)
		return line;
	line = alloc(hv, sizeof(*line));
	if (!line)
		return NULL;
	line->number = number;
	if (compare_exchange_seq(&hv->lines[number], &other, line))
		return line;
	release(hv, line, sizeof(*line));
	return other;
}

void irq_free_lines(struct hv *hv)
{
	unsigned i;

	for (i = 0; i < HV_MAX_LINES; i++)
		release(hv, hv->lines[i], sizeof(*hv->lines[i]));
}

/* ---- flow, with the line's lock held ---- */

/*
 * To everybody who is bound. A pirq whose port the guest masks is sent all the same: it stays
 * pending there, and in flight. For a domain that has shut down nobody waits: it says nothing any
 * more.
 */
static void send_all(struct irq_line *line)
{
	struct pirq *p;

	for (p = line->bound; p; p = p->next) {
		if (line->flow == HV_IRQ_LEVEL && !p->in_flight &&
		    !hv_domain_is_shut_down(p->domain, NULL)) {
			p->in_flight = true;
			line->in_flight++;
		}
		event_send_pirq(p->domain, &p->port);
	}
}

/*
 * A level stays until the device is served, so the line is masked until all who got it say that
 * they did their part.
 */
static void arrive_level(struct irq_line *line)
{
	if (line->masked)
		return; /* sampled when it is unmasked */
	line->masked = true;
	line->chip->mask(line->data, line->number);
	if (line->chip->ack)
		line->chip->ack(line->data, line->number);
	send_all(line);
}

/*
 * An edge is over when it has been sent; the port's pending bit keeps the next one while the guest
 * handles this one.
 */
static void arrive_edge(struct irq_line *line)
{
	if (line->chip->ack)
		line->chip->ack(line->data, line->number);
	send_all(line);
}

static void sample(struct irq_line *line)
{
	if (line->flow == HV_IRQ_LEVEL && line->chip->asserted(line->data, line->number))
		arrive_level(line);
}

/*
 * Nobody has to eoi it any more. The device may still, or again, assert it: whoever did that while
 * it was masked was not heard.
 */
static void served(struct irq_line *line)
{
	if (line->in_flight || !line->masked)
		return;
	line->masked = false;
	line->chip->unmask(line->data, line->number);
	sample(line);
}

static void start(struct irq_line *line)
{
	if (!line->chip || !line->bound || line->started)
		return;
	line->started = true;
	line->masked = false;
	line->chip->startup(line->data, line->number);
	sample(line);
}

static void stop(struct irq_line *line)
{
	if (!line->started)
		return;
	line->started = false;
	line->masked = false;
	line->chip->shutdown(line->data, line->number);
}

static void no_longer_in_flight(struct irq_line *line, struct pirq *p)
{
	if (!p->in_flight)
		return;
	p->in_flight = false;
	line->in_flight--;
}

/* ---- for pirq.c ---- */

int irq_bind(struct hv *hv, struct pirq *p, bool share)
{
	struct irq_line *line = p->line;
	int rc = 0;

	lock_take(hv, &line->lock);
	if (line->bound && !(share && line->bound_shareable)) {
		rc = -XEN_EBUSY;
	} else {
		if (!line->bound)
			line->bound_shareable = share;
		p->next = line->bound;
		line->bound = p;
		start(line);
		/* Masked without anybody who will eoi: all others have shut down. */
		served(line);
	}
	lock_drop(&line->lock);
	return rc;
}

void irq_unbind(struct hv *hv, struct pirq *p)
{
	struct irq_line *line = p->line;
	struct pirq **q;

	lock_take(hv, &line->lock);
	for (q = &line->bound; *q && *q != p; q = &(*q)->next)
		;
	if (*q)
		*q = p->next;
	p->next = NULL;
	no_longer_in_flight(line, p);
	if (line->bound)
		served(line);
	else
		stop(line);
	lock_drop(&line->lock);
}

void irq_eoi(struct hv *hv, struct pirq *p)
{
	struct irq_line *line = p->line;

	lock_take(hv, &line->lock);
	no_longer_in_flight(line, p);
	served(line);
	lock_drop(&line->lock);
}

bool irq_shared(struct hv *hv, struct irq_line *line)
{
	bool shared;

	lock_take(hv, &line->lock);
	shared = line->bound && line->bound->next;
	lock_drop(&line->lock);
	return shared;
}

bool irq_needs_eoi(struct hv *hv, struct irq_line *line)
{
	bool level;

	lock_take(hv, &line->lock);
	/* Not described yet: it may turn out to be level. */
	level = !line->chip || line->flow == HV_IRQ_LEVEL;
	lock_drop(&line->lock);
	return level;
}

/* ---- for the embedder ---- */

static bool chip_usable(enum hv_irq_flow flow, const struct hv_irq_chip *chip)
{
	if (flow != HV_IRQ_LEVEL && flow != HV_IRQ_EDGE)
		return false;
	if (!chip || !chip->startup || !chip->shutdown || !chip->mask || !chip->unmask)
		return false;
	return flow == HV_IRQ_EDGE || chip->asserted;
}

int hv_irq_register(struct hv *hv, unsigned line, enum hv_irq_flow flow,
		    const struct hv_irq_chip *chip, void *data)
{
	struct irq_line *l;
	int rc = 0;

	if (line >= HV_MAX_LINES || !chip_usable(flow, chip))
		return -XEN_EINVAL;
	l = irq_line(hv, line);
	if (!l)
		return -XEN_ENOMEM;
	lock_take(hv, &l->lock);
	if (l->chip) {
		rc = -XEN_EBUSY;
	} else {
		l->flow = flow;
		l->data = data;
		l->chip = chip;
		start(l); /* somebody may be bound already */
	}
	lock_drop(&l->lock);
	return rc;
}

void hv_irq_raise(struct hv *hv, unsigned line)
{
	struct irq_line *l = line < HV_MAX_LINES ? load_acquire(&hv->lines[line]) : NULL;

	if (!l)
		return;
	lock_take(hv, &l->lock);
	/*
	 * Not started: nobody is bound. A level will be sampled when somebody is; an edge is lost,
	 * as on Xen.
	 */
	if (l->started) {
		if (l->flow == HV_IRQ_LEVEL)
			arrive_level(l);
		else
			arrive_edge(l);
	}
	lock_drop(&l->lock);
}

/* Called with the line's lock held: who is bound stays. */
static void fill_info(const struct irq_line *l, struct hv_irq_info *out)
{
	const struct pirq *p;

	*out = (struct hv_irq_info){
		.described = l->chip,
		.flow = l->flow,
		.started = l->started,
		.masked = l->masked,
		.in_flight = l->in_flight,
	};
	for (p = l->bound; p; p = p->next) {
		struct hv_irq_bound *b = &out->bound[out->nr_bound];

		if (out->nr_bound++ >= HV_IRQ_INFO_BOUND)
			continue;
		b->domid = p->domain->domid;
		b->pirq = (unsigned)(p - p->domain->pirqs);
		b->port = load_relaxed(&p->port);
		b->in_flight = p->in_flight;
	}
}

int hv_irq_info(struct hv *hv, unsigned line, struct hv_irq_info *out)
{
	struct irq_line *l = line < HV_MAX_LINES ? load_acquire(&hv->lines[line]) : NULL;

	if (!l)
		return line < HV_MAX_LINES ? -XEN_ENOENT : -XEN_EINVAL;
	lock_take(hv, &l->lock);
	fill_info(l, out);
	lock_drop(&l->lock);
	return 0;
}
