/* SPDX-License-Identifier: MIT */
/*
 * What several images share and is not the port's (pv.h): the memory functions, a timer tick,
 * expected exceptions, frames that were given, and one end of a byte stream to another domain.
 */
#ifndef IMAGES_LIB_H
#define IMAGES_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <carillon/ring.h>

#include <pv.h>

/* ---- string.c ------------------------------------------------------------------------- */

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* ---- tick.c: our own 10 ms, by the one-shot timer ------------------------------------- */

#define TICK_NS UINT64_C(10000000)

struct tick {
	uint64_t count;	   /* ticks handled */
	uint64_t deadline; /* of the next, system time */
};

/* Stop the tick that a vCPU starts with and run ours. Ends the domain if that cannot be. [task] */
void tick_start(struct tick *tick, struct pv *pv);

/* ---- probe.c: exceptions that are expected -------------------------------------------- */

/* The trap hook for it: set it before survives is called. */
bool probe_hook(struct pv *pv, struct pv_frame *frame);

/*
 * Call f(arg). false: an exception ended it half-way. One CPU at a time; events are disabled from
 * the exception on.
 */
bool survives(void (*f)(void *arg), void *arg);

/* That exception, the last one: its frame, before the way back was changed. */
const struct pv_frame *survived(void);

/* ---- frames.c: memory that the command line tells of ---------------------------------- */

/* Map it, writable. Ends the domain with a line that says why if that cannot be. [task] */
void *frames_open(struct pv *pv, const char *what, uint64_t frame, uint64_t pages);

/* ---- shared.c: shared memory with an event channel beside it -------------------------- */

struct shared {
	void *memory; /* mapped, writable */
	size_t bytes;
	evtchn_port_t port;
	int irq;
};

/*
 * Map the memory that the command line's shm=NAME word tells of, and bind `handler` to its port;
 * name is the one of the shm word and of the IRQ. Ends the domain with a line that says why if that
 * cannot be. With events disabled, the handler does not run before they are enabled. [task]
 */
void shared_open(struct shared *shared, struct pv *pv, const char *name, guest_irq_handler handler,
		 void *dev);

/* Tell the other side. [any] */
void shared_notify(const struct shared *shared, struct pv *pv);

/*
 * Is there another side? A domain that ends leaves its peers' ports unbound, but no event says so:
 * who waits for one looks now and then, say at each tick. What a dead peer wrote is all there
 * before this says false. [any]
 */
bool shared_connected(const struct shared *shared);

#endif
