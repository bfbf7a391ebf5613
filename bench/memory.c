/* SPDX-License-Identifier: MIT */
/* Memory for the machines that benchmarks make: memory.h. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

static size_t alignment(size_t size)
{
	return size % PAGE ? 64 : PAGE;
}

static size_t rounded(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

void *memory_alloc(void *ctx, size_t size)
{
	size_t line = alignment(size);
	void *p = aligned_alloc(line, rounded(size, line));

	(void)ctx;
	return p ? memset(p, 0, size) : NULL;
}

void memory_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

struct memory_ram memory_ram(size_t size)
{
	uint8_t *p = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before = -(uintptr_t)p % LARGE_PAGE;

	if (p == MAP_FAILED)
		return (struct memory_ram){ 0 };
	if (before)
		munmap(p, before);
	munmap(p + before + size, LARGE_PAGE - before);
	(void)madvise(p + before, size, MADV_HUGEPAGE);
	return (struct memory_ram){ .at = p + before, .size = size };
}

void memory_ram_free(struct memory_ram *ram)
{
	munmap(ram->at, ram->size);
}

void *memory_ram_take(struct memory_ram *ram, size_t size)
{
	size_t at = rounded(ram->taken, alignment(size));

	if (at > ram->size || size > ram->size - at)
		return NULL;
	ram->taken = at + size;
	return ram->at + at;
}

uint64_t memory_frame_of(void *ctx, const void *p)
{
	(void)ctx;
	return (uintptr_t)p / PAGE;
}
