/* SPDX-License-Identifier: MIT */
/*
 * Binding event sources to IRQ numbers: which source has which port and IRQ, counted references,
 * made on the first, closed on the last. One lock, map_lock, for all of it. Handlers come
 * afterwards (irq/manage.c); the public calls are in api.c.
 */
#include "bind.h"

#include <xen/physdev.h>

static int open_evtchn(struct guest *g, const struct bind_request *r, struct bound *b)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = r->number };
	int rc = evtchn_call(g, EVTCHNOP_status, &op);

	if (rc)
		return rc;
	if (op.status == EVTCHNSTAT_closed)
		return -XEN_ENOENT;
	if (op.vcpu >= g->nr_cpus)
		return -XEN_EINVAL;
	b->port = r->number;
	b->cpu = op.vcpu;
	return 0;
}

static int open_interdomain(struct guest *g, const struct bind_request *r, struct bound *b)
{
	struct evtchn_bind_interdomain op = { .remote_dom = r->dom, .remote_port = r->number };
	int rc = evtchn_call(g, EVTCHNOP_bind_interdomain, &op);

	b->port = op.local_port;
	return rc;
}

static int open_virq(struct guest *g, const struct bind_request *r, struct bound *b)
{
	struct evtchn_bind_virq op = { .virq = r->number, .vcpu = r->cpu };
	int rc = evtchn_call(g, EVTCHNOP_bind_virq, &op);

	b->port = op.port;
	b->cpu = r->cpu;
	return rc;
}

static int open_ipi(struct guest *g, const struct bind_request *r, struct bound *b)
{
	struct evtchn_bind_ipi op = { .vcpu = r->cpu };
	int rc = evtchn_call(g, EVTCHNOP_bind_ipi, &op);

	b->port = op.port;
	b->cpu = r->cpu;
	return rc;
}

static int open_pirq(struct guest *g, const struct bind_request *r, struct bound *b)
{
	struct evtchn_bind_pirq op = { .pirq = r->number,
				       .flags = r->shareable ? BIND_PIRQ__WILL_SHARE : 0 };
	struct physdev_irq_status_query query = { .irq = r->number };
	int rc = evtchn_call(g, EVTCHNOP_bind_pirq, &op);

	if (rc)
		return rc;
	b->port = op.port;
	/* If it will not say: an eoi too many does no harm, one that is missing stops the line. */
	b->needs_eoi = hypercall(g, __HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query,
				 hypercall_arg(&query), 0) ||
		       (query.flags & XENIRQSTAT_needs_eoi);
	return 0;
}

int events_open_source(struct guest *g, const struct bind_request *r, struct bound *b)
{
	switch (r->type) {
	case SOURCE_EVTCHN:
		return open_evtchn(g, r, b);
	case SOURCE_INTERDOMAIN:
		return open_interdomain(g, r, b);
	case SOURCE_VIRQ:
		return open_virq(g, r, b);
	case SOURCE_IPI:
		return open_ipi(g, r, b);
	case SOURCE_PIRQ:
		return open_pirq(g, r, b);
	}
	return -XEN_EINVAL;
}

int events_close_port(struct guest *g, evtchn_port_t port)
{
	struct evtchn_close op = { .port = port };

	return evtchn_call(g, EVTCHNOP_close, &op);
}

/* Each vCPU has its own of these; the others are the domain's. */
static bool virq_is_percpu(unsigned virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
	       virq == VIRQ_XENPMU;
}

static bool is_percpu(const struct bind_request *r)
{
	return r->type == SOURCE_IPI || (r->type == SOURCE_VIRQ && virq_is_percpu(r->number));
}

void events_choose_chip(const struct bind_request *r, const struct bound *b,
			const struct irq_chip **chip, const struct irq_flow **flow)
{
	*chip = r->late ? &irq_chip_late : &irq_chip_dynamic;
	*flow = r->late ? &irq_flow_edge : &irq_flow_level;
	if (is_percpu(r)) {
		*chip = &irq_chip_percpu;
		*flow = &irq_flow_percpu;
	} else if (r->type == SOURCE_PIRQ) {
		*chip = &irq_chip_pirq;
		*flow = b->needs_eoi ? &irq_flow_level : &irq_flow_edge;
	}
}

