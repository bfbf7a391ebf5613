/* SPDX-License-Identifier: MIT */
/*
 * The process backend's books, shared by process*.c only: process.c (life and death),
 * process_loader.c (exec and handshake), process_map.c (planned mappings), process_vcpu.c (a vCPU's
 * thread in the monitor), process_kick.c (waking it), process_handover.c (leaving the core to
 * another), process_seat.c (which thread has which vCPU), process_fault.c (exceptions and reports).
 */
#ifndef CARILLON_VMM_PROCESS_INTERNAL_H
#define CARILLON_VMM_PROCESS_INTERNAL_H

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "process.h"
#include "shim_abi.h"

/* Newer than Debian 12's headers */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* Interrupts a RECV that an old kernel leaves waiting when the other side is dead */
#define PROCESS_WAKE_SIGNAL SIGUSR2

/* A growing list of system calls that the shim is to make. */
struct plan {
	struct shim_op *ops;
	unsigned nr, room;
	unsigned shown;	  /* so many are or were in the control page */
	unsigned allowed; /* so many were let through */
};

/* Where a vCPU is, for process_kick: see process_kick.c. */
enum vcpu_state {
	VCPU_IN_MONITOR, /* its thread waits for our answer, and we look before we give it */
	VCPU_IN_GUEST,	 /* it may be executing: only a signal makes it notice */
	VCPU_WAITING,	 /* we wait for it to become runnable, on this very word */
	VCPU_ASLEEP,	 /* its call is left to whoever makes it runnable, who answers */
	VCPU_HELD,	 /* its call woke another, who has the core now: process_handover.c */
	VCPU_VACANT,	 /* the same, and it has no thread of ours: process_seat.c */
	VCPU_GONE,	 /* its thread is dead or about to be */
};

/* Why somebody else answers a call that was left. */
enum wake_why {
	WOKEN_BY_NOBODY,
	WOKEN_BY_KICK, /* there is something for the vCPU */
	WOKEN_BY_TURN, /* another one has had its turn */
	WOKEN_BY_LOOK, /* it had a long one */
};

/* A thread of ours that has no vCPU now, until somebody gives it one. */
struct parked {
	struct vcpu *given;
	_Atomic uint32_t is_given; /* a futex */
};

struct vcpu {
	struct process *process;
	struct hv_vcpu *hv;
	unsigned id;
	_Atomic uint32_t state; /* enum vcpu_state */
	atomic_bool left;	/* the thread that had it last has ended: join `thread` */
	_Atomic pid_t our_tid;	/* of the thread of ours that has it, or had it last */
	struct shim_vcpu *control;
	struct shim_scratch *scratch;
	int listener;
	pid_t tid; /* 0 until its first call */
	pthread_t thread;
	bool has_thread;

	atomic_bool told; /* it was kicked since it was last let into the guest */
	/* VCPU_ASLEEP, VCPU_HELD, VCPU_VACANT: of who takes that state away, up to the answer */
	struct seccomp_notif_resp left_answer;
	bool left_looks;       /* the end of that call looks for an upcall itself */
	enum wake_why why;     /* its last call, left, was answered */
	bool vacant;	       /* it was VCPU_VACANT: `parked` is to be given it */
	struct parked *parked; /* the thread that belongs to it while it is that */

	/* Only the thread that has it, from here on; while it is one of those three, see above */
	int cpu;
	bool started;
	unsigned work; /* SHIM_WORK_* for the next way back */
	struct plan plan;
	uint64_t info_mfn; /* which the alias page shows, if control->info says that it does */
	unsigned info_offset;
	uint64_t last_hypercall, last_rip;
	bool ended_in_call; /* its last call is one that may have shut the domain down */
	/* process_handover.c */
	bool woke;	      /* its last call, a send, kicked another vCPU */
	int trust;	      /* is such a call to be held? */
	unsigned turns;	      /* of others, when that one came */
	struct vcpu *answers; /* whom it answers after that; its process is kept */
};

struct process {
	char name[16];
	struct hv_domain *domain;
	unsigned nr_vcpus;
	struct vcpu *vcpus;
	struct process_memory *memory;
	unsigned nr_memory;
	struct cpuid_policy cpuid;
	uint64_t hypercall_page;
	void (*ended)(struct process *p, const struct process_report *report, void *arg);
	void *arg;

	pid_t pid;
	int pidfd;
	int socket; /* to the loader; -1 once it has gone */
	int control_fd, scratch_fd;
	struct shim_control *control;
	char *scratch;
	size_t control_size, scratch_size;
	struct plan boot;

	pthread_t watcher; /* waits for the process's death, then says so */
	bool has_watcher;
	atomic_bool dead;	/* no call is to be answered any more */
	atomic_bool destroying; /* process_destroy wants it so: nobody need be told */
	atomic_uint kept;	/* by so many who may still touch its vCPUs: process_handover.c */
	pthread_mutex_t lock;	/* of report */
	bool has_report;	/* the first reason counts */
	struct process_report report;
};

/* What process_backend_init found out. */
struct process_backend {
	cpu_set_t cpus; /* that we may run on */
	bool one_cpu;	/* it is one only, and so everybody's */
	/* A process may load FS and GS bases by instructions (FSGSBASE); else by system calls. */
	bool loads_bases;
	void (*look_later)(void *arg);
	void *arg;
	atomic_uint next_cpu;
	int shim_fd; /* a memfd with the shim's executable */
	uint64_t lowest_va;
	uint32_t scratch_stride;
	enum {
		NUMBERING_UNKNOWN,
		NUMBERING_WORKS,
		NUMBERING_REFUSED
	} numbering;
	bool no_namespaces; /* the host refused them */
};
extern struct process_backend process_backend;

