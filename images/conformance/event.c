/* SPDX-License-Identifier: MIT */
/*
 * Event channel operations: the state of each kind of port, channels made, closed and sent on, and
 * what is said to bad arguments, as Xen 4.17 does. Ports are raw here, without IRQs, and masked.
 * Other kinds of ports, and vCPUs of ports, are in bind.c; what belongs to one ABI is in abi.c,
 * EVTCHNOP_reset in reset.c.
 */
#include "conformance.h"

#define NOBODY ((domid_t)1000) /* there is no such domain */

/* No domain may be named so, other than in alloc_unbound.remote_dom. */
static const domid_t not_domains[] = { NOBODY,	      DOMID_IO,	  DOMID_XEN, DOMID_COW,
				       DOMID_INVALID, DOMID_IDLE, 0xffff };
#define NOT_DOMAINS (sizeof(not_domains) / sizeof(not_domains[0]))

static domid_t self; /* our number: what status tells of a port for ourselves */

static void know_self(void)
{
	struct evtchn_status op = { .dom = DOMID_SELF };
	int port = port_new();

	op.port = (evtchn_port_t)port;
	if (EXPECT(port > 0) && EXPECT_EQ(evtchn(EVTCHNOP_status, &op), 0))
		self = op.u.unbound.dom;
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

/* ---- status ------------------------------------------------------------------------------- */

static struct evtchn_status status_of(evtchn_port_t port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	EXPECT_EQ(evtchn(EVTCHNOP_status, &op), 0);
	return op;
}

static void status_closed(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_closed);
	EXPECT_EQ(status_of((evtchn_port_t)port).vcpu, 0);
}

static void status_port_0(void)
{
	EXPECT_EQ(port_status(0), EVTCHNSTAT_closed);
}

static void status_unbound(void)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = 77 };
	struct evtchn_status s;

	EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, &op), 0);
	s = status_of(op.port);
	EXPECT_EQ(s.status, EVTCHNSTAT_unbound);
	EXPECT_EQ(s.vcpu, 0);
	EXPECT_EQ(s.u.unbound.dom, 77);
	EXPECT_EQ(port_close(op.port), 0);
}

static void status_interdomain(void)
{
	struct channel c;
	struct evtchn_status s;

	know_self();
	if (channel_open(&c)) {
		s = status_of(c.a);
		EXPECT_EQ(s.status, EVTCHNSTAT_interdomain);
		EXPECT_EQ(s.u.interdomain.dom, self);
		EXPECT_EQ(s.u.interdomain.port, c.b);
		s = status_of(c.b);
		EXPECT_EQ(s.status, EVTCHNSTAT_interdomain);
		EXPECT_EQ(s.u.interdomain.dom, self);
		EXPECT_EQ(s.u.interdomain.port, c.a);
	}
	channel_close(&c);
}

static void status_virq(void)
{
	struct evtchn_bind_virq op = { .virq = VIRQ_DEBUG, .vcpu = conf.nr_cpus - 1 };
	struct evtchn_status s;

	EXPECT_EQ(evtchn(EVTCHNOP_bind_virq, &op), 0);
	s = status_of(op.port);
	EXPECT_EQ(s.status, EVTCHNSTAT_virq);
	EXPECT_EQ(s.vcpu, conf.nr_cpus - 1);
	EXPECT_EQ(s.u.virq, VIRQ_DEBUG);
	EXPECT_EQ(port_close(op.port), 0);
}

static void status_ipi(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		struct evtchn_bind_ipi op = { .vcpu = cpu };
		struct evtchn_status s;

		EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &op), 0);
		s = status_of(op.port);
		EXPECT_EQ(s.status, EVTCHNSTAT_ipi);
		EXPECT_EQ(s.vcpu, cpu);
		EXPECT_EQ(port_close(op.port), 0);
	}
}

static void status_no_port(void)
{
	for (size_t i = 0; i < NO_PORTS; i++)
		EXPECT_EQ(port_status(no_ports[i]), -XEN_EINVAL);
}

static void status_no_domain(void)
{
	for (size_t i = 0; i < NOT_DOMAINS; i++) {
		struct evtchn_status op = { .dom = not_domains[i], .port = 1 };

		EXPECT_EQ(evtchn(EVTCHNOP_status, &op), -XEN_ESRCH);
	}
}

static void status_own_number(void)
{
	int port = port_new();
	struct evtchn_status op = { .port = (evtchn_port_t)port };

	know_self();
	op.dom = self;
	EXPECT_EQ(evtchn(EVTCHNOP_status, &op), 0);
	EXPECT_EQ(op.status, EVTCHNSTAT_unbound);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void status_bad_places(void)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = 0 };

	refuses_places(EVTCHNOP_status, &op, sizeof(op));
	EXPECT_EQ(evtchn(EVTCHNOP_status, (void *)place(PLACE_READ_ONLY, &op, sizeof(op))),
		  -XEN_EFAULT);
}

