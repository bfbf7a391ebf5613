/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor half's API: what a monitor, a hypervisor or a test sees of it. How its state is
 * looked at is in hypervisor_look.h. The ABI that guests see is in include/xen/; nothing of the
 * guest half is here.
 *
 * Shape. A hypervisor is a `struct hv`; it holds domains, a domain holds vCPUs and ports. There are
 * no globals, one process may hold many. The embedder owns threads, memory, time and the guests'
 * registers, and lends them through `struct hv_ops`. All functions return 0 (or a positive value
 * where said) or a negative errno with Xen's numbers (include/xen/errno.h).
 *
 * Contexts. A function says who may call it:
 *
 * - [setup]: one thread, while no vCPU of that domain runs and nobody else uses that domain;
 *
 * - [vcpu]: the one thread that acts for this vCPU at this moment;
 *
 * - [any]: any thread at any time;
 *
 * - [look]: any thread at any time; takes no lock, waits for nobody, changes nothing one can see.
 *
 * Callbacks. One that may be called with locks held says so: it must not block, and may call only
 * [look] functions. The others may call what their thread could at that moment, except
 * hv_hypercall for that vCPU and hv_domain_destroy.
 *
 * Once hv_domain_destroy has been called, nothing more may be called for that domain, except by
 * callbacks: they come until it returns.
 */
#ifndef CARILLON_HYPERVISOR_H
#define CARILLON_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

struct hv;
struct hv_domain;
struct hv_vcpu;
struct compat_vcpu_info; /* xen/compat32.h */

#define HV_PAGE_SIZE	   4096u
#define HV_MAX_VCPUS	   128u	      /* per domain */
#define HV_MAX_LINES	   1024u      /* physical interrupt lines per hypervisor */
#define HV_MAX_PIRQS	   1024u      /* per domain */
#define HV_NEVER	   UINT64_MAX /* a deadline that does not come */
#define HV_NO_EVTCHN_PORTS UINT32_MAX /* max_evtchn_port: not even one */

/* Protection of a guest mapping, for hv_ops.pv_map. 0 means not mapped. */
#define HV_PROT_READ  1u
#define HV_PROT_WRITE 2u
#define HV_PROT_EXEC  4u

/*
 * What a guest asks for, as a policy sees it. Those of event channels have the numbers of
 * EVTCHNOP_*. In brackets what hv_request.number is then.
 */
enum hv_operation {
	HV_OP_EVTCHN_BIND_INTERDOMAIN = EVTCHNOP_bind_interdomain, /* [the remote port] */
	HV_OP_EVTCHN_BIND_VIRQ = EVTCHNOP_bind_virq,		   /* [virq] */
	HV_OP_EVTCHN_BIND_PIRQ = EVTCHNOP_bind_pirq,		   /* [pirq] */
	HV_OP_EVTCHN_CLOSE = EVTCHNOP_close,			   /* [port] */
	HV_OP_EVTCHN_SEND = EVTCHNOP_send,			   /* [port] */
	HV_OP_EVTCHN_STATUS = EVTCHNOP_status,			   /* [port] */
	HV_OP_EVTCHN_ALLOC_UNBOUND = EVTCHNOP_alloc_unbound,	   /* [domid that may bind it] */
	HV_OP_EVTCHN_BIND_IPI = EVTCHNOP_bind_ipi,		   /* [vCPU] */
	HV_OP_EVTCHN_BIND_VCPU = EVTCHNOP_bind_vcpu,		   /* [port] */
	HV_OP_EVTCHN_UNMASK = EVTCHNOP_unmask,			   /* [port] */
	HV_OP_EVTCHN_RESET = EVTCHNOP_reset,
	HV_OP_EVTCHN_INIT_CONTROL = EVTCHNOP_init_control, /* [frame] */
	HV_OP_EVTCHN_EXPAND_ARRAY = EVTCHNOP_expand_array, /* [frame] */
	HV_OP_EVTCHN_SET_PRIORITY = EVTCHNOP_set_priority, /* [port] */
	HV_OP_PIRQ_MAP,	 /* [line] PHYSDEVOP_map_pirq; and the next, if the domain has none of it */
	HV_OP_PIRQ_TAKE, /* [line] to give a domain a line that it has not yet */
	HV_OP_PIRQ_UNMAP,      /* [pirq] */
	HV_OP_PIRQ_SETUP,      /* [line] setup_gsi, alloc_irq_vector; [its address] apic_* */
	HV_OP_SHUTDOWN,	       /* [SHUTDOWN_*] its own */
	HV_OP_REMOTE_SHUTDOWN, /* [SHUTDOWN_*] */
	HV_OP_WATCHDOG,	       /* [id] */
	HV_OP_VCPU,	       /* [VCPUOP_*] */
	HV_OP_CONSOLE,	       /* [CONSOLEIO_*] */
	HV_OP_VERSION,	       /* [XENVER_*] */
	HV_OPERATIONS,
};

