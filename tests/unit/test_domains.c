/* SPDX-License-Identifier: MIT */
/*
 * Two domains and more: who may do what to whom, channels between them, reset, a domain's death
 * (scenarios 11, 17, 20, 21, 24, 27, 33). What happens within one domain is in the other files.
 */
#include "bare.h"

static void channel_of_two(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	assert_rc(op_alloc_unbound(b->v0, SELF, 5), 1); /* so that the two port numbers differ */
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_status(v, SELF, 1, "unbound vcpu=0 dom=0");
	assert_status(v, 1, 1, "unbound vcpu=0 dom=0");
	assert_rc(op_send(v, 1), 0);
	/* reserved for domain 0 */
	assert_fails(op_bind_interdomain(v, SELF, 1), EINVAL);
	assert_fails(op_bind_interdomain(v, 1, 1), EINVAL);
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 2);
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=1 port=1");
	assert_status(v, SELF, 1, "interdomain vcpu=0 dom=0 port=2");
	assert_bits(b->d0, 2, 1, 0);
	assert_bits(d1, 1, 0, 0);
	mem_set_pending(b->d0, 2, false);
	mem_clear_upcall(b->v0);
	assert_rc(op_send(v, 1), 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_upcall(v, 0, 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_bits(d1, 1, 1, 0);
	assert_upcall(v, 1, 1);
	/* whoever closes, the other is unbound and names the closer */
	assert_rc(op_close(b->v0, 2), 0);
	assert_status(v, SELF, 1, "unbound vcpu=0 dom=0");
	assert_rc(op_send(v, 1), 0);
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 2);
	assert_rc(op_close(v, 1), 0);
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=1");
	assert_fails(op_bind_interdomain(b->v0, SELF, 2), EINVAL);
	assert_rc(op_bind_interdomain(v, 0, 2), 1);
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=1 port=1");
}

static void unprivileged(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	assert_rc(op_alloc_unbound(b->v0, SELF, 1), 1);
	assert_fails(op_alloc_unbound(v, 0, SELF), EPERM);
	assert_fails(op_alloc_unbound(v, 0, 1), EPERM);
	assert_fails(op_alloc_unbound(v, 5, SELF), ESRCH);
	assert_fails(op_alloc_unbound(v, DOMID_INVALID, SELF), ESRCH);
	assert_status(v, 0, 1, "-1");
	assert_status(v, 0, 0, "-1");
	assert_status(v, 0, UINT32_MAX, "-22"); /* the port is looked at first */
	assert_status(v, 5, 1, "-3");
	assert_fails(op_reset(v, 0), EPERM);
	assert_fails(op_reset(v, 5), ESRCH);
	assert_fails(op_bind_pirq(v, 0, 0), EINVAL); /* it has no pirqs at all */
	assert_fails(op_bind_pirq(v, 100000, 0), EINVAL);
	/* its own number is as good as DOMID_SELF */
	assert_rc(op_alloc_unbound(v, 1, 1), 1);
	assert_rc(op_bind_interdomain(v, 1, 1), 2);
	assert_status(v, 1, 2, "interdomain vcpu=0 dom=1 port=1");
	assert_rc(op_bind_ipi(v, 0), 3);
	assert_fails(op_bind_ipi(v, 1), ENOENT);
	assert_rc(op_bind_virq(v, VIRQ_DOM_EXC, 0), 4);
	assert_fails(op_bind_virq(v, VIRQ_DOM_EXC, 1), EINVAL);
	assert_fails(op_bind_virq(v, VIRQ_TIMER, 1), ENOENT);
	assert_status(b->v0, 1, 4, "virq vcpu=0 virq=3");
	assert_rc(op_reset(v, 1), 0);
	assert_status(v, 1, 2, "closed vcpu=0");
	assert_fails(op_bind_interdomain(v, 0, 2), EINVAL);
	assert_rc(op_bind_interdomain(v, 0, 1), 1);
}

static void unprivileged_pirqs(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 16 }, NULL);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);

	assert_fails(op_bind_pirq(v, 0, 0), EPERM);
	assert_fails(op_bind_pirq(v, 15, 0), EPERM);
	assert_fails(op_bind_pirq(v, 16, 0), EINVAL);
}

