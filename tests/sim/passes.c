/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the guest half's quick passes (guest/irq/quick.h), on both ABIs: what may be changed
 * about an IRQ, by another CPU or by its own handler, while its event is between port and handler.
 */
#include "scenario.h"

#include <carillon/guest_smp.h>

#define CPUS   3u
#define OWNERS 5u

/* Who has the IRQ, or the port, in its turn: a handler and the dev that belongs to it. */
struct owner {
	struct channel *c;
	guest_irq_handler handler;
	bool percpu; /* of `cpu` alone */
	unsigned cpu;
	bool running; /* its handler */
	bool gone;    /* free has returned: its handler is neither running nor called again */
};

static struct {
	struct world w;
	struct world_domain *from, *to;
	struct channel c[OWNERS];
	struct owner owner[OWNERS];
	unsigned in[CPUS];	  /* the IRQ whose handler each CPU is in */
	unsigned passes;	  /* begun */
	unsigned passes_on[CPUS]; /* of IRQ 0, begun */
	unsigned setting;	  /* atomic: what drivers change and then synchronize */
	unsigned pass_setting;	  /* as the last pass saw it */
	bool sent, moved;	  /* a thread's part is done */
	unsigned owed;		  /* by the handler, to be done by CPU 1: enum owed */
	unsigned soft;		  /* the soft IRQ */
	unsigned raised, soft_seen;
	bool last;	   /* there is one, and it sends */
	bool unclaimed;	   /* some of the handler's answers */
	struct owner *now; /* whose the IRQ is, or is to be */
} s;

static void begin(unsigned guest_vcpus, enum guest_abi abi)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, guest_vcpus, 0, abi);
}

/* All that every handler here has in common. */
static enum guest_irqreturn handle_as(struct guest *g, unsigned irq, struct owner *o)
{
	unsigned cpu = guest_this_cpu(g);

	world_expect(!o->gone, "a handler is called that has been freed");
	world_expect(irq == o->c->irq, "IRQ %u has the handler of IRQ %u", irq, o->c->irq);
	world_expect(!s.in[cpu], "a handler in a handler");
	world_expect(!o->percpu || o->cpu == cpu, "CPU %u's handler runs on CPU %u", o->cpu, cpu);
	s.in[cpu] = irq;
	s.passes++;
	s.pass_setting = ATOMIC_LOAD(&s.setting, __ATOMIC_RELAXED);
	o->running = true;
	channel_handle(o->c);
	o->running = false;
	s.in[cpu] = 0;
	world_expect(!o->gone, "a handler is running that has been freed");
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	return handle_as(g, irq, dev);
}

/* Of owner 0 and of owner 1: each with its own dev. */
static enum guest_irqreturn first_handler(struct guest *g, unsigned irq, void *dev)
{
	world_expect(dev == &s.owner[0], "a handler with the dev of another");
	return handle_as(g, irq, dev);
}

static enum guest_irqreturn second_handler(struct guest *g, unsigned irq, void *dev)
{
	world_expect(dev == &s.owner[1], "a handler with the dev of another");
	return handle_as(g, irq, dev);
}

/* The channel's IRQ gets that owner. */
static void give(struct guest *g, struct owner *o)
{
	o->gone = false;
	world_expect(guest_request_irq(g, o->c->irq, o->handler, 0, "owner", o) == 0, "request");
}

static void own_channel(unsigned i, struct owner *o)
{
	int irq;

	world_connect(s.from, s.to, &s.c[i].from, &s.c[i].to);
	irq = guest_bind_evtchn_to_irq(s.to->guest, s.c[i].to);
	world_expect(irq > 0, "bind: %d", irq);
	s.c[i].irq = (unsigned)irq;
	o->c = &s.c[i];
	give(s.to->guest, o);
}

static void send_some(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[0], v) == 0, "send failed");
	s.sent = true;
}

static int move_to(struct guest *g, unsigned cpu)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, cpu);
	return guest_irq_set_affinity(g, s.c[0].irq, &mask);
}

/* ---- the handler changes, or must not run ---- */

static void disable_a_while(struct guest *g)
{
	world_expect(guest_disable_irq(g, s.c[0].irq) == 0, "disable");
	world_expect(!s.c[0].running, "disabled, and the handler is running");
	s.c[0].disabled = true;
	for (unsigned i = 0; i < 2; i++)
		sim_point();
	s.c[0].disabled = false;
	world_expect(guest_enable_irq(g, s.c[0].irq) == 0, "enable");
}

