/* SPDX-License-Identifier: MIT */
/*
 * Polls and how they end, timers, vcpu_op; and the lines that only pass time or show a number.
 * Event channels are in scenario_event.c, hardware interrupts in scenario_line.c.
 */
#include <string.h>

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "ops.h"
#include "scenario_private.h"

#define IMMEDIATE_NS (25 * TESTBED_MS) /* a poll that ends earlier did not wait */
#define LONGEST_NS   (600000 * TESTBED_MS)
#define MAX_SLEEP_MS 1000000u
#define MAX_PORTS    256u /* in a list: more than a poll may have */

static enum testbed_where where(const struct call *c, const char *key)
{
	return (enum testbed_where)call_field(c, key, AT_OK);
}

static uint64_t in_ms(const struct call *c, const char *key)
{
	return testbed_now(c->r->tb) + call_field(c, key, 0) * TESTBED_MS;
}

static bool is_none(const struct call *c, const char *key)
{
	const struct token *t = call_token(c, key);

	return t && t->nr && t->values->kind == VALUE_NONE;
}

static bool narrow(const struct call *c)
{
	return testbed_shared_info32(c->d->d) != NULL;
}

/* ---- polls ---- */

static uint64_t place_poll(struct call *c, const struct sched_poll *p)
{
	struct compat_sched_poll p32 = { (uint32_t)p->ports, p->nr_ports, p->timeout };

	if (narrow(c))
		return testbed_place(c->side->v, where(c, "arg"), 0, &p32, sizeof(p32));
	return testbed_place(c->side->v, where(c, "arg"), 0, p, sizeof(*p));
}

static uint64_t place_ports(struct call *c, uint32_t *nr)
{
	const struct token *t = call_token(c, "ports");
	evtchn_port_t list[MAX_PORTS] = { 0 };
	uint64_t n = t ? t->nr : 0;
	uint64_t fill = call_field(c, "fill", 0);
	uint32_t placed = 0;

	for (; placed < n && placed < MAX_PORTS; placed++)
		list[placed] = (evtchn_port_t)t->values[placed].now;
	for (; placed && placed < fill && placed < MAX_PORTS; placed++)
		list[placed] = list[placed - 1];
	*nr = (uint32_t)call_field(c, "nr_ports", n && fill > n ? fill : n);
	/* Where there is room, the list ends in zeros, for a poll that says it is longer. */
	if (where(c, "ports_arg") == AT_OK)
		placed = MAX_PORTS;
	return testbed_place(c->side->v, where(c, "ports_arg"), 1, list, placed * sizeof(*list));
}

static void show_end(struct call *c, const struct poll *p)
{
	answer_rc(&c->answer, p->rc);
	if (p->rc < 0)
		return;
	if (p->end - p->started < IMMEDIATE_NS)
		answer_word(&c->answer, "end", "immediate");
	else if (p->deadline && p->end >= p->deadline)
		answer_word(&c->answer, "end", "timeout");
	else
		answer_word(&c->answer, "end", "woken");
}

/* Wait for its end, ns at most. */
static void finish(struct call *c, struct poll *p, uint64_t ns)
{
	replay_pass(c->r, ns, p);
	if (!p->ended) {
		answer_word(&c->answer, NULL, "still_blocked");
		return;
	}
	p->running = false;
	show_end(c, p);
}

void run_poll(struct call *c)
{
	struct testbed_vcpu *v = c->side->v;
	struct poll *p = &c->side->poll;
	struct sched_poll arg = { 0 };
	uint64_t va;

	arg.ports = place_ports(c, &arg.nr_ports);
	if (call_token(c, "timeout_ms") && !is_none(c, "timeout_ms"))
		arg.timeout = in_ms(c, "timeout_ms");
	va = place_poll(c, &arg);
	*p = (struct poll){ .running = true, .started = testbed_now(c->r->tb) };
	p->deadline = arg.timeout;
	c->r->polls++;
	p->rc = testbed_call(v, __HYPERVISOR_sched_op, SCHEDOP_poll, va);
	replay_notice(c->r);
	if (c->a->background)
		answer_word(&c->answer, NULL, "started");
	else
		finish(c, p, p->deadline > p->started ? p->deadline - p->started : LONGEST_NS);
}