struct hv_request {
	enum hv_operation op;
	struct hv_vcpu *caller;
	struct hv_domain *target; /* the one that it is done to; the caller's own where it has no
				     other */
	uint64_t number;
};

/*
 * The default policy, Xen's when no other is loaded. A domain may do whatever it likes to itself,
 * but for what follows, and bind to a port that was left unbound for it. To reset another one,
 * allocate ports for it, ask for the state of its ports or shut it down takes a privileged caller,
 * or one that has it as its target (hv_domain_set_target); so does mapping or unmapping a pirq,
 * even of the caller's own. HV_OP_PIRQ_TAKE, HV_OP_PIRQ_SETUP, XENVER_commandline and
 * XENVER_build_id: a privileged caller. 0 or -EPERM. [look]
 */
int hv_default_policy(const struct hv_request *r);

/*
 * What the embedder lends. `ctx` is hv_create's. Times are nanoseconds of the hypervisor's one
 * monotonic clock (Xen's system time: it starts near 0 when the hypervisor does).
 */
struct hv_ops {
	/*
	 * Zeroed memory aligned to a cache line (a page if size is a multiple of HV_PAGE_SIZE), or
	 * NULL; and give it back, with the size it was asked for. Never called on the send path.
	 * Locks held.
	 */
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *p, size_t size);

	/* Now. Locks held. */
	uint64_t (*now)(void *ctx);

	/*
	 * Should the hypercall that v is in be cut short, though v has nothing else to do itself?
	 * Asked between the steps of a long one, on its thread. May be NULL.
	 */
	bool (*preempt)(struct hv_vcpu *v);

	/*
	 * In every busy wait: let those who are waited for run (yield the processor, switch to
	 * another coroutine). Locks held. May be NULL.
	 */
	void (*relax)(void *ctx);

	/*
	 * May the caller do that? 0, or the error that the operation fails with. Asked for every
	 * operation in enum hv_operation, where Xen asks its security modules: some checks of the
	 * arguments have been made, nothing has changed. On the caller's thread; locks held. NULL:
	 * hv_default_policy. Your own may go on to that.
	 */
	int (*policy)(const struct hv_request *r);

	/*
	 * Something changed for this vCPU: an event became deliverable, or it became runnable, or
	 * it must stop. The embedder makes it notice: if it runs, interrupt it; if the embedder
	 * waits for it to become runnable, look again. It may be called more often than needed, on
	 * any thread, from hv_domain_create on (hv_vcpu_user is NULL until set) until
	 * hv_domain_destroy returns. Locks held; hv_vcpu_resumed may be called for this vCPU all
	 * the same, by an embedder whose kick lets one that waited go on.
	 */
	void (*kick)(struct hv_vcpu *v);

	/*
	 * (Re)arm this vCPU's one deadline; HV_NEVER disarms it. At or after it the embedder calls
	 * hv_vcpu_timer(), but not from here. On any thread, as long as kick. Locks held.
	 */
	void (*set_timer)(struct hv_vcpu *v, uint64_t deadline);

	/*
	 * (Re)arm the hypervisor's one deadline for interrupt lines; HV_NEVER disarms it. At or
	 * after it the embedder calls hv_irq_timer(), but not from here. Calls are serialised; on
	 * any thread. Locks held. May be NULL: a line waits for its guests' eois for ever.
	 */
	void (*set_line_timer)(void *ctx, uint64_t deadline);

	/*
	 * Is this domain to get what a line signals now? 0: yes. Anything else: it is not told, and
	 * not waited for. A level that nobody gets stays masked until somebody binds or unbinds, or
	 * hv_irq_resample. Locks held. May be NULL: always.
	 */
	int (*irq_may_deliver)(struct hv_domain *d, unsigned pirq, unsigned line);

	/*
	 * Copy n bytes between the hypervisor and guest virtual addresses of this vCPU. -EFAULT if
	 * any byte of the range is not mapped (or, for copy_to, not writable); then how many bytes
	 * were copied is undefined. On the thread of v. Must not wait for the guest. NULL for both:
	 * the domain's PV page tables are walked (hv_pv_adopt).
	 */
	int (*copy_from_guest)(struct hv_vcpu *v, void *dst, uint64_t src, size_t n);
	int (*copy_to_guest)(struct hv_vcpu *v, uint64_t dst, const void *src, size_t n);

	/*
	 * PV domains: from the time the present hypercall returns to the guest, `pages` pages from
	 * guest virtual address `va` are the frames from `mfn` on (prot 0: are not mapped, mfn is
	 * meaningless). v is the calling vCPU, NULL from hv_pv_adopt. An error refuses: nothing has
	 * changed and the hypercall fails with it. Locks held. May be NULL if no domain is PV.
	 */
	int (*pv_map)(struct hv_domain *d, struct hv_vcpu *v, uint64_t va, uint64_t mfn,
		      uint64_t pages, unsigned prot);

	/*
	 * PV: load a segment base or selector (SEGBASE_*) for the vCPU, on its thread. May be NULL:
	 * -ENOSYS.
	 */
	int (*set_segment_base)(struct hv_vcpu *v, unsigned which, uint64_t base);

	/*
	 * HYPERVISOR_iret: the registers are the embedder's, so it reads the frame from the guest's
	 * stack, loads it, and returns what the guest then has in rax. The frame's layout is struct
	 * iret_context. On its thread. May be NULL: -ENOSYS.
	 */
	long (*iret)(struct hv_vcpu *v);

	/*
	 * CONSOLEIO_write. The bytes are a copy. On a vCPU's thread, and two of them may be here at
	 * once. May be NULL: dropped.
	 */
	void (*console_write)(struct hv_domain *d, const char *text, size_t n);
	/* CONSOLEIO_read: up to n bytes, returns how many. Contexts likewise. May be NULL: 0. */
	size_t (*console_read)(struct hv_domain *d, char *text, size_t n);

	/*
	 * The domain shut down (SHUTDOWN_*; crash also by hv_domain_crash). None of its vCPUs is
	 * runnable any more. Called once, on the thread that caused it. May be NULL.
	 */
	void (*shutdown)(struct hv_domain *d, unsigned reason);
};

