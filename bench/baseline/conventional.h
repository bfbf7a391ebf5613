/* SPDX-License-Identifier: MIT */
/*
 * Event channels as they are conventionally made, to compare with: a reader-writer lock in each
 * channel that every sender takes, a spinlock for each FIFO queue and domain, a linear search for a
 * free port, and counters that all share. It keeps the same ABI towards the guest, and does what
 * the rows of the benchmark need: no more states, no VIRQs, no rights, no polling, nothing about
 * domains that die. So it is faster than a whole one of its kind would be.
 */
#ifndef BASELINE_CONVENTIONAL_H
#define BASELINE_CONVENTIONAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/xen.h>

#include "lock.h"

#define CONV_VCPUS	  4u
#define CONV_BUCKET	  128u /* channels */
#define CONV_BUCKETS	  (EVTCHN_FIFO_NR_CHANNELS / CONV_BUCKET)
#define CONV_WORDS	  1024u /* event words in a page */
#define CONV_WORD_PAGES	  (EVTCHN_FIFO_NR_CHANNELS / CONV_WORDS)
#define CONV_PRIO_DEFAULT 7u

enum conv_state {
	CONV_FREE,
	CONV_UNBOUND,
	CONV_INTERDOMAIN
};

/* What became of an event. */
enum conv_path {
	CONV_NOWHERE,
	CONV_MERGED,
	CONV_MASKED,
	CONV_TOLD,
	CONV_KICKED,
	CONV_PATHS
};

struct conv_channel {
	struct rw lock;
	uint8_t state, vcpu, priority;
	uint16_t last; /* atomic: the queue that it was on: vCPU and priority */
	uint32_t remote_port;
	struct conv_domain *remote;
};

struct conv_queue {
	struct spin lock;
	uint32_t tail; /* port; 0: never one */
};

struct conv_vcpu {
	struct vcpu_info *info;
	struct evtchn_fifo_control_block *block;
	struct conv_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct conv_domain {
	struct conv_system *system;
	struct spin lock; /* taking ports into use and closing them */
	bool fifo;
	uint32_t ports; /* that channels are there for */
	struct conv_channel *bucket[CONV_BUCKETS];
	struct shared_info *shared;
	event_word_t *words[CONV_WORD_PAGES];
	struct conv_vcpu vcpu[CONV_VCPUS];
};

struct conv_system {
	uint64_t paths[CONV_PATHS];
	void *(*zalloc)(struct conv_system *s, size_t n); /* NULL: none left */
	void (*kick)(struct conv_domain *d, unsigned vcpu);
};

/* All answer 0 or a negative errno of Xen's. */
long conv_send(struct conv_domain *d, uint32_t port);
long conv_alloc_unbound(struct conv_domain *d, struct conv_domain *remote, uint32_t *port);
/* Raises an event on the new port. */
long conv_bind_interdomain(struct conv_domain *d, struct conv_domain *remote, uint32_t remote_port,
			   uint32_t *port);
long conv_close(struct conv_domain *d, uint32_t port);
/* Where a port's events go. Nobody sends on it meanwhile. */
void conv_place(struct conv_domain *d, uint32_t port, unsigned vcpu, unsigned priority);
/*
 * Take that port into use in that state, without the search and without an event; its remote port
 * has the same number. So that a machine with many ports is made in no time.
 */
long conv_occupy(struct conv_domain *d, enum conv_state state, struct conv_domain *remote,
		 uint32_t port);

/* raise.c: an event on that port, whose channel this is. */
void conv_raise(struct conv_domain *d, struct conv_channel *c, uint32_t port);

#endif
