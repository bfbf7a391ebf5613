/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: every operation's errors in Xen's order, the eoi map in both versions, numbers that
 * are given out, and a line that is taken away from a port. Hostile numbers throughout.
 */
#include <xen/physdev.h>

#include "bare.h"

static void lines(struct bare *b, unsigned from, unsigned to, enum hv_irq_flow flow)
{
	for (; from < to; from++)
		assert_non_null(testbed_line(b->tb, from, flow));
}

static long map(struct testbed_vcpu *v, domid_t domid, int type, int index, int *pirq)
{
	struct physdev_map_pirq m = { .domid = domid, .type = type, .index = index, .pirq = *pirq };
	long rc = op_physdev(v, PHYSDEVOP_map_pirq, &m, sizeof(m));

	*pirq = m.pirq;
	return rc;
}

/* The number that it gets; pirq: the one it asks for. */
static long map_gsi(struct testbed_vcpu *v, int gsi, int pirq)
{
	long rc = map(v, DOMID_SELF, MAP_PIRQ_TYPE_GSI, gsi, &pirq);

	return rc ? rc : pirq;
}

static long unmap(struct testbed_vcpu *v, domid_t domid, int pirq)
{
	struct physdev_unmap_pirq u = { .domid = domid, .pirq = pirq };

	return op_physdev(v, PHYSDEVOP_unmap_pirq, &u, sizeof(u));
}

static long free_pirq(struct testbed_vcpu *v, int type)
{
	struct physdev_get_free_pirq f = { .type = type, .pirq = 0xa5a5a5a5 };
	long rc = op_physdev(v, PHYSDEVOP_get_free_pirq, &f, sizeof(f));

	return rc ? rc : (long)f.pirq;
}

static void map_errors(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *d1 = testbed_vcpu(bare_domain(b, 1, true), 0);
	int pirq = -1;

	lines(b, 4, 7, HV_IRQ_EDGE);
	assert_fails(map(b->v0, 77, MAP_PIRQ_TYPE_GSI, 4, &pirq), ESRCH);
	assert_fails(map(d1, 77, MAP_PIRQ_TYPE_GSI, 4, &pirq), ESRCH);
	assert_fails(map(d1, 0, MAP_PIRQ_TYPE_GSI, 4, &pirq), EPERM);
	assert_fails(map(d1, SELF, MAP_PIRQ_TYPE_GSI, -1, &pirq), EPERM);
	assert_fails(map_gsi(b->v0, -1, 4), EINVAL);
	assert_fails(map_gsi(b->v0, INT32_MIN, 4), EINVAL);
	assert_fails(map_gsi(b->v0, INT32_MAX, 4), EINVAL);
	assert_fails(map_gsi(b->v0, HV_MAX_LINES, 4), EINVAL);
	assert_fails(map_gsi(b->v0, 8, 4), EINVAL); /* no such line */
	assert_fails(map_gsi(b->v0, 4, 440), EINVAL);
	assert_fails(map_gsi(b->v0, 4, INT32_MAX), EINVAL);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_UNKNOWN, 4, &pirq), EINVAL);
	assert_fails(map(b->v0, SELF, 99, 4, &pirq), EINVAL);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_MSI, -1, &pirq), ENODEV);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, &pirq), ENODEV);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_MSI, 4, &pirq), EINVAL);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_MULTI_MSI, 0, &pirq), ENODEV);
	/* nothing of it has made a line or taken a number */
	assert_fails(op_bind_pirq(b->v0, 4, 0), EPERM);
	assert_rc(map_gsi(b->v0, 4, -1), 16);
	/* where the argument is */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, 0), EFAULT);
	ops_at(b->v0, AT_READONLY);
	assert_fails(map_gsi(b->v0, 5, 5), EFAULT);
	assert_rc(op_bind_pirq(b->v0, 5, 0), 1); /* it was done */
}

