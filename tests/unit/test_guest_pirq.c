/* SPDX-License-Identifier: MIT */
/*
 * The guest half: hardware interrupts, from the controller's line to the handler and back by the
 * eoi, over a real hypervisor half. The hypervisor's part alone is test_pirq.c.
 */
#include "guests.h"

/* A device on a line: `work` things to do, the line is asserted while there are some (level). */
struct device {
	struct testbed_line *line;
	unsigned work;
	unsigned per_run; /* how much a handler does */
};

static void serve(struct guest *g, unsigned irq, struct record *r)
{
	struct device *dev = r->arg;
	unsigned n = dev->work < dev->per_run ? dev->work : dev->per_run;

	(void)g;
	(void)irq;
	dev->work -= n;
	if (!dev->work)
		testbed_line_set(dev->line, false);
}

static unsigned bind_device(struct guests *m, struct device *dev, struct record *r,
			    enum hv_irq_flow flow)
{
	int irq;

	dev->line = testbed_line(m->tb, 5, flow);
	assert_non_null(dev->line);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 9, 5, false), 0);
	irq = guest_bind_pirq_to_irqhandler(m->a, 9, record_run, 0, "device", r);
	assert_true(irq > 0);
	return (unsigned)irq;
}

static void ring(struct guests *m, struct device *dev, unsigned work)
{
	dev->work += work;
	testbed_line_set(dev->line, true);
	testbed_run(m->tb);
}

static void level(void **state)
{
	struct guests *m = *state;
	struct device dev = { .per_run = 100 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = serve, .arg = &dev };
	unsigned irq = bind_device(m, &dev, &r, HV_IRQ_LEVEL);

	guest_local_irq_enable(m->a);
	for (unsigned i = 1; i <= 3; i++) {
		ring(m, &dev, 7);
		assert_int_equal(r.runs, i);
		assert_int_equal(dev.work, 0);
		assert_true(testbed_line_enabled(dev.line));
	}
	assert_int_equal(guest_irq_count(m->a, irq), 3);
	/* a handler that does not finish is called until it has */
	dev.per_run = 2;
	ring(m, &dev, 7);
	assert_int_equal(r.runs, 7);
	assert_int_equal(dev.work, 0);
	assert_true(testbed_line_enabled(dev.line));
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	assert_false(testbed_line_enabled(dev.line));
	ring(m, &dev, 1);
	assert_int_equal(r.runs, 7);
}

static void level_disabled(void **state)
{
	struct guests *m = *state;
	struct device dev = { .per_run = 100 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = serve, .arg = &dev };
	unsigned irq = bind_device(m, &dev, &r, HV_IRQ_LEVEL);

	guest_local_irq_enable(m->a);
	assert_rc(guest_disable_irq(m->a, irq), 0);
	ring(m, &dev, 3);
	assert_int_equal(r.runs, 0);
	assert_int_equal(dev.work, 3);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 1);
	assert_int_equal(dev.work, 0);
	assert_true(testbed_line_enabled(dev.line));
}

static void disable_and_leave(struct guest *g, unsigned irq, struct record *r)
{
	struct device *dev = r->arg;

	/* as the character device's output line: nothing to do at present, the line stays asserted
	 */
	if (r->runs == 1)
		assert_rc(guest_disable_irq_nosync(g, irq), 0);
	else
		serve(g, irq, r);
	(void)dev;
}

static void level_disabled_by_its_handler(void **state)
{
	struct guests *m = *state;
	struct device dev = { .per_run = 100 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = disable_and_leave, .arg = &dev };
	unsigned irq = bind_device(m, &dev, &r, HV_IRQ_LEVEL);

	guest_local_irq_enable(m->a);
	ring(m, &dev, 3);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	assert_int_equal(dev.work, 0);
	assert_true(testbed_line_enabled(dev.line));
}

static void edge_from_the_handler(struct guest *g, unsigned irq, struct record *r)
{
	struct device *dev = r->arg;

	(void)g;
	(void)irq;
	if (r->runs < 4)
		testbed_line_set(dev->line, true);
}

