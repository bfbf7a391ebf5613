/* SPDX-License-Identifier: MIT */
/* What the files of this image share: main.c is the story, count.c the counts, loop.c the port. */
#ifndef IMAGES_SMP_H
#define IMAGES_SMP_H

#include "../lib/lib.h"

#define MAX_CPUS 8u

enum {
	PHASE_NONE,
	PHASE_STORM,
	PHASE_CHURN,
	PHASE_END,
};

/* Each is written by its CPU only, handlers included. */
struct smp_cpu {
	uint64_t calls, works, reschedules, locks; /* asked for */
	uint64_t called, worked;
	volatile uint64_t armed, fired, deadline; /* timers */
	uint64_t lives;
	struct guest_work work[MAX_CPUS]; /* for each other CPU */
	unsigned done;			  /* the last phase it has finished */
	unsigned told;			  /* the last one of which it has told CPU 0 */
} __attribute__((aligned(64)));

struct smp {
	struct smp_cpu cpu[MAX_CPUS];
	unsigned nr_cpus, rounds;
	unsigned phase;
	struct guest_spinlock lock;
	uint64_t locked; /* under lock */
	uint64_t cycles;
};

extern struct smp smp;

enum guest_irqreturn smp_timer(struct guest *g, unsigned irq, void *dev);

/* count.c: print all counts, end the domain as a crash if they do not agree. */
void smp_check(struct pv *pv, unsigned cycles);

/* loop.c: a channel of this domain to itself, whose receiving port notifies that CPU */
void smp_loop_open(struct pv *pv, unsigned cpu);
void smp_loop_send(struct pv *pv);
void smp_loop_close(struct pv *pv); /* waits for what was sent last */

#endif
