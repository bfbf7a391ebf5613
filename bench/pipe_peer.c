/* SPDX-License-Identifier: MIT */
/*
 * The peer of the file that goes through two domains: two processes and two pipes between them do
 * the same work. This one reads stdin, sends it to the other, gets it back in rot13, and writes it
 * to stdout; it sums what came (as rot13) and what left, as the monitor's check does, and fails if
 * they differ. Nothing of Carillon is measured here, but rot13 is the worker's own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../images/worker/rot13.h"

#define WINDOW (256u << 10) /* as many as the domains' device has */

static uint8_t in[WINDOW], out[WINDOW], turned[WINDOW];

static void write_all(int fd, const uint8_t *at, size_t n)
{
	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0)
			err(1, "write");
		at += done;
		n -= (size_t)done;
	}
}

static _Noreturn void work(int from, int to)
{
	ssize_t n;

	while ((n = read(from, in, sizeof(in))) > 0) {
		rot13(out, in, (size_t)n);
		write_all(to, out, (size_t)n);
	}
	exit(n < 0);
}

/* What is to be sent, and where of it we are. */
struct feed {
	int fd; /* -1: all has been sent */
	size_t at, n;
	uint32_t sum;
};

static void read_more(struct feed *f)
{
	ssize_t n = read(0, in, sizeof(in));

	if (n < 0)
		err(1, "stdin");
	if (n == 0) {
		close(f->fd);
		f->fd = -1;
		return;
	}
	f->at = 0;
	f->n = (size_t)n;
	rot13(turned, in, f->n);
	f->sum = libdeflate_crc32(f->sum, turned, f->n);
}

static void feed(struct feed *f)
{
	ssize_t done;

	if (f->at == f->n)
		read_more(f);
	if (f->fd < 0)
		return;
	done = write(f->fd, in + f->at, f->n - f->at);
	if (done < 0 && errno != EAGAIN)
		err(1, "to the worker");
	if (done > 0)
		f->at += (size_t)done;
}

/* False: the worker has ended. */
static bool take(int from, uint32_t *sum)
{
	ssize_t n = read(from, out, sizeof(out));

	if (n < 0)
		err(1, "from the worker");
	*sum = libdeflate_crc32(*sum, out, (size_t)n);
	write_all(1, out, (size_t)n);
	return n > 0;
}

static void drive(int to, int from)
{
	struct feed f = { .fd = to };
	uint32_t sum = 0;
	bool more = true;

	/* it must not sleep in a write while the worker does so, too */
	fcntl(to, F_SETFL, O_NONBLOCK);
	while (more) {
		struct pollfd p[] = { { .fd = f.fd, .events = POLLOUT },
				      { .fd = from, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			err(1, "poll");
		if (p[0].revents)
			feed(&f);
		if (p[1].revents)
			more = take(from, &sum);
	}
	if (sum != f.sum)
		errx(1, "crc32 %08x of what came as rot13, %08x of what left", f.sum, sum);
}

int main(void)
{
	int request[2], reply[2], status;
	pid_t worker;

	if (pipe2(request, O_CLOEXEC) || pipe2(reply, O_CLOEXEC))
		err(1, "pipe");
	worker = fork();
	if (worker < 0)
		err(1, "fork");
	if (!worker) {
		close(request[1]);
		close(reply[0]);
		work(request[0], reply[1]);
	}
	close(request[0]);
	close(reply[1]);
	drive(request[1], reply[0]);
	if (waitpid(worker, &status, 0) != worker || status)
		errx(1, "the worker failed");
	return 0;
}
