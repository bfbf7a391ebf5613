/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the guest half with a few ports in one upcall, on both ABIs: what a pass leaves
 * behind for what its CPU does next, and what one handler changes about the IRQ that comes after
 * it.
 */
#include "scenario.h"

#include <carillon/guest_smp.h>

#define CHANNELS 3u

static struct {
	struct world w;
	struct world_domain *from, *to;
	unsigned n; /* channels that there are */
	struct channel c[CHANNELS];
	struct user {
		bool busy;    /* being changed */
		bool gone;    /* free has returned: the handler is not called again */
		unsigned cpu; /* of an IPI */
	} user[CHANNELS];
	bool in[2];	  /* a handler: each CPU */
	unsigned changes; /* that handlers may still make */
	unsigned soft;	  /* the soft IRQ */
	unsigned raised, soft_seen;
	unsigned left;	     /* atomic: as a handler's last act, how often it has run */
	bool waiting;	     /* CPU 1, for a pass of the first one's */
	bool owed;	     /* by the first handler: the second is to be enabled again */
	bool sent[CHANNELS]; /* a sender's part is done */
} s;

static void begin(enum guest_abi abi, unsigned n)
{
	memset(&s, 0, sizeof(s));
	s.n = n;
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, 2, 0, abi);
}

/* Channels, each with a plain handler. */
static void begin_plain(enum guest_abi abi, unsigned second_flags)
{
	begin(abi, 2);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	channel_to_guest(&s.c[1], s.from, s.to, second_flags);
}

static void send_all(struct world_vcpu *v, unsigned i)
{
	for (unsigned n = 0; n < 3; n++)
		world_expect(channel_send(&s.c[i], v) == 0, "send failed");
	s.sent[i] = true;
}

static void send_even(struct world_vcpu *v)
{
	for (unsigned i = 0; i < s.n; i += 2)
		send_all(v, i);
}

static void send_second(struct world_vcpu *v)
{
	send_all(v, 1);
}

static bool all_sent(void)
{
	bool sent = true;

	for (unsigned i = 0; i < s.n; i++)
		sent = sent && s.sent[i];
	return sent;
}

static bool all_seen(void)
{
	bool seen = all_sent();

	for (unsigned i = 0; i < s.n; i++)
		seen = seen && s.c[i].seen == s.c[i].sent;
	return seen;
}

static void run(void (*cpu_1)(struct world_vcpu *v))
{
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_even);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_second);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", cpu_1);
	sim_run();
	for (unsigned i = 0; i < s.n; i++)
		channel_check(&s.c[i], "channel");
}

/* ---- a quick pass, then one that is not ---- */

static enum guest_irqreturn soft_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	(void)dev;
	world_expect(!s.in[guest_this_cpu(g)], "a soft IRQ in a handler");
	s.soft_seen = s.raised;
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn other_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_NONE;
}

static void soft_irq(struct guest *g)
{
	int irq = guest_alloc_irq(g);

	world_expect(irq > 0, "alloc_irq: %d", irq);
	s.soft = (unsigned)irq;
	world_expect(!guest_set_irq_flow(g, s.soft, GUEST_FLOW_SIMPLE), "set_irq_flow");
	world_expect(!guest_request_irq(g, s.soft, soft_handler, 0, "soft", NULL), "request");
}

/* The first one's pass has ended: who waits for that need not wait for this handler. */
static void wait_and_raise(struct channel *c)
{
	(void)c;
	while (s.waiting)
		sim_relax();
	s.raised++;
	world_expect(guest_raise_irq(s.to->guest, s.soft) == 0, "raise");
}

static void synchronize_first(struct world_vcpu *v)
{
	guest_local_irq_enable(v->d->guest);
	for (unsigned i = 0; i < 3; i++) {
		s.waiting = true;
		world_expect(guest_synchronize_irq(v->d->guest, s.c[0].irq) == 0, "synchronize");
		s.waiting = false;
		sim_point();
	}
}

static void quick_then_slow(enum guest_abi abi)
{
	begin_plain(abi, GUEST_IRQF_SHARED);
	soft_irq(s.to->guest);
	world_expect(!guest_request_irq(s.to->guest, s.c[1].irq, other_handler, GUEST_IRQF_SHARED,
					"other", &s),
		     "request");
	s.c[1].inside = wait_and_raise;
	run(synchronize_first);
	world_expect(s.soft_seen == s.raised, "a soft IRQ was lost");
	world_end(&s.w);
}

