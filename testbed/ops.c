/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of raw domains and their view of the 2-level words. The machine that answers is
 * elsewhere.
 */
#include <stdio.h>
#include <string.h>

#include <xen/physdev.h>
#include <xen/sched.h>

#include "ops.h"
#include "private.h"

void ops_at(struct testbed_vcpu *v, enum testbed_where where)
{
	v->where = where;
}

void ops_compat(struct testbed_vcpu *v)
{
	v->compat = true;
}

static enum testbed_where where_next(struct testbed_vcpu *v)
{
	enum testbed_where where = v->where;

	v->where = AT_OK;
	return where;
}

#define OPS_ARG 64u /* bytes, more than any argument has */

/*
 * One op: `in` bytes of the argument are IN members, the rest is OUT (poisoned by the caller). What
 * the guest's memory holds afterwards is copied back, if it can be read.
 */
static long call(struct testbed_vcpu *v, uint64_t nr, void *arg, size_t n, size_t in)
{
	uint8_t sent[OPS_ARG + 8], got[sizeof(sent)];
	size_t skip = v->compat ? offsetof(struct evtchn_op, u) : 0;
	uint32_t cmd = (uint32_t)nr;
	uint64_t va;
	long rc;

	if (n > sizeof(sent) - skip)
		testbed_die("ops: an argument of %zu bytes", n);
	memcpy(sent, &cmd, sizeof(cmd));
	memset(sent + sizeof(cmd), 0, sizeof(sent) - sizeof(cmd));
	memcpy(sent + skip, arg, n);
	/* the old entry copies all of its union */
	va = testbed_place(v, where_next(v), 0, sent, skip ? sizeof(struct evtchn_op) : n);
	if (v->compat)
		rc = testbed_call(v, __HYPERVISOR_event_channel_op_compat, va);
	else
		rc = testbed_call(v, __HYPERVISOR_event_channel_op, nr, va);
	v->compat = false;
	if (!testbed_fetch(v, va, got, skip + n))
		return rc;
	if (memcmp(got, sent, rc < 0 ? skip + n : skip + in) != 0)
		return OPS_CHANGED;
	memcpy(arg, got + skip, n);
	return rc;
}

long op_raw(struct testbed_vcpu *v, uint64_t nr, const void *arg, size_t n)
{
	uint8_t copy[OPS_ARG];

	if (n > sizeof(copy))
		testbed_die("ops: an argument of %zu bytes", n);
	memset(copy, 0, sizeof(copy));
	memcpy(copy, arg, n);
	return call(v, nr, copy, sizeof(copy), 0);
}

long op_alloc_unbound(struct testbed_vcpu *v, unsigned dom, unsigned remote_dom)
{
	struct evtchn_alloc_unbound a = { (domid_t)dom, (domid_t)remote_dom, 0xa5a5a5a5 };
	long rc = call(v, EVTCHNOP_alloc_unbound, &a, sizeof(a),
		       offsetof(struct evtchn_alloc_unbound, port));

	return rc ? rc : a.port;
}

long op_bind_interdomain(struct testbed_vcpu *v, unsigned remote_dom, uint32_t remote_port)
{
	struct evtchn_bind_interdomain a;
	long rc;

	memset(&a, 0xa5, sizeof(a));
	a.remote_dom = (domid_t)remote_dom;
	a.remote_port = remote_port;
	rc = call(v, EVTCHNOP_bind_interdomain, &a, sizeof(a),
		  offsetof(struct evtchn_bind_interdomain, local_port));
	return rc ? rc : a.local_port;
}

long op_bind_virq(struct testbed_vcpu *v, uint32_t virq, uint32_t vcpu)
{
	struct evtchn_bind_virq a = { virq, vcpu, 0xa5a5a5a5 };
	long rc =
		call(v, EVTCHNOP_bind_virq, &a, sizeof(a), offsetof(struct evtchn_bind_virq, port));

	return rc ? rc : a.port;
}

long op_bind_pirq(struct testbed_vcpu *v, uint32_t pirq, uint32_t flags)
{
	struct evtchn_bind_pirq a = { pirq, flags, 0xa5a5a5a5 };
	long rc =
		call(v, EVTCHNOP_bind_pirq, &a, sizeof(a), offsetof(struct evtchn_bind_pirq, port));

	return rc ? rc : a.port;
}

long op_bind_ipi(struct testbed_vcpu *v, uint32_t vcpu)
{
	struct evtchn_bind_ipi a = { vcpu, 0xa5a5a5a5 };
	long rc = call(v, EVTCHNOP_bind_ipi, &a, sizeof(a), offsetof(struct evtchn_bind_ipi, port));

	return rc ? rc : a.port;
}

long op_close(struct testbed_vcpu *v, uint32_t port)
{
	struct evtchn_close a = { port };

	return call(v, EVTCHNOP_close, &a, sizeof(a), sizeof(a));
}

long op_send(struct testbed_vcpu *v, uint32_t port)
{
	struct evtchn_send a = { port };

	return call(v, EVTCHNOP_send, &a, sizeof(a), sizeof(a));
}

