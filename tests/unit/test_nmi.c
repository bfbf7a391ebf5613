/* SPDX-License-Identifier: MIT */
/* NMIs as the hypervisor keeps them for the embedder, who enters them; and CPUID. */
#include <xen/arch-x86/cpuid.h>
#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "bare.h"

#define HANDLER 0x5000u

static long send(struct bare *b, unsigned to)
{
	return op_vcpu(b->v0, VCPUOP_send_nmi, to, NULL, 0);
}

static long register_handler(struct bare *b, struct testbed_vcpu *v, uint64_t address)
{
	struct xennmi_callback *cb = testbed_page(b->d0);

	cb->handler_address = address;
	return testbed_call(v, __HYPERVISOR_nmi_op, XENNMI_register_callback, (uintptr_t)cb);
}

static void return_from_it(struct testbed_vcpu *v)
{
	/* The testbed has no registers to load: what counts is that it was called. */
	assert_fails(testbed_call(v, __HYPERVISOR_iret), ENOSYS);
}

static void comes_once_until_the_iret(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct hv_trap t;

	assert_rc(register_handler(b, b->v0, HANDLER), 0);
	assert_false(hv_vcpu_nmi_due(v));
	assert_rc(hv_vcpu_take_nmi(v, &t), -XEN_ENOENT);
	assert_rc(send(b, 0), 0);
	assert_rc(send(b, 0), 0);
	assert_true(hv_vcpu_nmi_due(v));
	assert_rc(hv_vcpu_take_nmi(v, &t), 0);
	assert_int_equal(t.rip, HANDLER);
	assert_int_equal(t.cs, FLAT_KERNEL_CS);
	assert_true(t.mask_events);
	assert_true(hv_vcpu_in_nmi(v));
	assert_false(hv_vcpu_nmi_due(v));
	assert_rc(send(b, 0), 0);
	assert_false(hv_vcpu_nmi_due(v));
	return_from_it(b->v0);
	assert_true(hv_vcpu_nmi_due(v));
	assert_rc(hv_vcpu_take_nmi(v, &t), 0);
	return_from_it(b->v0);
	assert_false(hv_vcpu_nmi_due(v) || hv_vcpu_in_nmi(v));
}

static void without_a_handler_it_is_lost(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct hv_trap t;

	assert_rc(send(b, 0), 0);
	assert_rc(hv_vcpu_take_nmi(v, &t), -XEN_ENOENT);
	assert_false(hv_vcpu_nmi_due(v) || hv_vcpu_in_nmi(v));
}

static void is_the_handler_of_its_vector(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v1);
	struct hv_entry e;
	struct hv_trap t;

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_fails(register_handler(b, b->v1, UINT64_C(1) << 63), EINVAL);
	assert_rc(register_handler(b, b->v1, HANDLER), 0);
	assert_rc(hv_vcpu_trap(v, 2, &t), 0);
	assert_int_equal(t.rip, HANDLER);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.nmi, HANDLER);
	assert_rc(testbed_call(b->v1, __HYPERVISOR_set_trap_table, 0), 0);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.nmi, 0);
}

static void wakes_who_blocks(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct hv_trap t;

	assert_rc(register_handler(b, b->v0, HANDLER), 0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_block, 0), 0);
	assert_false(hv_vcpu_runnable(v));
	hv_vcpu_send_nmi(v);
	assert_true(hv_vcpu_runnable(v));
	/* One that is pending does not let it sleep; one that is masked does. */
	assert_rc(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_block, 0), 0);
	assert_true(hv_vcpu_runnable(v));
	assert_rc(hv_vcpu_take_nmi(v, &t), 0);
	hv_vcpu_send_nmi(v);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_block, 0), 0);
	assert_false(hv_vcpu_runnable(v));
}

static void arguments(void **state)
{
	struct bare *b = *state;

	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 1), EINVAL);
	assert_fails(send(b, 2), ENOENT);
	assert_rc(send(b, 1), 0); /* it is down: waits there */
	assert_true(hv_vcpu_nmi_due(testbed_hv_vcpu(b->v1)));
}

static void failsafe_masks_if_asked_to(void **state)
{
	struct bare *b = *state;
	struct callback_register *reg = testbed_page(b->d0);
	struct hv_entry e;

	reg->type = CALLBACKTYPE_failsafe;
	reg->address = HANDLER;
	for (unsigned masks = 0; masks < 2; masks++) {
		reg->flags = masks ? CALLBACKF_mask_events : 0;
		assert_rc(testbed_call(b->v0, __HYPERVISOR_callback_op, CALLBACKOP_register,
				       (uintptr_t)reg),
			  0);
		hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
		assert_int_equal(e.failsafe, HANDLER);
		assert_int_equal(e.failsafe_masks, masks);
	}
}

