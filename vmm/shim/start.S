/* SPDX-License-Identifier: MIT */
/*
 * Where the process begins, and the few instructions whose addresses the monitor or the seccomp
 * filter know. What is done at start is in loader.c, at a signal in handler.c.
 */
#include "../shim_abi.h"

	/* For shim.lds, to check that it agrees with shim_abi.h */
	.globl shim_expects_base, shim_expects_iret, shim_expects_control
	.set shim_expects_base, SHIM_BASE
	.set shim_expects_iret, SHIM_IRET
	.set shim_expects_control, SHIM_CONTROL

	.section .head, "ax", @progbits

	/* Every call that the shim makes once it is filtered leaves from here. */
	.org SHIM_GATE_OFFSET
shim_gate:
	syscall
	ret

	.org SHIM_RESTORER_OFFSET
	.globl shim_restorer, shim_restorer_end
shim_restorer:
	mov $15, %eax
	syscall
shim_restorer_end:
	ud2

	.org SHIM_AFTER_OFFSET
	jmp shim_after

	.text

	/* long shim_call(nr, a0 .. a5) */
	.globl shim_call
shim_call:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	jmp shim_gate

	/* long shim_clone(flags, stack, function, argument): the new thread runs it */
	.globl shim_clone
shim_clone:
	mov %rdx, %r9
	mov %rcx, %r8
	xor %edx, %edx
	xor %r10d, %r10d
	mov $56, %eax
	syscall
	test %eax, %eax
	jz 1f
	ret
1:	xor %ebp, %ebp
	mov %r8, %rdi
	call *%r9
	ud2

	/*
	 * long shim_copy(to, from, words): 0, or 1 if an access faulted. One of the two is the
	 * guest's stack; the fault handler moves a fault at shim_copy_at to shim_copy_fault.
	 */
	.globl shim_copy, shim_copy_at, shim_copy_fault
shim_copy:
	mov %rdx, %rcx
shim_copy_at:
	rep movsq
	xor %eax, %eax
	ret
shim_copy_fault:
	mov $1, %eax
	ret

	/* Compilers call these by themselves. */
	.globl memcpy, memset
memcpy:
	mov %rdi, %rax
	mov %rdx, %rcx
	rep movsb
	ret
memset:
	mov %rdi, %r8
	mov %esi, %eax
	mov %rdx, %rcx
	rep stosb
	mov %r8, %rax
	ret

	/* The kernel's stack is given back soon, so leave it. It says where the vDSO is. */
	.globl _start
_start:
	xor %ebp, %ebp
	mov %rsp, %rdi
	lea shim_boot_stack_end(%rip), %rsp
	call shim_main
	ud2

	.bss
	.balign 16
	.skip 8192
shim_boot_stack_end:

	.section .note.GNU-stack, "", @progbits
