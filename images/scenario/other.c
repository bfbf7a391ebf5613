/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that are not event_channel_op, and the lines that only pass time.
 */
#include "scenario.h"

#include <xen/physdev.h>
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

static void run_poll(struct machine *m)
{
	uint32_t list[256] = { 0 }, n = ports(m, list, 256), fill = (uint32_t)field(m, "fill", 0);
	struct sched_poll p = { 0 };
	uint64_t started = guest_clock(m->pv->guest), end;
	uint32_t have = n;

	for (; have && have < fill && have < 256; have++)
		list[have] = list[have - 1];
	p.nr_ports = (uint32_t)field(m, "nr_ports", n && fill > n ? fill : n);
	p.ports = place(m, "ports_arg", 1, list, find(m->action, "ports_arg") ? have * 4 : 1024);
	if (find(m->action, "timeout_ms") && !is_word(m, "timeout_ms", "none"))
		p.timeout = in_ms(m, "timeout_ms");
	m->rc = pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, place(m, "arg", 0, &p, sizeof(p)),
			     0, 0, 0);
	end = guest_clock(m->pv->guest);
	answer_number(m, "rc", m->rc);
	if (m->rc < 0)
		return;
	if (end - started < 25 * MS)
		answer_word(m, "end", "immediate");
	else
		answer_word(m, "end", p.timeout && end >= p.timeout ? "timeout" : "woken");
}

static void run_vcpu_op(struct machine *m)
{
	uint64_t op = field(m, "op", 0);
	union {
		struct vcpu_set_periodic_timer periodic;
		struct vcpu_set_singleshot_timer single;
		struct vcpu_register_vcpu_info info;
		uint8_t other[64];
	} a = { .other = { 0 } };

	if (op == VCPUOP_set_periodic_timer) {
		a.periodic.period_ns = field(m, "period_ms", 0) * MS;
	} else if (op == VCPUOP_set_singleshot_timer) {
		a.single.timeout_abs_ns = is_word(m, "in_ms", "none") ? 0 : in_ms(m, "in_ms");
		a.single.flags = (uint32_t)field(m, "flags", 0);
	} else if (op == VCPUOP_register_vcpu_info) {
		a.info.mfn = field(m, "mfn", 0);
		a.info.offset = (uint32_t)field(m, "offset", 0);
	}
	m->rc = pv_hypercall(__HYPERVISOR_vcpu_op, op, field(m, "vcpu", 0),
			     place(m, "arg", 0, &a, sizeof(a)), 0, 0);
	answer_number(m, "rc", m->rc);
}

static void run_map_gsi(struct machine *m)
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };

	map.index = (int)field(m, "gsi", 0);
	map.pirq = (int)field(m, "pirq", UINT64_MAX);
	m->rc = pv_hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, pv_arg(&map), 0, 0, 0);
	answer_number(m, "rc", m->rc);
	if (m->rc >= 0)
		answer_number(m, "pirq", map.pirq);
}

static void run_sleep(struct machine *m)
{
	uint64_t until = in_ms(m, "ms");

	while (guest_clock(m->pv->guest) < until)
		pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	answer_word(m, NULL, "ok");
}

bool run_other(struct machine *m)
{
	const struct text *op = &m->action->op;

	if (text_is(op, "poll")) {
		run_poll(m);
	} else if (text_is(op, "set_timer")) {
		m->rc = pv_hypercall(__HYPERVISOR_set_timer_op,
				     is_word(m, "in_ms", "off") ? 0 : in_ms(m, "in_ms"), 0, 0, 0,
				     0);
		answer_number(m, "rc", m->rc);
	} else if (text_is(op, "vcpu_op")) {
		run_vcpu_op(m);
	} else if (text_is(op, "env.map_gsi")) {
		run_map_gsi(m);
	} else if (text_is(op, "sleep")) {
		run_sleep(m);
	} else if (text_is(op, "show")) {
		answer_number(m, "value", (int64_t)field(m, "port", 0));
	} else {
		return false;
	}
	return true;
}
