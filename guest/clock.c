/* SPDX-License-Identifier: MIT */
/*
 * System time, wall-clock time and each CPU's timer. Xen writes the time pages and this file only
 * reads them; the timer's event is VIRQ_TIMER, bound like any other (events/).
 */
#include "private.h"

#include <xen/vcpu.h>

#define NS_PER_SEC UINT64_C(1000000000)

/*
 * Time passed since the page was written. 64 bits times 32, of which the upper 64 matter: no
 * 128-bit arithmetic needed.
 */
static uint64_t scale(uint64_t cycles, uint32_t mul, int8_t shift)
{
	cycles = shift < 0 ? cycles >> -shift : cycles << shift;
	return (cycles >> 32) * mul + ((cycles & UINT32_MAX) * mul >> 32);
}

/*
 * One try. Xen makes version odd, writes, makes it even; a reader that saw odd, or not the same
 * before and after, has read a mixture. Each load is an acquire, so that none of them sinks below
 * the last look at version.
 */
static bool read_page(struct guest *g, struct vcpu_time_info *t, uint64_t *now, bool *stable)
{
	uint32_t version = load_acquire(&t->version);
	uint64_t stamp = load_acquire(&t->tsc_timestamp);
	uint64_t base = load_acquire(&t->system_time);
	uint32_t mul = load_acquire(&t->tsc_to_system_mul);
	int8_t shift = load_acquire(&t->tsc_shift);
	uint8_t flags = load_acquire(&t->flags);
	uint64_t cycles = g->ops->cycles(g->ctx);

	if ((version & 1) || load_relaxed(&t->version) != version)
		return false;
	*stable = flags & XEN_PVCLOCK_TSC_STABLE_BIT;
	/* A counter a little behind the stamp has to be another processor's: no time has passed. */
	*now = base + (cycles > stamp ? scale(cycles - stamp, mul, shift) : 0);
	return true;
}

/*
 * The later of the two, and *last is at least that now. Relaxed: who hands a time over orders his
 * store with the other's load by whatever he hands it over with. A handler may come between any two
 * steps here and read the clock as well.
 */
static uint64_t at_least(uint64_t *last, uint64_t now)
{
	uint64_t told = load_relaxed(last);

	while (now > told) {
		if (cas_relaxed(last, &told, now))
			return now;
	}
	return told;
}

uint64_t guest_clock(struct guest *g)
{
	struct guest_cpu *cpu;
	uint64_t now, shared;
	bool stable;

	/*
	 * A thread that its kernel moved meanwhile has put one CPU's page and another's counter
	 * together.
	 */
	for (;;) {
		cpu = this_cpu(g);
		if (read_page(g, &cpu->vcpu_info->time, &now, &stable) && this_cpu(g) == cpu)
			break;
		cpu_relax(g);
	}
	/*
	 * What any CPU has told, unless Xen promises that the pages agree: then it is enough that a
	 * new page may begin a little before where this CPU's old one had got to. The line that all
	 * write is still read, as the promise may be younger than what it says; it stays in every
	 * cache.
	 */
	if (!stable)
		return at_least(&g->last_clock, at_least(&cpu->last_clock, now));
	now = at_least(&cpu->last_clock, now);
	shared = load_relaxed(&g->last_clock);
	return shared > now ? shared : now;
}

void guest_wallclock(struct guest *g, uint64_t *sec, uint32_t *nsec)
{
	struct shared_info *s = g->shared;
	uint64_t whole, ns;
	uint32_t version;

	for (;;) {
		version = load_acquire(&s->wc_version);
		whole = load_acquire(&s->wc_sec) | (uint64_t)load_acquire(&s->wc_sec_hi) << 32;
		ns = load_acquire(&s->wc_nsec);
		if (!(version & 1) && load_relaxed(&s->wc_version) == version)
			break;
		cpu_relax(g);
	}
	ns += guest_clock(g);
	*sec = whole + ns / NS_PER_SEC;
	*nsec = (uint32_t)(ns % NS_PER_SEC);
}

/* ---- the timer: several wishes, of which the hypervisor is told the earliest ---------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static uint64_t earliest(const struct guest_cpu *cpu)
{
	return earlier(cpu->timer_kernel, earlier(cpu->tick_next, cpu->timer_late));
}

/* Events disabled, as in all that follows. */
static int set_timer(struct guest *g, struct guest_cpu *cpu)
{
	cpu->timer_set = earliest(cpu);
	return (int)hypercall(g, __HYPERVISOR_set_timer_op, cpu->timer_set, 0, 0);
}

