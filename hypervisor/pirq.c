/* SPDX-License-Identifier: MIT */
/*
 * pirqs: which lines a domain has and under which numbers, binding them to ports, and physdev_op.
 * The flow of an interrupt is in irq.c.
 */
#include <xen/physdev.h>

#include "atomic.h"
#include "bound.h"
#include "domain.h"
#include "event.h"
#include "guest_access.h"
#include "irq.h"
#include "policy.h"
#include "probe.h"

#define FIRST_FREE_PIRQ 16u /* where numbers not asked for begin: below are the ISA lines */
#define IO_PORTS	65536u

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
	release(d->hv, d->pirqs, d->nr_pirqs * sizeof(*d->pirqs));
	d->pirqs = NULL;
	d->nr_pirqs = 0;
}

static struct pirq *find(const struct hv_domain *d, uint32_t pirq)
{
	if (pirq >= d->nr_pirqs)
		return NULL;
	return &d->pirqs[index_nospec(pirq, d->nr_pirqs)];
}

/* ---- mapping, with the domain's lock held ---- */

static int map(struct hv_domain *d, struct pirq *p, struct irq_line *line, bool shareable)
{
	struct hv *hv = d->hv;
	int rc = 0;

	if (p->line)
		return -XEN_EEXIST;
	lock_take(hv, &hv->lock);
	if (line->mapped && !(shareable && line->map_shareable)) {
		rc = -XEN_EBUSY;
	} else {
		line->mapped++;
		line->map_shareable = shareable;
	}
	lock_drop(&hv->lock);
	if (rc)
		return rc;
	p->line = line;
	p->shareable = shareable;
	return 0;
}

static void unmap(struct hv_domain *d, struct pirq *p)
{
	lock_take(d->hv, &d->hv->lock);
	p->line->mapped--;
	lock_drop(&d->hv->lock);
	p->line = NULL;
}

void pirqs_unmap_all(struct hv_domain *d)
{
	unsigned i;

	lock_take(d->hv, &d->lock);
	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].line)
			unmap(d, &d->pirqs[i]);
	lock_drop(&d->lock);
}

void pirqs_shut_down(struct hv_domain *d)
{
	unsigned i;

	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].line)
			irq_eoi(d->hv, &d->pirqs[i]);
}

int hv_domain_map_pirq(struct hv_domain *d, unsigned pirq, unsigned line, bool shareable)
{
	struct pirq *p = find(d, pirq);
	struct irq_line *l;
	int rc;

	if (!p || line >= HV_MAX_LINES)
		return -XEN_EINVAL;
	l = irq_line(d->hv, line);
	if (!l)
		return -XEN_ENOMEM;
	lock_take(d->hv, &d->lock);
	rc = map(d, p, l, shareable);
	lock_drop(&d->lock);
	return rc;
}

/* ---- binding ---- */

int pirq_may_bind(struct hv_domain *d, uint32_t pirq)
{
	const struct pirq *p = find(d, pirq);

	if (!p)
		return -XEN_EINVAL;
	if (!p->line)
		return -XEN_EPERM;
	return load_relaxed(&p->port) ? -XEN_EEXIST : 0;
}

int pirq_bind(struct hv_domain *d, uint32_t pirq, uint32_t port, bool share)
{
	struct pirq *p = find(d, pirq);
	int rc;

	store_seq(&p->port, port);
	rc = irq_bind(d->hv, p, share);
	if (rc)
		store_seq(&p->port, 0u);
	return rc;
}

void pirq_unbind(struct hv_domain *d, uint32_t pirq)
{
	struct pirq *p = find(d, pirq);

	irq_unbind(d->hv, p);
	store_seq(&p->port, 0u);
}

/* ---- physdev_op ---- */

static long op_eoi(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_eoi eoi;
	struct pirq *p;
	long rc = 0;

	if (copy_from_guest(v, &eoi, arg, sizeof(eoi)))
		return -XEN_EFAULT;
	p = find(d, eoi.irq);
	if (!p)
		return -XEN_EINVAL;
	fetch_add_relaxed(&v->counters.eois, UINT64_C(1));
	probe_eoi(d->domid, eoi.irq);
	lock_take(d->hv, &d->lock);
	if (p->line)
		irq_eoi(d->hv, p);
	else
		rc = -XEN_EINVAL;
	lock_drop(&d->lock);
	return rc;
}

