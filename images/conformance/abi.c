/* SPDX-License-Identifier: MIT */
/*
 * What the two ABIs of event channels promise beyond single operations: order, priorities, ports by
 * the thousand, masks, ports that move while pending; and the operations that only FIFO has.
 */
#include "conformance.h"

/* ---- both --------------------------------------------------------------------------------- */

static struct {
	unsigned list[64];
	volatile unsigned n;
} order;

static enum guest_irqreturn note_order(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)dev;
	if (order.n < 64)
		order.list[order.n++] = irq;
	return GUEST_IRQ_HANDLED;
}

/* n wires; false, and none of them, if not all can be had. */
static bool wires_open(struct wire *w, unsigned n, guest_irq_handler handler)
{
	for (unsigned i = 0; i < n; i++) {
		if (wire_open(&w[i], handler, 0))
			continue;
		while (i-- > 0)
			wire_close(&w[i]);
		return false;
	}
	return true;
}

static void wires_close(struct wire *w, unsigned n)
{
	while (n-- > 0)
		wire_close(&w[n]);
}

static void masked_waits_for_unmask(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)w.irq), 0);
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	EXPECT_EQ(w.count, 1);
	EXPECT(!port_pending(guest_irq_port(conf.g, (unsigned)w.irq)));
	wire_close(&w);
}

static void many_are_one_event(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_local_irq_disable(conf.g);
	for (unsigned i = 0; i < 50; i++)
		EXPECT_EQ(port_send(w.tx), 0);
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static struct wire greedy, modest;
static uint64_t greedy_at;

static enum guest_irqreturn send_again(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)g;
	(void)irq;
	if (++w->count < 200)
		(void)port_send(w->tx);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn note_when(struct guest *g, unsigned irq, void *dev)
{
	greedy_at = greedy.count;
	return wire_count(g, irq, dev);
}

/* One that always has news does not keep another one, of the same priority, waiting. */
static void fair_to_all(void)
{
	if (wire_open(&greedy, send_again, 0) && wire_open(&modest, note_when, 0)) {
		guest_local_irq_disable(conf.g);
		EXPECT_EQ(port_send(greedy.tx), 0);
		EXPECT_EQ(port_send(modest.tx), 0);
		guest_local_irq_enable(conf.g);
		EXPECT_EQ(greedy.count, 200);
		EXPECT_EQ(modest.count, 1);
		EXPECT(greedy_at <= 2);
	}
	wire_close(&modest);
	wire_close(&greedy);
}

#define CHANNELS 2000u

static struct wire many[CHANNELS];

static uint64_t all_of_many(uint64_t each)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < CHANNELS; i++)
		wrong += many[i].count != each;
	return wrong;
}

static void thousands_of_channels(void)
{
	if (!wires_open(many, CHANNELS, NULL))
		return;
	for (unsigned i = 0; i < CHANNELS; i++)
		EXPECT_EQ(port_send(many[i].tx), 0);
	EXPECT_EQ(all_of_many(1), 0);
	/* And all pending at once, on as many CPUs as there are. */
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct guest_cpumask mask = { { 0 } };

		guest_cpumask_set(&mask, i % conf.nr_cpus);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)many[i].irq, &mask), 0);
	}
	guest_local_irq_disable(conf.g);
	for (unsigned i = 0; i < CHANNELS; i++)
		EXPECT_EQ(port_send(many[i].tx), 0);
	guest_local_irq_enable(conf.g);
	WAIT_FOR(all_of_many(2) == 0);
	for (unsigned i = 0; i < CHANNELS; i++)
		EXPECT_EQ(many[i].cpu, i % conf.nr_cpus);
	wires_close(many, CHANNELS);
}

static void moved_while_pending(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	for (unsigned i = 1; i <= 8; i++) {
		struct guest_cpumask mask = { { 0 } };

		guest_cpumask_set(&mask, i % conf.nr_cpus);
		EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)w.irq), 0);
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), 0);
		EXPECT_EQ(w.count, i - 1);
		EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
		WAIT_FOR(w.count == i);
		EXPECT_EQ(w.cpu, i % conf.nr_cpus);
	}
	wire_close(&w);
}

/* On a queue (or in a word) of this CPU when it is moved. */
static void moved_while_announced(void)
{
	struct guest_cpumask there = { { 0 } }, here = { { 1 } };
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_cpumask_set(&there, 1);
	for (uint64_t i = 1; i <= 8; i++) {
		guest_local_irq_disable(conf.g);
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &there), 0);
		guest_local_irq_enable(conf.g);
		WAIT_FOR(w.count == 2 * i - 1);
		EXPECT_EQ(port_send(w.tx), 0);
		WAIT_FOR(w.count == 2 * i);
		EXPECT_EQ(w.cpu, 1);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &here), 0);
	}
	wire_close(&w);
}

