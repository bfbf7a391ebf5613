/* SPDX-License-Identifier: MIT */
/*
 * The guest half's whole API: interrupts, event channels, the clock and timers of a Xen guest, for
 * whoever writes its kernel. What differs from one place a guest runs to another is the `struct
 * guest_port_ops` that the kernel (or a port of guest/ports/) gives; nothing of the hypervisor half
 * is here.
 *
 * There are no globals: a guest is a `struct guest`. All functions return 0 (or a positive value
 * where said) or a negative errno (include/xen/errno.h numbers). Contexts:
 *
 * - [boot]: before the CPU's events are enabled for the first time, one thread;
 *
 * - [task]: ordinary context, events enabled or not, not inside a handler;
 *
 * - [any]: also inside interrupt handlers.
 */
#ifndef CARILLON_GUEST_H
#define CARILLON_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/event_channel.h>
#include <xen/xen.h>

struct guest;

#define GUEST_MAX_CPUS 128u

/*
 * What the place lends to the guest half. Every callback may be called from any context of any CPU,
 * with events enabled or not, unless said.
 */
struct guest_port_ops {
	/* Make a hypercall with up to five arguments; returns its result. */
	long (*hypercall)(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			  uint64_t a3, uint64_t a4);

	/* Number of the CPU that runs this, below nr_cpus. Stable while events are disabled. */
	unsigned (*this_cpu)(void *ctx);

	/*
	 * Zeroed memory, cache-line aligned (page-aligned if a multiple of 4096; binding is refused
	 * with -EINVAL if not), or NULL; free gets the size that it was asked for. [boot] and
	 * [task] only, there perhaps with events disabled.
	 */
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *p, size_t size);

	/* The counter that vcpu_time_info.tsc_timestamp is in. */
	uint64_t (*cycles)(void *ctx);

	/*
	 * The frame number that names the page of this address in hypercalls (mfn for a PV guest).
	 * May be NULL with up to 32 CPUs; then there is no FIFO ABI.
	 */
	uint64_t (*frame_of)(void *ctx, const void *p);

	/* In every busy wait, also with events disabled and locks held. May be NULL. */
	void (*relax)(void *ctx);

	/*
	 * Keep the thread that calls on the CPU it is on, until unpin; they nest. For kernels that
	 * move threads between CPUs wherever events are enabled: both, else the interrupt flag of a
	 * CPU that a thread has just left would be changed (between this_cpu and the change no
	 * second look could tell). NULL if threads move only where they call the kernel, outside of
	 * these functions. Called with events enabled or not.
	 */
	void (*pin)(void *ctx);
	void (*unpin)(void *ctx);
};

/*
 * How ports and their events look in shared memory. FIFO: 131071 ports with 16 priorities, each
 * CPU's events in the order of their arrival. 2-level: 4095 ports, without priorities; those that
 * are pending together are served by number, from behind the 64 ports that were served last. Each
 * 128 ports of which one has had an IRQ take 4 KiB until the guest is destroyed, each 512 another 4
 * KiB, and what finds these 42 KiB in FIFO; in 2-level 320 bytes, and 512 for each CPU.
 */
enum guest_abi {
	GUEST_ABI_AUTO, /* FIFO if Xen offers it and frame_of is there, else 2-level */
	GUEST_ABI_2L,
	GUEST_ABI_FIFO,
};

struct guest_config {
	struct shared_info *shared_info; /* mapped, page-aligned */
	unsigned nr_cpus;		 /* possible CPUs; 1 .. GUEST_MAX_CPUS */
	/*
	 * IRQ numbers 1 .. nr_irqs - 1 may be handed out. Memory is taken for those in use only. 0:
	 * a default of 131072, one for every port that there can be.
	 */
	unsigned nr_irqs;
	enum guest_abi abi;
	/*
	 * IRQs 1 .. nr_legacy_pirqs - 1 are the pirqs of the same number, whether bound or not, and
	 * all others get numbers above: guest_request_irq alone binds them, the last guest_free_irq
	 * closes them. From 10 on, 2 is another name of 9, as on a PC (its 2 is only the second
	 * controller's way through the first). 0: there is no such range.
	 */
	unsigned nr_legacy_pirqs;
};

/* A set of CPUs. The helpers do not check `cpu` against nr_cpus, only against GUEST_MAX_CPUS. */
struct guest_cpumask {
	uint64_t bits[GUEST_MAX_CPUS / 64];
};

