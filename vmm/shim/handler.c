/* SPDX-License-Identifier: MIT */
/*
 * What runs in a domain between the monitor and the guest: the handler of the kick signal, which
 * rewrites the interrupted registers as Xen bounces into a PV kernel, and that of exceptions. It
 * runs on the vCPU's signal stack with all signals held back but those of a bad guest stack. Start
 * is in loader.c.
 *
 * Everything here may be interrupted by nobody, but watched and written to: other vCPUs of the same
 * guest can write our scratch page and this very stack. They can only break their own domain by it:
 * what counts is in the control page, which is read-only here, and in the monitor.
 */
#include <asm/signal.h>
#include <linux/errno.h>

#include "shim.h"

/* Vectors */
#define DEBUG_EXCEPTION 1
#define INVALID_OPCODE	6

#define SI_KERNEL_CODE 0x80

static long call(long nr, long arg)
{
	return shim_call(nr, arg, 0, 0, 0, 0, 0);
}

/* Which vCPU is this? The signal stack tells: strides are powers of two. */
static struct shim_scratch *this_scratch(void)
{
	unsigned long sp = (unsigned long)__builtin_frame_address(0);

	return (struct shim_scratch *)(sp & -(unsigned long)control()->header.scratch_stride);
}

static const struct shim_vcpu *this_vcpu(const struct shim_scratch *s)
{
	unsigned long id = ((unsigned long)s - SHIM_SCRATCH) / control()->header.scratch_stride;

	return &control()->vcpu[id];
}

static volatile struct vcpu_info *vcpu_info(const struct shim_vcpu *v)
{
	return (volatile struct vcpu_info *)v->info;
}

static int in_shim(unsigned long ip)
{
	return ip >= SHIM_BASE && ip < SHIM_END;
}

/* ---- registers ------------------------------------------------------------------------------- */

static void save_registers(struct cpu_user_regs *to, const struct sigcontext *from)
{
	*to = (struct cpu_user_regs){
		.r15 = from->r15,
		.r14 = from->r14,
		.r13 = from->r13,
		.r12 = from->r12,
		.rbp = from->rbp,
		.rbx = from->rbx,
		.r11 = from->r11,
		.r10 = from->r10,
		.r9 = from->r9,
		.r8 = from->r8,
		.rax = from->rax,
		.rcx = from->rcx,
		.rdx = from->rdx,
		.rsi = from->rsi,
		.rdi = from->rdi,
		.rip = from->rip,
		.cs = SHIM_GUEST_CS,
		.rflags = from->eflags,
		.rsp = from->rsp,
		.ss = SHIM_GUEST_SS,
	};
}

static void load_registers(struct sigcontext *to, const struct cpu_user_regs *from)
{
	to->r15 = from->r15;
	to->r14 = from->r14;
	to->r13 = from->r13;
	to->r12 = from->r12;
	to->rbp = from->rbp;
	to->rbx = from->rbx;
	to->r11 = from->r11;
	to->r10 = from->r10;
	to->r9 = from->r9;
	to->r8 = from->r8;
	to->rax = from->rax;
	to->rcx = from->rcx;
	to->rdx = from->rdx;
	to->rsi = from->rsi;
	to->rdi = from->rdi;
	to->rip = from->rip;
	to->eflags =
		(from->rflags & ~(unsigned long)(SHIM_FLAG_IOPL | SHIM_FLAG_VM)) | SHIM_FLAG_IF;
	to->rsp = from->rsp;
}

/* 64-bit code, whatever segments the guest had loaded: as Xen enters a kernel. */
static void load_selectors(struct sigcontext *to)
{
	to->cs = SHIM_HOST_CS;
	to->ss = SHIM_HOST_SS;
}

/*
 * NT is not among the flags that sigreturn loads: what we have is what the guest goes on with. Left
 * set, the iretq at the end of its handler would fault.
 */