/* ---- CPUID ---- */

static struct hv_cpuid cpuid(struct testbed_vcpu *v, uint32_t leaf, uint32_t subleaf)
{
	struct hv_cpuid c = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

	hv_vcpu_cpuid(testbed_hv_vcpu(v), leaf, subleaf, &c);
	return c;
}

static void assert_nothing(struct hv_cpuid c)
{
	assert_int_equal(c.eax | c.ebx | c.ecx | c.edx, 0);
}

static void xens_leaves(void **state)
{
	struct bare *b = *state;
	struct hv_cpuid c = cpuid(b->v0, XEN_CPUID_FIRST_LEAF, 0);

	assert_int_equal(c.eax, 0x40000005);
	assert_int_equal(c.ebx, XEN_CPUID_SIGNATURE_EBX);
	c = cpuid(b->v0, XEN_CPUID_LEAF(1), 0);
	assert_int_equal(c.eax, 0x40011);
	c = cpuid(b->v0, XEN_CPUID_LEAF(2), 0);
	assert_true(c.eax == 1 && c.ebx == 0x40000000 && c.ecx == 1 && c.edx == 0);
	hv_set_clock(hv_domain_hv(hv_vcpu_domain(testbed_hv_vcpu(b->v0))), 0, 0, 1u << 31, 0);
	assert_int_equal(cpuid(b->v0, XEN_CPUID_LEAF(3), 2).eax, 2000000);
	hv_set_clock(hv_domain_hv(hv_vcpu_domain(testbed_hv_vcpu(b->v0))), 0, 0, 1u << 31, 1);
	assert_int_equal(cpuid(b->v0, XEN_CPUID_LEAF(3), 0).ecx, 1000000);
	hv_set_clock(hv_domain_hv(hv_vcpu_domain(testbed_hv_vcpu(b->v0))), 0, 0, 1u << 31, -1);
	assert_int_equal(cpuid(b->v0, XEN_CPUID_LEAF(3), 2).eax, 4000000);
	assert_nothing(cpuid(b->v0, XEN_CPUID_LEAF(3), 1));
	assert_nothing(cpuid(b->v0, XEN_CPUID_LEAF(4), 0));
	assert_int_equal(cpuid(b->v0, XEN_CPUID_LEAF(5), 0).ebx, 52);
	assert_nothing(cpuid(b->v0, XEN_CPUID_LEAF(5), 1));
	assert_nothing(cpuid(b->v0, XEN_CPUID_LEAF(6), 0));
	assert_nothing(cpuid(b->v0, 0x4fffffff, 0));
}

static void processors_leaves(void **state)
{
	struct bare *b = *state;
	struct hv_cpuid c = { 0, 0, 0, 0 };

	assert_int_equal(cpuid(b->v0, 0, 0).eax, 0xd);
	assert_int_equal(cpuid(b->v0, 0x80000000, 0).eax, 0x80000021);
	hv_vcpu_cpuid(testbed_hv_vcpu(b->v1), 1, 0, &c);
	assert_true(c.ecx == 1u << 31 && c.ebx == 2u << 24);
	c = cpuid(b->v1, 1, 0);
	assert_true(c.ebx == 0x02ffffff && !(c.ecx & (1u << 5 | 1u << 21)) && (c.ecx & 1u << 28));
	assert_int_equal(cpuid(b->v0, 7, 0).eax, 1);
	assert_nothing(cpuid(b->v0, 7, 2));
	assert_nothing(cpuid(b->v0, 5, 0));
	assert_nothing(cpuid(b->v0, 0xe, 0));
	assert_nothing(cpuid(b->v0, 0xd, 63));
	assert_nothing(cpuid(b->v0, 0x80000009, 0));
	assert_nothing(cpuid(b->v0, UINT32_MAX, UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(comes_once_until_the_iret),
		bare_test(without_a_handler_it_is_lost),
		bare_test(is_the_handler_of_its_vector),
		bare_test(wakes_who_blocks),
		bare_test(arguments),
		bare_test(failsafe_masks_if_asked_to),
		bare_test(xens_leaves),
		bare_test(processors_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