static void two_unprivileged(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true), *d2 = bare_domain(b, 2, true);
	struct testbed_vcpu *v1 = testbed_vcpu(d1, 0), *v2 = testbed_vcpu(d2, 0);

	assert_rc(op_alloc_unbound(v1, SELF, 2), 1);
	assert_fails(op_bind_interdomain(v1, SELF, 1), EINVAL);
	assert_fails(op_bind_interdomain(b->v0, 1, 1), EINVAL);
	assert_status(v2, 1, 1, "-1");
	assert_fails(op_alloc_unbound(v2, 1, 2), EPERM);
	assert_rc(op_bind_interdomain(v2, 1, 1), 1);
	assert_fails(op_bind_interdomain(v2, 1, 1), EINVAL);
	assert_bits(d2, 1, 1, 0);
	assert_bits(d1, 1, 0, 0);
	mem_set_pending(d2, 1, false);
	assert_rc(op_send(v1, 1), 0);
	assert_bits(d2, 1, 1, 0);
	assert_rc(op_send(v2, 1), 0);
	assert_bits(d1, 1, 1, 0);
	assert_upcall(v1, 1, 1);
	assert_upcall(b->v0, 0, 0);
	testbed_domain_destroy(d2);
	assert_status(v1, SELF, 1, "unbound vcpu=0 dom=2");
	assert_rc(op_send(v1, 1), 0);
	assert_fails(op_bind_interdomain(v1, 2, 1), ESRCH);
	assert_rc(op_alloc_unbound(v1, SELF, 2), 2);
	assert_rc(op_close(v1, 1), 0);
}

static void connected_from_outside(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true), *d2 = bare_domain(b, 2, true);
	evtchn_port_t p1 = 0, p2 = 0;

	assert_rc(op_bind_ipi(testbed_vcpu(d2, 0), 0), 1);
	assert_rc(hv_evtchn_connect(testbed_hv_domain(d1), testbed_hv_domain(d2), &p1, &p2), 0);
	assert_int_equal(p1, 1);
	assert_int_equal(p2, 2);
	assert_status(b->v0, 1, 1, "interdomain vcpu=0 dom=2 port=2");
	assert_status(b->v0, 2, 2, "interdomain vcpu=0 dom=1 port=1");
	assert_bits(d1, 1, 0, 0);
	assert_bits(d2, 2, 0, 0);
	assert_rc(op_send(testbed_vcpu(d1, 0), 1), 0);
	assert_bits(d2, 2, 1, 0);
	assert_rc(hv_evtchn_connect(testbed_hv_domain(d1), testbed_hv_domain(d1), &p1, &p2), 0);
	assert_int_equal(p1, 2);
	assert_int_equal(p2, 3);
	assert_status(b->v0, 1, 3, "interdomain vcpu=0 dom=1 port=2");
}

static void reset_closes_all(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 8, 8);
	assert_rc(op_reset(b->v0, SELF), 0); /* nothing open */
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, 9), 2);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 3);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 4);
	assert_rc(op_bind_virq(b->v0, VIRQ_CON_RING, 0), 5);
	assert_rc(op_bind_ipi(b->v0, 1), 6);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 7);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(op_send(b->v0, 6), 0);
	mem_set_masked(b->d0, 6, true);
	mem_set_masked(b->d0, 2, true);
	assert_rc(op_reset(b->v0, SELF), 0);
	for (uint32_t p = 1; p <= 7; p++)
		assert_status(b->v0, SELF, p, "closed vcpu=0");
	/* pending bits go; mask bits, selector and upcall flag stay */
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 0, 1);
	assert_bits(b->d0, 3, 0, 0);
	assert_bits(b->d0, 6, 0, 1);
	assert_upcall(b->v0, 1, 1);
	assert_upcall(b->v1, 1, 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 1), 2);
	assert_rc(op_bind_virq(b->v0, VIRQ_CON_RING, 0), 3);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 4);
	assert_rc(op_reset(b->v0, 0), 0);
	assert_status(b->v0, SELF, 2, "closed vcpu=0");
}

static void reset_keeps_buckets(void **state)
{
	struct bare *b = *state;

	for (long p = 1; p <= 70; p++)
		assert_rc(op_alloc_unbound(b->v0, SELF, SELF), p);
	assert_status(b->v0, SELF, 128, "-22");
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_status(b->v0, SELF, 64, "closed vcpu=0");
	assert_status(b->v0, SELF, 127, "closed vcpu=0");
	assert_status(b->v0, SELF, 128, "-22");
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
}

static void reset_of_another(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	static const struct evtchn_reset self = { SELF }, one = { 1 }, five = { 5 };

	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 1);
	/* a running one cannot be reset from outside */
	assert_fails(op_reset(b->v0, 1), EINVAL);
	assert_status(b->v0, 1, 1, "interdomain vcpu=0 dom=0 port=1");
	hv_domain_pause(testbed_hv_domain(d1));
	assert_rc(op_reset(b->v0, 1), 0);
	assert_status(b->v0, 1, 1, "closed vcpu=0");
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=1");
	/* the continuation's number, with no reset under way */
	assert_fails(op_raw(b->v0, EVTCHNOP_reset_cont, &self, sizeof(self)), EBUSY);
	assert_fails(op_raw(b->v0, EVTCHNOP_reset_cont, &one, sizeof(one)), EBUSY);
	assert_fails(op_raw(b->v0, EVTCHNOP_reset_cont, &five, sizeof(five)), ESRCH);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=1");
}

