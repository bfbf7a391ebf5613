/* SPDX-License-Identifier: MIT */
/* What the files of this image share: how a check reports, and a handler of its own (entry.S). */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#include "../lib/lib.h"

/* Print one check's line; one that is not ok makes the image end as a crash. */
void check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Did f(arg) raise this exception with this error code? The frame is survived()'s. */
bool raises(void (*f)(void *arg), void *arg, unsigned vector, uint64_t error);

/* entry.S: a handler that counts, writes down what it was entered with and goes back. */
extern char own_entry[];
extern struct own {
	uint64_t count;
	uint64_t rip, cs, rflags;
	uint64_t masked; /* evtchn_upcall_mask inside */
} own;
extern volatile uint8_t *own_mask; /* whose */

/* entry.S: HYPERVISOR_iret to the next instruction, with these selectors and flags. */
void iret_with(uint64_t cs, uint64_t ss, uint64_t rflags);

void check_vectors(struct pv *pv);
void check_segments(struct pv *pv);
void check_cpuid(struct pv *pv);
void check_nmi(struct pv *pv);

#endif
