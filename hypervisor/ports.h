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
#include "event_abi.h"
#include "private.h"

#define PORT_STEP 64u				  /* valid_ports is a multiple of it, as on Xen */
#define MAX_PORTS (DOMAIN_BUCKETS * BUCKET_PORTS) /* 131,072: what a FIFO link can name */

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
 * What a port is bound to is in one word, so a sender always sees one state with the members that
 * belong to it: bits 0-2 state, 3-14 the vCPU it notifies, 15 EVTCHNOP_send raises an event, 16-31
 * remote domain, 32-48 the port to raise it on, or the virq or pirq.
 *
 * The route is the vCPU to raise it for, the one that the remote port notifies: so a sender looks
 * neither at that port nor for its domain. It is stored before a word with bit 15, and followed by
 * who has seen such a word, in the same section. While a port stays connected it may become another
 * vCPU of the same domain (bind_vcpu): either will do until the wait is over. A port that was
 * disconnected may be connected again before all who saw the old word are out, but only to the
 * domain that it was connected to, in whose reset that is; what they raise there is cleared when
 * they are out, as if they had seen the old route.
 */
struct port {
	uint64_t word;	       /* atomic; written under the domain's lock */
	struct hv_vcpu *route; /* atomic; written under that lock and the remote domain's */
};

/* event_fifo.c's, each atomic. They outlive what the port is bound to. */
struct port_fifo {
	uint16_t queue;	    /* the queue that it was linked on last */
	uint8_t priority;   /* of its next event */
	uint8_t remembered; /* had an event when it had no word */
};

struct bucket {
	struct port port[BUCKET_PORTS];
	struct port_fifo fifo[BUCKET_PORTS];
	/* a bit per port that is not to be handed out; domain's lock */
	uint64_t used[BUCKET_PORTS / PORT_STEP];
};

#define BUSY_AT_ONCE 1024u /* ports in use by the ABI that are looked at with the lock held */

#define WORD_SENDS  (UINT64_C(1) << 15)
#define WORD_NUMBER 32 /* it is all from here on */

static inline uint64_t port_word(enum port_state state, unsigned vcpu, domid_t dom, uint32_t number)
{
	bool sends = state == PORT_INTERDOMAIN || state == PORT_IPI;

	return (uint64_t)state | (uint64_t)(vcpu & 0xfff) << 3 | (sends ? WORD_SENDS : 0) |
	       (uint64_t)dom << 16 | (uint64_t)(number & 0x1ffff) << WORD_NUMBER;
}

static inline enum port_state word_state(uint64_t w)
{
	return (enum port_state)(w & 7);
}

static inline unsigned word_vcpu(uint64_t w)
{
	return (unsigned)(w >> 3) & 0xfff;
}

static inline domid_t word_dom(uint64_t w)
{
	return (domid_t)(w >> 16);
}

static inline uint32_t word_number(uint64_t w)
{
	return (uint32_t)(w >> WORD_NUMBER);
}

static inline bool word_usable(uint64_t w)
{
	return word_state(w) > PORT_RESERVED;
}

/* A port that is known to exist: a number of our own, as in another port's word or a pirq. */
static inline struct port *port_known(const struct hv_domain *d, uint32_t port)
{
	return &d->bucket[port / BUCKET_PORTS]->port[port % BUCKET_PORTS];
}

static inline struct port_fifo *port_fifo(const struct hv_domain *d, uint32_t port)
{
	return &d->bucket[port / BUCKET_PORTS]->fifo[port % BUCKET_PORTS];
}

/* The word of bits that this port is in. */
static inline uint64_t *used_of(const struct hv_domain *d, uint32_t port)
{
	return &d->bucket[port / BUCKET_PORTS]->used[port % BUCKET_PORTS / PORT_STEP];
}

/* NULL if it is not valid. No lock needed: buckets stay until the domain dies. */
static inline struct port *port_find(const struct hv_domain *d, uint32_t port)
{
	/* Acquire: pairs with the release in ports.c that published the bucket. */
	uint32_t valid = load_acquire(&d->valid_ports);

	if (port >= valid)
		return NULL;
	return port_known(d, (uint32_t)index_nospec(port, valid));
}

/* The same; but port 0, which is never in use, if it is not valid. */
static inline struct port *port_find_or_0(const struct hv_domain *d, uint32_t port)
{
	return port_known(d, index_nospec32(port, load_acquire(&d->valid_ports)));
}

/* Port 0 and the first bucket; and everything gone. */
int ports_init(struct hv_domain *d);
void ports_destroy(struct hv_domain *d);

/* Its ABI has changed, or it is dying: what can be had is another matter. Domain's lock held. */
void ports_limit_changed(struct hv_domain *d);

/* What is seldom of the three below (ports.c). */
int port_search(struct hv_domain *d, uint32_t *from);
void port_word_filled(struct hv_domain *d, uint32_t port);
void port_word_has_room(struct hv_domain *d, uint32_t port);

/*
 * The lowest number from *from on that can be had; it is valid then, but nothing is taken
 * yet. Domain's lock held. -XEN_EINVAL (dying), -XEN_ENOSPC, -XEN_ENOMEM; -XEN_ERESTART: many below
 * the new *from are free, but still in use by the ABI, and it is time to drop the lock.
 */
static inline int port_lowest_free(struct hv_domain *d, uint32_t *from)
{
	const struct event_abi *abi = domain_abi(d);
	uint32_t port = d->lowest_free;

	if (*from || port >= d->ports_now || (abi->is_busy && abi->is_busy(d, port)))
		return port_search(d, from);
	return (int)port;
}

/*
 * That number, if it can be had; all up to it are valid then. Domain's lock held. -XEN_EINVAL
 * (dying), -XEN_ENOSPC (beyond the limit), -XEN_EBUSY, -XEN_ENOMEM
 */
int port_at(struct hv_domain *d, uint32_t port);

/* Take that number, give it back. Domain's lock held. */
static inline void port_take(struct hv_domain *d, uint32_t port)
{
	uint64_t *used = used_of(d, port);

	*used |= UINT64_C(1) << (port % PORT_STEP);
	if (*used == UINT64_MAX)
		port_word_filled(d, port);
	else if (port == d->lowest_free)
		d->lowest_free = port - port % PORT_STEP + (uint32_t)__builtin_ctzll(~*used);
}

static inline void port_give_back(struct hv_domain *d, uint32_t port)
{
	uint64_t *used = used_of(d, port);

	if (*used == UINT64_MAX)
		port_word_has_room(d, port);
	*used &= ~(UINT64_C(1) << (port % PORT_STEP));
	if (port < d->lowest_free)
		d->lowest_free = port;
}

static inline bool port_taken(const struct hv_domain *d, uint32_t port)
{
	return (*used_of(d, port) >> (port % PORT_STEP)) & 1;
}

#endif
