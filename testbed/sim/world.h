/* SPDX-License-Identifier: MIT */
/*
 * A machine inside the simulation: an embedder of both halves, whose vCPUs and devices are the
 * engine's threads. Scenarios make domains in their set-up, give vCPUs something to do, and check
 * what came of it.
 *
 * An upcall is taken as an interrupt: a kick makes the vCPU look at some later access, between any
 * two of its guest code; and, whether kicked or not, on every way back from a hypercall. One that
 * is kicked while its events are disabled has looked in vain: as on a real machine it is not told
 * again.
 */
#ifndef CARILLON_SIM_WORLD_H
#define CARILLON_SIM_WORLD_H

#include <carillon/guest.h>
#include <carillon/hypervisor.h>
#include <carillon/hypervisor_look.h>

#include "engine.h"

#define WORLD_MAX_VCPUS	  4u
#define WORLD_MAX_DOMAINS 4u
#define WORLD_PAGES	  24u /* of a domain; shared_info is the first */

struct world_vcpu {
	struct world_domain *d;
	struct hv_vcpu *hv;
	unsigned id;
	const char *name;
	struct sim_thread *thread;
	void (*fn)(struct world_vcpu *v);
	/* What is called with events masked; world_guest() sets guest_upcall. NULL: none. */
	void (*upcall)(struct world_vcpu *v);
	bool may_sleep; /* for ever, that is: it is done */
	uint64_t skew;	/* its counter is that much ahead of the others' */
	uint64_t deadline;
};

struct world_domain {
	struct hv_domain *hv;
	struct guest *guest;
	struct shared_info *shared;
	uint8_t *ram;
	unsigned pages_used;
	unsigned blocks; /* of RAM, lent to the guest half */
	unsigned nr_vcpus;
	struct world_vcpu vcpu[WORLD_MAX_VCPUS];
	void *user;
};

/* A level line's controller and device. */
struct world_line {
	unsigned line;
	bool level; /* asserted: by the device, plain */
	bool enabled;
	unsigned startups, masks, unmasks;
};

struct world {
	struct hv *hv;
	uint64_t now;
	struct world_domain domain[WORLD_MAX_DOMAINS];
	unsigned nr_domains;
	struct world_vcpu *acting; /* while no thread runs */
	struct sim_thread *timer;
};

/* ---- set-up and end, in the body ---- */

void world_begin(struct world *w);
/* All domains and the hypervisor go; fails if memory is left. */
void world_end(struct world *w);

/* A domain with its vCPUs up and their upcalls masked; ids are 1, 2, ... */
struct world_domain *world_domain(struct world *w, unsigned vcpus, unsigned nr_pirqs);
/* The same with a guest half on all its vCPUs. */
struct world_domain *world_guest(struct world *w, unsigned vcpus, unsigned nr_pirqs,
				 enum guest_abi abi);
/* Its vCPUs have ended (world_stop, or before they began). */
void world_destroy(struct world *w, struct world_domain *d);

/* What the vCPU does. When fn returns it sleeps and takes upcalls, if it has any. */
void world_run_vcpu(struct world_vcpu *v, const char *name, void (*fn)(struct world_vcpu *v));
/* Nothing but that. */
void world_idle_vcpu(struct world_vcpu *v, const char *name);
/*
 * By this vCPU itself: the flag is written, as a kernel's own code may. Nobody looks what is
 * pending.
 */
void world_enable_events(struct world_vcpu *v);

/* A thread that fires deadlines: time jumps there at any moment. */
void world_timer(struct world *w);

void world_line(struct world *w, struct world_line *l, unsigned line, enum hv_irq_flow flow);

/* A connected pair of ports; nothing is pending. */
void world_connect(struct world_domain *a, struct world_domain *b, evtchn_port_t *pa,
		   evtchn_port_t *pb);

/*
 * The hypervisor has a root of page tables for the domain, an empty one: its frame. Pages of zeros
 * can be roots too. vCPU 0 has it loaded, the others none until they load one.
 */
uint64_t world_adopt(struct world_domain *d);

/* A page of the domain's RAM, its frame. */
void *world_page(struct world_domain *d);
uint64_t world_frame(const struct world_domain *d, const void *p);

/* ---- from threads ---- */

/* The vCPU that this thread is. */
struct world_vcpu *world_self(void);

/* As the vCPU's guest code makes it; the vCPU sleeps in it while it is not runnable. */
long world_hypercall(struct world_vcpu *v, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2);
long world_evtchn(struct world_vcpu *v, unsigned op, void *arg);
long world_send(struct world_vcpu *v, evtchn_port_t port);

/* Crash the domain and wait until its vCPUs' threads have ended. */
void world_stop(struct world_domain *d);

/* Fails, naming what, unless ok. */
#define world_expect(ok, ...)                  \
	do {                                   \
		if (!(ok))                     \
			sim_fail(__VA_ARGS__); \
	} while (0)

#endif
