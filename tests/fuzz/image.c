/* SPDX-License-Identifier: MIT */
/*
 * fuzz-image: any bytes as a guest kernel's ELF file. One that is taken is then laid out and
 * written into a domain's memory as `carillon run` would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder.h"
#include "image.h"
#include "input.h"
#include "memory.h"

#define PAGES 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image img = IMAGE_NONE;
	struct memory ram;
	struct build b = { .image = &img, .ram = &ram, .cmdline = "fuzz" };
	struct vcpu_guest_context *ctx;
	char path[64];
	int fd = memfd_create("image", 0);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size, "the host");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (image_open(&img, path) == 0) {
		b.layout.nr_pages = PAGES;
		if (builder_layout(&b) == 0) {
			MUST(memory_create(&ram, "fuzz", 0x1000, PAGES) == 0, "the host");
			ctx = calloc(1, sizeof(*ctx));
			builder_write(&b);
			builder_context(&b, ctx);
			free(ctx);
			memory_destroy(&ram);
		}
	}
	image_close(&img);
	close(fd);
	return 0;
}
