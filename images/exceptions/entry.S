/* SPDX-License-Identifier: MIT */
/* A handler without an error code that writes down how it was entered, and a return as asked. */
#include <xen/xen.h>

	.text
	.globl	own_entry
	.p2align 4
own_entry:
	pop	%rcx
	pop	%r11
	/* rip, cs, rflags, rsp, ss */
	push	%rax
	incq	own(%rip)
	mov	8(%rsp), %rax
	mov	%rax, own + 8(%rip)
	mov	16(%rsp), %rax
	mov	%rax, own + 16(%rip)
	mov	24(%rsp), %rax
	mov	%rax, own + 24(%rip)
	mov	own_mask(%rip), %rax
	movzbl	(%rax), %eax
	mov	%rax, own + 32(%rip)
	pop	%rax
	push	$0
	jmp	pv_hypercall_page + __HYPERVISOR_iret * 32

	.globl	iret_with
	.p2align 4
iret_with:				/* rdi: cs, rsi: ss, rdx: rflags */
	mov	%rsp, %rax
	push	%rsi
	push	%rax
	push	%rdx
	push	%rdi
	lea	1f(%rip), %rax
	push	%rax
	push	$0
	jmp	pv_hypercall_page + __HYPERVISOR_iret * 32
	.globl	iret_with_target
iret_with_target:
1:	ret

	.bss
	.globl	own, own_mask
	.p2align 3
own:	.skip	40
own_mask:
	.skip	8

	.section .note.GNU-stack, "", @progbits
