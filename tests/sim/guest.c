/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of the guest half on both ABIs, against senders in another domain.
 */
#include "scenario.h"

#include <xen/physdev.h>
#include <xen/sched.h>

static struct {
	struct world w;
	struct world_domain *from, *to, *other;
	struct channel c[3];
	struct world_line line;
	unsigned raised, serviced;
} s;

static void begin(unsigned guest_vcpus, enum guest_abi abi)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, guest_vcpus, 0, abi);
}

static void send_three(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static void send_two(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 2; i++)
		world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static void finish(unsigned channels)
{
	sim_run();
	for (unsigned i = 0; i < channels; i++) {
		channel_check(&s.c[i], "channel");
		world_expect(s.c[i].runs <= s.c[i].sent, "%u handled, %u sent", s.c[i].runs,
			     s.c[i].sent);
	}
	world_end(&s.w);
}

/* ---- the mask of an IRQ, and that of the CPU, against a sender ---- */

static void disable_and_enable(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 2; i++) {
		world_expect(guest_disable_irq(g, s.c[0].irq) == 0, "disable");
		s.c[0].disabled = true;
		sim_point();
		s.c[0].disabled = false;
		world_expect(guest_enable_irq(g, s.c[0].irq) == 0, "enable");
	}
}

static void send_vs_unmask(enum guest_abi abi)
{
	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_run_vcpu(&s.to->vcpu[0], "guest", disable_and_enable);
	finish(1);
}

/* Never blocks while the events come: only the flag's own check can find them. */
static void flags_and_spin(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 3; i++) {
		guest_flags_t flags = guest_local_irq_save(g);

		s.c[0].disabled = true;
		sim_point();
		s.c[0].disabled = false;
		guest_local_irq_restore(g, flags);
	}
	while (s.c[0].seen < 3)
		sim_relax();
}

static void send_vs_flags(enum guest_abi abi)
{
	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_run_vcpu(&s.to->vcpu[0], "guest", flags_and_spin);
	finish(1);
}

/* Two ports in one word, two senders: the selector and upcall_pending are both's. */
static void two_senders(enum guest_abi abi)
{
	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	channel_to_guest(&s.c[1], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_two);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_two);
	world_idle_vcpu(&s.to->vcpu[0], "guest");
	finish(2);
}

/* A handler that lets events in: upcalls inside the upcall only leave a note. */
static void enable_inside(struct channel *c)
{
	(void)c;
	guest_local_irq_enable(s.to->guest);
	sim_point();
}

static void nested_upcall(enum guest_abi abi)
{
	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	channel_to_guest(&s.c[1], s.from, s.to, 0);
	s.c[0].inside = enable_inside;
	s.c[1].inside = enable_inside;
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_two);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_two);
	world_idle_vcpu(&s.to->vcpu[0], "guest");
	finish(2);
}

/* ---- halt ---- */

static void halt_until_seen(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (;;) {
		guest_local_irq_disable(g);
		if (s.c[0].seen == 3)
			break;
		guest_halt(g);
	}
	guest_local_irq_enable(g);
}

static void block_vs_send(enum guest_abi abi)
{
	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_run_vcpu(&s.to->vcpu[0], "guest", halt_until_seen);
	finish(1);
}

/* ---- binding while events hit ---- */

static void bind_and_unbind(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 2; i++) {
		int irq;

		world_expect(guest_unbind_from_irqhandler(g, s.c[1].irq, &s.c[1]) == 0, "unbind");
		s.c[1].disabled = true;
		irq = guest_bind_ipi_to_irq(g, 0, 0);
		world_expect(irq > 0, "bind: %d", irq);
		s.c[1].irq = (unsigned)irq;
		s.c[1].disabled = false;
		channel_post(&s.c[1], 0);
		world_expect(guest_notify_irq(g, s.c[1].irq) == 0, "notify");
		world_expect(!guest_request_irq(g, s.c[1].irq, channel_handler, 0, "ipi", &s.c[1]),
			     "request");
	}
}

/* The port that comes and goes is in the word of the one that is sent to. */
static void bind_vs_upcall(enum guest_abi abi)
{
	int irq;

	begin(1, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	irq = guest_bind_ipi_to_irqhandler(s.to->guest, 0, 0, channel_handler, 0, "ipi", &s.c[1]);
	world_expect(irq > 0, "bind: %d", irq);
	s.c[1].irq = (unsigned)irq;
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_run_vcpu(&s.to->vcpu[0], "guest", bind_and_unbind);
	finish(2);
}

/* ---- CPUs that interrupt each other ---- */

static void notify_others(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 2; i++) {
		struct channel *c = &s.c[!v->id];

		channel_post(c, v->id);
		world_expect(guest_notify_irq(g, c->irq) == 0, "notify");
	}
}

static void ipi_storm(enum guest_abi abi)
{
	begin(2, abi);
	for (unsigned i = 0; i < 2; i++) {
		int irq;

		s.w.acting = &s.to->vcpu[i];
		irq = guest_bind_ipi_to_irqhandler(s.to->guest, 0, i, channel_handler,
						   GUEST_IRQF_PERCPU, "ipi", &s.c[i]);
		world_expect(irq > 0, "bind: %d", irq);
		s.c[i].irq = (unsigned)irq;
	}
	s.w.acting = NULL;
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", notify_others);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", notify_others);
	finish(2);
}

/* ---- timers ---- */

static void sleep_by_timer(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	for (unsigned i = 0; i < 3; i++) {
		channel_post(&s.c[0], 0);
		sim_barrier(); /* whoever fires the timer is no part of this */
		guest_set_timer(g, s.w.now + UINT64_C(1000) * (1 + sim_random(2)));
		for (;;) {
			guest_local_irq_disable(g);
			if (s.c[0].seen == s.c[0].sent)
				break;
			guest_halt(g);
		}
		guest_local_irq_enable(g);
	}
}

