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

#include "lock.h"
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
static unsigned queue_id(const struct hv_vcpu *v, unsigned priority)
{
	return v->id * EVTCHN_FIFO_MAX_QUEUES + priority;
}

static struct fifo_queue *queue_of(struct fifo *f, unsigned id)
{
	return &f->queues[id / EVTCHN_FIFO_MAX_QUEUES].of[id % EVTCHN_FIFO_MAX_QUEUES];
}

/* ---- holding a queue ---- */

/* Somebody has it. */
static __attribute__((noinline)) uint32_t hold_later(const struct hv *hv, struct fifo_queue *q)
{
	uint32_t tail;

	do
		while (load_relaxed(&q->tail) == FIFO_HELD)
			relax(hv);
	while ((tail = exchange_acquire(&q->tail, FIFO_HELD)) == FIFO_HELD);
	return tail;
}

/* Its tail, which goes to let_go(). */
static inline uint32_t hold(const struct hv *hv, struct fifo_queue *q)
{
	uint32_t tail = exchange_acquire(&q->tail, FIFO_HELD);

	return __builtin_expect(tail != FIFO_HELD, true) ? tail : hold_later(hv, q);
}

static inline void let_go(struct fifo_queue *q, uint32_t tail)
{
	store_release(&q->tail, tail);
}

/*
 * Link a port behind the tail, whose word is given, if that is still on the queue. Queue held.
 *
 * Meanwhile the guest may take the tail off, clearing LINKED and the link in one step, and anybody
 * may set or clear its PENDING and MASKED. An or cannot fail on that, so there is nothing to try
 * again. If LINKED was there first, the guest finds the link when it comes to take the tail off. If
 * it was not, the queue is empty: we take our bits back before anybody can make the word LINKED
 * again, for which they would have to hold our queue. BUSY, which keeps the guest from unmasking
 * while the link is written, is not needed.
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
 * The port is the first one of its queue. True: the guest has not been told that there is one.
 * Queue held.
 */
static bool begin_queue(struct evtchn_fifo_control_block *block, unsigned priority, uint32_t port)
{
	/*
	 * The guest has taken all off, and reads the head only when it is told: by the ready bit,
	 * which it clears before it reads the head. So the head is stored first, and the ready bit
	 * set in one operation, also where it reads as set: the guest may be clearing it just now.
	 */
	store_release(&block->head[priority], port);
	/*
	 * Set already: whoever set it tells the guest, or has, and the guest has not cleared it
	 * yet.
	 */
	return !(fetch_or_seq(&block->ready, 1u << priority) & (1u << priority));
}

/*
 * Make the port LINKED, if it is to be queued. Its queues are held, so no other sender does.
 *
 * We look again, now that none can: one may have queued it, and the guest may have taken it off
 * since and handled our event with the other's. Or it masked the port: then it will find it pending
 * when it unmasks. If it masks after this look, it takes off a masked event and leaves it pending,
 * which comes to the same.
 *
 * The guest does not look at LINKED or the link of a port that is on no queue, and it is on none
 * until we have put it there. Only one that breaks the ABI writes these bits now; if it writes
 * LINKED, it has the event linked to nothing, and that is that.
 */
static inline bool claim(event_word_t *word)
{
	event_word_t w = load_seq(word);

	if ((w & (PENDING | MASKED | LINKED)) != PENDING)
		return false;
	if (__builtin_expect(w & LINK, false))
		fetch_and_seq(word, ~LINK);
	return !(fetch_or_seq(word, LINKED) & LINKED);
}

/*
 * At the end of a queue whose tail is that, the port is the first one there, and the guest has not
 * been told that there is one. A port that is its own tail has been taken off, and so have all.
 */
static inline bool append(const struct fifo *f, uint32_t tail, uint32_t port, unsigned priority,
			  struct evtchn_fifo_control_block *block)
{
	if (tail && tail != port && link_behind(fifo_word_known(f, tail), port))
		return false;
	return begin_queue(block, priority, port);
}

/*
 * Hold the queue `to` and the one that the port was last on, its number in *from. In the order of
 * their numbers, which are not the same.
 */
struct both {
	struct fifo_queue *from, *to;
	uint32_t from_tail, to_tail;
};

static void hold_both(const struct hv *hv, struct both *b)
{
	if (b->from < b->to)
		b->from_tail = hold(hv, b->from);
	b->to_tail = hold(hv, b->to);
	if (b->from > b->to)
		b->from_tail = hold(hv, b->from);
	if (b->from == b->to)
		b->from_tail = b->to_tail;
}

