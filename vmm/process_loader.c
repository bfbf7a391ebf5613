/* SPDX-License-Identifier: MIT */
/*
 * Starting a domain's process: the shim's executable, the descriptors it gets, and the handshake
 * with its loader (shim/loader.c) until every vCPU's listener is here and the first mappings are
 * made.
 */
#define _GNU_SOURCE 1
#include <asm/ldt.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_internal.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define CHILD_STACK 16384
/* ThreadSanitizer keeps its books in the address space; a second process there spoils them. */
#ifdef __SANITIZE_THREAD__
#define CHILD_SHARES 0
#else
#define CHILD_SHARES (CLONE_VM | CLONE_VFORK)
#endif

const char *process_hint(int error)
{
	switch (error) {
	case EMFILE:
		return " (raise the limit of open files, ulimit -n)";
	case EAGAIN:
		return " (raise the limit of processes, ulimit -u)";
	case EPERM:
	case ENOSYS:
		return " (does the container's policy refuse it?)";
	default:
		return "";
	}
}

/*
 * Whatever a domain could ask the kernel for, it would find nothing of the host's there. Not the
 * mounts: the end of who has them of its own waits for RCU, which on a busy host takes seconds.
 */
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

extern const char shim_image[], shim_image_end[];

/* ---- the executable -------------------------------------------------------------------------- */

int process_backend_load_shim(void)
{
	size_t size = (size_t)(shim_image_end - shim_image), done = 0;
	int fd = memfd_create("carillon-domain", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 that flag was the only way there was */
		fd = memfd_create("carillon-domain", MFD_CLOEXEC);
	while (fd >= 0 && done < size) {
		ssize_t n = write(fd, shim_image + done, size - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || done < size) {
		int error = errno;

		process_complain(NULL, "cannot hold the domains' executable in memory: %s%s",
				 strerror(error),
				 error == EACCES ? " (sysctl vm.memfd_noexec must be below 2)"
						 : process_hint(error));
		if (fd >= 0)
			close(fd);
		return -error;
	}
	/*
	 * Whoever made a user namespace may trace all in it, also who is not dumpable; so any
	 * process of our user. Not if the executable is one that it may not read.
	 */
	fchmod(fd, 0111);
	process_backend.shim_fd = fd;
	return 0;
}

/*
 * A child in our memory; we wait until it executes or exits. Signals are blocked in it, so that no
 * handler of ours runs there.
 */
static pid_t run_child(int (*main)(void *), void *arg, char *stack_end, int flags, int *pidfd)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = clone(main, stack_end, CHILD_SHARES | flags | SIGCHLD, arg, pidfd);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* ---- may threads be numbered? ---------------------------------------------------------------- */

/*
 * The shim's fast iret needs one i386 system call at start (shim/iret.S). A kernel without i386
 * support answers with SIGSEGV, a service's policy perhaps with SIGSYS: so let somebody try who may
 * die of it.
 */
static int try_number(void *arg)
{
	struct user_desc *desc = arg;
	struct rlimit no_core = { 0, 0 };
	long result = SHIM_I386_SET_THREAD_AREA;

	setrlimit(RLIMIT_CORE, &no_core);
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"(desc)
			 : "r8", "r9", "r10", "r11", "memory");
	_exit(result ? 1 : 0);
}

bool process_can_number(void)
{
	struct process_backend *b = &process_backend;
	char *page;
	int status = -1;
	pid_t pid;

	if (b->numbering != NUMBERING_UNKNOWN)
		return b->numbering == NUMBERING_WORKS;
	b->numbering = NUMBERING_REFUSED;
	page = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page == MAP_FAILED)
		return false;
	*(struct user_desc *)page = (struct user_desc){
		.entry_number = SHIM_TLS_ENTRY,
		.seg_32bit = 1,
		.read_exec_only = 1,
		.useable = 1,
	};
	pid = run_child(try_number, page, page + CHILD_STACK, 0, NULL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	munmap(page, CHILD_STACK);
	if (pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status))
		b->numbering = NUMBERING_WORKS;
	return b->numbering == NUMBERING_WORKS;
}

