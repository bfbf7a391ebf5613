/* SPDX-License-Identifier: MIT */
/*
 * Lines as the embedder sees them: how many may share one, probing, invalid numbers, per-CPU and
 * chained flow, the foreground, and the hook before each delivery. The controller's calls are
 * letters as in test_pirq.c.
 */
#include "bare.h"

static struct testbed_domain *add_domain(struct bare *b, domid_t id, unsigned vcpus)
{
	struct testbed_domain *d = testbed_domain_create(
		b->tb,
		&(struct testbed_domain_config){
			.id = id, .vcpus = vcpus, .nr_pirqs = 16, .pages = 4 },
		NULL);

	assert_non_null(d);
	return d;
}

/* The line as pirq of its own number, bound: the port. */
static long give(struct testbed_domain *d, unsigned line)
{
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(d), line, line, true), 0);
	return op_bind_pirq(testbed_vcpu(d, 0), line, BIND_PIRQ__WILL_SHARE);
}

static void too_many_guests(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 6, HV_IRQ_LEVEL);
	struct testbed_domain *d[HV_MAX_LINE_GUESTS + 1];

	for (unsigned i = 0; i < HV_MAX_LINE_GUESTS; i++) {
		d[i] = add_domain(b, (domid_t)(i + 1), 1);
		assert_rc(give(d[i], 6), 1);
	}
	d[HV_MAX_LINE_GUESTS] = add_domain(b, HV_MAX_LINE_GUESTS + 1, 1);
	assert_fails(give(d[HV_MAX_LINE_GUESTS], 6), EBUSY);
	assert_status(testbed_vcpu(d[HV_MAX_LINE_GUESTS], 0), SELF, 1, "closed vcpu=0");
	/* all of them have it in service */
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	for (unsigned i = 0; i < HV_MAX_LINE_GUESTS; i++) {
		assert_false(testbed_line_enabled(l));
		assert_bits(d[i], 1, 1, 0);
		assert_rc(op_eoi(testbed_vcpu(d[i], 0), 6), 0);
	}
	assert_true(testbed_line_enabled(l));
	/* one leaves: room for one */
	testbed_domain_destroy(d[3]);
	assert_rc(op_bind_pirq(testbed_vcpu(d[HV_MAX_LINE_GUESTS], 0), 6, BIND_PIRQ__WILL_SHARE),
		  1);
}

static void probing(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct testbed_line *e = testbed_line(b->tb, 3, HV_IRQ_EDGE);
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);

	assert_fails(hv_irq_probe_begin(hv, 5), EINVAL); /* not described */
	assert_fails(hv_irq_probe_begin(hv, HV_MAX_LINES), EINVAL);
	assert_fails(hv_irq_probe_end(hv, HV_MAX_LINES), EINVAL);
	assert_fails(hv_irq_probe_end(hv, 3), EINVAL); /* not begun */
	/* quiet */
	assert_rc(hv_irq_probe_begin(hv, 3), 0);
	assert_fails(hv_irq_probe_begin(hv, 3), EBUSY);
	assert_rc(hv_irq_probe_end(hv, 3), 0);
	assert_string_equal(testbed_line_log(e), "SD");
	/* edges; a level, that does not go on while it is looked at */
	assert_rc(hv_irq_probe_begin(hv, 3), 0);
	testbed_line_set(e, true);
	testbed_line_set(e, true);
	assert_rc(hv_irq_probe_end(hv, 3), 1);
	assert_string_equal(testbed_line_log(e), "SAAD");
	assert_rc(hv_irq_probe_begin(hv, 4), 0);
	testbed_line_set(l, true);
	testbed_line_set(l, true);
	assert_false(testbed_line_enabled(l));
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	assert_rc(hv_irq_probe_end(hv, 4), 1);
	assert_string_equal(testbed_line_log(l), "SMAD");
	/* asserted before */
	assert_rc(hv_irq_probe_begin(hv, 4), 0);
	assert_rc(hv_irq_probe_end(hv, 4), 1);
}

