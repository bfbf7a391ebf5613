/* SPDX-License-Identifier: MIT */
/*
 * The IPIs of a CPU: bound with its timer before it comes up, raised by any CPU, lowered by its
 * handlers. What each kind is for is in the other files.
 *
 * An IPI that is on the way already is not sent again: its handler lowers it first, and looks at
 * what it is for afterwards.
 */
#include "smp.h"

#include "../events/events.h"

/* At once, or with what else is queued in a section. */
static int send(struct guest *g, evtchn_port_t port)
{
	struct multicall_entry *call;
	struct evtchn_send *op;

	call = guest_batch_add(g, sizeof(*op), (void **)&op, NULL, NULL);
	if (!call)
		return guest_notify_port(g, port);
	op->port = port;
	call->op = __HYPERVISOR_event_channel_op;
	call->args[0] = EVTCHNOP_send;
	call->args[1] = hypercall_arg(op);
	return 0;
}

int smp_raise(struct guest *g, unsigned cpu, enum guest_ipi ipi)
{
	struct smp_cpu *me = smp_this(g), *c = &g->smp->cpu[cpu];
	/*
	 * Pairs with lowered(): if it is up already, its handler has not lowered it yet, and sees
	 * what we wrote before.
	 */
	uint32_t old = fetch_or_sc(&c->raised, 1u << ipi);

	if (old & SMP_CLOSED_IPIS)
		return -XEN_ENXIO;
	if (old & 1u << ipi) {
		smp_count(&me->counters.ipi[ipi].merged);
		return 0;
	}
	smp_count(&me->counters.ipi[ipi].sent);
	return send(g, load_relaxed(&c->port[ipi]));
}

int smp_push_and_tell(struct guest *g, unsigned cpu, struct guest_smp_link **head,
		      struct guest_smp_link *link, enum guest_ipi ipi)
{
	/* A guess, as a look first would move the line twice. */
	struct guest_smp_link *old = NULL;

	do {
		if (old == SMP_CLOSED) {
			/* Acquire: what it did before it closed. Pairs with smp_close. */
			(void)load_acquire(head);
			return -XEN_ENXIO;
		}
		store_relaxed(&link->next, old);
		/* Release: what the link stands for. Pairs with smp_take. */
	} while (!cas_sc(head, &old, link));
	/*
	 * If it was not empty, who pushed first tells. If it has been closed since, closing has
	 * served us.
	 */
	if (old || smp_raise(g, cpu, ipi))
		smp_count(&smp_this(g)->counters.ipi[ipi].merged);
	return 0;
}

/*
 * First thing in each handler. That it was not up is possible too: the CPU went and came back while
 * somebody was sending; closing has seen to it.
 */
static void lowered(struct smp_cpu *c, enum guest_ipi ipi)
{
	if (fetch_and_sc(&c->raised, ~(1u << ipi)) & 1u << ipi)
		smp_count(&c->counters.ipi[ipi].handled);
}

/*
 * Events are disabled for long: take the IPI without its handler. One that is sent after the clear
 * sets the bit again, and ends the sleep that follows. What is left of the upcall finds nothing.
 */
static void take(struct guest *g, struct smp_cpu *c, enum guest_ipi ipi)
{
	g->abi->clear_pending(g, c->port[ipi]);
	lowered(c, ipi);
}

void smp_take_calls(struct guest *g, struct smp_cpu *c)
{
	take(g, c, GUEST_IPI_CALL);
	take(g, c, GUEST_IPI_CALL_SINGLE);
	smp_run_calls(g, c, false);
}

static enum guest_irqreturn reschedule_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	lowered(dev, GUEST_IPI_RESCHEDULE);
	if (g->smp->cfg.reschedule)
		g->smp->cfg.reschedule(g);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn call_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	lowered(dev, GUEST_IPI_CALL);
	smp_run_calls(g, dev, false);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn call_single_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	lowered(dev, GUEST_IPI_CALL_SINGLE);
	smp_run_calls(g, dev, false);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn work_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	lowered(dev, GUEST_IPI_WORK);
	smp_run_works(g, dev, false);
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn stop_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	lowered(dev, GUEST_IPI_STOP);
	smp_park(g);
}

static const struct {
	const char *name;
	guest_irq_handler handler; /* NULL: the port stays masked */
} ipis[GUEST_SMP_IPIS] = {
	[GUEST_IPI_RESCHEDULE] = { "reschedule", reschedule_handler },
	[GUEST_IPI_CALL] = { "call", call_handler },
	[GUEST_IPI_CALL_SINGLE] = { "call-single", call_single_handler },
	[GUEST_IPI_WORK] = { "work", work_handler },
	[GUEST_IPI_STOP] = { "stop", stop_handler },
	[GUEST_IPI_SPIN] = { "spin", NULL },
};

