/* SPDX-License-Identifier: MIT */
/*
 * A guest that aims at the process backend itself: mode=NAME on the command line says where. What
 * it may reach by it stands at each mode: its own domain's end with a report, or nothing at all.
 * tests/vmm/hostile.py runs them and looks at the host meanwhile.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

static struct start_info *the_si;
volatile uint64_t hostile_ticks;

struct start_info *hostile_si(void)
{
	return the_si;
}

uint64_t hostile_option(const char *key, uint64_t otherwise)
{
	const char *p = pv_word(pv_cmdline(the_si), key);
	uint64_t value;

	return p && pv_number(&p, &value) ? value : otherwise;
}

uint64_t hostile_rnd(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

void hostile_done(void)
{
	pv_printf("hostile: OK\n");
	pv_shutdown(SHUTDOWN_poweroff);
}

static enum guest_irqreturn ticked(struct guest *g, unsigned irq, void *dev)
{
	(void)irq;
	hostile_ticks++;
	(void)guest_set_timer(g, guest_clock(g) + *(uint64_t *)dev);
	return GUEST_IRQ_HANDLED;
}

void hostile_timer(struct pv *pv, uint64_t period_ns)
{
	static uint64_t period;
	struct guest *g = pv->guest;

	period = period_ns;
	if (guest_bind_virq_to_irqhandler(g, VIRQ_TIMER, 0, ticked, GUEST_IRQF_PERCPU, "timer",
					  &period) <= 0)
		pv_panic("hostile: no timer");
	(void)guest_stop_periodic_tick(g, 0);
	(void)guest_set_timer(g, guest_clock(g) + period_ns);
	guest_local_irq_enable(g);
}

/* At most so long, without hypercalls. */
void hostile_spin(struct pv *pv, uint64_t ms)
{
	uint64_t end = guest_clock(pv->guest) + ms * UINT64_C(1000000);

	while (guest_clock(pv->guest) < end)
		__builtin_ia32_pause();
}

/* Every byte there is, no newline for long, terminal escapes. Harmless. */
void mode_console(struct pv *pv)
{
	static const char escapes[] = "\033[2J\033]0;title\007\x9b"
				      "31m\n";
	static char text[65536];
	uint64_t seed = 88172645463325252u;

	(void)pv;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)hostile_rnd(&seed);
	for (size_t i = 0; i < sizeof(text); i++)
		if (text[i] == '\n')
			text[i] = 27;
	for (unsigned i = 0; i < hostile_option("count=", 64); i++)
		pv_console_write(text, sizeof(text));
	pv_console_write(escapes, sizeof(escapes) - 1);
	hostile_done();
}

/* Deadlines that cannot be meant, and as many as fit in a second. Harmless to others. */
void mode_timers(struct pv *pv)
{
	static const uint64_t odd[] = { 0,	    1,		UINT64_MAX,	  UINT64_MAX - 1,
					INT64_MAX,  1ull << 63, (1ull << 63) + 1, 1ull << 50,
					1ull << 62, 999 };
	uint64_t end;

	hostile_timer(pv, 1000000);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct vcpu_set_periodic_timer p = { odd[i] };
		struct vcpu_set_singleshot_timer s = { odd[i], 0 };

		pv_hypercall(__HYPERVISOR_set_timer_op, odd[i], 0, 0, 0, 0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, pv_arg(&s), 0,
			     0);
		s.flags = VCPU_SSHOTTMR_future;
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, pv_arg(&s), 0,
			     0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, pv_arg(&p), 0, 0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0, 0, 0);
	}
	end = guest_clock(pv->guest) + hostile_option("ms=", 1000) * UINT64_C(1000000);
	while (guest_clock(pv->guest) < end) {
		struct vcpu_set_periodic_timer p = { 1000000 };

		pv_hypercall(__HYPERVISOR_set_timer_op, 1, 0, 0, 0, 0);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, pv_arg(&p), 0, 0);
	}
	hostile_done();
}

static const struct mode {
	const char *name;
	void (*run)(struct pv *pv);
} modes[] = {
	{ "fuzz", mode_fuzz },		 { "chaos", mode_chaos },
	{ "shutdowns", mode_shutdowns }, { "scratch", mode_scratch },
	{ "info", mode_info },		 { "moved", mode_moved },
	{ "sigreturn", mode_sigreturn }, { "gate", mode_gate },
	{ "inside", mode_inside },	 { "compat", mode_compat },
	{ "flags", mode_flags },	 { "frames", mode_frames },
	{ "plan", mode_plan },		 { "endless", mode_endless },
	{ "maps", mode_maps },		 { "unmap", mode_unmap },
	{ "tables", mode_tables },	 { "console", mode_console },
	{ "timers", mode_timers },	 { "shared", mode_shared },
	{ "calls", mode_calls },	 { "arguments", mode_arguments },
	{ "stack", mode_stack },	 { "areas", mode_areas },
	{ "segments", mode_segments },	 { "vectors", mode_vectors },
	{ "hand", mode_hand },
};

void pv_main(struct start_info *si)
{
	struct pv *pv;
	char word[32];

	the_si = si;
	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *end;

		pv_snprintf(word, sizeof(word), "mode=%s", modes[i].name);
		end = pv_word(pv_cmdline(si), word);
		if (end && (!*end || *end == ' ')) {
			modes[i].run(pv);
			hostile_done();
		}
	}
	pv_panic("hostile: no such mode");
}
