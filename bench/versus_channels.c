/* SPDX-License-Identifier: MIT */
/* Channels between guests of the machine, by the guest half's API. */
#include <err.h>
#include <stdlib.h>

#include "versus.h"

/* A channel just made is pending. */
static unsigned made(const struct machine *m, int irq)
{
	if (irq < 0)
		errx(1, "no channel: %d", irq);
	(void)guest_clear_irq_pending(m->g, (unsigned)irq);
	return (unsigned)irq;
}

unsigned channel_to_itself(const struct machine *m, evtchn_port_t *tx)
{
	int port = guest_alloc_unbound(m->g, DOMID_SELF);

	if (port < 0)
		errx(1, "no port: %d", port);
	*tx = (evtchn_port_t)port;
	return made(m, guest_bind_interdomain_to_irq(m->g, DOMID_SELF, *tx));
}

unsigned channel_from(const struct machine *from, const struct machine *to, evtchn_port_t *tx)
{
	evtchn_port_t rx;
	int rc = hv_evtchn_connect(from->d, to->d, tx, &rx);

	return made(to, rc ? rc : guest_bind_evtchn_to_irq(to->g, rx));
}

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	struct channels *c = dev;

	(void)g;
	(void)irq;
	c->handled++;
	return GUEST_IRQ_HANDLED;
}

void channels_open(struct channels *c, enum guest_abi abi, enum guest_irq_flow flow, unsigned nr)
{
	*c = (struct channels){ .nr = nr };
	c->tx = calloc(nr, sizeof(*c->tx));
	c->irq = calloc(nr, sizeof(*c->irq));
	if (!c->tx || !c->irq)
		errx(1, "out of memory");
	machine_create(&c->m, abi, NULL);
	for (unsigned i = 0; i < nr; i++) {
		c->irq[i] = channel_to_itself(&c->m, &c->tx[i]);
		if (guest_set_irq_flow(c->m.g, c->irq[i], flow) ||
		    guest_request_irq(c->m.g, c->irq[i], handler, 0, "versus", c))
			errx(1, "no handler");
	}
}

void channels_shut(struct channels *c)
{
	for (unsigned i = 0; i < c->nr; i++)
		if (guest_unbind_from_irqhandler(c->m.g, c->irq[i], c))
			errx(1, "channel %u cannot be closed", i);
	machine_destroy(&c->m);
	free(c->tx);
	free(c->irq);
}