/* ---- the hypervisor -------------------------------------------------------------------------- */

/*
 * A hypervisor without domains. ops must outlive it. -ENOMEM, -EINVAL (a callback that may not be
 * NULL is, or one of the two that copy is). [setup]
 */
int hv_create(struct hv **out, const struct hv_ops *ops, void *ctx);

/* Free it. Every domain has been destroyed, nobody uses it. [setup] */
void hv_destroy(struct hv *hv);

void *hv_ctx(const struct hv *hv); /* [look] */

/*
 * The relation of guest-visible cycles to system time, which every vCPU's time page carries from
 * its next update on: system time = at_ns + ((cycles - at_cycles) << shift, or >> -shift) * mul /
 * 2^32. Must be called once before a vCPU starts and may be called again to follow the clock; vCPUs
 * see either relation, never a mixture. [any]
 */
void hv_set_clock(struct hv *hv, uint64_t at_cycles, uint64_t at_ns, uint32_t mul, int8_t shift);

/*
 * Promise that the guests' cycles are one counter, the same on all processors, and that
 * hv_set_clock is not called again while a domain has several vCPUs that run (their pages follow
 * one after the other): then guests of several CPUs need not compare what they read. The pages say
 * so from their next update on (XEN_PVCLOCK_TSC_STABLE_BIT). At first: no promise. [any]
 */
void hv_set_clock_stable(struct hv *hv, bool stable);

/* Wall-clock time at system time 0, for shared_info.wc_*. [any] */
void hv_set_wallclock(struct hv *hv, uint64_t sec, uint32_t nsec);

/* ---- domains --------------------------------------------------------------------------------- */

struct hv_domain_config {
	domid_t domid;	    /* below DOMID_FIRST_RESERVED; -EEXIST if taken */
	unsigned max_vcpus; /* 1 .. HV_MAX_VCPUS */
	unsigned nr_pirqs;  /* pirq numbers 0 .. nr_pirqs - 1 exist for it; at most HV_MAX_PIRQS */
	uint32_t max_evtchn_port; /* the highest port it may allocate; 0: all that its ABI has;
				     HV_NO_EVTCHN_PORTS: none */
	bool privileged;	  /* what Xen allows to its control domain only */
	bool compat32;		  /* its guest is a 32-bit x86 one: see below */
	bool periodic_tick; /* vCPUs start with Xen's 10 ms VIRQ_TIMER tick: as there, none while
			       blocked, one after */
	/*
	 * Its page, HV_PAGE_SIZE aligned, zeroed; the embedder's, outlives the domain. A struct
	 * shared_info, or compat_shared_info if compat32. hv_domain_create sets every
	 * evtchn_upcall_mask in it.
	 */
	void *shared_info;
	void *user; /* the embedder's */
};

