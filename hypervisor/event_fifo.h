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
#define FIFO_PART_WORDS 256u /* of a page: who looks for a word takes a byte of its number */
#define FIFO_PARTS	(EVTCHN_FIFO_NR_CHANNELS / FIFO_PART_WORDS)

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
	event_word_t *part[FIFO_PARTS]; /* atomic; event words, from port 0 on; then NULL */
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
	event_word_t *part = load_seq(&f->part[port / FIFO_PART_WORDS]);

	return part ? &part[port % FIFO_PART_WORDS] : NULL;
}

/* The bits of a word. */
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

/* For fifo_send(). Nothing is set in the word, or was at that moment. */
long fifo_queue_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port, event_word_t *word);
/* It has become pending, or was; whatever is to be done, and whoever polls. */
long fifo_any_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port, event_word_t *word,
		   bool was);

/*
 * EVTCHNOP_send by the ABI's short way, as event_send.h says; the port has that word. Here as the
 * 2-level ABI's is in event_2l.h.
 */
static inline __attribute__((always_inline)) long fifo_send(struct hv_vcpu *by, struct hv_vcpu *v,
							    uint64_t port, event_word_t *word)
{
	event_word_t w;

	fetch_to_write(word);
	/* A look only, to choose the way. Mostly so of a port that is to be queued. */
	if (is_seq(word, 0))
		return fifo_queue_sent(by, v, (uint32_t)port, word);
	/* As in event_fifo.c's after_pending(). */
	if (set_bit32_seq(word, EVTCHN_FIFO_PENDING)) {
		if (__builtin_expect(none_of_seq(word, MASKED | LINKED), false))
			return fifo_any_sent(by, v, port, word, true);
		return event_sent(by, v, port, COUNT_MERGED);
	}
	if (__builtin_expect(poll_wanted(v->domain), false))
		return fifo_any_sent(by, v, port, word, false);
	w = load_seq(word);
	if (w & MASKED)
		return event_sent(by, v, port, COUNT_MASKED);
	if (w & LINKED)
		return event_sent(by, v, port, COUNT_TOLD);
	return fifo_any_sent(by, v, port, word, false);
}

#endif
