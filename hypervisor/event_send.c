/* SPDX-License-Identifier: MIT */
/*
 * Raising events: EVTCHNOP_send, virtual and physical interrupts. Nothing here takes a domain's
 * lock or allocates. A port is looked at once, by one load of its word; while we are in our section
 * nobody reuses it (event_close.c waits).
 */
#include "event.h"

#include "atomic.h"
#include "event_2l.h"
#include "event_abi.h"
#include "event_fifo.h"
#include "event_send.h"
#include "ports.h"
#include "sched.h"
#include "trace.h"

/* ---- any way ---- */

/* The vCPU has none of the short ways if it has no slot to be counted in, or is traced: NULL. */
static const struct event_abi *short_way(const struct hv_domain *d, const struct hv_vcpu *v)
{
	return v->cells == COUNT_CELLS || trace_wanted(d) ? NULL : load_relaxed(&d->abi);
}

void set_ways(struct hv_domain *d)
{
	static const struct fifo no_words;
	unsigned i;

	for (i = 0; i < d->max_vcpus; i++) {
		struct hv_vcpu *v = d->vcpu[i];
		const struct event_abi *way = short_way(d, v);

		store_relaxed(&v->queues, d->fifo ? d->fifo->queues[i].of : NULL);
		/* Both pair with the senders' loads of them, in their sections. */
		store_seq(&v->fifo, way == &event_fifo && v->block ? d->fifo : &no_words);
		store_seq(&v->short_2l, (uint32_t)(way == &event_2l));
	}
}

static bool was_pending(enum counted kind)
{
	return kind == COUNT_MERGED || kind == COUNT_MERGED_KICKED || kind == COUNT_MERGED_NOWHERE;
}

static enum counted count_as(enum counted kind)
{
	if (kind == COUNT_NOWHERE)
		return COUNT_TOLD;
	return was_pending(kind) ? COUNT_MERGED : kind;
}

/* What is left to do: who polls is woken. */
static void end_polls(struct hv_vcpu *v, uint32_t port, enum counted kind)
{
	if (kind == COUNT_NOWHERE || kind == COUNT_MERGED_NOWHERE)
		return;
	probe_pending(v->domain->domid, port, v->id, was_pending(kind));
	if (!was_pending(kind) && poll_wanted(v->domain))
		poll_wake(v->domain, port);
}

static inline __attribute__((always_inline)) void finish(struct hv_vcpu *by, struct hv_vcpu *v,
							 uint32_t port, enum counted kind)
{
	count(by, v, count_as(kind));
	if (kind == COUNT_MERGED_KICKED)
		vcpu_tell_uncounted(v);
	else if (kind == COUNT_KICKED)
		vcpu_tell(v);
	end_polls(v, port, kind);
}

void event_raise(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port)
{
	const struct hv_domain *d = v->domain;
	enum counted kind;

	if (trace_wanted(d))
		trace_sent(d, port);
	kind = domain_abi(d)->raise(v, port);
	if (trace_wanted(d) && was_pending(kind))
		trace_merged(d, port);
	finish(by, v, port, kind);
}

void event_repeat(struct hv_vcpu *v, uint32_t port)
{
	enum counted kind = domain_abi(v->domain)->raise(v, port);

	if (kind == COUNT_KICKED || kind == COUNT_MERGED_KICKED)
		vcpu_tell_uncounted(v);
	end_polls(v, port, kind);
}

/* ---- EVTCHNOP_send: all of these leave the sender's section ---- */

__attribute__((noinline)) long event_sent_any(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port,
					      enum counted kind)
{
	finish(by, v, (uint32_t)port, kind);
	section_leave(&by->section);
	return 0;
}

__attribute__((noinline)) long event_sent_kick(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port)
{
	(void)port;
	probe_pending(v->domain->domid, port, v->id, false);
	count_own(by, v, COUNT_KICKED);
	vcpu_tell(v);
	section_leave(&by->section);
	return 0;
}

static __attribute__((noinline)) long polled_2l(struct hv_vcpu *by, struct hv_vcpu *v,
						uint64_t port)
{
	return event_sent_any(by, v, port, after_pending_2l(v, port, false));
}

static inline __attribute__((always_inline)) long send_2l(struct hv_vcpu *by, struct hv_vcpu *v,
							  uint64_t port)
{
	const struct hv_domain *d = v->domain;

	if (set_bit(pending_of(d, false), port, false))
		return event_sent(by, v, port, COUNT_MERGED);
	if (__builtin_expect(poll_wanted(d), false))
		return polled_2l(by, v, port);
	switch (after_pending_2l(v, port, false)) {
	case COUNT_MASKED:
		return event_sent(by, v, port, COUNT_MASKED);
	case COUNT_TOLD:
		return event_sent(by, v, port, COUNT_TOLD);
	default:
		return event_sent_kick(by, v, port);
	}
}