static void clear_nested_task(void)
{
	__asm__ volatile("pushfq\n\tandl %0, (%%rsp)\n\tpopfq"
			 :
			 : "i"(~SHIM_FLAG_NT)
			 : "memory", "cc");
}

/* The guest's stack is bad, or an exception has no handler: the monitor ends the domain. */
static void report(struct shim_scratch *s, const struct sigcontext *sc, unsigned in_delivery)
{
	s->fault.in_delivery = in_delivery;
	save_registers(&s->fault.regs, sc);
	for (;;)
		call(SHIM_CALL_FAULT, 0);
}

/* ---- into the guest -------------------------------------------------------------------------- */

struct selectors {
	unsigned long cs, ss;
};

static const struct selectors flat = { SHIM_GUEST_CS, SHIM_GUEST_SS };

/*
 * Enter a handler of the guest as Xen does: its frame on the guest's stack, which is 16-byte
 * aligned before the frame and has no red zone. The mask is saved in it by its reader's convention:
 * bits 32-39 of cs, and rflags.IF its opposite.
 */
static void bounce(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc,
		   const struct shim_trap *to, const struct selectors *from)
{
	volatile struct vcpu_info *info = vcpu_info(v);
	unsigned long mask = info && info->evtchn_upcall_mask;
	unsigned long flags = sc->eflags & ~(unsigned long)(SHIM_FLAG_IF | SHIM_FLAG_IOPL);
	unsigned long frame[8], sp = sc->rsp & ~15ul;
	unsigned n = 0;

	frame[n++] = sc->rcx;
	frame[n++] = sc->r11;
	if (to->has_error)
		frame[n++] = to->error;
	frame[n++] = sc->rip + (unsigned long)to->skip;
	frame[n++] = from->cs | mask << 32;
	frame[n++] = flags | (mask ? 0 : SHIM_FLAG_IF);
	frame[n++] = sc->rsp;
	frame[n++] = from->ss;
	sp -= n * 8ul;
	if (shim_copy((void *)sp, frame, n))
		report(s, sc, 1);
	if (to->masks && info)
		info->evtchn_upcall_mask = 1;
	sc->rip = to->rip;
	sc->rsp = sp;
	sc->eflags &= ~(unsigned long)SHIM_FLAGS_CLEARED;
	load_selectors(sc);
	clear_nested_task();
}

/* The monitor decides about selectors that are not the flat ones: it has the guest's GDT. */
static void check_return(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc,
			 const struct iret_context *f)
{
	const struct selectors bad = { f->cs & 0xffff, f->ss & 0xffff };

	if (bad.cs == SHIM_GUEST_CS && bad.ss == SHIM_GUEST_SS)
		return;
	s->fault.in_delivery = 0;
	save_registers(&s->fault.regs, sc);
	s->fault.regs.cs = (uint16_t)bad.cs;
	s->fault.regs.ss = (uint16_t)bad.ss;
	if (call(SHIM_CALL_RETURN, 0))
		bounce(s, v, sc, &v->trap, &bad);
}

/*
 * HYPERVISOR_iret with the frame at `sp`, into the interrupted registers, with the host's
 * selectors. The mask is the opposite of IF; what becomes due by it is taken by the caller.
 */
static void finish_iret(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc,
			unsigned long sp, int checked)
{
	volatile struct vcpu_info *info = vcpu_info(v);
	struct iret_context f;

	if (shim_copy(&f, (void *)sp, sizeof(f) / 8))
		report(s, sc, 1);
	if (info)
		info->evtchn_upcall_mask = !(f.rflags & SHIM_FLAG_IF);
	sc->rax = f.rax;
	sc->r11 = f.r11;
	sc->rcx = f.rcx;
	sc->rip = f.rip;
	sc->eflags = (f.rflags & ~(unsigned long)(SHIM_FLAG_IOPL | SHIM_FLAG_VM)) | SHIM_FLAG_IF;
	sc->rsp = f.rsp;
	load_selectors(sc);
	if (!checked)
		check_return(s, v, sc, &f);
}