static inline void guest_cpumask_set(struct guest_cpumask *mask, unsigned cpu)
{
	if (cpu < GUEST_MAX_CPUS)
		mask->bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

static inline bool guest_cpumask_test(const struct guest_cpumask *mask, unsigned cpu)
{
	return cpu < GUEST_MAX_CPUS && (mask->bits[cpu / 64] >> cpu % 64 & 1);
}

/* ---- life --------------------------------------------------------------------------------- */

/*
 * Make a guest, for the boot CPU: every port masked, events disabled, what is pending kept. With
 * the FIFO ABI all possible CPUs get their control blocks here, so events for one that has not
 * started yet wait for it. -ENOMEM, -EINVAL; with GUEST_ABI_FIFO also what EVTCHNOP_init_control
 * answered. [boot]
 */
int guest_create(struct guest **out, const struct guest_port_ops *ops, void *ctx,
		 const struct guest_config *cfg);

/*
 * Free it; every IRQ has been freed and no other CPU is in here. For tests and for kernels that
 * hand over. With the FIFO ABI all ports of the domain are closed (EVTCHNOP_reset), as Xen would go
 * on writing into memory that is freed here; with 2-level they stay. The vcpu_info of CPUs from 32
 * on goes too: their vCPUs must not run any more. [task]
 */
void guest_destroy(struct guest *g);

void *guest_ctx(const struct guest *g); /* [any] */

/*
 * Prepare this CPU: called on each when it has started, before its events are enabled (guest_create
 * does it for CPU 0); again when it starts after guest_cpu_dead or guest_resume. CPUs from 32 on
 * have no vcpu_info in shared_info and register one: -ENOMEM, or what that hypercall answered. With
 * the FIFO ABI, what init_control answered if it failed. No function may be called on a CPU before
 * this. [boot]
 */
int guest_cpu_init(struct guest *g);

/*
 * That CPU has stopped (VCPUOP_down) with events disabled and outside of an upcall. Its movable
 * IRQs go to CPU 0 and with them what was pending on it; IPIs and per-CPU VIRQs stay bound, and
 * their events wait for its next guest_cpu_init. -EINVAL: no such CPU, CPU 0 or this one. Not on
 * two CPUs at once. [task]
 */
int guest_cpu_dead(struct guest *g, unsigned cpu);

/*
 * The domain has been restored, or its ports were reset: it has no port any more, the ABI is
 * 2-level, shared_info is mapped where it was, and all that was pending is lost. The same ABI is
 * set up again (2-level, if it was chosen automatically and there is no FIFO any more) and every
 * VIRQ, IPI and pirq gets a new port under its old IRQ, with its handlers, CPU, priority and
 * disables. Nobody but the other domain can make interdomain channels and ports given by number
 * again: these IRQs are dead, as are those whose hypercall failed. A dead IRQ keeps its handlers
 * and has no port (guest_irq_port: 0), sending on it does nothing, and it is unbound like any
 * other. All handles of guest_evtchn.h have only dead ports.
 *
 * The result is how many IRQs are dead now, or -ENOMEM or what a hypercall answered for this CPU's
 * part: then no IRQ has a port. guest_clock begins anew. Events are disabled afterwards and the
 * timer is not set. On CPU 0; the other CPUs are down, or call guest_cpu_init next. [task]
 */
int guest_resume(struct guest *g);

/* ---- entry -------------------------------------------------------------------------------- */

/*
 * The upcall: the port's entry code calls it with the upcall mask set, on this CPU. Handles
 * everything pending for the CPU, returns with the mask set. A nested call (a handler that enabled
 * events) only notes that there is more, unless that handler may be interrupted
 * (GUEST_IRQF_NESTED).
 */
void guest_upcall(struct guest *g);

/* ---- the interrupt flag: this CPU's upcall mask. [any] ------------------------------------ */

/*
 * The flag is the CPU's, not the thread's. A kernel that may move a thread inside one of these
 * gives ops.pin. What a thread saved on one CPU it may restore on another: with events disabled it
 * is not moved, unless it moves itself.
 */

typedef bool guest_flags_t; /* were events enabled? */

void guest_local_irq_disable(struct guest *g);
/*
 * Unmask; anything that became pending meanwhile is delivered before this returns (the force
 * callback).
 */
void guest_local_irq_enable(struct guest *g);
guest_flags_t guest_local_irq_save(struct guest *g);
void guest_local_irq_restore(struct guest *g, guest_flags_t flags);
bool guest_irqs_disabled(const struct guest *g);

/*
 * Enable events and sleep until one arrives; cannot miss one that arrived before. [task], events
 * disabled by the caller.
 */
void guest_halt(struct guest *g);

/* ---- IRQs --------------------------------------------------------------------------------- */

enum guest_irqreturn {
	GUEST_IRQ_NONE, /* not mine */
	GUEST_IRQ_HANDLED,
};

typedef enum guest_irqreturn (*guest_irq_handler)(struct guest *g, unsigned irq, void *dev);

/* ---- GUEST_IRQF_*: how guest_request_irq is to treat the handler --------------------------- */

/* Other handlers may share the IRQ; all of them say so, dev is not NULL. */
#define GUEST_IRQF_SHARED 0x1u
/* Starts disabled: depth 1. Not together with SHARED. */
#define GUEST_IRQF_NO_AUTOEN 0x2u
/*
 * The handler needs a per-CPU IRQ: an IPI, or a VIRQ of which each vCPU has its own (timer, debug,
 * profiling). It is -EINVAL on any other. Those are handled without masking whether said or not.
 */
#define GUEST_IRQF_PERCPU 0x4u
/* While this handler is there, the IRQ stays on its CPU: neither guest_irq_set_affinity nor the
 * balancer moves it. */
#define GUEST_IRQF_NO_BALANCING 0x8u
/*
 * The handler is called with events enabled, so that those of other IRQs may interrupt it, and each
 * other, up to GUEST_MAX_NESTING upcalls deep on one stack; what comes beyond that waits for the
 * upcall before it. Its own IRQ's next event waits for its end. (A handler without this flag that
 * enables events is not interrupted: what arrives waits for its end.)
 */
#define GUEST_IRQF_NESTED 0x10u

#define GUEST_MAX_NESTING 4u

/*
 * Add a handler to a bound IRQ. The first one starts the line, and what is pending then is
 * delivered; the last guest_free_irq shuts it down. Handlers are called in the order of their
 * requests, events disabled unless NESTED is said; if one enables them (guest_local_irq_enable,
 * guest_local_irq_restore, guest_halt) they are disabled again after it; if it writes the flag
 * itself, perhaps not before those that follow it in the same upcall. name must outlive it. A
 * handler that joins an IRQ which was disabled because nobody claimed it (guest_irq_hooks) gives it
 * another chance. -EINVAL (no such IRQ, no handler, unknown flags, SHARED without dev or with
 * NO_AUTOEN, PERCPU on an IRQ that is not), -ENOSYS (from guest_alloc_irq, and no flow has been
 * chosen yet), -EBUSY (not shared by all, flags differ, dev is there already), -ENOMEM; for an IRQ
 * below nr_legacy_pirqs also what guest_bind_pirq_to_irq answers. [task]
 */
int guest_request_irq(struct guest *g, unsigned irq, guest_irq_handler handler, unsigned flags,
		      const char *name, void *dev);

/*
 * Remove the handler with that dev; waits until it is not running on another CPU. -EINVAL: no such
 * IRQ; -ENOENT: no such dev. [task], and in a handler of that same IRQ (also of itself): then it is
 * not called any more after it has returned.
 */
int guest_free_irq(struct guest *g, unsigned irq, void *dev);

/*
 * Disable nests. guest_disable_irq also waits for handlers running on other CPUs; never from a
 * handler of that IRQ. What arrives while disabled stays pending, and enabling delivers it: on this
 * CPU before guest_enable_irq returns if events are enabled, else when they are. A pirq whose
 * handler disables it gets its eoi all the same. -EINVAL: no such IRQ, no handler, unbalanced
 * enable. [task] / nosync and enable: [any]
 */
int guest_disable_irq(struct guest *g, unsigned irq);
int guest_disable_irq_nosync(struct guest *g, unsigned irq);
int guest_enable_irq(struct guest *g, unsigned irq);

/*
 * Wait until handlers of that IRQ that are running now on another CPU have returned; what the
 * caller wrote before is seen by those that run later. Disables nothing. At once in a handler of
 * that IRQ. -EINVAL: no such IRQ. [task]
 */
int guest_synchronize_irq(struct guest *g, unsigned irq);

/* ---- flows: what is done to the line around the handlers ---------------------------------- */

/*
 * With any of them handlers are not called again, here or on another CPU, while they run. A level
 * line with one handler and without an eoi need not be masked for that, and is not.
 */
enum guest_irq_flow {
	GUEST_FLOW_LEVEL,   /* masked while the handlers run, then eoi */
	GUEST_FLOW_EDGE,    /* not masked; what comes meanwhile makes them run again */
	GUEST_FLOW_FASTEOI, /* not masked, then eoi: for a line that is silent until its eoi */
	GUEST_FLOW_PERCPU,  /* no other CPU can be concerned */
	GUEST_FLOW_SIMPLE,  /* there is no line: raised by guest_raise_irq */
};

/*
 * Choose another flow than the one that binding chose (level; edge for a pirq without eoi).
 * -EINVAL: no such IRQ, or one that does not suit it: percpu suits per-CPU IRQs, which have no
 * other; simple suits those of guest_alloc_irq, likewise; a pirq that needs its eoi cannot be edge.
 * -EBUSY: it has handlers, or they are running. [task]
 */
int guest_set_irq_flow(struct guest *g, unsigned irq, enum guest_irq_flow flow);

/*
 * An IRQ without an event channel, for the kernel to raise itself, and its end. It is of no use
 * until guest_set_irq_flow has made it GUEST_FLOW_SIMPLE. The IRQ, or -ENOSPC, -ENOMEM. Giving
 * back: -EINVAL if it is not from here, -EBUSY while it has handlers. [task]
 */
int guest_alloc_irq(struct guest *g);
int guest_dealloc_irq(struct guest *g, unsigned irq);

/*
 * Call the IRQ's handlers on this CPU, before this returns; in a handler, or if it runs on another
 * CPU: when that has ended (so nothing nests). While it is disabled or has no handler it stays
 * pending, once. -EINVAL: not from guest_alloc_irq, or without a flow. [any]
 */
int guest_raise_irq(struct guest *g, unsigned irq);

/* ---- affinity: which CPU ------------------------------------------------------------------ */

/*
 * Have the IRQ on one CPU of the mask: it stays where it is if that is in the mask, else it goes to
 * the CPU with the fewest IRQs of those that guest_cpu_init has prepared. It moves at once, or, if
 * its handlers are running, when its next event is taken (which is still handled on the old CPU, as
 * is one that is on that CPU's queue already). No event is lost or handled twice. -EINVAL: no such
 * IRQ, no such CPU in the mask, or it has no CPU (guest_alloc_irq); -EIO: it is per-CPU or has a
 * handler with NO_BALANCING; or what the hypercall answered, and nothing has changed. [any]
 */
int guest_irq_set_affinity(struct guest *g, unsigned irq, const struct guest_cpumask *mask);

/*
 * The mask that was set last (every CPU if none was; the one CPU of a per-CPU IRQ), also if the
 * move is still to come; and the CPU on which its events really arrive now. -EINVAL: no such IRQ,
 * or no CPU. [any]
 */
int guest_irq_get_affinity(struct guest *g, unsigned irq, struct guest_cpumask *mask);
int guest_irq_effective_cpu(struct guest *g, unsigned irq);

/* What a CPU has to do, as a balancer sees it. */
struct guest_cpu_load {
	/* Interrupts, all IRQs, since the guest was made; up to 128 of an upcall come later. */
	uint64_t handled;
	unsigned irqs; /* movable IRQs whose events arrive there */
	bool usable;   /* prepared, and in the IRQ's affinity mask */
};

/*
 * Chooses a CPU for an IRQ that is on `cpu` now; loads has one entry for each of nr_cpus. What is
 * not usable means no change. Called in [task] context without locks.
 */
typedef unsigned (*guest_balancer)(void *arg, unsigned irq, unsigned cpu,
				   const struct guest_cpu_load *loads, unsigned nr_cpus);

/*
 * With a balancer, the IRQs of ports (interdomain channels and those bound by number; pirqs and
 * per-CPU IRQs stay where they are put) are offered to it at their first guest_request_irq, and all
 * of them by guest_balance_irqs, which a kernel may call now and then. NULL, as at the beginning:
 * never. [boot], and [task] if no other CPU requests or balances at that moment; balance [task]
 */
void guest_set_balancer(struct guest *g, guest_balancer balancer, void *arg);
void guest_balance_irqs(struct guest *g);

/* A balancer: the CPU with the fewest IRQs, if that makes the numbers more even. */
unsigned guest_balance_spread(void *arg, unsigned irq, unsigned cpu,
			      const struct guest_cpu_load *loads, unsigned nr_cpus);

/* ---- hooks -------------------------------------------------------------------------------- */

/* What the kernel wants to know of interrupts. Each may be NULL. */
struct guest_irq_hooks {
	void *arg;
	/*
	 * An interrupt arrived on this CPU when the counter was at `cycles`: entropy. Before its
	 * handlers, as [any], events disabled.
	 */
	void (*entropy)(void *arg, unsigned irq, uint64_t cycles);
	/*
	 * Of 100,000 interrupts in a row more than 99,900 were not claimed by any handler, no two
	 * of them more than 100 ms apart: the IRQ has just been disabled once (guest_enable_irq
	 * takes that back). As [any], events disabled.
	 */
	void (*unclaimed)(void *arg, unsigned irq);
};

/* NULL: none. hooks must outlive the guest, or the next call and every handler then running. [any]
 */
void guest_set_irq_hooks(struct guest *g, const struct guest_irq_hooks *hooks);

/* ---- event channels as IRQs --------------------------------------------------------------- */

/*
 * IPIs of a CPU are told apart by their kind, 0 .. GUEST_NR_IPIS - 1: what they mean is the
 * kernel's. One that uses guest_smp.h has given away the first six.
 */
#define GUEST_NR_IPIS 8u

/*
 * Bind: find or make the IRQ of the source and add a reference. The same port, VIRQ and CPU, IPI
 * kind and CPU, or pirq gives the same IRQ; an interdomain bind always makes a new channel. The
 * result is the IRQ (> 0), or -ENOSPC when there is no IRQ number left, -ENOMEM, -EINVAL (no such
 * port, VIRQ, IPI, CPU), -ENOENT (the port is closed), or what the hypercall answered. No event is
 * lost: what comes before the first request stays pending. A channel just made by interdomain
 * starts pending, as on Xen. [task]
 */
int guest_bind_evtchn_to_irq(struct guest *g, evtchn_port_t port);
int guest_bind_interdomain_to_irq(struct guest *g, domid_t remote_dom, evtchn_port_t remote_port);
int guest_bind_virq_to_irq(struct guest *g, unsigned virq, unsigned cpu);
int guest_bind_ipi_to_irq(struct guest *g, unsigned ipi, unsigned cpu);
int guest_bind_pirq_to_irq(struct guest *g, unsigned pirq, bool shareable);

/*
 * Drop a reference; the last one closes the port (which is closed and unmapped before it can be
 * handed out again; with the FIFO ABI it is not handed out before the queue that it may be on has
 * been served as far as it). -EINVAL: not bound; -EBUSY, and nothing has happened: it is the last
 * and there are handlers. What EVTCHNOP_close answered, if it failed: the IRQ is gone all the same.
 * [task], and in a handler of that same IRQ.
 */
int guest_unbind_irq(struct guest *g, unsigned irq);

/*
 * Bind and request in one, the result is the IRQ; on an error neither has happened (a port given by
 * number stays open). A pirq is bound shareable if the flags say SHARED. Unbinding is free and
 * unbind in one, with their errors and contexts. [task]
 */
int guest_bind_evtchn_to_irqhandler(struct guest *g, evtchn_port_t port, guest_irq_handler handler,
				    unsigned flags, const char *name, void *dev);
int guest_bind_interdomain_to_irqhandler(struct guest *g, domid_t remote_dom,
					 evtchn_port_t remote_port, guest_irq_handler handler,
					 unsigned flags, const char *name, void *dev);
int guest_bind_virq_to_irqhandler(struct guest *g, unsigned virq, unsigned cpu,
				  guest_irq_handler handler, unsigned flags, const char *name,
				  void *dev);
int guest_bind_ipi_to_irqhandler(struct guest *g, unsigned ipi, unsigned cpu,
				 guest_irq_handler handler, unsigned flags, const char *name,
				 void *dev);
int guest_bind_pirq_to_irqhandler(struct guest *g, unsigned pirq, guest_irq_handler handler,
				  unsigned flags, const char *name, void *dev);
int guest_unbind_from_irqhandler(struct guest *g, unsigned irq, void *dev);

/*
 * Late eoi, for a backend whose peer may be hostile: bound as above, but the port stays masked from
 * an event until the driver says that it has dealt with it, by guest_irq_lateeoi, once, from its
 * handler or from a thread. An event that was not worth the interrupt is reported as spurious: the
 * first is free, after the second in a row the port stays masked for 1 ms more, then 2 ms, doubling
 * up to 1 s; one that is not spurious ends the row. So a peer that storms costs little.
 *
 * The delay is ended by VIRQ_TIMER of the CPU that called guest_irq_lateeoi. Binding one binds that
 * on every CPU (by a reference and a handler of its own, which do not keep the kernel from
 * requesting the IRQ); the kernel's own timer handler may then be called earlier than it asked for,
 * and a disabled VIRQ_TIMER holds delayed ports up.
 *
 * Binding: as above, and -EBUSY: the port is bound without late eoi (or the other way round).
 * lateeoi: -EINVAL: not such an IRQ, unknown flags, or no eoi is owed. bind [task], lateeoi [any]
 */
#define GUEST_EOI_SPURIOUS 0x1u

int guest_bind_evtchn_to_irq_lateeoi(struct guest *g, evtchn_port_t port);
int guest_bind_interdomain_evtchn_to_irq_lateeoi(struct guest *g, domid_t remote_dom,
						 evtchn_port_t remote_port);
int guest_bind_interdomain_evtchn_to_irqhandler_lateeoi(struct guest *g, domid_t remote_dom,
							evtchn_port_t remote_port,
							guest_irq_handler handler, unsigned flags,
							const char *name, void *dev);
int guest_irq_lateeoi(struct guest *g, unsigned irq, unsigned flags);

/*
 * With the FIFO ABI, IRQs of a higher priority (EVTCHN_FIFO_PRIORITY_MAX, 0, is the highest) are
 * served first on a CPU, those of one priority in the order of their events. A new IRQ has
 * EVTCHN_FIFO_PRIORITY_DEFAULT, VIRQ_TIMER the highest. An event that is queued already keeps its
 * place. -EINVAL: no such IRQ or priority, a dead one; -ENOSYS: 2-level. [any]
 */
int guest_set_irq_priority(struct guest *g, unsigned irq, unsigned priority);

/* Port of an IRQ (0: none), IRQ of a port (-ENOENT: none). [any] */
evtchn_port_t guest_irq_port(const struct guest *g, unsigned irq);
int guest_port_irq(const struct guest *g, evtchn_port_t port);

/* Allocate a port that remote_dom may bind to. The port, or the hypercall's error. [task] */
int guest_alloc_unbound(struct guest *g, domid_t remote_dom);

/*
 * Send on an interdomain or IPI IRQ's port / on a port. -EINVAL (no such IRQ, port, or of another
 * kind), or what the hypercall answered. On a dead IRQ (guest_resume): 0, and nothing happens.
 * [any]
 */
int guest_notify_irq(struct guest *g, unsigned irq);
int guest_notify_port(struct guest *g, evtchn_port_t port);

/* ---- clock and timer ---------------------------------------------------------------------- */

/*
 * System time in ns, by this CPU's time page. Monotonic, on all CPUs together: a time that one CPU
 * has read and hands over (with release and acquire, or a lock) is never after what the other one
 * reads then. Where Xen promises that itself (XEN_PVCLOCK_TSC_STABLE_BIT) a read writes to nothing
 * that CPUs share; else all of them write to one cache line. Should Xen take its promise back, what
 * was read under it counts on its own CPU only. [any]
 */
uint64_t guest_clock(struct guest *g);

/* Wall-clock time: seconds since 1970 (UTC) and ns. [any] */
void guest_wallclock(struct guest *g, uint64_t *sec, uint32_t *nsec);

/*
 * Each CPU has one timer, whose event is VIRQ_TIMER of that CPU: bind it as any other, then arm it
 * here on that CPU. One deadline and one periodic tick share it, and late eois do too, so a handler
 * may be called though none of its own is due: guest_timer_take tells. So it may a moment before
 * its time, where the hypervisor's clock is ahead of guest_clock; guest_timer_take then arms the
 * timer again. A CPU that goes (guest_cpu_die, guest_cpu_dead) and guest_resume turn everything
 * off, and the kernel arms it again when it wants to.
 */

/*
 * The deadline, system time in ns (in the past: at once; 0: off). By set_timer_op, which takes no
 * memory. What the hypercall answered. [any]
 */
int guest_set_timer(struct guest *g, uint64_t deadline);

/*
 * The same, but one that has passed is refused: -ETIME, there will be no event for it and the
 * deadline is off. The look is ours: Xen 4.17 ignores VCPU_SSHOTTMR_future. One that passes between
 * the look and the hypercall comes at once. [any]
 */
int guest_set_timer_future(struct guest *g, uint64_t deadline);

/*
 * A tick at system times first, first + period, ...; period 0: off. Neither drifts: each tick is
 * reckoned from the one before and not from when that was handled, and ticks that were missed are
 * counted, not made up one by one. So `first` is also the phase; give CPUs different ones and they
 * do not all tick at once. Each tick is a one-shot timer that guest_timer_take arms: Xen's own
 * periodic timer has no phase, merges with no deadline, and stops while the vCPU is blocked (turn
 * it off by guest_stop_periodic_tick). -EINVAL: a shorter period, or first is 0; or what the
 * hypercall answered. [any]
 */
#define GUEST_MIN_PERIOD UINT64_C(10000)

int guest_set_periodic_timer(struct guest *g, uint64_t first, uint64_t period);

/* What has come on this CPU since it was asked last. */
struct guest_timer_event {
	bool oneshot;	/* the deadline */
	uint64_t ticks; /* of the periodic tick; more than 1: some were missed */
};

/*
 * For the handler of VIRQ_TIMER: which of its own is due. Arms what is still to come, so a kernel
 * with a periodic tick calls it in each run. What the hypercall answered, if one was made. [any]
 */
int guest_timer_take(struct guest *g, struct guest_timer_event *event);

/* Turn off the 10 ms tick that a vCPU starts with. -EINVAL: no such CPU. [any] */
int guest_stop_periodic_tick(struct guest *g, unsigned cpu);

/* ---- looking at it ------------------------------------------------------------------------ */

/*
 * Print the table of /proc/interrupts: per IRQ the count of each CPU, chip, flow type, names, and
 * what was unclaimed or delayed; then per CPU the spurious count and, if there were any, delayed
 * late eois and nested upcalls. `emit` gets each line's text, without its newline. Spurious: for a
 * port without an IRQ, or not claimed by any handler. Without memory for a line, one that says so.
 * [task]
 */
void guest_show_interrupts(struct guest *g, void (*emit)(void *arg, const char *line), void *arg);

/* The ABI in use: GUEST_ABI_2L or GUEST_ABI_FIFO. [any] */
enum guest_abi guest_abi(const struct guest *g);

/* What shared memory says of a port at this moment, GUEST_PORT_*; 0 also if it says nothing. [any]
 */
#define GUEST_PORT_PENDING 0x1u
#define GUEST_PORT_MASKED  0x2u
#define GUEST_PORT_LINKED  0x4u /* FIFO: on a queue */

unsigned guest_port_state(const struct guest *g, evtchn_port_t port);

/*
 * Forget what is pending on an IRQ's port, for who waits for it without a handler (SCHEDOP_poll).
 * It was pending? What its sender wrote before is seen then. False for an IRQ without a port. [any]
 */
bool guest_clear_irq_pending(struct guest *g, unsigned irq);

/* How often an IRQ was handled since it was bound, over all CPUs; 0: no such IRQ. [any] */
uint64_t guest_irq_count(const struct guest *g, unsigned irq);

/* The same for one CPU; 0 also if there is no such CPU. [any] */
uint64_t guest_irq_count_cpu(const struct guest *g, unsigned irq, unsigned cpu);

/* Since the IRQ was bound. */
struct guest_irq_stats {
	uint64_t handled;   /* guest_irq_count */
	uint64_t unclaimed; /* no handler said that it was its own */
	/* Taken, put back as the IRQ was being changed, and one with the event that came meanwhile.
	 */
	uint64_t merged;
	uint64_t late_spurious; /* late eois that said spurious */
	uint64_t late_delayed;	/* of these: that were delayed */
	uint64_t late_delay;	/* ns, by all of these together */
};

/* -EINVAL: no such IRQ. [any] */
int guest_irq_get_stats(struct guest *g, unsigned irq, struct guest_irq_stats *stats);

#endif
