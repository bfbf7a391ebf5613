/* SPDX-License-Identifier: MIT */
/*
 * How an event is raised in the 2-level ABI: here and not in event_2l.c, so that EVTCHNOP_send has
 * it without a call. The rest of the ABI is there.
 *
 * A 32-bit guest has fewer and narrower words, in other places. What is here is written once and
 * expanded for each width (`narrow` is a constant then), so that a sender does not ask.
 */
#ifndef HYPERVISOR_EVENT_2L_H
#define HYPERVISOR_EVENT_2L_H

#include "atomic.h"
#include "private.h"
#include "vcpu.h"

#define EITHER_WIDTH static inline __attribute__((always_inline))

/* ---- where the bits are; set_bit answers what was there before ---- */

EITHER_WIDTH void *pending_of(const struct hv_domain *d, bool narrow)
{
	return narrow ? (void *)shared32(d)->evtchn_pending : d->shared->evtchn_pending;
}

EITHER_WIDTH void *mask_of(const struct hv_domain *d, bool narrow)
{
	return narrow ? (void *)shared32(d)->evtchn_mask : d->shared->evtchn_mask;
}

EITHER_WIDTH bool set_bit(void *words, uint64_t port, bool narrow)
{
	if (narrow)
		return set_bit32_seq((uint32_t *)words + port / 32, (unsigned)(port % 32));
	return set_bit_seq(words, port);
}

EITHER_WIDTH bool test_bit(const void *words, uint64_t port, bool narrow)
{
	if (narrow)
		return (load_seq((const uint32_t *)words + port / 32) >> (port % 32)) & 1;
	return test_bit_seq(words, port);
}

EITHER_WIDTH bool is_selected(const struct vcpu_area *info, uint64_t port, bool narrow)
{
	const aliased_u64 *wide = area_selector64(info);

	if (narrow)
		return (load_seq(&info->selector32) >> (port / 32)) & 1;
	return (load_seq(wide) >> (port / 64)) & 1;
}

EITHER_WIDTH bool select_bit(struct vcpu_area *info, uint64_t port, bool narrow)
{
	if (narrow)
		return set_bit32_seq(&info->selector32, (unsigned)(port / 32 % 32));
	return set_bit_seq(area_selector64(info), port / 64);
}

/* ---- raising ---- */

/*
 * The word with this port has news: say so to the vCPU, unless somebody did and it has not looked
 * yet. True: its upcall_pending went from 0 to 1, and it is not told of that yet.
 */
EITHER_WIDTH bool select_word(struct hv_vcpu *v, uint64_t port, bool narrow)
{
	/*
	 * Read after the pending bit was set. If VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or its "everything is pending", stored after it, makes the
	 * guest find our bit.
	 */
	struct vcpu_area *info = load_seq(&v->info);

	if (!info)
		return false;
	/*
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the selector, then
	 * the pending words. So who finds the selector bit set, after having set the pending bit,
	 * need not write it: the guest takes it later than this look. Senders to words that are
	 * selected already so do not write one line all together.
	 */
	if (is_selected(info, port, narrow) || select_bit(info, port, narrow))
		return false;
	return vcpu_set_pending(info);
}

/* The port has just become pending, and notifies v. What became of it, as below. */
EITHER_WIDTH enum counted after_pending_2l(struct hv_vcpu *v, uint64_t port, bool narrow)
{
	/*
	 * Pairs with the guest's unmask, which clears the mask and then looks at pending, and with
	 * ours in event_2l.c: either it sees our bit, or we see the port unmasked.
	 */
	if (test_bit(mask_of(v->domain, narrow), port, narrow))
		return COUNT_MASKED;
	return select_word(v, port, narrow) ? COUNT_KICKED : COUNT_TOLD;
}

/* As event_abi.raise. */
EITHER_WIDTH enum counted raise_2l(struct hv_vcpu *v, uint64_t port, bool narrow)
{
	if (set_bit(pending_of(v->domain, narrow), port, narrow))
		return COUNT_MERGED;
	return after_pending_2l(v, port, narrow);
}

#endif
