/* SPDX-License-Identifier: MIT */
/*
 * What the monitor gives up before a guest runs, so that a guest that took it over would have
 * little. All of it is the main thread's doing before it starts another, and is inherited. What a
 * domain's own process gives up is the shim's (shim/loader.c). docs/sandbox.md has the whole list.
 *
 * Nothing here fails the machine: where a policy refuses a step, it is done without.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drop.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

void drop_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	struct rlimit no_core = { 0, 0 };
	unsigned long cap;

	/* It holds all guests' memory. */
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++)
		;
	syscall(SYS_capset, &head, none);
}

/*
 * All that the monitor still calls, itself or by the C library, once its domains' processes are
 * there. Whatever else there is, or will be in a later kernel, is refused.
 */
static const unsigned short useful[] = {
	/* descriptors: devices, the console, dumps, timers, the listeners of vCPUs */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_open,
	SYS_openat,
	SYS_close,
	SYS_stat,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_poll,
	SYS_ppoll,
	SYS_ioctl,
	SYS_fcntl,
	SYS_dup,
	SYS_dup2,
	SYS_dup3,
	SYS_sendto,
	SYS_recvmsg,
	SYS_eventfd2,
	SYS_signalfd4,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_timerfd_gettime,
	/* memory, without new code: mmap and mprotect are below */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_memfd_create,
	SYS_ftruncate,
	SYS_getrandom,
	/* threads; clone is below */
	SYS_futex,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_set_tid_address,
	SYS_gettid,
	SYS_getpid,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sched_setaffinity,
	SYS_sched_getparam,
	SYS_sched_getscheduler,
	SYS_sched_setscheduler,
	SYS_getcpu,
	SYS_membarrier,
	SYS_prctl,
	SYS_prlimit64,
	SYS_exit,
	SYS_exit_group,
	/* signals, and the ends of domains */
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigtimedwait,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_kill,
	SYS_tgkill,
	SYS_pidfd_send_signal,
	SYS_wait4,
	SYS_waitid,
	/* whether the terminal is ours; the end, if a full pipe stalls it (musl: setitimer) */
	SYS_getpgrp,
	SYS_getpgid,
	SYS_alarm,
	SYS_setitimer,
	/* time, where the vDSO does not answer */
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_time,
	SYS_nanosleep,
	SYS_clock_nanosleep,
#ifdef SANITIZED
	/* A leak checker stops its own threads, by a child, and looks what they have. */
	SYS_ptrace,
	SYS_getppid,
	SYS_getdents,
	SYS_getdents64,
	SYS_readlink,
	SYS_readlinkat,
	SYS_access,
	SYS_mincore,
	SYS_sched_getattr,
	SYS_pipe,
	SYS_pipe2,
#endif
};

/* Allowed if the argument has, or has not, a bit. All are in the low half. */
static const struct {
	unsigned short nr, argument;
	unsigned bit;
	bool set;
} by_argument[] = {
	{ SYS_mmap, 2, PROT_EXEC, false },
	{ SYS_mprotect, 2, PROT_EXEC, false },
#ifndef SANITIZED
	{ SYS_clone, 0, CLONE_THREAD, true },
#else
	{ SYS_clone, 0, 0, false },
#endif
};

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define X32_BIT	      0x40000000u
#define REFUSE(error) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error)))
#define ALLOW	      ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW))
#define LOAD(at)      ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(at)))
/* Over the next `n` unless the test holds */
#define UNLESS(test, value, n) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, (value), 0, (n)))

void drop_calls(void)
{
	struct sock_filter code[9 + 2 * COUNT(useful) + 5 * COUNT(by_argument)], *at = code;
	struct sock_fprog program = { COUNT(code), code };
	size_t i;

	*at++ = LOAD(offsetof(struct seccomp_data, arch));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	*at++ = REFUSE(EPERM);
	*at++ = LOAD(offsetof(struct seccomp_data, nr));
	*at++ = UNLESS(BPF_JGE, X32_BIT, 1);
	*at++ = REFUSE(EPERM);
	for (i = 0; i < COUNT(useful); i++) {
		*at++ = UNLESS(BPF_JEQ, useful[i], 1);
		*at++ = ALLOW;
	}
	for (i = 0; i < COUNT(by_argument); i++) {
		bool set = by_argument[i].set;

		*at++ = UNLESS(BPF_JEQ, by_argument[i].nr, 4);
		*at++ = LOAD(offsetof(struct seccomp_data, args[by_argument[i].argument]));
		*at++ = UNLESS(BPF_JSET, by_argument[i].bit, 1);
		*at++ = set ? ALLOW : REFUSE(EPERM);
		*at++ = set ? REFUSE(EPERM) : ALLOW;
	}
	/* Its flags are where no filter sees them; the C library takes clone then. */
	*at++ = UNLESS(BPF_JEQ, SYS_clone3, 1);
	*at++ = REFUSE(ENOSYS);
	*at++ = REFUSE(EPERM);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
