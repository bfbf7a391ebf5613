/* SPDX-License-Identifier: MIT */
/*
 * Flows: what is done to the line around the handlers, and what becomes of an event that comes
 * while they run. Late eoi. IRQs that the kernel raises itself.
 */
#include "conformance.h"

/* A handler that has another event sent once, and looks at its own port before and after. */
static struct again {
	struct wire wire;
	unsigned running, most, masked, pending;
} again;

static enum guest_irqreturn sends_once(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;
	unsigned state;

	again.running++;
	if (again.running > again.most)
		again.most = again.running;
	if (w->count++ == 0) {
		(void)port_send(w->tx);
		(void)port_send(w->tx);
	}
	state = guest_port_state(g, guest_irq_port(g, irq));
	again.masked += !!(state & GUEST_PORT_MASKED);
	again.pending += !!(state & GUEST_PORT_PENDING);
	again.running--;
	return GUEST_IRQ_HANDLED;
}

static bool again_open(enum guest_irq_flow flow, unsigned flags)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	int port = port_new(), irq = guest_bind_evtchn_to_irq(conf.g, (evtchn_port_t)port);

	memset(&again, 0, sizeof(again));
	op.remote_port = (evtchn_port_t)port;
	again.wire.irq = irq;
	return EXPECT(irq > 0) && EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)irq, flow), 0) &&
	       EXPECT_EQ(guest_request_irq(conf.g, (unsigned)irq, sends_once, flags, "again",
					   &again.wire),
			 0) &&
	       EXPECT_EQ(evtchn(EVTCHNOP_bind_interdomain, &op), 0) &&
	       EXPECT((again.wire.tx = op.local_port) != 0);
}

static void flow_level(void)
{
	struct wire other = { 0 };
	unsigned irq;

	if (!again_open(GUEST_FLOW_LEVEL, GUEST_IRQF_SHARED))
		return;
	irq = (unsigned)again.wire.irq;
	EXPECT_EQ(guest_request_irq(conf.g, irq, wire_count, GUEST_IRQF_SHARED, "other", &other),
		  0);
	EXPECT_EQ(port_send(again.wire.tx), 0);
	EXPECT_EQ(again.wire.count, 2);
	EXPECT_EQ(other.count, 2);
	EXPECT_EQ(again.most, 1);
	EXPECT_EQ(again.masked, 2); /* while the handlers run */
	EXPECT_EQ(guest_port_state(conf.g, guest_irq_port(conf.g, irq)), 0);
	/* One handler alone needs no mask, and no less is it called once at a time. */
	EXPECT_EQ(guest_free_irq(conf.g, irq, &other), 0);
	again.wire.count = again.masked = 0;
	EXPECT_EQ(port_send(again.wire.tx), 0);
	EXPECT_EQ(again.wire.count, 2);
	EXPECT_EQ(other.count, 2);
	EXPECT_EQ(again.most, 1);
	EXPECT_EQ(again.masked, 0);
	EXPECT_EQ(guest_port_state(conf.g, guest_irq_port(conf.g, irq)), 0);
	wire_close(&again.wire);
}

static void flow_edge(void)
{
	if (!again_open(GUEST_FLOW_EDGE, 0))
		return;
	EXPECT_EQ(port_send(again.wire.tx), 0);
	EXPECT_EQ(again.wire.count, 2);
	EXPECT_EQ(again.most, 1);
	EXPECT_EQ(again.masked, 0);
	wire_close(&again.wire);
}

static void flow_fasteoi(void)
{
	if (!again_open(GUEST_FLOW_FASTEOI, 0))
		return;
	EXPECT_EQ(port_send(again.wire.tx), 0);
	EXPECT_EQ(again.wire.count, 2);
	EXPECT_EQ(again.most, 1);
	EXPECT_EQ(again.masked, 0);
	wire_close(&again.wire);
}

static void flow_percpu(void)
{
	int irq = guest_bind_ipi_to_irq(conf.g, 7, 0);
	struct wire w = { .irq = irq };

	EXPECT_EQ(
		guest_request_irq(conf.g, (unsigned)irq, wire_count, GUEST_IRQF_PERCPU, "ipi", &w),
		0);
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(w.count, 10);
	EXPECT_EQ(guest_free_irq(conf.g, (unsigned)irq, &w), 0);
	EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)irq, GUEST_FLOW_LEVEL), -XEN_EINVAL);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
}

static void flow_bad(void)
{
	struct wire w;

	EXPECT_EQ(guest_set_irq_flow(conf.g, 0, GUEST_FLOW_EDGE), -XEN_EINVAL);
	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)w.irq, GUEST_FLOW_PERCPU), -XEN_EINVAL);
	EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)w.irq, GUEST_FLOW_SIMPLE), -XEN_EINVAL);
	EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)w.irq, GUEST_FLOW_EDGE), -XEN_EBUSY);
	wire_close(&w);
}

