/* SPDX-License-Identifier: MIT */
/*
 * A channel's whole life: allocated, bound, closed at both ends, by hypercalls of one domain, and
 * the event that binding raises taken off by the guest, whose part is not counted.
 */
#include <err.h>

#include "engine.h"

#define LIVES 64u

static void call(struct engine *e, unsigned op, void *arg)
{
	struct hv_vcpu *v = testbed_hv_vcpu(testbed_vcpu(e->to, 0));
	uint64_t args[6] = { op, (uintptr_t)arg };

	if (hv_hypercall(v, __HYPERVISOR_event_channel_op, args))
		errx(1, "event channel operation %u", op);
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

static void lives(struct engine *e)
{
	domid_t self = hv_domain_id(testbed_hv_domain(e->to));
	union {
		struct evtchn_alloc_unbound alloc;
		struct evtchn_bind_interdomain bind;
		struct evtchn_close close;
	} *arg = (void *)e->args;

	for (unsigned i = 0; i < LIVES; i++) {
		evtchn_port_t a, b;

		arg->alloc = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = self };
		call(e, EVTCHNOP_alloc_unbound, arg);
		a = arg->alloc.port;
		arg->bind =
			(struct evtchn_bind_interdomain){ .remote_dom = self, .remote_port = a };
		call(e, EVTCHNOP_bind_interdomain, arg);
		b = arg->bind.local_port;
		engine_take_one(e, b);
		arg->close.port = a;
		call(e, EVTCHNOP_close, arg);
		arg->close.port = b;
		call(e, EVTCHNOP_close, arg);
	}
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
	{ "engine/2l/loopback-pair", LIVES, setup_2l, NULL, lives },
	{ "engine/fifo/loopback-pair", LIVES, setup_fifo, NULL, lives },
};

const unsigned nr_loopback_rows = sizeof(loopback_rows) / sizeof(loopback_rows[0]);