static void set_and_synchronize(struct guest *g, unsigned setting)
{
	ATOMIC_STORE(&s.setting, setting, __ATOMIC_RELAXED);
	world_expect(guest_synchronize_irq(g, s.c[0].irq) == 0, "synchronize");
	world_expect(!s.c[0].running || s.pass_setting == setting,
		     "synchronized, and a pass is running that has seen what was before");
}

/* CPU 2 gives the IRQ to the next owner as soon as it may, be a pass of the last one running. */
static void change_owner(struct guest *g, struct owner *from, struct owner *to)
{
	s.now = to;
	world_expect(guest_free_irq(g, s.c[0].irq, from) == 0, "free");
	world_expect(!from->running, "freed, and the handler is running");
	from->gone = true;
	while (s.now)
		sim_relax();
}

static void give_to_next(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	for (unsigned i = 0; i < 2; i++) {
		while (!s.now)
			sim_relax();
		s.now->gone = false;
		while (guest_request_irq(g, s.c[0].irq, s.now->handler, 0, "owner", s.now))
			sim_relax();
		s.now = NULL;
	}
}

static void change_all(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 2; i++) {
		disable_a_while(g);
		set_and_synchronize(g, i + 1);
		change_owner(g, &s.owner[i], &s.owner[!i]);
	}
}

static void change_vs_pass(enum guest_abi abi)
{
	begin(3, abi);
	s.owner[0].handler = first_handler;
	s.owner[1] = (struct owner){ .c = &s.c[0], .handler = second_handler };
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_some);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", change_all);
	world_run_vcpu(&s.to->vcpu[2], "cpu-2", give_to_next);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_end(&s.w);
}

/* ---- the port changes ---- */

/* A source that has been bound, to the port that was free. */
static void own_source(struct guest *g, struct owner *o, int irq)
{
	world_expect(irq > 0, "bind: %d", irq);
	for (unsigned i = 0; i < CPUS; i++)
		world_expect(s.in[i] != (unsigned)irq, "an IRQ is handed out in its handler");
	o->c->irq = (unsigned)irq;
	give(g, o);
}

static void own_ipi(struct guest *g, struct owner *o, unsigned cpu)
{
	o->percpu = true;
	o->cpu = cpu;
	own_source(g, o, guest_bind_ipi_to_irq(g, 0, cpu));
}

static void post_and_notify(struct guest *g, struct channel *c, unsigned sender)
{
	channel_post(c, sender);
	world_expect(guest_notify_irq(g, c->irq) == 0, "notify");
}

static void drop(struct guest *g, struct owner *o)
{
	world_expect(guest_unbind_from_irqhandler(g, o->c->irq, o) == 0, "unbind");
	world_expect(!o->c->running, "unbound, and the handler is running");
	o->gone = true;
}

static void rebind_as_ipi(struct guest *g, unsigned i, unsigned cpu)
{
	guest_flags_t flags = guest_local_irq_save(g);

	own_ipi(g, &s.owner[i], cpu);
	post_and_notify(g, &s.c[i], 0);
	/* An event of this CPU waits, and the other one may come upon it. */
	for (unsigned k = 0; k < 4; k++)
		sim_point();
	guest_local_irq_restore(g, flags);
}

/* The last one's peer sends as soon as the port is open, which is before it has an IRQ. */
static void rebind_as_channel(struct world_vcpu *v)
{
	struct channel *c = &s.c[OWNERS - 1];
	struct evtchn_bind_interdomain op = { .remote_dom = hv_domain_id(s.from->hv),
					      .remote_port = c->from };

	world_expect(world_evtchn(v, EVTCHNOP_bind_interdomain, &op) == 0, "bind_interdomain");
	/* Perhaps long before. */
	if (sim_random(2)) {
		while (!s.sent)
			sim_relax();
		for (unsigned i = 0; i < 10; i++)
			sim_relax();
	}
	own_source(v->d->guest, &s.owner[OWNERS - 1],
		   guest_bind_evtchn_to_irq(v->d->guest, op.local_port));
	while (!s.sent || c->seen < c->sent)
		sim_relax();
}