long op_status(struct testbed_vcpu *v, unsigned dom, uint32_t port, struct evtchn_status *out)
{
	memset(out, 0xa5, sizeof(*out));
	out->dom = (domid_t)dom;
	out->port = port;
	return call(v, EVTCHNOP_status, out, sizeof(*out), offsetof(struct evtchn_status, status));
}

long op_bind_vcpu(struct testbed_vcpu *v, uint32_t port, uint32_t vcpu)
{
	struct evtchn_bind_vcpu a = { port, vcpu };

	return call(v, EVTCHNOP_bind_vcpu, &a, sizeof(a), sizeof(a));
}

long op_unmask(struct testbed_vcpu *v, uint32_t port)
{
	struct evtchn_unmask a = { port };

	return call(v, EVTCHNOP_unmask, &a, sizeof(a), sizeof(a));
}

long op_reset(struct testbed_vcpu *v, unsigned dom)
{
	struct evtchn_reset a = { (domid_t)dom };

	return call(v, EVTCHNOP_reset, &a, sizeof(a), sizeof(a));
}

const char *op_status_text(struct testbed_vcpu *v, unsigned dom, uint32_t port)
{
	static const char *const names[] = { "closed", "unbound", "interdomain",
					     "pirq",   "virq",	  "ipi" };
	static _Thread_local char text[96];
	struct evtchn_status s;
	long rc = op_status(v, dom, port, &s);
	int n;

	if (rc || s.status >= sizeof(names) / sizeof(names[0])) {
		snprintf(text, sizeof(text), rc ? "%ld" : "status %ld", rc ? rc : (long)s.status);
		return text;
	}
	n = snprintf(text, sizeof(text), "%s vcpu=%u", names[s.status], s.vcpu);
	if (s.status == EVTCHNSTAT_unbound)
		snprintf(text + n, sizeof(text) - (size_t)n, " dom=%u", s.u.unbound.dom);
	else if (s.status == EVTCHNSTAT_interdomain)
		snprintf(text + n, sizeof(text) - (size_t)n, " dom=%u port=%u", s.u.interdomain.dom,
			 s.u.interdomain.port);
	else if (s.status == EVTCHNSTAT_pirq)
		snprintf(text + n, sizeof(text) - (size_t)n, " pirq=%u", s.u.pirq);
	else if (s.status == EVTCHNSTAT_virq)
		snprintf(text + n, sizeof(text) - (size_t)n, " virq=%u", s.u.virq);
	return text;
}

long op_sched(struct testbed_vcpu *v, unsigned op, void *arg, size_t n)
{
	uint64_t va = n ? testbed_place(v, where_next(v), 0, arg, n) : 0;

	return testbed_call(v, __HYPERVISOR_sched_op, op, va);
}

long op_vcpu(struct testbed_vcpu *v, unsigned op, uint32_t vcpu, const void *arg, size_t n)
{
	uint64_t va = n ? testbed_place(v, where_next(v), 0, arg, n) : 0;

	return testbed_call(v, __HYPERVISOR_vcpu_op, op, vcpu, va);
}

long op_physdev(struct testbed_vcpu *v, unsigned op, void *arg, size_t n)
{
	uint64_t va = n ? testbed_place(v, where_next(v), 0, arg, n) : 0;
	long rc = testbed_call(v, __HYPERVISOR_physdev_op, op, va);

	if (n)
		testbed_fetch(v, va, arg, n);
	return rc;
}

long op_eoi(struct testbed_vcpu *v, uint32_t pirq)
{
	struct physdev_eoi a = { pirq };

	return op_physdev(v, PHYSDEVOP_eoi, &a, sizeof(a));
}

long op_set_timer(struct testbed_vcpu *v, uint64_t deadline)
{
	if (v->d->compat32)
		return testbed_call(v, __HYPERVISOR_set_timer_op, (uint32_t)deadline,
				    deadline >> 32);
	return testbed_call(v, __HYPERVISOR_set_timer_op, deadline);
}

long op_poll(struct testbed_vcpu *v, const evtchn_port_t *ports, unsigned nr, uint64_t timeout)
{
	struct sched_poll a = { .nr_ports = nr, .timeout = timeout };
	struct compat_sched_poll narrow = { .nr_ports = nr, .timeout = timeout };
	unsigned room = nr <= 256 ? nr : 1; /* a count out of range needs no list that long */

	a.ports = testbed_place(v, AT_OK, 1, ports, room * sizeof(*ports));
	narrow.ports = (uint32_t)a.ports;
	if (v->d->compat32)
		return op_sched(v, SCHEDOP_poll, &narrow, sizeof(narrow));
	return op_sched(v, SCHEDOP_poll, &a, sizeof(a));
}

long op_poll_ends(struct testbed_vcpu *v, const evtchn_port_t *ports, unsigned nr, uint64_t in_ns)
{
	struct testbed *tb = v->d->tb;
	uint64_t end = in_ns == UINT64_MAX ? HV_NEVER : testbed_now(tb) + in_ns;
	long rc = op_poll(v, ports, nr, end == HV_NEVER ? 0 : end);

	if (rc)
		return rc;
	if (hv_vcpu_runnable(v->hv))
		return POLL_IMMEDIATE;
	while (!hv_vcpu_runnable(v->hv))
		if (!testbed_step(tb))
			return POLL_STILL_BLOCKED;
	return testbed_now(tb) < end ? POLL_WOKEN : POLL_TIMEOUT;
}