static void probed_is_not_bound(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);

	assert_rc(hv_irq_probe_begin(hv, 4), 0);
	assert_fails(give(b->d0, 4), EBUSY);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
	assert_rc(hv_irq_probe_end(hv, 4), 0);
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	assert_fails(hv_irq_probe_begin(hv, 4), EBUSY);
	testbed_line_log(l);
	testbed_line_set(l, true);
	assert_bits(b->d0, 1, 1, 0);
	assert_string_equal(testbed_line_log(l), "MA");
}

static void invalid(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);
	struct testbed_domain *d1 = add_domain(b, 1, 1);

	assert_rc(give(b->d0, 4), 1);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(d1), 4, 4, true), 0);
	testbed_line_set(l, true);
	testbed_line_log(l);
	mem_set_pending(b->d0, 1, false);
	assert_rc(hv_irq_invalidate(hv, 4), 0);
	assert_string_equal(testbed_line_log(l), "D");
	/* whoever was bound hears nothing, and may say what he likes */
	assert_status(b->v0, SELF, 1, "pirq vcpu=0 pirq=4");
	hv_irq_raise(hv, 4);
	hv_irq_resample(hv, 4);
	testbed_advance(b->tb, 5 * TESTBED_MS);
	assert_bits(b->d0, 1, 0, 0);
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_fails(op_bind_pirq(testbed_vcpu(d1, 0), 4, BIND_PIRQ__WILL_SHARE), EINVAL);
	assert_rc(op_close(b->v0, 1), 0);
	assert_fails(op_bind_pirq(b->v0, 4, 0), EINVAL);
	assert_fails(hv_irq_probe_begin(hv, 4), EINVAL);
	assert_string_equal(testbed_line_log(l), "");
	/* no number for it any more; nor for one that never was described */
	assert_fails(hv_domain_map_pirq(testbed_hv_domain(d1), 5, 4, true), EINVAL);
	assert_rc(hv_irq_invalidate(hv, 9), 0);
	assert_null(testbed_line(b->tb, 9, HV_IRQ_EDGE));
	assert_fails(hv_domain_map_pirq(testbed_hv_domain(b->d0), 9, 9, true), EINVAL);
	assert_fails(hv_irq_invalidate(hv, HV_MAX_LINES), EINVAL);
	testbed_fail_alloc(b->tb, 0);
	assert_fails(hv_irq_invalidate(hv, 10), ENOMEM);
}

static void invalid_while_probed(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);

	assert_rc(hv_irq_probe_begin(hv, 4), 0);
	assert_rc(hv_irq_invalidate(hv, 4), 0);
	assert_fails(hv_irq_probe_end(hv, 4), EINVAL);
	assert_string_equal(testbed_line_log(l), "SD");
}

/* ---- per-CPU ---- */

static void percpu(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 8, HV_IRQ_PERCPU);
	struct testbed_domain *d = add_domain(b, 1, 2);
	struct testbed_vcpu *v0 = testbed_vcpu(d, 0), *v1 = testbed_vcpu(d, 1);

	assert_rc(testbed_vcpu_boot(v1), 0);
	assert_fails(hv_domain_map_pirq(testbed_hv_domain(d), 1, 8, true), EINVAL);
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(v0), 16, 8), EINVAL);
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(v0), 1, 9), EINVAL); /* not described */
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(v0), 1, HV_MAX_LINES), EINVAL);
	assert_rc(hv_vcpu_map_pirq(testbed_hv_vcpu(v0), 1, 8), 0);
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(v0), 2, 8), EEXIST);
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(v1), 1, 8), EEXIST);
	assert_rc(hv_vcpu_map_pirq(testbed_hv_vcpu(v1), 2, 8), 0);
	/* a port for each, on that vCPU and nowhere else; not shared, whatever the flag */
	assert_rc(op_bind_pirq(v0, 1, 0), 1);
	assert_rc(op_bind_pirq(v0, 2, 0), 2);
	assert_status(v0, SELF, 1, "pirq vcpu=0 pirq=1");
	assert_status(v0, SELF, 2, "pirq vcpu=1 pirq=2");
	assert_fails(op_bind_vcpu(v0, 2, 0), EINVAL);
	assert_fails(op_bind_vcpu(v0, 2, 1), EINVAL);
	/* delivered to whom it is for, without masking, again and again */
	for (unsigned i = 0; i < 3; i++) {
		hv_irq_raise_vcpu(testbed_hv_vcpu(v1), 8);
		assert_bits(d, 2, 1, 0);
		assert_bits(d, 1, 0, 0);
		assert_upcall(v1, 1, 1);
		assert_upcall(v0, 0, 0);
		mem_set_pending(d, 2, false);
		mem_clear_upcall(v1);
	}
	hv_irq_raise_vcpu(testbed_hv_vcpu(v0), 8);
	assert_bits(d, 1, 1, 0);
	assert_bits(d, 2, 0, 0);
	/* one that no vCPU is named for is for nobody, nor one for a domain without it */
	mem_set_pending(d, 1, false);
	hv_irq_raise(testbed_hv(b->tb), 8);
	hv_irq_raise_vcpu(testbed_hv_vcpu(b->v0), 8);
	hv_irq_raise_vcpu(testbed_hv_vcpu(b->v0), HV_MAX_LINES);
	assert_bits(d, 1, 0, 0);
	assert_bits(d, 2, 0, 0);
	assert_string_equal(testbed_line_log(l), "SAAAAA");
	assert_rc(op_close(v0, 1), 0);
	assert_true(testbed_line_enabled(l));
	assert_rc(op_close(v0, 2), 0);
	assert_false(testbed_line_enabled(l));
}

