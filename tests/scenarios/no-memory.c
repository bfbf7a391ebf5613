/* SPDX-License-Identifier: MIT */
/*
 * Every scenario again, once for each allocation of the hypervisor half in it: that one fails. The
 * line that fails by it is run again, and from there on every answer must be the recorded one: a
 * hypercall that fails for want of memory has changed nothing, and nothing is kept at the end.
 *
 * usage: no-memory [--every] FILE...: of scenarios with more than FEW allocations FEW are chosen,
 * evenly; --every: none is left out.
 */
#include <stdio.h>
#include <string.h>

#include "scenario.h"

#define FEW	 100u
#define NO_LIMIT (UINT64_MAX - 1)

struct seen {
	uint64_t n;
	unsigned complaints;
};

static void look(void *ctx, const struct scenario_line *line)
{
	struct seen *seen = ctx;

	if (!line->why || seen->complaints++ >= 3)
		return;
	printf("  without allocation %llu: line %u: %s -> %s, expected %s (%s)\n",
	       (unsigned long long)seen->n, line->number, line->action, line->answer,
	       line->expected, line->why);
}

/* How many of the runs went wrong. */
static unsigned try_file(const char *path, bool every, uint64_t *runs)
{
	struct scenario_result result;
	struct seen seen = { NO_LIMIT, 0 };
	uint64_t allocs = scenario_replay_without(path, NO_LIMIT, look, &seen, &result);
	uint64_t step = every || allocs <= FEW ? 1 : allocs / FEW;
	unsigned wrong = 0;

	if (result.verdict != SCENARIO_AGREES || !allocs) {
		printf("%s: it does not even agree with all its memory: %s\n", path,
		       result.message);
		++*runs;
		return 1;
	}
	for (uint64_t n = 0; n < allocs; n += step) {
		uint64_t reached;

		seen = (struct seen){ n, 0 };
		reached = scenario_replay_without(path, n, look, &seen, &result);
		++*runs;
		if (reached == n && result.verdict != SCENARIO_DIFFERS)
			continue;
		wrong++;
		printf("%s: without allocation %llu of %llu: %u lines differ; %s\n", path,
		       (unsigned long long)n, (unsigned long long)allocs, result.differ,
		       reached == n ? result.message : "it was never made");
	}
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned wrong = 0;
	uint64_t runs = 0;
	bool every = false;
	int i = 1;

	if (i < argc && !strcmp(argv[i], "--every")) {
		every = true;
		i++;
	}
	if (i == argc) {
		fprintf(stderr, "usage: no-memory [--every] FILE...\n");
		return 2;
	}
	for (; i < argc; i++)
		wrong += try_file(argv[i], every, &runs);
	printf("%llu passed, %u failed\n", (unsigned long long)runs - wrong, wrong);
	return wrong ? 1 : 0;
}
