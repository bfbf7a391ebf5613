/* SPDX-License-Identifier: MIT */
/*
 * The pv-x86_64 port: what a kernel needs to be an x86-64 Xen PV guest, on Xen and in Carillon's
 * process backend alike, and to use the guest half (carillon/guest.h) there. The kernel defines
 * pv_main; the rest is here.
 *
 * Memory: the kernel is linked at 4 GiB, where the builder maps guest frame 0. What it maps at
 * start (up to a 4 MiB boundary) is all the memory of its own that this port uses. Frames of others
 * (pv_map_frames) are mapped beside that.
 * Compile and link as images/meson.build does: no red zone, no vector registers (an upcall saves
 * none), RIP-relative code. The kernel gives memcpy, memset, memmove and memcmp, which a compiler
 * may call. Contexts ([boot], [task], [any]) are guest.h's.
 */
#ifndef CARILLON_PV_H
#define CARILLON_PV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <carillon/guest.h>
#include <carillon/guest_mm.h>
#include <carillon/guest_smp.h>

struct pv;

/* ---- entry ---------------------------------------------------------------------------- */

/*
 * The kernel's own beginning: on a stack of its own, events disabled, no exception handlers yet.
 * Hypercalls and printing work. Returning ends the domain as a crash.
 */
void pv_main(struct start_info *si);

/* Registers of what was interrupted, as entry.S stores them. A trap hook may change them. */
struct pv_frame {
	uint64_t vector; /* of an exception: 0 .. 31 */
	uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdx, rsi, rdi;
	/* from here on it is a struct iret_context */
	uint64_t rax, r11, rcx, error, rip, cs, rflags, rsp, ss;
};

/*
 * Sees each exception first, with events disabled. true: go on with what is in the frame; false:
 * print a report and end the domain.
 */
typedef bool (*pv_trap_hook)(struct pv *pv, struct pv_frame *frame);

/* Handlers run on a stack of their CPU's, so big; the page below it is not mapped. */
#define PV_IRQ_STACK_BYTES ((size_t)16384)

/* What a CPU finds at GS base. */
struct pv_cpu {
	struct pv_cpu *self;
	struct pv *pv;
	unsigned id;
	unsigned irq_depth; /* upcalls that this CPU is in */
	void *irq_stack;    /* end of the stack for them, NULL: none (yet) */

	/* smp.c's, of the other CPUs: what their vCPU starts with stays theirs, once it is given */
	void *stack; /* end of it */
	bool initialised;

	/* segment.c's: read-only */
	uint64_t *gdt;
	uint64_t *ldt; /* NULL: none */
	unsigned ldt_entries;
};

struct pv_smp_config {
	/*
	 * What another CPU does: on a stack of its own, events disabled, online. It returns when
	 * guest_cpu_dying() says so and nothing is left to be done there; when the CPU is brought
	 * up again it is called anew. Returning unasked ends the domain as a crash.
	 */
	void (*main)(struct pv *pv, unsigned cpu);

	/* As in struct guest_smp_config, which see. */
	unsigned max_cpus, spin_limit;
	void (*reschedule)(struct guest *g);
	guest_irq_handler timer;
};

/* A free stretch of pages, or a free block: memory.c's. */
struct pv_free {
	struct pv_free *next;
	size_t pages;
};

#define PV_SMALL_CLASSES 6 /* 64, 128 .. 2048 bytes */

/*
 * The most that pv_map_frames can map over the kernel's life: 512 MiB. For every 2 MiB begun it
 * takes a page of the kernel's memory.
 */
#define PV_MAP_TABLES ((size_t)256)
#define PV_MAP_PAGES  (PV_MAP_TABLES * 512)

/*
 * The kernel's one instance of the port. Kernels read the first part; the rest is the port's own.
 */
struct pv {
	struct start_info *start_info;
	struct shared_info *shared_info; /* mapped */
	struct guest *guest;
	pv_trap_hook trap_hook; /* may be set at any time; NULL: none */

