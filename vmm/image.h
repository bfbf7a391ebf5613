/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel's ELF file, checked: what the builder needs of it and no more. Nothing is loaded
 * here.
 */
#ifndef CARILLON_VMM_IMAGE_H
#define CARILLON_VMM_IMAGE_H

#include <stdint.h>

#define IMAGE_MAX_SEGMENTS 32u

struct image_segment {
	uint64_t va; /* where the builder puts it */
	uint64_t file_offset;
	uint64_t file_size;
	uint64_t mem_size;
	unsigned flags; /* PF_* */
};

struct image {
	const char *path;
	int fd;
	uint64_t virt_base; /* address of guest frame 0 */
	uint64_t entry;
	uint64_t hypercall_page; /* 0: none asked for */
	uint64_t end;		 /* first address after the segments */
	struct image_segment segments[IMAGE_MAX_SEGMENTS];
	unsigned nr_segments;
};

#define IMAGE_NONE ((struct image){ .fd = -1 })

/* 0, or -1 after one line on stderr that names the file, what is wrong and what to do. */
int image_open(struct image *img, const char *path);
void image_close(struct image *img);

#endif
