/* SPDX-License-Identifier: MIT */
/*
 * The guest half's multicalls (guest_multicall.h): what is queued in a section is made at its end,
 * in order, by one trap; what was answered; what is counted. The hypercall itself is in call.c.
 */
#include <carillon/guest_multicall.h>
#include <xen/version.h>

#include "conformance.h"

#define MANY (2 * GUEST_BATCH_CALLS + 3) /* more than a batch holds */

static struct {
	unsigned n;
	uint64_t who[MANY];
	long result[MANY];
	long mended; /* what a callback answers if the hypercall failed; 0: the same */
} told;

static long tell(struct guest *g, long result, void *arg)
{
	(void)g;
	if (told.n < MANY) {
		told.who[told.n] = (uint64_t)(uintptr_t)arg;
		told.result[told.n] = result;
	}
	told.n++;
	return result < 0 && told.mended ? told.mended : result;
}

static guest_flags_t begin(void)
{
	memset(&told, 0, sizeof(told));
	return guest_batch_begin(conf.g);
}

static struct guest_batch_counters counters(void)
{
	struct guest_batch_counters out;

	guest_batch_counters(conf.g, &out);
	return out;
}

static void add(unsigned nr, uint64_t a0, uint64_t a1, uint64_t who)
{
	struct multicall_entry *e = guest_batch_add(conf.g, 0, NULL, tell, (void *)who);

	EXPECT(e != NULL);
	if (!e)
		return;
	e->op = nr;
	e->args[0] = a0;
	e->args[1] = a1;
}

static void add_pagesize(uint64_t who)
{
	add(__HYPERVISOR_xen_version, XENVER_pagesize, 0, who);
}

/* A hypercall that there is not. */
static void add_none(uint64_t who)
{
	add(63, 0, 0, who);
}

static void told_in_order(unsigned n)
{
	EXPECT_EQ(told.n, n);
	for (unsigned i = 0; i < n; i++)
		EXPECT_EQ(told.who[i], i);
}

/* ---- order and results -------------------------------------------------------------------- */

static void made_at_the_end_in_order(void)
{
	struct evtchn_alloc_unbound op[3] = { { .dom = DOMID_SELF, .remote_dom = DOMID_SELF },
					      { .dom = DOMID_SELF, .remote_dom = DOMID_SELF },
					      { .dom = DOMID_SELF, .remote_dom = DOMID_SELF } };
	guest_flags_t flags = begin();

	for (unsigned i = 0; i < 3; i++)
		add(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, pv_arg(&op[i]), i);
	EXPECT(!told.n && !op[0].port); /* nothing has happened yet */
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	told_in_order(3);
	EXPECT(op[0].port && op[0].port < op[1].port && op[1].port < op[2].port);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(told.result[i], 0);
		EXPECT_EQ(port_close(op[i].port), 0);
	}
}

static void each_has_its_result(void)
{
	struct guest_batch_counters before = counters(), after;
	guest_flags_t flags = begin();

	add_pagesize(0);
	add_none(1);
	add(__HYPERVISOR_event_channel_op, EVTCHNOP_close, 0, 2);
	add_pagesize(3);
	/* The first failure; what is behind it was made. */
	EXPECT_EQ(guest_batch_end(conf.g, flags), -XEN_ENOSYS);
	told_in_order(4);
	EXPECT_EQ(told.result[0], 4096);
	EXPECT_EQ(told.result[1], -XEN_ENOSYS);
	EXPECT_EQ(told.result[2], -XEN_EFAULT);
	EXPECT_EQ(told.result[3], 4096);
	after = counters();
	EXPECT_EQ(after.failed, before.failed + 2);
	/* It has been said, and is not said again. */
	flags = begin();
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
}

static void a_callback_mends(void)
{
	struct guest_batch_counters before = counters();
	guest_flags_t flags = begin();

	told.mended = 1;
	add_none(0);
	add_none(1);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	told_in_order(2);
	EXPECT_EQ(told.result[0], -XEN_ENOSYS);
	EXPECT_EQ(counters().failed, before.failed);
}

static long queues(struct guest *g, long result, void *arg)
{
	EXPECT(guest_irqs_disabled(g));
	EXPECT(!guest_batch_add(g, 0, NULL, tell, NULL));
	EXPECT_EQ(guest_batch_after(g, tell, NULL), -XEN_EINVAL);
	EXPECT_EQ(guest_batch_flush(g), 0);
	return tell(g, result, arg);
}

static void a_callback_does_not_queue(void)
{
	guest_flags_t flags = begin();

	add_pagesize(0);
	EXPECT_EQ(guest_batch_after(conf.g, queues, (void *)1), 0);
	add_pagesize(2);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	told_in_order(3);
	EXPECT_EQ(told.result[1], 0);
}

static void arguments_last_until_the_flush(void)
{
	static const uint64_t zeroes[16];
	struct evtchn_alloc_unbound *op[8] = { NULL };
	guest_flags_t flags = begin();

	for (unsigned i = 0; i < 8; i++) {
		void *p = NULL;
		struct multicall_entry *e =
			guest_batch_add(conf.g, sizeof(zeroes), &p, tell, (void *)(uint64_t)i);

		EXPECT(e && p);
		if (!e || !p)
			break;
		EXPECT(!((uintptr_t)p & 7) && !memcmp(p, zeroes, sizeof(zeroes)));
		op[i] = p;
		*op[i] = (struct evtchn_alloc_unbound){ DOMID_SELF, DOMID_SELF, 0 };
		e->op = __HYPERVISOR_event_channel_op;
		e->args[0] = EVTCHNOP_alloc_unbound;
		e->args[1] = pv_arg(p);
	}
	EXPECT_EQ(guest_batch_flush(conf.g), 0);
	told_in_order(8);
	for (unsigned i = 0; i < 8 && op[i]; i++)
		EXPECT_EQ(port_close(op[i]->port), 0);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
}