/* An edge that comes while its handler runs on another CPU makes it run once more, there. */
static struct wire slow;
static volatile bool inside, let_go;

static enum guest_irqreturn waits_inside(struct guest *g, unsigned irq, void *dev)
{
	uint64_t give_up = guest_clock(g) + PATIENCE;

	(void)wire_count(g, irq, dev);
	inside = true;
	while (!let_go && guest_clock(g) < give_up)
		__builtin_ia32_pause();
	return GUEST_IRQ_HANDLED;
}

static void edge_while_running_elsewhere(void)
{
	struct guest_cpumask there = { { 2 } }, here = { { 1 } };

	if (!wire_open(&slow, waits_inside, 0))
		return;
	inside = let_go = false;
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)slow.irq, &there), 0);
	EXPECT_EQ(port_send(slow.tx), 0);
	WAIT_FOR(inside);
	/* It cannot move now; it says where it is, and does when the next event is taken. */
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)slow.irq, &here), 0);
	EXPECT_EQ(guest_irq_effective_cpu(conf.g, (unsigned)slow.irq), 1);
	EXPECT_EQ(port_send(slow.tx), 0);
	EXPECT_EQ(slow.count, 1);
	let_go = true;
	WAIT_FOR(slow.count == 2);
	EXPECT_EQ(port_send(slow.tx), 0);
	WAIT_FOR(slow.count == 3);
	EXPECT_EQ(slow.cpu, 0);
	wire_close(&slow);
}

static void disable_waits_for_the_handler(void)
{
	struct guest_cpumask there = { { 2 } };

	if (!wire_open(&slow, waits_inside, 0))
		return;
	inside = let_go = false;
	EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)slow.irq, &there), 0);
	EXPECT_EQ(port_send(slow.tx), 0);
	WAIT_FOR(inside);
	EXPECT_EQ(guest_disable_irq_nosync(conf.g, (unsigned)slow.irq), 0); /* does not wait */
	let_go = true;
	EXPECT_EQ(guest_synchronize_irq(conf.g, (unsigned)slow.irq), 0);
	EXPECT_EQ(slow.count, 1);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)slow.irq), 0);
	wire_close(&slow);
}

/* ---- late eoi ----------------------------------------------------------------------------- */

static struct wire late;
static unsigned late_flags;
static bool late_later;
static volatile int late_answer;

static enum guest_irqreturn late_handler(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	w->count++;
	if (!late_later)
		late_answer = guest_irq_lateeoi(g, irq, late_flags);
	return GUEST_IRQ_HANDLED;
}

static bool late_open(bool later, unsigned flags)
{
	int port = port_new();

	late = (struct wire){ 0 };
	late_later = later;
	late_flags = flags;
	late_answer = 99;
	late.irq = guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(
		conf.g, DOMID_SELF, (evtchn_port_t)port, late_handler, 0, "late", &late);
	late.tx = (evtchn_port_t)port;
	if (!EXPECT(late.irq > 0))
		return false;
	/* It starts pending, as every new channel. */
	WAIT_FOR(late.count == 1);
	return true;
}

static void late_eoi_in_the_handler(void)
{
	if (!late_open(false, 0))
		return;
	EXPECT_EQ(late_answer, 0);
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQ(port_send(late.tx), 0);
	EXPECT_EQ(late.count, 11);
	wire_close(&late);
}

static void late_eoi_later(void)
{
	if (!late_open(true, 0))
		return;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t count = late.count;

		EXPECT_EQ(port_send(late.tx), 0);
		EXPECT_EQ(late.count, count); /* masked until then */
		EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)late.irq, 0), 0);
		EXPECT_EQ(late.count, count + 1);
	}
	EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)late.irq, 0), 0);
	EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)late.irq, 0), -XEN_EINVAL);
	wire_close(&late);
}

static void late_eoi_bad(void)
{
	struct wire w;

	EXPECT_EQ(guest_irq_lateeoi(conf.g, 0, 0), -XEN_EINVAL);
	if (wire_open(&w, NULL, 0)) {
		EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)w.irq, 0), -XEN_EINVAL);
		EXPECT_EQ(guest_bind_evtchn_to_irq_lateeoi(conf.g,
							   guest_irq_port(conf.g, (unsigned)w.irq)),
			  -XEN_EBUSY);
		wire_close(&w);
	}
	if (!late_open(true, 0))
		return;
	EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)late.irq, 0x80), -XEN_EINVAL);
	EXPECT_EQ(guest_irq_lateeoi(conf.g, (unsigned)late.irq, 0), 0);
	wire_close(&late);
}

