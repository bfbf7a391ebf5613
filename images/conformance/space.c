/* SPDX-License-Identifier: MIT */
/*
 * Address spaces (guest_mm.h): roots that are copies of the kernel's. What is pinned or loaded
 * anywhere is no memory; after guest_space_destroy it is. The storm of them is images/spaces.
 */
#include <carillon/guest_multicall.h>

#include "conformance.h"

static struct pv_space space;

static volatile uint64_t witness; /* what every root maps */

static struct guest_mm_counters counters(void)
{
	struct guest_mm_counters out;

	guest_mm_counters(conf.g, &out);
	return out;
}

static bool create(void)
{
	return EXPECT_EQ(pv_space_create(conf.pv, &space), 0);
}

static long map_writable(void)
{
	return pv_remap(space.root, pv_pte(pv_frame_of(conf.pv, space.root), true));
}

/* What was a root keeps what is written there. */
static void is_memory(void)
{
	volatile uint64_t *words = space.root;

	if (!EXPECT_EQ(map_writable(), 0))
		return;
	for (unsigned i = 0; i < PV_PAGE_BYTES / 8; i++)
		words[i] = ~UINT64_C(0) - i;
	for (unsigned i = 0; i < PV_PAGE_BYTES / 8; i++)
		EXPECT_EQ(words[i], ~UINT64_C(0) - i);
	pv_free(conf.pv, space.root, PV_PAGE_BYTES);
}

static void ends_as_memory(void)
{
	EXPECT(map_writable() < 0);
	if (EXPECT_EQ(guest_space_destroy(conf.g, &space.space), 0))
		is_memory();
}

/* ---- one CPU ------------------------------------------------------------------------------ */

static void use_and_back(void)
{
	uint64_t switches = counters().switches;

	if (!create())
		return;
	EXPECT(!guest_space_current(conf.g));
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	EXPECT(guest_space_current(conf.g) == &space.space);
	witness = 1;
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0); /* it is there already */
	EXPECT_EQ(counters().switches, switches + 1);
	EXPECT_EQ(guest_space_use(conf.g, NULL), 0);
	EXPECT_EQ(witness, 1);
	EXPECT(!guest_space_current(conf.g));
	EXPECT_EQ(counters().switches, switches + 2);
	ends_as_memory();
}

static void events_in_another_space(void)
{
	struct wire w;

	if (!create() || !wire_open(&w, NULL, 0))
		return;
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 1);
	TRY("ud2", "r"(0));
	EXPECT(took(6, 0));
	wire_close(&w);
	ends_as_memory();
}

static void lazily_it_stays(void)
{
	struct guest_mm_counters before = counters(), after;

	if (!create())
		return;
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	guest_space_lazy(conf.g);
	EXPECT(!guest_space_current(conf.g));
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	after = counters();
	EXPECT_EQ(after.switches, before.switches + 1);
	EXPECT_EQ(after.kept, before.kept + 1);
	guest_space_lazy(conf.g);
	ends_as_memory();
}

/* Unpinned, but a CPU has it loaded: it is a table still. */
static void loaded_is_no_memory(void)
{
	uint64_t mfn;

	if (!create())
		return;
	mfn = pv_frame_of(conf.pv, space.root);
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	EXPECT_EQ(guest_unpin_table(conf.g, mfn), 0);
	EXPECT(map_writable() < 0);
	EXPECT_EQ(guest_pin_table(conf.g, 4, mfn), 0);
	ends_as_memory();
}

static void no_such_space(void)
{
	static struct guest_space none;
	uint64_t mfn;

	EXPECT_EQ(guest_space_use(conf.g, &none), -XEN_EINVAL);
	EXPECT_EQ(guest_space_destroy(conf.g, &none), -XEN_EINVAL);
	if (!create())
		return;
	mfn = pv_frame_of(conf.pv, space.root);
	EXPECT_EQ(guest_space_create(conf.g, &none, mfn), -XEN_EINVAL); /* pinned already */
	EXPECT_EQ(guest_space_create(conf.g, &space.space, mfn), -XEN_EINVAL);
	ends_as_memory();
	EXPECT_EQ(guest_space_use(conf.g, &space.space), -XEN_EINVAL);
	EXPECT_EQ(guest_space_destroy(conf.g, &space.space), -XEN_EINVAL);
	EXPECT_EQ(pv_space_init(conf.pv), -XEN_EEXIST);
}