static void closed_while_pending(void)
{
	struct wire w, next;

	if (!wire_open(&w, NULL, 0))
		return;
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(port_send(w.tx), 0);
	wire_close(&w);
	guest_local_irq_enable(conf.g);
	/* Whoever has its number next has no event of it. */
	if (!wire_open(&next, NULL, 0))
		return;
	EXPECT_EQ(next.count, 0);
	EXPECT_EQ(port_send(next.tx), 0);
	EXPECT_EQ(next.count, 1);
	wire_close(&next);
}

/* ---- FIFO --------------------------------------------------------------------------------- */

static void arrival_order(void)
{
	static const unsigned sent[] = { 3, 0, 5, 1, 7, 2, 6, 4 };
	struct wire w[8];

	if (!wires_open(w, 8, note_order))
		return;
	guest_local_irq_disable(conf.g);
	order.n = 0;
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(port_send(w[sent[i]].tx), 0);
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(order.n, 8);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(order.list[i], w[sent[i]].irq);
	wires_close(w, 8);
}

static void priority_order(void)
{
	static const unsigned sent[] = { 9, 2, 15, 0, 7, 12, 4, 1, 11, 6, 14, 3, 10, 5, 13, 8 };
	struct wire w[16];

	if (!wires_open(w, 16, note_order))
		return;
	for (unsigned i = 0; i < 16; i++)
		EXPECT_EQ(guest_set_irq_priority(conf.g, (unsigned)w[i].irq, i), 0);
	guest_local_irq_disable(conf.g);
	order.n = 0;
	for (unsigned i = 0; i < 16; i++)
		EXPECT_EQ(port_send(w[sent[i]].tx), 0);
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(order.n, 16);
	for (unsigned i = 0; i < 16; i++)
		EXPECT_EQ(order.list[i], w[i].irq);
	wires_close(w, 16);
}

/* One that is queued keeps its place; the change holds from the next event on. */
static void priority_changed_while_queued(void)
{
	struct wire w[2];

	if (!wires_open(w, 2, note_order))
		return;
	guest_local_irq_disable(conf.g);
	order.n = 0;
	EXPECT_EQ(port_send(w[0].tx), 0);
	EXPECT_EQ(port_send(w[1].tx), 0);
	EXPECT_EQ(guest_set_irq_priority(conf.g, (unsigned)w[1].irq, 0), 0);
	guest_local_irq_enable(conf.g);
	EXPECT(order.n == 2 && order.list[0] == (unsigned)w[0].irq);
	guest_local_irq_disable(conf.g);
	order.n = 0;
	EXPECT_EQ(port_send(w[0].tx), 0);
	EXPECT_EQ(port_send(w[1].tx), 0);
	guest_local_irq_enable(conf.g);
	EXPECT(order.n == 2 && order.list[0] == (unsigned)w[1].irq);
	wires_close(w, 2);
}

static void priority_bad(void)
{
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_set_irq_priority(conf.g, (unsigned)w.irq, 16), -XEN_EINVAL);
	EXPECT_EQ(guest_set_irq_priority(conf.g, 0, 3), -XEN_EINVAL);
	wire_close(&w);
}

static long set_priority(evtchn_port_t port, uint32_t priority)
{
	struct evtchn_set_priority op = { .port = port, .priority = priority };

	return evtchn(EVTCHNOP_set_priority, &op);
}

static void set_priority_answers(void)
{
	int port = port_new();

	EXPECT_EQ(set_priority((evtchn_port_t)port, 0), 0);
	EXPECT_EQ(set_priority((evtchn_port_t)port, 15), 0);
	EXPECT_EQ(set_priority((evtchn_port_t)port, 16), -XEN_EINVAL);
	EXPECT_EQ(set_priority((evtchn_port_t)port, 0xffffffff), -XEN_EINVAL);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	EXPECT_EQ(set_priority((evtchn_port_t)port, 3), -XEN_EACCES);
	EXPECT_EQ(set_priority(0, 3), -XEN_EACCES);
	EXPECT_EQ(set_priority(131072, 3), -XEN_EINVAL);
}

static void set_priority_bad_places(void)
{
	struct evtchn_set_priority op = { .port = 1, .priority = 3 };

	refuses_places(EVTCHNOP_set_priority, &op, sizeof(op));
}

static void init_control_answers(void)
{
	static uint8_t block[4096] __attribute__((aligned(4096)));
	struct evtchn_init_control op = { .control_gfn = pv_frame_of(conf.pv, block) };
	static const uint32_t offsets[] = { 1, 4, 4025, 4032, 4088, 4096, 0x80000000, 0xfffffff8 };

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		op.offset = offsets[i];
		EXPECT_EQ(evtchn(EVTCHNOP_init_control, &op), -XEN_EINVAL);
	}
	op.offset = 0;
	EXPECT_EQ(evtchn(EVTCHNOP_init_control, &op), -XEN_EINVAL); /* it has one */
	op.vcpu = 8191;
	EXPECT_EQ(evtchn(EVTCHNOP_init_control, &op), -XEN_ENOENT);
}

