/* SPDX-License-Identifier: MIT */
/*
 * carillon replay: scenarios against the hypervisor half. Arguments and printing only; the rest is
 * testbed/scenario.h.
 */
#include <stdio.h>
#include <string.h>

#include <scenario.h>

#include "builtin.h"
#include "message.h"

static int usage(void)
{
	printf("usage: carillon replay [--quiet] [--all] FILE...\n\n"
	       "Runs each scenario, a script of hypercalls with the answers of real Xen, against the\n"
	       "hypervisor half on a machine of its own, and prints every line with its answer; a\n"
	       "line whose answer differs is marked by \"!\" and followed by what was expected.\n"
	       "The format: tests/scenarios/FORMAT.md.\n\n"
	       "  -q, --quiet  print only the lines that differ and the sums\n"
	       "  --all        a scenario that cannot be run here counts as one that differs\n\n"
	       "Exit status: 0 all lines agree (scenarios for platform=linux*, which need a Linux\n"
	       "guest, are named and not run); 1 a line differs; 2 the command is wrong, or a file\n"
	       "cannot be read or parsed (nothing of it is run).\n");
	return 0;
}

struct printing {
	bool quiet;
};

static void show_line(void *ctx, const struct scenario_line *line)
{
	const struct printing *p = ctx;

	if (p->quiet && !line->why)
		return;
	if (!line->answer) {
		printf("%6u  %s\n", line->number, line->action);
		return;
	}
	printf("%c%5u  %s -> %s\n", line->why ? '!' : ' ', line->number, line->action,
	       line->answer);
	if (line->why)
		printf("        expected -> %s  (%s)\n", line->expected, line->why);
}

/* What came of the files so far. */
struct sums {
	unsigned files, agree, differ, not_run, broken, different;
};

static void replay_file(const char *path, struct printing *p, struct sums *sums)
{
	struct scenario_result result;

	if (!p->quiet)
		printf("== %s\n", path);
	scenario_replay(path, show_line, p, &result);
	fflush(stdout);
	if (result.message[0])
		message("replay: %s", result.message);
	sums->files++;
	sums->agree += result.agree;
	sums->differ += result.differ;
	sums->not_run += result.verdict == SCENARIO_NOT_RUN;
	sums->broken += result.verdict == SCENARIO_BROKEN;
	sums->different += result.verdict == SCENARIO_DIFFERS;
	if (result.verdict == SCENARIO_AGREES || result.verdict == SCENARIO_DIFFERS)
		printf("%s: %u lines agree, %u differ\n", path, result.agree, result.differ);
}

static int sum_up(const struct sums *sums, bool all)
{
	if (sums->files > 1)
		printf("%u scenarios: %u lines agree, %u differ; %u scenarios not run, %u broken\n",
		       sums->files, sums->agree, sums->differ, sums->not_run, sums->broken);
	if (sums->broken)
		return EXIT_USAGE;
	return sums->different || (all && sums->not_run);
}

int builtin_replay(int argc, char **argv)
{
	struct printing printing = { false };
	struct sums sums = { 0 };
	bool all = false;
	int i, status;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return usage();
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (!strcmp(argv[i], "--quiet") || !strcmp(argv[i], "-q")) {
			printing.quiet = true;
		} else if (!strcmp(argv[i], "--all")) {
			all = true;
		} else {
			message("replay: \"%s\" is not known; try: carillon replay --help",
				argv[i]);
			return EXIT_USAGE;
		}
	}
	if (i == argc) {
		message("replay: no file; try: carillon replay tests/scenarios/public-*.txt");
		return EXIT_USAGE;
	}
	for (; i < argc; i++)
		replay_file(argv[i], &printing, &sums);
	status = sum_up(&sums, all);
	if (fflush(stdout) || ferror(stdout)) {
		message("replay: standard output cannot be written; the answers are lost");
		return 1;
	}
	return status;
}
