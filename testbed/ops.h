/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls as a domain without guest code makes them: one function each, the argument placed in
 * guest memory and its OUT members filled with 0xa5 before. Also that domain's side of the 2-level
 * shared words. The machine itself is testbed.h.
 *
 * Results: what the hypercall returned; for those with one OUT number, that number when it returned
 * 0. OPS_CHANGED if an argument was modified where it must not be: any byte of one that failed, an
 * IN member of one that succeeded.
 */
#ifndef CARILLON_TESTBED_OPS_H
#define CARILLON_TESTBED_OPS_H

#include "testbed.h"

#define OPS_CHANGED (-1000000L)

/*
 * Where the next argument is placed (one call, then AT_OK again); by which entry the next event
 * channel op goes.
 */
void ops_at(struct testbed_vcpu *v, enum testbed_where where);
void ops_compat(struct testbed_vcpu *v);

long op_alloc_unbound(struct testbed_vcpu *v, unsigned dom, unsigned remote_dom);
long op_bind_interdomain(struct testbed_vcpu *v, unsigned remote_dom, uint32_t remote_port);
long op_bind_virq(struct testbed_vcpu *v, uint32_t virq, uint32_t vcpu);
long op_bind_pirq(struct testbed_vcpu *v, uint32_t pirq, uint32_t flags);
long op_bind_ipi(struct testbed_vcpu *v, uint32_t vcpu);
long op_close(struct testbed_vcpu *v, uint32_t port);
long op_send(struct testbed_vcpu *v, uint32_t port);
long op_status(struct testbed_vcpu *v, unsigned dom, uint32_t port, struct evtchn_status *out);
long op_bind_vcpu(struct testbed_vcpu *v, uint32_t port, uint32_t vcpu);
long op_unmask(struct testbed_vcpu *v, uint32_t port);
long op_reset(struct testbed_vcpu *v, unsigned dom);
/* Any event_channel_op number with any bytes as its argument. */
long op_raw(struct testbed_vcpu *v, uint64_t nr, const void *arg, size_t n);

/*
 * As text: "interdomain vcpu=0 dom=0 port=2", "closed vcpu=0", or "-22". The buffer is the
 * thread's, until the next call.
 */
const char *op_status_text(struct testbed_vcpu *v, unsigned dom, uint32_t port);

/* sched_op, vcpu_op, physdev_op, set_timer_op with an argument of n bytes (0: NULL). */
long op_sched(struct testbed_vcpu *v, unsigned op, void *arg, size_t n);
long op_vcpu(struct testbed_vcpu *v, unsigned op, uint32_t vcpu, const void *arg, size_t n);
long op_physdev(struct testbed_vcpu *v, unsigned op, void *arg, size_t n);
long op_set_timer(struct testbed_vcpu *v, uint64_t deadline);
long op_eoi(struct testbed_vcpu *v, uint32_t pirq);

/* SCHEDOP_poll. timeout is absolute, 0: none. */
long op_poll(struct testbed_vcpu *v, const evtchn_port_t *ports, unsigned nr, uint64_t timeout);

/* How a poll on virtual time ends: time is stepped until it does. */
enum poll_end {
	POLL_IMMEDIATE,	    /* never slept */
	POLL_WOKEN,	    /* before its deadline */
	POLL_TIMEOUT,	    /* at its deadline */
	POLL_STILL_BLOCKED, /* nothing will happen any more */
};

/*
 * A poll of one port for in_ns at most (UINT64_MAX: no limit); an enum poll_end or the error.
 */
long op_poll_end(struct testbed_vcpu *v, uint32_t port, uint64_t in_ns);
/* The same of several. */
long op_poll_ends(struct testbed_vcpu *v, const evtchn_port_t *ports, unsigned nr, uint64_t in_ns);

/* The guest's side of the 2-level words. */
bool mem_pending(const struct testbed_domain *d, uint32_t port);
bool mem_masked(const struct testbed_domain *d, uint32_t port);
void mem_set_pending(struct testbed_domain *d, uint32_t port, bool on);
void mem_set_masked(struct testbed_domain *d, uint32_t port, bool on);
bool mem_upcall(const struct testbed_vcpu *v);
uint64_t mem_selector(const struct testbed_vcpu *v);
void mem_clear_upcall(struct testbed_vcpu *v);	    /* and the selector */
void mem_clear_upcall_only(struct testbed_vcpu *v); /* the selector stays */
/*
 * As an upcall begins: clear the flag, then take the selector if it was set. False if it was not.
 */
bool mem_take_upcall(struct testbed_vcpu *v, uint64_t *selector);
/* How many ports the domain has in the 2-level ABI; whether the vCPU has a vcpu_info. */
uint32_t mem_ports(const struct testbed_domain *d);
bool mem_has_info(const struct testbed_vcpu *v);

#endif
