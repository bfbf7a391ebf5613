/* SPDX-License-Identifier: MIT */
/*
 * The guest half with several CPUs: starting and taking away CPUs, calling functions on others, the
 * IPIs for that, and spin locks that let the holder have the processor. Everything else is in
 * guest.h, whose contexts and errors hold here too. How a CPU is made to run its first instruction
 * is the port's (guest_smp_config.start).
 *
 * A CPU is one vCPU; CPU 0 is the one that booted and stays. Every CPU is a core of its own with
 * one thread, all in one package: what Xen's scheduler does with them is not the guest's to know.
 */
#ifndef CARILLON_GUEST_SMP_H
#define CARILLON_GUEST_SMP_H

#include <carillon/guest.h>

/*
 * The kinds of IPIs that guest_smp_init binds on each CPU; the others of GUEST_NR_IPIS are the
 * kernel's. guest_resume needs all CPUs but 0 to be down, binds those of CPU 0 anew, and does what
 * they were about to bring, rescheduling included.
 */
enum guest_ipi {
	GUEST_IPI_RESCHEDULE,
	GUEST_IPI_CALL,	       /* guest_smp_call_function_mask */
	GUEST_IPI_CALL_SINGLE, /* guest_smp_call_function_single */
	GUEST_IPI_WORK,	       /* guest_work_queue */
	GUEST_IPI_STOP,	       /* guest_smp_stop_others */
	GUEST_IPI_SPIN,	       /* wakes who waits for a lock or call: masked, never handled */
	GUEST_SMP_IPIS,
};

struct guest_smp_config {
	unsigned max_cpus; /* only CPUs 0 .. max_cpus - 1 are brought up; 0: all possible ones */

	/*
	 * Make CPU `cpu`, which is down, run guest_cpu_started() on itself, events masked: the
	 * first time by VCPUOP_initialise and VCPUOP_up; later it comes out of the guest_cpu_die()
	 * (or guest_cpu_started(), if that failed) in which it went down. 0, or a negative errno
	 * and the CPU is as before. In guest_cpu_up's context.
	 */
	int (*start)(struct guest *g, unsigned cpu);
	/*
	 * The CPU is down, or never came up after a start that answered 0: what it does not need
	 * while it is may be freed. NULL: nothing is. In guest_cpu_up's or guest_cpu_down's
	 * context.
	 */
	void (*release)(struct guest *g, unsigned cpu);

	/* On a CPU that got a GUEST_IPI_RESCHEDULE, in its handler. NULL: waking up was all. */
	void (*reschedule)(struct guest *g);

	/* Handler of VIRQ_TIMER on every CPU while it is up, dev is NULL. NULL: not bound here. */
	guest_irq_handler timer;

	/*
	 * How often a lock, or the end of a call, is looked at before the waiter sleeps at the
	 * hypervisor until it is woken. 0: a default.
	 */
	unsigned spin_limit;
};

/* ---- CPUs --------------------------------------------------------------------------------- */

/*
 * How many vCPUs this domain has, at most `max`, at least 1: for guest_config.nr_cpus. Asks
 * VCPUOP_is_up of one after the other until there is none of that number. [boot]
 */
unsigned guest_count_cpus(const struct guest_port_ops *ops, void *ctx, unsigned max);

/*
 * Begin to be a kernel of several CPUs: CPU 0 gets its IPIs and timer. Once. cfg is copied.
 * -EINVAL: no `start`, not on CPU 0; -EEXIST: already; or what binding answered: then nothing has
 * happened. [task] on CPU 0
 */
int guest_smp_init(struct guest *g, const struct guest_smp_config *cfg);

/* The contrary; -EBUSY while another CPU is not offline. guest_destroy wants it. [task] on CPU 0 */
int guest_smp_exit(struct guest *g);

/*
 * Bring a CPU up: its vcpu_info (from CPU 32 on), IPIs and timer are made on this one, it is
 * started, and has come to the end of guest_cpu_started when this returns. -EINVAL: no such CPU, or
 * beyond max_cpus; -EEXIST: it is up; -EBUSY: another CPU is being brought up or down at this
 * moment; -EDEADLK: in a handler, fn or work; else what failed, and everything is as before. Calls
 * from other CPUs are served meanwhile. [task]
 */
int guest_cpu_up(struct guest *g, unsigned cpu);

/*
 * Called by a CPU that was started, on itself, events masked, before anything else. Prepares it
 * (guest_cpu_init), stops its periodic tick, and makes it one of those that are online. What fails
 * is guest_cpu_up's result: this CPU goes down here, and tries again when it is started again.
 */
void guest_cpu_started(struct guest *g);

/*
 * Take another CPU away. That one is asked (guest_cpu_dying, after a GUEST_IPI_RESCHEDULE) and goes
 * when its kernel has nothing left on it; this waits for it, as long as that takes, and serves
 * calls meanwhile. Then the ports that notified it are moved to CPU 0 with what is pending on them
 * (guest_cpu_dead), its IPIs and its timer are unbound. Other per-CPU IRQs that the kernel bound
 * for it are the kernel's to unbind. -EINVAL: not online, CPU 0, this CPU; -EBUSY, -EDEADLK: as
 * with guest_cpu_up. [task]
 */
int guest_cpu_down(struct guest *g, unsigned cpu);

/* This CPU shall call guest_cpu_die. Look with events disabled, before guest_halt. [any] */
bool guest_cpu_dying(const struct guest *g);

/*
 * Go down: calls and work that were queued before are done here, later ones are refused. Returns
 * with events disabled when it was started again, for guest_cpu_started; that may be on a new
 * stack. -EINVAL: not asked to; -EDEADLK: in a handler. [task]
 */
int guest_cpu_die(struct guest *g);

