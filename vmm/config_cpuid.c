/* SPDX-License-Identifier: MIT */
/* The list `cpuid` of a domain: changes of what CPUID answers it. */
#include "config_keys.h"

static const char *const registers[] = { "eax", "ebx", "ecx", "edx", NULL };

static const struct config_key keys[] = {
	CONFIG_KEY(cpuid_change, leaf, KEY_UINT, .max = UINT32_MAX, .required = true),
	CONFIG_KEY(cpuid_change, subleaf, KEY_UINT, .max = UINT32_MAX),
	CONFIG_KEY(cpuid_change, reg, KEY_CHOICE, .choices = registers, .required = true),
	CONFIG_KEY(cpuid_change, clear, KEY_UINT, .max = UINT32_MAX),
	CONFIG_KEY(cpuid_change, set, KEY_UINT, .max = UINT32_MAX),
	{ 0 },
};

static int read_change(struct config *cfg, const config_setting_t *group, void *element)
{
	struct cpuid_change *c = element;

	c->subleaf = CPUID_EVERY_SUBLEAF;
	if (config_read_group(cfg, group, keys, c))
		return -1;
	if (c->clear & c->set)
		return config_error(cfg, group, "clear and set have bits 0x%llx both; choose one",
				    (unsigned long long)(c->clear & c->set));
	return 0;
}

int config_read_cpuid(struct config *cfg, struct config_domain *d)
{
	return config_read_list(cfg, d->cpuid, "a change of CPUID", sizeof(*d->cpuid_changes),
				&d->cpuid_changes, &d->nr_cpuid_changes, read_change);
}
