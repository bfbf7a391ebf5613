/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the FIFO ABI share: event_fifo.c raises events, event_fifo_setup.c gives a
 * domain its control blocks and event array and takes them back.
 *
 * The state is made by the first init_control and goes with the reset that takes the domain back to
 * the 2-level ABI. Senders reach it only through d->abi being event_fifo, in a read section or with
 * the domain's lock held, so the wait after the change of ABI is all that freeing it needs.
 */
#ifndef HYPERVISOR_EVENT_FIFO_H
#define HYPERVISOR_EVENT_FIFO_H

#include <xen/event_channel.h>

#include "bound.h"
#include "event_abi.h"
#include "lock.h"

#define FIFO_PAGE_WORDS ((uint32_t)(HV_PAGE_SIZE / sizeof(event_word_t)))
#define FIFO_PAGES	(EVTCHN_FIFO_NR_CHANNELS / FIFO_PAGE_WORDS)

/*
 * The hypervisor's side of a queue: the port linked last, if that has been on no other queue since,
 * else 0. The guest's side is the head in the control block and the links in the event words.
 *
 * It is its own lock: whoever holds it has left FIFO_HELD there, and puts the tail back.
 */
struct fifo_queue {
	uint32_t tail; /* atomic */
};

#define FIFO_HELD UINT32_MAX

/* A vCPU's queues: a cache line. */
struct fifo_queues {
	struct fifo_queue of[EVTCHN_FIFO_MAX_QUEUES];
} __attribute__((aligned(64)));

struct fifo {
	uint32_t words;			/* atomic: ports below have an event word */
	event_word_t *page[FIFO_PAGES]; /* published by words */
	uint64_t mfn[FIFO_PAGES];	/* held by mm_get_frame */
	struct fifo_queues queues[];	/* as many as the domain has vCPUs */
};

/* The event word of a port that is known to have one: it has been queued. */
static inline event_word_t *fifo_word_known(const struct fifo *f, uint32_t port)
{
	return &f->page[port / FIFO_PAGE_WORDS][port % FIFO_PAGE_WORDS];
}

/* The event word of a port; NULL if its page has not been added yet. */
static inline event_word_t *fifo_word(const struct fifo *f, uint32_t port)
{
	/* Acquire: pairs with the store in add_page(), after that of the page. */
	uint32_t words = load_acquire(&f->words);

	if (port >= words)
		return NULL;
	return fifo_word_known(f, (uint32_t)index_nospec(port, words));
}

/*
 * Make the port pending and queue it; as event_abi.set_pending, where the domain is not traced.
 * In a read section, or with the domain's lock held.
 */
void fifo_send(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port);
/* The same, not counted: it is the repetition of one that was. */
void fifo_raise(struct hv_vcpu *v, uint32_t port);

#endif
