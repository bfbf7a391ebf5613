/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op by its layouts: the argument is built from the fields, placed, and looked at
 * afterwards. What the script tells the hypervisor of FIFO pages is noted here, for
 * scenario_memory.c.
 */
#include <stdio.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/event_channel.h>

#include "scenario_private.h"

#define POISON	 0xa5
#define RAW_SIZE 64u

struct member {
	const char *name;
	unsigned offset, size;
};

/* An argument: members before `out` are IN, the others OUT. */
struct layout {
	unsigned size, out;
	struct member member[8];
};

/* One member: its name, the structure it is in, where it is there. */
#define AT(text, op, at)                                                    \
	{                                                                   \
		.name = (text), .offset = offsetof(struct evtchn_##op, at), \
		.size = sizeof(((struct evtchn_##op *)0)->at),              \
	}
#define MEMBER(op, at)	     AT(#at, op, at)
#define UNION(name, at)	     AT("u." #name, status, u.at)
#define LAYOUT(op, out, ...) [EVTCHNOP_##op] = { sizeof(struct evtchn_##op), out, { __VA_ARGS__ } }
#define ALL_IN(op, ...)	     LAYOUT(op, sizeof(struct evtchn_##op), __VA_ARGS__)
#define WITH_PORT(op, port, ...) \
	LAYOUT(op, offsetof(struct evtchn_##op, port), __VA_ARGS__, MEMBER(op, port))

static const struct layout layouts[] = {
	WITH_PORT(bind_interdomain, local_port, MEMBER(bind_interdomain, remote_dom),
		  MEMBER(bind_interdomain, remote_port)),
	WITH_PORT(bind_virq, port, MEMBER(bind_virq, virq), MEMBER(bind_virq, vcpu)),
	WITH_PORT(bind_pirq, port, MEMBER(bind_pirq, pirq), MEMBER(bind_pirq, flags)),
	ALL_IN(close, MEMBER(close, port)),
	ALL_IN(send, MEMBER(send, port)),
	LAYOUT(status, offsetof(struct evtchn_status, status), MEMBER(status, dom),
	       MEMBER(status, port), MEMBER(status, status), MEMBER(status, vcpu),
	       UNION(dom, unbound.dom), UNION(port, interdomain.port), UNION(pirq, pirq),
	       UNION(virq, virq)),
	WITH_PORT(alloc_unbound, port, MEMBER(alloc_unbound, dom),
		  MEMBER(alloc_unbound, remote_dom)),
	WITH_PORT(bind_ipi, port, MEMBER(bind_ipi, vcpu)),
	ALL_IN(bind_vcpu, MEMBER(bind_vcpu, port), MEMBER(bind_vcpu, vcpu)),
	ALL_IN(unmask, MEMBER(unmask, port)),
	ALL_IN(reset, MEMBER(reset, dom)),
	LAYOUT(init_control, offsetof(struct evtchn_init_control, link_bits),
	       MEMBER(init_control, control_gfn), MEMBER(init_control, offset),
	       MEMBER(init_control, vcpu), MEMBER(init_control, link_bits)),
	ALL_IN(expand_array, MEMBER(expand_array, array_gfn)),
	ALL_IN(set_priority, MEMBER(set_priority, port), MEMBER(set_priority, priority)),
	[EVTCHNOP_reset_cont] = { sizeof(struct evtchn_reset),
				  sizeof(struct evtchn_reset),
				  { MEMBER(reset, dom) } },
};

/* An argument on its way: as it was given, and as the guest finds it afterwards. */
struct argument {
	uint64_t nr;
	size_t size;
	size_t skip; /* the old entry: cmd before it */
	enum testbed_where where;
	uint8_t sent[RAW_SIZE + 8], got[RAW_SIZE + 8];
	size_t seen; /* bytes of got that the guest can read */
};

/* ---- what the script told of FIFO pages ---- */

static void note_control(struct call *c, const uint8_t *bytes)
{
	struct evtchn_init_control init;
	struct side *side;

	memcpy(&init, bytes, sizeof(init));
	if (init.vcpu >= c->d->nr_vcpus)
		return;
	side = &c->d->side[init.vcpu];
	c->d->fifo = true;
	side->block_gfn = init.control_gfn;
	side->block_offset = init.offset;
	memset(side->head, 0, sizeof(side->head));
}

static void note_array(struct call *c, const uint8_t *bytes)
{
	struct evtchn_expand_array expand;

	memcpy(&expand, bytes, sizeof(expand));
	if (c->d->nr_array < FIFO_PAGES)
		c->d->array[c->d->nr_array++] = expand.array_gfn;
}

static void note_reset(struct call *c, const uint8_t *bytes)
{
	struct evtchn_reset reset;
	struct rdomain *d;

	memcpy(&reset, bytes, sizeof(reset));
	d = reset.dom == DOMID_SELF ? c->d : replay_domain(c->r, reset.dom);
	if (d)
		memory_forget(d);
}

/* init_control is done, too, when only its result could not be written back. */
static void note(struct call *c, const struct argument *a, long rc)
{
	const uint8_t *bytes = a->sent + a->skip;
	bool only_lost = rc == -XEN_EFAULT && a->where == AT_READONLY;

	if ((uint32_t)a->nr == EVTCHNOP_init_control && (rc == 0 || only_lost))
		note_control(c, bytes);
	else if ((uint32_t)a->nr == EVTCHNOP_expand_array && rc == 0)
		note_array(c, bytes);
	else if ((uint32_t)a->nr == EVTCHNOP_reset && rc == 0)
		note_reset(c, bytes);
}

/* ---- the call ---- */

static long make(struct call *c, struct argument *a)
{
	struct testbed_vcpu *v = c->side->v;
	uint32_t cmd = (uint32_t)a->nr;
	size_t n = a->skip + a->size;
	uint64_t va;
	long rc;

	a->where = (enum testbed_where)call_field(c, "arg", AT_OK);
	if (a->skip) {
		memcpy(a->sent, &cmd, sizeof(cmd));
		/* That entry copies in all of its union, whatever the operation needs. */
		n = n < sizeof(struct evtchn_op) ? sizeof(struct evtchn_op) : n;
	}
	va = testbed_place(v, a->where, 0, a->sent, n);
	if (a->skip)
		rc = testbed_call(v, __HYPERVISOR_event_channel_op_compat, va);
	else
		rc = testbed_call(v, __HYPERVISOR_event_channel_op, a->nr, va);
	/* Of one over a hole the beginning can be read. */
	for (a->seen = n; a->seen && !testbed_fetch(v, va, a->got, a->seen); a->seen--)
		;
	note(c, a, rc);
	return rc;
}

static void begin(const struct call *c, struct argument *a, uint64_t nr, size_t size)
{
	*a = (struct argument){ .nr = nr, .size = size };
	if (call_token(c, "via"))
		a->skip = offsetof(struct evtchn_op, u);
}

static bool same(const struct argument *a, size_t from, size_t to)
{
	to = to < a->seen ? to : a->seen;
	return from >= to || !memcmp(a->sent + from, a->got + from, to - from);
}

static void put_member(uint8_t *bytes, const struct member *m, uint64_t value)
{
	memcpy(bytes + m->offset, &value, m->size); /* little-endian */
}

static uint64_t get_member(const uint8_t *bytes, const struct member *m)
{
	uint64_t value = 0;

	memcpy(&value, bytes + m->offset, m->size);
	return value;
}

static void fill(const struct call *c, const struct layout *l, uint8_t *bytes)
{
	char in[32];

	memset(bytes + l->out, POISON, l->size - l->out);
	for (const struct member *m = l->member; m < l->member + COUNT(l->member) && m->name; m++) {
		snprintf(in, sizeof(in), "%s.in", m->name);
		if (m->offset < l->out)
			put_member(bytes, m, call_field(c, m->name, 0));
		else if (call_token(c, in))
			put_member(bytes, m, call_field(c, in, 0));
	}
}

static void show_status(struct call *c, const uint8_t *bytes)
{
	struct evtchn_status s;

	memcpy(&s, bytes, sizeof(s));
	answer_number(&c->answer, "status", AS_STATE, s.status);
	answer_number(&c->answer, "vcpu", AS_NUMBER, s.vcpu);
	if (s.status == EVTCHNSTAT_unbound)
		answer_number(&c->answer, "u.dom", AS_DOMID, s.u.unbound.dom);
	if (s.status == EVTCHNSTAT_interdomain) {
		answer_number(&c->answer, "u.dom", AS_DOMID, s.u.interdomain.dom);
		answer_number(&c->answer, "u.port", AS_NUMBER, s.u.interdomain.port);
	}
	if (s.status == EVTCHNSTAT_pirq)
		answer_number(&c->answer, "u.pirq", AS_NUMBER, s.u.pirq);
	if (s.status == EVTCHNSTAT_virq)
		answer_number(&c->answer, "u.virq", AS_VIRQ, s.u.virq);
}

static void show_out(struct call *c, const struct layout *l, const uint8_t *bytes)
{
	if (c->a->op->nr == EVTCHNOP_status) {
		show_status(c, bytes);
		return;
	}
	for (const struct member *m = l->member; m < l->member + COUNT(l->member) && m->name; m++) {
		if (m->offset < l->out)
			continue;
		answer_number(&c->answer, m->name, AS_NUMBER, get_member(bytes, m));
		if (m->size != sizeof(evtchn_port_t))
			continue; /* link_bits */
		c->has_port = true;
		c->port = get_member(bytes, m);
	}
}

void run_event(struct call *c)
{
	const struct layout *l = &layouts[c->a->op->nr];
	struct argument a;
	long rc;

	begin(c, &a, c->a->op->nr, l->size);
	fill(c, l, a.sent + a.skip);
	rc = make(c, &a);
	answer_rc(&c->answer, rc);
	if (rc >= 0 && a.where != AT_READONLY && a.seen >= a.skip + a.size)
		show_out(c, l, a.got + a.skip);
	if (rc < 0 && !same(&a, a.skip + l->out, a.skip + l->size))
		answer_word(&c->answer, "out", "modified");
	if (!same(&a, 0, a.skip + l->out))
		answer_word(&c->answer, "in", "modified");
}

/* Any number, 64 bytes; only the result is told. */
void run_raw(struct call *c)
{
	struct argument a;
	char key[8];

	begin(c, &a, call_field(c, "nr", 0), RAW_SIZE);
	for (unsigned i = 0; i < RAW_SIZE / 4; i++) {
		uint32_t word;

		snprintf(key, sizeof(key), "w%u", i);
		word = (uint32_t)call_field(c, key, 0);
		memcpy(a.sent + a.skip + i * sizeof(word), &word, sizeof(word));
	}
	answer_rc(&c->answer, make(c, &a));
}
