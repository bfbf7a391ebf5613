/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of a guest half with several CPUs and address spaces: roots that are shot down while
 * others switch to them or go down; and calls to many CPUs, whose IPIs go out by one multicall.
 */
#include "scenario.h"

#include <carillon/guest_mm.h>
#include <carillon/guest_multicall.h>
#include <carillon/guest_smp.h>
#include <xen/errno.h>

#define MAX_CPUS 3u

static struct {
	struct world w;
	struct world_domain *d;
	struct guest_space space;
	uint64_t root;
	bool gone; /* destroyed: plain, so looked at by who did it and at the end */
	bool down;
	unsigned called[MAX_CPUS];
} s;

static void begin(unsigned cpus)
{
	uint64_t kernel;

	memset(&s, 0, sizeof(s));
	world_begin(&s.w);
	s.d = world_guest(&s.w, cpus, 0, GUEST_ABI_2L);
	kernel = world_adopt(s.d);
	s.root = world_frame(s.d, world_page(s.d));
	smp_begin(&s.w, s.d);
	s.w.acting = &s.d->vcpu[0];
	world_expect(guest_mm_init(s.d->guest, kernel) == 0, "mm_init");
	world_expect(guest_space_create(s.d->guest, &s.space, s.root) == 0, "space_create");
	s.w.acting = NULL;
}

/* A page that is a table is not cleared. */
static bool is_data(struct world_vcpu *v)
{
	struct mmuext_op op = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = s.root };
	struct multicall_entry call = { .op = __HYPERVISOR_mmuext_op,
					.args = { (uintptr_t)&op, 1, 0, DOMID_SELF } };

	world_expect(world_hypercall(v, __HYPERVISOR_multicall, (uintptr_t)&call, 1, 0) == 0,
		     "multicall");
	return call.result == 0;
}

/* ---- shoot-down against switch ---- */

static void destroy(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;
	int rc;

	guest_local_irq_enable(g);
	rc = guest_space_destroy(g, &s.space);
	world_expect(rc == 0, "destroy: %d", rc);
	/* Nobody has it loaded now, nor later. */
	world_expect(is_data(v), "the root is a page table still");
	s.gone = true;
}

/* In one section: which it holds in the end is the one that it is back in. */
static void away_and_back(struct guest *g)
{
	guest_flags_t flags = guest_batch_begin(g);
	int rc;

	world_expect(guest_space_use(g, NULL) == 0, "use of the kernel's");
	rc = guest_space_use(g, &s.space);
	world_expect(rc == 0 || rc == -XEN_EINVAL, "use: %d", rc);
	world_expect(guest_batch_end(g, flags) == 0, "a switch");
}

static void switch_often(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;
	int rc = 0;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 3; i++) {
		rc = guest_space_use(g, &s.space);
		world_expect(rc == 0 || rc == -XEN_EINVAL, "use: %d", rc);
		if (i == 1)
			guest_space_lazy(g);
		if (i == 2)
			world_expect(guest_space_use(g, NULL) == 0, "use of the kernel's");
	}
	rc = guest_space_use(g, &s.space);
	world_expect(rc == 0 || rc == -XEN_EINVAL, "use: %d", rc);
	away_and_back(g);
}

static void shoot_vs_switch(void)
{
	begin(2);
	world_run_vcpu(&s.d->vcpu[0], "destroyer", destroy);
	world_run_vcpu(&s.d->vcpu[1], "switcher", switch_often);
	sim_run();
	world_expect(s.gone, "not destroyed");
	world_expect(guest_space_current(s.d->guest) == NULL, "a current space that is gone");
	world_end(&s.w);
}

/* ---- shoot-down against going down ---- */

static void use_and_go(struct world_vcpu *v)
{
	struct guest *g = v->d->guest;

	(void)guest_space_use(g, &s.space);
	guest_space_lazy(g);
	guest_local_irq_enable(g);
	for (;;) {
		guest_local_irq_disable(g);
		if (guest_cpu_dying(g)) {
			world_expect(guest_cpu_die(g) == 0, "cpu_die");
			sim_fail("it was not brought up again");
		}
		guest_halt(g);
	}
}

static void take_down(struct world_vcpu *v)
{
	guest_local_irq_enable(v->d->guest);
	world_expect(guest_cpu_down(v->d->guest, 1) == 0, "cpu_down");
	s.down = true;
}

static void shoot_vs_down(void)
{
	begin(3);
	world_timer(&s.w); /* waiting for a CPU sleeps for a while at a time */
	world_run_vcpu(&s.d->vcpu[0], "destroyer", destroy);
	world_run_vcpu(&s.d->vcpu[1], "goer", use_and_go);
	s.d->vcpu[1].may_sleep = true; /* it is down in the end */
	world_run_vcpu(&s.d->vcpu[2], "downer", take_down);
	sim_run();
	world_expect(s.gone && s.down, "not destroyed, or not down");
	world_end(&s.w);
}

/* ---- calls to many ---- */

static void called(struct guest *g, void *arg)
{
	unsigned cpu = guest_this_cpu(g);
	bool *seen = arg;

	world_expect(!seen[cpu], "a call comes twice");
	seen[cpu] = true;
	s.called[cpu]++;
}

static void call_others(struct world_vcpu *v)
{
	struct guest_cpumask others = { { 7u & ~(1u << v->id) } };
	struct guest *g = v->d->guest;

	guest_local_irq_enable(g);
	for (unsigned i = 0; i < 2; i++) {
		bool seen[MAX_CPUS] = { 0 };

		world_expect(guest_smp_call_function_mask(g, &others, called, seen, true) == 2,
			     "call");
		for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
			world_expect(seen[cpu] == (cpu != v->id), "CPU %u was not called", cpu);
	}
}

static void call_many(void)
{
	struct guest_batch_counters c;

	begin(3);
	for (unsigned i = 0; i < 3; i++)
		world_run_vcpu(&s.d->vcpu[i], "caller", call_others);
	sim_run();
	for (unsigned i = 0; i < 3; i++)
		world_expect(s.called[i] == 4, "%u calls on CPU %u", s.called[i], i);
	guest_batch_counters(s.d->guest, &c);
	world_expect(c.traps <= c.calls, "%u traps", (unsigned)c.traps);
	world_end(&s.w);
}

const struct scenario scenarios_space[] = {
	{ "shoot_vs_switch", shoot_vs_switch, 800 },
	{ "shoot_vs_down", shoot_vs_down, 1500 },
	{ "call_many", call_many, 1500 },
	{ 0 },
};
