/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: its operations and their arguments, and the words that the FIFO ABI shares. The
 * 2-level ABI's words are in struct shared_info (xen.h). IN members are the caller's, OUT Xen's.
 */
#ifndef CARILLON_XEN_EVENT_CHANNEL_H
#define CARILLON_XEN_EVENT_CHANNEL_H

#include "xen.h"

/* First argument of event_channel_op; the second is the guest address of struct evtchn_<name> */
#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq	  1
#define EVTCHNOP_bind_pirq	  2
#define EVTCHNOP_close		  3
#define EVTCHNOP_send		  4
#define EVTCHNOP_status		  5
#define EVTCHNOP_alloc_unbound	  6
#define EVTCHNOP_bind_ipi	  7
#define EVTCHNOP_bind_vcpu	  8
#define EVTCHNOP_unmask		  9
#define EVTCHNOP_reset		  10
#define EVTCHNOP_init_control	  11
#define EVTCHNOP_expand_array	  12
#define EVTCHNOP_set_priority	  13
#define EVTCHNOP_reset_cont	  14 /* reset, continued: Xen's own, not for guests */

/* evtchn_bind_pirq.flags: other domains may bind the line too */
#define BIND_PIRQ__WILL_SHARE 1

/* evtchn_status.status: what a port is bound to */
#define EVTCHNSTAT_closed      0 /* nothing: the port is free */
#define EVTCHNSTAT_unbound     1 /* allocated, waiting for u.unbound.dom */
#define EVTCHNSTAT_interdomain 2 /* connected to u.interdomain */
#define EVTCHNSTAT_pirq	       3 /* hardware interrupt u.pirq */
#define EVTCHNSTAT_virq	       4 /* virtual interrupt u.virq */
#define EVTCHNSTAT_ipi	       5 /* another vCPU of the same domain */

/* Ports of the 2-level ABI, port 0 (never given out) included: 64 words of 64 bits */
#define EVTCHN_2L_NR_CHANNELS CARILLON_XEN_CONST(4096, UL)

/* FIFO priorities: 0 is served first. One queue per priority and vCPU */
#define EVTCHN_FIFO_PRIORITY_MAX     0
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7
#define EVTCHN_FIFO_PRIORITY_MIN     15
#define EVTCHN_FIFO_MAX_QUEUES	     (EVTCHN_FIFO_PRIORITY_MIN + 1)

/*
 * An event word, by bit number. Xen sets PENDING, the guest clears it. The guest sets MASKED, and
 * clears it unless BUSY. Xen sets LINKED with the link and the guest clears both when it takes the
 * event off its queue. BUSY is Xen's: it holds off an unmask while it writes the link.
 */
#define EVTCHN_FIFO_PENDING 31
#define EVTCHN_FIFO_MASKED  30
#define EVTCHN_FIFO_LINKED  29
#define EVTCHN_FIFO_BUSY    28

/* The low bits of an event word: the next port in the queue, 0 at its end */
#define EVTCHN_FIFO_LINK_BITS 17
#define EVTCHN_FIFO_LINK_MASK ((CARILLON_XEN_CONST(1, U) << EVTCHN_FIFO_LINK_BITS) - 1)

/* Ports of the FIFO ABI, port 0 included */
#define EVTCHN_FIFO_NR_CHANNELS (CARILLON_XEN_CONST(1, U) << EVTCHN_FIFO_LINK_BITS)

#ifndef __ASSEMBLER__
typedef uint32_t evtchn_port_t;
typedef uint32_t event_word_t;

/* A new port in dom that remote_dom may connect to */
struct evtchn_alloc_unbound {
	domid_t dom;	    /* IN: owner; other than DOMID_SELF takes privilege */
	domid_t remote_dom; /* IN */
	evtchn_port_t port; /* OUT */
};
typedef struct evtchn_alloc_unbound evtchn_alloc_unbound_t;

/* Connect a new port of the caller to an unbound one that awaits it; the new port starts pending */
struct evtchn_bind_interdomain {
	domid_t remote_dom;	   /* IN: DOMID_SELF makes a loop */
	evtchn_port_t remote_port; /* IN */
	evtchn_port_t local_port;  /* OUT */
};
typedef struct evtchn_bind_interdomain evtchn_bind_interdomain_t;

/* A new port for a virtual interrupt; global ones take vCPU 0 */
struct evtchn_bind_virq {
	uint32_t virq;	    /* IN: VIRQ_* */
	uint32_t vcpu;	    /* IN */
	evtchn_port_t port; /* OUT */
};
typedef struct evtchn_bind_virq evtchn_bind_virq_t;

