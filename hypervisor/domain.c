/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor and its domains: creating, finding, pausing, shutting down and destroying. What a
 * domain is made of is in the other files; here is the order in which it comes and goes.
 */
#include "domain.h"

#include <xen/sched.h>

#include "event.h"
#include "event_abi.h"
#include "irq.h"
#include "mm.h"
#include "ports.h"
#include "runstate.h"
#include "time.h"
#include "trace.h"
#include "vcpu.h"

/* ---- the hypervisor ---- */

int hv_create(struct hv **out, const struct hv_ops *ops, void *ctx)
{
	struct hv *hv;

	if (!ops->alloc || !ops->free || !ops->now || !ops->kick || !ops->set_timer)
		return -XEN_EINVAL;
	if (!ops->copy_from_guest != !ops->copy_to_guest)
		return -XEN_EINVAL;
	hv = ops->alloc(ctx, sizeof(*hv));
	if (!hv)
		return -XEN_ENOMEM;
	hv->ops = ops;
	hv->ctx = ctx;
	hv->epoch = 1;
	irq_init(hv);
	*out = hv;
	return 0;
}

void hv_destroy(struct hv *hv)
{
	unsigned i;

	for (i = 0; i < DOMAIN_PAGES; i++)
		release(hv, hv->domains[i], sizeof(struct domain_page));
	irq_free_lines(hv);
	release(hv, hv, sizeof(*hv));
}

void *hv_ctx(const struct hv *hv)
{
	return hv->ctx;
}

/* ---- the domain table ---- */

/* Publish it under its number. hv->lock held. */
static int enter_table(struct hv_domain *d)
{
	struct hv *hv = d->hv;
	struct domain_page **page = &hv->domains[d->domid / DOMAIN_PAGE];

	if (!*page) {
		struct domain_page *fresh = alloc(hv, sizeof(*fresh));

		if (!fresh)
			return -XEN_ENOMEM;
		store_release(page, fresh);
	}
	if ((*page)->domain[d->domid % DOMAIN_PAGE])
		return -XEN_EEXIST;
	d->next = hv->first;
	hv->first = d;
	/*
	 * Its first clock, under the lock under which the clock is set for all that are in the
	 * list.
	 */
	clock_update_domain(d);
	/* Release: who finds it (domain_lookup) finds it complete. */
	store_release(&(*page)->domain[d->domid % DOMAIN_PAGE], d);
	return 0;
}

static void leave_table(struct hv_domain *d)
{
	struct hv *hv = d->hv;
	struct hv_domain **p, *other;
	unsigned virq;

	lock_take(hv, &hv->lock);
	store_seq(&hv->domains[d->domid / DOMAIN_PAGE]->domain[d->domid % DOMAIN_PAGE],
		  (struct hv_domain *)NULL);
	for (p = &hv->first; *p != d; p = &(*p)->next)
		;
	*p = d->next;
	for (virq = 0; virq < NR_VIRQS; virq++)
		if (hv->virq_handler[virq] == d)
			hv->virq_handler[virq] = NULL;
	for (other = hv->first; other; other = other->next)
		if (load_relaxed(&other->target) == d)
			store_release(&other->target, (struct hv_domain *)NULL);
	/*
	 * No new reference can be taken; those there are belong to hypercalls of other domains,
	 * soon over.
	 */
	while (d->refs) {
		lock_drop(&hv->lock);
		relax(hv);
		lock_take(hv, &hv->lock);
	}
	lock_drop(&hv->lock);
}

struct hv_domain *domain_get(struct hv *hv, domid_t id)
{
	struct hv_domain *d;

	lock_take(hv, &hv->lock);
	d = domain_lookup(hv, id);
	if (d)
		d->refs++;
	lock_drop(&hv->lock);
	return d;
}

void domain_put(struct hv_domain *d)
{
	struct hv *hv = d->hv;

	lock_take(hv, &hv->lock);
	d->refs--;
	lock_drop(&hv->lock);
}

void hv_domain_set_target(struct hv_domain *d, struct hv_domain *target)
{
	/* Under the lock, as leave_table() looks for those who still have it. */
	lock_take(d->hv, &d->hv->lock);
	store_release(&d->target, target);
	lock_drop(&d->hv->lock);
}

