/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the hypervisor half's FIFO ABI, against a raw guest that keeps the ABI: moves,
 * closes and resets at moments that the guest half does not choose.
 */
#include <xen/sched.h>

#include "raw.h"

static struct {
	struct world w;
	struct world_domain *from, *to;
	struct raw r;
	struct channel c[3];
	bool done, stop;
} s;

static void check_queues(void)
{
	raw_check_queues(&s.r);
}

/* Three vCPUs that could send, a FIFO guest with a channel from each of the first ones. */
static void begin(unsigned vcpus, unsigned channels)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 3, 0);
	s.to = raw_domain(&s.w, &s.r, vcpus);
	raw_fifo(&s.r);
	for (unsigned i = 0; i < channels; i++)
		raw_channel(&s.r, &s.c[i], s.from, 0);
	sim_set_check(check_queues);
}

static void finish(unsigned channels)
{
	sim_run();
	for (unsigned i = 0; i < channels; i++) {
		channel_check(&s.c[i], "channel");
		world_expect(!(s.r.words[s.c[i].to] & (PENDING | LINKED)),
			     "port %u has %#x left in its word", s.c[i].to, s.r.words[s.c[i].to]);
	}
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

/* Queues grow and are drained: the tail is linked behind while it is taken off. */
static void fifo_drain(void)
{
	begin(1, 3);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.from->vcpu[2], "sender-2", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", enable);
	finish(3);
}

/* One port, sent to by two vCPUs. */
static void send_shared(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++)
		world_expect(channel_send(&s.c[0], v) == 0, "send failed");
}

static void fifo_same_port(void)
{
	begin(1, 1);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_shared);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_shared);
	world_run_vcpu(&s.to->vcpu[0], "guest", enable);
	finish(1);
}

static void fifo_level_flow(void)
{
	begin(1, 2);
	s.r.level = true;
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", enable);
	finish(2);
}

static void mask_and_unmask(struct world_vcpu *v)
{
	raw_enable(v);
	for (unsigned i = 0; i < 2; i++) {
		raw_mask(&s.r, s.c[0].to);
		s.c[0].disabled = true;
		sim_point();
		s.c[0].disabled = false;
		raw_unmask(&s.r, v, s.c[0].to);
	}
}

static void fifo_send_vs_unmask(void)
{
	begin(1, 2);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", mask_and_unmask);
	finish(2);
}

/* Unmasking on one vCPU, delivery on another. */
static void unmask_from_afar(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++) {
		raw_mask(&s.r, s.c[0].to);
		sim_point();
		raw_unmask(&s.r, v, s.c[0].to);
	}
}

static void fifo_unmask_elsewhere(void)
{
	begin(2, 1);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest-0", enable);
	world_run_vcpu(&s.to->vcpu[1], "guest-1", unmask_from_afar);
	finish(1);
}

/* A port is moved as the guest half must do it: mask, move, unmask by hypercall. */
static void migrate(struct world_vcpu *v)
{
	for (unsigned i = 1; i <= 2; i++) {
		raw_mask(&s.r, s.c[0].to);
		world_expect(raw_bind_vcpu(v, s.c[0].to, i % 2) == 0, "bind_vcpu");
		world_expect(raw_unmask_call(v, s.c[0].to) == 0, "unmask");
	}
}

static void fifo_send_vs_migrate(void)
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

static void change_priorities(struct world_vcpu *v)
{
	static const unsigned priorities[] = { 3, 7, 3 };

	for (unsigned i = 0; i < 3; i++)
		world_expect(raw_set_priority(v, s.c[0].to, priorities[i]) == 0, "set_priority");
}

/* No mask: what is linked stays where it is, the next event goes to the other queue. */
static void priority_vs_drain(void)
{
	begin(2, 2);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", enable);
	world_run_vcpu(&s.to->vcpu[1], "mover", change_priorities);
	finish(2);
}

/* A tail that goes to another queue while others link behind it, and is sent to by two. */
static void send_others(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++) {
		world_expect(channel_send(&s.c[1], v) == 0, "send failed");
		world_expect(channel_send(&s.c[2], v) == 0, "send failed");
	}
}

static void fifo_moving_tail(void)
{
	begin(2, 3);
	world_expect(raw_set_priority(&s.to->vcpu[0], s.c[1].to, 3) == 0, "set_priority");
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_shared);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_shared);
	world_run_vcpu(&s.from->vcpu[2], "sender-2", send_others);
	world_run_vcpu(&s.to->vcpu[0], "guest", enable);
	world_run_vcpu(&s.to->vcpu[1], "mover", change_priorities);
	finish(3);
}

/* ---- polling ---- */

/* Without upcalls: takes the event off the queue, whose only one it is, and handles it. */
static void poll_until_seen(struct world_vcpu *v)
{
	evtchn_port_t port = s.c[0].to;
	struct sched_poll p = { .ports = (uintptr_t)&port, .nr_ports = 1 };

	while (s.c[0].seen < 3) {
		world_expect(world_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&p,
					     0) == 0,
			     "poll");
		if (!raw_pending(&s.r, port))
			continue;
		ATOMIC_XCHG(&s.r.block[0]->ready, 0, __ATOMIC_SEQ_CST);
		ATOMIC_FETCH(and, &s.r.words[port], ~(PENDING | LINKED | LINK), __ATOMIC_SEQ_CST);
		channel_handle(&s.c[0]);
	}
}

