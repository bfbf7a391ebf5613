/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: a pending and a mask bit per port in shared_info, a selector bit per word of
 * them in the vCPU's vcpu_info. All of it is guest-writable: nothing read here is used for more
 * than what that guest is told.
 */
#include "atomic.h"
#include "event_abi.h"
#include "probe.h"
#include "sched.h"
#include "trace.h"
#include "vcpu.h"

/*
 * The word with this port has news: say so to the vCPU, unless somebody did and it has not looked
 * yet.
 */
static void select_word(struct hv_vcpu *v, uint32_t port)
{
	/*
	 * Read after the pending bit was set. If VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or its "everything is pending", stored after it, makes the
	 * guest find our bit.
	 */
	struct vcpu_info *info = load_seq(&v->info);
	uint64_t m = UINT64_C(1) << (port / 64);

	if (!info)
		return;
	/*
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the selector, then
	 * the pending words.
	 */
	if (fetch_or_seq(&info->evtchn_pending_sel, m) & m)
		return;
	vcpu_mark_pending(v, info);
}

/* Apart, so that set_pending() has no call to come back from. */
static __attribute__((noinline)) void deliver_to_polled(struct hv_domain *d, uint32_t port,
							struct hv_vcpu *v, bool masked)
{
	if (!masked)
		select_word(v, port);
	poll_wake(d, port);
}

static inline __attribute__((always_inline)) void raise(struct hv_domain *d, uint32_t port,
							struct hv_vcpu *v, bool traced)
{
	struct shared_info *s = d->shared;
	bool masked, was_set;

	if (traced)
		trace_sent(d, port);
	was_set = set_bit_seq(s->evtchn_pending, port);
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
	masked = test_bit_seq(s->evtchn_mask, port);
	fetch_add_relaxed(masked ? &v->counters.masked : &v->counters.sends, UINT64_C(1));
	if (poll_wanted(d))
		deliver_to_polled(d, port, v, masked);
	else if (!masked)
		select_word(v, port);
}

static __attribute__((noinline)) void raise_traced(struct hv_domain *d, uint32_t port,
						   struct hv_vcpu *v)
{
	raise(d, port, v, true);
}

static void set_pending(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)
{
	if (trace_wanted(d))
		raise_traced(d, port, v);
	else
		raise(d, port, v, false);
}

static void unmask(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)
{
	struct shared_info *s = d->shared;

	/* Pairs with set_pending: the mask is cleared before pending is read. */
	if (clear_bit_seq(s->evtchn_mask, port) && test_bit_seq(s->evtchn_pending, port))
		select_word(v, port);
}

static void clear_pending(struct hv_domain *d, uint32_t port)
{
	clear_bit_seq(d->shared->evtchn_pending, port);
}

static bool is_pending(const struct hv_domain *d, uint32_t port)
{
	return port < EVTCHN_2L_NR_CHANNELS && test_bit_seq(d->shared->evtchn_pending, port);
}

/* A port that was given out under the FIFO ABI may be beyond these bits: masked, as on Xen. */
static void look(const struct hv_domain *d, uint32_t port, struct hv_port_info *out)
{
	const struct vcpu_info *info = load_seq(&d->vcpu[out->vcpu]->info);

	out->has_word = port < EVTCHN_2L_NR_CHANNELS;
	out->pending = is_pending(d, port);
	out->masked = !out->has_word || test_bit_seq(d->shared->evtchn_mask, port);
	if (out->has_word && info)
		out->selected = (load_seq(&info->evtchn_pending_sel) >> (port / 64)) & 1;
}

const struct event_abi event_2l = {
	.ports = EVTCHN_2L_NR_CHANNELS,
	.set_pending = set_pending,
	.unmask = unmask,
	.clear_pending = clear_pending,
	.is_pending = is_pending,
	.look = look,
};
