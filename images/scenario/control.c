/* SPDX-License-Identifier: MIT */
/*
 * env.*: what a toolstack does, by domctl and sysctl from the control domain. A domain is made with
 * memory and, when it is started, an agent on its vCPU 0; its other vCPUs never run.
 */
#include "scenario.h"

#include <xen/vcpu.h>

#include "control.h"

#define MS	  UINT64_C(1000000)
#define GONE_MS	  5000u /* a dead domain that is still there then has references elsewhere */
#define SETTLE_MS 100u	/* what Xen does after the last reference is dropped */

static struct xen_domctl request;

static long domctl(uint32_t cmd, uint64_t id)
{
	request.cmd = cmd;
	request.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	request.domain = (domid_t)id;
	return pv_hypercall(__HYPERVISOR_domctl, pv_arg(&request), 0, 0, 0, 0);
}

static void clear(void)
{
	memset(&request, 0, sizeof(request));
}

struct domain *domain_find(struct machine *m, uint64_t id)
{
	if (id == m->self.id)
		return &m->self;
	for (struct domain *d = m->other; d < m->other + OTHERS; d++)
		if (d->exists && d->id == id)
			return d;
	return NULL;
}

static struct domain *free_slot(struct machine *m)
{
	for (struct domain *d = m->other; d < m->other + OTHERS; d++)
		if (!d->exists)
			return d;
	return NULL;
}

static bool is_there(uint64_t id)
{
	clear();
	return !domctl(XEN_DOMCTL_getdomaininfo, id) && request.u.getdomaininfo.domain == id;
}

static long create_domain(struct machine *m, uint64_t id)
{
	struct xen_domctl_createdomain *c = &request.u.createdomain;

	clear();
	c->max_vcpus = (uint32_t)field(m, "vcpus", 1);
	c->max_evtchn_port = (uint32_t)field(m, "max_evtchn_port", UINT32_MAX);
	c->max_grant_frames = -1;
	c->max_maptrack_frames = -1;
	c->grant_opts = 1;
	return domctl(XEN_DOMCTL_createdomain, id);
}

/* What follows creation: if it fails, the domain goes again. */
static long equip(struct machine *m, struct domain *d, uint64_t vcpus)
{
	long rc;

	clear();
	request.u.max_vcpus.max = (uint32_t)vcpus;
	rc = domctl(XEN_DOMCTL_max_vcpus, d->id);
	if (rc)
		return rc;
	clear();
	request.u.max_mem.max_memkb = 4096;
	rc = domctl(XEN_DOMCTL_max_mem, d->id);
	if (rc)
		return rc;
	if (!is_there(d->id))
		return -XEN_ESRCH;
	return build_memory(m, d, request.u.getdomaininfo.shared_info_frame);
}

/* Until nothing is left of it: its id is free, and Xen has said so to the control domain. */
static long destroy(struct machine *m, uint64_t id)
{
	struct domain *d = domain_find(m, id);
	uint64_t until;
	long rc;

	if (d && d != &m->self)
		build_forget(d);
	clear();
	rc = domctl(XEN_DOMCTL_destroydomain, id);
	if (rc)
		return rc;
	until = guest_clock(m->pv->guest) + GONE_MS * MS;
	while (is_there(id)) {
		relax(m);
		if (guest_clock(m->pv->guest) > until) {
			m->unknown = true;
			return rc;
		}
	}
	wait_until(m, guest_clock(m->pv->guest) + SETTLE_MS * MS);
	return rc;
}

static long create(struct machine *m, uint64_t id)
{
	struct domain *d = free_slot(m);
	long rc;

	/* Id 0 would be any that is free. */
	if (!d || id == 0 || field(m, "bits", 64) != 64) {
		m->unknown = true;
		return 0;
	}
	rc = create_domain(m, id);
	if (rc)
		return rc;
	d->id = (domid_t)id;
	d->exists = true;
	rc = equip(m, d, field(m, "vcpus", 1));
	if (rc)
		destroy(m, id);
	return rc;
}

static long give_agent(struct domain *d)
{
	static struct vcpu_guest_context context;
	long rc;

	clear();
	request.u.hypercall_init.gmfn = build_hypercall_frame(d);
	rc = domctl(XEN_DOMCTL_hypercall_init, d->id);
	if (rc)
		return rc;
	build_agent(d, &context);
	clear();
	request.u.vcpucontext.ctxt = pv_arg(&context);
	rc = domctl(XEN_DOMCTL_setvcpucontext, d->id);
	d->built = !rc;
	return rc;
}

/* However often it was paused. */
static void unpause(uint64_t id)
{
	do
		clear();
	while (!domctl(XEN_DOMCTL_unpausedomain, id));
}

static long start(struct machine *m, uint64_t id)
{
	struct domain *d = domain_find(m, id);
	long rc = d ? 0 : create(m, id);

	d = domain_find(m, id);
	if (rc || !d || d == &m->self)
		return rc;
	if (!d->built)
		rc = give_agent(d);
	if (rc)
		return rc;
	unpause(id);
	d->caller[0].started = true;
	m->by = d;
	m->caller = &d->caller[0];
	call(m, __HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	return 0;
}

static long debug_key(struct machine *m)
{
	const struct token *t = find(m->action, "key");
	struct xen_sysctl s = {
		.cmd = XEN_SYSCTL_debug_keys,
		.interface_version = XEN_SYSCTL_INTERFACE_VERSION,
	};
	long rc;

	if (!t)
		return -XEN_EINVAL;
	s.u.debug_keys.keys = pv_arg(t->value.at);
	s.u.debug_keys.nr_keys = (uint32_t)t->value.len;
	rc = pv_hypercall(__HYPERVISOR_sysctl, pv_arg(&s), 0, 0, 0, 0);
	/* Xen does it a little later. */
	wait_until(m, guest_clock(m->pv->guest) + SETTLE_MS * MS);
	return rc;
}

static long virq_handler(struct machine *m, uint64_t id)
{
	clear();
	request.u.set_virq_handler.virq = (uint32_t)field(m, "virq", 0);
	return domctl(XEN_DOMCTL_set_virq_handler, id);
}

bool run_control(struct machine *m)
{
	const struct text *op = &m->action->op;
	uint64_t id = field(m, "id", 0);

	if (m->self.id != 0 || op->len < 4 || memcmp(op->at, "env.", 4) != 0)
		return false; /* not the control domain */
	if (text_is(op, "env.domain_create")) {
		m->rc = create(m, id);
	} else if (text_is(op, "env.domain_start")) {
		m->rc = start(m, id);
	} else if (text_is(op, "env.domain_pause")) {
		clear();
		m->rc = domctl(XEN_DOMCTL_pausedomain, id);
	} else if (text_is(op, "env.domain_unpause")) {
		clear();
		m->rc = domctl(XEN_DOMCTL_unpausedomain, id);
	} else if (text_is(op, "env.domain_destroy")) {
		m->rc = destroy(m, id);
	} else if (text_is(op, "env.debug_key")) {
		m->rc = debug_key(m);
	} else if (text_is(op, "env.set_virq_handler")) {
		m->rc = virq_handler(m, id);
	} else {
		return false;
	}
	answer_number(m, "rc", m->rc);
	return true;
}
