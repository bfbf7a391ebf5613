/* SPDX-License-Identifier: MIT */
/*
 * The testbed: a machine inside one process, both halves linked together, for unit tests,
 * simulation, replay and benchmarks. It is an embedder like any other: it uses include/carillon/
 * only. Hypercalls as a domain without guest code makes them are in ops.h.
 *
 * Time is virtual (one thread, nothing happens but by testbed_advance and testbed_step, deadlines
 * fire in order) or real (each vCPU is a thread, a timer thread fires deadlines). A domain either
 * has a guest half on top or is raw: then the test makes its hypercalls and looks at its memory.
 * Guest virtual addresses are host addresses inside the domain's arena, frame numbers are not. A
 * 32-bit domain is always raw, and who makes its hypercalls builds their arguments in its layouts.
 *
 * Upcalls are taken where a vCPU comes back from a hypercall, and at testbed_point() and
 * testbed_run(); nothing interrupts C code in between. A mistake of the test's own (a busy wait
 * that nobody can end, no page left) prints a line and aborts.
 */
#ifndef CARILLON_TESTBED_H
#define CARILLON_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <carillon/guest.h>
#include <carillon/hypervisor.h>
#include <carillon/hypervisor_look.h>
#include <xen/compat32.h>

struct testbed;
struct testbed_domain;
struct testbed_vcpu;
struct testbed_line;

enum testbed_time {
	TESTBED_VIRTUAL,
	TESTBED_THREADS,
};

#define TESTBED_MS 1000000ull

/* ---- the machine ----------------------------------------------------------------------------- */

/* A machine without domains; NULL if hv_create fails (allocation failure is fatal otherwise). */
struct testbed *testbed_create(enum testbed_time time);

/*
 * Destroy what domains are left, then the hypervisor. The result is the number of blocks that the
 * hypervisor half and the guests did not give back: 0, or there is a leak.
 */
unsigned testbed_destroy(struct testbed *tb);

struct hv *testbed_hv(const struct testbed *tb);

/*
 * The hypervisor's allocation number n from now (0: the next) fails, once; UINT64_MAX: none does.
 */
void testbed_fail_alloc(struct testbed *tb, uint64_t n);
/* How many are left until that one; UINT64_MAX: it has failed, or none is to. */
uint64_t testbed_allocs_left(const struct testbed *tb);

/* Blocks that the hypervisor half and the guests hold now, and the bytes that they asked for. */
unsigned testbed_blocks(const struct testbed *tb);
size_t testbed_bytes(const struct testbed *tb);

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t testbed_now(const struct testbed *tb);	   /* ns of system time */
uint64_t testbed_cycles(const struct testbed *tb); /* what guests' clocks count: 2 per ns, from
						      TESTBED_CYCLES0 */
#define TESTBED_CYCLES0 1000000ull

/*
 * This vCPU's counter is that much ahead of the others', and so is its clock, as between processors
 * whose counters were never set to each other. A guest half's domain; the hypervisor no longer
 * promises that they agree.
 */
void testbed_set_skew(struct testbed_vcpu *v, uint64_t cycles);

/*
 * Virtual: let ns pass; deadlines that fall into it fire in order, each followed by testbed_run().
 */
void testbed_advance(struct testbed *tb, uint64_t ns);

/* Virtual: when the next deadline is, HV_NEVER if there is none. */
uint64_t testbed_next(const struct testbed *tb);

/*
 * Virtual: go to the next deadline and fire it; false (and nothing has happened) if there is none.
 */
bool testbed_step(struct testbed *tb);

/* ---- domains --------------------------------------------------------------------------------- */

