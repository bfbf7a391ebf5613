/* SPDX-License-Identifier: MIT */
/*
 * Checks of the checking: each fails, in one of the ways that a check can, and runs only when
 * only= names it.
 */
#include "conformance.h"

static void fails(void)
{
	EXPECT_EQ(port_status(0), EVTCHNSTAT_ipi);
}

static void waits_in_vain(void)
{
	WAIT_FOR(port_status(0) == EVTCHNSTAT_ipi);
}

static void leaves_a_port(void)
{
	EXPECT(port_new() > 0);
}

static void leaves_events_disabled(void)
{
	guest_local_irq_disable(conf.g);
}

static void meets_an_exception(void)
{
	__asm__ volatile("ud2");
}

static const struct check checks[] = {
	{ "fails", fails, NEEDS_REQUEST },
	{ "waits_in_vain", waits_in_vain, NEEDS_REQUEST },
	{ "leaves_a_port", leaves_a_port, NEEDS_REQUEST },
	{ "leaves_events_disabled", leaves_events_disabled, NEEDS_REQUEST },
	{ "meets_an_exception", meets_an_exception, NEEDS_REQUEST },
	{ 0 },
};

const struct area area_self = { "self", checks };
