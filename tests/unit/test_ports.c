/* SPDX-License-Identifier: MIT */
/*
 * alloc_unbound, bind_interdomain and status: numbering, domids, bad ports, bad pointers,
 * exhaustion, buckets. The answers are those of real Xen 4.17 (scenarios 01, 02, 05, 19, 22).
 * Events on the ports are test_send.c.
 */
#include "bare.h"

static void alloc_numbers_from_one(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_alloc_unbound(b->v0, 0, 0), 3);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	assert_status(b->v0, 0, 3, "unbound vcpu=0 dom=0");
}

static void alloc_takes_any_remote(void **state)
{
	struct bare *b = *state;
	static const struct {
		unsigned remote;
		const char *status;
	} t[] = {
		{ 1, "unbound vcpu=0 dom=1" },
		{ DOMID_IO, "unbound vcpu=0 dom=32753" },
		{ DOMID_XEN, "unbound vcpu=0 dom=32754" },
		{ DOMID_INVALID, "unbound vcpu=0 dom=32756" },
		{ DOMID_IDLE, "unbound vcpu=0 dom=32767" },
		{ 0xffff, "unbound vcpu=0 dom=65535" },
	};

	for (unsigned i = 0; i < ALEN(t); i++) {
		assert_rc(op_alloc_unbound(b->v0, SELF, t[i].remote), i + 1);
		assert_status(b->v0, SELF, i + 1, t[i].status);
	}
}

static const unsigned no_domains[] = { 1,	  1000,		 0x7fef,     DOMID_IO, DOMID_XEN,
				       DOMID_COW, DOMID_INVALID, DOMID_IDLE, 0x8000,   0xffff };

static void no_such_domain(void **state)
{
	struct bare *b = *state;

	for (unsigned i = 0; i < ALEN(no_domains); i++) {
		assert_fails(op_alloc_unbound(b->v0, no_domains[i], 0), ESRCH);
		assert_fails(op_bind_interdomain(b->v0, no_domains[i], 1), ESRCH);
		assert_status(b->v0, no_domains[i], 1, "-3");
		assert_fails(op_reset(b->v0, no_domains[i]), ESRCH);
	}
	/* and none of them took a port */
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
}

static const enum testbed_where bad_places[] = { AT_NULL, AT_UNMAPPED, AT_NONCANON,
						 AT_XEN,  AT_TOP,      AT_STRADDLE };

static void bad_pointers_change_nothing(void **state)
{
	struct bare *b = *state;
	struct evtchn_status s;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	bare_map_gsi(b, 8, 8);
	for (unsigned i = 0; i < ALEN(bad_places); i++) {
#define FAULTS(call) (ops_at(b->v0, bad_places[i]), assert_fails(call, EFAULT))
		FAULTS(op_alloc_unbound(b->v0, SELF, SELF));
		FAULTS(op_bind_interdomain(b->v0, SELF, 1));
		FAULTS(op_bind_virq(b->v0, VIRQ_DEBUG, 0));
		FAULTS(op_bind_ipi(b->v0, 0));
		FAULTS(op_bind_pirq(b->v0, 8, 0));
		FAULTS(op_close(b->v0, 1));
		FAULTS(op_send(b->v0, 1));
		FAULTS(op_status(b->v0, SELF, 1, &s));
		FAULTS(op_bind_vcpu(b->v0, 1, 1));
		FAULTS(op_unmask(b->v0, 1));
		FAULTS(op_reset(b->v0, SELF));
	}
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 2);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 3);
	assert_status(b->v0, SELF, 4, "closed vcpu=0");
}

static void good_places(void **state)
{
	struct bare *b = *state;

	ops_at(b->v0, AT_EDGE);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	ops_at(b->v0, AT_UNALIGNED);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	ops_at(b->v0, AT_UNALIGNED);
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=0");
	ops_at(b->v0, AT_EDGE);
	assert_rc(op_close(b->v0, 2), 0);
	/* IN only: nothing is written back, so read-only is as good */
	ops_at(b->v0, AT_READONLY);
	assert_rc(op_send(b->v0, 1), 0);
	ops_at(b->v0, AT_READONLY);
	assert_rc(op_bind_vcpu(b->v0, 1, 1), 0);
	ops_at(b->v0, AT_READONLY);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_status(b->v0, SELF, 1, "unbound vcpu=1 dom=0");
	ops_at(b->v0, AT_READONLY);
	assert_rc(op_close(b->v0, 1), 0);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
}

