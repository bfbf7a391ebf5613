/* SPDX-License-Identifier: MIT */
/*
 * The guest half: IRQs whose numbers are pirq numbers, bound by their handlers. The domain is c,
 * with 16 such numbers.
 */
#include "guests.h"

struct legacy {
	struct guests m;
	struct testbed_domain *dc;
	struct guest *c;
	struct testbed_vcpu *vc;
	struct testbed_line *line[16]; /* edge: line n is pirq n */
};

static int legacy_setup(void **state)
{
	struct legacy *l = test_calloc(1, sizeof(*l));
	struct testbed_domain_config cfg = guests_config(1, 1);

	cfg.nr_legacy_pirqs = 16;
	l->m.tb = testbed_create(TESTBED_VIRTUAL);
	l->dc = testbed_domain_create(l->m.tb, &cfg, NULL);
	assert_non_null(l->dc);
	l->c = testbed_guest(l->dc);
	l->vc = testbed_vcpu(l->dc, 0);
	for (unsigned i = 1; i < 16; i++) {
		if (i == 7)
			continue; /* not the domain's */
		l->line[i] = testbed_line(l->m.tb, i, HV_IRQ_EDGE);
		assert_rc(hv_domain_map_pirq(testbed_hv_domain(l->dc), i, i, true), 0);
	}
	*state = l;
	return 0;
}

static int legacy_teardown(void **state)
{
	struct legacy *l = *state;
	unsigned leaked;

	testbed_on(NULL);
	leaked = testbed_destroy(l->m.tb);
	test_free(l);
	if (leaked)
		print_error("%u blocks are not given back\n", leaked);
	return leaked != 0;
}

#define legacy_test(f) cmocka_unit_test_setup_teardown(f, legacy_setup, legacy_teardown)

static void fire(struct legacy *l, unsigned line)
{
	testbed_line_set(l->line[line], true);
	testbed_run(l->m.tb);
}

static void bound_by_the_first_handler(void **state)
{
	struct legacy *l = *state;
	struct record r[2] = { RECORD, RECORD };

	guest_local_irq_enable(l->c);
	assert_int_equal(guest_irq_port(l->c, 5), 0);
	for (unsigned round = 0; round < 3; round++) {
		assert_rc(guest_request_irq(l->c, 5, record_run, GUEST_IRQF_SHARED, "a", &r[0]), 0);
		assert_rc(guest_request_irq(l->c, 5, record_run, GUEST_IRQF_SHARED, "b", &r[1]), 0);
		assert_status(l->vc, SELF, guest_irq_port(l->c, 5), "pirq vcpu=0 pirq=5");
		assert_true(testbed_line_enabled(l->line[5]));
		fire(l, 5);
		assert_int_equal(r[0].runs, 2 * round + 1);
		assert_int_equal(r[1].runs, round + 1);
		assert_int_equal(r[0].irq, 5);
		assert_int_equal(guest_irq_count(l->c, 5), 1);
		assert_rc(guest_free_irq(l->c, 5, &r[1]), 0);
		fire(l, 5);
		assert_int_equal(r[0].runs, 2 * round + 2);
		assert_rc(guest_free_irq(l->c, 5, &r[0]), 0);
		assert_int_equal(guest_irq_port(l->c, 5), 0);
		assert_false(testbed_line_enabled(l->line[5]));
		fire(l, 5);
		assert_int_equal(r[0].runs, 2 * round + 2);
	}
	assert_fails(guest_free_irq(l->c, 5, &r[0]), ENOENT);
	assert_fails(guest_unbind_irq(l->c, 5), EINVAL);
}

static void errors_leave_it_closed(void **state)
{
	struct legacy *l = *state;
	struct record r = RECORD, s = RECORD;

	assert_fails(guest_request_irq(l->c, 6, NULL, 0, "r", &r), EINVAL);
	assert_fails(guest_request_irq(l->c, 6, record_run, GUEST_IRQF_PERCPU, "r", &r), EINVAL);
	assert_int_equal(guest_irq_port(l->c, 6), 0);
	assert_false(testbed_line_enabled(l->line[6]));
	assert_rc(guest_request_irq(l->c, 6, record_run, 0, "r", &r), 0);
	assert_fails(guest_request_irq(l->c, 6, record_run, 0, "s", &s), EBUSY);
	guest_local_irq_enable(l->c);
	fire(l, 6);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_free_irq(l->c, 6, &r), 0);
	assert_false(testbed_line_enabled(l->line[6])); /* the one that failed left no reference */
	/* 0 is no IRQ here either */
	assert_fails(guest_request_irq(l->c, 0, record_run, 0, "r", &r), EINVAL);
	/* and a pirq that is not the domain's */
	assert_fails(guest_request_irq(l->c, 7, record_run, 0, "r", &r), EPERM);
	assert_int_equal(guest_irq_port(l->c, 7), 0);
}

static void two_is_nine(void **state)
{
	struct legacy *l = *state;
	struct record r = RECORD;

	guest_local_irq_enable(l->c);
	assert_rc(guest_request_irq(l->c, 2, record_run, 0, "r", &r), 0);
	assert_status(l->vc, SELF, guest_irq_port(l->c, 9), "pirq vcpu=0 pirq=9");
	fire(l, 2);
	assert_int_equal(r.runs, 0);
	fire(l, 9);
	assert_int_equal(r.runs, 1);
	assert_int_equal(r.irq, 9);
	assert_int_equal(guest_irq_count(l->c, 2), 1);
	assert_rc(guest_disable_irq(l->c, 9), 0);
	fire(l, 9);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_enable_irq(l->c, 2), 0);
	assert_int_equal(r.runs, 2);
	assert_int_equal(guest_bind_pirq_to_irq(l->c, 2, false), 9);
	assert_rc(guest_unbind_irq(l->c, 2), 0);
	assert_rc(guest_free_irq(l->c, 9, &r), 0);
	assert_false(testbed_line_enabled(l->line[9]));
}

