/* SPDX-License-Identifier: MIT */
/*
 * What the files of this image share. Unlike images/misbehave it knows how the process backend is
 * made (vmm/shim_abi.h) and aims at that; on Xen it means nothing. Modes are named in main.c.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <pv.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "../../../vmm/shim_abi.h"

#define NOINLINE __attribute__((noinline))

/* entry.S */
long hostile_syscall(uint64_t ip, uint64_t nr, const uint64_t args[6]); /* call *ip, rax = nr */
void hostile_registers(uint64_t ip, const uint64_t regs[16]) __attribute__((noreturn)); /* jump */
void hostile_sigreturn(const void *frame, uint64_t ip) __attribute__((noreturn)); /* rsp = frame */
/* far jump to 32-bit code, which goes on at `at` */
void hostile_compat(uint64_t entry32, uint64_t at) __attribute__((noreturn));
long hostile_raw(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		 uint64_t a5);
long hostile_int80(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
extern char hostile_ap_entry[], hostile_ap_event[], hostile_ud2[];
extern char hostile_code32[], hostile_code32_end[];
extern const uint64_t hostile_calls32[6];

/* main.c */
struct start_info *hostile_si(void);
uint64_t hostile_option(const char *key, uint64_t otherwise);
uint64_t hostile_rnd(uint64_t *seed);
void hostile_done(void) __attribute__((noreturn));     /* "OK", poweroff */
void hostile_timer(struct pv *pv, uint64_t period_ns); /* upcalls from now on */
extern volatile uint64_t hostile_ticks;
void hostile_spin(struct pv *pv, uint64_t ms);

/* smp.c: start vCPU n in f(arg), on a stack of its own; its upcalls clear pending and return */
void hostile_start_vcpu(struct pv *pv, unsigned n, void (*f)(unsigned cpu, void *arg), void *arg);

/* Modes */
void mode_fuzz(struct pv *pv);
void mode_chaos(struct pv *pv);
void mode_shutdowns(struct pv *pv);
void mode_scratch(struct pv *pv);
void mode_info(struct pv *pv);
void mode_moved(struct pv *pv);

void mode_sigreturn(struct pv *pv);
void mode_gate(struct pv *pv);
void mode_inside(struct pv *pv);
void mode_compat(struct pv *pv);
void mode_flags(struct pv *pv);
void mode_frames(struct pv *pv);

void mode_plan(struct pv *pv);
void mode_endless(struct pv *pv);
void mode_maps(struct pv *pv);
void mode_unmap(struct pv *pv);
void mode_tables(struct pv *pv);
void mode_shared(struct pv *pv);

void mode_calls(struct pv *pv);

void mode_arguments(struct pv *pv);
void mode_stack(struct pv *pv);

void mode_areas(struct pv *pv);
void mode_segments(struct pv *pv);
void mode_vectors(struct pv *pv);

void mode_hand(struct pv *pv);

void mode_console(struct pv *pv);
void mode_timers(struct pv *pv);

/* sandbox.c */
void hostile_die(void) __attribute__((noreturn));

/* map.c: a leaf table's worth of addresses whose entries can be changed; the guest's own */
uint64_t hostile_new_table(struct pv *pv); /* mfn of a zeroed page without a writable mapping */
void hostile_link(uint64_t table_mfn, unsigned slot, uint64_t entry);
uint64_t hostile_l3(struct pv *pv); /* the mfn of the table of the low 512 GiB */

#endif