/*
 * A 32-bit domain (compat32). Its shared pages, and what its hypercalls pass, are laid out as in
 * xen/compat32.h; it has 1,024 ports in the 2-level ABI. Of its registers the low halves count:
 * hv_hypercall wants the number from eax and the arguments from ebx, ecx, edx, esi, edi, ebp, and
 * the low half of its result belongs into eax; guest addresses in copies are below 4 GiB. It has no
 * page tables here: hv_pv_adopt refuses it, calls that change them are -ENOSYS to it. Contexts keep
 * the 64-bit layout (struct vcpu_guest_context, registers zero-extended); the selectors that a
 * 32-bit guest chooses with its entry points are in hv_entry and hv_trap, as it gave them: whoever
 * loads them checks them.
 */

/*
 * Create a domain; its vCPUs are down and have no context. From before it returns the domain can be
 * found: by other domains' hypercalls, hv_for_each_domain and the callbacks. -EINVAL (a member of
 * cfg is out of range, shared_info is missing or not aligned), -EEXIST, -ENOMEM [any]
 */
int hv_domain_create(struct hv *hv, const struct hv_domain_config *cfg, struct hv_domain **out);

/*
 * Destroy it: peers' ports become unbound, its pirqs are unbound and their lines released, timers
 * disarmed. Waits for every send that could still see it; no thread may be in or enter a call for
 * one of its vCPUs. Its id is free again. [any]
 */
void hv_domain_destroy(struct hv_domain *d);

struct hv *hv_domain_hv(const struct hv_domain *d);			/* [look] */
bool hv_domain_is_compat32(const struct hv_domain *d);			/* [look] */
domid_t hv_domain_id(const struct hv_domain *d);			/* [look] */
void *hv_domain_user(const struct hv_domain *d);			/* [look] */
struct hv_vcpu *hv_domain_vcpu(const struct hv_domain *d, unsigned id); /* NULL if there is none.
									   [look] */

/*
 * To the default policy, d is the master of target from now on (its device model, say), until
 * target is destroyed. One at a time; NULL: none. [any]
 */
void hv_domain_set_target(struct hv_domain *d, struct hv_domain *target);

/*
 * Pause: no vCPU of it is runnable until as many unpauses. Does not wait for running ones; they are
 * kicked. [any]
 */
void hv_domain_pause(struct hv_domain *d);
void hv_domain_unpause(struct hv_domain *d);

/*
 * The embedder gives up on it: as SCHEDOP_shutdown with SHUTDOWN_crash from inside. As after every
 * shutdown, it keeps what it has until hv_domain_destroy: peers' ports stay bound to it, and so do
 * its ports to lines, but no line waits for its eoi any more. [any]
 */
void hv_domain_crash(struct hv_domain *d);
/* Has it shut down? Then *reason (which may be NULL) is SHUTDOWN_*. [look] */
bool hv_domain_is_shut_down(const struct hv_domain *d, unsigned *reason);

enum hv_memory_kind {
	HV_MEMORY_RAM,	   /* its own: may hold page tables, control blocks, vcpu_info */
	HV_MEMORY_SHARED,  /* shared with others or a device: data only */
	HV_MEMORY_SPECIAL, /* its shared_info page and the like: mappable, never a page table */
};

struct hv_memory {
	uint64_t mfn;
	uint64_t pages;
	void *host; /* HV_PAGE_SIZE aligned; outlives the domain */
	enum hv_memory_kind kind;
	bool read_only; /* the guest may not map it writable */
};

/*
 * Frames that the domain may name: `pages` machine frames from `mfn`, backed by host memory at
 * `host`. Frame numbers are unique within a hypervisor unless the memory is the same. The same
 * shared memory may be added to several domains. -EINVAL (overlaps, not page-aligned, no such
 * numbers), -ENOMEM [setup]
 */
int hv_domain_add_memory(struct hv_domain *d, const struct hv_memory *m);

/* Host address of a frame of this domain, NULL if it has none. [look] */
void *hv_domain_frame(const struct hv_domain *d, uint64_t mfn);

/*
 * PV: the page tables below root_mfn, which the domain's builder wrote into its RAM, become its
 * address space. Every table is typed and counted; a bad entry (foreign frame, writable mapping of
 * a table, a table used twice, non-canonical or reserved address) is refused with -EINVAL. The root
 * is pinned and loaded on vCPU 0. The guest may make other roots, which must say the same: pv_map
 * hears nothing of which one a vCPU has loaded. pv_map is called for each run of mappings, with v
 * NULL; what it refuses with is returned. [setup]
 */
int hv_pv_adopt(struct hv_domain *d, uint64_t root_mfn);