static void timer_vs_block(enum guest_abi abi)
{
	int irq;

	begin(1, abi);
	irq = guest_bind_virq_to_irqhandler(s.to->guest, VIRQ_TIMER, 0, channel_handler,
					    GUEST_IRQF_PERCPU, "timer", &s.c[0]);
	world_expect(irq > 0, "bind: %d", irq);
	s.c[0].irq = (unsigned)irq;
	world_timer(&s.w);
	world_run_vcpu(&s.to->vcpu[0], "guest", sleep_by_timer);
	finish(1);
}

/* ---- a level line that two domains share ---- */

/* The device has one cause; whichever handler comes first takes it. */
static void service(struct channel *c)
{
	(void)c;
	sim_point();
	if (s.line.level) {
		s.line.level = false;
		s.serviced++;
	}
}

static void device(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2; i++) {
		while (s.line.level)
			sim_relax();
		s.line.level = true;
		s.raised++;
		sim_barrier();
		hv_irq_raise(s.w.hv, s.line.line);
	}
}

static void bind_line(struct world_domain *d, struct channel *c)
{
	int irq;

	world_expect(hv_domain_map_pirq(d->hv, 1, s.line.line, true) == 0, "map");
	c->inside = service;
	irq = guest_bind_pirq_to_irqhandler(d->guest, 1, channel_handler, GUEST_IRQF_SHARED, "line",
					    c);
	world_expect(irq > 0, "bind: %d", irq);
	c->irq = (unsigned)irq;
}

static void eoi_vs_raise(enum guest_abi abi)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.to = world_guest(&s.w, 1, 2, abi);
	s.other = world_guest(&s.w, 1, 2, abi);
	world_line(&s.w, &s.line, 5, HV_IRQ_LEVEL);
	bind_line(s.to, &s.c[0]);
	bind_line(s.other, &s.c[1]);
	world_idle_vcpu(&s.to->vcpu[0], "guest-1");
	world_idle_vcpu(&s.other->vcpu[0], "guest-2");
	sim_spawn("device", device, NULL);
	sim_run();
	world_expect(!s.line.level, "the line is asserted and nobody comes");
	world_expect(s.serviced == s.raised, "%u raised, %u serviced", s.raised, s.serviced);
	world_expect(s.line.enabled, "the line stays masked");
	world_expect(s.line.masks == s.line.unmasks, "%u masks, %u unmasks", s.line.masks,
		     s.line.unmasks);
	world_expect(s.c[0].runs >= 1 && s.c[0].runs == s.c[1].runs,
		     "a domain was left out: %u and %u", s.c[0].runs, s.c[1].runs);
	world_end(&s.w);
}

/* ---- priorities ---- */

static void change_priorities(struct world_vcpu *v)
{
	static const unsigned priorities[] = { 3, 7, 3 };

	for (unsigned i = 0; i < 3; i++)
		world_expect(guest_set_irq_priority(v->d->guest, s.c[0].irq, priorities[i]) == 0,
			     "set_irq_priority");
}

static void priority_vs_upcall(enum guest_abi abi)
{
	begin(2, abi);
	channel_to_guest(&s.c[0], s.from, s.to, 0);
	channel_to_guest(&s.c[1], s.from, s.to, 0);
	world_run_vcpu(&s.from->vcpu[0], "sender-0", send_three);
	world_run_vcpu(&s.from->vcpu[1], "sender-1", send_three);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", change_priorities);
	finish(2);
}

/* ---- each on both ABIs ---- */

ON_BOTH(send_vs_unmask);
ON_BOTH(send_vs_flags);
ON_BOTH(two_senders);
ON_BOTH(nested_upcall);
ON_BOTH(block_vs_send);
ON_BOTH(bind_vs_upcall);
ON_BOTH(ipi_storm);
ON_BOTH(timer_vs_block);
ON_BOTH(eoi_vs_raise);

static void priority_vs_upcall_fifo(void)
{
	priority_vs_upcall(GUEST_ABI_FIFO);
}

const struct scenario scenarios_guest[] = {
	{ "send_vs_unmask", send_vs_unmask_2l, 300 }, { "send_vs_flags", send_vs_flags_2l, 200 },
	{ "two_senders", two_senders_2l, 300 },	      { "nested_upcall", nested_upcall_2l, 300 },
	{ "block_vs_send", block_vs_send_2l, 250 },   { "bind_vs_upcall", bind_vs_upcall_2l, 650 },
	{ "ipi_storm", ipi_storm_2l, 350 },	      { "timer_vs_block", timer_vs_block_2l, 400 },
	{ "eoi_vs_raise", eoi_vs_raise_2l, 400 },     { 0 },
};

const struct scenario scenarios_guest_fifo[] = {
	{ "guest_fifo_send_vs_unmask", send_vs_unmask_fifo, 300 },
	{ "guest_fifo_send_vs_flags", send_vs_flags_fifo, 200 },
	{ "guest_fifo_two_senders", two_senders_fifo, 350 },
	{ "guest_fifo_nested_upcall", nested_upcall_fifo, 350 },
	{ "guest_fifo_block_vs_send", block_vs_send_fifo, 300 },
	{ "guest_fifo_bind_vs_upcall", bind_vs_upcall_fifo, 750 },
	{ "guest_fifo_ipi_storm", ipi_storm_fifo, 400 },
	{ "guest_fifo_timer_vs_block", timer_vs_block_fifo, 400 },
	{ "guest_fifo_eoi_vs_raise", eoi_vs_raise_fifo, 400 },
	{ "guest_fifo_priority_vs_upcall", priority_vs_upcall_fifo, 550 },
	{ 0 },
};
