/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the hypervisor half on the 2-level ABI, against raw guests: moving, closing,
 * resetting, polling, going offline, moving vcpu_info, dying, all while others send.
 */
#include "raw.h"

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static struct {
	struct world w;
	struct world_domain *from, *to;
	struct raw r;
	struct channel c[3];
	evtchn_port_t old; /* the sender's end of what is closed */
	bool reopened, destroyed;
	unsigned closed; /* how often with success */
	unsigned ups;
	unsigned polled; /* ports at once */
} s;

static void begin(unsigned vcpus, unsigned channels)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 3, 0);
	s.to = raw_domain(&s.w, &s.r, vcpus);
	for (unsigned i = 0; i < channels; i++)
		raw_channel(&s.r, &s.c[i], s.from, 0);
}

static void finish(unsigned channels)
{
	sim_run();
	for (unsigned i = 0; i < channels; i++)
		channel_check(&s.c[i], "channel");
	world_end(&s.w);
}

static void send_own(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static void enable(struct world_vcpu *v)
{
	raw_enable(v);
}

/* ---- moving a port ---- */

static void migrate(struct world_vcpu *v)
{
	uint32_t port = s.c[0].to, bit = 1u << port;

	for (unsigned i = 1; i <= 2; i++) {
		raw_mask(&s.r, port);
		s.r.mine[!(i % 2)] &= ~bit;
		world_expect(raw_bind_vcpu(v, port, i % 2) == 0, "bind_vcpu");
		s.r.mine[i % 2] |= bit;
		world_expect(raw_unmask_call(v, port) == 0, "unmask");
	}
}

static void send_vs_migrate(void)
{
	begin(3, 2);
	s.c[0].overlaps = true;
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest-0", enable);
	world_run_vcpu(&s.to->vcpu[1], "guest-1", enable);
	world_run_vcpu(&s.to->vcpu[2], "mover", migrate);
	finish(2);
}

/* Two move the port at once, to the same vCPU: both hear so when nobody notifies the old one. */
static void move_to_one(struct world_vcpu *v)
{
	struct vcpu_info *old = &v->d->shared->vcpu_info[0];

	world_expect(raw_bind_vcpu(v, s.c[0].to, 1) == 0, "bind_vcpu");
	__atomic_store_n(&old->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 3; i++) {
		sim_point();
		world_expect(!__atomic_load_n(&old->evtchn_upcall_pending, __ATOMIC_SEQ_CST),
			     "the old vCPU is notified after the move");
	}
}

static void send_once(struct world_vcpu *v)
{
	world_expect(world_send(v, s.c[0].from) == 0, "send failed");
}

static void two_move_one(void)
{
	begin(3, 1);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_once);
	world_run_vcpu(&s.to->vcpu[1], "mover-1", move_to_one);
	world_run_vcpu(&s.to->vcpu[2], "mover-2", move_to_one);
	sim_run();
	world_end(&s.w);
}

/* ---- closing ---- */

static void send_old(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(world_send(v, s.old) == 0, "send failed");
}

static void expect_clean(struct world_vcpu *v, uint32_t port, const char *after)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(!raw_pending(v->d->user, port), "port %u has a phantom event %s", port,
			     after);
}

/* The close of another port first, as in close_two_vs_send. */
static void close_and_reopen(struct world_vcpu *v)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	uint32_t port = s.c[0].to;

	world_expect(raw_close(v, s.c[1].to) == 0, "close");
	world_expect(raw_close(v, port) == 0, "close");
	expect_clean(v, port, "after its close");
	world_expect(world_evtchn(v, EVTCHNOP_alloc_unbound, &a) == 0 && a.port == port,
		     "alloc_unbound gives port %u", a.port);
	expect_clean(v, port, "while nobody is bound to it");
	s.reopened = true;
	raw_enable(v);
}

/* The new channel at the same number has the new events and no other. */
static void bind_again(struct world_vcpu *v)
{
	struct evtchn_bind_interdomain a = { .remote_dom = 2, .remote_port = s.c[0].to };

	while (!s.reopened)
		sim_relax();
	world_expect(world_evtchn(v, EVTCHNOP_bind_interdomain, &a) == 0, "bind_interdomain");
	s.c[0].from = a.local_port;
	for (unsigned i = 0; i < 2; i++)
		world_expect(channel_send(&s.c[0], v) == 0, "send failed");
}