/* The upcall that iret.S was entering: its frame is whole in the scratch page. */
static void finish_upcall(struct shim_scratch *s, struct sigcontext *sc)
{
	if (shim_copy((void *)s->iretq[3], (void *)s->bounce, sizeof(s->bounce) / 8))
		report(s, sc, 1);
	sc->rax = s->rax;
	sc->rip = s->iretq[0];
	sc->eflags = (s->iretq[2] & ~(unsigned long)(SHIM_FLAG_IOPL | SHIM_FLAG_VM)) | SHIM_FLAG_IF;
	sc->rsp = s->iretq[3];
	load_selectors(sc);
}

static int between(unsigned long ip, const char *from, const char *to)
{
	return ip >= (unsigned long)from && ip < (unsigned long)to;
}

/*
 * Interrupted at the end of a hypercall, in iret.S: the guest is where the call returned to, with
 * events as they were; the caller looks whether an upcall is due. Before shim_after_pushed rax is
 * still the result.
 */
static void leave_stub(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc)
{
	unsigned long ip = sc->rip == SHIM_AFTER ? (unsigned long)shim_after : sc->rip;
	unsigned pushed = between(ip, shim_after_pushed, shim_after_store);
	unsigned long stack[4];

	if (between(ip, shim_after_store, shim_after_tail_end))
		finish_upcall(s, sc);
	if (!between(ip, shim_after, shim_after_store))
		return;
	if (between(ip, shim_after_flags, shim_after_flags_end))
		sc->rsp += 8;
	if (ip == (unsigned long)shim_after_last)
		sc->rsp -= 16;
	if (shim_copy(stack, (void *)sc->rsp, 3 + pushed))
		report(s, sc, 1);
	if (pushed)
		sc->rax = stack[0];
	sc->r11 = stack[pushed];
	sc->rcx = stack[pushed + 1];
	sc->rip = stack[pushed + 2];
	sc->rsp += (3 + pushed) * 8ul;
	if (between(ip, shim_after_masked, shim_after_store))
		vcpu_info(v)->evtchn_upcall_mask = 0;
}

/*
 * Interrupted in iret.S before its return was complete: complete it. The iret's frame is still
 * whole, at or below the stack pointer; past shim_iret_checked its selectors may be the host's
 * already. One that ends an NMI has only begun, since it goes by the monitor: let it go on.
 */
static void restart_iret(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc)
{
	unsigned long ip = sc->rip, sp = sc->rsp;

	if (between(ip, shim_iret_store, shim_iret_tail_end)) {
		finish_upcall(s, sc);
		return;
	}
	if (v->in_nmi || !between(ip, shim_iret, shim_iret_store))
		return;
	if (ip == (unsigned long)shim_iret_last)
		sp -= offsetof(struct iret_context, rip);
	finish_iret(s, v, sc, sp,
		    ip > (unsigned long)shim_iret_checked &&
			    !between(ip, shim_iret_slow, shim_iret_slow_end));
}

/* ---- work ------------------------------------------------------------------------------------ */

/*
 * The system calls that the monitor planned. It compares the registers of each with its plan, so
 * that it does not matter who else could make us call something else. One that fails ends the
 * domain.
 */
static void make_calls(const struct shim_vcpu *v)
{
	long error = 0;
	unsigned i;

	do {
		for (i = 0; i < v->nr_ops && !error; i++) {
			const unsigned long *a = v->ops[i].args;
			long r = shim_call((long)v->ops[i].nr, (long)a[0], (long)a[1], (long)a[2],
					   (long)a[3], (long)a[4], (long)a[5]);

			if (r < 0 && r > -4096)
				error = r;
		}
	} while (call(SHIM_CALL_DONE, error) > 0);
}