static void percpu_mapped_as_another_kind(void **state)
{
	struct bare *b = *state;

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 8, 8, false), 0);
	assert_null(testbed_line(b->tb, 8, HV_IRQ_PERCPU)); /* -EBUSY */
	assert_non_null(testbed_line(b->tb, 8, HV_IRQ_EDGE));
	assert_fails(hv_vcpu_map_pirq(testbed_hv_vcpu(b->v0), 9, 8), EINVAL);
	/* an ordinary line signals to a vCPU: nobody meant that */
	assert_rc(op_bind_pirq(b->v0, 8, 0), 1);
	hv_irq_raise_vcpu(testbed_hv_vcpu(b->v0), 8);
	assert_bits(b->d0, 1, 0, 0);
}

/* ---- chained ---- */

#define PARENT 20u

/* A controller of four lines behind line 20; what a child signals is a bit until it is read. */
struct gpio {
	struct hv *hv;
	uint32_t signals;
	unsigned looks, starts, masks;
	uint32_t also; /* what signals while it is looked at */
};

static void gpio_start(void *data, unsigned line)
{
	assert_int_equal(line, PARENT);
	((struct gpio *)data)->starts++;
}

static void gpio_mask(void *data, unsigned line)
{
	assert_int_equal(line, PARENT);
	((struct gpio *)data)->masks++;
}

static void gpio_nothing(void *data, unsigned line)
{
	(void)data;
	(void)line;
}

static uint32_t gpio_status(void *data, unsigned line)
{
	struct gpio *g = data;
	uint32_t signals = g->signals;

	assert_int_equal(line, PARENT);
	g->looks++;
	g->signals = g->also;
	g->also = 0;
	return signals;
}

static const struct hv_irq_chip gpio_chip = {
	.name = "gpio",
	.startup = gpio_start,
	.shutdown = gpio_nothing,
	.mask = gpio_mask,
	.unmask = gpio_nothing,
};

static const unsigned gpio_lines[] = { 10, 11, 12, 13 };
static const struct hv_irq_demux gpio_demux = { gpio_lines, 4, gpio_status };