static void edge(void **state)
{
	struct guests *m = *state;
	struct device dev = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .arg = &dev };
	unsigned irq = bind_device(m, &dev, &r, HV_IRQ_EDGE);

	for (unsigned i = 0; i < 3; i++)
		testbed_line_set(dev.line, true);
	guest_local_irq_enable(m->a);
	assert_int_equal(r.runs, 1); /* merged while nobody looked */
	testbed_line_set(dev.line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 2);
	/* one that comes while the handler runs is handled after it */
	r = (struct record){ .answer = GUEST_IRQ_HANDLED,
			     .also = edge_from_the_handler,
			     .arg = &dev };
	testbed_line_set(dev.line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 4);
	assert_rc(guest_disable_irq(m->a, irq), 0);
	testbed_line_set(dev.line, true);
	testbed_run(m->tb);
	assert_int_equal(r.runs, 4);
	assert_rc(guest_enable_irq(m->a, irq), 0);
	assert_int_equal(r.runs, 5);
	assert_string_equal(testbed_line_log(dev.line), "SAAAAAAAAA");
}

static void shared_by_two_guests(void **state)
{
	struct guests *m = *state;
	struct testbed_line *l = testbed_line(m->tb, 5, HV_IRQ_LEVEL);
	struct device dev = { .line = l, .per_run = 1 };
	struct record ra = { .answer = GUEST_IRQ_NONE };
	struct record rb = { .answer = GUEST_IRQ_HANDLED, .also = serve, .arg = &dev };
	int ia, ib;

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->da), 9, 5, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(m->db), 3, 5, true), 0);
	ia = guest_bind_pirq_to_irqhandler(m->a, 9, record_run, GUEST_IRQF_SHARED, "a", &ra);
	/* not everybody says so */
	assert_fails(guest_bind_pirq_to_irqhandler(m->b, 3, record_run, 0, "b", &rb), EBUSY);
	ib = guest_bind_pirq_to_irqhandler(m->b, 3, record_run, GUEST_IRQF_SHARED, "b", &rb);
	assert_true(ia > 0 && ib > 0);
	guest_local_irq_enable(m->a);
	guest_local_irq_enable(m->b);
	ring(&(struct guests){ .tb = m->tb }, &dev, 3);
	testbed_run(m->tb);
	assert_int_equal(dev.work, 0);
	assert_int_equal(rb.runs, 3);
	assert_in_range(ra.runs, 3, 4);
	assert_true(testbed_line_enabled(l));
	/* b dies while its events are disabled and it holds the line: a goes on */
	guest_local_irq_disable(m->b);
	dev.work = 1;
	testbed_line_set(l, true);
	testbed_run(m->tb);
	assert_false(testbed_line_enabled(l));
	testbed_line_set(l, false);
	testbed_domain_destroy(m->db);
	assert_true(testbed_line_enabled(l));
	ra.runs = 0;
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	testbed_run(m->tb);
	assert_int_equal(ra.runs, 1);
}

static void refused(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;

	assert_fails(guest_bind_pirq_to_irq(m->a, 3, false), EPERM);
	assert_fails(guest_bind_pirq_to_irq(m->a, 16, false), EINVAL);
	assert_true(guest_bind_pirq_to_irq(m->a, UINT32_MAX, false) < 0);
	assert_fails(guest_bind_pirq_to_irqhandler(m->a, 3, record_run, 0, "x", &r), EPERM);
	assert_status(m->va, SELF, 1, "closed vcpu=0");
}

static void bound_once(void **state)
{
	struct guests *m = *state;
	struct device dev = { .per_run = 1 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = serve, .arg = &dev };
	unsigned irq = bind_device(m, &dev, &r, HV_IRQ_LEVEL);

	assert_int_equal(guest_bind_pirq_to_irq(m->a, 9, false), irq);
	assert_rc(guest_unbind_irq(m->a, irq), 0);
	guest_local_irq_enable(m->a);
	ring(m, &dev, 1);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
	assert_status(m->va, SELF, 1, "closed vcpu=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(level),
		guests_test(level_disabled),
		guests_test(level_disabled_by_its_handler),
		guests_test(edge),
		guests_test(shared_by_two_guests),
		guests_test(refused),
		guests_test(bound_once),
	};

	return cmocka_run_group_tests_name("guest_pirq", tests, NULL, NULL);
}
