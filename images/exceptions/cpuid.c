/* SPDX-License-Identifier: MIT */
/*
 * CPUID by Xen's prefix, and what else that prefix does. The word clear=BITS on the command line:
 * leaf 1 must not have these in ecx.
 */
#include <xen/arch-x86/cpuid.h>
#include <xen/version.h>

#include "exceptions.h"

#define HYPERVISOR   (1u << 31) /* leaf 1, ecx */
#define VMX_SMX_PCID (1u << 5 | 1u << 6 | 1u << 17)
#define PSE_PGE	     (1u << 3 | 1u << 13) /* leaf 1, edx */
#define SMEP_SMAP    (1u << 7 | 1u << 20) /* leaf 7, ebx */
#define NO_EXECUTE   UINT64_C(0x8000000000000000)

static bool all_zero(uint32_t leaf, uint32_t subleaf)
{
	struct pv_cpuid c = pv_cpuid(leaf, subleaf);

	return !(c.eax | c.ebx | c.ecx | c.edx);
}

static void xens_leaves(void)
{
	struct pv_cpuid c = pv_cpuid(XEN_CPUID_FIRST_LEAF, 0);
	long version = pv_hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);

	check(c.eax == XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES) &&
		      c.ebx == XEN_CPUID_SIGNATURE_EBX && c.ecx == XEN_CPUID_SIGNATURE_ECX &&
		      c.edx == XEN_CPUID_SIGNATURE_EDX,
	      "CPUID: XenVMMXenVMM");
	c = pv_cpuid(XEN_CPUID_LEAF(1), 0);
	check(c.eax == version && !(c.ebx | c.ecx | c.edx), "CPUID: the version");
	c = pv_cpuid(XEN_CPUID_LEAF(2), 0);
	check(c.eax == 1 && c.ebx == 0x40000000 &&
		      c.ecx == XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD && !c.edx,
	      "CPUID: one hypercall page, a feature");
	c = pv_cpuid(XEN_CPUID_LEAF(3), 2);
	check(c.eax > 1000 && !(c.ebx | c.ecx | c.edx), "CPUID: a counter with a rate");
	check(all_zero(XEN_CPUID_LEAF(4), 0), "CPUID: nothing for HVM guests");
	c = pv_cpuid(XEN_CPUID_LEAF(5), 0);
	check(!c.eax && c.ebx >= 20 && c.ebx <= 52 && !(c.ecx | c.edx),
	      "CPUID: width of machine addresses");
	check(all_zero(XEN_CPUID_LEAF(6), 0) && all_zero(XEN_CPUID_LEAF(0x100), 0),
	      "CPUID: no more of them");
}

static void processors_leaves(struct pv *pv)
{
	const char *word = pv_word(pv_cmdline(pv->start_info), "clear=");
	struct pv_cpuid c = pv_cpuid(0, 0);
	uint64_t clear = 0;

	check(c.eax && c.eax <= 0xd && c.ebx, "CPUID: no leaf above 0xd");
	c = pv_cpuid(1, 0);
	check((c.ecx & HYPERVISOR) && !(c.ecx & VMX_SMX_PCID) && !(c.edx & PSE_PGE),
	      "CPUID: under a hypervisor, without its own features");
	check(c.ebx >> 24 == 0, "CPUID: the first CPU");
	if (word && pv_number(&word, &clear))
		check(!(c.ecx & clear), "CPUID: without what is not to be there");
	c = pv_cpuid(7, 0);
	check(!(c.ebx & SMEP_SMAP), "CPUID: nothing of a privileged mode");
	check(all_zero(5, 0) && all_zero(0xa, 0), "CPUID: no MWAIT, no counters");
}

static void other_instruction(void *arg)
{
	(void)arg;
	__asm__ volatile(XEN_EMULATE_PREFIX "rdtsc" : : : "rax", "rdx");
}

static void jump(void *arg)
{
	((void (*)(void))arg)();
}

/* The prefix, or a part of it, as the last bytes before a page that is not there. */
static void at_the_end_of_a_page(struct pv *pv)
{
	static const uint8_t code[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	const volatile struct arch_vcpu_info *arch = &pv->shared_info->vcpu_info[0].arch;
	uint8_t *page = pv_alloc(pv, 2 * PV_PAGE_BYTES), *end = page + PV_PAGE_BYTES;
	uint64_t second = pv_pte(pv_frame_of(pv, end), true);
	bool ok = true;

	if (pv_remap(page, pv_pte(pv_frame_of(pv, page), true) & ~NO_EXECUTE) || pv_remap(end, 0))
		pv_panic("exceptions: cannot map");
	for (size_t n = 2; n < sizeof(code); n++) {
		memcpy(end - n, code, n);
		ok = raises(jump, end - n, 14, 0) && arch->cr2 == pv_arg(end) &&
		     survived()->rip == pv_arg(end - n) && ok;
	}
	check(ok, "CPUID: a prefix that ends with its page is a page fault");
	memset(end - sizeof(code), 0x0f, sizeof(code));
	memcpy(end - sizeof(code), code, 5);
	check(raises(jump, end - sizeof(code), 6, 0), "CPUID: half an instruction is none");
	pv_remap(page, pv_pte(pv_frame_of(pv, page), true));
	pv_remap(end, second);
	pv_free(pv, page, 2 * PV_PAGE_BYTES);
}

void check_cpuid(struct pv *pv)
{
	xens_leaves();
	processors_leaves(pv);
	check(raises(other_instruction, NULL, 6, 0) && *(const uint16_t *)survived()->rip == 0x0b0f,
	      "another instruction with the prefix is an invalid opcode");
	at_the_end_of_a_page(pv);
}