/* ---- a quick pass, then another ---- */

static void leave(struct channel *c)
{
	ATOMIC_STORE(&s.left, c->runs, __ATOMIC_RELAXED);
}

/* What a pass has done is seen by who waited for it, be that ended by the next claim. */
static void synchronize_and_look(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;
	unsigned begun;

	guest_local_irq_enable(g);
	while (!all_seen()) {
		begun = s.c[0].runs;
		world_expect(guest_synchronize_irq(g, s.c[0].irq) == 0, "synchronize");
		world_expect(ATOMIC_LOAD(&s.left, __ATOMIC_RELAXED) >= begun,
			     "synchronized, and what the pass did is not seen");
		sim_relax();
	}
}

static void quick_then_quick(enum guest_abi abi)
{
	begin_plain(abi, 0);
	s.c[0].inside = leave;
	run(synchronize_and_look);
	world_end(&s.w);
}

/* ---- a handler changes what comes after it ---- */

static void change_second(struct channel *c)
{
	struct guest *g = s.to->guest;
	struct guest_cpumask mask = { { 0 } };

	(void)c;
	if (s.owed)
		return;
	if (sim_random(2)) {
		world_expect(guest_disable_irq(g, s.c[1].irq) == 0, "disable");
		s.c[1].disabled = true;
		s.owed = true;
		return;
	}
	guest_cpumask_set(&mask, sim_random(2));
	world_expect(guest_irq_set_affinity(g, s.c[1].irq, &mask) == 0, "set_affinity");
}

static void enable_second(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	while (!all_seen() || s.owed) {
		if (!s.owed) {
			sim_relax();
			continue;
		}
		s.c[1].disabled = false;
		s.owed = false;
		world_expect(guest_enable_irq(g, s.c[1].irq) == 0, "enable");
	}
}

static void change_the_next(enum guest_abi abi)
{
	begin_plain(abi, 0);
	s.c[0].inside = change_second;
	run(enable_second);
	world_end(&s.w);
}

/* ---- anything ---- */

enum change {
	DISABLE_OR_ENABLE,
	FREE_OR_REQUEST,
	MOVE,
	SET_FLOW,
	SYNCHRONIZE,
	RAISE_SOFT,
	CHANGES
};

static struct user *user_of(const struct channel *c)
{
	return &s.user[c - s.c];
}

static enum guest_irqreturn user_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;
	struct user *u = user_of(c);

	world_expect(irq == c->irq, "IRQ %u has the handler of IRQ %u", irq, c->irq);
	world_expect(!u->gone, "a handler is called that has been freed");
	world_expect(!s.in[guest_this_cpu(g)], "a handler in a handler");
	s.in[guest_this_cpu(g)] = true;
	channel_handle(c);
	s.in[guest_this_cpu(g)] = false;
	return sim_random(4) ? GUEST_IRQ_HANDLED : GUEST_IRQ_NONE;
}

static void give_or_take(struct guest *g, struct channel *c, struct user *u)
{
	if (u->gone) {
		u->gone = false;
		world_expect(guest_request_irq(g, c->irq, user_handler, 0, "user", c) == 0,
			     "request");
		return;
	}
	/* With its last handler go the disables. */
	c->disabled = false;
	world_expect(guest_free_irq(g, c->irq, c) == 0, "free");
	u->gone = true;
}

static void disable_or_enable(struct guest *g, struct channel *c, struct user *u)
{
	if (u->gone)
		return;
	if (!c->disabled) {
		world_expect(guest_disable_irq(g, c->irq) == 0, "disable");
		c->disabled = true;
		return;
	}
	c->disabled = false;
	world_expect(guest_enable_irq(g, c->irq) == 0, "enable");
}

