/* SPDX-License-Identifier: MIT */
/*
 * The machine file: its keys and what must hold between them (names, owners of lines, images that
 * exist). How a key is read and how errors find their line is in config_keys.c, the devices' own
 * keys are in device_*.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_keys.h"
#include "device.h"
#include "message.h"

struct top {
	unsigned on_crash;
	uint64_t eoi_timeout_ms;
	const char *foreground;
	bool port_counters;
	const config_setting_t *domains, *devices, *shared_memory, *event_channels;
};

static const char *const on_crash_choices[] = { "end", "continue", NULL };

static const struct config_key top_keys[] = {
	CONFIG_KEY(top, on_crash, KEY_CHOICE, .choices = on_crash_choices),
	CONFIG_KEY(top, eoi_timeout_ms, KEY_UINT, .max = 3600000),
	CONFIG_KEY(top, foreground, KEY_NAME),
	CONFIG_KEY(top, port_counters, KEY_BOOL),
	CONFIG_KEY(top, domains, KEY_CUSTOM, .required = true),
	CONFIG_KEY(top, devices, KEY_CUSTOM),
	CONFIG_KEY(top, shared_memory, KEY_CUSTOM),
	CONFIG_KEY(top, event_channels, KEY_CUSTOM),
	{ 0 },
};

static const struct config_key domain_keys[] = {
	CONFIG_KEY(config_domain, name, KEY_NAME, .required = true),
	CONFIG_KEY(config_domain, image, KEY_STRING, .required = true),
	CONFIG_KEY(config_domain, memory, KEY_UINT, .min = 4, .max = 16384),
	CONFIG_KEY(config_domain, vcpus, KEY_UINT, .min = 1, .max = HV_MAX_VCPUS),
	CONFIG_KEY(config_domain, module, KEY_STRING),
	CONFIG_KEY(config_domain, cmdline, KEY_STRING),
	CONFIG_KEY(config_domain, privileged, KEY_BOOL),
	CONFIG_KEY(config_domain, max_event_channels, KEY_UINT, .min = 1, .max = 131071),
	CONFIG_KEY(config_domain, pirqs, KEY_CUSTOM),
	CONFIG_KEY(config_domain, cpuid, KEY_CUSTOM),
	{ 0 },
};

static const struct config_key shared_keys[] = {
	CONFIG_KEY(config_shared, name, KEY_NAME, .required = true),
	CONFIG_KEY(config_shared, pages, KEY_UINT, .required = true, .min = 1, .max = 65536),
	CONFIG_KEY(config_shared, domains, KEY_CUSTOM, .required = true),
	CONFIG_KEY(config_shared, access, KEY_CUSTOM),
	{ 0 },
};

static const struct config_key channel_keys[] = {
	CONFIG_KEY(config_channel, name, KEY_NAME, .required = true),
	CONFIG_KEY(config_channel, domains, KEY_CUSTOM, .required = true),
	{ .name = "ports",
	  .kind = KEY_CUSTOM,
	  .offset = offsetof(struct config_channel, port_list) },
	{ 0 },
};

/* ---- names ----------------------------------------------------------------------------------- */

/* The setting to blame: the key if it is there, else the group. */
static const config_setting_t *member(const config_setting_t *group, const char *key)
{
	const config_setting_t *s = config_setting_get_member(group, key);

	return s ? s : group;
}

static int duplicate(const struct config *cfg, const config_setting_t *group, const char *what,
		     const char *name, const config_setting_t *other)
{
	return config_error(cfg, member(group, "name"),
			    "another %s is named \"%s\" (line %u); give each its own name", what,
			    name, config_setting_source_line(other));
}

static int find_domain(const struct config *cfg, const config_setting_t *where, const char *name,
		       unsigned *index)
{
	unsigned i;

	for (i = 0; i < cfg->nr_domains; i++) {
		if (!strcmp(cfg->domains[i].name, name)) {
			*index = i;
			return 0;
		}
	}
	return config_error(cfg, where, "no domain is named \"%s\"; use a name from domains", name);
}