static void numbers(void **state)
{
	struct bare *b = *state;
	int pirq = -1;

	lines(b, 1, 24, HV_IRQ_EDGE);
	assert_rc(map_gsi(b->v0, 8, 8), 8);
	assert_rc(map_gsi(b->v0, 8, 8), 8);
	assert_rc(map_gsi(b->v0, 8, -1), 8);
	assert_rc(map_gsi(b->v0, 8, INT32_MIN), 8);
	assert_fails(map_gsi(b->v0, 8, 9), EEXIST);
	/* to a number that has another line: not done, and no error */
	assert_rc(map_gsi(b->v0, 9, 8), 8);
	assert_rc(map_gsi(b->v0, 9, -1), 16);
	/* an index is the caller's pirq of that number, if it has one: 16 is line 9 */
	assert_rc(map_gsi(b->v0, 16, -1), 16);
	assert_rc(map_gsi(b->v0, 16, 16), 16);
	assert_rc(map_gsi(b->v0, 17, -1), 17);
	/* given out, from below and from above, each once */
	assert_rc(free_pirq(b->v0, MAP_PIRQ_TYPE_GSI), 18);
	assert_rc(free_pirq(b->v0, MAP_PIRQ_TYPE_GSI), 19);
	assert_rc(free_pirq(b->v0, MAP_PIRQ_TYPE_MSI), 439);
	assert_rc(free_pirq(b->v0, -5), 438);
	assert_rc(map_gsi(b->v0, 10, 18), 18);
	assert_rc(map_gsi(b->v0, 11, -1), 20);
	/* what was given out is known, and no more */
	assert_rc(op_eoi(b->v0, 19), 0);
	assert_fails(op_eoi(b->v0, 21), EINVAL);
	assert_fails(op_bind_pirq(b->v0, 19, 0), EPERM);
	assert_fails(unmap(b->v0, SELF, 19), EINVAL);
	/* all of them */
	for (long n = 21; n < 438; n++)
		assert_rc(free_pirq(b->v0, MAP_PIRQ_TYPE_GSI), n);
	assert_fails(free_pirq(b->v0, MAP_PIRQ_TYPE_GSI), ENOSPC);
	assert_fails(free_pirq(b->v0, MAP_PIRQ_TYPE_MSI), ENOSPC);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_GSI, 12, &pirq), ENOSPC);
	assert_rc(map_gsi(b->v0, 12, 12), 12);
	assert_rc(unmap(b->v0, SELF, 18), 0);
	assert_rc(free_pirq(b->v0, MAP_PIRQ_TYPE_MSI), 18);
}

/* The control domain gives a line to another, and takes it back. */
static void for_another(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *t1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 32 }, NULL);
	struct testbed_vcpu *d1 = testbed_vcpu(t1, 0);
	int pirq = 7;

	lines(b, 4, 8, HV_IRQ_EDGE);
	assert_rc(map(b->v0, 1, MAP_PIRQ_TYPE_GSI, 4, &pirq), 0);
	assert_rc(op_bind_pirq(d1, 7, 0), 1);
	hv_irq_raise(testbed_hv(b->tb), 4);
	assert_bits(t1, 1, 1, 0);
	assert_fails(unmap(d1, SELF, 7), EPERM);
	assert_fails(unmap(b->v0, 77, 7), ESRCH);
	assert_fails(unmap(b->v0, 1, 32), EINVAL);
	assert_fails(unmap(b->v0, 1, -1), EINVAL);
	assert_fails(unmap(b->v0, 1, INT32_MIN), EINVAL);
	assert_fails(unmap(b->v0, 1, 6), EINVAL);
	assert_rc(unmap(b->v0, 1, 7), 0);
	/* a line that the embedder gave to one domain alone is not the control domain's */
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(t1), 5, 5, false), 0);
	assert_fails(map_gsi(b->v0, 5, 5), EBUSY);
}