static void status_good_places(void)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = 0, .status = 99 };
	struct evtchn_status *at;

	at = (struct evtchn_status *)place(PLACE_EDGE, &op, sizeof(op));
	EXPECT_EQ(evtchn(EVTCHNOP_status, at), 0);
	memcpy(&op, at, sizeof(op));
	EXPECT_EQ(op.status, EVTCHNSTAT_closed);
	op.status = 99;
	at = (struct evtchn_status *)place(PLACE_UNALIGNED, &op, sizeof(op));
	EXPECT_EQ(evtchn(EVTCHNOP_status, at), 0);
	memcpy(&op, at, sizeof(op));
	EXPECT_EQ(op.status, EVTCHNSTAT_closed);
}

static void failure_leaves_argument(void)
{
	struct evtchn_status op = { .dom = NOBODY, .port = 5, .status = 98, .vcpu = 97 };

	EXPECT_EQ(evtchn(EVTCHNOP_status, &op), -XEN_ESRCH);
	EXPECT_EQ(op.status, 98);
	EXPECT_EQ(op.vcpu, 97);
	EXPECT_EQ(op.port, 5);
}

/* ---- alloc_unbound ------------------------------------------------------------------------ */

static void alloc_lowest_first(void)
{
	int port[4];

	for (unsigned i = 0; i < 4; i++)
		port[i] = port_new();
	EXPECT(port[0] < port[1] && port[1] < port[2] && port[2] < port[3]);
	EXPECT_EQ(port_close((evtchn_port_t)port[2]), 0);
	EXPECT_EQ(port_close((evtchn_port_t)port[1]), 0);
	EXPECT_EQ(port_new(), port[1]);
	EXPECT_EQ(port_new(), port[2]);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(port_close((evtchn_port_t)port[i]), 0);
}

static void alloc_for_anybody(void)
{
	for (size_t i = 0; i < NOT_DOMAINS; i++) {
		struct evtchn_alloc_unbound op = { DOMID_SELF, not_domains[i], 0 };

		EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, &op), 0);
		EXPECT_EQ(status_of(op.port).u.unbound.dom, not_domains[i]);
		EXPECT_EQ(port_close(op.port), 0);
	}
}

static void alloc_no_domain(void)
{
	for (size_t i = 0; i < NOT_DOMAINS; i++) {
		struct evtchn_alloc_unbound op = { not_domains[i], DOMID_SELF, 0 };

		EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, &op), -XEN_ESRCH);
	}
}

static void alloc_ignores_port_in(void)
{
	int lowest = port_new();
	struct evtchn_alloc_unbound op = { DOMID_SELF, DOMID_SELF, 0xffffffff };

	EXPECT_EQ(port_close((evtchn_port_t)lowest), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, &op), 0);
	EXPECT_EQ(op.port, lowest);
	EXPECT_EQ(port_close(op.port), 0);
}

static void alloc_bad_places(void)
{
	struct evtchn_alloc_unbound op = { DOMID_SELF, DOMID_SELF, 0 };
	int lowest = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)lowest), 0);
	refuses_places(EVTCHNOP_alloc_unbound, &op, sizeof(op));
	EXPECT_EQ(port_status((evtchn_port_t)lowest), EVTCHNSTAT_closed);
	/* Where only the answer cannot be written, the port is there. */
	EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, (void *)place(PLACE_READ_ONLY, &op, sizeof(op))),
		  -XEN_EFAULT);
	EXPECT_EQ(port_status((evtchn_port_t)lowest), EVTCHNSTAT_unbound);
	EXPECT_EQ(port_close((evtchn_port_t)lowest), 0);
}

/* ---- bind_interdomain --------------------------------------------------------------------- */

static long connect(domid_t dom, evtchn_port_t port, evtchn_port_t *local)
{
	struct evtchn_bind_interdomain op = { .remote_dom = dom, .remote_port = port };
	long r = evtchn(EVTCHNOP_bind_interdomain, &op);

	if (local)
		*local = r ? 0 : op.local_port;
	return r;
}

static void connect_is_pending(void)
{
	int a = port_new();
	evtchn_port_t b;

	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)a, &b), 0);
	EXPECT(port_pending(b));
	EXPECT(!port_pending((evtchn_port_t)a));
	EXPECT_EQ(port_close(b), 0);
	EXPECT_EQ(port_close((evtchn_port_t)a), 0);
}

static void connect_twice(void)
{
	struct channel c;

	if (channel_open(&c)) {
		EXPECT_EQ(connect(DOMID_SELF, c.a, NULL), -XEN_EINVAL);
		EXPECT_EQ(connect(DOMID_SELF, c.b, NULL), -XEN_EINVAL);
	}
	channel_close(&c);
}