/*
 * Where the IRQ of a source of a CPU is noted, or NULL. The domain's VIRQs are bound on CPU 0, and
 * may have moved since.
 */
static unsigned *percpu_note(struct guest *g, enum source_type type, unsigned number, unsigned cpu)
{
	if (type == SOURCE_VIRQ)
		return &g->cpus[virq_is_percpu(number) ? cpu : 0].virq_irq[number];
	return type == SOURCE_IPI ? &g->cpus[cpu].ipi_irq[number] : NULL;
}

static struct irq_desc *find_bound(struct guest *g, const struct bind_request *r)
{
	const unsigned *note = percpu_note(g, r->type, r->number, r->cpu);

	/* The hypervisor says what is wrong with one of the domain's on another CPU. */
	if (r->type == SOURCE_VIRQ && r->cpu && !virq_is_percpu(r->number))
		return NULL;
	if (note)
		return *note ? irq_to_desc(g, *note) : NULL;
	if (r->type == SOURCE_EVTCHN)
		return events_irq(g, r->number);
	/*
	 * An interdomain source is never found: each bind makes a channel, and the remote port
	 * takes only one.
	 */
	return r->type == SOURCE_PIRQ ? table_get(&g->pirqs, r->number) : NULL;
}

/* VIRQ_TIMER must not wait behind anything. Else there is nothing to tell. */
static uint8_t first_priority(struct guest *g, const struct bind_request *r, evtchn_port_t port)
{
	if (r->type == SOURCE_VIRQ && r->number == VIRQ_TIMER &&
	    !events_set_priority(g, port, EVTCHN_FIFO_PRIORITY_MAX))
		return EVTCHN_FIFO_PRIORITY_MAX;
	return EVTCHN_FIFO_PRIORITY_DEFAULT;
}

static void connect(struct guest *g, struct irq_desc *desc, const struct bind_request *r,
		    const struct bound *b)
{
	unsigned *note = percpu_note(g, r->type, r->number, r->cpu);
	const struct irq_chip *chip;
	const struct irq_flow *flow;
	guest_flags_t flags;

	events_choose_chip(r, b, &chip, &flow);
	desc->src.type = (unsigned char)r->type;
	desc->src.needs_eoi = b->needs_eoi;
	desc->src.shareable = r->shareable;
	store_relaxed(&desc->src.dead, false);
	desc->src.priority = first_priority(g, r, b->port);
	desc->src.cpu = b->cpu;
	store_relaxed(&desc->src.only_cpu, is_percpu(r) ? b->cpu : ANY_CPU);
	desc->src.number = r->number;
	desc->src.refs = 1;
	irq_desc_bind(g, desc, chip, flow, b->port, events_line(g, b->port));

	/* From here on the upcall finds it. It is masked until the first handler comes. */
	flags = guest_local_irq_save(g);
	if (g->abi->move && b->cpu)
		g->abi->move(g, b->port, 0, b->cpu);
	events_set_irq(g, b->port, desc);
	guest_local_irq_restore(g, flags);
	if (note)
		*note = desc->irq;
	if (r->type == SOURCE_PIRQ)
		table_set(&g->pirqs, r->number, desc);
}

int events_reserve(struct guest *g, evtchn_port_t port)
{
	int rc = port < g->abi->nr_ports ? table_reserve(g, &g->ports, port) : -XEN_ENOSPC;

	if (!rc)
		rc = table_reserve(g, &g->lines, port);
	return rc ? rc : g->abi->reserve(g, port);
}

