/* SPDX-License-Identifier: MIT */
/*
 * System time and its relation to the cycle counter that guests read.
 */
#ifndef CARILLON_VMM_CLOCK_H
#define CARILLON_VMM_CLOCK_H

#include <stdint.h>

#include <carillon/hypervisor.h>

#include "timers.h"

struct clock {
	struct hv *hv;
	uint64_t epoch_ns;	   /* CLOCK_MONOTONIC at system time 0 */
	uint64_t first_cycles;	   /* at system time 0 */
	uint64_t at_cycles, at_ns; /* the relation that guests have: a point */
	uint32_t mul;		   /* and its slope */
	int8_t shift;
	double measured;   /* the best slope known */
	uint64_t interval; /* between corrections */
	struct timer timer;
};

void clock_init(struct clock *c); /* as early as possible: the longer ago, the better the rate */
uint64_t clock_now(const struct clock *c);
/* Tell the hypervisor, and keep the guests' clocks near the host's from now on. */
void clock_start(struct clock *c, struct hv *hv, struct timer_queue *timers);
void clock_stop(struct clock *c);

#endif
