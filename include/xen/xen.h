/* SPDX-License-Identifier: MIT */
/*
 * The core of the Xen ABI: hypercall numbers, virtual interrupts, domain numbers, page-table calls,
 * and the three structures a guest lives by: start_info, shared_info, vcpu_info. The operations of
 * one hypercall are in its own header (event_channel.h, sched.h, ...). Newest layouts only: 4.17's.
 */
#ifndef CARILLON_XEN_XEN_H
#define CARILLON_XEN_XEN_H

#if !defined(__x86_64__)
#error "only the x86-64 ABI is here"
#endif
#include "arch-x86/xen.h"

/*
 * Hypercalls. On x86-64 the number goes in rax, arguments in rdi, rsi, rdx, r10, r8, the result
 * comes back in rax (a negative XEN_E* for an error), and number n is entered at byte 32 * n of the
 * hypercall page. Those named compat are older entry points of the same operation.
 */
#define __HYPERVISOR_set_trap_table		   0
#define __HYPERVISOR_mmu_update			   1
#define __HYPERVISOR_set_gdt			   2
#define __HYPERVISOR_stack_switch		   3
#define __HYPERVISOR_set_callbacks		   4
#define __HYPERVISOR_fpu_taskswitch		   5
#define __HYPERVISOR_sched_op_compat		   6
#define __HYPERVISOR_platform_op		   7
#define __HYPERVISOR_set_debugreg		   8
#define __HYPERVISOR_get_debugreg		   9
#define __HYPERVISOR_update_descriptor		   10
#define __HYPERVISOR_memory_op			   12
#define __HYPERVISOR_multicall			   13
#define __HYPERVISOR_update_va_mapping		   14
#define __HYPERVISOR_set_timer_op		   15
#define __HYPERVISOR_event_channel_op_compat	   16
#define __HYPERVISOR_xen_version		   17
#define __HYPERVISOR_console_io			   18
#define __HYPERVISOR_physdev_op_compat		   19
#define __HYPERVISOR_grant_table_op		   20
#define __HYPERVISOR_vm_assist			   21
#define __HYPERVISOR_update_va_mapping_otherdomain 22
#define __HYPERVISOR_iret			   23
#define __HYPERVISOR_vcpu_op			   24
#define __HYPERVISOR_set_segment_base		   25
#define __HYPERVISOR_mmuext_op			   26
#define __HYPERVISOR_xsm_op			   27
#define __HYPERVISOR_nmi_op			   28
#define __HYPERVISOR_sched_op			   29
#define __HYPERVISOR_callback_op		   30
#define __HYPERVISOR_xenoprof_op		   31
#define __HYPERVISOR_event_channel_op		   32
#define __HYPERVISOR_physdev_op			   33
#define __HYPERVISOR_hvm_op			   34
#define __HYPERVISOR_sysctl			   35
#define __HYPERVISOR_domctl			   36
#define __HYPERVISOR_kexec_op			   37
#define __HYPERVISOR_tmem_op			   38
#define __HYPERVISOR_argo_op			   39
#define __HYPERVISOR_xenpmu_op			   40
#define __HYPERVISOR_dm_op			   41
#define __HYPERVISOR_hypfs_op			   42
#define __HYPERVISOR_arch_0			   48
#define __HYPERVISOR_arch_1			   49
#define __HYPERVISOR_arch_2			   50
#define __HYPERVISOR_arch_3			   51
#define __HYPERVISOR_arch_4			   52
#define __HYPERVISOR_arch_5			   53
#define __HYPERVISOR_arch_6			   54
#define __HYPERVISOR_arch_7			   55

/*
 * Virtual interrupts (EVTCHNOP_bind_virq). Per vCPU: each vCPU binds its own and keeps it. Global:
 * bound once in the domain, on vCPU 0, movable afterwards. Most global ones are the control
 * domain's only.
 */
