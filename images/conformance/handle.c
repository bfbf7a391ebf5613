/* SPDX-License-Identifier: MIT */
/*
 * Handles of guest_evtchn.h: ports for programs. What they read, when a port is enabled, who may
 * use it.
 */
#include "conformance.h"

#include <carillon/guest_evtchn.h>

static unsigned woken;

static void wake(struct guest_evtchn *h, void *arg)
{
	(void)h;
	woken += *(unsigned *)arg;
}

static struct guest_evtchn *handle_open(void)
{
	static unsigned one = 1;
	struct guest_evtchn *h = NULL;

	woken = 0;
	EXPECT_EQ(guest_evtchn_open(conf.g, wake, &one, &h), 0);
	return h;
}

/* A channel whose receiving end is the handle's. Nothing is in the queue. */
static bool connect(struct guest_evtchn *h, evtchn_port_t *rx, evtchn_port_t *tx)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	int port = guest_evtchn_bind_unbound(h, DOMID_SELF);

	*rx = *tx = 0;
	if (!EXPECT(port > 0))
		return false;
	op.remote_port = *rx = (evtchn_port_t)port;
	if (!EXPECT_EQ(evtchn(EVTCHNOP_bind_interdomain, &op), 0))
		return false;
	*tx = op.local_port;
	return true;
}

static void reads_what_arrived(void)
{
	struct guest_evtchn *h = handle_open();
	evtchn_port_t rx, tx, got[4];

	if (!h)
		return;
	EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
	if (connect(h, &rx, &tx)) {
		EXPECT_EQ(port_send(tx), 0);
		EXPECT_EQ(woken, 1);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), 1);
		EXPECT_EQ(got[0], rx);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
	}
	guest_evtchn_close(h);
	EXPECT_EQ(port_close(tx), 0);
}

static void disabled_until_written(void)
{
	struct guest_evtchn *h = handle_open();
	evtchn_port_t rx, tx, got[4];

	if (!h)
		return;
	if (connect(h, &rx, &tx)) {
		EXPECT_EQ(port_send(tx), 0);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), 1);
		EXPECT_EQ(port_send(tx), 0);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
		guest_evtchn_write(h, &rx, 1);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), 1);
		EXPECT_EQ(got[0], rx);
		guest_evtchn_write(h, &rx, 1);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
	}
	guest_evtchn_close(h);
	EXPECT_EQ(port_close(tx), 0);
}

static void order_of_arrival(void)
{
	struct guest_evtchn *h = handle_open();
	evtchn_port_t rx[4], tx[4], got[8];

	if (!h)
		return;
	for (unsigned i = 0; i < 4; i++)
		(void)connect(h, &rx[i], &tx[i]);
	EXPECT_EQ(port_send(tx[2]), 0);
	EXPECT_EQ(port_send(tx[0]), 0);
	EXPECT_EQ(port_send(tx[3]), 0);
	EXPECT_EQ(guest_evtchn_read(h, got, 2), 2);
	EXPECT(got[0] == rx[2] && got[1] == rx[0]);
	EXPECT_EQ(guest_evtchn_read(h, got, 8), 1);
	EXPECT(got[0] == rx[3]);
	guest_evtchn_close(h);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(port_close(tx[i]), 0);
}

