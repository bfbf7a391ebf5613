/* SPDX-License-Identifier: MIT */
/*
 * pirqs and the lines below them: binding (scenario 08), level and edge flow, sharing, a domain
 * that dies while it holds a line. The controller's calls are letters: S startup, D shutdown, A
 * ack, M mask, U unmask.
 */
#include <xen/physdev.h>

#include "bare.h"

static void bind_pirq(void **state)
{
	struct bare *b = *state;
	static const uint32_t unmapped[] = { 0, 1, 8, 23, 24, 439 };
	static const uint32_t bad[] = { 440, 1000, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < ALEN(unmapped); i++)
		assert_fails(op_bind_pirq(b->v0, unmapped[i], 0), EPERM);
	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_fails(op_bind_pirq(b->v0, bad[i], 0), EINVAL);
	bare_map_gsi(b, 8, 8);
	bare_map_gsi(b, 12, 12);
	bare_map_gsi(b, 5, 16);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 1);
	assert_status(b->v0, SELF, 1, "pirq vcpu=0 pirq=8");
	assert_fails(op_bind_pirq(b->v0, 8, 0), EEXIST);
	assert_fails(op_bind_pirq(b->v0, 8, 1), EEXIST);
	assert_rc(op_bind_pirq(b->v0, 12, BIND_PIRQ__WILL_SHARE), 2);
	assert_rc(op_bind_pirq(b->v0, 16, 0xfffffffe), 3);
	assert_status(b->v0, SELF, 3, "pirq vcpu=0 pirq=16");
	assert_fails(op_send(b->v0, 1), EINVAL);
	assert_rc(op_bind_vcpu(b->v0, 2, 1), 0);
	assert_fails(op_bind_vcpu(b->v0, 1, 2), ENOENT);
	assert_status(b->v0, SELF, 2, "pirq vcpu=1 pirq=12");
	assert_rc(op_close(b->v0, 2), 0);
	assert_rc(op_bind_pirq(b->v0, 12, 0), 2);
	assert_status(b->v0, SELF, 2, "pirq vcpu=0 pirq=12");
}

static void mapping(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d0 = testbed_hv_domain(b->d0);
	struct testbed_domain *t1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);
	struct hv_domain *d1 = testbed_hv_domain(t1);

	assert_fails(hv_domain_map_pirq(d0, 1, HV_MAX_LINES, false), EINVAL);
	assert_non_null(testbed_line(b->tb, 9, HV_IRQ_LEVEL));
	assert_null(testbed_line(b->tb, 9, HV_IRQ_EDGE)); /* -EBUSY */
	assert_null(testbed_line(b->tb, HV_MAX_LINES, HV_IRQ_EDGE));
	assert_fails(hv_domain_map_pirq(d0, 440, 9, false), EINVAL);
	assert_rc(hv_domain_map_pirq(d0, 1, 9, false), 0);
	assert_fails(hv_domain_map_pirq(d1, 1, 9, false), EBUSY);
	assert_fails(hv_domain_map_pirq(d1, 1, 9, true), EBUSY);
	assert_non_null(testbed_line(b->tb, 10, HV_IRQ_LEVEL));
	assert_fails(hv_domain_map_pirq(d0, 1, 10, false), EEXIST);
	assert_rc(hv_domain_map_pirq(d0, 2, 10, true), 0);
	assert_fails(hv_domain_map_pirq(d1, 2, 10, false), EBUSY);
	assert_rc(hv_domain_map_pirq(d1, 2, 10, true), 0);
	/* a dead domain's mapping is free again */
	testbed_domain_destroy(t1);
	assert_rc(op_bind_pirq(b->v0, 2, BIND_PIRQ__WILL_SHARE), 1);
}

struct level {
	struct testbed_line *line;
	long port;
};

static void level_bind(struct bare *b, struct level *l)
{
	l->line = testbed_line(b->tb, 4, HV_IRQ_LEVEL);
	assert_non_null(l->line);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 4, 4, false), 0);
	assert_string_equal(testbed_line_log(l->line), "");
	l->port = op_bind_pirq(b->v0, 4, 0);
	assert_rc(l->port, 1);
	assert_string_equal(testbed_line_log(l->line), "S");
	assert_true(testbed_line_enabled(l->line));
}

