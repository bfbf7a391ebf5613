/* SPDX-License-Identifier: MIT */
/*
 * From exec to filtered vCPU threads. Nothing of the guest is mapped before the last line of this
 * runs on its behalf, so everything here may be trusted, and makes system calls freely until its
 * filter is in place. What happens once the guest runs is in handler.c.
 *
 * The first thread becomes vCPU 0 (so that tools see an ordinary process). A helper thread, the
 * courier, stays unfiltered: it sends the listeners to the monitor, makes the first mappings, and
 * exits.
 */
#include <asm/ldt.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/socket.h>
#include <linux/uio.h>

#include "shim.h"

#define USER_END                                                                        \
	0x7ffffffff000ul /* the end of the low half, less the page that is never mapped \
			  */
#define AT_SYSINFO_EHDR 33
#define SOL_SOCKET	1
#define SCM_RIGHTS	1
#define MSG_NOSIGNAL	0x4000
#define SIGNAL_BIT(sig) (1ul << ((sig)-1))
#define VCPU_THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

/* Debian 12's headers have them; older ones do not */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	return shim_call(nr, a, b, c, d, e, f);
}
#define sys(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static char courier_stack[8192] __attribute__((aligned(16)));
static struct user_desc *low_page; /* one per vCPU, until all have their number */

static struct shim_scratch *scratch_of(unsigned long id)
{
	return (struct shim_scratch *)(SHIM_SCRATCH + id * control()->header.scratch_stride);
}

static _Noreturn void leave(int error, unsigned step)
{
	struct shim_reply reply = { error, step };

	sys6(__NR_sendto, SHIM_FD_SOCKET, (long)&reply, sizeof(reply), MSG_NOSIGNAL, 0, 0);
	for (;;)
		sys(__NR_exit_group, 1, 0, 0);
}

static void check(long result, unsigned step)
{
	if (result < 0)
		leave((int)result, step);
}

/* ---- a vCPU's thread ------------------------------------------------------------------------- */

/*
 * The parent-death signal is each task's own. Too late if the parent is gone already: where that
 * cannot be seen (in a namespace of our own), the courier finds its socket closed and ends us all.
 */
static void die_with_parent(void)
{
	check(sys(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0), SHIM_STEP_PARENT);
	if (sys(__NR_getppid, 0, 0, 0) != control()->header.parent)
		leave(-ESRCH, SHIM_STEP_PARENT);
}

/* What tells iret.S which vCPU this is. 0: it does not know, so iret takes the long way. */
static int number_thread(unsigned long id)
{
	struct user_desc *desc = low_page + id;
	long result = SHIM_I386_SET_THREAD_AREA;

	if (control()->header.nr_vcpus == 1)
		return 1;
	if (!low_page)
		return 0;
	*desc = (struct user_desc){
		.entry_number = SHIM_TLS_ENTRY,
		.limit = (unsigned)id,
		.seg_32bit = 1,
		.read_exec_only = 1,
		.useable = 1,
	};
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"(desc)
			 : "r8", "r9", "r10", "r11", "memory");
	return !result;
}

/* Where the i386 call can find its argument. The monitor tried before that this is survived. */
static void map_low_page(void)
{
	long page;

	if (!control()->header.numbered)
		return;
	page = sys6(__NR_mmap, 0, SHIM_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page > 0)
		low_page = (struct user_desc *)page;
}

/*
 * Everything to the monitor, except rt_sigreturn of x86-64 from our own restorer. The number alone
 * would not do: 15 is a hypercall too, and another call in the i386 table.
 */
static long install_filter(void)
{
	unsigned long ip = (unsigned long)shim_restorer_end;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_rt_sigreturn, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)ip, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(ip >> 32), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
		   SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		   &prog);
}

