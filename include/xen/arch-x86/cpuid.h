/* SPDX-License-Identifier: MIT */
/*
 * What Xen says of itself by CPUID: leaves from 0x40000000 on. A PV guest asks by XEN_CPUID
 * (xen.h), since a plain cpuid is the processor's own. The processor's leaves are not here.
 *
 *	leaf	subleaf	eax			ebx		ecx		edx
 *	0		highest of these	the signature, in three parts
 *	1		version: major << 16 | minor
 *	2		hypercall pages		MSR for them	features
 *	3	0	time-stamp counter (*)	tsc_mode	its kHz		times migrated
 *		1	its offset: low		high		multiplier	shift
 *		2	the host's kHz
 *	4	0	what an HVM guest has: XEN_HVM_CPUID_*; nothing for PV
 *			(ebx: vCPU's number, ecx: domid)
 *	5	0	highest subleaf		width of a machine address, in bits 0-7
 *
 * (*) bit 0: it is emulated; bit 1: the host's is reliable; bit 2: there is rdtscp
 */
#ifndef CARILLON_XEN_ARCH_X86_CPUID_H
#define CARILLON_XEN_ARCH_X86_CPUID_H

/* With hypervisors that show another's leaves first, Xen's begin at a later multiple of 0x100. */
#define XEN_CPUID_FIRST_LEAF	 0x40000000
#define XEN_CPUID_LEAF(i)	 (XEN_CPUID_FIRST_LEAF + (i))
#define XEN_CPUID_MAX_NUM_LEAVES 5

/* Leaf 0: "XenVMMXenVMM" */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/* Leaf 2, ecx: mmu_update has MMU_PT_UPDATE_PRESERVE_AD */
#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD  (1u << 0)

/* Leaf 4, eax */
#define XEN_HVM_CPUID_APIC_ACCESS_VIRT (1u << 0) /* the APIC's registers are virtualised */
#define XEN_HVM_CPUID_X2APIC_VIRT      (1u << 1) /* and those of the x2APIC */
#define XEN_HVM_CPUID_IOMMU_MAPPINGS   (1u << 2) /* others' memory is mapped in the IOMMU too */
#define XEN_HVM_CPUID_VCPU_ID_PRESENT  (1u << 3) /* ebx */
#define XEN_HVM_CPUID_DOMID_PRESENT    (1u << 4) /* ecx */
#define XEN_HVM_CPUID_EXT_DEST_ID      (1u << 5) /* 15 bits of APIC id in MSIs and the I/O APIC */
#define XEN_HVM_CPUID_UPCALL_VECTOR    (1u << 6) /* works with pirqs too */

/* Leaf 5, ebx */
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK (0xffu << 0)

#endif /* CARILLON_XEN_ARCH_X86_CPUID_H */