static void close_vs_send(void)
{
	begin(1, 2);
	s.old = s.c[0].from;
	world_run_vcpu(&s.from->vcpu[0], "binder", bind_again);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_old);
	world_run_vcpu(&s.from->vcpu[2], "sender-2", send_old);
	world_run_vcpu(&s.to->vcpu[0], "guest", close_and_reopen);
	sim_run();
	channel_check(&s.c[0], "the new channel");
	world_expect(s.c[0].runs <= s.c[0].sent, "%u handled, %u sent", s.c[0].runs, s.c[0].sent);
	world_end(&s.w);
}

static void close_two(struct world_vcpu *v)
{
	world_expect(raw_close(v, s.c[1].to) == 0, "close");
	world_expect(raw_close(v, s.c[0].to) == 0, "close");
	expect_clean(v, s.c[0].to, "after its close");
}

/* A sender that has come in before the first wait may be in until the second. */
static void close_two_vs_send(void)
{
	begin(1, 2);
	s.old = s.c[0].from;
	world_run_vcpu(&s.from->vcpu[1], "sender", send_old);
	world_run_vcpu(&s.to->vcpu[0], "closer", close_two);
	sim_run();
	world_end(&s.w);
}

/* Who raises is no vCPU's thread; all of these count themselves in one place. */
static void raise_debug(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2; i++)
		hv_vcpu_virq(s.to->vcpu[0].hv, VIRQ_DEBUG);
}

static void close_virq(struct world_vcpu *v)
{
	world_expect(raw_close(v, s.c[0].to) == 0, "close");
	world_expect(raw_close(v, s.old) == 0, "close");
	expect_clean(v, s.old, "after its close");
}

/* As close_two_vs_send. */
static void virq_close_vs_raise(void)
{
	struct evtchn_bind_virq a = { .virq = VIRQ_DEBUG };

	begin(1, 1);
	s.to->vcpu[0].upcall = NULL;
	world_expect(world_evtchn(&s.to->vcpu[0], EVTCHNOP_bind_virq, &a) == 0, "bind_virq");
	s.old = a.port;
	sim_spawn("device-1", raise_debug, NULL);
	sim_spawn("device-2", raise_debug, NULL);
	world_run_vcpu(&s.to->vcpu[0], "closer", close_virq);
	sim_run();
	world_end(&s.w);
}

static void close_from(struct world_vcpu *v)
{
	world_expect(raw_close(v, s.c[0].from) == 0, "close");
}

static void close_to(struct world_vcpu *v)
{
	world_expect(raw_close(v, s.c[0].to) == 0, "close");
	expect_clean(v, s.c[0].to, "after its close");
}

static void send_any(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++)
		world_send(v, s.c[0].from);
}

/* Both ends, and somebody who sends: the two locks, and the state of each end for the other. */
static void close_vs_close(void)
{
	struct hv_port_info from, to;

	begin(1, 1);
	world_run_vcpu(&s.from->vcpu[0], "closer-1", close_from);
	world_run_vcpu(&s.from->vcpu[1], "sender", send_any);
	world_run_vcpu(&s.to->vcpu[0], "closer-2", close_to);
	sim_run();
	hv_port_info(s.from->hv, s.c[0].from, &from);
	hv_port_info(s.to->hv, s.c[0].to, &to);
	world_expect(from.status == EVTCHNSTAT_closed && to.status == EVTCHNSTAT_closed,
		     "status %u and %u", from.status, to.status);
	world_end(&s.w);
}

/* A port of the domain's own: its one end is looked at by the sender and closed. */
static void send_ipi(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_send(v, s.old); /* -EINVAL from the close on */
}

static void close_ipi(struct world_vcpu *v)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };

	world_expect(raw_close(v, s.old) == 0, "close");
	expect_clean(v, s.old, "after its close");
	world_expect(world_evtchn(v, EVTCHNOP_bind_ipi, &a) == 0 && a.port == s.old, "bind_ipi");
}

static void ipi_close_vs_send(void)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };

	begin(3, 0);
	world_expect(world_evtchn(&s.to->vcpu[0], EVTCHNOP_bind_ipi, &a) == 0, "bind_ipi");
	s.old = a.port;
	for (unsigned i = 0; i < 3; i++)
		s.to->vcpu[i].upcall = NULL;
	world_run_vcpu(&s.to->vcpu[0], "closer", close_ipi);
	world_run_vcpu(&s.to->vcpu[1], "sender-1", send_ipi);
	world_run_vcpu(&s.to->vcpu[2], "sender-2", send_ipi);
	sim_run();
	world_end(&s.w);
}

