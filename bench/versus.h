/* SPDX-License-Identifier: MIT */
/*
 * What the files of the comparison share: a machine of both halves, as an embedder with the least
 * would make it; a guest on it that sends to itself; and what a program on Linux has for the same.
 */
#ifndef BENCH_VERSUS_H
#define BENCH_VERSUS_H

#include <stdbool.h>
#include <stdint.h>

#include <carillon/guest.h>
#include <carillon/hypervisor.h>

#include "figures.h"
#include "memory.h"

/* ---- versus_machine.c: a domain of one vCPU, which is this thread ---- */

struct machine {
	struct hv *hv;
	struct machine *other; /* whose hypervisor it is; NULL: its own */
	struct hv_domain *d;
	struct hv_vcpu *v;
	struct guest *g;
	struct shared_info *shared;
	struct memory_ram ram; /* the domain's memory */
	bool kicked;	       /* there may be an upcall to take */
};

/* Events are disabled at first. other: it is a second domain there; NULL: the first. */
void machine_create(struct machine *m, enum guest_abi abi, struct machine *other);
void machine_destroy(struct machine *m);

/* ---- versus_channels.c ---- */

/* A channel of a guest with itself, or from another's: its IRQ, and the port to send on. */
unsigned channel_to_itself(const struct machine *m, evtchn_port_t *tx);
unsigned channel_from(const struct machine *from, const struct machine *to, evtchn_port_t *tx);

/* Channels of a guest with itself, on each a handler that counts. */
struct channels {
	struct machine m;
	unsigned nr;
	evtchn_port_t *tx;
	unsigned *irq;
	unsigned handled;
};

void channels_open(struct channels *c, enum guest_abi abi, enum guest_irq_flow flow, unsigned nr);
void channels_shut(struct channels *c);

/* ---- versus_epoll.c: eventfds in an epoll ---- */

#define EPOLL_BURST 64u /* is taken at once at most */

struct eventfds {
	int ep;
	unsigned nr;
	int *fd;
};

void eventfds_open(struct eventfds *e, unsigned nr);
void eventfds_shut(struct eventfds *e);
void eventfds_post(const struct eventfds *e, unsigned i);
/* What is ready, at most a burst of them: which, and how many. */
unsigned eventfds_take(const struct eventfds *e, unsigned which[EPOLL_BURST]);

/* ---- what is measured as a whole: they print ---- */

void measure_storms(void); /* versus_storm.c */

#endif
