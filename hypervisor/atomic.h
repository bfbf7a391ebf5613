/* SPDX-License-Identifier: MIT */
/*
 * Every atomic access of this half goes through here, so its memory order is in its name and a
 * simulation can stop before each (ATOMIC_POINT). They work on plain integers and pointers, since
 * many of the words are the guest's.
 */
#ifndef HYPERVISOR_ATOMIC_H
#define HYPERVISOR_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * ATOMIC_POINT(p) is evaluated before every access to p: another thread's turn. A simulation that
 * also models store buffers defines the five primitives itself, in a header that it names by
 * HYPERVISOR_ATOMIC_HEADER.
 */
#ifdef HYPERVISOR_ATOMIC_HEADER
#include HYPERVISOR_ATOMIC_HEADER
#else

#ifdef ATOMIC_POINT
#define ATOMIC_OBSERVED
#else
#define ATOMIC_POINT(p) ((void)0)
#endif

#define ATOMIC_LOAD(p, order)	      (ATOMIC_POINT(p), __atomic_load_n((p), (order)))
#define ATOMIC_STORE(p, v, order)     (ATOMIC_POINT(p), __atomic_store_n((p), (v), (order)))
#define ATOMIC_XCHG(p, v, order)      (ATOMIC_POINT(p), __atomic_exchange_n((p), (v), (order)))
#define ATOMIC_FETCH(op, p, v, order) (ATOMIC_POINT(p), __atomic_fetch_##op((p), (v), (order)))
#define ATOMIC_CAS(p, old, new, order) \
	(ATOMIC_POINT(p), __atomic_compare_exchange_n((p), (old), (new), false, (order), (order)))
#endif

/*
 * Where nobody else has to see the accesses (a simulation, a thread test, TSan), a few may be
 * instructions that the compiler does not find by itself. Each stands beside what it does in C.
 */
#if defined(__x86_64__) && !defined(HYPERVISOR_ATOMIC_HEADER) && !defined(ATOMIC_OBSERVED) && \
	!defined(__SANITIZE_THREAD__)
#define ATOMIC_BY_INSTRUCTION
#endif

#define load_relaxed(p) ATOMIC_LOAD(p, __ATOMIC_RELAXED)
#define load_acquire(p) ATOMIC_LOAD(p, __ATOMIC_ACQUIRE)
#define load_seq(p)	ATOMIC_LOAD(p, __ATOMIC_SEQ_CST)

#define store_relaxed(p, v) ATOMIC_STORE(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) ATOMIC_STORE(p, v, __ATOMIC_RELEASE)
#define store_seq(p, v)	    ATOMIC_STORE(p, v, __ATOMIC_SEQ_CST)

/* All of these return what was there before. */
#define exchange_acquire(p, v)	ATOMIC_XCHG(p, v, __ATOMIC_ACQUIRE)
#define exchange_seq(p, v)	ATOMIC_XCHG(p, v, __ATOMIC_SEQ_CST)
#define fetch_add_relaxed(p, v) ATOMIC_FETCH(add, p, v, __ATOMIC_RELAXED)
#define fetch_add_seq(p, v)	ATOMIC_FETCH(add, p, v, __ATOMIC_SEQ_CST)
#define fetch_sub_seq(p, v)	ATOMIC_FETCH(sub, p, v, __ATOMIC_SEQ_CST)
#define fetch_sub_release(p, v) ATOMIC_FETCH(sub, p, v, __ATOMIC_RELEASE)
#define fetch_or_seq(p, v)	ATOMIC_FETCH(or, p, v, __ATOMIC_SEQ_CST)
#define fetch_and_seq(p, v)	ATOMIC_FETCH(and, p, v, __ATOMIC_SEQ_CST)

/*
 * One more in a uint64_t that only this thread writes, and others may read: a relaxed load and a
 * relaxed store, which need not be one step.
 */
#ifdef ATOMIC_BY_INSTRUCTION
/* One instruction that stores once, which compilers do not make of the two. */
#define add_own(p) __asm__ volatile("addq $1, %0" : "+m"(*(p)) : : "cc")
#else
#define add_own(p) store_relaxed(p, load_relaxed(p) + 1)
#endif

/* Was *p equal to *old, and is it now v? If not, *old is what it is. */
#define compare_exchange_seq(p, old, v) ATOMIC_CAS(p, old, v, __ATOMIC_SEQ_CST)

/* Set that bit, 0 to 31, of a word. What it was. */
static inline bool set_bit32_seq(uint32_t *word, unsigned bit)
{
#ifdef ATOMIC_BY_INSTRUCTION
	bool old;

	/* Compilers know it, but not for bit 31, nor for every variable one. */
	__asm__ volatile("lock btsl %[bit], %[word]"
			 : "=@ccc"(old), [word] "+m"(*word)
			 : [bit] "Ir"(bit)
			 : "memory");
	return old;
#else
	return fetch_or_seq(word, UINT32_C(1) << bit) >> bit & 1;
#endif
}

/* Is the word that constant, and: is none of those bits set? Each by one load. */
static inline __attribute__((always_inline)) bool is_seq(const uint32_t *word, uint32_t n)
{
#ifdef ATOMIC_BY_INSTRUCTION
	bool is;

	/* Compilers load an atomic one first. */
	__asm__ volatile("cmpl %[n], %[word]"
			 : "=@ccz"(is)
			 : [word] "m"(*word), [n] "i"(n)
			 : "memory");
	return is;
#else
	return load_seq(word) == n;
#endif
}

static inline __attribute__((always_inline)) bool none_of_seq(const uint32_t *word, uint32_t bits)
{
#ifdef ATOMIC_BY_INSTRUCTION
	bool none;

	__asm__ volatile("testl %[bits], %[word]"
			 : "=@ccz"(none)
			 : [word] "m"(*word), [bits] "i"(bits)
			 : "memory");
	return none;
#else
	return !(load_seq(word) & bits);
#endif
}

/* It is about to be written: have its cache line at once, not first to read and then to write. */
static inline void fetch_to_write(const void *word)
{
#if defined(__x86_64__)
	/* All processors have it, but for __builtin_prefetch() compilers want to be told so. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)word));
#else
	__builtin_prefetch(word, 1);
#endif
}

/* The bit that was at that place of an array of 64-bit words. The caller has bounded it. */
static inline bool set_bit_seq(uint64_t *words, uint64_t bit)
{
#ifdef ATOMIC_BY_INSTRUCTION
	bool old;

	/* It finds the word of an array by itself. */
	__asm__ volatile("lock btsq %[bit], %[words]"
			 : "=@ccc"(old), [words] "+m"(*words)
			 : [bit] "r"(bit)
			 : "memory");
	return old;
#else
	uint64_t m = UINT64_C(1) << (bit % 64);

	return fetch_or_seq(&words[bit / 64], m) & m;
#endif
}

static inline bool clear_bit_seq(uint64_t *words, unsigned bit)
{
	uint64_t m = UINT64_C(1) << (bit % 64);

	return fetch_and_seq(&words[bit / 64], ~m) & m;
}

static inline bool test_bit_seq(const uint64_t *words, uint64_t bit)
{
	return (load_seq(&words[bit / 64]) >> (bit % 64)) & 1;
}

#endif
