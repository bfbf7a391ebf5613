/* SPDX-License-Identifier: MIT */
/*
 * The character device: a host file behind two windows and two level lines. What the registers
 * mean is in include/carillon/device.h; opening host files and the check of what came back are in
 * chardev_host.c.
 *
 * Two threads: one read()s into the free part of the input window, one write()s from the output
 * window. Indices: the device keeps its own copy of those it writes, reads the guest's once per
 * look, and believes them only if they lie within what it gave. Order: bytes before index
 * (release), index before bytes (acquire), on both sides; the guest's eoi is the doorbell, so what
 * it wrote before that hypercall is seen by the look after it (wake.h).
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <carillon/device.h>

#include "chardev_host.h"
#include "device.h"
#include "machine.h"
#include "message.h"
#include "wake.h"

enum {
	INPUT,
	OUTPUT
};

struct chardev {
	struct device *dev;
	struct chardev_regs *regs; /* the guest writes here too */
	uint8_t *window[2];
	uint32_t size; /* of each window */
	struct chardev_host host;
	struct wake wake[2];
	pthread_t thread[2];
	bool running[2];
	_Atomic bool stopping;
	_Atomic bool broken;	  /* the guest broke the rules: no level, no bytes any more */
	_Atomic uint32_t in_prod; /* ours; the registers' copies are for the guest */
	_Atomic uint32_t out_cons;
	_Atomic bool in_eof; /* in_prod is final */
	_Atomic bool drained;
};

static uint32_t guest_word(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static unsigned line(const struct chardev *c, int which)
{
	return (unsigned)c->dev->cfg->lines[which];
}

/* Not looking any more is the device's part, ending the domain the only thing that cannot hang. */
static void guest_broke(struct chardev *c, const char *what, uint32_t value)
{
	struct machine *m = c->dev->machine;
	struct domain *d = &m->domains[c->dev->cfg->owners[0]];

	if (atomic_exchange(&c->broken, true))
		return;
	console_say(&m->console,
		    "domain %s: wrote %s = %u, beyond what device %s gave it; the device is "
		    "stopped and the domain ended, correct its driver",
		    d->cfg->name, what, value, c->dev->cfg->name);
	d->given_up = true;
	hv_domain_crash(d->hv);
}

/* ---- levels ---------------------------------------------------------------------------------- */

/* Bytes that the guest has not taken; more than the window if it broke the rules. */
static uint32_t input_used(const struct chardev *c)
{
	uint32_t cons = guest_word(&c->regs->in_cons);

	return atomic_load_explicit(&c->in_prod, memory_order_seq_cst) - cons;
}

static bool input_asserted(void *data)
{
	struct chardev *c = data;
	uint32_t used = input_used(c);

	/* A guest that broke the rules shall not be stormed until the thread finds out. */
	if (used > c->size || atomic_load_explicit(&c->broken, memory_order_relaxed))
		return false;
	if (used)
		return true;
	return atomic_load_explicit(&c->in_eof, memory_order_seq_cst) &&
	       !guest_word(&c->regs->in_eof_seen);
}

static uint32_t output_used(const struct chardev *c)
{
	uint32_t prod = guest_word(&c->regs->out_prod);

	return prod - atomic_load_explicit(&c->out_cons, memory_order_seq_cst);
}

static bool output_asserted(void *data)
{
	struct chardev *c = data;

	if (atomic_load_explicit(&c->broken, memory_order_relaxed))
		return false;
	if (guest_word(&c->regs->out_eof))
		return atomic_load_explicit(&c->drained, memory_order_seq_cst);
	return output_used(c) <= c->size / 2;
}

static void input_unmasked(void *data)
{
	struct chardev *c = data;

	wake_notify(&c->wake[INPUT]);
}

static void output_unmasked(void *data)
{
	struct chardev *c = data;

	wake_notify(&c->wake[OUTPUT]);
}

static const struct irqchip_source sources[2] = {
	{ .asserted = input_asserted, .unmasked = input_unmasked },
	{ .asserted = output_asserted, .unmasked = output_unmasked },
};

/* Something that the level follows from has changed. */
static void level_changed(struct chardev *c, int which)
{
	irqchip_update(&c->dev->machine->irqchip, line(c, which));
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool stopping(const struct chardev *c)
{
	return atomic_load_explicit(&c->stopping, memory_order_seq_cst) ||
	       atomic_load_explicit(&c->broken, memory_order_relaxed);
}

/* The descriptor may be someone else's, who made it non-blocking. Signals end the wait. */
static void wait_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, -1);
}

