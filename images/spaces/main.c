/* SPDX-License-Identifier: MIT */
/*
 * Shows: page-table roots that come and go under CPUs that use them or hold them lazily, and that a
 * root's frame is plain memory again when guest_space_destroy says so, and not before.
 *
 * CPU 0 brings all up (at most 8; max_cpus=N: the first N), then there are two phases:
 *
 *	held	rounds=N times: all CPUs switch to a new root and hold it lazily. CPU 0 unpins it
 *		behind their backs, which Xen does at once; but mapping its frame writable is
 *		refused. It is pinned again, and destroyed: they let go, and the frame is memory.
 *	storm	The other CPUs switch from root to root as fast as they can, while CPU 0 makes and
 *		destroys them (storms=N times), and takes one CPU down and up now and then.
 *
 * In both, what a CPU finds in memory is what was there. Success: the counts, shutdown with reason
 * poweroff; else a crash.
 */
#include <carillon/guest_mm.h>
#include <carillon/guest_multicall.h>

#include "../lib/lib.h"

#define MAX_CPUS 8u
#define SPACES	 3u

enum {
	PHASE_NONE,
	PHASE_HELD,
	PHASE_STORM,
	PHASE_END,
};

/* Written by its CPU only. */
struct spaces_cpu {
	uint64_t used, refused;
	unsigned held; /* the round in which it switched */
	unsigned done; /* the last phase it has finished */
} __attribute__((aligned(64)));

static struct {
	struct spaces_cpu cpu[MAX_CPUS];
	struct pv_space space[SPACES];
	unsigned nr_cpus, phase, round;
	uint64_t made, writable_refused, cycles;
	volatile uint64_t witness; /* what every root maps */
} spaces;