unsigned guest_this_cpu(const struct guest *g);		    /* [any] */
bool guest_cpu_online(const struct guest *g, unsigned cpu); /* [any] */
/* Those online at this moment; CPUs come and go. [any] */
void guest_online_cpus(const struct guest *g, struct guest_cpumask *out);

/* Where a CPU is: flat, see above. [any] */
struct guest_topology {
	unsigned package, core, thread;
};
struct guest_topology guest_cpu_topology(const struct guest *g, unsigned cpu);

/* ---- calling functions on other CPUs ------------------------------------------------------ */

/* In a handler or as if in one: events disabled, short, no calls of its own. */
typedef void (*guest_call_fn)(struct guest *g, void *arg);

/*
 * Call fn(g, arg) on every CPU of the mask that is online; this one too if it is in the mask, last
 * and here. With `wait` it has returned on all of them when this returns; without, all have
 * started: they have read fn and arg, which the caller may forget, but fn may still be running.
 * What the caller wrote before is seen by fn, and with `wait` what fn wrote is seen afterwards. The
 * result is the number of CPUs.
 *
 * There is no lock and no memory is allocated: any number of CPUs call any others at once. Waiting
 * long sleeps, as for a lock. A CPU
 * that waits here serves the calls that come to it, also with events disabled; but one that has
 * events disabled elsewhere (in a lock's section, say) answers nobody, so do not call it while
 * holding what it waits for. The IPIs go out by one trap. -EDEADLK, and nothing happened: in a
 * handler, in a fn, in work, in another call of this CPU, or in a section of guest_multicall.h, as
 * is everything here that waits. [task], events enabled or not; the thread is not moved (ops.pin).
 */
int guest_smp_call_function_mask(struct guest *g, const struct guest_cpumask *mask,
				 guest_call_fn fn, void *arg, bool wait);

/* The same on one CPU: 0; -EINVAL: no such CPU; -ENXIO: not online; -EDEADLK. [task] */
int guest_smp_call_function_single(struct guest *g, unsigned cpu, guest_call_fn fn, void *arg,
				   bool wait);

/* Have that CPU take a reschedule IPI. -EINVAL, -ENXIO: not online. [any] */
int guest_smp_send_reschedule(struct guest *g, unsigned cpu);

/*
 * For the end of a kernel: every other CPU finishes the calls and work it was asked for, masks its
 * events and goes down for good. Waits at most timeout_ns of system time; the result is the number
 * of CPUs that are not stopped yet (they have events disabled). If two CPUs do this, the second is
 * stopped in here. [any]
 */
unsigned guest_smp_stop_others(struct guest *g, uint64_t timeout_ns);

/* ---- work: something to be done in a handler, soon ---------------------------------------- */

struct guest_smp_link {
	struct guest_smp_link *next;
};

struct guest_work;
typedef void (*guest_work_fn)(struct guest *g, struct guest_work *work);

/* The caller's memory, zeroed but for fn; not freed before guest_work_sync. */
struct guest_work {
	guest_work_fn fn;
	struct guest_smp_link link; /* ours, from here on */
	uint32_t state;
	unsigned cpu;
};

/*
 * Have fn(g, work) called on that CPU in its upcall, events disabled; on this one when events are
 * enabled next. It never runs twice at once: queued while it runs, it begins when that is over. 1:
 * it is queued already and has not begun; 0: queued; what was written before is seen by fn in both
 * cases. -EINVAL: no such CPU; -ENXIO: not online. What a CPU has queued when it goes is done by
 * it, and what is promised to it while the work still runs, by the one that runs it. [any], from fn
 * also
 */
int guest_work_queue(struct guest *g, struct guest_work *work);
int guest_work_queue_on(struct guest *g, struct guest_work *work, unsigned cpu);

/*
 * Wait until it is neither queued nor running. -EDEADLK: in a handler, or events disabled. [task]
 */
int guest_work_sync(struct guest *g, const struct guest_work *work);

/* ---- spin locks --------------------------------------------------------------------------- */

/*
 * Fair, 4 bytes, zeroed is free. Who waits long blocks at the hypervisor until it is woken, and
 * unlocking makes a hypercall only if the next one blocks. One that handlers take too is taken with
 * events disabled (irqsave) everywhere else. While waiting with events enabled, handlers run and
 * may wait for other locks. A waiting thread is not moved to another CPU (ops.pin). [any]
 */
struct guest_spinlock {
	uint32_t word;
};

void guest_spin_lock(struct guest *g, struct guest_spinlock *lock);
bool guest_spin_trylock(struct guest *g, struct guest_spinlock *lock);
void guest_spin_unlock(struct guest *g, struct guest_spinlock *lock);
guest_flags_t guest_spin_lock_irqsave(struct guest *g, struct guest_spinlock *lock);
void guest_spin_unlock_irqrestore(struct guest *g, struct guest_spinlock *lock,
				  guest_flags_t flags);

/* ---- looking at it ------------------------------------------------------------------------ */

/*
 * Of all CPUs, since guest_smp_init. When nobody is in the middle of anything, sent = handled for
 * each kind but GUEST_IPI_SPIN, calls = calls_run, and works = works_run. A request that found its
 * IPI on the way already, or its CPU going, is merged: requests that were not refused = sent +
 * merged.
 */
struct guest_smp_counters {
	struct {
		uint64_t sent, merged, handled;
	} ipi[GUEST_SMP_IPIS];
	uint64_t calls, calls_run; /* to others and by others; not a CPU's to itself */
	uint64_t works, works_run;
	uint64_t blocks; /* sleeps of waiters; ipi[GUEST_IPI_SPIN].sent are those ended by others */
};

void guest_smp_counters(const struct guest *g, struct guest_smp_counters *out); /* [any] */

#endif
