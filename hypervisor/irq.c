/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines: their descriptors, what the embedder says about them, and who is bound. Each has
 * a lock, under which its chip is called. What happens when one signals is in irq_flow.c; which
 * domain may have a line is decided in pirq.c.
 */
#include "irq.h"

#include <carillon/hypervisor_look.h>

#include "atomic.h"
#include "bound.h"
#include "event.h"

#define EOI_TIMEOUT_NS 1000000u /* as on Xen */

void irq_init(struct hv *hv)
{
	hv->eoi_timeout = EOI_TIMEOUT_NS;
	hv->irq_timer_armed = HV_NEVER;
}

struct irq_line *irq_find(struct hv *hv, unsigned number)
{
	if (number >= HV_MAX_LINES)
		return NULL;
	/* Acquire: pairs with the release inside the exchange that published it. */
	return load_acquire(&hv->lines[index_nospec(number, HV_MAX_LINES)]);
}

struct irq_line *irq_line(struct hv *hv, unsigned number)
{
	struct irq_line *line = irq_find(hv, number), *other = NULL;

	if (line)
		return line;
	line = alloc(hv, sizeof(*line));
	if (!line)
		return NULL;
	line->number = number;
	line->deadline = HV_NEVER;
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

/* ---- for pirq.c ---- */

static int may_join(const struct irq_line *line, bool share)
{
	if (line->invalid)
		return -XEN_EINVAL;
	if (line->probing)
		return -XEN_EBUSY;
	/* Of a per-CPU line each vCPU has its own: nothing is shared. */
	if (!line->bound || line->flow == HV_IRQ_PERCPU)
		return 0;
	if (!share || !line->bound_shareable || line->nr_bound >= HV_MAX_LINE_GUESTS)
		return -XEN_EBUSY;
	return 0;
}

int irq_bind(struct hv *hv, struct pirq *p, bool share)
{
	struct irq_line *line = p->line;
	int rc;

	lock_take(hv, &line->lock);
	rc = may_join(line, share);
	if (rc == 0) {
		if (!line->bound)
			line->bound_shareable = share;
		p->next = line->bound;
		line->bound = p;
		line->nr_bound++;
		irq_start(hv, line);
		/* Masked without anybody who will eoi: nobody of the others was to have it. */
		irq_served(hv, line);
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
	if (*q) {
		*q = p->next;
		line->nr_bound--;
	}
	p->next = NULL;
	irq_excuse(line, p);
	if (line->bound)
		irq_served(hv, line);
	else
		irq_stop(line);
	lock_drop(&line->lock);
}

bool irq_shared(struct hv *hv, struct irq_line *line)
{
	bool shared;

	lock_take(hv, &line->lock);
	shared = line->nr_bound > 1;
	lock_drop(&line->lock);
	return shared;
}

bool irq_exists(struct hv *hv, struct irq_line *line)
{
	bool exists;

	lock_take(hv, &line->lock);
	exists = line->chip && !line->invalid;
	lock_drop(&line->lock);
	return exists;
}

bool irq_needs_eoi(struct hv *hv, struct irq_line *line)
{
	bool needs;

	lock_take(hv, &line->lock);
	needs = !line->chip || line->flow == HV_IRQ_LEVEL;
	lock_drop(&line->lock);
	return needs;
}

/* ---- describing ---- */

static bool chip_usable(enum hv_irq_flow flow, const struct hv_irq_chip *chip)
{
	if (!chip || !chip->startup || !chip->shutdown || !chip->mask || !chip->unmask)
		return false;
	return flow != HV_IRQ_LEVEL || chip->asserted;
}

/* Line's lock held. */
static int describe(struct irq_line *l, enum hv_irq_flow flow, const struct hv_irq_chip *chip,
		    void *data)
{
	if (l->invalid)
		return -XEN_EINVAL;
	if (l->chip)
		return -XEN_EBUSY;
	l->flow = flow;
	l->data = data;
	l->chip = chip;
	return 0;
}

/* Those who map must know before it is; and whoever has mapped it took it for another kind. */
static int say_percpu(struct hv *hv, struct irq_line *l)
{
	int rc = 0;

	lock_take(hv, &hv->lock);
	if (l->mapped)
		rc = -XEN_EBUSY;
	else
		l->percpu = true;
	lock_drop(&hv->lock);
	return rc;
}

int hv_irq_register(struct hv *hv, unsigned line, enum hv_irq_flow flow,
		    const struct hv_irq_chip *chip, void *data)
{
	struct irq_line *l;
	int rc;

	if (line >= HV_MAX_LINES || !chip_usable(flow, chip))
		return -XEN_EINVAL;
	if (flow != HV_IRQ_LEVEL && flow != HV_IRQ_EDGE && flow != HV_IRQ_PERCPU)
		return -XEN_EINVAL;
	l = irq_line(hv, line);
	if (!l)
		return -XEN_ENOMEM;
	lock_take(hv, &l->lock);
	rc = describe(l, flow, chip, data);
	if (rc == 0 && flow == HV_IRQ_PERCPU) {
		rc = say_percpu(hv, l);
		if (rc)
			l->chip = NULL;
	}
	if (rc == 0)
		irq_start(hv, l); /* somebody may be bound already */
	lock_drop(&l->lock);
	return rc;
}

/* ---- chained lines ---- */

/* hv->lock held: the whole tree is looked at. */
static int may_chain(struct hv *hv, const struct irq_line *parent, const struct hv_irq_demux *demux)
{
	unsigned i;

	if (parent->is_child)
		return -XEN_EINVAL;
	if (parent->is_chained || parent->mapped)
		return -XEN_EBUSY;
	for (i = 0; i < demux->nr; i++) {
		const struct irq_line *child = irq_find(hv, demux->child[i]);

		if (child == parent || child->is_chained)
			return -XEN_EINVAL;
		if (child->is_child)
			return -XEN_EBUSY;
	}
	return 0;
}

static void set_chain(struct hv *hv, struct irq_line *parent, const struct hv_irq_demux *demux,
		      bool on)
{
	unsigned i;

	parent->is_chained = on;
	for (i = 0; i < demux->nr; i++)
		irq_find(hv, demux->child[i])->is_child = on;
}

/*
 * The tree first, under the lock for all of it: from then on nobody maps the line, and it has the
 * children to itself.
 */
static int join_tree(struct hv *hv, struct irq_line *parent, const struct hv_irq_demux *demux)
{
	int rc;

	lock_take(hv, &hv->lock);
	rc = may_chain(hv, parent, demux);
	if (rc == 0)
		set_chain(hv, parent, demux, true);
	lock_drop(&hv->lock);
	return rc;
}

static void leave_tree(struct hv *hv, struct irq_line *parent, const struct hv_irq_demux *demux)
{
	lock_take(hv, &hv->lock);
	set_chain(hv, parent, demux, false);
	lock_drop(&hv->lock);
}

static int check_demux(struct hv *hv, const struct hv_irq_demux *demux)
{
	unsigned i;

	if (!demux || !demux->child || !demux->status || demux->nr < 1 ||
	    demux->nr > HV_MAX_CHAINED)
		return -XEN_EINVAL;
	for (i = 0; i < demux->nr; i++) {
		if (demux->child[i] >= HV_MAX_LINES)
			return -XEN_EINVAL;
		if (!irq_line(hv, demux->child[i]))
			return -XEN_ENOMEM;
	}
	return 0;
}

int hv_irq_chain(struct hv *hv, unsigned line, const struct hv_irq_chip *chip, void *data,
		 const struct hv_irq_demux *demux)
{
	struct irq_line *l;
	int rc;

	if (line >= HV_MAX_LINES || !chip_usable(HV_IRQ_CHAINED, chip))
		return -XEN_EINVAL;
	rc = check_demux(hv, demux);
	if (rc)
		return rc;
	l = irq_line(hv, line);
	if (!l)
		return -XEN_ENOMEM;
	rc = join_tree(hv, l, demux);
	if (rc)
		return rc;
	lock_take(hv, &l->lock);
	rc = describe(l, HV_IRQ_CHAINED, chip, data);
	if (rc == 0) {
		l->demux = demux;
		l->started = true;
		chip->startup(data, line);
		/* What they signalled before was not heard. */
		irq_demultiplex(hv, l);
	}
	lock_drop(&l->lock);
	if (rc)
		leave_tree(hv, l, demux);
	return rc;
}

/* ---- probing, and the end of a line ---- */

int hv_irq_probe_begin(struct hv *hv, unsigned line)
{
	struct irq_line *l = irq_find(hv, line);
	int rc = 0;

	if (!l)
		return -XEN_EINVAL;
	lock_take(hv, &l->lock);
	if (!l->chip || l->invalid || l->flow == HV_IRQ_CHAINED) {
		rc = -XEN_EINVAL;
	} else if (l->bound || l->probing) {
		rc = -XEN_EBUSY;
	} else {
		l->probing = true;
		l->fired = false;
		l->masked = false;
		l->chip->startup(l->data, line);
		irq_sample(hv, l);
	}
	lock_drop(&l->lock);
	return rc;
}

/* Line's lock held. */
static void stop_probing(struct irq_line *l)
{
	l->probing = false;
	l->masked = false;
	l->chip->shutdown(l->data, l->number);
}

int hv_irq_probe_end(struct hv *hv, unsigned line)
{
	struct irq_line *l = irq_find(hv, line);
	int rc = -XEN_EINVAL;

	if (!l)
		return rc;
	lock_take(hv, &l->lock);
	if (l->probing) {
		stop_probing(l);
		rc = l->fired;
	}
	lock_drop(&l->lock);
	return rc;
}

int hv_irq_invalidate(struct hv *hv, unsigned line)
{
	struct irq_line *l;
	struct pirq *p;

	if (line >= HV_MAX_LINES)
		return -XEN_EINVAL;
	l = irq_line(hv, line);
	if (!l)
		return -XEN_ENOMEM;
	lock_take(hv, &l->lock);
	l->invalid = true;
	for (p = l->bound; p; p = p->next)
		irq_excuse(l, p);
	if (l->probing)
		stop_probing(l);
	irq_stop(l);
	lock_drop(&l->lock);
	return 0;
}

/* ---- signals ---- */

void hv_irq_raise(struct hv *hv, unsigned line)
{
	struct irq_line *l = irq_find(hv, line);

	if (!l)
		return;
	lock_take(hv, &l->lock);
	if (l->flow == HV_IRQ_CHAINED)
		irq_demultiplex(hv, l);
	else
		irq_arrive(hv, l, NULL);
	lock_drop(&l->lock);
}

void hv_irq_raise_vcpu(struct hv_vcpu *v, unsigned line)
{
	struct hv *hv = v->domain->hv;
	struct irq_line *l = irq_find(hv, line);

	if (!l)
		return;
	lock_take(hv, &l->lock);
	if (l->flow == HV_IRQ_PERCPU)
		irq_arrive(hv, l, v);
	lock_drop(&l->lock);
}

void hv_irq_resample(struct hv *hv, unsigned line)
{
	struct irq_line *l = irq_find(hv, line);

	if (!l)
		return;
	lock_take(hv, &l->lock);
	irq_served(hv, l);
	irq_sample(hv, l);
	lock_drop(&l->lock);
}

/* ---- focus ---- */

int hv_irq_set_flags(struct hv *hv, unsigned line, unsigned flags)
{
	struct irq_line *l;

	if (line >= HV_MAX_LINES || flags & ~HV_IRQ_FOCUS)
		return -XEN_EINVAL;
	l = irq_line(hv, line);
	if (!l)
		return -XEN_ENOMEM;
	lock_take(hv, &l->lock);
	l->flags = flags;
	irq_refocus(hv, l);
	lock_drop(&l->lock);
	return 0;
}

/*
 * A line that signals meanwhile goes by the old one or the new one; if by the old one, it did so
 * before we have its lock, and we take it from him.
 */
void hv_set_foreground(struct hv *hv, struct hv_domain *d)
{
	unsigned i;

	store_seq(&hv->foreground, d);
	for (i = 0; i < HV_MAX_LINES; i++) {
		struct irq_line *l = irq_find(hv, i);

		if (!l)
			continue;
		lock_take(hv, &l->lock);
		irq_refocus(hv, l);
		lock_drop(&l->lock);
	}
}

void irq_leave_foreground(struct hv_domain *d)
{
	struct hv_domain *me = d;

	/* It has no lines any more, so nothing waits for somebody else. */
	compare_exchange_seq(&d->hv->foreground, &me, (struct hv_domain *)NULL);
}

/* ---- looking ---- */

/* Called with the line's lock held: who is bound stays. */
static void fill_info(const struct irq_line *l, struct hv_irq_info *out)
{
	const struct pirq *p;

	*out = (struct hv_irq_info){
		.described = l->chip,
		.flow = l->flow,
		.started = l->started,
		.masked = l->masked,
		.invalid = l->invalid,
		.probing = l->probing,
		.in_flight = l->in_flight,
	};
	for (p = l->bound; p; p = p->next) {
		struct hv_irq_bound *b;

		/* A per-CPU line may have more. */
		if (out->nr_bound++ >= HV_MAX_LINE_GUESTS)
			continue;
		b = &out->bound[out->nr_bound - 1];
		b->domid = p->domain->domid;
		b->pirq = (unsigned)(p - p->domain->pirqs);
		b->port = load_relaxed(&p->port);
		b->in_flight = p->in_flight;
		b->late = p->late;
	}
}

int hv_irq_info(struct hv *hv, unsigned line, struct hv_irq_info *out)
{
	struct irq_line *l = irq_find(hv, line);

	if (!l)
		return line < HV_MAX_LINES ? -XEN_ENOENT : -XEN_EINVAL;
	lock_take(hv, &l->lock);
	fill_info(l, out);
	lock_drop(&l->lock);
	return 0;
}
