/* SPDX-License-Identifier: MIT */
/*
 * Bounds of what a guest passes: an index that stays inside its array also on a mispredicted path,
 * and addresses that are a guest's to name.
 */
#ifndef HYPERVISOR_BOUND_H
#define HYPERVISOR_BOUND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * i if i < n, else 0, without a branch. The caller has compared already and branched away; this
 * holds while the processor does not know yet which way that went. The asm keeps the compiler from
 * concluding that it is i.
 */
static inline uint64_t index_nospec(uint64_t i, uint64_t n)
{
	uint64_t mask;

#if defined(__x86_64__)
	/* The comparison's borrow, spread over all bits: ones if i < n. */
	__asm__("cmp %[n], %[i]\n\tsbb %[mask], %[mask]"
		: [mask] "=r"(mask)
		: [i] "r"(i), [n] "re"(n)
		: "cc");
	return i & mask;
#else
	__asm__("" : "+r"(i));
	mask = (uint64_t)((int64_t)((i | (n - 1 - i)) & (UINT64_C(1) << 63)) >> 63);
	return i & ~mask;
#endif
}

static inline uint32_t index_nospec32(uint32_t i, uint32_t n)
{
#if defined(__x86_64__)
	uint32_t mask;

	__asm__("cmp %[n], %[i]\n\tsbb %[mask], %[mask]"
		: [mask] "=r"(mask)
		: [i] "r"(i), [n] "rme"(n)
		: "cc");
	return i & mask;
#else
	return (uint32_t)index_nospec(i, n);
#endif
}

static inline bool is_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

#endif
