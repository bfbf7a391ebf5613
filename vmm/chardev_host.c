/* SPDX-License-Identifier: MIT */
/*
 * Host files of character devices: "stdin", "stdout", "pty" or a path (relative to the current
 * directory, for it is the user's data), and the sums over what was read and written.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev_host.h"
#include "message.h"

#define PIECE 4096u

static int open_error(const struct config *cfg, const struct config_device *dev, const char *key,
		      const char *path)
{
	config_error(cfg, dev->setting,
		     "device \"%s\": %s \"%s\": %s; name a file that can be opened", dev->name, key,
		     path, strerror(errno));
	return 2;
}

/* A FIFO's open waits for the other end: that is the thread's to wait for. */
static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int open_pty(struct chardev_host *h, const struct config_device *dev)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[128];

	if (fd < 0)
		return -1;
	if (grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name))) {
		close(fd);
		return -1;
	}
	message("device %s: its terminal is %s", dev->name, name);
	h->in = fd;
	h->close_in = true;
	return 0;
}

static int open_input(struct chardev_host *h, const char *path, const struct config_device *dev)
{
	if (!strcmp(path, "stdin")) {
		h->in = STDIN_FILENO;
		return 0;
	}
	if (!strcmp(path, "pty"))
		return open_pty(h, dev);
	h->close_in = true;
	if (is_fifo(path)) {
		h->in_path = path;
		return 0;
	}
	h->in = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	return h->in < 0 ? -1 : 0;
}

static int open_output(struct chardev_host *h, const char *path, const struct config_device *dev)
{
	if (!strcmp(path, "stdout")) {
		h->out = STDOUT_FILENO;
		return 0;
	}
	if (!strcmp(path, "pty")) {
		if (strcmp(dev->input, "pty") != 0) {
			errno = EINVAL;
			return -1;
		}
		h->out = h->in; /* one terminal for both ways */
		return 0;
	}
	h->close_out = true;
	if (is_fifo(path)) {
		h->out_path = path;
		return 0;
	}
	h->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	return h->out < 0 ? -1 : 0;
}

int chardev_host_open(struct chardev_host *h, const struct config *cfg,
		      const struct config_device *dev)
{
	h->in = h->out = -1;
	h->check = dev->check;
	h->in_sum = h->out_sum = libdeflate_crc32(0, NULL, 0);
	if (open_input(h, dev->input, dev))
		return open_error(cfg, dev, "input", dev->input);
	if (open_output(h, dev->output, dev))
		return open_error(cfg, dev, "output", dev->output);
	return 0;
}

void chardev_host_close_output(struct chardev_host *h)
{
	if (h->close_out && h->out >= 0)
		close(h->out);
	h->out = -1;
	h->close_out = false;
}

void chardev_host_close(struct chardev_host *h)
{
	chardev_host_close_output(h);
	if (h->close_in && h->in >= 0)
		close(h->in);
	h->in = -1;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Without branches, so that the compiler does many at once. */
static inline uint8_t rot13(uint8_t c)
{
	uint8_t letter = (uint8_t)((c | 0x20) - 'a');
	uint8_t moved = (uint8_t)(letter < 13 ? c + 13 : c - 13);

	return letter < 26 ? moved : c;
}

static uint32_t sum_rot13(uint32_t sum, const uint8_t *at, size_t n)
{
	uint8_t piece[PIECE];

	while (n) {
		size_t i, step = n < PIECE ? n : PIECE;

		if (step == PIECE)
			for (i = 0; i < PIECE; i++)
				piece[i] = rot13(at[i]);
		else
			for (i = 0; i < step; i++)
				piece[i] = rot13(at[i]);
		sum = libdeflate_crc32(sum, piece, step);
		at += step;
		n -= step;
	}
	return sum;
}

/* -errno, and it has failed unless that only means: again. */
static ssize_t error_of(bool *failed)
{
	*failed = errno != EINTR && errno != EAGAIN;
	return -errno;
}

ssize_t chardev_host_read(struct chardev_host *h, void *at, size_t n)
{
	ssize_t got;

	if (h->in < 0)
		h->in = open(h->in_path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (h->in < 0)
		return error_of(&h->in_failed);
	got = read(h->in, at, n);
	if (got < 0 && errno == EIO && isatty(h->in))
		return 0; /* the terminal's other end is closed */
	if (got < 0)
		return error_of(&h->in_failed);
	if (h->check == CHECK_SAME)
		h->in_sum = libdeflate_crc32(h->in_sum, at, (size_t)got);
	else if (h->check == CHECK_ROT13)
		h->in_sum = sum_rot13(h->in_sum, at, (size_t)got);
	atomic_fetch_add_explicit(&h->bytes_in, (uint64_t)got, memory_order_relaxed);
	return got;
}

ssize_t chardev_host_write(struct chardev_host *h, const void *at, size_t n)
{
	ssize_t done;

	if (h->out_failed)
		return (ssize_t)n;
	if (h->out < 0)
		h->out = open(h->out_path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (h->out < 0)
		return error_of(&h->out_failed);
	done = write(h->out, at, n);
	if (done < 0)
		return error_of(&h->out_failed);
	if (h->check)
		h->out_sum = libdeflate_crc32(h->out_sum, at, (size_t)done);
	atomic_fetch_add_explicit(&h->bytes_out, (uint64_t)done, memory_order_relaxed);
	return done;
}

bool chardev_host_verdict(const struct chardev_host *h, struct console *console, const char *name)
{
	unsigned long long in = h->bytes_in, out = h->bytes_out;

	if (!h->check)
		return !h->in_failed && !h->out_failed; /* that has been said */
	if (in == out && h->in_sum == h->out_sum && !h->in_failed) {
		console_say(console, "%s: every byte came back%s: %llu bytes, crc32 %08x", name,
			    h->check == CHECK_ROT13 ? ", rot13" : "", out, h->out_sum);
		return true;
	}
	console_say(console,
		    "%s: NOT every byte came back%s: %llu bytes in, crc32 %08x; %llu bytes out, "
		    "crc32 %08x; look at the %s above",
		    name, h->check == CHECK_ROT13 ? " as rot13" : "", in, h->in_sum, out,
		    h->out_sum, h->in_failed || h->out_failed ? "error" : "domains' lines");
	return false;
}
