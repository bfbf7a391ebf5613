/* SPDX-License-Identifier: MIT */
/*
 * "carillon: ..." on stderr, one line, one write. While a machine runs, lines go through its
 * console (console.h) instead.
 */
#ifndef CARILLON_VMM_MESSAGE_H
#define CARILLON_VMM_MESSAGE_H

void message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
