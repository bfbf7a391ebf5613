/* SPDX-License-Identifier: MIT */
/*
 * The memory of a simulation: accesses, stores that others see late, allocation. Loads are never
 * late or early: a missing acquire is not found here, TSan is for that.
 *
 * What is late by C11's orders: a store that is not sequentially consistent waits in its thread's
 * buffer until it is flushed at random, or by an access that has to wait for it. In the TSO memory
 * they leave in order, and every read-modify-write waits, as on x86. In the weak memory a relaxed
 * store may leave before others to other addresses, and a read-modify-write waits as its own order
 * says. A sequentially consistent load waits for nothing in either.
 *
 * Plain accesses of the halves are not seen here, and need not be: other threads' are kept off by
 * locks, the own thread's find the buffered value in place (struct late_store).
 */
#include <string.h>
#include <sys/mman.h>

#include "private.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define poison(p, n)   __asan_poison_memory_region((p), (n))
#define unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define poison(p, n)   ((void)(p))
#define unpoison(p, n) ((void)(p))
#endif

/* ---- bytes ---- */

static uint64_t peek(const volatile void *p, unsigned size)
{
	switch (size) {
	case 1:
		return *(const volatile uint8_t *)p;
	case 2:
		return *(const volatile uint16_t *)p;
	case 4:
		return *(const volatile uint32_t *)p;
	default:
		return *(const volatile uint64_t *)p;
	}
}

static void poke(volatile void *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 1:
		*(volatile uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		*(volatile uint16_t *)p = (uint16_t)v;
		break;
	case 4:
		*(volatile uint32_t *)p = (uint32_t)v;
		break;
	default:
		*(volatile uint64_t *)p = v;
		break;
	}
}

static uint64_t cut(uint64_t v, unsigned size)
{
	return size == 8 ? v : v & ((UINT64_C(1) << 8 * size) - 1);
}

static bool overlaps(const struct late_store *s, const volatile void *p, size_t size)
{
	uintptr_t a = (uintptr_t)s->p, b = (uintptr_t)p;

	return a < b + size && b < a + s->size;
}

/* ---- late stores ---- */

static void drop_late(struct sim_thread *t, unsigned i)
{
	memmove(&t->late[i], &t->late[i + 1], (t->nr_late - i - 1) * sizeof(t->late[0]));
	t->nr_late--;
	sim.with_late--;
}

/* Others see it from now on. If its thread runs, it is in place. */
static void commit(struct sim_thread *t, unsigned i)
{
	const struct late_store *s = &t->late[i];

	trace_note(t, "now seen", s->p, s->value, s->order, s->site);
	if (t != sim.current)
		poke(s->p, s->size, s->value);
	drop_late(t, i);
}

void late_apply(struct sim_thread *t)
{
	for (unsigned i = 0; i < t->nr_late; i++) {
		struct late_store *s = &t->late[i];

		s->old = peek(s->p, s->size);
		poke(s->p, s->size, s->value);
	}
}

void late_suspend(struct sim_thread *t)
{
	for (unsigned i = t->nr_late; i-- > 0;) {
		struct late_store *s = &t->late[i];

		/* A plain store of the thread's own came after it: that one stays, and so this is
		 * over. */
		if (peek(s->p, s->size) != s->value)
			drop_late(t, i);
		else
			poke(s->p, s->size, s->old);
	}
}

void late_flush(struct sim_thread *t)
{
	while (t->nr_late)
		commit(t, 0);
}

void late_flush_all(void)
{
	for (unsigned i = 0; i < sim.nr_threads; i++)
		late_flush(&sim.thread[i]);
}

/* May it leave before those in front of it? */
static bool may_leave(const struct sim_thread *t, unsigned i)
{
	if (i == 0)
		return true;
	if (sim.memory == SIM_MEMORY_TSO || t->late[i].order != __ATOMIC_RELAXED)
		return false;
	for (unsigned k = 0; k < i; k++)
		if (overlaps(&t->late[k], t->late[i].p, t->late[i].size))
			return false;
	return true;
}

void late_flush_one(void)
{
	unsigned skip = sim_random(sim.with_late);

	for (unsigned i = 0; i < sim.nr_threads; i++) {
		struct sim_thread *t = &sim.thread[i];

		if (skip < t->nr_late) {
			while (!may_leave(t, skip))
				skip--;
			commit(t, skip);
			return;
		}
		skip -= t->nr_late;
	}
}

void sim_barrier(void)
{
	late_flush(sim.current);
}

static void make_late(struct sim_thread *t, volatile void *p, unsigned size, uint64_t v, int order,
		      const struct sim_site *site)
{
	if (t->nr_late == MAX_BUFFER)
		commit(t, 0);
	t->late[t->nr_late++] = (struct late_store){ .p = p,
						     .size = size,
						     .value = cut(v, size),
						     .old = peek(p, size),
						     .order = order,
						     .site = site };
	sim.with_late++;
	poke(p, size, v);
}

/* A read-modify-write works on memory itself, so stores to its address have left at least. */
static void before_rmw(const volatile void *p, unsigned size, int order)
{
	struct sim_thread *t = sim.current;
	unsigned i;

	if (sim.memory == SIM_MEMORY_TSO ||
	    (order != __ATOMIC_RELAXED && order != __ATOMIC_ACQUIRE)) {
		late_flush(t);
		return;
	}
	for (i = t->nr_late; i-- > 0;)
		if (overlaps(&t->late[i], p, size))
			break;
	/* and with it those before it, which is more than must be */
	for (unsigned n = i + 1; n; n--)
		commit(t, 0);
}