/* Runs on the bottom of its scratch area; the signal stack is above. */
static void vcpu_thread(unsigned long id)
{
	struct shim_scratch *s = scratch_of(id);
	unsigned long used = sizeof(*s) + SHIM_THREAD_STACK;
	stack_t stack = {
		.ss_sp = (char *)s + used,
		.ss_size = control()->header.scratch_stride - used,
	};
	/* The signals that a terminal or a stranger sends are not for us: the monitor decides. */
	unsigned long mask = ~(SIGNAL_BIT(SHIM_SIGNAL) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) |
			       SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGTRAP));
	long fd;

	die_with_parent();
	check(sys(__NR_sigaltstack, &stack, 0, 0), SHIM_STEP_SIGNALS);
	s->numbered = number_thread(id);
	check(sys6(__NR_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, 8, 0, 0), SHIM_STEP_SIGNALS);
	fd = install_filter();
	/* From here on every system call is the monitor's; the courier reads this. */
	__atomic_store_n(&s->listener, (int)(fd < 0 ? fd : fd + 1), __ATOMIC_RELEASE);
	for (;;)
		sys(SHIM_CALL_START, 0, 0, 0);
}

/* ---- the courier ----------------------------------------------------------------------------- */

static void send_listeners(void)
{
	unsigned i, nr = control()->header.nr_vcpus;
	struct shim_reply reply = { 0, SHIM_STEP_READY };
	struct iovec iov = { &reply, sizeof(reply) };
	struct {
		unsigned long len;
		int level, type;
		int fds[128];
	} rights = { 16 + 4ul * nr, SOL_SOCKET, SCM_RIGHTS, { 0 } };
	struct {
		void *name;
		int name_len;
		struct iovec *iov;
		unsigned long iov_len;
		void *control;
		unsigned long control_len;
		unsigned flags;
	} msg = { 0, 0, &iov, 1, &rights, rights.len, 0 };

	for (i = 0; i < nr; i++) {
		int fd;

		/* A filtered thread cannot wake anybody, so look. It has a few calls to go. */
		while (!(fd = __atomic_load_n(&scratch_of(i)->listener, __ATOMIC_ACQUIRE)))
			sys(__NR_sched_yield, 0, 0, 0);
		check(fd, SHIM_STEP_FILTER);
		rights.fds[i] = fd - 1;
	}
	if (low_page)
		check(sys(__NR_munmap, low_page, SHIM_PAGE, 0), SHIM_STEP_UNMAP);
	check(sys(__NR_sendmsg, SHIM_FD_SOCKET, &msg, MSG_NOSIGNAL), SHIM_STEP_READY);
	for (i = 0; i < nr; i++)
		sys(__NR_close, rights.fds[i], 0, 0);
}

static void map_batch(unsigned count)
{
	const struct shim_op *ops = (void *)&control()->vcpu[control()->header.nr_vcpus];
	struct shim_reply reply = { 0, 0 };
	unsigned i;

	for (i = 0; i < count; i++) {
		const unsigned long *a = ops[i].args;
		long r = sys6((long)ops[i].nr, (long)a[0], (long)a[1], (long)a[2], (long)a[3],
			      (long)a[4], (long)a[5]);

		if (r < 0 && r > -4096) {
			reply.error = (int)r;
			reply.step = i;
			break;
		}
	}
	check(sys6(__NR_sendto, SHIM_FD_SOCKET, (long)&reply, sizeof(reply), MSG_NOSIGNAL, 0, 0),
	      SHIM_STEP_MAP);
}

static void courier(unsigned long unused)
{
	struct shim_batch batch;

	(void)unused;
	send_listeners();
	sys(__NR_prctl, PR_SET_DUMPABLE, 0, 0);
	do {
		if (sys6(__NR_recvfrom, SHIM_FD_SOCKET, (long)&batch, sizeof(batch), 0, 0, 0) !=
		    sizeof(batch))
			leave(-EPIPE, SHIM_STEP_MAP);
		map_batch(batch.count);
	} while (!batch.last);
	sys(__NR_close, SHIM_FD_SOCKET, 0, 0);
	sys(__NR_close, SHIM_FD_CONTROL, 0, 0);
	sys(__NR_close, SHIM_FD_SCRATCH, 0, 0);
	for (;;)
		sys(__NR_exit, 0, 0, 0);
}

/* ---- the process ----------------------------------------------------------------------------- */

static void unmap(unsigned long start, unsigned long end)
{
	if (start < end)
		check(sys(__NR_munmap, start, end - start, 0), SHIM_STEP_UNMAP);
}

/*
 * The kernel mapped a stack and the vDSO with its data pages; the guest gets neither. Where a
 * kernel seals the vDSO (it then refuses the whole range), that stays: code that reads the clock,
 * no more than the guest can do with rdtsc.
 */