/* The copy of the result fails, the operation stays done. */
static void failed_copy_out_stays_done(void **state)
{
	struct bare *b = *state;
	struct evtchn_status s;

	bare_map_gsi(b, 12, 12);
#define UNANSWERED(call) (ops_at(b->v0, AT_READONLY), assert_fails(call, EFAULT))
	UNANSWERED(op_alloc_unbound(b->v0, SELF, SELF));
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	UNANSWERED(op_bind_interdomain(b->v0, SELF, 1));
	assert_status(b->v0, SELF, 1, "interdomain vcpu=0 dom=0 port=2");
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=0 port=1");
	UNANSWERED(op_bind_virq(b->v0, VIRQ_DEBUG, 0));
	assert_status(b->v0, SELF, 3, "virq vcpu=0 virq=1");
	assert_fails(op_bind_virq(b->v0, VIRQ_DEBUG, 0), EEXIST);
	UNANSWERED(op_bind_ipi(b->v0, 1));
	assert_status(b->v0, SELF, 4, "ipi vcpu=1");
	UNANSWERED(op_bind_pirq(b->v0, 12, 0));
	assert_status(b->v0, SELF, 5, "pirq vcpu=0 pirq=12");
	assert_fails(op_bind_pirq(b->v0, 12, 0), EEXIST);
	UNANSWERED(op_status(b->v0, SELF, 1, &s));
	assert_rc(op_bind_ipi(b->v0, 0), 6);
}

static void lowest_free_port_first(void **state)
{
	struct bare *b = *state;

	for (long p = 1; p <= 17; p++)
		assert_rc(op_alloc_unbound(b->v0, SELF, SELF), p);
	assert_rc(op_close(b->v0, 16), 0);
	assert_rc(op_close(b->v0, 2), 0);
	assert_rc(op_close(b->v0, 5), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 5);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 16);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 18);
}

static void bind_loop(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 0,	20,	63,	    64,		4095,	   4096,
					131071, 131072, 0x7fffffff, 0x80000000, 0xffffffff };

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_status(b->v0, SELF, 1, "interdomain vcpu=0 dom=0 port=2");
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=0 port=1");
	/* only the binder's new port is pending */
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_upcall(b->v1, 0, 0);
	assert_fails(op_bind_interdomain(b->v0, SELF, 1), EINVAL);
	assert_fails(op_bind_interdomain(b->v0, SELF, 2), EINVAL);
	assert_fails(op_bind_interdomain(b->v0, 0, 1), EINVAL);
	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_fails(op_bind_interdomain(b->v0, SELF, bad[i]), EINVAL);
	assert_rc(op_alloc_unbound(b->v0, SELF, 0), 3);
}

static void bind_wrong_kinds(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 8, 8);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 3);
	assert_rc(op_alloc_unbound(b->v0, SELF, 1), 4);
	for (uint32_t p = 1; p <= 4; p++)
		assert_fails(op_bind_interdomain(b->v0, SELF, p), EINVAL);
	assert_status(b->v0, SELF, 4, "unbound vcpu=0 dom=1");
	assert_rc(op_alloc_unbound(b->v0, SELF, 0), 5);
	assert_rc(op_bind_interdomain(b->v0, 0, 5), 6);
}

static void status_of_bad_ports(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 64,	4095,	    4096,	131071,
					131072, 0x7fffffff, 0x80000000, 0xffffffff };
	struct testbed_domain *d1;

	assert_status(b->v0, SELF, 0, "closed vcpu=0");
	assert_status(b->v0, SELF, 63, "closed vcpu=0");
	assert_status(b->v0, 0, 0, "closed vcpu=0");
	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_status(b->v0, SELF, bad[i], "-22");
	d1 = bare_domain(b, 1, false);
	assert_status(b->v0, 1, 0, "closed vcpu=0");
	assert_status(b->v0, 1, 63, "closed vcpu=0");
	assert_status(b->v0, 1, 64, "-22");
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_rc(op_alloc_unbound(b->v0, 1, SELF), 2);
	assert_rc(op_alloc_unbound(b->v0, 1, 1), 3);
	assert_status(b->v0, 1, 2, "unbound vcpu=0 dom=0");
	assert_status(b->v0, 1, 3, "unbound vcpu=0 dom=1");
	testbed_domain_destroy(d1);
}

static void exhaustion(void **state)
{
	struct bare *b = *state;

	for (long p = 1; p <= 4095; p++)
		assert_rc(op_alloc_unbound(b->v0, SELF, SELF), p);
	assert_fails(op_alloc_unbound(b->v0, SELF, SELF), ENOSPC);
	assert_fails(op_bind_ipi(b->v0, 0), ENOSPC);
	assert_fails(op_bind_virq(b->v0, VIRQ_DEBUG, 0), ENOSPC);
	/* room is looked for before the remote port is */
	assert_fails(op_bind_interdomain(b->v0, SELF, 1), ENOSPC);
	assert_fails(op_bind_interdomain(b->v0, SELF, 4096), ENOSPC);
	assert_status(b->v0, SELF, 4095, "unbound vcpu=0 dom=0");
	assert_status(b->v0, SELF, 4096, "-22");
	assert_fails(op_close(b->v0, 4096), EINVAL);
	assert_rc(op_close(b->v0, 2000), 0);
	assert_rc(op_close(b->v0, 1000), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1000);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2000);
	mem_clear_upcall(b->v0);
	mem_set_pending(b->d0, 2000, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 2000, 1, 0);
	assert_upcall(b->v0, 1, 0x80000000);
	assert_rc(op_close(b->v0, 4095), 0);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 4095);
	assert_fails(op_bind_virq(b->v0, VIRQ_TIMER, 0), ENOSPC);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_status(b->v0, SELF, 4095, "closed vcpu=0");
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
}

