/* SPDX-License-Identifier: MIT */
/*
 * The IRQ core: descriptors, chips, flow handlers. Here an IRQ is a number with handlers and some
 * chip; that its line is an event channel is known only to events/, which makes the descriptors and
 * brings the events.
 *
 * The rules, for all that follows:
 *
 * - A descriptor's lock is a leaf but for irqs.lock and a CPU's late_lock. Chips and flows are
 *   called with it held and events disabled, so they neither wait nor allocate (leave_to_pass
 *   relaxes once); handlers and hooks are called without it, within a pass: run_handlers (flow.c),
 *   or a quick one (quick.h).
 *
 * - One pass over an IRQ's handlers at a time, whatever the flow and the CPU. A flow that finds one
 *   running leaves the event where that pass will find it, or where that pass's CPU will.
 *
 * - Most passes are quick ones: begun, run and ended without the lock by the CPU that the line
 *   notifies, if nothing is special about the IRQ (is_plain, in quick.c). Whoever takes the lock
 *   sees such a pass, or is seen by it, which then comes to the lock itself: quick.h.
 *
 * - Ack comes before the handlers: an event that the other side sends while they run is then
 *   pending again, and is not lost. One that was taken when nobody is there to be called is put
 *   back (retrigger).
 *
 * - A line moves to another CPU while it is masked and no pass runs, or in the ack of the next
 *   event (affinity.c).
 */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "../private.h"

struct irq_flow;

/* What can be done to a line. */
struct irq_chip {
	const char *name;
	bool percpu; /* its IRQs belong to one CPU each */
	bool spread; /* its IRQs are offered to the balancer */
	/* Its events can be taken without the lock: mask, unmask and ack are the port's alone. */
	bool quick;
	void (*mask)(struct guest *g, struct irq_desc *desc);
	/* What is pending fires now. */
	void (*unmask)(struct guest *g, struct irq_desc *desc);
	/*
	 * Take the event: what comes from now on is a new one. False: there was none, as another
	 * CPU, which had the line until a moment ago, has taken it.
	 */
	bool (*ack)(struct guest *g, struct irq_desc *desc);
	/* Both, mask first, for a line that is not masked yet. */
	bool (*mask_ack)(struct guest *g, struct irq_desc *desc);
	/* Handled. NULL: the line need not know. */
	void (*eoi)(struct guest *g, struct irq_desc *desc);
	/* The event that was taken is there again: it fires when the line is not masked (any more).
	 */
	void (*retrigger)(struct guest *g, struct irq_desc *desc);
	/* The last handler has gone: mask, and forget what it still owed. NULL: mask will do. */
	void (*shutdown)(struct guest *g, struct irq_desc *desc);
	/* The CPU that the line notifies, and have it notify another. NULL: it has no CPU / stays.
	 */
	unsigned (*cpu)(const struct irq_desc *desc);
	int (*set_affinity)(struct guest *g, struct irq_desc *desc, unsigned cpu);
	/* May the IRQ have this flow? */
	bool (*suits)(const struct irq_desc *desc, const struct irq_flow *flow);
};

/* How an event of an IRQ is brought to its handlers: irq/flow.c. */
struct irq_flow {
	const char *name;
	bool quick; /* an event may be taken, its handler called, and that is all */
	void (*handle)(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu);
};

extern const struct irq_flow irq_flow_level;
extern const struct irq_flow irq_flow_edge;
extern const struct irq_flow irq_flow_fasteoi;
extern const struct irq_flow irq_flow_percpu;
extern const struct irq_flow irq_flow_simple;

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

/* Flag of an action: the guest half's own, which drivers neither see nor share with. */
#define IRQF_INTERNAL 0x80000000u

/*
 * Where the IRQ's events come from: events/'s alone. Under map_lock; type, needs_eoi and number do
 * not change while the IRQ is bound, so chips read them too. cpu changes under the descriptor's
 * lock as well, and is read under either.
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

/* Late eoi: events/late.c's alone. */
struct irq_late {
	bool masked;	      /* as mask and unmask want it; the port also is while an eoi is due */
	bool owed;	      /* the driver has taken an event and not said eoi */
	unsigned char in_row; /* spurious eois since the last that was not */
	unsigned cpu;	      /* on whose list, while `due` is not 0 */
	uint64_t due;	      /* when the delayed eoi takes effect, 0: none */
	struct irq_desc *next;
	uint64_t spurious, delayed, delay;
};

/* Which CPUs: affinity.c's alone. */
struct irq_affinity {
	bool set;  /* else every CPU */
	bool move; /* to `cpu`, when the next event is taken */
	unsigned cpu;
	struct guest_cpumask mask;
};