/* Wait until the guest has made room. How much of it is in one piece; 0: look at `stopping`. */
static uint32_t input_room(struct chardev *c, uint32_t prod)
{
	uint32_t key = wake_prepare(&c->wake[INPUT]);
	uint32_t used = input_used(c), free, piece;

	if (used > c->size) {
		wake_cancel(&c->wake[INPUT]);
		guest_broke(c, "in_cons", prod - used);
		return 0;
	}
	if (used == c->size && !stopping(c)) {
		wake_wait(&c->wake[INPUT], key);
		return 0;
	}
	wake_cancel(&c->wake[INPUT]);
	free = c->size - used;
	piece = c->size - (prod & (c->size - 1));
	return free < piece ? free : piece;
}

static void end_of_input(struct chardev *c)
{
	atomic_store_explicit(&c->in_eof, true, memory_order_seq_cst);
	__atomic_fetch_or(&c->regs->flags, CHARDEV_IN_EOF, __ATOMIC_SEQ_CST);
	level_changed(c, INPUT);
}

static void *input_thread(void *arg)
{
	struct chardev *c = arg;
	uint32_t prod = 0;

	prctl(PR_SET_NAME, "chardev-in");
	while (!stopping(c)) {
		uint32_t room = input_room(c, prod);
		uint8_t *at = c->window[INPUT] + (prod & (c->size - 1));
		ssize_t n;

		if (!room)
			continue;
		n = chardev_host_read(&c->host, at, room);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			wait_ready(c->host.in, POLLIN);
			continue;
		}
		if (n < 0)
			console_say(&c->dev->machine->console,
				    "device %s: input \"%s\": %s; it ends here, give one that can "
				    "be read",
				    c->dev->cfg->name, c->dev->cfg->input, strerror((int)-n));
		if (n <= 0)
			break;
		prod += (uint32_t)n;
		publish(&c->regs->in_prod, prod);
		atomic_store_explicit(&c->in_prod, prod, memory_order_seq_cst);
		level_changed(c, INPUT);
	}
	if (!stopping(c))
		end_of_input(c);
	return NULL;
}

/* Wait until the guest has written something, or will no more (*eof). Bytes in one piece. */
static uint32_t output_work(struct chardev *c, uint32_t cons, bool *eof)
{
	uint32_t key = wake_prepare(&c->wake[OUTPUT]);
	/* eof before the index: once it is set the index is final. */
	bool ended = guest_word(&c->regs->out_eof);
	uint32_t used = output_used(c), piece;

	if (used > c->size) {
		wake_cancel(&c->wake[OUTPUT]);
		guest_broke(c, "out_prod", cons + used);
		return 0;
	}
	if (!used && !ended && !stopping(c)) {
		wake_wait(&c->wake[OUTPUT], key);
		return 0;
	}
	wake_cancel(&c->wake[OUTPUT]);
	*eof = ended && !used;
	piece = c->size - (cons & (c->size - 1));
	return used < piece ? used : piece;
}

/* Write it all, or drop it if nobody takes it. */
static void output_bytes(struct chardev *c, const uint8_t *at, uint32_t n)
{
	while (n && !stopping(c)) {
		ssize_t done = chardev_host_write(&c->host, at, n);

		if (done == -EAGAIN) {
			wait_ready(c->host.out, POLLOUT);
		} else if (done >= 0) {
			at += done;
			n -= (uint32_t)done;
		} else if (done != -EINTR) {
			console_say(&c->dev->machine->console,
				    "device %s: output \"%s\": %s; what follows is dropped",
				    c->dev->cfg->name, c->dev->cfg->output, strerror((int)-done));
			__atomic_fetch_or(&c->regs->flags, CHARDEV_OUT_ERROR, __ATOMIC_SEQ_CST);
			return;
		}
	}
}

static void *output_thread(void *arg)
{
	struct chardev *c = arg;
	uint32_t cons = 0;
	bool eof = false;

	prctl(PR_SET_NAME, "chardev-out");
	while (!stopping(c) && !eof) {
		uint32_t n = output_work(c, cons, &eof);

		if (!n)
			continue;
		output_bytes(c, c->window[OUTPUT] + (cons & (c->size - 1)), n);
		cons += n;
		publish(&c->regs->out_cons, cons);
		atomic_store_explicit(&c->out_cons, cons, memory_order_seq_cst);
		level_changed(c, OUTPUT);
	}
	if (eof) {
		chardev_host_close_output(&c->host);
		__atomic_fetch_or(&c->regs->flags, CHARDEV_OUT_DRAINED, __ATOMIC_SEQ_CST);
		atomic_store_explicit(&c->drained, true, memory_order_seq_cst);
		level_changed(c, OUTPUT);
	}
	return NULL;
}

