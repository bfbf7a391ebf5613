/* SPDX-License-Identifier: MIT */
/*
 * Counters of single ports: made when tracing is turned on, grown with the port table, and gone
 * when it is turned off. Counting itself is in trace.h, reading in look.c.
 */
#include "trace.h"

#include "event_abi.h"

#define BUCKETS	    (MAX_PORTS / BUCKET_PORTS)
#define BUCKET_SIZE (BUCKET_PORTS * sizeof(struct port_count))

static int add_bucket(const struct hv *hv, struct trace *t, uint32_t port)
{
	struct port_count **bucket = &t->bucket[port / BUCKET_PORTS];

	if (!*bucket)
		*bucket = alloc(hv, BUCKET_SIZE);
	return *bucket ? 0 : -XEN_ENOMEM;
}

static void free_trace(const struct hv *hv, struct trace *t)
{
	unsigned i;

	for (i = 0; i < BUCKETS; i++)
		release(hv, t->bucket[i], BUCKET_SIZE);
	release(hv, t, sizeof(*t));
}

void trace_sent(const struct hv_domain *d, uint32_t port)
{
	struct port_count *c = trace_count(d, port);

	if (c)
		fetch_add_relaxed(&c->sends, UINT64_C(1));
}

void trace_merged(const struct hv_domain *d, uint32_t port)
{
	struct port_count *c = trace_count(d, port);

	if (c)
		fetch_add_relaxed(&c->merged, UINT64_C(1));
}

int trace_grow(struct hv_domain *d, uint32_t first)
{
	struct trace *t = load_relaxed(&d->trace);

	return t ? add_bucket(d->hv, t, first) : 0;
}

void trace_forget(const struct hv_domain *d, uint32_t port)
{
	struct port_count *c = trace_count(d, port);

	if (!c)
		return;
	store_relaxed(&c->sends, UINT64_C(0));
	store_relaxed(&c->merged, UINT64_C(0));
}

void trace_destroy(struct hv_domain *d)
{
	struct trace *t = load_relaxed(&d->trace);

	store_relaxed(&d->trace, (struct trace *)NULL);
	if (t)
		free_trace(d->hv, t);
}

/* Domain's lock held: no port becomes valid meanwhile. */
static int begin(struct hv_domain *d)
{
	struct trace *t;
	uint32_t port;

	if (load_relaxed(&d->trace))
		return 0;
	t = alloc(d->hv, sizeof(*t));
	if (!t)
		return -XEN_ENOMEM;
	for (port = 0; port < d->valid_ports; port += BUCKET_PORTS) {
		if (add_bucket(d->hv, t, port)) {
			free_trace(d->hv, t);
			return -XEN_ENOMEM;
		}
	}
	/* Pairs with trace_count(): who finds it finds the counters of all ports that it finds. */
	store_seq(&d->trace, t);
	set_ways(d);
	return 0;
}

/* Domain's lock held: who counts with the lock is not here. */
static void end(struct hv_domain *d)
{
	struct trace *t = load_relaxed(&d->trace);

	if (!t)
		return;
	/* Pairs with trace_count(): senders that have found it are out after this. */
	store_seq(&d->trace, (struct trace *)NULL);
	set_ways(d);
	sections_wait(d->hv);
	free_trace(d->hv, t);
}

int hv_domain_trace(struct hv_domain *d, bool on)
{
	int rc = 0;

	lock_take(d->hv, &d->lock);
	if (on)
		rc = begin(d);
	else
		end(d);
	lock_drop(&d->lock);
	return rc;
}
