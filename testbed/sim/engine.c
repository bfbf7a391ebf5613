/* SPDX-License-Identifier: MIT */
/*
 * Who runs next: coroutines, switched at every atomic access as the seed says. Late stores are
 * memory.c, what is printed of a schedule that failed is trace.c.
 *
 * Two kinds of schedules. Uniform: at each step the thread is changed with a probability that the
 * schedule has drawn, to any other that is ready. PCT (probabilistic concurrency testing): threads
 * have random priorities and the highest that is ready runs; at d steps chosen at random the one
 * that runs falls below all others. A bug that needs d+1 orderings is found with a probability of
 * at least 1/(n * k^d) for n threads and k steps.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

struct sim sim;

static uint8_t stacks[MAX_THREADS + 1][STACK_SIZE] __attribute__((aligned(4096)));

/* ---- random numbers ---- */

uint32_t random_bits(void)
{
	/* splitmix64 */
	uint64_t z = sim.random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

unsigned sim_random(unsigned n)
{
	return (unsigned)((uint64_t)random_bits() * n >> 32);
}

static bool chance(unsigned in_256)
{
	return sim_random(256) < in_256;
}

/* ---- coroutines ---- */

/* Save the callee's registers and the stack's place, go on where another did the same. */
void sim_switch_stack(void **save, void *load);

__asm__(".text\n"
	".globl sim_switch_stack\n"
	".type sim_switch_stack, @function\n"
	"sim_switch_stack:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size sim_switch_stack, .-sim_switch_stack\n");

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* Frames of a thread that did not return, in an earlier schedule. */
static void forget_frames(unsigned nr)
{
	__asan_unpoison_memory_region(stacks[nr], STACK_SIZE);
}

static const void *main_bottom;
static size_t main_size;

static void begin_switch(void **save, const void *bottom, size_t size)
{
	__sanitizer_start_switch_fiber(save, bottom, size);
}

static void end_switch(void *saved, bool from_main)
{
	if (from_main)
		__sanitizer_finish_switch_fiber(saved, &main_bottom, &main_size);
	else
		__sanitizer_finish_switch_fiber(saved, NULL, NULL);
}
#else
#define main_bottom NULL
#define main_size   0u

static void forget_frames(unsigned nr)
{
	(void)nr;
}

static void begin_switch(void **save, const void *bottom, size_t size)
{
	(void)save;
	(void)bottom;
	(void)size;
}

static void end_switch(void *saved, bool from_main)
{
	(void)saved;
	(void)from_main;
}
#endif

static void switch_to(struct sim_thread *next)
{
	struct sim_thread *self = sim.current;

	if (next == self)
		return;
	if (self->nr_late)
		late_suspend(self);
	if (next->nr_late)
		late_apply(next);
	sim.current = next;
	begin_switch(&self->fake_stack, stacks[next->nr], STACK_SIZE);
	sim_switch_stack(&self->sp, next->sp);
	end_switch(self->fake_stack, false);
}

/* For good: nothing of this schedule runs any more. */
static _Noreturn void leave_schedule(void)
{
	/* not on a stack that ASan takes to be gone */
	static void *nowhere;

	begin_switch(NULL, main_bottom, main_size);
	sim_switch_stack(&nowhere, sim.main_sp);
	__builtin_unreachable();
}

static bool started_by_main;

static _Noreturn void thread_main(void)
{
	struct sim_thread *self = sim.current;

	end_switch(NULL, started_by_main);
	started_by_main = false;
	self->fn(self->arg);
	if (self == &sim.body)
		leave_schedule();
	sim_exit();
}

static void thread_init(struct sim_thread *t, unsigned nr, const char *name, void (*fn)(void *),
			void *arg)
{
	uintptr_t *top = (uintptr_t *)(void *)(stacks[nr] + STACK_SIZE);

	forget_frames(nr);
	*t = (struct sim_thread){ .nr = nr, .name = name, .fn = fn, .arg = arg };
	/* As after the pushes of sim_switch_stack; thread_main finds its stack as if called. */
	*--top = 0;
	*--top = (uintptr_t)thread_main;
	for (unsigned i = 0; i < 6; i++)
		*--top = 0;
	t->sp = top;
}

struct sim_thread *sim_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
	unsigned nr = sim.nr_threads;
	struct sim_thread *t = &sim.thread[nr];

	if (nr == MAX_THREADS)
		sim_fail("too many threads");
	thread_init(t, nr, name, fn, arg);
	sim.nr_threads++;
	sim.ready |= 1u << nr;
	return t;
}