static void chained(void **state)
{
	struct bare *b = *state;
	struct gpio g = { .hv = testbed_hv(b->tb) };
	struct testbed_line *e = testbed_line(b->tb, 10, HV_IRQ_EDGE);
	struct testbed_line *l = testbed_line(b->tb, 12, HV_IRQ_LEVEL);
	struct testbed_domain *d1 = add_domain(b, 1, 1);

	assert_rc(give(b->d0, 10), 1);
	assert_rc(give(d1, 12), 1);
	testbed_line_log(e);
	testbed_line_log(l);
	assert_rc(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &gpio_demux), 0);
	assert_int_equal(g.starts, 1);
	assert_int_equal(g.looks, 1); /* what came before is not lost */
	hv_irq_raise(g.hv, PARENT);   /* spurious */
	assert_bits(b->d0, 1, 0, 0);
	g.signals = 1;
	hv_irq_raise(g.hv, PARENT);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(d1, 1, 0, 0);
	assert_string_equal(testbed_line_log(e), "A");
	/* two at once, one of them a level with a service of its own; a line that nobody has, and
	 * bits of no line */
	mem_set_pending(b->d0, 1, false);
	testbed_line_set(l, true);
	mem_set_pending(d1, 1, false);
	testbed_line_set(l, false);
	assert_rc(op_eoi(testbed_vcpu(d1, 0), 12), 0);
	testbed_line_log(l);
	g.signals = 0xffffffff;
	hv_irq_raise(g.hv, PARENT);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(d1, 1, 1, 0);
	assert_string_equal(testbed_line_log(e), "A");
	assert_string_equal(testbed_line_log(l), "MA");
	assert_rc(op_eoi(testbed_vcpu(d1, 0), 12), 0);
	assert_string_equal(testbed_line_log(l), "U");
	assert_int_equal(g.looks, 4);
	assert_int_equal(g.masks, 4);
}

/* A child signals while others are looked at: the raise that follows finds it. */
static void chained_meanwhile(void **state)
{
	struct bare *b = *state;
	struct gpio g = { .hv = testbed_hv(b->tb), .also = 2 };
	struct testbed_line *e[2] = { testbed_line(b->tb, 10, HV_IRQ_EDGE),
				      testbed_line(b->tb, 11, HV_IRQ_EDGE) };

	assert_rc(give(b->d0, 10), 1);
	assert_rc(give(b->d0, 11), 2);
	g.signals = 1;
	assert_rc(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &gpio_demux), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(b->d0, 2, 0, 0);
	hv_irq_raise(g.hv, PARENT);
	assert_bits(b->d0, 2, 1, 0);
	/* a controller that never is done is looked at once for each raise */
	g.looks = 0;
	g.signals = 3;
	g.also = 3;
	hv_irq_raise(g.hv, PARENT);
	assert_int_equal(g.looks, 1);
	assert_string_equal(testbed_line_log(e[0]), "SAA");
}

static void chained_errors(void **state)
{
	struct bare *b = *state;
	struct gpio g = { .hv = testbed_hv(b->tb) };
	unsigned lines[HV_MAX_CHAINED + 1];
	struct hv_irq_demux bad = { lines, 1, gpio_status };

	for (unsigned i = 0; i <= HV_MAX_CHAINED; i++)
		lines[i] = 100 + i;
	assert_fails(hv_irq_register(g.hv, PARENT, HV_IRQ_CHAINED, &gpio_chip, &g), EINVAL);
	assert_fails(hv_irq_chain(g.hv, HV_MAX_LINES, &gpio_chip, &g, &gpio_demux), EINVAL);
	assert_fails(hv_irq_chain(g.hv, PARENT, NULL, &g, &gpio_demux), EINVAL);
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, NULL), EINVAL);
	bad.nr = 0;
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &bad), EINVAL);
	bad.nr = HV_MAX_CHAINED + 1;
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &bad), EINVAL);
	bad.nr = 2;
	lines[1] = HV_MAX_LINES;
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &bad), EINVAL);
	lines[1] = PARENT; /* itself */
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &bad), EINVAL);
	lines[1] = 101;
	assert_rc(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &bad), 0);
	assert_fails(hv_irq_chain(g.hv, PARENT, &gpio_chip, &g, &gpio_demux), EBUSY);
	/* a child of two; a chain of two; a child that becomes a parent */
	assert_fails(hv_irq_chain(g.hv, 21, &gpio_chip, &g, &bad), EBUSY);
	lines[1] = PARENT;
	bad.child = &lines[1];
	bad.nr = 1;
	assert_fails(hv_irq_chain(g.hv, 21, &gpio_chip, &g, &bad), EINVAL);
	assert_fails(hv_irq_chain(g.hv, 100, &gpio_chip, &g, &gpio_demux), EINVAL);
	/* it is nobody's to map, bind or probe; a mapped or described one is not to be chained */
	assert_fails(hv_domain_map_pirq(testbed_hv_domain(b->d0), 1, PARENT, true), EINVAL);
	assert_fails(hv_irq_probe_begin(g.hv, PARENT), EINVAL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 22, 22, true), 0);
	assert_fails(hv_irq_chain(g.hv, 22, &gpio_chip, &g, &gpio_demux), EBUSY);
	assert_non_null(testbed_line(b->tb, 23, HV_IRQ_EDGE));
	assert_fails(hv_irq_chain(g.hv, 23, &gpio_chip, &g, &gpio_demux), EBUSY);
	/* and that took no children: they are free for another */
	assert_rc(hv_irq_invalidate(g.hv, PARENT), 0);
	hv_irq_raise(g.hv, PARENT);
	assert_int_equal(g.looks, 1);
}

