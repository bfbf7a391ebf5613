/* SPDX-License-Identifier: MIT */
/*
 * Counters of single ports, which a domain has only while it is traced (hv_domain_trace). What is
 * counted for vCPUs at all times is in struct hv_counters.
 *
 * They are made and taken down under the domain's lock. Senders find them by domain.trace, in a
 * read section or with that lock held; so they may be freed after the wait that follows its going
 * to NULL. A bucket of ports has its counters before senders can find the ports.
 */
#ifndef HYPERVISOR_TRACE_H
#define HYPERVISOR_TRACE_H

#include "ports.h"

struct port_count {
	uint64_t sends, merged; /* atomic */
};

struct trace {
	struct port_count *bucket[MAX_PORTS / BUCKET_PORTS];
};

/* The counters of a port that exists (port_find); NULL if the domain is not traced. */
static inline struct port_count *trace_count(const struct hv_domain *d, uint32_t port)
{
	/* Pairs with the store of NULL in trace.c, which waits for the sections then. */
	const struct trace *t = load_seq(&d->trace);

	if (!t)
		return NULL;
	return &t->bucket[port / BUCKET_PORTS][port % BUCKET_PORTS];
}

/*
 * Is it worth while to look for the counters? For the send path, which has this one test, and a
 * second body for when it is true: a call in between would cost the first more than the test does.
 */
static inline bool trace_wanted(const struct hv_domain *d)
{
	return __builtin_expect(load_relaxed(&d->trace) != NULL, false);
}

/* An event is raised; it was found pending. */
void trace_sent(const struct hv_domain *d, uint32_t port);
void trace_merged(const struct hv_domain *d, uint32_t port);

/*
 * All with the domain's lock held. A bucket of ports is about to become valid; its first port. 0 or
 * -XEN_ENOMEM.
 */
int trace_grow(struct hv_domain *d, uint32_t first);
/* The port went out of use, and its senders are out: who gets it next begins at 0. */
void trace_forget(const struct hv_domain *d, uint32_t port);

/* Nobody sends to it any more. */
void trace_destroy(struct hv_domain *d);

#endif
