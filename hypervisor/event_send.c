/* SPDX-License-Identifier: MIT */
/*
 * Raising events: EVTCHNOP_send, virtual and physical interrupts. Nothing here takes a domain's
 * lock or allocates. A port is looked at once, by one load of its word; while we are in our section
 * nobody reuses it (event_close.c waits).
 */
#include "event.h"

#include "atomic.h"
#include "domain.h"
#include "event_abi.h"
#include "ports.h"
#include "probe.h"
#include "vcpu.h"

/*
 * The word is trusted: only the hypervisor writes it, and it names a vCPU that lives as long as its
 * domain.
 */
static void raise_port(struct hv_domain *d, uint32_t port, uint64_t word)
{
	domain_abi(d)->set_pending(d, port, d->vcpu[word_vcpu(word)]);
}

/*
 * The other end. It may be closing at this moment: then it is free already and the event is
 * dropped, as if it came later; or we were in time, and the closer clears the bit that we set,
 * after us.
 *
 * The domain and its port are there: we have seen our end connected in this section, and a domain
 * leaves the table only after it has disconnected all its ports and waited for the sections.
 */
static void raise_remote(const struct hv *hv, uint64_t word)
{
	struct hv_domain *d = domain_known(hv, word_dom(word));
	uint64_t w = load_seq(&port_known(d, word_number(word))->word);

	if (word_usable(w))
		raise_port(d, word_number(word), w);
}

long event_send(struct hv_domain *d, struct section *s, uint32_t port)
{
	const struct port *p = port_find(d, port);
	long rc = 0;
	uint64_t w;
	unsigned phase;

	if (!p)
		return -XEN_EINVAL;
	phase = section_enter(s, &d->hv->phase);
	/* Pairs with the stores of PORT_FREE in event_close.c: see section_enter(). */
	w = load_seq(&p->word);
	probe_send(d->domid, port, word_state(w), word_dom(w));
	switch (word_state(w)) {
	case PORT_INTERDOMAIN:
		raise_remote(d->hv, w);
		break;
	case PORT_IPI:
		raise_port(d, port, w);
		break;
	case PORT_UNBOUND:
		break; /* nobody there yet, or no more: lost, as on Xen */
	default:
		rc = -XEN_EINVAL;
	}
	section_leave_own(s, phase);
	return rc;
}

static void count_pirq(struct hv_domain *d, uint32_t port, uint64_t word)
{
	fetch_add_relaxed(&d->vcpu[word_vcpu(word)]->counters.pirqs, UINT64_C(1));
	probe_pirq(d->domid, port, word_vcpu(word), word_number(word));
}

/* A port that interrupts raise; 0 is none. */
static void raise_bound(struct hv_domain *d, const uint32_t *bound, enum port_state state)
{
	struct section *s = &d->hv->section; /* it may be on any thread */
	unsigned phase = section_enter(s, &d->hv->phase);
	uint32_t port = load_seq(bound);
	const struct port *p = port ? port_find(d, port) : NULL;
	uint64_t w = p ? load_seq(&p->word) : 0;

	if (word_state(w) == state) {
		if (state == PORT_PIRQ)
			count_pirq(d, port, w);
		raise_port(d, port, w);
	}
	section_leave(s, phase);
}

void event_send_pirq(struct hv_domain *d, const uint32_t *port)
{
	raise_bound(d, port, PORT_PIRQ);
}

bool event_pirq_pending(struct hv_domain *d, const uint32_t *port)
{
	struct section *s = &d->hv->section; /* it may be on any thread */
	unsigned phase = section_enter(s, &d->hv->phase);
	uint32_t number = load_seq(port);
	bool pending = number && domain_abi(d)->is_pending(d, number);

	section_leave(s, phase);
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

long event_port_poll(struct hv_domain *d, struct section *s, uint32_t port)
{
	const struct port *p = port_find(d, port);
	unsigned phase;
	long rc;

	if (!p || !word_usable(load_seq(&p->word)))
		return -XEN_EINVAL;
	phase = section_enter(s, &d->hv->phase);
	rc = domain_abi(d)->is_pending(d, port);
	section_leave_own(s, phase);
	return rc;
}