static enum guest_irqreturn uses(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)irq;
	EXPECT_EQ(guest_space_use(g, &space.space), -XEN_EDEADLK);
	EXPECT_EQ(guest_space_destroy(g, &space.space), -XEN_EDEADLK);
	w->count++;
	return GUEST_IRQ_HANDLED;
}

static void not_in_a_handler(void)
{
	struct wire w;

	if (!create())
		return;
	if (wire_open(&w, uses, 0)) {
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, 1);
		wire_close(&w);
	}
	ends_as_memory();
}

/* The switch is queued, and made at the section's end. */
static void switches_in_a_batch(void)
{
	guest_flags_t flags;

	if (!create())
		return;
	flags = guest_batch_begin(conf.g);
	EXPECT_EQ(guest_space_destroy(conf.g, &space.space), -XEN_EDEADLK);
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	EXPECT_EQ(guest_flush_tlb_local(conf.g), 0);
	EXPECT_EQ(guest_space_use(conf.g, NULL), 0);
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	EXPECT_EQ(guest_batch_end(conf.g, flags), 0);
	EXPECT(guest_space_current(conf.g) == &space.space);
	EXPECT_EQ(guest_space_flush(conf.g, &space.space), 0);
	EXPECT_EQ(guest_space_flush_page(conf.g, &space.space, pv_arg(&witness)), 0);
	ends_as_memory();
	EXPECT(!guest_space_current(conf.g)); /* it was taken away */
}

/* ---- several CPUs ------------------------------------------------------------------------- */

static void hold(void *arg)
{
	EXPECT_EQ(guest_space_use(conf.g, &space.space), 0);
	if (arg)
		guest_space_lazy(conf.g);
}

static void on_all(void (*task)(void *arg), void *arg)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_start(cpu, task, arg);
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++)
		task_wait(cpu);
}

static void let_go(void *arg)
{
	(void)arg;
	EXPECT_EQ(guest_space_use(conf.g, NULL), 0);
}

/* lazily: not NULL */
static void shot_down(void *lazily)
{
	uint64_t mfn, before = counters().shot_down;

	if (!create())
		return;
	mfn = pv_frame_of(conf.pv, space.root);
	on_all(hold, lazily);
	/* Pinned no more, but others have it loaded, who never hear of this. */
	EXPECT_EQ(guest_unpin_table(conf.g, mfn), 0);
	EXPECT(map_writable() < 0);
	EXPECT_EQ(guest_pin_table(conf.g, 4, mfn), 0);
	ends_as_memory();
	EXPECT_EQ(counters().shot_down, before + conf.nr_cpus - 1);
	on_all(let_go, NULL);
}

static void shot_down_lazy(void)
{
	shot_down(&space);
}

static void shot_down_in_use(void)
{
	shot_down(NULL);
}

static void a_cpu_that_goes_lets_go(void)
{
	uint64_t before = counters().shot_down;
	unsigned cpu = conf.nr_cpus - 1;

	if (!create())
		return;
	task_start(cpu, hold, &space);
	task_wait(cpu);
	EXPECT_EQ(guest_cpu_down(conf.g, cpu), 0);
	ends_as_memory();
	EXPECT_EQ(counters().shot_down, before);
	EXPECT_EQ(guest_cpu_up(conf.g, cpu), 0);
}

static const struct check checks[] = {
	{ "use_and_back", use_and_back, 0 },
	{ "events_in_another_space", events_in_another_space, 0 },
	{ "lazily_it_stays", lazily_it_stays, 0 },
	{ "loaded_is_no_memory", loaded_is_no_memory, 0 },
	{ "no_such_space", no_such_space, 0 },
	{ "not_in_a_handler", not_in_a_handler, 0 },
	{ "switches_in_a_batch", switches_in_a_batch, 0 },
	{ "shot_down_lazy", shot_down_lazy, NEEDS_CPUS },
	{ "shot_down_in_use", shot_down_in_use, NEEDS_CPUS },
	{ "a_cpu_that_goes_lets_go", a_cpu_that_goes_lets_go, NEEDS_CPUS },
	{ 0 },
};

const struct area area_space = { "space", checks };
