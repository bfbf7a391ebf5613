/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor, a domain and a vCPU as the files of this half see them. What each part does with
 * its members is in its own header (ports.h, event.h, irq.h, time.h, vcpu.h, domain.h, mm.h).
 */
#ifndef HYPERVISOR_PRIVATE_H
#define HYPERVISOR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <carillon/hypervisor.h>
#include <xen/compat32.h>
#include <xen/errno.h>

#include "count.h"
#include "lock.h"
#include "section.h"

#define DOMID_BITS   15
#define DOMAIN_PAGE  512u /* domids per page of the domain table */
#define DOMAIN_PAGES ((1u << DOMID_BITS) / DOMAIN_PAGE)

struct mm;
struct event_abi;
struct fifo;
struct fifo_queue;
struct pirq;
struct irq_line;
struct bucket;
struct trace;

/* The relation of cycles to time that goes into vcpu_time_info. */
struct clock {
	uint64_t cycles, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags; /* XEN_PVCLOCK_* */
	uint64_t wall_sec;
	uint32_t wall_nsec;
};

struct domain_page {
	struct hv_domain *domain[DOMAIN_PAGE]; /* atomic: senders read it */
};

struct hv {
	struct shared_section section; /* of all threads, where it is not a vCPU's on its own */
	const struct hv_ops *ops;
	void *ctx;

	struct lock lock; /* domain table, list, references, targets, lines, clock, VIRQs' handlers
			   */
	struct domain_page *domains[DOMAIN_PAGES]; /* atomic; a page stays until hv_destroy */
	struct hv_domain *first;		   /* list of all domains in the table */
	struct hv_domain *virq_handler[NR_VIRQS];  /* NULL: the privileged domain */
	struct irq_line *lines[HV_MAX_LINES];	   /* atomic; a line stays until hv_destroy */
	struct clock clock;

	struct hv_domain *foreground; /* atomic; compared, never followed */
	uint64_t eoi_timeout;	      /* atomic: ns, HV_NEVER: no eoi is forced */
	struct lock irq_timer_lock;
	uint64_t irq_timer_armed; /* what the embedder was told last; under that lock */

	struct lock section_lock, count_lock;
	struct hv_vcpu *vcpus; /* list of all; written under both locks */
	uint32_t count_slots;  /* those in use, a bit each; under count_lock */
	uint64_t epoch;	       /* atomic; section.c. Never 0 */
};

/* Why a vCPU does not run: hv_vcpu.stopped is a set of these. */
#define STOP_DOWN     1u  /* VCPUOP_up has not been called, or _down has */
#define STOP_BLOCKED  2u  /* in SCHEDOP_block or _poll, until an event or the poll's deadline */
#define STOP_PAUSED   4u  /* hv_domain_pause */
#define STOP_SHUTDOWN 8u  /* the domain shut down, or is being destroyed */
#define STOP_ASLEEP   16u /* it began up (VGCF_online), and nothing has woken it yet */

#define BUCKET_PORTS   256u /* ports.h */
#define DOMAIN_BUCKETS 512u

#define WATCHDOGS 2u /* per domain, as on Xen */

#define POLL_NONE 0u
#define POLL_ANY  UINT32_MAX

/* A vCPU's timers; time.c. One deadline for them all goes to the embedder. */
struct timers {
	struct lock lock;
	uint64_t single; /* absolute, HV_NEVER if off */
	uint64_t period; /* 0 if off */
	uint64_t last_tick;
	uint64_t poll;		      /* absolute, HV_NEVER if off */
	uint64_t watchdog[WATCHDOGS]; /* the domain's, at its vCPU 0; absolute, HV_NEVER if off */
	uint64_t armed;		      /* what the embedder was told last */
	uint32_t tick_stopped;	      /* atomic: the tick waits for the vCPU to run again */
};

/* How the vCPU has spent its time; runstate.c. */
struct runstate {
	struct lock lock;
	uint32_t state; /* RUNSTATE_*; atomic: its own thread looks at it without the lock */
	uint64_t since;
	uint64_t time[4]; /* by state, without the time since then */
	uint64_t area;	  /* atomic; guest virtual address where the guest wants it, 0: nowhere */
};

