/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit domain's hypercalls: arguments in its layouts, registers of which the low halves count,
 * and the calls that it does not have. Its events are in test_compat.c, its interrupts and memory
 * in test_compat_physdev.c.
 */
#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "bare.h"

#define MS	TESTBED_MS
#define GARBAGE 0xdeadbeef00000000ul /* what the upper half of a register may hold */

/* A call with one structure as its second argument, ending before a hole: not a byte more is read.
 */
static long with(struct testbed_vcpu *v, uint64_t nr, uint64_t op, void *arg, size_t n)
{
	uint64_t va = testbed_place(v, AT_EDGE, 0, arg, n);
	long rc = testbed_call(v, nr, op, va);

	testbed_fetch(v, va, arg, n);
	return rc;
}

static long vcpu_with(struct testbed_vcpu *v, uint64_t op, uint64_t vcpu, void *arg, size_t n)
{
	uint64_t va = testbed_place(v, AT_EDGE, 0, arg, n);
	long rc = testbed_call(v, __HYPERVISOR_vcpu_op, op, vcpu, va);

	testbed_fetch(v, va, arg, n);
	return rc;
}

static void upper_halves(void **state)
{
	struct bare *b = *state;
	struct evtchn_bind_ipi a = { 0, 0 };
	uint64_t va = testbed_place(b->v0, AT_OK, 0, &a, sizeof(a));

	assert_true(va < UINT32_MAX);
	assert_rc(testbed_call(b->v0, GARBAGE | __HYPERVISOR_event_channel_op,
			       GARBAGE | EVTCHNOP_bind_ipi, GARBAGE | va),
		  0);
	assert_true(testbed_fetch(b->v0, va, &a, sizeof(a)));
	assert_int_equal(a.port, 1);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_vcpu_op, GARBAGE | VCPUOP_is_up, GARBAGE, 0), 1);
}

/* Addresses that are none, and the hypervisor's own place for translated arguments. */
static void addresses(void **state)
{
	struct bare *b = *state;
	static const enum testbed_where bad[] = { AT_NULL, AT_UNMAPPED, AT_NONCANON,
						  AT_XEN,  AT_TOP,	AT_STRADDLE };
	struct compat_sched_poll p = { .nr_ports = 1, .timeout = 1 };

	for (unsigned i = 0; i < ALEN(bad); i++) {
		ops_at(b->v0, bad[i]);
		assert_fails(op_bind_ipi(b->v0, 0), EFAULT);
		assert_fails(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll,
					  testbed_place(b->v0, bad[i], 0, &p, sizeof(p))),
			     EFAULT);
	}
	/* a range that leaves the 4 GiB; one that would come round to its beginning */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_write, 32, 0xfffffff0),
		     EFAULT);
	p.ports = 0xfffffffc;
	p.nr_ports = 2;
	assert_fails(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), EFAULT);
	/* to such a guest these are 0 and below */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, UINT64_C(1) << 62),
		     EFAULT);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
}

static void poll(void **state)
{
	struct bare *b = *state;
	evtchn_port_t ports[3] = { 1, 2, 3 };
	struct compat_sched_poll p = { .nr_ports = 3 };
	struct hv_vcpu *v0 = testbed_hv_vcpu(b->v0);

	for (uint32_t port = 1; port <= 3; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	p.ports = (uint32_t)testbed_place(b->v0, AT_EDGE, 1, ports, sizeof(ports));
	/* longer than a 32-bit time */
	p.timeout = testbed_now(b->tb) + 10000 * MS;
	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), 0);
	assert_false(hv_vcpu_runnable(v0));
	testbed_advance(b->tb, 9999 * MS);
	assert_false(hv_vcpu_runnable(v0));
	testbed_advance(b->tb, 1 * MS);
	assert_true(hv_vcpu_runnable(v0));

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	p.timeout = 0;
	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), 0);
	assert_false(hv_vcpu_runnable(v0));
	assert_rc(op_send(b->v1, 3), 0);
	assert_true(hv_vcpu_runnable(v0));
	/* pending: at once */
	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), 0);
	assert_true(hv_vcpu_runnable(v0));
	p.nr_ports = 129;
	assert_fails(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), EINVAL);
}

