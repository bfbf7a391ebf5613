/* SPDX-License-Identifier: MIT */
/*
 * The small hypercalls: multicall, console_io, xen_version, the callbacks and the trap table,
 * numbers that do not exist. Event channels and vCPUs have files of their own.
 */
#include <xen/callback.h>
#include <xen/version.h>

#include "bare.h"

static void unknown_numbers(void **state)
{
	struct bare *b = *state;
	static const uint64_t nr[] = { 11, 56, 63, 64, 1000, 0x80000000, 1ul << 32, -1ul };

	for (unsigned i = 0; i < ALEN(nr); i++)
		assert_fails(testbed_call(b->v0, nr[i], 0), ENOSYS);
	/* known to Xen, not here */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_grant_table_op, 0), ENOSYS);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_hvm_op, 0), ENOSYS);
}

static long multicall(struct testbed_vcpu *v, struct multicall_entry *e, size_t n)
{
	uint64_t va = testbed_place(v, AT_OK, 1, e, n * sizeof(*e));
	long rc = testbed_call(v, __HYPERVISOR_multicall, va, n);

	testbed_fetch(v, va, e, n * sizeof(*e));
	return rc;
}

static void multicalls(void **state)
{
	struct bare *b = *state;
	struct evtchn_alloc_unbound alloc = { SELF, 5, 0 };
	uint64_t arg = testbed_place(b->v0, AT_OK, 0, &alloc, sizeof(alloc));
	struct multicall_entry e[4] = {
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_alloc_unbound, arg } },
		{ .op = 11 },
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_alloc_unbound, 0 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	assert_rc(multicall(b->v0, e, 4), 0);
	assert_rc(e[0].result, 0);
	assert_fails(e[1].result, ENOSYS);
	assert_fails(e[2].result, EFAULT);
	assert_rc(e[3].result, 4096);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=5");
	assert_status(b->v0, SELF, 2, "closed vcpu=0");
	assert_rc(multicall(b->v0, e, 0), 0);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_multicall, 0x10, 1), EFAULT);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_multicall,
				  testbed_place(b->v0, AT_UNMAPPED, 0, "", 1), 1),
		     EFAULT);
}

static void multicall_in_multicall(void **state)
{
	struct bare *b = *state;
	struct multicall_entry e[2] = {
		{ .op = __HYPERVISOR_multicall, .args = { 0, 0 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	assert_rc(multicall(b->v0, e, 2), 0);
	assert_fails(e[0].result, EINVAL);
	assert_rc(e[1].result, 4096);
}

/* The result of an entry that cannot be written: what was done before stays done. */
static void multicall_read_only(void **state)
{
	struct bare *b = *state;
	struct evtchn_alloc_unbound alloc = { SELF, 5, 0 };
	struct multicall_entry e = { .op = __HYPERVISOR_event_channel_op,
				     .args = { EVTCHNOP_alloc_unbound,
					       testbed_place(b->v0, AT_OK, 0, &alloc,
							     sizeof(alloc)) } };
	uint64_t va = testbed_place(b->v0, AT_READONLY, 0, &e, sizeof(e));

	assert_fails(testbed_call(b->v0, __HYPERVISOR_multicall, va, 1), EFAULT);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=5");
}

static long console_write(struct testbed_vcpu *v, enum testbed_where where, const char *text)
{
	uint64_t va = testbed_place(v, where, 0, text, strlen(text));

	return testbed_call(v, __HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), va);
}

static void console_out(void **state)
{
	struct bare *b = *state;
	char big[2001];

	assert_rc(console_write(b->v0, AT_OK, "one "), 0);
	assert_rc(console_write(b->v0, AT_READONLY, "two"), 0);
	assert_string_equal(testbed_console(b->d0), "one two");
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	assert_rc(console_write(b->v0, AT_OK, big), 0);
	assert_int_equal(strlen(testbed_console(b->d0)), 2007);
	assert_fails(console_write(b->v0, AT_NULL, "no"), EFAULT);
	assert_fails(console_write(b->v0, AT_UNMAPPED, "no"), EFAULT);
	assert_int_equal(strlen(testbed_console(b->d0)), 2007);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_console_io, 77, 1, 0), ENOSYS);
}

static void console_in(void **state)
{
	struct bare *b = *state;
	uint64_t va = testbed_place(b->v0, AT_OK, 0, "........", 8);
	char got[8];

	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_read, 8, va), 0);
	testbed_console_input(b->d0, "hello");
	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_read, 3, va), 3);
	assert_true(testbed_fetch(b->v0, va, got, 8));
	assert_memory_equal(got, "hel.....", 8);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_read, 8, va), 2);
	assert_true(testbed_fetch(b->v0, va, got, 8));
	assert_memory_equal(got, "lol.....", 8);
}

static long version(struct testbed_vcpu *v, unsigned op, void *arg, size_t n)
{
	uint64_t va = n ? testbed_place(v, AT_OK, 0, arg, n) : 0;
	long rc = testbed_call(v, __HYPERVISOR_xen_version, op, va);

	if (n)
		testbed_fetch(v, va, arg, n);
	return rc;
}