/* One line on stderr; process.c */
void process_complain(const struct process *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The domain is over: keep the report if it is the first, kill the process. The watcher does the
 * rest. Any thread. */
void process_over(struct process *p, const struct process_report *report);

/* process_destroy waits until it is let go. */
static inline void process_keep(struct process *p)
{
	atomic_fetch_add_explicit(&p->kept, 1, memory_order_seq_cst);
}

static inline void process_let_go(struct process *p)
{
	atomic_fetch_sub_explicit(&p->kept, 1, memory_order_seq_cst);
}

/* SIGKILL, and no more. Any thread, also inside a kick. */
void process_kill(const struct process *p);

/* process_loader.c: what to do about an errno, in brackets, or "" */
const char *process_hint(int error);
/* All -errno after one line */
int process_backend_load_shim(void);
bool process_can_number(void);
int process_spawn(struct process *p);
int process_receive_listeners(struct process *p);
int process_map_boot(struct process *p);

/* process_map.c */
int plan_add(struct plan *plan, const struct shim_op *op);
void plan_clear(struct plan *plan);
int plan_alias(struct process *p, struct plan *plan, unsigned vcpu, uint64_t mfn);
/* The bases that `work` says are to be loaded by system calls, and `work` says so no more. */
int plan_bases(struct vcpu *v);
/*
 * Put the next operations into the control page; how many. Those that were there and have not been
 * made yet come first.
 */
unsigned plan_show(struct vcpu *v);
/* Is this call the next one planned? Then it counts as made. */
bool plan_allows(struct vcpu *v, const struct seccomp_data *call);

/* Did it come by the hypercall page? Such a caller looks for an upcall itself. */
bool hypercall_by_page(const struct process *p, uint64_t ip);

/* A private futex. */
static inline long vcpu_futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* process_kick.c: where it is now. Its own thread, or who answers for it */
void vcpu_set_state(struct vcpu *v, enum vcpu_state state);
/*
 * Its call, to which left_answer is the answer, ends when the vCPU is runnable, and nothing else is
 * to be done for it before. True: another thread answers, or has. Own thread.
 */
bool vcpu_fall_asleep(struct vcpu *v);
/* Until it may run. False: never again. Own thread. */
bool vcpu_wait_runnable(struct vcpu *v);
/* Is its vcpu_info, which is there now, elsewhere than the alias page shows? */
bool vcpu_info_moved(const struct vcpu *v, uint64_t *mfn, unsigned *offset);
/* Must its own thread do something before it goes on in the guest, or may it not go on? */
bool vcpu_needs_its_thread(const struct vcpu *v);
/* By one compare-and-exchange. False: it was another. */
bool vcpu_change_state(struct vcpu *v, uint32_t from, enum vcpu_state to);
/*
 * Take that state away; VCPU_HELD: or VCPU_VACANT. True: the caller is who answers its call, by
 * vcpu_wake.
 */
bool vcpu_take(struct vcpu *v, uint32_t from);
/* Its way back into the guest, by who took VCPU_ASLEEP, VCPU_HELD or VCPU_VACANT away. */
void vcpu_wake(struct vcpu *v, enum wake_why why);

/* process_seat.c: the vCPU's next call is for that parked thread to receive. Any thread. */
void seat_give(struct parked *t, struct vcpu *v);
/* Answer one whom this thread woke, and let its process go, which was kept. */
void seat_answer(struct vcpu *woken);
/*
 * The same, by the thread of a vCPU that has just become VCPU_HELD. Whose next call it receives; it
 * may have slept until there was one.
 */
struct vcpu *seat_follow(struct vcpu *v, struct vcpu *woken, bool may_park);

/*
 * process_handover.c, by a vCPU's own thread, unless said. A call has come in, which may be a send,
 * and has been handled.
 */
void handover_begin(struct vcpu *v, bool send, bool wait);
void handover_handled(struct vcpu *v);
/*
 * Hold its call, to which left_answer is the answer? NULL: no. Else somebody else answers, or has,
 * and this is the vCPU whose next call this thread receives; the given one is not to be touched.
 */
struct vcpu *handover_hold(struct vcpu *v);
/* Whoever waits for this vCPU's thread, which is about to answer, to sleep or to end, is woken. */
void handover_end(struct vcpu *v);
/* The vCPU whose send this thread is in, if that will be held. Any thread. */
struct vcpu *handover_sender(void);
/* This thread kicks it. Any thread. */
void handover_kicks(const struct vcpu *v);
/* Nobody touches its vCPUs any more but kicks; its threads have ended. Main thread. */
void handover_forget(struct process *p);

/* process_vcpu.c */
void *vcpu_main(void *arg);
void vcpu_answer(const struct vcpu *v, struct seccomp_notif_resp *resp);
/* Its thread in the domain looks at its control page before its next instruction. */
void vcpu_signal(const struct vcpu *v);
/* Is its domain over? Then the process is killed: the watcher does the rest. */
bool vcpu_domain_over(struct vcpu *v, bool waited);
/* The alias page is to show its vcpu_info, wherever that is now: plans the mapping if it moved. */
int vcpu_follow_info(struct vcpu *v, struct plan *plan);

/* process_fault.c */
/* The shim reports an exception, or asks for a return: its answer, or -1 if the domain is over. */
int vcpu_fault(struct vcpu *v);
int vcpu_check_return(struct vcpu *v);
/* The guest made a system call by int 0x80, which on Xen is an exception. -1: the domain is over;
 * *value is what is in its rax. */
int vcpu_int80(struct vcpu *v, uint64_t ip, uint64_t nr, int64_t *value);
/* The domain shut down, and nobody reported more. When all its threads have ended. */
void process_describe_shutdown(const struct process *p, unsigned reason,
			       struct process_report *report);
void vcpu_over_broken(struct vcpu *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
