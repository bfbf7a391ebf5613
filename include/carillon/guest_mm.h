/* SPDX-License-Identifier: MIT */
/*
 * The guest half with several address spaces: page-table roots that CPUs switch to, hold lazily,
 * and have to let go of before the root's frame can be anything else; and TLB flushes on other
 * CPUs. What is in page tables, and where they are mapped, is the kernel's (or its port's): here a
 * root is a frame number. Contexts and errors are guest.h's.
 *
 * In a section of guest_multicall.h all of these are queued, and their result, 0, says only that;
 * what fails then is the flush's result. Elsewhere they are made at once. What cannot be queued
 * (guest_space_destroy) says -EDEADLK there.
 *
 * Over a suspend frame numbers change: spaces are destroyed before, and made anew after.
 */
#ifndef CARILLON_GUEST_MM_H
#define CARILLON_GUEST_MM_H

#include <carillon/guest.h>

/* ---- address spaces ----------------------------------------------------------------------- */

/*
 * One address space: the caller's memory, zeroed once; not freed before guest_space_destroy says 0
 * and nobody comes with it any more. It may be made anew then, also while other CPUs try to use it.
 * Its members are ours.
 */
struct guest_space {
	uint64_t root;
	uint32_t state;
	uint64_t cpus[GUEST_MAX_CPUS / 64]; /* that hold it, lazily or not */
};

/*
 * Begin with them. Every CPU that is online has kernel_root loaded, later ones start with it, and
 * it is never unpinned: CPUs go there when they let go of another. -EEXIST: already; -ENOMEM;
 * -EINVAL: not on CPU 0. [task]
 */
int guest_mm_init(struct guest *g, uint64_t kernel_root);

/*
 * Pin a root (MMUEXT_PIN_L4_TABLE); its frame must not be mapped writable anywhere. The hypercall's
 * answer: -EINVAL if it cannot be a root or is pinned already. Not to be queued: -EDEADLK in a
 * section; -EINVAL: no guest_mm_init, or it is in use. [task]
 */
int guest_space_create(struct guest *g, struct guest_space *space, uint64_t root);

/*
 * Switch this CPU to it (MMUEXT_NEW_BASEPTR); NULL: to the kernel's own root. No hypercall if it is
 * loaded. The CPU is online (guest_smp.h), and the thread does not leave it meanwhile. -EINVAL:
 * there is no such space, or it is being destroyed; -EDEADLK: in a handler, in a call or in work,
 * which would take the space away under what was interrupted; or the hypercall's answer. Then the
 * CPU is where it was. [task]
 */
int guest_space_use(struct guest *g, struct guest_space *space);

/*
 * This CPU has nothing of its own to run: any space will do, so it stays where it is and holds that
 * lazily. Its next guest_space_use of the same costs nothing. [task]
 */
void guest_space_lazy(struct guest *g);

/*
 * What this CPU was told to use last; NULL: the kernel's own root, or lazily. Also when it was
 * taken away by guest_space_destroy. [any]
 */
struct guest_space *guest_space_current(const struct guest *g);

/*
 * The end of a space. CPUs that hold it, lazily or not, are made to let go (they switch to the
 * kernel's own root, by guest_smp_call_function_mask); then it is unpinned. When this says 0, no
 * vCPU has the root loaded, so its frame is data: it may be mapped writable.
 *
 * A guest_space_use that comes at the same time on another CPU either is refused, or that CPU is
 * among those that let go. CPUs that go down (guest_cpu_die) have let go before they are offline.
 * One that others only declare dead (guest_cpu_dead) has not: its vCPU keeps the root loaded, so
 * the frame stays a page table until that vCPU runs again and switches.
 *
 * -EINVAL: there is no such space, or it is being destroyed by another; -EDEADLK: in a handler, a
 * call, work, another call of this CPU, or in a section; -EBUSY: a CPU could not let go. If it
 * fails, the space is there as before, though CPUs may have let go. [task]
 */
int guest_space_destroy(struct guest *g, struct guest_space *space);

/* ---- page tables and TLBs: one hypercall each, queued in a section. [any] ------------------ */

/* Pin a table of this level (1 to 4), and the end of it. */
int guest_pin_table(struct guest *g, unsigned level, uint64_t mfn);
int guest_unpin_table(struct guest *g, uint64_t mfn);

/* update_va_mapping; flags are UVMF_*, with no vCPU bitmap. */
int guest_update_va_mapping(struct guest *g, uint64_t va, uint64_t pte, uint64_t flags);

/* Flush this CPU's TLB; the one page of it. */
int guest_flush_tlb_local(struct guest *g);
int guest_flush_tlb_page_local(struct guest *g, uint64_t va);

/*
 * Flush those of the CPUs in the mask, this one's too if it is in there: by the hypervisor, which
 * interrupts none of the guest's code. When it returns (when it is flushed, in a section) it is
 * done. No hypercall for an empty mask.
 */
int guest_flush_tlb(struct guest *g, const struct guest_cpumask *mask);
int guest_flush_tlb_page(struct guest *g, const struct guest_cpumask *mask, uint64_t va);

/* On the CPUs that hold the space. Who switches to it later does not need it. */
int guest_space_flush(struct guest *g, const struct guest_space *space);
int guest_space_flush_page(struct guest *g, const struct guest_space *space, uint64_t va);

/* ---- looking at it ------------------------------------------------------------------------ */

struct guest_mm_counters {
	uint64_t switches;  /* of roots, made */
	uint64_t kept;	    /* uses of what was held lazily: no switch */
	uint64_t shot_down; /* CPUs that were made to let go */
};

void guest_mm_counters(const struct guest *g, struct guest_mm_counters *out); /* [any] */

#endif
