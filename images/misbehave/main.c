/* SPDX-License-Identifier: MIT */
/*
 * Shows: a guest can hurt only itself. The command line's mode=NAME says how it tries; what success
 * means stands at each mode. Some end with the domain destroyed and a report, some with OK and
 * poweroff, some never end by themselves. The word `traps` registers exception handlers first in
 * those modes that do not need them: then the guest reports by itself, else the monitor does.
 */
#include <xen/version.h>

#include "misbehave.h"

static unsigned failures;

void expect(bool ok, const char *what, long number, long result)
{
	if (ok)
		return;
	failures++;
	pv_printf("misbehave: %s %#lx: unexpected result %ld\n", what, (unsigned long)number,
		  result);
}

void finish(const char *mode)
{
	if (failures)
		pv_panic("misbehave %s: %u FAILED", mode, failures);
	pv_printf("misbehave %s: OK\n", mode);
	pv_shutdown(SHUTDOWN_poweroff);
}

/* ---- exceptions: the domain ends with a report of registers --------------------------- */

/* Jump to address 0. Success: page fault, rip 0. */
static void mode_null(struct pv *pv)
{
	(void)pv;
	__asm__ volatile("call *%0" : : "r"(UINT64_C(0)) : "memory");
}

/* Divide by zero. Success: divide error, rip in this function. */
static void mode_divide(struct pv *pv)
{
	uint64_t low = 1, high = 0;

	(void)pv;
	__asm__ volatile("divq %[zero]" : "+a"(low), "+d"(high) : [zero] "r"(UINT64_C(0)) : "cc");
}

/* Write to the page-table root. Success: page fault, write, at start_info's pt_base (as the guest's
 * report's cr2 says). */
static void mode_readonly(struct pv *pv)
{
	*(volatile uint64_t *)pv->start_info->pt_base = 0;
}

static enum guest_irqreturn timer_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	pv_printf("misbehave: an upcall without a stack\n");
	return GUEST_IRQ_HANDLED;
}

/*
 * Events on, the stack pointer where nothing can be pushed (8, from where a frame wraps around; or
 * sp=ADDRESS), waiting for a timer. Success: the upcall cannot be delivered, the domain ends with a
 * report.
 */
static void mode_stack(struct pv *pv)
{
	const char *p = pv_word(pv_cmdline(pv->start_info), "sp=");
	struct guest *g = pv->guest;
	uint64_t sp = 8;
	int r;

	if (p)
		expect(pv_number(&p, &sp), "sp=", 0, 0);

	r = guest_bind_virq_to_irqhandler(g, VIRQ_TIMER, 0, timer_handler, GUEST_IRQF_PERCPU,
					  "timer", NULL);
	expect(r > 0, "bind_virq", VIRQ_TIMER, r);
	(void)guest_stop_periodic_tick(g, 0);
	(void)guest_set_timer(g, guest_clock(g) + 50 * UINT64_C(1000000));
	guest_local_irq_enable(g);
	__asm__ volatile("mov %0, %%rsp\n1:\tpause\n\tjmp 1b" : : "r"(sp) : "memory");
}

/* Once more, with a frame of its own; never in a register. */
static __attribute__((noinline)) uint64_t deeper(volatile uint64_t *above)
{
	volatile uint64_t here = *above + 1;

	return here ? deeper(&here) + here : 0; /* it would end after 2^64 */
}

static enum guest_irqreturn overflow_handler(struct guest *g, unsigned irq, void *dev)
{
	const char *end = pv_this_cpu()->irq_stack;
	volatile uint64_t zero = 0;

	(void)g;
	(void)irq;
	(void)dev;
	pv_printf("misbehave overflow: guard %lx\n",
		  pv_arg(end - PV_IRQ_STACK_BYTES - PV_PAGE_BYTES) / PV_PAGE_BYTES);
	return deeper(&zero) ? GUEST_IRQ_HANDLED : GUEST_IRQ_NONE;
}

/*
 * A handler that calls itself without end. Success: it meets the unmapped page below its CPU's
 * interrupt stack, and the domain ends with a report; what is beyond has not been touched.
 */
static void mode_overflow(struct pv *pv)
{
	struct guest *g = pv->guest;
	int r = guest_bind_ipi_to_irqhandler(g, 0, 0, overflow_handler, 0, "overflow", NULL);

	expect(r > 0, "bind_ipi", 0, r);
	guest_local_irq_enable(g);
	(void)guest_notify_irq(g, (unsigned)r);
}

/* ---- going on: OK at the end ---------------------------------------------------------- */

static void scribble_page(void *page, uint64_t *seed)
{
	volatile uint64_t *words = page;

	for (size_t i = 0; i < PV_PAGE_BYTES / sizeof(*words); i++) {
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		words[i] = *seed;
	}
}

static void some_hypercalls(struct pv *pv)
{
	uint64_t now = pv->shared_info->vcpu_info[0].time.system_time;

	for (evtchn_port_t port = 0; port < 8; port++) {
		struct evtchn_send send = { .port = port };
		struct evtchn_unmask unmask = { .port = port * 600 };

		pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, pv_arg(&send), 0, 0, 0);
		pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, pv_arg(&unmask), 0, 0,
			     0);
	}
	pv_hypercall(__HYPERVISOR_set_timer_op, now, 0, 0, 0, 0);
	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	expect(pv_hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0) > 0,
	       "xen_version", 0, 0);
}

