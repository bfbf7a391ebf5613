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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario_result result;
	unsigned lines = 0;
	char path[64];
	int fd = memfd_create("scenario", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	scenario_replay(path, shown, &lines, &result);
	if (result.verdict == SCENARIO_BROKEN && !result.message[0])
		abort();
	close(fd);
	return 0;
}