/* ---- the foreground ---- */

struct focus {
	struct testbed_domain *d[2];
	struct testbed_line *line;
};

/* Line 5 for domains 1 and 2, port 1 of both; nobody is in the foreground. */
static void focus_setup(struct bare *b, struct focus *f, enum hv_irq_flow flow)
{
	f->line = testbed_line(b->tb, 5, flow);
	assert_rc(hv_irq_set_flags(testbed_hv(b->tb), 5, HV_IRQ_FOCUS), 0);
	for (unsigned i = 0; i < 2; i++) {
		f->d[i] = add_domain(b, (domid_t)(i + 1), 1);
		assert_rc(give(f->d[i], 5), 1);
	}
	testbed_line_log(f->line);
}

static void look_at(struct bare *b, struct testbed_domain *d)
{
	hv_set_foreground(testbed_hv(b->tb), d ? testbed_hv_domain(d) : NULL);
}

static void focus_edges(void **state)
{
	struct bare *b = *state;
	struct focus f;

	focus_setup(b, &f, HV_IRQ_EDGE);
	testbed_line_set(f.line, true); /* for nobody */
	assert_bits(f.d[0], 1, 0, 0);
	assert_bits(f.d[1], 1, 0, 0);
	look_at(b, f.d[1]);
	assert_bits(f.d[1], 1, 0, 0);
	testbed_line_set(f.line, true);
	assert_bits(f.d[0], 1, 0, 0);
	assert_bits(f.d[1], 1, 1, 0);
	look_at(b, f.d[0]);
	testbed_line_set(f.line, true);
	assert_bits(f.d[0], 1, 1, 0);
	/* one that is not bound: for nobody */
	mem_set_pending(f.d[0], 1, false);
	look_at(b, b->d0);
	testbed_line_set(f.line, true);
	assert_bits(f.d[0], 1, 0, 0);
	assert_bits(b->d0, 1, 0, 0);
	/* and without the flag for all */
	assert_rc(hv_irq_set_flags(testbed_hv(b->tb), 5, 0), 0);
	testbed_line_set(f.line, true);
	assert_bits(f.d[0], 1, 1, 0);
	assert_fails(hv_irq_set_flags(testbed_hv(b->tb), 5, 2), EINVAL);
	assert_fails(hv_irq_set_flags(testbed_hv(b->tb), HV_MAX_LINES, 1), EINVAL);
}

/* A switch in the middle of a service: the new one gets what is asserted, the old is not waited
 * for, and its eoi ends nothing of the new one's. */
