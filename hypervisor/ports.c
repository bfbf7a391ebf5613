/* SPDX-License-Identifier: MIT */
/*
 * The port table: buckets of 256 ports, allocated when their first port is needed, and the search
 * for the lowest free number in constant time. Ports become valid 64 at a time, a word of bits that
 * say which are used. There are two summaries above these: a bit per full word, a bit per full word
 * of those. The lowest free number of all is always known (ports.h); the search is for the one that
 * follows when a word is full, or when the ABI still uses some.
 */
#include "ports.h"

#include "event_abi.h"
#include "trace.h"

static uint32_t limit_of(const struct hv_domain *d, const struct event_abi *abi)
{
	return d->port_limit < abi->ports ? d->port_limit : abi->ports;
}

void ports_limit_changed(struct hv_domain *d)
{
	uint32_t limit = d->dying ? 0 : limit_of(d, domain_abi(d));

	d->ports_now = d->valid_ports < limit ? d->valid_ports : limit;
}

static int add_bucket(struct hv_domain *d, uint32_t first)
{
	if (trace_grow(d, first))
		return -XEN_ENOMEM;
	d->bucket[first / BUCKET_PORTS] = alloc(d->hv, sizeof(struct bucket));
	return d->bucket[first / BUCKET_PORTS] ? 0 : -XEN_ENOMEM;
}

static int grow(struct hv_domain *d)
{
	uint32_t first = d->valid_ports;

	if (!d->bucket[first / BUCKET_PORTS] && add_bucket(d, first))
		return -XEN_ENOMEM;
	/* Release: who sees the ports valid (port_find) sees their bucket, all of it free. */
	store_release(&d->valid_ports, first + PORT_STEP);
	ports_limit_changed(d);
	return 0;
}

int ports_init(struct hv_domain *d)
{
	int rc = grow(d);

	if (rc)
		return rc;
	port_take(d, 0);
	d->bucket[0]->port[0].word = port_word(PORT_RESERVED, 0, 0, 0);
	return 0;
}

void ports_destroy(struct hv_domain *d)
{
	unsigned i;

	for (i = 0; i < DOMAIN_BUCKETS; i++) {
		release(d->hv, d->bucket[i], sizeof(struct bucket));
		d->bucket[i] = NULL;
	}
	d->valid_ports = 0;
}

/* The lowest place of a 0 at or above from in a word; 64 if there is none. */
static unsigned lowest_zero(uint64_t word, unsigned from)
{
	uint64_t zeroes = from < 64 ? ~word & (UINT64_MAX << from) : 0;

	return zeroes ? (unsigned)__builtin_ctzll(zeroes) : 64;
}

static uint32_t next_word_with_room(const struct hv_domain *d, uint32_t from)
{
	uint32_t w = from / 64;
	unsigned bit;

	if (from >= MAX_PORTS / PORT_STEP)
		return from;
	bit = lowest_zero(d->full_words[w], from % 64);
	if (bit < 64)
		return w * 64 + bit;
	w = lowest_zero(d->full_words_full, w + 1);
	if (w >= 32)
		return MAX_PORTS / PORT_STEP;
	return w * 64 + lowest_zero(d->full_words[w], 0);
}

/*
 * The lowest number at or above from that is not taken, whatever the limits; it may be one
 * that is not valid yet.
 */
static uint32_t next_free(const struct hv_domain *d, uint32_t from)
{
	uint32_t word = from / PORT_STEP;

	if (from < d->valid_ports) {
		unsigned bit = lowest_zero(*used_of(d, from), from % PORT_STEP);

		if (bit < 64)
			return word * PORT_STEP + bit;
		from = next_word_with_room(d, word + 1) * PORT_STEP;
	}
	if (from >= d->valid_ports)
		return from;
	return from + lowest_zero(*used_of(d, from), 0);
}

int port_search(struct hv_domain *d, uint32_t *from)
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

void port_word_filled(struct hv_domain *d, uint32_t port)
{
	uint32_t word = port / PORT_STEP;

	d->full_words[word / 64] |= UINT64_C(1) << (word % 64);
	if (d->full_words[word / 64] == UINT64_MAX)
		d->full_words_full |= 1u << (word / 64);
	if (port == d->lowest_free)
		d->lowest_free = next_free(d, port);
}

void port_word_has_room(struct hv_domain *d, uint32_t port)
{
	uint32_t word = port / PORT_STEP;

	d->full_words[word / 64] &= ~(UINT64_C(1) << (word % 64));
	d->full_words_full &= ~(1u << (word / 64));
}