#define VIRQ_TIMER	0  /* per vCPU: a timer expired */
#define VIRQ_DEBUG	1  /* per vCPU: somebody asks for a dump of its state */
#define VIRQ_CONSOLE	2  /* global: input on the emergency console */
#define VIRQ_DOM_EXC	3  /* global: a domain shut down or died */
#define VIRQ_TBUF	4  /* global: trace buffers have records */
#define VIRQ_DEBUGGER	6  /* global: a domain stopped for its debugger */
#define VIRQ_XENOPROF	7  /* per vCPU: a profiling sample */
#define VIRQ_CON_RING	8  /* global: output in Xen's own console ring */
#define VIRQ_PCPU_STATE 9  /* global: a physical CPU came or went */
#define VIRQ_MEM_EVENT	10 /* global: a memory event */
#define VIRQ_ARGO	11 /* global: an Argo message */
#define VIRQ_ENOMEM	12 /* global: Xen's heap is short */
#define VIRQ_XENPMU	13 /* per vCPU: performance counter interrupt */
#define VIRQ_ARCH_0	16 /* the architecture's own eight */
#define VIRQ_ARCH_1	17
#define VIRQ_ARCH_2	18
#define VIRQ_ARCH_3	19
#define VIRQ_ARCH_4	20
#define VIRQ_ARCH_5	21
#define VIRQ_ARCH_6	22
#define VIRQ_ARCH_7	23
#define NR_VIRQS	24

/* Domain numbers with a meaning of their own; ordinary ones are below DOMID_FIRST_RESERVED */
#define DOMID_FIRST_RESERVED CARILLON_XEN_CONST(0x7FF0, U)
#define DOMID_SELF	     CARILLON_XEN_CONST(0x7FF0, U) /* the caller */
#define DOMID_IO	     CARILLON_XEN_CONST(0x7FF1, U) /* owner of device memory */
#define DOMID_XEN	     CARILLON_XEN_CONST(0x7FF2, U) /* owner of Xen's shared pages */
#define DOMID_COW	     CARILLON_XEN_CONST(0x7FF3, U) /* owner of merged pages */
#define DOMID_INVALID	     CARILLON_XEN_CONST(0x7FF4, U) /* nobody */
#define DOMID_IDLE	     CARILLON_XEN_CONST(0x7FFF, U) /* Xen's idle vCPUs */
#define DOMID_MASK	     CARILLON_XEN_CONST(0x7FFF, U) /* bits a number may have */

/* Low two bits of mmu_update.ptr: what to do with the entry that the rest of ptr points at */
#define MMU_NORMAL_PT_UPDATE	   0 /* store val in a page-table entry */
#define MMU_MACHPHYS_UPDATE	   1 /* store val in the machine-to-physical table */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, keeping accessed and dirty bits */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0, val already holds a machine frame */

/* mmuext_op.cmd; the arguments used are given on the right */
#define MMUEXT_PIN_L1_TABLE	  0 /* arg1.mfn: keep it typed as a page table of that level */
#define MMUEXT_PIN_L2_TABLE	  1
#define MMUEXT_PIN_L3_TABLE	  2
#define MMUEXT_PIN_L4_TABLE	  3
#define MMUEXT_UNPIN_TABLE	  4 /* arg1.mfn */
#define MMUEXT_NEW_BASEPTR	  5 /* arg1.mfn: kernel page-table root of this vCPU */
#define MMUEXT_TLB_FLUSH_LOCAL	  6
#define MMUEXT_INVLPG_LOCAL	  7 /* arg1.linear_addr */
#define MMUEXT_TLB_FLUSH_MULTI	  8 /* arg2.vcpumask */
#define MMUEXT_INVLPG_MULTI	  9 /* arg1.linear_addr, arg2.vcpumask */
#define MMUEXT_TLB_FLUSH_ALL	  10
#define MMUEXT_INVLPG_ALL	  11 /* arg1.linear_addr */
#define MMUEXT_FLUSH_CACHE	  12 /* write back and invalidate, this CPU */
#define MMUEXT_SET_LDT		  13 /* arg1.linear_addr (page-aligned), arg2.nr_ents */
#define MMUEXT_NEW_USER_BASEPTR	  15 /* arg1.mfn: user-mode page-table root of this vCPU */
#define MMUEXT_CLEAR_PAGE	  16 /* arg1.mfn */
#define MMUEXT_COPY_PAGE	  17 /* arg1.mfn from arg2.src_mfn */
#define MMUEXT_FLUSH_CACHE_GLOBAL 18 /* as 12, every CPU */
#define MMUEXT_MARK_SUPER	  19 /* arg1.mfn: first frame of a superpage */
#define MMUEXT_UNMARK_SUPER	  20 /* arg1.mfn */