static void reset_self(struct world_vcpu *v)
{
	struct evtchn_reset a = { .dom = DOMID_SELF };

	world_expect(world_evtchn(v, EVTCHNOP_reset, &a) == 0, "reset");
	expect_clean(v, s.c[0].to, "after the reset");
	expect_clean(v, s.c[1].to, "after the reset");
}

static void reset_vs_send(void)
{
	begin(1, 2);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", reset_self);
	sim_run();
	world_end(&s.w);
}

/* ---- polling ---- */

/* Without upcalls: takes the event itself. */
static void poll_until_seen(struct world_vcpu *v)
{
	evtchn_port_t ports[2] = { s.c[0].to, s.c[1].to };
	struct sched_poll p = { .ports = (uintptr_t)ports, .nr_ports = s.polled };

	while (s.c[0].seen < 3) {
		if (s.w.timer)
			p.timeout = s.w.now + 1000;
		world_expect(world_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&p,
					     0) == 0,
			     "poll");
		if (!raw_pending(&s.r, s.c[0].to))
			continue;
		ATOMIC_FETCH(and, &v->d->shared->evtchn_pending[0], ~(UINT64_C(1) << s.c[0].to),
			     __ATOMIC_SEQ_CST);
		channel_handle(&s.c[0]);
	}
}

static void poll_ports(unsigned n, bool timeouts)
{
	begin(1, 2);
	s.polled = n;
	s.to->vcpu[0].upcall = NULL;
	if (timeouts)
		world_timer(&s.w);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_own);
	world_run_vcpu(&s.to->vcpu[0], "poller", poll_until_seen);
	finish(1);
}

static void poll_vs_send(void)
{
	poll_ports(1, false);
}

/* Of two ports at once; the other one is never sent to. */
static void poll_two_vs_send(void)
{
	poll_ports(2, false);
}

/* The other one: only the deadline ends it. */
static void poll_timeout(struct world_vcpu *v)
{
	evtchn_port_t port = s.c[1].to;
	struct sched_poll p = { .ports = (uintptr_t)&port, .nr_ports = 1 };

	for (unsigned i = 0; i < 3; i++) {
		p.timeout = s.w.now + UINT64_C(1000) * (1 + sim_random(2));
		world_expect(world_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&p,
					     0) == 0,
			     "poll");
		world_expect(s.w.now >= p.timeout, "a poll ends before its deadline");
	}
}

static void poll_until_deadline(void)
{
	begin(1, 2);
	s.to->vcpu[0].upcall = NULL;
	world_timer(&s.w);
	world_run_vcpu(&s.to->vcpu[0], "poller", poll_timeout);
	sim_run();
	world_end(&s.w);
}

static void poll_timeout_vs_send(void)
{
	poll_ports(1, true);
}

/* ---- a vCPU that is taken down and comes again ---- */

static void go_down(struct world_vcpu *v)
{
	raw_enable(v);
	for (unsigned i = 0; i < 2; i++)
		world_expect(world_hypercall(v, __HYPERVISOR_vcpu_op, VCPUOP_down, v->id, 0) == 0,
			     "down");
}

static void bring_up(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++) {
		while (world_hypercall(v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0))
			sim_relax();
		world_expect(world_hypercall(v, __HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0) == 0, "up");
		s.ups++;
	}
}

static void offline_vs_send(void)
{
	begin(2, 0);
	raw_channel(&s.r, &s.c[0], s.from, 1);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest-0", bring_up);
	world_run_vcpu(&s.to->vcpu[1], "guest-1", go_down);
	finish(1);
}

/* ---- vcpu_info moves ---- */

static void move_info(struct world_vcpu *v)
{
	uint8_t *page = world_page(v->d);
	struct vcpu_register_vcpu_info r = { .mfn = world_frame(v->d, page), .offset = 64 };

	raw_enable(v);
	sim_point();
	raw_disable(v);
	world_expect(world_hypercall(v, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, v->id,
				     (uintptr_t)&r) == 0,
		     "register_vcpu_info");
	raw_enable(v);
}

static void register_vs_send(void)
{
	begin(1, 2);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", move_info);
	finish(2);
}

/* ---- the end of a domain ---- */

static void destroyer(void *arg)
{
	(void)arg;
	world_stop(s.to);
	world_destroy(&s.w, s.to);
	s.destroyed = true;
}

static void send_and_close(struct world_vcpu *v)
{
	world_expect(world_send(v, s.c[2].from) == 0, "send failed");
	world_expect(raw_close(v, s.c[2].from) == 0, "close");
}

