/* SPDX-License-Identifier: MIT */
/*
 * The accounts of the load. A target is an IRQ that somebody sends to: a channel of the domain to
 * itself, or an IPI.
 *
 * How a lost wake-up is found. A sender counts its send in `sent` of the target, then makes the
 * hypercall. The handler reads `sent`: what has been added since it looked last are the sends that
 * this run is for, one of them handled and the others coalesced with it. A run that finds nothing
 * new is empty: an earlier run had seen its send already, before the hypercall. So, for each
 * target, at rest,
 *
 *	sent = handled + coalesced,	and the IRQ's own count = handled + empty.
 *
 * The first says no more than that the last send was seen. So senders often rest: after at most
 * LOAD_WINDOW sends each waits until its last one has been seen, and a wait that does not end fails
 * the load, with the port. A wake-up that is lost in the middle of a window is found at its end:
 * the port stays pending, so every later send on it is absorbed, the last one too. One whose
 * pending bit is lost as well is found in the windows of a single send, which are one in
 * LOAD_WINDOW of all.
 */
#include "load.h"

static enum guest_irqreturn arrived(struct guest *g, unsigned irq, void *dev)
{
	struct load_target *t = dev;
	uint64_t sent = __atomic_load_n(&t->sent, __ATOMIC_SEQ_CST);
	uint64_t news = sent - t->seen;

	(void)g;
	(void)irq;
	if (news) {
		t->handled++;
		t->coalesced += news - 1;
	} else {
		t->empty++;
	}
	__atomic_store_n(&t->seen, sent, __ATOMIC_SEQ_CST);
	return GUEST_IRQ_HANDLED;
}

uint64_t target_send(struct load_target *t)
{
	uint64_t number = __atomic_add_fetch(&t->sent, 1, __ATOMIC_SEQ_CST);
	int r = guest_notify_port(conf.g, t->tx);

	if (r)
		load_fail("send on port %u: %d", t->tx, r);
	return number;
}

static bool seen(const struct load_target *t, uint64_t number)
{
	return __atomic_load_n(&t->seen, __ATOMIC_SEQ_CST) >= number;
}

void target_wait(const struct load_target *t, uint64_t number, const char *what)
{
	uint64_t give_up = guest_clock(conf.g) + LOAD_PATIENCE;

	/* Where something is lost already, nobody waits as long for what follows from it. */
	while (!seen(t, number) && guest_clock(conf.g) < give_up &&
	       !__atomic_load_n(&load_state.over, __ATOMIC_SEQ_CST))
		nap();
	if (!seen(t, number))
		load_fail("a lost wake-up: send %lu on %s port %u is not seen, only %lu", number,
			  what, t->tx, __atomic_load_n(&t->seen, __ATOMIC_SEQ_CST));
}

void target_lose(struct load_target *t)
{
	uint64_t number;

	/* Masked while it is disabled, so that it can be thrown away here. */
	(void)guest_disable_irq(conf.g, t->irq);
	number = target_send(t);
	(void)guest_clear_irq_pending(conf.g, t->irq);
	(void)guest_enable_irq(conf.g, t->irq);
	target_wait(t, number, "channel");
}

/* Nobody sends any more, and no handler runs. */
static void reconcile(struct load_sum *sum, const struct load_target *t, const char *what)
{
	uint64_t count = guest_irq_count(conf.g, t->irq);

	sum->sent += t->sent;
	sum->handled += t->handled;
	sum->coalesced += t->coalesced;
	sum->empty += t->empty;
	if (t->sent != t->handled + t->coalesced)
		load_fail("%s port %u: %lu sent, %lu handled + %lu coalesced", what, t->tx, t->sent,
			  t->handled, t->coalesced);
	if (count != t->handled + t->empty)
		load_fail("%s port %u: its IRQ counts %lu, the handler %lu + %lu", what, t->tx,
			  count, t->handled, t->empty);
}

/* ---- channels ----------------------------------------------------------------------------- */

bool channel_make(struct load_target *t)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_SELF };
	int port = guest_alloc_unbound(conf.g, DOMID_SELF), irq = port;

	*t = (struct load_target){ 0 };
	if (port > 0)
		irq = guest_bind_evtchn_to_irqhandler(conf.g, (evtchn_port_t)port, arrived, 0,
						      "load", t);
	op.remote_port = (evtchn_port_t)port;
	if (irq <= 0 || evtchn(EVTCHNOP_bind_interdomain, &op)) {
		load_fail("no channel: port %d, IRQ %d", port, irq);
		return false;
	}
	t->irq = (unsigned)irq;
	t->tx = op.local_port;
	return true;
}