/* A list of domains' names: min to max of them. */
static int read_owners(const struct config *cfg, const config_setting_t *s, unsigned min,
		       unsigned max, bool distinct, unsigned *owners, unsigned *count)
{
	int type = config_setting_type(s);
	unsigned i, j, n;

	if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
		return config_error(cfg, s, "domains is no list; write ( \"name\", ... )");
	n = (unsigned)config_setting_length(s);
	if (n < min || n > max)
		return config_error(cfg, s, "%u domains here; name %s%u", n,
				    min == max ? "exactly "
				    : n < min  ? "at least "
					       : "at most ",
				    n < min ? min : max);
	for (i = 0; i < n; i++) {
		const config_setting_t *elem = config_setting_get_elem(s, i);
		const char *name = config_setting_get_string(elem);

		if (!name)
			return config_error(cfg, s,
					    "domains has something else than strings; "
					    "write ( \"name\", ... )");
		if (find_domain(cfg, s, name, &owners[i]))
			return -1;
		for (j = 0; distinct && j < i; j++)
			if (owners[j] == owners[i])
				return config_error(cfg, s, "\"%s\" is here twice; name it once",
						    name);
	}
	*count = n;
	return 0;
}

/* ---- domains --------------------------------------------------------------------------------- */

static bool readable(char *path)
{
	return path && access(path, F_OK) == 0;
}

/* Where the program's own images are: beside it, or beside its directory in the build tree. */
static char *image_beside_program(const char *name, const char *up, const char *suffix)
{
	char exe[4096], *path, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return NULL;
	if (asprintf(&path, "%.*s%s/images/%s%s", (int)(slash - exe), exe, up, name, suffix) < 0)
		return NULL;
	return path;
}

static char *beside_file(const struct config *cfg, const char *name, const char *suffix)
{
	const char *slash = strrchr(cfg->path, '/');
	int dir = slash && name[0] != '/' ? (int)(slash - cfg->path + 1) : 0;
	char *path;

	if (asprintf(&path, "%.*s%s%s", dir, cfg->path, name, suffix) < 0)
		return NULL;
	return path;
}

static int resolve_image(const struct config *cfg, struct config_domain *d)
{
	bool has_slash = strchr(d->image, '/');
	unsigned i;

	for (i = 0; i < (has_slash ? 1 : 6); i++) {
		const char *suffix = i & 1 ? ".elf" : "";

		d->image_path = i < 2 ? beside_file(cfg, d->image, suffix)
				      : image_beside_program(d->image, i < 4 ? "" : "/..", suffix);
		if (readable(d->image_path))
			return 0;
		free(d->image_path);
		d->image_path = NULL;
	}
	if (has_slash)
		return config_error(cfg, member(d->setting, "image"),
				    "domain \"%s\": there is no image \"%s\"; paths are relative "
				    "to the machine file",
				    d->name, d->image);
	return config_error(cfg, member(d->setting, "image"),
			    "domain \"%s\": there is no image \"%s\" beside the machine file or "
			    "in images/ beside the program; build it or write a path",
			    d->name, d->image);
}

static int resolve_module(const struct config *cfg, struct config_domain *d)
{
	if (!d->module)
		return 0;
	d->module_path = beside_file(cfg, d->module, "");
	if (readable(d->module_path))
		return 0;
	return config_error(cfg, member(d->setting, "module"),
			    "domain \"%s\": there is no file \"%s\" for its module; paths are "
			    "relative to the machine file",
			    d->name, d->module);
}

static int read_domain(struct config *cfg, const config_setting_t *group, void *element)
{
	struct config_domain *d = element, *other;

	*d = (struct config_domain){ .cmdline = "", .memory = 16, .vcpus = 1, .setting = group };
	if (config_read_group(cfg, group, domain_keys, d))
		return -1;
	for (other = cfg->domains; other != d; other++)
		if (!strcmp(other->name, d->name))
			return duplicate(cfg, group, "domain", d->name, other->setting);
	if (strlen(d->cmdline) >= MAX_GUEST_CMDLINE)
		return config_error(cfg, member(group, "cmdline"),
				    "cmdline has %zu bytes; leave at most %u", strlen(d->cmdline),
				    MAX_GUEST_CMDLINE - 1);
	if (config_read_cpuid(cfg, d) || resolve_image(cfg, d))
		return -1;
	return resolve_module(cfg, d);
}

/* ---- devices and their lines ----------------------------------------------------------------- */

static struct config_device *line_user(const struct config *cfg, uint64_t line)
{
	unsigned i, j;

