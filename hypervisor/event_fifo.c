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
#include "vcpu.h"

/* A queue's number, as a port keeps it. */
static unsigned queue_id(const struct hv_vcpu *v, unsigned priority)
{
	return v->first_queue + priority;
}

static struct fifo_queue *queue_of(struct fifo *f, unsigned id)
{
	return &f->queues[id / EVTCHN_FIFO_MAX_QUEUES].of[id % EVTCHN_FIFO_MAX_QUEUES];
}

/* ---- holding a queue ---- */

#define FIRST_TURNS 8u
#define MOST_TURNS  64u

/*
 * Somebody has it. Each look at the line takes it away from who holds the queue and may be about to
 * send again, so there are few, and they become rarer: then both send many in a row, instead of
 * taking turns. The first wait is as long as a few sends; a shorter one finds it held by the next.
 */
static __attribute__((noinline)) uint32_t hold_later(const struct hv *hv, struct fifo_queue *q)
{
	unsigned turns, i;
	uint32_t tail;

	for (turns = FIRST_TURNS;; turns = turns < MOST_TURNS ? 2 * turns : turns) {
		for (i = 0; i < turns; i++)
			relax(hv);
		if (load_relaxed(&q->tail) == FIFO_HELD)
			continue;
		tail = exchange_acquire(&q->tail, FIFO_HELD);
		if (tail != FIFO_HELD)
			return tail;
	}
}