struct sim_thread *sim_self(void)
{
	return sim.current == &sim.body ? NULL : sim.current;
}

void sim_set_user(struct sim_thread *t, void *user)
{
	t->user = user;
}

void *sim_user(const struct sim_thread *t)
{
	return t->user;
}

/* ---- choosing ---- */

static unsigned any_of(uint32_t set)
{
	unsigned skip = sim_random((unsigned)__builtin_popcount(set));

	while (skip--)
		set &= set - 1;
	return (unsigned)__builtin_ctz(set);
}

static unsigned highest_of(uint32_t set)
{
	unsigned best = (unsigned)__builtin_ctz(set);

	for (; set; set &= set - 1) {
		unsigned i = (unsigned)__builtin_ctz(set);

		if (sim.thread[i].priority > sim.thread[best].priority)
			best = i;
	}
	return best;
}

/* Somebody is ready. Those who wait for others come last. */
static struct sim_thread *choose(void)
{
	uint32_t set = sim.ready & ~sim.yielded;

	if (!set) {
		sim.yielded = 0;
		set = sim.ready;
	}
	return &sim.thread[sim.pct ? highest_of(set) : any_of(set)];
}

static void too_long(void)
{
	if (sim.steps > sim.options.max_steps)
		sim_fail("no end after %u steps: a livelock, or too few of them allowed",
			 sim.steps);
}

/* PCT: the thread that runs falls below all others. */
static void fall(struct sim_thread *t)
{
	t->priority = --sim.lowest;
}

static void pct_change(void)
{
	while (sim.next_change < (unsigned)sim.pct && sim.steps >= sim.change[sim.next_change]) {
		sim.next_change++;
		fall(sim.current);
	}
}

static void take_interrupt(void)
{
	struct sim_thread *self = sim.current;

	if (!self->attention || self->held || !chance(sim.interrupt_in_256))
		return;
	self->attention = false;
	self->interrupt(self->user);
}

void step(void)
{
	sim.steps++;
	too_long();
	if (sim.check)
		sim.check();
	sim.yielded &= 1u << sim.current->nr;
	if (sim.with_late && chance(sim.late_in_256))
		late_flush_one();
	if (sim.pct) {
		pct_change();
		switch_to(choose());
	} else if (chance(sim.switch_in_256)) {
		switch_to(choose());
	}
	take_interrupt();
}

void sim_set_check(void (*check)(void))
{
	sim.check = check;
}

void sim_point(void)
{
	if (sim.running)
		step();
}

void sim_relax(void)
{
	if (!sim.running)
		sim_fail("a busy wait that nobody can end");
	sim.steps++;
	too_long();
	sim.yielded |= 1u << sim.current->nr;
	if (sim.pct)
		fall(sim.current);
	/* What is waited for may be in a buffer: it leaves it some time. */
	if (sim.with_late)
		late_flush_one();
	switch_to(choose());
	take_interrupt();
}

/* ---- sleeping ---- */

