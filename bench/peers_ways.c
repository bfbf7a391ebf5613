/* SPDX-License-Identifier: MIT */
/* Linux' ways to wake another: an eventfd in epoll, a pipe, a socket, a futex, a real-time signal.
 */
#include "peers.h"

#include <err.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_both(struct way *w)
{
	close(w->fd[0]);
	if (w->fd[1] != w->fd[0])
		close(w->fd[1]);
}

/* ---- eventfd, found by epoll ---- */

static void open_eventfd(struct way *w)
{
	struct epoll_event ev = { .events = EPOLLIN };

	w->fd[0] = w->fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->fd[0] < 0 || w->epoll < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->fd[0], &ev))
		err(1, "eventfd and epoll");
}

static void shut_eventfd(struct way *w)
{
	close(w->epoll);
	close_both(w);
}

static void send_eventfd(struct way *w)
{
	uint64_t one = 1;

	if (write(w->fd[1], &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd write");
}

static void take_eventfd(struct way *w)
{
	struct epoll_event ev;
	uint64_t count;

	if (epoll_wait(w->epoll, &ev, 1, -1) != 1 ||
	    read(w->fd[0], &count, sizeof(count)) != sizeof(count))
		err(1, "eventfd by epoll");
}

/* ---- a byte through a pipe or a socket ---- */

static void open_pipe(struct way *w)
{
	if (pipe(w->fd))
		err(1, "pipe");
}

static void open_seqpacket(struct way *w)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->fd))
		err(1, "socketpair");
}

static void send_byte(struct way *w)
{
	if (write(w->fd[1], "", 1) != 1)
		err(1, "write of a byte");
}

static void take_byte(struct way *w)
{
	char c;

	if (read(w->fd[0], &c, 1) != 1)
		err(1, "read of a byte");
}

/* ---- a futex: a word that is 1 when there is something ---- */

static void open_futex(struct way *w)
{
	w->word = mmap(NULL, sizeof(*w->word), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (w->word == MAP_FAILED)
		err(1, "shared word");
}

static void shut_futex(struct way *w)
{
	munmap(w->word, sizeof(*w->word));
}

static void send_futex(struct way *w)
{
	__atomic_store_n(w->word, 1, __ATOMIC_SEQ_CST);
	if (syscall(SYS_futex, w->word, FUTEX_WAKE, 1, NULL, NULL, 0) < 0)
		err(1, "FUTEX_WAKE");
}

static void take_futex(struct way *w)
{
	while (!__atomic_exchange_n(w->word, 0, __ATOMIC_SEQ_CST))
		(void)syscall(SYS_futex, w->word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* ---- a queued signal; blocked in all, and waited for ---- */

static void open_signal(struct way *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		err(1, "sigprocmask");
	w->pid = getpid();
}

static void send_signal(struct way *w)
{
	if (sigqueue(w->pid, SIGRTMIN, (union sigval){ 0 }))
		err(1, "sigqueue");
}

static void take_signal(struct way *w)
{
	siginfo_t info;
	sigset_t set;

	(void)w;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigwaitinfo(&set, &info) != SIGRTMIN)
		err(1, "sigwaitinfo");
}

static void shut_nothing(struct way *w)
{
	(void)w;
}

const struct peer peers[] = {
	{ "eventfd-epoll", open_eventfd, send_eventfd, take_eventfd, shut_eventfd, false },
	{ "pipe", open_pipe, send_byte, take_byte, close_both, false },
	{ "seqpacket", open_seqpacket, send_byte, take_byte, close_both, false },
	{ "futex", open_futex, send_futex, take_futex, shut_futex, true },
	{ "rt-signal", open_signal, send_signal, take_signal, shut_nothing, false },
};

const unsigned nr_peers = sizeof(peers) / sizeof(peers[0]);
