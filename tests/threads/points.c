/* SPDX-License-Identifier: MIT */
/*
 * Where a thread of a points test gives the processor away: now and then, by a generator of its
 * own. What another thread then does to the half's state in between is what such a test
 * is about.
 */
#include "points.h"

#include <sched.h>
#include <stdint.h>

void test_point(void)
{
	static _Thread_local uint64_t state;

	/* a different sequence in each thread: its stack is elsewhere */
	if (!state)
		state = (uint64_t)(uintptr_t)&state | 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	if (state % 32 == 0)
		sched_yield();
}
