/* SPDX-License-Identifier: MIT */
/*
 * A channel's whole life in one domain: allocated, bound, closed at both ends, and the event that
 * binding raises taken off by the guest, whose part is not counted. By the functions that the
 * operations are after decoding, and by hypercalls with the argument in guest memory.
 */
#include "../hypervisor/event.h"
#include <err.h>

#include "engine.h"

#define LIVES 64u

union argument {
	struct evtchn_alloc_unbound alloc;
	struct evtchn_bind_interdomain bind;
	struct evtchn_close close;
};

typedef long operation(struct hv_vcpu *v, unsigned op, union argument *arg);

static long directly(struct hv_vcpu *v, unsigned op, union argument *arg)
{
	switch (op) {
	case EVTCHNOP_alloc_unbound:
		return event_alloc_unbound(v, &arg->alloc);
	case EVTCHNOP_bind_interdomain:
		return event_bind_interdomain(v, &arg->bind);
	default:
		return event_close(hv_vcpu_domain(v), arg->close.port);
	}
}

static long by_hypercall(struct hv_vcpu *v, unsigned op, union argument *arg)
{
	return hv_hypercall(v, __HYPERVISOR_event_channel_op, (uint64_t[6]){ op, (uintptr_t)arg });
}

void engine_take_one(struct engine *e, evtchn_port_t port)
{
	struct vcpu_info *info = &e->shared->vcpu_info[0];

	__atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_RELAXED);
	if (!e->words) {
		__atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&e->shared->evtchn_pending[port / 64],
				   ~(UINT64_C(1) << port % 64), __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_exchange_n(&e->block[0]->ready, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(
		&e->words[port],
		~(1u << EVTCHN_FIFO_LINKED | 1u << EVTCHN_FIFO_PENDING | EVTCHN_FIFO_LINK_MASK),
		__ATOMIC_SEQ_CST);
}

static void lives(struct engine *e, operation *f)
{
	struct hv_vcpu *v = testbed_hv_vcpu(testbed_vcpu(e->to, 0));
	domid_t self = hv_domain_id(testbed_hv_domain(e->to));
	union argument *arg = (void *)e->args;

	for (unsigned i = 0; i < LIVES; i++) {
		evtchn_port_t a, b;
		long rc;

		arg->alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = self };
		rc = f(v, EVTCHNOP_alloc_unbound, arg);
		a = arg->alloc.port;
		arg->bind =
			(struct evtchn_bind_interdomain){ .remote_dom = self, .remote_port = a };
		rc |= f(v, EVTCHNOP_bind_interdomain, arg);
		b = arg->bind.local_port;
		engine_take_one(e, b);
		arg->close.port = a;
		rc |= f(v, EVTCHNOP_close, arg);
		arg->close.port = b;
		rc |= f(v, EVTCHNOP_close, arg);
		if (rc)
			errx(1, "an operation of a loopback pair failed");
	}
}

static void lives_directly(struct engine *e)
{
	lives(e, directly);
}

static void lives_by_hypercall(struct engine *e)
{
	lives(e, by_hypercall);
}

static void setup_2l(struct engine *e)
{
	engine_create(e, 16);
	e->args = testbed_page(e->to);
}

static void setup_fifo(struct engine *e)
{
	engine_create(e, 16);
	engine_fifo(e->to, 1, 1024, e->block, &e->words);
	e->args = testbed_page(e->to);
}

const struct row loopback_rows[] = {
	{ "engine/2l/loopback-pair", LIVES, setup_2l, NULL, lives_directly },
	{ "engine/fifo/loopback-pair", LIVES, setup_fifo, NULL, lives_directly },
	{ "hypercall/2l/loopback-pair", LIVES, setup_2l, NULL, lives_by_hypercall },
	{ "hypercall/fifo/loopback-pair", LIVES, setup_fifo, NULL, lives_by_hypercall },
};

const unsigned nr_loopback_rows = sizeof(loopback_rows) / sizeof(loopback_rows[0]);
