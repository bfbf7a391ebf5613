/* SPDX-License-Identifier: MIT */
/*
 * What the files of the guest half share: the guest, its CPUs, and the life of each part. IRQ
 * descriptors are in irq/irq.h, ports and the ABI's table in events/events.h. Nothing of this is
 * seen outside.
 */
#ifndef GUEST_PRIVATE_H
#define GUEST_PRIVATE_H

#include <carillon/guest.h>
#include <xen/errno.h>
#include <xen/xen.h>

#include "atomic.h"
#include "irq/line.h"
#include "lock.h"
#include "table.h"

struct batch;
struct events_abi;
struct irq_action;
struct irq_desc;
struct mm;
struct smp;

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define QUICK_MORE UINT32_MAX

/* One CPU. Written by that CPU with events disabled, unless said. */
struct guest_cpu {
	/* NULL until guest_cpu_init, for a CPU that has none in shared_info. */
	struct vcpu_info *vcpu_info;
	unsigned nr;
	uint8_t quick_nr; /* nr + 1: how it stands in a line that is open for it */
	bool in_upcall;
	bool upcall_again; /* a nested upcall was here */
	/*
	 * irq/quick.h: what the line claimed last was open as, whose handler may be running without
	 * the IRQ's lock. 0: none. Atomic, others read it.
	 */
	uint64_t quick;
	/*
	 * The answer of that handler after which nothing is to be done: GUEST_IRQ_HANDLED; once
	 * something is, QUICK_MORE, which none gives.
	 */
	uint32_t quick_answer;
	uint64_t handled; /* interrupts, all IRQs; others read it */

	uint64_t spurious;   /* events that nobody wanted; others read it */
	uint64_t nested;     /* upcalls that interrupted a handler; others read it */
	uint64_t last_clock; /* latest time that guest_clock told on this CPU */
	bool info_given;     /* Xen knows where vcpu_info is that is not in shared_info */
	bool drained;	     /* guest_cpu_dead was here and guest_cpu_init not since */
	bool ready;	     /* guest_cpu_init has been here; others read it */

	/* irq/: the handlers on this CPU's stack. */
	bool may_nest;	  /* the innermost is one that upcalls may interrupt */
	unsigned nesting; /* upcalls on the stack */
	unsigned passes;  /* over handlers, on the stack; not the quick one */
	unsigned lines;	  /* movable ones that notify this CPU; atomic, anybody's */

	/* guest_raise_irq's, to be handled when no handler is on the stack. */
	struct irq_desc *raised, *last_raised;

	struct batch *batch; /* multicall.c; from guest_cpu_init on */
	/* smp/: a line that other CPUs write before they send this one an IPI; NULL: none. */
	const void *inbox;

	/* clock.c: the wishes that share the CPU's timer, and what it is set to; 0: off. */
	uint64_t timer_kernel, tick_next, timer_late, timer_set;
	uint64_t tick_period;
	/* What has come and guest_timer_take has not told yet. */
	uint64_t ticks;
	bool oneshot_over;
	bool timer_renewed; /* by late eois, since the event that guest_timer_take is asked of */
	/* events/late.c: eois that are delayed, by when they are due. Any CPU removes its own. */
	struct lock late_lock;
	struct irq_desc *late;
	uint64_t late_delayed; /* so far; others read it */

	/* IRQ of each per-CPU source, 0: none. Under map_lock. */
	unsigned virq_irq[NR_VIRQS];
	unsigned ipi_irq[GUEST_NR_IPIS];
} __attribute__((aligned(CACHE_LINE)));

/*
 * The IRQ numbers. A descriptor is made when its number is first used and stays until the guest
 * goes.
 */
struct irqs {
	struct table table; /* irq -> struct irq_desc */
	unsigned fresh;	    /* numbers from here on have never been used; under map_lock */
	unsigned nr_fixed;  /* numbers below are of pirqs */
	const struct irq_fixed_ops *fixed;
	struct lock lock; /* innermost; for the two lists */
	struct irq_desc *free;
	struct irq_action *free_actions;
};

/*
 * How an IRQ with a fixed number gets its line: one reference for each of its handlers. unbind: the
 * handler has gone. As guest_bind_pirq_to_irq and guest_unbind_irq, contexts too.
 */
struct irq_fixed_ops {
	int (*bind)(struct guest *g, unsigned irq, bool share);
	int (*unbind)(struct guest *g, unsigned irq);
};

struct guest {
	const struct guest_port_ops *ops;
	void *ctx;
	struct shared_info *shared;
	unsigned nr_cpus;
	struct guest_cpu *cpus;

	struct irqs irqs;
	const struct guest_irq_hooks *hooks; /* atomic */
	guest_balancer balancer;
	void *balancer_arg;

	/*
	 * Sources, ports and IRQ numbers being bound and unbound: held over the hypercalls, so that
	 * a port which the hypervisor hands out again is never found under its old IRQ.
	 */
	struct lock map_lock;
	struct table ports; /* port -> struct irq_desc */
	struct table lines; /* port -> struct irq_line, which is in there */
	struct table pirqs; /* pirq -> struct irq_desc; under map_lock */
	const struct events_abi *abi;
	void *abi_state;
	enum guest_abi abi_wanted;

	struct smp *smp; /* smp/; NULL until guest_smp_init */
	struct mm *mm;	 /* mm/; NULL until guest_mm_init. Atomic */

	/* Latest time that guest_clock told anywhere without Xen's promise. Alone on its line. */
	uint64_t last_clock __attribute__((aligned(CACHE_LINE)));
};

static inline struct guest_cpu *this_cpu(const struct guest *g)
{
	return &g->cpus[g->ops->this_cpu(g->ctx)];
}

/* Until cpu_unpin this thread stays on its CPU. They nest. */
static inline void cpu_pin(const struct guest *g)
{
	if (g->ops->pin)
		g->ops->pin(g->ctx);
}

static inline void cpu_unpin(const struct guest *g)
{
	if (g->ops->unpin)
		g->ops->unpin(g->ctx);
}

static inline void *guest_alloc(struct guest *g, size_t size)
{
	return g->ops->alloc(g->ctx, size);
}

static inline void guest_free(struct guest *g, void *p, size_t size)
{
	if (p)
		g->ops->free(g->ctx, p, size);
}

static inline long hypercall(const struct guest *g, unsigned nr, uint64_t a0, uint64_t a1,
			     uint64_t a2)
{
	return g->ops->hypercall(g->ctx, nr, a0, a1, a2, 0, 0);
}

/*
 * The late eois' wish to the timer of this CPU (0: none), and what VIRQ_TIMER means to the two. In
 * clock.c; events disabled. set: what the hypercall answered.
 */
int clock_set_late(struct guest *g, struct guest_cpu *cpu, uint64_t deadline);
void clock_expired(struct guest_cpu *cpu, uint64_t now);
/* Nothing is wished for any more; die: and the timer of this CPU is turned off. */
void clock_cpu_reset(struct guest_cpu *cpu);
void clock_cpu_die(struct guest *g, struct guest_cpu *cpu);

/* guest.c: vcpu_info of a CPU from 32 on, which is down or this one. 0 if it is there. [task] */
int cpu_info_init(struct guest *g, struct guest_cpu *cpu);

/* A structure as a hypercall's argument. */
static inline uint64_t hypercall_arg(void *p)
{
	return (uint64_t)(uintptr_t)p;
}

#endif
