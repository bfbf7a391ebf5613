/* SPDX-License-Identifier: MIT */
/*
 * The process backend's interface: a domain as a sandboxed process, its vCPUs as threads of it,
 * each with a thread of the monitor that receives its hypercalls. What a machine is made of (files,
 * devices, consoles) is not here.
 *
 * A domain's life, all by the main thread:
 *   process_backend_init                      once
 *   hv_domain_create, hv_domain_add_memory
 *   process_create                            starts the process; it loads while you build the
 * domain
 *   ... write the image, process_fill_hypercall_page, hv_pv_adopt (calls process_pv_map) ...
 *   process_start                             maps what was planned; its vCPUs are ready
 *   hv_vcpu_start                             before or after process_start; it runs when both are
 * done process_destroy, hv_domain_destroy, process_free     in this order, see there
 */
#ifndef CARILLON_VMM_PROCESS_H
#define CARILLON_VMM_PROCESS_H

#include <carillon/hypervisor.h>

#include "cpuid_policy.h"

struct process;

/* Guest virtual addresses end here; what is above is the backend's own. */
#define PROCESS_GUEST_END 0x7e0000000000UL

/* One stretch of the domain's frames: where its memory is, so that the domain can map it. */
struct process_memory {
	uint64_t mfn;
	uint64_t pages;
	int fd;		 /* a memfd; the process gets a copy */
	uint64_t offset; /* in it, bytes */
	bool writable;	 /* may the guest have it writable */
};

/* How a domain ended, for the one report that the program prints. */
struct process_report {
	enum {
		PROCESS_SHUTDOWN,  /* SCHEDOP_shutdown, hv_domain_crash */
		PROCESS_EXCEPTION, /* the guest has no handler for it, or it could not be delivered
				    */
		PROCESS_DIED,	   /* the process is gone, nobody knows the registers */
		PROCESS_BROKEN,	   /* the guest broke its own sandbox; `what` says how */
	} how;
	unsigned vcpu;
	unsigned shutdown_reason; /* PROCESS_SHUTDOWN */
	int signal;		  /* PROCESS_DIED: by which signal, 0 if it exited */
	unsigned vector;	  /* PROCESS_EXCEPTION: x86 vector */
	uint64_t error_code;
	uint64_t fault_address;
	bool have_regs;
	struct cpu_user_regs regs;
	uint64_t last_hypercall; /* its number, UINT64_MAX: none yet */
	uint64_t last_rip;	 /* and where it came from */
	char what[80];		 /* in words, e.g. "page fault (write) at 0x0" */
};

struct process_config {
	const char *name; /* for messages and the process's comm */
	struct hv_domain *domain;
	unsigned nr_vcpus;
	const struct process_memory *memory; /* all that the guest may map, its shared_info too;
						copied */
	unsigned nr_memory;
	struct cpuid_policy cpuid; /* what it points to outlives the process */
	uint64_t hypercall_page;   /* where the guest sees the page that was filled */
	/*
	 * Called at most once, from a thread of the backend, when the process is dead and no
	 * hypercall of it runs any more; not called when process_destroy was what ended it. It must
	 * not call process_destroy.
	 */
	void (*ended)(struct process *p, const struct process_report *report, void *arg);
	void *arg;
};

/*
 * Prepare: check that the kernel can do it (one line on stderr if not: Linux 5.19, or a policy that
 * refuses). -errno. Called once in a program, before any process_create; from the main thread,
 * which must live as long as the domains (their parent-death signal hangs on it). Takes SIGUSR2
 * (installs a handler that does nothing).
 *
 * While vCPUs leave each other the only processor, look_later asks for a call of process_look in
 * about a millisecond, by a thread that kicks and returns. It is called by vCPUs' threads and by
 * process_look, from process_start to process_destroy, and may not call that itself.
 */
int process_backend_init(void (*look_later)(void *arg), void *arg);
void process_look(void);

/*
 * Create the process; it loads its vCPU threads meanwhile, no guest memory is mapped yet. It sets
 * each vCPU's user pointer (hv_vcpu_set_user), which belongs to the backend from then on; the
 * domain's is the embedder's. Main thread. -errno, after one line on stderr.
 */
int process_create(struct process **out, const struct process_config *cfg);

/*
 * hv_ops.pv_map for domains of this backend: v NULL plans start-of-day mappings, later ones run
 * when the hypercall returns. -EINVAL: outside of mmap_min_addr .. PROCESS_GUEST_END, a frame that
 * no process_memory has, or writable where that says no.
 */
int process_pv_map(struct process *p, struct hv_vcpu *v, uint64_t va, uint64_t mfn, uint64_t pages,
		   unsigned prot);

/*
 * hv_ops.kick, set_segment_base, iret for its vCPUs. process_kick looks at the vCPU from inside the
 * callback, and may let it go on there; harmless for a vCPU without a process.
 */
void process_kick(struct hv_vcpu *v);
int process_set_segment_base(struct hv_vcpu *v, unsigned which, uint64_t base);
long process_iret(struct hv_vcpu *v);

/* Fill the page that the guest calls its hypercalls through (ELF note HYPERCALL_PAGE): 4096 bytes.
 */
void process_fill_hypercall_page(void *page);

/* Let its runnable vCPUs run (maps what was planned first). Main thread. -errno, after one line. */
int process_start(struct process *p);

/* Kill it and join the monitor's threads: from then on no hypercall of it runs. Main thread. */
void process_destroy(struct process *p);

/*
 * Free it: after process_destroy, and after hv_domain_destroy, because until then other domains'
 * sends may kick its vCPUs.
 */
void process_free(struct process *p);

#endif
