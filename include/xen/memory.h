/* SPDX-License-Identifier: MIT */
/*
 * memory_op: a domain's pages, what a PV guest uses of it. Page tables are xen.h's (mmu_update,
 * mmuext_op). Not here: the tools' side (paging, sharing, access, populate on demand), NUMA and
 * resource mapping. Members are the caller's unless they say OUT.
 */
#ifndef CARILLON_XEN_MEMORY_H
#define CARILLON_XEN_MEMORY_H

#include "physdev.h"
#include "xen.h"

/* First argument of memory_op; the second is the guest address of what is on the right */
#define XENMEM_increase_reservation	0  /* xen_memory_reservation */
#define XENMEM_decrease_reservation	1  /* xen_memory_reservation */
#define XENMEM_maximum_ram_page		2  /* nothing; answers the host's last frame */
#define XENMEM_current_reservation	3  /* xen_memory_domain; answers pages */
#define XENMEM_maximum_reservation	4  /* xen_memory_domain; answers pages */
#define XENMEM_machphys_mfn_list	5  /* xen_machphys_mfn_list */
#define XENMEM_populate_physmap		6  /* xen_memory_reservation */
#define XENMEM_add_to_physmap		7  /* xen_add_to_physmap */
#define XENMEM_memory_map		9  /* xen_memory_map: the domain's */
#define XENMEM_machine_memory_map	10 /* xen_memory_map: the host's */
#define XENMEM_exchange			11 /* xen_memory_exchange */
#define XENMEM_machphys_mapping		12 /* xen_machphys_mapping */
#define XENMEM_set_memory_map		13 /* xen_foreign_memory_map */
#define XENMEM_maximum_gpfn		14 /* xen_memory_domain; answers its last frame */
#define XENMEM_remove_from_physmap	15 /* xen_remove_from_physmap */
#define XENMEM_add_to_physmap_batch	23 /* xen_add_to_physmap_batch */
#define XENMEM_machphys_compat_mfn_list 25 /* xen_machphys_mfn_list: 32-bit guests' table */

/*
 * xen_memory_reservation.mem_flags: an address width in bits 0-7 (0: any), a NUMA node + 1 in bits
 * 8-15 (0: any), and flags.
 */
#define XENMEMF_address_bits(x)	    (x)
#define XENMEMF_get_address_bits(x) ((x)&0xffU)
#define XENMEMF_node(x)		    (((x) + 1) << 8)
#define XENMEMF_get_node(x)	    ((((x) >> 8) - 1) & 0xffU)
#define XENMEMF_populate_on_demand  (CARILLON_XEN_CONST(1, U) << 16)
#define XENMEMF_exact_node_request  (CARILLON_XEN_CONST(1, U) << 17) /* or fail */
#define XENMEMF_exact_node(n)	    (XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode		    (CARILLON_XEN_CONST(1, U) << 18) /* virtual node */

/* xen_add_to_physmap.space: what kind of page idx names */
#define XENMAPSPACE_shared_info	 0
#define XENMAPSPACE_grant_table	 1
#define XENMAPSPACE_gmfn	 2 /* a page of the domain itself */
#define XENMAPSPACE_gmfn_range	 3 /* size of them; not for batches */
#define XENMAPSPACE_gmfn_foreign 4 /* another domain's; only for batches */
#define XENMAPSPACE_dev_mmio	 5 /* a device's */

/* In idx for XENMAPSPACE_grant_table: the status pages, not the entries */
#define XENMAPIDX_grant_table_status 0x80000000

#ifndef __ASSEMBLER__
/* A list of extents to get or to give back. Answers the number of extents done */
struct xen_memory_reservation {
	/* guest address of an array of xen_pfn_t: the first frames; OUT, in part, if got */
	uint64_t extent_start;
	xen_ulong_t nr_extents;
	unsigned int extent_order; /* pages per extent: 2 to this power */
	unsigned int mem_flags;	   /* XENMEMF_* */
	domid_t domid;		   /* other than DOMID_SELF takes privilege */
};
typedef struct xen_memory_reservation xen_memory_reservation_t;

/* Give pages and get as many others, of other sizes or addresses. Done whole or in part */
struct xen_memory_exchange {
	struct xen_memory_reservation in;  /* what is given */
	struct xen_memory_reservation out; /* what is wanted */
	xen_ulong_t nr_exchanged;	   /* 0; OUT: extents of in done, even on error */
};
typedef struct xen_memory_exchange xen_memory_exchange_t;

/* The domain whose sizes are asked for */
struct xen_memory_domain {
	domid_t domid;
};

/* The machine-to-physical table's frames, first of each 2 MiB */
struct xen_machphys_mfn_list {
	unsigned int max_extents; /* entries at extent_start */
	uint64_t extent_start;	  /* guest address of an array of xen_pfn_t, for OUT */
	unsigned int nr_extents;  /* OUT: entries written */
};
typedef struct xen_machphys_mfn_list xen_machphys_mfn_list_t;

/* OUT: where the machine-to-physical table is mapped, virtual addresses, and its last frame */
struct xen_machphys_mapping {
	xen_ulong_t v_start;
	xen_ulong_t v_end;
	xen_ulong_t max_mfn;
};
typedef struct xen_machphys_mapping xen_machphys_mapping_t;

/* Put a page at a guest frame; translated guests, except where a PV guest's tools do it */
struct xen_add_to_physmap {
	domid_t domid;
	uint16_t size;	    /* pages, for XENMAPSPACE_gmfn_range */
	unsigned int space; /* XENMAPSPACE_* */
	xen_ulong_t idx;    /* which page of the space */
	xen_pfn_t gpfn;	    /* where to put it */
};
typedef struct xen_add_to_physmap xen_add_to_physmap_t;

/* The same for many pages. The last three are guest addresses of arrays of size elements */
struct xen_add_to_physmap_batch {
	domid_t domid;
	uint16_t space; /* XENMAPSPACE_* */
	uint16_t size;
	union xen_add_to_physmap_batch_extra {
		domid_t foreign_domid; /* XENMAPSPACE_gmfn_foreign */
		uint16_t res0;	       /* 0, any other space */
	} u;
	uint64_t idxs;	/* of xen_ulong_t */
	uint64_t gpfns; /* of xen_pfn_t */
	uint64_t errs;	/* of int, OUT: 0 or a negative error */
};
typedef struct xen_add_to_physmap_batch xen_add_to_physmap_batch_t;

struct xen_remove_from_physmap {
	domid_t domid;
	xen_pfn_t gpfn;
};
typedef struct xen_remove_from_physmap xen_remove_from_physmap_t;

/* A memory map: entries of 20 bytes as the BIOS gives them (address, size, type) */
struct xen_memory_map {
	unsigned int nr_entries; /* room; OUT: entries written */
	uint64_t buffer;	 /* guest address */
};
typedef struct xen_memory_map xen_memory_map_t;

struct xen_foreign_memory_map {
	domid_t domid;
	struct xen_memory_map map;
};
typedef struct xen_foreign_memory_map xen_foreign_memory_map_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_MEMORY_H */