/*
 * A global VIRQ goes to who has been made its handler, else to the privileged domain; nobody there,
 * nobody told.
 */
int hv_global_virq(struct hv *hv, unsigned virq)
{
	struct hv_domain *d;

	if (virq >= NR_VIRQS || !virq_is_global(virq))
		return -XEN_EINVAL;
	lock_take(hv, &hv->lock);
	d = hv->virq_handler[virq];
	if (!d)
		for (d = hv->first; d && !d->privileged; d = d->next)
			;
	if (d)
		d->refs++;
	lock_drop(&hv->lock);
	if (d) {
		hv_domain_virq(d, virq);
		domain_put(d);
	}
	return 0;
}

int hv_set_virq_handler(struct hv *hv, unsigned virq, struct hv_domain *d)
{
	if (virq >= NR_VIRQS || !virq_is_global(virq))
		return -XEN_EINVAL;
	lock_take(hv, &hv->lock);
	hv->virq_handler[virq] = d;
	lock_drop(&hv->lock);
	return 0;
}

/* ---- coming ---- */

static void free_domain(struct hv_domain *d)
{
	struct hv *hv = d->hv;
	unsigned i;

	for (i = 0; d->vcpu && i < d->max_vcpus; i++)
		vcpu_free(d, i);
	release(hv, d->vcpu, d->max_vcpus * sizeof(struct hv_vcpu *));
	pirqs_destroy(d);
	trace_destroy(d);
	ports_destroy(d);
	if (d->mm)
		mm_destroy(d);
	release(hv, d, sizeof(*d));
}

static int make_vcpus(struct hv_domain *d, bool tick)
{
	unsigned i;
	int rc;

	/*
	 * As Xen's domain builders leave them: no upcall before the kernel asks for it. At the same
	 * places in either width.
	 */
	for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	d->vcpu = alloc(d->hv, d->max_vcpus * sizeof(struct hv_vcpu *));
	if (!d->vcpu)
		return -XEN_ENOMEM;
	for (i = 0; i < d->max_vcpus; i++) {
		rc = vcpu_create(d, i);
		if (rc)
			return rc;
		timers_init(d->vcpu[i], tick);
	}
	set_ways(d);
	return 0;
}

static int make_parts(struct hv_domain *d, const struct hv_domain_config *cfg)
{
	int rc = make_vcpus(d, cfg->periodic_tick);

	if (rc == 0)
		rc = ports_init(d);
	if (rc == 0)
		rc = pirqs_init(d, cfg->nr_pirqs);
	if (rc == 0)
		rc = mm_init(d);
	return rc;
}

static uint32_t port_limit(uint32_t max_evtchn_port)
{
	if (max_evtchn_port == HV_NO_EVTCHN_PORTS)
		return 1;
	if (max_evtchn_port == 0 || max_evtchn_port >= MAX_PORTS)
		return MAX_PORTS;
	return max_evtchn_port + 1;
}

int hv_domain_create(struct hv *hv, const struct hv_domain_config *cfg, struct hv_domain **out)
{
	struct hv_domain *d;
	int rc;

	if (cfg->domid >= DOMID_FIRST_RESERVED || cfg->max_vcpus < 1 ||
	    cfg->max_vcpus > HV_MAX_VCPUS || cfg->nr_pirqs > HV_MAX_PIRQS)
		return -XEN_EINVAL;
	if (!cfg->shared_info || (uintptr_t)cfg->shared_info % HV_PAGE_SIZE)
		return -XEN_EINVAL;
	d = alloc(hv, sizeof(*d));
	if (!d)
		return -XEN_ENOMEM;
	d->hv = hv;
	d->domid = cfg->domid;
	d->privileged = cfg->privileged;
	d->max_vcpus = cfg->max_vcpus;
	d->user = cfg->user;
	d->shared = cfg->shared_info;
	d->shared_mfn = HV_NEVER;
	d->eoi_map_mfn = HV_NEVER;
	d->compat32 = cfg->compat32;
	d->abi = abi_2l(d);
	d->port_limit = port_limit(cfg->max_evtchn_port);
	rc = make_parts(d, cfg);
	if (rc == 0) {
		lock_take(hv, &hv->lock);
		rc = enter_table(d);
		lock_drop(&hv->lock);
	}
	if (rc) {
		free_domain(d);
		return rc;
	}
	*out = d;
	return 0;
}

