/* SPDX-License-Identifier: MIT */
/*
 * A port moves to another CPU. When that may happen is the IRQ core's matter (irq/affinity.c).
 */
#include "events.h"

/*
 * The descriptor's lock is held. Masked meanwhile, so that nothing arrives on either CPU. An event
 * that was selected on the old CPU before is not found there any more; unmasking by the hypervisor
 * announces what is pending to the CPU that the port has then.
 */
int events_move(struct guest *g, struct irq_desc *desc, unsigned cpu)
{
	struct evtchn_bind_vcpu bind = { .port = desc->line, .vcpu = cpu };
	struct evtchn_unmask unmask = { .port = desc->line };
	bool was_open = g->abi->mask(g, desc->line);
	int rc = evtchn_call(g, EVTCHNOP_bind_vcpu, &bind);

	if (!rc) {
		g->abi->set_cpu(g, desc->line, cpu);
		desc->src.cpu = cpu;
	}
	/* It refuses only a port out of range. */
	if (was_open)
		(void)evtchn_call(g, EVTCHNOP_unmask, &unmask);
	return rc;
}
