/* SPDX-License-Identifier: MIT */
/*
 * What the files of this port say to each other, and entry.S and kernel.lds to them. What kernels
 * see is pv.h.
 */
#ifndef PV_INTERNAL_H
#define PV_INTERNAL_H

#include "layout.h"
#include "pv.h"

/* kernel.lds */
extern char pv_image_start[], pv_image_end[];

/* entry.S */
extern char pv_event_entry[], pv_failsafe_entry[];
extern const unsigned long pv_trap_entries[];
#define PV_TRAP_ENTRIES 20u
extern char pv_boot_guard[], pv_boot_stack[];
extern unsigned long pv_boot_rsp;

extern char pv_secondary_entry[];
_Noreturn void pv_secondary_again(struct pv_cpu *cpu, void *stack_end);

/* smp.c; the first is entry.S's */
_Noreturn void pv_secondary(struct pv_cpu *cpu);
/* A stack with an unmapped page below it; what is returned is its end. NULL: no memory. [task] */
void *pv_stack_alloc(struct pv *pv, size_t size);
void pv_stack_free(struct pv *pv, void *end, size_t size);

/* trap.c; the first two are entry.S's */
void pv_event(void);
void pv_trap(struct pv_frame *frame);
int pv_trap_init(void);
/* The same handlers, for the context of another CPU. */
void pv_trap_context(struct trap_info table[256]);

/* segment.c: a CPU's GDT, for its context; the same for the calling CPU, in use then. [task] */
int pv_gdt_make(struct pv *pv, struct pv_cpu *cpu);
int pv_gdt_load(struct pv *pv, struct pv_cpu *cpu);
/* Xen does not hold it (yet, or any more). */
void pv_gdt_free(struct pv *pv, struct pv_cpu *cpu);

/* memory.c: take over what is free of the memory that is mapped */
void pv_memory_init(struct pv *pv);

/* map.c: the frame behind an address of a mapping, UINT64_MAX if it is in none */
uint64_t pv_mapped_frame(const struct pv *pv, const void *p);

#endif
