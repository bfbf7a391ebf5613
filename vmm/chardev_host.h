/* SPDX-License-Identifier: MIT */
/*
 * The host's side of a character device: opening what the machine file names, reading and writing
 * it, and the check that what went out is what came in. Windows and lines are in device_chardev.c.
 */
#ifndef CARILLON_VMM_CHARDEV_HOST_H
#define CARILLON_VMM_CHARDEV_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "console.h"

struct chardev_host {
	int in, out;
	const char *in_path;  /* still to be opened by the reading thread: a FIFO */
	const char *out_path; /* likewise, by the writing one */
	bool close_in, close_out;
	bool in_failed;	 /* the input could not be read to its end */
	bool out_failed; /* the output took no more; what is written is dropped */
	unsigned check;
	uint32_t in_sum, out_sum; /* CRC-32 */
	_Atomic uint64_t bytes_in, bytes_out;
};

/* 0, or the exit status after one line on stderr. */
int chardev_host_open(struct chardev_host *h, const struct config *cfg,
		      const struct config_device *dev);
void chardev_host_close(struct chardev_host *h);
void chardev_host_close_output(struct chardev_host *h);

/*
 * As read and write, -errno for errors; 0 from read: the end. One thread each. After an error that
 * is not EINTR or EAGAIN they have failed, and the verdict knows.
 */
ssize_t chardev_host_read(struct chardev_host *h, void *at, size_t n);
ssize_t chardev_host_write(struct chardev_host *h, const void *at, size_t n);

/* Did every byte come back? Says so, if it was to be checked; else: did input and output work? */
bool chardev_host_verdict(const struct chardev_host *h, struct console *console, const char *name);

#endif