static void level_flow(void **state)
{
	struct bare *b = *state;
	struct level l;
	const char *log;

	level_bind(b, &l);
	testbed_line_set(l.line, true);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	log = testbed_line_log(l.line);
	assert_true(!strcmp(log, "MA") || !strcmp(log, "AM"));
	assert_false(testbed_line_enabled(l.line));
	/* the guest serves the device, then eois: unmasked, and quiet because it is not asserted */
	mem_set_pending(b->d0, 1, false);
	mem_clear_upcall(b->v0);
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_string_equal(testbed_line_log(l.line), "U");
	assert_true(testbed_line_enabled(l.line));
	assert_bits(b->d0, 1, 0, 0);
	/* an eoi that nobody waits for does nothing */
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_string_equal(testbed_line_log(l.line), "");
	assert_rc(op_close(b->v0, 1), 0);
	assert_string_equal(testbed_line_log(l.line), "D");
}

static void level_again_while_asserted(void **state)
{
	struct bare *b = *state;
	struct level l;

	level_bind(b, &l);
	testbed_line_set(l.line, true);
	testbed_line_log(l.line);
	mem_set_pending(b->d0, 1, false);
	mem_clear_upcall(b->v0);
	/* eoi before the device is served: delivered again at once */
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_false(testbed_line_enabled(l.line));
	testbed_line_set(l.line, false);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_true(testbed_line_enabled(l.line));
	assert_bits(b->d0, 1, 0, 0);
}

static void level_raised_while_masked(void **state)
{
	struct bare *b = *state;
	struct level l;

	level_bind(b, &l);
	testbed_line_set(l.line, true);
	mem_set_pending(b->d0, 1, false);
	testbed_line_log(l.line);
	/* a controller's late second raise is no second event */
	testbed_line_set(l.line, true);
	assert_bits(b->d0, 1, 0, 0);
	assert_false(testbed_line_enabled(l.line));
	testbed_line_set(l.line, false);
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_true(testbed_line_enabled(l.line));
}

static void level_before_anybody(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 4, 4, false), 0);
	testbed_line_set(l, true); /* nobody is bound */
	testbed_line_log(l);
	assert_false(testbed_line_enabled(l));
	/* binding finds it asserted */
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	assert_bits(b->d0, 1, 1, 0);
	/* and closing with it in service shuts the line down; the next bind delivers again */
	assert_rc(op_close(b->v0, 1), 0);
	assert_false(testbed_line_enabled(l));
	assert_bits(b->d0, 1, 0, 0);
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	assert_bits(b->d0, 1, 1, 0);
	testbed_line_set(l, false);
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_true(testbed_line_enabled(l));
}

static void edge_flow(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 3, HV_IRQ_EDGE);

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 3, 3, false), 0);
	assert_rc(op_bind_pirq(b->v0, 3, 0), 1);
	assert_string_equal(testbed_line_log(l), "S");
	for (int i = 0; i < 3; i++) {
		testbed_line_set(l, true);
		assert_bits(b->d0, 1, 1, 0);
		assert_upcall(b->v0, 1, 1);
		assert_string_equal(testbed_line_log(l), "A");
		mem_set_pending(b->d0, 1, false);
		mem_clear_upcall(b->v0);
	}
	/* two edges before the guest looks are one event */
	testbed_line_set(l, true);
	testbed_line_set(l, true);
	assert_string_equal(testbed_line_log(l), "AA");
	assert_bits(b->d0, 1, 1, 0);
	assert_true(testbed_line_enabled(l));
	/* masked by the guest: kept */
	mem_set_pending(b->d0, 1, false);
	mem_clear_upcall(b->v0);
	mem_set_masked(b->d0, 1, true);
	testbed_line_set(l, true);
	assert_upcall(b->v0, 0, 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_upcall(b->v0, 1, 1);
}

static long query(struct testbed_vcpu *v, uint32_t pirq, uint32_t *flags)
{
	struct physdev_irq_status_query q = { .irq = pirq, .flags = 0xa5a5a5a5 };
	long rc = op_physdev(v, PHYSDEVOP_irq_status_query, &q, sizeof(q));

	*flags = q.flags;
	return rc;
}

static void physdev(void **state)
{
	struct bare *b = *state;
	struct testbed_line *e = testbed_line(b->tb, 3, HV_IRQ_EDGE);
	struct level l;
	uint32_t flags;

	assert_non_null(e);
	level_bind(b, &l);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 3, 3, false), 0);
	assert_rc(op_bind_pirq(b->v0, 3, 0), 2);
	assert_rc(query(b->v0, 4, &flags), 0);
	assert_true(flags & XENIRQSTAT_needs_eoi);
	assert_rc(query(b->v0, 3, &flags), 0);
	assert_fails(query(b->v0, 440, &flags), EINVAL);
	assert_fails(op_eoi(b->v0, 440), EINVAL);
	assert_fails(op_eoi(b->v0, UINT32_MAX), EINVAL);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_eoi, 0), EFAULT);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, 9999, 0), ENOSYS);
}

