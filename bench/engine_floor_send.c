/* SPDX-License-Identifier: MIT */
/*
 * What the event channel ABIs themselves ask of whoever sends and of whoever takes events off: the
 * accesses to the shared words, and nothing else: no ports to look up, no locks, no counters. The
 * words are those of the engine's own machines. Nothing of Carillon is measured here but the
 * queue that the drain finds, which the engine has linked.
 */
#include <err.h>

#include "engine_states.h"

static bool set_bit64(xen_ulong_t *words, uint32_t nr)
{
	uint64_t bit = UINT64_C(1) << nr % 64;

	return __atomic_fetch_or(&words[nr / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static void send_bare_2l(struct engine *e, uint32_t port)
{
	if (set_bit64(e->shared->evtchn_pending, port))
		return;
	if (__atomic_load_n(&e->shared->evtchn_mask[port / 64], __ATOMIC_SEQ_CST) >> port % 64 & 1)
		return;
	if (!set_bit64(&e->shared->vcpu_info[0].evtchn_pending_sel, port / 64))
		bare_tell(&e->shared->vcpu_info[0]);
}

/* The port has its own queue, which is empty. */
static void send_bare_fifo(struct engine *e, uint32_t port)
{
	unsigned vcpu = vcpu_of_queue(port);

	if (bare_send_fifo(&e->words[port], port, e->block[vcpu], priority_of_queue(port)))
		bare_tell(&e->shared->vcpu_info[vcpu]);
}

static void bare_2l(struct engine *e)
{
	each_selector(e, send_bare_2l);
}

static void bare_fifo(struct engine *e)
{
	each_queue(e, send_bare_fifo);
}

const struct row floor_rows[] = {
	{ "floor/2l-send", SELECTORS, engine_setup_2l, reset_2l, bare_2l },
	{ "floor/fifo-send", QUEUES, engine_setup_fifo, reset_fifo, bare_fifo },
};

const unsigned nr_floor_rows = sizeof(floor_rows) / sizeof(floor_rows[0]);

/* ---- the guest's side of a burst ---- */

/* Each off its queue and no more pending, unless it is masked, as the guest half has it. */
static unsigned take_off(struct engine *e, evtchn_port_t port)
{
	unsigned taken = 0;

	while (port) {
		event_word_t was = bare_take_fifo(&e->words[port]);

		if ((was & (PENDING | MASKED)) == PENDING)
			taken++;
		port = was & LINKED ? was & LINK : 0;
	}
	return taken;
}

/* All that is there for vCPU 0. */
__attribute__((noinline)) void engine_drain(struct engine *e)
{
	struct evtchn_fifo_control_block *block = e->block[0];
	unsigned taken = 0;
	uint32_t ready;

	untell(e, 0);
	while ((ready = __atomic_exchange_n(&block->ready, 0, __ATOMIC_SEQ_CST)))
		for (; ready; ready &= ready - 1)
			taken += take_off(e, __atomic_load_n(&block->head[__builtin_ctz(ready)],
							     __ATOMIC_ACQUIRE));
	if (taken != BURST)
		errx(1, "%u events taken off of a burst of %u", taken, BURST);
}
