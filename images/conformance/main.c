/* SPDX-License-Identifier: MIT */
/*
 * Checks, from inside a guest, everything that the guest half promises: a list of small checks,
 * each by name, printed as TAP version 13. The same image checks the process backend and real Xen
 * (as its control domain's kernel); docs/conformance.md says how, and how a check is added.
 *
 * Command line: only=WORD runs the checks whose name begins with it; load=SECONDS runs the load
 * (load.c) instead of the checks; patience=MS is how long a wait may last before it is in vain.
 * Success: every check passed or was skipped, shutdown with reason poweroff; else a crash.
 */
#include "conformance.h"

struct conf conf;

static const struct area *const areas[] = {
	&area_boot, &area_entry,  &area_trap,  &area_nmi,     &area_segment, &area_cpuid,
	&area_call, &area_memory, &area_batch, &area_space,   &area_event,   &area_bind,
	&area_abi,  &area_poll,	  &area_irq,   &area_flow,    &area_handle,  &area_smp,
	&area_time, &area_line,	  &area_rtc,   &area_hotplug, &area_self,    &area_reset,
};
#define AREAS (sizeof(areas) / sizeof(areas[0]))

/* Memory beyond what the builder leaves behind the image: for thousands of channels. */
static uint8_t more_memory[4 << 20] __attribute__((aligned(4096)));

/* ---- what a check says -------------------------------------------------------------------- */

static void note(const char *format, va_list args)
{
	static int noting;
	char text[sizeof(conf.why)];

	pv_vsnprintf(text, sizeof(text), format, args);
	if (!__atomic_exchange_n(&noting, 1, __ATOMIC_ACQUIRE)) {
		if (!conf.why[0])
			memcpy(conf.why, text, sizeof(text));
		__atomic_store_n(&noting, 0, __ATOMIC_RELEASE);
	}
}

bool expect(bool ok, const char *format, ...)
{
	va_list args;

	if (!ok) {
		va_start(args, format);
		note(format, args);
		va_end(args);
	}
	return ok;
}

bool expect_equal(int64_t got, int64_t want, const char *what, int line)
{
	return expect(got == want, "line %d: %s is %ld, not %ld", line, what, got, want);
}

void comment(const char *format, ...)
{
	char text[240];
	va_list args;

	va_start(args, format);
	pv_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pv_printf("# %s\n", text);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* Not a halt: nothing need be on its way. Asleep, so that who is waited for can run. */
static void sleep_until(uint64_t clock)
{
	struct sched_poll poll = { .timeout = clock };

	(void)pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&poll), 0, 0, 0);
}

void nap(void)
{
	sleep_until(guest_clock(conf.g) + MS / 4);
}

void nap_until(uint64_t clock)
{
	while (guest_clock(conf.g) < clock)
		sleep_until(clock);
}

/* ---- CPUs --------------------------------------------------------------------------------- */

static enum guest_irqreturn timer(struct guest *g, unsigned irq, void *dev)
{
	struct conf_cpu *c = &conf.cpu[guest_this_cpu(g)];

	(void)irq;
	(void)dev;
	c->ticked = guest_clock(g);
	c->ticks++;
	if (conf.stop)
		*conf.stop = 1;
	if (conf.tick)
		conf.tick();
	return GUEST_IRQ_HANDLED;
}

static void cpu_main(struct pv *pv, unsigned nr)
{
	struct guest *g = pv->guest;
	struct conf_cpu *c = &conf.cpu[nr];
	void (*task)(void *arg);

	c->nr_lives++;
	c->lives = true;
	guest_local_irq_disable(g);
	while (!guest_cpu_dying(g)) {
		task = __atomic_load_n(&c->task, __ATOMIC_ACQUIRE);
		if (!task) {
			guest_halt(g); /* returns with events enabled */
			guest_local_irq_disable(g);
			continue;
		}
		guest_local_irq_enable(g);
		task(c->arg);
		guest_local_irq_disable(g);
		__atomic_store_n(&c->task, NULL, __ATOMIC_RELEASE);
	}
	c->lives = false;
}

void task_start(unsigned cpu, void (*task)(void *arg), void *arg)
{
	struct conf_cpu *c = &conf.cpu[cpu];

	c->arg = arg;
	__atomic_store_n(&c->task, task, __ATOMIC_RELEASE);
	EXPECT_EQ(guest_smp_send_reschedule(conf.g, cpu), 0);
}

bool task_wait(unsigned cpu)
{
	return WAIT_FOR(!__atomic_load_n(&conf.cpu[cpu].task, __ATOMIC_ACQUIRE));
}