/* ---- the child ------------------------------------------------------------------------------- */

/* All that the child needs; it shares our memory until it executes. */
struct spawn {
	struct process *p;
	int socket; /* its end */
	unsigned nr;
	int *fds; /* in the order of SHIM_FD_* */
	int error;
};

/*
 * Runs in the child, on a stack of its own in our memory, while we wait: so system calls only, and
 * nothing that leaves a trace. All signals are blocked and stay so until the shim knows what to do
 * with them.
 */
static int child_main(void *arg)
{
	struct spawn *s = arg;
	char *argv[] = { s->p->name, NULL }, *envp[] = { NULL };
	/* They are parked above the final ones while they are put in order. */
	int i, first = (int)s->nr;
	int shim = fcntl(process_backend.shim_fd, F_DUPFD_CLOEXEC, first);

	if (shim < 0)
		goto failed;

	for (i = 0; i < (int)s->nr; i++) {
		s->fds[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, first);
		if (s->fds[i] < 0)
			goto failed;
	}
	for (i = 0; i < (int)s->nr; i++)
		if (dup2(s->fds[i], i) < 0)
			goto failed;
	/* The executable itself is closed by exec. */
	if (syscall(__NR_close_range, s->nr, UINT_MAX, 1u << 2 /* CLOEXEC */))
		goto failed;
	syscall(__NR_execveat, shim, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
failed:
	/* That is how F_DUPFD says that `first` is beyond the limit. */
	s->error = errno == EINVAL ? EMFILE : errno;
	_exit(127);
}

/* In namespaces of its own, where the host allows that: containers and sysctls may not. */
static pid_t run_domain(struct process *p, struct spawn *s, char *stack_end)
{
	struct shim_header *h = &p->control->header;

	if (!process_backend.no_namespaces) {
		h->parent = 0; /* there it has none that it could see */
		p->pid = run_child(child_main, s, stack_end, CLONE_PIDFD | NAMESPACES, &p->pidfd);
		if (p->pid > 0)
			return p->pid;
		/* What may pass, another domain may get. */
		process_backend.no_namespaces = p->pid != -EAGAIN && p->pid != -ENOMEM;
	}
	h->parent = getpid();
	return run_child(child_main, s, stack_end, CLONE_PIDFD, &p->pidfd);
}

static int clone_child(struct process *p, struct spawn *s)
{
	char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int error = 0;

	if (stack == MAP_FAILED)
		return -errno;
	p->pid = run_domain(p, s, stack + CHILD_STACK);
	if (p->pid < 0)
		error = p->pid;
	munmap(stack, CHILD_STACK);
	if (!error && s->error)
		error = -s->error;
	return error;
}

int process_spawn(struct process *p)
{
	struct timeval patience = { .tv_sec = 20 };
	struct spawn s = { .p = p, .nr = SHIM_FD_MEMORY + p->nr_memory };
	int pair[2], error;
	unsigned i;

	s.fds = calloc(s.nr, sizeof(*s.fds));
	if (!s.fds || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		error = s.fds ? -errno : -ENOMEM;
		process_complain(p, "cannot talk to its process: %s%s", strerror(-error),
				 process_hint(-error));
		free(s.fds);
		return error;
	}
	p->socket = pair[0];
	setsockopt(p->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	s.fds[SHIM_FD_SOCKET] = pair[1];
	s.fds[SHIM_FD_CONTROL] = p->control_fd;
	s.fds[SHIM_FD_SCRATCH] = p->scratch_fd;
	for (i = 0; i < p->nr_memory; i++)
		s.fds[SHIM_FD_MEMORY + i] = p->memory[i].fd;
	error = clone_child(p, &s);
	if (error)
		process_complain(p, "cannot start its process: %s%s", strerror(-error),
				 process_hint(-error));
	close(pair[1]);
	free(s.fds);
	return error;
}

/* ---- the handshake --------------------------------------------------------------------------- */

static const char *const step_names[] = {
	[SHIM_STEP_READY] = "handing over its vCPUs",
	[SHIM_STEP_MAP] = "mapping memory",
	[SHIM_STEP_UNMAP] = "clearing its address space",
	[SHIM_STEP_SIGNALS] = "setting up signals",
	[SHIM_STEP_THREAD] = "creating a vCPU's thread",
	[SHIM_STEP_PARENT] = "tying its life to the monitor's",
	[SHIM_STEP_FILTER] = "installing the system call filter",
};

static int complain_step(const struct process *p, const struct shim_reply *reply)
{
	const char *step = "starting", *hint = "";

	if (reply->step < sizeof(step_names) / sizeof(step_names[0]))
		step = step_names[reply->step];
	if (reply->step == SHIM_STEP_FILTER && reply->error == -EBUSY)
		hint = " (a supervisor already traps this container's system calls; run outside of it)";
	else if (reply->step == SHIM_STEP_FILTER)
		hint = " (the container's policy must allow seccomp with user notification)";
	else if (reply->step == SHIM_STEP_THREAD && reply->error == -EAGAIN)
		hint = " (ulimit -u is too low)";
	process_complain(p, "%s failed: %s%s", step, strerror(-reply->error), hint);
	return reply->error < 0 ? reply->error : -EPROTO;
}

/* A message of the loader's, or the news that it is dead. */
static int receive_reply(struct process *p, struct shim_reply *reply, struct msghdr *msg)
{
	siginfo_t info = { 0 };
	ssize_t n;

	do
		n = recvmsg(p->socket, msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(*reply))
		return 0;
	if (n < 0 && errno != ECONNRESET) {
		process_complain(p, "its process does not answer: %s", strerror(errno));
		return -ETIMEDOUT;
	}
	waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOWAIT);
	process_complain(p, "its process died while it started (%s %d)",
			 info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
	return -ECHILD;
}

int process_receive_listeners(struct process *p)
{
	struct shim_reply reply = { 0 };
	struct iovec iov = { &reply, sizeof(reply) };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(HV_MAX_VCPUS * sizeof(int))];
	} rights = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	struct cmsghdr *c;
	unsigned i, got = 0;
	int fd, error = receive_reply(p, &reply, &msg);

	if (error)
		return error;
	if (reply.error)
		return complain_step(p, &reply);
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		got = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (i = 0; i < got; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (i < p->nr_vcpus)
			p->vcpus[i].listener = fd;
		else
			close(fd);
	}
	if (got == p->nr_vcpus)
		return 0;
	process_complain(p, "only %u of its %u vCPUs could be received (ulimit -n is too low?)",
			 got, p->nr_vcpus);
	return -EMFILE;
}

