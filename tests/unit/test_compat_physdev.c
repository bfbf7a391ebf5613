/* SPDX-License-Identifier: MIT */
/*
 * physdev_op and memory_op of a 32-bit domain: arguments in its layouts, by either entry. The other
 * hypercalls are in test_compat_calls.c.
 */
#include <xen/memory.h>
#include <xen/physdev.h>

#include "bare.h"

/* A call with one structure as its second argument, ending before a hole: not a byte more is read.
 */
static long with(struct testbed_vcpu *v, uint64_t nr, uint64_t op, void *arg, size_t n)
{
	uint64_t va = testbed_place(v, AT_EDGE, 0, arg, n);
	long rc = testbed_call(v, nr, op, va);

	testbed_fetch(v, va, arg, n);
	return rc;
}

static void physdev(void **state)
{
	struct bare *b = *state;
	struct compat_physdev_map_pirq m = { .domid = SELF,
					     .type = MAP_PIRQ_TYPE_GSI,
					     .index = 9,
					     .pirq = -1,
					     .table_base = 0x1122334455667788 };
	struct compat_physdev_set_iobitmap bits = { 0, 65536 };
	struct physdev_irq_status_query q = { 0xff, 0xa5 };
	struct physdev_set_iopl iopl = { 3 };

	assert_int_equal(sizeof(m), 36);
	assert_non_null(testbed_line(b->tb, 9, HV_IRQ_LEVEL));
	assert_rc(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)), 0);
	assert_int_equal(m.pirq, 16);
	assert_true(m.table_base == 0x1122334455667788);
	assert_int_equal(m.index, 9);
	m.pirq = 17;
	assert_fails(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)),
		     EEXIST);
	m.type = MAP_PIRQ_TYPE_MSI_SEG;
	assert_fails(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)),
		     EINVAL);
	assert_int_equal(m.type, MAP_PIRQ_TYPE_MSI); /* given back though it failed */
	m.domid = 77;
	m.type = MAP_PIRQ_TYPE_MSI_SEG;
	assert_fails(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m)),
		     ESRCH);
	assert_int_equal(m.type, MAP_PIRQ_TYPE_MSI_SEG);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, 0), EFAULT);
	q.irq = 16;
	assert_rc(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query, &q, sizeof(q)),
		  0);
	assert_int_equal(q.flags, XENIRQSTAT_needs_eoi);
	assert_rc(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl, sizeof(iopl)), 0);
	assert_rc(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &bits, sizeof(bits)),
		  0);
	bits.nr_ports++;
	assert_fails(
		with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, &bits, sizeof(bits)),
		EINVAL);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, 0),
		     EFAULT);
}

/* Pages and registers by numbers of 32 bits. */
static void physdev_words(void **state)
{
	struct bare *b = *state;
	uint8_t *page = testbed_page(b->d0);
	struct compat_physdev_pirq_eoi_gmfn map = { (uint32_t)testbed_frame(b->d0, page) };
	struct compat_physdev_apic apic = { 0xfec00000, 1, 0xa5 };

	assert_int_equal(sizeof(map), 4);
	assert_int_equal(sizeof(apic), 12);
	bare_map_gsi(b, 4, 4);
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	assert_rc(
		with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &map, sizeof(map)),
		0);
	assert_fails(
		with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v1, &map, sizeof(map)),
		EBUSY);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, 0),
		     EFAULT);
	assert_fails(with(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_apic_read, &apic, sizeof(apic)),
		     EINVAL);
	assert_int_equal(apic.value, 0xa5);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op, PHYSDEVOP_apic_write, 0), EFAULT);
}

static long old_physdev(struct testbed_vcpu *v, struct compat_physdev_op *op)
{
	uint64_t va = testbed_place(v, AT_EDGE, 0, op, sizeof(*op));
	long rc = testbed_call(v, __HYPERVISOR_physdev_op_compat, va);

	testbed_fetch(v, va, op, sizeof(*op));
	return rc;
}

/* Its union is not aligned to 8 bytes. */
static void physdev_by_the_old_entry(void **state)
{
	struct bare *b = *state;
	struct compat_physdev_op op = { .cmd = PHYSDEVOP_set_iobitmap };
	struct physdev_irq_status_query q = { 4, 0xa5 };

	assert_int_equal(sizeof(op), 16);
	bare_map_gsi(b, 4, 4);
	op.u.set_iobitmap.nr_ports = 65537;
	assert_fails(old_physdev(b->v0, &op), EINVAL);
	op.u.set_iobitmap.nr_ports = 5;
	assert_rc(old_physdev(b->v0, &op), 0);
	op.cmd = PHYSDEVOP_irq_status_query;
	memcpy(&op.u, &q, sizeof(q));
	assert_rc(old_physdev(b->v0, &op), 0);
	memcpy(&q, &op.u, sizeof(q));
	assert_int_equal(q.irq, 4);
	assert_int_equal(q.flags, 0); /* an edge line of its own */
	op.cmd = PHYSDEVOP_map_pirq;
	assert_fails(old_physdev(b->v0, &op), EFAULT); /* it is longer than what is there */
	op.cmd = PHYSDEVOP_eoi;
	assert_rc(old_physdev(b->v0, &op), 0);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_physdev_op_compat, 0), EFAULT);
}

static void memory(void **state)
{
	struct bare *b = *state;
	struct {
		uint64_t address, size;
		uint32_t type;
	} __attribute__((packed)) e820[2] = { { 7, 7, 7 }, { 7, 7, 7 } };
	uint64_t va = testbed_place(b->v0, AT_EDGE, 1, e820, sizeof(e820));
	struct compat_xen_memory_map map = { 2, (uint32_t)va };
	struct compat_xen_memory_reservation r = { .nr_extents = 3, .domid = SELF };
	struct xen_memory_domain who = { SELF };
	long pages;

	pages = with(b->v0, __HYPERVISOR_memory_op, XENMEM_current_reservation, &who, sizeof(who));
	assert_true(pages > 0);
	assert_rc(with(b->v0, __HYPERVISOR_memory_op, XENMEM_memory_map, &map, sizeof(map)), 0);
	assert_int_equal(map.nr_entries, 1);
	assert_int_equal(map.buffer, (uint32_t)va);
	assert_true(testbed_fetch(b->v0, va, e820, sizeof(e820)));
	assert_int_equal(e820[0].address, 0);
	assert_int_equal(e820[0].size, (uint64_t)pages * HV_PAGE_SIZE);
	assert_int_equal(e820[0].type, 1);
	assert_int_equal(e820[1].type, 7);
	map.buffer = 0;
	assert_fails(with(b->v0, __HYPERVISOR_memory_op, XENMEM_memory_map, &map, sizeof(map)),
		     EFAULT);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_memory_op, XENMEM_memory_map, 0), EFAULT);
	/* no extent was done; one that goes on from the second is as far as it was */
	assert_rc(with(b->v0, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r)),
		  0);
	assert_rc(with(b->v0, __HYPERVISOR_memory_op, XENMEM_populate_physmap | 2 << 6, &r,
		       sizeof(r)),
		  2);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_memory_op, XENMEM_populate_physmap | 2 << 6, 0),
		  2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test_32(physdev),
		bare_test_32(physdev_words),
		bare_test_32(physdev_by_the_old_entry),
		bare_test_32(memory),
	};

	return cmocka_run_group_tests_name("compat_physdev", tests, NULL, NULL);
}
