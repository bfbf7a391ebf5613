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
#include "lock.h"
#include "table.h"

#define CACHE_LINE 64

struct events_abi;
struct irq_action;
struct irq_desc;
struct smp;

/* One CPU. Written by that CPU with events disabled, unless said. */
struct guest_cpu {
	/* NULL until guest_cpu_init, for a CPU that has none in shared_info. */
	struct vcpu_info *vcpu_info;
	unsigned nr;
	bool in_upcall;
	bool upcall_again;   /* a nested upcall was here */
	uint64_t spurious;   /* events that nobody wanted; others read it */
	uint64_t last_clock; /* latest time that guest_clock told on this CPU */
	bool info_given;     /* Xen knows where vcpu_info is that is not in shared_info */
	bool drained;	     /* guest_cpu_dead was here and guest_cpu_init not since */
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
	struct lock lock;   /* innermost; for the two lists */
	struct irq_desc *free;
	struct irq_action *free_actions;
};

struct guest {
	const struct guest_port_ops *ops;
	void *ctx;
	struct shared_info *shared;
	unsigned nr_cpus;
	struct guest_cpu *cpus;

	struct irqs irqs;

	/*
	 * Sources, ports and IRQ numbers being bound and unbound: held over the hypercalls, so that
	 * a port which the hypervisor hands out again is never found under its old IRQ.
	 */
	struct lock map_lock;
	struct table ports; /* port -> struct irq_desc */
	struct table pirqs; /* pirq -> struct irq_desc; under map_lock */
	const struct events_abi *abi;
	void *abi_state;
	enum guest_abi abi_wanted;

	struct smp *smp; /* smp/; NULL until guest_smp_init */
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

/* guest.c: vcpu_info of a CPU from 32 on, which is down or this one. 0 if it is there. [task] */
int cpu_info_init(struct guest *g, struct guest_cpu *cpu);

/* A structure as a hypercall's argument. */
static inline uint64_t hypercall_arg(void *p)
{
	return (uint64_t)(uintptr_t)p;
}

#endif