	for (i = 0; i < cfg->nr_devices; i++)
		for (j = 0; j < cfg->devices[i].type->nr_lines; j++)
			if (cfg->devices[i].lines[j] == line)
				return &cfg->devices[i];
	return NULL;
}

static int check_lines(const struct config *cfg, const struct config_device *dev)
{
	unsigned i;

	for (i = 0; i < dev->type->nr_lines; i++) {
		/* Among those before it: it is not counted yet. */
		const struct config_device *user = line_user(cfg, dev->lines[i]);

		if (user)
			return config_error(cfg, dev->setting,
					    "device \"%s\": line %u is device \"%s\"'s (line %u of "
					    "the file); give each device its own",
					    dev->name, (unsigned)dev->lines[i], user->name,
					    config_setting_source_line(user->setting));
		if (i && dev->lines[0] == dev->lines[1])
			return config_error(cfg, dev->setting,
					    "device \"%s\" uses line %u twice; give it two lines",
					    dev->name, (unsigned)dev->lines[0]);
	}
	return 0;
}

static int read_device_owners(const struct config *cfg, struct config_device *dev)
{
	if (!dev->domain == !dev->domains)
		return config_error(cfg, dev->setting,
				    "device \"%s\" needs an owner; add domain = \"...\";%s",
				    dev->name, dev->domain ? " or domains, not both" : "");
	if (dev->domain) {
		dev->nr_owners = 1;
		return find_domain(cfg, member(dev->setting, "domain"), dev->domain,
				   &dev->owners[0]);
	}
	if (read_owners(cfg, dev->domains, 1, CONFIG_MAX_OWNERS, true, dev->owners,
			&dev->nr_owners))
		return -1;
	if (dev->nr_owners > 1 && !dev->shared)
		return config_error(cfg, dev->domains,
				    "line %u has two owners, \"%s\" and \"%s\", but cannot be "
				    "shared; add shared = true; or leave one",
				    (unsigned)dev->lines[0], cfg->domains[dev->owners[0]].name,
				    cfg->domains[dev->owners[1]].name);
	return 0;
}

static int unknown_device(const struct config *cfg, const config_setting_t *where, const char *name)
{
	char list[256] = "";
	unsigned i;

	for (i = 0; device_types[i]; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"",
			 i ? ", " : "", device_types[i]->name);
	return config_error(cfg, where, "there is no device type \"%s\"; the types are %s", name,
			    list);
}

static int read_device(struct config *cfg, const config_setting_t *group, void *element)
{
	struct config_device *dev = element, *other;
	const config_setting_t *type = config_setting_get_member(group, "type");
	const char *type_name = type ? config_setting_get_string(type) : NULL, *why = NULL;
	unsigned i;

	if (!type_name)
		return config_error(cfg, type ? type : group,
				    "a device without a type; add type = \"...\";");
	for (i = 0; device_types[i] && strcmp(device_types[i]->name, type_name) != 0; i++)
		;
	if (!device_types[i])
		return unknown_device(cfg, type, type_name);
	*dev = (struct config_device){ .type = device_types[i], .setting = group };
	if (dev->type->defaults)
		dev->type->defaults(dev);
	if (config_read_group(cfg, group, dev->type->keys, dev))
		return -1;
	for (other = cfg->devices; other != dev; other++)
		if (!strcmp(other->name, dev->name))
			return duplicate(cfg, group, "device", dev->name, other->setting);
	if (dev->type->check && (why = dev->type->check(dev)))
		return config_error(cfg, group, "device \"%s\": %s", dev->name, why);
	return check_lines(cfg, dev) ?: read_device_owners(cfg, dev);
}

/* A domain's pirqs: lines of devices that belong to another domain. */
static int add_pirq(const struct config *cfg, unsigned domain, const config_setting_t *where,
		    uint64_t line)
{
	struct config_device *dev = line_user(cfg, line);
	unsigned i;

	if (!dev)
		return config_error(cfg, where, "no device has line %llu; use a device's line",
				    (unsigned long long)line);
	for (i = 0; i < dev->nr_owners; i++)
		if (dev->owners[i] == domain)
			return 0;
	if (!dev->shared)
		return config_error(
			cfg, where,
			"line %llu has two owners, \"%s\" (by device \"%s\") and \"%s\", "
			"but cannot be shared; leave one, or use a device with "
			"shared = true;",
			(unsigned long long)line, cfg->domains[dev->owners[0]].name, dev->name,
			cfg->domains[domain].name);
	if (dev->nr_owners == CONFIG_MAX_OWNERS)
		return config_error(cfg, where, "line %llu has %u owners already; leave it to them",
				    (unsigned long long)line, CONFIG_MAX_OWNERS);
	dev->owners[dev->nr_owners++] = domain;
	return 0;
}

