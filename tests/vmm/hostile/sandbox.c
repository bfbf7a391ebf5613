/* SPDX-License-Identifier: MIT */
/*
 * Against the sandbox: the host's system calls by every door, and the few instructions and stacks
 * of the shim that lie in our address space. None may execute one system call of the host's.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

static char canary[] = "/tmp/carillon-canary";

/* What the host would do for us. The path is the test's; it looks whether it exists. */
static const struct {
	uint16_t nr;
	uint64_t a[6];
	bool path;
} host_calls[] = {
	{ 85, { 0, 0644 }, true },				/* creat */
	{ 2, { 0, 0101, 0644 }, true },				/* open */
	{ 83, { 0, 0755 }, true },				/* mkdir */
	{ 57, { 0 }, false },					/* fork */
	{ 56, { 0x11 }, false },				/* clone */
	{ 231, { 7 }, false },					/* exit_group */
	{ 60, { 7 }, false },					/* exit */
	{ 9, { 0x200000000, 4096, 7, 0x32, ~0ull, 0 }, false }, /* mmap */
	{ 11, { 0x100000000, 4096 }, false },			/* munmap */
	{ 10, { 0x100000000, 4096, 7 }, false },		/* mprotect */
	{ 62, { 0, 9 }, false },				/* kill everybody */
	{ 101, { 0 }, false },					/* ptrace(TRACEME) */
	{ 1, { 2, 0x100000000, 64 }, false },			/* write */
	{ 317, { 1 }, false },					/* seccomp */
};