static void port_limit_of_a_domain(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .max_evtchn_port = 10 }, NULL);
	struct testbed_domain *d3 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 3, .max_evtchn_port = 64 }, NULL);

	assert_non_null(d1);
	assert_non_null(d3);
	for (long p = 1; p <= 10; p++)
		assert_rc(op_alloc_unbound(b->v0, 1, 0), p);
	assert_fails(op_alloc_unbound(b->v0, 1, 0), ENOSPC);
	assert_status(b->v0, 1, 10, "unbound vcpu=0 dom=0");
	assert_status(b->v0, 1, 11, "closed vcpu=0");
	assert_rc(op_bind_interdomain(b->v0, 1, 10), 1);
	assert_fails(op_bind_interdomain(b->v0, 1, 11), EINVAL);
	for (long p = 1; p <= 64; p++)
		assert_rc(op_alloc_unbound(b->v0, 3, 0), p);
	assert_fails(op_alloc_unbound(b->v0, 3, 0), ENOSPC);
	assert_status(b->v0, 3, 64, "unbound vcpu=0 dom=0");
	assert_status(b->v0, 3, 65, "closed vcpu=0");
	assert_status(b->v0, 3, 128, "-22");
}

static void no_port_at_all(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d2 = testbed_domain_create(
		b->tb,
		&(struct testbed_domain_config){ .id = 2, .max_evtchn_port = HV_NO_EVTCHN_PORTS },
		NULL);

	assert_non_null(d2);
	assert_fails(op_alloc_unbound(b->v0, 2, 0), ENOSPC);
	assert_fails(op_bind_ipi(testbed_vcpu(d2, 0), 0), ENOSPC);
	assert_status(b->v0, 2, 1, "closed vcpu=0");
}

/* Ports are valid by the 64 that were needed so far. */
static void buckets(void **state)
{
	struct bare *b = *state;

	for (long p = 1; p <= 63; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_status(b->v0, SELF, 64, "-22");
	/* the failing bind needs the next bucket all the same */
	assert_fails(op_bind_interdomain(b->v0, SELF, 64), EINVAL);
	assert_status(b->v0, SELF, 64, "closed vcpu=0");
	assert_status(b->v0, SELF, 127, "closed vcpu=0");
	assert_status(b->v0, SELF, 128, "-22");
	assert_rc(op_bind_ipi(b->v0, 1), 64);
	assert_rc(op_send(b->v0, 64), 0);
	assert_bits(b->d0, 64, 1, 0);
	assert_upcall(b->v1, 1, 2);
	assert_fails(op_close(b->v0, 127), EINVAL);
	assert_fails(op_close(b->v0, 128), EINVAL);
	assert_rc(op_unmask(b->v0, 127), 0);
	assert_fails(op_unmask(b->v0, 128), EINVAL);
	assert_fails(op_send(b->v0, 127), EINVAL);
	assert_fails(op_send(b->v0, 128), EINVAL);
	assert_fails(op_bind_vcpu(b->v0, 127, 0), EINVAL);
	assert_fails(op_poll_end(b->v0, 127, 100 * TESTBED_MS), EINVAL);
	assert_fails(op_poll_end(b->v0, 128, 100 * TESTBED_MS), EINVAL);
	for (uint32_t p = 1; p <= 64; p++)
		assert_rc(op_close(b->v0, p), 0);
	assert_status(b->v0, SELF, 127, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

static void out_of_memory_leaves_no_port(void **state)
{
	struct bare *b = *state;
	unsigned blocks;

	for (long p = 1; p <= 255; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	blocks = testbed_blocks(b->tb);
	testbed_fail_alloc(b->tb, 0);
	assert_fails(op_bind_ipi(b->v0, 0), ENOMEM);
	testbed_fail_alloc(b->tb, UINT64_MAX);
	assert_int_equal(testbed_blocks(b->tb), blocks);
	assert_status(b->v0, SELF, 256, "-22");
	assert_rc(op_bind_ipi(b->v0, 0), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(alloc_numbers_from_one),
		bare_test(alloc_takes_any_remote),
		bare_test(no_such_domain),
		bare_test(bad_pointers_change_nothing),
		bare_test(good_places),
		bare_test(failed_copy_out_stays_done),
		bare_test(lowest_free_port_first),
		bare_test(bind_loop),
		bare_test(bind_wrong_kinds),
		bare_test(status_of_bad_ports),
		bare_test(exhaustion),
		bare_test(port_limit_of_a_domain),
		bare_test(no_port_at_all),
		bare_test(buckets),
		bare_test(out_of_memory_leaves_no_port),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