static void shut_down(void **state)
{
	struct bare *b = *state;
	struct sched_remote_shutdown r = { .domain_id = 4, .reason = SHUTDOWN_crash };
	struct sched_shutdown s = { SHUTDOWN_reboot };
	struct testbed_domain *d4 = bare_domain(b, 4, true);
	unsigned reason = 77;

	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r, sizeof(r)), 0);
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(d4), &reason));
	assert_int_equal(reason, SHUTDOWN_crash);
	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s)), 0);
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(b->d0), &reason));
	assert_int_equal(reason, SHUTDOWN_reboot);
}

/* A time in two halves. */
static void set_timer(void **state)
{
	struct bare *b = *state;
	uint64_t when;

	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	testbed_advance(b->tb, 5000 * MS); /* more than the low half holds */
	when = testbed_now(b->tb) + 7 * MS;
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_timer_op, GARBAGE | (uint32_t)when,
			       GARBAGE | when >> 32),
		  0);
	assert_int_equal(testbed_deadline(b->v0), when);
	testbed_advance(b->tb, 7 * MS);
	assert_bits(b->d0, 1, 1, 0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_timer_op, 1, 0), 0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_timer_op, 0, 0), 0);
	assert_int_equal(testbed_deadline(b->v0), HV_NEVER);
	/* negative: soon, as for a 64-bit guest */
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_timer_op, 0, 0x80000000), 0);
	assert_int_equal(testbed_deadline(b->v0), testbed_now(b->tb) + 100 * MS);
}

static void vcpu_timers(void **state)
{
	struct bare *b = *state;
	struct compat_vcpu_set_singleshot_timer s = { .timeout_abs_ns = 5000 * MS };
	struct vcpu_set_periodic_timer p = { .period_ns = 10 * MS };

	assert_int_equal(sizeof(s), 12);
	assert_rc(op_bind_virq(b->v0, VIRQ_TIMER, 0), 1);
	assert_rc(vcpu_with(b->v0, VCPUOP_set_singleshot_timer, 0, &s, sizeof(s)), 0);
	assert_int_equal(testbed_deadline(b->v0), 5000 * MS);
	assert_fails(vcpu_with(b->v0, VCPUOP_set_singleshot_timer, 1, &s, sizeof(s)), EINVAL);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 1, 0),
		     EINVAL);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, 0),
		     EFAULT);
	testbed_advance(b->tb, 1 * MS);
	s.flags = VCPU_SSHOTTMR_future;
	assert_rc(vcpu_with(b->v0, VCPUOP_set_singleshot_timer, 0, &s, sizeof(s)), 0);
	assert_int_equal(testbed_deadline(b->v0), 5000 * MS);
	assert_rc(op_vcpu(b->v0, VCPUOP_stop_singleshot_timer, 0, NULL, 0), 0);
	assert_int_equal(testbed_deadline(b->v0), HV_NEVER);
	assert_rc(vcpu_with(b->v0, VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), 0);
	testbed_advance(b->tb, 10 * MS);
	assert_bits(b->d0, 1, 1, 0);
	assert_rc(op_vcpu(b->v0, VCPUOP_stop_periodic_timer, 0, NULL, 0), 0);
}

static void runstate(void **state)
{
	struct bare *b = *state;
	struct compat_vcpu_runstate_info r = { .state = -1 };

	assert_int_equal(sizeof(r), 44);
	assert_rc(vcpu_with(b->v0, VCPUOP_get_runstate_info, 0, &r, sizeof(r)), 0);
	testbed_advance(b->tb, 3 * MS);
	assert_rc(vcpu_with(b->v0, VCPUOP_get_runstate_info, 0, &r, sizeof(r)), 0);
	assert_int_equal(r.state, RUNSTATE_running);
	assert_true(r.time[RUNSTATE_running] == 3 * MS);
	assert_true(r.time[RUNSTATE_runnable] == 0);
	assert_rc(vcpu_with(b->v0, VCPUOP_get_runstate_info, 1, &r, sizeof(r)), 0);
	assert_int_equal(r.state, RUNSTATE_offline);
	assert_true(r.state_entry_time == 0);
	assert_true(r.time[RUNSTATE_offline] == 3 * MS);
}