static void notify_reaches(void)
{
	struct guest_evtchn *h = handle_open();
	int port = port_new(), local;

	if (!h)
		return;
	local = guest_evtchn_bind_interdomain(h, DOMID_SELF, (evtchn_port_t)port);
	EXPECT(local > 0);
	EXPECT_EQ(guest_evtchn_notify(h, (evtchn_port_t)local), 0);
	EXPECT(port_pending((evtchn_port_t)port));
	EXPECT_EQ(guest_evtchn_notify(h, (evtchn_port_t)port), -XEN_ENOTCONN);
	guest_evtchn_close(h);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void unbind_answers(void)
{
	struct guest_evtchn *h = handle_open();
	int port;

	if (!h)
		return;
	port = guest_evtchn_bind_unbound(h, DOMID_SELF);
	EXPECT_EQ(guest_evtchn_unbind(h, (evtchn_port_t)port), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_closed);
	EXPECT_EQ(guest_evtchn_unbind(h, (evtchn_port_t)port), -XEN_ENOTCONN);
	EXPECT_EQ(guest_evtchn_unbind(h, 0xffffffff), -XEN_EINVAL);
	guest_evtchn_close(h);
}

static void unbound_is_not_read(void)
{
	struct guest_evtchn *h = handle_open();
	evtchn_port_t rx, tx, got[4];

	if (!h)
		return;
	if (connect(h, &rx, &tx)) {
		EXPECT_EQ(port_send(tx), 0);
		EXPECT_EQ(guest_evtchn_unbind(h, rx), 0);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
	}
	guest_evtchn_close(h);
	EXPECT_EQ(port_close(tx), 0);
}

static void reset_empties(void)
{
	struct guest_evtchn *h = handle_open();
	evtchn_port_t rx, tx, got[4];

	if (!h)
		return;
	if (connect(h, &rx, &tx)) {
		EXPECT_EQ(port_send(tx), 0);
		guest_evtchn_reset(h);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
		EXPECT_EQ(port_send(tx), 0); /* it is disabled */
		EXPECT_EQ(guest_evtchn_read(h, got, 4), -XEN_EAGAIN);
		guest_evtchn_write(h, &rx, 1);
		EXPECT_EQ(guest_evtchn_read(h, got, 4), 1);
	}
	guest_evtchn_close(h);
	EXPECT_EQ(port_close(tx), 0);
}

static void virq_belongs_to_one(void)
{
	struct guest_evtchn *h = handle_open(), *other = handle_open();
	int port;

	if (!h || !other)
		return;
	port = guest_evtchn_bind_virq(h, VIRQ_DEBUG);
	EXPECT(port > 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_virq);
	EXPECT(guest_evtchn_bind_virq(other, VIRQ_DEBUG) < 0);
	guest_evtchn_close(other);
	guest_evtchn_close(h);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_closed);
}

static void static_port_stays_open(void)
{
	struct guest_evtchn *h = handle_open();
	int port = port_new();

	if (!h)
		return;
	EXPECT_EQ(guest_evtchn_bind_static(h, (evtchn_port_t)port), 0);
	EXPECT_EQ(guest_evtchn_bind_static(h, (evtchn_port_t)port), -XEN_EISCONN);
	EXPECT_EQ(guest_evtchn_unbind(h, (evtchn_port_t)port), 0);
	EXPECT_EQ(port_status((evtchn_port_t)port), EVTCHNSTAT_unbound);
	guest_evtchn_close(h);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
}

static void restricted(void)
{
	struct guest_evtchn *h = handle_open();

	if (!h)
		return;
	EXPECT_EQ(guest_evtchn_restrict(h, 0), -XEN_EINVAL);
	EXPECT_EQ(guest_evtchn_restrict(h, 5), 0);
	EXPECT_EQ(guest_evtchn_restrict(h, 6), -XEN_EACCES);
	EXPECT_EQ(guest_evtchn_bind_unbound(h, 6), -XEN_EACCES);
	EXPECT_EQ(guest_evtchn_bind_virq(h, VIRQ_DEBUG), -XEN_EACCES);
	EXPECT(guest_evtchn_bind_unbound(h, 5) > 0);
	guest_evtchn_close(h);
}

static const struct check checks[] = {
	{ "reads_what_arrived", reads_what_arrived, 0 },
	{ "disabled_until_written", disabled_until_written, 0 },
	{ "order_of_arrival", order_of_arrival, 0 },
	{ "notify_reaches", notify_reaches, 0 },
	{ "unbind_answers", unbind_answers, 0 },
	{ "unbound_is_not_read", unbound_is_not_read, 0 },
	{ "reset_empties", reset_empties, 0 },
	{ "virq_belongs_to_one", virq_belongs_to_one, 0 },
	{ "static_port_stays_open", static_port_stays_open, 0 },
	{ "restricted", restricted, 0 },
	{ 0 },
};

const struct area area_handle = { "handle", checks };
