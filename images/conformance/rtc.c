/* SPDX-License-Identifier: MIT */
/*
 * A line of the real machine, which the control domain owns: the clock chip's (IRQ 8), as a pirq.
 * It is programmed by I/O ports to interrupt some times a second; each interrupt holds the line
 * until register C has been read. What time it is, nobody asks it.
 */
#include <xen/physdev.h>

#include "conformance.h"

#define RTC_IRQ	     8u
#define RTC_INDEX    0x70
#define RTC_DATA     0x71
#define RTC_A	     0x0au /* its low four bits: the rate */
#define RTC_B	     0x0bu
#define RTC_C	     0x0cu
#define RTC_PERIODIC 0x40u /* B: interrupt so; C: did */
#define RATE_128_HZ  9u
#define WANTED	     50u

static long physdev(unsigned cmd, void *arg)
{
	return pv_hypercall(__HYPERVISOR_physdev_op, cmd, pv_arg(arg), 0, 0, 0);
}

static void rtc_write(uint8_t index, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(index), "i"(RTC_INDEX));
	__asm__ volatile("outb %0, %1" : : "a"(value), "i"(RTC_DATA));
}

static uint8_t rtc_read(uint8_t index)
{
	uint8_t value;

	__asm__ volatile("outb %0, %1" : : "a"(index), "i"(RTC_INDEX));
	__asm__ volatile("inb %1, %0" : "=a"(value) : "i"(RTC_DATA));
	return value;
}

/* As a PV guest counts: 1 is its kernel. It is the calling vCPU's. */
static void allow_ports(void *arg)
{
	struct physdev_set_iopl op = { .iopl = 1 };

	(void)arg;
	EXPECT_EQ(physdev(PHYSDEVOP_set_iopl, &op), 0);
}

bool io_ports_are_there(void)
{
	allow_ports(NULL);
	TRY("mov $0x0d, %%al; out %%al, $0x70; in $0x71, %%al", "r"(0));
	return !trapped.count;
}

/* Once only: a GSI that is mapped stays. */
static bool mapped(void)
{
	static int state = 1;
	struct physdev_setup_gsi setup = { .gsi = RTC_IRQ, .triggering = 0, .polarity = 0 };
	struct physdev_map_pirq map = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = RTC_IRQ, .pirq = RTC_IRQ
	};

	if (state <= 0)
		return !state;
	state = -1;
	EXPECT_EQ(physdev(PHYSDEVOP_map_pirq, &map), 0);
	EXPECT_EQ(map.pirq, RTC_IRQ);
	if (EXPECT_EQ(physdev(PHYSDEVOP_setup_gsi, &setup), 0))
		state = 0;
	return !state;
}

static enum guest_irqreturn ticked(struct guest *g, unsigned irq, void *dev)
{
	if (!(rtc_read(RTC_C) & RTC_PERIODIC))
		return GUEST_IRQ_NONE;
	return wire_count(g, irq, dev);
}

static bool rtc_open(struct wire *w)
{
	*w = (struct wire){ .irq = -1 };
	if (!mapped())
		return false;
	w->irq = guest_bind_pirq_to_irqhandler(conf.g, RTC_IRQ, ticked, 0, "rtc", w);
	if (!EXPECT(w->irq > 0))
		return false;
	rtc_write(RTC_A, (uint8_t)((rtc_read(RTC_A) & 0x70) | RATE_128_HZ));
	rtc_write(RTC_B, rtc_read(RTC_B) | RTC_PERIODIC);
	(void)rtc_read(RTC_C);
	return true;
}

/* No more interrupts after this, and the line is quiet. Its handler does not run elsewhere. */
static void rtc_stop(void)
{
	guest_flags_t flags = guest_local_irq_save(conf.g);

	rtc_write(RTC_B, rtc_read(RTC_B) & (uint8_t)~RTC_PERIODIC);
	(void)rtc_read(RTC_C);
	guest_local_irq_restore(conf.g, flags);
}

static void interrupts_arrive(void)
{
	uint64_t began = guest_clock(conf.g), count;
	struct wire w;

	if (!rtc_open(&w))
		return;
	WAIT_FOR(w.count >= WANTED);
	comment("%lu interrupts of the clock chip in %lu ms, asked for every 7.8", w.count,
		(guest_clock(conf.g) - began) / MS);
	rtc_stop();
	nap_until(guest_clock(conf.g) + 20 * MS); /* for what was on its way */
	count = w.count;
	nap_until(guest_clock(conf.g) + 50 * MS);
	EXPECT_EQ(w.count, count);
	wire_close(&w);
}

/* While it is disabled the chip holds its line; enabling delivers that, and they go on. */
static void disabled_and_enabled(void)
{
	uint64_t count;
	struct wire w;

	if (!rtc_open(&w))
		return;
	WAIT_FOR(w.count >= 5);
	EXPECT_EQ(guest_disable_irq(conf.g, (unsigned)w.irq), 0);
	count = w.count;
	nap_until(guest_clock(conf.g) + 50 * MS);
	EXPECT_EQ(w.count, count);
	EXPECT_EQ(guest_enable_irq(conf.g, (unsigned)w.irq), 0);
	WAIT_FOR(w.count >= count + 5);
	rtc_stop();
	wire_close(&w);
}

static void arrives_on_its_cpu(void)
{
	struct wire w;

	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		task_start(cpu, allow_ports, NULL);
		task_wait(cpu);
	}
	if (!rtc_open(&w))
		return;
	for (unsigned cpu = conf.nr_cpus; cpu-- > 0;) {
		struct guest_cpumask mask = { { 0 } };
		uint64_t count;

		guest_cpumask_set(&mask, cpu);
		EXPECT_EQ(guest_irq_set_affinity(conf.g, (unsigned)w.irq, &mask), 0);
		count = w.count;
		WAIT_FOR(w.count >= count + 5);
		EXPECT_EQ(w.cpu, cpu);
	}
	rtc_stop();
	wire_close(&w);
}

/* Unbound and bound again it is the same line, and what it says of itself. */
static void binds_again(void)
{
	struct physdev_irq_status_query query = { .irq = RTC_IRQ };
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct wire w;

	for (unsigned i = 0; i < 3; i++) {
		if (!rtc_open(&w))
			return;
		status.port = guest_irq_port(conf.g, (unsigned)w.irq);
		EXPECT_EQ(evtchn(EVTCHNOP_status, &status), 0);
		EXPECT_EQ(status.status, EVTCHNSTAT_pirq);
		EXPECT_EQ(status.u.pirq, RTC_IRQ);
		EXPECT_EQ(physdev(PHYSDEVOP_irq_status_query, &query), 0);
		WAIT_FOR(w.count >= 3);
		rtc_stop();
		wire_close(&w);
		EXPECT_EQ(port_status(status.port), EVTCHNSTAT_closed);
	}
}

static const struct check checks[] = {
	{ "interrupts_arrive", interrupts_arrive, NEEDS_PORTS },
	{ "disabled_and_enabled", disabled_and_enabled, NEEDS_PORTS },
	{ "arrives_on_its_cpu", arrives_on_its_cpu, NEEDS_PORTS },
	{ "binds_again", binds_again, NEEDS_PORTS },
	{ 0 },
};

const struct area area_rtc = { "rtc", checks };