static long op_status(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_irq_status_query q;
	struct pirq *p;

	if (copy_from_guest(v, &q, arg, sizeof(q)))
		return -XEN_EFAULT;
	p = find(d, q.irq);
	if (!p)
		return -XEN_EINVAL;
	q.flags = 0;
	lock_take(d->hv, &d->lock);
	if (!p->line || irq_needs_eoi(d->hv, p->line))
		q.flags |= XENIRQSTAT_needs_eoi;
	if (p->line && irq_shared(d->hv, p->line))
		q.flags |= XENIRQSTAT_shared;
	lock_drop(&d->lock);
	return copy_to_guest(v, arg, &q, sizeof(q));
}

/* From which number on a pirq is unused; nr_pirqs if none is. Domain's lock held. */
static uint32_t free_pirq(const struct hv_domain *d)
{
	uint32_t i;

	for (i = FIRST_FREE_PIRQ; i < d->nr_pirqs; i++)
		if (!d->pirqs[i].line)
			return i;
	return d->nr_pirqs;
}

static const struct pirq *mapped_to(const struct hv_domain *d, const struct irq_line *line)
{
	uint32_t i;

	for (i = 0; i < d->nr_pirqs; i++)
		if (d->pirqs[i].line == line)
			return &d->pirqs[i];
	return NULL;
}

/*
 * Domain's lock held. A line that the domain has already keeps its number; only the privileged
 * domain may take new ones.
 */
static long map_gsi(struct hv_vcpu *v, struct hv_domain *d, struct irq_line *line, int *pirq)
{
	const struct pirq *have = mapped_to(d, line);
	uint32_t number;
	int rc;

	if (have) {
		number = (uint32_t)(have - d->pirqs);
		if (*pirq >= 0 && (uint32_t)*pirq != number)
			return -XEN_EEXIST;
		*pirq = (int)number;
		return 0;
	}
	rc = policy_ask_on(v, HV_OP_PIRQ_TAKE, d, line->number);
	if (rc)
		return rc;
	number = *pirq < 0 ? free_pirq(d) : (uint32_t)*pirq;
	if (number >= d->nr_pirqs)
		return *pirq < 0 ? -XEN_ENOSPC : -XEN_EINVAL;
	rc = map(d, find(d, number), line, true);
	if (rc == 0)
		*pirq = (int)number;
	return rc;
}

static long map_pirq(struct hv_vcpu *v, struct physdev_map_pirq *m)
{
	struct hv_domain *d;
	struct irq_line *line;
	long rc;

	if (m->type != MAP_PIRQ_TYPE_GSI)
		return -XEN_ENOSYS;
	d = domain_get_any(v, m->domid);
	if (!d)
		return -XEN_ESRCH;
	rc = policy_ask_on(v, HV_OP_PIRQ_MAP, d, (uint32_t)m->index);
	if (rc == 0 && (m->index < 0 || (unsigned)m->index >= HV_MAX_LINES))
		rc = -XEN_EINVAL;
	if (rc == 0) {
		line = irq_line(d->hv, (unsigned)index_nospec((unsigned)m->index, HV_MAX_LINES));
		lock_take(d->hv, &d->lock);
		rc = line ? map_gsi(v, d, line, &m->pirq) : -XEN_ENOMEM;
		lock_drop(&d->lock);
	}
	domain_put(d);
	return rc;
}

static long op_map(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_map_pirq m;
	long rc;

	if (copy_from_guest(v, &m, arg, sizeof(m)))
		return -XEN_EFAULT;
	rc = map_pirq(v, &m);
	return rc ? rc : copy_to_guest(v, arg, &m, sizeof(m));
}

static long unmap_pirq(struct hv_domain *d, int pirq)
{
	struct pirq *p = pirq < 0 ? NULL : find(d, (uint32_t)pirq);
	long rc = 0;

	if (!p)
		return -XEN_EINVAL;
	lock_take(d->hv, &d->lock);
	if (!p->line)
		rc = -XEN_EINVAL;
	else if (p->port)
		rc = -XEN_EBUSY; /* close its port first */
	else
		unmap(d, p);
	lock_drop(&d->lock);
	return rc;
}

