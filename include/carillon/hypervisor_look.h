/* SPDX-License-Identifier: MIT */
/*
 * Looking at the hypervisor half while it runs: its domains, ports, vCPUs, interrupt lines, and
 * what has been counted. Contexts are those of hypervisor.h, where all that changes something is.
 */
#ifndef CARILLON_HYPERVISOR_LOOK_H
#define CARILLON_HYPERVISOR_LOOK_H

#include <carillon/hypervisor.h>

/*
 * Call fn for every domain, in the order of their numbers, until it returns something else than 0;
 * that is returned. The domain lives until fn returns, for hv_domain_destroy waits: so fn must not
 * destroy it, nor wait for whoever does. It may be shut down, or be on its way out
 * (hv_domain_destroy has been called): then it may still be looked at, and nothing else. One that
 * is created meanwhile is met or not. fn is called without locks, on the caller's thread. [any]
 */
int hv_for_each_domain(struct hv *hv, int (*fn)(struct hv_domain *d, void *arg), void *arg);

struct hv_port_info {
	unsigned status; /* EVTCHNSTAT_* */
	unsigned vcpu;	 /* the one that it notifies */
	bool pending, masked;
	domid_t remote_dom;	   /* unbound, interdomain */
	evtchn_port_t remote_port; /* interdomain */
	unsigned irq;		   /* virq or pirq */

	/* What its domain's ABI has of it. Without a word it is not pending, and masked. */
	bool fifo;     /* the FIFO ABI, else 2-level */
	bool has_word; /* there is a place for its bits (FIFO: its page has been added) */
	bool selected; /* 2-level: its vCPU's selector says that its word has news */
	bool linked;   /* FIFO: on a queue, and in front of `link`, 0: the last there */
	bool busy;     /* FIFO: the bit of that name; only a guest would set it */
	evtchn_port_t link;
	unsigned priority;		     /* FIFO: of its next event */
	unsigned queue_vcpu, queue_priority; /* FIFO: the queue that it is or was last on */

	/*
	 * Since it was bound, or tracing was turned on (hv_domain_trace). The two are not of one
	 * moment.
	 */
	bool counted;
	uint64_t sends, merged; /* as in hv_counters */
};

/*
 * A snapshot of one port: what it is bound to is that of one moment, the guest's bits are of the
 * next. -EINVAL: the table ends before it, so iterate from 1 until then. [look]
 */
int hv_port_info(struct hv_domain *d, evtchn_port_t port, struct hv_port_info *out);

/*
 * Count the events of each port of this domain, or stop that: then the counters are gone. Turning
 * on what is on changes nothing. While it is on, each event costs one addition more, and 16 bytes a
 * port are held (64 ports at a time; that a domain gets more ports may fail with -ENOMEM for want
 * of them); while off, a test of a pointer. Turning off waits for those who send. -ENOMEM: it stays
 * off. [any]
 */
int hv_domain_trace(struct hv_domain *d, bool on);

struct hv_vcpu_state {
	bool up;			  /* VCPUOP_is_up */
	bool blocked;			  /* in SCHEDOP_block or SCHEDOP_poll */
	bool paused, shut_down;		  /* its domain is */
	bool polling;			  /* in SCHEDOP_poll */
	evtchn_port_t poll_port;	  /* the one that it polls; 0: several, or none */
	bool upcall_pending, upcall_mask; /* false if it has no vcpu_info */
};

/* A snapshot of a vCPU; each member may be of another moment. [look] */
void hv_vcpu_state(const struct hv_vcpu *v, struct hv_vcpu_state *out);

struct hv_counters {
	uint64_t hypercalls;
	uint64_t sends;	 /* events raised for it: its pending bits set by anybody */
	uint64_t merged; /* of these, found already pending */
	uint64_t masked; /* of these, newly pending, but the port was masked: nobody was told */
	uint64_t kicks;	 /* upcall_pending went from 0 to 1 */
	uint64_t pirqs;	 /* of sends, by interrupt lines */
	uint64_t eois;	 /* PHYSDEVOP_eoi made */
};

/*
 * Of one vCPU (events: those of ports that notify it), and the sum over its domain's, since it was
 * created. Monotonic; not a consistent cut while it runs. [look]
 */
void hv_vcpu_counters(const struct hv_vcpu *v, struct hv_counters *out);
void hv_domain_counters(const struct hv_domain *d, struct hv_counters *out);

struct hv_irq_info {
	bool described; /* hv_irq_register, hv_irq_chain; if not, flow means nothing */
	enum hv_irq_flow flow;
	bool started;	    /* enabled at its controller: somebody is bound */
	bool masked;	    /* there, until nobody's eoi is waited for */
	bool invalid;	    /* hv_irq_invalidate */
	bool probing;	    /* between hv_irq_probe_begin and _end */
	unsigned in_flight; /* for how many of those bound it waits */
	unsigned nr_bound;  /* of a per-CPU line perhaps more than are listed */
	struct hv_irq_bound {
		domid_t domid;
		unsigned pirq;
		evtchn_port_t port; /* 0: it is being bound or closed */
		bool in_flight;
		bool late; /* its eoi was forced, and has not come since */
	} bound[HV_MAX_LINE_GUESTS];
};

/*
 * A line, at one moment. -ENOENT: nobody has said anything of it; -EINVAL: there is no such line.
 * [any]
 */
int hv_irq_info(struct hv *hv, unsigned line, struct hv_irq_info *out);

#endif
