/* SPDX-License-Identifier: MIT */
/*
 * sched_op: block, poll, yield, shutdown. A vCPU that blocks or polls is marked so here and returns
 * to the embedder, which parks it until it is runnable; who wakes it only takes the mark away.
 */
#include "sched.h"

#include <xen/sched.h>

#include "bound.h"
#include "domain.h"
#include "event.h"
#include "guest_access.h"
#include "policy.h"
#include "runstate.h"
#include "time.h"
#include "vcpu.h"

#define POLL_MAX_PORTS 128u

static long do_block(struct hv_vcpu *v)
{
	struct vcpu_area *info = load_seq(&v->info);

	if (info)
		store_seq(&info->evtchn_upcall_mask, (uint8_t)0);
	/* Pairs with vcpu_set_pending(): it sets upcall_pending, then looks whether we block. */
	fetch_or_seq(&v->stopped, STOP_BLOCKED);
	if (vcpu_has_upcall(v) || hv_vcpu_nmi_due(v))
		vcpu_let_run(v, STOP_BLOCKED);
	else
		runstate_changed(v);
	return 0;
}

/*
 * Only the vCPU's own thread registers its poll and takes it back: had the waker to do the latter,
 * a slow one could take back the next poll's. The waker may find one that is over; then it clears
 * no mark, or wakes a vCPU once too often.
 */
static void poll_begin(struct hv_vcpu *v)
{
	fetch_or_seq(&v->stopped, STOP_BLOCKED);
	store_seq(&v->poll_port, POLL_ANY);
	fetch_add_seq(&v->domain->pollers, 1u);
	v->polling = true;
}

void poll_end(struct hv_vcpu *v)
{
	fetch_sub_seq(&v->domain->pollers, 1u);
	store_seq(&v->poll_port, POLL_NONE);
	timers_set_poll(v, HV_NEVER);
	v->polling = false;
}

void poll_wake(struct hv_domain *d, uint32_t port)
{
	unsigned i;

	for (i = 0; i < d->max_vcpus; i++) {
		struct hv_vcpu *v = d->vcpu[i];
		uint32_t on = load_seq(&v->poll_port);

		if (on == POLL_ANY || on == port)
			vcpu_resume(v, STOP_BLOCKED);
	}
}

/*
 * Positive: one of them is pending. They are looked at one by one, as Xen does, for the same errors
 * in the same order.
 */
static long any_pending(struct hv_vcpu *v, const struct sched_poll *p, uint32_t *last)
{
	unsigned i;

	for (i = 0; i < p->nr_ports; i++) {
		long rc;

		if (copy_from_guest(v, last, p->ports + i * sizeof(*last), sizeof(*last)))
			return -XEN_EFAULT;
		rc = event_port_poll(v, *last);
		if (rc)
			return rc;
	}
	return 0;
}

static long do_poll(struct hv_vcpu *v, uint64_t arg)
{
	struct sched_poll p;
	uint32_t port = 0;
	long rc;

	if (copy_from_guest(v, &p, arg, sizeof(p)))
		return -XEN_EFAULT;
	if (p.nr_ports > POLL_MAX_PORTS)
		return -XEN_EINVAL;
	/*
	 * Pairs with poll_wanted(): we say that we poll, then look; a sender sets pending, then
	 * asks who polls.
	 */
	poll_begin(v);
	rc = vcpu_has_upcall(v) || hv_vcpu_nmi_due(v) ? 1 : any_pending(v, &p, &port);
	if (rc == 0 && p.timeout && p.timeout <= now(v->domain->hv))
		rc = 1;
	if (rc) {
		vcpu_let_run(v, STOP_BLOCKED);
		poll_end(v);
		return rc < 0 ? rc : 0;
	}
	if (p.nr_ports == 1)
		store_seq(&v->poll_port, port);
	if (p.timeout)
		timers_set_poll(v, p.timeout);
	runstate_changed(v);
	return 0;
}

static long shut_down(struct hv_vcpu *v, uint64_t reason)
{
	long rc = policy_ask_own(v, HV_OP_SHUTDOWN, reason & 0xff);

	if (rc == 0)
		domain_shutdown(v->domain, reason & 0xff);
	return rc;
}