void run_join(struct call *c)
{
	struct poll *p = &c->side->poll;

	if (p->running)
		finish(c, p, call_field(c, "wait_ms", 5000) * TESTBED_MS);
	else
		call_trouble(c, "there is no poll of this caller to join");
}

/* ---- timers and vCPUs ---- */

void run_set_timer(struct call *c)
{
	uint64_t deadline = is_none(c, "in_ms") ? 0 : in_ms(c, "in_ms");

	answer_rc(&c->answer, op_set_timer(c->side->v, deadline));
}

union vcpu_argument {
	struct vcpu_guest_context context;
	struct compat_vcpu_guest_context context32;
	struct compat_vcpu_set_singleshot_timer single32;
	struct vcpu_set_periodic_timer periodic;
	struct vcpu_set_singleshot_timer single;
	struct vcpu_register_vcpu_info info;
	uint8_t other[64];
};

/* Those that a 32-bit guest lays out otherwise; 0 if it does not. */
static size_t vcpu_argument_32(const struct call *c, uint32_t op, union vcpu_argument *a)
{
	switch (op) {
	case VCPUOP_initialise:
		a->context32.flags = VGCF_in_kernel;
		a->context32.user_regs.cs = COMPAT_FLAT_KERNEL_CS;
		a->context32.user_regs.ss = COMPAT_FLAT_KERNEL_SS;
		return sizeof(a->context32);
	case VCPUOP_set_singleshot_timer:
		a->single32.timeout_abs_ns = is_none(c, "in_ms") ? 0 : in_ms(c, "in_ms");
		a->single32.flags = (uint32_t)call_field(c, "flags", 0);
		return sizeof(a->single32);
	default:
		return 0;
	}
}

/* What the operation's argument is, in a; its size. */
static size_t vcpu_argument(const struct call *c, uint32_t op, union vcpu_argument *a)
{
	switch (op) {
	case VCPUOP_initialise:
		a->context.flags = VGCF_in_kernel;
		a->context.user_regs.cs = FLAT_KERNEL_CS;
		a->context.user_regs.ss = FLAT_KERNEL_SS;
		return sizeof(a->context);
	case VCPUOP_set_periodic_timer:
		a->periodic.period_ns = call_field(c, "period_ms", 0) * TESTBED_MS;
		return sizeof(a->periodic);
	case VCPUOP_set_singleshot_timer:
		a->single.timeout_abs_ns = is_none(c, "in_ms") ? 0 : in_ms(c, "in_ms");
		a->single.flags = (uint32_t)call_field(c, "flags", 0);
		return sizeof(a->single);
	case VCPUOP_register_vcpu_info:
		a->info.mfn = call_field(c, "mfn", 0);
		a->info.offset = (uint32_t)call_field(c, "offset", 0);
		return sizeof(a->info);
	default:
		return sizeof(a->other);
	}
}

void run_vcpu_op(struct call *c)
{
	uint64_t op = call_field(c, "op", 0);
	union vcpu_argument arg;
	size_t n;
	uint64_t va;

	memset(&arg, 0, sizeof(arg));
	n = narrow(c) ? vcpu_argument_32(c, (uint32_t)op, &arg) : 0;
	if (!n)
		n = vcpu_argument(c, (uint32_t)op, &arg);
	va = testbed_place(c->side->v, where(c, "arg"), 0, &arg, n);
	answer_rc(&c->answer,
		  testbed_call(c->side->v, __HYPERVISOR_vcpu_op, op, call_field(c, "vcpu", 0), va));
}

/* ---- the rest ---- */

void run_sleep(struct call *c)
{
	uint64_t ms = call_field(c, "ms", 0);

	if (ms > MAX_SLEEP_MS) {
		call_trouble(c, "sleep ms=: at most %u", MAX_SLEEP_MS);
		return;
	}
	replay_pass(c->r, ms * TESTBED_MS, NULL);
	answer_word(&c->answer, NULL, "ok");
}

void run_show(struct call *c)
{
	answer_number(&c->answer, "value", AS_NUMBER, call_field(c, "port", 0));
}
