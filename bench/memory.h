/* SPDX-License-Identifier: MIT */
/*
 * Memory as both halves ask their embedder for it, for the machines that benchmarks make. A frame's
 * number is its address's. The types are those of the halves' tables of callbacks.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

/* Zeroed; whole pages are aligned to one, all else to a cache line. NULL: there is none. */
void *memory_alloc(void *ctx, size_t size);
void memory_free(void *ctx, void *p, size_t size);

/* A guest's, zeroed: in large pages if Linux lets, as a kernel has its own, epoll's too. */
struct memory_ram {
	uint8_t *at; /* NULL: there is none */
	size_t size, taken;
};

struct memory_ram memory_ram(size_t size);
void memory_ram_free(struct memory_ram *ram);
/*
 * From it, as memory_alloc, one after the other: what belongs together lies together, as in a
 * kernel. Given back with the whole.
 */
void *memory_ram_take(struct memory_ram *ram, size_t size);

uint64_t memory_frame_of(void *ctx, const void *p);

#endif
