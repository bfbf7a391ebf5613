/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that are not event_channel_op, and the lines that only pass time.
 */
#include "scenario.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MS UINT64_C(1000000)

static uint64_t in_ms(struct machine *m, const char *key)
{
	return guest_clock(m->pv->guest) + field(m, key, 0) * MS;
}

/* "1,2,$a": each a field of its own. */
static uint32_t ports(struct machine *m, uint32_t *list, uint32_t room)
{
	const struct token *t = find(m->action, "ports");
	struct token one = { .key = { "one", 3 } };
	struct action *all = m->action, tmp = { .nr = 1 };
	uint32_t n = 0;
	size_t from = 0;

	if (!t || text_is(&t->value, "none"))
		return 0;
	for (size_t i = 0; i <= t->value.len && n < room; i++) {
		if (i < t->value.len && t->value.at[i] != ',')
			continue;
		one.value = (struct text){ t->value.at + from, i - from };
		tmp.token[0] = one;
		m->action = &tmp;
		list[n++] = (uint32_t)field(m, "one", 0);
		m->action = all;
		from = i + 1;
	}
	return n;
}

/* "d1& poll": the caller's line ends so. */
static bool is_background(const struct machine *m)
{
	const struct text *by = &m->action->caller;

	return by->len && by->at[by->len - 1] == '&';
}

/* How long the caller's vCPU has slept, all in all: what others have kept it waiting is not in it.
 */
static uint64_t slept(struct machine *m)
{
	struct vcpu_runstate_info info = { 0 };
	unsigned vcpu = (unsigned)(m->caller - m->by->caller);
	uint64_t at = place(m, "runstate", 0, &info, sizeof(info));

	call(m, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, vcpu, at);
	fetch(m, at, &info, sizeof(info));
	return info.time[RUNSTATE_blocked];
}

static void show_poll(struct machine *m, uint64_t end)
{
	const struct caller *c = m->caller;

	answer_number(m, "rc", m->rc);
	if (m->rc < 0)
		return;
	if (slept(m) - c->slept < 25 * MS)
		answer_word(m, "end", "immediate");
	else
		answer_word(m, "end", c->deadline && end >= c->deadline ? "timeout" : "woken");
}

/* The script goes on after a while, as it did when it was recorded: it has begun by then. */
static void start_poll(struct machine *m, uint64_t at)
{
	if (!m->caller->box) {
		m->unknown = true; /* who would go on with the script? */
		return;
	}
	call_later(m, __HYPERVISOR_sched_op, SCHEDOP_poll, at, 0);
	m->caller->polling = true;
	m->caller->ended = false;
	wait_until(m, guest_clock(m->pv->guest) + 100 * MS);
	answer_word(m, NULL, "started");
}

static void run_poll(struct machine *m)
{
	uint32_t list[256] = { 0 }, n = ports(m, list, 256), fill = (uint32_t)field(m, "fill", 0);
	struct sched_poll p = { 0 };
	uint64_t at;
	uint32_t have = n;

	m->caller->slept = slept(m);
	for (; have && have < fill && have < 256; have++)
		list[have] = list[have - 1];
	p.nr_ports = (uint32_t)field(m, "nr_ports", n && fill > n ? fill : n);
	p.ports = place(m, "ports_arg", 1, list, find(m->action, "ports_arg") ? have * 4 : 1024);
	if (find(m->action, "timeout_ms") && !is_word(m, "timeout_ms", "none"))
		p.timeout = in_ms(m, "timeout_ms");
	m->caller->deadline = p.timeout;
	at = place(m, "arg", 0, &p, sizeof(p));
	if (is_background(m)) {
		start_poll(m, at);
		return;
	}
	m->rc = call(m, __HYPERVISOR_sched_op, SCHEDOP_poll, at, 0);
	show_poll(m, guest_clock(m->pv->guest));
}

static void run_join(struct machine *m)
{
	struct caller *c = m->caller;
	uint64_t until;

	if (!c->polling) {
		m->unknown = true;
		return;
	}
	/* Unless the script says how long: a starved host is no reason, a lost wake-up stays one.
	 */
	until = guest_clock(m->pv->guest) + field(m, "wait_ms", 15000) * MS;
	do
		relax(m);
	while (!c->ended && guest_clock(m->pv->guest) < until);
	if (!c->ended) {
		answer_word(m, NULL, "still_blocked");
		return;
	}
	c->polling = false;
	call_answered(c, &m->rc);
	show_poll(m, c->end);
}

static void run_vcpu_op(struct machine *m)
{
	static union {
		struct vcpu_guest_context context;
		struct vcpu_set_periodic_timer periodic;
		struct vcpu_set_singleshot_timer single;
		struct vcpu_register_vcpu_info info;
		uint8_t other[64];
	} a;
	uint64_t op = field(m, "op", 0), vcpu = field(m, "vcpu", 0);
	size_t n = sizeof(a.other);

	memset(&a, 0, sizeof(a));
	if (op == VCPUOP_initialise) {
		agent_context(m, (unsigned)vcpu, &a.context);
		n = sizeof(a.context);
	} else if (op == VCPUOP_set_periodic_timer) {
		a.periodic.period_ns = field(m, "period_ms", 0) * MS;
		n = sizeof(a.periodic);
	} else if (op == VCPUOP_set_singleshot_timer) {
		a.single.timeout_abs_ns = is_word(m, "in_ms", "none") ? 0 : in_ms(m, "in_ms");
		a.single.flags = (uint32_t)field(m, "flags", 0);
		n = sizeof(a.single);
	} else if (op == VCPUOP_register_vcpu_info) {
		a.info.mfn = field(m, "mfn", 0);
		a.info.offset = (uint32_t)field(m, "offset", 0);
		n = sizeof(a.info);
	}
	m->rc = call(m, __HYPERVISOR_vcpu_op, op, vcpu, place(m, "arg", 0, &a, n));
	if (op == VCPUOP_register_vcpu_info && m->rc == 0)
		memory_moved_info(m, (unsigned)vcpu, a.info.mfn, a.info.offset);
	answer_number(m, "rc", m->rc);
}

static void run_set_timer(struct machine *m)
{
	uint64_t at = is_word(m, "in_ms", "off") ? 0 : in_ms(m, "in_ms");

	m->rc = call(m, __HYPERVISOR_set_timer_op, at, 0, 0);
	answer_number(m, "rc", m->rc);
}

bool run_other(struct machine *m)
{
	const struct text *op = &m->action->op;

	if (text_is(op, "poll")) {
		run_poll(m);
	} else if (text_is(op, "join")) {
		run_join(m);
	} else if (text_is(op, "set_timer")) {
		run_set_timer(m);
	} else if (text_is(op, "vcpu_op")) {
		run_vcpu_op(m);
	} else if (text_is(op, "sleep")) {
		wait_until(m, in_ms(m, "ms"));
		answer_word(m, NULL, "ok");
	} else if (text_is(op, "show")) {
		answer_number(m, "value", (int64_t)field(m, "port", 0));
	} else {
		return false;
	}
	return true;
}
