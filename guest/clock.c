/* SPDX-License-Identifier: MIT */
/*
 * System time, wall-clock time and the one-shot timer. Xen writes the time pages and this file only
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
static bool read_page(struct guest *g, struct vcpu_time_info *t, uint64_t *now)
{
	uint32_t version = load_acquire(&t->version);
	uint64_t stamp = load_acquire(&t->tsc_timestamp);
	uint64_t base = load_acquire(&t->system_time);
	uint32_t mul = load_acquire(&t->tsc_to_system_mul);
	int8_t shift = load_acquire(&t->tsc_shift);
	uint64_t cycles = g->ops->cycles(g->ctx);

	if ((version & 1) || load_relaxed(&t->version) != version)
		return false;
	/* A counter a little behind the stamp has to be another processor's: no time has passed. */
	*now = base + (cycles > stamp ? scale(cycles - stamp, mul, shift) : 0);
	return true;
}

uint64_t guest_clock(struct guest *g)
{
	struct guest_cpu *cpu;
	uint64_t now, last;

	/*
	 * A thread that its kernel moved meanwhile has put one CPU's page and another's counter
	 * together.
	 */
	for (;;) {
		cpu = this_cpu(g);
		if (read_page(g, &cpu->vcpu_info->time, &now) && this_cpu(g) == cpu)
			break;
		cpu_relax(g);
	}
	/*
	 * A new page may begin a little before where the old one had got to. A handler may come
	 * between any two steps here and read the clock as well.
	 */
	last = load_relaxed(&cpu->last_clock);
	while (now > last) {
		if (cas_relaxed(&cpu->last_clock, &last, now))
			return now;
	}
	return last;
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

/* The earlier of the two wishes. Events disabled. */
static int set_timer(struct guest *g, struct guest_cpu *cpu)
{
	uint64_t next = cpu->timer_kernel;

	if (!next || (cpu->timer_late && cpu->timer_late < next))
		next = cpu->timer_late;
	cpu->timer_set = next;
	return (int)hypercall(g, __HYPERVISOR_set_timer_op, next, 0, 0);
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

int clock_set_late(struct guest *g, struct guest_cpu *cpu, uint64_t deadline)
{
	uint64_t next = cpu->timer_kernel;

	cpu->timer_late = deadline;
	if (!next || (deadline && deadline < next))
		next = deadline;
	/*
	 * Set to that already? One that has been reached may be over, before anybody here kept an
	 * account of it.
	 */
	if (!next || (next == cpu->timer_set && next > guest_clock(g)))
		return 0;
	return set_timer(g, cpu);
}

/*
 * The hypervisor's timer is one. When it has been reached it is over; what the kernel had asked for
 * is over too if its time has come: its handlers are about to be called.
 */
void clock_expired(struct guest_cpu *cpu, uint64_t now)
{
	if (cpu->timer_kernel <= now)
		cpu->timer_kernel = 0;
	if (cpu->timer_set <= now)
		cpu->timer_set = 0;
}

int guest_stop_periodic_tick(struct guest *g, unsigned cpu)
{
	if (cpu >= g->nr_cpus)
		return -XEN_EINVAL;
	return (int)hypercall(g, __HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, cpu, 0);
}
