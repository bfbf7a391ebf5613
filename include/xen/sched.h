/* SPDX-License-Identifier: MIT */
/*
 * sched_op: giving up the CPU, waiting for events, and ending the domain. Operations on a chosen
 * vCPU (up, down, timers) are in vcpu.h. Members are written by the guest unless they say OUT.
 */
#ifndef CARILLON_XEN_SCHED_H
#define CARILLON_XEN_SCHED_H

#include "event_channel.h"

/* First argument of sched_op; the second is the guest address of what is on the right, or 0 */
#define SCHEDOP_yield		0 /* nothing */
#define SCHEDOP_block		1 /* nothing: clears the upcall mask, then sleeps */
#define SCHEDOP_shutdown	2 /* sched_shutdown: ends the whole domain */
#define SCHEDOP_poll		3 /* sched_poll */
#define SCHEDOP_remote_shutdown 4 /* sched_remote_shutdown */
#define SCHEDOP_shutdown_code	5 /* sched_shutdown: the reason to report later */
#define SCHEDOP_watchdog	6 /* sched_watchdog */
#define SCHEDOP_pin_override	7 /* sched_pin_override */

/* Why a domain ends: told to the tools, mostly without a meaning to Xen */
#define SHUTDOWN_poweroff   0
#define SHUTDOWN_reboot	    1 /* start it again */
#define SHUTDOWN_suspend    2 /* save it; the call returns after the restore */
#define SHUTDOWN_crash	    3
#define SHUTDOWN_watchdog   4 /* its watchdog expired */
#define SHUTDOWN_soft_reset 5 /* reset Xen's state of it, keep memory and vCPUs */
#define SHUTDOWN_MAX	    5 /* the last one */

#ifndef __ASSEMBLER__
struct sched_shutdown {
	unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_shutdown sched_shutdown_t;

/* Sleep until one of the ports is pending, masked or not; no upcall is needed */
struct sched_poll {
	uint64_t ports; /* guest address of an array of evtchn_port_t */
	unsigned int nr_ports;
	uint64_t timeout; /* system time in ns; 0: never */
};
typedef struct sched_poll sched_poll_t;

/* End another domain; takes privilege */
struct sched_remote_shutdown {
	domid_t domain_id;
	unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_remote_shutdown sched_remote_shutdown_t;

/* id 0 starts a watchdog and returns its id; with an id, a timeout restarts and 0 stops it */
struct sched_watchdog {
	uint32_t id;
	uint32_t timeout; /* s */
};
typedef struct sched_watchdog sched_watchdog_t;

/* Hardware domain only: run the calling vCPU on that physical CPU; negative: no longer */
struct sched_pin_override {
	int32_t pcpu;
};
typedef struct sched_pin_override sched_pin_override_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_SCHED_H */