/* ---- accesses ---- */

static void check_alive(const volatile void *p)
{
	size_t at = (size_t)((const volatile uint8_t *)p - sim.arena);

	if (at < ARENA_SIZE && sim.freed[at / GRANULE])
		sim_fail("access to memory that was freed");
}

uint64_t sim_load(const volatile void *p, unsigned size, int order, const struct sim_site *site)
{
	uint64_t v;

	if (!sim.running)
		return peek(p, size);
	step();
	check_alive(p);
	v = peek(p, size);
	trace_note(sim.current, "load", p, v, order, site);
	return v;
}

void sim_store(volatile void *p, unsigned size, uint64_t v, int order, const struct sim_site *site)
{
	if (!sim.running) {
		poke(p, size, v);
		return;
	}
	step();
	check_alive(p);
	trace_note(sim.current, "store", p, cut(v, size), order, site);
	if (order != __ATOMIC_SEQ_CST && sim.memory != SIM_MEMORY_SC) {
		make_late(sim.current, p, size, v, order, site);
		return;
	}
	sim_barrier();
	poke(p, size, v);
}

static void begin_rmw(volatile void *p, unsigned size, int order)
{
	if (!sim.running)
		return;
	step();
	check_alive(p);
	before_rmw(p, size, order);
}

uint64_t sim_exchange(volatile void *p, unsigned size, uint64_t v, int order,
		      const struct sim_site *site)
{
	uint64_t old;

	begin_rmw(p, size, order);
	old = peek(p, size);
	poke(p, size, v);
	trace_note(sim.current, "exchange", p, old, order, site);
	return old;
}

uint64_t sim_fetch(enum sim_fetch op, volatile void *p, unsigned size, uint64_t v, int order,
		   const struct sim_site *site)
{
	static const char *const names[] = { "fetch_add", "fetch_sub", "fetch_or", "fetch_and" };
	uint64_t old, result;

	begin_rmw(p, size, order);
	old = peek(p, size);
	switch (op) {
	case SIM_FETCH_add:
		result = old + v;
		break;
	case SIM_FETCH_sub:
		result = old - v;
		break;
	case SIM_FETCH_or:
		result = old | v;
		break;
	default:
		result = old & v;
		break;
	}
	poke(p, size, result);
	trace_note(sim.current, names[op], p, old, order, site);
	return old;
}

bool sim_cas(volatile void *p, unsigned size, uint64_t *old, uint64_t v, int order,
	     const struct sim_site *site)
{
	uint64_t was;

	begin_rmw(p, size, order);
	was = peek(p, size);
	trace_note(sim.current, "cas", p, was, order, site);
	if (was != cut(*old, size)) {
		*old = was;
		return false;
	}
	poke(p, size, v);
	return true;
}

/* ---- allocation ---- */

static void *map_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void memory_reset(void)
{
	if (!sim.arena) {
		sim.arena = map_memory(ARENA_SIZE);
		sim.freed = map_memory(ARENA_SIZE / GRANULE);
		if (!sim.arena || !sim.freed)
			__builtin_trap(); /* 16 MiB: nothing that this could work without */
	}
	memset(sim.freed, 0, sim.arena_used / GRANULE);
	sim.arena_used = 0;
	sim.blocks = 0;
	poison(sim.arena, ARENA_SIZE);
}

/* A granule in front of each block has its size. */
void *sim_alloc(size_t size)
{
	size_t align = size && size % 4096 == 0 ? 4096 : GRANULE;
	size_t at = (sim.arena_used + GRANULE + align - 1) / align * align;
	size_t room = (size + GRANULE - 1) / GRANULE * GRANULE;
	uint8_t *p = sim.arena + at;

	if (at + room > ARENA_SIZE)
		sim_fail("out of memory");
	sim_barrier();
	sim.arena_used = at + room;
	unpoison(p - GRANULE, GRANULE + size);
	memset(p, 0, size);
	memcpy(p - GRANULE, &size, sizeof(size));
	poison(p - GRANULE, GRANULE);
	sim.blocks++;
	return p;
}

void sim_free(void *p, size_t size)
{
	uint8_t *block = p;
	size_t first = (size_t)(block - sim.arena) / GRANULE, was;

	sim_barrier();
	unpoison(block - GRANULE, GRANULE);
	memcpy(&was, block - GRANULE, sizeof(was));
	if (was != size)
		sim_fail("a block of %zu bytes is freed as one of %zu", was, size);
	for (unsigned i = 0; i < sim.nr_threads; i++)
		for (unsigned k = 0; k < sim.thread[i].nr_late; k++)
			if (overlaps(&sim.thread[i].late[k], p, size))
				sim_fail("memory is freed before a store of %s has reached it",
					 sim.thread[i].name);
	memset(sim.freed + first, 1, (size + GRANULE - 1) / GRANULE);
	memset(p, 0xdb, size);
	poison(p, size);
	sim.blocks--;
}

unsigned sim_blocks(void)
{
	return sim.blocks;
}
