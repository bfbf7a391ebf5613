/* SPDX-License-Identifier: MIT */
/*
 * Level lines whose guests are alive and do not eoi, or do so too late: the eoi is forced when its
 * time is over, the others go on, and the late one ends nobody else's service. Time is virtual.
 */
#include "bare.h"

#define LINE	6u
#define TIMEOUT TESTBED_MS /* the hypervisor's at first */

struct level {
	struct testbed_domain *d1;
	struct testbed_vcpu *v1; /* of d1 */
	struct testbed_line *line;
};

/* Line 6 is pirq 6 of domain 0 and of domain 1; bound by both as port 1. */
static void share(struct bare *b, struct level *l)
{
	l->d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);
	l->v1 = testbed_vcpu(l->d1, 0);
	l->line = testbed_line(b->tb, LINE, HV_IRQ_LEVEL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), LINE, LINE, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(l->d1), LINE, LINE, true), 0);
	assert_rc(op_bind_pirq(b->v0, LINE, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(op_bind_pirq(l->v1, LINE, BIND_PIRQ__WILL_SHARE), 1);
	testbed_line_log(l->line);
}

/* The domain sees its event and takes it. */
static void take(struct testbed_domain *d)
{
	assert_bits(d, 1, 1, 0);
	mem_set_pending(d, 1, false);
}

/* One that never eois does not stop the other. */
static void forced(void **state)
{
	struct bare *b = *state;
	uint64_t now = testbed_now(b->tb);
	struct level l;

	share(b, &l);
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	testbed_line_set(l.line, true);
	assert_int_equal(testbed_line_deadline(b->tb), now + TIMEOUT);
	testbed_line_set(l.line, false);
	take(b->d0);
	assert_rc(op_eoi(b->v0, LINE), 0);
	testbed_advance(b->tb, TIMEOUT - 1);
	assert_false(testbed_line_enabled(l.line));
	testbed_advance(b->tb, 1);
	assert_string_equal(testbed_line_log(l.line), "MAU");
	assert_true(testbed_line_enabled(l.line));
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	/* and the next one comes */
	testbed_line_set(l.line, true);
	take(b->d0);
}

/* Nobody eois, and it stays asserted: delivered again each time, nothing is counted twice. */
static void fires_again(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	for (unsigned i = 0; i < 3; i++) {
		take(b->d0);
		take(l.d1);
		assert_string_equal(testbed_line_log(l.line), i ? "UMA" : "MA");
		testbed_advance(b->tb, TIMEOUT);
	}
	testbed_line_set(l.line, false);
	testbed_advance(b->tb, TIMEOUT);
	assert_true(testbed_line_enabled(l.line));
	assert_int_equal(testbed_next(b->tb), HV_NEVER);
}

/* An eoi in time: the deadline passes and does nothing. */
static void in_time(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, LINE), 0);
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_string_equal(testbed_line_log(l.line), "MAU");
	testbed_advance(b->tb, TIMEOUT / 2);
	/* another service, that began later, has its own time */
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	testbed_advance(b->tb, TIMEOUT / 2);
	assert_false(testbed_line_enabled(l.line));
	testbed_advance(b->tb, TIMEOUT / 2);
	assert_true(testbed_line_enabled(l.line));
	assert_string_equal(testbed_line_log(l.line), "MAU");
}

/*
 * Domain 1 took the first event and is slow. When it eois at last, the line is in service again,
 * and domain 1 has not looked at that yet.
 */
static void late(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	take(b->d0);
	take(l.d1);
	assert_rc(op_eoi(b->v0, LINE), 0);
	testbed_advance(b->tb, TIMEOUT); /* forced; asserted still */
	take(b->d0);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, LINE), 0);
	assert_rc(op_eoi(l.v1, LINE), 0); /* for the first */
	assert_false(testbed_line_enabled(l.line));
	take(l.d1);
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_true(testbed_line_enabled(l.line));
	/* nothing of it is left */
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, LINE), 0);
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_true(testbed_line_enabled(l.line));
}

/* A late eoi when nothing is in service: it ends nothing, and nothing goes below 0. */
static void late_for_nothing(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	take(l.d1);
	testbed_advance(b->tb, TIMEOUT);
	assert_true(testbed_line_enabled(l.line));
	testbed_line_log(l.line);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(op_eoi(l.v1, LINE), 0);
	assert_string_equal(testbed_line_log(l.line), "");
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	assert_false(testbed_line_enabled(l.line));
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_false(testbed_line_enabled(l.line)); /* domain 0 has it */
}

/* The first event was never taken: the two are one, and one eoi is for both. */
static void merged(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	take(b->d0);
	assert_rc(op_eoi(b->v0, LINE), 0);
	testbed_advance(b->tb, TIMEOUT);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, LINE), 0);
	take(l.d1);
	assert_false(testbed_line_enabled(l.line));
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_true(testbed_line_enabled(l.line));
}

