/* SPDX-License-Identifier: MIT */
/*
 * The conventional design: channels and the operations on them. A domain's lock is for opening and
 * closing; a channel's own is read by whoever sends and written by whoever changes it.
 */
#include <xen/errno.h>

#include "conventional.h"

static struct conv_channel *find(struct conv_domain *d, uint32_t port)
{
	if (port >= __atomic_load_n(&d->ports, __ATOMIC_ACQUIRE))
		return NULL;
	return &d->bucket[port / CONV_BUCKET][port % CONV_BUCKET];
}

static uint32_t most_ports(const struct conv_domain *d)
{
	return d->fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
}

static long one_bucket_more(struct conv_domain *d)
{
	struct conv_channel *b = d->system->zalloc(d->system, CONV_BUCKET * sizeof(*b));

	if (!b)
		return -XEN_ENOMEM;
	for (unsigned i = 0; i < CONV_BUCKET; i++)
		b[i].last = CONV_PRIO_DEFAULT;
	d->bucket[d->ports / CONV_BUCKET] = b;
	__atomic_store_n(&d->ports, d->ports + CONV_BUCKET, __ATOMIC_RELEASE);
	return 0;
}

/* The lowest, 0 is none. Domain's lock held. */
static long free_port(struct conv_domain *d)
{
	long rc;

	for (uint32_t port = 1; port < most_ports(d); port++) {
		if (port >= d->ports) {
			rc = one_bucket_more(d);
			if (rc)
				return rc;
		}
		if (find(d, port)->state == CONV_FREE)
			return port;
	}
	return -XEN_ENOSPC;
}

static void open_channel(struct conv_channel *c, enum conv_state state, struct conv_domain *remote,
			 uint32_t remote_port)
{
	write_take(&c->lock);
	c->state = (uint8_t)state;
	c->vcpu = 0;
	c->priority = CONV_PRIO_DEFAULT;
	c->remote = remote;
	c->remote_port = remote_port;
	write_drop(&c->lock);
}

static void take_two(struct conv_domain *a, struct conv_domain *b)
{
	spin_take(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_take(a < b ? &b->lock : &a->lock);
}

static void drop_two(struct conv_domain *a, struct conv_domain *b)
{
	spin_drop(&a->lock);
	if (a != b)
		spin_drop(&b->lock);
}

/* The counter is the domain's system's: every send of everybody writes it. */
__attribute__((noinline)) long conv_send(struct conv_domain *d, uint32_t port)
{
	struct conv_channel *c = find(d, port);
	long rc = 0;

	if (!c)
		return -XEN_EINVAL;
	read_take(&c->lock);
	if (c->state == CONV_INTERDOMAIN)
		conv_raise(c->remote, find(c->remote, c->remote_port), c->remote_port);
	else if (c->state == CONV_UNBOUND)
		__atomic_fetch_add(&d->system->paths[CONV_NOWHERE], 1, __ATOMIC_RELAXED);
	else
		rc = -XEN_EINVAL;
	read_drop(&c->lock);
	return rc;
}

__attribute__((noinline)) long conv_alloc_unbound(struct conv_domain *d, struct conv_domain *remote,
						  uint32_t *port)
{
	long rc;

	spin_take(&d->lock);
	rc = free_port(d);
	if (rc > 0)
		open_channel(find(d, (uint32_t)rc), CONV_UNBOUND, remote, 0);
	spin_drop(&d->lock);
	if (rc < 0)
		return rc;
	*port = (uint32_t)rc;
	return 0;
}

/* Both domains' locks held. */
static long connect_to(struct conv_domain *d, struct conv_domain *remote, uint32_t remote_port,
		       uint32_t *port)
{
	struct conv_channel *there = find(remote, remote_port), *here;
	long rc = free_port(d);

	if (rc < 0)
		return rc;
	if (!there || there->state != CONV_UNBOUND || there->remote != d)
		return -XEN_EINVAL;
	*port = (uint32_t)rc;
	here = find(d, *port);
	open_channel(here, CONV_INTERDOMAIN, remote, remote_port);
	write_take(&there->lock);
	there->state = CONV_INTERDOMAIN;
	there->remote_port = *port;
	write_drop(&there->lock);
	/* What was sent before has gone nowhere. */
	conv_raise(d, here, *port);
	return 0;
}

__attribute__((noinline)) long conv_bind_interdomain(struct conv_domain *d,
						     struct conv_domain *remote,
						     uint32_t remote_port, uint32_t *port)
{
	long rc;

	take_two(d, remote);
	rc = connect_to(d, remote, remote_port, port);
	drop_two(d, remote);
	return rc;
}

static void clear_pending(struct conv_domain *d, uint32_t port)
{
	if (d->fifo)
		__atomic_fetch_and(&d->words[port / CONV_WORDS][port % CONV_WORDS],
				   ~(UINT32_C(1) << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&d->shared->evtchn_pending[port / 64],
				   ~(UINT64_C(1) << port % 64), __ATOMIC_SEQ_CST);
}

/* The other end stays, unbound. Both domains' locks held. */
static void close_end(struct conv_domain *d, struct conv_channel *c, uint32_t port)
{
	if (c->state == CONV_INTERDOMAIN) {
		struct conv_channel *there = find(c->remote, c->remote_port);

		write_take(&there->lock);
		there->state = CONV_UNBOUND;
		there->remote = d;
		there->remote_port = 0;
		write_drop(&there->lock);
	}
	write_take(&c->lock);
	c->state = CONV_FREE;
	write_drop(&c->lock);
	clear_pending(d, port);
}

__attribute__((noinline)) long conv_close(struct conv_domain *d, uint32_t port)
{
	struct conv_channel *c = find(d, port);
	struct conv_domain *remote;

	if (!c)
		return -XEN_EINVAL;
	for (;;) {
		remote = __atomic_load_n(&c->remote, __ATOMIC_ACQUIRE);
		remote = remote ? remote : d;
		take_two(d, remote);
		if (c->state != CONV_INTERDOMAIN || c->remote == remote)
			break;
		drop_two(d, remote);
	}
	if (c->state == CONV_FREE) {
		drop_two(d, remote);
		return -XEN_EINVAL;
	}
	close_end(d, c, port);
	drop_two(d, remote);
	return 0;
}

void conv_place(struct conv_domain *d, uint32_t port, unsigned vcpu, unsigned priority)
{
	struct conv_channel *c = find(d, port);

	c->vcpu = (uint8_t)vcpu;
	c->priority = (uint8_t)priority;
}

long conv_occupy(struct conv_domain *d, enum conv_state state, struct conv_domain *remote,
		 uint32_t port)
{
	while (port >= d->ports) {
		long rc = one_bucket_more(d);

		if (rc)
			return rc;
	}
	open_channel(find(d, port), state, remote, port);
	return 0;
}