static void versions(void **state)
{
	struct bare *b = *state;
	struct xen_feature_info f = { .submap_idx = 0, .submap = 0xa5a5a5a5 };
	xen_capabilities_info_t caps;
	xen_extraversion_t extra;

	assert_rc(version(b->v0, XENVER_version, NULL, 0), 4 << 16 | 17);
	assert_rc(version(b->v0, XENVER_pagesize, NULL, 0), 4096);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_xen_version, XENVER_pagesize, 4), EINVAL);
	assert_rc(version(b->v0, XENVER_get_features, &f, sizeof(f)), 0);
	assert_true(f.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
	assert_true(f.submap & 1u << XENFEAT_dom0);
	assert_false(f.submap & 1u << XENFEAT_auto_translated_physmap);
	f.submap_idx = XENFEAT_NR_SUBMAPS;
	assert_fails(version(b->v0, XENVER_get_features, &f, sizeof(f)), EINVAL);
	memset(caps, 0xff, sizeof(caps));
	assert_rc(version(b->v0, XENVER_capabilities, caps, sizeof(caps)), 0);
	assert_non_null(memchr(caps, 0, sizeof(caps)));
	assert_non_null(strstr(caps, "xen-3.0-x86_64"));
	memset(extra, 0xff, sizeof(extra));
	assert_rc(version(b->v0, XENVER_extraversion, extra, sizeof(extra)), 0);
	assert_non_null(memchr(extra, 0, sizeof(extra)));
	assert_fails(version(b->v0, XENVER_get_features, NULL, 0), EFAULT);
	assert_fails(version(b->v0, 99, NULL, 0), ENOSYS);
	/* the feature bit is the control domain's alone */
	f = (struct xen_feature_info){ 0 };
	assert_rc(version(testbed_vcpu(bare_domain(b, 1, true), 0), XENVER_get_features, &f,
			  sizeof(f)),
		  0);
	assert_false(f.submap & 1u << XENFEAT_dom0);
}

static void set_callbacks(void **state)
{
	struct bare *b = *state;
	struct hv_entry e;

	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.event, 0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_callbacks, 0x11000, 0x22000, 0x33000), 0);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.event, 0x11000);
	assert_int_equal(e.failsafe, 0x22000);
	assert_int_equal(e.syscall, 0x33000);
	assert_int_equal(e.nmi, 0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_stack_switch, FLAT_KERNEL_SS, 0x44000), 0);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.kernel_sp, 0x44000);
	/* the other vCPU has its own */
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_entry(testbed_hv_vcpu(b->v1), &e);
	assert_int_equal(e.event, 0);
}

static long callback(struct testbed_vcpu *v, unsigned op, uint16_t type, uint64_t address)
{
	struct callback_register r = { .type = type, .address = address };

	return testbed_call(v, __HYPERVISOR_callback_op, op,
			    testbed_place(v, AT_OK, 0, &r, sizeof(r)));
}

static void callback_op(void **state)
{
	struct bare *b = *state;
	struct hv_entry e;

	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_event, 0x1000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_failsafe, 0x2000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_syscall, 0x3000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_nmi, 0x4000), 0);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.event, 0x1000);
	assert_int_equal(e.failsafe, 0x2000);
	assert_int_equal(e.syscall, 0x3000);
	assert_int_equal(e.nmi, 0x4000);
	assert_rc(callback(b->v0, CALLBACKOP_unregister, CALLBACKTYPE_nmi, 0), 0);
	assert_fails(callback(b->v0, CALLBACKOP_unregister, CALLBACKTYPE_event, 0), EINVAL);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.nmi, 0);
	assert_int_equal(e.event, 0x1000);
	assert_fails(callback(b->v0, 7, CALLBACKTYPE_event, 0), ENOSYS);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_callback_op, CALLBACKOP_register, 0), EFAULT);
	/* not an address: refused, what was there stays */
	assert_fails(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_event, 0x900000000000ul),
		     EINVAL);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.event, 0x1000);
}

static void trap_table(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct trap_info t[] = { { 14, 4, FLAT_KERNEL_CS, 0x14000 },
				 { 3, 3, FLAT_KERNEL_CS, 0x3000 },
				 { 0, 0, 0, 0 },
				 { 6, 0, FLAT_KERNEL_CS, 0x6000 } };
	struct hv_trap got;

	assert_fails(hv_vcpu_trap(v, 14, &got), ENOENT);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
			       testbed_place(b->v0, AT_OK, 0, t, sizeof(t))),
		  0);
	assert_rc(hv_vcpu_trap(v, 14, &got), 0);
	assert_int_equal(got.rip, 0x14000);
	assert_true(got.mask_events);
	assert_rc(hv_vcpu_trap(v, 3, &got), 0);
	assert_int_equal(got.rip, 0x3000);
	assert_false(got.mask_events);
	/* the table ends at address 0 */
	assert_fails(hv_vcpu_trap(v, 6, &got), ENOENT);
	assert_fails(hv_vcpu_trap(v, 256, &got), ENOENT);
	/* a second table adds to the first; none at all clears it */
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
			       testbed_place(b->v0, AT_EDGE, 0, &t[1], 2 * sizeof(t[0]))),
		  0);
	assert_rc(hv_vcpu_trap(v, 14, &got), 0);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
				  testbed_place(b->v0, AT_EDGE, 0, t, sizeof(t[0]))),
		     EFAULT);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table, 0), 0);
	assert_fails(hv_vcpu_trap(v, 14, &got), ENOENT);
}

static void not_lent(void **state)
{
	struct bare *b = *state;

	/* callbacks that the testbed does not lend */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_iret), ENOSYS);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_set_segment_base, SEGBASE_FS, 0x1000),
		     ENOSYS);
}

static void create_needs_its_callbacks(void **state)
{
	static const struct hv_ops none;
	struct hv *hv = NULL;

	(void)state;
	assert_fails(hv_create(&hv, &none, NULL), EINVAL);
	assert_null(hv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(unknown_numbers),
		bare_test(multicalls),
		bare_test(multicall_in_multicall),
		bare_test(multicall_read_only),
		bare_test(console_out),
		bare_test(console_in),
		bare_test(versions),
		bare_test(set_callbacks),
		bare_test(callback_op),
		bare_test(trap_table),
		bare_test(not_lent),
		cmocka_unit_test(create_needs_its_callbacks),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
