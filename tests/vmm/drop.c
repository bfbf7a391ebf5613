/* SPDX-License-Identifier: MIT */
/*
 * What the monitor gives up (vmm/drop.c), tried by a child that has given it up: what it must not
 * do any more is refused with EPERM, what it still needs works. Exit status 0, or a line for each
 * that is otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drop.h"

static int failed;

static void refused(long result, const char *what)
{
	if (result == -1 && errno == EPERM)
		return;
	printf("%s is not refused: %ld, errno %d\n", what, result, errno);
	failed = 1;
}

static void works(int ok, const char *what)
{
	if (ok)
		return;
	printf("%s does not work: errno %d\n", what, errno);
	failed = 1;
}

static void *nothing(void *arg)
{
	refused(syscall(SYS_socket, 2, 1, 0), "socket, on another thread");
	return arg;
}

static sigjmp_buf no_int80;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(no_int80, 1);
}

/* A kernel that has no 32-bit calls at all makes a fault of it. */
static long by_int80(long nr)
{
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(no_int80, 1))
		nr = -ENOSYS;
	else
		__asm__ volatile("int $0x80" : "+a"(nr) : : "r8", "r9", "r10", "r11", "memory");
	signal(SIGSEGV, SIG_DFL);
	return nr;
}

static void given_up(void)
{
	char *argv[] = { "true", NULL };
	struct timespec now;
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	clock_gettime(CLOCK_REALTIME, &now);
	refused(execve("/bin/true", argv, NULL), "execve");
	refused(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0), "execveat");
	refused(syscall(SYS_socket, 1, 1, 0), "socket");
	refused(syscall(SYS_unshare, 0), "unshare");
	refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), "process_vm_readv");
	refused(syscall(SYS_setresuid, -1, -1, -1), "setresuid");
	refused(syscall(SYS_unlink, "/tmp/there is no such file"), "unlink");
	refused(syscall(SYS_bpf, 0, NULL, 0), "bpf");
	refused(syscall(SYS_setdomainname, "", 0), "setdomainname");
	refused(syscall(SYS_getcwd, NULL, 0), "getcwd, which it does not need");
	refused(syscall(500, 0), "a call that this kernel does not have");
	refused((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		"new code");
	refused(mprotect(page, 4096, PROT_READ | PROT_EXEC), "memory that becomes code");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), "a child");
	refused(syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, 0), "ptrace");
#endif
	refused(syscall(SYS_clock_settime, CLOCK_REALTIME, &now), "clock_settime");
	refused(syscall(0x40000000 | SYS_getpid), "an x32 call");
	if (by_int80(20) != -EPERM && by_int80(20) != -ENOSYS) {
		printf("an i386 call is not refused: %ld\n", by_int80(20));
		failed = 1;
	}
}

static void still_there(void)
{
	pthread_t thread;

	works(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0, "open");
	works(eventfd(0, EFD_CLOEXEC) >= 0, "eventfd");
	works(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED,
	      "mmap");
	works(!kill(getpid(), 0), "kill");
	works(getpgrp() > 0, "getpgrp, which the terminal needs");
	errno = 0;
	alarm(60);
	works(!errno && alarm(0) > 0, "alarm, which the end needs");
	works(!pthread_create(&thread, NULL, nothing, NULL) && !pthread_join(thread, NULL),
	      "a thread");
	works(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs");
	works(prctl(PR_GET_DUMPABLE) == 0, "not being dumpable");
	works(write(STDOUT_FILENO, "", 0) == 0, "write");
}

int main(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		drop_privileges();
		drop_calls();
		given_up();
		still_there();
		fflush(stdout);
		_exit(failed);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return status ? 1 : 0;
}
