/* SPDX-License-Identifier: MIT */
/*
 * What the testbed's files share among themselves: the machine's structures. Tests see testbed.h
 * and ops.h only.
 */
#ifndef CARILLON_TESTBED_PRIVATE_H
#define CARILLON_TESTBED_PRIVATE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include "testbed.h"

#define PAGE	   HV_PAGE_SIZE
#define SLOT_PAGES 2u /* an area for arguments: a vcpu_guest_context fits */
#define SLOTS	   2u /* of them for each vCPU, and at each edge of its domain's memory */
#define SLOT	   ((size_t)SLOT_PAGES * PAGE)

struct testbed_vcpu {
	struct testbed_domain *d;
	struct hv_vcpu *hv;
	unsigned id;
	bool booted;
	bool cpu_ready; /* its guest half's CPU is prepared */

	uint8_t *args;		  /* SLOTS areas in the arena */
	enum testbed_where where; /* of the next ops.h argument */
	bool compat;		  /* the next one by hypercall 16 */

	_Atomic uint32_t kicks;
	_Atomic uint64_t deadline;
	uint64_t skew; /* testbed_set_skew */
	bool left;     /* its last hypercall was cut short, and it is not runnable */
	uint64_t left_nr, left_args[6];
	bool trusted; /* in a hypercall of the guest half, whose arguments are on host stacks */

	pthread_t thread;
	bool threaded;
	void (*fn)(struct testbed_vcpu *v, void *arg);
	void *arg;
	jmp_buf leave;
};

struct arena {
	uint8_t *base;
	unsigned pages;
	uint64_t mfn;
	uint8_t *prot;	 /* per page: HV_PROT_* */
	uint32_t *taken; /* per page: length of the allocation that begins here, UINT32_MAX inside
			    one, 0 free */
	uint8_t *edge;	 /* for each slot: a writable area, followed by a hole */
	uint8_t *read_only; /* SLOTS areas that guests may only read */
};

struct testbed_free_line {
	struct testbed_free_line *next;
};

struct testbed_domain {
	struct testbed *tb;
	struct testbed_domain *next;
	struct hv_domain *hv;
	struct guest *guest;
	struct shared_info *shared_info;
	struct arena ram;
	unsigned nr_vcpus;
	struct testbed_vcpu *vcpus;
	bool guest_wanted;
	bool compat32;
	uint8_t *root; /* NULL: the hypervisor knows no page tables of it */
	_Atomic unsigned shutdowns;

	pthread_mutex_t lines_lock; /* for what the guest half has of the arena, and the next */
	struct testbed_free_line *free_lines; /* cache lines of the guest half */

	char *console;
	size_t console_len;
	const char *input;
};

struct testbed_line {
	struct testbed_line *next;
	struct testbed *tb;
	unsigned line;
	enum hv_irq_flow flow;
	_Atomic bool level;
	_Atomic bool enabled;
	char log[64];
	char shown[64];
	unsigned len;
};

struct testbed {
	struct hv *hv;
	enum testbed_time time;
	_Atomic uint64_t now; /* virtual */
	uint64_t started;     /* threads: CLOCK_MONOTONIC then */
	uint64_t next_mfn;
	_Atomic uint64_t fail_in;
	_Atomic unsigned blocks;
	_Atomic size_t bytes; /* in them */
	unsigned idle_spins;
	struct hv_ops ops;
	int (*policy)(const struct hv_request *r, void *arg);
	void *policy_arg;
	bool (*preempt)(struct testbed_vcpu *v, void *arg);
	void *preempt_arg;
	void (*meanwhile)(void *arg); /* testbed_meanwhile */
	void *meanwhile_arg;

	pthread_mutex_t domains_lock; /* the list below; held while the timer thread looks at a
					 domain */
	struct testbed_domain *domains;
	struct testbed_line *lines;
	_Atomic uint64_t line_deadline;
	int (*may_deliver)(void *arg, struct hv_domain *d, unsigned pirq, unsigned line);
	void *may_deliver_arg;

	pthread_t timer_thread;
	_Atomic uint32_t timer_seq;
	_Atomic bool stopping;
};

_Noreturn void testbed_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* machine.c */
void *testbed_block_alloc(struct testbed *tb, size_t size);
void testbed_block_free(struct testbed *tb, void *p, size_t size);

/* memory.c */
void arena_create(struct testbed_domain *d, unsigned pages);
void arena_destroy(struct testbed_domain *d);
void *arena_alloc(struct testbed_domain *d, unsigned pages);
void arena_free(struct testbed_domain *d, void *p, unsigned pages);
bool arena_holds(const struct testbed_domain *d, const void *p);
int testbed_copy_from(struct hv_vcpu *hv, void *dst, uint64_t src, size_t n);
int testbed_copy_to(struct hv_vcpu *hv, uint64_t dst, const void *src, size_t n);

/* run.c */
extern _Thread_local struct testbed_vcpu *testbed_current;
void testbed_vcpu_wait(struct testbed_vcpu *v);
long testbed_call_whole(struct testbed_vcpu *v, uint64_t nr, const uint64_t args[6], bool trusted);
bool testbed_preempt(struct hv_vcpu *hv);
void testbed_threads_stop(struct testbed_domain *d);
void testbed_relax(void *ctx);
void testbed_relax_threads(void *ctx);
void testbed_relax_guest(struct testbed_domain *d);

/* clock.c */
uint64_t testbed_clock_now(void *ctx);
void testbed_set_timer(struct hv_vcpu *hv, uint64_t deadline);
void testbed_set_line_timer(void *ctx, uint64_t deadline);
void testbed_kick(struct hv_vcpu *hv);
void testbed_futex_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t ns);
void testbed_clock_start(struct testbed *tb);
void testbed_clock_stop(struct testbed *tb);

/* line.c */
int testbed_may_deliver(struct hv_domain *hv, unsigned pirq, unsigned line);

/* guest.c */
int testbed_guest_create(struct testbed_domain *d, const struct testbed_domain_config *config);

#endif
