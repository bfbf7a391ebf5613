/* SPDX-License-Identifier: MIT */
/*
 * What the shim's own files know of each other. The kernel's interface comes from its exported
 * headers; there is no libc here. What the monitor knows too is in shim_abi.h.
 */
#ifndef CARILLON_VMM_SHIM_H
#define CARILLON_VMM_SHIM_H

#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#include "../shim_abi.h"

/* One executable, at an address where only relative references reach */
#pragma GCC visibility push(hidden)

extern char shim_restorer[], shim_restorer_end[];
extern char shim_copy_at[], shim_copy_fault[];
extern char shim_iret[], shim_iret_checked[], shim_iret_last[], shim_iret_slow[];
extern char shim_iret_slow_end[], shim_iret_end[], shim_iret_store[], shim_iret_tail_end[];
extern char shim_after[], shim_after_last[], shim_after_pushed[], shim_after_flags[];
extern char shim_after_flags_end[], shim_after_masked[], shim_after_store[], shim_after_tail_end[];
extern char shim_end[];

/* start.S */
long shim_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5);
long shim_clone(unsigned long flags, char *stack, void (*start)(unsigned long), unsigned long arg);
long shim_copy(void *to, const void *from, unsigned long words);

/* handler.c: for SHIM_SIGNAL, and for exceptions */
void shim_kicked(int sig, void *info, struct ucontext *uc);
void shim_exception(int sig, void *info, struct ucontext *uc);

#pragma GCC visibility pop

static inline struct shim_control *control(void)
{
	return (struct shim_control *)SHIM_CONTROL;
}

#endif
