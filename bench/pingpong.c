/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the hypercall trap: two processes on one core that wake each other through a
 * pair of eventfds. Prints nanoseconds per round trip. Nothing of Carillon is measured here.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void post(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		err(1, "eventfd write");
}

static void take(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		err(1, "eventfd read");
}

/* Both processes on the first core that we may use. */
static void pin(void)
{
	cpu_set_t allowed, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		err(1, "sched_getaffinity");
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
	int ping = eventfd(0, EFD_CLOEXEC), pong = eventfd(0, EFD_CLOEXEC);
	uint64_t start;
	pid_t child;

	if (ping < 0 || pong < 0)
		err(1, "eventfd");
	if (!rounds)
		errx(2, "usage: pingpong [ROUNDS]");
	pin();
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		for (;;) {
			take(ping);
			post(pong);
		}
	}
	start = now();
	for (unsigned long i = 0; i < rounds; i++) {
		post(ping);
		take(pong);
	}
	printf("%.1f\n", (double)(now() - start) / (double)rounds);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
