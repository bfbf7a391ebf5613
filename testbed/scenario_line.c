/* SPDX-License-Identifier: MIT */
/*
 * Hardware interrupts: physdev_op, a line's level or edge, and bits in pages that the hypervisor
 * writes. What the format calls env.map_gsi is here too. Binding a pirq is scenario_event.c's.
 */
#include <string.h>

#include <xen/physdev.h>

#include "ops.h"
#include "scenario_private.h"

struct member {
	const char *name;
	size_t offset, size;
	bool out;
};

#define M(type, name, what)                                                                \
	{                                                                                  \
#name, offsetof(struct type, name), sizeof(((struct type *)0)->name), what \
	}
#define IN(type, name)	M(type, name, false)
#define OUT(type, name) M(type, name, true)

struct layout {
	unsigned nr;
	size_t size;
	struct member members[6]; /* ends with a NULL name */
};

static const struct layout layouts[] = {
	{ PHYSDEVOP_eoi, sizeof(struct physdev_eoi), { IN(physdev_eoi, irq) } },
	{ PHYSDEVOP_pirq_eoi_gmfn_v1,
	  sizeof(struct physdev_pirq_eoi_gmfn),
	  { IN(physdev_pirq_eoi_gmfn, gmfn) } },
	{ PHYSDEVOP_pirq_eoi_gmfn_v2,
	  sizeof(struct physdev_pirq_eoi_gmfn),
	  { IN(physdev_pirq_eoi_gmfn, gmfn) } },
	{ PHYSDEVOP_irq_status_query,
	  sizeof(struct physdev_irq_status_query),
	  { IN(physdev_irq_status_query, irq), OUT(physdev_irq_status_query, flags) } },
	{ PHYSDEVOP_map_pirq,
	  sizeof(struct physdev_map_pirq),
	  { IN(physdev_map_pirq, domid), IN(physdev_map_pirq, type), IN(physdev_map_pirq, index),
	    IN(physdev_map_pirq, table_base), OUT(physdev_map_pirq, pirq) } },
	{ PHYSDEVOP_unmap_pirq,
	  sizeof(struct physdev_unmap_pirq),
	  { IN(physdev_unmap_pirq, domid), IN(physdev_unmap_pirq, pirq) } },
	{ PHYSDEVOP_get_free_pirq,
	  sizeof(struct physdev_get_free_pirq),
	  { IN(physdev_get_free_pirq, type), OUT(physdev_get_free_pirq, pirq) } },
	{ PHYSDEVOP_set_iopl, sizeof(struct physdev_set_iopl), { IN(physdev_set_iopl, iopl) } },
	{ PHYSDEVOP_set_iobitmap,
	  sizeof(struct physdev_set_iobitmap),
	  { IN(physdev_set_iobitmap, bitmap), IN(physdev_set_iobitmap, nr_ports) } },
	{ PHYSDEVOP_alloc_irq_vector,
	  sizeof(struct physdev_irq),
	  { IN(physdev_irq, irq), OUT(physdev_irq, vector) } },
	{ PHYSDEVOP_setup_gsi,
	  sizeof(struct physdev_setup_gsi),
	  { IN(physdev_setup_gsi, gsi), IN(physdev_setup_gsi, triggering),
	    IN(physdev_setup_gsi, polarity) } },
};

/* Those that a 32-bit guest lays out otherwise. */
static const struct layout layouts_32[] = {
	{ PHYSDEVOP_pirq_eoi_gmfn_v1,
	  sizeof(struct compat_physdev_pirq_eoi_gmfn),
	  { IN(compat_physdev_pirq_eoi_gmfn, gmfn) } },
	{ PHYSDEVOP_pirq_eoi_gmfn_v2,
	  sizeof(struct compat_physdev_pirq_eoi_gmfn),
	  { IN(compat_physdev_pirq_eoi_gmfn, gmfn) } },
	{ PHYSDEVOP_map_pirq,
	  sizeof(struct compat_physdev_map_pirq),
	  { IN(compat_physdev_map_pirq, domid), IN(compat_physdev_map_pirq, type),
	    IN(compat_physdev_map_pirq, index), IN(compat_physdev_map_pirq, table_base),
	    OUT(compat_physdev_map_pirq, pirq) } },
	{ PHYSDEVOP_set_iobitmap,
	  sizeof(struct compat_physdev_set_iobitmap),
	  { IN(compat_physdev_set_iobitmap, bitmap), IN(compat_physdev_set_iobitmap, nr_ports) } },
};

/* The largest argument; any other operation gets so many bytes, zero but for w0 and w1. */
#define ARGUMENT sizeof(struct physdev_map_pirq)

