/* SPDX-License-Identifier: MIT */
/* A port that another CPU is notified by, and that stays when the CPU goes. */
#include "smp.h"

static struct loop {
	uint64_t sent;
	volatile uint64_t seen; /* `sent`, as of the last event */
	int rx, tx;
} loop;

static enum guest_irqreturn arrived(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	loop.seen = __atomic_load_n(&loop.sent, __ATOMIC_ACQUIRE);
	return GUEST_IRQ_HANDLED;
}

void smp_loop_open(struct pv *pv, unsigned cpu)
{
	struct guest *g = pv->guest;
	int port = guest_alloc_unbound(g, DOMID_SELF);
	struct evtchn_bind_vcpu bind = { .port = (evtchn_port_t)port, .vcpu = cpu };

	if (port < 0)
		pv_panic("smp: no port: %d", port);
	loop.tx = guest_bind_interdomain_to_irq(g, DOMID_SELF, (evtchn_port_t)port);
	if (pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, pv_arg(&bind), 0, 0, 0))
		pv_panic("smp: port %d does not go to CPU %u", port, cpu);
	loop.rx = guest_bind_evtchn_to_irqhandler(g, (evtchn_port_t)port, arrived, 0, "loop", NULL);
	if (loop.tx < 0 || loop.rx < 0)
		pv_panic("smp: cannot bind port %d: %d, %d", port, loop.tx, loop.rx);
}

void smp_loop_send(struct pv *pv)
{
	__atomic_store_n(&loop.sent, loop.sent + 1, __ATOMIC_RELEASE);
	if (guest_notify_irq(pv->guest, (unsigned)loop.tx))
		pv_panic("smp: cannot send");
}

void smp_loop_close(struct pv *pv)
{
	struct guest *g = pv->guest;

	guest_local_irq_disable(g);
	while (loop.seen != loop.sent) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
	if (guest_unbind_from_irqhandler(g, (unsigned)loop.rx, NULL) ||
	    guest_unbind_irq(g, (unsigned)loop.tx))
		pv_panic("smp: cannot close the loop");
}
