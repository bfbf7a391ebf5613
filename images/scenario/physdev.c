/* SPDX-License-Identifier: MIT */
/*
 * physdev.*: physdev_op with its argument built from the fields of a line, and what came back of
 * it. Also env.map_gsi, which is one of them. Nothing here drives a line.
 */
#include "scenario.h"

#include <xen/physdev.h>

#define MEMBERS 5u
#define ROOM	sizeof(struct physdev_map_pirq) /* the largest */

struct member {
	const char *name;
	uint8_t offset, size;
	bool out;
};

struct operation {
	const char *name;
	uint8_t nr, size;
	struct member member[MEMBERS];
};

#define AT(type, field, is_out)                                                       \
	{                                                                             \
		.name = #field, .offset = offsetof(struct physdev_##type, field),     \
		.size = sizeof(((struct physdev_##type *)0)->field), .out = (is_out), \
	}
#define IN(type, field)	 AT(type, field, false)
#define OUT(type, field) AT(type, field, true)
#define OP(op, type, ...)                                                                       \
	{                                                                                       \
		"physdev." #op, PHYSDEVOP_##op, sizeof(struct physdev_##type), { __VA_ARGS__ }, \
	}

static const struct operation operations[] = {
	OP(eoi, eoi, IN(eoi, irq)),
	OP(pirq_eoi_gmfn_v1, pirq_eoi_gmfn, IN(pirq_eoi_gmfn, gmfn)),
	OP(pirq_eoi_gmfn_v2, pirq_eoi_gmfn, IN(pirq_eoi_gmfn, gmfn)),
	OP(irq_status_query, irq_status_query, IN(irq_status_query, irq),
	   OUT(irq_status_query, flags)),
	OP(map_pirq, map_pirq, IN(map_pirq, domid), IN(map_pirq, type), IN(map_pirq, index),
	   IN(map_pirq, table_base), OUT(map_pirq, pirq)),
	OP(unmap_pirq, unmap_pirq, IN(unmap_pirq, domid), IN(unmap_pirq, pirq)),
	OP(get_free_pirq, get_free_pirq, IN(get_free_pirq, type), OUT(get_free_pirq, pirq)),
	OP(set_iopl, set_iopl, IN(set_iopl, iopl)),
	OP(set_iobitmap, set_iobitmap, IN(set_iobitmap, bitmap), IN(set_iobitmap, nr_ports)),
	OP(alloc_irq_vector, irq, IN(irq, irq), OUT(irq, vector)),
	OP(setup_gsi, setup_gsi, IN(setup_gsi, gsi), IN(setup_gsi, triggering),
	   IN(setup_gsi, polarity)),
	/* any number, with two words */
	{ "physdev.raw", 0, ROOM, { { "w0", 0, 4, false }, { "w1", 4, 4, false } } },
};

/* What is not given is 0; of what comes back, and is a wish before: all bits. */
static void fill(struct machine *m, const struct operation *o, uint8_t *bytes)
{
	for (const struct member *k = o->member; k < o->member + MEMBERS && k->name; k++) {
		uint64_t value = field(m, k->name, k->out ? UINT64_MAX : 0);

		memcpy(bytes + k->offset, &value, k->size);
	}
}

static void show(struct machine *m, const struct operation *o, const uint8_t *bytes)
{
	for (const struct member *k = o->member; k < o->member + MEMBERS && k->name; k++) {
		uint32_t value;

		if (!k->out)
			continue;
		memcpy(&value, bytes + k->offset, sizeof(value));
		answer_number(m, k->name, value);
	}
}

static void run(struct machine *m, const struct operation *o)
{
	bool old = find(m->action, "via");
	size_t skip = old ? offsetof(struct physdev_op, u) : 0;
	size_t n = old ? sizeof(struct physdev_op) : o->size;
	uint8_t bytes[ROOM + sizeof(struct physdev_op)] = { 0 };
	uint32_t cmd = o->nr ? o->nr : (uint32_t)field(m, "nr", 0);
	uint64_t at;

	fill(m, o, bytes + skip);
	if (old)
		memcpy(bytes, &cmd, sizeof(cmd));
	at = place(m, "arg", 0, bytes, n);
	m->rc = old ? call(m, __HYPERVISOR_physdev_op_compat, at, 0, 0)
		    : call(m, __HYPERVISOR_physdev_op, cmd, at, 0);
	answer_number(m, "rc", m->rc);
	if (m->rc >= 0 && fetch(m, at, bytes, n))
		show(m, o, bytes + skip);
}

static void run_map_gsi(struct machine *m)
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };
	uint64_t at;

	map.index = (int)field(m, "gsi", 0);
	map.pirq = (int)field(m, "pirq", UINT64_MAX);
	at = place(m, "arg", 0, &map, sizeof(map));
	m->rc = call(m, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, at, 0);
	answer_number(m, "rc", m->rc);
	if (m->rc >= 0 && fetch(m, at, &map, sizeof(map)))
		answer_number(m, "pirq", map.pirq);
}

bool run_physdev(struct machine *m)
{
	if (text_is(&m->action->op, "env.map_gsi")) {
		run_map_gsi(m);
		return true;
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (!text_is(&m->action->op, operations[i].name))
			continue;
		run(m, &operations[i]);
		return true;
	}
	return false;
}
