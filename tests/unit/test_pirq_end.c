/* SPDX-License-Identifier: MIT */
/*
 * A shared level line and domains that have shut down but are not destroyed yet: they will never
 * eoi, so nobody may wait for them, and whoever is alive keeps getting the line.
 */
#include "bare.h"

struct shared {
	struct testbed_domain *d1;
	struct testbed_vcpu *v;
	struct testbed_line *line;
};

static void share(struct bare *b, struct shared *s)
{
	s->d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);
	s->v = testbed_vcpu(s->d1, 0);
	s->line = testbed_line(b->tb, 6, HV_IRQ_LEVEL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 6, 6, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(s->d1), 7, 6, true), 0);
	assert_rc(op_bind_pirq(s->v, 7, BIND_PIRQ__WILL_SHARE), 1);
}

/* The level is served by one of them, the other crashes before its eoi. */
static void crash_in_service(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	assert_rc(op_bind_pirq(b->v0, 6, BIND_PIRQ__WILL_SHARE), 1);
	testbed_line_set(s.line, true);
	testbed_line_set(s.line, false);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_false(testbed_line_enabled(s.line));
	hv_domain_crash(testbed_hv_domain(s.d1));
	assert_true(testbed_line_enabled(s.line));
	/* and the next ones are for the living alone */
	for (unsigned i = 0; i < 3; i++) {
		testbed_line_set(s.line, true);
		assert_bits(b->d0, 1, 1, 0);
		assert_false(testbed_line_enabled(s.line));
		mem_set_pending(b->d0, 1, false);
		testbed_line_set(s.line, false);
		assert_rc(op_eoi(b->v0, 6), 0);
		assert_true(testbed_line_enabled(s.line));
	}
}

/* Asserted all the while: the crash unmasks, and the living gets it again. */
static void crash_while_asserted(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	assert_rc(op_bind_pirq(b->v0, 6, BIND_PIRQ__WILL_SHARE), 1);
	testbed_line_set(s.line, true);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	hv_domain_crash(testbed_hv_domain(s.d1));
	assert_bits(b->d0, 1, 1, 0);
	testbed_line_set(s.line, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_true(testbed_line_enabled(s.line));
}

/* Raised when only the dead had it: who binds later finds it. */
static void bound_after_a_crash(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	hv_domain_crash(testbed_hv_domain(s.d1));
	testbed_line_set(s.line, true);
	assert_false(testbed_line_enabled(s.line));
	assert_rc(op_bind_pirq(b->v0, 6, BIND_PIRQ__WILL_SHARE), 1);
	assert_bits(b->d0, 1, 1, 0);
	testbed_line_set(s.line, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_true(testbed_line_enabled(s.line));
	testbed_domain_destroy(s.d1);
	assert_true(testbed_line_enabled(s.line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(crash_in_service),
		bare_test(crash_while_asserted),
		bare_test(bound_after_a_crash),
	};

	return cmocka_run_group_tests_name("pirqs of the dead", tests, NULL, NULL);
}