/* Written at registration, and kept: in the narrow layout each time. */
static void runstate_area(void **state)
{
	struct bare *b = *state;
	struct compat_vcpu_runstate_info *area = testbed_page(b->d0);
	struct vcpu_register_runstate_memory_area a = { .addr.p = 0 };
	uint8_t *behind = (uint8_t *)(area + 1);

	/* the pointer is what counts of the address, which is wider by another name */
	a.addr.p = GARBAGE | (uintptr_t)area;
	*behind = 0xee;
	testbed_advance(b->tb, 3 * MS);
	assert_rc(vcpu_with(b->v0, VCPUOP_register_runstate_memory_area, 1, &a, sizeof(a.addr.p)),
		  0);
	assert_int_equal(area->state, RUNSTATE_offline);
	assert_true(area->time[RUNSTATE_offline] == 3 * MS);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	testbed_advance(b->tb, 2 * MS);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_int_equal(area->state, RUNSTATE_running);
	assert_true(area->state_entry_time == 5 * MS);
	assert_true(area->time[RUNSTATE_runnable] == 2 * MS);
	assert_int_equal(*behind, 0xee);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area,
				  0, 0),
		     EFAULT);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area,
				  9, 0),
		     ENOENT);
}

/* An area over the edge of what can be written shows where the flag is, and that it comes first. */
static void runstate_flag(void **state)
{
	struct bare *b = *state;
	struct compat_vcpu_runstate_info r = { .state = RUNSTATE_offline };
	uint64_t va = testbed_place(b->v0, AT_EDGE, 1, &r, 12);
	uint32_t pointer = (uint32_t)va;

	assert_rc(testbed_call(b->v0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			       VMASST_TYPE_runstate_update_flag),
		  0);
	assert_rc(vcpu_with(b->v0, VCPUOP_register_runstate_memory_area, 1, &pointer,
			    sizeof(pointer)),
		  0);
	testbed_place(b->v0, AT_EDGE, 1, &r, 12);
	testbed_advance(b->tb, 1 * MS);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	hv_vcpu_resumed(testbed_hv_vcpu(b->v1));
	assert_true(testbed_fetch(b->v0, va, &r, 12));
	assert_true(r.state_entry_time == (XEN_RUNSTATE_UPDATE | 1 * MS));
}

static void fill_context(struct compat_vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	c->fpu_ctxt.x[511] = 0x51;
	c->flags = VGCF_in_kernel;
	c->user_regs.ebx = 0x80000001;
	c->user_regs.eax = 0x80000007;
	c->user_regs.eip = 0xc0001000;
	c->user_regs.esp = 0xc0002000;
	c->user_regs.eflags = 0x1202;
	c->user_regs.cs = 0x61;
	c->user_regs.gs = 0x7b;
	c->trap_ctxt[14].flags = 4;
	c->trap_ctxt[14].cs = 0x62;
	c->trap_ctxt[14].address = 0xc0014000;
	c->gdt_frames[15] = 0xfffff;
	c->gdt_ents = 9;
	c->kernel_ss = 0x69;
	c->kernel_sp = 0xc0003000;
	c->ctrlreg[3] = 0x45678123; /* frame 0x12345678, folded */
	c->event_callback_cs = 0x63;
	c->event_callback_eip = 0xc0004000;
	c->failsafe_callback_cs = 0x64;
	c->failsafe_callback_eip = 0xc0005000;
	c->vm_assist = 1;
}