static void unknown_ops(void **state)
{
	struct bare *b = *state;
	static const uint64_t nr[] = { 15,  16,	  31,	      32,	  64,	255,
				       256, 1000, 0x7fffffff, 0x80000000, -1ul, -22ul };
	static const struct evtchn_alloc_unbound a = { SELF, 1, 0 };

	for (unsigned i = 0; i < ALEN(nr); i++) {
		assert_fails(op_raw(b->v0, nr[i], &a, sizeof(a)), ENOSYS);
		/* the number is looked at before the argument */
		ops_at(b->v0, AT_UNMAPPED);
		assert_fails(op_raw(b->v0, nr[i], &a, sizeof(a)), ENOSYS);
	}
	/* only its low 32 bits count; here 5 is status, of port 1 */
	assert_rc(op_raw(b->v0, 0x100000005, &(struct evtchn_status){ .dom = SELF, .port = 1 },
			 sizeof(struct evtchn_status)),
		  0);
}

static void superseded_entry(void **state)
{
	struct bare *b = *state;
	static const struct evtchn_reset self = { SELF };

#define COMPAT(call) (ops_compat(b->v0), (call))
	assert_rc(COMPAT(op_alloc_unbound(b->v0, SELF, SELF)), 1);
	ops_compat(b->v0);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	assert_rc(COMPAT(op_bind_interdomain(b->v0, SELF, 1)), 2);
	assert_rc(COMPAT(op_bind_virq(b->v0, VIRQ_DEBUG, 0)), 3);
	assert_rc(COMPAT(op_bind_ipi(b->v0, 0)), 4);
	assert_rc(COMPAT(op_send(b->v0, 1)), 0);
	assert_rc(COMPAT(op_bind_vcpu(b->v0, 1, 0)), 0);
	assert_rc(COMPAT(op_unmask(b->v0, 1)), 0);
	assert_rc(COMPAT(op_close(b->v0, 1)), 0);
	for (uint64_t nr = EVTCHNOP_reset; nr <= EVTCHNOP_reset_cont + 1; nr++)
		assert_fails(COMPAT(op_raw(b->v0, nr, &self, sizeof(self))), ENOSYS);
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=0");
}

static void a_peer_dies(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1;
	unsigned blocks;

	assert_rc(op_bind_virq(b->v0, VIRQ_DOM_EXC, 0), 1);
	blocks = testbed_blocks(b->tb);
	d1 = bare_domain(b, 1, false);
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 2);
	assert_rc(op_alloc_unbound(b->v0, SELF, 1), 2);
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 3);
	assert_rc(op_send(b->v0, 3), 0);
	mem_set_pending(b->d0, 3, false);
	testbed_domain_destroy(d1);
	assert_int_equal(testbed_blocks(b->tb), blocks);
	assert_status(b->v0, SELF, 3, "unbound vcpu=0 dom=1");
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=1");
	assert_bits(b->d0, 3, 0, 0);
	assert_bits(b->d0, 1, 1, 0); /* VIRQ_DOM_EXC */
	assert_status(b->v0, 1, 2, "-3");
	assert_fails(op_bind_interdomain(b->v0, 1, 2), ESRCH);
	assert_fails(op_alloc_unbound(b->v0, 1, 0), ESRCH);
	assert_fails(op_reset(b->v0, 1), ESRCH);
	assert_rc(op_send(b->v0, 3), 0);
	/* a new domain of that number may connect to what was left open */
	d1 = bare_domain(b, 1, true);
	assert_status(testbed_vcpu(d1, 0), SELF, 1, "closed vcpu=0");
	assert_rc(op_bind_interdomain(testbed_vcpu(d1, 0), 0, 2), 1);
	assert_rc(op_bind_interdomain(testbed_vcpu(d1, 0), 0, 3), 2);
	assert_status(b->v0, SELF, 3, "interdomain vcpu=0 dom=1 port=2");
	assert_rc(op_close(b->v0, 3), 0);
	assert_rc(op_close(b->v0, 2), 0);
}

