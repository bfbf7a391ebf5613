/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: scripts of hypercalls with what real Xen answered (tests/scenarios/FORMAT.md),
 * replayed against the hypervisor half in a testbed on virtual time. Who prints is the caller.
 */
#ifndef CARILLON_TESTBED_SCENARIO_H
#define CARILLON_TESTBED_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

enum scenario_verdict {
	SCENARIO_AGREES,
	SCENARIO_DIFFERS, /* in at least one line, or memory was not given back at the end */
	SCENARIO_NOT_RUN, /* it needs what this machine has not; message says what */
	SCENARIO_BROKEN,  /* it cannot be read or parsed, nothing of it was run; message says where
			   */
};

/* One line, after it was run. Strings last for the duration of the callback. */
struct scenario_line {
	unsigned number;      /* in its file, from 1 */
	const char *action;   /* as written, up to "->"; of a comment, an empty line or @env: all */
	const char *answer;   /* NULL: there was nothing to run */
	const char *expected; /* as written after "->" */
	const char *why;      /* how they differ, NULL if they agree */
};

struct scenario_result {
	enum scenario_verdict verdict;
	unsigned agree, differ; /* lines */
	char message[512];	/* one line, without a newline; empty if there is nothing to say */
};

typedef void scenario_shown(void *ctx, const struct scenario_line *line);

/* Replay the file. shown is called for each line of it, in order. */
void scenario_replay(const char *path, scenario_shown *shown, void *ctx,
		     struct scenario_result *result);

/*
 * The same, and the hypervisor's allocation number n fails once, from 0 on and after hv_create. A
 * line that fails by it is run again, as a guest would, and must answer as if nothing had been;
 * only when it was a new domain that could not be made the scenario ends there. How many
 * allocations there were, at most n; with n itself the failure happened (and if it kept the machine
 * from being set up, the verdict is SCENARIO_NOT_RUN). UINT64_MAX: none fails.
 */
uint64_t scenario_replay_without(const char *path, uint64_t n, scenario_shown *shown, void *ctx,
				 struct scenario_result *result);

#endif
