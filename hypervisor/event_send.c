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
#include "ports.h"
#include "probe.h"
#include "vcpu.h"

/*
 * Raise an event on a port that notifies v. by: whose thread and section this is, NULL if not one
 * vCPU's own. Both are trusted: only the hypervisor writes them, and a vCPU lives as long as its
 * domain, which has disconnected all its ports and waited for the sections before it goes.
 *
 * The port may be closing at this moment. Then the closer has stored "gone" after we saw it in use,
 * and clears the bit that we set, after us.
 */
static inline __attribute__((always_inline)) void raise_port(struct hv_vcpu *by, struct hv_vcpu *v,
							     uint32_t port)
{
	const struct hv_domain *d = v->domain;
	uint32_t way = load_seq(&d->way);

	if (way == WAY_2L)
		raise_2l(by, v, port, false, false);
	else if (way == WAY_FIFO)
		fifo_send(by, v, port);
	else
		domain_abi(d)->set_pending(by, v, port);
}

long event_send(struct hv_vcpu *by, uint32_t port)
{
	const struct hv_domain *d = by->domain;
	const struct port *p = port_find_or_0(d, port);
	long rc = 0;
	uint64_t w;

	section_enter(&by->section, &d->hv->epoch);
	/* Pairs with the stores of PORT_FREE in event_close.c: see section_enter(). */
	w = load_seq(&p->word);
	probe_send(d->domid, port, word_state(w), word_dom(w));
	if (w & WORD_SENDS)
		raise_port(by, load_seq(&p->route), word_number(w));
	else if (word_state(w) != PORT_UNBOUND)
		rc = -XEN_EINVAL; /* unbound: nobody there yet, or no more: lost, as on Xen */
	section_leave(&by->section);
	return rc;
}

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
		domain_abi(d)->set_pending(NULL, d->vcpu[word_vcpu(w)], port);
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