/* The events of all owners but the last may end with them. */
static void rebind(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 1; i < OWNERS - 1; i++) {
		drop(g, &s.owner[i - 1]);
		rebind_as_ipi(g, i, sim_random(2));
	}
	if (sim_random(2)) {
		while (s.c[OWNERS - 2].seen < s.c[OWNERS - 2].sent)
			sim_relax();
	}
	drop(g, &s.owner[OWNERS - 2]);
	if (s.last)
		rebind_as_channel(v);
}

static void send_when_bound(struct world_vcpu *v)
{
	struct channel *c = &s.c[OWNERS - 1];
	struct evtchn_status op = { .dom = DOMID_SELF, .port = c->from };

	while (op.status != EVTCHNSTAT_interdomain) {
		world_expect(world_evtchn(v, EVTCHNOP_status, &op) == 0, "status");
		sim_relax();
	}
	for (unsigned i = 0; i < 2; i++)
		world_expect(channel_send(c, v) == 0, "send failed");
	s.sent = true;
}

/* Port 0 of the list is closed at some time, and another's from then on. */
static void send_what_goes(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++) {
		channel_post(&s.c[0], v->id);
		(void)world_send(v, s.c[0].from);
	}
}

/* What is closed has nothing pending. */
static void expect_no_phantom(void)
{
	for (evtchn_port_t port = 1; port < 8; port++) {
		struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

		s.w.acting = &s.to->vcpu[0];
		if (world_evtchn(&s.to->vcpu[0], EVTCHNOP_status, &op) ||
		    op.status != EVTCHNSTAT_closed)
			continue;
		world_expect(!(guest_port_state(s.to->guest, port) & GUEST_PORT_PENDING),
			     "port %u is closed and has a phantom event", port);
	}
}

/* A port that the guest may bind. */
static void offer(struct channel *c)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
					   .remote_dom = hv_domain_id(s.to->hv) };

	s.w.acting = &s.from->vcpu[0];
	world_expect(world_evtchn(&s.from->vcpu[0], EVTCHNOP_alloc_unbound, &op) == 0, "alloc");
	c->from = op.port;
	s.w.acting = NULL;
}

static void run_peer(void)
{
	s.last = sim_random(2);
	if (!s.last)
		return;
	offer(&s.c[OWNERS - 1]);
	world_run_vcpu(&s.from->vcpu[1], "peer", send_when_bound);
}

static void unbind_vs_claim(enum guest_abi abi)
{
	begin(2, abi);
	for (unsigned i = 0; i < OWNERS; i++)
		s.owner[i] = (struct owner){ .c = &s.c[i], .handler = handler };
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_what_goes);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", rebind);
	run_peer();
	sim_run();
	channel_check(&s.c[OWNERS - 1], "the port's last owner");
	expect_no_phantom();
	world_end(&s.w);
}

/* One event, one owner after it, or none: more often near the moment that matters. */
static void rebind_once(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	drop(g, &s.owner[0]);
	if (s.last)
		rebind_as_channel(v);
	else if (sim_random(2))
		rebind_as_ipi(g, 1, 1);
}

static void send_what_goes_once(struct world_vcpu *v)
{
	(void)world_send(v, s.c[0].from);
}

static void rebind_vs_claim(enum guest_abi abi)
{
	begin(2, abi);
	for (unsigned i = 0; i < OWNERS; i++)
		s.owner[i] = (struct owner){ .c = &s.c[i], .handler = handler };
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_what_goes_once);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", rebind_once);
	run_peer();
	sim_run();
	channel_check(&s.c[1], "the next owner");
	channel_check(&s.c[OWNERS - 1], "the port's last owner");
	expect_no_phantom();
	world_end(&s.w);
}

/* ---- the line moves ---- */

/* Not from under a pass. */
static void move_and_look(struct guest *g, unsigned cpu)
{
	bool running = s.c[0].running;
	unsigned pass = s.passes, was = (unsigned)guest_irq_effective_cpu(g, s.c[0].irq), is;

	world_expect(move_to(g, cpu) == 0, "set_affinity");
	is = (unsigned)guest_irq_effective_cpu(g, s.c[0].irq);
	world_expect(!running || !s.c[0].running || s.passes != pass || is == was,
		     "the line is moved while a pass runs");
}