static int read_pirqs(const struct config *cfg, unsigned domain)
{
	const config_setting_t *s = cfg->domains[domain].pirqs;
	int i, type = s ? config_setting_type(s) : CONFIG_TYPE_LIST;

	if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
		return config_error(cfg, s, "pirqs is no array; write [ 20, 21 ]");
	for (i = 0; s && i < config_setting_length(s); i++) {
		const config_setting_t *elem = config_setting_get_elem(s, (unsigned)i);

		if (config_setting_type(elem) != CONFIG_TYPE_INT)
			return config_error(cfg, s,
					    "pirqs has something else than numbers; "
					    "write lines: [ 20, 21 ]");
		if (add_pirq(cfg, domain, s, (uint64_t)config_setting_get_int(elem)))
			return -1;
	}
	return 0;
}

/* ---- shared memory and channels -------------------------------------------------------------- */

/* -1: it is none. */
static int list_length(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY ? config_setting_length(s)
								     : -1;
}

/* What each of the region's domains may do with it, in the order of `domains`. */
static int read_access(const struct config *cfg, struct config_shared *shared)
{
	const config_setting_t *s = shared->access;
	int n = list_length(s);
	unsigned i;

	if (n < 0 || (unsigned)n != shared->nr_owners)
		return config_error(cfg, s,
				    "access is no list of %u, as domains is; write ( \"rw\", ... )",
				    shared->nr_owners);
	for (i = 0; i < shared->nr_owners; i++) {
		const char *what = config_setting_get_string(config_setting_get_elem(s, i));

		if (!what || (strcmp(what, "rw") != 0 && strcmp(what, "ro") != 0))
			return config_error(cfg, s,
					    "access has something else than \"rw\" and \"ro\"; "
					    "write ( \"rw\", ... )");
		shared->read_only[i] = !strcmp(what, "ro");
	}
	return 0;
}

static int read_shared(struct config *cfg, const config_setting_t *group, void *element)
{
	struct config_shared *shared = element, *other;

	shared->setting = group;
	if (config_read_group(cfg, group, shared_keys, shared))
		return -1;
	for (other = cfg->shared; other != shared; other++)
		if (!strcmp(other->name, shared->name))
			return duplicate(cfg, group, "region", shared->name, other->setting);
	if (read_owners(cfg, shared->domains, 1, CONFIG_MAX_OWNERS, true, shared->owners,
			&shared->nr_owners))
		return -1;
	return shared->access ? read_access(cfg, shared) : 0;
}

/* Has the domain that port already, by a channel before this one or this one's other end? */
static int check_port(const struct config *cfg, const struct config_channel *channel, unsigned end)
{
	const struct config_channel *other;
	unsigned i;

	for (other = cfg->channels; other <= channel; other++) {
		for (i = 0; i < (other == channel ? end : 2); i++)
			if (other->ends[i] == channel->ends[end] &&
			    other->ports[i] == channel->ports[end])
				return config_error(
					cfg, channel->port_list,
					"port %u of \"%s\" is event channel \"%s\"'s "
					"(line %u); give each its own",
					channel->ports[end], cfg->domains[channel->ends[end]].name,
					other->name, config_setting_source_line(other->setting));
	}
	return 0;
}

