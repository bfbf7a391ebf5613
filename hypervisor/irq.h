/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: lines (irq.c: what is known of them, who is bound; irq_flow.c: what happens
 * when one signals; irq_eoi.c: who has it in service, and for how long) and the numbers by which
 * domains know them (pirq.c: permission, mapping, binding; pirq_op.c: the hypercall).
 */
#ifndef HYPERVISOR_IRQ_H
#define HYPERVISOR_IRQ_H

#include "private.h"

enum pirq_state {
	PIRQ_FREE,
	PIRQ_TAKEN,  /* a number that PHYSDEVOP_get_free_pirq gave out; no line yet */
	PIRQ_MAPPED, /* to `line` */
	PIRQ_LOST,   /* unmapped while it was bound: not free until its port is closed */
};

/* A domain's view of a line. */
struct pirq {
	struct hv_domain *domain;

	/* Domain's lock. */
	enum pirq_state state;
	bool percpu;	       /* for `vcpu` alone */
	unsigned vcpu;	       /* of a per-CPU line, else 0 */
	struct irq_line *line; /* MAPPED; LOST: which it was */
	uint32_t port;	       /* atomic; 0: not bound */

	/* The line's lock. */
	bool in_flight;	   /* sent, not eoi'd */
	bool late;	   /* an eoi is still to come for what was sent before: it was forced */
	bool answered;	   /* since it was sent, such a late one came */
	struct pirq *next; /* of those bound to the line */
};

struct irq_line {
	struct lock lock;
	unsigned number;
	enum hv_irq_flow flow;
	const struct hv_irq_chip *chip; /* NULL: not described yet */
	void *data;
	const struct hv_irq_demux *demux; /* chained: its children */
	unsigned flags;			  /* HV_IRQ_FOCUS */
	struct pirq *bound;
	unsigned nr_bound;
	bool bound_shareable; /* the first that bound it will share */
	bool started;	      /* enabled at the chip */
	bool masked;	      /* at the chip, until the last eoi */
	bool probing, fired;  /* between hv_irq_probe_begin and _end: nobody is bound */
	bool invalid;
	unsigned in_flight; /* how many of bound are */
	uint64_t deadline;  /* atomic: when eois are forced; HV_NEVER: none is awaited */

	/* hv->lock. */
	unsigned mapped; /* how many pirqs it is mapped to */
	bool map_shareable;
	bool percpu;	 /* flow, for those who map */
	bool is_chained; /* others signal through it */
	bool is_child;
};

/* ---- irq.c ---- */

void irq_init(struct hv *hv);

/* The line's descriptor, made if there is none; NULL: out of memory. It stays until hv_destroy. */
struct irq_line *irq_line(struct hv *hv, unsigned number);
/* NULL: there is none, or no such number. */
struct irq_line *irq_find(struct hv *hv, unsigned number);
void irq_free_lines(struct hv *hv);

/*
 * -XEN_EINVAL: it is invalid. -XEN_EBUSY: it is bound and not every one shares, or too many do, or
 * it is being probed. The first that binds starts the line, the last that unbinds shuts it down.
 */
int irq_bind(struct hv *hv, struct pirq *p, bool share);
void irq_unbind(struct hv *hv, struct pirq *p);
bool irq_shared(struct hv *hv, struct irq_line *line);
/* May a guest ask for it: is it described, and not invalid? */
bool irq_exists(struct hv *hv, struct irq_line *line);
/* Does whoever is bound owe an eoi? Of what is not described yet: perhaps, so yes. */
bool irq_needs_eoi(struct hv *hv, struct irq_line *line);
/* The domain is being destroyed. */
void irq_leave_foreground(struct hv_domain *d);

/* ---- irq_flow.c; all with the line's lock held ---- */

void irq_start(struct hv *hv, struct irq_line *line);
void irq_stop(struct irq_line *line);
/* It signals; v: to that vCPU (per-CPU), else NULL. */
void irq_arrive(struct hv *hv, struct irq_line *line, const struct hv_vcpu *v);
/* A chained line does: one look at its children. */
void irq_demultiplex(struct hv *hv, struct irq_line *line);
/* A level: if it is asserted it signals. */
void irq_sample(struct hv *hv, struct irq_line *line);
/* Does its focus allow this domain? */
bool irq_has_focus(const struct irq_line *line, const struct hv_domain *d);

/* ---- irq_eoi.c ---- */

/* The domain has handled it. */
void irq_eoi(struct hv *hv, struct pirq *p);
/* The domain has shut down: it will not. */
void irq_forget(struct hv *hv, struct pirq *p);
bool irq_in_flight(struct hv *hv, struct pirq *p);

/* These with the line's lock held. */
void irq_count(struct irq_line *line, struct pirq *p); /* about to be sent, and to be waited for */
/* It will say nothing any more: neither is waited for nor comes late. */
void irq_excuse(struct irq_line *line, struct pirq *p);
void irq_served(struct hv *hv, struct irq_line *line); /* unmask it, if nobody is waited for */
void irq_refocus(struct hv *hv, struct irq_line *line);
void irq_arm(struct hv *hv, struct irq_line *line);

/* ---- pirq.c ---- */

int pirqs_init(struct hv_domain *d, unsigned n);
void pirqs_destroy(struct hv_domain *d);
void pirqs_unmap_all(struct hv_domain *d);
/*
 * The domain has just been marked as shut down: nothing that was sent to it keeps a line masked.
 * Domain's lock held.
 */
void pirqs_shut_down(struct hv_domain *d);

/* Domain's lock held. */
struct pirq *pirq_find(const struct hv_domain *d, uint32_t pirq); /* NULL: no such number */
struct pirq *pirq_of_line(const struct hv_domain *d, const struct irq_line *line);
int pirq_map(struct hv_domain *d, struct pirq *p, struct irq_line *line, bool shareable);

/*
 * For event channels, with the domain's lock held. -XEN_EINVAL, -XEN_EPERM, -XEN_EEXIST; what
 * irq_bind says
 */
int pirq_may_bind(struct hv_domain *d, uint32_t pirq);
int pirq_bind(struct hv_domain *d, uint32_t pirq, uint32_t port, bool share);
void pirq_unbind(struct hv_domain *d, uint32_t pirq);
/* Of one that may be bound or is: the vCPU that its port notifies at first, or for good. */
unsigned pirq_vcpu(const struct hv_domain *d, uint32_t pirq);
bool pirq_is_percpu(const struct hv_domain *d, uint32_t pirq);

/* ---- pirq_op.c ---- */

long do_physdev_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_physdev_op_compat(struct hv_vcpu *v, const uint64_t a[6]);

#endif