/* Unmapped while bound: the port stays, cut off; number and line are not free until it closes. */
static void unmapped_while_bound(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 6, HV_IRQ_LEVEL);
	int pirq = -1;

	lines(b, 7, 8, HV_IRQ_EDGE);
	assert_rc(map_gsi(b->v0, 6, 6), 6);
	assert_rc(op_bind_pirq(b->v0, 6, 0), 1);
	testbed_line_set(l, true);
	mem_set_pending(b->d0, 1, false);
	testbed_line_log(l);
	assert_rc(unmap(b->v0, SELF, 6), 0);
	assert_string_equal(testbed_line_log(l), "D");
	assert_status(b->v0, SELF, 1, "pirq vcpu=0 pirq=6");
	testbed_line_set(l, true);
	assert_bits(b->d0, 1, 0, 0);
	assert_rc(op_eoi(b->v0, 6), 0);
	assert_fails(unmap(b->v0, SELF, 6), EINVAL);
	assert_fails(op_bind_pirq(b->v0, 6, 0), EPERM);
	assert_fails(map(b->v0, SELF, MAP_PIRQ_TYPE_GSI, 6, &pirq), EBUSY);
	assert_fails(map_gsi(b->v0, 6, 6), EEXIST);
	assert_fails(map_gsi(b->v0, 6, 7), EEXIST);
	assert_fails(map_gsi(b->v0, 7, 6), EBUSY);
	assert_rc(op_close(b->v0, 1), 0);
	assert_fails(op_eoi(b->v0, 6), EINVAL);
	assert_rc(map_gsi(b->v0, 6, 6), 6);
	assert_rc(op_bind_pirq(b->v0, 6, 0), 1);
	assert_bits(b->d0, 1, 1, 0);
	/* and by the embedder; the domain dies with it */
	assert_rc(hv_domain_unmap_pirq(testbed_hv_domain(b->d0), 6), 0);
	assert_fails(hv_domain_unmap_pirq(testbed_hv_domain(b->d0), 6), EINVAL);
	assert_fails(hv_domain_unmap_pirq(testbed_hv_domain(b->d0), 440), EINVAL);
	assert_false(testbed_line_enabled(l));
}

/* ---- the page that says who must eoi ---- */

static long eoi_map(struct testbed_vcpu *v, unsigned op, uint64_t frame)
{
	struct physdev_pirq_eoi_gmfn m = { .gmfn = frame };

	return op_physdev(v, op, &m, sizeof(m));
}

static bool bit(const uint64_t *page, unsigned n)
{
	return page[n / 64] >> n % 64 & 1;
}

static void eoi_map_bits(void **state)
{
	struct bare *b = *state;
	uint64_t *page = testbed_page(b->d0), *other = testbed_page(b->d0);
	uint64_t frame = testbed_frame(b->d0, page);

	lines(b, 4, 5, HV_IRQ_LEVEL);
	lines(b, 5, 6, HV_IRQ_EDGE);
	assert_rc(map_gsi(b->v0, 4, 400), 400);
	assert_rc(map_gsi(b->v0, 5, 5), 5);
	page[0] = UINT64_MAX;
	assert_fails(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v2, 0), EINVAL);
	assert_fails(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v2, UINT64_MAX), EINVAL);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v1, 0),
		     EFAULT);
	assert_rc(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v2, frame), 0);
	assert_fails(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v2, frame), EBUSY);
	assert_fails(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v1, testbed_frame(b->d0, other)),
		     EBUSY);
	assert_fails(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v1, 0), EINVAL);
	/* a bit follows the line's flow when its pirq is bound */
	assert_false(bit(page, 400));
	assert_rc(op_bind_pirq(b->v0, 400, 0), 1);
	assert_true(bit(page, 400));
	assert_rc(op_bind_pirq(b->v0, 5, 0), 2);
	assert_false(bit(page, 5));
	assert_true(bit(page, 4));
	/* the page is the hypervisor's to write: no page table */
	assert_int_equal(page[0], ~(UINT64_C(1) << 5));
}