/* A pirq may have a number of its own. */
static int get_desc(struct guest *g, const struct bind_request *r, struct irq_desc **desc)
{
	if (r->type == SOURCE_PIRQ && r->number && r->number < g->irqs.nr_fixed) {
		*desc = irq_to_desc(g, r->number);
		return irq_desc_get_fixed(g, *desc);
	}
	return irq_desc_get(g, desc);
}

/*
 * map_lock is held. The memory first, so that little can fail once the hypervisor has made the
 * port.
 */
static int bind_new(struct guest *g, const struct bind_request *r)
{
	struct bound b = { 0 };
	struct irq_desc *desc;
	int rc;

	rc = r->type == SOURCE_PIRQ ? table_reserve(g, &g->pirqs, r->number) : 0;
	if (rc)
		return rc;
	rc = get_desc(g, r, &desc);
	if (rc)
		return rc;
	rc = events_open_source(g, r, &b);
	if (rc)
		goto put_desc;
	rc = events_reserve(g, b.port);
	if (rc)
		goto close;
	connect(g, desc, r, &b);
	return (int)desc->irq;

close:
	if (r->type != SOURCE_EVTCHN)
		(void)events_close_port(g, b.port);
put_desc:
	irq_desc_put(g, desc);
	return rc;
}

static int bind_locked(struct guest *g, const struct bind_request *r)
{
	struct irq_desc *desc = find_bound(g, r);

	int rc;

	if (!desc)
		return bind_new(g, r);
	/* A dead one may have been refused after guest_resume, and be possible now. */
	rc = load_relaxed(&desc->src.dead) ? events_remake(g, desc) : 0;
	if (rc)
		return rc;
	/* Whose driver does not say eoi would be stopped by one who must, and the reverse. */
	if (r->late != (desc->chip == &irq_chip_late))
		return -XEN_EBUSY;
	desc->src.refs++;
	return (int)desc->irq;
}

int events_bind(struct guest *g, const struct bind_request *r)
{
	guest_flags_t flags;
	int irq;

	for (;;) {
		flags = lock_irqsave(g, &g->map_lock);
		irq = bind_locked(g, r);
		unlock_irqrestore(g, &g->map_lock, flags);
		if (irq != -XEN_EAGAIN)
			return irq;
		cpu_relax(g); /* a fixed number whose last handler is about to return */
	}
}

/* The last reference has gone. map_lock is held; the order is the story. */
static int disconnect(struct guest *g, struct irq_desc *desc, bool close)
{
	evtchn_port_t port = desc->line; /* 0: dead */
	unsigned *note;
	int rc;

	/*
	 * Masked, and no handler can come any more. Upcalls that still have the descriptor find
	 * that it is not this port's.
	 */
	rc = irq_desc_unbind(g, desc);
	if (rc)
		return rc;
	desc->src.refs = 0;
	store_relaxed(&desc->src.dead, false);
	if (port)
		events_set_irq(g, port, NULL);
	note = percpu_note(g, desc->src.type, desc->src.number, desc->src.cpu);
	if (note)
		*note = 0;
	if (desc->src.type == SOURCE_PIRQ)
		table_set(&g->pirqs, desc->src.number, NULL);

	/*
	 * From here on the hypervisor may hand the port out again, and nothing here remembers the
	 * old one. FIFO: if it is on a queue, only when our upcall has taken it off that.
	 */
	rc = close && port ? events_close_port(g, port) : 0;
	if (g->abi->move && port && desc->src.cpu)
		g->abi->move(g, port, desc->src.cpu, 0);
	irq_desc_put(g, desc);
	return rc;
}

int events_unbind(struct guest *g, unsigned irq, bool close)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags;
	int rc = 0;

	if (!desc)
		return -XEN_EINVAL;
	flags = lock_irqsave(g, &g->map_lock);
	if (!desc->src.refs)
		rc = -XEN_EINVAL;
	else if (desc->src.refs > 1)
		desc->src.refs--;
	else
		rc = disconnect(g, desc, close);
	unlock_irqrestore(g, &g->map_lock, flags);
	return rc;
}
