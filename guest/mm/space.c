/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: which CPU has which root loaded, and the end of a root. Flushes and the single
 * hypercalls are in flush.c.
 *
 * A space has a bit for each CPU that holds it, and a state. Who switches to it (1) sets its bit,
 * (2) looks at the state; who destroys it (1) changes the state, (2) looks at the bits. All four
 * are sequentially consistent, so either the one is refused or the other calls it. The call is
 * served when the section with the switch is over: until then events are disabled, and a section
 * does not wait.
 */
#include "mm.h"

#include "../smp/smp.h"

enum space_state {
	SPACE_NONE,
	SPACE_OPEN,
	SPACE_CLOSING,
};

#define mm_count(p) ((void)fetch_add_relaxed((p), UINT64_C(1)))

static struct mm_cpu *mm_this(const struct guest *g)
{
	return &g->mm->cpu[this_cpu(g)->nr];
}

int guest_mm_init(struct guest *g, uint64_t kernel_root)
{
	struct mm *mm;
	unsigned i;

	if (this_cpu(g)->nr)
		return -XEN_EINVAL;
	if (g->mm)
		return -XEN_EEXIST;
	mm = guest_alloc(g, sizeof(*mm) + g->nr_cpus * sizeof(mm->cpu[0]));
	if (!mm)
		return -XEN_ENOMEM;
	mm->kernel.root = kernel_root;
	mm->kernel.state = SPACE_OPEN;
	for (i = 0; i < g->nr_cpus; i++)
		mm->cpu[i].loaded = mm->cpu[i].wanted = &mm->kernel;
	/* Other CPUs may be up already. */
	store_release(&g->mm, mm);
	return 0;
}

void mm_fini(struct guest *g)
{
	guest_free(g, g->mm, sizeof(*g->mm) + g->nr_cpus * sizeof(g->mm->cpu[0]));
	g->mm = NULL;
}

int guest_space_create(struct guest *g, struct guest_space *space, uint64_t root)
{
	uint32_t none = SPACE_NONE;
	bool queued;
	int rc;

	if (!load_acquire(&g->mm))
		return -XEN_EINVAL;
	cpu_pin(g);
	queued = batch_open(this_cpu(g));
	cpu_unpin(g);
	if (queued)
		return -XEN_EDEADLK;
	/* Closed until it is pinned. */
	if (!cas_sc(&space->state, &none, (uint32_t)SPACE_CLOSING))
		return -XEN_EINVAL;
	space->root = root;
	rc = guest_pin_table(g, 4, root);
	store_sc(&space->state, (uint32_t)(rc ? SPACE_NONE : SPACE_OPEN));
	return rc;
}

/* ---- switching ---------------------------------------------------------------------------- */

static void hold(struct guest_space *space, unsigned cpu)
{
	fetch_or_sc(&space->cpus[cpu / 64], UINT64_C(1) << cpu % 64);
}

static void let_go(struct guest_space *space, unsigned cpu)
{
	fetch_and_sc(&space->cpus[cpu / 64], ~(UINT64_C(1) << cpu % 64));
}

/* The switch was made, or failed. */
static long switched(struct guest *g, long result, void *arg)
{
	struct mm_cpu *c = mm_this(g);
	struct guest_space *left = c->loaded;

	(void)arg;
	if (result < 0) {
		left = c->wanted;
		c->wanted = c->loaded;
		c->current = c->before;
	} else {
		c->loaded = c->wanted;
		mm_count(&g->mm->counters.switches);
	}
	/* After the hypercall: who finds the bit gone may unpin. Pairs with guest_space_destroy. */
	let_go(left, this_cpu(g)->nr);
	return result;
}

/* In a section. */
static int queue_switch(struct guest *g, struct mm_cpu *c, struct guest_space *space)
{
	struct guest_space *wanted = c->wanted, *before = c->before;
	int rc;

	if (wanted == space)
		return 0;
	c->wanted = space;
	c->before = c->current;
	rc = mm_ext(g, MMUEXT_NEW_BASEPTR, space->root, NULL, switched, NULL);
	if (rc) {
		/* In a flush: what is being made there may still be told that it failed. */
		c->wanted = wanted;
		c->before = before;
	}
	return rc;
}

static int use(struct guest *g, struct mm_cpu *c, struct guest_space *space)
{
	unsigned cpu = this_cpu(g)->nr;
	int rc;

	/*
	 * One switch at a time, so that it is always clear what is held. Before we hold: what is
	 * left by the one that is queued may be this space.
	 */
	if (c->wanted != c->loaded)
		batch_flush(g);
	hold(space, cpu);
	/* Pairs with guest_space_destroy. */
	rc = load_sc(&space->state) == SPACE_OPEN ? queue_switch(g, c, space) : -XEN_EINVAL;
	if (rc && c->loaded != space && c->wanted != space)
		let_go(space, cpu);
	return rc;
}

/* Not in a handler or in what others have called. Events disabled. */
static bool in_task(const struct guest *g)
{
	return !load_relaxed(&this_cpu(g)->in_upcall) && (!g->smp || !smp_this(g)->serving);
}