/*
 * Where the guest wants to be entered; entry.c. Only the vCPU's own thread writes it, except before
 * it first runs.
 */
struct entry {
	struct hv_entry at;	 /* at.event is atomic: others ask whether it is set */
	struct trap_info *traps; /* 256 */
	uint32_t nmi_pending;	 /* atomic */
	uint32_t nmi_masked;	 /* atomic; written by its own thread: from an NMI to the iret */
};

/* A search for a free port that was cut short: where it goes on, and for which operation. */
struct port_search {
	uint32_t from; /* 0: there is none */
	uint32_t op;
	uint64_t arg;
};

/*
 * A vcpu_info of either width: all here is at the same place in both, but for the selector
 * (event_2l.c). A 32-bit guest's is aligned to 4 bytes only, so times are two halves each.
 */
struct vcpu_area {
	uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	uint16_t pad0;
	uint32_t selector32;
	uint32_t selector64[2];
	uint32_t arch[4];
	struct area_time {
		uint32_t version;
		uint32_t pad0;
		uint32_t tsc_timestamp[2];
		uint32_t system_time[2];
		uint32_t tsc_to_system_mul;
		int8_t tsc_shift;
		uint8_t flags;
		uint8_t pad1[2];
	} time;
};

typedef uint64_t __attribute__((may_alias)) aliased_u64;

/* A 64-bit domain's areas are aligned for it. */
static inline aliased_u64 *area_selector64(const struct vcpu_area *area)
{
	return (aliased_u64 *)(uintptr_t)area->selector64;
}

#define COMPAT_ROOM 64u /* bytes: no argument that is translated is larger */

struct hv_vcpu {
	/* Its own thread writes it, at each hypercall. */
	struct section section;
	uint64_t hypercalls; /* atomic: others read it */

	/* What senders read, and hardly anybody writes. */
	struct hv_domain *domain __attribute__((aligned(64)));
	unsigned id;
	unsigned first_queue;	   /* queue_id() of its priority 0, event_fifo.c */
	uint64_t cells;		   /* its slot's in counting.sent; COUNT_CELLS: it has none */
	uint32_t short_2l;	   /* atomic: set_ways(), event_abi.h */
	struct vcpu_area *info;	   /* atomic; NULL: none (id >= XEN_LEGACY_MAX_VCPUS and not
				      registered) */
	const struct fifo *fifo;   /* atomic: likewise */
	struct fifo_queue *queues; /* atomic; its own of domain->fifo, and goes with it */
	struct evtchn_fifo_control_block *block; /* atomic; NULL: none. Goes with domain->fifo */
	void *user;
	uint64_t block_mfn;	      /* its frame, held by mm_get_frame */
	uint32_t virq_port[NR_VIRQS]; /* atomic; 0: not bound here */

	/* What senders and this vCPU both write. */
	uint32_t stopped __attribute__((aligned(64))); /* atomic set of STOP_* */
	uint32_t poll_port; /* atomic: POLL_NONE, POLL_ANY or the one port polled; written by its
			       own thread only */
	/* Each atomic, relaxed: kicks that no send was counted with (count.h), pirqs and eois. */
	uint64_t kicks, pirqs, eois;

	struct counting counting __attribute__((aligned(64)));

	/* This vCPU's own thread. */
	struct hv_vcpu *next; /* hv->vcpus' list */
	bool polling; /* it has a poll_port, and is one of the domain's pollers, since its last
			 hypercall */
	bool in_multicall;
	bool preempted;		/* the last hypercall, which goes on with these arguments */
	uint64_t go_on_with[6]; /* hypercall.h */
	struct port_search search;
	struct entry entry;
	struct vcpu_guest_context *context; /* atomic; NULL until initialised; set once, under
					       domain->lock */
	uint64_t info_mfn; /* registered vcpu_info: a frame held by mm_get_frame; else HV_NEVER */
	unsigned info_offset;
	/* A 32-bit domain's: an argument as a 64-bit guest would have passed it; compat.c. */
	uint8_t translated[COMPAT_ROOM] __attribute__((aligned(8)));
	bool answered; /* and something has been given back there */

