/* SPDX-License-Identifier: MIT */
/* CPUID for a domain; cpuid_policy.h says more. */
#include <cpuid.h>

#include "cpuid_policy.h"

static void change(const struct cpuid_change *c, struct hv_cpuid *out)
{
	uint32_t *const registers[] = { &out->eax, &out->ebx, &out->ecx, &out->edx };
	uint32_t *reg = registers[c->reg];

	*reg = (*reg & ~(uint32_t)c->clear) | (uint32_t)c->set;
}

void cpuid_answer(const struct cpuid_policy *policy, const struct hv_vcpu *v, uint32_t leaf,
		  uint32_t subleaf, struct hv_cpuid *out)
{
	unsigned i;

	/* A leaf that the processor does not have answers with another's: then it is nothing. */
	*out = (struct hv_cpuid){ 0, 0, 0, 0 };
	if (leaf <= (uint32_t)__get_cpuid_max(leaf & 0x80000000u, NULL))
		__cpuid_count(leaf, subleaf, out->eax, out->ebx, out->ecx, out->edx);
	hv_vcpu_cpuid(v, leaf, subleaf, out);
	for (i = 0; i < policy->nr; i++) {
		const struct cpuid_change *c = &policy->changes[i];

		if (c->leaf == leaf && (c->subleaf == CPUID_EVERY_SUBLEAF || c->subleaf == subleaf))
			change(c, out);
	}
}