/*
 * Copy by the PV page tables, for embedders with copy callbacks of their own. 0 or -EFAULT as
 * hv_ops.copy_*. [look]
 */
int hv_pv_copy_from(struct hv_domain *d, void *dst, uint64_t src, size_t n);
int hv_pv_copy_to(struct hv_domain *d, uint64_t dst, const void *src, size_t n);

/* ---- vCPUs ----------------------------------------------------------------------------------- */

struct hv_domain *hv_vcpu_domain(const struct hv_vcpu *v); /* [look] */
unsigned hv_vcpu_id(const struct hv_vcpu *v);		   /* [look] */
void hv_vcpu_set_user(struct hv_vcpu *v, void *user);	   /* [setup] */
void *hv_vcpu_user(const struct hv_vcpu *v);		   /* NULL until set. [look] */

/*
 * Give a vCPU its first context and bring it up, as the builder does with vCPU 0. -EEXIST if it has
 * one, -EINVAL if an address in it is not canonical (32-bit domains: not below 4 GiB) or, after
 * hv_pv_adopt, if its cr3 is no root of the domain; -ENOMEM [setup]
 */
int hv_vcpu_start(struct hv_vcpu *v, const struct vcpu_guest_context *ctx);

/*
 * The context it was initialised with (hv_vcpu_start or VCPUOP_initialise), NULL if never; constant
 * from then on. [look]
 */
const struct vcpu_guest_context *hv_vcpu_context(const struct hv_vcpu *v);

/*
 * May it run guest code now: up, not blocked or polling, not paused, domain alive? Becomes true
 * with a kick. The embedder asks before every entry, and parks the vCPU while it is false. [look]
 */
bool hv_vcpu_runnable(const struct hv_vcpu *v);

/*
 * Must it take an upcall before its next guest instruction: evtchn_upcall_pending and not
 * evtchn_upcall_mask, and an event callback is registered? The embedder asks on every way into the
 * guest, after hv_vcpu_runnable. [look]
 */
bool hv_vcpu_upcall_due(const struct hv_vcpu *v);

/*
 * The vCPU's vcpu_info as the hypervisor sees it, NULL if it has none yet (id >=
 * XEN_LEGACY_MAX_VCPUS); and its frame and offset there, for an embedder that maps it elsewhere too
 * (either may be NULL). VCPUOP_register_vcpu_info moves it, once: whoever asks again after every
 * hypercall notices. *mfn is HV_NEVER if it is in a shared_info page that was not added to the
 * domain's memory before its first vCPU started. A 32-bit domain's has another layout and is
 * aligned to 4 bytes only, so there are two functions; the one of the other width answers NULL and
 * leaves *mfn and *offset alone. [vcpu]
 */
struct vcpu_info *hv_vcpu_info(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset);
struct compat_vcpu_info *hv_vcpu_info32(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset);

/*
 * One hypercall, number and arguments as the guest passed them; the result belongs into its rax.
 * All registers are hostile. Afterwards the vCPU may be not runnable (block, poll, down, shutdown):
 * the embedder then waits for a kick before it lets it go on; the result stays. Blocks only as the
 * callbacks do; may wait (relax) until the sends that other threads are in are over. [vcpu]
 *
 * A long one stops in the middle when the vCPU has something else to do: an upcall to take, or it
 * is not runnable any more, or hv_ops.preempt says so. Then hv_vcpu_preempted() is true, the result
 * means nothing, and args is what the same number is to be called with to go on. As on Xen it may
 * be the guest that does so: with args put into its registers and its instruction pointer left at
 * the hypercall, it takes its upcalls in between. An embedder that cannot do that waits until the
 * vCPU is runnable, and calls again itself. Each call gets on by a step at least, so that ends.
 */
long hv_hypercall(struct hv_vcpu *v, uint64_t nr, uint64_t args[6]);

/*
 * The vCPU, which was not runnable (or never was), runs from now on; call it before it enters the
 * guest, and it costs next to nothing when that is no news. Until it is called, or a hypercall, the
 * time since it became runnable counts as waited for a processor (RUNSTATE_runnable), which guests
 * see as stolen. Brings the runstate area in the guest up to date. [vcpu]
 */
void hv_vcpu_resumed(struct hv_vcpu *v);

/* Is the vCPU's last hypercall to be called again? [vcpu] */
bool hv_vcpu_preempted(const struct hv_vcpu *v);

/*
 * Deadline reached (or any time: it looks at the clock). Raises VIRQ_TIMER, ends polls, arms the
 * next. [any]
 */
void hv_vcpu_timer(struct hv_vcpu *v);