static void initialise(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);
	struct compat_vcpu_guest_context c;
	const struct vcpu_guest_context *got;
	struct hv_entry e;
	struct hv_trap t;

	fill_context(&c);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, 0), EFAULT);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 2, &c, sizeof(c)), ENOENT);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 0, &c, sizeof(c)), EEXIST);
	hv_vcpu_entry(testbed_hv_vcpu(b->v0), &e);
	assert_int_equal(e.event_cs, COMPAT_FLAT_KERNEL_CS);
	testbed_fail_alloc(b->tb, 0);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), ENOMEM);
	testbed_fail_alloc(b->tb, 1);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), ENOMEM);
	testbed_fail_alloc(b->tb, UINT64_MAX);
	assert_rc(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), 0);

	got = hv_vcpu_context(v1);
	assert_non_null(got);
	assert_int_equal(got->fpu_ctxt.x[511], 0x51);
	assert_int_equal(got->user_regs.rbx, 0x80000001);
	assert_int_equal(got->user_regs.rax, 0x80000007);
	assert_int_equal(got->user_regs.rip, 0xc0001000);
	assert_int_equal(got->user_regs.rsp, 0xc0002000);
	assert_int_equal(got->user_regs.rflags, 0x1202);
	assert_int_equal(got->user_regs.cs, 0x61);
	assert_int_equal(got->user_regs.gs, 0x7b);
	assert_int_equal(got->gdt_frames[15], 0xfffff);
	assert_int_equal(got->gdt_ents, 9);
	assert_int_equal(xen_cr3_to_pfn(got->ctrlreg[3]), 0x12345678);
	assert_int_equal(got->vm_assist, 1);
	hv_vcpu_entry(v1, &e);
	assert_int_equal(e.event, 0xc0004000);
	assert_int_equal(e.event_cs, 0x63);
	assert_int_equal(e.failsafe, 0xc0005000);
	assert_int_equal(e.failsafe_cs, 0x64);
	assert_int_equal(e.kernel_ss, 0x69);
	assert_int_equal(e.kernel_sp, 0xc0003000);
	assert_rc(hv_vcpu_trap(v1, 14, &t), 0);
	assert_int_equal(t.rip, 0xc0014000);
	assert_int_equal(t.cs, 0x62);
	assert_true(t.mask_events);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), EEXIST);
	assert_rc(op_vcpu(b->v0, VCPUOP_is_up, 1, NULL, 0), 0);
	assert_rc(op_vcpu(b->v0, VCPUOP_up, 1, NULL, 0), 0);
	assert_rc(op_vcpu(b->v0, VCPUOP_is_up, 1, NULL, 0), 1);
	assert_true(hv_vcpu_runnable(v1));
	assert_rc(op_vcpu(b->v0, VCPUOP_down, 1, NULL, 0), 0);
	assert_false(hv_vcpu_runnable(v1));
}

/* From the builder: a context that such a guest could not have. */
static void started_above_4g(void **state)
{
	struct bare *b = *state;
	struct vcpu_guest_context c = { .user_regs.rip = UINT64_C(1) << 32 };

	assert_fails(hv_vcpu_start(testbed_hv_vcpu(b->v1), &c), EINVAL);
	c.user_regs.rip = UINT32_MAX;
	c.trap_ctxt[255].address = UINT64_C(1) << 40;
	assert_fails(hv_vcpu_start(testbed_hv_vcpu(b->v1), &c), EINVAL);
	c.trap_ctxt[255].address = 0;
	assert_rc(hv_vcpu_start(testbed_hv_vcpu(b->v1), &c), 0);
}

static long callback(struct testbed_vcpu *v, uint64_t op, uint16_t type, uint32_t cs, uint32_t eip)
{
	struct compat_callback_register r = { .type = type, .address = { cs, eip } };

	return with(v, __HYPERVISOR_callback_op, op, &r, sizeof(r));
}

