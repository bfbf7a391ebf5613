/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: arguments built from the fields of a line, and what came back of them.
 */
#include "scenario.h"

#include <xen/event_channel.h>

#define POISON	0xa5
#define MEMBERS 5u

struct member {
	const char *name;
	uint8_t offset, size;
};

struct operation {
	const char *name;
	uint8_t nr, size, out; /* members from `out` on come back */
	struct member member[MEMBERS];
};

#define M(op, at)                                                                             \
	{                                                                                     \
#at, offsetof(struct evtchn_##op, at), sizeof(((struct evtchn_##op *)0)->at), \
	}
#define OP(op, out, ...)                                                              \
	{                                                                             \
#op, EVTCHNOP_##op, sizeof(struct evtchn_##op), out, { __VA_ARGS__ }, \
	}
#define IN_ONLY(op, ...)    OP(op, sizeof(struct evtchn_##op), __VA_ARGS__)
#define WITH(op, port, ...) OP(op, offsetof(struct evtchn_##op, port), __VA_ARGS__, M(op, port))

static const struct operation operations[] = {
	WITH(bind_interdomain, local_port, M(bind_interdomain, remote_dom),
	     M(bind_interdomain, remote_port)),
	WITH(bind_virq, port, M(bind_virq, virq), M(bind_virq, vcpu)),
	WITH(bind_pirq, port, M(bind_pirq, pirq), M(bind_pirq, flags)),
	IN_ONLY(close, M(close, port)),
	IN_ONLY(send, M(send, port)),
	OP(status, offsetof(struct evtchn_status, status), M(status, dom), M(status, port)),
	WITH(alloc_unbound, port, M(alloc_unbound, dom), M(alloc_unbound, remote_dom)),
	WITH(bind_ipi, port, M(bind_ipi, vcpu)),
	IN_ONLY(bind_vcpu, M(bind_vcpu, port), M(bind_vcpu, vcpu)),
	IN_ONLY(unmask, M(unmask, port)),
	IN_ONLY(reset, M(reset, dom)),
	WITH(init_control, link_bits, M(init_control, control_gfn), M(init_control, offset),
	     M(init_control, vcpu)),
	IN_ONLY(expand_array, M(expand_array, array_gfn)),
	IN_ONLY(set_priority, M(set_priority, port), M(set_priority, priority)),
	{ "reset_cont",
	  EVTCHNOP_reset_cont,
	  sizeof(struct evtchn_reset),
	  sizeof(struct evtchn_reset),
	  { M(reset, dom) } },
};

struct argument {
	uint8_t sent[80], got[80];
	size_t skip, size;
	uint64_t va;
	bool read_back;
};

static long event_call(struct machine *m, struct argument *a, uint64_t nr)
{
	size_t n = a->skip + a->size;
	uint32_t cmd = (uint32_t)nr;
	long rc;

	if (a->skip) {
		memcpy(a->sent, &cmd, sizeof(cmd));
		n = n < sizeof(struct evtchn_op) ? sizeof(struct evtchn_op) : n;
	}
	a->va = place(m, "arg", 0, a->sent, n);
	if (a->skip)
		rc = call(m, __HYPERVISOR_event_channel_op_compat, a->va, 0, 0);
	else
		rc = call(m, __HYPERVISOR_event_channel_op, nr, a->va, 0);
	a->read_back = fetch(m, a->va, a->got, n);
	return rc;
}

/* Which domain a reset was of. */
static struct domain *target(struct machine *m, const uint8_t *bytes)
{
	struct evtchn_reset reset;

	memcpy(&reset, bytes, sizeof(reset));
	return reset.dom == DOMID_SELF ? m->by : domain_find(m, reset.dom);
}

/* What of it the guest's side must know (memory.c): where control blocks and event words are. */
static void note(struct machine *m, const struct argument *a, uint64_t nr, long rc)
{
	const uint8_t *bytes = a->sent + a->skip;
	struct evtchn_init_control init;
	struct domain *d = m->by;
	bool lost = rc == -XEN_EFAULT && is_word(m, "arg", "RO");
	uint64_t gfn;

	if (nr == EVTCHNOP_init_control && (rc == 0 || lost)) {
		memcpy(&init, bytes, sizeof(init));
		if (init.vcpu >= VCPUS || !page_of_frame(m, init.control_gfn))
			return;
		d->fifo = true;
		d->block[init.vcpu] = (void *)(page_of_frame(m, init.control_gfn) + init.offset);
		memset(d->head[init.vcpu], 0, sizeof(d->head[0]));
	} else if (nr == EVTCHNOP_expand_array && rc == 0 && d->nr_array < ARRAY_PAGES) {
		memcpy(&gfn, bytes, sizeof(gfn));
		d->array[d->nr_array++] = (void *)page_of_frame(m, gfn);
	} else if (nr == EVTCHNOP_reset && rc == 0) {
		d = target(m, bytes);
		if (d)
			memory_forget(d);
	}
}