static void connect_closed(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)port, NULL), -XEN_EINVAL);
	EXPECT_EQ(connect(DOMID_SELF, 0, NULL), -XEN_EINVAL);
}

static void connect_no_port(void)
{
	for (size_t i = 0; i < NO_PORTS; i++)
		EXPECT_EQ(connect(DOMID_SELF, no_ports[i], NULL), -XEN_EINVAL);
}

static void connect_no_domain(void)
{
	for (size_t i = 0; i < NOT_DOMAINS; i++)
		EXPECT_EQ(connect(not_domains[i], 1, NULL), -XEN_ESRCH);
}

static void connect_not_for_us(void)
{
	struct evtchn_alloc_unbound op = { DOMID_SELF, NOBODY, 0 };

	EXPECT_EQ(evtchn(EVTCHNOP_alloc_unbound, &op), 0);
	EXPECT_EQ(connect(DOMID_SELF, op.port, NULL), -XEN_EINVAL);
	EXPECT_EQ(port_status(op.port), EVTCHNSTAT_unbound);
	EXPECT_EQ(port_close(op.port), 0);
}

static void connect_wrong_kind(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = 0 };

	EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &ipi), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_bind_virq, &virq), 0);
	EXPECT_EQ(connect(DOMID_SELF, ipi.port, NULL), -XEN_EINVAL);
	EXPECT_EQ(connect(DOMID_SELF, virq.port, NULL), -XEN_EINVAL);
	EXPECT_EQ(port_close(ipi.port), 0);
	EXPECT_EQ(port_close(virq.port), 0);
}

static void connect_bad_places(void)
{
	int port = port_new();
	struct evtchn_bind_interdomain op = { DOMID_SELF, (evtchn_port_t)port, 0 };

	refuses_places(EVTCHNOP_bind_interdomain, &op, sizeof(op));
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_unbound);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void connect_again_after_close(void)
{
	int a = port_new();
	evtchn_port_t b, c;

	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)a, &b), 0);
	EXPECT_EQ(port_close(b), 0);
	EXPECT_EQ(port_status((evtchn_port_t)a), EVTCHNSTAT_unbound);
	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)a, &c), 0);
	EXPECT_EQ(status_of((evtchn_port_t)a).u.interdomain.port, c);
	EXPECT_EQ(port_close(c), 0);
	EXPECT_EQ(port_close((evtchn_port_t)a), 0);
}

/* ---- close -------------------------------------------------------------------------------- */

static void close_twice(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(port_close((evtchn_port_t)port), -XEN_EINVAL);
	EXPECT_EQ(port_close(0), -XEN_EINVAL);
}

static void close_no_port(void)
{
	for (size_t i = 0; i < NO_PORTS; i++)
		EXPECT_EQ(port_close(no_ports[i]), -XEN_EINVAL);
}

static void close_drops_pending(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	EXPECT_EQ(evtchn(EVTCHNOP_bind_ipi, &ipi), 0);
	EXPECT_EQ(port_send(ipi.port), 0);
	EXPECT(port_pending(ipi.port));
	EXPECT_EQ(port_close(ipi.port), 0);
	EXPECT(!port_pending(ipi.port));
}

static void close_keeps_peers_event(void)
{
	int a = port_new();
	evtchn_port_t b;

	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)a, &b), 0);
	EXPECT_EQ(port_send(b), 0);
	EXPECT_EQ(port_close(b), 0);
	EXPECT(port_pending((evtchn_port_t)a));
	EXPECT_EQ(port_close((evtchn_port_t)a), 0);
}

static void close_bad_places(void)
{
	int port = port_new();
	struct evtchn_close op = { .port = (evtchn_port_t)port };

	refuses_places(EVTCHNOP_close, &op, sizeof(op));
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_unbound);
	EXPECT_EQ(evtchn(EVTCHNOP_close, (void *)place(PLACE_READ_ONLY, &op, sizeof(op))), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_closed);
}

/* ---- send --------------------------------------------------------------------------------- */

static void send_closed(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(port_send((evtchn_port_t)port), -XEN_EINVAL);
	EXPECT_EQ(port_send(0), -XEN_EINVAL);
}

static void send_no_port(void)
{
	for (size_t i = 0; i < NO_PORTS; i++)
		EXPECT_EQ(port_send(no_ports[i]), -XEN_EINVAL);
}