/*
 * Garbage over the shared_info page (with vcpu_info in it) and the memory shared with peers, with
 * hypercalls in between. Success: they go on working, OK is printed, no other domain is worse off
 * than by garbage in its ring.
 */
static void mode_scribble(struct pv *pv)
{
	static const char *const names[] = { "shm=request,", "shm=reply,", "shm=ring," };
	uint64_t seed = 0x9e3779b97f4a7c15, frame, pages;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *p = pv_word(pv_cmdline(pv->start_info), names[i]);
		void *memory;

		if (!p || !pv_number(&p, &frame) || !pv_number(&p, &pages) ||
		    pv_map_frames(pv, frame, pages, true, &memory))
			continue;
		for (size_t page = 0; page < pages; page++)
			scribble_page((char *)memory + page * PV_PAGE_BYTES, &seed);
	}
	for (unsigned round = 0; round < 200; round++) {
		scribble_page(pv->shared_info, &seed);
		/* With the mask that garbage made, then open, then with every bit set and clear */
		some_hypercalls(pv);
		pv->shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
		some_hypercalls(pv);
		memset(pv->shared_info, round & 1 ? 0xff : 0, PV_PAGE_BYTES);
		some_hypercalls(pv);
	}
	pv->shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
}

static void do_read(void *arg)
{
	(void)*(volatile uint8_t *)arg;
}

static void do_jump(void *arg)
{
	((void (*)(void))arg)();
}

/*
 * Read from, then jump to, addresses that are not the guest's: where a host process has its
 * program, libraries, stack and vsyscalls, and where Xen is; or only to addr=ADDRESS of the command
 * line. Success: exceptions, then OK; or the domain ends with a report, if what is there does that.
 * Nobody else notices.
 */
static void mode_shim(struct pv *pv)
{
	static const uint64_t high[] = {
		0x10000,
		0x400000,
		0x555555554000,
		0x7ffff7fc0000,
		0x7ffffffde000,
		0x7fffffffe000,
		0x7ffffffff000,
		0xffff82d040200000,
		0xffffffffff600000,
		0xffff880000000000,
		0x8000000000000000,
	};
	const char *p = pv_word(pv_cmdline(pv->start_info), "addr=");
	size_t n = sizeof(high) / sizeof(high[0]);
	uint64_t given;

	if (p && pv_number(&p, &given))
		n = 1;
	else
		p = NULL;
	for (size_t i = 0; i < n; i++) {
		void *at = (void *)(p ? given : high[i]);
		bool read = survives(do_read, at), ran = survives(do_jump, at);

		pv_printf("misbehave: %p can%s be read, %s\n", at, read ? "" : "not",
			  ran ? "came back" : "faulted");
	}
}

/* ---- never ending: until somebody outside ends the machine ---------------------------- */

/* An infinite loop with events masked. Success: the monitor can still end it at once. */
static void mode_spin(struct pv *pv)
{
	guest_local_irq_disable(pv->guest);
	pv_printf("misbehave spin: spinning\n");
	for (;;)
		__asm__ volatile("" : : : "memory");
}

/* Blocked for good: no timer, every port masked. Success: it takes no processor time and can be
 * ended. */
static void mode_deadlock(struct pv *pv)
{
	(void)guest_stop_periodic_tick(pv->guest, 0);
	(void)guest_set_timer(pv->guest, 0);
	pv_printf("misbehave deadlock: blocking\n");
	for (;;)
		pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0, 0);
}

/*
 * Bind the pirq of pirq=N, that others share, and never end its interrupts. Success: the others are
 * not kept waiting.
 */
static void mode_hold(struct pv *pv)
{
	const char *p = pv_word(pv_cmdline(pv->start_info), "pirq=");
	uint64_t pirq = 0;
	int irq;

	expect(p && pv_number(&p, &pirq), "pirq=", 0, 0);
	irq = guest_bind_pirq_to_irq(pv->guest, (uint32_t)pirq, true);
	expect(irq > 0, "bind_pirq", (long)pirq, irq);
	if (failures)
		finish("hold");
	mode_deadlock(pv);
}

static const struct mode {
	const char *name;
	void (*run)(struct pv *pv);
	bool init; /* needs all of pv_init */
} modes[] = {
	{ "null", mode_null, false },	     { "unknown", mode_unknown, true },
	{ "syscall", mode_syscall, true },   { "badptr", mode_badptr, true },
	{ "scribble", mode_scribble, true }, { "stack", mode_stack, true },
	{ "exit", mode_exit, true },	     { "spin", mode_spin, true },
	{ "divide", mode_divide, false },    { "readonly", mode_readonly, false },
	{ "shim", mode_shim, true },	     { "overflow", mode_overflow, true },
	{ "deadlock", mode_deadlock, true }, { "hold", mode_hold, true },
};

void pv_main(struct start_info *si)
{
	const char *cmdline = pv_cmdline(si);
	struct pv early = { .start_info = si }, *pv = &early;
	char word[32];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *end;

		pv_snprintf(word, sizeof(word), "mode=%s", modes[i].name);
		end = pv_word(cmdline, word);
		if (!end || (*end && *end != ' '))
			continue;
		if (modes[i].init || pv_word(cmdline, "traps")) {
			if (pv_init(&pv, si))
				pv_shutdown(SHUTDOWN_crash);
			pv->trap_hook = probe_hook;
		}
		modes[i].run(pv);
		finish(modes[i].name);
	}
	pv_printf("misbehave: mode=NAME on the command line is one of");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		pv_printf(" %s", modes[i].name);
	pv_panic(".");
}
