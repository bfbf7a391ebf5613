/* SPDX-License-Identifier: MIT */
/*
 * Modes that go through the door with something wrong in their hands: numbers that are no
 * hypercalls, the host's system calls, pointers to nowhere. All get an error and the domain goes
 * on.
 */
#include <xen/version.h>

#include "misbehave.h"

static bool is_error(long r)
{
	return r < 0 && r >= -4095;
}

long raw_syscall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	long result;
	register uint64_t r10 __asm__("r10") = 0;
	register uint64_t r8 __asm__("r8") = 0;

	__asm__ volatile("syscall"
			 : "=a"(result), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			 : "0"(nr)
			 : "rcx", "r11", "memory", "cc");
	return result;
}

/*
 * Numbers that no hypercall has, by the page's stubs. Success: each gives -ENOSYS; OK is printed.
 */
void mode_unknown(struct pv *pv)
{
	(void)pv;
	for (unsigned nr = 11; nr < PV_PAGE_BYTES / 32; nr++) {
		long r;

		/* what this ABI has, and the architecture's own, which Xen may or may not have */
		if ((nr > 11 && nr <= __HYPERVISOR_hypfs_op) ||
		    (nr >= __HYPERVISOR_arch_0 && nr <= __HYPERVISOR_arch_7))
			continue;
		r = pv_hypercall(nr, 0, 0, 0, 0, 0);
		expect(r == -XEN_ENOSYS, "hypercall", nr, r);
	}
}

struct int80 {
	uint32_t nr;
	int32_t result;
};

static void do_int80(void *arg)
{
	struct int80 *call = arg;

	__asm__ volatile("int $0x80"
			 : "=a"(call->result)
			 : "0"(call->nr), "b"(0), "c"(0), "d"(0)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
}

struct vsyscall {
	uint64_t address;
	long result;
};

static void do_vsyscall(void *arg)
{
	struct vsyscall *call = arg;

	__asm__ volatile("call *%[f]"
			 : "=a"(call->result)
			 : [f] "r"(call->address), "D"(0), "S"(0), "d"(0)
			 : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
}

/*
 * The host's system calls, by every entry there is. As a number in rax they are hypercalls, here as
 * on Xen; the other entries raise an exception on Xen. Success: each gives an error or an
 * exception, the domain lives on with its registers whole; OK is printed.
 */
void mode_syscall(struct pv *pv)
{
	/* getpid clone fork execve exit kill ptrace prctl exit_group openat seccomp rseq clone3 */
	static const uint16_t native[] = {
		39, 56, 57, 59, 60, 62, 101, 157, 231, 257, 317, 334, 435
	};
	/* exit getpid kill chmod-like fchmod sigreturn rt_sigreturn exit_group restart_syscall */
	static const uint16_t i386[] = { 1, 20, 37, 94, 119, 173, 252, 0 };
	static const uint64_t odd[] = { UINT64_MAX, 0x7fffffff, 0x80000000, 0xffffffff };

	(void)pv;
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
		long r = raw_syscall(native[i], 0, 0, 0);

		expect(is_error(r), "syscall", native[i], r);
		r = raw_syscall(0x40000000u | native[i], 0, 0, 0);
		expect(r == -XEN_ENOSYS, "x32 syscall", native[i], r);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		long r = raw_syscall(odd[i], 0, 0, 0);

		expect(r == -XEN_ENOSYS, "syscall", (long)odd[i], r);
	}
	for (size_t i = 0; i < sizeof(i386) / sizeof(i386[0]); i++) {
		struct int80 call = { .nr = i386[i] };

		if (survives(do_int80, &call))
			expect(is_error(call.result), "int 0x80", call.nr, call.result);
	}
	for (uint64_t page = 0xffffffffff600000; page < 0xffffffffff600c00; page += 0x400) {
		struct vsyscall call = { .address = page };

		if (survives(do_vsyscall, &call))
			expect(is_error(call.result), "vsyscall", (long)call.address, call.result);
	}
	/* 15 is rt_sigreturn there and set_timer_op here: it must not load registers from the
	 * stack. */
	expect(raw_syscall(__HYPERVISOR_set_timer_op, 0, 0, 0) == 0, "set_timer_op", 15, -1);
	expect(raw_syscall(0x40000000u | 513, 0, 0, 0) == -XEN_ENOSYS, "x32 rt_sigreturn", 513, 0);
}

/* The host's exit, then nothing more. Success: it is refused, says so, and spins until it is ended
 * from outside. */
void mode_exit(struct pv *pv)
{
	(void)pv;
	raw_syscall(231, 0, 0, 0);
	raw_syscall(60, 0, 0, 0);
	pv_printf("misbehave exit: still here\n");
	for (;;)
		__builtin_ia32_pause();
}

/* Two pages, the second one taken away: what crosses into it is half there. */
static uint8_t half_mapped[2 * PV_PAGE_BYTES] __attribute__((aligned(PV_PAGE_BYTES)));

static void try_pointer(uint64_t p)
{
	static const struct {
		const char *name;
		unsigned nr, op;
		bool pointer_first;
	} calls[] = {
		{ "bind_virq", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, false },
		{ "send", __HYPERVISOR_event_channel_op, EVTCHNOP_send, false },
		{ "alloc_unbound", __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, false },
		{ "sched shutdown", __HYPERVISOR_sched_op, SCHEDOP_shutdown, false },
		{ "sched poll", __HYPERVISOR_sched_op, SCHEDOP_poll, false },
		{ "extraversion", __HYPERVISOR_xen_version, XENVER_extraversion, false },
		{ "set_trap_table", __HYPERVISOR_set_trap_table, 0, true },
	};
	struct sched_poll poll = { .ports = p, .nr_ports = 1 };
	long r;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		r = pv_hypercall(calls[i].nr, calls[i].pointer_first ? p : calls[i].op, p, 0, 0, 0);
		expect(r == -XEN_EFAULT, calls[i].name, (long)p, r);
	}
	r = pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 64, p, 0, 0);
	expect(r == -XEN_EFAULT, "console_io", (long)p, r);
	r = pv_hypercall(__HYPERVISOR_multicall, p, 2, 0, 0, 0);
	expect(r == -XEN_EFAULT, "multicall", (long)p, r);
	r = pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&poll), 0, 0, 0);
	expect(r == -XEN_EFAULT, "poll's ports", (long)p, r);
}

/*
 * Pointers to what is not mapped, not canonical, the hypervisor's, read-only, or half there.
 * Success: each hypercall gives -EFAULT; OK is printed.
 */
void mode_badptr(struct pv *pv)
{
	const uint64_t pointers[] = {
		0x1000,
		(uint64_t)pv->start_info->pt_base - (UINT64_C(1) << 31),
		UINT64_C(0x8000000000000000),
		UINT64_C(0x0000800000000000) - 8,
		UINT64_C(0xffff800000000000) - 8,
		UINT64_C(0xffff830000000000),
		UINT64_C(0xfffffffffffff000),
		pv_arg(half_mapped) + PV_PAGE_BYTES,
		/* The first two bytes of any structure are there, the rest is not. */
		pv_arg(half_mapped) + PV_PAGE_BYTES - 2,
	};
	long r;

	expect(!pv_remap(half_mapped + PV_PAGE_BYTES, 0), "unmap", 0, 0);
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		try_pointer(pointers[i]);
	/* A result into a page that the guest may only read */
	r = pv_hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, pv->start_info->pt_base, 0,
			 0, 0);
	expect(r == -XEN_EFAULT, "extraversion to a page table", (long)pv->start_info->pt_base, r);
}