static void expand_array_answers(void)
{
	struct evtchn_expand_array op = { .array_gfn = UINT64_C(0xffffffffff) };

	EXPECT_EQ(evtchn(EVTCHNOP_expand_array, &op), -XEN_EINVAL);
	op.array_gfn = pv_frame_of(conf.pv, (void *)conf.pv->start_info->pt_base);
	EXPECT_EQ(evtchn(EVTCHNOP_expand_array, &op), -XEN_EINVAL);
	refuses_places(EVTCHNOP_expand_array, &op, sizeof(op));
}

#define FAR_PORT 20000

/* The array of event words grows page by page; an event far out in it arrives. */
static void array_grows(void)
{
	int port, first = port_new();
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	static struct wire w;

	port = first;
	while (port > 0 && port < FAR_PORT)
		port = port_new();
	if (EXPECT(port >= FAR_PORT)) {
		w = (struct wire){ 0 };
		w.irq = guest_bind_evtchn_to_irqhandler(conf.g, (evtchn_port_t)port, wire_count, 0,
							"far", &w);
		op.remote_port = (evtchn_port_t)port;
		EXPECT(w.irq > 0);
		EXPECT_EQ(evtchn(EVTCHNOP_bind_interdomain, &op), 0);
		w.tx = op.local_port;
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, 1);
		wire_close(&w);
	}
	for (int p = first; p < port; p++)
		if (port_status((evtchn_port_t)p) == EVTCHNSTAT_unbound)
			EXPECT_EQ(port_close((evtchn_port_t)p), 0);
}

/* ---- 2-level ------------------------------------------------------------------------------ */

static void two_level_has_no_priorities(void)
{
	struct wire w;
	int port = port_new();

	EXPECT_EQ(set_priority((evtchn_port_t)port, 7), -XEN_ENOSYS);
	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_set_irq_priority(conf.g, (unsigned)w.irq, 3), -XEN_ENOSYS);
	wire_close(&w);
}

static void two_level_bits(void)
{
	const struct shared_info *s = conf.pv->shared_info;
	struct channel c;

	if (channel_open(&c)) {
		xen_ulong_t bit = 1ul << c.b % 64;
		const volatile xen_ulong_t *pending = &s->evtchn_pending[c.b / 64];
		const volatile xen_ulong_t *mask = &s->evtchn_mask[c.b / 64];

		EXPECT(*mask & bit);
		EXPECT(!(*pending & bit));
		EXPECT_EQ(port_send(c.a), 0);
		EXPECT(*pending & bit);
	}
	channel_close(&c);
}

static void two_level_has_4095_ports(void)
{
	int port, first = port_new(), last = first;

	for (port = first; port > 0; port = port_new())
		last = port;
	EXPECT_EQ(port, -XEN_ENOSPC);
	EXPECT_EQ(last, 4095);
	for (int p = first; p <= last; p++)
		if (port_status((evtchn_port_t)p) == EVTCHNSTAT_unbound)
			EXPECT_EQ(port_close((evtchn_port_t)p), 0);
}

static void two_level_expand_array(void)
{
	struct evtchn_expand_array op = { .array_gfn = UINT64_C(0xffffffffff) };

	EXPECT_EQ(evtchn(EVTCHNOP_expand_array, &op), -XEN_EOPNOTSUPP);
}

static const struct check checks[] = {
	{ "masked_waits_for_unmask", masked_waits_for_unmask, 0 },
	{ "many_are_one_event", many_are_one_event, 0 },
	{ "fair_to_all", fair_to_all, 0 },
	{ "thousands_of_channels", thousands_of_channels, 0 },
	{ "moved_while_pending", moved_while_pending, 0 },
	{ "moved_while_announced", moved_while_announced, NEEDS_CPUS },
	{ "closed_while_pending", closed_while_pending, 0 },
	{ "arrival_order", arrival_order, NEEDS_FIFO },
	{ "priority_order", priority_order, NEEDS_FIFO },
	{ "priority_changed_while_queued", priority_changed_while_queued, NEEDS_FIFO },
	{ "priority_bad", priority_bad, NEEDS_FIFO },
	{ "set_priority_answers", set_priority_answers, NEEDS_FIFO },
	{ "set_priority_bad_places", set_priority_bad_places, NEEDS_FIFO },
	{ "init_control_answers", init_control_answers, NEEDS_FIFO },
	{ "expand_array_answers", expand_array_answers, NEEDS_FIFO },
	{ "array_grows", array_grows, NEEDS_FIFO },
	{ "two_level_has_no_priorities", two_level_has_no_priorities, NEEDS_2L },
	{ "two_level_bits", two_level_bits, NEEDS_2L },
	{ "two_level_has_4095_ports", two_level_has_4095_ports, NEEDS_2L },
	{ "two_level_expand_array", two_level_expand_array, NEEDS_2L },
	{ 0 },
};

const struct area area_abi = { "abi", checks };
