/* SPDX-License-Identifier: MIT */
/*
 * Feature bits: what XENVER_get_features answers and the feature ELF notes ask for. Bit numbers,
 * all in submap 0. The operation itself is in version.h, the notes' numbers in elfnote.h.
 */
#ifndef CARILLON_XEN_FEATURES_H
#define CARILLON_XEN_FEATURES_H

#define XENFEAT_writable_page_tables	   0  /* page tables need not be read-only */
#define XENFEAT_writable_descriptor_tables 1  /* neither need GDT and LDT pages */
#define XENFEAT_auto_translated_physmap	   2  /* frame numbers are not machine frames */
#define XENFEAT_supervisor_mode_kernel	   3  /* the kernel runs in ring 0 */
#define XENFEAT_pae_pgdir_above_4gb	   4  /* 32-bit: root tables anywhere */
#define XENFEAT_mmu_pt_update_preserve_ad  5  /* MMU_PT_UPDATE_PRESERVE_AD */
#define XENFEAT_highmem_assist		   6  /* 32-bit: page clear and copy calls */
#define XENFEAT_gnttab_map_avail_bits	   7  /* grant maps may use software PTE bits */
#define XENFEAT_hvm_callback_vector	   8  /* HVM: upcall by interrupt vector */
#define XENFEAT_hvm_safe_pvclock	   9  /* HVM: the PV clock is usable */
#define XENFEAT_hvm_pirqs		   10 /* HVM: hardware interrupts as events */
#define XENFEAT_dom0			   11 /* is, or can be, the control domain */
#define XENFEAT_memory_op_vnode_supported  13 /* XENMEMF_vnode */
#define XENFEAT_ARM_SMCCC_supported	   14 /* Arm: calls by SMCCC */
#define XENFEAT_linux_rsdp_unrestricted	   15 /* PVH: the ACPI tables may be anywhere */
#define XENFEAT_not_direct_mapped	   16 /* guest frames are not machine frames */
#define XENFEAT_direct_mapped		   17 /* they are */

/* Words of 32 feature bits */
#define XENFEAT_NR_SUBMAPS 1

#endif /* CARILLON_XEN_FEATURES_H */
