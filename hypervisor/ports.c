/* SPDX-License-Identifier: MIT */
/*
 * The port table: buckets of 64 ports, allocated when their first port is needed, and the search
 * for the lowest free number in constant time. Two summaries above the buckets' own words: a bit
 * per full bucket, a bit per full word of those.
 */
#include "ports.h"

#include "event_abi.h"
#include "trace.h"

static struct bucket *bucket_of(const struct hv_domain *d, uint32_t port)
{
	return d->groups[port / (GROUP_BUCKETS * BUCKET_PORTS)]
		->bucket[port / BUCKET_PORTS % GROUP_BUCKETS];
}

static int grow(struct hv_domain *d)
{
	const struct hv *hv = d->hv;
	uint32_t first = d->valid_ports;
	uint32_t group = first / (GROUP_BUCKETS * BUCKET_PORTS);
	struct bucket *b;

	if (!d->groups[group])
		d->groups[group] = alloc(hv, sizeof(struct port_group));
	if (!d->groups[group])
		return -XEN_ENOMEM;
	if (trace_grow(d, first))
		return -XEN_ENOMEM;
	b = alloc(hv, sizeof(*b));
	if (!b)
		return -XEN_ENOMEM;
	d->groups[group]->bucket[first / BUCKET_PORTS % GROUP_BUCKETS] = b;
	/* Release: who sees the ports valid (port_find) sees their bucket, all of it free. */
	store_release(&d->valid_ports, first + BUCKET_PORTS);
	return 0;
}

int ports_init(struct hv_domain *d)
{
	int rc = grow(d);

	if (rc)
		return rc;
	port_take(d, 0);
	d->groups[0]->bucket[0]->port[0].word = port_word(PORT_RESERVED, 0, 0, 0);
	return 0;
}

void ports_destroy(struct hv_domain *d)
{
	const struct hv *hv = d->hv;
	unsigned g, b;

	for (g = 0; g < sizeof(d->groups) / sizeof(d->groups[0]); g++) {
		if (!d->groups[g])
			continue;
		for (b = 0; b < GROUP_BUCKETS; b++)
			release(hv, d->groups[g]->bucket[b], sizeof(struct bucket));
		release(hv, d->groups[g], sizeof(struct port_group));
		d->groups[g] = NULL;
	}
	d->valid_ports = 0;
}

/* The lowest place of a 0 at or above from in a word; 64 if there is none. */
static unsigned lowest_zero(uint64_t word, unsigned from)
{
	uint64_t zeroes = from < 64 ? ~word & (UINT64_MAX << from) : 0;

	return zeroes ? (unsigned)__builtin_ctzll(zeroes) : 64;
}

static uint32_t next_bucket_with_room(const struct hv_domain *d, uint32_t from)
{
	uint32_t w = from / 64;
	unsigned bit;

	if (from >= MAX_PORTS / BUCKET_PORTS)
		return from;
	bit = lowest_zero(d->full_buckets[w], from % 64);
	if (bit < 64)
		return w * 64 + bit;
	w = lowest_zero(d->full_buckets_full, w + 1);
	if (w >= 32)
		return MAX_PORTS / BUCKET_PORTS;
	return w * 64 + lowest_zero(d->full_buckets[w], 0);
}

/*
 * The lowest number at or above from that is not taken, whatever the limits; it may be in the
 * bucket to come.
 */
static uint32_t next_free(const struct hv_domain *d, uint32_t from)
{
	uint32_t bucket = from / BUCKET_PORTS;

	if (from < d->valid_ports) {
		unsigned bit = lowest_zero(bucket_of(d, from)->used, from % BUCKET_PORTS);

		if (bit < 64)
			return bucket * BUCKET_PORTS + bit;
		bucket = next_bucket_with_room(d, bucket + 1);
		from = bucket * BUCKET_PORTS;
	}
	if (from >= d->valid_ports)
		return from;
	return from + lowest_zero(bucket_of(d, from)->used, 0);
}

static uint32_t limit_of(const struct hv_domain *d, const struct event_abi *abi)
{
	return d->port_limit < abi->ports ? d->port_limit : abi->ports;
}

int port_lowest_free(struct hv_domain *d, uint32_t *from)
{
	const struct event_abi *abi = domain_abi(d);
	uint32_t limit = limit_of(d, abi);
	unsigned busy;
	int rc;

	if (d->dying)
		return -XEN_EINVAL;
	/* It comes from a search in another domain: the guest changed its argument meanwhile. */
	if (*from > d->valid_ports)
		*from = 0;
	for (busy = 0; busy < BUSY_AT_ONCE; busy++) {
		uint32_t port = next_free(d, *from);

		if (port >= limit)
			return -XEN_ENOSPC;
		if (port >= d->valid_ports) {
			rc = grow(d);
			if (rc)
				return rc;
		}
		if (!abi->is_busy || !abi->is_busy(d, port))
			return (int)port;
		*from = port + 1;
	}
	return -XEN_ERESTART;
}

int port_at(struct hv_domain *d, uint32_t port)
{
	const struct event_abi *abi = domain_abi(d);
	int rc;

	if (d->dying)
		return -XEN_EINVAL;
	if (port >= limit_of(d, abi))
		return -XEN_ENOSPC;
	while (port >= d->valid_ports) {
		rc = grow(d);
		if (rc)
			return rc;
	}
	if (port_taken(d, port) || (abi->is_busy && abi->is_busy(d, port)))
		return -XEN_EBUSY;
	return (int)port;
}

void port_take(struct hv_domain *d, uint32_t port)
{
	uint32_t bucket = port / BUCKET_PORTS;
	struct bucket *b = bucket_of(d, port);

	b->used |= UINT64_C(1) << (port % BUCKET_PORTS);
	if (b->used != UINT64_MAX)
		return;
	d->full_buckets[bucket / 64] |= UINT64_C(1) << (bucket % 64);
	if (d->full_buckets[bucket / 64] == UINT64_MAX)
		d->full_buckets_full |= 1u << (bucket / 64);
}

void port_give_back(struct hv_domain *d, uint32_t port)
{
	uint32_t bucket = port / BUCKET_PORTS;

	bucket_of(d, port)->used &= ~(UINT64_C(1) << (port % BUCKET_PORTS));
	d->full_buckets[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
	d->full_buckets_full &= ~(1u << (bucket / 64));
}

bool port_taken(const struct hv_domain *d, uint32_t port)
{
	return (bucket_of(d, port)->used >> (port % BUCKET_PORTS)) & 1;
}
