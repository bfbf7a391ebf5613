/* SPDX-License-Identifier: MIT */
/*
 * carillon: the table of commands and the choice among them. What a command does is in its own
 * builtin-*.c; adding one touches this table and builtin.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builtin.h"
#include "message.h"

const struct builtin builtins[] = {
	{ "run", builtin_run, "[--set PATH=VALUE]... MACHINE.cfg", "run a machine until it ends" },
	{ "replay", builtin_replay, "[--quiet] [--all] FILE...",
	  "replay scenarios, compare answers" },
	{ "help", builtin_help, "[COMMAND]", "say what there is" },
	{ 0 },
};

/* Were one of the first three closed, the next file opened would be taken for it. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct builtin *b;

	open_standard_files();
	if (argc < 2) {
		message("no command; try: carillon help");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("carillon %s\n", CARILLON_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return builtin_help(1, argv + 1);
	for (b = builtins; b->name; b++)
		if (!strcmp(b->name, argv[1]))
			return b->run(argc - 1, argv + 1);
	message("there is no command \"%s\"; try: carillon help", argv[1]);
	return EXIT_USAGE;
}