struct testbed_domain_config {
	domid_t id;
	unsigned vcpus; /* 0: 1 */
	unsigned pages; /* RAM for testbed_page(); 0: 64 */
	unsigned nr_pirqs;
	uint32_t max_evtchn_port; /* 0: no limit */
	unsigned nr_irqs;	  /* guest_config.nr_irqs */
	unsigned nr_legacy_pirqs; /* guest_config.nr_legacy_pirqs */
	enum guest_abi abi;	  /* guest_config.abi */
	bool privileged;
	bool periodic_tick;
	bool guest;    /* a guest half on top, made on vCPU 0 */
	bool absent;   /* vCPU 0 is not started: nothing of it has run */
	bool compat32; /* a 32-bit domain, raw; its arena is below 4 GiB */
	/*
	 * The hypervisor has a root of page tables for it, an empty one: pages of zeros can be
	 * pinned and loaded as roots too. Its memory is reached without them all the same.
	 */
	bool page_tables;
};

/*
 * Create a domain, all vCPUs' upcalls masked as a domain builder does; vCPU 0 is started. NULL on
 * failure, *error (may be NULL) says why.
 */
struct testbed_domain *testbed_domain_create(struct testbed *tb,
					     const struct testbed_domain_config *cfg, int *error);

/*
 * Its threads are told to leave (the domain crashes) and joined, its guest half is freed, then it.
 */
void testbed_domain_destroy(struct testbed_domain *d);

struct hv_domain *testbed_hv_domain(const struct testbed_domain *d);
struct testbed *testbed_domain_machine(const struct testbed_domain *d);
struct guest *testbed_guest(const struct testbed_domain *d); /* NULL: raw */
/* Its page; each is NULL for a domain of the other width. */
struct shared_info *testbed_shared_info(const struct testbed_domain *d);
struct compat_shared_info *testbed_shared_info32(const struct testbed_domain *d);
unsigned testbed_shutdowns(const struct testbed_domain *d); /* calls of hv_ops.shutdown for it */

/* What the domain wrote to its console so far; what it will read. text must outlive the read. */
const char *testbed_console(const struct testbed_domain *d);
void testbed_console_input(struct testbed_domain *d, const char *text);

/* ---- its memory ------------------------------------------------------------------------------ */

void *testbed_page(struct testbed_domain *d); /* a new zeroed page of its RAM */
uint64_t testbed_frame(const struct testbed_domain *d, const void *p);

/* The frame of the root that its vCPUs start with; page_tables was set. */
uint64_t testbed_root(const struct testbed_domain *d);

/* Where an argument is: see testbed_place. */
enum testbed_where {
	AT_OK, /* mapped, writable, aligned */
	AT_NULL,
	AT_UNMAPPED,  /* a hole among the domain's pages */
	AT_NONCANON,  /* not an address */
	AT_XEN,	      /* the hypervisor's own */
	AT_TOP,	      /* the last 16 bytes of the address space */
	AT_STRADDLE,  /* begins in the last 4 bytes before a hole (1 byte of 2, 2 of 4) */
	AT_EDGE,      /* ends exactly before a hole */
	AT_UNALIGNED, /* odd address */
	AT_READONLY,  /* readable, not writable */
};

/*
 * Put n bytes (at most 8192) where a guest would keep them, as far as that place exists; its guest
 * virtual address. Two areas per vCPU (slot 0, 1), so that an argument may point at another.
 */
uint64_t testbed_place(struct testbed_vcpu *v, enum testbed_where where, unsigned slot,
		       const void *bytes, size_t n);

/* Read them back; false if that place cannot be read. */
bool testbed_fetch(struct testbed_vcpu *v, uint64_t va, void *bytes, size_t n);

/* ---- vCPUs ----------------------------------------------------------------------------------- */

struct testbed_vcpu *testbed_vcpu(const struct testbed_domain *d, unsigned id);
struct testbed_domain *testbed_vcpu_domain(const struct testbed_vcpu *v);
unsigned testbed_vcpu_id(const struct testbed_vcpu *v);
struct hv_vcpu *testbed_hv_vcpu(const struct testbed_vcpu *v);

/*
 * Give it a context and bring it up as the builder would; a guest half prepares that CPU (virtual
 * time). hv_vcpu_start's result.
 */
int testbed_vcpu_boot(struct testbed_vcpu *v);

