/* SPDX-License-Identifier: MIT */
/*
 * What a 32-bit x86 guest shares with a 64-bit hypervisor: shared_info, vcpu_info and the runstate
 * area as that guest sees them; no 64-bit guest needs them. Members mean what they mean in xen.h
 * and vcpu.h. The names are Xen's internal ones: its public headers have only the originals.
 */
#ifndef CARILLON_XEN_COMPAT32_H
#define CARILLON_XEN_COMPAT32_H

#include "xen.h"

/* Ports of the 2-level ABI for a 32-bit guest: 32 words of 32 bits */
#define COMPAT_EVTCHN_2L_NR_CHANNELS 1024

#ifndef __ASSEMBLER__
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

/*
 * i386 aligns 64-bit members to 4 bytes: no gap after state. Only 4-byte aligned, so copy it, do
 * not point at its members.
 */
struct compat_vcpu_runstate_info {
	int32_t state;
	uint64_t state_entry_time;
	uint64_t time[4];
} __attribute__((packed, aligned(4)));
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_COMPAT32_H */
