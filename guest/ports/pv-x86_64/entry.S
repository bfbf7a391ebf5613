/* SPDX-License-Identifier: MIT */
/*
 * Where Xen enters the kernel: the ELF notes that tell the domain builder so, the start of day, the
 * hypercall page, the event callback, the exceptions, and the one way back. What they call is in
 * init.c and trap.c.
 */
#include <xen/elfnote.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include "layout.h"

/* ---- ELF notes ------------------------------------------------------------------------ */

	.macro note type:req, kind:req, value:vararg
	.p2align 2
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\kind	\value
2:	.p2align 2
	.endm

	.section .note.Xen, "a", @note
	note XEN_ELFNOTE_GUEST_OS,		.asciz,	"carillon"
	note XEN_ELFNOTE_GUEST_VERSION,		.asciz,	"1"
	note XEN_ELFNOTE_XEN_VERSION,		.asciz,	"xen-3.0"
	note XEN_ELFNOTE_LOADER,		.asciz,	"generic"
	note XEN_ELFNOTE_PAE_MODE,		.asciz,	"yes"
	note XEN_ELFNOTE_VIRT_BASE,		.quad,	PV_VIRT_BASE
	/* p_paddr counts from VIRT_BASE: guest frame 0 is the kernel's first page */
	note XEN_ELFNOTE_PADDR_OFFSET,		.quad,	0
	note XEN_ELFNOTE_ENTRY,			.quad,	pv_entry
	note XEN_ELFNOTE_HYPERCALL_PAGE,	.quad,	pv_hypercall_page

/* ---- the hypercall page --------------------------------------------------------------- */

/*
 * The builder fills it: number n is called at byte 32 * n. Slot __HYPERVISOR_iret is jumped to: it
 * pushes rcx, r11 and rax onto the rest of a struct iret_context and does not come back. Until it
 * is filled, and in between, there is int3.
 */
	.section .text.hypercall_page, "ax", @progbits
	.globl	pv_hypercall_page
	.type	pv_hypercall_page, @object
	.p2align 12
pv_hypercall_page:
	.fill	PV_PAGE_SIZE, 1, 0xcc
	.size	pv_hypercall_page, PV_PAGE_SIZE

/* ---- start of day --------------------------------------------------------------------- */

	.text
	.globl	pv_entry
	.type	pv_entry, @function
pv_entry:
	cld
	/* rsi: struct start_info. The builder's stack is its last page: memory after it is free. */
	mov	%rsp, pv_boot_rsp(%rip)
	lea	pv_boot_stack + PV_STACK_SIZE(%rip), %rsp
	xor	%ebp, %ebp
	mov	%rsi, %rdi
	call	pv_main
	mov	$SHUTDOWN_crash, %edi
	call	pv_shutdown
	ud2
	.size	pv_entry, . - pv_entry

/*
 * Another CPU's first instruction (rdi: its struct pv_cpu, rsp: its stack's end), and where it
 * comes back to after it was down: what was on its stack is of no interest then.
 */
	.globl	pv_secondary_entry, pv_secondary_again
	.type	pv_secondary_entry, @function
pv_secondary_again:			/* rdi: struct pv_cpu, rsi: its stack's end */
	mov	%rsi, %rsp
pv_secondary_entry:
	cld
	xor	%ebp, %ebp
	call	pv_secondary
	ud2
	.size	pv_secondary_entry, . - pv_secondary_entry

	.section .bss.boot, "aw", @nobits
	.globl	pv_boot_rsp, pv_boot_guard, pv_boot_stack
	.p2align 12
pv_boot_guard:
	.skip	PV_PAGE_SIZE		/* pv_init unmaps it */
pv_boot_stack:
	.skip	PV_STACK_SIZE
pv_boot_rsp:
	.skip	8

/* ---- entries while running ------------------------------------------------------------ */

