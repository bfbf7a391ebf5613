/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: lines (irq.c: chip and flow) and the numbers by which domains know them
 * (pirq.c: permission, mapping, binding).
 */
#ifndef HYPERVISOR_IRQ_H
#define HYPERVISOR_IRQ_H

#include "private.h"

/* A domain's view of a line. */
struct pirq {
	struct hv_domain *domain;
	struct irq_line *line; /* NULL: not mapped. Domain's lock */
	bool shareable;	       /* as it was mapped */
	uint32_t port;	       /* atomic; 0: not bound */

	/* The line's lock. */
	bool in_flight;	   /* sent, not eoi'd */
	struct pirq *next; /* of those bound to the line */
};

struct irq_line {
	struct lock lock;
	unsigned number;
	enum hv_irq_flow flow;
	const struct hv_irq_chip *chip; /* NULL: not described yet */
	void *data;
	struct pirq *bound;
	bool bound_shareable; /* the first that bound it will share */
	bool started;	      /* enabled at the chip */
	bool masked;	      /* at the chip, until the last eoi */
	unsigned in_flight;   /* how many of bound are */

	unsigned mapped; /* hv->lock: how many pirqs it is mapped to */
	bool map_shareable;
};

/* ---- irq.c ---- */

/* The line's descriptor, made if there is none; NULL: out of memory. It stays until hv_destroy. */
struct irq_line *irq_line(struct hv *hv, unsigned number);
void irq_free_lines(struct hv *hv);

/*
 * -XEN_EBUSY: it is bound and not every one shares. The first that binds starts the line, the last
 * that unbinds shuts it down.
 */
int irq_bind(struct hv *hv, struct pirq *p, bool share);
void irq_unbind(struct hv *hv, struct pirq *p);
/* The domain has handled it. */
void irq_eoi(struct hv *hv, struct pirq *p);
bool irq_shared(struct hv *hv, struct irq_line *line);
bool irq_needs_eoi(struct hv *hv, struct irq_line *line);

/* ---- pirq.c ---- */

int pirqs_init(struct hv_domain *d, unsigned n);
void pirqs_destroy(struct hv_domain *d);
void pirqs_unmap_all(struct hv_domain *d);
/*
 * The domain has just been marked as shut down: nothing that was sent to it keeps a line masked.
 * Domain's lock held.
 */
void pirqs_shut_down(struct hv_domain *d);

/*
 * For event channels, with the domain's lock held. -XEN_EINVAL, -XEN_EPERM, -XEN_EEXIST; -XEN_EBUSY
 */
int pirq_may_bind(struct hv_domain *d, uint32_t pirq);
int pirq_bind(struct hv_domain *d, uint32_t pirq, uint32_t port, bool share);
void pirq_unbind(struct hv_domain *d, uint32_t pirq);

long do_physdev_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_physdev_op_compat(struct hv_vcpu *v, const uint64_t a[6]);

#endif
