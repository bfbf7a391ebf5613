/* SPDX-License-Identifier: MIT */
/* Memory for the machines that benchmarks make: memory.h. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

void *memory_alloc(void *ctx, size_t size)
{
	size_t line = size % PAGE ? 64 : PAGE;
	void *p = aligned_alloc(line, (size + line - 1) / line * line);

	(void)ctx;
	return p ? memset(p, 0, size) : NULL;
}

void memory_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

void *memory_ram(size_t size)
{
	uint8_t *p = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before = -(uintptr_t)p % LARGE_PAGE;

	if (p == MAP_FAILED)
		return NULL;
	if (before)
		munmap(p, before);
	munmap(p + before + size, LARGE_PAGE - before);
	(void)madvise(p + before, size, MADV_HUGEPAGE);
	return p + before;
}

void memory_ram_free(void *p, size_t size)
{
	munmap(p, size);
}

uint64_t memory_frame_of(void *ctx, const void *p)
{
	(void)ctx;
	return (uintptr_t)p / PAGE;
}