/* From now on a kick also lets the vCPU go on (hv_vcpu_resumed), as an embedder's may. */
void testbed_kick_resumes(struct testbed *tb);
/* kick callbacks so far */
unsigned testbed_kicks(const struct testbed_vcpu *v);
/* the deadline set last */
uint64_t testbed_deadline(const struct testbed_vcpu *v);

/*
 * The vCPU that this thread acts as; guest half calls of another domain run on that domain's vCPU
 * 0. Returns the one before. With threads, every vCPU thread is its own already.
 */
struct testbed_vcpu *testbed_on(struct testbed_vcpu *v);

/*
 * A hypercall. Afterwards a vCPU with a guest half takes its upcalls, and waits while it is not
 * runnable; a raw one waits with threads, and with virtual time returns at once (look with
 * hv_vcpu_runnable).
 */
long testbed_hypercall(struct testbed_vcpu *v, uint64_t nr, const uint64_t args[6]);
#define testbed_call(v, nr, ...) testbed_hypercall(v, nr, (const uint64_t[6]){ __VA_ARGS__ })

/*
 * A raw vCPU with virtual time whose call was cut short because it is not runnable (a multicall
 * with a poll in the middle): once it is, go on. Aborts if there is no such call.
 */
long testbed_go_on(struct testbed_vcpu *v);

/*
 * Asked between the steps of long hypercalls: true cuts them short (they are called again). NULL:
 * nobody is asked.
 */
void testbed_set_preempt(struct testbed *tb, bool (*fn)(struct testbed_vcpu *v, void *arg),
			 void *arg);

/* The hypervisor's policy from now on; no vCPU runs. NULL: the default one. */
void testbed_set_policy(struct testbed *tb, int (*fn)(const struct hv_request *r, void *arg),
			void *arg);

/* Take the upcalls that are due on this vCPU, wait if it is not runnable (threads). */
void testbed_point(struct testbed_vcpu *v);

/* Virtual: take all upcalls due on all vCPUs of all domains, until none is. */
void testbed_run(struct testbed *tb);

/*
 * Virtual: fn runs in every busy wait of a guest, in the place of what its other CPUs do in the
 * meantime; then upcalls are taken everywhere. NULL: none.
 */
void testbed_meanwhile(struct testbed *tb, void (*fn)(void *arg), void *arg);

/*
 * Threads: run fn as this vCPU's code (booting the vCPU if it is down and its guest half's CPU). It
 * ends when fn returns or when the domain shuts down, by leaving fn at a hypercall: what fn holds
 * then is lost.
 */
void testbed_thread(struct testbed_vcpu *v, void (*fn)(struct testbed_vcpu *v, void *arg),
		    void *arg);
void testbed_join(struct testbed_vcpu *v);

/* ---- interrupt lines ------------------------------------------------------------------------- */

/*
 * Describe a line whose controller keeps a log. NULL if hv_irq_register refuses. Freed with the
 * machine.
 */
struct testbed_line *testbed_line(struct testbed *tb, unsigned line, enum hv_irq_flow flow);

/*
 * Level lines: set the level; asserting tells the hypervisor. Edge lines: an edge for every true.
 */
void testbed_line_set(struct testbed_line *l, bool level);

/*
 * The controller's calls since the last look, one letter each: S startup, D shutdown (down), A ack,
 * M mask, U unmask.
 */
const char *testbed_line_log(struct testbed_line *l);
bool testbed_line_enabled(const struct testbed_line *l); /* between startup and shutdown, not masked
							  */

/* The deadline for lines that the hypervisor set last (hv_ops.set_line_timer). */
uint64_t testbed_line_deadline(const struct testbed *tb);

/*
 * What hv_ops.irq_may_deliver answers from now on; NULL: always 0. Before threads use lines.
 */
void testbed_deliver_if(struct testbed *tb,
			int (*may)(void *arg, struct hv_domain *d, unsigned pirq, unsigned line),
			void *arg);

#endif
