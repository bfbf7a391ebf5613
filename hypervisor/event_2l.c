/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: a pending and a mask bit per port in shared_info, a selector bit per word of
 * them in the vCPU's vcpu_info. All of it is guest-writable: nothing read here is used for more
 * than what that guest is told.
 *
 * A 32-bit guest has fewer and narrower words, in other places. The functions below are written
 * once and compiled for each width (`narrow` is a constant where they are expanded), so that a
 * sender does not ask.
 */
#include "atomic.h"
#include "bound.h"
#include "event_abi.h"
#include "probe.h"
#include "sched.h"
#include "trace.h"
#include "vcpu.h"

#define EITHER_WIDTH static inline __attribute__((always_inline))

/* ---- where the bits are; all answer what was there before ---- */

EITHER_WIDTH void *pending_of(const struct hv_domain *d, bool narrow)
{
	return narrow ? (void *)shared32(d)->evtchn_pending : d->shared->evtchn_pending;
}

EITHER_WIDTH void *mask_of(const struct hv_domain *d, bool narrow)
{
	return narrow ? (void *)shared32(d)->evtchn_mask : d->shared->evtchn_mask;
}

EITHER_WIDTH bool set_bit(void *words, uint32_t port, bool narrow)
{
	uint32_t m = UINT32_C(1) << (port % 32);

	if (narrow)
		return fetch_or_seq((uint32_t *)words + port / 32, m) & m;
	return set_bit_seq(words, port);
}

EITHER_WIDTH bool clear_bit(void *words, uint32_t port, bool narrow)
{
	uint32_t m = UINT32_C(1) << (port % 32);

	if (narrow)
		return fetch_and_seq((uint32_t *)words + port / 32, ~m) & m;
	return clear_bit_seq(words, port);
}

EITHER_WIDTH bool test_bit(const void *words, uint32_t port, bool narrow)
{
	if (narrow)
		return (load_seq((const uint32_t *)words + port / 32) >> (port % 32)) & 1;
	return test_bit_seq(words, port);
}

EITHER_WIDTH bool select_bit(struct vcpu_area *info, uint32_t port, bool narrow)
{
	aliased_u64 *wide = area_selector64(info);
	uint64_t m = UINT64_C(1) << (port / 64);
	uint32_t m32 = UINT32_C(1) << (port / 32 % 32);

	if (narrow)
		return fetch_or_seq(&info->selector32, m32) & m32;
	return fetch_or_seq(wide, m) & m;
}

/* ---- the ABI, in either width ---- */

/*
 * The word with this port has news: say so to the vCPU, unless somebody did and it has not looked
 * yet.
 */
EITHER_WIDTH void select_word(struct hv_vcpu *v, uint32_t port, bool narrow)
{
	/*
	 * Read after the pending bit was set. If VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or its "everything is pending", stored after it, makes the
	 * guest find our bit.
	 */
	struct vcpu_area *info = load_seq(&v->info);

	if (!info)
		return;
	/*
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the selector, then
	 * the pending words.
	 */
	if (select_bit(info, port, narrow))
		return;
	vcpu_mark_pending(v, info);
}

/* Apart, so that set_pending() has no call to come back from. */
static __attribute__((noinline)) void deliver_to_polled(struct hv_domain *d, uint32_t port,
							struct hv_vcpu *v, bool masked)
{
	if (!masked)
		select_word(v, port, d->compat32);
	poll_wake(d, port);
}

EITHER_WIDTH void raise(struct hv_domain *d, uint32_t port, struct hv_vcpu *v, bool narrow,
			bool traced)
{
	bool masked, was_set;

	if (traced)
		trace_sent(d, port);
	was_set = set_bit(pending_of(d, narrow), port, narrow);
	probe_pending(d->domid, port, v->id, was_set);
	if (was_set) {
		fetch_add_relaxed(&v->counters.merged, UINT64_C(1));
		if (traced)
			trace_merged(d, port);
		return;
	}
	/*
	 * Pairs with the guest's unmask, which clears the mask and then looks at pending, and with
	 * ours below: either it sees our bit, or we see the port unmasked.
	 */
	masked = test_bit(mask_of(d, narrow), port, narrow);
	fetch_add_relaxed(masked ? &v->counters.masked : &v->counters.sends, UINT64_C(1));
	if (poll_wanted(d))
		deliver_to_polled(d, port, v, masked);
	else if (!masked)
		select_word(v, port, narrow);
}