/*
 * The same, unless it is set to that already. One that has been reached may be over, before anybody
 * here kept an account of it.
 */
static int update_timer(struct guest *g, struct guest_cpu *cpu)
{
	uint64_t next = earliest(cpu);

	if (!next || (next == cpu->timer_set && next > guest_clock(g)))
		return 0;
	return set_timer(g, cpu);
}

int guest_set_timer(struct guest *g, uint64_t deadline)
{
	guest_flags_t flags = guest_local_irq_save(g);
	struct guest_cpu *cpu = this_cpu(g);
	int rc;

	cpu->timer_kernel = deadline;
	rc = set_timer(g, cpu);
	guest_local_irq_restore(g, flags);
	return rc;
}

int guest_set_timer_future(struct guest *g, uint64_t deadline)
{
	guest_flags_t flags = guest_local_irq_save(g);
	struct guest_cpu *cpu = this_cpu(g);
	bool passed = deadline <= guest_clock(g);
	int rc;

	cpu->timer_kernel = passed ? 0 : deadline;
	rc = set_timer(g, cpu);
	guest_local_irq_restore(g, flags);
	return !rc && passed ? -XEN_ETIME : rc;
}

int guest_set_periodic_timer(struct guest *g, uint64_t first, uint64_t period)
{
	struct guest_cpu *cpu;
	guest_flags_t flags;
	int rc;

	if (period && (period < GUEST_MIN_PERIOD || !first))
		return -XEN_EINVAL;
	flags = guest_local_irq_save(g);
	cpu = this_cpu(g);
	cpu->tick_next = period ? first : 0;
	cpu->tick_period = period;
	cpu->ticks = 0;
	rc = set_timer(g, cpu);
	guest_local_irq_restore(g, flags);
	return rc;
}

int clock_set_late(struct guest *g, struct guest_cpu *cpu, uint64_t deadline)
{
	cpu->timer_late = deadline;
	return update_timer(g, cpu);
}

/* Each from the one before, not from when it came: so a late one makes none of the others late. */
static void count_ticks(struct guest_cpu *cpu, uint64_t now)
{
	uint64_t n;

	if (!cpu->tick_next || cpu->tick_next > now)
		return;
	n = (now - cpu->tick_next) / cpu->tick_period + 1;
	cpu->ticks += n;
	cpu->tick_next += n * cpu->tick_period;
}

/*
 * What the kernel had asked for is over if its time has come: its handlers are about to be called,
 * and ask guest_timer_take.
 */
static void count_expired(struct guest_cpu *cpu, uint64_t now)
{
	if (cpu->timer_kernel && cpu->timer_kernel <= now) {
		cpu->timer_kernel = 0;
		cpu->oneshot_over = true;
	}
	count_ticks(cpu, now);
}

/*
 * The hypervisor's timer is one, and the event may be its end, whatever our clock says: where the
 * hypervisor's is a little ahead it comes before our time. So it counts as over, and is set again.
 */
void clock_expired(struct guest_cpu *cpu, uint64_t now)
{
	count_expired(cpu, now);
	cpu->timer_set = 0;
	cpu->timer_renewed = true;
}

int guest_timer_take(struct guest *g, struct guest_timer_event *event)
{
	guest_flags_t flags = guest_local_irq_save(g);
	struct guest_cpu *cpu = this_cpu(g);
	int rc;

	count_expired(cpu, guest_clock(g));
	if (!cpu->timer_renewed)
		cpu->timer_set = 0;
	cpu->timer_renewed = false;
	*event = (struct guest_timer_event){ .oneshot = cpu->oneshot_over, .ticks = cpu->ticks };
	cpu->oneshot_over = false;
	cpu->ticks = 0;
	rc = update_timer(g, cpu);
	guest_local_irq_restore(g, flags);
	return rc;
}

void clock_cpu_reset(struct guest_cpu *cpu)
{
	cpu->timer_kernel = 0;
	cpu->timer_late = 0;
	cpu->timer_set = 0;
	cpu->tick_next = 0;
	cpu->ticks = 0;
	cpu->oneshot_over = false;
	cpu->timer_renewed = false;
}

void clock_cpu_die(struct guest *g, struct guest_cpu *cpu)
{
	clock_cpu_reset(cpu);
	(void)set_timer(g, cpu);
}

int guest_stop_periodic_tick(struct guest *g, unsigned cpu)
{
	if (cpu >= g->nr_cpus)
		return -XEN_EINVAL;
	return (int)hypercall(g, __HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, cpu, 0);
}