static void set(unsigned *word, unsigned value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static unsigned get(const unsigned *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

#define WITNESS UINT64_C(0x5eed5eed5eed5eed)

/* On this CPU. False: it is being destroyed, or is not there. */
static bool use(struct pv *pv, unsigned cpu, struct pv_space *space)
{
	int r = guest_space_use(pv->guest, space ? &space->space : NULL);

	if (r && r != -XEN_EINVAL)
		pv_panic("spaces: CPU %u cannot switch: %d", cpu, r);
	if (spaces.witness != WITNESS)
		pv_panic("spaces: CPU %u has other memory", cpu);
	spaces.cpu[cpu].used += !r;
	spaces.cpu[cpu].refused += !!r;
	return !r;
}

static void create(struct pv *pv, struct pv_space *space)
{
	int r = pv_space_create(pv, space);

	if (r)
		pv_panic("spaces: no space: %d", r);
	spaces.made++;
}

/* As pv_space_destroy, step by step: when it is destroyed its frame is memory. */
static void destroy(struct pv *pv, struct pv_space *space)
{
	volatile uint64_t *frame = space->root;
	int r = guest_space_destroy(pv->guest, &space->space);

	if (r)
		pv_panic("spaces: cannot destroy: %d", r);
	r = pv_remap(space->root, pv_pte(pv_frame_of(pv, space->root), true));
	if (r)
		pv_panic("spaces: what was a root is no memory: %d", r);
	for (unsigned i = 0; i < PV_PAGE_BYTES / 8; i++)
		frame[i] = ~UINT64_C(0);
	for (unsigned i = 0; i < PV_PAGE_BYTES / 8; i++)
		if (frame[i] != ~UINT64_C(0))
			pv_panic("spaces: memory that keeps nothing");
	pv_free(pv, space->root, PV_PAGE_BYTES);
}

/* ---- what the other CPUs do ------------------------------------------------------------------ */

static void hold_round(struct pv *pv, unsigned cpu)
{
	struct spaces_cpu *c = &spaces.cpu[cpu];
	unsigned round = get(&spaces.round);

	if (c->held == round)
		return;
	if (!use(pv, cpu, &spaces.space[0]))
		pv_panic("spaces: CPU %u is refused what is there", cpu);
	guest_space_lazy(pv->guest);
	set(&c->held, round);
	(void)guest_smp_send_reschedule(pv->guest, 0);
}

static void storm_round(struct pv *pv, unsigned cpu)
{
	struct spaces_cpu *c = &spaces.cpu[cpu];
	struct pv_space *space = &spaces.space[(c->used + c->refused + cpu) % SPACES];

	if (use(pv, cpu, space) && c->used % 3)
		guest_space_lazy(pv->guest);
	if (c->used % 8 == 0 && guest_space_flush(pv->guest, &space->space))
		pv_panic("spaces: CPU %u cannot flush", cpu);
	if (c->used % 16 == 0)
		(void)use(pv, cpu, NULL);
}

static void sleep(struct guest *g, const struct spaces_cpu *c)
{
	guest_local_irq_disable(g);
	/* What has changed since the last look sends a reschedule IPI: halting sees it. */
	if (guest_cpu_dying(g) || get(&spaces.phase) != get(&c->done) ||
	    (get(&spaces.phase) == PHASE_HELD && c->held != get(&spaces.round)))
		guest_local_irq_enable(g);
	else
		guest_halt(g);
}

static void cpu_main(struct pv *pv, unsigned cpu)
{
	struct guest *g = pv->guest;
	struct spaces_cpu *c = &spaces.cpu[cpu];

	guest_local_irq_enable(g);
	while (!guest_cpu_dying(g)) {
		unsigned phase = get(&spaces.phase);

		if (phase == PHASE_STORM) {
			storm_round(pv, cpu);
			continue;
		}
		if (phase == PHASE_HELD)
			hold_round(pv, cpu);
		if (get(&c->done) != phase) {
			set(&c->done, phase);
			(void)guest_smp_send_reschedule(g, 0);
		}
		sleep(g, c);
	}
	guest_local_irq_disable(g);
}

static void tell_all(struct guest *g)
{
	for (unsigned i = 1; i < spaces.nr_cpus; i++)
		if (guest_smp_send_reschedule(g, i))
			pv_panic("spaces: CPU %u is not there", i);
}

/* Until that word of all other CPUs, or all CPUs have it. */
static void wait_all(struct guest *g, size_t word, unsigned value)
{
	for (unsigned i = 1; i < spaces.nr_cpus; i++) {
		const unsigned *at =
			(const unsigned *)(const void *)((char *)&spaces.cpu[i] + word);

		guest_local_irq_disable(g);
		while (get(at) != value) {
			guest_halt(g);
			guest_local_irq_disable(g);
		}
		guest_local_irq_enable(g);
	}
}

/* ---- what CPU 0 does ------------------------------------------------------------------------- */

/* All hold it: then its frame is a page table, pinned or not. */
static void is_no_memory(struct pv *pv, const struct pv_space *space)
{
	uint64_t mfn = space->space.root;
	int r = guest_unpin_table(pv->guest, mfn);

	if (r)
		pv_panic("spaces: cannot unpin: %d", r);
	if (!pv_remap(space->root, pv_pte(mfn, true)))
		pv_panic("spaces: a root that is loaded can be written to");
	spaces.writable_refused++;
	r = guest_pin_table(pv->guest, 4, mfn);
	if (r)
		pv_panic("spaces: cannot pin again: %d", r);
}

static void held(struct pv *pv, unsigned rounds)
{
	struct guest *g = pv->guest;

	for (unsigned i = 1; i <= rounds; i++) {
		create(pv, &spaces.space[0]);
		set(&spaces.round, i);
		set(&spaces.phase, PHASE_HELD);
		tell_all(g);
		(void)use(pv, 0, &spaces.space[0]);
		guest_space_lazy(g);
		wait_all(g, offsetof(struct spaces_cpu, held), i);
		is_no_memory(pv, &spaces.space[0]);
		destroy(pv, &spaces.space[0]);
	}
}

static void cycle(struct guest *g, unsigned cpu)
{
	int r = guest_cpu_down(g, cpu);

	if (!r)
		r = guest_cpu_up(g, cpu);
	if (r)
		pv_panic("spaces: CPU %u does not go and come: %d", cpu, r);
	spaces.cycles++;
}

static void storm(struct pv *pv, unsigned storms)
{
	struct guest *g = pv->guest;

	for (unsigned i = 0; i < SPACES; i++)
		create(pv, &spaces.space[i]);
	set(&spaces.phase, PHASE_STORM);
	tell_all(g);
	for (unsigned i = 0; i < storms; i++) {
		struct pv_space *space = &spaces.space[i % SPACES];

		(void)use(pv, 0, space);
		if (i % 2)
			guest_space_lazy(g);
		destroy(pv, space);
		create(pv, space);
		if (i % 16 == 15 && spaces.nr_cpus > 1)
			cycle(g, 1 + i / 16 % (spaces.nr_cpus - 1));
	}
	for (unsigned i = 0; i < SPACES; i++)
		if (pv_space_destroy(pv, &spaces.space[i]))
			pv_panic("spaces: cannot destroy the last ones");
}

/* ---- the story ------------------------------------------------------------------------------- */

static unsigned number(const char *cmdline, const char *key, unsigned otherwise)
{
	const char *p = pv_word(cmdline, key);
	uint64_t n;

	return p && pv_number(&p, &n) && n < 1000000 ? (unsigned)n : otherwise;
}

static void prepare(struct pv *pv)
{
	const struct pv_smp_config config = { .main = cpu_main, .max_cpus = MAX_CPUS };
	int r = pv_smp_init(pv, &config);

	if (!r)
		r = pv_space_init(pv);
	if (r)
		pv_panic("spaces: %d", r);
	spaces.witness = WITNESS;
	spaces.nr_cpus = guest_count_cpus(
		&pv->ops, pv, number(pv_cmdline(pv->start_info), "max_cpus=", MAX_CPUS));
	if (spaces.nr_cpus > MAX_CPUS)
		spaces.nr_cpus = MAX_CPUS;
	guest_local_irq_enable(pv->guest);
	(void)guest_stop_periodic_tick(pv->guest, 0);
	for (unsigned i = 1; i < spaces.nr_cpus; i++) {
		r = guest_cpu_up(pv->guest, i);
		if (r)
			pv_panic("spaces: CPU %u does not come up: %d", i, r);
	}
}

static void report(struct pv *pv)
{
	struct guest_batch_counters b;
	struct guest_mm_counters m;
	uint64_t used = 0, refused = 0;

	for (unsigned i = 0; i < spaces.nr_cpus; i++) {
		used += spaces.cpu[i].used;
		refused += spaces.cpu[i].refused;
	}
	guest_batch_counters(pv->guest, &b);
	guest_mm_counters(pv->guest, &m);
	pv_printf("spaces: %u CPUs, %lu roots made and destroyed, %lu times refused as memory\n",
		  spaces.nr_cpus, spaces.made, spaces.writable_refused);
	pv_printf("spaces: %lu uses, %lu refused; %lu switches, %lu kept, %lu shot down, "
		  "%lu CPU cycles\n",
		  used, refused, m.switches, m.kept, m.shot_down, spaces.cycles);
	pv_printf("spaces: %lu hypercalls by %lu traps\n", b.calls, b.traps);
}

void pv_main(struct start_info *si)
{
	const char *cmdline = pv_cmdline(si);
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	prepare(pv);
	held(pv, number(cmdline, "rounds=", 20));
	storm(pv, number(cmdline, "storms=", 100));
	set(&spaces.phase, PHASE_END);
	tell_all(pv->guest);
	wait_all(pv->guest, offsetof(struct spaces_cpu, done), PHASE_END);
	report(pv);
	pv_shutdown(SHUTDOWN_poweroff);
}