/*
 * Xen's frame, from the stack pointer up: rcx, r11, [error code], rip, cs, rflags, rsp, ss; it ends
 * on a boundary of 16 bytes. cs has the upcall mask from before in bits 32-39, rflags.IF is its
 * opposite. Without its first two words it is the end of a struct iret_context, whose `flags` is
 * where an error code is: so both kinds become one struct pv_frame (pv.h) and leave by one path.
 * Exceptions stay on the interrupted stack.
 */
	.macro	save_regs vector:req, has_error=0
	pop	%rcx
	pop	%r11
	.if !\has_error
	push	$0
	.endif
	push	%rcx
	push	%r11
	push	%rax
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r8
	push	%r9
	push	%r10
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	$\vector
	.endm

	.text
/* Events. The upcall mask is set, and stays so until the iret: no event can come in between. */
	.globl	pv_event_entry
	.type	pv_event_entry, @function
	.p2align 4
pv_event_entry:
	save_regs PV_VECTOR_EVENT
	cld
	/*
	 * The outermost upcall changes to this CPU's interrupt stack, if it has one yet; one that
	 * interrupts a handler is there already. The frames stay where Xen puts them, below what was
	 * interrupted.
	 */
	mov	%rsp, %rbx
	cmpl	$0, %gs:PV_CPU_IRQ_DEPTH
	jne	1f
	mov	%gs:PV_CPU_IRQ_STACK, %rax
	test	%rax, %rax
	cmovnz	%rax, %rsp
1:	incl	%gs:PV_CPU_IRQ_DEPTH
	call	pv_event
	decl	%gs:PV_CPU_IRQ_DEPTH
	mov	%rbx, %rsp
	/* fall through */

/*
 * Back to the frame at rsp. Only the hypercall takes the mask back from rflags.IF and looks for
 * what became pending meanwhile, in one step; an unmask here and iretq would nest upcalls on this
 * stack without bound.
 */
pv_return:
	add	$8, %rsp		/* vector */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rax
	pop	%r11
	pop	%rcx
	movq	$0, (%rsp)		/* iret_context.flags, where the error code was */
	jmp	pv_hypercall_page + __HYPERVISOR_iret * 32
	.size	pv_event_entry, . - pv_event_entry

/* Xen could not return to what it should: rcx, r11, ds, es, fs, gs, rip, cs, rflags, rsp, ss. */
	.globl	pv_failsafe_entry
	.type	pv_failsafe_entry, @function
	.p2align 4
pv_failsafe_entry:
	mov	(%rsp), %rcx
	mov	8(%rsp), %r11
	lea	32(%rsp), %rsp
	mov	%rcx, (%rsp)		/* over fs and gs: no error code */
	mov	%r11, 8(%rsp)
	save_regs PV_VECTOR_FAILSAFE
	jmp	trap_common
	.size	pv_failsafe_entry, . - pv_failsafe_entry

	.macro	trap vector:req, has_error=0
	.p2align 4
trap_\vector:
	save_regs \vector, \has_error
	jmp	trap_common
	.endm

	trap 0				/* divide error */
	trap 1				/* debug */
	trap 2				/* NMI: also when events are masked */
	trap 3				/* breakpoint */
	trap 4				/* overflow */
	trap 5				/* bound */
	trap 6				/* invalid opcode */
	trap 7				/* device not available */
	trap 8, 1			/* double fault */
	trap 10, 1			/* invalid TSS */
	trap 11, 1			/* segment not present */
	trap 12, 1			/* stack */
	trap 13, 1			/* general protection */
	trap 14, 1			/* page fault */
	trap 16				/* x87 */
	trap 17, 1			/* alignment check */
	trap 18				/* machine check */
	trap 19				/* SIMD */

	.p2align 4
trap_common:
	cld
	mov	%rsp, %rdi
	call	pv_trap
	jmp	pv_return

/*
 * Handlers by vector, for set_trap_table; 0: none. 2 is the NMI's: to Xen that entry and its
 * callback are the same thing.
 */
	.section .rodata
	.globl	pv_trap_entries
	.p2align 3
pv_trap_entries:
	.quad	trap_0, trap_1, trap_2, trap_3, trap_4, trap_5, trap_6, trap_7, trap_8, 0
	.quad	trap_10, trap_11, trap_12, trap_13, trap_14
	.quad	0, trap_16, trap_17, trap_18, trap_19

	.section .note.GNU-stack, "", @progbits
