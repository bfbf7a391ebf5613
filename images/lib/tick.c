/* SPDX-License-Identifier: MIT */
/*
 * A tick of 10 ms by the one-shot timer: each one sets the next. Not the periodic timer that Xen
 * offers, so that VIRQ_TIMER is seen the way kernels use it.
 */
#include "lib.h"

static enum guest_irqreturn tick_handler(struct guest *g, unsigned irq, void *dev)
{
	struct tick *tick = dev;
	uint64_t now = guest_clock(g);

	(void)irq;
	tick->count++;
	/* A late tick does not make the next ones late; ticks that were missed are not made up. */
	if (tick->deadline <= now)
		tick->deadline = now - (now - tick->deadline) % TICK_NS + TICK_NS;
	(void)guest_set_timer(g, tick->deadline);
	return GUEST_IRQ_HANDLED;
}

void tick_start(struct tick *tick, struct pv *pv)
{
	struct guest *g = pv->guest;
	int r;

	r = guest_stop_periodic_tick(g, 0);
	if (r)
		pv_panic("tick: the periodic timer does not stop: %d", r);
	*tick = (struct tick){ .deadline = guest_clock(g) + TICK_NS };
	r = guest_bind_virq_to_irqhandler(g, VIRQ_TIMER, 0, tick_handler, GUEST_IRQF_PERCPU, "tick",
					  tick);
	if (r < 0)
		pv_panic("tick: cannot bind VIRQ_TIMER: %d", r);
	r = guest_set_timer(g, tick->deadline);
	if (r)
		pv_panic("tick: cannot set the timer: %d", r);
}