static void to_and_fro(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 1; i <= 5; i++)
		move_and_look(g, i % 2);
	s.moved = true;
}

/* When all others have been sent: one that takes a move with it that is due. */
static void send_last(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++)
		world_expect(channel_send(&s.c[0], v) == 0, "send failed");
	while (!s.moved || !s.sent)
		sim_relax();
	world_expect(channel_send(&s.c[0], v) == 0, "send failed");
}

static void stale_vs_pass(enum guest_abi abi)
{
	begin(2, abi);
	s.owner[0].handler = handler;
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_some);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_last);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", to_and_fro);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_expect(s.c[0].runs <= s.c[0].sent, "%u handled, %u sent", s.c[0].runs, s.c[0].sent);
	world_expect(guest_irq_effective_cpu(s.to->guest, s.c[0].irq) == 1, "a move is still due");
	world_end(&s.w);
}

/* The CPU that had the line has claimed a pass, and the line goes. */
static void send_one(struct world_vcpu *v)
{
	world_expect(channel_send(&s.c[0], v) == 0, "send failed");
}

static void move_once(struct world_vcpu *v)
{
	guest_local_irq_enable(v->d->guest);
	move_and_look(v->d->guest, 1);
}

/* Each event has had a pass, or is one with another: both halves say how many are. */
static void channel_account(const struct channel *c)
{
	struct guest_irq_stats stats = { 0 };
	struct hv_port_info info = { 0 };

	world_expect(hv_port_info(s.to->hv, c->to, &info) == 0 && info.counted, "port_info");
	world_expect(guest_irq_get_stats(s.to->guest, c->irq, &stats) == 0, "stats");
	world_expect(info.sends == c->runs + info.merged + stats.merged,
		     "%u events, %u passes, %u and %u merged", (unsigned)info.sends, c->runs,
		     (unsigned)info.merged, (unsigned)stats.merged);
}

static void claim_vs_move(enum guest_abi abi)
{
	begin(2, abi);
	world_expect(hv_domain_trace(s.to->hv, true) == 0, "trace");
	s.owner[0].handler = handler;
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_one);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_one);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", move_once);
	sim_run();
	channel_check(&s.c[0], "channel");
	channel_account(&s.c[0]);
	world_end(&s.w);
}

/* ---- who waits for a pass waits for one ---- */

/* So there is a next pass until the wait is over; all this time the CPU's last claim is the IRQ's.
 */
static void send_again(struct channel *c)
{
	if (s.moved)
		return;
	post_and_notify(s.to->guest, c, 0);
	sim_relax(); /* the other CPU goes on */
}

static void wait_in_storm(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	post_and_notify(g, &s.c[0], 1);
	while (!s.c[0].running)
		sim_relax();
	set_and_synchronize(g, 1);
	s.moved = true;
}

static void storm_vs_wait(enum guest_abi abi)
{
	begin(2, abi);
	s.owner[0] = (struct owner){ .c = &s.c[0], .handler = handler };
	s.c[0].inside = send_again;
	own_ipi(s.to->guest, &s.owner[0], 0);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", wait_in_storm);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_end(&s.w);
}

/* ---- what a handler does to its own IRQ ---- */

enum owed {
	NOTHING,
	ENABLE,
	REQUEST,
};

static enum guest_irqreturn soft_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	(void)dev;
	world_expect(!s.in[guest_this_cpu(g)], "a soft IRQ in a handler");
	s.soft_seen = s.raised;
	return GUEST_IRQ_HANDLED;
}

static void raise_soft(struct guest *g)
{
	s.raised++;
	world_expect(guest_raise_irq(g, s.soft) == 0, "raise");
	world_expect(s.soft_seen < s.raised, "a soft IRQ has been handled in a handler");
}

static void do_to_own(struct channel *c)
{
	struct guest *g = s.to->guest;

	switch (sim_random(5)) {
	case 0:
		raise_soft(g);
		break;
	case 1:
		world_expect(guest_disable_irq(g, c->irq) == 0, "disable");
		c->disabled = true;
		s.owed = ENABLE;
		break;
	case 2:
		world_expect(guest_free_irq(g, c->irq, s.now) == 0, "free");
		c->disabled = true;
		s.owed = REQUEST;
		break;
	case 3:
		guest_local_irq_enable(g);
		sim_point();
		break;
	case 4:
		world_enable_events(&s.to->vcpu[guest_this_cpu(g)]);
		sim_point();
		break;
	}
}

