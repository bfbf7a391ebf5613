/* SPDX-License-Identifier: MIT */
/*
 * What an event ABI does: where pending and mask bits live and how a vCPU learns of them. One per
 * file (event_2l.c, event_fifo.c); a domain has one at a time. What a port is bound to is none of
 * its business.
 */
#ifndef HYPERVISOR_EVENT_ABI_H
#define HYPERVISOR_EVENT_ABI_H

#include <carillon/hypervisor_look.h>

#include "atomic.h"
#include "private.h"

struct event_abi {
	uint32_t ports; /* numbers below can be used */

	/*
	 * In a read section, or with the domain's lock held. `v` is the vCPU that the port
	 * notifies. raise makes the port pending, and answers what became of the event; called in
	 * event_send.c alone, which does what is left to do.
	 */
	enum counted (*raise)(struct hv_vcpu *v, uint32_t port);
	void (*unmask)(struct hv_vcpu *v, uint32_t port);

	/* After a wait for senders, the port unused. Domain's lock held. */
	void (*clear_pending)(struct hv_domain *d, uint32_t port);

	bool (*is_pending)(const struct hv_domain *d, uint32_t port);
	/* Its part of what hv_port_info tells; out->vcpu is set. In a read section. */
	void (*look)(const struct hv_domain *d, uint32_t port, struct hv_port_info *out);

	/*
	 * May be NULL. The port, free for the domain, is still in use by the ABI: not to be handed
	 * out.
	 */
	bool (*is_busy)(const struct hv_domain *d, uint32_t port);
	/* May be NULL. A port was taken into use. Domain's lock held. */
	void (*init_port)(struct hv_domain *d, uint32_t port);
	/* May be NULL: -XEN_ENOSYS. */
	int (*set_priority)(struct hv_domain *d, uint32_t port, uint32_t priority);
};

extern const struct event_abi event_2l, event_2l_32, event_fifo;

/* The 2-level ABI of the domain's width. */
static inline const struct event_abi *abi_2l(const struct hv_domain *d)
{
	return d->compat32 ? &event_2l_32 : &event_2l;
}

/*
 * A domain's ABI at this moment. In a read section, or with the domain's lock held: so long the
 * answer is one that nobody takes down. Pairs with the stores in event_fifo_setup.c, which wait for
 * the sections then.
 */
static inline const struct event_abi *domain_abi(const struct hv_domain *d)
{
	return load_seq(&d->abi);
}

/*
 * What a sender asks a vCPU first, instead of asking for the ABI, whether the domain is traced, and
 * the rest: may it go one of the ways that are short, or must it ask? `short_2l`: event_2l's. Else
 * `fifo`, event_fifo's, where the vCPU has its control block; or one without words, and who finds
 * no word there has to ask. It holds as long as what it stands for. On a short way the vCPU has a
 * slot (count.h).
 *
 * Something of that has changed (event_send.c): its ABI, its trace, a control block that came. The
 * domain's lock held. Who takes something away does so after this, and a wait.
 */
void set_ways(struct hv_domain *d);

#endif