/* Those that are new; all but the last of them, an NMI, are done. */
static unsigned do_work(struct shim_scratch *s, const struct shim_vcpu *v, struct sigcontext *sc)
{
	unsigned work = v->work;

	if (s->done == v->seq)
		return 0;
	s->done = v->seq;
	if (work & SHIM_WORK_START)
		load_registers(sc, &v->start);
	if (work & SHIM_WORK_FS)
		__asm__ volatile("wrfsbase %0" ::"r"(v->fs_base));
	if (work & SHIM_WORK_GS)
		__asm__ volatile("wrgsbase %0" ::"r"(v->gs_base));
	if (work & SHIM_WORK_MAP)
		make_calls(v);
	if (work & SHIM_WORK_IRET)
		finish_iret(s, v, sc, sc->rsp, 0);
	if (work & SHIM_WORK_TRAP)
		bounce(s, v, sc, &v->trap, &flat);
	return work;
}

/*
 * SHIM_SIGNAL. The monitor sends it when this vCPU has something to do before its next guest
 * instruction, or may have. Signals that come meanwhile are held until the return from here, and
 * then run this again: so it looks once at everything and loops over nothing.
 */
void shim_kicked(int sig, void *siginfo, struct ucontext *uc)
{
	struct shim_scratch *s = this_scratch();
	const struct shim_vcpu *v = this_vcpu(s);
	struct sigcontext *sc = &uc->uc_mcontext;
	volatile struct vcpu_info *info;
	unsigned work;

	(void)sig;
	(void)siginfo;
	work = do_work(s, v, sc);
	restart_iret(s, v, sc);
	leave_stub(s, v, sc);
	if (work & SHIM_WORK_NMI)
		bounce(s, v, sc, &v->nmi, &flat);
	if (__atomic_load_n(&v->park, __ATOMIC_ACQUIRE))
		call(SHIM_CALL_PARK, 0);
	/*
	 * New work, by that call or the last one of do_work: its signal is waiting for us. Perhaps
	 * another vcpu_info, which is not mapped before that.
	 */
	if (s->done != v->seq)
		return;
	info = vcpu_info(v);
	if (info && v->event && info->evtchn_upcall_pending && !info->evtchn_upcall_mask &&
	    !in_shim(sc->rip)) {
		const struct shim_trap event = { .rip = v->event, .masks = 1 };

		bounce(s, v, sc, &event, &flat);
	}
}

/* ---- exceptions ------------------------------------------------------------------------------ */

/* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
void shim_exception(int sig, void *siginfo, struct ucontext *uc)
{
	struct shim_scratch *s = this_scratch();
	const struct shim_vcpu *v = this_vcpu(s);
	struct sigcontext *sc = &uc->uc_mcontext;

	/* Sent by somebody, not caused by an instruction: nothing happened. */
	if (((int *)siginfo)[2] <= 0)
		return;
	/*
	 * The kernel's own, of no trap: a system call that it keeps from filters (uretprobe since
	 * Linux 6.14, uprobe) was made in the wrong place. What the frame says is of an older trap.
	 */
	if (sig == SIGILL && ((int *)siginfo)[2] == SI_KERNEL_CODE)
		sc->trapno = INVALID_OPCODE;
	s->fault.vector = (unsigned)sc->trapno;
	s->fault.error_code = sc->err & 0xffffffff;
	s->fault.address = sc->cr2;
	if (sc->rip == (unsigned long)shim_copy_at) {
		sc->rip = (unsigned long)shim_copy_fault;
		return;
	}
	/* One that goes step by step through a hypercall is not to see its end. */
	if (sc->trapno == DEBUG_EXCEPTION)
		leave_stub(s, v, sc);
	if (in_shim(sc->rip))
		report(s, sc, 0);
	s->fault.in_delivery = 0;
	save_registers(&s->fault.regs, sc);
	if (call(SHIM_CALL_FAULT, 0) == 1) {
		bounce(s, v, sc, &v->trap, &flat);
		return;
	}
	/* An instruction that was emulated. */
	sc->rax = v->start.rax;
	sc->rbx = v->start.rbx;
	sc->rcx = v->start.rcx;
	sc->rdx = v->start.rdx;
	sc->rip = v->start.rip;
}
