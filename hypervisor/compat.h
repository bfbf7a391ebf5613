/* SPDX-License-Identifier: MIT */
/*
 * 32-bit guests: what the rest of this half asks of the room where their hypercalls are translated,
 * compat.c. Their shared pages are event_2l.c's and time.c's.
 */
#ifndef HYPERVISOR_COMPAT_H
#define HYPERVISOR_COMPAT_H

#include "private.h"

/* A hypercall's body: arguments as the guest passed them, the answer as it gets it. */
typedef long body(struct hv_vcpu *v, const uint64_t a[6]);

/* All that such a guest can name: addresses below 4 GiB. A range that leaves them is none of it. */
static inline bool compat_is_guest(uint64_t va, size_t n)
{
	const uint64_t end = UINT64_C(1) << 32;

	return va < end && n <= end - va;
}

/*
 * Copies of what is not guest memory: the translated argument, at an address that no guest can
 * name. -XEN_EFAULT for any other.
 */
int compat_copy_translated(const struct hv_vcpu *v, void *dst, uint64_t va, size_t n);
int compat_give_translated(struct hv_vcpu *v, uint64_t va, const void *src, size_t n);

/* A hypercall of a 32-bit guest. Only the low halves of the arguments are looked at. */
long compat_dispatch(struct hv_vcpu *v, uint32_t nr, const uint64_t a[6]);

/* A multicall's entry, widened; arguments and result back, truncated. -XEN_EFAULT */
int compat_get_entry(struct hv_vcpu *v, struct multicall_entry *e, uint64_t va);
int compat_give_arguments(struct hv_vcpu *v, uint64_t va, const uint64_t args[6]);
int compat_give_result(struct hv_vcpu *v, uint64_t va, uint64_t result);
long do_multicall(struct hv_vcpu *v, const uint64_t a[6]);

/*
 * VCPUOP_initialise: get a context from the caller's memory, and the selectors of its callbacks. 0,
 * -XEN_EFAULT, -XEN_ENOMEM
 */
int compat_read_context(struct hv_vcpu *self, struct vcpu_guest_context *c, uint64_t arg,
			struct hv_entry *selectors);

/* A runstate area in the layout of the caller, who is 32 bits wide. -XEN_EFAULT */
int compat_give_runstate(struct hv_vcpu *v, uint64_t va, const struct vcpu_runstate_info *r);

/* Does all of it that is an address fit a 32-bit guest? */
bool compat_context_fits(const struct vcpu_guest_context *c);

#endif
