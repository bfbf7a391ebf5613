/* SPDX-License-Identifier: MIT */
/*
 * The public calls about event channels: each checks its arguments and says what is to be bound;
 * sending; looking ports and IRQs up. The binding itself is in bind.c.
 */
#include "bind.h"

int guest_bind_evtchn_to_irq(struct guest *g, evtchn_port_t port)
{
	const struct bind_request r = { .type = SOURCE_EVTCHN, .number = port };

	return port && port < g->abi->nr_ports ? events_bind(g, &r) : -XEN_EINVAL;
}

int guest_bind_interdomain_to_irq(struct guest *g, domid_t remote_dom, evtchn_port_t remote_port)
{
	const struct bind_request r = { .type = SOURCE_INTERDOMAIN,
					.number = remote_port,
					.dom = remote_dom };

	return events_bind(g, &r);
}

static int bind_late(struct guest *g, const struct bind_request *r)
{
	int rc = late_prepare(g);

	return rc ? rc : events_bind(g, r);
}

int guest_bind_evtchn_to_irq_lateeoi(struct guest *g, evtchn_port_t port)
{
	const struct bind_request r = { .type = SOURCE_EVTCHN, .number = port, .late = true };

	return port && port < g->abi->nr_ports ? bind_late(g, &r) : -XEN_EINVAL;
}

int guest_bind_interdomain_evtchn_to_irq_lateeoi(struct guest *g, domid_t remote_dom,
						 evtchn_port_t remote_port)
{
	const struct bind_request r = {
		.type = SOURCE_INTERDOMAIN, .number = remote_port, .dom = remote_dom, .late = true
	};

	return bind_late(g, &r);
}

int guest_bind_virq_to_irq(struct guest *g, unsigned virq, unsigned cpu)
{
	const struct bind_request r = { .type = SOURCE_VIRQ, .number = virq, .cpu = cpu };

	return virq < NR_VIRQS && cpu < g->nr_cpus ? events_bind(g, &r) : -XEN_EINVAL;
}

int guest_bind_ipi_to_irq(struct guest *g, unsigned ipi, unsigned cpu)
{
	const struct bind_request r = { .type = SOURCE_IPI, .number = ipi, .cpu = cpu };

	return ipi < GUEST_NR_IPIS && cpu < g->nr_cpus ? events_bind(g, &r) : -XEN_EINVAL;
}

int guest_bind_pirq_to_irq(struct guest *g, unsigned pirq, bool shareable)
{
	struct bind_request r = { .type = SOURCE_PIRQ, .number = pirq, .shareable = shareable };

	/* 2 is 9, if IRQs are pirqs. */
	if (pirq && pirq < g->irqs.nr_fixed)
		r.number = irq_to_desc(g, pirq)->irq;
	return pirq < g->pirqs.limit ? events_bind(g, &r) : -XEN_EINVAL;
}

int guest_unbind_irq(struct guest *g, unsigned irq)
{
	return events_unbind(g, irq, true);
}

struct handler {
	guest_irq_handler fn;
	unsigned flags;
	const char *name;
	void *dev;
};

/*
 * The second half of bind-and-request. close: the port was made by the first half, and goes with
 * it.
 */
static int add_handler(struct guest *g, int irq, const struct handler *h, bool close)
{
	int rc;

	if (irq < 0)
		return irq;
	rc = guest_request_irq(g, (unsigned)irq, h->fn, h->flags, h->name, h->dev);
	if (!rc)
		return irq;
	(void)events_unbind(g, (unsigned)irq, close);
	return rc;
}

int guest_bind_evtchn_to_irqhandler(struct guest *g, evtchn_port_t port, guest_irq_handler handler,
				    unsigned flags, const char *name, void *dev)
{
	const struct handler h = { handler, flags, name, dev };

	return add_handler(g, guest_bind_evtchn_to_irq(g, port), &h, false);
}

int guest_bind_interdomain_to_irqhandler(struct guest *g, domid_t remote_dom,
					 evtchn_port_t remote_port, guest_irq_handler handler,
					 unsigned flags, const char *name, void *dev)
{
	const struct handler h = { handler, flags, name, dev };

	return add_handler(g, guest_bind_interdomain_to_irq(g, remote_dom, remote_port), &h, true);
}

int guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(struct guest *g, domid_t remote_dom,
							evtchn_port_t remote_port,
							guest_irq_handler handler, unsigned flags,
							const char *name, void *dev)
{
	const struct handler h = { handler, flags, name, dev };
	int irq = guest_bind_interdomain_evtchn_to_irq_lateeoi(g, remote_dom, remote_port);

	return add_handler(g, irq, &h, true);
}

int guest_bind_virq_to_irqhandler(struct guest *g, unsigned virq, unsigned cpu,
				  guest_irq_handler handler, unsigned flags, const char *name,
				  void *dev)
{
	const struct handler h = { handler, flags, name, dev };

	return add_handler(g, guest_bind_virq_to_irq(g, virq, cpu), &h, true);
}

int guest_bind_ipi_to_irqhandler(struct guest *g, unsigned ipi, unsigned cpu,
				 guest_irq_handler handler, unsigned flags, const char *name,
				 void *dev)
{
	const struct handler h = { handler, flags, name, dev };

	return add_handler(g, guest_bind_ipi_to_irq(g, ipi, cpu), &h, true);
}

int guest_bind_pirq_to_irqhandler(struct guest *g, unsigned pirq, guest_irq_handler handler,
				  unsigned flags, const char *name, void *dev)
{
	const struct handler h = { handler, flags, name, dev };
	bool shareable = flags & GUEST_IRQF_SHARED;

	return add_handler(g, guest_bind_pirq_to_irq(g, pirq, shareable), &h, true);
}

int guest_unbind_from_irqhandler(struct guest *g, unsigned irq, void *dev)
{
	int rc = guest_free_irq(g, irq, dev);

	return rc ? rc : guest_unbind_irq(g, irq);
}

evtchn_port_t guest_irq_port(const struct guest *g, unsigned irq)
{
	const struct irq_desc *desc = irq_to_desc(g, irq);

	return desc ? load_relaxed(&desc->line) : 0;
}

int guest_port_irq(const struct guest *g, evtchn_port_t port)
{
	const struct irq_desc *desc = events_irq(g, port);

	return desc ? (int)desc->irq : -XEN_ENOENT;
}

int guest_alloc_unbound(struct guest *g, domid_t remote_dom)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = remote_dom };
	int rc = evtchn_call(g, EVTCHNOP_alloc_unbound, &op);

	return rc ? rc : (int)op.port;
}

int guest_notify_port(struct guest *g, evtchn_port_t port)
{
	struct evtchn_send op = { .port = port };

	return evtchn_call(g, EVTCHNOP_send, &op);
}

int guest_notify_irq(struct guest *g, unsigned irq)
{
	const struct irq_desc *desc = irq_to_desc(g, irq);
	evtchn_port_t port = desc ? load_relaxed(&desc->line) : 0;

	if (port)
		return guest_notify_port(g, port);
	return desc && load_relaxed(&desc->src.dead) ? 0 : -XEN_EINVAL;
}

enum guest_abi guest_abi(const struct guest *g)
{
	return g->abi->id;
}

unsigned guest_port_state(const struct guest *g, evtchn_port_t port)
{
	return g->abi->state(g, port);
}

bool guest_clear_irq_pending(struct guest *g, unsigned irq)
{
	evtchn_port_t port = guest_irq_port(g, irq);

	return port && g->abi->clear_pending(g, port);
}
