/* SPDX-License-Identifier: MIT */
/*
 * Hardware lines, as pirqs: one that the machine file gives (line=NAME,FRAME,PIRQ). It is an edge
 * line that pulses by itself.
 */
#include "conformance.h"

static unsigned pirq(void)
{
	const char *p = pv_word(conf.cmdline, "line=");
	uint64_t n = 0;

	if (p && pv_skip_field(&p) && pv_skip_field(&p))
		(void)pv_number(&p, &n);
	return (unsigned)n;
}

bool line_is_there(void)
{
	return pirq() != 0;
}

static void binds_as_pirq(void)
{
	int irq = guest_bind_pirq_to_irq(conf.g, pirq(), false);
	struct evtchn_status op = { .dom = DOMID_SELF };

	EXPECT(irq > 0);
	op.port = guest_irq_port(conf.g, (unsigned)irq);
	EXPECT_EQ(evtchn(EVTCHNOP_status, &op), 0);
	EXPECT_EQ(op.status, EVTCHNSTAT_pirq);
	EXPECT_EQ(op.u.pirq, pirq());
	EXPECT_EQ(guest_bind_pirq_to_irq(conf.g, pirq(), false), irq);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
}

static void bound_once(void)
{
	struct evtchn_bind_pirq op = { .pirq = pirq() };
	int irq = guest_bind_pirq_to_irq(conf.g, pirq(), false);

	EXPECT(irq > 0);
	EXPECT_EQ(evtchn(EVTCHNOP_bind_pirq, &op), -XEN_EEXIST);
	EXPECT_EQ(guest_unbind_irq(conf.g, (unsigned)irq), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_bind_pirq, &op), 0);
	EXPECT_EQ(port_send(op.port), -XEN_EINVAL);
	EXPECT_EQ(port_close(op.port), 0);
}

static void pulses_arrive(void)
{
	struct wire w = { 0 };

	w.irq = guest_bind_pirq_to_irqhandler(conf.g, pirq(), wire_count, 0, "line", &w);
	if (!EXPECT(w.irq > 0))
		return;
	WAIT_FOR(w.count >= 5);
	EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)w.irq), 0);
	w.count = 0;
	nap_until(guest_clock(conf.g) + 10 * MS);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	WAIT_FOR(w.count >= 2);
	wire_close(&w);
}

static void arrives_on_its_cpu(void)
{
	struct wire w = { 0 };

	w.irq = guest_bind_pirq_to_irqhandler(conf.g, pirq(), wire_count, 0, "line", &w);
	if (!EXPECT(w.irq > 0))
		return;
	for (unsigned cpu = conf.nr_cpus; cpu-- > 0;) {
		struct guest_cpumask mask = { { 0 } };
		uint64_t count;

		guest_cpumask_set(&mask, cpu);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), 0);
		count = w.count;
		WAIT_FOR(w.count >= count + 3);
		EXPECT_EQ(w.cpu, cpu);
	}
	wire_close(&w);
}

static const struct check checks[] = {
	{ "binds_as_pirq", binds_as_pirq, NEEDS_LINE },
	{ "bound_once", bound_once, NEEDS_LINE },
	{ "pulses_arrive", pulses_arrive, NEEDS_LINE },
	{ "arrives_on_its_cpu", arrives_on_its_cpu, NEEDS_LINE },
	{ 0 },
};

const struct area area_line = { "line", checks };
