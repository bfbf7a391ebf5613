/* SPDX-License-Identifier: MIT */
/*
 * Strict reading of libconfig groups by tables: types, ranges, unknown and missing keys, and where
 * each was written. What the keys mean together is in config.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "message.h"

int config_error(const struct config *cfg, const config_setting_t *where, const char *fmt, ...)
{
	const char *override = where ? config_setting_get_hook(where) : NULL;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (override)
		message("--set %s: %s", override, text);
	else if (where && config_setting_source_line(where))
		message("%s:%u: %s",
			config_setting_source_file(where) ? config_setting_source_file(where)
							  : cfg->path,
			config_setting_source_line(where), text);
	else
		message("%s: %s", cfg->path, text);
	return -1;
}

static const char *type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
		return "an array";
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

static int wrong_type(const struct config *cfg, const config_setting_t *s, const char *wanted)
{
	return config_error(cfg, s, "%s is %s; write %s", config_setting_name(s), type_name(s),
			    wanted);
}

static int read_string(const struct config *cfg, const config_setting_t *s, const char **out)
{
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong_type(cfg, s, "a string in double quotes");
	*out = config_setting_get_string(s);
	return 0;
}

/* Names stand in guests' command lines between commas and in front of console lines. */
static int read_name(const struct config *cfg, const config_setting_t *s, const char **out)
{
	const char *p;

	if (read_string(cfg, s, out))
		return -1;
	for (p = *out; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			break;
	if (*p || p == *out || p - *out > (long)CONFIG_NAME_MAX)
		return config_error(cfg, s,
				    "\"%s\" is no name; use 1 to %u letters, digits, '-', '_', '.'",
				    *out, CONFIG_NAME_MAX);
	return 0;
}

static int read_uint(const struct config *cfg, const config_setting_t *s,
		     const struct config_key *key, uint64_t *out)
{
	int type = config_setting_type(s);
	long long value;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return wrong_type(cfg, s, "a whole number");
	value = type == CONFIG_TYPE_INT ? config_setting_get_int(s) : config_setting_get_int64(s);
	if (value < 0 || (uint64_t)value < key->min || (uint64_t)value > key->max)
		return config_error(cfg, s, "%s = %lld is out of range; use %llu to %llu",
				    key->name, value, (unsigned long long)key->min,
				    (unsigned long long)key->max);
	*out = (uint64_t)value;
	return 0;
}

static int read_choice(const struct config *cfg, const config_setting_t *s,
		       const struct config_key *key, unsigned *out)
{
	char list[256] = "";
	const char *value = "";
	unsigned i;

	if (read_string(cfg, s, &value))
		return -1;
	for (i = 0; key->choices[i]; i++) {
		if (!strcmp(value, key->choices[i])) {
			*out = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"",
			 i ? " or " : "", key->choices[i]);
	}
	return config_error(cfg, s, "%s = \"%s\" is unknown; use %s", key->name, value, list);
}

static int read_key(const struct config *cfg, const config_setting_t *s,
		    const struct config_key *key, void *out)
{
	void *field = (char *)out + key->offset;

	switch (key->kind) {
	case KEY_STRING:
		return read_string(cfg, s, field);
	case KEY_NAME:
		return read_name(cfg, s, field);
	case KEY_UINT:
		return read_uint(cfg, s, key, field);
	case KEY_BOOL:
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			return wrong_type(cfg, s, "true or false");
		*(bool *)field = config_setting_get_bool(s);
		return 0;
	case KEY_CHOICE:
		return read_choice(cfg, s, key, field);
	case KEY_CUSTOM:
		*(const config_setting_t **)field = s;
		return 0;
	}
	return -1;
}

static int unknown_key(const struct config *cfg, const config_setting_t *s,
		       const struct config_key *keys)
{
	char list[512] = "";

	for (; keys->name; keys++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 *list ? ", " : "", keys->name);
	return config_error(cfg, s, "unknown key \"%s\"; the keys here are %s",
			    config_setting_name(s), list);
}

int config_read_group(const struct config *cfg, const config_setting_t *group,
		      const struct config_key *keys, void *out)
{
	int i, count = config_setting_length(group);
	const struct config_key *key;

	for (i = 0; i < count; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		for (key = keys; key->name; key++)
			if (!strcmp(key->name, config_setting_name(s)))
				break;
		if (!key->name)
			return unknown_key(cfg, s, keys);
		if (read_key(cfg, s, key, out))
			return -1;
	}
	for (key = keys; key->name; key++)
		if (key->required && !config_setting_get_member(group, key->name))
			return config_error(cfg, group, "\"%s\" is missing here; add %s = ...;",
					    key->name, key->name);
	return 0;
}

int config_read_list(struct config *cfg, const config_setting_t *list, const char *what,
		     size_t size, void *out, unsigned *count,
		     int (*read)(struct config *cfg, const config_setting_t *group, void *element))
{
	char *elements;
	unsigned i, n;

	if (!list)
		return 0;
	if (config_setting_type(list) != CONFIG_TYPE_LIST)
		return wrong_type(cfg, list, "a list of groups: ( { ... }, { ... } )");
	n = (unsigned)config_setting_length(list);
	elements = calloc(n ? n : 1, size);
	if (!elements)
		return config_error(cfg, list, "no memory for it; free some");
	memcpy(out, &elements, sizeof(elements));
	for (i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(list, i);

		if (config_setting_type(s) != CONFIG_TYPE_GROUP)
			return config_error(cfg, s, "%s is %s; write a group { key = value; ... }",
					    what, type_name(s));
		if (read(cfg, s, elements + i * size))
			return -1;
		*count = i + 1; /* so read finds those before it, and errors leave what was read */
	}
	return 0;
}

/* ---- overrides ------------------------------------------------------------------------------- */

/* The setting's parent and its last name: "domains.[0].cmdline" is "cmdline" in "domains.[0]". */
static config_setting_t *add_setting(struct config *cfg, char *path, int type)
{
	char *dot = strrchr(path, '.');
	config_setting_t *parent = config_root_setting(cfg->file);

	if (dot) {
		*dot = '\0';
		parent = config_lookup(cfg->file, path);
		*dot = '.';
	}
	if (!parent || config_setting_type(parent) != CONFIG_TYPE_GROUP)
		return NULL;
	return config_setting_add(parent, dot ? dot + 1 : path, type);
}

static int guess_type(const char *value, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(value, &end, 0);
	if (*value && !*end && !errno)
		return CONFIG_TYPE_INT64;
	if (!strcmp(value, "true") || !strcmp(value, "false"))
		return CONFIG_TYPE_BOOL;
	return CONFIG_TYPE_STRING;
}

static int set_value(config_setting_t *s, const char *value, int guessed, long long number)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		return config_setting_set_string(s, value);
	case CONFIG_TYPE_BOOL:
		return guessed == CONFIG_TYPE_BOOL &&
		       config_setting_set_bool(s, !strcmp(value, "true"));
	case CONFIG_TYPE_INT:
		return guessed == CONFIG_TYPE_INT64 && number >= INT32_MIN && number <= INT32_MAX &&
		       config_setting_set_int(s, (int)number);
	case CONFIG_TYPE_INT64:
		return guessed == CONFIG_TYPE_INT64 && config_setting_set_int64(s, number);
	default:
		return 0;
	}
}

int config_override(struct config *cfg, const char *text)
{
	char *path = strdup(text);
	char *value = path ? strchr(path, '=') : NULL;
	config_setting_t *s;
	long long number;
	int type, ok = 0;

	if (!value || value == path) {
		message("--set %s: no PATH=VALUE; write for example domains.[0].memory=32", text);
		free(path);
		return -1;
	}
	*value++ = '\0';
	type = guess_type(value, &number);
	s = config_lookup(cfg->file, path);
	if (!s)
		s = add_setting(cfg, path, type);
	if (!s)
		message("--set %s: %s has no place for it; use a path like domains.[0].cmdline",
			text, cfg->path);
	else if (!(ok = set_value(s, value, type, number)))
		message("--set %s: the setting there is %s; give it such a value", text,
			type_name(s));
	else
		config_setting_set_hook(s, (void *)text);
	free(path);
	return ok ? 0 : -1;
}