/* A new port for a hardware interrupt that the domain has been given */
struct evtchn_bind_pirq {
	uint32_t pirq;	    /* IN */
	uint32_t flags;	    /* IN: BIND_PIRQ__* */
	evtchn_port_t port; /* OUT */
};
typedef struct evtchn_bind_pirq evtchn_bind_pirq_t;

/* A new port on which the domain's vCPUs notify one of theirs, for good */
struct evtchn_bind_ipi {
	uint32_t vcpu;	    /* IN */
	evtchn_port_t port; /* OUT */
};
typedef struct evtchn_bind_ipi evtchn_bind_ipi_t;

/* Free a port; a connected peer becomes unbound, waiting for this domain again */
struct evtchn_close {
	evtchn_port_t port; /* IN */
};
typedef struct evtchn_close evtchn_close_t;

/* Notify the other end */
struct evtchn_send {
	evtchn_port_t port; /* IN: the caller's end */
};
typedef struct evtchn_send evtchn_send_t;

/* What a port is; of another domain only with privilege */
struct evtchn_status {
	domid_t dom;	    /* IN: or DOMID_SELF */
	evtchn_port_t port; /* IN */
	uint32_t status;    /* OUT: EVTCHNSTAT_* */
	uint32_t vcpu;	    /* OUT: the vCPU it notifies */
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq;
		uint32_t virq;
	} u; /* OUT: by status */
};
typedef struct evtchn_status evtchn_status_t;

/* Choose the vCPU that a port notifies: 0 at first; not for IPIs and per-vCPU virtual interrupts */
struct evtchn_bind_vcpu {
	evtchn_port_t port; /* IN */
	uint32_t vcpu;	    /* IN */
};
typedef struct evtchn_bind_vcpu evtchn_bind_vcpu_t;

/* Clear a port's mask and deliver what is pending */
struct evtchn_unmask {
	evtchn_port_t port; /* IN */
};
typedef struct evtchn_unmask evtchn_unmask_t;

/* Close all ports of a domain; on the caller itself, also back from FIFO to the 2-level ABI */
struct evtchn_reset {
	domid_t dom; /* IN: other than DOMID_SELF takes privilege */
};
typedef struct evtchn_reset evtchn_reset_t;

/* Give a vCPU its FIFO control block; the domain's first one changes it to the FIFO ABI */
struct evtchn_init_control {
	uint64_t control_gfn; /* IN: guest frame */
	uint32_t offset;      /* IN: bytes into it, a multiple of 8 */
	uint32_t vcpu;	      /* IN */
	uint8_t link_bits;    /* OUT: EVTCHN_FIFO_LINK_BITS */
	uint8_t _pad[7];
};
typedef struct evtchn_init_control evtchn_init_control_t;

/* Add a page of 1024 event words at the end of the event array */
struct evtchn_expand_array {
	uint64_t array_gfn; /* IN: guest frame */
};
typedef struct evtchn_expand_array evtchn_expand_array_t;

/* Choose the queue that a port's events go to, from its next event on */
struct evtchn_set_priority {
	evtchn_port_t port; /* IN */
	uint32_t priority;  /* IN: EVTCHN_FIFO_PRIORITY_* */
};
typedef struct evtchn_set_priority evtchn_set_priority_t;

/* The one argument of event_channel_op_compat */
struct evtchn_op {
	uint32_t cmd; /* EVTCHNOP_* */
	union {
		struct evtchn_alloc_unbound alloc_unbound;
		struct evtchn_bind_interdomain bind_interdomain;
		struct evtchn_bind_virq bind_virq;
		struct evtchn_bind_pirq bind_pirq;
		struct evtchn_bind_ipi bind_ipi;
		struct evtchn_close close;
		struct evtchn_send send;
		struct evtchn_status status;
		struct evtchn_bind_vcpu bind_vcpu;
		struct evtchn_unmask unmask;
	} u;
};
typedef struct evtchn_op evtchn_op_t;

/* A vCPU's queues, shared with Xen. Xen writes a head when it starts a queue, then the ready bit */
struct evtchn_fifo_control_block {
	uint32_t ready; /* a bit per priority with events; the guest clears it */
	uint32_t _rsvd;
	uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* first port of each queue */
};
typedef struct evtchn_fifo_control_block evtchn_fifo_control_block_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_EVENT_CHANNEL_H */