static void let_both_go(const struct both *b)
{
	let_go(b->to, b->to_tail);
	if (b->from != b->to)
		let_go(b->from, b->from_tail);
}

/*
 * The same as queue_port() for a port that was on another queue before. If it was the tail there,
 * it has been taken off, and that queue is empty: its next event must not be linked behind a port
 * that is on another queue. We start over only when another sender of the same port has just moved
 * it, so somebody always gets on, and nobody gives up.
 */
static __attribute__((noinline)) bool queue_from_elsewhere(struct hv_vcpu *v, uint32_t port,
							   event_word_t *word, unsigned priority,
							   struct evtchn_fifo_control_block *block)
{
	struct hv_domain *d = v->domain;
	struct port_fifo *p = port_fifo(d, port);
	unsigned id, to = queue_id(v, priority);
	bool news = false;
	struct both b;

	for (;;) {
		id = load_relaxed(&p->queue);
		b = (struct both){ .from = queue_of(d->fifo, id), .to = queue_of(d->fifo, to) };
		hold_both(d->hv, &b);
		/* Written only by who holds the queue that it names. */
		if (load_relaxed(&p->queue) == id)
			break;
		let_both_go(&b);
	}
	if (claim(word)) {
		store_relaxed(&p->queue, (uint16_t)to);
		news = append(d->fifo, b.to_tail, port, priority, block);
		b.to_tail = port;
		if (b.from_tail == port)
			b.from_tail = 0;
	}
	let_both_go(&b);
	return news;
}

/*
 * The port, whose word this is, was seen pending, not masked and not linked: queue it. True: there
 * is a new ready bit, and the vCPU's upcall_pending went from 0 to 1; it is not told of that yet.
 */
static inline __attribute__((always_inline)) bool queue_port(
	struct hv_vcpu *v, uint32_t port, event_word_t *word,
	struct evtchn_fifo_control_block *block)
{
	struct hv_domain *d = v->domain;
	struct port_fifo *p = port_fifo(d, port);
	unsigned priority = load_relaxed(&p->priority);
	struct fifo_queue *q = &d->fifo->queues[v->id].of[priority];
	uint32_t tail = hold(d->hv, q);
	struct vcpu_area *info;
	bool news = false;

	/* Most likely it was on this queue before. If so it stays there while we hold it. */
	if (__builtin_expect(load_relaxed(&p->queue) != queue_id(v, priority), false)) {
		let_go(q, tail);
		news = queue_from_elsewhere(v, port, word, priority, block);
	} else if (__builtin_expect(claim(word), true)) {
		news = append(d->fifo, tail, port, priority, block);
		let_go(q, port);
	} else {
		let_go(q, tail);
	}
	if (!news)
		return false;
	/*
	 * Read after the ready bit was set: if VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or the upcall_pending that it stores there makes the guest
	 * find our bit. A vCPU that has no area yet gets it so as well.
	 *
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the ready bits.
	 */
	info = load_seq(&v->info);
	return info && vcpu_set_pending(info);
}

/*
 * The port has no word: remember its event until it has one. NULL, or the word if its page has come
 * just now. As on Xen the mark stays for good: the event is raised again each time that the domain
 * adds the page anew.
 */
static event_word_t *remember(const struct fifo *f, struct port_fifo *p, uint32_t port)
{
	store_seq(&p->remembered, (uint8_t)1);
	/*
	 * Pairs with add_page(): it publishes the words, then looks for marks; we leave a mark,
	 * then look for the word. If both succeed, the event is raised twice, which is once.
	 */
	if (port >= load_seq(&f->words))
		return NULL;
	return fifo_word(f, port);
}

/* What there is to count of an event: whether it is one, and not the repetition of one. */
static inline void count_if(bool wanted, struct hv_vcpu *by, struct hv_vcpu *v, enum counted kind)
{
	if (wanted)
		count(by, v, kind);
}

/* The port was seen to be one for queue_port(). was_set: and pending already, before our event. */
static inline __attribute__((always_inline)) void deliver(struct hv_vcpu *by, struct hv_vcpu *v,
							  uint32_t port, event_word_t *word,
							  struct evtchn_fifo_control_block *block,
							  bool was_set, bool counts)
{
	bool kick = queue_port(v, port, word, block);

	count_if(counts, by, v, was_set ? COUNT_MERGED : kick ? COUNT_KICKED : COUNT_TOLD);
	if (!kick)
		return;
	if (was_set || !counts)
		vcpu_tell_counted(v);
	else
		vcpu_tell(v);
}