/*
 * Where the guest wants to be entered (its context, set_callbacks, callback_op, nmi_op,
 * stack_switch). 0: not told.
 */
struct hv_entry {
	uint64_t event;	    /* rip of the event callback */
	uint64_t failsafe;  /* rip of the failsafe callback */
	uint64_t syscall;   /* rip of the callback for system calls of a user mode */
	uint64_t nmi;	    /* rip of the NMI callback: the handler of vector 2 */
	uint64_t kernel_sp; /* rsp of the kernel's stack */

	/*
	 * Selectors. A 64-bit guest's callbacks are always in FLAT_KERNEL_CS; a 32-bit guest names
	 * one with each, COMPAT_FLAT_KERNEL_CS until it has (and always for its NMI callback).
	 */
	uint16_t event_cs, failsafe_cs;
	uint16_t kernel_ss;
	bool failsafe_masks; /* events are masked on entry of failsafe; the event callback always
				masks them */
};

void hv_vcpu_entry(const struct hv_vcpu *v, struct hv_entry *out); /* [vcpu] */

/* The handler of an exception: where, and whether events are masked on entry (TI_GET_IF). */
struct hv_trap {
	uint64_t rip;
	uint16_t cs; /* as the guest gave it */
	bool mask_events;
	unsigned dpl; /* from which ring an int instruction may raise it (TI_GET_DPL) */
};

/*
 * By vector, 0 .. 255. -ENOENT: it has none, so the embedder crashes the domain, as Xen does.
 * [vcpu]
 */
int hv_vcpu_trap(const struct hv_vcpu *v, unsigned vector, struct hv_trap *out);

/* An exception that the embedder raises in the guest. */
struct hv_exception {
	unsigned vector;
	uint32_t error; /* its error code */
};

/*
 * PV: may the frame of a HYPERVISOR_iret name these selectors? 0: yes. -EPERM: they are of a user
 * mode, for which there are no page tables: the embedder crashes the domain, as Xen does. -EINVAL:
 * the processor would raise `out` on the way, so the embedder does, with the frame's registers.
 * Right are the flat kernel selectors (with RPL 0 for cs, as Xen shows them to kernels), and 64-bit
 * code and writable data in the guest's GDT or LDT. [vcpu]
 */
int hv_vcpu_check_return(const struct hv_vcpu *v, uint16_t cs, uint16_t ss,
			 struct hv_exception *out);

/*
 * Raise an NMI on a vCPU (VCPUOP_send_nmi is this too): it wakes it from block and poll, and kicks
 * it. One that is pending already is the same one. [any]
 */
void hv_vcpu_send_nmi(struct hv_vcpu *v);

/* Is there one that it has to take before its next guest instruction? [look] */
bool hv_vcpu_nmi_due(const struct hv_vcpu *v);

/*
 * Take it: the embedder enters the guest at `out`, whatever the event mask says, with the frame of
 * an exception without an error code; no other is due until the guest's HYPERVISOR_iret has come to
 * hv_hypercall. -ENOENT: none is due, or the guest has no handler and it is lost. [vcpu]
 */
int hv_vcpu_take_nmi(struct hv_vcpu *v, struct hv_trap *out);

/* Has it taken one, and not returned from it? [vcpu] */
bool hv_vcpu_in_nmi(const struct hv_vcpu *v);

/* What CPUID answers. */
struct hv_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/*
 * CPUID as this guest gets it, for an embedder that emulates it (Xen's prefix XEN_CPUID, or a
 * virtual machine's exit). `regs` is what the processor answers and becomes what the guest gets:
 * Xen's leaves from 0x40000000 are ours, of the others what a PV guest cannot use is taken away.
 * [any]
 */
void hv_vcpu_cpuid(const struct hv_vcpu *v, uint32_t leaf, uint32_t subleaf, struct hv_cpuid *regs);

/* ---- interrupt lines ------------------------------------------------------------------------- */

#define HV_MAX_LINE_GUESTS 32u /* domains that share one line at most; Xen's default */
#define HV_MAX_CHAINED	   32u /* children of a chained line at most */

enum hv_irq_flow {
	HV_IRQ_LEVEL, /* masked and acked on arrival, unmasked when every domain that got it has
			 eoi'd, or its eoi was forced */
	HV_IRQ_EDGE, /* acked on arrival, never masked for delivery; an edge while one is in service
			is delivered after it */
	HV_IRQ_PERCPU,	/* each vCPU has its own (hv_vcpu_map_pirq); acked, never masked, no eoi */
	HV_IRQ_CHAINED, /* other lines' signals come through it: only by hv_irq_chain */
};

