/* SPDX-License-Identifier: MIT */
/*
 * CPUID for a domain: what this host's processor answers, as a PV guest gets it, with the changes
 * that the machine file wants. How a guest asks is the process backend's (process_fault.c).
 */
#ifndef CARILLON_VMM_CPUID_POLICY_H
#define CARILLON_VMM_CPUID_POLICY_H

#include <carillon/hypervisor.h>

#define CPUID_EVERY_SUBLEAF UINT64_MAX

/* In the answer's order */
enum cpuid_register {
	CPUID_EAX,
	CPUID_EBX,
	CPUID_ECX,
	CPUID_EDX,
};

/* Bits of one register that a guest does not see, and bits that it sees whatever there is. */
struct cpuid_change {
	uint64_t leaf, subleaf;
	unsigned reg; /* CPUID_EAX .. */
	uint64_t clear, set;
};

struct cpuid_policy {
	const struct cpuid_change *changes; /* made in this order */
	unsigned nr;
};

/* Any thread. */
void cpuid_answer(const struct cpuid_policy *policy, const struct hv_vcpu *v, uint32_t leaf,
		  uint32_t subleaf, struct hv_cpuid *out);

#endif
