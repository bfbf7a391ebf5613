/* SPDX-License-Identifier: MIT */
/*
 * The locks of the conventional design: a ticket spinlock, and a reader-writer lock in one word
 * that readers count themselves in and out of. Nothing of Carillon's is used here.
 */
#ifndef BASELINE_LOCK_H
#define BASELINE_LOCK_H

#include <stdint.h>

#define WRITER UINT32_C(0x80000000)

struct spin {
	uint32_t next, serving;
};

struct rw {
	uint32_t word; /* readers inside; WRITER: one who writes, or waits until the readers are out
			*/
};

static inline void spin_take(struct spin *s)
{
	uint32_t mine = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&s->serving, __ATOMIC_ACQUIRE) != mine)
		__builtin_ia32_pause();
}

static inline void spin_drop(struct spin *s)
{
	/* Only the holder writes it. */
	__atomic_store_n(&s->serving, s->serving + 1, __ATOMIC_RELEASE);
}

static inline void read_take(struct rw *l)
{
	while (__atomic_fetch_add(&l->word, 1, __ATOMIC_ACQUIRE) & WRITER) {
		__atomic_fetch_sub(&l->word, 1, __ATOMIC_RELAXED);
		while (__atomic_load_n(&l->word, __ATOMIC_RELAXED) & WRITER)
			__builtin_ia32_pause();
	}
}

static inline void read_drop(struct rw *l)
{
	__atomic_fetch_sub(&l->word, 1, __ATOMIC_RELEASE);
}

static inline void write_take(struct rw *l)
{
	while (__atomic_fetch_or(&l->word, WRITER, __ATOMIC_ACQUIRE) & WRITER)
		__builtin_ia32_pause();
	while (__atomic_load_n(&l->word, __ATOMIC_ACQUIRE) != WRITER)
		__builtin_ia32_pause();
}

static inline void write_drop(struct rw *l)
{
	/* Not a store: a reader may be counted in for a moment, and takes itself out again. */
	__atomic_fetch_and(&l->word, ~WRITER, __ATOMIC_RELEASE);
}

#endif