static void change(struct guest *g, struct channel *c, enum change what)
{
	struct guest_cpumask mask = { { 0 } };
	struct user *u = user_of(c);

	/* One at a time, as drivers have to see to. */
	if (u->busy)
		return;
	u->busy = true;
	switch (what) {
	case DISABLE_OR_ENABLE:
		disable_or_enable(g, c, u);
		break;
	case FREE_OR_REQUEST:
		give_or_take(g, c, u);
		break;
	case MOVE:
		guest_cpumask_set(&mask, sim_random(2));
		world_expect(guest_irq_set_affinity(g, c->irq, &mask) == 0, "set_affinity");
		break;
	case SET_FLOW:
		/* -EBUSY while there is a handler. Fasteoi is none that goes the quick way. */
		(void)guest_set_irq_flow(g, c->irq,
					 sim_random(2) ? GUEST_FLOW_FASTEOI : GUEST_FLOW_LEVEL);
		break;
	case SYNCHRONIZE:
		world_expect(guest_synchronize_irq(g, c->irq) == 0, "synchronize");
		break;
	default:
		s.raised++;
		world_expect(guest_raise_irq(g, s.soft) == 0, "raise");
	}
	u->busy = false;
}

/* Of what comes after its own, so that no two handlers wait for each other. */
static void change_any_after(struct channel *c)
{
	unsigned i = (unsigned)(c - s.c);

	if (!s.changes)
		return;
	s.changes--;
	change(s.to->guest, &s.c[i + sim_random(CHANNELS - i)], sim_random(CHANGES));
}

static void change_any(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 6; i++)
		change(g, &s.c[sim_random(CHANNELS)], sim_random(CHANGES));
	while (!all_seen() || s.changes) {
		for (unsigned i = 0; i < CHANNELS; i++) {
			if (s.user[i].gone)
				change(g, &s.c[i], FREE_OR_REQUEST);
			else if (s.c[i].disabled)
				change(g, &s.c[i], DISABLE_OR_ENABLE);
		}
		if (all_sent())
			s.changes = 0;
		sim_relax();
	}
}

static void connect_and_use(struct channel *c)
{
	int irq;

	world_connect(s.from, s.to, &c->from, &c->to);
	irq = guest_bind_evtchn_to_irq(s.to->guest, c->to);
	world_expect(irq > 0, "bind: %d", irq);
	c->irq = (unsigned)irq;
	c->inside = change_any_after;
	user_of(c)->gone = true;
	give_or_take(s.to->guest, c, user_of(c));
}

static void expect_all_counted(void)
{
	world_expect(s.soft_seen == s.raised, "a soft IRQ was lost");
	for (unsigned i = 0; i < CHANNELS; i++)
		world_expect(guest_irq_count(s.to->guest, s.c[i].irq) == s.c[i].runs,
			     "%u runs are counted as %u", s.c[i].runs,
			     (unsigned)guest_irq_count(s.to->guest, s.c[i].irq));
}

static void any_changes(enum guest_abi abi)
{
	begin(abi, CHANNELS);
	soft_irq(s.to->guest);
	for (unsigned i = 0; i < CHANNELS; i++)
		connect_and_use(&s.c[i]);
	s.changes = 8;
	run(change_any);
	expect_all_counted();
	world_end(&s.w);
}

/* ---- the ports that come next are other IRQs', of any CPU ---- */

static enum guest_irqreturn ipi_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;
	struct user *u = user_of(c);

	world_expect(irq == c->irq, "IRQ %u has the handler of IRQ %u", irq, c->irq);
	world_expect(!u->gone, "a handler is called that has been freed");
	world_expect(u->cpu == guest_this_cpu(g), "CPU %u's handler runs on CPU %u", u->cpu,
		     guest_this_cpu(g));
	channel_handle(c);
	world_expect(!u->gone, "a handler is running that has been freed");
	return GUEST_IRQ_HANDLED;
}

/* What has been sent may go with it. */
static void unbind_ipi(struct guest *g, struct channel *c)
{
	world_expect(guest_unbind_from_irqhandler(g, c->irq, c) == 0, "unbind");
	world_expect(!c->running, "unbound, and the handler is running");
	user_of(c)->gone = true;
	for (unsigned i = 0; i < CHANNEL_SENDERS; i++)
		c->by[i].seen = c->by[i].sent;
	c->seen = c->sent;
}

