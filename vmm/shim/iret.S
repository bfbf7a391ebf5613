/* SPDX-License-Identifier: MIT */
/*
 * Where the guest's hypercall page jumps to. HYPERVISOR_iret without entering the monitor: the page
 * pushes rcx, r11 and rax. The same in C, for the cases that interrupt this or cannot be done here,
 * is finish_iret() in handler.c. And the end of every other hypercall, where upcalls are taken.
 */
#include "../shim_abi.h"

/* struct iret_context */
#define RAX    0
#define R11    8
#define RCX    16
#define RIP    32
#define RFLAGS 48
#define RSP    56
#define CS     40
#define SS     64

	/*
	 * Enter the guest's event callback as at an interruption at `rip` with `flags` and the
	 * stack pointer that `how` makes of `sp`. rax, r11 and rcx of then are at the top of
	 * the stack; rcx is the struct shim_vcpu. The frame goes onto the guest's stack and may
	 * overlap what we read, so it is built in the scratch page first: a signal before `store`
	 * finds the stack whole, and later the frame.
	 */
	.macro take_upcall rip, flags, how, sp, store, end
	mov SHIM_VCPU_EVENT(%rcx), %rax
	mov SHIM_VCPU_SCRATCH(%rcx), %rcx
	mov %rax, (SHIM_SCRATCH_IRETQ + 0)(%rcx)
	movq $SHIM_HOST_CS, (SHIM_SCRATCH_IRETQ + 8)(%rcx)
	movq $SHIM_HOST_SS, (SHIM_SCRATCH_IRETQ + 32)(%rcx)
	mov RAX(%rsp), %rax
	mov %rax, SHIM_SCRATCH_RAX(%rcx)
	mov RCX(%rsp), %rax
	mov %rax, (SHIM_SCRATCH_BOUNCE + 0)(%rcx)
	mov R11(%rsp), %rax
	mov %rax, (SHIM_SCRATCH_BOUNCE + 8)(%rcx)
	mov \rip, %rax
	mov %rax, (SHIM_SCRATCH_BOUNCE + 16)(%rcx)
	movq $SHIM_GUEST_CS, (SHIM_SCRATCH_BOUNCE + 24)(%rcx)
	mov \flags, %eax
	and $~SHIM_FLAGS_CLEARED, %eax
	mov %rax, (SHIM_SCRATCH_IRETQ + 16)(%rcx)
	mov \flags, %eax
	and $~SHIM_FLAG_IOPL, %eax
	mov %rax, (SHIM_SCRATCH_BOUNCE + 32)(%rcx)
	\how \sp, %r11
	mov %r11, (SHIM_SCRATCH_BOUNCE + 40)(%rcx)
	movq $SHIM_GUEST_SS, (SHIM_SCRATCH_BOUNCE + 48)(%rcx)
	and $~15, %r11
	sub $56, %r11
	mov %r11, (SHIM_SCRATCH_IRETQ + 24)(%rcx)
\store\():
	.set .Lword, 0
	.rept 7
	mov (SHIM_SCRATCH_BOUNCE + .Lword)(%rcx), %rax
	mov %rax, .Lword(%r11)
	.set .Lword, .Lword + 8
	.endr
	mov SHIM_SCRATCH_RAX(%rcx), %rax
	lea SHIM_SCRATCH_IRETQ(%rcx), %rsp
	iretq
\end\():
	.endm

	/*
	 * rcx: this vCPU's struct shim_vcpu. Which one is it? FS and GS are the guest's. But each
	 * vCPU's thread has a segment descriptor of its own (number_thread in loader.c) whose
	 * limit is the vCPU's number, and anybody may ask for a limit. Where there is none, the
	 * monitor knows, and this goes to `none`.
	 */
	.macro find_vcpu scratch, none
	movabs $SHIM_CONTROL, \scratch
	xor %ecx, %ecx
	cmpl $1, (\scratch)
	je .Lonly\@
	mov $SHIM_TLS_SELECTOR, %ecx
	lsl %ecx, %ecx
	jnz \none
.Lonly\@:
	shl $12, %rcx
	lea SHIM_PAGE(\scratch, %rcx), %rcx
	.endm

	.section .iret, "ax", @progbits

	/*
	 * rsp points at the struct iret_context; rax, rcx and r11 are saved there, every other
	 * register is what the guest returns with. So wherever a signal interrupts us up to
	 * shim_iret_end, its handler can load the registers from the frame as if we had run to
	 * the end, and does: an upcall after the mask is cleared finds neither half of a return
	 * nor a second frame on the guest's stack.
	 */
	.globl shim_iret, shim_iret_checked, shim_iret_last, shim_iret_slow, shim_iret_slow_end
	.globl shim_iret_end
	.globl shim_iret_store, shim_iret_tail_end
