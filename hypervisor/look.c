/* SPDX-License-Identifier: MIT */
/*
 * Looking at a hypervisor from outside: which domains there are, what their ports and vCPUs are
 * doing, what was counted. Nothing here changes anything. A line's state is told by irq.c.
 */
#include "atomic.h"
#include "domain.h"
#include "event.h"
#include "event_abi.h"
#include "ports.h"
#include "trace.h"
#include "vcpu.h"

/* ---- domains ---- */

/* The domain with the lowest number from `from` on, referred to; NULL: there is none. */
static struct hv_domain *domain_from(struct hv *hv, unsigned from)
{
	struct hv_domain *d = NULL;
	unsigned id;

	lock_take(hv, &hv->lock);
	for (id = from; id < DOMID_FIRST_RESERVED && !d; id++) {
		if (id % DOMAIN_PAGE == 0 && !hv->domains[id / DOMAIN_PAGE])
			id += DOMAIN_PAGE - 1;
		else
			d = domain_lookup(hv, (domid_t)id);
	}
	if (d)
		d->refs++;
	lock_drop(&hv->lock);
	return d;
}

int hv_for_each_domain(struct hv *hv, int (*fn)(struct hv_domain *d, void *arg), void *arg)
{
	struct hv_domain *d;
	unsigned next = 0;
	int rc = 0;

	while (rc == 0 && (d = domain_from(hv, next)) != NULL) {
		next = d->domid + 1u;
		rc = fn(d, arg);
		domain_put(d);
	}
	return rc;
}

/* ---- counters ---- */

static void add_counters(struct hv_counters *out, const struct hv_vcpu *v)
{
	uint64_t n[COUNT_KINDS] = { 0 };

	count_sum(v, n);
	out->hypercalls += load_relaxed(&v->hypercalls);
	out->sends += n[COUNT_TOLD] + n[COUNT_KICKED] + n[COUNT_MERGED] + n[COUNT_MASKED];
	out->merged += n[COUNT_MERGED];
	out->masked += n[COUNT_MASKED];
	out->kicks += n[COUNT_KICKED] + load_relaxed(&v->kicks);
	out->pirqs += load_relaxed(&v->pirqs);
	out->eois += load_relaxed(&v->eois);
}

void hv_vcpu_counters(const struct hv_vcpu *v, struct hv_counters *out)
{
	*out = (struct hv_counters){ 0 };
	add_counters(out, v);
}

void hv_domain_counters(const struct hv_domain *d, struct hv_counters *out)
{
	unsigned i;

	*out = (struct hv_counters){ 0 };
	for (i = 0; i < d->max_vcpus; i++)
		add_counters(out, d->vcpu[i]);
}

/* ---- vCPUs ---- */

void hv_vcpu_state(const struct hv_vcpu *v, struct hv_vcpu_state *out)
{
	const struct vcpu_area *info = load_seq(&v->info);
	uint32_t stopped = load_seq(&v->stopped);
	uint32_t port = load_seq(&v->poll_port);

	*out = (struct hv_vcpu_state){
		.up = !(stopped & STOP_DOWN),
		.blocked = stopped & STOP_BLOCKED,
		.paused = stopped & STOP_PAUSED,
		.shut_down = stopped & STOP_SHUTDOWN,
	};
	/* A poll that is over is taken back by the vCPU's next hypercall only. */
	out->polling = out->blocked && port != POLL_NONE;
	if (out->polling && port != POLL_ANY)
		out->poll_port = port;
	if (!info)
		return;
	out->upcall_pending = load_relaxed(&info->evtchn_upcall_pending);
	out->upcall_mask = load_relaxed(&info->evtchn_upcall_mask);
}

/* ---- ports ---- */

static void look_at_word(struct hv_port_info *out, uint64_t w)
{
	*out = (struct hv_port_info){ .vcpu = word_vcpu(w) };
	switch (word_state(w)) {
	case PORT_FREE:
	case PORT_RESERVED:
		out->status = EVTCHNSTAT_closed;
		break;
	case PORT_UNBOUND:
		out->status = EVTCHNSTAT_unbound;
		out->remote_dom = word_dom(w);
		break;
	case PORT_INTERDOMAIN:
		out->status = EVTCHNSTAT_interdomain;
		out->remote_dom = word_dom(w);
		out->remote_port = word_number(w);
		break;
	case PORT_PIRQ:
		out->status = EVTCHNSTAT_pirq;
		out->irq = word_number(w);
		break;
	case PORT_VIRQ:
		out->status = EVTCHNSTAT_virq;
		out->irq = word_number(w);
		break;
	case PORT_IPI:
		out->status = EVTCHNSTAT_ipi;
		break;
	}
}

int hv_port_info(struct hv_domain *d, evtchn_port_t port, struct hv_port_info *out)
{
	const struct port *p = port_find(d, port);
	const struct port_count *c;
	unsigned phase;

	if (!p)
		return -XEN_EINVAL;
	/*
	 * As a sender does, so that neither the ABI's pages nor the counters go meanwhile. One load
	 * of the word: the members belong together.
	 */
	phase = section_enter_shared(&d->hv->section, &d->hv->epoch);
	look_at_word(out, load_seq(&p->word));
	domain_abi(d)->look(d, port, out);
	c = trace_count(d, port);
	if (c) {
		out->counted = true;
		out->sends = load_relaxed(&c->sends);
		out->merged = load_relaxed(&c->merged);
	}
	section_leave_shared(&d->hv->section, phase);
	return 0;
}