/* A guest that lost one eoi for good is one timeout behind once, not for ever. */
static void lost_for_good(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	take(b->d0);
	take(l.d1); /* and no eoi */
	assert_rc(op_eoi(b->v0, LINE), 0);
	testbed_advance(b->tb, TIMEOUT);
	for (unsigned i = 0; i < 3; i++) {
		testbed_line_set(l.line, true);
		testbed_line_set(l.line, false);
		take(b->d0);
		take(l.d1);
		assert_rc(op_eoi(b->v0, LINE), 0);
		assert_rc(op_eoi(l.v1, LINE), 0);
		assert_int_equal(testbed_line_enabled(l.line), i > 0);
		testbed_advance(b->tb, TIMEOUT);
		assert_true(testbed_line_enabled(l.line));
	}
}

static void another_timeout(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct level l;

	share(b, &l);
	assert_fails(hv_set_eoi_timeout(hv, 0), EINVAL);
	assert_rc(hv_set_eoi_timeout(hv, 5 * TIMEOUT), 0);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	testbed_advance(b->tb, 5 * TIMEOUT - 1);
	assert_false(testbed_line_enabled(l.line));
	testbed_advance(b->tb, 1);
	assert_true(testbed_line_enabled(l.line));
	/* never; and so far away that it overflows */
	assert_rc(hv_set_eoi_timeout(hv, HV_NEVER), 0);
	testbed_line_set(l.line, true);
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
	assert_rc(op_eoi(b->v0, LINE), 0);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_true(testbed_line_enabled(l.line));
	assert_rc(hv_set_eoi_timeout(hv, HV_NEVER - 1), 0);
	testbed_line_set(l.line, true);
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
}

/* hv_irq_timer at any time looks at the clock, and arms the next deadline again. */
static void called_early(void **state)
{
	struct bare *b = *state;
	uint64_t now = testbed_now(b->tb);
	struct testbed_line *other;
	struct level l;

	share(b, &l);
	other = testbed_line(b->tb, 7, HV_IRQ_LEVEL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 7, 7, false), 0);
	assert_rc(op_bind_pirq(b->v0, 7, 0), 2);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	testbed_advance(b->tb, TIMEOUT / 2);
	testbed_line_set(other, true);
	testbed_line_set(other, false);
	hv_irq_timer(testbed_hv(b->tb));
	assert_false(testbed_line_enabled(l.line));
	assert_int_equal(testbed_line_deadline(b->tb), now + TIMEOUT);
	testbed_advance(b->tb, TIMEOUT / 2);
	assert_true(testbed_line_enabled(l.line));
	assert_false(testbed_line_enabled(other));
	assert_int_equal(testbed_line_deadline(b->tb), now + TIMEOUT + TIMEOUT / 2);
	testbed_advance(b->tb, TIMEOUT / 2);
	assert_true(testbed_line_enabled(other));
}

/* It unbinds, or dies, between: its late eoi went with it. */
static void gone_before_its_eoi(void **state)
{
	struct bare *b = *state;
	struct level l;

	share(b, &l);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	take(l.d1);
	testbed_advance(b->tb, TIMEOUT);
	assert_rc(op_close(l.v1, 1), 0);
	assert_rc(op_bind_pirq(l.v1, LINE, BIND_PIRQ__WILL_SHARE), 1);
	testbed_line_set(l.line, true);
	testbed_line_set(l.line, false);
	take(l.d1);
	assert_rc(op_eoi(b->v0, LINE), 0);
	assert_rc(op_eoi(l.v1, LINE), 0);
	assert_true(testbed_line_enabled(l.line));
	testbed_line_set(l.line, true);
	testbed_domain_destroy(l.d1);
	testbed_line_set(l.line, false);
	testbed_advance(b->tb, TIMEOUT);
	assert_true(testbed_line_enabled(l.line));
}

/* Edges and per-CPU lines are not waited for. */
static void edges_have_no_deadline(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 3, 3);
	assert_rc(op_bind_pirq(b->v0, 3, 0), 1);
	hv_irq_raise(testbed_hv(b->tb), 3);
	assert_bits(b->d0, 1, 1, 0);
	assert_int_equal(testbed_line_deadline(b->tb), HV_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(forced),
		bare_test(fires_again),
		bare_test(in_time),
		bare_test(late),
		bare_test(late_for_nothing),
		bare_test(merged),
		bare_test(lost_for_good),
		bare_test(another_timeout),
		bare_test(called_early),
		bare_test(gone_before_its_eoi),
		bare_test(edges_have_no_deadline),
	};

	return cmocka_run_group_tests_name("forced eois", tests, NULL, NULL);
}
