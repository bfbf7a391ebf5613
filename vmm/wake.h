/* SPDX-License-Identifier: MIT */
/*
 * Waiting for "something changed" without losing a change between looking and sleeping. What
 * changed is the caller's; whom it concerns too.
 *
 *	waiter: key = wake_prepare(w); look; then wake_wait(w, key) or wake_cancel(w)
 *	waker:  change; wake_notify(w)
 *
 * The count that wake_notify advances is read by wake_prepare before the look: a change before
 * that read is seen by the look (release, acquire on `count`), one after it makes the futex
 * return at once. `waiters` only saves the waker a system call: each side writes its own word, then
 * reads the other's, sequentially consistent.
 */
#ifndef CARILLON_VMM_WAKE_H
#define CARILLON_VMM_WAKE_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct wake {
	_Atomic uint32_t count;
	_Atomic uint32_t waiters;
};

static inline uint32_t wake_prepare(struct wake *w)
{
	atomic_fetch_add_explicit(&w->waiters, 1, memory_order_seq_cst);
	return atomic_load_explicit(&w->count, memory_order_seq_cst);
}

static inline void wake_cancel(struct wake *w)
{
	atomic_fetch_sub_explicit(&w->waiters, 1, memory_order_relaxed);
}

/* May also return for no reason (a signal): look again. */
static inline void wake_wait(struct wake *w, uint32_t key)
{
	syscall(SYS_futex, &w->count, FUTEX_WAIT_PRIVATE, key, NULL, NULL, 0);
	wake_cancel(w);
}

static inline void wake_notify(struct wake *w)
{
	atomic_fetch_add_explicit(&w->count, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&w->waiters, memory_order_seq_cst))
		syscall(SYS_futex, &w->count, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#endif