/* ---- traps -------------------------------------------------------------------------------- */

static void one_trap(void)
{
	struct guest_batch_counters before = counters(), after;
	guest_flags_t flags = begin();

	for (unsigned i = 0; i < GUEST_BATCH_CALLS; i++)
		add_pagesize(i);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	told_in_order(GUEST_BATCH_CALLS);
	after = counters();
	EXPECT_EQ(after.calls, before.calls + GUEST_BATCH_CALLS);
	EXPECT_EQ(after.traps, before.traps + 1);
	EXPECT_EQ(after.flushes, before.flushes + 1);
	EXPECT_EQ(after.full, before.full);
}

static void a_full_batch_is_made(void)
{
	struct guest_batch_counters before = counters(), after;
	guest_flags_t flags = begin();

	add_none(0);
	for (unsigned i = 1; i < MANY; i++)
		add_pagesize(i);
	EXPECT_EQ(told.n, 2 * GUEST_BATCH_CALLS);
	EXPECT_EQ(guest_batch_end(conf.g, flags), -XEN_ENOSYS); /* of the first batch */
	told_in_order(MANY);
	after = counters();
	EXPECT_EQ(after.calls, before.calls + MANY);
	EXPECT_EQ(after.traps, before.traps + 3);
	EXPECT_EQ(after.flushes, before.flushes + 3);
	EXPECT_EQ(after.full, before.full + 2);
	EXPECT_EQ(after.failed, before.failed + 1);
}

static void nothing_is_no_trap(void)
{
	struct guest_batch_counters before = counters(), after;
	guest_flags_t flags = begin();

	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	flags = begin();
	EXPECT_EQ(guest_batch_after(conf.g, tell, NULL), 0);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	told_in_order(1);
	after = counters();
	EXPECT_EQ(after.traps, before.traps);
	EXPECT_EQ(after.calls, before.calls);
	EXPECT_EQ(after.failed, before.failed);
}

/* ---- sections ----------------------------------------------------------------------------- */

static void sections_nest(void)
{
	guest_flags_t outer = begin(), inner = guest_batch_begin(conf.g);

	add_none(0);
	EXPECT_EQ(guest_batch_end(conf.g, inner), 0);
	EXPECT(!told.n && guest_irqs_disabled(conf.g));
	add_pagesize(1);
	EXPECT_EQ(guest_batch_end(conf.g, outer), -XEN_ENOSYS);
	told_in_order(2);
	EXPECT(!guest_irqs_disabled(conf.g));
}

static void no_handler_in_a_section(void)
{
	guest_flags_t flags;
	struct wire w;

	if (!wire_open(&w, NULL, 0))
		return;
	flags = begin();
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(guest_batch_flush(conf.g), 0);
	EXPECT_EQ(w.count, 0);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	EXPECT_EQ(w.count, 1);
	wire_close(&w);
}

static void refusals(void)
{
	guest_flags_t flags;
	void *p = NULL;

	EXPECT(!guest_batch_add(conf.g, 0, NULL, tell, NULL)); /* in no section */
	EXPECT_EQ(guest_batch_after(conf.g, tell, NULL), -XEN_EINVAL);
	flags = begin();
	EXPECT(!guest_batch_add(conf.g, GUEST_BATCH_BYTES + 1, &p, tell, NULL));
	EXPECT_EQ(guest_batch_after(conf.g, NULL, NULL), -XEN_EINVAL);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	EXPECT_EQ(told.n, 0);
}

static void called(struct guest *g, void *arg)
{
	(void)g;
	++*(volatile unsigned *)arg;
}

/* Who waited in a section could wait for what is queued there. IPIs are queued. */
static void nobody_waits_in_a_section(void)
{
	struct guest_cpumask others = { { (1u << conf.nr_cpus) - 2 } };
	struct guest_batch_counters before = counters();
	guest_flags_t flags = begin();
	volatile unsigned count = 0;

	EXPECT_EQ(guest_smp_call_function_mask(conf.g, &others, called, (void *)&count, true),
		  -XEN_EDEADLK);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		EXPECT_EQ(guest_smp_send_reschedule(conf.g, cpu), 0);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	EXPECT_EQ(count, 0);
	EXPECT(counters().traps <= before.traps + 1);
	WAIT_FOR(smp_counters_agree());
}

static const struct check checks[] = {
	{ "made_at_the_end_in_order", made_at_the_end_in_order, 0 },
	{ "each_has_its_result", each_has_its_result, 0 },
	{ "a_callback_mends", a_callback_mends, 0 },
	{ "a_callback_does_not_queue", a_callback_does_not_queue, 0 },
	{ "arguments_last_until_the_flush", arguments_last_until_the_flush, 0 },
	{ "one_trap", one_trap, 0 },
	{ "a_full_batch_is_made", a_full_batch_is_made, 0 },
	{ "nothing_is_no_trap", nothing_is_no_trap, 0 },
	{ "sections_nest", sections_nest, 0 },
	{ "no_handler_in_a_section", no_handler_in_a_section, 0 },
	{ "refusals", refusals, 0 },
	{ "nobody_waits_in_a_section", nobody_waits_in_a_section, NEEDS_CPUS },
	{ 0 },
};

const struct area area_batch = { "batch", checks };