static void unmap_the_rest(unsigned long vdso)
{
	const unsigned long around = 1ul << 20;

	unmap(0, SHIM_BASE);
	unmap(((unsigned long)shim_end + 4095) & ~4095ul, SHIM_CONTROL);
	if (!sys(__NR_munmap, SHIM_END, USER_END - SHIM_END, 0) || !vdso)
		return;
	unmap(SHIM_END, (vdso - around) & ~4095ul);
	if (vdso + around < USER_END)
		unmap((vdso + around) & ~4095ul, USER_END);
}

static unsigned long find_vdso(const unsigned long *sp)
{
	sp += *sp + 2; /* argc, argv */
	while (*sp++)
		; /* environment */
	for (; sp[0]; sp += 2)
		if (sp[0] == AT_SYSINFO_EHDR)
			return sp[1];
	return 0;
}

static void handle_signal(int sig, void (*handler)(int, void *, struct ucontext *), unsigned flags)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} sa = {
		(void *)handler,
		flags | SA_ONSTACK | SA_SIGINFO | SA_RESTART | SA_RESTORER,
		shim_restorer,
		/* The guest's stack may be bad where a handler writes to it: shim_copy. */
		~(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS)),
	};

	check(sys6(__NR_rt_sigaction, sig, (long)&sa, 0, 8, 0, 0), SHIM_STEP_SIGNALS);
}

static void handle_signals(void)
{
	handle_signal(SHIM_SIGNAL, shim_kicked, 0);
	/* These two may nest once: in shim_copy. */
	handle_signal(SIGSEGV, shim_exception, SA_NODEFER);
	handle_signal(SIGBUS, shim_exception, SA_NODEFER);
	handle_signal(SIGILL, shim_exception, 0);
	handle_signal(SIGFPE, shim_exception, 0);
	handle_signal(SIGTRAP, shim_exception, 0);
}

static void map_shared(void)
{
	const struct shim_header *h = (void *)SHIM_CONTROL;
	unsigned long size, flags = MAP_SHARED | MAP_FIXED;

	check(sys6(__NR_mmap, SHIM_CONTROL, SHIM_PAGE, PROT_READ, (long)flags, SHIM_FD_CONTROL, 0),
	      SHIM_STEP_MAP);
	size = h->control_size;
	check(sys6(__NR_mmap, SHIM_CONTROL, (long)size, PROT_READ, (long)flags, SHIM_FD_CONTROL, 0),
	      SHIM_STEP_MAP);
	size = (unsigned long)h->nr_vcpus * h->scratch_stride;
	check(sys6(__NR_mmap, SHIM_SCRATCH, (long)size, PROT_READ | PROT_WRITE, (long)flags,
		   SHIM_FD_SCRATCH, 0),
	      SHIM_STEP_MAP);
}

/* Privileges are no use where every system call is refused; but a superuser's bugs are. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	sys(__NR_capset, &head, none, 0);
}

_Noreturn void shim_main(const unsigned long *sp);

_Noreturn void shim_main(const unsigned long *sp)
{
	struct rlimit no_core = { 0, 0 };
	unsigned long vdso = find_vdso(sp);
	unsigned id;

	map_shared();
	unmap_the_rest(vdso);
	drop_capabilities();
	die_with_parent();
	sys(__NR_setrlimit, RLIMIT_CORE, &no_core, 0);
	sys(__NR_prctl, PR_SET_NAME, control()->header.name, 0);
	check(sys6(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0), SHIM_STEP_FILTER);
	handle_signals();
	map_low_page();
	for (id = 1; id < control()->header.nr_vcpus; id++)
		check(shim_clone(VCPU_THREAD_FLAGS,
				 (char *)scratch_of(id) + sizeof(struct shim_scratch) +
					 SHIM_THREAD_STACK,
				 vcpu_thread, id),
		      SHIM_STEP_THREAD);
	check(shim_clone(VCPU_THREAD_FLAGS, courier_stack + sizeof(courier_stack), courier, 0),
	      SHIM_STEP_THREAD);
	/* The boot stack serves until START is answered. */
	vcpu_thread(0);
	for (;;)
		;
}
