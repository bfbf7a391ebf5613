/* SPDX-License-Identifier: MIT */
/*
 * The program's commands: one builtin-*.c each, and the table. argv[0] is the command's name; the
 * result is the exit status.
 */
#ifndef CARILLON_VMM_BUILTIN_H
#define CARILLON_VMM_BUILTIN_H

#define EXIT_USAGE 2

struct builtin {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *summary;
};

/* Ends with a NULL name. */
extern const struct builtin builtins[];

int builtin_run(int argc, char **argv);
int builtin_replay(int argc, char **argv);
int builtin_help(int argc, char **argv);

#endif