int guest_space_use(struct guest *g, struct guest_space *space)
{
	struct mm *mm = load_acquire(&g->mm);
	guest_flags_t flags;
	struct mm_cpu *c;
	long error;
	int rc = -XEN_EDEADLK;

	if (!mm)
		return -XEN_EINVAL;
	flags = guest_batch_begin(g);
	c = mm_this(g);
	if (in_task(g)) {
		rc = use(g, c, space ? space : &mm->kernel);
		if (!rc && space && c->loaded == space && !c->current)
			mm_count(&mm->counters.kept);
		if (!rc)
			c->current = space;
	}
	error = guest_batch_end(g, flags);
	return rc ? rc : (int)error;
}

void guest_space_lazy(struct guest *g)
{
	guest_flags_t flags;
	struct mm_cpu *c;

	if (!load_acquire(&g->mm))
		return;
	flags = guest_local_irq_save(g);
	c = mm_this(g);
	c->current = NULL;
	/* Also if a switch that is queued fails. */
	c->before = NULL;
	guest_local_irq_restore(g, flags);
}

struct guest_space *guest_space_current(const struct guest *g)
{
	struct guest_space *current = NULL;

	if (!load_acquire(&g->mm))
		return NULL;
	cpu_pin(g);
	current = mm_this(g)->current;
	cpu_unpin(g);
	return current;
}

/* ---- the end of a space ------------------------------------------------------------------- */

struct shoot_down {
	struct guest_space *space;
	uint32_t failed; /* a CPU could not */
};

/* Leave a space for the kernel's own. Events disabled; false: it could not. */
static bool leave(struct guest *g, const struct guest_space *space)
{
	struct mm_cpu *c = mm_this(g);
	guest_flags_t flags;

	if (c->loaded != space && c->wanted != space)
		return true;
	flags = guest_batch_begin(g);
	(void)use(g, c, &g->mm->kernel);
	/* Also in a section of what was stopped here. */
	batch_flush(g);
	(void)guest_batch_end(g, flags);
	if (c->current == space)
		c->current = NULL;
	return c->loaded != space;
}

static void shoot(struct guest *g, void *arg)
{
	struct shoot_down *s = arg;
	const struct mm_cpu *c = mm_this(g);

	if (c->loaded == s->space)
		mm_count(&g->mm->counters.shot_down);
	if (!leave(g, s->space))
		store_release(&s->failed, 1u);
}

/* Those that hold it. This CPU alone if there are no others. */
static int call_holders(struct guest *g, struct shoot_down *s)
{
	struct guest_cpumask mask;
	guest_flags_t flags;
	unsigned i;
	int rc = 0;

	for (i = 0; i < GUEST_MAX_CPUS / 64; i++)
		mask.bits[i] = load_sc(&s->space->cpus[i]);
	if (g->smp) {
		rc = guest_smp_call_function_mask(g, &mask, shoot, s, true);
		return rc < 0 ? rc : 0;
	}
	flags = guest_local_irq_save(g);
	shoot(g, s);
	for (i = 0; i < GUEST_MAX_CPUS / 64; i++)
		if (load_sc(&s->space->cpus[i]))
			rc = -XEN_EBUSY;
	guest_local_irq_restore(g, flags);
	return rc;
}

/* May it wait for others, and make a hypercall at once? */
static bool may_destroy(struct guest *g)
{
	bool may;

	if (g->smp)
		return smp_may_wait(g);
	cpu_pin(g);
	may = !load_relaxed(&this_cpu(g)->in_upcall) && !batch_open(this_cpu(g));
	cpu_unpin(g);
	return may;
}

int guest_space_destroy(struct guest *g, struct guest_space *space)
{
	struct shoot_down s = { .space = space };
	uint32_t open = SPACE_OPEN;
	int rc;

	if (!load_acquire(&g->mm))
		return -XEN_EINVAL;
	if (!may_destroy(g))
		return -XEN_EDEADLK;
	/* Before the bits are looked at: pairs with use(). */
	if (!cas_sc(&space->state, &open, (uint32_t)SPACE_CLOSING))
		return -XEN_EINVAL;
	rc = call_holders(g, &s);
	if (!rc && load_acquire(&s.failed))
		rc = -XEN_EBUSY;
	if (!rc)
		rc = guest_unpin_table(g, space->root);
	store_sc(&space->state, (uint32_t)(rc ? SPACE_OPEN : SPACE_NONE));
	return rc;
}

void mm_cpu_leave(struct guest *g)
{
	if (load_acquire(&g->mm))
		(void)leave(g, mm_this(g)->wanted);
}

void guest_mm_counters(const struct guest *g, struct guest_mm_counters *out)
{
	*out = (struct guest_mm_counters){ 0 };
	if (!load_acquire(&g->mm))
		return;
	out->switches = load_relaxed(&g->mm->counters.switches);
	out->kept = load_relaxed(&g->mm->counters.kept);
	out->shot_down = load_relaxed(&g->mm->counters.shot_down);
}
