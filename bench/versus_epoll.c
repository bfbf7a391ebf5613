/* SPDX-License-Identifier: MIT */
/*
 * What a program on Linux would have: an eventfd for each channel, all in one epoll,
 * level-triggered. An event is a write, and taken by a read; what is ready is asked for a burst at
 * a time. No handler is called.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "versus.h"

/* One end for each, and some to spare. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
}

void eventfds_open(struct eventfds *e, unsigned nr)
{
	raise_limit();
	*e = (struct eventfds){ .ep = epoll_create1(EPOLL_CLOEXEC), .nr = nr };
	e->fd = calloc(nr, sizeof(*e->fd));
	if (e->ep < 0 || !e->fd)
		err(1, "epoll");
	for (unsigned i = 0; i < nr; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		e->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (e->fd[i] < 0 || epoll_ctl(e->ep, EPOLL_CTL_ADD, e->fd[i], &ev))
			err(1, "eventfd %u", i);
	}
}

void eventfds_shut(struct eventfds *e)
{
	for (unsigned i = 0; i < e->nr; i++)
		close(e->fd[i]);
	close(e->ep);
	free(e->fd);
}

void eventfds_post(const struct eventfds *e, unsigned i)
{
	uint64_t one = 1;

	if (write(e->fd[i], &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd write");
}

unsigned eventfds_take(const struct eventfds *e, unsigned which[EPOLL_BURST])
{
	struct epoll_event ev[EPOLL_BURST];
	uint64_t count;
	int n = epoll_wait(e->ep, ev, EPOLL_BURST, 0);

	if (n < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++) {
		which[i] = ev[i].data.u32;
		if (read(e->fd[which[i]], &count, sizeof(count)) != sizeof(count))
			err(1, "eventfd read");
	}
	return (unsigned)n;
}