static void fifo_poll_vs_send(void)
{
	begin(1, 1);
	sim_set_check(NULL);
	s.to->vcpu[0].upcall = NULL;
	world_run_vcpu(&s.from->vcpu[0], "sender", send_own);
	world_run_vcpu(&s.to->vcpu[0], "poller", poll_until_seen);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_end(&s.w);
}

/* ---- events before there are words for them ---- */

/* One each: the next one would hide that it was lost. */
static void send_one(struct world_vcpu *v)
{
	world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static void expand(struct world_vcpu *v)
{
	raw_expand_array(&s.r, v);
	raw_enable(v);
}

static void expand_vs_send(void)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = raw_domain(&s.w, &s.r, 1);
	raw_channel(&s.r, &s.c[0], s.from, 0);
	raw_channel(&s.r, &s.c[1], s.from, 0);
	raw_init_control(&s.r, &s.to->vcpu[0], 0);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_one);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_one);
	world_run_vcpu(&s.to->vcpu[0], "guest", expand);
	finish(2);
}

static void init_and_expand(struct world_vcpu *v)
{
	raw_init_control(&s.r, v, 0);
	raw_expand_array(&s.r, v);
	raw_enable(v);
}

/* From the 2-level ABI, in which some are pending, to FIFO. */
static void init_vs_send(void)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = raw_domain(&s.w, &s.r, 1);
	raw_channel(&s.r, &s.c[0], s.from, 0);
	raw_channel(&s.r, &s.c[1], s.from, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_one);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_one);
	world_run_vcpu(&s.to->vcpu[0], "guest", init_and_expand);
	finish(2);
}

/* ---- taking it all back ---- */

static void reset(struct world_vcpu *v)
{
	struct evtchn_reset a = { .dom = DOMID_SELF };

	world_expect(world_evtchn(v, EVTCHNOP_reset, &a) == 0, "reset");
	s.r.words = NULL;
	memset(v->d->shared, 0xff, 8);
	for (unsigned i = 0; i < 2; i++) {
		sim_point();
		world_expect(!raw_pending(&s.r, s.c[i].to), "port %u is pending after the reset",
			     s.c[i].to);
	}
	s.done = true;
}

/* Senders find the FIFO state or not, but never one that was freed. */
static void fifo_reset_vs_send(void)
{
	begin(1, 2);
	sim_set_check(NULL);
	s.to->vcpu[0].upcall = NULL;
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", reset);
	sim_run();
	world_expect(s.done, "the reset has not ended");
	world_end(&s.w);
}

static void look(void *arg)
{
	struct hv_port_info info;

	(void)arg;
	while (!s.done) {
		world_expect(hv_port_info(s.to->hv, s.c[0].to, &info) == 0, "port_info");
		sim_relax();
	}
}

/* The embedder looks at ports at any time, free ones too. */
static void fifo_reset_vs_look(void)
{
	begin(1, 2);
	sim_set_check(NULL);
	s.to->vcpu[0].upcall = NULL;
	world_run_vcpu(&s.to->vcpu[0], "guest", reset);
	sim_spawn("looker", look, NULL);
	sim_run();
	world_end(&s.w);
}

/* Closed while it is linked: not pending afterwards, and its number not had again until it is off.
 */
static void close_and_open(struct world_vcpu *v)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	uint32_t port = s.c[0].to;

	world_expect(raw_close(v, port) == 0, "close");
	world_expect(!raw_pending(&s.r, port), "port %u is pending after its close", port);
	world_expect(world_evtchn(v, EVTCHNOP_alloc_unbound, &a) == 0, "alloc_unbound");
	world_expect(a.port != port || !(s.r.words[port] & LINKED), "port %u is had again, linked",
		     port);
	raw_enable(v);
	sim_point();
	world_expect(!raw_pending(&s.r, port), "port %u has a phantom event", port);
}

static void fifo_close_vs_send(void)
{
	begin(1, 2);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_own);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_own);
	world_run_vcpu(&s.to->vcpu[0], "guest", close_and_open);
	sim_run();
	channel_check(&s.c[1], "the other channel");
	world_end(&s.w);
}

const struct scenario scenarios_fifo[] = {
	{ "fifo_drain", fifo_drain, 500 },
	{ "fifo_same_port", fifo_same_port, 250 },
	{ "fifo_level_flow", fifo_level_flow, 350 },
	{ "fifo_send_vs_unmask", fifo_send_vs_unmask, 350 },
	{ "fifo_unmask_elsewhere", fifo_unmask_elsewhere, 250 },
	{ "fifo_send_vs_migrate", fifo_send_vs_migrate, 550 },
	{ "priority_vs_drain", priority_vs_drain, 450 },
	{ "fifo_moving_tail", fifo_moving_tail, 550 },
	{ "fifo_poll_vs_send", fifo_poll_vs_send, 200 },
	{ "expand_vs_send", expand_vs_send, 300 },
	{ "init_vs_send", init_vs_send, 600 },
	{ "fifo_reset_vs_send", fifo_reset_vs_send, 500 },
	{ "fifo_reset_vs_look", fifo_reset_vs_look, 500 },
	{ "fifo_close_vs_send", fifo_close_vs_send, 350 },
	{ 0 },
};
