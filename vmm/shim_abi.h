/* SPDX-License-Identifier: MIT */
/*
 * What the monitor and the shim agree on: where the shim lives in a domain's address space, the
 * pages that they share, the calls that only the shim may make. Included by C and by assembly on
 * both sides. How the monitor keeps its own books is in process_internal.h, not here.
 */
#ifndef CARILLON_VMM_SHIM_ABI_H
#define CARILLON_VMM_SHIM_ABI_H

/*
 * The shim's part of every domain's address space. Guests map below SHIM_BASE only. It is far from
 * both the low half's bottom, where guests are linked, and its top, where the kernel puts the
 * initial stack.
 */
#define SHIM_BASE    0x7e0000000000
#define SHIM_CONTROL 0x7e0010000000 /* struct shim_control and what follows it, read-only here */
#define SHIM_SCRATCH 0x7e0020000000 /* one struct shim_scratch and signal stack per vCPU */
#define SHIM_ALIAS   0x7e0030000000 /* one page per vCPU: the frame that holds its vcpu_info */
#define SHIM_END     0x7e0040000000

/* Offsets into the text that both sides must know; start.S puts them there */
#define SHIM_GATE_OFFSET     0x00 /* the only `syscall` that private calls are honoured from */
#define SHIM_RESTORER_OFFSET 0x10 /* rt_sigreturn, the only call that the filter lets through */
#define SHIM_AFTER_OFFSET    0x20 /* where every other entry of the hypercall page ends */
#define SHIM_IRET_OFFSET     0x40 /* HYPERVISOR_iret without entering the monitor */

#define SHIM_GATE_IP (SHIM_BASE + SHIM_GATE_OFFSET + 2) /* what seccomp shows of the gate */
#define SHIM_AFTER   (SHIM_BASE + SHIM_AFTER_OFFSET)
#define SHIM_IRET    (SHIM_BASE + SHIM_IRET_OFFSET)

/* Private calls, by the gate. Far from hypercall numbers, and bit 30 (x32) is clear. */
#define SHIM_CALL_START 0x1ca11000 /* this vCPU's thread is ready; answered when it may run */
#define SHIM_CALL_PARK	0x1ca11001 /* I was told to stop; answered when it may go on */
#define SHIM_CALL_DONE	0x1ca11002 /* (error) the operations given to me are done */
/* An exception, see scratch. 1: bounce it as control says; 2: it is done, go on as control says. */
#define SHIM_CALL_FAULT 0x1ca11003
/* May an iret load the selectors in scratch? 0: yes; 1: no, bounce as control says. */
#define SHIM_CALL_RETURN 0x1ca11004

/* shim_vcpu.work */
#define SHIM_WORK_START 1 /* load `start` into the registers */
#define SHIM_WORK_IRET	2 /* load the iret frame at the stack pointer into the registers */
#define SHIM_WORK_FS	4 /* load the FS base */
#define SHIM_WORK_GS	8 /* load the GS base */
#define SHIM_WORK_MAP \
	16 /* make the system calls in `ops`, then call DONE; repeat while it says so */
#define SHIM_WORK_TRAP 32 /* bounce into `trap` */
#define SHIM_WORK_NMI  64 /* and, after all that, into `nmi` */

/* The signal that makes a vCPU look at its control page and at its vcpu_info. */
#define SHIM_SIGNAL 10 /* SIGUSR1 */

/* The process's descriptors. Memory: in the order of process_config.memory. */
#define SHIM_FD_SOCKET	0
#define SHIM_FD_CONTROL 1
#define SHIM_FD_SCRATCH 2
#define SHIM_FD_MEMORY	3

/*
 * Host selectors, and the thread-local descriptor whose limit is the vCPU's number (iret.S). Only
 * the i386 call can set it, with an argument in the low 4 GiB.
 */
#define SHIM_HOST_CS		  0x33
#define SHIM_HOST_SS		  0x2b
#define SHIM_TLS_ENTRY		  12
#define SHIM_TLS_SELECTOR	  0x63
#define SHIM_I386_SET_THREAD_AREA 243

/* Selectors in the frames of a kernel, as Xen shows them */
#define SHIM_GUEST_CS 0xe030
#define SHIM_GUEST_SS 0xe02b

/* RFLAGS */
#define SHIM_FLAG_TF   0x100
#define SHIM_FLAG_IF   0x200
#define SHIM_FLAG_IOPL 0x3000
#define SHIM_FLAG_NT   0x4000
#define SHIM_FLAG_RF   0x10000
#define SHIM_FLAG_VM   0x20000
#define SHIM_FLAG_AC   0x40000
/* What Xen clears when it enters a handler of the guest */
#define SHIM_FLAGS_CLEARED \
	(SHIM_FLAG_TF | SHIM_FLAG_NT | SHIM_FLAG_RF | SHIM_FLAG_VM | SHIM_FLAG_AC)

/* Offsets for iret.S; shim_abi's users in C assert them */
#define SHIM_VCPU_INFO	    0
#define SHIM_VCPU_EVENT	    8
#define SHIM_VCPU_SCRATCH   16
#define SHIM_VCPU_IN_NMI    24
#define SHIM_SCRATCH_BOUNCE 0
#define SHIM_SCRATCH_RAX    56
#define SHIM_SCRATCH_IRETQ  64
#define SHIM_PAGE	    4096
#define SHIM_INFO_PENDING   0
#define SHIM_INFO_MASK	    1

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

