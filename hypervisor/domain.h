/* SPDX-License-Identifier: MIT */
/*
 * Domains: finding one by its number, referring to one, and its end.
 */
#ifndef HYPERVISOR_DOMAIN_H
#define HYPERVISOR_DOMAIN_H

#include "atomic.h"
#include "bound.h"
#include "private.h"

/* For senders, in a read section: the domain lives until they leave it. NULL if there is none. */
static inline struct hv_domain *domain_lookup(const struct hv *hv, domid_t id)
{
	const struct domain_page *page;

	if (id >= DOMID_FIRST_RESERVED)
		return NULL;
	id = (domid_t)index_nospec(id, DOMID_FIRST_RESERVED);
	/*
	 * At least acquire, both: pair with the releases in domain.c that publish a page and a
	 * domain. The second pairs with leave_table() besides: see section_enter().
	 */
	page = load_acquire(&hv->domains[id / DOMAIN_PAGE]);
	return page ? load_seq(&page->domain[id % DOMAIN_PAGE]) : NULL;
}

/* For everybody else: it is not freed before domain_put(). */
struct hv_domain *domain_get(struct hv *hv, domid_t id);
void domain_put(struct hv_domain *d);

/*
 * As domain_get(), and DOMID_SELF is the caller. That one needs no reference: it is in a hypercall,
 * so nobody destroys it. domain_put_any() is the end of it.
 */
static inline struct hv_domain *domain_get_any(const struct hv_vcpu *caller, domid_t id)
{
	struct hv_domain *self = caller->domain;

	return id == DOMID_SELF || id == self->domid ? self : domain_get(self->hv, id);
}

static inline void domain_put_any(const struct hv_vcpu *caller, struct hv_domain *d)
{
	if (d != caller->domain)
		domain_put(d);
}

/*
 * Stop all its vCPUs for good and tell the embedder and the privileged domain; only the first call
 * does.
 */
void domain_shutdown(struct hv_domain *d, unsigned reason);

#endif
