/* SPDX-License-Identifier: MIT */
/*
 * A stream of bytes from one producer to one consumer through memory that they share, and when to
 * notify the other by its event channel. Freestanding, header only; both ends compile it. What
 * carries the notification is the caller's.
 *
 * The peer is not trusted. Each end keeps its own index to itself and only publishes it; the peer's
 * index is read once and must lie in bounds, or the ring is broken (-1, for good: nothing after it
 * can be believed). The bytes may change while they are read: check a copy, not the ring.
 *
 * Layout: a page of two headers, then the bytes: as many as the largest power of two that fits.
 * Indices run freely; zeroed memory is an empty ring, so neither end must come first.
 *
 * Notification. Who finds nothing to do writes down at which index of the peer it wants to be told,
 * then looks once more before it sleeps; who moves its index looks whether it passed the one
 * written down:
 *
 *	producer, ring_publish                   consumer, ring_wait_data
 *	  store produced            (P1)           store wake_consumer_at     (C1)
 *	  load wake_consumer_at     (P2)           load produced              (C2)
 *
 * All four are sequentially consistent, so P2 sees C1 or C2 sees P1 (or both: a notification too
 * many). With anything weaker each may miss the other, and the consumer sleeps on a ring that has
 * data. The pair in the other direction is ring_release (consumed, wake_producer_at) and
 * ring_wait_space.
 */
#ifndef CARILLON_RING_H
#define CARILLON_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_PAGE ((size_t)4096)

/* What is in the first page: each end writes its own line of it. */
struct ring_shared {
	/* the producer's */
	_Alignas(64) _Atomic uint32_t produced;
	_Atomic uint32_t wake_producer_at; /* tell me when consumed gets there */
	_Atomic uint32_t ended;		   /* 1: produced is final */
	/* the consumer's */
	_Alignas(64) _Atomic uint32_t consumed;
	_Atomic uint32_t wake_consumer_at; /* tell me when produced gets there */
};

/* One end. The two kinds have the same fields, but never use each other's functions. */
struct ring_end {
	struct ring_shared *shared;
	uint8_t *data;
	uint32_t size;	    /* of data, a power of two */
	uint32_t mine;	    /* my index, as far as I am; what is published may be behind */
	uint32_t published; /* my index as the peer may know it */
	uint32_t theirs;    /* the peer's index when last read, checked */
	bool broken;
};

struct ring_producer {
	struct ring_end end;
};

struct ring_consumer {
	struct ring_end end;
};

static inline bool ring_end_init(struct ring_end *end, void *memory, size_t bytes)
{
	uint32_t size = RING_PAGE;

	if (bytes < 2 * RING_PAGE)
		return false;
	while (size < UINT32_C(1) << 30 && (size_t)size * 2 <= bytes - RING_PAGE)
		size *= 2;
	*end = (struct ring_end){
		.shared = (struct ring_shared *)memory,
		.data = (uint8_t *)memory + RING_PAGE,
		.size = size,
	};
	return true;
}

/*
 * Once at each end, on memory that was zeroed, aligned to a page. false: it has no room for a page
 * of headers and one of data.
 */
static inline bool ring_producer_init(struct ring_producer *p, void *memory, size_t bytes)
{
	return ring_end_init(&p->end, memory, bytes);
}

static inline bool ring_consumer_init(struct ring_consumer *c, void *memory, size_t bytes)
{
	return ring_end_init(&c->end, memory, bytes);
}

/* Did my index, on its way from before to now, come to `at`? Not if it stood there before. */
static inline bool ring_passed(uint32_t at, uint32_t before, uint32_t now)
{
	return (uint32_t)(now - at) < (uint32_t)(now - before);
}

/* Move n bytes between the ring, from index `at` on, and a buffer: at most two pieces. */
static inline void ring_copy_in(struct ring_end *end, uint32_t at, const void *from, uint32_t n)
{
	uint32_t offset = at & (end->size - 1);
	uint32_t first = end->size - offset < n ? end->size - offset : n;

	__builtin_memcpy(end->data + offset, from, first);
	if (n > first)
		__builtin_memcpy(end->data, (const uint8_t *)from + first, n - first);
}

static inline void ring_copy_out(const struct ring_end *end, uint32_t at, void *to, uint32_t n)
{
	uint32_t offset = at & (end->size - 1);
	uint32_t first = end->size - offset < n ? end->size - offset : n;

	__builtin_memcpy(to, end->data + offset, first);
	if (n > first)
		__builtin_memcpy((uint8_t *)to + first, end->data, n - first);
}

/* ---- producer ------------------------------------------------------------------------- */

/* Bytes that can be written now; -1: broken. */
static inline int64_t ring_space(struct ring_producer *p)
{
	struct ring_end *end = &p->end;
	/* before we overwrite what the consumer has read: pairs with its publishing */
	uint32_t consumed = atomic_load_explicit(&end->shared->consumed, memory_order_acquire);

	/* It must be between where it was and where we published, which may be behind what we
	 * wrote. */
	if (consumed - end->theirs > end->published - end->theirs)
		end->broken = true;
	if (end->broken)
		return -1;
	end->theirs = consumed;
	return end->size - (end->mine - consumed);
}

/*
 * Where the next bytes go, for writing them in place: *n becomes how many fit before the end of the
 * buffer, at most the space (0 if none or broken). ring_advance says how many were written.
 */