	struct guest_port_ops ops;
	const unsigned long *p2m; /* machine frame of guest frame */
	struct pv_cpu cpu[GUEST_MAX_CPUS];
	struct pv_smp_config smp; /* smp.c's */

	int lock; /* of the allocator */
	struct pv_free *small[PV_SMALL_CLASSES];
	struct pv_free *runs; /* by address, never adjacent */

	size_t mapped; /* map.c's, as the next: pages of PV_MAP_PAGES in use */
	const uint64_t *map_tables[PV_MAP_TABLES];
};

/*
 * Become a Xen guest: exception handlers, GS base, shared_info mapped, every port masked, events
 * disabled, event and failsafe callbacks, stack guard, allocator, interrupt stack, guest_create for
 * all vCPUs that there are (max_cpus=N on the command line: the first N), with the event-channel
 * ABI that abi=2l or abi=fifo there asks for (without: what Xen offers). Once. 0 or the negative
 * errno of what failed, after a line that says what. [boot]
 */
int pv_init(struct pv **out, struct start_info *si);

/* Only the exception handlers and what they need (pv_init does it too). [boot] */
int pv_init_traps(struct start_info *si);

/*
 * Be ready for more CPUs (guest_smp_init): guest_cpu_up and guest_cpu_down of guest_smp.h work from
 * then on, and handlers run on a stack of each CPU. Once; errors are guest_smp_init's. [task] on
 * CPU 0
 */
int pv_smp_init(struct pv *pv, const struct pv_smp_config *cfg);

/* End the domain: SHUTDOWN_*. [any] */
_Noreturn void pv_shutdown(unsigned reason);