static void start(struct start_info *si)
{
	static const struct pv_smp_config smp = {
		.main = cpu_main,
		.timer = timer,
		.max_cpus = MAX_CPUS,
		.spin_limit = 64,
	};
	int r;

	if (pv_init(&conf.pv, si))
		pv_shutdown(SHUTDOWN_crash);
	conf.g = conf.pv->guest;
	conf.cmdline = pv_cmdline(si);
	conf.patience = option("patience=", 20000);
	conf.fifo = guest_abi(conf.g) == GUEST_ABI_FIFO;
	conf.nr_cpus =
		guest_count_cpus(&conf.pv->ops, conf.pv, (unsigned)option("max_cpus=", MAX_CPUS));
	if (conf.nr_cpus > MAX_CPUS)
		conf.nr_cpus = MAX_CPUS;
	pv_free(conf.pv, more_memory, sizeof(more_memory));
	r = pv_smp_init(conf.pv, &smp);
	if (r)
		pv_panic("Bail out! no IPIs: %d", r);
	guest_local_irq_enable(conf.g);
	r = guest_stop_periodic_tick(conf.g, 0);
	if (r)
		pv_panic("Bail out! the periodic tick does not stop: %d", r);
	r = pv_space_init(conf.pv);
	if (r)
		pv_panic("Bail out! no address spaces: %d", r);
	places_init();
	traps_init();
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		r = guest_cpu_up(conf.g, cpu);
		if (r)
			pv_panic("Bail out! CPU %u does not come up: %d", cpu, r);
	}
}

/* ---- the list ----------------------------------------------------------------------------- */

uint64_t option(const char *key, uint64_t otherwise)
{
	const char *p = pv_word(conf.cmdline, key);
	uint64_t n;

	return p && pv_number(&p, &n) ? n : otherwise;
}

/* Does the name (in two parts) begin with what only= says? */
static bool wanted(const struct area *area, const struct check *check)
{
	const char *only = pv_word(conf.cmdline, "only=");
	char name[80];
	size_t i;

	if (!only)
		return !(check->needs & NEEDS_REQUEST);
	pv_snprintf(name, sizeof(name), "%s.%s", area->name, check->name);
	for (i = 0; only[i] && only[i] != ' '; i++)
		if (only[i] != name[i])
			return false;
	/* What fails on purpose is named in full. */
	return !(check->needs & NEEDS_REQUEST) || !name[i];
}

static const char *missing(unsigned needs)
{
	if ((needs & NEEDS_FIFO) && !conf.fifo)
		return "the 2-level ABI is in use (abi=2l)";
	if ((needs & NEEDS_2L) && conf.fifo)
		return "the FIFO ABI is in use (abi=fifo)";
	if ((needs & NEEDS_CPUS) && conf.nr_cpus < 2)
		return "one vCPU only";
	if ((needs & NEEDS_REAL) && !processor_is_real())
		return "QEMU's processor without KVM does not do this";
	if ((needs & NEEDS_TS) && !fpu_can_be_switched_off())
		return "the place cannot switch the FPU off (docs/differences.md)";
	if ((needs & NEEDS_LOADING) && !descriptors_are_loaded())
		return "the place does not load descriptors (docs/differences.md)";
	if ((needs & NEEDS_PORTS) && !io_ports_are_there())
		return "the place has no I/O ports";
	if ((needs & NEEDS_LINE) && !line_is_there())
		return "no line= on the command line: only a machine file gives one";
	return NULL;
}

/* What a check left behind: the lowest free port and the upcall mask are as they were before. */
static int lowest_port(void)
{
	int port = port_new();

	if (port > 0)
		(void)port_close((evtchn_port_t)port);
	return port;
}

static unsigned skipped, failed;

static void run_check(const struct check *check)
{
	int before = lowest_port(), after;

	check->run();
	EXPECT(!guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
	after = lowest_port();
	expect(before == after, "it left ports open: the lowest free one was %d, is %d", before,
	       after);
}

static void one(unsigned nr, const struct area *area, const struct check *check)
{
	const char *skip = missing(check->needs);

	conf.why[0] = '\0';
	if (skip) {
		pv_printf("ok %u - %s.%s # SKIP %s\n", nr, area->name, check->name, skip);
		skipped++;
		return;
	}
	run_check(check);
	if (!conf.why[0]) {
		pv_printf("ok %u - %s.%s\n", nr, area->name, check->name);
		return;
	}
	pv_printf("not ok %u - %s.%s # %s\n", nr, area->name, check->name, conf.why);
	failed++;
}

static unsigned count(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < AREAS; i++)
		for (const struct check *c = areas[i]->checks; c->name; c++)
			n += wanted(areas[i], c);
	return n;
}

static void run_all(void)
{
	unsigned nr = 0;

	for (size_t i = 0; i < AREAS; i++)
		for (const struct check *c = areas[i]->checks; c->name; c++)
			if (wanted(areas[i], c))
				one(++nr, areas[i], c);
}

void pv_main(struct start_info *si)
{
	uint64_t seconds;
	unsigned n;

	start(si);
	pv_printf("TAP version 13\n");
	comment("%u CPUs, %s", conf.nr_cpus, conf.fifo ? "FIFO" : "2-level");
	seconds = option("load=", 0);
	if (seconds)
		pv_shutdown(load(seconds) ? SHUTDOWN_poweroff : SHUTDOWN_crash);

	n = count();
	pv_printf("1..%u\n", n);
	run_all();
	comment("%u checks: %u passed, %u skipped, %u failed", n, n - skipped - failed, skipped,
		failed);
	pv_shutdown(n && !failed ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}