/* Events that no handler claims: spurious.c's alone. Of the pass that runs; two are atomic. */
struct irq_unclaimed {
	unsigned seen;	   /* events since the first one of this count */
	unsigned in_count; /* of these: unclaimed; read by who decides about quick passes */
	uint64_t last;	   /* when */
	uint64_t total;
};

struct irq_desc {
	struct seq_lock lock; /* for all down to `late`, unless said */
	struct irq_line *at;  /* where its quick passes look, with its line; NULL: none; atomic */
	struct irq_action *dead; /* removed by a handler of the running pass, recycled at its end */
	unsigned irq;		 /* never changes */
	uint32_t opened;	 /* how often its line has been, to quick passes */
	unsigned line;		 /* the chip's number (the port), 0: none; atomic */
	unsigned pass_cpu;	 /* of the pass that runs; atomic. Only that one may be quick */
	/*
	 * Passes begun with the lock and ended, so odd while one runs; atomic: waited for without
	 * the lock
	 */
	unsigned passes;

	unsigned depth;		     /* of disables; 1 while there is no handler */
	const struct irq_chip *chip; /* NULL: not bound */
	const struct irq_flow *flow;
	struct irq_action *actions;
	/*
	 * Another event came while a pass ran, and was left masked (edge, fasteoi); an event that
	 * no pass has begun to handle (simple).
	 */
	bool pending;
	bool stuck;  /* one of `depth` is from too many unclaimed events */
	bool soft;   /* guest_alloc_irq's; soft.c */
	bool queued; /* on the list of a CPU's raised IRQs; soft.c */
	bool fixed;  /* its number is a pirq's; never changes */
	struct irq_source src;
	struct irq_unclaimed unclaimed;
	struct irq_affinity affinity;
	uint64_t merged; /* events that were put back where there was one again; atomic */
	struct irq_desc *next_raised;
	struct irq_late late;
	struct irq_desc *next_free;
	uint64_t count[]; /* passes, per CPU; of the pass that runs or under the lock, read by
			     others */
} __attribute__((aligned(CACHE_LINE)));

/* nr_fixed: IRQs below it are of pirqs (fixed), the others are handed out. */
int irqs_init(struct guest *g, unsigned nr_irqs, unsigned nr_fixed);
void irqs_fini(struct guest *g);

/*
 * The descriptor of a number that has ever been used, or NULL. Its own number may be another: 2 and
 * 9 are one. [any]
 */
static inline struct irq_desc *irq_to_desc(const struct guest *g, unsigned irq)
{
	return table_get(&g->irqs.table, irq);
}

/* A descriptor with a number of its own, not bound. -ENOSPC, -ENOMEM. Under map_lock. */
int irq_desc_get(struct guest *g, struct irq_desc **out);
/*
 * A fixed one, to be bound. -EAGAIN: handlers of its last life are still running; let go of
 * map_lock, which they may want, and come again. Under map_lock.
 */
int irq_desc_get_fixed(struct guest *g, struct irq_desc *desc);
/*
 * It has no handler and is not bound (any more). A pass may still run: nobody gets it before that
 * has ended.
 */
void irq_desc_put(struct guest *g, struct irq_desc *desc);

/* Give it a line, masked. */
void irq_desc_bind(struct guest *g, struct irq_desc *desc, const struct irq_chip *chip,
		   const struct irq_flow *flow, unsigned line, struct irq_line *at);
/* Take the line away, masked; -EBUSY while there are handlers. */
int irq_desc_unbind(struct guest *g, struct irq_desc *desc);
/* Its line has gone, and here is another one (0: none), under the same handlers. [task] */
void irq_desc_rebind(struct guest *g, struct irq_desc *desc, const struct irq_flow *flow,
		     unsigned line, struct irq_line *at);

/* An upcall has interrupted a handler: is that one of those that may be? */
bool irq_may_nest(const struct guest_cpu *cpu);

/*
 * A handler of the guest half's own on a per-CPU IRQ, before those of drivers, which do not notice.
 * -EEXIST: it is there. [task]
 */
int irq_add_internal(struct guest *g, unsigned irq, guest_irq_handler handler, const char *name);

/* Events disabled. No quick pass begins while it is held. */
static inline void irq_lock(struct guest *g, struct irq_desc *desc)
{
	struct irq_line *at;

	seq_lock_acquire(g, &desc->lock);
	at = load_relaxed(&desc->at);
	if (at)
		irq_line_close(at);
}

/* What has changed decides which CPU may begin quick passes now. In quick.c. */
void irq_unlock(struct guest *g, struct irq_desc *desc);

static inline guest_flags_t irq_lock_save(struct guest *g, struct irq_desc *desc)
{
	guest_flags_t flags = guest_local_irq_save(g);

	irq_lock(g, desc);
	return flags;
}

/* What became pending meanwhile is delivered in here, if events were enabled. */
static inline void irq_unlock_restore(struct guest *g, struct irq_desc *desc, guest_flags_t flags)
{
	irq_unlock(g, desc);
	guest_local_irq_restore(g, flags);
}