/*
 * The interrupt controller's side of a line. Serialised for one line; on any thread. Locks held. It
 * may read a level that the embedder writes without a lock, but must not wait for a thread that is
 * in hv_irq_raise.
 */
struct hv_irq_chip {
	const char *name;
	void (*startup)(void *data, unsigned line);  /* somebody is bound: enable it, unmasked */
	void (*shutdown)(void *data, unsigned line); /* nobody is any more: disable it */
	void (*ack)(void *data, unsigned line);	     /* may be NULL */
	void (*mask)(void *data, unsigned line);
	void (*unmask)(void *data, unsigned line);
	/*
	 * Level lines: is it asserted now? Sampled after startup and each unmask, and delivered
	 * again if so. The embedder asserts first, then calls hv_irq_raise. Others: not called, may
	 * be NULL.
	 */
	bool (*asserted)(void *data, unsigned line);
};

/*
 * Describe a line, 0 .. HV_MAX_LINES - 1, for good: chip and data are used until hv_destroy.
 * -EINVAL (no such line, invalid, a callback is missing, HV_IRQ_CHAINED), -EBUSY if it is described
 * already, or per-CPU and mapped, -ENOMEM [any]
 */
int hv_irq_register(struct hv *hv, unsigned line, enum hv_irq_flow flow,
		    const struct hv_irq_chip *chip, void *data);

/*
 * The controller signals: an edge arrived, or a level line became asserted; of a chained line: one
 * of its children did. Nothing happens while nobody is bound: an edge is lost, a level is sampled
 * later. Nothing to per-CPU lines. Does not allocate or block. [any]
 */
void hv_irq_raise(struct hv *hv, unsigned line);

/* A per-CPU line signals to this vCPU; other lines: nothing happens. Contexts likewise. [any] */
void hv_irq_raise_vcpu(struct hv_vcpu *v, unsigned line);

/*
 * Look at a level line again that nobody had in service because nobody was to have it
 * (irq_may_deliver refused): for when that has changed. [any]
 */
void hv_irq_resample(struct hv *hv, unsigned line);

/*
 * A line on which several others signal, as a GPIO controller has. Nobody binds it; it is enabled
 * from this call on. Each hv_irq_raise of it masks and acks it, asks `status` once, raises the
 * children whose bits are set as hv_irq_raise would, lowest first, and unmasks it. So the embedder
 * sets the child's status first, then raises; what a child signals while others are looked at is
 * found by its own raise. A child is an ordinary line with a chip of its own, which for levels must
 * keep it out of `status` while it is masked.
 */
struct hv_irq_demux {
	const unsigned *child; /* bit i of status is line child[i] */
	unsigned nr;	       /* 1 .. HV_MAX_CHAINED */
	/*
	 * Which children signal now? Asking takes edges away. Called as the chip's functions are.
	 */
	uint32_t (*status)(void *data, unsigned line);
};

/*
 * Describe a chained line, as hv_irq_register does; demux, and the numbers in it, do not change
 * until hv_destroy. Children may be described before or later. Chains are one deep. -EINVAL: as
 * there; a child is no line, is chained or is the line itself; the line is a child. -EBUSY: it is
 * described or mapped already, a child is another's; -ENOMEM [any]
 */
int hv_irq_chain(struct hv *hv, unsigned line, const struct hv_irq_chip *chip, void *data,
		 const struct hv_irq_demux *demux);

/*
 * Does anything signal on this line? Between begin and end nobody can bind it, and whatever it
 * signals is acked (a level: and masked) and remembered. begin: -EBUSY: somebody is bound, or it is
 * being probed; -EINVAL: no such line, not described, chained, invalid. end: 1 if it signalled, 0
 * if not, -EINVAL if it was not being probed. [any]
 */
int hv_irq_probe_begin(struct hv *hv, unsigned line);
int hv_irq_probe_end(struct hv *hv, unsigned line);

/*
 * This number is no line (any more), for good: it is shut down, nothing that was sent is waited
 * for, it can be neither described nor mapped nor bound. Ports that are bound to it stay so until
 * they are closed and hear nothing. -EINVAL: out of range; -ENOMEM [any]
 */
int hv_irq_invalidate(struct hv *hv, unsigned line);

/* Flags of a line, described or not. */
#define HV_IRQ_FOCUS 1u /* of those bound, only the domain in the foreground gets it */

/* -EINVAL: no such line or flag; -ENOMEM [any] */
int hv_irq_set_flags(struct hv *hv, unsigned line, unsigned flags);

