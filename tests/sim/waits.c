/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of a guest half that waits: for a lock whose holder does not run, for work on another
 * CPU, for an eoi that is late.
 */
#include "scenario.h"

#include <carillon/guest_smp.h>

#define SECTIONS 3u
#define WORKS	 3u

static struct {
	struct world w;
	struct world_domain *from, *to;
	struct channel c[2];
	struct guest_spinlock lock;
	unsigned sections;
	bool inside;
	struct guest_work work;
	unsigned asked, worked; /* how often; and how often the last run had been, as it began */
	unsigned owed, late;
} s;

/* In the body: the other CPUs are up at once. */
static int start_cpu(struct guest *g, unsigned cpu)
{
	s.w.acting = &s.to->vcpu[cpu];
	guest_cpu_started(g);
	s.w.acting = &s.to->vcpu[0];
	return 0;
}

static void begin(unsigned cpus, enum guest_abi abi)
{
	const struct guest_smp_config cfg = { .start = start_cpu, .spin_limit = 2 };

	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, cpus, 0, abi);
	s.w.acting = &s.to->vcpu[0];
	world_expect(guest_smp_init(s.to->guest, &cfg) == 0, "smp_init");
	for (unsigned cpu = 1; cpu < cpus; cpu++)
		world_expect(guest_cpu_up(s.to->guest, cpu) == 0, "cpu_up");
	s.w.acting = NULL;
}

/* ---- a lock: waiters sleep at the hypervisor, and nobody but who unlocks wakes them ---- */

static void take_lock(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < SECTIONS; i++) {
		guest_flags_t flags = guest_spin_lock_irqsave(g, &s.lock);

		world_expect(!s.inside, "two in one lock");
		s.inside = true;
		s.sections++;
		sim_point();
		s.inside = false;
		guest_spin_unlock_irqrestore(g, &s.lock, flags);
	}
}

static void spin_lock(enum guest_abi abi)
{
	begin(3, abi);
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", take_lock);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", take_lock);
	world_run_vcpu(&s.to->vcpu[2], "cpu-2", take_lock);
	sim_run();
	world_expect(s.sections == 3 * SECTIONS, "%u sections", s.sections);
	world_expect(!s.lock.word, "a lock that nobody has says 0x%x", s.lock.word);
	world_end(&s.w);
}

/* ---- work that two CPUs queue, while it runs too ---- */

static void do_work(struct guest *g, struct guest_work *work)
{
	(void)g;
	world_expect(work == &s.work && !s.inside, "work runs twice at once");
	s.inside = true;
	/* What was asked for before it began is seen, and is done by this run. */
	s.worked = s.asked;
	sim_point();
	s.inside = false;
}

static void queue_work(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < WORKS; i++) {
		s.asked++;
		world_expect(guest_work_queue_on(g, &s.work, (v->id + i) % 2) >= 0, "queue");
	}
}

static void work_from_two(enum guest_abi abi)
{
	begin(2, abi);
	s.work.fn = do_work;
	world_run_vcpu(&s.to->vcpu[0], "cpu-0", queue_work);
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", queue_work);
	sim_run();
	world_expect(s.worked == s.asked, "%u asked for, the last run saw %u", s.asked, s.worked);
	world_expect(!s.work.state, "work that nobody asks for any more is in state %u",
		     s.work.state);
	world_end(&s.w);
}

/* ---- late eoi: said by another CPU's thread, each second one delayed until the timer ---- */

static enum guest_irqreturn owe(struct guest *g, unsigned irq, void *dev)
{
	world_expect(!s.owed, "an event while an eoi is owed");
	(void)channel_handler(g, irq, dev);
	s.owed = 1;
	return GUEST_IRQ_HANDLED;
}

static void say_eoi(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	while (s.c[0].seen < 3 || s.owed) {
		if (!s.owed) {
			sim_relax();
			continue;
		}
		/* The first is free, the next ones cost; the last ends the row. */
		s.owed = 0;
		world_expect(guest_irq_lateeoi(g, s.c[0].irq,
					       s.late++ < 3 ? GUEST_EOI_SPURIOUS : 0) == 0,
			     "lateeoi");
	}
}

static void send_three(struct world_vcpu *v)
{
	for (unsigned i = 0; i < 3; i++)
		world_expect(channel_send(&s.c[v->id], v) == 0, "send failed");
}

static void late_channel(struct channel *c)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = hv_domain_id(s.to->hv) };
	int irq;

	s.w.acting = &s.from->vcpu[0];
	world_expect(world_evtchn(&s.from->vcpu[0], EVTCHNOP_alloc_unbound, &a) == 0, "alloc");
	s.w.acting = NULL;
	c->from = a.port;
	irq = guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(
		s.to->guest, hv_domain_id(s.from->hv), a.port, owe, 0, "late", c);
	world_expect(irq > 0, "bind: %d", irq);
	c->irq = (unsigned)irq;
	c->to = guest_irq_port(s.to->guest, c->irq);
}

static void late_eoi_vs_send(enum guest_abi abi)
{
	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.from = world_domain(&s.w, 2, 0);
	s.to = world_guest(&s.w, 2, 0, abi);
	world_timer(&s.w);
	late_channel(&s.c[0]);
	world_run_vcpu(&s.from->vcpu[0], "sender", send_three);
	world_idle_vcpu(&s.to->vcpu[0], "cpu-0");
	world_run_vcpu(&s.to->vcpu[1], "cpu-1", say_eoi);
	sim_run();
	channel_check(&s.c[0], "channel");
	world_end(&s.w);
}

/* ---- each on both ABIs ---- */

ON_BOTH(spin_lock);
ON_BOTH(work_from_two);
ON_BOTH(late_eoi_vs_send);

const struct scenario scenarios_waits[] = {
	{ "spin_lock", spin_lock_2l, 170 },
	{ "guest_fifo_spin_lock", spin_lock_fifo, 170 },
	{ "work_from_two", work_from_two_2l, 420 },
	{ "guest_fifo_work_from_two", work_from_two_fifo, 430 },
	{ "late_eoi_vs_send", late_eoi_vs_send_2l, 360 },
	{ "guest_fifo_late_eoi_vs_send", late_eoi_vs_send_fifo, 370 },
	{ 0 },
};