static inline void *ring_space_at(struct ring_producer *p, uint32_t *n)
{
	struct ring_end *end = &p->end;
	int64_t space = ring_space(p);
	uint32_t offset = end->mine & (end->size - 1);

	*n = space < 0 ? 0 : (uint32_t)space;
	if (*n > end->size - offset)
		*n = end->size - offset;
	return end->data + offset;
}

/* That many bytes, at most what ring_space_at said, were written; ring_publish shows them. */
static inline void ring_advance(struct ring_producer *p, uint32_t n)
{
	p->end.mine += n;
}

/*
 * Write up to n bytes, as many as fit; how many, or -1: broken. They are seen after ring_publish.
 */
static inline int64_t ring_write(struct ring_producer *p, const void *from, uint32_t n)
{
	int64_t space = ring_space(p);

	if (space < 0)
		return -1;
	if (n > space)
		n = (uint32_t)space;
	ring_copy_in(&p->end, p->end.mine, from, n);
	p->end.mine += n;
	return n;
}

/* Let the consumer see what was written. true: it sleeps, notify it. */
static inline bool ring_publish(struct ring_producer *p)
{
	struct ring_end *end = &p->end;
	uint32_t before = end->published;

	if (before == end->mine)
		return false;
	end->published = end->mine;
	atomic_store_explicit(&end->shared->produced, end->mine, memory_order_seq_cst);
	return ring_passed(
		atomic_load_explicit(&end->shared->wake_consumer_at, memory_order_seq_cst), before,
		end->mine);
}

/* No more will come; everything written is published. Always notify after it. */
static inline void ring_finish(struct ring_producer *p)
{
	(void)ring_publish(p);
	/* after produced: who sees this sees the final index */
	atomic_store_explicit(&p->end.shared->ended, 1, memory_order_seq_cst);
}

/*
 * There is not enough space, and what was written is published: ask to be told when there are
 * `want` bytes of it (at most the ring's size; half of it makes few notifications). true: sleep, a
 * notification will come; false: there is space already (or it is broken), go on.
 */
static inline bool ring_wait_space(struct ring_producer *p, uint32_t want)
{
	struct ring_end *end = &p->end;
	uint32_t consumed;

	if (end->broken)
		return false;
	atomic_store_explicit(&end->shared->wake_producer_at, end->mine + want - end->size,
			      memory_order_seq_cst);
	consumed = atomic_load_explicit(&end->shared->consumed, memory_order_seq_cst);
	return end->size - (end->mine - consumed) < want;
}

/* ---- consumer ------------------------------------------------------------------------- */

/* Bytes that can be read now; -1: broken. */
static inline int64_t ring_data(struct ring_consumer *c)
{
	struct ring_end *end = &c->end;
	/* before we read the bytes: pairs with ring_publish */
	uint32_t produced = atomic_load_explicit(&end->shared->produced, memory_order_acquire);

	/* Not back, and not further than the space that we have released. */
	if (produced - end->theirs > end->published + end->size - end->theirs)
		end->broken = true;
	if (end->broken)
		return -1;
	end->theirs = produced;
	return produced - end->mine;
}

/* Where the next bytes are, as ring_space_at. */
static inline const void *ring_data_at(struct ring_consumer *c, uint32_t *n)
{
	struct ring_end *end = &c->end;
	int64_t data = ring_data(c);
	uint32_t offset = end->mine & (end->size - 1);

	*n = data < 0 ? 0 : (uint32_t)data;
	if (*n > end->size - offset)
		*n = end->size - offset;
	return end->data + offset;
}

/* That many bytes, at most what ring_data_at said, were read; ring_release gives their space. */
static inline void ring_consume(struct ring_consumer *c, uint32_t n)
{
	c->end.mine += n;
}

/* Read up to n bytes; how many, or -1: broken. Their space is the producer's after ring_release. */
static inline int64_t ring_read(struct ring_consumer *c, void *to, uint32_t n)
{
	int64_t data = ring_data(c);

	if (data < 0)
		return -1;
	if (n > data)
		n = (uint32_t)data;
	ring_copy_out(&c->end, c->end.mine, to, n);
	c->end.mine += n;
	return n;
}

/* Give the producer the space of what was read. true: it waits for that, notify it. */
static inline bool ring_release(struct ring_consumer *c)
{
	struct ring_end *end = &c->end;
	uint32_t before = end->published;

	if (before == end->mine)
		return false;
	end->published = end->mine;
	atomic_store_explicit(&end->shared->consumed, end->mine, memory_order_seq_cst);
	return ring_passed(
		atomic_load_explicit(&end->shared->wake_producer_at, memory_order_seq_cst), before,
		end->mine);
}

/*
 * Everything has been read, and no more will come. Not sure while data is being added: ask again.
 */
static inline bool ring_at_end(struct ring_consumer *c)
{
	/* ended first: then the index is the final one */
	if (!atomic_load_explicit(&c->end.shared->ended, memory_order_seq_cst))
		return false;
	return ring_data(c) == 0;
}

/*
 * There is nothing: ask to be told when there is, or when it ended. true: sleep, a notification
 * will come; false: there is something already (or the end, or it is broken), go on.
 */
static inline bool ring_wait_data(struct ring_consumer *c)
{
	struct ring_end *end = &c->end;

	if (end->broken)
		return false;
	atomic_store_explicit(&end->shared->wake_consumer_at, end->mine + 1, memory_order_seq_cst);
	if (atomic_load_explicit(&end->shared->ended, memory_order_seq_cst))
		return false;
	return atomic_load_explicit(&end->shared->produced, memory_order_seq_cst) == end->mine;
}

#endif
