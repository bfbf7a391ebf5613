/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: a pending and a mask bit per port in shared_info, a selector bit per word of
 * them in the vCPU's vcpu_info. All of it is guest-writable: nothing read here is used for more
 * than what that guest is told. How an event is raised is in event_2l.h, as where the bits are.
 */
#include "event_2l.h"

#include "bound.h"
#include "event_abi.h"

/* What was there before. */
EITHER_WIDTH bool clear_bit(void *words, uint32_t port, bool narrow)
{
	uint32_t m = UINT32_C(1) << (port % 32);

	if (narrow)
		return fetch_and_seq((uint32_t *)words + port / 32, ~m) & m;
	return clear_bit_seq(words, port);
}

EITHER_WIDTH void unmask(struct hv_vcpu *v, uint32_t port, bool narrow)
{
	const struct hv_domain *d = v->domain;

	/* Checked, but the guest's number: not so for a processor that guesses. */
	port = (uint32_t)index_nospec(port, narrow ? COMPAT_EVTCHN_2L_NR_CHANNELS
						   : EVTCHN_2L_NR_CHANNELS);
	/* Pairs with set_pending: the mask is cleared before pending is read. */
	if (clear_bit(mask_of(d, narrow), port, narrow) &&
	    test_bit(pending_of(d, narrow), port, narrow) && select_word(v, port, narrow))
		vcpu_tell_uncounted(v);
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

#define NAMED_ABI_2L(name, narrow, number)                                                  \
	static enum counted name##_raise(struct hv_vcpu *v, uint32_t port)                  \
	{                                                                                   \
		return raise_2l(v, port, narrow);                                           \
	}                                                                                   \
                                                                                            \
	static void name##_unmask(struct hv_vcpu *v, uint32_t port)                         \
	{                                                                                   \
		unmask(v, port, narrow);                                                    \
	}                                                                                   \
                                                                                            \
	static void name##_clear_pending(struct hv_domain *d, uint32_t port)                \
	{                                                                                   \
		clear_bit(pending_of(d, narrow), port, narrow);                             \
	}                                                                                   \
                                                                                            \
	static bool name##_is_pending(const struct hv_domain *d, uint32_t port)             \
	{                                                                                   \
		uint32_t bounded = (uint32_t)index_nospec(port, number);                    \
                                                                                            \
		return port < (number) && test_bit(pending_of(d, narrow), bounded, narrow); \
	}                                                                                   \
                                                                                            \
	static void name##_look(const struct hv_domain *d, uint32_t port,                   \
				struct hv_port_info *out)                                   \
	{                                                                                   \
		look(d, port, out, narrow);                                                 \
	}                                                                                   \
                                                                                            \
	const struct event_abi name = {                                                     \
		.ports = (number),                                                          \
		.raise = name##_raise,                                                      \
		.unmask = name##_unmask,                                                    \
		.clear_pending = name##_clear_pending,                                      \
		.is_pending = name##_is_pending,                                            \
		.look = name##_look,                                                        \
	}

NAMED_ABI_2L(event_2l, false, EVTCHN_2L_NR_CHANNELS);
NAMED_ABI_2L(event_2l_32, true, COMPAT_EVTCHN_2L_NR_CHANNELS);