static enum guest_irqreturn own_handler(struct guest *g, unsigned irq, void *dev)
{
	world_expect(dev == s.now, "a handler with the dev of another");
	(void)handle_as(g, irq, dev);
	return s.unclaimed && sim_random(2) ? GUEST_IRQ_NONE : GUEST_IRQ_HANDLED;
}

/* CPU 1 takes back what the handler has done; the next owner has another dev. */
static void take_back(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	while (!s.sent || s.c[0].seen < s.c[0].sent || s.owed) {
		enum owed owed = (enum owed)s.owed;

		s.owed = NOTHING;
		if (owed)
			s.c[0].disabled = false;
		if (owed == REQUEST)
			s.now = &s.owner[s.now == &s.owner[0]];
		if (owed == ENABLE)
			world_expect(guest_enable_irq(g, s.c[0].irq) == 0, "enable");
		else if (owed == REQUEST)
			give(g, s.now);
		else
			sim_relax();
	}
}

static void own_vs_events(enum guest_abi abi)
{
	int irq;

	begin(2, abi);
	s.unclaimed = !sim_random(4);
	irq = guest_alloc_irq(s.to->guest);
	world_expect(irq > 0, "alloc_irq: %d", irq);
	s.soft = (unsigned)irq;
	world_expect(!guest_set_irq_flow(s.to->guest, s.soft, GUEST_FLOW_SIMPLE), "set_irq_flow");
	world_expect(!guest_request_irq(s.to->guest, s.soft, soft_handler, 0, "soft", NULL),
		     "request");
	for (unsigned i = 0; i < 2; i++)
		s.owner[i] = (struct owner){ .c = &s.c[0], .handler = own_handler };
	s.now = &s.owner[0];
	s.c[0].inside = do_to_own;
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_some);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", take_back);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_expect(s.soft_seen == s.raised, "a soft IRQ was lost");
	world_end(&s.w);
}

/* ---- a handler that unbinds its IRQ, and another source that wants one ---- */

static void unbind_own(struct channel *c)
{
	struct guest *g = s.to->guest;

	if (s.now != &s.owner[0])
		return;
	world_expect(guest_unbind_from_irqhandler(g, c->irq, s.now) == 0, "unbind");
	s.now = &s.owner[1];
	for (unsigned i = 0; i < 3; i++)
		sim_point();
}

static void bind_what_went(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	while (s.now == &s.owner[0])
		sim_relax();
	own_ipi(g, &s.owner[1], sim_random(2));
	for (unsigned i = 0; i < 2; i++)
		post_and_notify(g, &s.c[1], 0);
}

/* Its IRQ may have no line any more, and the handler run on. */
static void synchronize_what_goes(struct world_vcpu *v)
{
	guest_local_irq_enable(v->d->guest);
	for (unsigned i = 0; i < 3 && s.now == &s.owner[0]; i++) {
		bool running = s.c[0].running;

		world_expect(!guest_synchronize_irq(v->d->guest, s.c[0].irq), "synchronize");
		world_expect(!running || !s.c[0].running, "synchronized, and the pass is running");
	}
}

