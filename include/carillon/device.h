/* SPDX-License-Identifier: MIT */
/*
 * Register pages of the machine's devices: what a guest image and the monitor agree on. A device's
 * frames are mapped by the domain that owns it (found on its command line); the first page holds
 * the registers below. Neither side trusts the other: each keeps its own copy of the index it owns
 * and bounds the other's.
 */
#ifndef CARILLON_DEVICE_H
#define CARILLON_DEVICE_H

#include <stdint.h>

#define DEVICE_MAGIC_CHARDEV 0x63686472u /* 'chdr' */
#define DEVICE_MAGIC_TIMER   0x74696d65u /* 'time' */
#define DEVICE_MAGIC_LINE    0x6c696e65u /* 'line' */

/*
 * Character device: two byte windows behind the register page, input then output, each `window`
 * bytes (a power of two), used as rings by free-running 32-bit indices (their difference is what is
 * in flight, at most window).
 *
 * Input line (level): asserted while in_prod != in_cons, and after the end of input until the guest
 * sets in_eof_seen. Output line (level): asserted while at least half the window is free; once
 * out_eof is set, only when all has left. The guest takes its time: it leaves the line without an
 * eoi (or its port masked) while it has nothing to write; the eoi after filling the window is also
 * what makes the device look, there is no other doorbell.
 */
struct chardev_regs {
	uint32_t magic;
	uint32_t version; /* 1 */
	uint32_t window;  /* bytes in each window; a power of two; input window at page 1, output
			     after it */
	uint32_t flags;	  /* CHARDEV_* , written by the device */
	uint8_t pad0[48];

	/* written by the device (cache line of its own) */
	uint32_t in_prod;
	uint32_t out_cons;
	uint8_t pad1[56];

	/* written by the guest */
	uint32_t in_cons;
	uint32_t out_prod;
	uint32_t in_eof_seen; /* 1: the guest has seen the end of input; the line is released */
	uint32_t out_eof;     /* 1: the guest will write no more; the device drains and closes the
				 output */
	uint8_t pad2[48];
};

#define CHARDEV_IN_EOF	    0x1u /* no more input will come: in_prod is final */
#define CHARDEV_OUT_ERROR   0x2u /* the output failed (closed pipe): what is written is dropped */
#define CHARDEV_OUT_DRAINED 0x4u /* after out_eof: everything has left */

/* Timer: an edge line that the device pulses; count tells how often. */
struct timer_regs {
	uint32_t magic;
	uint32_t version;
	uint64_t count;	    /* pulses so far (device) */
	uint64_t period_ns; /* (device) */
};

/* Test line: level: asserted while raised != acked; edge: pulses at each raise. */
struct line_regs {
	uint32_t magic;
	uint32_t version;
	uint32_t level;	 /* 1 level, 0 edge */
	uint32_t raised; /* device */
	uint32_t acked;	 /* guest: the raised count it has seen */
};

#endif
