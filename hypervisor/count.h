/* SPDX-License-Identifier: MIT */
/*
 * Counting the events raised for a vCPU, exactly, though anybody may raise one: each sending vCPU
 * counts on its own, in a line that only its own thread writes. What is asked for is the sum.
 * Events of single ports are counted in trace.h.
 *
 * A sender has a few cells, each of one vCPU that it sends to, and which of them that is depends on
 * that vCPU. If the cell is another's already, and on threads that are no vCPU's, the count goes to
 * the vCPU that is sent to, by an atomic addition.
 */
#ifndef HYPERVISOR_COUNT_H
#define HYPERVISOR_COUNT_H

#include "atomic.h"

struct hv;
struct hv_vcpu;

/* What became of an event: it is counted as one of these. */
enum counted {
	COUNT_TOLD,   /* newly pending; upcall_pending was set already, or the vCPU has none */
	COUNT_KICKED, /* newly pending, and upcall_pending went from 0 to 1 */
	COUNT_MERGED, /* was pending */
	COUNT_MASKED, /* newly pending, but the port is masked */
	COUNT_KINDS,
};

#define COUNT_CELLS 6u

struct count_cell {
	struct hv_vcpu *of;	 /* atomic; NULL: nobody's yet */
	uint64_t n[COUNT_KINDS]; /* atomic; written by the sender's thread alone */
};

/* A vCPU's, as a sender and as one that is sent to. */
struct counting {
	struct count_cell cell[COUNT_CELLS];
	uint64_t others[COUNT_KINDS]; /* atomic: raised for it, and in nobody's cell */
	unsigned place;		      /* of the cell that each sender has for it, in bytes */
};

/*
 * The vCPU comes, and goes: that one is out of hv->vcpus, nobody finds it any more, and it sends no
 * more. hv->count_lock held.
 */
void count_begin(struct hv_vcpu *v);
void count_end(struct hv_vcpu *v);

/* The sum over all that send to it. [any] */
void count_sum(const struct hv_vcpu *v, uint64_t n[COUNT_KINDS]);

/* For count() below: `by` has no cell for `v`, or is no vCPU (NULL). */
void count_otherwise(struct hv_vcpu *by, struct hv_vcpu *v, enum counted kind);

#endif
