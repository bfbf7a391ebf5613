/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_poll: what ends it and what it refuses. Times are compared in one direction only: it does
 * not end before its time by itself, and it ends.
 */
#include "conformance.h"

#define LONG (PATIENCE / MS) /* ms: nothing here lasts so long */

static evtchn_port_t list[200];

static long poll(unsigned nr, uint64_t ms)
{
	struct sched_poll p = { .ports = pv_arg(list), .nr_ports = nr };

	if (ms)
		p.timeout = guest_clock(conf.g) + ms * MS;
	return pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0);
}

/* Answers 0, and before its deadline. */
static void ends_early(unsigned nr)
{
	uint64_t began = guest_clock(conf.g);

	EXPECT_EQ(poll(nr, LONG), 0);
	EXPECT(guest_clock(conf.g) < began + LONG * MS);
}

static void pending_ends_it(void)
{
	struct channel c;

	if (channel_open(&c)) {
		list[0] = c.b;
		EXPECT_EQ(port_send(c.a), 0);
		ends_early(1);
		EXPECT(port_pending(c.b));
		EXPECT_EQ(poll(1, 0), 0); /* without a deadline */
	}
	channel_close(&c);
}

static void any_of_them_ends_it(void)
{
	struct channel c;

	if (channel_open(&c)) {
		list[0] = c.a;
		list[1] = c.b;
		EXPECT_EQ(port_send(c.a), 0);
		ends_early(2);
	}
	channel_close(&c);
}

static void deadline_ends_it(void)
{
	uint64_t began = guest_clock(conf.g);
	struct channel c;

	if (channel_open(&c)) {
		list[0] = c.a;
		EXPECT_EQ(poll(1, 10), 0);
		EXPECT(guest_clock(conf.g) >= began + 10 * MS);
		EXPECT(!port_pending(c.a));
	}
	channel_close(&c);
}

static void past_deadline_ends_it(void)
{
	struct sched_poll p = { .timeout = 1 };

	EXPECT_EQ(pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0), 0);
}

static void no_ports_sleeps(void)
{
	uint64_t began = guest_clock(conf.g);

	EXPECT_EQ(poll(0, 10), 0);
	EXPECT(guest_clock(conf.g) >= began + 10 * MS);
}

/*
 * An event that is delivered ends it, whatever the ports: if it comes after the poll has begun, for
 * which a busy host takes its time.
 */
static void timer_ends_it(void)
{
	uint64_t ticks = conf.cpu[0].ticks, n = 0;
	bool woken = false;

	while (!woken && n < 8) {
		uint64_t began = guest_clock(conf.g);

		EXPECT_EQ(guest_set_timer(conf.g, began + (MS << n++)), 0);
		EXPECT_EQ(poll(0, 1000), 0);
		woken = guest_clock(conf.g) < began + 1000 * MS;
	}
	EXPECT(woken);
	EXPECT_EQ(conf.cpu[0].ticks, ticks + n);
}

static void bad_ports(void)
{
	static const evtchn_port_t bad[] = { 0, 131072, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < 4; i++) {
		list[0] = bad[i];
		EXPECT_EQ(poll(1, LONG), -XEN_EINVAL);
	}
}

static void closed_port(void)
{
	int port = port_new();

	EXPECT_EQ(port_close((evtchn_port_t)port), 0);
	list[0] = (evtchn_port_t)port;
	EXPECT_EQ(poll(1, LONG), -XEN_EINVAL);
}

static void looks_in_order(void)
{
	struct channel c;

	if (channel_open(&c)) {
		EXPECT_EQ(port_send(c.a), 0);
		list[0] = c.b;
		list[1] = 131072;
		EXPECT_EQ(poll(2, LONG), 0);
		list[0] = 131072;
		list[1] = c.b;
		EXPECT_EQ(poll(2, LONG), -XEN_EINVAL);
	}
	channel_close(&c);
}

static void many_ports(void)
{
	struct channel c;

	if (channel_open(&c)) {
		for (unsigned i = 0; i < 200; i++)
			list[i] = c.a;
		EXPECT_EQ(poll(128, 1), 0);
		EXPECT_EQ(poll(129, 1), -XEN_EINVAL);
		EXPECT_EQ(poll(0xffffffff, 1), -XEN_EINVAL);
	}
	channel_close(&c);
}

static void bad_places(void)
{
	struct sched_poll p = { .timeout = 1 };

	for (enum place at = PLACE_NULL; at < PLACES_BAD; at++)
		EXPECT_EQ(pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll,
				       place(at, &p, sizeof(p)), 0, 0, 0),
			  -XEN_EFAULT);
	p.nr_ports = 1;
	p.timeout = guest_clock(conf.g) + LONG * MS;
	for (enum place at = PLACE_NULL; at < PLACES_BAD; at++) {
		p.ports = place(at, list, 4);
		EXPECT_EQ(pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0),
			  -XEN_EFAULT);
	}
}

/* ---- two CPUs ----------------------------------------------------------------------------- */

static struct channel shared;
static volatile bool polling;
static volatile long answer;

/* Events disabled: only the port can end it. */
static void poller(void *arg)
{
	struct sched_poll p = { .ports = pv_arg(list), .nr_ports = 1 };

	(void)arg;
	guest_local_irq_disable(conf.g);
	polling = true;
	answer = pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0);
	guest_local_irq_enable(conf.g);
}

static void other_cpu_ends_it(void)
{
	if (channel_open(&shared)) {
		list[0] = shared.b;
		EXPECT_EQ(port_to_cpu(shared.b, 1), 0);
		for (unsigned i = 0; i < 20; i++) {
			polling = false;
			answer = 99;
			task_start(1, poller, NULL);
			WAIT_FOR(polling);
			if (i % 2)
				nap(); /* so that it may be asleep, and may not */
			EXPECT_EQ(port_send(shared.a), 0);
			task_wait(1);
			EXPECT_EQ(answer, 0);
			EXPECT(guest_clear_irq_pending(conf.g, shared.irq_b));
		}
	}
	channel_close(&shared);
}

static const struct check checks[] = {
	{ "pending_ends_it", pending_ends_it, 0 },
	{ "any_of_them_ends_it", any_of_them_ends_it, 0 },
	{ "deadline_ends_it", deadline_ends_it, 0 },
	{ "past_deadline_ends_it", past_deadline_ends_it, 0 },
	{ "no_ports_sleeps", no_ports_sleeps, 0 },
	{ "timer_ends_it", timer_ends_it, 0 },
	{ "bad_ports", bad_ports, 0 },
	{ "closed_port", closed_port, 0 },
	{ "looks_in_order", looks_in_order, 0 },
	{ "many_ports", many_ports, 0 },
	{ "bad_places", bad_places, 0 },
	{ "other_cpu_ends_it", other_cpu_ends_it, NEEDS_CPUS },
	{ 0 },
};

const struct area area_poll = { "poll", checks };