static void callbacks(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct compat_xennmi_callback nmi = { 0xc0009000, 0 };
	struct hv_entry e;

	assert_rc(
		testbed_call(b->v0, __HYPERVISOR_set_callbacks, 0x61, 0xc0001000, 0x62, 0xc0002000),
		0);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_stack_switch, 0x69, GARBAGE | 0xc0003000), 0);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.event_cs, 0x61);
	assert_int_equal(e.event, 0xc0001000);
	assert_int_equal(e.failsafe_cs, 0x62);
	assert_int_equal(e.failsafe, 0xc0002000);
	assert_int_equal(e.syscall, 0);
	assert_int_equal(e.kernel_ss, 0x69);
	assert_int_equal(e.kernel_sp, 0xc0003000);

	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_event, 0x71, 0xfff00000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_failsafe, 0x72, 0xfff01000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_nmi, 0x73, 0xfff02000), 0);
	assert_rc(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_sysenter, 0x74, 1), 0);
	assert_fails(callback(b->v0, CALLBACKOP_register, CALLBACKTYPE_syscall, 0x74, 1), ENOSYS);
	assert_fails(callback(b->v0, CALLBACKOP_register, 99, 0x74, 1), ENOSYS);
	assert_fails(callback(b->v0, 7, CALLBACKTYPE_event, 0, 0), EINVAL);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.event_cs, 0x71);
	assert_int_equal(e.event, 0xfff00000);
	assert_int_equal(e.failsafe_cs, 0x72);
	assert_int_equal(e.failsafe, 0xfff01000);
	assert_int_equal(e.nmi, 0xfff02000);
	assert_fails(callback(b->v0, CALLBACKOP_unregister, CALLBACKTYPE_event, 0, 0), EINVAL);
	assert_fails(callback(b->v0, CALLBACKOP_unregister, CALLBACKTYPE_syscall, 0, 0), ENOSYS);
	assert_rc(callback(b->v0, CALLBACKOP_unregister, CALLBACKTYPE_nmi, 0, 0), 0);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.nmi, 0);
	assert_rc(with(b->v0, __HYPERVISOR_nmi_op, XENNMI_register_callback, &nmi, sizeof(nmi)), 0);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.nmi, 0xc0009000);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_nmi_op, XENNMI_register_callback, 0), EFAULT);
	hv_vcpu_entry(v, &e);
	assert_int_equal(e.nmi, 0);
}

static void trap_table(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v = testbed_hv_vcpu(b->v0);
	struct compat_trap_info t[] = { { 14, 4, 0x61, 0xc0014000 },
					{ 3, 3, 0x62, 0xffffffff },
					{ 0, 0, 0, 0 },
					{ 6, 0, 0x61, 0x6000 } };
	struct compat_trap_info many[257];
	struct hv_trap got;

	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
			       testbed_place(b->v0, AT_OK, 0, t, sizeof(t))),
		  0);
	assert_rc(hv_vcpu_trap(v, 14, &got), 0);
	assert_int_equal(got.rip, 0xc0014000);
	assert_int_equal(got.cs, 0x61);
	assert_true(got.mask_events);
	assert_rc(hv_vcpu_trap(v, 3, &got), 0);
	assert_int_equal(got.rip, 0xffffffff);
	assert_int_equal(got.cs, 0x62);
	assert_false(got.mask_events);
	assert_fails(hv_vcpu_trap(v, 6, &got), ENOENT);
	/* those before the hole are set, as for a 64-bit guest */
	assert_fails(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
				  testbed_place(b->v0, AT_EDGE, 0, &t[3], sizeof(t[3]))),
		     EFAULT);
	assert_rc(hv_vcpu_trap(v, 6, &got), 0);
	for (unsigned i = 0; i < 257; i++)
		many[i] = (struct compat_trap_info){ (uint8_t)i, 0, 0x61, 0x1000 + i };
	assert_fails(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
				  testbed_place(b->v0, AT_OK, 0, many, sizeof(many))),
		     EINVAL);
	many[256].address = 0;
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table,
			       testbed_place(b->v0, AT_OK, 0, many, sizeof(many))),
		  0);
	assert_rc(hv_vcpu_trap(v, 255, &got), 0);
	assert_int_equal(got.rip, 0x10ff);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_set_trap_table, 0), 0);
	assert_fails(hv_vcpu_trap(v, 14, &got), ENOENT);
}

static long multicall(struct testbed_vcpu *v, struct compat_multicall_entry *e, size_t n)
{
	uint64_t va = testbed_place(v, AT_EDGE, 1, e, n * sizeof(*e));
	long rc = testbed_call(v, __HYPERVISOR_multicall, va, n);

	testbed_fetch(v, va, e, n * sizeof(*e));
	return rc;
}

