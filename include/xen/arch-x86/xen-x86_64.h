/* SPDX-License-Identifier: MIT */
/*
 * What is particular to 64-bit x86 guests: flat selectors, the hypervisor's hole in the address
 * space, segment bases, the register frame and the iret frame. Structures that a 32-bit guest would
 * have too (with other widths) are in arch-x86/xen.h; the 32-bit layouts are in compat32.h.
 */
#ifndef CARILLON_XEN_ARCH_X86_XEN_X86_64_H
#define CARILLON_XEN_ARCH_X86_XEN_X86_64_H

/*
 * Carillon's, not Xen's: an integer constant with its C type suffix, which an assembler never sees.
 */
#ifdef __ASSEMBLER__
#define CARILLON_XEN_CONST(value, suffix) value
#else
#include <stdint.h>

#define CARILLON_XEN_CONST_(value, suffix) value##suffix
#define CARILLON_XEN_CONST(value, suffix)  CARILLON_XEN_CONST_(value, suffix)
#endif

/*
 * Selectors in every vCPU's GDT from the start, in the part that Xen owns. A 64-bit PV kernel runs
 * in ring 3 like its processes, so kernel and user names are the same selectors.
 */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b

#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS	 FLAT_KERNEL_CS64
#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS	 FLAT_KERNEL_DS64
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS	 FLAT_KERNEL_SS64

#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_CS   FLAT_USER_CS64
#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_DS   FLAT_USER_DS64
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS32 FLAT_RING3_SS32
#define FLAT_USER_SS   FLAT_USER_SS64

/*
 * Virtual addresses [start, end) that belong to the hypervisor in every address space. The guest
 * may read the machine-to-physical table at its beginning, 8 bytes per machine frame. The names
 * with underscores have no type suffix.
 */
#define __HYPERVISOR_VIRT_START 0xFFFF800000000000
#define __HYPERVISOR_VIRT_END	0xFFFF880000000000
#define __MACH2PHYS_VIRT_START	0xFFFF800000000000
#define __MACH2PHYS_VIRT_END	0xFFFF804000000000
#define HYPERVISOR_VIRT_START	CARILLON_XEN_CONST(__HYPERVISOR_VIRT_START, UL)
#define HYPERVISOR_VIRT_END	CARILLON_XEN_CONST(__HYPERVISOR_VIRT_END, UL)
#define MACH2PHYS_VIRT_START	CARILLON_XEN_CONST(__MACH2PHYS_VIRT_START, UL)
#define MACH2PHYS_VIRT_END	CARILLON_XEN_CONST(__MACH2PHYS_VIRT_END, UL)
#define MACH2PHYS_NR_ENTRIES	((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

/* First argument of set_segment_base; the second is the base, for _SEL a selector */
#define SEGBASE_FS	    0
#define SEGBASE_GS_USER	    1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3

/* iret_context.flags: return by sysret, which loses rcx and r11; without it, by iret */
#define _VGCF_in_syscall 8
#define VGCF_in_syscall	 (CARILLON_XEN_CONST(1, U) << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL	 VGCF_in_syscall

#ifndef __ASSEMBLER__
_Static_assert(sizeof(unsigned long) == 8, "these are the 64-bit layouts");

/*
 * The guest's stack at __HYPERVISOR_iret, lowest address first: pushed by the guest, popped by Xen.
 * The vCPU's upcall mask becomes the opposite of rflags.IF.
 */
struct iret_context {
	uint64_t rax;
	uint64_t r11;
	uint64_t rcx;
	uint64_t flags; /* VGCF_in_syscall or 0 */
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

/*
 * A vCPU's integer registers, as VCPUOP_initialise takes them. Only the 64-bit names: in Xen's own
 * headers the short ones mean different widths to the tools and to a guest.
 */
struct cpu_user_regs {
	uint64_t r15;
	uint64_t r14;
	uint64_t r13;
	uint64_t r12;
	uint64_t rbp;
	uint64_t rbx;
	uint64_t r11;
	uint64_t r10;
	uint64_t r9;
	uint64_t r8;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t rdi;
	uint32_t error_code;   /* Xen's own use */
	uint32_t entry_vector; /* Xen's own use */
	uint64_t rip;
	uint16_t cs;
	uint16_t _pad0[1];
	uint8_t saved_upcall_mask; /* in a frame that Xen pushes: the mask before the upcall */
	uint8_t _pad1[3];
	uint64_t rflags;
	uint64_t rsp;
	uint16_t ss;
	uint16_t _pad2[3];
	uint16_t es;
	uint16_t _pad3[3];
	uint16_t ds;
	uint16_t _pad4[3];
	uint16_t fs;
	uint16_t _pad5[3];
	uint16_t gs;
	uint16_t _pad6[3];
};
typedef struct cpu_user_regs cpu_user_regs_t;

/* cr3 values in the ABI and the frame number of the root page table */
#define xen_pfn_to_cr3(pfn) ((unsigned long)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((unsigned long)(cr3) >> 12)

/* The architecture's part of struct vcpu_info. Xen writes cr2 before a page fault */
struct arch_vcpu_info {
	unsigned long cr2;
	unsigned long pad;
};
typedef struct arch_vcpu_info arch_vcpu_info_t;

/* The address of guest code that Xen enters; cs is always FLAT_KERNEL_CS */
typedef unsigned long xen_callback_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_ARCH_X86_XEN_X86_64_H */