	struct timers timers;
	struct runstate runstate;
	struct lock clock_lock; /* writers of info->time */
	uint32_t time_version;	/* ours, even: never the guest's copy */
};

struct hv_domain {
	struct hv *hv;
	domid_t domid;
	bool privileged;
	struct hv_domain *target; /* atomic; compared only. NULL: none */
	bool compat32;		  /* its guest is a 32-bit one */
	unsigned max_vcpus;
	struct hv_vcpu **vcpu;
	void *user;
	struct mm *mm; /* mm.c's */

	/*
	 * Events. What senders read is written under lock and published by valid_ports; what is
	 * written for each port that comes or goes is not on its lines.
	 */
	const struct event_abi *abi; /* atomic: domain_abi() */
	struct fifo *fifo;	     /* event_fifo.h; NULL in the 2-level ABI */
	struct trace *trace;	     /* atomic; trace.h; NULL: single ports are not counted */
	struct shared_info *shared;  /* a compat_shared_info if compat32: shared32() */
	uint64_t shared_mfn;	     /* its frame, HV_NEVER if it is none of the domain's memory */
	uint32_t valid_ports;	     /* atomic: ports below can be looked at */
	uint32_t port_limit;	     /* the first number it may not allocate, whatever the ABI */
	uint32_t pollers;	     /* atomic: how many vCPUs poll */

	/* under lock: how many are in use, or still being closed */
	uint32_t open_ports __attribute__((aligned(64)));
	uint32_t reset_at; /* under lock: a reset goes on here; 0: there is none half done */
	/* Under lock, as what follows: free-port search, ports.c. */
	uint32_t lowest_free;
	uint32_t ports_now; /* numbers below are valid and within all limits */
	uint32_t full_words_full;
	uint64_t full_words[32];

	struct lock lock; /* ports and pirqs of this domain, vCPU initialisation, pause count,
			     shutdown */
	unsigned refs;	  /* under hv->lock: domain_get() */
	bool dying;	  /* under lock: allocates no port any more */
	unsigned pause_count;
	uint32_t shut_down;	/* atomic: 0, or the shutdown reason + 1 */
	uint32_t runstate_flag; /* atomic: the guest wants XEN_RUNSTATE_UPDATE */
	uint32_t watchdogs;	/* under lock: those in use, a bit each */
	unsigned shutdown_code; /* SCHEDOP_shutdown_code + 1, 0 if unset */

	uint32_t wallclock_version; /* under hv->lock */

	/* Published by valid_ports. */
	struct bucket *bucket[DOMAIN_BUCKETS] __attribute__((aligned(64)));

	unsigned nr_pirqs;
	struct pirq *pirqs;
	uint64_t eoi_map_mfn; /* a frame held by mm_get_frame, HV_NEVER: none. Under lock */
	uint64_t *eoi_map;    /* that frame: a bit for each pirq that needs an eoi; the guest's */
	bool eoi_unmasks;     /* eoi unmasks the port too */

	struct hv_domain *next; /* hv->first's list */
};

static inline struct compat_shared_info *shared32(const struct hv_domain *d)
{
	return (struct compat_shared_info *)(void *)d->shared;
}

/* The compiler calls these in any case; whoever links us has them. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memset(void *dst, int c, size_t n);

/* The embedder's memory. Zeroed; NULL if there is none. */
static inline void *alloc(const struct hv *hv, size_t size)
{
	return hv->ops->alloc(hv->ctx, size);
}

static inline void release(const struct hv *hv, void *p, size_t size)
{
	if (p)
		hv->ops->free(hv->ctx, p, size);
}

static inline uint64_t now(const struct hv *hv)
{
	return hv->ops->now(hv->ctx);
}

#endif
