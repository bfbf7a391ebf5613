/* SPDX-License-Identifier: MIT */
/*
 * What event channels are, once more and as plainly as can be: one thread, no sharing, no limits of
 * time. fuzz-answers does everything both here and to the hypervisor half, and compares. It knows
 * Xen's ABI and nothing of hypervisor/.
 */
#ifndef CARILLON_TESTS_FUZZ_MODEL_H
#define CARILLON_TESTS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/event_channel.h>

#define MODEL_DOMAINS 2u /* numbers 0 (privileged) and 1 */
#define MODEL_VCPUS   2u
#define MODEL_PORTS   256u /* that the model holds; the machine is told to give out fewer */
#define MODEL_LIMIT   100u /* the highest that a domain may have */
#define MODEL_VIRQS   24u

struct model_port {
	unsigned status; /* EVTCHNSTAT_* */
	unsigned vcpu;
	unsigned dom;	 /* unbound, interdomain */
	uint32_t number; /* interdomain: port; virq */

	bool pending, masked; /* in shared_info */
	bool remembered;      /* raised when FIFO had no word for it */
	unsigned priority;    /* FIFO: of its next event */
	bool fifo_pending, fifo_masked, linked;
};

/* One FIFO queue, first to last. */
struct model_queue {
	uint32_t port[MODEL_PORTS];
	unsigned nr;
};

struct model_vcpu {
	bool upcall;
	uint64_t selector;
	bool block; /* has a control block */
	uint32_t ready;
	struct model_queue queue[EVTCHN_FIFO_MAX_QUEUES];
	uint32_t virq_port[MODEL_VIRQS];
};

struct model_domain {
	struct model_port port[MODEL_PORTS];
	uint32_t valid; /* ports that there are, in use or not */
	bool fifo;
	uint32_t words; /* FIFO: ports that have a word */
	struct model_vcpu vcpu[MODEL_VCPUS];
};

struct model {
	struct model_domain domain[MODEL_DOMAINS];
};

void model_init(struct model *m);

/* The hypercalls, by domain `me`. Results as ops.h has them: the port, 0 or the negative errno. */
long model_alloc_unbound(struct model *m, unsigned me, unsigned dom, unsigned remote);
long model_bind_interdomain(struct model *m, unsigned me, unsigned remote, uint32_t port);
long model_bind_virq(struct model *m, unsigned me, uint32_t virq, uint32_t vcpu);
long model_bind_ipi(struct model *m, unsigned me, uint32_t vcpu);
long model_close(struct model *m, unsigned me, uint32_t port);
long model_send(struct model *m, unsigned me, uint32_t port);
long model_status(const struct model *m, unsigned me, unsigned dom, uint32_t port);
long model_bind_vcpu(struct model *m, unsigned me, uint32_t port, uint32_t vcpu);
long model_unmask(struct model *m, unsigned me, uint32_t port);
long model_reset(struct model *m, unsigned me, unsigned dom);
long model_init_control(struct model *m, unsigned me, uint32_t vcpu, uint32_t offset);
long model_expand_array(struct model *m, unsigned me);
long model_set_priority(struct model *m, unsigned me, uint32_t port, uint32_t priority);

/* A virq of this vCPU's is raised. */
void model_virq(struct model *m, unsigned dom, unsigned vcpu, unsigned virq);

/* The domain a number means to `me`, or -1. */
int model_domain_of(unsigned me, unsigned dom);

#endif
