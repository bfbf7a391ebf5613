/* SPDX-License-Identifier: MIT */
/*
 * Memory that guests can map: a sealed memfd with machine frame numbers, mapped here too. Who may
 * map it is not decided here.
 */
#ifndef CARILLON_VMM_MEMORY_H
#define CARILLON_VMM_MEMORY_H

#include <stdint.h>

struct memory {
	int fd;
	uint64_t mfn; /* the first one's number; they are contiguous in the file and in numbers */
	uint64_t pages;
	uint8_t *host;
};

#define MEMORY_NONE ((struct memory){ .fd = -1 })

/* Zeroed, of a size that nobody can change any more. -errno, nothing printed. */
int memory_create(struct memory *mem, const char *name, uint64_t mfn, uint64_t pages);
void memory_destroy(struct memory *mem);

#endif