static int bind_one(struct guest *g, struct smp_cpu *c, unsigned ipi)
{
	int irq;

	if (ipis[ipi].handler)
		irq = guest_bind_ipi_to_irqhandler(g, ipi, c->nr, ipis[ipi].handler,
						   GUEST_IRQF_PERCPU, ipis[ipi].name, c);
	else
		irq = guest_bind_ipi_to_irq(g, ipi, c->nr);
	if (irq < 0)
		return irq;
	c->irq[ipi] = (unsigned)irq;
	/* Read in smp_kick, by whoever finds that this CPU blocks. */
	store_release(&c->port[ipi], guest_irq_port(g, (unsigned)irq));
	return 0;
}

static int bind_timer(struct guest *g, struct smp_cpu *c)
{
	int irq = guest_bind_virq_to_irqhandler(g, VIRQ_TIMER, c->nr, g->smp->cfg.timer,
						GUEST_IRQF_PERCPU, "timer", NULL);

	if (irq < 0)
		return irq;
	c->timer_irq = (unsigned)irq;
	return 0;
}

int smp_bind(struct guest *g, struct smp_cpu *c)
{
	unsigned ipi;
	int rc = 0;

	for (ipi = 0; ipi < GUEST_SMP_IPIS && !rc; ipi++)
		rc = bind_one(g, c, ipi);
	if (!rc && g->smp->cfg.timer)
		rc = bind_timer(g, c);
	if (rc)
		smp_unbind(g, c);
	return rc;
}

/* The CPU has been down, if it was ever up, since before the last smp_grace. */
void smp_unbind(struct guest *g, struct smp_cpu *c)
{
	unsigned ipi;

	if (c->timer_irq)
		(void)guest_unbind_from_irqhandler(g, c->timer_irq, NULL);
	c->timer_irq = 0;
	for (ipi = 0; ipi < GUEST_SMP_IPIS; ipi++) {
		store_relaxed(&c->port[ipi], 0u);
		if (!c->irq[ipi])
			continue;
		if (ipis[ipi].handler)
			(void)guest_unbind_from_irqhandler(g, c->irq[ipi], c);
		else
			(void)guest_unbind_irq(g, c->irq[ipi]);
		c->irq[ipi] = 0;
	}
}

void smp_resumed(struct guest *g)
{
	struct smp *s = g->smp;
	struct smp_cpu *me;
	unsigned cpu, ipi;

	if (!s)
		return;
	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		for (ipi = 0; ipi < GUEST_SMP_IPIS; ipi++)
			if (s->cpu[cpu].irq[ipi])
				store_release(&s->cpu[cpu].port[ipi],
					      guest_irq_port(g, s->cpu[cpu].irq[ipi]));
	/* The other CPUs are down. What this one was sent, it is told here. */
	me = smp_this(g);
	for (ipi = 0; ipi < GUEST_SMP_IPIS; ipi++)
		lowered(me, ipi);
	smp_run_calls(g, me, false);
	smp_run_works(g, me, false);
	if (s->cfg.reschedule)
		s->cfg.reschedule(g);
}

int guest_smp_send_reschedule(struct guest *g, unsigned cpu)
{
	guest_flags_t flags;
	int rc;

	if (!g->smp || cpu >= g->nr_cpus)
		return -XEN_EINVAL;
	flags = guest_local_irq_save(g);
	rc = smp_raise(g, cpu, GUEST_IPI_RESCHEDULE);
	guest_local_irq_restore(g, flags);
	return rc;
}

static void add(uint64_t *to, const uint64_t *from)
{
	*to += load_relaxed(from);
}

void guest_smp_counters(const struct guest *g, struct guest_smp_counters *out)
{
	unsigned cpu, ipi;

	*out = (struct guest_smp_counters){ 0 };
	for (cpu = 0; g->smp && cpu < g->nr_cpus; cpu++) {
		const struct guest_smp_counters *c = &g->smp->cpu[cpu].counters;

		for (ipi = 0; ipi < GUEST_SMP_IPIS; ipi++) {
			add(&out->ipi[ipi].sent, &c->ipi[ipi].sent);
			add(&out->ipi[ipi].merged, &c->ipi[ipi].merged);
			add(&out->ipi[ipi].handled, &c->ipi[ipi].handled);
		}
		add(&out->calls, &c->calls);
		add(&out->calls_run, &c->calls_run);
		add(&out->works, &c->works);
		add(&out->works_run, &c->works_run);
		add(&out->blocks, &c->blocks);
	}
}
