/* SPDX-License-Identifier: MIT */
/*
 * EVTCHNOP_reset, and the guest half's way to go on after it (guest_resume). Last in the list:
 * where it goes wrong nothing works any more. The other CPUs are down meanwhile.
 */
#include "conformance.h"

static void no_domain(void)
{
	static const domid_t none[] = { 1000,	       DOMID_IO,   DOMID_XEN, DOMID_COW,
					DOMID_INVALID, DOMID_IDLE, 0xffff };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct evtchn_reset op = { .dom = none[i] };

		EXPECT_EQ(evtchn(EVTCHNOP_reset, &op), -XEN_ESRCH);
	}
}

static void bad_places(void)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };

	refuses_places(EVTCHNOP_reset, &op, sizeof(op));
}

static void continued_by_nobody(void)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };

	EXPECT_EQ(evtchn(EVTCHNOP_reset_cont, &op), -XEN_EBUSY);
}

static bool others(int (*change)(struct guest *g, unsigned cpu))
{
	bool ok = true;

	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		ok &= EXPECT_EQ(change(conf.g, cpu), 0);
	return ok;
}

static volatile unsigned called;

static void call(struct guest *g, void *arg)
{
	(void)g;
	(void)arg;
	__atomic_fetch_add(&called, 1, __ATOMIC_SEQ_CST);
}

static void closes_all_and_goes_on(void)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	struct guest_cpumask all = { { (1u << conf.nr_cpus) - 1 } };
	evtchn_port_t rx;
	uint64_t ticks;
	struct wire w;

	if (!others(guest_cpu_down) || !wire_open(&w, NULL, 0))
		return;
	rx = guest_irq_port(conf.g, (unsigned)w.irq);
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(evtchn(EVTCHNOP_reset, &op), 0);
	EXPECT_EQ(port_status(rx), EVTCHNSTAT_closed);
	EXPECT_EQ(port_status(w.tx), EVTCHNSTAT_closed);
	EXPECT_EQ(guest_resume(conf.g), 1); /* nobody can make the channel again */
	guest_local_irq_enable(conf.g);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_irq_port(conf.g, (unsigned)w.irq), 0);
	EXPECT_EQ(guest_notify_irq(conf.g, (unsigned)w.irq), 0);
	w.tx = 0;
	wire_close(&w);

	/* The timer, IPIs and channels work again, and the other CPUs come back. */
	ticks = conf.cpu[0].ticks;
	EXPECT_EQ(guest_set_timer(conf.g, guest_clock(conf.g) + MS), 0);
	WAIT_FOR(conf.cpu[0].ticks == ticks + 1);
	(void)others(guest_cpu_up);
	called = 0;
	EXPECT_EQ(guest_smp_call_function_mask(conf.g, &all, call, NULL, true), conf.nr_cpus);
	EXPECT_EQ(called, conf.nr_cpus);
	if (!wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
	EXPECT_EQ(guest_abi(conf.g), conf.fifo ? GUEST_ABI_FIFO : GUEST_ABI_2L);
}

static const struct check checks[] = {
	{ "no_domain", no_domain, 0 },
	{ "bad_places", bad_places, 0 },
	{ "continued_by_nobody", continued_by_nobody, 0 },
	{ "closes_all_and_goes_on", closes_all_and_goes_on, 0 },
	{ 0 },
};

const struct area area_reset = { "reset", checks };
