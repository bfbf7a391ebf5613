/* SPDX-License-Identifier: MIT */
/*
 * The IRQ core: descriptors, chips, flow handlers. Here an IRQ is a number with handlers and some
 * chip; that its line is an event channel is known only to events/, which makes the descriptors and
 * brings the events.
 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "../private.h"

/* What can be done to a line. Called with the descriptor's lock held and events disabled. */
struct irq_chip {
	const char *name;
	bool percpu; /* its IRQs belong to one CPU each */
	void (*mask)(struct guest *g, struct irq_desc *desc);
	/* What is pending fires now. */
	void (*unmask)(struct guest *g, struct irq_desc *desc);
	/* Take the event: what comes from now on is a new one. */
	void (*ack)(struct guest *g, struct irq_desc *desc);
	/* Handled. NULL: the line need not know. */
	void (*eoi)(struct guest *g, struct irq_desc *desc);
};

/* How an event of an IRQ is brought to its handlers: irq/flow.c. */
struct irq_flow {
	const char *name;
	void (*handle)(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu);
};

extern const struct irq_flow irq_flow_level;
extern const struct irq_flow irq_flow_edge;
extern const struct irq_flow irq_flow_percpu;

/*
 * One handler. Recycled, never freed before the guest is: a handler may remove itself, and memory
 * is not freed in handlers.
 */
struct irq_action {
	guest_irq_handler handler;
	void *dev;
	const char *name;
	unsigned flags;
	bool dead;		 /* removed: not to be called any more */
	struct irq_action *next; /* read without a lock by a pass that is running */
	struct irq_action *next_free;
};

/*
 * Where the IRQ's events come from: events/'s alone. Under map_lock; type, needs_eoi and number do
 * not change while the IRQ is bound, so chips read them too.
 */
struct irq_source {
	unsigned char type; /* enum source_type */
	bool needs_eoi;	    /* pirq */
	bool shareable;	    /* pirq */
	bool dead;	    /* it was bound, and its port has gone; atomic */
	uint8_t priority;   /* under the descriptor's lock */
	unsigned cpu;	    /* the CPU that its port notifies; under the descriptor's lock */
	unsigned only_cpu;  /* no other may ever handle it; atomic */
	unsigned number;    /* VIRQ or pirq, kind of IPI */
	unsigned refs;
};

struct irq_desc {
	struct lock lock;	     /* for all down to `count`, unless said */
	unsigned irq;		     /* never changes */
	unsigned line;		     /* the chip's number (the port), 0: not bound; atomic */
	const struct irq_chip *chip; /* NULL: not bound */
	const struct irq_flow *flow;
	struct irq_action *actions;
	struct irq_action *dead; /* removed by a handler of the running pass, recycled at its end */
	unsigned depth;		 /* of disables; 1 while there is no handler */
	/*
	 * Passes over the handlers begun and ended, so odd while one runs; atomic: waited for
	 * without the lock
	 */
	unsigned passes;
	unsigned pass_cpu; /* the CPU of the pass that runs; atomic */
	bool again;	   /* edge: another event came while a pass ran, and was left masked */
	bool released;	   /* unbound by a handler: the number is free when the pass ends */
	struct irq_source src;
	struct irq_desc *next_free;
	uint64_t count[]; /* per CPU, each written by that CPU only */
};

int irqs_init(struct guest *g, unsigned nr_irqs);
void irqs_fini(struct guest *g);

/* The descriptor of a number that has ever been used, or NULL. [any] */
static inline struct irq_desc *irq_to_desc(const struct guest *g, unsigned irq)
{
	return table_get(&g->irqs.table, irq);
}

/* A descriptor with a number of its own, not bound. -ENOSPC, -ENOMEM. Under map_lock. */
int irq_desc_get(struct guest *g, struct irq_desc **out);
/*
 * It has no handler and is not bound (any more). If a pass still runs, the number is free only at
 * its end.
 */
void irq_desc_put(struct guest *g, struct irq_desc *desc);

/* Give it a line, masked. */
void irq_desc_bind(struct guest *g, struct irq_desc *desc, const struct irq_chip *chip,
		   const struct irq_flow *flow, unsigned line);
/* Take the line away, masked; -EBUSY while there are handlers. */
int irq_desc_unbind(struct guest *g, struct irq_desc *desc);
/* Its line has gone, and here is another one (0: none), under the same handlers. [task] */
void irq_desc_rebind(struct guest *g, struct irq_desc *desc, const struct irq_flow *flow,
		     unsigned line);

/*
 * An event of that line, on this CPU, events disabled. The descriptor may have been bound to
 * another line since the caller looked it up: then this does nothing.
 */
void irq_handle(struct guest *g, struct irq_desc *desc, unsigned line);

/* A pass is running: with the lock held it stays so or not. */
static inline bool irq_running(const struct irq_desc *desc)
{
	return load_relaxed(&desc->passes) & 1;
}

/* Between desc.c, flow.c and manage.c. */
void irq_action_recycle(struct guest *g, struct irq_action *action);
void irq_pass_ended(struct guest *g, struct irq_desc *desc);

#endif
