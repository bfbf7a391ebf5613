/* SPDX-License-Identifier: MIT */
/* The reference: see model.h. Checks are in the order in which Xen makes them. */
#include "model.h"

#include <string.h>

#include <xen/errno.h>
#include <xen/xen.h>

#define BUCKET	    64u
#define PAGE_WORDS  1024u
#define BLOCK_BYTES (sizeof(struct evtchn_fifo_control_block))

void model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned d = 0; d < MODEL_DOMAINS; d++)
		m->domain[d].valid = BUCKET;
}

int model_domain_of(unsigned me, unsigned dom)
{
	if (dom == DOMID_SELF)
		return (int)me;
	return dom < MODEL_DOMAINS ? (int)dom : -1;
}

static bool may(unsigned me, unsigned dom)
{
	return me == 0 || me == dom;
}

static struct model_port *find(struct model_domain *d, uint32_t port)
{
	return port < d->valid ? &d->port[port] : NULL;
}

static bool in_use(const struct model_port *p)
{
	return p->status != EVTCHNSTAT_closed;
}

/* ---- raising ---- */

static void raise_2l(struct model_domain *d, uint32_t port, unsigned vcpu)
{
	struct model_port *p = &d->port[port];
	uint64_t bit = 1ull << (port / 64);

	if (p->pending)
		return;
	p->pending = true;
	if (p->masked || (d->vcpu[vcpu].selector & bit))
		return;
	d->vcpu[vcpu].selector |= bit;
	d->vcpu[vcpu].upcall = true;
}

/* Put it on its queue if nothing keeps it off. */
static void queue_fifo(struct model_domain *d, uint32_t port, unsigned vcpu)
{
	struct model_port *p = &d->port[port];
	struct model_vcpu *v = &d->vcpu[vcpu];
	struct model_queue *q = &v->queue[p->priority];

	if (!p->fifo_pending || p->fifo_masked || p->linked)
		return;
	p->linked = true;
	q->port[q->nr++] = port;
	if (q->nr > 1 || (v->ready & (1u << p->priority)))
		return;
	v->ready |= 1u << p->priority;
	v->upcall = true;
}

static void raise_fifo(struct model_domain *d, uint32_t port, unsigned vcpu)
{
	if (port >= d->words) {
		d->port[port].remembered = true;
		return;
	}
	if (!d->vcpu[vcpu].block)
		return;
	d->port[port].fifo_pending = true;
	queue_fifo(d, port, vcpu);
}

static void raise_port(struct model_domain *d, uint32_t port)
{
	if (d->fifo)
		raise_fifo(d, port, d->port[port].vcpu);
	else
		raise_2l(d, port, d->port[port].vcpu);
}

/* ---- ports ---- */

static long lowest_free(struct model_domain *d)
{
	for (uint32_t port = 1; port <= MODEL_LIMIT; port++) {
		if (port >= d->valid)
			d->valid += BUCKET;
		if (!in_use(&d->port[port]) && !(d->fifo && d->port[port].linked))
			return port;
	}
	return -XEN_ENOSPC;
}

static struct model_port *open_port(struct model_domain *d, long port, unsigned status,
				    unsigned vcpu)
{
	struct model_port *p = &d->port[port];

	p->status = status;
	p->vcpu = vcpu;
	p->dom = 0;
	p->number = 0;
	if (d->fifo)
		p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	return p;
}

long model_alloc_unbound(struct model *m, unsigned me, unsigned dom, unsigned remote)
{
	int of = model_domain_of(me, dom);
	long port;

	if (of < 0)
		return -XEN_ESRCH;
	port = lowest_free(&m->domain[of]);
	if (port < 0)
		return port;
	if (!may(me, (unsigned)of))
		return -XEN_EPERM;
	open_port(&m->domain[of], port, EVTCHNSTAT_unbound, 0)->dom =
		remote == DOMID_SELF ? me : remote;
	return port;
}

