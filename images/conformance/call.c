/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls other than event_channel_op: numbers that are none, arguments that cannot be followed,
 * multicalls, segment bases, what sched_op and vcpu_op say to nonsense.
 */
#include "conformance.h"

#include <xen/memory.h>
#include <xen/vcpu.h>
#include <xen/version.h>

static long call(unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return pv_hypercall(nr, a0, a1, a2, 0, 0);
}

static void unknown_numbers(void)
{
	static const unsigned none[] = { 11, 38, 43, 47, 56, 63 };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect(call(none[i], 0, 0, 0) == -XEN_ENOSYS, "hypercall %u: %ld", none[i],
		       call(none[i], 0, 0, 0));
}

/* rcx and r11 are the way's own, and Xen may destroy arguments; everything else is as before. */
static void registers_kept(void)
{
	uint64_t kept[6] = { 0 };
	long result;

	__asm__ volatile("mov $101, %%rbx; mov $102, %%r12; mov $103, %%r13; mov $104, %%r14\n\t"
			 "mov $105, %%r15; mov $106, %%r9; xor %%esi, %%esi\n\t"
			 "call *%%rax\n\t"
			 "mov %%rbx, %[kept]; mov %%r12, 8+%[kept]; mov %%r13, 16+%[kept]\n\t"
			 "mov %%r14, 24+%[kept]; mov %%r15, 32+%[kept]; mov %%r9, 40+%[kept]"
			 : "=a"(result), [kept] "+o"(kept)
			 : "a"(pv_hypercall_page + (size_t)__HYPERVISOR_xen_version * 32),
			   "D"((uint64_t)XENVER_pagesize)
			 : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",
			   "r14", "r15", "memory", "cc");
	EXPECT_EQ(result, 4096);
	for (unsigned i = 0; i < 6; i++)
		EXPECT_EQ(kept[i], 101 + i);
}

static void pagesize_takes_no_argument(void)
{
	EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_pagesize, 4, 0), -XEN_EINVAL);
}

static void version_unknown(void)
{
	EXPECT_EQ(call(__HYPERVISOR_xen_version, 99, 0, 0), -XEN_ENOSYS);
}

static void version_bad_places(void)
{
	struct xen_feature_info info = { 0 };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_get_features,
			       place(p, &info, sizeof(info)), 0),
			  -XEN_EFAULT);
	EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_get_features,
		       place(PLACE_READ_ONLY, &info, sizeof(info)), 0),
		  -XEN_EFAULT);
}

static void compat_event_channel_op(void)
{
	/* evtchn_status, behind the command */
	struct {
		uint32_t cmd;
		domid_t dom;
		uint16_t pad;
		uint32_t port, status, vcpu, u[2];
	} old = { .cmd = EVTCHNOP_status, .dom = DOMID_SELF, .status = 99 };

	EXPECT_EQ(call(__HYPERVISOR_event_channel_op_compat, pv_arg(&old), 0, 0), 0);
	EXPECT_EQ(old.status, EVTCHNSTAT_closed);
}

static void sched_unknown(void)
{
	EXPECT_EQ(call(__HYPERVISOR_sched_op, 99, 0, 0), -XEN_ENOSYS);
}

static void sched_yield(void)
{
	EXPECT_EQ(call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0), 0);
}

static void sched_shutdown_bad_places(void)
{
	struct sched_shutdown op = { .reason = SHUTDOWN_crash };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(
			call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, place(p, &op, sizeof(op)), 0),
			-XEN_EFAULT);
}

/* ---- multicall ---------------------------------------------------------------------------- */

static long multicall(struct multicall_entry *list, uint64_t n)
{
	return call(__HYPERVISOR_multicall, pv_arg(list), n, 0);
}

static void multicall_in_order(void)
{
	struct evtchn_alloc_unbound a = { DOMID_SELF, DOMID_SELF, 0 },
				    b = { DOMID_SELF, DOMID_SELF, 0 };
	struct multicall_entry list[3] = {
		{ .op = __HYPERVISOR_event_channel_op,
		  .args = { EVTCHNOP_alloc_unbound, pv_arg(&a) } },
		{ .op = __HYPERVISOR_event_channel_op,
		  .args = { EVTCHNOP_alloc_unbound, pv_arg(&b) } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	EXPECT_EQ(multicall(list, 3), 0);
	EXPECT_EQ(list[0].result, 0);
	EXPECT_EQ(list[1].result, 0);
	EXPECT_EQ(list[2].result, 4096);
	EXPECT(a.port && a.port < b.port);
	EXPECT_EQ(port_close(a.port), 0);
	EXPECT_EQ(port_close(b.port), 0);
}

static void multicall_goes_on_after_errors(void)
{
	struct multicall_entry list[3] = {
		{ .op = 63 },
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_close, 0 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	EXPECT_EQ(multicall(list, 3), 0);
	EXPECT_EQ(list[0].result, -XEN_ENOSYS);
	EXPECT_EQ(list[1].result, -XEN_EFAULT);
	EXPECT_EQ(list[2].result, 4096);
}

static void multicall_of_none(void)
{
	EXPECT_EQ(call(__HYPERVISOR_multicall, 0, 0, 0), 0);
}

static void multicall_bad_places(void)
{
	struct multicall_entry e = { .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } };

	for (enum place p = PLACE_NULL; p < PLACES_BAD; p++)
		EXPECT_EQ(call(__HYPERVISOR_multicall, place(p, &e, sizeof(e)), 1, 0), -XEN_EFAULT);
}

static void multicall_ends_at_a_hole(void)
{
	struct multicall_entry e = { .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } };
	uint64_t at = place(PLACE_EDGE, &e, sizeof(e));

	/* The first is done, the second is not there. */
	EXPECT_EQ(call(__HYPERVISOR_multicall, at, 2, 0), -XEN_EFAULT);
	memcpy(&e, (const void *)at, sizeof(e));
	EXPECT_EQ(e.result, 4096);
}

/* ---- others ------------------------------------------------------------------------------- */

static uint64_t fs_word(void)
{
	uint64_t word;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(word));
	return word;
}