void channel_end(struct load_cpu *c, struct load_target *t)
{
	if (!t->irq)
		return;
	target_wait(t, t->sent, "channel");
	/* This waits for a run that is still going on, with nothing new, and none comes after. */
	(void)guest_disable_irq(conf.g, t->irq);
	reconcile(&c->channels, t, "channel");
	if (guest_unbind_from_irqhandler(conf.g, t->irq, t) || port_close(t->tx))
		load_fail("channel port %u does not close", t->tx);
	t->irq = 0;
}

/* ---- IPIs --------------------------------------------------------------------------------- */

bool ipis_make(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		struct load_target *t = &load_state.ipi[cpu];
		int irq = guest_bind_ipi_to_irqhandler(conf.g, 6, cpu, arrived, GUEST_IRQF_PERCPU,
						       "load", t);

		if (irq <= 0) {
			load_fail("no IPI of CPU %u: %d", cpu, irq);
			return false;
		}
		t->irq = (unsigned)irq;
		t->tx = guest_irq_port(conf.g, t->irq);
	}
	return true;
}

void ipis_end(struct load_sum *sum)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		volatile struct load_target *t = &load_state.ipi[cpu];

		if (!t->irq)
			continue;
		target_wait(&load_state.ipi[cpu], t->sent, "IPI");
		/* The last run may find nothing new, so may still be to come: it is counted twice.
		 */
		WAIT_FOR(guest_irq_count(conf.g, t->irq) == t->handled + t->empty);
		reconcile(sum, &load_state.ipi[cpu], "IPI");
		if (guest_unbind_from_irqhandler(conf.g, t->irq, &load_state.ipi[cpu]))
			load_fail("the IPI of CPU %u does not go", cpu);
	}
}

/* ---- the sums ----------------------------------------------------------------------------- */

static unsigned nr, failed;

/* What was noted since the last one belongs to this. */
static void say(bool ok, const char *name)
{
	ok &= !conf.why[0];
	nr++;
	failed += !ok;
	if (ok)
		pv_printf("ok %u - load.%s\n", nr, name);
	else
		pv_printf("not ok %u - load.%s # %s\n", nr, name,
			  conf.why[0] ? conf.why : "the counts differ");
	conf.why[0] = '\0';
}

static void say_sent(const struct load_sum *s, const char *name)
{
	comment("%s: %lu sent = %lu handled + %lu coalesced; %lu empty runs", name, s->sent,
		s->handled, s->coalesced, s->empty);
	say(s->sent && s->sent == s->handled + s->coalesced, name);
}

static void say_done(uint64_t asked, uint64_t done, const char *name)
{
	comment("%s: %lu asked for, %lu done", name, asked, done);
	say(asked && asked == done, name);
}

static void add_cpu(struct load_cpu *sum, struct load_cpu *c)
{
	for (unsigned i = 0; i < LOAD_CHANNELS; i++)
		channel_end(c, &c->channel[i]);
	sum->channels.sent += c->channels.sent;
	sum->channels.handled += c->channels.handled;
	sum->channels.coalesced += c->channels.coalesced;
	sum->channels.empty += c->channels.empty;
	sum->turns += c->turns;
	sum->calls += c->calls;
	sum->works += c->works;
	sum->locks += c->locks;
	sum->armed += c->armed;
	sum->called += __atomic_load_n(&c->called, __ATOMIC_SEQ_CST);
	sum->worked += __atomic_load_n(&c->worked, __ATOMIC_SEQ_CST);
	sum->fired += c->fired;
	sum->strays += c->strays;
	sum->moved += c->moved;
	sum->priorities += c->priorities;
	sum->rebound += c->rebound;
}

bool load_count(void)
{
	static struct load_cpu sum;
	struct load_sum ipis = { 0 };
	uint64_t lives = conf.nr_cpus + load_state.cycles;

	/* Calls without waiting may still be running. */
	WAIT_FOR(smp_counters_agree());
	pv_printf("1..9\n");
	say(!__atomic_load_n(&load_state.over, __ATOMIC_SEQ_CST), "nothing_went_wrong");
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		add_cpu(&sum, &load_state.cpu[cpu]);
	say_sent(&sum.channels, "channels");
	ipis_end(&ipis);
	say_sent(&ipis, "ipis");
	say_done(sum.calls, sum.called, "calls");
	say_done(sum.works, sum.worked, "work");
	say_done(sum.locks, load_state.locked, "turns_with_the_lock");
	say_done(sum.armed, sum.fired, "timers");
	comment("%lu strays of the periodic timer in %lu lives", sum.strays, lives);
	say(sum.strays <= lives, "timers_fire_once");
	say(smp_counters_agree(), "requests_of_the_guest_half");
	comment("%lu turns, %lu moves, %lu changes of priority, %lu channels made anew, %lu times "
		"a CPU went and came back",
		sum.turns, sum.moved, sum.priorities, sum.rebound, load_state.cycles);
	return !failed;
}