/* A pass that was begun with the lock is running: with the lock held it stays so or not. */
static inline bool irq_running_locked(const struct irq_desc *desc)
{
	return load_acquire(&desc->passes) & 1;
}

/* Is what a CPU's `quick` says a pass of this IRQ? None, 0, is no IRQ's. */
static inline bool irq_owns_quick(const struct irq_desc *desc, uint64_t quick)
{
	return open_irq(quick) == desc->irq;
}

/*
 * A quick one is, or was the last that its CPU has claimed; on the CPU that pass_cpu says. With the
 * lock held it may end, and none begins.
 */
static inline bool irq_running_quick(const struct guest *g, const struct irq_desc *desc)
{
	const struct guest_cpu *cpu = &g->cpus[load_acquire(&desc->pass_cpu)];

	return irq_owns_quick(desc, load_acquire(&cpu->quick));
}

/* What has been counted of quick passes is their CPU's from here on. The lock is held. */
static inline void irq_settle_count(struct irq_desc *desc)
{
	uint64_t *count = &desc->count[load_relaxed(&desc->pass_cpu)];

	store_relaxed(count, *count + irq_line_take_count(load_relaxed(&desc->at)));
}

/* Whose passes the next ones are. None runs, or a quick one of this CPU. The lock is held. */
static inline void irq_set_pass_cpu(struct irq_desc *desc, unsigned cpu)
{
	if (cpu == load_relaxed(&desc->pass_cpu))
		return;
	irq_settle_count(desc);
	/* Release: who finds another CPU's quick pass no longer here knows it to be over. */
	store_release(&desc->pass_cpu, cpu);
}

static inline bool irq_running(const struct guest *g, const struct irq_desc *desc)
{
	return irq_running_locked(desc) || irq_running_quick(g, desc);
}

/* A handler may have enabled events, asked to or not. */
static inline void irq_events_off(struct guest *g, const struct guest_cpu *cpu)
{
	if (!load_relaxed(&cpu->vcpu_info->evtchn_upcall_mask))
		guest_local_irq_disable(g);
}

/* ---- between the files of irq/. The descriptor's lock is held, unless said ------------------ */

void irq_action_recycle(struct guest *g, struct irq_action *action);
/* A pass has ended: what its handlers removed is recycled. Of that pass, without the lock. */
void irq_pass_cleanup(struct guest *g, struct irq_desc *desc);
static inline void irq_pass_ended(struct guest *g, struct irq_desc *desc)
{
	if (desc->dead)
		irq_pass_cleanup(g, desc);
}
bool irq_has_drivers(const struct irq_desc *desc);

/*
 * affinity.c. Move the line, and its part in the CPUs' loads; no pass runs, or its event has just
 * been taken, or its CPU is dead. The chip's answer. Then: a move that is due, at ack; a bound or
 * unbound line's part in the loads.
 */
int irq_move(struct guest *g, struct irq_desc *desc, unsigned cpu);
void irq_move_due(struct guest *g, struct irq_desc *desc);
static inline void irq_move_now(struct guest *g, struct irq_desc *desc)
{
	if (desc->affinity.move)
		irq_move_due(g, desc);
}
void irq_count_line(struct guest *g, const struct irq_desc *desc, int change);
/* The first handler has come; without the lock. [task] */
void irq_offer(struct guest *g, struct irq_desc *desc);

/* spurious.c. A pass has ended; true: disable the IRQ. Of that pass, without the lock. */
bool irq_count_unclaimed(struct guest *g, struct irq_desc *desc, bool claimed);
static inline bool irq_note(struct guest *g, struct irq_desc *desc, bool claimed)
{
	/* A count begins with one that is not claimed. */
	return (!claimed || load_relaxed(&desc->unclaimed.in_count)) &&
	       irq_count_unclaimed(g, desc, claimed);
}
void irq_stuck(struct guest *g, struct irq_desc *desc);
void irq_unstick(struct guest *g, struct irq_desc *desc);

extern const struct irq_chip irq_chip_soft;
/* soft.c. Raised IRQs of this CPU, unless it is in a handler. Without the lock, events disabled. */
void irq_run_queue(struct guest *g, struct guest_cpu *cpu);
static inline void irq_run_raised(struct guest *g, struct guest_cpu *cpu)
{
	if (cpu->raised)
		irq_run_queue(g, cpu);
}

/* flow.c. */
void irq_tell_entropy(struct guest *g, const struct irq_desc *desc,
		      const struct guest_irq_hooks *hooks);

/* ---- and for who brings the events: on this CPU, events disabled. Most come by quick.h ------- */

void irq_handle(struct guest *g, struct irq_desc *desc, struct guest_cpu *cpu, unsigned line);

#endif