static void destroy_vs_send(void)
{
	struct hv_port_info info;

	begin(2, 3);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.from->vcpu[2], "closer", send_and_close);
	world_run_vcpu(&s.to->vcpu[0], "guest-0", enable);
	sim_spawn("destroyer", destroyer, NULL);
	sim_run();
	world_expect(s.destroyed, "the domain is still there");
	hv_port_info(s.from->hv, s.c[0].from, &info);
	world_expect(info.status == EVTCHNSTAT_unbound, "the peer's port is %u", info.status);
	world_end(&s.w);
}

/* ---- a number that is in use again ---- */

static void close_it(struct world_vcpu *v)
{
	long rc = raw_close(v, s.c[0].to);

	world_expect(rc == 0 || rc == -XEN_EINVAL, "close: %ld", rc);
	s.closed += rc == 0;
}

static void close_and_reopen_within(struct world_vcpu *v)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	long rc;

	close_it(v);
	world_expect(world_evtchn(v, EVTCHNOP_alloc_unbound, &a) == 0, "alloc_unbound");
	world_expect(a.port == s.c[0].to, "it has number %u", a.port);
	b.remote_port = a.port;
	rc = world_evtchn(v, EVTCHNOP_bind_interdomain, &b);
	world_expect(rc == 0 || rc == -XEN_EINVAL, "bind_interdomain: %ld", rc);
	s.reopened = rc == 0;
	s.old = b.local_port;
}

/*
 * Who closes a port of two domains gives up its lock to take both. Meanwhile the other vCPU closes
 * it and has the number again, for a port that is connected within the domain.
 */
static void close_vs_reopen(void)
{
	struct hv_port_info first, second;

	begin(2, 1);
	s.to->vcpu[0].upcall = s.to->vcpu[1].upcall = NULL;
	world_run_vcpu(&s.to->vcpu[0], "closer", close_it);
	world_run_vcpu(&s.to->vcpu[1], "reopener", close_and_reopen_within);
	sim_run();
	hv_port_info(s.to->hv, s.c[0].to, &first);
	world_expect(first.status == (s.closed == 1 ? EVTCHNSTAT_interdomain : EVTCHNSTAT_closed),
		     "%u closed it, and it is %u", s.closed, first.status);
	if (s.reopened) {
		hv_port_info(s.to->hv, s.old, &second);
		world_expect(second.status ==
				     (s.closed == 1 ? EVTCHNSTAT_interdomain : EVTCHNSTAT_unbound),
			     "%u closed it, and the other end is %u", s.closed, second.status);
	}
	world_end(&s.w);
}

/* ---- a paused domain ---- */

static void pauser(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2; i++) {
		hv_domain_pause(s.to->hv);
		sim_point();
		hv_domain_unpause(s.to->hv);
	}
}

static void block_often(struct world_vcpu *v)
{
	raw_enable(v);
	while (s.c[0].seen < 3) {
		raw_disable(v);
		if (s.c[0].seen < 3)
			world_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0);
		raw_enable(v);
	}
}

static void pause_vs_send(void)
{
	begin(1, 1);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", block_often);
	sim_spawn("pauser", pauser, NULL);
	finish(1);
}

const struct scenario scenarios_raw[] = {
	{ "send_vs_migrate", send_vs_migrate, 500 },
	{ "two_move_one", two_move_one, 200 },
	{ "close_vs_send", close_vs_send, 500 },
	{ "close_two_vs_send", close_two_vs_send, 200 },
	{ "close_vs_close", close_vs_close, 200 },
	{ "close_vs_reopen", close_vs_reopen, 200 },
	{ "ipi_close_vs_send", ipi_close_vs_send, 150 },
	{ "virq_close_vs_raise", virq_close_vs_raise, 200 },
	{ "reset_vs_send", reset_vs_send, 550 },
	{ "poll_vs_send", poll_vs_send, 150 },
	{ "poll_two_vs_send", poll_two_vs_send, 200 },
	{ "poll_until_deadline", poll_until_deadline, 150 },
	{ "poll_timeout_vs_send", poll_timeout_vs_send, 200 },
	{ "offline_vs_send", offline_vs_send, 300 },
	{ "register_vs_send", register_vs_send, 350 },
	{ "destroy_vs_send", destroy_vs_send, 650 },
	{ "pause_vs_send", pause_vs_send, 250 },
	{ 0 },
};
