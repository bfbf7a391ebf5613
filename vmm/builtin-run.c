/* SPDX-License-Identifier: MIT */
/*
 * carillon run: a machine from its file. Arguments only; the rest is config.c's and machine.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin.h"
#include "config.h"
#include "machine.h"
#include "message.h"

static int usage(void)
{
	printf("usage: carillon run [--set PATH=VALUE]... MACHINE.cfg\n\n"
	       "Runs the machine that the file describes until all its domains have shut down.\n"
	       "  --set PATH=VALUE   change one setting of the file, for example\n"
	       "                     --set domains.[0].cmdline=verbose --set on_crash=continue\n\n"
	       "SIGUSR1, or Ctrl-T on a terminal that no guest reads, prints the state of its event\n"
	       "channels and interrupt lines on stderr.\n\n"
	       "Exit status: 0 every domain ended well and every byte that was to come back did;\n"
	       "1 not so; 2 the command, the machine file or an image is wrong, nothing was\n"
	       "started; 128 + n ended by signal n (130: Ctrl-C).\n");
	return 0;
}

static int run(const char *path, const char *const *overrides, unsigned nr_overrides)
{
	struct config cfg;
	int status = EXIT_USAGE;

	if (!config_load(&cfg, path, overrides, nr_overrides))
		status = machine_run(&cfg);
	config_free(&cfg);
	return status;
}

int builtin_run(int argc, char **argv)
{
	const char **overrides = calloc((size_t)argc, sizeof(*overrides));
	const char *path = NULL, *wrong = NULL;
	unsigned n = 0;
	int i, status;

	if (!overrides) {
		message("run: no memory; free some");
		return 1;
	}
	for (i = 1; i < argc && !wrong; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			free(overrides);
			return usage();
		}
		if (!strncmp(argv[i], "--set=", 6))
			overrides[n++] = argv[i] + 6;
		else if (!strcmp(argv[i], "--set") && i + 1 < argc)
			overrides[n++] = argv[++i];
		else if (argv[i][0] == '-' || path)
			wrong = argv[i];
		else
			path = argv[i];
	}
	status = EXIT_USAGE;
	if (wrong)
		message("run: \"%s\" is not expected here; try: carillon run --help", wrong);
	else if (!path)
		message("run: no machine file; try: carillon run examples/pipe.cfg");
	else
		status = run(path, overrides, n);
	free(overrides);
	return status;
}
