/* SPDX-License-Identifier: MIT */
/*
 * The load: every CPU sends, calls, interrupts, moves, binds and unbinds at once, as long as it is
 * told to, while some CPUs go and come back. How each send is accounted for, so that a lost wake-up
 * is found, is in load_count.c.
 */
#include "load.h"

struct load load_state;

void load_fail(const char *format, ...)
{
	va_list args;
	char text[160];

	va_start(args, format);
	pv_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)expect(false, "%s", text);
	__atomic_store_n(&load_state.over, true, __ATOMIC_SEQ_CST);
}

static bool goes_on(uint64_t until)
{
	return !__atomic_load_n(&load_state.over, __ATOMIC_SEQ_CST) && guest_clock(conf.g) < until;
}

static unsigned any_of(struct load_cpu *c, unsigned n)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (unsigned)(c->random >> 11) % n;
}

/* ---- one turn each ------------------------------------------------------------------------ */

static void send_window(struct load_cpu *c, struct load_target *t, const char *what)
{
	unsigned n = any_of(c, LOAD_WINDOW) + 1;
	uint64_t number = 0;

	while (n-- > 0)
		number = target_send(t);
	target_wait(t, number, what);
}

static void change_channel(struct load_cpu *c, struct load_target *t)
{
	struct guest_cpumask mask = { { 0 } };
	unsigned what = any_of(c, 8);
	int r = 0;

	if (what == 0) {
		channel_end(c, t);
		(void)channel_make(t);
		c->rebound++;
	} else if (what == 1 && conf.fifo) {
		r = guest_set_irq_priority(conf.g, t->irq, any_of(c, 16));
		c->priorities++;
	} else {
		guest_cpumask_set(&mask, any_of(c, conf.nr_cpus));
		r = guest_irq_set_affinity(conf.g, t->irq, &mask);
		/* A CPU that is down at this moment is no such CPU. */
		c->moved += !r;
		r = r == -XEN_EINVAL ? 0 : r;
	}
	if (r)
		load_fail("channel port %u: a change is refused: %d", t->tx, r);
}

static void use_channels(struct load_cpu *c)
{
	struct load_target *t = &c->channel[any_of(c, LOAD_CHANNELS)];

	/* Now and then while an event is on its way. */
	if (any_of(c, 4) == 0)
		(void)target_send(t);
	if (any_of(c, 8) == 0)
		change_channel(c, t);
	if (t->irq)
		send_window(c, t, "channel");
}

static void use_ipis(struct load_cpu *c)
{
	send_window(c, &load_state.ipi[any_of(c, conf.nr_cpus)], "IPI");
}

static void called(struct guest *g, void *arg)
{
	(void)arg;
	load_state.cpu[guest_this_cpu(g)].called++;
}

static void worked(struct guest *g, struct guest_work *work)
{
	(void)work;
	load_state.cpu[guest_this_cpu(g)].worked++;
}

static void use_calls(struct load_cpu *c)
{
	struct guest_cpumask all = { { (1u << conf.nr_cpus) - 1 } };
	unsigned to = any_of(c, conf.nr_cpus);
	int r = guest_smp_call_function_mask(conf.g, &all, called, NULL, any_of(c, 2));

	if (r < 0)
		load_fail("a call to all: %d", r);
	else
		c->calls += (unsigned)r;
	r = guest_smp_call_function_single(conf.g, to, called, NULL, any_of(c, 2));
	if (r && r != -XEN_ENXIO)
		load_fail("a call to CPU %u: %d", to, r);
	c->calls += !r;
	c->works += !guest_work_queue_on(conf.g, &c->work[to], to);
	(void)guest_smp_send_reschedule(conf.g, any_of(c, conf.nr_cpus));
}

static void use_lock(struct load_cpu *c)
{
	guest_spin_lock(conf.g, &load_state.lock);
	load_state.locked++; /* not atomic: that is what the lock is for */
	guest_spin_unlock(conf.g, &load_state.lock);
	c->locks++;
}

static void use_timer(struct load_cpu *c)
{
	volatile struct conf_cpu *cpu = &conf.cpu[c->nr];
	uint64_t ticks = cpu->ticks, deadline, give_up;

	deadline = guest_clock(conf.g) + any_of(c, 1000) * UINT64_C(1000);
	give_up = deadline + LOAD_PATIENCE;
	if (guest_set_timer(conf.g, deadline))
		load_fail("CPU %u: its timer is refused", c->nr);
	c->armed++;
	while (cpu->ticked < deadline && guest_clock(conf.g) < give_up)
		nap();
	if (cpu->ticked < deadline) {
		load_fail("CPU %u: a timer does not fire", c->nr);
		return;
	}
	c->fired++;
	/* A tick of the periodic timer that a vCPU starts with may be the first in each life. */
	c->strays += cpu->ticks - ticks - 1;
}

/* ---- the CPUs ----------------------------------------------------------------------------- */

static void turn(struct load_cpu *c)
{
	switch (any_of(c, 8)) {
	case 0:
		use_calls(c);
		break;
	case 1:
		use_lock(c);
		break;
	case 2:
		use_timer(c);
		break;
	case 3:
	case 4:
		use_ipis(c);
		break;
	default:
		use_channels(c);
		break;
	}
	c->turns++;
}

static void work_until(struct load_cpu *c, uint64_t until)
{
	while (goes_on(until) && !guest_cpu_dying(conf.g))
		turn(c);
	for (unsigned i = 0; i < conf.nr_cpus; i++)
		(void)guest_work_sync(conf.g, &c->work[i]);
}

static void worker(void *arg)
{
	(void)arg;
	work_until(&load_state.cpu[guest_this_cpu(conf.g)], load_state.until);
}

static void cycle(unsigned cpu)
{
	int r = guest_cpu_down(conf.g, cpu);

	if (!r)
		r = guest_cpu_up(conf.g, cpu);
	if (r) {
		load_fail("CPU %u does not go or come back: %d", cpu, r);
		return;
	}
	task_start(cpu, worker, NULL);
	load_state.cycles++;
}

/* CPU 0 works too; four times a second it takes another one away, and brings it back. */
static void run(void)
{
	unsigned victim = 0;

	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, worker, NULL);
	while (goes_on(load_state.until)) {
		uint64_t next = guest_clock(conf.g) + 250 * MS;

		work_until(&load_state.cpu[0], next < load_state.until ? next : load_state.until);
		if (conf.nr_cpus > 1 && goes_on(load_state.until))
			cycle(1 + victim++ % (conf.nr_cpus - 1));
	}
	if (option("lose=", 0))
		target_lose(&load_state.cpu[0].channel[0]);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
}

bool load(uint64_t seconds)
{
	bool ok = ipis_make();

	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		struct load_cpu *c = &load_state.cpu[cpu];

		c->nr = cpu;
		c->random = option("seed=", 1) * UINT64_C(0x9e3779b97f4a7c15) + cpu + 1;
		for (unsigned i = 0; i < MAX_CPUS; i++)
			c->work[i].fn = worked;
		for (unsigned i = 0; i < LOAD_CHANNELS; i++)
			ok &= channel_make(&c->channel[i]);
	}
	load_state.until = guest_clock(conf.g) + seconds * 1000 * MS;
	if (ok)
		run();
	return load_count();
}