static void eoi_map_versions(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);
	uint64_t frame = testbed_frame(b->d0, testbed_page(b->d0));
	struct testbed_domain *t1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);
	struct testbed_vcpu *v1 = testbed_vcpu(t1, 0);

	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 4, 4, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(t1), 4, 4, true), 0);
	assert_rc(eoi_map(b->v0, PHYSDEVOP_pirq_eoi_gmfn_v1, frame), 0);
	/* a frame of another domain's */
	assert_fails(eoi_map(v1, PHYSDEVOP_pirq_eoi_gmfn_v2, frame), EINVAL);
	assert_rc(eoi_map(v1, PHYSDEVOP_pirq_eoi_gmfn_v2, testbed_frame(t1, testbed_page(t1))), 0);
	/* not bound: nothing is unmasked, and port 0 is no port */
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_rc(op_bind_pirq(b->v0, 4, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(op_bind_pirq(v1, 4, BIND_PIRQ__WILL_SHARE), 1);
	mem_set_masked(b->d0, 1, true);
	mem_set_masked(t1, 1, true);
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	assert_upcall(b->v0, 0, 0);
	/* v1: the eoi unmasks, and what is pending is delivered; v2: it does not */
	assert_rc(op_eoi(b->v0, 4), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_rc(op_eoi(v1, 4), 0);
	assert_bits(t1, 1, 1, 1);
	assert_upcall(v1, 0, 0);
	assert_true(testbed_line_enabled(l));
}

/* ---- the rest ---- */

static long status(struct testbed_vcpu *v, uint32_t pirq)
{
	struct physdev_irq_status_query q = { .irq = pirq, .flags = 0xa5a5a5a5 };
	long rc = op_physdev(v, PHYSDEVOP_irq_status_query, &q, sizeof(q));

	return rc ? rc : (long)q.flags;
}

static void status_query(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *t1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .nr_pirqs = 8 }, NULL);

	lines(b, 4, 5, HV_IRQ_EDGE);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 4, 4, true), 0);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(t1), 5, 4, true), 0);
	lines(b, 5, 6, HV_IRQ_LEVEL);
	assert_rc(map_gsi(b->v0, 5, 5), 5);
	/* an edge, a level, not described, not mapped */
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 7, 7, true), 0);
	assert_rc(status(b->v0, 4), 0);
	assert_rc(status(b->v0, 5), XENIRQSTAT_needs_eoi);
	assert_rc(status(b->v0, 7), XENIRQSTAT_needs_eoi);
	assert_rc(status(b->v0, 439), XENIRQSTAT_needs_eoi);
	assert_fails(status(b->v0, 440), EINVAL);
	assert_fails(status(b->v0, UINT32_MAX), EINVAL);
	assert_rc(op_bind_pirq(b->v0, 4, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(status(b->v0, 4), 0);
	assert_rc(op_bind_pirq(testbed_vcpu(t1, 0), 5, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(status(b->v0, 4), XENIRQSTAT_shared);
	assert_rc(status(testbed_vcpu(t1, 0), 5), XENIRQSTAT_shared);
}

/* From the oldest guests: what is in service on a port that is not masked is over. */
static void unmask_notify(void **state)
{
	struct bare *b = *state;
	struct testbed_line *l = testbed_line(b->tb, 4, HV_IRQ_LEVEL);
	struct physdev_op old = { .cmd = PHYSDEVOP_IRQ_UNMASK_NOTIFY };
	uint64_t va;

	assert_rc(map_gsi(b->v0, 4, 4), 4);
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	mem_set_masked(b->d0, 1, true);
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	assert_rc(op_physdev(b->v0, PHYSDEVOP_IRQ_UNMASK_NOTIFY, NULL, 0), 0);
	assert_false(testbed_line_enabled(l));
	mem_set_masked(b->d0, 1, false);
	assert_rc(op_physdev(b->v0, PHYSDEVOP_IRQ_UNMASK_NOTIFY, NULL, 0), 0);
	assert_true(testbed_line_enabled(l));
	/* and by the old entry */
	testbed_line_set(l, true);
	testbed_line_set(l, false);
	va = testbed_place(b->v0, AT_OK, 0, &old, sizeof(old));
	assert_rc(testbed_call(b->v0, __HYPERVISOR_physdev_op_compat, va), 0);
	assert_true(testbed_line_enabled(l));
}

static long iobitmap(struct testbed_vcpu *v, uint64_t bitmap, uint32_t ports)
{
	struct physdev_set_iobitmap s = { .bitmap = bitmap, .nr_ports = ports };

	return op_physdev(v, PHYSDEVOP_set_iobitmap, &s, sizeof(s));
}

static void bounds(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *d1 = testbed_vcpu(bare_domain(b, 1, true), 0);
	struct physdev_set_iopl iopl = { .iopl = 3 };
	struct physdev_irq irq = { .irq = 0xfffffff0, .vector = 0xa5a5a5a5 };
	struct physdev_setup_gsi gsi = { .gsi = 4, .triggering = 9, .polarity = 9 };
	struct physdev_apic apic = { .apic_physbase = UINT64_MAX, .reg = UINT32_MAX };

	lines(b, 4, 5, HV_IRQ_EDGE);
	assert_rc(op_physdev(d1, PHYSDEVOP_set_iopl, &iopl, sizeof(iopl)), 0);
	iopl.iopl = 4;
	assert_fails(op_physdev(d1, PHYSDEVOP_set_iopl, &iopl, sizeof(iopl)), EINVAL);
	assert_rc(iobitmap(d1, 0, 65536), 0);
	assert_rc(iobitmap(d1, 0, 0), 0);
	assert_fails(iobitmap(d1, 0, 65537), EINVAL);
	assert_fails(iobitmap(d1, UINT64_C(1) << 47, 0), EINVAL);
	assert_fails(iobitmap(d1, HYPERVISOR_VIRT_START, 0), EINVAL);
	assert_rc(op_physdev(b->v0, PHYSDEVOP_alloc_irq_vector, &irq, sizeof(irq)), 0);
	assert_int_equal(irq.vector, 0xfffffff0);
	assert_fails(op_physdev(d1, PHYSDEVOP_alloc_irq_vector, &irq, sizeof(irq)), EPERM);
	assert_rc(op_physdev(b->v0, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), 0);
	assert_fails(op_physdev(d1, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), EPERM);
	gsi.gsi = 5;
	assert_fails(op_physdev(b->v0, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), EINVAL);
	gsi.gsi = -1;
	assert_fails(op_physdev(d1, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), EINVAL);
	gsi.gsi = HV_MAX_LINES;
	assert_fails(op_physdev(d1, PHYSDEVOP_setup_gsi, &gsi, sizeof(gsi)), EINVAL);
	assert_fails(op_physdev(b->v0, PHYSDEVOP_apic_read, &apic, sizeof(apic)), EINVAL);
	assert_fails(op_physdev(d1, PHYSDEVOP_apic_write, &apic, sizeof(apic)), EPERM);
	assert_fails(op_physdev(b->v0, PHYSDEVOP_manage_pci_add, &irq, sizeof(irq)), ENOSYS);
	for (unsigned op = 0; op < 4; op++)
		assert_fails(op_physdev(b->v0, op, &irq, sizeof(irq)), ENOSYS);
	for (unsigned op = 32; op < 40; op++)
		assert_fails(op_physdev(b->v0, op, &irq, sizeof(irq)), ENOSYS);
	/* the number is 32 bits of a register */
	assert_rc(testbed_call(b->v0, __HYPERVISOR_physdev_op,
			       UINT64_C(0xdead00000000) | PHYSDEVOP_IRQ_UNMASK_NOTIFY, 0),
		  0);
}

static long old_entry(struct testbed_vcpu *v, uint32_t cmd)
{
	struct physdev_op op = { .cmd = cmd };

	return testbed_call(v, __HYPERVISOR_physdev_op_compat,
			    testbed_place(v, AT_OK, 0, &op, sizeof(op)));
}

static void old_ops(void **state)
{
	struct bare *b = *state;

	assert_rc(old_entry(b->v0, PHYSDEVOP_irq_status_query), 0);
	assert_rc(old_entry(b->v0, PHYSDEVOP_set_iopl), 0);
	assert_rc(old_entry(b->v0, PHYSDEVOP_set_iobitmap), 0);
	assert_fails(old_entry(b->v0, PHYSDEVOP_apic_read), EINVAL);
	assert_rc(old_entry(b->v0, PHYSDEVOP_alloc_irq_vector), 0);
	assert_fails(old_entry(b->v0, 3), ENOSYS);
	assert_fails(old_entry(b->v0, PHYSDEVOP_free_irq_vector), ENOSYS);
	/* newer than it, and yet */
	assert_fails(old_entry(b->v0, PHYSDEVOP_eoi), EINVAL);
	assert_fails(old_entry(b->v0, PHYSDEVOP_map_pirq), EINVAL);
	assert_fails(old_entry(b->v0, UINT32_MAX), ENOSYS);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op_compat, 0), EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(map_errors),	 bare_test(numbers),
		bare_test(for_another),	 bare_test(unmapped_while_bound),
		bare_test(eoi_map_bits), bare_test(eoi_map_versions),
		bare_test(status_query), bare_test(unmask_notify),
		bare_test(bounds),	 bare_test(old_ops),
	};

	return cmocka_run_group_tests_name("physdev_op", tests, NULL, NULL);
}
