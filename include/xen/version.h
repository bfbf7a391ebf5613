/* SPDX-License-Identifier: MIT */
/*
 * xen_version: what hypervisor this is. The names of the feature bits are in features.h. Xen writes
 * all of the structures, except members that say IN. Strings are NUL-terminated.
 */
#ifndef CARILLON_XEN_VERSION_H
#define CARILLON_XEN_VERSION_H

#include "features.h"
#include "xen.h"

/* First argument of xen_version; the second is the guest address of what is on the right, or 0 */
#define XENVER_version		   0  /* answers major << 16 | minor */
#define XENVER_extraversion	   1  /* xen_extraversion_t */
#define XENVER_compile_info	   2  /* xen_compile_info */
#define XENVER_capabilities	   3  /* xen_capabilities_info_t */
#define XENVER_changeset	   4  /* xen_changeset_info_t */
#define XENVER_platform_parameters 5  /* xen_platform_parameters */
#define XENVER_get_features	   6  /* xen_feature_info */
#define XENVER_pagesize		   7  /* answers bytes */
#define XENVER_guest_handle	   8  /* xen_domain_handle_t: the domain's UUID */
#define XENVER_commandline	   9  /* xen_commandline_t */
#define XENVER_build_id		   10 /* xen_build_id; answers bytes, 0: only that */

#ifndef __ASSEMBLER__
typedef char xen_extraversion_t[16];
#define XEN_EXTRAVERSION_LEN (sizeof(xen_extraversion_t))

struct xen_compile_info {
	char compiler[64];
	char compile_by[16];
	char compile_domain[32];
	char compile_date[32];
};
typedef struct xen_compile_info xen_compile_info_t;

/* Kinds of guest that can run, separated by blanks: "xen-3.0-x86_64 ..." */
typedef char xen_capabilities_info_t[1024];
#define XEN_CAPABILITIES_INFO_LEN (sizeof(xen_capabilities_info_t))

typedef char xen_changeset_info_t[64];
#define XEN_CHANGESET_INFO_LEN (sizeof(xen_changeset_info_t))

struct xen_platform_parameters {
	xen_ulong_t virt_start; /* where the hypervisor's addresses begin */
};
typedef struct xen_platform_parameters xen_platform_parameters_t;

struct xen_feature_info {
	unsigned int submap_idx; /* IN: which 32 bits */
	uint32_t submap;	 /* a bit per XENFEAT_* */
};
typedef struct xen_feature_info xen_feature_info_t;

typedef char xen_commandline_t[1024];

struct xen_build_id {
	uint32_t len; /* IN: bytes at buf */
	unsigned char buf[];
};
typedef struct xen_build_id xen_build_id_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_VERSION_H */