/* Pending, and not to be queued now. */
static inline void leave_it(struct hv_vcpu *by, struct hv_vcpu *v, bool was_set, bool masked,
			    bool counts)
{
	count_if(counts, by, v, was_set ? COUNT_MERGED : masked ? COUNT_MASKED : COUNT_TOLD);
}

/* What seldom happens, apart: so who sends does not save registers for it. */
static __attribute__((noinline)) void deliver_seldom(struct hv_vcpu *by, struct hv_vcpu *v,
						     uint32_t port, event_word_t *word,
						     bool was_set, bool counts)
{
	event_word_t w = load_seq(word);

	if (w & (MASKED | LINKED))
		leave_it(by, v, was_set, w & MASKED, counts);
	else
		deliver(by, v, port, word, load_acquire(&v->block), was_set, counts);
	if (!was_set)
		poll_wake(v->domain, port);
}

/* counts: it is a send, and not the repetition of one; traced: also for its port alone. */
static inline __attribute__((always_inline)) void raise(struct hv_vcpu *by, struct hv_vcpu *v,
							uint32_t port, bool counts, bool traced)
{
	struct hv_domain *d = v->domain;
	struct fifo *f = d->fifo;
	event_word_t *word = fifo_word(f, port);
	struct evtchn_fifo_control_block *block;
	event_word_t w;
	bool was_set;

	if (__builtin_expect(!word, false))
		word = remember(f, port_fifo(d, port), port);
	/* Acquire: pairs with the release in map_block(). */
	block = word ? load_acquire(&v->block) : NULL;
	if (!block) {
		/* Remembered; or nowhere to queue it: dropped, not even pending, as on Xen. */
		count_if(counts, by, v, COUNT_TOLD);
		return;
	}
	/*
	 * What the guest does comes before or after each of these two; we look after it is pending.
	 * MASKED: it will unmask later, and find PENDING. LINKED: it will take the event off later,
	 * and find PENDING then. Otherwise we queue the event, also if it was pending before: the
	 * guest may have taken it off and be about to clear PENDING.
	 */
	was_set = fetch_or_seq(word, PENDING) & PENDING;
	w = load_seq(word);
	probe_pending(d->domid, port, v->id, was_set);
	if (traced && was_set)
		trace_merged(d, port);
	if (was_set ? !(w & (MASKED | LINKED)) : poll_wanted(d))
		deliver_seldom(by, v, port, word, was_set, counts);
	else if (w & (MASKED | LINKED))
		leave_it(by, v, was_set, w & MASKED, counts);
	else
		deliver(by, v, port, word, block, false, counts);
}

void fifo_send(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port)
{
	raise(by, v, port, true, false);
}

void fifo_raise(struct hv_vcpu *v, uint32_t port)
{
	raise(NULL, v, port, false, false);
}

static __attribute__((noinline)) void raise_traced(struct hv_vcpu *by, struct hv_vcpu *v,
						   uint32_t port)
{
	trace_sent(v->domain, port);
	raise(by, v, port, true, true);
}

static void set_pending(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port)
{
	if (trace_wanted(v->domain))
		raise_traced(by, v, port);
	else
		fifo_send(by, v, port);
}

static void unmask(struct hv_vcpu *v, uint32_t port)
{
	event_word_t *word = fifo_word(v->domain->fifo, port);
	struct evtchn_fifo_control_block *block = load_acquire(&v->block);
	event_word_t old;

	if (!word)
		return;
	/*
	 * A sender before this has seen MASKED and left the event to us; one after it does not see
	 * MASKED and queues the event itself.
	 */
	old = fetch_and_seq(word, ~MASKED);
	if ((old & (PENDING | LINKED)) == PENDING && block && queue_port(v, port, word, block))
		vcpu_tell_counted(v);
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
	const struct port_fifo *p = port_fifo(d, port);
	/* Once, so that its bits are those of one moment. */
	event_word_t w = word ? load_seq(word) : MASKED;
	unsigned queue = load_relaxed(&p->queue);

	out->fifo = true;
	out->has_word = word;
	out->pending = w & PENDING;
	out->masked = w & MASKED;
	out->linked = w & LINKED;
	out->busy = w & BUSY;
	out->link = w & LINK;
	out->priority = load_relaxed(&p->priority);
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
	store_relaxed(&port_fifo(d, port)->priority, (uint8_t)EVTCHN_FIFO_PRIORITY_DEFAULT);
}

/* From its next event on: if it is linked now, it stays where it is until the guest takes it off.
 */
static int set_priority(struct hv_domain *d, uint32_t port, uint32_t priority)
{
	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -XEN_EINVAL;
	store_relaxed(&port_fifo(d, port)->priority, (uint8_t)priority);
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
