/* SPDX-License-Identifier: MIT */
/*
 * domctl and sysctl, what the scenario image uses of them: the control domain's side of Xen 4.17,
 * which is not stable between versions (Xen refuses a call with another interface version). So it
 * is no part of include/xen/. tests/abi compares it with Xen's own headers all the same.
 */
#ifndef CARILLON_XEN_CONTROL_H
#define CARILLON_XEN_CONTROL_H

#include <xen/xen.h>

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015
#define XEN_SYSCTL_INTERFACE_VERSION 0x00000015

#define XEN_DOMCTL_createdomain	    1
#define XEN_DOMCTL_destroydomain    2
#define XEN_DOMCTL_pausedomain	    3
#define XEN_DOMCTL_unpausedomain    4
#define XEN_DOMCTL_getdomaininfo    5
#define XEN_DOMCTL_max_mem	    11
#define XEN_DOMCTL_setvcpucontext   12
#define XEN_DOMCTL_max_vcpus	    15
#define XEN_DOMCTL_hypercall_init   22
#define XEN_DOMCTL_set_virq_handler 66

#define XEN_SYSCTL_debug_keys 7

#ifndef __ASSEMBLER__
struct xen_arch_domainconfig {
	uint32_t emulation_flags; /* devices of an HVM domain; 0 for PV */
	uint32_t misc_flags;
};

struct xen_domctl_createdomain {
	uint32_t ssidref;
	uint8_t handle[16];
	uint32_t flags; /* 0: a PV domain */
	uint32_t iommu_opts;
	uint32_t max_vcpus;
	uint32_t max_evtchn_port;
	int32_t max_grant_frames; /* negative: Xen's default; as the next */
	int32_t max_maptrack_frames;
	uint32_t grant_opts; /* the highest version of the grant table's ABI */
	uint32_t vmtrace_size;
	uint32_t cpupool_id;
	struct xen_arch_domainconfig arch;
};

struct xen_domctl_getdomaininfo {
	domid_t domain; /* OUT, all: the first domain from the one asked for on */
	uint16_t pad1;
	uint32_t flags;
	uint64_t tot_pages, max_pages, outstanding_pages, shr_pages, paged_pages;
	uint64_t shared_info_frame;
	uint64_t cpu_time;
	uint32_t nr_online_vcpus;
	uint32_t max_vcpu_id;
	uint32_t ssidref;
	uint8_t handle[16];
	uint32_t cpupool;
	uint8_t gpaddr_bits;
	uint8_t pad2[7];
	struct xen_arch_domainconfig arch_config;
};

struct xen_domctl_max_mem {
	uint64_t max_memkb;
};

struct xen_domctl_vcpucontext {
	uint32_t vcpu;
	uint64_t ctxt; /* guest address of a struct vcpu_guest_context */
};

struct xen_domctl_max_vcpus {
	uint32_t max;
};

struct xen_domctl_hypercall_init {
	uint64_t gmfn;
};

struct xen_domctl_set_virq_handler {
	uint32_t virq;
};

struct xen_domctl {
	uint32_t cmd;
	uint32_t interface_version;
	domid_t domain;
	uint16_t _pad[3];
	union {
		struct xen_domctl_createdomain createdomain;
		struct xen_domctl_getdomaininfo getdomaininfo;
		struct xen_domctl_max_mem max_mem;
		struct xen_domctl_vcpucontext vcpucontext;
		struct xen_domctl_max_vcpus max_vcpus;
		struct xen_domctl_hypercall_init hypercall_init;
		struct xen_domctl_set_virq_handler set_virq_handler;
		uint8_t pad[128];
	} u;
};

struct xen_sysctl_debug_keys {
	uint64_t keys; /* guest address of them */
	uint32_t nr_keys;
};

struct xen_sysctl {
	uint32_t cmd;
	uint32_t interface_version;
	union {
		struct xen_sysctl_debug_keys debug_keys;
		uint8_t pad[128];
	} u;
};
#endif /* !__ASSEMBLER__ */

#endif