struct shared {
	struct testbed_domain *d1;
	struct testbed_vcpu *v;
	struct testbed_line *line;
};

/* Line 6 is pirq 6 of domain 0 and pirq 7 of domain 1, bound by both: ports 1. */
static void share(struct bare *b, struct shared *s)
{
	s->d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);
	s->v = testbed_vcpu(s->d1, 0);
	s->line = testbed_line(b->tb, 6, HV_IRQ_LEVEL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 6, 6, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(s->d1), 7, 6, true), 0);
	assert_rc(op_bind_pirq(b->v0, 6, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(op_bind_pirq(s->v, 7, BIND_PIRQ__WILL_SHARE), 1);
	assert_string_equal(testbed_line_log(s->line), "S");
}

static void sharing(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	testbed_line_set(s.line, true);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(s.d1, 1, 1, 0);
	mem_set_pending(b->d0, 1, false);
	mem_set_pending(s.d1, 1, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_false(testbed_line_enabled(s.line)); /* the other one has not */
	assert_rc(op_eoi(b->v0, 6), 0);		    /* nor does a second eoi count for it */
	assert_false(testbed_line_enabled(s.line));
	testbed_line_set(s.line, false);
	assert_rc(op_eoi(s.v, 7), 0);
	assert_true(testbed_line_enabled(s.line));
	assert_bits(b->d0, 1, 0, 0);
	/* one of them leaves while in service: its eoi is not waited for */
	testbed_line_set(s.line, true);
	testbed_line_set(s.line, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_false(testbed_line_enabled(s.line));
	assert_rc(op_close(s.v, 1), 0);
	assert_true(testbed_line_enabled(s.line));
	/* the last one */
	testbed_line_log(s.line);
	assert_rc(op_close(b->v0, 1), 0);
	assert_string_equal(testbed_line_log(s.line), "D");
}

static void sharing_refused(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	assert_rc(op_close(s.v, 1), 0);
	/* one holds it without sharing, or wants it so: busy */
	assert_fails(op_bind_pirq(s.v, 7, 0), EBUSY);
	assert_status(s.v, SELF, 1, "closed vcpu=0");
	assert_rc(op_close(b->v0, 1), 0);
	assert_rc(op_bind_pirq(b->v0, 6, 0), 1);
	assert_fails(op_bind_pirq(s.v, 7, BIND_PIRQ__WILL_SHARE), EBUSY);
	assert_rc(op_close(b->v0, 1), 0);
	assert_rc(op_bind_pirq(s.v, 7, 0), 1);
}

static void a_holder_dies(void **state)
{
	struct bare *b = *state;
	struct shared s;

	share(b, &s);
	testbed_line_set(s.line, true);
	testbed_line_set(s.line, false);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_false(testbed_line_enabled(s.line));
	testbed_domain_destroy(s.d1);
	assert_true(testbed_line_enabled(s.line));
	testbed_line_set(s.line, true);
	assert_bits(b->d0, 1, 1, 0);
	/* the only holder dies: shut down */
	testbed_line_log(s.line);
	testbed_domain_destroy(b->d0);
	assert_false(testbed_line_enabled(s.line));
	hv_irq_raise(testbed_hv(b->tb), 6);
}

static void spurious_lines(void **state)
{
	struct bare *b = *state;

	/* never described, out of range: nothing happens */
	hv_irq_raise(testbed_hv(b->tb), 77);
	hv_irq_raise(testbed_hv(b->tb), HV_MAX_LINES);
	hv_irq_raise(testbed_hv(b->tb), UINT32_MAX);
	assert_upcall(b->v0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(bind_pirq),
		bare_test(mapping),
		bare_test(level_flow),
		bare_test(level_again_while_asserted),
		bare_test(level_raised_while_masked),
		bare_test(level_before_anybody),
		bare_test(edge_flow),
		bare_test(physdev),
		bare_test(sharing),
		bare_test(sharing_refused),
		bare_test(a_holder_dies),
		bare_test(spurious_lines),
	};

	return cmocka_run_group_tests_name("pirq", tests, NULL, NULL);
}
