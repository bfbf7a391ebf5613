/* SPDX-License-Identifier: MIT */
/*
 * A domain's table of ports: what one is, how a number finds it, which number is free. What the
 * states mean and how they change is in event_channel.c; where a port's pending bit lives is its
 * ABI's (event_abi.h).
 */
#ifndef HYPERVISOR_PORTS_H
#define HYPERVISOR_PORTS_H

#include "atomic.h"
#include "bound.h"
#include "private.h"

#define BUCKET_PORTS  64u
#define GROUP_BUCKETS 128u
#define MAX_PORTS     (16u * GROUP_BUCKETS * BUCKET_PORTS) /* 131,072: what a FIFO link can name */

enum port_state {
	PORT_FREE,
	PORT_RESERVED, /* port 0 */
	PORT_UNBOUND,
	PORT_INTERDOMAIN,
	PORT_PIRQ,
	PORT_VIRQ,
	PORT_IPI,
};

/*
 * All that a sender needs is in one word, so it always sees one state with the members that belong
 * to it: bits 0-2 state, 3-15 the vCPU it notifies, 16-31 remote domain, 32-48 remote port, virq or
 * pirq.
 */
struct port {
	uint64_t word; /* atomic; written under the domain's lock */

	/* event_fifo.c's, each atomic. They outlive what the port is bound to. */
	uint16_t fifo_queue;	 /* the queue that it was linked on last */
	uint8_t fifo_priority;	 /* of its next event */
	uint8_t fifo_remembered; /* had an event when it had no word */
};

struct bucket {
	uint64_t used; /* a bit per port that is not to be handed out; domain's lock */
	struct port port[BUCKET_PORTS];
};

struct port_group {
	struct bucket *bucket[GROUP_BUCKETS];
};

#define BUSY_AT_ONCE 1024u /* ports in use by the ABI that are looked at with the lock held */

static inline uint64_t port_word(enum port_state state, unsigned vcpu, domid_t dom, uint32_t number)
{
	return (uint64_t)state | (uint64_t)(vcpu & 0x1fff) << 3 | (uint64_t)dom << 16 |
	       (uint64_t)(number & 0x1ffff) << 32;
}

static inline enum port_state word_state(uint64_t w)
{
	return (enum port_state)(w & 7);
}

static inline unsigned word_vcpu(uint64_t w)
{
	return (unsigned)(w >> 3) & 0x1fff;
}

static inline domid_t word_dom(uint64_t w)
{
	return (domid_t)(w >> 16);
}

static inline uint32_t word_number(uint64_t w)
{
	return (uint32_t)(w >> 32) & 0x1ffff;
}

static inline bool word_usable(uint64_t w)
{
	return word_state(w) > PORT_RESERVED;
}

/* A port that is known to exist: a number of our own, as in another port's word or a pirq. */
static inline struct port *port_known(const struct hv_domain *d, uint32_t port)
{
	const struct port_group *g = d->groups[port / (GROUP_BUCKETS * BUCKET_PORTS)];

	return &g->bucket[port / BUCKET_PORTS % GROUP_BUCKETS]->port[port % BUCKET_PORTS];
}

/* NULL beyond the last bucket. No lock needed: buckets stay until the domain dies. */
static inline struct port *port_find(const struct hv_domain *d, uint32_t port)
{
	/* Acquire: pairs with the release in ports.c that published the bucket. */
	uint32_t valid = load_acquire(&d->valid_ports);

	if (port >= valid)
		return NULL;
	return port_known(d, (uint32_t)index_nospec(port, valid));
}

/* Port 0 and the first bucket; and everything gone. */
int ports_init(struct hv_domain *d);
void ports_destroy(struct hv_domain *d);

/*
 * The lowest number from *from on that can be had; its bucket exists then, but nothing is taken
 * yet. Domain's lock held. -XEN_EINVAL (dying), -XEN_ENOSPC, -XEN_ENOMEM; -XEN_ERESTART: many below
 * the new *from are free, but still in use by the ABI, and it is time to drop the lock.
 */
int port_lowest_free(struct hv_domain *d, uint32_t *from);

/*
 * That number, if it can be had; all buckets up to it exist then. Domain's lock held. -XEN_EINVAL
 * (dying), -XEN_ENOSPC (beyond the limit), -XEN_EBUSY, -XEN_ENOMEM
 */
int port_at(struct hv_domain *d, uint32_t port);

/* Take that number, give it back. Domain's lock held. */
void port_take(struct hv_domain *d, uint32_t port);
void port_give_back(struct hv_domain *d, uint32_t port);
bool port_taken(const struct hv_domain *d, uint32_t port);

#endif