static void late_eoi_spurious_waits(void)
{
	struct guest_irq_stats s;
	uint64_t began;

	if (!late_open(false, GUEST_EOI_SPURIOUS))
		return;
	EXPECT_EQ(port_send(late.tx), 0); /* the second in a row */
	WAIT_FOR(late.count == 2);
	began = guest_clock(conf.g);
	EXPECT_EQ(port_send(late.tx), 0);
	WAIT_FOR(late.count == 3);
	EXPECT_EQ(guest_irq_get_stats(conf.g, (unsigned)late.irq, &s), 0);
	EXPECT(s.late_spurious >= 3);
	EXPECT(s.late_delayed >= 1);
	EXPECT(s.late_delay >= MS);
	EXPECT(guest_clock(conf.g) >= began);
	wire_close(&late);
}

/* ---- raised by the kernel ------------------------------------------------------------------ */

static struct {
	unsigned count, depth, most;
	int irq;
	bool again;
} soft;

static enum guest_irqreturn soft_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)dev;
	soft.count++;
	soft.depth++;
	if (soft.depth > soft.most)
		soft.most = soft.depth;
	if (soft.again) {
		soft.again = false;
		(void)guest_raise_irq(g, irq);
	}
	soft.depth--;
	return GUEST_IRQ_HANDLED;
}

static bool soft_open(void)
{
	memset(&soft, 0, sizeof(soft));
	soft.irq = guest_alloc_irq(conf.g);
	return EXPECT(soft.irq > 0) &&
	       EXPECT_EQ(guest_set_irq_flow(conf.g, (unsigned)soft.irq, GUEST_FLOW_SIMPLE), 0) &&
	       EXPECT_EQ(guest_request_irq(conf.g, (unsigned)soft.irq, soft_handler, 0, "soft",
					   &soft),
			 0);
}

static void soft_close(void)
{
	EXPECT_EQ(guest_free_irq(conf.g, (unsigned)soft.irq, &soft), 0);
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)soft.irq), 0);
}

static void raise_runs_at_once(void)
{
	if (!soft_open())
		return;
	for (unsigned i = 1; i <= 5; i++) {
		EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)soft.irq), 0);
		EXPECT_EQ(soft.count, i);
	}
	soft_close();
}

static void raise_does_not_nest(void)
{
	if (!soft_open())
		return;
	soft.again = true;
	EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)soft.irq), 0);
	EXPECT_EQ(soft.count, 2);
	EXPECT_EQ(soft.most, 1);
	soft_close();
}

static void raise_disabled_stays(void)
{
	if (!soft_open())
		return;
	EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)soft.irq), 0);
	EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)soft.irq), 0);
	EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)soft.irq), 0);
	EXPECT_EQ(soft.count, 0);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)soft.irq), 0);
	EXPECT_EQ(soft.count, 1);
	soft_close();
}

static void raise_bad(void)
{
	struct wire w;
	int irq = guest_alloc_irq(conf.g);

	EXPECT(irq > 0);
	EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)irq), -XEN_EINVAL);
	EXPECT_EQ(guest_request_irq(conf.g, (unsigned)irq, soft_handler, 0, "soft", &soft),
		  -XEN_ENOSYS);
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)irq), -XEN_EINVAL);
	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_raise_irq(conf.g, (unsigned)w.irq), -XEN_EINVAL);
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)w.irq), -XEN_EINVAL);
	wire_close(&w);
}

static void dealloc_busy(void)
{
	if (!soft_open())
		return;
	EXPECT_EQ(guest_dealloc_irq(conf.g, (unsigned)soft.irq), -XEN_EBUSY);
	soft_close();
}

static const struct check checks[] = {
	{ "level", flow_level, 0 },
	{ "edge", flow_edge, 0 },
	{ "fasteoi", flow_fasteoi, 0 },
	{ "percpu", flow_percpu, 0 },
	{ "bad", flow_bad, 0 },
	{ "edge_while_running_elsewhere", edge_while_running_elsewhere, NEEDS_CPUS },
	{ "disable_waits_for_the_handler", disable_waits_for_the_handler, NEEDS_CPUS },
	{ "late_eoi_in_the_handler", late_eoi_in_the_handler, 0 },
	{ "late_eoi_later", late_eoi_later, 0 },
	{ "late_eoi_bad", late_eoi_bad, 0 },
	{ "late_eoi_spurious_waits", late_eoi_spurious_waits, 0 },
	{ "raise_runs_at_once", raise_runs_at_once, 0 },
	{ "raise_does_not_nest", raise_does_not_nest, 0 },
	{ "raise_disabled_stays", raise_disabled_stays, 0 },
	{ "raise_bad", raise_bad, 0 },
	{ "dealloc_busy", dealloc_busy, 0 },
	{ 0 },
};

const struct area area_flow = { "flow", checks };
