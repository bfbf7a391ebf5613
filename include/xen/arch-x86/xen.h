/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of the ABI whose shape does not depend on the guest's width: basic types, the
 * virtual IDT, a vCPU's whole initial context, the architecture's part of shared_info. Selectors,
 * frames and addresses are in xen-x86_64.h; include xen.h rather than this file.
 */
#ifndef CARILLON_XEN_ARCH_X86_XEN_H
#define CARILLON_XEN_ARCH_X86_XEN_H

#include "xen-x86_64.h"

/*
 * The guest may fill 14 GDT pages; the entries from here on are Xen's, FLAT_* selectors among them.
 * In pages, in bytes from the start of the GDT, in 8-byte entries.
 */
#define FIRST_RESERVED_GDT_PAGE	 14
#define FIRST_RESERVED_GDT_BYTE	 (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* vCPUs whose vcpu_info is in shared_info; any beyond these must register one (vcpu.h) */
#define XEN_LEGACY_MAX_VCPUS 32

/* vcpu_guest_context.flags, by bit number and by mask; the names in capitals are older spellings */
#define _VGCF_i387_valid	       0 /* fpu_ctxt is to be loaded */
#define VGCF_i387_valid		       (CARILLON_XEN_CONST(1, U) << _VGCF_i387_valid)
#define _VGCF_in_kernel		       2 /* begin in kernel mode */
#define VGCF_in_kernel		       (CARILLON_XEN_CONST(1, U) << _VGCF_in_kernel)
#define _VGCF_failsafe_disables_events 3 /* upcalls masked on failsafe entry */
#define VGCF_failsafe_disables_events  (CARILLON_XEN_CONST(1, U) << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events  4 /* upcalls masked on system call entry */
#define VGCF_syscall_disables_events   (CARILLON_XEN_CONST(1, U) << _VGCF_syscall_disables_events)
#define _VGCF_online		       5 /* begin up, never woken: for tools */
#define VGCF_online		       (CARILLON_XEN_CONST(1, U) << _VGCF_online)
#define VGCF_I387_VALID		       (CARILLON_XEN_CONST(1, U) << 0)
#define VGCF_IN_KERNEL		       (CARILLON_XEN_CONST(1, U) << 2)

#ifndef __ASSEMBLER__
typedef unsigned long xen_pfn_t;   /* a frame number: of 4096-byte pages */
typedef unsigned long xen_ulong_t; /* a word as wide as the guest's registers */
typedef uint64_t tsc_timestamp_t;  /* a TSC value, in its own ticks */

/* trap_info.flags: who may raise it by an int instruction, and whether entry masks upcalls */
#define TI_GET_DPL(_ti)	      ((_ti)->flags & 3)
#define TI_GET_IF(_ti)	      ((_ti)->flags & 4)
#define TI_SET_DPL(_ti, _dpl) ((_ti)->flags = (uint8_t)((_ti)->flags | (_dpl)))
#define TI_SET_IF(_ti, _if)   ((_ti)->flags = (uint8_t)((_ti)->flags | ((!!(_if)) << 2)))

/* One exception handler of the guest; set_trap_table takes an array of them ended by address 0 */
struct trap_info {
	uint8_t vector;
	uint8_t flags; /* bits 0-1: DPL; bit 2: mask upcalls on entry */
	uint16_t cs;
	unsigned long address; /* guest virtual address of the handler */
};
typedef struct trap_info trap_info_t;

/* All that a vCPU starts with: the guest writes it for VCPUOP_initialise */
struct vcpu_guest_context {
	struct {
		char x[512];
	} fpu_ctxt;	     /* FXSAVE image */
	unsigned long flags; /* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256];
	unsigned long ldt_base; /* guest virtual address */
	unsigned long ldt_ents;
	unsigned long gdt_frames[16]; /* machine frame numbers */
	unsigned long gdt_ents;
	unsigned long kernel_ss; /* stack for entries from user mode */
	unsigned long kernel_sp;
	unsigned long ctrlreg[8]; /* [1]: the user-mode page-table root; [3]: the kernel's */
	unsigned long debugreg[8];
	unsigned long event_callback_eip;
	unsigned long failsafe_callback_eip;
	unsigned long syscall_callback_eip;
	unsigned long vm_assist; /* bits numbered by VMASST_TYPE_* */
	uint64_t fs_base;
	uint64_t gs_base_kernel;
	uint64_t gs_base_user;
};
typedef struct vcpu_guest_context vcpu_guest_context_t;

/*
 * The architecture's part of struct shared_info. The guest writes all of it except nmi_reason: it
 * is how the tools find the guest's p2m (guest frame to machine frame) table.
 */
struct arch_shared_info {
	unsigned long max_pfn; /* entries in the p2m */
	/* root frame of the 3-level p2m: 0 while there is none, ~0 if only p2m_vaddr is kept */
	xen_pfn_t pfn_to_mfn_frame_list_list;
	unsigned long nmi_reason;     /* XEN_NMIREASON_*; written by Xen */
	unsigned long p2m_cr3;	      /* address space of p2m_vaddr; 0: the next two are unused */
	unsigned long p2m_vaddr;      /* guest virtual address of the linear p2m */
	unsigned long p2m_generation; /* odd while the mapping of the p2m changes */
};
typedef struct arch_shared_info arch_shared_info_t;
#endif /* !__ASSEMBLER__ */

/*
 * Before an instruction: ud2, then letters that Xen looks for. Xen emulates what follows; for PV
 * guests that is cpuid (cpuid.h) and nothing else, the rest is an invalid opcode. For inline
 * assembly, in C a string.
 */
#ifdef __ASSEMBLER__
#define XEN_EMULATE_PREFIX .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e;
#define XEN_CPUID	   XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; "
#define XEN_CPUID	   XEN_EMULATE_PREFIX "cpuid"
#endif

#endif /* CARILLON_XEN_ARCH_X86_XEN_H */