/* Its tail, which goes to let_go(). A look first: mostly the quick way has found it held. */
static inline uint32_t hold(const struct hv *hv, struct fifo_queue *q)
{
	uint32_t tail = load_relaxed(&q->tail);

	if (tail != FIFO_HELD)
		tail = exchange_acquire(&q->tail, FIFO_HELD);
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
 * may set or clear its PENDING and MASKED. An addition cannot fail on that, so there is nothing to
 * try again; as there is no link yet, it is an or, which would be a loop on most processors. If
 * LINKED was there first, the guest finds the link when it comes to take the tail off. If it was
 * not, the queue is empty: we take our bits back before anybody can make the word LINKED again, for
 * which they would have to hold our queue. BUSY, which keeps the guest from unmasking while the
 * link is written, is not needed.
 *
 * A link that is there already was written by the guest, as a tail has none: its queue is broken,
 * and the event begins a new one. The sum, which is no port that anybody meant, is in its own word.
 */
static inline __attribute__((always_inline)) bool link_behind(event_word_t *tail, uint32_t port)
{
	/* Pairs with the guest's taking off of the tail. */
	event_word_t old = fetch_add_seq(tail, port);

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
	return !set_bit32_seq(&block->ready, priority);
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
static bool claim(event_word_t *word)
{
	event_word_t w = load_seq(word);

	if ((w & (PENDING | MASKED | LINKED)) != PENDING)
		return false;
	if (w & LINK)
		fetch_and_seq(word, ~LINK);
	return !set_bit32_seq(word, EVTCHN_FIFO_LINKED);
}

/*
 * The word to link a port behind that is not LINKED, if its queue has that tail. NULL: the queue is
 * empty, as a port that is its own tail has been taken off, and so have all; and it stays so, as
 * nobody makes a word LINKED but who holds the queue. (If the port turns out to be LINKED, the
 * caller does not use this.) Queue held.
 */
static inline event_word_t *behind(const struct fifo *f, uint32_t tail, uint32_t port)
{
	event_word_t *word;

	if (!tail || tail == port)
		return NULL;
	word = fifo_word(f, tail);
	return load_seq(word) & LINKED ? word : NULL;
}

/* True: it is the first of its queue, and the guest has not been told that there is one. */
static inline bool append(event_word_t *last, uint32_t port, unsigned priority,
			  struct evtchn_fifo_control_block *block)
{
	if (last && link_behind(last, port))
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
 * The port, whose word this is, was seen pending, not masked and not linked: queue it, whatever
 * queue it was on. True: the vCPU has a new ready bit.
 *
 * If it was the tail of another queue it has been taken off, and that queue is empty: its next
 * event must not be linked behind a port that is on another queue. We start over only when another
 * sender of the same port has just moved it, so somebody always gets on, and nobody gives up.
 */
static __attribute__((noinline)) bool queue_port(struct hv_vcpu *v, uint32_t port,
						 event_word_t *word)
{
	struct hv_domain *d = v->domain;
	struct port_fifo *p = port_fifo(d, port);
	unsigned priority = load_relaxed(&p->priority), to = queue_id(v, priority), id;
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
		/* Acquire: pairs with the release in map_block(). */
		news = append(behind(d->fifo, b.to_tail, port), port, priority,
			      load_acquire(&v->block));
		b.to_tail = port;
		if (b.from_tail == port)
			b.from_tail = 0;
	}
	let_both_go(&b);
	return news;
}

/*
 * A queue's first port is announced by its vCPU's ready bits and vcpu_info, which that has written
 * since the last one: they come together, and with the port's own word, instead of one after the
 * other. (The head is mostly on the line of the ready bits.)
 */
static inline void fetch_announcement(const struct hv_vcpu *v)
{
	fetch_to_write(load_relaxed(&v->block));
	fetch_to_write(load_relaxed(&v->info));
}

/*
 * Make it pending and queue it, if nothing is in the way: it goes to the queue that it was on
 * before, nobody holds that just now, and nothing is set in its word. False if not, and nothing is
 * done. *news: as above.
 *
 * It becomes PENDING and LINKED in one step, so whoever sends it meanwhile finds both, and whoever
 * masks it does so before, and we see it, or after. As by claim(), it is LINKED only with its queue
 * held.
 */
static inline bool queue_quickly(struct hv_vcpu *v, uint32_t port, event_word_t *word, bool *news)
{
	const struct port_fifo *p = port_fifo(v->domain, port);
	unsigned priority = load_relaxed(&p->priority);
	struct fifo_queue *q = load_relaxed(&v->queues) + priority;
	uint32_t tail = exchange_acquire(&q->tail, FIFO_HELD);
	event_word_t nothing = 0, *last;

	if (__builtin_expect(tail == FIFO_HELD, false))
		return false;
	/* It stays there while we hold it. */
	if (__builtin_expect(load_relaxed(&p->queue) != queue_id(v, priority), false))
		goto not_quickly;
	last = behind(v->domain->fifo, tail, port);
	if (!last)
		fetch_announcement(v);
	if (__builtin_expect(!compare_exchange_seq(word, &nothing, PENDING | LINKED), false))
		goto not_quickly;
	*news = append(last, port, priority, load_acquire(&v->block));
	let_go(q, port);
	return true;

not_quickly:
	let_go(q, tail);
	return false;
}

/* There is a new ready bit. True: upcall_pending went from 0 to 1, and the vCPU is to be told. */
static inline bool mark_pending(struct hv_vcpu *v)
{
	/*
	 * Read after the ready bit was set: if VCPUOP_register_vcpu_info moves the area just now,
	 * either we see the new place, or the upcall_pending that it stores there makes the guest
	 * find our bit. A vCPU that has no area yet gets it so as well.
	 *
	 * Pairs with the guest's upcall: it clears upcall_pending, then takes the ready bits.
	 */
	struct vcpu_area *info = load_seq(&v->info);

	return info && vcpu_set_pending(info);
}

/*
 * The port has no word: remember its event until it has one. NULL, or the word if its page has come
 * just now. As on Xen the mark stays for good: the event is raised again each time that the domain
 * adds the page anew. *was: it was there before, so this event and that one come as one.
 */
static event_word_t *remember(struct hv_domain *d, uint32_t port, bool *was)
{
	*was = exchange_seq(&port_fifo(d, port)->remembered, (uint8_t)1);
	/*
	 * Pairs with add_page(): it publishes the words, then looks for marks; we leave a mark,
	 * then look for the word. If both succeed, the event is raised twice, which is once.
	 */
	return fifo_word(d->fifo, port);
}

/*
 * The port, whose word this is, is pending, and was before or not. What became of the event.
 *
 * What the guest does comes before or after each look; this one comes after PENDING was set.
 * MASKED: it will unmask later, and find PENDING. LINKED: it will take the event off later, and
 * find PENDING then. Otherwise we queue the event, also if it was pending before: the guest may
 * have taken it off and be about to clear PENDING.
 */
static enum counted after_pending(struct hv_vcpu *v, uint32_t port, event_word_t *word, bool was)
{
	event_word_t w = load_seq(word);
	bool kick = false;

	if (!(w & (MASKED | LINKED)))
		kick = queue_port(v, port, word) && mark_pending(v);
	if (was)
		return kick ? COUNT_MERGED_KICKED : COUNT_MERGED;
	if (w & MASKED)
		return COUNT_MASKED;
	return kick ? COUNT_KICKED : COUNT_TOLD;
}

static enum counted raise(struct hv_vcpu *v, uint32_t port)
{
	event_word_t *word = fifo_word(v->domain->fifo, port);
	bool was = false;

	if (!word)
		word = remember(v->domain, port, &was);
	if (!word)
		return was ? COUNT_MERGED_NOWHERE : COUNT_NOWHERE;
	/* Nowhere to queue it: dropped, not even pending, as on Xen. */
	if (!load_acquire(&v->block))
		return COUNT_NOWHERE;
	return after_pending(v, port, word, set_bit32_seq(word, EVTCHN_FIFO_PENDING));
}

__attribute__((noinline)) long fifo_any_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port,
					     event_word_t *word, bool was)
{
	return event_sent_any(by, v, port, after_pending(v, (uint32_t)port, word, was));
}

/* It could not be queued quickly, and nothing is done about it yet. */
static __attribute__((noinline)) long send_slowly(struct hv_vcpu *by, struct hv_vcpu *v,
						  uint32_t port, event_word_t *word)
{
	return fifo_any_sent(by, v, port, word, set_bit32_seq(word, EVTCHN_FIFO_PENDING));
}

/* It was queued quickly, and somebody polls. */
static __attribute__((noinline)) long queued_polled(struct hv_vcpu *by, struct hv_vcpu *v,
						    uint32_t port, bool news)
{
	bool kick = news && mark_pending(v);

	return event_sent_any(by, v, port, kick ? COUNT_KICKED : COUNT_TOLD);
}

/* Who polls is asked for in each branch: so `news` need not be kept as a value. */
__attribute__((noinline)) long fifo_queue_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint32_t port,
					       event_word_t *word)
{
	bool news;

	if (__builtin_expect(!queue_quickly(v, port, word, &news), false))
		return send_slowly(by, v, port, word);
	if (!news) {
		if (__builtin_expect(poll_wanted(v->domain), false))
			return queued_polled(by, v, port, false);
		return event_sent(by, v, port, COUNT_TOLD);
	}
	if (__builtin_expect(poll_wanted(v->domain), false))
		return queued_polled(by, v, port, true);
	if (mark_pending(v))
		return event_sent_kick(by, v, port);
	return event_sent(by, v, port, COUNT_TOLD);
}

static void unmask(struct hv_vcpu *v, uint32_t port)
{
	/* Checked, but the guest's number: not so for a processor that guesses. */
	uint32_t bounded = (uint32_t)index_nospec(port, EVTCHN_FIFO_NR_CHANNELS);
	event_word_t *word = fifo_word(v->domain->fifo, bounded);
	event_word_t old;

	if (!word)
		return;
	/*
	 * A sender before this has seen MASKED and left the event to us; one after it does not see
	 * MASKED and queues the event itself.
	 */
	old = fetch_and_seq(word, ~MASKED);
	if ((old & (PENDING | LINKED)) == PENDING && load_acquire(&v->block) &&
	    queue_port(v, port, word) && mark_pending(v))
		vcpu_tell_uncounted(v);
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
	uint32_t bounded = (uint32_t)index_nospec(port, EVTCHN_FIFO_NR_CHANNELS);
	const event_word_t *word = fifo_word(d->fifo, bounded);

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
	.raise = raise,
	.unmask = unmask,
	.clear_pending = clear_pending,
	.is_pending = is_pending,
	.look = look,
	.is_busy = is_busy,
	.init_port = init_port,
	.set_priority = set_priority,
};