long model_bind_interdomain(struct model *m, unsigned me, unsigned remote, uint32_t rport)
{
	int of = model_domain_of(me, remote);
	struct model_domain *d = &m->domain[me];
	struct model_port *p, *rp;
	long port;

	if (of < 0)
		return -XEN_ESRCH;
	port = lowest_free(d);
	if (port < 0)
		return port;
	rp = find(&m->domain[of], rport);
	if (!rp || rp->status != EVTCHNSTAT_unbound || rp->dom != me)
		return -XEN_EINVAL;
	p = open_port(d, port, EVTCHNSTAT_interdomain, 0);
	p->dom = (unsigned)of;
	p->number = rport;
	rp->status = EVTCHNSTAT_interdomain;
	rp->dom = me;
	rp->number = (uint32_t)port;
	raise_port(d, (uint32_t)port);
	return port;
}

static bool per_vcpu(uint32_t virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
	       virq == VIRQ_XENPMU;
}

long model_bind_virq(struct model *m, unsigned me, uint32_t virq, uint32_t vcpu)
{
	struct model_domain *d = &m->domain[me];
	long port;

	if (virq >= MODEL_VIRQS || (!per_vcpu(virq) && vcpu))
		return -XEN_EINVAL;
	if (vcpu >= MODEL_VCPUS)
		return -XEN_ENOENT;
	if (d->vcpu[vcpu].virq_port[virq])
		return -XEN_EEXIST;
	port = lowest_free(d);
	if (port < 0)
		return port;
	open_port(d, port, EVTCHNSTAT_virq, vcpu)->number = virq;
	d->vcpu[vcpu].virq_port[virq] = (uint32_t)port;
	return port;
}

long model_bind_ipi(struct model *m, unsigned me, uint32_t vcpu)
{
	struct model_domain *d = &m->domain[me];
	long port;

	if (vcpu >= MODEL_VCPUS)
		return -XEN_ENOENT;
	port = lowest_free(d);
	if (port >= 0)
		open_port(d, port, EVTCHNSTAT_ipi, vcpu);
	return port;
}

static void close_port(struct model *m, unsigned dom, uint32_t port)
{
	struct model_domain *d = &m->domain[dom];
	struct model_port *p = &d->port[port];

	if (p->status == EVTCHNSTAT_interdomain) {
		struct model_port *rp = &m->domain[p->dom].port[p->number];

		rp->status = EVTCHNSTAT_unbound;
		rp->dom = dom;
	}
	if (p->status == EVTCHNSTAT_virq)
		d->vcpu[p->vcpu].virq_port[p->number] = 0;
	/* A global virq may have been moved since. */
	if (p->status == EVTCHNSTAT_virq && !per_vcpu(p->number))
		d->vcpu[0].virq_port[p->number] = 0;
	p->status = EVTCHNSTAT_closed;
	p->vcpu = 0;
	if (d->fifo)
		p->fifo_pending = false;
	else
		p->pending = false;
}

long model_close(struct model *m, unsigned me, uint32_t port)
{
	struct model_port *p = find(&m->domain[me], port);

	if (!p || !in_use(p))
		return -XEN_EINVAL;
	close_port(m, me, port);
	return 0;
}

long model_send(struct model *m, unsigned me, uint32_t port)
{
	struct model_port *p = find(&m->domain[me], port);

	if (!p)
		return -XEN_EINVAL;
	switch (p->status) {
	case EVTCHNSTAT_unbound:
		return 0;
	case EVTCHNSTAT_interdomain:
		raise_port(&m->domain[p->dom], p->number);
		return 0;
	case EVTCHNSTAT_ipi:
		raise_port(&m->domain[me], port);
		return 0;
	default:
		return -XEN_EINVAL;
	}
}

void model_virq(struct model *m, unsigned dom, unsigned vcpu, unsigned virq)
{
	uint32_t port = m->domain[dom].vcpu[vcpu].virq_port[virq];

	if (port)
		raise_port(&m->domain[dom], port);
}

long model_status(const struct model *m, unsigned me, unsigned dom, uint32_t port)
{
	int of = model_domain_of(me, dom);

	if (of < 0)
		return -XEN_ESRCH;
	if (port >= m->domain[of].valid)
		return -XEN_EINVAL;
	return may(me, (unsigned)of) ? 0 : -XEN_EPERM;
}