/* The numbers of a channel's ports, at the ends in the order of `domains`. */
static int read_ports(const struct config *cfg, struct config_channel *channel)
{
	const config_setting_t *s = channel->port_list;
	int n = list_length(s);
	unsigned end;

	if (n != 2)
		return config_error(cfg, s, "ports is no list of two; write ( 10, 20 )");
	for (end = 0; end < 2; end++) {
		const config_setting_t *elem = config_setting_get_elem(s, end);
		int port = config_setting_get_int(elem);

		if (config_setting_type(elem) != CONFIG_TYPE_INT || port < 1 ||
		    (unsigned)port >= EVTCHN_2L_NR_CHANNELS)
			return config_error(cfg, s,
					    "ports has something else than numbers from 1 to %u; "
					    "write ( 10, 20 )",
					    (unsigned)EVTCHN_2L_NR_CHANNELS - 1);
		channel->ports[end] = (uint32_t)port;
		if (check_port(cfg, channel, end))
			return -1;
	}
	return 0;
}

static int read_channel(struct config *cfg, const config_setting_t *group, void *element)
{
	struct config_channel *channel = element, *other;
	unsigned n;

	channel->setting = group;
	if (config_read_group(cfg, group, channel_keys, channel))
		return -1;
	for (other = cfg->channels; other != channel; other++)
		if (!strcmp(other->name, channel->name))
			return duplicate(cfg, group, "event channel", channel->name,
					 other->setting);
	if (read_owners(cfg, channel->domains, 2, 2, false, channel->ends, &n))
		return -1;
	return channel->port_list ? read_ports(cfg, channel) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

#define READ_LIST(cfg, list, what, field, count, read) \
	config_read_list(cfg, list, what, sizeof(*(cfg)->field), &(cfg)->field, &(cfg)->count, read)

static int read_all(struct config *cfg)
{
	const config_setting_t *root = config_root_setting(cfg->file);
	struct top top = { .eoi_timeout_ms = CONFIG_EOI_TIMEOUT_MS };
	unsigned i;

	if (config_read_group(cfg, root, top_keys, &top))
		return -1;
	cfg->on_crash = top.on_crash;
	cfg->eoi_timeout_ms = top.eoi_timeout_ms;
	cfg->port_counters = top.port_counters;
	if (READ_LIST(cfg, top.domains, "a domain", domains, nr_domains, read_domain))
		return -1;
	if (!cfg->nr_domains || cfg->nr_domains > CONFIG_MAX_DOMAINS)
		return config_error(cfg, top.domains, "%u domains; use 1 to %u", cfg->nr_domains,
				    CONFIG_MAX_DOMAINS);
	if (top.foreground &&
	    find_domain(cfg, member(root, "foreground"), top.foreground, &cfg->foreground))
		return -1;
	if (READ_LIST(cfg, top.devices, "a device", devices, nr_devices, read_device) ||
	    READ_LIST(cfg, top.shared_memory, "a region", shared, nr_shared, read_shared) ||
	    READ_LIST(cfg, top.event_channels, "a channel", channels, nr_channels, read_channel))
		return -1;
	for (i = 0; i < cfg->nr_domains; i++)
		if (read_pirqs(cfg, i))
			return -1;
	return 0;
}

int config_load(struct config *cfg, const char *path, const char *const *overrides,
		unsigned nr_overrides)
{
	FILE *f;
	unsigned i;

	*cfg = (struct config){ .path = path };
	f = fopen(path, "re");
	if (!f) {
		message("%s: %m; give the path of a machine file, such as examples/pipe.cfg", path);
		return -1;
	}
	cfg->file = malloc(sizeof(*cfg->file));
	if (!cfg->file) {
		fclose(f);
		return config_error(cfg, NULL, "no memory for it; free some");
	}
	config_init(cfg->file);
	if (!config_read(cfg->file, f)) {
		const char *file = config_error_file(cfg->file);

		message("%s:%d: %s; compare with examples/pipe.cfg", file ? file : path,
			config_error_line(cfg->file), config_error_text(cfg->file));
		fclose(f);
		return -1;
	}
	fclose(f);
	for (i = 0; i < nr_overrides; i++)
		if (config_override(cfg, overrides[i]))
			return -1;
	return read_all(cfg);
}

void config_free(struct config *cfg)
{
	unsigned i;

	for (i = 0; i < cfg->nr_domains; i++) {
		free(cfg->domains[i].image_path);
		free(cfg->domains[i].cpuid_changes);
		free(cfg->domains[i].module_path);
	}
	free(cfg->domains);
	free(cfg->devices);
	free(cfg->shared);
	free(cfg->channels);
	if (cfg->file) {
		config_destroy(cfg->file);
		free(cfg->file);
	}
}
