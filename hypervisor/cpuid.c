/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a PV guest gets it: Xen's own leaves, and the processor's with that taken away which a
 * PV guest cannot use. Who executes CPUID, and how a guest asks, is the embedder's.
 */
#include <xen/arch-x86/cpuid.h>

#include "bound.h"
#include "lock.h"
#include "mm.h"
#include "private.h"
#include "version.h"

#define BASIC_MAX    0xdu
#define EXTENDED     0x80000000u
#define EXTENDED_MAX 0x80000021u
#define ANY	     UINT32_MAX

#define LEAF_FEATURES 1u
#define LEAF_MORE     7u	 /* subleaf 0, eax: the last of them */
#define HYPERVISOR    (1u << 31) /* leaf 1, ecx */
#define APIC_ID_SHIFT 24u	 /* leaf 1, ebx */

/*
 * What may be seen of a leaf; of those not here, nothing. Features are in it that need no more than
 * the instructions themselves: none with registers or memory of the machine behind it (MSRs, APIC,
 * caches' types, protection keys, control-flow tables), no other page sizes, no virtual machines.
 * Xen emulates some of the first for its guests; we do not.
 */
static const struct visible {
	uint32_t leaf, first, last; /* subleaves */
	struct hv_cpuid mask;
} visible[] = {
	{ 0, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ LEAF_FEATURES, 0, ANY, { ANY, ANY, 0xfed83203, 0x1f898155 } },
	{ 2, 0, ANY, { ANY, ANY, ANY, ANY } }, /* caches, also the next */
	{ 4, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ 7, 0, 0, { ANY, 0xfdaf2b69, 0x02405f53, 0x00004c1c } },
	{ LEAF_MORE, 1, 1, { 0x1c30, 0, 0, 0 } },
	{ 0xd, 0, 0, { ANY, ANY, ANY, ANY } }, /* register state */
	{ 0xd, 1, 1, { 7, 0, 0, 0 } },
	{ 0xd, 2, 62, { ANY, ANY, ANY, ANY } },
	{ EXTENDED, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ EXTENDED + 1, 0, ANY, { ANY, ANY, 0x002109e3, 0xea500800 } },
	{ EXTENDED + 2, 0, ANY, { ANY, ANY, ANY, ANY } }, /* the name, also the next two */
	{ EXTENDED + 3, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ EXTENDED + 4, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ EXTENDED + 5, 0, ANY, { ANY, ANY, ANY, ANY } }, /* caches, also the next */
	{ EXTENDED + 6, 0, ANY, { ANY, ANY, ANY, ANY } },
	{ EXTENDED + 7, 0, ANY, { 0, 0, 0, 0x100 } }, /* the counter's rate does not change */
	{ EXTENDED + 8, 0, ANY, { ANY, 0x24000005, ANY, 0 } },
	{ EXTENDED_MAX, 0, ANY, { 0x64, 0, 0, 0 } },
};

static uint32_t at_most(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

static void processor_leaf(const struct hv_vcpu *v, uint32_t leaf, uint32_t subleaf,
			   struct hv_cpuid *regs)
{
	struct hv_cpuid mask = { 0, 0, 0, 0 };
	size_t i;

	for (i = 0; i < sizeof(visible) / sizeof(visible[0]); i++)
		if (visible[i].leaf == leaf && subleaf >= visible[i].first &&
		    subleaf <= visible[i].last)
			mask = visible[i].mask;
	regs->eax &= mask.eax;
	regs->ebx &= mask.ebx;
	regs->ecx &= mask.ecx;
	regs->edx &= mask.edx;
	if (leaf == 0)
		regs->eax = at_most(regs->eax, BASIC_MAX);
	if (leaf == EXTENDED)
		regs->eax = at_most(regs->eax, EXTENDED_MAX);
	if (leaf == LEAF_MORE && subleaf == 0)
		regs->eax = at_most(regs->eax, 1);
	if (leaf == LEAF_FEATURES) {
		regs->ecx |= HYPERVISOR;
		regs->ebx &= (1u << APIC_ID_SHIFT) - 1;
		/* As Xen numbers them: no two are threads of one core. */
		regs->ebx |= v->id * 2 << APIC_ID_SHIFT;
	}
}

static uint32_t cycles_khz(struct hv *hv)
{
	uint64_t khz;
	uint32_t mul;
	int8_t shift;

	lock_take(hv, &hv->lock);
	mul = hv->clock.mul;
	shift = hv->clock.shift;
	lock_drop(&hv->lock);
	if (!mul)
		return 0;
	khz = (UINT64_C(1000000) << 32) / mul;
	return (uint32_t)(shift < 0 ? khz << -shift : khz >> shift);
}

/* The guest's counter is the host's: not emulated, no offset. */
static void time_leaf(const struct hv_vcpu *v, uint32_t subleaf, struct hv_cpuid *out)
{
	if (subleaf == 0)
		out->ecx = cycles_khz(v->domain->hv);
	else if (subleaf == 2)
		out->eax = cycles_khz(v->domain->hv);
}

static void xen_leaf(const struct hv_vcpu *v, uint32_t number, uint32_t subleaf,
		     struct hv_cpuid *out)
{
	*out = (struct hv_cpuid){ 0, 0, 0, 0 };
	switch (number) {
	case 0:
		out->eax = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
		out->ebx = XEN_CPUID_SIGNATURE_EBX;
		out->ecx = XEN_CPUID_SIGNATURE_ECX;
		out->edx = XEN_CPUID_SIGNATURE_EDX;
		break;
	case 1:
		out->eax = VERSION_MAJOR << 16 | VERSION_MINOR;
		break;
	case 2:
		out->eax = 1;
		out->ebx = XEN_CPUID_FIRST_LEAF; /* the MSR, which no PV guest needs */
		if (!v->domain->compat32)
			out->ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		break;
	case 3:
		time_leaf(v, subleaf, out);
		break;
	case 5:
		if (subleaf == 0)
			out->ebx = MM_ADDRESS_BITS;
		break;
	default: /* 4 is for other kinds of guests */
		break;
	}
}

void hv_vcpu_cpuid(const struct hv_vcpu *v, uint32_t leaf, uint32_t subleaf, struct hv_cpuid *regs)
{
	if (leaf >> 28 == XEN_CPUID_FIRST_LEAF >> 28)
		xen_leaf(v, leaf - XEN_CPUID_FIRST_LEAF, subleaf, regs);
	else
		processor_leaf(v, leaf, subleaf, regs);
}