/* ---- the type -------------------------------------------------------------------------------- */

static const char *const check_choices[] = { "none", "same", "rot13", NULL };

static const struct config_key keys[] = {
	DEVICE_KEYS,
	CONFIG_KEY(config_device, domain, KEY_NAME, .required = true),
	CONFIG_KEY(config_device, input, KEY_STRING, .required = true),
	CONFIG_KEY(config_device, output, KEY_STRING, .required = true),
	CONFIG_KEY(config_device, pages, KEY_UINT, .min = 3, .max = 4097),
	DEVICE_LINE_KEY("input_line", 0),
	DEVICE_LINE_KEY("output_line", 1),
	CONFIG_KEY(config_device, check, KEY_CHOICE, .choices = check_choices),
	{ 0 },
};

static void defaults(struct config_device *cfg)
{
	cfg->pages = 33;
}

static const char *check(const struct config_device *cfg)
{
	uint64_t half = (cfg->pages - 1) / 2;

	if (half * 2 + 1 != cfg->pages || half & (half - 1))
		return "pages is not 1 + 2 * a power of two; use 3, 5, 9, 17, 33, 65, ...";
	return NULL;
}

static uint64_t pages(const struct config_device *cfg)
{
	return cfg->pages;
}

static int create(struct device *dev)
{
	struct machine *m = dev->machine;
	struct chardev *c = calloc(1, sizeof(*c));
	int which, status;

	dev->state = c;
	if (!c) {
		message("device %s: no memory; free some", dev->cfg->name);
		return 1;
	}
	c->dev = dev;
	status = chardev_host_open(&c->host, m->cfg, dev->cfg);
	if (status)
		return status;
	c->size = (uint32_t)((dev->cfg->pages - 1) / 2 * HV_PAGE_SIZE);
	c->regs = (struct chardev_regs *)dev->mem.host;
	c->window[INPUT] = dev->mem.host + HV_PAGE_SIZE;
	c->window[OUTPUT] = c->window[INPUT] + c->size;
	c->regs->magic = DEVICE_MAGIC_CHARDEV;
	c->regs->version = 1;
	c->regs->window = c->size;
	for (which = INPUT; which <= OUTPUT; which++)
		if (device_add_line(dev, which, HV_IRQ_LEVEL, &sources[which], c))
			return 1;
	return 0;
}

static int start(struct device *dev)
{
	struct chardev *c = dev->state;
	int error;

	error = pthread_create(&c->thread[INPUT], NULL, input_thread, c);
	c->running[INPUT] = !error;
	if (error)
		return -error;
	error = pthread_create(&c->thread[OUTPUT], NULL, output_thread, c);
	c->running[OUTPUT] = !error;
	return -error;
}

/*
 * The threads may sleep in read(), write(), poll(), open(). The signal's handler does nothing, but
 * it ends the call; it is sent again until the thread is gone, since it may come just before the
 * call.
 */
static void stop(struct device *dev)
{
	struct chardev *c = dev->state;
	struct timespec until;
	int which;

	atomic_store_explicit(&c->stopping, true, memory_order_seq_cst);
	for (which = INPUT; which <= OUTPUT; which++) {
		if (!c->running[which])
			continue;
		wake_notify(&c->wake[which]);
		do {
			pthread_kill(c->thread[which], DEVICE_STOP_SIGNAL);
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 1000000;
			if (until.tv_nsec >= 1000000000) {
				until.tv_sec++;
				until.tv_nsec -= 1000000000;
			}
		} while (pthread_timedjoin_np(c->thread[which], NULL, &until));
		c->running[which] = false;
	}
}

static void destroy(struct device *dev)
{
	struct chardev *c = dev->state;

	if (c)
		chardev_host_close(&c->host);
	free(c);
}

static bool verdict(struct device *dev)
{
	struct chardev *c = dev->state;

	return chardev_host_verdict(&c->host, &dev->machine->console, dev->cfg->name);
}

static void bytes(const struct device *dev, uint64_t *in, uint64_t *out)
{
	const struct chardev *c = dev->state;

	*in = atomic_load_explicit(&c->host.bytes_in, memory_order_relaxed);
	*out = atomic_load_explicit(&c->host.bytes_out, memory_order_relaxed);
}

const struct device_type device_chardev = {
	.name = "chardev",
	.keys = keys,
	.nr_lines = 2,
	.many_pages = true,
	.defaults = defaults,
	.check = check,
	.pages = pages,
	.create = create,
	.start = start,
	.stop = stop,
	.destroy = destroy,
	.verdict = verdict,
	.bytes = bytes,
};