static void multicalls(void **state)
{
	struct bare *b = *state;
	struct evtchn_alloc_unbound alloc = { SELF, 5, 0 };
	uint32_t arg = (uint32_t)testbed_place(b->v0, AT_OK, 0, &alloc, sizeof(alloc));
	struct compat_multicall_entry e[] = {
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_alloc_unbound, arg } },
		{ .op = 11 },
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_alloc_unbound, 0 } },
		{ .op = __HYPERVISOR_set_timer_op, .args = { 5, 1 } },
		{ .op = __HYPERVISOR_multicall },
		{ .op = __HYPERVISOR_iret },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};

	assert_int_equal(sizeof(e[0]), 32);
	assert_rc(multicall(b->v0, e, ALEN(e)), 0);
	assert_int_equal(e[0].result, 0);
	assert_int_equal(e[1].result, (uint32_t)-XEN_ENOSYS);
	assert_int_equal(e[2].result, (uint32_t)-XEN_EFAULT);
	assert_int_equal(e[3].result, 0);
	assert_int_equal(e[4].result, (uint32_t)-XEN_EINVAL);
	assert_int_equal(e[5].result, (uint32_t)-XEN_ENOSYS);
	assert_int_equal(e[6].result, 4096);
	assert_int_equal(e[6].args[0], XENVER_pagesize);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=5");
	assert_status(b->v0, SELF, 2, "closed vcpu=0");
	assert_int_equal(testbed_deadline(b->v0), 0x100000005);
	/* more than there is room for: those that could be read are done */
	testbed_place(b->v0, AT_OK, 0, &alloc, sizeof(alloc));
	assert_fails(testbed_call(b->v0, __HYPERVISOR_multicall,
				  testbed_place(b->v0, AT_EDGE, 1, &e[0], sizeof(e[0])), 2),
		     EFAULT);
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=5");
}

static bool always(struct testbed_vcpu *v, void *arg)
{
	(void)v;
	++*(unsigned *)arg;
	return true;
}

/* An entry that is cut short goes on with the arguments that were put into its narrow words. */
static void multicall_of_a_long_one(void **state)
{
	struct bare *b = *state;
	uint8_t *page = testbed_page(b->d0);
	uint32_t va = (uint32_t)(uintptr_t)page;
	struct evtchn_reset reset = { SELF };
	struct compat_multicall_entry e[3] = {
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_reset, va + 512 } },
		{ .op = __HYPERVISOR_console_io, .args = { CONSOLEIO_write, 1000, va + 1024 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};
	unsigned steps = 0;

	for (uint32_t port = 1; port <= 1000; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	memcpy(page, e, sizeof(e));
	memcpy(page + 512, &reset, sizeof(reset));
	memset(page + 1024, 'x', 1000);
	testbed_set_preempt(b->tb, always, &steps);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_multicall, GARBAGE | va, GARBAGE | 3), 0);
	testbed_set_preempt(b->tb, NULL, NULL);
	assert_true(steps > 6);
	memcpy(e, page, sizeof(e));
	assert_int_equal(e[0].result, 0);
	assert_int_equal(e[0].args[0], EVTCHNOP_reset_cont);
	assert_int_equal(e[0].args[1], va + 512);
	assert_int_equal(e[1].result, 0);
	assert_int_equal(e[2].result, 4096);
	assert_int_equal(strlen(testbed_console(b->d0)), 1000);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

static int deny_vcpu_op(const struct hv_request *r, void *arg)
{
	(void)arg;
	return r->op == HV_OP_VCPU ? -XEN_EPERM : 0;
}

/* The policy is asked about translated calls as well. */
static void policy(void **state)
{
	struct bare *b = *state;
	struct compat_vcpu_guest_context c;
	struct compat_vcpu_set_singleshot_timer s = { .timeout_abs_ns = 5000 * MS };

	fill_context(&c);
	testbed_set_policy(b->tb, deny_vcpu_op, NULL);
	assert_fails(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), EPERM);
	assert_fails(vcpu_with(b->v0, VCPUOP_set_singleshot_timer, 0, &s, sizeof(s)), EPERM);
	assert_null(hv_vcpu_context(testbed_hv_vcpu(b->v1)));
	testbed_set_policy(b->tb, NULL, NULL);
	assert_rc(vcpu_with(b->v0, VCPUOP_initialise, 1, &c, sizeof(c)), 0);
}

static void watchdog(void **state)
{
	struct bare *b = *state;
	struct sched_watchdog w = { 0, 5 };
	unsigned reason = 0;

	assert_rc(with(b->v0, __HYPERVISOR_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), 1);
	testbed_advance(b->tb, 5001 * MS);
	assert_true(hv_domain_is_shut_down(testbed_hv_domain(b->d0), &reason));
	assert_int_equal(reason, SHUTDOWN_watchdog);
}