/*
 * The domain that the user looks at: lines with HV_IRQ_FOCUS are its own from now on. What the one
 * before has in service is not waited for any more; a level that is still asserted is delivered to
 * this one. While it is not bound, or NULL: edges are lost, levels wait. A domain that is destroyed
 * leaves the foreground empty. [any]
 */
void hv_set_foreground(struct hv *hv, struct hv_domain *d);

/*
 * How long a level line waits for eois before they are forced, from its next signal on; HV_NEVER:
 * for ever. At first 1 ms, as on Xen. Without hv_ops.set_line_timer: for ever. -EINVAL: 0 [any]
 */
int hv_set_eoi_timeout(struct hv *hv, uint64_t ns);

/*
 * The deadline of hv_ops.set_line_timer was reached (or any time: it looks at the clock). Forces
 * what is due: those who have not eoi'd are not waited for any more; the eoi that each of them
 * still owes is taken for what it is when it comes, so that it does not end a later one's service.
 * [any]
 */
void hv_irq_timer(struct hv *hv);

/*
 * Allow a domain to use a line, and map it to one of its pirq numbers. shareable: other domains may
 * have it too, as long as all say so. A line that is not described yet can be mapped and bound. A
 * privileged domain (or whoever hv_ops.policy lets) may map any line but 0 by itself that is
 * described and that no domain has unshareably. -EBUSY: another domain has it unshareably; -EEXIST:
 * that pirq or that line is mapped; -EINVAL: no such pirq or line, or it is chained, per-CPU or
 * invalid; -ENOMEM [any]
 */
int hv_domain_map_pirq(struct hv_domain *d, unsigned pirq, unsigned line, bool shareable);

/*
 * The same of a per-CPU line, for one vCPU: the port that is bound to this pirq notifies that vCPU
 * and cannot be moved. Lines of other vCPUs need pirqs of their own. -EINVAL also: the line is not
 * per-CPU; -EEXIST: that pirq is mapped, or the vCPU's line is [any]
 */
int hv_vcpu_map_pirq(struct hv_vcpu *v, unsigned pirq, unsigned line);

/*
 * Take it away again. A port that is bound to it stays so until it is closed and hears nothing;
 * until then the number is not free. -EINVAL: it is not mapped [any]
 */
int hv_domain_unmap_pirq(struct hv_domain *d, unsigned pirq);

/* ---- events from outside the guests ---------------------------------------------------------- */

/*
 * Connect two domains (or one with itself) by a new interdomain channel; nothing becomes pending.
 * Lowest free ports. -ENOSPC: one has no port left; -ENOMEM; -EINVAL: one is being destroyed. [any]
 */
int hv_evtchn_connect(struct hv_domain *a, struct hv_domain *b, evtchn_port_t *port_a,
		      evtchn_port_t *port_b);

/*
 * The same with ports of the embedder's choice, from 1 on, as in Xen's static event channels. All
 * of a domain's lower numbers stay free, and are given out as before; memory for the table up to
 * the port is needed (16 bytes a port). -EBUSY: one is in use, or both are the same port of one
 * domain; -ENOSPC: one is beyond what the domain may have, or its ABI has (4095 before it turned to
 * FIFO); -EINVAL: one is 0, or a domain is being destroyed; -ENOMEM. Nothing changes then. [any]
 */
int hv_evtchn_connect_at(struct hv_domain *a, evtchn_port_t port_a, struct hv_domain *b,
			 evtchn_port_t port_b);

/*
 * Raise a VIRQ of which each vCPU has its own (timer, debug, profiling) on that vCPU; one of the
 * domain's where it is bound. Unbound, or of no such number: lost, as on Xen. Does not allocate or
 * block. [any]
 */
void hv_vcpu_virq(struct hv_vcpu *v, unsigned virq);
void hv_domain_virq(struct hv_domain *d, unsigned virq);

/*
 * Raise a global VIRQ (console input, VIRQ_DOM_EXC, the architecture's) on the one domain that
 * handles it: see hv_set_virq_handler. VIRQ_DOM_EXC the hypervisor raises itself, when a domain
 * shuts down and when one is gone. Those that are each domain's own (VIRQ_ARGO) go by
 * hv_domain_virq. -EINVAL if the VIRQ does not exist or is per vCPU. Does not allocate or block.
 * [any]
 */
int hv_global_virq(struct hv *hv, unsigned virq);

/*
 * Who gets a global VIRQ by hv_global_virq or from the hypervisor itself: this domain from now on,
 * instead of the privileged one; until it is destroyed, then the privileged one again. d NULL: the
 * privileged one. -EINVAL if the VIRQ does not exist or is per vCPU. [any]
 */
int hv_set_virq_handler(struct hv *hv, unsigned virq, struct hv_domain *d);

#endif
