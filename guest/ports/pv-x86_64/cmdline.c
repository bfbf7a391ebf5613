/* SPDX-License-Identifier: MIT */
/*
 * Reading the command line, which is how a domain learns what it was given: words separated by
 * blanks, a word's fields by commas. What the words mean is the images' business.
 */
#include "internal.h"

const char *pv_cmdline(struct start_info *si)
{
	si->cmd_line[MAX_GUEST_CMDLINE - 1] = 0;
	return (const char *)si->cmd_line;
}

static bool ends_word(char c)
{
	return c == '\0' || c == ' ';
}

const char *pv_word(const char *cmdline, const char *key)
{
	const char *p = cmdline;

	for (;;) {
		size_t n = 0;

		while (*p == ' ')
			p++;
		if (!*p)
			return NULL;
		while (key[n] && p[n] == key[n])
			n++;
		if (!key[n])
			return p + n;
		while (!ends_word(*p))
			p++;
	}
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

bool pv_number(const char **p, uint64_t *out)
{
	const char *s = *p;
	unsigned base = 10;
	uint64_t v = 0;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	if (digit(*s) >= base)
		return false;
	for (; digit(*s) < base; s++)
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit(*s), &v))
			return false;
	if (*s == ',')
		s++;
	else if (!ends_word(*s))
		return false;
	*p = s;
	*out = v;
	return true;
}

bool pv_skip_field(const char **p)
{
	const char *s = *p;

	while (!ends_word(*s) && *s != ',')
		s++;
	if (*s != ',')
		return false;
	*p = s + 1;
	return true;
}