/* Print a line and end the domain as a crash. [any] */
_Noreturn void pv_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* This CPU's own structure; from pv_init on. [any], stable while events are disabled. */
static inline struct pv_cpu *pv_this_cpu(void)
{
	struct pv_cpu *cpu;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* ---- hypercalls ----------------------------------------------------------------------- */

extern char pv_hypercall_page[];

/* Hypercall nr (below 128, not iret) with up to five arguments. [any] */
static inline long pv_hypercall(unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
				uint64_t a4)
{
	long result;
	register uint64_t r10 __asm__("r10") = a3;
	register uint64_t r8 __asm__("r8") = a4;

	/* Xen's debug builds destroy the argument registers. */
	__asm__ volatile("call *%[stub]"
			 : "=a"(result), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			 : [stub] "0"(pv_hypercall_page + (size_t)nr * 32)
			 : "rcx", "r11", "memory", "cc");
	return result;
}

/* A pointer as a hypercall's argument. */
static inline uint64_t pv_arg(const volatile void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* The time stamp counter, which vcpu_time_info is in. [any] */
static inline uint64_t pv_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* ---- memory --------------------------------------------------------------------------- */

#define PV_PAGE_BYTES ((size_t)4096)

/*
 * Zeroed memory; cache-line aligned, page-aligned if a multiple of a page. NULL: none left. [task]
 */
void *pv_alloc(struct pv *pv, size_t size);
void pv_free(struct pv *pv, void *p, size_t size);

/*
 * The machine frame behind an address of the image, the allocator or a mapping; UINT64_MAX if it is
 * none of these. [any]
 */
uint64_t pv_frame_of(const struct pv *pv, const void *p);

/*
 * Map n machine frames from mfn on, one after another, for good. 0; -ENOSPC: PV_MAP_PAGES are used
 * up; -ENOMEM: no memory for a page table; or the hypercall's answer, then some of PV_MAP_PAGES may
 * be lost. [task], one CPU at a time
 */
int pv_map_frames(struct pv *pv, uint64_t mfn, size_t n, bool writable, void **out);

/* Map one page of the kernel's own (pte 0: none) anew. The hypercall's answer. [any] */
int pv_remap(const void *va, uint64_t pte);

/*
 * An address space (guest_mm.h, as for the caller's memory) with a root of its own, which maps what
 * the builder's root maps.
 */
struct pv_space {
	struct guest_space space;
	uint64_t *root; /* its page; only to be read while the space is there */
};

/* guest_mm_init with the builder's root as the kernel's own. [task] on CPU 0 */
int pv_space_init(struct pv *pv);

/* Make one: a page, a copy, a pin. -ENOMEM, or guest_space_create's answer. [task] */
int pv_space_create(struct pv *pv, struct pv_space *space);

/* guest_space_destroy, and its page goes back to the allocator. [task] */
int pv_space_destroy(struct pv *pv, struct pv_space *space);

/* A page table entry for data. */
static inline uint64_t pv_pte(uint64_t mfn, bool writable)
{
	/* present, user (a PV kernel runs in ring 3), accessed, no execute; writable, dirty */
	return mfn << 12 | UINT64_C(0x8000000000000025) | (writable ? 0x42u : 0);
}

/* ---- segments and the processor -------------------------------------------------------------- */

/*
 * Each CPU has a GDT of one page: null, flat code and data for ring 3, and these thread-local
 * descriptors. Others that a kernel needs go into its LDT. What differs where descriptors are
 * checked but not loaded is in docs/differences.md.
 */
#define PV_GDT_ENTRIES	       512u
#define PV_TLS_FIRST	       12u
#define PV_TLS_SLOTS	       3u
#define PV_TLS_SELECTOR(slot)  ((PV_TLS_FIRST + (slot)) * 8 + 3)
#define PV_LDT_ENTRIES	       8192u
#define PV_LDT_SELECTOR(entry) ((entry)*8 + 7)

/*
 * Put a segment descriptor (0: none) into a thread-local slot of a CPU that has been up once. Xen
 * makes its DPL 3. -EINVAL: no such CPU or slot, or the descriptor is a gate or system segment that
 * Xen does not let a guest have. [any]
 */
int pv_set_tls(struct pv *pv, unsigned cpu, unsigned slot, uint64_t descriptor);

/*
 * Give the calling CPU an LDT with copies of these descriptors, instead of the one it had; 0
 * entries: none. -EINVAL: too many, or as above; -ENOMEM. [task]
 */
int pv_set_ldt(struct pv *pv, const uint64_t *descriptors, unsigned entries);

struct pv_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/*
 * CPUID as Xen answers it, by Xen's prefix: a plain cpuid asks the processor, which tells of
 * features that a PV kernel cannot use. Needs the exception handlers only on a Xen that does not
 * know the prefix. [any]
 */
static inline struct pv_cpuid pv_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct pv_cpuid out;

	__asm__ volatile(XEN_CPUID
			 : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
			 : "0"(leaf), "2"(subleaf));
	return out;
}

/* ---- console and text ----------------------------------------------------------------- */

/* Write to the console. The one place that knows where that is. [any] */
void pv_console_write(const char *text, size_t n);

/*
 * printf of %% %c %s %d %i %u %x %X %p, with l, ll, z, 0, - and a width. vsnprintf returns the
 * whole text's length; printf's lines are cut at 255 bytes. [any]
 */
int pv_vsnprintf(char *out, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
int pv_snprintf(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void pv_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For guest_show_interrupts: prints the line; arg is not used. [any] */
void pv_emit_line(void *arg, const char *line);

/* ---- command line --------------------------------------------------------------------- */

/*
 * The command line. It ends within its array whatever the builder wrote. [boot] before other uses
 */
const char *pv_cmdline(struct start_info *si);

/*
 * What follows `key` in the first word (words are separated by blanks) that begins with it, NULL if
 * none does. "shm=ring," finds shm=ring,0x1000,65; a key that ends a word is found too. [any]
 */
const char *pv_word(const char *cmdline, const char *key);

/*
 * Read a number, decimal or 0x hexadecimal, and the comma after it. False (p stays) if there is
 * none, if it does not fit or something else follows it than a comma, a blank or the end. [any]
 */
bool pv_number(const char **p, uint64_t *out);

/* Skip to after the next comma of the word; false if there is none. [any] */
bool pv_skip_field(const char **p);

#endif