/* None of the short ways. */
static __attribute__((noinline)) long send_asking(struct hv_vcpu *by, struct hv_vcpu *v,
						  uint64_t port)
{
	event_raise(by, v, (uint32_t)port);
	section_leave(&by->section);
	return 0;
}

/* Raises nothing: unbound, as nobody is there yet, or no more: lost, as on Xen. */
static __attribute__((noinline)) long send_nothing(struct hv_vcpu *by, uint64_t word)
{
	section_leave(&by->section);
	return word_state(word) == PORT_UNBOUND ? 0 : -XEN_EINVAL;
}

static inline __attribute__((always_inline)) long send_to(struct hv_vcpu *by, struct hv_vcpu *v,
							  uint64_t port)
{
	event_word_t *word;

	if (is_seq(&v->short_2l, 1))
		return send_2l(by, v, port);
	word = fifo_word(load_seq(&v->fifo), port);
	return __builtin_expect(!word, false) ? send_asking(by, v, port)
					      : fifo_send(by, v, port, word);
}

/* Leaving a section that was not entered does nothing. */
void event_raise_own(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port)
{
	send_to(by, v, port);
}

/*
 * The route and the port there are trusted: only the hypervisor writes them, and a vCPU lives as
 * long as its domain, which has disconnected all its ports and waited for the sections before it
 * goes.
 *
 * The port there may be closing at this moment. Then the closer has stored "gone" after we saw ours
 * connected, and clears the bit that we set, after us.
 */
long event_send(struct hv_vcpu *by, uint32_t port)
{
	const struct hv_domain *d = by->domain;
	const struct port *p = port_find_or_0(d, port);
	struct hv_vcpu *v;
	uint64_t w;

	section_enter(&by->section, &d->hv->epoch);
	/* Pairs with the stores of PORT_FREE in event_close.c: see section_enter(). */
	w = load_seq(&p->word);
	probe_send(d->domid, port, word_state(w), word_dom(w));
	if (__builtin_expect(!(w & WORD_SENDS), false))
		return send_nothing(by, w);
	v = load_seq(&p->route);
	return send_to(by, v, w >> WORD_NUMBER);
}

/* ---- interrupts ---- */

static void count_pirq(struct hv_domain *d, uint32_t port, uint64_t word)
{
	fetch_add_relaxed(&d->vcpu[word_vcpu(word)]->pirqs, UINT64_C(1));
	probe_pirq(d->domid, port, word_vcpu(word), word_number(word));
}

/* A port that interrupts raise; 0 is none. */
static void raise_bound(struct hv_domain *d, const uint32_t *bound, enum port_state state)
{
	struct shared_section *s = &d->hv->section; /* it may be on any thread */
	unsigned phase = section_enter_shared(s, &d->hv->epoch);
	uint32_t port = load_seq(bound);
	const struct port *p = port ? port_find(d, port) : NULL;
	uint64_t w = p ? load_seq(&p->word) : 0;

	if (word_state(w) == state) {
		if (state == PORT_PIRQ)
			count_pirq(d, port, w);
		event_raise(NULL, d->vcpu[word_vcpu(w)], port);
	}
	section_leave_shared(s, phase);
}

void event_send_pirq(struct hv_domain *d, const uint32_t *port)
{
	raise_bound(d, port, PORT_PIRQ);
}

bool event_pirq_pending(struct hv_domain *d, const uint32_t *port)
{
	struct shared_section *s = &d->hv->section; /* it may be on any thread */
	unsigned phase = section_enter_shared(s, &d->hv->epoch);
	uint32_t number = load_seq(port);
	bool pending = number && domain_abi(d)->is_pending(d, number);

	section_leave_shared(s, phase);
	return pending;
}

bool virq_is_global(unsigned virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

void hv_vcpu_virq(struct hv_vcpu *v, unsigned virq)
{
	if (virq < NR_VIRQS)
		raise_bound(v->domain, &v->virq_port[virq], PORT_VIRQ);
}

void hv_domain_virq(struct hv_domain *d, unsigned virq)
{
	hv_vcpu_virq(d->vcpu[0], virq);
}

long event_port_poll(struct hv_vcpu *v, uint32_t port)
{
	const struct hv_domain *d = v->domain;
	const struct port *p = port_find(d, port);
	long rc;

	if (!p || !word_usable(load_seq(&p->word)))
		return -XEN_EINVAL;
	section_enter(&v->section, &d->hv->epoch);
	rc = domain_abi(d)->is_pending(d, port);
	section_leave(&v->section);
	return rc;
}
