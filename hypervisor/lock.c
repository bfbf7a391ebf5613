/* SPDX-License-Identifier: MIT */
/*
 * The lock: one word, and the embedder's relax while it is taken. No queue: its holder may be a
 * thread that the host has put to sleep, and a fair lock would then hold up everybody behind the
 * next in line as well.
 */
#include "lock.h"

#include "atomic.h"
#include "private.h"

void relax(const struct hv *hv)
{
	if (hv->ops->relax)
		hv->ops->relax(hv->ctx);
#if defined(__x86_64__)
	else
		__builtin_ia32_pause();
#endif
}

void lock_wait(const struct hv *hv, struct lock *l)
{
	do
		while (load_relaxed(&l->taken))
			relax(hv);
	while (exchange_acquire(&l->taken, 1u));
}
