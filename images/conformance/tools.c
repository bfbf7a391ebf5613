/* SPDX-License-Identifier: MIT */
/*
 * What checks use: ports by hypercall, channels of the domain to itself, addresses that hypercalls
 * must refuse.
 */
#include "conformance.h"

long evtchn(unsigned op, void *arg)
{
	return pv_hypercall(__HYPERVISOR_event_channel_op, op, pv_arg(arg), 0, 0, 0);
}

int port_status(evtchn_port_t port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };
	long r = evtchn(EVTCHNOP_status, &op);

	return r ? (int)r : (int)op.status;
}

int port_vcpu(evtchn_port_t port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };
	long r = evtchn(EVTCHNOP_status, &op);

	return r ? (int)r : (int)op.vcpu;
}

int port_new(void)
{
	return guest_alloc_unbound(conf.g, DOMID_SELF);
}

int port_close(evtchn_port_t port)
{
	struct evtchn_close op = { .port = port };

	return (int)evtchn(EVTCHNOP_close, &op);
}

int port_send(evtchn_port_t port)
{
	return guest_notify_port(conf.g, port);
}

bool port_pending(evtchn_port_t port)
{
	return guest_port_state(conf.g, port) & GUEST_PORT_PENDING;
}

int port_to_cpu(evtchn_port_t port, unsigned cpu)
{
	struct evtchn_bind_vcpu op = { .port = port, .vcpu = cpu };

	return (int)evtchn(EVTCHNOP_bind_vcpu, &op);
}

static unsigned bind(int port)
{
	int irq = guest_bind_evtchn_to_irq(conf.g, (evtchn_port_t)port);

	return EXPECT(irq > 0) ? (unsigned)irq : 0;
}

bool channel_open(struct channel *c)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	int port = port_new();

	*c = (struct channel){ 0 };
	if (!EXPECT(port > 0))
		return false;
	op.remote_port = (evtchn_port_t)port;
	if (!EXPECT_EQ(evtchn(EVTCHNOP_bind_interdomain, &op), 0)) {
		(void)port_close((evtchn_port_t)port);
		return false;
	}
	c->a = (evtchn_port_t)port;
	c->b = op.local_port;
	c->irq_a = bind(port);
	c->irq_b = bind((int)op.local_port);
	(void)guest_clear_irq_pending(conf.g, c->irq_b); /* a new channel begins with one event */
	return c->irq_a && c->irq_b;
}

void channel_close(struct channel *c)
{
	if (c->irq_a)
		EXPECT_EQ(guest_unbind_irq(conf.g, c->irq_a), 0);
	if (c->irq_b)
		EXPECT_EQ(guest_unbind_irq(conf.g, c->irq_b), 0);
	*c = (struct channel){ 0 };
}

enum guest_irqreturn wire_count(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)irq;
	w->cpu = guest_this_cpu(g);
	__atomic_fetch_add(&w->count, 1, __ATOMIC_SEQ_CST);
	return GUEST_IRQ_HANDLED;
}

bool wire_open(struct wire *w, guest_irq_handler handler, unsigned flags)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	int port = port_new();

	*w = (struct wire){ .irq = -1 };
	if (!EXPECT(port > 0))
		return false;
	w->irq = guest_bind_evtchn_to_irqhandler(conf.g, (evtchn_port_t)port,
						 handler ? handler : wire_count, flags, "wire", w);
	op.remote_port = (evtchn_port_t)port;
	if (EXPECT(w->irq > 0) && EXPECT_EQ(evtchn(EVTCHNOP_bind_interdomain, &op), 0)) {
		w->tx = op.local_port;
		return true;
	}
	(void)port_close((evtchn_port_t)port);
	return false;
}

void wire_close(struct wire *w)
{
	if (w->irq > 0)
		EXPECT_EQ(guest_unbind_from_irqhandler(conf.g, (unsigned)w->irq, w), 0);
	if (w->tx)
		EXPECT_EQ(port_close(w->tx), 0);
	*w = (struct wire){ .irq = -1 };
}

const evtchn_port_t no_ports[NO_PORTS] = { 131072, 0x7fffffff, 0x80000000, 0xffffffff };

/* ---- addresses ---------------------------------------------------------------------------- */

/* Three pages: writable, a hole, one that may only be read. */
static uint8_t edge[3 * PV_PAGE_BYTES] __attribute__((aligned(4096)));
static uint8_t odd[1024] __attribute__((aligned(64)));

void places_init(void)
{
	uint8_t *hole = edge + PV_PAGE_BYTES, *last = hole + PV_PAGE_BYTES;

	if (pv_remap(hole, 0) || pv_remap(last, pv_pte(pv_frame_of(conf.pv, last), false)))
		pv_panic("a page cannot be unmapped or made read-only");
}

/* The page has no other mapping to write it by: it may be written for so long. */
static uint64_t read_only(const void *bytes, size_t n)
{
	uint8_t *p = edge + 2 * PV_PAGE_BYTES;
	uint64_t frame = pv_frame_of(conf.pv, p);

	EXPECT_EQ(pv_remap(p, pv_pte(frame, true)), 0);
	memcpy(p, bytes, n);
	EXPECT_EQ(pv_remap(p, pv_pte(frame, false)), 0);
	return pv_arg(p);
}

uint64_t place(enum place place, const void *bytes, size_t n)
{
	uint8_t *p = odd + 1, *hole = edge + PV_PAGE_BYTES;

	switch (place) {
	case PLACE_NULL:
		return 0;
	case PLACE_HOLE:
		return pv_arg(hole + 64);
	case PLACE_NOWHERE:
		return UINT64_C(0x0000900000000000);
	case PLACE_XEN:
		return UINT64_C(0xffff82d040200000);
	case PLACE_TOP:
		return UINT64_C(0xfffffffffffffff0);
	case PLACE_STRADDLE:
		memcpy(hole - 1, bytes, 1);
		return pv_arg(hole - 1);
	case PLACE_READ_ONLY:
		return read_only(bytes, n);
	case PLACE_EDGE:
		p = hole - n;
		break;
	case PLACE_UNALIGNED:
		break;
	}
	memcpy(p, bytes, n);
	return pv_arg(p);
}

void refuses_places(unsigned op, const void *arg, size_t n)
{
	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++) {
		long r = evtchn(op, (void *)place(p, arg, n));

		expect(r == -XEN_EFAULT, "operation %u, bad place %u: %ld", op, p, r);
	}
}