/*
 * Last argument of update_va_mapping: what to flush, and on which vCPUs. For UVMF_MULTI, the value
 * is UVMF_TLB_FLUSH or UVMF_INVLPG or'ed into the guest address of a vCPU bitmap.
 */
#define UVMF_NONE	    (CARILLON_XEN_CONST(0, UL) << 0)
#define UVMF_TLB_FLUSH	    (CARILLON_XEN_CONST(1, UL) << 0) /* everything */
#define UVMF_INVLPG	    (CARILLON_XEN_CONST(2, UL) << 0) /* the one address */
#define UVMF_FLUSHTYPE_MASK (CARILLON_XEN_CONST(3, UL) << 0)
#define UVMF_MULTI	    (CARILLON_XEN_CONST(0, UL) << 2) /* those in a bitmap */
#define UVMF_LOCAL	    (CARILLON_XEN_CONST(0, UL) << 2) /* this one: no bitmap */
#define UVMF_ALL	    (CARILLON_XEN_CONST(1, UL) << 2) /* all of the domain */

/* First argument of console_io: then a byte count and the guest address of a buffer */
#define CONSOLEIO_write 0
#define CONSOLEIO_read	1

/* Arguments of vm_assist: a command and a type */
#define VMASST_CMD_enable		 0
#define VMASST_CMD_disable		 1
#define VMASST_TYPE_4gb_segments	 0  /* 32-bit guests */
#define VMASST_TYPE_4gb_segments_notify	 1  /* 32-bit guests */
#define VMASST_TYPE_writable_pagetables	 2  /* emulate stores to page tables */
#define VMASST_TYPE_pae_extended_cr3	 3  /* 32-bit guests */
#define VMASST_TYPE_architectural_iopl	 4  /* IOPL in the saved flags is honoured */
#define VMASST_TYPE_runstate_update_flag 5  /* XEN_RUNSTATE_UPDATE while it changes */
#define VMASST_TYPE_m2p_strict		 32 /* no M2P view in user mode */

/* start_info.flags */
#define SIF_PRIVILEGED	    (CARILLON_XEN_CONST(1, U) << 0)    /* may use the host's hardware */
#define SIF_INITDOMAIN	    (CARILLON_XEN_CONST(1, U) << 1)    /* is the control domain */
#define SIF_MULTIBOOT_MOD   (CARILLON_XEN_CONST(1, U) << 2)    /* module: see the list below */
#define SIF_MOD_START_PFN   (CARILLON_XEN_CONST(1, U) << 3)    /* mod_start is a frame number */
#define SIF_VIRT_P2M_4TOOLS (CARILLON_XEN_CONST(1, U) << 4)    /* tools read the linear p2m */
#define SIF_PM_MASK	    (CARILLON_XEN_CONST(0xFF, U) << 8) /* power management */

/* vcpu_time_info.flags */
#define XEN_PVCLOCK_TSC_STABLE_BIT (CARILLON_XEN_CONST(1, U) << 0) /* monotonic across vCPUs */
#define XEN_PVCLOCK_GUEST_STOPPED  (CARILLON_XEN_CONST(1, U) << 1) /* the host paused it */

/* Bytes of start_info.cmd_line, the terminating NUL included */
#define MAX_GUEST_CMDLINE 1024

#ifndef __ASSEMBLER__
typedef uint16_t domid_t;
typedef uint8_t xen_domain_handle_t[16]; /* a domain's UUID */

/* One element of mmu_update's array */
struct mmu_update {
	uint64_t ptr; /* machine address of the entry, MMU_* in bits 0-1 */
	uint64_t val; /* what to store */
};
typedef struct mmu_update mmu_update_t;

/* One element of mmuext_op's array */
struct mmuext_op {
	unsigned int cmd; /* MMUEXT_* */
	union {
		xen_pfn_t mfn;
		unsigned long linear_addr;
	} arg1;
	union {
		unsigned int nr_ents;
		uint64_t vcpumask; /* guest address of a bitmap, one bit per vCPU */
		xen_pfn_t src_mfn;
	} arg2;
};
typedef struct mmuext_op mmuext_op_t;

/* One element of multicall's array: the guest writes op and args, Xen writes result */
struct multicall_entry {
	xen_ulong_t op;
	xen_ulong_t result;
	xen_ulong_t args[6];
};
typedef struct multicall_entry multicall_entry_t;

