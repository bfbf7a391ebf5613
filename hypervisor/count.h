/* SPDX-License-Identifier: MIT */
/*
 * Counting the events raised for a vCPU, exactly, though anybody may raise one: each sending vCPU
 * counts on its own, in memory that only its own thread writes. What is asked for is the sum.
 * Events of single ports are counted in trace.h.
 *
 * A vCPU that is sent to has a slot, its place in what each sender counts. There are a few tens of
 * them in a hypervisor. Who comes later has none, and is counted for by atomic additions, as are
 * events that no vCPU's own thread raises.
 */
#ifndef HYPERVISOR_COUNT_H
#define HYPERVISOR_COUNT_H

#include <stdint.h>

struct hv_vcpu;

/* What became of an event: it is counted as one of these. */
enum counted {
	COUNT_TOLD,   /* newly pending; upcall_pending was set already, or the vCPU has none */
	COUNT_KICKED, /* newly pending, and upcall_pending went from 0 to 1 */
	COUNT_MERGED, /* was pending */
	COUNT_MASKED, /* newly pending, but the port is masked */
	COUNT_KINDS,
	/* In FIFO also one of these, which are counted as one of the others. */
	COUNT_MERGED_KICKED = COUNT_KINDS, /* merged, and upcall_pending went from 0 to 1 */
	COUNT_NOWHERE,			   /* told; but it is not pending: there is no place yet */
	COUNT_MERGED_NOWHERE,		   /* merged into one of these */
};

#define COUNT_SLOTS UINT64_C(32)

#define COUNT_CELLS (COUNT_SLOTS * COUNT_KINDS)

/* A vCPU's, as a sender and as one that is sent to. All atomic. */
struct counting {
	uint64_t sent[COUNT_CELLS];   /* COUNT_KINDS for each slot; its own thread writes them */
	uint64_t others[COUNT_KINDS]; /* raised for it, and counted by no sender */
};

/*
 * The vCPU comes, and goes: that one is out of hv->vcpus, nobody finds it any more, and it sends no
 * more. hv->count_lock held.
 */
void count_begin(struct hv_vcpu *v);
void count_end(struct hv_vcpu *v);

/* Add what all together have raised for it. [any] */
void count_sum(const struct hv_vcpu *v, uint64_t n[COUNT_KINDS]);

#endif
