/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI: a word per port (PENDING, MASKED, LINKED and the next port), and 16 queues per
 * vCPU, one for each priority. A queue is a list through the words: its first port is in the vCPU's
 * control block, where a ready bit says that there is a new one; its last is known to us alone.
 *
 * A queue has a lock, held by whoever links behind its tail: a few memory accesses, no domain-wide
 * lock, no callback but `relax`. It was chosen over a lock-free tail, since two things must not
 * happen between the choice of a tail and the link in its word: that the tail is taken off, sent
 * again and so becomes the tail once more (its link would be written twice); and that it goes to
 * another queue (the link would be written there). A port's word is made LINKED only under the
 * locks of the queue that it was last on and of the one that it goes to, so neither can.
 *
 * All words, heads and ready bits are the guest's to write. None is followed: ports, tails and the
 * queue that a port was last on are our own. There is no loop on a guest's word.
 */
#include "event_fifo.h"

#include "ports.h"
#include "probe.h"
#include "sched.h"
#include "trace.h"
#include "vcpu.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

/* A queue's number, as a port keeps it. */
static uint16_t queue_id(const struct hv_vcpu *v, unsigned priority)
{
	return (uint16_t)(v->id * EVTCHN_FIFO_MAX_QUEUES + priority);
}

static struct fifo_queue *queue_of(struct fifo *f, unsigned id)
{
	return &f->vcpu[id / EVTCHN_FIFO_MAX_QUEUES].queue[id % EVTCHN_FIFO_MAX_QUEUES];
}

/* In the order of their addresses: it is that of vCPUs, then of priorities. */
static void lock_queues(const struct hv *hv, struct fifo_queue *a, struct fifo_queue *b)
{
	lock_take(hv, a < b ? &a->lock : &b->lock);
	if (a != b)
		lock_take(hv, a < b ? &b->lock : &a->lock);
}

static void unlock_queues(struct fifo_queue *a, struct fifo_queue *b)
{
	if (a != b)
		lock_drop(&b->lock);
	lock_drop(&a->lock);
}

/*
 * Lock the queue `to` and the one that the port was last on, and return that. Nobody else makes
 * this port LINKED then. We start over only when another sender of the same port has just moved it,
 * so somebody always gets on, and nobody gives up.
 */
static __attribute__((noinline)) struct fifo_queue *lock_port(struct hv_domain *d,
							      const struct port *p,
							      struct fifo_queue *to)
{
	for (;;) {
		unsigned id = load_relaxed(&p->fifo_queue);
		struct fifo_queue *from = queue_of(d->fifo, id);

		lock_queues(d->hv, from, to);
		/* Written only under the lock of the queue that it names (link_port). */
		if (load_relaxed(&p->fifo_queue) == id)
			return from;
		unlock_queues(from, to);
	}
}

/* The same, when it was most likely on this queue before; to_id is its number. */
static struct fifo_queue *lock_port_again(struct hv_domain *d, const struct port *p,
					  struct fifo_queue *to, unsigned to_id)
{
	if (load_relaxed(&p->fifo_queue) != to_id)
		return lock_port(d, p, to);
	lock_take(d->hv, &to->lock);
	if (load_relaxed(&p->fifo_queue) == to_id)
		return to;
	lock_drop(&to->lock);
	return lock_port(d, p, to);
}

/*
 * Link a port behind the tail, whose word is given, if that is still on the queue. Queue locked.
 *
 * Meanwhile the guest may take the tail off, clearing LINKED and the link in one step, and anybody
 * may set or clear its PENDING and MASKED. An or cannot fail on that, so there is nothing to try
 * again. If LINKED was there first, the guest finds the link when it comes to take the tail off. If
 * it was not, the queue is empty: we take our bits back before anybody can make the word LINKED
 * again, for which they would need our lock. BUSY, which keeps the guest from unmasking while the
 * link is written, is not needed.
 *
 * A link that is there already was written by the guest, as a tail has none: its queue is broken,
 * and the event begins a new one.
 */
static bool link_behind(event_word_t *tail, uint32_t port)
{
	event_word_t old = load_seq(tail);

	/* Often so, and for good: with nothing written there is nothing to take back. */
	if (!(old & LINKED))
		return false;
	/* Pairs with the guest's taking off of the tail. */
	old = fetch_or_seq(tail, port);
	if (!(old & LINKED))
		fetch_and_seq(tail, ~LINK);
	return (old & LINKED) && !(old & LINK);
}

/*
 * Put a port whose word we have just made LINKED at the end of a queue. True: it is the first one
 * there. Both queues are locked; `from` is the one it was last on.
 */
static bool link_port(const struct fifo *f, uint32_t port, struct fifo_queue *from,
		      struct fifo_queue *to)
{
	uint32_t tail;