long op_poll_end(struct testbed_vcpu *v, uint32_t port, uint64_t in_ns)
{
	return op_poll_ends(v, &port, 1, in_ns);
}

/* ---- the guest's side of the 2-level words, in its width ---- */

static bool get_bit(const struct testbed_domain *d, const void *words, uint32_t port)
{
	const uint32_t *narrow = words;
	const uint64_t *wide = words;

	if (d->compat32)
		return __atomic_load_n(&narrow[port / 32], __ATOMIC_SEQ_CST) >> (port % 32) & 1;
	return __atomic_load_n(&wide[port / 64], __ATOMIC_SEQ_CST) >> (port % 64) & 1;
}

static void flip(uint32_t *word, uint32_t bit, bool on)
{
	if (on)
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

static void set_bit(const struct testbed_domain *d, void *words, uint32_t port, bool on)
{
	uint64_t *word = (uint64_t *)words + port / 64;

	if (d->compat32)
		flip((uint32_t *)words + port / 32, 1u << port % 32, on);
	else if (on)
		__atomic_fetch_or(word, 1ul << port % 64, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

static void *pending_of(const struct testbed_domain *d)
{
	struct compat_shared_info *narrow = testbed_shared_info32(d);

	return narrow ? (void *)narrow->evtchn_pending : d->shared_info->evtchn_pending;
}

static void *mask_of(const struct testbed_domain *d)
{
	struct compat_shared_info *narrow = testbed_shared_info32(d);

	return narrow ? (void *)narrow->evtchn_mask : d->shared_info->evtchn_mask;
}

bool mem_pending(const struct testbed_domain *d, uint32_t port)
{
	return get_bit(d, pending_of(d), port);
}

bool mem_masked(const struct testbed_domain *d, uint32_t port)
{
	return get_bit(d, mask_of(d), port);
}

void mem_set_pending(struct testbed_domain *d, uint32_t port, bool on)
{
	set_bit(d, pending_of(d), port, on);
}

void mem_set_masked(struct testbed_domain *d, uint32_t port, bool on)
{
	set_bit(d, mask_of(d), port, on);
}

uint32_t mem_ports(const struct testbed_domain *d)
{
	return d->compat32 ? COMPAT_EVTCHN_2L_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
}

bool mem_has_info(const struct testbed_vcpu *v)
{
	return hv_vcpu_info(v->hv, NULL, NULL) || hv_vcpu_info32(v->hv, NULL, NULL);
}

static uint8_t *upcall_of(const struct testbed_vcpu *v)
{
	struct compat_vcpu_info *narrow = hv_vcpu_info32(v->hv, NULL, NULL);

	return narrow ? &narrow->evtchn_upcall_pending
		      : &hv_vcpu_info(v->hv, NULL, NULL)->evtchn_upcall_pending;
}

bool mem_upcall(const struct testbed_vcpu *v)
{
	return __atomic_load_n(upcall_of(v), __ATOMIC_SEQ_CST);
}

uint64_t mem_selector(const struct testbed_vcpu *v)
{
	struct compat_vcpu_info *narrow = hv_vcpu_info32(v->hv, NULL, NULL);

	if (narrow)
		return __atomic_load_n(&narrow->evtchn_pending_sel, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&hv_vcpu_info(v->hv, NULL, NULL)->evtchn_pending_sel,
			       __ATOMIC_SEQ_CST);
}

static void clear_selector(struct testbed_vcpu *v)
{
	struct compat_vcpu_info *narrow = hv_vcpu_info32(v->hv, NULL, NULL);

	if (narrow)
		__atomic_store_n(&narrow->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(&hv_vcpu_info(v->hv, NULL, NULL)->evtchn_pending_sel, 0,
				 __ATOMIC_SEQ_CST);
}

void mem_clear_upcall(struct testbed_vcpu *v)
{
	__atomic_store_n(upcall_of(v), 0, __ATOMIC_SEQ_CST);
	clear_selector(v);
}

void mem_clear_upcall_only(struct testbed_vcpu *v)
{
	__atomic_store_n(upcall_of(v), 0, __ATOMIC_SEQ_CST);
}

static uint64_t take_selector(struct testbed_vcpu *v)
{
	struct compat_vcpu_info *narrow = hv_vcpu_info32(v->hv, NULL, NULL);

	if (narrow)
		return __atomic_exchange_n(&narrow->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	return __atomic_exchange_n(&hv_vcpu_info(v->hv, NULL, NULL)->evtchn_pending_sel, 0,
				   __ATOMIC_SEQ_CST);
}

bool mem_take_upcall(struct testbed_vcpu *v, uint64_t *selector)
{
	if (!__atomic_exchange_n(upcall_of(v), 0, __ATOMIC_SEQ_CST))
		return false;
	*selector = take_selector(v);
	return true;
}
