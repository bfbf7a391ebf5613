/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses of the guest half, each name with its C11 order: _relaxed, _acquire, _release,
 * _sc (sequentially consistent). They work on plain integers and pointers because shared_info's
 * are. No stand-alone fences that publish: ThreadSanitizer does not see them, and every pairing in
 * this half but one (barrier_after_rmw) is one of accesses. Locks are in lock.h.
 */
#ifndef GUEST_ATOMIC_H
#define GUEST_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For a simulation. GUEST_ATOMIC_HOOK(p) is evaluated before every access: a scheduling point. One
 * that also models store buffers defines the five primitives itself, in a header that it names by
 * GUEST_ATOMIC_HEADER.
 */
#ifdef GUEST_ATOMIC_HEADER
#include GUEST_ATOMIC_HEADER
#else

#ifndef GUEST_ATOMIC_HOOK
#define GUEST_ATOMIC_HOOK(p) ((void)0)
/*
 * Where nobody else has to see the accesses (a simulation, a thread test, TSan), a few may be
 * instructions that the compiler does not find by itself. Each stands beside what it does in C.
 */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define ATOMIC_BY_INSTRUCTION
#endif
#endif

#define ATOMIC_LOAD(p, order)	      (GUEST_ATOMIC_HOOK(p), __atomic_load_n((p), (order)))
#define ATOMIC_STORE(p, v, order)     (GUEST_ATOMIC_HOOK(p), __atomic_store_n((p), (v), (order)))
#define ATOMIC_XCHG(p, v, order)      (GUEST_ATOMIC_HOOK(p), __atomic_exchange_n((p), (v), (order)))
#define ATOMIC_FETCH(op, p, v, order) (GUEST_ATOMIC_HOOK(p), __atomic_fetch_##op((p), (v), (order)))
#define ATOMIC_CAS(p, old, new, order) \
	(GUEST_ATOMIC_HOOK(p),         \
	 __atomic_compare_exchange_n((p), (old), (new), false, (order), __ATOMIC_RELAXED))
#endif

#define load_relaxed(p) ATOMIC_LOAD(p, __ATOMIC_RELAXED)
#define load_acquire(p) ATOMIC_LOAD(p, __ATOMIC_ACQUIRE)
#define load_sc(p)	ATOMIC_LOAD(p, __ATOMIC_SEQ_CST)

#define store_relaxed(p, v) ATOMIC_STORE(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) ATOMIC_STORE(p, v, __ATOMIC_RELEASE)
#define store_sc(p, v)	    ATOMIC_STORE(p, v, __ATOMIC_SEQ_CST)

/* All answer the old value. */
#define xchg_acquire(p, v) ATOMIC_XCHG(p, v, __ATOMIC_ACQUIRE)
#define xchg_sc(p, v)	   ATOMIC_XCHG(p, v, __ATOMIC_SEQ_CST)
#define fetch_or_sc(p, v)  ATOMIC_FETCH(or, p, v, __ATOMIC_SEQ_CST)
#define fetch_and_sc(p, v) ATOMIC_FETCH(and, p, v, __ATOMIC_SEQ_CST)
#define fetch_sub_sc(p, v) ATOMIC_FETCH(sub, p, v, __ATOMIC_SEQ_CST)

/* For counters that several CPUs, or a CPU and its handlers, add to. */
#define fetch_add_relaxed(p, v) ATOMIC_FETCH(add, p, v, __ATOMIC_RELAXED)

/* True if *p was *old and is now v; else *old is what it was. */
#define cas_relaxed(p, old, v) ATOMIC_CAS(p, old, v, __ATOMIC_RELAXED)
#define cas_acquire(p, old, v) ATOMIC_CAS(p, old, v, __ATOMIC_ACQUIRE)
#define cas_sc(p, old, v)      ATOMIC_CAS(p, old, v, __ATOMIC_SEQ_CST)

/*
 * After a sequentially consistent read-modify-write, of whatever word: what was stored before that
 * is seen by all before what is loaded from here on. x86's are so by themselves. This is no
 * publication, that stays with accesses; it decides between two who each tell the other and look.
 */
#if defined(__x86_64__) || defined(__i386__)
#define barrier_after_rmw() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define barrier_after_rmw() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/*
 * One more on a counter that only this CPU writes, events disabled, and anybody reads: no
 * read-modify-write is needed, only that the store is whole.
 */
#define count_one(p) store_relaxed(p, load_relaxed(p) + 1)

/* The same on a uint64_t, by a release store; one instruction where that is known to be one. */
static inline void count_one_release(uint64_t *p)
{
#ifdef ATOMIC_BY_INSTRUCTION
	__asm__ volatile("addq $1, %0" : "+m"(*p) : : "cc", "memory");
#else
	store_release(p, load_relaxed(p) + 1);
#endif
}

/* Clear that bit of an array of 64-bit words, sequentially consistent; was it set? */
static inline bool clear_bit_sc(uint64_t *words, size_t bit)
{
#ifdef ATOMIC_BY_INSTRUCTION
	bool old;

	/* It finds the word of an array by itself. */
	__asm__ volatile("lock btrq %[bit], %[words]"
			 : "=@ccc"(old), [words] "+m"(*words)
			 : [bit] "r"(bit)
			 : "memory");
	return old;
#else
	uint64_t m = UINT64_C(1) << bit % 64;

	return fetch_and_sc(&words[bit / 64], ~m) & m;
#endif
}

#endif
