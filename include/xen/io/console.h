/* SPDX-License-Identifier: MIT */
/*
 * The console ring that a domain shares with whoever serves its console: in the frame that
 * start_info.console.domU names, with a port for both sides to notify. Not here: other consoles.
 */
#ifndef CARILLON_XEN_IO_CONSOLE_H
#define CARILLON_XEN_IO_CONSOLE_H

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Counts bytes ever moved, modulo 2^32; never reduced to the ring's size */
typedef uint32_t XENCONS_RING_IDX;

/* Position of a count in a ring (an array whose size is a power of two) */
#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

/* The guest writes out, out_prod and in_cons, the console the rest. Data first, then the count */
struct xencons_interface {
	char in[1024];	/* console to guest */
	char out[2048]; /* guest to console */
	XENCONS_RING_IDX in_cons;
	XENCONS_RING_IDX in_prod;
	XENCONS_RING_IDX out_cons;
	XENCONS_RING_IDX out_prod;
};
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_IO_CONSOLE_H */
