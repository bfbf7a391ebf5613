/* SPDX-License-Identifier: MIT */
/*
 * carillon help: the commands, from the table.
 */
#include <stdio.h>
#include <string.h>

#include "builtin.h"
#include "message.h"

static void print_all(void)
{
	const struct builtin *b;

	printf("usage: carillon COMMAND ...\n\n");
	for (b = builtins; b->name; b++)
		printf("  carillon %-6s %-36s %s\n", b->name, b->arguments, b->summary);
	printf("\n  carillon --version, carillon --help\n"
	       "\nTry: carillon run examples/pipe.cfg < README.md\n");
}

int builtin_help(int argc, char **argv)
{
	char *help[] = { NULL, "--help", NULL };
	const struct builtin *b;

	if (argc < 2) {
		print_all();
		return 0;
	}
	for (b = builtins; b->name; b++) {
		if (strcmp(b->name, argv[1]) != 0)
			continue;
		if (b->run == builtin_help) {
			print_all();
			return 0;
		}
		help[0] = argv[1];
		return b->run(2, help);
	}
	message("there is no command \"%s\"; try: carillon help", argv[1]);
	return EXIT_USAGE;
}