static long op_unmap(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_unmap_pirq u;
	struct hv_domain *d;
	long rc;

	if (copy_from_guest(v, &u, arg, sizeof(u)))
		return -XEN_EFAULT;
	d = domain_get_any(v, u.domid);
	if (!d)
		return -XEN_ESRCH;
	/* An unprivileged domain could not map it again. */
	rc = policy_ask_on(v, HV_OP_PIRQ_UNMAP, d, (uint32_t)u.pirq);
	if (rc == 0)
		rc = unmap_pirq(d, u.pirq);
	domain_put(d);
	return rc;
}

static long op_free_pirq(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct physdev_get_free_pirq f;

	if (copy_from_guest(v, &f, arg, sizeof(f)))
		return -XEN_EFAULT;
	lock_take(d->hv, &d->lock);
	f.pirq = free_pirq(d);
	lock_drop(&d->lock);
	if (f.pirq >= d->nr_pirqs)
		return -XEN_ENOSPC;
	return copy_to_guest(v, arg, &f, sizeof(f));
}

/*
 * The privileges of I/O ports: accepted within their bounds. There are no I/O ports to use them on.
 */
static long op_iopl(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_set_iopl s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	return s.iopl > 3 ? -XEN_EINVAL : 0;
}

static long op_iobitmap(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_set_iobitmap s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	return s.nr_ports > IO_PORTS ? -XEN_EINVAL : 0;
}

/* A line's vector is the controller's affair: the answer is the line, as Xen gives it. */
static long op_vector(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_irq q;
	long rc;

	if (copy_from_guest(v, &q, arg, sizeof(q)))
		return -XEN_EFAULT;
	rc = policy_ask_on(v, HV_OP_PIRQ_SETUP, v->domain, q.irq);
	if (rc)
		return rc;
	if (q.irq >= HV_MAX_LINES)
		return -XEN_EINVAL;
	q.vector = q.irq;
	return copy_to_guest(v, arg, &q, sizeof(q));
}

static long op_setup_gsi(struct hv_vcpu *v, uint64_t arg)
{
	struct physdev_setup_gsi s;
	long rc;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	rc = policy_ask_on(v, HV_OP_PIRQ_SETUP, v->domain, (uint32_t)s.gsi);
	if (rc)
		return rc;
	return s.gsi < 0 || (unsigned)s.gsi >= HV_MAX_LINES ? -XEN_EINVAL : 0;
}

static long physdev_op_at(struct hv_vcpu *v, uint32_t op, uint64_t arg)
{
	switch (op) {
	case PHYSDEVOP_eoi:
		return op_eoi(v, arg);
	case PHYSDEVOP_irq_status_query:
		return op_status(v, arg);
	case PHYSDEVOP_map_pirq:
		return op_map(v, arg);
	case PHYSDEVOP_unmap_pirq:
		return op_unmap(v, arg);
	case PHYSDEVOP_get_free_pirq:
		return op_free_pirq(v, arg);
	case PHYSDEVOP_set_iopl:
		return op_iopl(v, arg);
	case PHYSDEVOP_set_iobitmap:
		return op_iobitmap(v, arg);
	case PHYSDEVOP_alloc_irq_vector:
		return op_vector(v, arg);
	case PHYSDEVOP_setup_gsi:
		return op_setup_gsi(v, arg);
	default:
		return -XEN_ENOSYS;
	}
}

long do_physdev_op(struct hv_vcpu *v, const uint64_t a[6])
{
	return physdev_op_at(v, (uint32_t)a[0], a[1]);
}

/* The old entry: number and argument in one structure, for the oldest operations only. */
long do_physdev_op_compat(struct hv_vcpu *v, const uint64_t a[6])
{
	struct physdev_op op;

	if (copy_from_guest(v, &op, a[0], sizeof(op)))
		return -XEN_EFAULT;
	switch (op.cmd) {
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_set_iopl:
	case PHYSDEVOP_set_iobitmap:
	case PHYSDEVOP_alloc_irq_vector:
		return physdev_op_at(v, op.cmd, a[0] + offsetof(struct physdev_op, u));
	default:
		return -XEN_ENOSYS;
	}
}