static void bind_ipi(struct guest *g, struct channel *c)
{
	struct user *u = user_of(c);
	int irq;

	u->cpu = sim_random(2);
	irq = guest_bind_ipi_to_irq(g, (unsigned)(c - s.c), u->cpu);
	world_expect(irq > 0, "bind: %d", irq);
	c->irq = (unsigned)irq;
	u->gone = false;
	world_expect(guest_request_irq(g, c->irq, ipi_handler, 0, "ipi", c) == 0, "request");
}

static void notify(struct guest *g, struct channel *c)
{
	channel_post(c, guest_this_cpu(g));
	world_expect(guest_notify_irq(g, c->irq) == 0, "notify");
}

/* Both are unbound, then bound in any order: ports and IRQs change places. */
static void exchange(struct guest *g)
{
	unsigned first;

	if (s.user[1].busy || s.user[2].busy)
		return;
	s.user[1].busy = s.user[2].busy = true;
	first = 1 + sim_random(2);
	unbind_ipi(g, &s.c[first]);
	unbind_ipi(g, &s.c[3 - first]);
	first = 1 + sim_random(2);
	bind_ipi(g, &s.c[first]);
	bind_ipi(g, &s.c[3 - first]);
	for (unsigned i = 1; i < CHANNELS; i++) {
		if (sim_random(2))
			notify(g, &s.c[i]);
	}
	s.user[1].busy = s.user[2].busy = false;
}

static void exchange_next(struct channel *c)
{
	(void)c;
	exchange(s.to->guest);
}

static void notify_and_exchange(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;
	unsigned i;

	guest_local_irq_enable(g);
	for (unsigned n = 0; n < 6; n++) {
		i = sim_random(CHANNELS);
		if (!i) {
			exchange(g);
		} else if (!s.user[i].busy) {
			s.user[i].busy = true;
			notify(g, &s.c[i]);
			s.user[i].busy = false;
		}
	}
}

static void exchange_the_next(enum guest_abi abi)
{
	begin(abi, 1);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	s.c[0].inside = exchange_next;
	for (unsigned i = 1; i < CHANNELS; i++)
		bind_ipi(s.to->guest, &s.c[i]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_even);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", notify_and_exchange);
	sim_run();
	for (unsigned i = 0; i < CHANNELS; i++)
		channel_check(&s.c[i], "channel");
	world_end(&s.w);
}

/* ---- a handler that upcalls may interrupt, and what these bring ---- */

static bool nested_in;
static bool raw_flag;		 /* handlers also write the interrupt flag themselves */
static unsigned begun[CHANNELS]; /* passes */

/* Its pass is not over because an upcall has been in here. */
static void go_on_for_long(struct channel *c)
{
	(void)c;
	world_expect(!nested_in, "a nested handler in itself");
	nested_in = true;
	for (unsigned i = 0; i < 8; i++) {
		sim_point();
		world_expect(!guest_irqs_disabled(s.to->guest),
			     "events disabled in a nested handler");
	}
	nested_in = false;
}

static enum guest_irqreturn nested_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;

	(void)irq;
	(void)g;
	world_expect(!user_of(c)->gone, "a handler is called that has been freed");
	begun[c - s.c]++;
	channel_handle(c);
	world_expect(!user_of(c)->gone, "a handler is running that has been freed");
	return sim_random(4) ? GUEST_IRQ_HANDLED : GUEST_IRQ_NONE;
}

static enum guest_irqreturn inner_handler(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;
	bool *in = &s.in[guest_this_cpu(g)];

	world_expect(irq == c->irq, "IRQ %u has the handler of IRQ %u", irq, c->irq);
	world_expect(!*in, "a handler in a handler");
	world_expect(raw_flag || guest_irqs_disabled(g), "a handler begins with events enabled");
	world_expect(!user_of(c)->gone, "a handler is called that has been freed");
	*in = true;
	begun[c - s.c]++;
	channel_handle(c);
	world_expect(!user_of(c)->gone, "a handler is running that has been freed");
	*in = false;
	return sim_random(4) ? GUEST_IRQ_HANDLED : GUEST_IRQ_NONE;
}

/* What a quick pass may leave to be done after it. */
static void inner_does(struct channel *c)
{
	struct guest *g = s.to->guest;

	switch (sim_random(4)) {
	case 0:
		s.raised++;
		world_expect(guest_raise_irq(g, s.soft) == 0, "raise");
		break;
	case 1:
		guest_local_irq_enable(g);
		sim_point();
		break;
	case 2:
		if (raw_flag)
			world_enable_events(&s.to->vcpu[guest_this_cpu(g)]);
		sim_point();
		break;
	case 3:
		world_expect(guest_synchronize_irq(g, c->irq) == 0, "synchronize");
		break;
	}
}

