/* SPDX-License-Identifier: MIT */
/* The states in which events are sent: engine_states.h. */
#include <string.h>

#include "engine_states.h"

void reset_2l(struct engine *e)
{
	memset(e->shared->evtchn_pending, 0, sizeof(e->shared->evtchn_pending));
	e->shared->vcpu_info[0].evtchn_pending_sel = 0;
}

void reset_2l_told(struct engine *e)
{
	memset(e->shared->evtchn_pending, 0, sizeof(e->shared->evtchn_pending));
	e->shared->vcpu_info[0].evtchn_pending_sel = UINT64_MAX;
	e->shared->vcpu_info[0].evtchn_upcall_pending = 1;
}

static void clear_blocks(struct engine *e)
{
	for (unsigned i = 0; i < ENGINE_VCPUS; i++)
		memset(e->block[i], 0, sizeof(*e->block[i]));
}

void reset_fifo(struct engine *e)
{
	memset(e->words, 0, (QUEUES + 1) * sizeof(*e->words));
	clear_blocks(e);
}

void reset_fifo_behind(struct engine *e)
{
	memset(&e->words[FIRST_OF_QUEUE], 0, sizeof(*e->words) * 2 * HALF);
	e->words[e->tail] = PENDING | LINKED;
}

void reset_fifo_masked(struct engine *e)
{
	for (uint32_t port = 1; port <= MANY; port++)
		e->words[port] = MASKED;
}

void reset_fifo_burst(struct engine *e)
{
	memset(e->words, 0, (BURST + 1) * sizeof(*e->words));
	clear_blocks(e);
	untell(e, 0);
}

void all_pending_2l(struct engine *e)
{
	memset(e->shared->evtchn_pending, 0xff, sizeof(e->shared->evtchn_pending));
}

void all_masked_2l(struct engine *e)
{
	memset(e->shared->evtchn_mask, 0xff, sizeof(e->shared->evtchn_mask));
}