int process_map_boot(struct process *p)
{
	struct shim_op *room = (struct shim_op *)&p->control->vcpu[p->nr_vcpus];
	struct plan *plan = &p->boot;
	struct shim_batch batch;
	struct shim_reply reply;
	struct iovec iov = { &reply, sizeof(reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int error;

	do {
		batch.count = plan->nr - plan->shown;
		if (batch.count > SHIM_BOOT_OPS)
			batch.count = SHIM_BOOT_OPS;
		if (batch.count)
			memcpy(room, plan->ops + plan->shown, batch.count * sizeof(*room));
		plan->shown += batch.count;
		batch.last = plan->shown == plan->nr;
		if (send(p->socket, &batch, sizeof(batch), MSG_NOSIGNAL) < 0 && errno != EPIPE)
			return -errno;
		error = receive_reply(p, &reply, &msg);
		if (error)
			return error;
		if (reply.error) {
			process_complain(
				p, "cannot map 0x%llx: %s%s",
				(unsigned long long)room[reply.step % SHIM_BOOT_OPS].args[0],
				strerror(-reply.error),
				reply.error == -ENOMEM ? " (see sysctl vm.max_map_count)" : "");
			return reply.error;
		}
	} while (!batch.last);
	close(p->socket);
	p->socket = -1;
	free(plan->ops);
	*plan = (struct plan){ 0 };
	return 0;
}
