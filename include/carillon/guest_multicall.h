/* SPDX-License-Identifier: MIT */
/*
 * The guest half's multicalls: hypercalls that are queued on a CPU and made together, by one trap
 * (__HYPERVISOR_multicall). What is queued is done in the order of queueing, later than it was
 * queued, and never on another CPU. Contexts and errors are guest.h's.
 *
 * Queueing is done in a section, from guest_batch_begin to guest_batch_end. Events are disabled in
 * between, so no handler comes in, and what a handler queues is a section of its own. Sections
 * nest; the end of the outermost flushes. Functions of guest_mm.h, and the IPIs of guest_smp.h,
 * are queued if they are called in a section, and made at once elsewhere.
 *
 * Do not wait in a section for what another CPU does (it may need what is queued): functions of
 * guest_smp.h that wait answer -EDEADLK.
 */
#ifndef CARILLON_GUEST_MULTICALL_H
#define CARILLON_GUEST_MULTICALL_H

#include <carillon/guest.h>

#define GUEST_BATCH_CALLS 24u	/* that a batch holds */
#define GUEST_BATCH_BYTES 1024u /* of their arguments */

/*
 * What has become of a queued hypercall: called after the flush, with what the hypercall answered.
 * These calls come in the order of queueing, in the section, events disabled. The result takes the
 * place of the hypercall's: 0 or more if nothing is wrong, or not any more. Must not queue.
 */
typedef long (*guest_batch_done)(struct guest *g, long result, void *arg);

/* Begin a section; the result is for its end. [any] */
guest_flags_t guest_batch_begin(struct guest *g);

/*
 * End it. The outermost: flush, then events are as they were. The result is guest_batch_flush's, 0
 * of an inner one. [any]
 */
long guest_batch_end(struct guest *g, guest_flags_t flags);

/*
 * Make now what is queued on this CPU. One that failed does not keep later ones from being made.
 * Result: 0, or that of the first which failed since the last flush that said so, flushes of a full
 * batch included. [any], in a section or not; in a guest_batch_done it does nothing.
 */
long guest_batch_flush(struct guest *g);

/*
 * Queue a hypercall of this CPU, in a section: the caller fills in op and args of what is returned
 * (five arguments at most) before it calls anything else here. With `size`, *args points at so many
 * zeroed bytes, 8-byte aligned, that stay until the flush: for what the hypercall reads, or writes
 * for `done`. What was queued is flushed before, if the batch is full. done: NULL if there is
 * nothing to be done. NULL: not in a section, in a guest_batch_done, or more than GUEST_BATCH_BYTES
 * are wanted. [any]
 */
struct multicall_entry *guest_batch_add(struct guest *g, size_t size, void **args,
					guest_batch_done done, void *arg);

/*
 * Have done(g, 0, arg) called when all that was queued before has been made: after the next flush,
 * whether that makes anything or not. -EINVAL: as NULL above. [any]
 */
int guest_batch_after(struct guest *g, guest_batch_done done, void *arg);

/* Of all CPUs, since guest_create: calls - traps are saved. */
struct guest_batch_counters {
	uint64_t calls;	  /* hypercalls that were queued and made */
	uint64_t traps;	  /* hypercalls that made them; one alone is made directly */
	uint64_t flushes; /* that had something to do, and of these */
	uint64_t full;	  /* those because a batch was full */
	uint64_t failed;  /* calls, by what is said of `done` */
};

void guest_batch_counters(const struct guest *g, struct guest_batch_counters *out); /* [any] */

#endif
