/* SPDX-License-Identifier: MIT */
/*
 * A running machine: what holds domains, devices, memory and time together. Only machine*.c and the
 * callbacks it lends to the hypervisor look inside; what a domain is made of is in process.h.
 *
 * hv_ctx() is the struct machine, hv_domain_user() the struct domain; hv_vcpu_user() belongs to
 * the process backend.
 */
#ifndef CARILLON_VMM_MACHINE_H
#define CARILLON_VMM_MACHINE_H

#include <signal.h>
#include <stdatomic.h>

#include <carillon/hypervisor.h>
#include <carillon/hypervisor_look.h>

#include "clock.h"
#include "config.h"
#include "console.h"
#include "dump.h"
#include "image.h"
#include "irqchip.h"
#include "memory.h"
#include "process.h"
#include "timers.h"

struct device;
struct machine;

/* What the monitor's loop still has to do for a domain. */
enum domain_state {
	DOMAIN_PLANNED, /* no process yet */
	DOMAIN_RUNNING,
	DOMAIN_ENDED, /* its process said so; `report` is valid */
	DOMAIN_GONE,  /* destroyed */
};

struct domain {
	struct machine *machine;
	const struct config_domain *cfg;
	struct hv_domain *hv;
	struct process *process;
	struct image image;
	int module_fd; /* -1: none */
	uint64_t module_size;
	struct memory ram;	      /* its frames, then one more: shared_info */
	struct process_memory *parts; /* everything it may map */
	unsigned nr_parts;
	struct timer *vcpu_timers; /* one per vCPU */
	struct console_line line;  /* what it has printed of a line */
	char cmdline[MAX_GUEST_CMDLINE];
	struct process_report report;
	struct hv_counters counters; /* kept when the domain goes */
	_Atomic bool given_up;	     /* by the monitor, which has said why */
	_Atomic enum domain_state state;
};

/* The last dump that was asked for. All zero: none yet. */
struct dump {
	struct machine *machine;
	char *text;
	pthread_t thread; /* writes it */
	bool running;
	_Atomic bool written;
	bool asked; /* for another, meanwhile */
};

struct machine {
	const struct config *cfg;
	struct hv *hv;
	struct console console;
	struct dump dump;
	struct clock clock;
	struct timer_queue timers;
	struct irqchip irqchip;
	struct timer line_timer; /* when eois are forced */
	struct timer look_timer; /* of the process backend */
	struct domain *domains;	 /* as many as the file says, in its order */
	struct device *devices;
	struct memory *regions; /* shared memory */
	uint64_t next_mfn;
	int wake_fd;   /* eventfd: look at the domains' states */
	int signal_fd; /* SIGINT, SIGTERM, SIGHUP; SIGUSR1, SIGCONT */
	int signal;    /* the one that ended it, or 0 */
	bool failed;   /* a domain did not end well, or a device's check failed */
};

/* The first of so many frame numbers that nobody else has, apart from the previous ones. */
uint64_t machine_new_frames(struct machine *m, uint64_t pages);

/*
 * Run the machine that the file describes. The exit status: 0 all went well, 1 it failed, 2 the
 * configuration cannot be honoured and nothing was started, 128 + n ended by signal n.
 */
int machine_run(const struct config *cfg);

/* machine_domain.c: a domain from plan to end. 0, or an exit status after one line on stderr. */
int domain_plan(struct machine *m, struct domain *d, const struct config_domain *cfg);
int domain_add_part(struct domain *d, const struct memory *mem, enum hv_memory_kind kind,
		    bool read_only);
int domain_add_word(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int domain_build(struct domain *d);
int domain_start(struct domain *d);
void domain_destroy(struct domain *d);
bool domain_report(struct domain *d); /* print how it ended; true if it ended well */

/*
 * machine_dump.c: to stderr. While the last one is still being written: later, by dump_again, for
 * which wake_fd wakes the loop. And wait until the last one is written. Main thread, all.
 */
void dump_machine(struct machine *m);
void dump_again(struct machine *m);
void dump_end(struct dump *d);

/* machine_ops.c: what the machine lends to the hypervisor. */
extern const struct hv_ops machine_ops;

#endif
