/* SPDX-License-Identifier: MIT */
/*
 * fuzz-machine-file: any text as a machine file, with an override of --set behind a null byte if
 * there is one. Nothing is opened or started; a file that is taken is within what config.h says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "input.h"

static void check(const struct config *cfg)
{
	MUST(cfg->nr_domains >= 1 && cfg->nr_domains <= CONFIG_MAX_DOMAINS,
	     "a file that was taken");
	MUST(cfg->foreground < cfg->nr_domains, "a file that was taken");
	for (unsigned i = 0; i < cfg->nr_domains; i++) {
		const struct config_domain *d = &cfg->domains[i];

		MUST(d->name && strlen(d->name) <= CONFIG_NAME_MAX, "a file that was taken");
		MUST(d->image && d->image_path && d->cmdline, "a file that was taken");
		MUST(d->memory && d->vcpus && d->vcpus <= HV_MAX_VCPUS, "a file that was taken");
	}
	for (unsigned i = 0; i < cfg->nr_devices; i++) {
		const struct config_device *d = &cfg->devices[i];

		MUST(d->type && d->nr_owners >= 1 && d->nr_owners <= CONFIG_MAX_OWNERS,
		     "a file that was taken");
		for (unsigned k = 0; k < d->nr_owners; k++)
			MUST(d->owners[k] < cfg->nr_domains, "a file that was taken");
		MUST(d->lines[0] < HV_MAX_LINES && d->lines[1] < HV_MAX_LINES,
		     "a file that was taken");
	}
	for (unsigned i = 0; i < cfg->nr_shared; i++) {
		MUST(cfg->shared[i].nr_owners <= CONFIG_MAX_OWNERS && cfg->shared[i].pages,
		     "a file that was taken");
		for (unsigned k = 0; k < cfg->shared[i].nr_owners; k++)
			MUST(cfg->shared[i].owners[k] < cfg->nr_domains, "a file that was taken");
	}
	for (unsigned i = 0; i < cfg->nr_channels; i++)
		MUST(cfg->channels[i].ends[0] < cfg->nr_domains &&
			     cfg->channels[i].ends[1] < cfg->nr_domains,
		     "a file that was taken");
}

/* libconfig's scanner keeps a half-read string of a file that ends in the middle of it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t text = zero ? (size_t)(zero - data) : size;
	char *set = zero ? strndup((const char *)zero + 1, size - text - 1) : NULL;
	const char *overrides[] = { set };
	struct config cfg = { 0 };
	char path[64];
	int fd;

	/* It may name other files, and would wait for some. */
	if (size && memmem(data, text, "@include", 8)) {
		free(set);
		return -1;
	}
	fd = memfd_create("machine", 0);
	MUST(fd >= 0 && write(fd, data, text) == (ssize_t)text, "a file that was taken");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(&cfg, path, overrides, set ? 1 : 0) == 0)
		check(&cfg);
	config_free(&cfg);
	free(set);
	close(fd);
	return 0;
}