static const struct layout any = { 0, ARGUMENT, { { "w0", 0, 4, false }, { "w1", 4, 4, false } } };

static bool is_narrow(const struct call *c)
{
	return testbed_shared_info32(c->d->d) != NULL;
}

static const struct layout *layout_of(unsigned nr, bool narrow)
{
	for (size_t i = 0; narrow && i < COUNT(layouts_32); i++)
		if (layouts_32[i].nr == nr)
			return &layouts_32[i];
	for (size_t i = 0; i < COUNT(layouts); i++)
		if (layouts[i].nr == nr)
			return &layouts[i];
	return &any;
}

/* Little-endian, as the guests. What is not given is 0; a pirq that is asked for: any. */
static void fill(const struct call *c, const struct layout *l, uint8_t *bytes)
{
	for (const struct member *m = l->members; m->name; m++) {
		uint64_t given = call_field(c, m->name, m->out ? UINT64_MAX : 0);

		memcpy(bytes + m->offset, &given, m->size);
	}
}

static void show_out(struct call *c, const struct layout *l, const uint8_t *bytes)
{
	for (const struct member *m = l->members; m->name; m++) {
		uint32_t value;

		if (!m->out)
			continue;
		memcpy(&value, bytes + m->offset, sizeof(value));
		answer_number(&c->answer, m->name, AS_NUMBER, value);
	}
}

void run_physdev(struct call *c)
{
	unsigned nr = c->a->op->nr;
	const struct layout *l;
	struct testbed_vcpu *v = c->side->v;
	bool old = call_token(c, "via") != NULL; /* the one way that can be named */
	bool narrow = is_narrow(c);
	size_t whole = narrow ? sizeof(struct compat_physdev_op) : sizeof(struct physdev_op);
	size_t skip =
		narrow ? offsetof(struct compat_physdev_op, u) : offsetof(struct physdev_op, u);
	uint8_t bytes[ARGUMENT + 8] = { 0 };
	size_t size;
	uint32_t cmd;
	uint64_t va;
	long rc;

	skip = old ? skip : 0;
	l = nr ? layout_of(nr, narrow) : &any;
	if (!nr)
		nr = (unsigned)call_field(c, "nr", 0);
	fill(c, l, bytes + skip);
	cmd = nr;
	if (old)
		memcpy(bytes, &cmd, sizeof(cmd));
	size = old ? whole : l->size;
	va = testbed_place(v, (enum testbed_where)call_field(c, "arg", AT_OK), 0, bytes, size);
	if (old)
		rc = testbed_call(v, __HYPERVISOR_physdev_op_compat, va);
	else
		rc = testbed_call(v, __HYPERVISOR_physdev_op, nr, va);
	answer_rc(&c->answer, rc);
	if (rc >= 0 && testbed_fetch(v, va, bytes, skip + l->size))
		show_out(c, l, bytes + skip);
}

void run_map_gsi(struct call *c)
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };
	struct compat_physdev_map_pirq map32 = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI };
	bool narrow = is_narrow(c);
	long rc;

	map.index = map32.index = (int)call_field(c, "gsi", 0);
	map.pirq = map32.pirq = (int)call_field(c, "pirq", UINT64_MAX);
	rc = op_physdev(c->side->v, PHYSDEVOP_map_pirq, narrow ? (void *)&map32 : &map,
			narrow ? sizeof(map32) : sizeof(map));
	answer_rc(&c->answer, rc);
	if (rc >= 0)
		answer_number(&c->answer, "pirq", AS_NUMBER,
			      (unsigned)(narrow ? map32.pirq : map.pirq));
}

void run_line(struct call *c)
{
	uint64_t gsi = call_field(c, "gsi", 0);

	if (gsi < 1 || gsi >= REPLAY_GSIS) {
		call_trouble(c, "env.line gsi=: there are 1 to %u", REPLAY_GSIS - 1);
		return;
	}
	testbed_line_set(c->r->line[gsi], call_field(c, "level", 1) != 0);
	answer_word(&c->answer, NULL, "ok");
}

void run_mem_bit(struct call *c)
{
	const uint8_t *page = hv_domain_frame(testbed_hv_domain(c->d->d), call_field(c, "page", 0));
	uint64_t bit = call_field(c, "bit", 0);

	if (!page || bit / 8 >= HV_PAGE_SIZE) {
		call_trouble(c, "mem.bit: no such page or bit");
		return;
	}
	answer_number(&c->answer, "set", AS_NUMBER, page[bit / 8] >> bit % 8 & 1);
}
