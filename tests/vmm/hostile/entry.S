/* SPDX-License-Identifier: MIT */
/* The few instructions that C cannot say. */
#include <xen/xen.h>

	.text
	.globl hostile_syscall, hostile_registers, hostile_sigreturn, hostile_compat, hostile_raw
	.globl hostile_int80, hostile_ap_entry, hostile_ap_event, hostile_ud2, hostile_code32, hostile_code32_end

/* (ip, nr, args): the thing at ip returns like a function, or not at all */
hostile_syscall:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rdi, %rbx
	mov	%rsi, %rax
	mov	%rdx, %r12
	mov	0(%r12), %rdi
	mov	8(%r12), %rsi
	mov	16(%r12), %rdx
	mov	24(%r12), %r10
	mov	32(%r12), %r8
	mov	40(%r12), %r9
	call	*%rbx
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* (nr, ebx, ecx, edx, esi, edi) by the i386 table */
hostile_int80:
	push	%rbx
	mov	%rdi, %rax
	mov	%rsi, %rbx
	mov	%rcx, %r10
	mov	%rdx, %rcx
	mov	%r10, %rdx
	mov	%r8, %rsi
	mov	%r9, %rdi
	int	$0x80
	pop	%rbx
	ret

hostile_raw:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret

/* (ip, regs): rax rbx rcx rdx rsi rdi rbp rsp r8 .. r15, then there */
hostile_registers:
	mov	%rdi, target(%rip)
	mov	%rsi, %rax
	mov	8(%rax), %rbx
	mov	16(%rax), %rcx
	mov	24(%rax), %rdx
	mov	32(%rax), %rsi
	mov	40(%rax), %rdi
	mov	48(%rax), %rbp
	mov	56(%rax), %rsp
	mov	64(%rax), %r8
	mov	72(%rax), %r9
	mov	80(%rax), %r10
	mov	88(%rax), %r11
	mov	96(%rax), %r12
	mov	104(%rax), %r13
	mov	112(%rax), %r14
	mov	120(%rax), %r15
	mov	0(%rax), %rax
	jmp	*target(%rip)

hostile_sigreturn:
	mov	%rdi, %rsp
	jmp	*%rsi

hostile_compat:
	sub	$16, %rsp
	mov	%edi, (%rsp)
	movl	$0x23, 4(%rsp)
	ljmp	*(%rsp)

hostile_ud2:
	ud2

/* An application processor: rdi its number, rsi the function, rdx its argument */
hostile_ap_entry:
	mov	%rsi, %rax
	mov	%rdx, %rsi
	xor	%ebp, %ebp
	call	*%rax
1:	pause
	jmp	1b

/* An upcall that only clears pending: r15-free, by rbx = vcpu_info of shared_info[n] in gs:0 */
hostile_ap_event:
	pop	%rcx
	pop	%r11
	push	$0
	push	%rcx
	push	%r11
	push	%rax
	mov	%gs:0, %rax
	test	%rax, %rax
	jz	1f
	movb	$0, (%rax)		/* evtchn_upcall_pending */
	movq	$0, 8(%rax)		/* evtchn_pending_sel */
1:	pop	%rax
	pop	%r11
	pop	%rcx
	jmp	pv_hypercall_page + __HYPERVISOR_iret * 32

/* Copied below 4 GiB: ebx path, then calls by int 0x80, then sysenter, then a mark and a stop. */
	.code32
hostile_code32:
	mov	$0x2b, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	$0x41001400, %esp
	jmp	*%esi
	/* creat(path, 0644) */
10:	mov	$8, %eax
	mov	$0x41001000 + 0x800, %ebx
	mov	$0644, %ecx
	int	$0x80
	mov	%eax, 0x41001000
	/* fork */
11:	mov	$2, %eax
	int	$0x80
	mov	%eax, 0x41001004
	/* rt_sigreturn, sigreturn */
12:	mov	$0x41001400, %esp
	mov	$173, %eax
	int	$0x80
	mov	%eax, 0x41001008
13:	mov	$119, %eax
	int	$0x80
	mov	%eax, 0x4100100c
	/* exit_group */
14:	mov	$252, %eax
	int	$0x80
	mov	%eax, 0x41001010
	movl	$1, 0x41001014
	/* sysenter: comes back elsewhere or not at all */
15:	mov	$8, %eax
	mov	$0x41001000 + 0x800, %ebx
	mov	$0644, %ecx
	mov	%esp, %ebp
	sysenter
	ud2
hostile_code32_end:
	.code64

	.section .rodata
	.globl	hostile_calls32
	.balign	8
hostile_calls32:
	.irp	label, 10b, 11b, 12b, 13b, 14b, 15b
	.quad	\label - hostile_code32
	.endr
	.text

	.bss
	.balign	8
target:
	.skip	8
	.section .note.GNU-stack, "", @progbits