static void segment_bases(void)
{
	static uint64_t here = 0x1234, there = 0x5678;

	EXPECT_EQ(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, pv_arg(&here), 0), 0);
	EXPECT_EQ(fs_word(), 0x1234);
	EXPECT_EQ(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, pv_arg(&there), 0), 0);
	EXPECT_EQ(fs_word(), 0x5678);
	EXPECT_EQ(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0, 0), 0);
}

static void segment_base_bad(void)
{
	EXPECT_EQ(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, UINT64_C(0x0000900000000000), 0),
		  -XEN_EINVAL);
	EXPECT_EQ(call(__HYPERVISOR_set_segment_base, 99, 0, 0), -XEN_EINVAL);
}

static void vm_assist_bad(void)
{
	EXPECT_EQ(call(__HYPERVISOR_vm_assist, 99, VMASST_TYPE_runstate_update_flag, 0),
		  -XEN_ENOSYS);
	EXPECT_EQ(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 63, 0), -XEN_EINVAL);
}

static void vcpu_op_bad(void)
{
	EXPECT_EQ(call(__HYPERVISOR_vcpu_op, 99, 0, 0), -XEN_ENOSYS);
	EXPECT_EQ(call(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 8191, 0), -XEN_ENOENT);
	EXPECT_EQ(call(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0xffffffff, 0), -XEN_ENOENT);
	EXPECT_EQ(call(__HYPERVISOR_vcpu_op, 99, 8191, 0), -XEN_ENOENT);
}

static void trap_table_bad_places(void)
{
	struct trap_info t = { 0 };

	for (enum place p = PLACE_NULL + 1; p < PLACES_BAD; p++)
		EXPECT_EQ(call(__HYPERVISOR_set_trap_table, place(p, &t, sizeof(t)), 0, 0),
			  -XEN_EFAULT);
}

static void timer_takes_anything(void)
{
	EXPECT_EQ(call(__HYPERVISOR_set_timer_op, guest_clock(conf.g) + 1000000 * MS, 0, 0), 0);
	EXPECT_EQ(call(__HYPERVISOR_set_timer_op, 0, 0, 0), 0);
}

static void memory_op_unknown(void)
{
	EXPECT_EQ(call(__HYPERVISOR_memory_op, 63, 0, 0), -XEN_ENOSYS);
}

static void memory_reservation(void)
{
	domid_t dom = DOMID_SELF;
	long now = call(__HYPERVISOR_memory_op, XENMEM_current_reservation, pv_arg(&dom), 0);

	EXPECT(now >= (long)conf.pv->start_info->nr_pages);
}

static const struct check checks[] = {
	{ "unknown_numbers", unknown_numbers, 0 },
	{ "registers_kept", registers_kept, 0 },
	{ "pagesize_takes_no_argument", pagesize_takes_no_argument, 0 },
	{ "version_unknown", version_unknown, 0 },
	{ "version_bad_places", version_bad_places, 0 },
	{ "compat_event_channel_op", compat_event_channel_op, 0 },
	{ "sched_unknown", sched_unknown, 0 },
	{ "sched_yield", sched_yield, 0 },
	{ "sched_shutdown_bad_places", sched_shutdown_bad_places, 0 },
	{ "multicall_in_order", multicall_in_order, 0 },
	{ "multicall_goes_on_after_errors", multicall_goes_on_after_errors, 0 },
	{ "multicall_of_none", multicall_of_none, 0 },
	{ "multicall_bad_places", multicall_bad_places, 0 },
	{ "multicall_ends_at_a_hole", multicall_ends_at_a_hole, 0 },
	{ "segment_bases", segment_bases, 0 },
	{ "segment_base_bad", segment_base_bad, 0 },
	{ "vm_assist_bad", vm_assist_bad, 0 },
	{ "vcpu_op_bad", vcpu_op_bad, 0 },
	{ "trap_table_bad_places", trap_table_bad_places, 0 },
	{ "timer_takes_anything", timer_takes_anything, 0 },
	{ "memory_op_unknown", memory_op_unknown, 0 },
	{ "memory_reservation", memory_reservation, 0 },
	{ 0 },
};

const struct area area_call = { "call", checks };