shim_iret:
	find_vcpu %rax, .Lslow
	mov SHIM_VCPU_INFO(%rcx), %r11
	test %r11, %r11
	jz .Lslow

	/* Other selectors, and the end of an NMI, are the monitor's. */
	cmpl $0, SHIM_VCPU_IN_NMI(%rcx)
	jne .Lslow
	cmpw $SHIM_GUEST_CS, CS(%rsp)
	jne .Lslow
	cmpw $SHIM_GUEST_SS, SS(%rsp)
	jne .Lslow
shim_iret_checked:
	movq $SHIM_HOST_CS, CS(%rsp)
	movq $SHIM_HOST_SS, SS(%rsp)
	andl $~SHIM_FLAG_VM, RFLAGS(%rsp)
	testl $SHIM_FLAG_IF, RFLAGS(%rsp)
	jz .Lmasked

	/*
	 * Unmask, then look. No fence: whoever sets pending after this load also kicks (it never
	 * looks at the mask), and the signal finds us unmasked; whoever set it before and kicked
	 * while we were masked did so before this instruction, on this thread, so the load sees
	 * it.
	 */
	movb $0, SHIM_INFO_MASK(%r11)
	cmpb $0, SHIM_INFO_PENDING(%r11)
	jne .Lpending
.Lleave:
	mov RAX(%rsp), %rax
	mov R11(%rsp), %r11
	mov RCX(%rsp), %rcx
	lea RIP(%rsp), %rsp
shim_iret_last:
	iretq

.Lmasked:
	movb $1, SHIM_INFO_MASK(%r11)
	jmp .Lleave

	/* By the monitor and a signal; also if there is no descriptor, or no vcpu_info. */
.Lslow:
shim_iret_slow:
	mov $23, %eax
	syscall
	ud2
shim_iret_slow_end:

.Lpending:
	cmpq $0, SHIM_VCPU_EVENT(%rcx)
	je .Lleave
	movb $1, SHIM_INFO_MASK(%r11)
shim_iret_end:
	/*
	 * Events are masked again. Take the upcall that the guest would take at its next
	 * instruction, on the stack that the iret returns to. A signal that interrupts us before
	 * shim_iret_store finds the iret's frame whole and begins again.
	 */
	take_upcall RIP(%rsp), RFLAGS(%rsp), mov, RSP(%rsp), shim_iret_store, shim_iret_tail_end

	/*
	 * The end of a hypercall's entry in the page: r11 and rcx are on the stack, below the
	 * return address; rax is the result, rcx and r11 are ours. An upcall that is due is taken
	 * from here, as if the caller had been interrupted just after its call, so the monitor
	 * sends no signal for it with the answer (looks_itself in process_vcpu.c): what became
	 * due before the answer is seen here, and for what comes later it sends one. Interrupted
	 * before shim_after_store, the signal's handler goes back to the call's end (leave_stub in
	 * handler.c), and takes the upcall itself.
	 */
	.globl shim_after, shim_after_last, shim_after_pushed, shim_after_flags
	.globl shim_after_flags_end, shim_after_masked, shim_after_store, shim_after_tail_end
shim_after:
	find_vcpu %r11, .Lback
	cmpq $0, SHIM_VCPU_EVENT(%rcx)
	je .Lback
	mov SHIM_VCPU_INFO(%rcx), %r11
	test %r11, %r11
	jz .Lback
	cmpb $0, SHIM_INFO_MASK(%r11)
	jne .Lback
	cmpb $0, SHIM_INFO_PENDING(%r11)
	jne .Ldue
.Lback:
	mov 0(%rsp), %r11
	mov 8(%rsp), %rcx
	lea 16(%rsp), %rsp
shim_after_last:
	ret

	/* With NT set, the iretq would fault. */
.Ldue:
	push %rax
shim_after_pushed:
	pushfq
shim_after_flags:
	mov (%rsp), %r11
	andl $~SHIM_FLAG_NT, (%rsp)
	popfq
shim_after_flags_end:
	mov SHIM_VCPU_INFO(%rcx), %rax
	movb $1, SHIM_INFO_MASK(%rax)
shim_after_masked:
	take_upcall 24(%rsp), %r11d, lea, 32(%rsp), shim_after_store, shim_after_tail_end

	.section .note.GNU-stack, "", @progbits
