/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU other than the script's own does: the hypercalls of its mailbox, one by one, for ever.
 * Its code is copied into other domains, so it refers to nothing but what it is given. Who asks is
 * in agent.c.
 */
#include <xen/sched.h>
#include <xen/xen.h>

#include "agent.h"

	.text
	.globl	agent_begin, agent_end
	.type	agent_begin, @function
/* rdi: mailbox, rsi: hypercall page, rsp: a stack; events disabled */
agent_begin:
	cld
	mov	%rdi, %rbx
	mov	%rsi, %r12
1:	cmpl	$MAILBOX_ASKED, MAILBOX_STATE(%rbx)
	je	2f
	mov	$SCHEDOP_yield, %edi
	xor	%esi, %esi
	lea	__HYPERVISOR_sched_op * 32(%r12), %rax
	call	*%rax
	jmp	1b
2:	mov	MAILBOX_NR(%rbx), %eax
	shl	$5, %rax
	add	%r12, %rax
	mov	MAILBOX_ARG(%rbx), %rdi
	mov	MAILBOX_ARG + 8(%rbx), %rsi
	mov	MAILBOX_ARG + 16(%rbx), %rdx
	call	*%rax
	mov	%rax, MAILBOX_RESULT(%rbx)
	movl	$MAILBOX_ANSWERED, MAILBOX_STATE(%rbx)	/* after the result: stores stay in order */
	jmp	1b
agent_end:
	.size	agent_begin, . - agent_begin

	.section .note.GNU-stack, "", @progbits
