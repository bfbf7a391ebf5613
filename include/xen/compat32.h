/* SPDX-License-Identifier: MIT */
/*
 * What a 32-bit x86 guest shares with a 64-bit hypervisor, as that guest sees it: shared_info,
 * vcpu_info, the runstate area, and the arguments of hypercalls that its narrower words lay out
 * otherwise. No 64-bit guest needs them; structures that are not here are the same in both widths.
 * Members mean what they mean in the headers of the originals; a guest address or a register is 32
 * bits wide. The names are Xen's internal ones: its public headers have only the originals.
 */
#ifndef CARILLON_XEN_COMPAT32_H
#define CARILLON_XEN_COMPAT32_H

#include "xen.h"

/* Ports of the 2-level ABI for a 32-bit guest: 32 words of 32 bits */
#define COMPAT_EVTCHN_2L_NR_CHANNELS 1024

/* Selectors of a 32-bit kernel, which runs in ring 1, in the part of its GDT that Xen owns */
#define COMPAT_FLAT_KERNEL_CS 0xe019
#define COMPAT_FLAT_KERNEL_DS 0xe021
#define COMPAT_FLAT_KERNEL_SS 0xe021

/* Where the hypervisor's virtual addresses begin for such a guest (PAE) */
#define COMPAT_HYPERVISOR_VIRT_START 0xF5800000

#ifndef __ASSEMBLER__
/* i386 aligns members of 64 bits to 4 bytes */
#pragma pack(push, 4)
struct compat_arch_vcpu_info {
	uint32_t cr2;
	uint32_t pad[5];
};

struct compat_vcpu_info {
	uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	uint32_t evtchn_pending_sel;
	struct compat_arch_vcpu_info arch;
	struct vcpu_time_info time; /* the same in both widths */
};

struct compat_arch_shared_info {
	uint32_t max_pfn;
	uint32_t pfn_to_mfn_frame_list_list;
	uint32_t nmi_reason;
	uint32_t p2m_cr3;
	uint32_t p2m_vaddr;
	uint32_t p2m_generation;
	uint32_t wc_sec_hi; /* here, not in shared_info as for 64-bit guests */
};

struct compat_shared_info {
	struct compat_vcpu_info vcpu_info[32];
	uint32_t evtchn_pending[32];
	uint32_t evtchn_mask[32];
	uint32_t wc_version;
	uint32_t wc_sec;
	uint32_t wc_nsec;
	struct compat_arch_shared_info arch;
};

struct compat_vcpu_runstate_info {
	int32_t state;
	uint64_t state_entry_time;
	uint64_t time[4];
};

struct compat_vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns;
	uint32_t flags;
};

struct compat_sched_poll {
	uint32_t ports;
	uint32_t nr_ports;
	uint64_t timeout;
};

struct compat_multicall_entry {
	uint32_t op;
	uint32_t result;
	uint32_t args[6];
};

struct compat_trap_info {
	uint8_t vector;
	uint8_t flags;
	uint16_t cs;
	uint32_t address;
};

/* A selector besides the address, which 64-bit guests do without */
struct compat_xen_callback {
	uint32_t cs;
	uint32_t eip;
};

struct compat_callback_register {
	uint16_t type;
	uint16_t flags;
	struct compat_xen_callback address;
};

struct compat_xennmi_callback {
	uint32_t handler_address;
	uint32_t pad;
};

struct compat_xen_platform_parameters {
	uint32_t virt_start;
};

struct compat_cpu_user_regs {
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
	uint32_t esi;
	uint32_t edi;
	uint32_t ebp;
	uint32_t eax;
	uint16_t error_code;
	uint16_t entry_vector;
	uint32_t eip;
	uint16_t cs;
	uint8_t saved_upcall_mask;
	uint8_t _pad0;
	uint32_t eflags;
	uint32_t esp;
	uint16_t ss;
	uint16_t _pad1;
	uint16_t es;
	uint16_t _pad2;
	uint16_t ds;
	uint16_t _pad3;
	uint16_t fs;
	uint16_t _pad4;
	uint16_t gs;
	uint16_t _pad5;
};

struct compat_vcpu_guest_context {
	struct {
		char x[512];
	} fpu_ctxt;
	uint32_t flags;
	struct compat_cpu_user_regs user_regs;
	struct compat_trap_info trap_ctxt[256];
	uint32_t ldt_base;
	uint32_t ldt_ents;
	uint32_t gdt_frames[16];
	uint32_t gdt_ents;
	uint32_t kernel_ss;
	uint32_t kernel_sp;
	uint32_t ctrlreg[8]; /* [3]: the root's frame number, rotated left by 12 */
	uint32_t debugreg[8];
	uint32_t event_callback_cs;
	uint32_t event_callback_eip;
	uint32_t failsafe_callback_cs;
	uint32_t failsafe_callback_eip;
	uint32_t vm_assist;
};

struct compat_physdev_set_iobitmap {
	uint32_t bitmap;
	uint32_t nr_ports;
};

struct compat_physdev_pirq_eoi_gmfn {
	uint32_t gmfn;
};

struct compat_physdev_map_pirq {
	uint16_t domid;
	int32_t type;
	int32_t index;
	int32_t pirq;
	int32_t bus;
	int32_t devfn;
	int32_t entry_nr;
	uint64_t table_base;
};

struct compat_physdev_apic {
	uint32_t apic_physbase;
	uint32_t reg;
	uint32_t value;
};

/* Of its union the largest; the others begin at the same place */
struct compat_physdev_op {
	uint32_t cmd;
	union {
		struct compat_physdev_set_iobitmap set_iobitmap;
		struct compat_physdev_apic apic_op;
	} u;
};

struct compat_xen_memory_reservation {
	uint32_t extent_start;
	uint32_t nr_extents;
	uint32_t extent_order;
	uint32_t mem_flags;
	uint16_t domid;
};

struct compat_xen_memory_map {
	uint32_t nr_entries;
	uint32_t buffer;
};
#pragma pack(pop)
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_COMPAT32_H */
