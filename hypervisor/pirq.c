/* SPDX-License-Identifier: MIT */
/*
 * pirqs: which lines a domain has and under which numbers, and binding them to ports. The hypercall
 * is in pirq_op.c, lines are in irq.c.
 */
#include "atomic.h"
#include "bound.h"
#include "event.h"
#include "irq.h"
#include "mm.h"

int pirqs_init(struct hv_domain *d, unsigned n)
{
	unsigned i;

	if (n == 0)
		return 0;
	d->pirqs = alloc(d->hv, n * sizeof(*d->pirqs));
	if (!d->pirqs)
		return -XEN_ENOMEM;
	d->nr_pirqs = n;
	for (i = 0; i < n; i++)
		d->pirqs[i].domain = d;
	return 0;
}

void pirqs_destroy(struct hv_domain *d)
{
	if (d->eoi_map)
		mm_put_frame(d, d->eoi_map_mfn);
	d->eoi_map = NULL;
	release(d->hv, d->pirqs, d->nr_pirqs * sizeof(*d->pirqs));
	d->pirqs = NULL;
	d->nr_pirqs = 0;
}

struct pirq *pirq_find(const struct hv_domain *d, uint32_t pirq)
{
	if (pirq >= d->nr_pirqs)
		return NULL;
	return &d->pirqs[index_nospec(pirq, d->nr_pirqs)];
}

/* ---- mapping, with the domain's lock held ---- */

struct pirq *pirq_of_line(const struct hv_domain *d, const struct irq_line *line)
{
	unsigned i;

	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].line == line)
			return &d->pirqs[i];
	return NULL;
}

/* hv->lock held. */
static int may_map(const struct irq_line *line, bool percpu, bool shareable)
{
	if (line->is_chained || line->percpu != percpu)
		return -XEN_EINVAL;
	if (!percpu && line->mapped && !(shareable && line->map_shareable))
		return -XEN_EBUSY;
	return 0;
}

static int map(struct hv_domain *d, struct pirq *p, struct irq_line *line, bool shareable,
	       const struct hv_vcpu *v)
{
	struct hv *hv = d->hv;
	int rc;

	if (d->dying)
		return -XEN_EINVAL; /* nobody would unmap it */
	if (p->state == PIRQ_MAPPED || p->state == PIRQ_LOST)
		return -XEN_EEXIST;
	lock_take(hv, &hv->lock);
	rc = may_map(line, v != NULL, shareable);
	if (rc == 0) {
		line->mapped++;
		line->map_shareable = shareable;
	}
	lock_drop(&hv->lock);
	if (rc)
		return rc;
	p->line = line;
	p->percpu = v != NULL;
	p->vcpu = v ? v->id : 0;
	p->state = PIRQ_MAPPED;
	return 0;
}

int pirq_map(struct hv_domain *d, struct pirq *p, struct irq_line *line, bool shareable)
{
	return map(d, p, line, shareable, NULL);
}

/* A port that is bound keeps the number, but is cut off from the line: as on Xen. */
static int unmap(struct hv_domain *d, struct pirq *p)
{
	bool bound = load_relaxed(&p->port);

	if (p->state != PIRQ_MAPPED)
		return -XEN_EINVAL;
	/* Unbound first: who maps the line next may have it to himself. */
	if (bound)
		irq_unbind(d->hv, p);
	lock_take(d->hv, &d->hv->lock);
	p->line->mapped--;
	lock_drop(&d->hv->lock);
	p->state = bound ? PIRQ_LOST : PIRQ_FREE;
	if (!bound)
		p->line = NULL;
	return 0;
}

void pirqs_unmap_all(struct hv_domain *d)
{
	unsigned i;

	lock_take(d->hv, &d->lock);
	for (i = 0; i < d->nr_pirqs; i++)
		unmap(d, &d->pirqs[i]);
	lock_drop(&d->lock);
}

void pirqs_shut_down(struct hv_domain *d)
{
	unsigned i;

	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].state == PIRQ_MAPPED)
			irq_forget(d->hv, &d->pirqs[i]);
}