static void versions(void **state)
{
	struct bare *b = *state;
	struct xen_feature_info f = { .submap_idx = 0, .submap = 0xa5a5a5a5 };
	struct compat_xen_platform_parameters p = { 0 };
	xen_capabilities_info_t caps;
	xen_extraversion_t extra;
	xen_domain_handle_t handle = { 0 };

	assert_rc(testbed_call(b->v0, __HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
	assert_rc(with(b->v0, __HYPERVISOR_xen_version, XENVER_platform_parameters, &p, sizeof(p)),
		  0);
	assert_int_equal(p.virt_start, 0xf5800000);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_xen_version, XENVER_platform_parameters, 0),
		     EFAULT);
	assert_rc(with(b->v0, __HYPERVISOR_xen_version, XENVER_get_features, &f, sizeof(f)), 0);
	assert_int_equal(f.submap, 1u << XENFEAT_dom0); /* nothing of page tables */
	assert_rc(with(b->v0, __HYPERVISOR_xen_version, XENVER_capabilities, caps, sizeof(caps)),
		  0);
	assert_non_null(strstr(caps, "xen-3.0-x86_32p"));
	assert_rc(with(b->v0, __HYPERVISOR_xen_version, XENVER_extraversion, extra, sizeof(extra)),
		  0);
	assert_string_equal(extra, ".carillon");
	assert_rc(
		with(b->v0, __HYPERVISOR_xen_version, XENVER_guest_handle, handle, sizeof(handle)),
		0);
	assert_int_equal(handle[0], 'c');
}

static void console(void **state)
{
	struct bare *b = *state;
	uint64_t va = testbed_place(b->v0, AT_EDGE, 0, "text", 4);
	char got[4];

	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_write, GARBAGE | 4,
			       GARBAGE | va),
		  0);
	assert_string_equal(testbed_console(b->d0), "text");
	testbed_console_input(b->d0, "in");
	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_read, 4, va), 2);
	assert_true(testbed_fetch(b->v0, va, got, 4));
	assert_memory_equal(got, "inxt", 4);
}

/* No page tables, no bases, no descriptors: refused whatever the arguments are. */
static void not_there(void **state)
{
	struct bare *b = *state;
	static const uint64_t none[] = {
		__HYPERVISOR_mmu_update,
		__HYPERVISOR_mmuext_op,
		__HYPERVISOR_update_va_mapping,
		__HYPERVISOR_update_va_mapping_otherdomain,
		__HYPERVISOR_set_gdt,
		__HYPERVISOR_update_descriptor,
		__HYPERVISOR_set_segment_base,
		__HYPERVISOR_grant_table_op,
		11,
		63,
		UINT32_MAX,
	};

	for (unsigned i = 0; i < ALEN(none); i++) {
		assert_fails(testbed_call(b->v0, none[i], 1, 1, 0, SELF), ENOSYS);
		assert_fails(testbed_call(b->v0, none[i], 0), ENOSYS);
	}
	assert_rc(testbed_call(b->v0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			       VMASST_TYPE_pae_extended_cr3),
		  0);
	assert_fails(testbed_call(b->v0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
				  VMASST_TYPE_m2p_strict),
		     EINVAL);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_fpu_taskswitch, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test_32(upper_halves),
		bare_test_32(addresses),
		bare_test_32(poll),
		bare_test_32(shut_down),
		bare_test_32(set_timer),
		bare_test_32(vcpu_timers),
		bare_test_32(runstate),
		bare_test_32(runstate_area),
		bare_test_32(runstate_flag),
		bare_test_32(initialise),
		bare_test_32(started_above_4g),
		bare_test_32(callbacks),
		bare_test_32(trap_table),
		bare_test_32(multicalls),
		bare_test_32(multicall_of_a_long_one),
		bare_test_32(policy),
		bare_test_32(watchdog),
		bare_test_32(versions),
		bare_test_32(console),
		bare_test_32(not_there),
	};

	return cmocka_run_group_tests_name("compat_calls", tests, NULL, NULL);
}