/* Numbers handed out lie above, and those below are not handed out when they are closed. */
static void dynamic_ones_lie_above(void **state)
{
	struct legacy *l = *state;
	struct record r = RECORD;
	int irq;

	assert_rc(guest_request_irq(l->c, 3, record_run, 0, "r", &r), 0);
	assert_rc(guest_free_irq(l->c, 3, &r), 0);
	irq = guest_bind_ipi_to_irq(l->c, 0, 0);
	assert_int_equal(irq, 16);
	assert_int_equal(guest_alloc_irq(l->c), 17);
	/* bound by hand as well: its own number */
	irq = guest_bind_pirq_to_irqhandler(l->c, 4, record_run, 0, "r", &r);
	assert_int_equal(irq, 4);
	assert_rc(guest_unbind_from_irqhandler(l->c, 4, &r), 0);
	assert_int_equal(guest_irq_port(l->c, 4), 0);
	assert_int_equal(guest_bind_pirq_to_irq(l->c, 4, false), 4);
	assert_rc(guest_request_irq(l->c, 4, record_run, 0, "r", &r), 0);
	assert_rc(guest_free_irq(l->c, 4, &r), 0);
	assert_true(guest_irq_port(l->c, 4) > 0); /* held by hand */
	assert_rc(guest_unbind_irq(l->c, 4), 0);
	assert_int_equal(guest_irq_port(l->c, 4), 0);
}

static void free_itself(struct guest *g, unsigned irq, struct record *r)
{
	assert_rc(guest_free_irq(g, irq, r), 0);
	assert_int_equal(guest_irq_port(g, irq), 0);
}

static void closed_by_its_handler(void **state)
{
	struct legacy *l = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = free_itself };

	guest_local_irq_enable(l->c);
	for (unsigned i = 1; i <= 3; i++) {
		assert_rc(guest_request_irq(l->c, 11, record_run, 0, "r", &r), 0);
		fire(l, 11);
		assert_int_equal(r.runs, i);
		assert_false(testbed_line_enabled(l->line[11]));
	}
	assert_int_equal(guest_alloc_irq(l->c), 16);
}

struct seen {
	char text[8][128];
	unsigned n;
};

static void keep(void *arg, const char *line)
{
	struct seen *s = arg;

	assert_true(s->n < 8);
	strncpy(s->text[s->n++], line, 127);
}

static void shown_once(void **state)
{
	struct legacy *l = *state;
	struct record r = RECORD;
	struct seen s = { .n = 0 };

	assert_rc(guest_request_irq(l->c, 2, record_run, 0, "disk", &r), 0);
	guest_show_interrupts(l->c, keep, &s);
	assert_int_equal(s.n, 3); /* head, one, spurious */
	assert_int_equal(strncmp(s.text[1], "  9:", 4), 0);
	assert_non_null(strstr(s.text[1], "disk"));
	assert_rc(guest_free_irq(l->c, 2, &r), 0);
}

static void the_range_must_fit(void **state)
{
	struct legacy *l = *state;
	struct testbed_domain_config cfg = guests_config(3, 1);
	struct testbed_domain *d;
	int error = 0;

	cfg.nr_legacy_pirqs = 65; /* of 64 */
	assert_null(testbed_domain_create(l->m.tb, &cfg, &error));
	assert_int_equal(error, -XEN_EINVAL);
	/* up to 9 there is no second controller: 2 is 2 */
	cfg.nr_legacy_pirqs = 9;
	d = testbed_domain_create(l->m.tb, &cfg, NULL);
	assert_non_null(d);
	assert_non_null(testbed_line(l->m.tb, 20, HV_IRQ_EDGE));
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(d), 2, 20, false), 0);
	assert_int_equal(guest_bind_pirq_to_irq(testbed_guest(d), 2, false), 2);
	assert_int_equal(guest_bind_ipi_to_irq(testbed_guest(d), 0, 0), 9);
}

/* After a restore: each number once, though one has two names, and with the flow chosen for it. */
static void resumed(void **state)
{
	struct legacy *l = *state;
	struct record r[3] = { RECORD, RECORD, RECORD };
	static const unsigned irqs[] = { 3, 9, 12 };
	struct seen s = { .n = 0 };

	assert_int_equal(guest_bind_pirq_to_irq(l->c, 3, false), 3);
	assert_rc(guest_set_irq_flow(l->c, 3, GUEST_FLOW_FASTEOI), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_request_irq(l->c, irqs[i], record_run, 0, "r", &r[i]), 0);
	assert_rc(op_reset(l->vc, DOMID_SELF), 0);
	assert_rc(guest_resume(l->c), 0);
	guest_local_irq_enable(l->c);
	for (unsigned i = 0; i < 3; i++) {
		fire(l, irqs[i]);
		assert_int_equal(r[i].runs, 1);
	}
	guest_show_interrupts(l->c, keep, &s);
	assert_int_equal(s.n, 5);
	assert_non_null(strstr(s.text[1], "fasteoi"));
	assert_rc(guest_free_irq(l->c, 2, &r[1]), 0);
	assert_false(testbed_line_enabled(l->line[9]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		legacy_test(bound_by_the_first_handler),
		legacy_test(errors_leave_it_closed),
		legacy_test(two_is_nine),
		legacy_test(dynamic_ones_lie_above),
		legacy_test(closed_by_its_handler),
		legacy_test(shown_once),
		legacy_test(the_range_must_fit),
		legacy_test(resumed),
	};

	return cmocka_run_group_tests_name("guest_irq_legacy", tests, NULL, NULL);
}