static void deadlock(void)
{
	char names[256];
	size_t n = 0;

	names[0] = 0;
	for (unsigned i = 0; i < sim.nr_threads; i++) {
		const struct sim_thread *t = &sim.thread[i];

		if (t->state == THREAD_PARKED && !t->idle && n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", t->name);
	}
	sim_fail("deadlock: nobody can wake%s", names);
}

static bool all_idle(void)
{
	for (unsigned i = 0; i < sim.nr_threads; i++)
		if (sim.thread[i].state == THREAD_PARKED && !sim.thread[i].idle)
			return false;
	return true;
}

/* The running thread cannot go on. */
static void give_up_turn(void)
{
	if (sim.ready) {
		switch_to(choose());
		return;
	}
	late_flush_all();
	if (!all_idle())
		deadlock();
	switch_to(&sim.body);
}

void sim_park(bool idle)
{
	struct sim_thread *self = sim.current;

	self->idle = idle;
	while (!self->woken) {
		self->state = THREAD_PARKED;
		sim.ready &= ~(1u << self->nr);
		give_up_turn();
	}
	self->woken = false;
}

void sim_wake(struct sim_thread *t)
{
	t->woken = true;
	if (t->state != THREAD_PARKED)
		return;
	t->state = THREAD_READY;
	sim.ready |= 1u << t->nr;
}

_Noreturn void sim_exit(void)
{
	struct sim_thread *self = sim.current;

	sim_barrier();
	self->state = THREAD_ENDED;
	sim.ready &= ~(1u << self->nr);
	if (self->joiner)
		sim_wake(self->joiner);
	give_up_turn();
	__builtin_unreachable();
}

void sim_join(struct sim_thread *t)
{
	t->joiner = sim.current;
	while (t->state != THREAD_ENDED)
		sim_park(false);
	t->joiner = NULL;
}

void sim_attention(struct sim_thread *t)
{
	t->attention = true;
}

void sim_set_interrupt(struct sim_thread *t, void (*fn)(void *user))
{
	t->interrupt = fn;
}

unsigned *sim_held(struct sim_thread *t)
{
	return &t->held;
}

/* ---- a schedule ---- */

static void draw_changes(void)
{
	for (int i = 0; i < sim.pct; i++) {
		unsigned at = sim_random(sim.options.length), j = (unsigned)i;

		for (; j && sim.change[j - 1] > at; j--)
			sim.change[j] = sim.change[j - 1];
		sim.change[j] = at;
	}
}

static void decide(void)
{
	static const char *const memories[] = { "sc", "tso", "weak" };
	static const unsigned switches[] = { 256, 128, 64, 32, 16 };
	static const unsigned lates[] = { 128, 32, 8, 0 };
	static const unsigned interrupts[] = { 256, 128, 32 };
	const struct sim_options *o = &sim.options;

	/* All are drawn, also those that are given: what follows is then the same. */
	sim.pct = sim_random(2) ? 1 + (int)sim_random(4) : 0;
	sim.memory =
		sim_random(8) ? (sim_random(2) ? SIM_MEMORY_TSO : SIM_MEMORY_WEAK) : SIM_MEMORY_SC;
	sim.switch_in_256 = switches[sim_random(5)];
	sim.late_in_256 = lates[sim_random(4)];
	sim.interrupt_in_256 = interrupts[sim_random(3)];
	if (o->pct != SIM_PCT_SEED)
		sim.pct = o->pct;
	if (o->memory != SIM_MEMORY_SEED)
		sim.memory = o->memory;
	draw_changes();
	snprintf(sim.decided, sizeof(sim.decided), "--seed %#llx --pct %d --memory %s",
		 (unsigned long long)o->seed, sim.pct, memories[sim.memory]);
}

static void shuffle_priorities(void)
{
	for (unsigned i = 0; i < sim.nr_threads; i++) {
		unsigned j = sim_random(i + 1);

		sim.thread[i].priority = sim.thread[j].priority;
		sim.thread[j].priority = (int)i;
	}
}

void sim_run(void)
{
	shuffle_priorities();
	if (sim.ready) {
		sim.running = true;
		switch_to(choose());
		sim.running = false;
	}
}

_Noreturn void sim_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(sim.failure, sizeof(sim.failure), format, ap);
	va_end(ap);
	sim.failed = true;
	leave_schedule();
}

bool sim_schedule(const struct sim_options *o, void (*body)(void *arg), void *arg)
{
	sim.options = *o;
	sim.random = o->seed;
	sim.running = false;
	sim.check = NULL;
	sim.failed = false;
	sim.nr_threads = 0;
	sim.ready = 0;
	sim.yielded = 0;
	sim.with_late = 0;
	sim.steps = 0;
	sim.traced = 0;
	sim.lowest = 0;
	sim.next_change = 0;
	memory_reset();
	decide();
	thread_init(&sim.body, MAX_THREADS, "body", body, arg);
	sim.current = &sim.body;
	started_by_main = true;
	begin_switch(&sim.main_fake_stack, stacks[MAX_THREADS], STACK_SIZE);
	sim_switch_stack(&sim.main_sp, sim.body.sp);
	end_switch(sim.main_fake_stack, false);
	return !sim.failed;
}

const char *sim_failure(void)
{
	return sim.failed ? sim.failure : NULL;
}

unsigned sim_steps(void)
{
	return sim.steps;
}

const char *sim_decided(void)
{
	return sim.decided;
}