/* One system call that the monitor planned: it lets exactly these registers through, in order. */
struct shim_op {
	uint64_t nr;
	uint64_t args[6];
};

/* A handler of the guest that is to be entered. */
struct shim_trap {
	uint64_t rip;
	uint64_t error;
	uint32_t has_error;
	uint32_t masks; /* events are masked on entry */
	int64_t skip;	/* bytes that the interrupted rip goes on first */
};

#define SHIM_MAX_OPS  60   /* at once, in a vCPU's page */
#define SHIM_BOOT_OPS 4096 /* at once, before the guest runs */

/*
 * A vCPU's control page. The monitor writes it while the vCPU's thread is in the monitor; only
 * `park` changes while it runs. The guest can read it: it tells nothing that the guest may not
 * know.
 */
struct shim_vcpu {
	uint64_t info;	  /* address of its vcpu_info in the alias page; 0: it has none */
	uint64_t event;	  /* rip of the event callback; 0: none */
	uint64_t scratch; /* address of its struct shim_scratch */
	uint32_t in_nmi;  /* its next iret ends an NMI: the monitor must see it */
	uint32_t park;	  /* call PARK before the next guest instruction */
	uint64_t seq;	  /* number of the work below; done when scratch says so */
	uint32_t work;	  /* SHIM_WORK_* */
	uint32_t nr_ops;
	struct shim_trap trap, nmi;
	uint64_t fs_base, gs_base;
	struct cpu_user_regs start; /* also: rax to rdx of a FAULT that is done */
	struct shim_op ops[SHIM_MAX_OPS];
} __attribute__((aligned(SHIM_PAGE)));

/* What the process is to be; constant once it runs. */
struct shim_header {
	uint32_t nr_vcpus;	 /* iret.S reads it */
	uint32_t nr_memory;	 /* descriptors from SHIM_FD_MEMORY on */
	uint32_t scratch_stride; /* bytes per vCPU, a power of two */
	int32_t parent; /* the monitor's process id as the domain sees it: 0 from a namespace of its
			   own */
	uint32_t numbered; /* give each thread its number as a segment limit (iret.S) */
	uint64_t control_size;
	char name[16];
} __attribute__((aligned(SHIM_PAGE)));

struct shim_control {
	struct shim_header header;
	struct shim_vcpu vcpu[]; /* then SHIM_BOOT_OPS struct shim_op */
};

/* Registers at an exception. */
struct shim_fault {
	struct cpu_user_regs regs;
	uint32_t vector;
	uint32_t in_delivery; /* it is the guest's stack that could not take a frame or give one */
	uint64_t error_code;
	uint64_t address;
};

/*
 * A vCPU's page that the shim writes. The guest can write it too, at any time: the monitor copies
 * what it wants once and believes nothing. Its signal stack is above it, to the end of the stride.
 */
struct shim_scratch {
	uint64_t bounce[7]; /* iret.S: the frame on its way to the guest's stack */
	uint64_t rax;
	uint64_t iretq[5];
	uint64_t done;	   /* shim_vcpu.seq that was worked off */
	int32_t listener;  /* loader: 1 + its descriptor, or -errno; 0: not yet */
	uint32_t step;	   /* loader: where it failed */
	uint32_t numbered; /* iret.S knows which vCPU this is, and so may look for upcalls */
	struct shim_fault fault;
} __attribute__((aligned(SHIM_PAGE)));

#define SHIM_THREAD_STACK \
	4096 /* above the struct: where the thread runs until START; then the signals' */

/* From the loader: first "ready" (with the listeners attached), then one per batch of operations.
 */
struct shim_reply {
	int32_t error; /* -errno */
	uint32_t step; /* SHIM_STEP_*; for a batch the operation's index */
};

/* To the loader: make the first `count` boot operations; the last batch lets it go. */
struct shim_batch {
	uint32_t count;
	uint32_t last;
};

enum shim_step {
	SHIM_STEP_READY,
	SHIM_STEP_MAP,
	SHIM_STEP_UNMAP,
	SHIM_STEP_SIGNALS,
	SHIM_STEP_THREAD,
	SHIM_STEP_PARENT,
	SHIM_STEP_FILTER,
};

_Static_assert(offsetof(struct shim_header, nr_vcpus) == 0, "iret.S");
_Static_assert(offsetof(struct shim_vcpu, info) == SHIM_VCPU_INFO, "iret.S");
_Static_assert(offsetof(struct shim_vcpu, event) == SHIM_VCPU_EVENT, "iret.S");
_Static_assert(offsetof(struct shim_vcpu, scratch) == SHIM_VCPU_SCRATCH, "iret.S");
_Static_assert(offsetof(struct shim_vcpu, in_nmi) == SHIM_VCPU_IN_NMI, "iret.S");
_Static_assert(sizeof(struct shim_vcpu) == SHIM_PAGE, "iret.S finds a vCPU's page by its number");
_Static_assert(sizeof(struct shim_header) == SHIM_PAGE, "iret.S");
_Static_assert(offsetof(struct shim_scratch, bounce) == SHIM_SCRATCH_BOUNCE, "iret.S");
_Static_assert(offsetof(struct shim_scratch, rax) == SHIM_SCRATCH_RAX, "iret.S");
_Static_assert(offsetof(struct shim_scratch, iretq) == SHIM_SCRATCH_IRETQ, "iret.S");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) == SHIM_INFO_PENDING, "iret.S");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_mask) == SHIM_INFO_MASK, "iret.S");
#endif /* !__ASSEMBLER__ */

#endif
