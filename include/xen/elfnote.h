/* SPDX-License-Identifier: MIT */
/*
 * Types of the ELF notes named "Xen" by which a kernel tells the domain builder what it is and
 * needs. A note is a NUL-terminated string or a number of 4 or 8 bytes, as said on the right. The
 * feature bits are in features.h.
 */
#ifndef CARILLON_XEN_ELFNOTE_H
#define CARILLON_XEN_ELFNOTE_H

#define XEN_ELFNOTE_INFO	       0  /* string: name=value, for people */
#define XEN_ELFNOTE_ENTRY	       1  /* number: virtual address to start at */
#define XEN_ELFNOTE_HYPERCALL_PAGE     2  /* number: virtual address of the page to fill */
#define XEN_ELFNOTE_VIRT_BASE	       3  /* number: virtual address of guest frame 0 */
#define XEN_ELFNOTE_PADDR_OFFSET       4  /* number: to subtract from p_paddr */
#define XEN_ELFNOTE_XEN_VERSION	       5  /* string: "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS	       6  /* string */
#define XEN_ELFNOTE_GUEST_VERSION      7  /* string */
#define XEN_ELFNOTE_LOADER	       8  /* string: "generic" */
#define XEN_ELFNOTE_PAE_MODE	       9  /* string, 32-bit: "yes", "no", "bimodal" */
#define XEN_ELFNOTE_FEATURES	       10 /* string: names joined by '|', '!' before needs */
#define XEN_ELFNOTE_BSD_SYMTAB	       11 /* string: "yes": load the symbol table */
#define XEN_ELFNOTE_HV_START_LOW       12 /* number: lowest start of the hypervisor's hole */
#define XEN_ELFNOTE_L1_MFN_VALID       13 /* mask and value pairs: PTEs that hold a frame */
#define XEN_ELFNOTE_SUSPEND_CANCEL     14 /* number: 1: a suspend may be called off */
#define XEN_ELFNOTE_INIT_P2M	       15 /* number: virtual address for the first p2m */
#define XEN_ELFNOTE_MOD_START_PFN      16 /* number: 1: the module may be unmapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* number: a bit per XENFEAT_* it copes with */
#define XEN_ELFNOTE_PHYS32_ENTRY       18 /* number: PVH, 32-bit physical entry point */
#define XEN_ELFNOTE_MAX		       XEN_ELFNOTE_PHYS32_ENTRY

/* In crash dumps: Xen's own data, and registers that the usual notes do not hold */
#define XEN_ELFNOTE_CRASH_INFO 0x1000001
#define XEN_ELFNOTE_CRASH_REGS 0x1000002

/* In core files of domains */
#define XEN_ELFNOTE_DUMPCORE_NONE	    0x2000000 /* marks the file as one */
#define XEN_ELFNOTE_DUMPCORE_HEADER	    0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION    0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION 0x2000003

#endif /* CARILLON_XEN_ELFNOTE_H */