static void focus_level(void **state)
{
	struct bare *b = *state;
	struct focus f;

	focus_setup(b, &f, HV_IRQ_LEVEL);
	testbed_line_set(f.line, true);
	assert_bits(f.d[0], 1, 0, 0);
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	look_at(b, f.d[0]); /* it waited */
	assert_bits(f.d[0], 1, 1, 0);
	mem_set_pending(f.d[0], 1, false);
	look_at(b, f.d[1]);
	assert_bits(f.d[1], 1, 1, 0);
	assert_false(testbed_line_enabled(f.line));
	assert_rc(op_eoi(testbed_vcpu(f.d[0], 0), 5), 0);
	assert_false(testbed_line_enabled(f.line));
	testbed_line_set(f.line, false);
	assert_rc(op_eoi(testbed_vcpu(f.d[1], 0), 5), 0);
	assert_true(testbed_line_enabled(f.line));
	/* back and forth before the old one's eoi comes: it is not taken for the second event's */
	mem_set_pending(f.d[1], 1, false);
	testbed_line_set(f.line, true);
	mem_set_pending(f.d[1], 1, false);
	look_at(b, f.d[0]);
	look_at(b, f.d[1]);
	assert_bits(f.d[1], 1, 1, 0);
	testbed_line_set(f.line, false);
	assert_rc(op_eoi(testbed_vcpu(f.d[1], 0), 5), 0);
	assert_false(testbed_line_enabled(f.line));
	assert_rc(op_eoi(testbed_vcpu(f.d[1], 0), 5), 0);
	assert_true(testbed_line_enabled(f.line));
}

static void foreground_dies(void **state)
{
	struct bare *b = *state;
	struct focus f;

	focus_setup(b, &f, HV_IRQ_LEVEL);
	look_at(b, f.d[0]);
	testbed_line_set(f.line, true);
	testbed_domain_destroy(f.d[0]);
	assert_bits(f.d[1], 1, 0, 0); /* not its */
	/* a new domain, perhaps where the old one was, is not in the foreground by that */
	f.d[0] = add_domain(b, 1, 1);
	assert_rc(give(f.d[0], 5), 1);
	assert_bits(f.d[0], 1, 0, 0);
	look_at(b, f.d[1]);
	assert_bits(f.d[1], 1, 1, 0);
	testbed_line_set(f.line, false);
	assert_rc(op_eoi(testbed_vcpu(f.d[1], 0), 5), 0);
	assert_true(testbed_line_enabled(f.line));
}

/* ---- the hook ---- */

struct policy {
	struct hv_domain *refused;
	unsigned asked;
};

static int may(void *arg, struct hv_domain *d, unsigned pirq, unsigned line)
{
	struct policy *p = arg;

	assert_int_equal(line, 6);
	assert_int_equal(pirq, 6);
	p->asked++;
	return d == p->refused ? -1 : 0;
}

static void refused(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 6, HV_IRQ_LEVEL);
	struct testbed_domain *d1 = add_domain(b, 1, 1);
	struct policy p = { .refused = testbed_hv_domain(d1) };

	assert_rc(give(b->d0, 6), 1);
	assert_rc(give(d1, 6), 1);
	testbed_deliver_if(b->tb, may, &p);
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	assert_int_equal(p.asked, 2);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(d1, 1, 0, 0);
	/* nobody waits for it */
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_true(testbed_line_enabled(l));
	/* all are refused: it waits until that has changed */
	assert_rc(op_close(b->v0, 1), 0);
	testbed_advance(b->tb, 2 * TESTBED_MS);
	testbed_line_set(l, true);
	assert_false(testbed_line_enabled(l));
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	hv_irq_resample(testbed_hv(b->tb), 6);
	assert_bits(d1, 1, 0, 0);
	p.refused = NULL;
	hv_irq_resample(testbed_hv(b->tb), 6);
	assert_bits(d1, 1, 1, 0);
	/* it is in service now: that changes nothing */
	mem_set_pending(d1, 1, false);
	hv_irq_resample(testbed_hv(b->tb), 6);
	hv_irq_resample(testbed_hv(b->tb), 99);
	assert_bits(d1, 1, 0, 0);
	testbed_line_set(l, false);
	assert_rc(op_eoi(testbed_vcpu(d1, 0), 6), 0);
	assert_true(testbed_line_enabled(l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(too_many_guests),
		bare_test(probing),
		bare_test(probed_is_not_bound),
		bare_test(invalid),
		bare_test(invalid_while_probed),
		bare_test(percpu),
		bare_test(percpu_mapped_as_another_kind),
		bare_test(chained),
		bare_test(chained_meanwhile),
		bare_test(chained_errors),
		bare_test(focus_edges),
		bare_test(focus_level),
		bare_test(foreground_dies),
		bare_test(refused),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
