/* SPDX-License-Identifier: MIT */
/*
 * Guests without the guest half: what the ABI lets a guest do to its shared words, as simply as it
 * can be done. For what the guest half does not drive yet, and for orders that it never takes.
 */
#ifndef CARILLON_TESTS_SIM_RAW_H
#define CARILLON_TESTS_SIM_RAW_H

#include "scenario.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED	(1u << EVTCHN_FIFO_MASKED)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)
#define BUSY	(1u << EVTCHN_FIFO_BUSY)
#define LINK	EVTCHN_FIFO_LINK_MASK

#define RAW_PORTS 16u

/* A raw domain's user: its channels by port, and with FIFO, its side of the queues. */
struct raw {
	struct world_domain *d;
	struct channel *channel[RAW_PORTS];
	uint32_t mine[WORLD_MAX_VCPUS]; /* 2-level: the ports of a vCPU */
	bool level;			/* mask while handling, unmask afterwards */

	event_word_t *words;
	struct evtchn_fifo_control_block *block[WORLD_MAX_VCPUS];
	uint32_t head[WORLD_MAX_VCPUS][EVTCHN_FIFO_MAX_QUEUES];
	uint32_t ready[WORLD_MAX_VCPUS]; /* taken, and not all read */
	unsigned popped;
};

/* A raw domain that takes upcalls by the 2-level ABI. */
struct world_domain *raw_domain(struct world *w, struct raw *r, unsigned vcpus);

/* A channel from a raw domain to this one; it notifies that vCPU. */
void raw_channel(struct raw *r, struct channel *c, struct world_domain *from, unsigned vcpu);

/* FIFO on all its vCPUs, with event words, and upcalls that drain the queues. */
void raw_fifo(struct raw *r);
/* The steps of it: on that vCPU, its control block; the page of words. */
void raw_init_control(struct raw *r, struct world_vcpu *by, unsigned vcpu);
void raw_expand_array(struct raw *r, struct world_vcpu *by);
/* An invariant, in terms of the words: no port is on two queues or twice on one, no cycle. */
void raw_check_queues(const struct raw *r);

/* The vCPU's upcalls. */
void raw_enable(struct world_vcpu *v);
void raw_disable(struct world_vcpu *v);

/* A port's mask, in either ABI. */
void raw_mask(struct raw *r, uint32_t port);
void raw_unmask(struct raw *r, struct world_vcpu *v, uint32_t port);
long raw_unmask_call(struct world_vcpu *v, uint32_t port);
bool raw_pending(struct raw *r, uint32_t port);

long raw_bind_vcpu(struct world_vcpu *v, uint32_t port, unsigned vcpu);
long raw_set_priority(struct world_vcpu *v, uint32_t port, unsigned priority);
long raw_close(struct world_vcpu *v, uint32_t port);

#endif