/* Apart: events are counted port by port only when somebody asked for that. */
static __attribute__((noinline)) void raise_traced(struct hv_domain *d, uint32_t port,
						   struct hv_vcpu *v)
{
	raise(d, port, v, d->compat32, true);
}

EITHER_WIDTH void set_pending(struct hv_domain *d, uint32_t port, struct hv_vcpu *v, bool narrow)
{
	if (trace_wanted(d))
		raise_traced(d, port, v);
	else
		raise(d, port, v, narrow, false);
}

EITHER_WIDTH void unmask(struct hv_domain *d, uint32_t port, struct hv_vcpu *v, bool narrow)
{
	/* Checked, but the guest's number: not so for a processor that guesses. */
	port = (uint32_t)index_nospec(port, narrow ? COMPAT_EVTCHN_2L_NR_CHANNELS
						   : EVTCHN_2L_NR_CHANNELS);
	/* Pairs with set_pending: the mask is cleared before pending is read. */
	if (clear_bit(mask_of(d, narrow), port, narrow) &&
	    test_bit(pending_of(d, narrow), port, narrow))
		select_word(v, port, narrow);
}

EITHER_WIDTH bool is_selected(const struct vcpu_area *info, uint32_t port, bool narrow)
{
	const aliased_u64 *wide = area_selector64(info);

	if (narrow)
		return (load_seq(&info->selector32) >> (port / 32)) & 1;
	return (load_seq(wide) >> (port / 64)) & 1;
}

/* A port that was given out under the FIFO ABI may be beyond these bits: masked, as on Xen. */
EITHER_WIDTH void look(const struct hv_domain *d, uint32_t port, struct hv_port_info *out,
		       bool narrow)
{
	const struct vcpu_area *info = load_seq(&d->vcpu[out->vcpu]->info);

	out->has_word = port < abi_2l(d)->ports;
	out->masked = true;
	if (!out->has_word)
		return;
	out->pending = test_bit(pending_of(d, narrow), port, narrow);
	out->masked = test_bit(mask_of(d, narrow), port, narrow);
	if (info)
		out->selected = is_selected(info, port, narrow);
}

/* ---- one of each for each ---- */

#define NAMED_ABI_2L(name, narrow, number)                                                    \
	static void name##_set_pending(struct hv_domain *d, uint32_t port, struct hv_vcpu *v) \
	{                                                                                     \
		set_pending(d, port, v, narrow);                                              \
	}                                                                                     \
                                                                                              \
	static void name##_unmask(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)      \
	{                                                                                     \
		unmask(d, port, v, narrow);                                                   \
	}                                                                                     \
                                                                                              \
	static void name##_clear_pending(struct hv_domain *d, uint32_t port)                  \
	{                                                                                     \
		clear_bit(pending_of(d, narrow), port, narrow);                               \
	}                                                                                     \
                                                                                              \
	static bool name##_is_pending(const struct hv_domain *d, uint32_t port)               \
	{                                                                                     \
		uint32_t bounded = (uint32_t)index_nospec(port, number);                      \
                                                                                              \
		return port < (number) && test_bit(pending_of(d, narrow), bounded, narrow);   \
	}                                                                                     \
                                                                                              \
	static void name##_look(const struct hv_domain *d, uint32_t port,                     \
				struct hv_port_info *out)                                     \
	{                                                                                     \
		look(d, port, out, narrow);                                                   \
	}                                                                                     \
                                                                                              \
	const struct event_abi name = {                                                       \
		.ports = (number),                                                            \
		.set_pending = name##_set_pending,                                            \
		.unmask = name##_unmask,                                                      \
		.clear_pending = name##_clear_pending,                                        \
		.is_pending = name##_is_pending,                                              \
		.look = name##_look,                                                          \
	}

NAMED_ABI_2L(event_2l, false, EVTCHN_2L_NR_CHANNELS);
NAMED_ABI_2L(event_2l_32, true, COMPAT_EVTCHN_2L_NR_CHANNELS);
