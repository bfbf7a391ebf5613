/* SPDX-License-Identifier: MIT */
/*
 * A machine file as plain, checked structures. Everything is as the file says or its default;
 * nothing is open, allocated or started yet, except that images' paths have been resolved.
 */
#ifndef CARILLON_VMM_CONFIG_H
#define CARILLON_VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <carillon/hypervisor.h>

#include "cpuid_policy.h"

#define CONFIG_MAX_DOMAINS 64u
#define CONFIG_MAX_OWNERS  8u /* domains that share a device's line, or a region */
#define CONFIG_NAME_MAX	   31u

/*
 * How long a level waits for eois. Far longer than Xen's 1 ms: a vCPU is a thread of the host,
 * which may not run for a while.
 */
#define CONFIG_EOI_TIMEOUT_MS 1000u

struct config_setting_t;
struct config_t;
struct device_type;

/* One key of a group: what it may be, and where its value goes. Tables end with a NULL name. */
struct config_key {
	const char *name;
	size_t offset;		    /* of the member that takes its value */
	uint64_t min, max;	    /* KEY_UINT */
	const char *const *choices; /* KEY_CHOICE: ends with NULL */
	enum {
		KEY_STRING, /* const char * */
		KEY_NAME,   /* const char * */
		KEY_UINT,   /* uint64_t */
		KEY_BOOL,   /* bool */
		KEY_CHOICE, /* unsigned: the index of the choice */
		KEY_CUSTOM, /* const struct config_setting_t *, read by who has the table */
	} kind;
	bool required;
};

#define CONFIG_KEY(type, field, key_kind, ...)                                            \
	{                                                                                 \
		.name = #field, .kind = key_kind, .offset = offsetof(struct type, field), \
		__VA_ARGS__                                                               \
	}

struct config_domain {
	const char *name;
	const char *image;  /* as written */
	char *image_path;   /* resolved */
	const char *module; /* as written; NULL: none */
	char *module_path;
	const char *cmdline;
	uint64_t memory; /* MiB */
	uint64_t vcpus;
	uint64_t max_event_channels; /* the highest port; 0: as the ABI has */
	bool privileged;
	struct cpuid_change *cpuid_changes;
	unsigned nr_cpuid_changes;
	const struct config_setting_t *setting, *pirqs, *cpuid;
};

/* config_device.check: what the output of a character device is compared with. */
enum {
	CHECK_NONE,
	CHECK_SAME,  /* its input */
	CHECK_ROT13, /* its input, every letter turned by 13 */
};

/* config_device.flow */
enum {
	FLOW_LEVEL,
	FLOW_EDGE,
};

struct config_device {
	const struct device_type *type;
	const char *type_name, *name;
	const char *domain;
	unsigned owners[CONFIG_MAX_OWNERS]; /* domains' indexes; the first is the one it belongs to
					     */
	unsigned nr_owners;
	bool shared; /* its line may have several owners */
	bool focus;  /* only the one in the foreground gets its lines */
	uint64_t lines[2];
	const char *input, *output; /* chardev */
	uint64_t pages;
	unsigned check;
	unsigned flow; /* line */
	uint64_t period_us, count;
	const struct config_setting_t *setting, *domains;
};

struct config_shared {
	const char *name;
	uint64_t pages;
	unsigned owners[CONFIG_MAX_OWNERS];
	bool read_only[CONFIG_MAX_OWNERS]; /* for that owner */
	unsigned nr_owners;
	const struct config_setting_t *setting, *domains, *access;
};

struct config_channel {
	const char *name;
	unsigned ends[2];  /* domains' indexes */
	uint32_t ports[2]; /* their numbers; 0: the lowest that is free, at both */
	const struct config_setting_t *setting, *domains, *port_list;
};

struct config {
	const char *path;
	struct config_t *file;	 /* what the strings point into */
	unsigned on_crash;	 /* 0: ends the machine, 1: the others go on */
	uint64_t eoi_timeout_ms; /* 0: never */
	unsigned foreground;	 /* domain's index */
	bool port_counters;	 /* count each port's events */
	struct config_domain *domains;
	struct config_device *devices;
	struct config_shared *shared;
	struct config_channel *channels;
	unsigned nr_domains, nr_devices, nr_shared, nr_channels;
};

/*
 * Read the file, then apply the overrides ("PATH=VALUE", of --set) in their order; path and
 * overrides must outlive cfg. 0, or -1 after one line on stderr. `cfg` is to be freed either way.
 */
int config_load(struct config *cfg, const char *path, const char *const *overrides,
		unsigned nr_overrides);
void config_free(struct config *cfg);

/* One line on stderr about a setting: where it is written, then the text. Always -1. */
int config_error(const struct config *cfg, const struct config_setting_t *where, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4), nonnull(3)));

#endif
