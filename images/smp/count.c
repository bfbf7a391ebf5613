/* SPDX-License-Identifier: MIT */
/* The counts at the end: printed, and held against each other. */
#include "smp.h"

static unsigned wrong;

static void agree(const char *what, uint64_t asked, uint64_t done)
{
	pv_printf("smp: %s: %lu asked, %lu done%s\n", what, asked, done,
		  asked == done ? "" : ": WRONG");
	wrong += asked != done;
}

static void ipis(const struct guest_smp_counters *c)
{
	static const char *const names[] = { "reschedule", "call", "call-single", "work" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool ok = c->ipi[i].sent == c->ipi[i].handled;

		pv_printf("smp: IPI %s: %lu requests = %lu merged + %lu sent, %lu handled%s\n",
			  names[i], c->ipi[i].sent + c->ipi[i].merged, c->ipi[i].merged,
			  c->ipi[i].sent, c->ipi[i].handled, ok ? "" : ": WRONG");
		wrong += !ok;
	}
}

static uint64_t reschedules(const struct guest_smp_counters *c)
{
	return c->ipi[GUEST_IPI_RESCHEDULE].sent + c->ipi[GUEST_IPI_RESCHEDULE].merged;
}

static uint64_t requests(const struct guest_smp_counters *c)
{
	return c->ipi[GUEST_IPI_CALL].sent + c->ipi[GUEST_IPI_CALL].merged +
	       c->ipi[GUEST_IPI_CALL_SINGLE].sent + c->ipi[GUEST_IPI_CALL_SINGLE].merged;
}

/* Interrupts that were counted by the table and those by the guest half are the same ones. */
void smp_check(struct pv *pv, unsigned cycles)
{
	struct smp_cpu sum = { 0 };
	struct guest_smp_counters c;

	/* The last reschedule IPIs are this CPU's to take. */
	guest_local_irq_enable(pv->guest);
	for (unsigned i = 0; i < smp.nr_cpus; i++) {
		const struct smp_cpu *one = &smp.cpu[i];

		sum.calls += one->calls;
		sum.called += one->called;
		sum.works += one->works;
		sum.worked += one->worked;
		sum.reschedules += one->reschedules;
		sum.locks += one->locks;
		sum.armed += one->armed;
		sum.fired += one->fired;
		sum.lives += one->lives;
	}
	guest_smp_counters(pv->guest, &c);
	guest_show_interrupts(pv->guest, pv_emit_line, NULL);
	agree("calls", sum.calls, sum.called);
	agree("calls to others", c.calls, c.calls_run);
	agree("requests for them", c.calls, requests(&c));
	agree("work", sum.works, sum.worked);
	agree("turns with the lock", sum.locks, smp.locked);
	agree("timers", sum.armed, sum.fired);
	agree("cycles", (uint64_t)cycles * (smp.nr_cpus - 1), smp.cycles);
	agree("lives", smp.nr_cpus + smp.cycles, sum.lives);
	ipis(&c);
	pv_printf("smp: waiters slept %lu times, were woken %lu times\n", c.blocks,
		  c.ipi[GUEST_IPI_SPIN].sent);
	pv_printf("smp: %lu reschedules of ours among %lu\n", sum.reschedules, reschedules(&c));
	if (reschedules(&c) < sum.reschedules)
		wrong++;
	if (wrong)
		pv_panic("smp: %u counts are WRONG", wrong);
	pv_printf("smp: %u CPUs, all counts agree\n", smp.nr_cpus);
}