static void change_outside(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;
	static const struct guest_irq_hooks hooks;
	struct guest_cpumask mask = { { 0 } };

	guest_local_irq_enable(g);
	for (unsigned n = 0; n < 8; n++) {
		struct channel *c = &s.c[sim_random(CHANNELS)];
		unsigned run = begun[c - s.c];
		bool running = c->running;

		switch (sim_random(5)) {
		case 0:
			world_expect(guest_synchronize_irq(g, c->irq) == 0, "synchronize");
			world_expect(!running || !c->running || begun[c - s.c] != run,
				     "synchronized, and the pass runs");
			break;
		case 1:
			world_expect(guest_disable_irq(g, c->irq) == 0, "disable");
			world_expect(!c->running, "disabled, and running");
			c->disabled = true;
			sim_point();
			c->disabled = false;
			world_expect(guest_enable_irq(g, c->irq) == 0, "enable");
			break;
		case 2:
			world_expect(guest_free_irq(g, c->irq, c) == 0, "free");
			world_expect(!c->running, "freed, and running");
			user_of(c)->gone = true;
			sim_point();
			user_of(c)->gone = false;
			world_expect(guest_request_irq(
					     g, c->irq, c == s.c ? nested_handler : inner_handler,
					     c == s.c ? GUEST_IRQF_NESTED : 0, "u", c) == 0,
				     "request");
			break;
		case 3:
			mask = (struct guest_cpumask){ { 0 } };
			guest_cpumask_set(&mask, 0);
			world_expect(guest_irq_set_affinity(g, c->irq, &mask) == 0, "affinity");
			break;
		case 4: /* between two looks of a quick pass, perhaps */
			guest_set_irq_hooks(g, sim_random(2) ? &hooks : NULL);
			break;
		}
	}
}

static void nested_and_quick(enum guest_abi abi)
{
	nested_in = false;
	raw_flag = sim_random(2);
	memset(begun, 0, sizeof(begun));
	begin(abi, CHANNELS);
	soft_irq(s.to->guest);
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct channel *c = &s.c[i];
		int irq;

		world_connect(s.from, s.to, &c->from, &c->to);
		irq = guest_bind_evtchn_to_irq(s.to->guest, c->to);
		world_expect(irq > 0, "bind: %d", irq);
		c->irq = (unsigned)irq;
		c->inside = i ? inner_does : go_on_for_long;
		world_expect(guest_request_irq(s.to->guest, c->irq,
					       i ? inner_handler : nested_handler,
					       i ? 0 : GUEST_IRQF_NESTED, "u", c) == 0,
			     "request");
	}
	run(change_outside);
	expect_all_counted();
	world_end(&s.w);
}

/* ---- each on both ABIs ---- */

ON_BOTH(quick_then_slow);
ON_BOTH(quick_then_quick);
ON_BOTH(change_the_next);
ON_BOTH(any_changes);
ON_BOTH(exchange_the_next);
ON_BOTH(nested_and_quick);

const struct scenario scenarios_together[] = {
	{ "quick_then_slow", quick_then_slow_2l, 500 },
	{ "guest_fifo_quick_then_slow", quick_then_slow_fifo, 600 },
	{ "quick_then_quick", quick_then_quick_2l, 400 },
	{ "guest_fifo_quick_then_quick", quick_then_quick_fifo, 550 },
	{ "change_the_next", change_the_next_2l, 450 },
	{ "guest_fifo_change_the_next", change_the_next_fifo, 550 },
	{ "nested_and_quick", nested_and_quick_2l, 900 },
	{ "guest_fifo_nested_and_quick", nested_and_quick_fifo, 1000 },
	{ "any_changes", any_changes_2l, 750 },
	{ "guest_fifo_any_changes", any_changes_fifo, 900 },
	{ "exchange_the_next", exchange_the_next_2l, 1350 },
	{ "guest_fifo_exchange_the_next", exchange_the_next_fifo, 1500 },
	{ 0 },
};