static void domain_ids(void **state)
{
	struct bare *b = *state;
	int rc = 0;

	assert_null(testbed_domain_create(b->tb, &(struct testbed_domain_config){ .id = 0 }, &rc));
	assert_rc(rc, -XEN_EEXIST);
	assert_null(
		testbed_domain_create(b->tb, &(struct testbed_domain_config){ .id = 0x7ff0 }, &rc));
	assert_rc(rc, -XEN_EINVAL);
	assert_null(testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 3, .vcpus = HV_MAX_VCPUS + 1 }, &rc));
	assert_rc(rc, -XEN_EINVAL);
	assert_null(testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 3, .nr_pirqs = HV_MAX_PIRQS + 1 },
		&rc));
	assert_rc(rc, -XEN_EINVAL);
	assert_non_null(
		testbed_domain_create(b->tb, &(struct testbed_domain_config){ .id = 0x7fef }, &rc));
	assert_rc(op_alloc_unbound(b->v0, 0x7fef, 0), 1);
}

/* Each allocation of a domain's creation fails once: all is given back, and the id stays free. */
static void creation_without_memory(void **state)
{
	struct bare *b = *state;
	unsigned blocks = testbed_blocks(b->tb);
	struct testbed_domain *d = NULL;
	unsigned failed = 0;
	int rc;

	for (unsigned n = 0; n < 100 && !d; n++) {
		testbed_fail_alloc(b->tb, n);
		d = testbed_domain_create(
			b->tb,
			&(struct testbed_domain_config){ .id = 4, .vcpus = 3, .nr_pirqs = 9 }, &rc);
		if (d)
			break;
		assert_rc(rc, -XEN_ENOMEM);
		assert_int_equal(testbed_blocks(b->tb), blocks);
		failed++;
	}
	testbed_fail_alloc(b->tb, UINT64_MAX);
	assert_non_null(d);
	assert_true(failed > 0);
	testbed_domain_destroy(d);
	assert_int_equal(testbed_blocks(b->tb), blocks);
}

/* vCPU numbers above the 32 that have room in shared_info */
static void many_vcpus(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 40 }, NULL);
	struct testbed_vcpu *v = testbed_vcpu(d, 0);

	assert_rc(op_bind_ipi(v, 31), 1);
	assert_rc(op_bind_ipi(v, 32), 2);
	assert_rc(op_bind_ipi(v, 39), 3);
	assert_fails(op_bind_ipi(v, 40), ENOENT);
	assert_rc(op_bind_virq(v, VIRQ_TIMER, 39), 4);
	assert_fails(op_bind_virq(v, VIRQ_TIMER, 40), ENOENT);
	assert_fails(op_bind_virq(v, VIRQ_ARCH_0, 39), EINVAL);
	assert_rc(op_bind_virq(v, VIRQ_ARCH_0, 0), 5);
	assert_rc(op_bind_vcpu(v, 5, 39), 0);
	assert_fails(op_bind_vcpu(v, 5, 40), ENOENT);
	assert_status(v, SELF, 3, "ipi vcpu=39");
	assert_status(b->v0, 1, 5, "virq vcpu=39 virq=16");
	assert_rc(op_send(v, 1), 0);
	assert_bits(d, 1, 1, 0);
	assert_upcall(testbed_vcpu(d, 31), 1, 1);
	/* no vcpu_info of its own: the pending bit is set all the same */
	assert_rc(op_send(v, 2), 0);
	assert_rc(op_send(v, 3), 0);
	assert_bits(d, 2, 1, 0);
	assert_bits(d, 3, 1, 0);
	assert_upcall(v, 0, 0);
	assert_rc(op_unmask(v, 3), 0);
	assert_rc(op_vcpu(v, 3, 0, NULL, 0), 1);
	assert_rc(op_vcpu(v, 3, 39, NULL, 0), 0);
	assert_fails(op_vcpu(v, 3, 40, NULL, 0), ENOENT);
}

/* Two hypervisors in one process know nothing of each other. */
static void two_machines(void **state)
{
	struct bare *b = *state;
	struct bare *other;

	bare_setup((void **)&other);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_bind_ipi(other->v0, 0), 1);
	assert_rc(op_send(other->v0, 1), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	assert_rc(bare_teardown((void **)&other), 0);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(channel_of_two),
		bare_test(unprivileged),
		bare_test(unprivileged_pirqs),
		bare_test(two_unprivileged),
		bare_test(connected_from_outside),
		bare_test(reset_closes_all),
		bare_test(reset_keeps_buckets),
		bare_test(reset_of_another),
		bare_test(unknown_ops),
		bare_test(superseded_entry),
		bare_test(a_peer_dies),
		bare_test(domain_ids),
		bare_test(creation_without_memory),
		bare_test(many_vcpus),
		bare_test(two_machines),
	};

	return cmocka_run_group_tests_name("domains", tests, NULL, NULL);
}