/*
 * A vCPU's clock, written by Xen. A reader takes version before and after and starts over if it was
 * odd or has changed. With d = TSC now - tsc_timestamp, shifted left by tsc_shift (right if that is
 * negative), the time is system_time + (d * tsc_to_system_mul >> 32).
 */
struct vcpu_time_info {
	uint32_t version; /* odd while Xen writes */
	uint32_t pad0;
	uint64_t tsc_timestamp;	    /* TSC when system_time was taken */
	uint64_t system_time;	    /* ns since Xen's boot */
	uint32_t tsc_to_system_mul; /* ns per shifted tick, times 2^32 */
	int8_t tsc_shift;
	uint8_t flags; /* XEN_PVCLOCK_* */
	uint8_t pad1[2];
};
typedef struct vcpu_time_info vcpu_time_info_t;

/*
 * What one vCPU shares with Xen: in shared_info, or where VCPUOP_register_vcpu_info put it. Must
 * not cross a page boundary.
 */
struct vcpu_info {
	/* Xen sets it to ask for an upcall; the guest clears it before it looks for events */
	uint8_t evtchn_upcall_pending;
	/* nonzero: no upcall. The guest writes it; Xen sets it on an upcall, clears it on block */
	uint8_t evtchn_upcall_mask;
	/* 2-level: a bit per word of evtchn_pending with news. Xen sets, the guest takes */
	xen_ulong_t evtchn_pending_sel;
	struct arch_vcpu_info arch;
	struct vcpu_time_info time;
};
typedef struct vcpu_info vcpu_info_t;

/*
 * The page a domain shares with Xen. It may grow; nothing else is in that page.
 */
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	/*
	 * The 2-level ABI: one bit per port. Xen sets a pending bit and the guest clears it. The
	 * mask is the guest's, which EVTCHNOP_unmask clears for it: a masked port becomes pending,
	 * but then neither selector bit nor upcall follows.
	 */
	xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
	xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
	/* Wall clock at system_time 0, since 1970; wc_version as in vcpu_time_info. Xen writes */
	uint32_t wc_version;
	uint32_t wc_sec;    /* s, low half */
	uint32_t wc_nsec;   /* ns */
	uint32_t wc_sec_hi; /* s, high half */
	struct arch_shared_info arch;
};
typedef struct shared_info shared_info_t;

/*
 * What a PV kernel finds at %rsi when it starts: written by the domain builder, afterwards the
 * guest's own memory. Addresses called virtual are valid in the first page tables.
 */
struct start_info {
	char magic[32];		   /* "xen-<major>.<minor>-<architecture>" */
	unsigned long nr_pages;	   /* the domain's memory, pages of 4096 bytes */
	unsigned long shared_info; /* machine address of struct shared_info */
	uint32_t flags;		   /* SIF_* */
	xen_pfn_t store_mfn;	   /* machine frame of the xenstore ring */
	uint32_t store_evtchn;	   /* its port */
	union {
		struct {
			xen_pfn_t mfn;	 /* machine frame of the console ring */
			uint32_t evtchn; /* its port */
		} domU;
		struct {
			uint32_t info_off;  /* bytes from start_info to the video data */
			uint32_t info_size; /* bytes of it */
		} dom0;			    /* if SIF_INITDOMAIN */
	} console;
	unsigned long pt_base;	    /* virtual address of the page-table root */
	unsigned long nr_pt_frames; /* frames of the first page tables */
	unsigned long mfn_list;	    /* virtual address of the p2m */
	unsigned long mod_start;    /* virtual address, or frame number (SIF_MOD_START_PFN) */
	unsigned long mod_len;	    /* bytes; 0: no module */
	int8_t cmd_line[MAX_GUEST_CMDLINE];
	unsigned long first_p2m_pfn; /* guest frames of the p2m, if not in the mapped area */
	unsigned long nr_p2m_frames;
};
typedef struct start_info start_info_t;

/*
 * With SIF_MULTIBOOT_MOD the module begins with an array of these, ended by mod_start 0. Offsets
 * are in bytes from the beginning of the module.
 */
struct xen_multiboot_mod_list {
	uint32_t mod_start; /* first byte */
	uint32_t mod_end;   /* last byte */
	uint32_t cmdline;   /* NUL-terminated string */
	uint32_t pad;	    /* 0 */
};
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_XEN_H */