/* ---- going ---- */

static void stop_all(struct hv_domain *d, uint32_t reason)
{
	unsigned i;

	for (i = 0; i < d->max_vcpus; i++)
		vcpu_stop(d->vcpu[i], reason);
}

void hv_domain_pause(struct hv_domain *d)
{
	lock_take(d->hv, &d->lock);
	if (d->pause_count++ == 0)
		stop_all(d, STOP_PAUSED);
	lock_drop(&d->lock);
}

void hv_domain_unpause(struct hv_domain *d)
{
	unsigned i;

	lock_take(d->hv, &d->lock);
	if (d->pause_count && --d->pause_count == 0)
		for (i = 0; i < d->max_vcpus; i++)
			vcpu_resume(d->vcpu[i], STOP_PAUSED | STOP_ASLEEP);
	lock_drop(&d->lock);
}

void domain_shutdown(struct hv_domain *d, unsigned reason)
{
	const struct hv_ops *ops = d->hv->ops;
	bool first;
	unsigned i;

	lock_take(d->hv, &d->lock);
	first = !d->shut_down;
	if (first) {
		if (d->shutdown_code)
			reason = d->shutdown_code - 1;
		for (i = 0; i < d->max_vcpus; i++) {
			fetch_or_seq(&d->vcpu[i]->stopped, STOP_SHUTDOWN);
			runstate_changed(d->vcpu[i]);
		}
		/*
		 * Who sees it shut down sees it stopped. And pairs with an embedder's waiting
		 * vCPU, which says that it waits, then looks at this: it sees it, or is kicked.
		 */
		store_seq(&d->shut_down, reason + 1);
		/*
		 * Kicked when both can be seen: a waiter that was kicked before would find a vCPU
		 * that is not runnable in a domain that is alive, and wait for ever.
		 */
		for (i = 0; i < d->max_vcpus; i++)
			ops->kick(d->vcpu[i]);
		pirqs_shut_down(d);
	}
	lock_drop(&d->lock);
	if (!first)
		return;
	hv_global_virq(d->hv, VIRQ_DOM_EXC);
	if (ops->shutdown)
		ops->shutdown(d, reason);
}

void hv_domain_crash(struct hv_domain *d)
{
	domain_shutdown(d, SHUTDOWN_crash);
}

bool hv_domain_is_shut_down(const struct hv_domain *d, unsigned *reason)
{
	uint32_t s = load_seq(&d->shut_down);

	if (s && reason)
		*reason = s - 1;
	return s != 0;
}

void hv_domain_destroy(struct hv_domain *d)
{
	struct hv *hv = d->hv;
	unsigned i;

	stop_all(d, STOP_SHUTDOWN);
	for (i = 0; i < d->max_vcpus; i++)
		timers_stop(d->vcpu[i]);
	/*
	 * Peers go unbound while the domain can still be found: a connected port always has a
	 * domain at its other end.
	 */
	event_close_all(d);
	pirqs_unmap_all(d);
	irq_leave_foreground(d);
	leave_table(d);
	/*
	 * Whoever found it in the table while sending is out after this, and nobody finds it any
	 * more.
	 */
	sections_wait(hv);
	free_domain(d);
	hv_global_virq(hv, VIRQ_DOM_EXC);
}

/* ---- asking ---- */

struct hv *hv_domain_hv(const struct hv_domain *d)
{
	return d->hv;
}

domid_t hv_domain_id(const struct hv_domain *d)
{
	return d->domid;
}

bool hv_domain_is_compat32(const struct hv_domain *d)
{
	return d->compat32;
}

void *hv_domain_user(const struct hv_domain *d)
{
	return d->user;
}

struct hv_vcpu *hv_domain_vcpu(const struct hv_domain *d, unsigned id)
{
	return vcpu_find(d, id);
}