static void show_status(struct machine *m, const uint8_t *bytes)
{
	struct evtchn_status s;

	memcpy(&s, bytes, sizeof(s));
	answer_number(m, "status", s.status);
	answer_number(m, "vcpu", s.vcpu);
	if (s.status == EVTCHNSTAT_unbound || s.status == EVTCHNSTAT_interdomain)
		answer_number(m, "u.dom", s.u.unbound.dom);
	if (s.status == EVTCHNSTAT_interdomain)
		answer_number(m, "u.port", s.u.interdomain.port);
	if (s.status == EVTCHNSTAT_pirq)
		answer_number(m, "u.pirq", s.u.pirq);
	if (s.status == EVTCHNSTAT_virq)
		answer_number(m, "u.virq", s.u.virq);
}

static void show_out(struct machine *m, const struct operation *o, const uint8_t *bytes)
{
	const struct member *k;

	if (o->nr == EVTCHNOP_status) {
		show_status(m, bytes);
		return;
	}
	for (k = o->member; k < o->member + MEMBERS && k->name; k++) {
		uint64_t value = 0;

		if (k->offset < o->out)
			continue;
		memcpy(&value, bytes + k->offset, k->size);
		answer_number(m, k->name, (int64_t)value);
		m->port = value;
		m->has_port = k->size == sizeof(evtchn_port_t);
	}
}

static void fill(struct machine *m, const struct operation *o, uint8_t *bytes)
{
	const struct member *k;
	char in[32];

	memset(bytes + o->out, POISON, o->size - (size_t)o->out);
	for (k = o->member; k < o->member + MEMBERS && k->name; k++) {
		const char *key = k->name;
		uint64_t value;

		if (k->offset >= o->out) {
			pv_snprintf(in, sizeof(in), "%s.in", k->name);
			key = in;
			if (!find(m->action, key))
				continue;
		}
		value = field(m, key, 0);
		memcpy(bytes + k->offset, &value, k->size);
	}
}

static void run_raw(struct machine *m)
{
	struct argument a = { .size = 64 };
	char key[8];

	if (find(m->action, "via"))
		a.skip = offsetof(struct evtchn_op, u);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t w;

		pv_snprintf(key, sizeof(key), "w%u", i);
		w = (uint32_t)field(m, key, 0);
		memcpy(a.sent + a.skip + i * sizeof(w), &w, sizeof(w));
	}
	m->rc = event_call(m, &a, field(m, "nr", 0));
	answer_number(m, "rc", m->rc);
	note(m, &a, (uint32_t)field(m, "nr", 0), m->rc);
}

bool run_event(struct machine *m)
{
	const struct operation *o, *end = operations + sizeof(operations) / sizeof(operations[0]);
	struct argument a = { 0 };

	if (text_is(&m->action->op, "raw")) {
		run_raw(m);
		return true;
	}
	for (o = operations; o < end && !text_is(&m->action->op, o->name); o++)
		;
	if (o == end)
		return false;
	a.size = o->size;
	if (find(m->action, "via"))
		a.skip = offsetof(struct evtchn_op, u);
	fill(m, o, a.sent + a.skip);
	m->rc = event_call(m, &a, o->nr);
	answer_number(m, "rc", m->rc);
	note(m, &a, o->nr, m->rc);
	if (m->rc >= 0 && a.read_back && !is_word(m, "arg", "RO"))
		show_out(m, o, a.got + a.skip);
	if (a.read_back && m->rc < 0 &&
	    memcmp(a.sent + a.skip + o->out, a.got + a.skip + o->out, o->size - (size_t)o->out) !=
		    0)
		answer_word(m, "out", "modified");
	if (a.read_back && memcmp(a.sent, a.got, a.skip + o->out) != 0)
		answer_word(m, "in", "modified");
	return true;
}