static void own_unbind_vs_bind(enum guest_abi abi)
{
	begin(3, abi);
	for (unsigned i = 0; i < 2; i++)
		s.owner[i] = (struct owner){ .c = &s.c[i], .handler = handler };
	s.now = &s.owner[0];
	s.c[0].inside = unbind_own;
	own_channel(0, &s.owner[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_what_goes);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", bind_what_went);
	world_run_vcpu(&s.to->vcpu[2], "cpu-2", synchronize_what_goes);
	sim_run();
	world_expect(s.c[0].runs == 1, "%u runs of a handler that unbinds itself", s.c[0].runs);
	channel_check(&s.c[1], "the port's next owner");
	world_expect(guest_irq_count(s.to->guest, s.c[1].irq) == s.c[1].runs,
		     "%u runs of the next owner are counted otherwise", s.c[1].runs);
	expect_no_phantom();
	world_end(&s.w);
}

/* ---- counts ---- */

static void read_counts(struct world_vcpu *v)
{
	uint64_t before[CPUS] = { 0 }, n, sum, last = 0;
	struct guest *g = v->d->guest;

	for (unsigned i = 0; i < 6; i++) {
		sum = guest_irq_count(g, s.c[0].irq);
		world_expect(sum >= last, "the count goes back");
		/* One that has begun has perhaps not come to its handler. */
		world_expect(sum <= s.c[0].runs + 1, "%u runs are counted as %u", s.c[0].runs,
			     (unsigned)sum);
		last = sum;
		for (unsigned cpu = 0; cpu < 2; cpu++) {
			n = guest_irq_count_cpu(g, s.c[0].irq, cpu);
			world_expect(n >= before[cpu], "the count of CPU %u goes back", cpu);
			before[cpu] = n;
		}
	}
}

/* Passes also end slowly; and the next claim of their CPU may be another IRQ's. */
static enum guest_irqreturn counted_handler(struct guest *g, unsigned irq, void *dev)
{
	s.passes_on[guest_this_cpu(g)]++;
	(void)handle_as(g, irq, dev);
	return sim_random(2) ? GUEST_IRQ_NONE : GUEST_IRQ_HANDLED;
}

static void send_some_elsewhere(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[1], v) == 0, "send failed");
}

static void counts_vs_move(enum guest_abi abi)
{
	begin(3, abi);
	s.owner[0].handler = counted_handler;
	s.owner[1].handler = handler;
	for (unsigned i = 0; i < 2; i++)
		own_channel(i, &s.owner[i]);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_some);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_some_elsewhere);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", to_and_fro);
	world_run_vcpu(&s.to->vcpu[2], "cpu-2", read_counts);
	sim_run();
	for (unsigned i = 0; i < 2; i++) {
		channel_check(&s.c[i], "channel");
		world_expect(guest_irq_count(s.to->guest, s.c[i].irq) == s.c[i].runs,
			     "%u runs were counted otherwise", s.c[i].runs);
	}
	for (unsigned cpu = 0; cpu < 2; cpu++)
		world_expect(guest_irq_count_cpu(s.to->guest, s.c[0].irq, cpu) == s.passes_on[cpu],
			     "%u runs of CPU %u were counted otherwise", s.passes_on[cpu], cpu);
	world_end(&s.w);
}

/* ---- each on both ABIs ---- */

ON_BOTH(change_vs_pass);
ON_BOTH(unbind_vs_claim);
ON_BOTH(rebind_vs_claim);
ON_BOTH(stale_vs_pass);
ON_BOTH(claim_vs_move);
ON_BOTH(storm_vs_wait);
ON_BOTH(own_vs_events);
ON_BOTH(own_unbind_vs_bind);
ON_BOTH(counts_vs_move);

const struct scenario scenarios_passes[] = {
	{ "change_vs_pass", change_vs_pass_2l, 600 },
	{ "guest_fifo_change_vs_pass", change_vs_pass_fifo, 650 },
	{ "unbind_vs_claim", unbind_vs_claim_2l, 1150 },
	{ "guest_fifo_unbind_vs_claim", unbind_vs_claim_fifo, 1250 },
	{ "rebind_vs_claim", rebind_vs_claim_2l, 450 },
	{ "guest_fifo_rebind_vs_claim", rebind_vs_claim_fifo, 450 },
	{ "stale_vs_pass", stale_vs_pass_2l, 1000 },
	{ "guest_fifo_stale_vs_pass", stale_vs_pass_fifo, 1050 },
	{ "claim_vs_move", claim_vs_move_2l, 350 },
	{ "guest_fifo_claim_vs_move", claim_vs_move_fifo, 400 },
	{ "storm_vs_wait", storm_vs_wait_2l, 300 },
	{ "guest_fifo_storm_vs_wait", storm_vs_wait_fifo, 300 },
	{ "own_vs_events", own_vs_events_2l, 300 },
	{ "guest_fifo_own_vs_events", own_vs_events_fifo, 350 },
	{ "own_unbind_vs_bind", own_unbind_vs_bind_2l, 700 },
	{ "guest_fifo_own_unbind_vs_bind", own_unbind_vs_bind_fifo, 750 },
	{ "counts_vs_move", counts_vs_move_2l, 1250 },
	{ "guest_fifo_counts_vs_move", counts_vs_move_fifo, 1350 },
	{ 0 },
};
