/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: a PV kernel in memory as Xen's toolstack leaves it, and the registers it
 * starts with. It writes guest memory; processes and the hypervisor are the caller's.
 */
#ifndef CARILLON_VMM_BUILDER_H
#define CARILLON_VMM_BUILDER_H

#include <stdint.h>

#include <carillon/hypervisor.h>

#include "image.h"
#include "memory.h"

/*
 * Where things are, in the kernel's addresses, from image->virt_base up:
 * kernel, module, p2m, start_info, page tables, boot stack, slack up to a 4 MiB boundary.
 */
struct layout {
	uint64_t nr_pages; /* the domain's memory */
	uint64_t module;
	uint64_t p2m;
	uint64_t start_info;
	uint64_t page_tables;
	uint64_t nr_page_tables;
	uint64_t stack;
	uint64_t end; /* of what the first page tables map */
};

struct build {
	const struct image *image;
	int module_fd;
	uint64_t module_size;	  /* bytes; 0: there is none */
	const struct memory *ram; /* nr_pages of it are the domain's memory */
	uint64_t shared_info_mfn;
	bool privileged;
	const char *cmdline;
	struct layout layout;
};

/* Needs image, module_size and layout.nr_pages. Returns how many pages are missing, 0 if it fits.
 */
uint64_t builder_layout(struct build *b);

/* Frame number of a page: not the page's number, so that nothing works by accident. */
uint64_t builder_mfn(const struct build *b, uint64_t pfn);

/* Write it all. -errno: the image or the module cannot be read (any more). */
int builder_write(const struct build *b);

/* vCPU 0's first context. */
void builder_context(const struct build *b, struct vcpu_guest_context *ctx);

/* The page-table root's frame. */
uint64_t builder_root(const struct build *b);

#endif
