/* SPDX-License-Identifier: MIT */
/* The machine that the rows of the conventional design run on: machine.c. */
#ifndef BASELINE_MACHINE_H
#define BASELINE_MACHINE_H

#include "../engine_states.h"
#include "conventional.h"

struct conv_machine {
	struct conv_system system; /* first */
	struct conv_domain from, to;
	uint32_t kicks[CONV_VCPUS];
	size_t bytes; /* that the design has asked for */
};

void conv_create(struct engine *e);
/* Into the FIFO ABI, words for that many ports; both, where e's members are the receiver's. */
void conv_fifo(struct conv_domain *d, uint32_t ports);
void conv_fifo_both(struct engine *e, uint32_t ports);
/* Channels whose ports have the same numbers at both ends: from 1 on. */
void conv_connect(struct engine *e, uint32_t ports);

#endif
