/* SPDX-License-Identifier: MIT */
/*
 * Channels whose events are counted; see scenario.h.
 */
#include "scenario.h"

void channel_post(struct channel *c, unsigned sender)
{
	c->sent++;
	c->by[sender].sent++;
	ATOMIC_STORE(&c->by[sender].data, c->by[sender].sent, __ATOMIC_RELAXED);
}

long channel_send(struct channel *c, struct world_vcpu *v)
{
	channel_post(c, v->id);
	return world_send(v, c->from);
}

static void take_data(struct channel *c, unsigned sender)
{
	unsigned data;

	if (!c->by[sender].sent)
		return;
	data = ATOMIC_LOAD(&c->by[sender].data, __ATOMIC_RELAXED);
	if (data <= c->by[sender].seen)
		return;
	c->seen += data - c->by[sender].seen;
	c->by[sender].seen = data;
}

void channel_handle(struct channel *c)
{
	world_expect(!c->running || c->overlaps, "the handler of port %u runs twice at once",
		     c->to);
	world_expect(!c->disabled, "the handler of port %u runs while it is disabled", c->to);
	c->running = true;
	for (unsigned i = 0; i < CHANNEL_SENDERS; i++)
		take_data(c, i);
	c->runs++;
	if (c->inside)
		c->inside(c);
	sim_point();
	c->running = false;
}

enum guest_irqreturn channel_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;

	(void)g;
	world_expect(irq == c->irq || !c->irq, "IRQ %u has the handler of IRQ %u", irq, c->irq);
	channel_handle(c);
	return GUEST_IRQ_HANDLED;
}

void channel_check(const struct channel *c, const char *name)
{
	world_expect(!c->running, "%s: a handler has not ended", name);
	world_expect(c->seen == c->sent, "%s: event lost: %u sent, %u seen", name, c->sent,
		     c->seen);
}

void channel_to_guest(struct channel *c, struct world_domain *from, struct world_domain *to,
		      unsigned flags)
{
	int irq;

	world_connect(from, to, &c->from, &c->to);
	irq = guest_bind_evtchn_to_irqhandler(to->guest, c->to, channel_handler, flags, "channel",
					      c);
	world_expect(irq > 0, "bind: %d", irq);
	c->irq = (unsigned)irq;
}