	/*
	 * It was the tail over there, and taken off: that queue is empty. Its next event must not
	 * be linked behind a port that is on another queue; nor this one behind itself.
	 */
	if (from->tail == port)
		from->tail = 0;
	tail = to->tail;
	to->tail = port;
	return !tail || !link_behind(fifo_word_known(f, tail), port);
}

/*
 * The port is the first one of its queue. True: the guest has not been told that there is one.
 * Queue locked.
 */
static bool begin_queue(struct evtchn_fifo_control_block *block, unsigned priority, uint32_t port)
{
	/*
	 * The guest has taken all off, and reads the head only when it is told: by the ready bit,
	 * which it clears before it reads the head. So the head is stored first.
	 */
	store_seq(&block->head[priority], port);
	/*
	 * Set already: whoever set it tells the guest, or has, and the guest has not cleared it
	 * yet.
	 */
	return !(fetch_or_seq(&block->ready, 1u << priority) & (1u << priority));
}

/* There is a new ready bit. */
static void tell(struct hv_vcpu *v)
{
	/*
	 * Read after the ready bit was set: if VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or the upcall_pending that it stores there makes the guest
	 * find our bit. A vCPU that has no area yet gets it so as well.
	 */
	struct vcpu_area *info = load_seq(&v->info);

	/*
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the ready bits.
	 */
	if (info)
		vcpu_mark_pending(v, info);
}

/* The port, whose word this is, was seen pending, not masked and not linked. */
static __attribute__((noinline)) void queue_port(struct hv_domain *d, uint32_t port,
						 event_word_t *word, struct hv_vcpu *v,
						 struct evtchn_fifo_control_block *block)
{
	struct port *p = port_known(d, port);
	unsigned priority = load_relaxed(&p->fifo_priority);
	struct fifo_queue *to = &d->fifo->vcpu[v->id].queue[priority];
	struct fifo_queue *from = lock_port_again(d, p, to, queue_id(v, priority));
	event_word_t old = load_seq(word);
	bool first = false;

	/*
	 * Again, now that no other sender can queue it: one may have, and the guest may have taken
	 * it off since and handled our event with the other's. Or it masked the port: then it will
	 * find it pending when it unmasks. If it masks after this look, it takes off a masked event
	 * and leaves it pending, which comes to the same.
	 */
	if ((old & (PENDING | MASKED | LINKED)) == PENDING) {
		/*
		 * The guest does not look at LINKED or the link of a port that is on no queue, and
		 * it is on none until link_port(). Only one that breaks the ABI writes these bits
		 * now; if it writes LINKED, it has the event linked to nothing, and that is that.
		 */
		old = fetch_or_seq(word, LINKED);
		if (old & LINK)
			fetch_and_seq(word, ~LINK);
		if (!(old & LINKED)) {
			store_relaxed(&p->fifo_queue, queue_id(v, priority));
			first = link_port(d->fifo, port, from, to) &&
				begin_queue(block, priority, port);
		}
	}
	unlock_queues(from, to);
	if (first)
		tell(v);
}

/*
 * The port has no word: remember its event until it has one. NULL, or the word if its page has come
 * just now. As on Xen the mark stays for good: the event is raised again each time that the domain
 * adds the page anew.
 */
static event_word_t *remember(const struct fifo *f, struct port *p, uint32_t port)
{
	store_seq(&p->fifo_remembered, (uint8_t)1);
	/*
	 * Pairs with add_page(): it publishes the words, then looks for marks; we leave a mark,
	 * then look for the word. If both succeed, the event is raised twice, which is once.
	 */
	if (port >= load_seq(&f->words))
		return NULL;
	return fifo_word(f, port);
}

/* word: NULL if there is nothing to queue. Apart, so that fifo_raise() need not come back. */
static __attribute__((noinline)) void deliver_to_polled(struct hv_domain *d, uint32_t port,
							event_word_t *word, struct hv_vcpu *v,
							struct evtchn_fifo_control_block *block)
{
	if (word)
		queue_port(d, port, word, v, block);
	poll_wake(d, port);
}

/* Each send is counted as one of three. */
static inline void count_sent(struct hv_vcpu *v, event_word_t old)
{
	uint64_t *counter = old & MASKED ? &v->counters.masked : &v->counters.sends;

	if (old & PENDING)
		counter = &v->counters.merged;
	fetch_add_relaxed(counter, UINT64_C(1));
}

/* count: it is a send, and not the repetition of one; traced: also for its port alone. */
static inline __attribute__((always_inline)) void raise(struct hv_domain *d, uint32_t port,
							struct hv_vcpu *v, bool count, bool traced)
{
	struct fifo *f = d->fifo;
	event_word_t *word = fifo_word(f, port);
	struct evtchn_fifo_control_block *block;
	event_word_t old;