/* ---- for the embedder ---- */

/* A line that is not described yet may turn out to be one. */
static bool is_invalid(struct hv *hv, struct irq_line *line)
{
	bool invalid;

	lock_take(hv, &line->lock);
	invalid = line->invalid;
	lock_drop(&line->lock);
	return invalid;
}

int hv_domain_map_pirq(struct hv_domain *d, unsigned pirq, unsigned line, bool shareable)
{
	struct pirq *p = pirq_find(d, pirq);
	struct irq_line *l;
	int rc;

	if (!p || line >= HV_MAX_LINES)
		return -XEN_EINVAL;
	l = irq_line(d->hv, line);
	if (!l)
		return -XEN_ENOMEM;
	if (is_invalid(d->hv, l))
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	rc = pirq_of_line(d, l) ? -XEN_EEXIST : pirq_map(d, p, l, shareable);
	lock_drop(&d->lock);
	return rc;
}

static bool vcpu_has(const struct hv_vcpu *v, const struct irq_line *line)
{
	const struct hv_domain *d = v->domain;
	unsigned i;

	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].line == line && d->pirqs[i].percpu && d->pirqs[i].vcpu == v->id)
			return true;
	return false;
}

int hv_vcpu_map_pirq(struct hv_vcpu *v, unsigned pirq, unsigned line)
{
	struct hv_domain *d = v->domain;
	struct pirq *p = pirq_find(d, pirq);
	struct irq_line *l = irq_find(d->hv, line);
	int rc;

	if (!p || !l || !irq_exists(d->hv, l))
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	rc = vcpu_has(v, l) ? -XEN_EEXIST : map(d, p, l, true, v);
	lock_drop(&d->lock);
	return rc;
}

int hv_domain_unmap_pirq(struct hv_domain *d, unsigned pirq)
{
	struct pirq *p = pirq_find(d, pirq);
	int rc;

	if (!p)
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	rc = unmap(d, p);
	lock_drop(&d->lock);
	return rc;
}

/* ---- binding ---- */

int pirq_may_bind(struct hv_domain *d, uint32_t pirq)
{
	const struct pirq *p = pirq_find(d, pirq);

	if (!p)
		return -XEN_EINVAL;
	if (p->state != PIRQ_MAPPED)
		return -XEN_EPERM;
	return load_relaxed(&p->port) ? -XEN_EEXIST : 0;
}

/* As Xen does: the guest may have told us of its page after it bound others. */
static void mark_eoi(struct hv_domain *d, struct pirq *p)
{
	unsigned number = (unsigned)(p - d->pirqs);

	if (!d->eoi_map)
		return;
	if (irq_needs_eoi(d->hv, p->line))
		set_bit_seq(d->eoi_map, number);
	else
		clear_bit_seq(d->eoi_map, number);
}

int pirq_bind(struct hv_domain *d, uint32_t pirq, uint32_t port, bool share)
{
	struct pirq *p = pirq_find(d, pirq);
	int rc;

	store_seq(&p->port, port);
	/* First, as binding may raise it at once, and its handler looks there. */
	mark_eoi(d, p);
	rc = irq_bind(d->hv, p, share);
	if (rc)
		store_seq(&p->port, 0u);
	return rc;
}

void pirq_unbind(struct hv_domain *d, uint32_t pirq)
{
	struct pirq *p = pirq_find(d, pirq);

	if (p->state == PIRQ_MAPPED) {
		irq_unbind(d->hv, p);
	} else {
		p->state = PIRQ_FREE;
		p->line = NULL;
	}
	store_seq(&p->port, 0u);
}

unsigned pirq_vcpu(const struct hv_domain *d, uint32_t pirq)
{
	return pirq_find(d, pirq)->vcpu;
}

bool pirq_is_percpu(const struct hv_domain *d, uint32_t pirq)
{
	return pirq_find(d, pirq)->percpu;
}