long model_bind_vcpu(struct model *m, unsigned me, uint32_t port, uint32_t vcpu)
{
	struct model_port *p = find(&m->domain[me], port);

	if (vcpu >= MODEL_VCPUS)
		return -XEN_ENOENT;
	if (!p)
		return -XEN_EINVAL;
	if (p->status != EVTCHNSTAT_unbound && p->status != EVTCHNSTAT_interdomain &&
	    (p->status != EVTCHNSTAT_virq || per_vcpu(p->number)))
		return -XEN_EINVAL;
	p->vcpu = vcpu;
	return 0;
}

static void unmask_2l(struct model_domain *d, uint32_t port)
{
	struct model_port *p = &d->port[port];
	struct model_vcpu *v = &d->vcpu[p->vcpu];
	uint64_t bit = 1ull << (port / 64);
	bool was = p->masked;

	p->masked = false;
	if (!was || !p->pending || (v->selector & bit))
		return;
	v->selector |= bit;
	v->upcall = true;
}

long model_unmask(struct model *m, unsigned me, uint32_t port)
{
	struct model_domain *d = &m->domain[me];
	struct model_port *p = find(d, port);

	if (!p)
		return -XEN_EINVAL;
	if (!in_use(p))
		return 0;
	if (!d->fifo) {
		unmask_2l(d, port);
		return 0;
	}
	if (port >= d->words)
		return 0;
	p->fifo_masked = false;
	if (d->vcpu[p->vcpu].block)
		queue_fifo(d, port, p->vcpu);
	return 0;
}

/* ---- the ABIs ---- */

long model_reset(struct model *m, unsigned me, unsigned dom)
{
	int of = model_domain_of(me, dom);
	struct model_domain *d;

	if (of < 0)
		return -XEN_ESRCH;
	if (!may(me, (unsigned)of))
		return -XEN_EPERM;
	/* Nobody is paused here. */
	if (of != (int)me)
		return -XEN_EINVAL;
	d = &m->domain[me];
	for (uint32_t port = 1; port < d->valid; port++)
		if (in_use(&d->port[port]))
			close_port(m, me, port);
	d->fifo = false;
	d->words = 0;
	for (unsigned v = 0; v < MODEL_VCPUS; v++) {
		d->vcpu[v].block = false;
		d->vcpu[v].ready = 0;
		memset(d->vcpu[v].queue, 0, sizeof(d->vcpu[v].queue));
	}
	for (uint32_t port = 0; port < MODEL_PORTS; port++) {
		d->port[port].fifo_pending = false;
		d->port[port].fifo_masked = false;
		d->port[port].linked = false;
	}
	return 0;
}

static void enter_fifo(struct model_domain *d)
{
	d->fifo = true;
	for (uint32_t port = 1; port < d->valid; port++) {
		d->port[port].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
		if (d->port[port].pending)
			d->port[port].remembered = true;
	}
}

long model_init_control(struct model *m, unsigned me, uint32_t vcpu, uint32_t offset)
{
	struct model_domain *d = &m->domain[me];

	if (vcpu >= MODEL_VCPUS)
		return -XEN_ENOENT;
	if (offset > 4096 - BLOCK_BYTES || offset % 8)
		return -XEN_EINVAL;
	if (d->vcpu[vcpu].block)
		return -XEN_EINVAL;
	d->vcpu[vcpu].block = true;
	if (!d->fifo)
		enter_fifo(d);
	return 0;
}

long model_expand_array(struct model *m, unsigned me)
{
	struct model_domain *d = &m->domain[me];
	uint32_t port = d->words;

	if (!d->fifo)
		return -XEN_EOPNOTSUPP;
	d->words += PAGE_WORDS;
	for (; port < d->words && port < d->valid; port++)
		if (d->port[port].remembered)
			raise_fifo(d, port, d->port[port].vcpu);
	return 0;
}

long model_set_priority(struct model *m, unsigned me, uint32_t port, uint32_t priority)
{
	struct model_domain *d = &m->domain[me];
	struct model_port *p = find(d, port);

	if (!p)
		return -XEN_EINVAL;
	if (!d->fifo)
		return -XEN_ENOSYS;
	if (!in_use(p))
		return -XEN_EACCES;
	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -XEN_EINVAL;
	p->priority = priority;
	return 0;
}
