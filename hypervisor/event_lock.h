/* SPDX-License-Identifier: MIT */
/*
 * The locks of the two domains at a port's ends. They may be one domain: that is what is short
 * here.
 */
#ifndef HYPERVISOR_EVENT_LOCK_H
#define HYPERVISOR_EVENT_LOCK_H

#include "domain.h"
#include "ports.h"

/* Both domains' locks, in order; they may be the same. */
static inline void lock_two(struct hv_domain *a, struct hv_domain *b)
{
	struct hv_domain *first = a->domid <= b->domid ? a : b;

	lock_take(a->hv, &first->lock);
	if (a != b)
		lock_take(a->hv, first == a ? &b->lock : &a->lock);
}

static inline void unlock_two(struct hv_domain *a, struct hv_domain *b)
{
	if (a != b)
		lock_drop(&b->lock);
	lock_drop(&a->lock);
}

/* Is a port of d's with that word connected to another domain? */
static inline bool has_peer(const struct hv_domain *d, uint64_t word)
{
	return word_state(word) == PORT_INTERDOMAIN && word_dom(word) != d->domid;
}

/* event_close.c: it is. d's lock is held before and after, but not all the time between. */
struct hv_domain *lock_peer_too(struct hv_domain *d, const struct port *p);

/*
 * Lock d, and with it the domain at the other end of this port of its if there is another: that one
 * is returned, referred to; drop_peer() drops both.
 */
static inline struct hv_domain *lock_with_peer(struct hv_domain *d, const struct port *p)
{
	lock_take(d->hv, &d->lock);
	return has_peer(d, load_relaxed(&p->word)) ? lock_peer_too(d, p) : NULL;
}

static inline void drop_peer(struct hv_domain *peer)
{
	if (!peer)
		return;
	lock_drop(&peer->lock);
	domain_put(peer);
}

#endif
