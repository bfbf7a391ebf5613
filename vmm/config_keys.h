/* SPDX-License-Identifier: MIT */
/*
 * Between config*.c only: reading one group by a table of keys, and --set.
 */
#ifndef CARILLON_VMM_CONFIG_KEYS_H
#define CARILLON_VMM_CONFIG_KEYS_H

#include <libconfig.h>

#include "config.h"

/* Fill `out` from the group by its table; absent keys leave what is there. 0 or -1. */
int config_read_group(const struct config *cfg, const config_setting_t *group,
		      const struct config_key *keys, void *out);

/*
 * For the elements of a list, which must be groups (`what` names one in messages): allocates them
 * zeroed, `size` bytes each, stores where in the pointer at `out`, calls read for each and counts
 * it when that returned 0. 0 or -1.
 */
int config_read_list(struct config *cfg, const config_setting_t *list, const char *what,
		     size_t size, void *out, unsigned *count,
		     int (*read)(struct config *cfg, const config_setting_t *group, void *element));

/* config_cpuid.c: the domain's list of that name, if it has one. 0 or -1. */
int config_read_cpuid(struct config *cfg, struct config_domain *d);

/* Apply one PATH=VALUE to the file's settings; text must outlive cfg. 0 or -1. */
int config_override(struct config *cfg, const char *text);

#endif
