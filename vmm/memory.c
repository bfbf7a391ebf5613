/* SPDX-License-Identifier: MIT */
/*
 * memfds for guest memory. Sealed against resizing, so that no truncation by whoever holds the
 * descriptor can make the monitor fault on it. Frame numbers are given by the caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <carillon/hypervisor.h>

#include "memory.h"

int memory_create(struct memory *mem, const char *name, uint64_t mfn, uint64_t pages)
{
	size_t size = pages * HV_PAGE_SIZE;
	int error;

	*mem = (struct memory){ .mfn = mfn, .pages = pages };
	mem->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem->fd < 0)
		return -errno;
	if (ftruncate(mem->fd, (off_t)size) < 0 ||
	    fcntl(mem->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		goto fail;
	mem->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mem->fd, 0);
	if (mem->host == MAP_FAILED)
		goto fail;
	return 0;
fail:
	error = errno;
	close(mem->fd);
	*mem = MEMORY_NONE;
	return -error;
}

void memory_destroy(struct memory *mem)
{
	if (mem->fd < 0)
		return;
	munmap(mem->host, mem->pages * HV_PAGE_SIZE);
	close(mem->fd);
	*mem = MEMORY_NONE;
}
