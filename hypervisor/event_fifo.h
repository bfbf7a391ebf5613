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
#include "event_send.h"
#include "sched.h"

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
	event_word_t *page[FIFO_PAGES]; /* atomic; event words, from port 0 on; then NULL */
	uint64_t mfn[FIFO_PAGES];	/* held by mm_get_frame */
	uint32_t words;			/* under the domain's lock: ports below have one */
	struct fifo_queues queues[];	/* as many as the domain has vCPUs */
};

/*
 * The event word of a port, which is one: a number of the hypervisor's own, or bounded. NULL if its
 * page has not been added yet.
 */
static inline event_word_t *fifo_word(const struct fifo *f, uint64_t port)
{
	/* Pairs with the store in add_page(). */
	event_word_t *page = load_seq(&f->page[port / FIFO_PAGE_WORDS]);

	return page ? &page[port % FIFO_PAGE_WORDS] : NULL;
}

/* The bits of a word. */
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

/* For fifo_send(). The port has become pending, and is to be queued. */
long fifo_queue_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port, event_word_t *word);
/* It has become pending, or was; whatever is to be done, and whoever polls. */
long fifo_any_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port, event_word_t *word,
		   bool was);
/* There was no word. */
long fifo_wordless_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port);

/*
 * EVTCHNOP_send where the vCPU's way is WAY_FIFO, as event_send.h says. Here as the 2-level ABI's
 * is in event_2l.h.
 */
static inline __attribute__((always_inline)) long fifo_send(struct hv_vcpu *by, struct hv_vcpu *v,
							    uint64_t port)
{
	/* Acquire: pairs with set_ways(). */
	event_word_t *word = fifo_word(load_acquire(&v->fifo), port);
	event_word_t w;

	if (__builtin_expect(!word, false))
		return fifo_wordless_sent(by, v, port);
	/* As in event_fifo.c's after_pending(). */
	if (set_bit32_seq(word, EVTCHN_FIFO_PENDING)) {
		if (__builtin_expect(!(load_seq(word) & (MASKED | LINKED)), false))
			return fifo_any_sent(by, v, port, word, true);
		return event_sent(by, v, port, COUNT_MERGED);
	}
	if (__builtin_expect(poll_wanted(v->domain), false))
		return fifo_any_sent(by, v, port, word, false);
	w = load_seq(word);
	if (!(w & (MASKED | LINKED)))
		return fifo_queue_sent(by, v, (uint32_t)port, word);
	return event_sent(by, v, port, w & MASKED ? COUNT_MASKED : COUNT_TOLD);
}

#endif