static long do_shutdown(struct hv_vcpu *v, uint64_t arg)
{
	struct sched_shutdown s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	return shut_down(v, s.reason);
}

static long do_remote_shutdown(struct hv_vcpu *v, uint64_t arg)
{
	struct sched_remote_shutdown s;
	struct hv_domain *d;
	long rc;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	d = domain_get(v->domain->hv, s.domain_id);
	if (!d)
		return -XEN_ESRCH;
	rc = policy_ask_on(v, HV_OP_REMOTE_SHUTDOWN, d, s.reason & 0xff);
	if (rc == 0)
		domain_shutdown(d, s.reason & 0xff);
	domain_put(d);
	return rc;
}

/* The reason to report when the domain shuts down, whatever it says then. */
static long do_shutdown_code(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct sched_shutdown s;

	if (copy_from_guest(v, &s, arg, sizeof(s)))
		return -XEN_EFAULT;
	lock_take(d->hv, &d->lock);
	d->shutdown_code = (s.reason & 0xff) + 1;
	lock_drop(&d->lock);
	return 0;
}

/* ---- watchdogs ---- */

static uint64_t in_seconds(const struct hv_domain *d, uint32_t timeout)
{
	return now(d->hv) + timeout * UINT64_C(1000000000);
}

/* The number of a new one. Domain's lock held. */
static long new_watchdog(struct hv_domain *d, uint32_t timeout)
{
	unsigned i;

	for (i = 0; i < WATCHDOGS; i++) {
		if (d->watchdogs & (1u << i))
			continue;
		d->watchdogs |= 1u << i;
		timers_set_watchdog(d, i, in_seconds(d, timeout));
		return (long)i + 1;
	}
	return -XEN_ENOSPC;
}

/* Domain's lock held. */
static long feed_watchdog(struct hv_domain *d, uint32_t id, uint32_t timeout)
{
	unsigned i = (unsigned)index_nospec(id - 1, WATCHDOGS);

	if (!(d->watchdogs & (1u << i)))
		return -XEN_EINVAL;
	if (timeout == 0)
		d->watchdogs &= ~(1u << i);
	timers_set_watchdog(d, i, timeout ? in_seconds(d, timeout) : HV_NEVER);
	return 0;
}

/* As on Xen, a new one may have no time at all: then it is over at once. */
static long do_watchdog(struct hv_vcpu *v, uint64_t arg)
{
	struct hv_domain *d = v->domain;
	struct sched_watchdog w;
	long rc;

	if (copy_from_guest(v, &w, arg, sizeof(w)))
		return -XEN_EFAULT;
	if (w.id > WATCHDOGS)
		return -XEN_EINVAL;
	rc = policy_ask_own(v, HV_OP_WATCHDOG, w.id);
	if (rc)
		return rc;
	lock_take(d->hv, &d->lock);
	rc = w.id ? feed_watchdog(d, w.id, w.timeout) : new_watchdog(d, w.timeout);
	lock_drop(&d->lock);
	return rc;
}

long do_sched_op(struct hv_vcpu *v, const uint64_t a[6])
{
	switch ((uint32_t)a[0]) {
	case SCHEDOP_yield:
		return 0;
	case SCHEDOP_block:
		return do_block(v);
	case SCHEDOP_shutdown:
		return do_shutdown(v, a[1]);
	case SCHEDOP_poll:
		return do_poll(v, a[1]);
	case SCHEDOP_remote_shutdown:
		return do_remote_shutdown(v, a[1]);
	case SCHEDOP_shutdown_code:
		return do_shutdown_code(v, a[1]);
	case SCHEDOP_watchdog:
		return do_watchdog(v, a[1]);
	default:
		return -XEN_ENOSYS;
	}
}

/* The old entry: the shutdown reason is the argument itself, and there is no poll. */
long do_sched_op_compat(struct hv_vcpu *v, const uint64_t a[6])
{
	switch ((uint32_t)a[0]) {
	case SCHEDOP_yield:
		return 0;
	case SCHEDOP_block:
		return do_block(v);
	case SCHEDOP_shutdown:
		return shut_down(v, a[1]);
	default:
		return -XEN_ENOSYS;
	}
}
