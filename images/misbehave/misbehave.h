/* SPDX-License-Identifier: MIT */
/*
 * What the files of this image share: how a mode reports, and how it survives what it tries. Which
 * modes there are is in main.c.
 */
#ifndef MISBEHAVE_H
#define MISBEHAVE_H

#include "../lib/lib.h"

/* ---- main.c --------------------------------------------------------------------------- */

/* Print what is wrong unless ok; the image then ends as a crash. */
void expect(bool ok, const char *what, long number, long result);

/* Print OK and power off, or crash if something was not as expected. */
_Noreturn void finish(const char *mode);

/* ---- calls.c: hypercalls and system calls with bad numbers and pointers --------------- */

void mode_unknown(struct pv *pv);
void mode_syscall(struct pv *pv);
void mode_badptr(struct pv *pv);
void mode_exit(struct pv *pv);

/* The syscall instruction, with any number. */
long raw_syscall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);

#endif