static void send_unbound_is_nothing(void)
{
	int port = port_new();

	EXPECT_EQ(port_send((evtchn_port_t)port), 0);
	EXPECT(!port_pending((evtchn_port_t)port));
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void send_virq(void)
{
	struct evtchn_bind_virq op = { .virq = VIRQ_DEBUG, .vcpu = 0 };

	EXPECT_EQ(evtchn(EVTCHNOP_bind_virq, &op), 0);
	EXPECT_EQ(port_send(op.port), -XEN_EINVAL);
	EXPECT(!port_pending(op.port));
	EXPECT_EQ(port_close(op.port), 0);
}

static void send_reaches_the_peer(void)
{
	struct channel c;

	if (channel_open(&c)) {
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT(port_pending(c.b) && !port_pending(c.a));
		EXPECT(guest_clear_irq_pending(conf.g, c.irq_b));
		EXPECT_EQ(port_send(c.b), 0);
		EXPECT(port_pending(c.a) && !port_pending(c.b));
		EXPECT(guest_clear_irq_pending(conf.g, c.irq_a));
		EXPECT(!guest_clear_irq_pending(conf.g, c.irq_a));
	}
	channel_close(&c);
}

static void send_to_nobody(void)
{
	int a = port_new();
	evtchn_port_t b;

	EXPECT_EQ(connect(DOMID_SELF, (evtchn_port_t)a, &b), 0);
	EXPECT_EQ(port_close(b), 0);
	EXPECT_EQ(port_send((evtchn_port_t)a), 0);
	EXPECT(!port_pending(b) && !port_pending((evtchn_port_t)a));
	EXPECT_EQ(port_close((evtchn_port_t)a), 0);
}

static void send_masked_is_silent(void)
{
	const struct vcpu_info *v = &conf.pv->shared_info->vcpu_info[0];
	struct channel c;

	if (channel_open(&c)) {
		guest_local_irq_disable(conf.g);
		EXPECT_EQ(v->evtchn_upcall_pending, 0);
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT(port_pending(c.b));
		EXPECT_EQ(v->evtchn_upcall_pending, 0);
		guest_local_irq_enable(conf.g);
	}
	channel_close(&c);
}

static void send_bad_places(void)
{
	struct channel c;

	if (channel_open(&c)) {
		struct evtchn_send op = { .port = c.a };

		refuses_places(EVTCHNOP_send, &op, sizeof(op));
		EXPECT(!port_pending(c.b));
		EXPECT_EQ(evtchn(EVTCHNOP_send, (void *)place(PLACE_READ_ONLY, &op, sizeof(op))),
			  0);
		EXPECT(port_pending(c.b));
	}
	channel_close(&c);
}

static const struct check checks[] = {
	{ "status_closed", status_closed, 0 },
	{ "status_port_0", status_port_0, 0 },
	{ "status_unbound", status_unbound, 0 },
	{ "status_interdomain", status_interdomain, 0 },
	{ "status_virq", status_virq, 0 },
	{ "status_ipi", status_ipi, 0 },
	{ "status_no_port", status_no_port, 0 },
	{ "status_no_domain", status_no_domain, 0 },
	{ "status_own_number", status_own_number, 0 },
	{ "status_bad_places", status_bad_places, 0 },
	{ "status_good_places", status_good_places, 0 },
	{ "failure_leaves_argument", failure_leaves_argument, 0 },
	{ "alloc_lowest_first", alloc_lowest_first, 0 },
	{ "alloc_for_anybody", alloc_for_anybody, 0 },
	{ "alloc_no_domain", alloc_no_domain, 0 },
	{ "alloc_ignores_port_in", alloc_ignores_port_in, 0 },
	{ "alloc_bad_places", alloc_bad_places, 0 },
	{ "connect_is_pending", connect_is_pending, 0 },
	{ "connect_twice", connect_twice, 0 },
	{ "connect_closed", connect_closed, 0 },
	{ "connect_no_port", connect_no_port, 0 },
	{ "connect_no_domain", connect_no_domain, 0 },
	{ "connect_not_for_us", connect_not_for_us, 0 },
	{ "connect_wrong_kind", connect_wrong_kind, 0 },
	{ "connect_bad_places", connect_bad_places, 0 },
	{ "connect_again_after_close", connect_again_after_close, 0 },
	{ "close_twice", close_twice, 0 },
	{ "close_no_port", close_no_port, 0 },
	{ "close_drops_pending", close_drops_pending, 0 },
	{ "close_keeps_peers_event", close_keeps_peers_event, 0 },
	{ "close_bad_places", close_bad_places, 0 },
	{ "send_closed", send_closed, 0 },
	{ "send_no_port", send_no_port, 0 },
	{ "send_unbound_is_nothing", send_unbound_is_nothing, 0 },
	{ "send_virq", send_virq, 0 },
	{ "send_reaches_the_peer", send_reaches_the_peer, 0 },
	{ "send_to_nobody", send_to_nobody, 0 },
	{ "send_masked_is_silent", send_masked_is_silent, 0 },
	{ "send_bad_places", send_bad_places, 0 },
	{ 0 },
};

const struct area area_event = { "event", checks };
