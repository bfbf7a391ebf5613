/* SPDX-License-Identifier: MIT */
/*
 * fuzz-scenario: any text as a scenario file. It is refused with words or run to its end; what it
 * asks of the machine is what any guest may.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <scenario.h>

#include "input.h"

static void shown(void *ctx, const struct scenario_line *line)
{
	(void)line;
	++*(unsigned *)ctx;
}

/* A number so long that what it asks for, a repeat or a sleep, may take for ever. */
static bool has_long_number(const uint8_t *data, size_t size)
{
	unsigned digits = 0;

	for (size_t i = 0; i < size && digits < 5; i++)
		digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
	return digits >= 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario_result result;
	unsigned lines = 0;
	char path[64];
	int fd;

	if (has_long_number(data, size))
		return -1;
	fd = memfd_create("scenario", 0);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	scenario_replay(path, shown, &lines, &result);
	if (result.verdict == SCENARIO_BROKEN && !result.message[0])
		abort();
	close(fd);
	return 0;
}
