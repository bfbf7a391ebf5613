/* SPDX-License-Identifier: MIT */
/*
 * Loops that an upcall interrupts, with every register or flag set to something known; and an
 * event callback that notes the frame as Xen pushed it. What they find is looked at in entry.c.
 * Each loop ends when spin_stop is not 0, or after spin_bound turns.
 */
	.text

	.macro load_pattern reg:req, n:req
	movabs	$(0x1111111111111111 * (\n + 1)) & 0x7fffffffffffffff, %\reg
	.endm

	.macro save_callees
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro restore_callees
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	.endm

	.globl	spin_code_begin, spin_code_end
spin_code_begin:

/* void spin_registers(uint64_t out[15]): rax rbx rcx rdx rsi rdi rbp r8 .. r15 */
	.globl	spin_registers
	.type	spin_registers, @function
spin_registers:
	save_callees
	mov	%rdi, spin_out(%rip)
	load_pattern rax, 0
	load_pattern rbx, 1
	load_pattern rcx, 2
	load_pattern rdx, 3
	load_pattern rsi, 4
	load_pattern rdi, 5
	load_pattern rbp, 6
	load_pattern r8, 7
	load_pattern r9, 8
	load_pattern r10, 9
	load_pattern r11, 10
	load_pattern r12, 11
	load_pattern r13, 12
	load_pattern r14, 13
	load_pattern r15, 14
1:	cmpl	$0, spin_stop(%rip)
	jne	2f
	decq	spin_bound(%rip)
	jnz	1b
2:	push	%rax
	mov	spin_out(%rip), %rax
	pop	(%rax)
	mov	%rbx, 8(%rax)
	mov	%rcx, 16(%rax)
	mov	%rdx, 24(%rax)
	mov	%rsi, 32(%rax)
	mov	%rdi, 40(%rax)
	mov	%rbp, 48(%rax)
	mov	%r8, 56(%rax)
	mov	%r9, 64(%rax)
	mov	%r10, 72(%rax)
	mov	%r11, 80(%rax)
	mov	%r12, 88(%rax)
	mov	%r13, 96(%rax)
	mov	%r14, 104(%rax)
	mov	%r15, 112(%rax)
	restore_callees
	ret
	.size	spin_registers, . - spin_registers

/* uint64_t spin_flags(uint64_t flags): with these flags; the answer is what they are at the end. */
	.globl	spin_flags
	.type	spin_flags, @function
spin_flags:
	mov	spin_bound(%rip), %rdx
	push	%rdi
	popf
1:	mov	%rdx, %rcx		/* nothing in this loop changes a flag */
	jrcxz	3f
	lea	-1(%rdx), %rdx
	mov	spin_stop(%rip), %ecx
	jrcxz	1b
3:	pushf
	pop	%rax
	push	$2
	popf
	mov	%rdx, spin_bound(%rip)
	ret
	.size	spin_flags, . - spin_flags

/* void spin_vectors(const uint8_t in[256], uint8_t out[256]): xmm0 .. xmm15 */
	.globl	spin_vectors
	.type	spin_vectors, @function
spin_vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	16 * \n(%rdi), %xmm\n
	.endr
1:	cmpl	$0, spin_stop(%rip)
	jne	2f
	decq	spin_bound(%rip)
	jnz	1b
2:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	%xmm\n, 16 * \n(%rsi)
	.endr
	ret
	.size	spin_vectors, . - spin_vectors

/* uint64_t spin_x87(void): pi is loaded and kept; the answer is its significand. */
	.globl	spin_x87
	.type	spin_x87, @function
spin_x87:
	sub	$24, %rsp
	fninit
	fldpi
1:	cmpl	$0, spin_stop(%rip)
	jne	2f
	decq	spin_bound(%rip)
	jnz	1b
2:	fstpt	(%rsp)
	mov	(%rsp), %rax
	add	$24, %rsp
	ret
	.size	spin_x87, . - spin_x87

/* uint64_t spin_unaligned(void): rsp is odd in the loop; the answer is what it was. */
	.globl	spin_unaligned
	.type	spin_unaligned, @function
spin_unaligned:
	mov	%rsp, %rdx
	sub	$163, %rsp
	mov	%rsp, %rax
1:	cmpl	$0, spin_stop(%rip)
	jne	2f
	decq	spin_bound(%rip)
	jnz	1b
2:	mov	%rdx, %rsp
	ret
	.size	spin_unaligned, . - spin_unaligned

spin_code_end:

/*
 * The event callback that is registered meanwhile: the frame is copied until spin_stop is set, 7
 * words from rsp up, then where it was, the flags, and this CPU's upcall mask; then it is the
 * port's.
 */
	.globl	noting_event_entry
	.type	noting_event_entry, @function
noting_event_entry:
	cmpl	$0, spin_stop(%rip)
	jne	1f
	push	%rax
	push	%rdx
	lea	noted(%rip), %rdx
	.irp	n, 0, 1, 2, 3, 4, 5, 6
	mov	16 + 8 * \n(%rsp), %rax
	mov	%rax, 8 * \n(%rdx)
	.endr
	lea	16(%rsp), %rax
	mov	%rax, 56(%rdx)
	pushf
	pop	%rax
	mov	%rax, 64(%rdx)
	mov	noted_mask_at(%rip), %rax
	movzbl	(%rax), %eax
	mov	%rax, 72(%rdx)
	pop	%rdx
	pop	%rax
1:	jmp	pv_event_entry
	.size	noting_event_entry, . - noting_event_entry

	.bss
	.globl	spin_stop, spin_bound, noted, noted_mask_at
	.p2align 3
spin_bound:
	.skip	8
spin_out:
	.skip	8
noted_mask_at:
	.skip	8
noted:
	.skip	80
spin_stop:
	.skip	4

	.section .note.GNU-stack, "", @progbits
