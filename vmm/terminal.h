/* SPDX-License-Identifier: MIT */
/*
 * The terminal that `carillon run` was started on, when no guest reads it: a key there (Ctrl-T)
 * asks for a dump. One per program, since signal handlers must find it.
 *
 * It is taken (no echo, keys one by one; Ctrl-C, Ctrl-Z, Ctrl-\ as before) only while we are in the
 * foreground, and given back as it was whenever we are not: when we stop, end, or die of a signal.
 */
#ifndef CARILLON_VMM_TERMINAL_H
#define CARILLON_VMM_TERMINAL_H

#include <stdbool.h>

/*
 * Take stdin if it is a terminal, and the one on which we write: then somebody sits there. All that
 * follows does nothing if it is not. Main thread, all of these.
 */
void terminal_open(void);

/* What to wait for: readable, then terminal_asks(); -1 if there is nothing to read now. */
int terminal_fd(void);
/* How long at most to wait for anything, in ms, before terminal_look(); -1: for ever. */
int terminal_timeout(void);

/* Take it if we are in the foreground (again). After SIGCONT, and when the time is over. */
void terminal_look(void);
void terminal_continued(void);

/* Read the keys. Was Ctrl-T among them? */
bool terminal_asks(void);

/* Give it back for good. */
void terminal_close(void);

#endif