static void all_calls(uint64_t ip)
{
	for (size_t i = 0; i < sizeof(host_calls) / sizeof(host_calls[0]); i++) {
		uint64_t a[6];
		long r;

		memcpy(a, host_calls[i].a, sizeof(a));
		if (host_calls[i].path)
			a[0] = pv_arg(canary);
		if (ip) {
			r = hostile_syscall(ip, host_calls[i].nr, a);
		} else {
			/* As a hypercall's number it may well mean something: only not that. */
			if (host_calls[i].nr <= __HYPERVISOR_hypfs_op)
				continue;
			r = hostile_raw(host_calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		}
		if (r >= 0 || r < -4095)
			pv_panic("hostile: system call %u at %p answered %ld", host_calls[i].nr,
				 (void *)ip, r);
	}
}

/* Through our own `syscall`, the shim's gate with the host's numbers, then the private calls. */
void mode_gate(struct pv *pv)
{
	static const uint64_t odd[] = { 0,	    1,		UINT64_MAX,	    1ull << 31,
					1ull << 32, 1ull << 63, 0xffffffff80000000, 95 };
	uint64_t a[6] = { 0 };
	long r;

	(void)pv;
	all_calls(0);
	all_calls(SHIM_BASE + SHIM_GATE_OFFSET);
	for (uint64_t nr = SHIM_CALL_START; nr <= SHIM_CALL_START + 16; nr++) {
		if (nr == SHIM_CALL_FAULT || nr == SHIM_CALL_DONE)
			continue;
		a[0] = 7;
		r = hostile_syscall(SHIM_BASE + SHIM_GATE_OFFSET, nr, a);
		pv_printf("hostile: private call %lx: %ld\n", (unsigned long)nr, r);
		r = hostile_raw(nr, 0, 0, 0, 0, 0, 0);
		if (r != -XEN_ENOSYS)
			pv_panic("hostile: private call %lx from here: %ld", (unsigned long)nr, r);
	}
	/* Nothing was planned, so nothing can be done; an error ends the domain. */
	a[0] = hostile_option("error=", 99) < 8 ? odd[hostile_option("error=", 0)] : 0;
	r = hostile_syscall(SHIM_BASE + SHIM_GATE_OFFSET, SHIM_CALL_DONE, a);
	pv_printf("hostile: DONE: %ld\n", r);
	r = hostile_syscall(SHIM_BASE + SHIM_GATE_OFFSET, SHIM_CALL_FAULT, a);
	pv_printf("hostile: FAULT: %ld\n", r);
	hostile_done();
}

/* Jump into the shim's text at offset=, every register hostile by seed=. Our end, at worst. */
void mode_inside(struct pv *pv)
{
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15, regs[16];
	static uint64_t stack[1024];
	const uint64_t pool[] = {
		0,
		1,
		85,
		57,
		pv_arg(canary),
		0644,
		SHIM_CONTROL,
		SHIM_SCRATCH,
		SHIM_SCRATCH + 4096,
		SHIM_ALIAS,
		pv_arg(pv),
		SHIM_BASE,
		UINT64_MAX,
		1ull << 47,
		9,
		4096,
		0x1ca11002,
		15,
		231,
		pv_arg(&stack[500]),
		pv_arg(hostile_ud2),
		7,
		0x32,
		0x7e0020007f00,
	};

	for (unsigned i = 0; i < 4; i++)
		hostile_rnd(&seed);
	for (unsigned i = 0; i < 1024; i++)
		stack[i] = pool[hostile_rnd(&seed) % (sizeof(pool) / sizeof(pool[0]))];
	for (unsigned i = 0; i < 16; i++)
		regs[i] = pool[hostile_rnd(&seed) % (sizeof(pool) / sizeof(pool[0]))];
	regs[0] = (hostile_rnd(&seed) & 1) ? 85 : 57;
	regs[5] = pv_arg(canary);
	regs[4] = 0644;
	if (hostile_rnd(&seed) & 3)
		regs[7] = pv_arg(&stack[512 + hostile_rnd(&seed) % 8]);
	hostile_timer(pv, 100000);
	hostile_registers(SHIM_BASE + hostile_option("offset=", 0), regs);
}

/* ---- forged signal frames ------------------------------------------------------------------ */

/* The kernel's struct rt_sigframe after its return address, x86-64 */
struct sigframe {
	uint64_t uc_flags, uc_link, ss_sp;
	uint32_t ss_flags, pad;
	uint64_t ss_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
	uint64_t sigmask;
};

static struct sigframe forged;
static uint64_t after_stack[4096];
static struct pv *the_pv;
static unsigned kind;

static NOINLINE void after_sigreturn(void)
{
	struct pv *pv = the_pv;

	pv_printf("hostile: after sigreturn %u\n", kind);
	switch (kind) {
	case 0: /* deaf, and spinning: only from outside can it be ended */
		for (;;)
			__builtin_ia32_pause();
	case 1: /* deaf, and a mapping is to change that never does */
		pv_remap(after_stack, 0);
		pv_printf("hostile: went on\n");
		break;
	case 9:
		hostile_spin(pv, 100);
		break;
	default:
		hostile_spin(pv, 200);
	}
	hostile_done();
}

/* A page fault that is blocked: the kernel kills the process, and nobody can say why. */
void hostile_die(void)
{
	static struct sigframe f = { .cs = SHIM_HOST_CS,
				     .ss = SHIM_HOST_SS,
				     .sigmask = UINT64_MAX };

	hostile_sigreturn(&f, SHIM_BASE + SHIM_RESTORER_OFFSET);
}

/* kind= says what is wrong with the frame. Our end with a report, or we go on (OK). */
void mode_sigreturn(struct pv *pv)
{
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15;
	struct sigframe *f = &forged;

	the_pv = pv;
	kind = (unsigned)hostile_option("kind=", 0);
	f->ip = (uint64_t)after_sigreturn;
	f->sp = pv_arg(&after_stack[4000]) - 8;
	f->flags = 0x202;
	f->cs = SHIM_HOST_CS;
	f->ss = SHIM_HOST_SS;
	f->uc_flags = 6;
	f->ss_sp = SHIM_SCRATCH + sizeof(struct shim_scratch) + SHIM_THREAD_STACK;
	f->ss_size = 32768 - sizeof(struct shim_scratch) - SHIM_THREAD_STACK;
	hostile_timer(pv, 1000000);
	switch (kind) {
	case 0:
	case 1:
		f->sigmask = UINT64_MAX;
		break;
	case 2: /* no signal stack: the next upcall lands on ours */
		f->ss_flags = 2;
		f->ss_sp = f->ss_size = 0;
		break;
	case 3: /* ours as the signal stack */
		f->ss_sp = pv_arg(after_stack);
		f->ss_size = 16384;
		break;
	case 4:
		f->ss_sp = 0x10000;
		f->ss_size = 65536;
		break;
	case 5:
		f->ip = UINT64_C(0x8000000000000000);
		break;
	case 6:
		f->sp = UINT64_C(0x8000000000000000);
		break;
	case 7:
		f->cs = 0x10;
		break;
	case 8:
		f->cs = 0x23;
		break;
	case 9:
		f->flags = ~0ull;
		break;
	case 10:
		f->fpstate = SHIM_CONTROL;
		break;
	case 11: /* in the shim's own signal stack, where the kernel thinks it is nested */
		f->sp = f->ss_sp + hostile_option("at=", 8192);
		break;
	case 12: /* deaf to exceptions, then one */
		f->sigmask = UINT64_MAX;
		f->ip = 0;
		break;
	default:
		for (size_t i = 0; i < sizeof(*f) / 8; i++)
			if (hostile_rnd(&seed) % 8 == 0)
				((uint64_t *)f)[i] = hostile_rnd(&seed);
	}
	if (hostile_option("signals=", 0))
		f->sigmask = UINT64_MAX;
	hostile_sigreturn(f, SHIM_BASE + SHIM_RESTORER_OFFSET);
}

/* ---- 32-bit code ---------------------------------------------------------------------------- */

/* call=: one of int 0x80 and, the last, sysenter from 32-bit code, with arguments that the host
 * would understand. */
void mode_compat(struct pv *pv)
{
	uint64_t l3 = hostile_l3(pv), l2 = hostile_new_table(pv), l1 = hostile_new_table(pv);
	uint8_t *code = pv_alloc(pv, 4096), *data = pv_alloc(pv, 4096);
	volatile uint32_t *result = (void *)0x41001000;

	memcpy(code, hostile_code32, (size_t)(hostile_code32_end - hostile_code32));
	memcpy(data + 0x800, canary, sizeof(canary));
	hostile_link(l1, 0, pv_frame_of(pv, code) << 12 | 0x25);
	hostile_link(l1, 1, pv_pte(pv_frame_of(pv, data), true));
	hostile_link(l2, 8, l1 << 12 | 0x67);
	hostile_link(l3, 1, l2 << 12 | 0x67);
	pv_printf("hostile: 32-bit code\n");
	(void)result;
	hostile_compat(0x41000000, 0x41000000 + hostile_calls32[hostile_option("call=", 0) % 6]);
}

/* ---- flags and frames ------------------------------------------------------------------------ */

/* Upcalls with odd flags set: bits=. Direction, nested task, alignment check; OK, or our end. */
void mode_flags(struct pv *pv)
{
	uint64_t bits = hostile_option("bits=", 0x400), until;

	hostile_timer(pv, 500000);
	until = hostile_ticks + 50;
	while (hostile_ticks < until)
		__asm__ volatile("pushf; or %0, (%%rsp); popf; pause; pause; pushf; mov %0, %%rax;"
				 "not %%rax; and %%rax, (%%rsp); popf"
				 :
				 : "r"(bits)
				 : "rax", "memory", "cc");
	hostile_done();
}

/* iret with frames that are none: kind= says which. slow: by the hypercall number. */
void mode_frames(struct pv *pv)
{
	static uint64_t bad_stack[1024];
	struct iret_context *c = (void *)&bad_stack[512];
	uint64_t k = hostile_option("kind=", 0);
	uint64_t sp;

	hostile_timer(pv, 300000);
	*c = (struct iret_context){ .rip = pv_arg(hostile_ud2),
				    .cs = 0xe030,
				    .rflags = 0x202,
				    .rsp = pv_arg(&bad_stack[900]),
				    .ss = 0xe02b };
	sp = pv_arg(c) + 24; /* the stub pushes three */
	switch (k) {
	case 0:
		c->rip = UINT64_C(0x8000000000000000);
		break;
	case 1:
		c->rsp = UINT64_C(0x8000000000000000);
		break;
	case 2:
		c->cs = 0x10;
		c->ss = 0;
		break;
	case 3:
		c->rflags = ~0ull;
		break;
	case 4: /* the frame runs out of the mapped */
		sp = pv_arg(pv_hypercall_page) + 4096;
		break;
	case 5:
		sp = 8;
		break;
	case 6:
		sp = UINT64_C(0x8000000000000000) - 8;
		break;
	case 7: /* and back with the interrupts open and the next upcall on no stack */
		c->rip = (uint64_t)hostile_ap_entry;
		c->rsp = 16;
		break;
	case 8:
		c->rip = SHIM_BASE;
		break;
	case 9: /* in the shim's scratch page */
		c->rsp = SHIM_SCRATCH + 256;
		break;
	case 10: /* the frame itself there */
		sp = SHIM_SCRATCH + 64;
		break;
	default: /* read-only: it cannot even be pushed */
		sp = hostile_si()->pt_base + 2048;
	}
	if (hostile_option("slow=", 0))
		__asm__ volatile("mov %0, %%rsp; mov $23, %%eax; syscall; ud2" : : "r"(sp - 24));
	__asm__ volatile("mov %0, %%rsp; jmp *%1"
			 :
			 : "r"(sp), "r"(pv_hypercall_page + 23 * 32)
			 : "memory");
	__builtin_unreachable();
}
