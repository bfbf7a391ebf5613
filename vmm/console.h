/* SPDX-License-Identifier: MIT */
/*
 * stderr while a machine runs: guests' console lines behind their domain's name, the monitor's own
 * lines, and the progress line. Whole lines only, one at a time.
 */
#ifndef CARILLON_VMM_CONSOLE_H
#define CARILLON_VMM_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct console {
	pthread_mutex_t lock;
	bool progress_shown;
};

/* What a domain has printed of a line that is not finished. */
struct console_line {
	char text[512];
	size_t n;
};

void console_init(struct console *c);

/* Text from a guest: any bytes, any cut. */
void console_guest(struct console *c, const char *name, struct console_line *line, const char *text,
		   size_t n);
/* The domain will print no more: show what is held. */
void console_guest_end(struct console *c, const char *name, struct console_line *line);

/* "carillon: ..." */
void console_say(struct console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Shown until the next line of any kind; "" erases it. */
void console_progress(struct console *c, const char *text);

#endif