	if (!word)
		word = remember(f, port_known(d, port), port);
	/* Acquire: pairs with the release in map_block(). */
	block = word ? load_acquire(&f->vcpu[v->id].block) : NULL;
	if (!block) {
		/* Remembered; or nowhere to queue it: dropped, not even pending, as on Xen. */
		if (count)
			fetch_add_relaxed(&v->counters.sends, UINT64_C(1));
		return;
	}
	/*
	 * One word holds all, so what the guest does comes before or after this. MASKED: it will
	 * unmask later, and find PENDING. LINKED: it will take the event off later, and find
	 * PENDING then. Otherwise we queue the event, also if it was pending before: the guest may
	 * have taken it off and be about to clear PENDING.
	 */
	old = fetch_or_seq(word, PENDING);
	probe_pending(d->domid, port, v->id, (old & PENDING) != 0);
	if (count)
		count_sent(v, old);
	if (traced && (old & PENDING))
		trace_merged(d, port);
	if (!(old & PENDING) && poll_wanted(d))
		deliver_to_polled(d, port, old & (MASKED | LINKED) ? NULL : word, v, block);
	else if (!(old & (MASKED | LINKED)))
		queue_port(d, port, word, v, block);
}

void fifo_raise(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)
{
	raise(d, port, v, false, false);
}

static __attribute__((noinline)) void raise_traced(struct hv_domain *d, uint32_t port,
						   struct hv_vcpu *v)
{
	trace_sent(d, port);
	raise(d, port, v, true, true);
}

static void set_pending(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)
{
	if (trace_wanted(d))
		raise_traced(d, port, v);
	else
		raise(d, port, v, true, false);
}

static void unmask(struct hv_domain *d, uint32_t port, struct hv_vcpu *v)
{
	struct fifo *f = d->fifo;
	event_word_t *word = fifo_word(f, port);
	struct evtchn_fifo_control_block *block = load_acquire(&f->vcpu[v->id].block);
	event_word_t old;

	if (!word)
		return;
	/*
	 * A sender before this has seen MASKED and left the event to us; one after it does not see
	 * MASKED and queues the event itself.
	 */
	old = fetch_and_seq(word, ~MASKED);
	if ((old & (PENDING | LINKED)) == PENDING && block)
		queue_port(d, port, word, v, block);
}

/* LINKED and the link stay: the guest takes the port off, and finds it not pending. */
static void clear_pending(struct hv_domain *d, uint32_t port)
{
	event_word_t *word = fifo_word(d->fifo, port);

	if (word)
		fetch_and_seq(word, ~PENDING);
}

static bool is_pending(const struct hv_domain *d, uint32_t port)
{
	const event_word_t *word = fifo_word(d->fifo, port);

	return word && (load_seq(word) & PENDING);
}

/* A port without a word is masked, as on Xen. */
static void look(const struct hv_domain *d, uint32_t port, struct hv_port_info *out)
{
	const event_word_t *word = fifo_word(d->fifo, port);
	const struct port *p = port_find(d, port);
	/* Once, so that its bits are those of one moment. */
	event_word_t w = word ? load_seq(word) : MASKED;
	unsigned queue = load_relaxed(&p->fifo_queue);

	out->fifo = true;
	out->has_word = word;
	out->pending = w & PENDING;
	out->masked = w & MASKED;
	out->linked = w & LINKED;
	out->busy = w & BUSY;
	out->link = w & LINK;
	out->priority = load_relaxed(&p->fifo_priority);
	out->queue_vcpu = queue / EVTCHN_FIFO_MAX_QUEUES;
	out->queue_priority = queue % EVTCHN_FIFO_MAX_QUEUES;
}

/*
 * On a queue, or so the guest says: given out now, it could not be queued where its new owner wants
 * it.
 */
static bool is_busy(const struct hv_domain *d, uint32_t port)
{
	const event_word_t *word = fifo_word(d->fifo, port);

	return word && (load_seq(word) & LINKED);
}

static void init_port(struct hv_domain *d, uint32_t port)
{
	store_relaxed(&port_find(d, port)->fifo_priority, (uint8_t)EVTCHN_FIFO_PRIORITY_DEFAULT);
}

/* From its next event on: if it is linked now, it stays where it is until the guest takes it off.
 */
static int set_priority(struct hv_domain *d, uint32_t port, uint32_t priority)
{
	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -XEN_EINVAL;
	store_relaxed(&port_find(d, port)->fifo_priority, (uint8_t)priority);
	probe_priority(d->domid, port, priority);
	return 0;
}

const struct event_abi event_fifo = {
	.ports = EVTCHN_FIFO_NR_CHANNELS,
	.set_pending = set_pending,
	.unmask = unmask,
	.clear_pending = clear_pending,
	.is_pending = is_pending,
	.look = look,
	.is_busy = is_busy,
	.init_port = init_port,
	.set_priority = set_priority,
};
