/* SPDX-License-Identifier: MIT */
/*
 * A scenario file becomes a script: all of it is read and checked before any of it is run. What an
 * operation does with its fields is not known here, only which it takes (scenario_table.c).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario_private.h"

#define MAX_FILE  (16u << 20)
#define MAX_PAGES 900u /* names of pages */

struct block {
	struct block *next;
	max_align_t data[];
};

static void *check(void *p)
{
	if (p)
		return p;
	fputs("scenario: out of memory\n", stderr);
	abort();
}

void *script_alloc(struct script *s, size_t size)
{
	struct block *b = check(calloc(1, sizeof(*b) + size));

	b->next = s->blocks;
	s->blocks = b;
	return b->data;
}

char *script_copy(struct script *s, const char *text, size_t n)
{
	return memcpy(script_alloc(s, n + 1), text, n);
}

void script_free(struct script *s)
{
	while (s->blocks) {
		struct block *next = s->blocks->next;

		free(s->blocks);
		s->blocks = next;
	}
	free(s->actions);
	free(s->names.word);
	free(s->pages.word);
}

int words_find(const struct words *w, const char *word)
{
	for (unsigned i = 0; i < w->nr; i++)
		if (!strcmp(w->word[i], word))
			return (int)i;
	return -1;
}

unsigned script_intern(struct script *s, struct words *w, const char *word)
{
	int known = words_find(w, word);

	if (known >= 0)
		return (unsigned)known;
	w->word = check(realloc(w->word, (w->nr + 1) * sizeof(*w->word)));
	w->word[w->nr] = script_copy(s, word, strlen(word));
	return w->nr++;
}

bool script_wrong(struct script *s, unsigned line, const char *format, ...)
{
	va_list ap;
	int n;

	if (s->error[0])
		return false;
	n = line ? snprintf(s->error, sizeof(s->error), "%s:%u: ", s->path, line)
		 : snprintf(s->error, sizeof(s->error), "%s: ", s->path);
	if (n < 0 || (size_t)n >= sizeof(s->error))
		return false;
	va_start(ap, format);
	vsnprintf(s->error + n, sizeof(s->error) - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

/* ---- one line ---- */

/* The next word of *rest, ended by a NUL; NULL at its end. A comment is its end. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t\r");

	if (!*word || *word == '#')
		return NULL;
	*rest = word + strcspn(word, " \t\r");
	if (**rest)
		*(*rest)++ = 0;
	return word;
}

static struct action *add_action(struct script *s)
{
	if (!(s->nr_actions & (s->nr_actions - 1)))
		s->actions =
			check(realloc(s->actions, (2 * s->nr_actions + 1) * sizeof(*s->actions)));
	s->actions[s->nr_actions] = (struct action){ 0 };
	return &s->actions[s->nr_actions++];
}

static struct token *add_token(struct script *s, struct token **list, unsigned *nr)
{
	struct token *more;

	if (!(*nr & (*nr - 1))) {
		more = script_alloc(s, (2 * *nr + 1) * sizeof(*more));
		if (*nr)
			memcpy(more, *list, *nr * sizeof(*more));
		*list = more;
	}
	return &(*list)[(*nr)++];
}

static bool parse_env(struct script *s, unsigned line, char *rest)
{
	char *word;

	if (s->env_seen)
		return script_wrong(s, line, "a second @env; one file has one set-up");
	for (unsigned i = 0; i + 1 < s->nr_actions; i++)
		if (s->actions[i].op)
			return script_wrong(s, line, "@env after the first action; move it up");
	s->env_seen = true;
	while ((word = next_word(&rest))) {
		uint64_t n;

		if (!strchr(word, '='))
			return script_wrong(s, line, "\"%s\": write @env KEY=VALUE ...", word);
		if (!strncmp(word, "vcpus=", 6)) {
			if (!parse_number(word + 6, &n) || n < 1 || n > HV_MAX_VCPUS)
				return script_wrong(s, line, "%s: 1 to %u are possible", word,
						    HV_MAX_VCPUS);
			s->vcpus = n > s->vcpus ? (unsigned)n : s->vcpus;
		}
		if (!strncmp(word, "bits=", 5)) {
			if (!parse_number(word + 5, &n) || (n != 32 && n != 64))
				return script_wrong(s, line, "%s: 32 and 64 are possible", word);
			s->compat32 = n == 32;
		}
		if (!strncmp(word, "platform=linux", 14))
			s->linux_guest = true;
		else if (!strncmp(word, "platform=", 9) && strcmp(word + 9, "bare") != 0)
			return script_wrong(
				s, line, "%s is not known; bare, linux, linuxfifo and linux2l are",
				word);
	}
	return true;
}

/* d0, v1, d7 */
static bool parse_caller(struct script *s, struct action *a, char *word)
{
	char *end = word + strlen(word) - 1;
	uint64_t n;

	a->background = *end == '&';
	*end = 0;
	if ((word[0] != 'd' && word[0] != 'v') || word[1] == '-' || !parse_number(word + 1, &n) ||
	    n >= DOMID_FIRST_RESERVED)
		return script_wrong(s, a->line,
				    "\"%s\" is no caller; write d0, v1 (vCPU 1 of domain 0) or dN",
				    word);
	if (word[0] == 'd')
		a->domain = (unsigned)n;
	else
		a->vcpu = (unsigned)n;
	return true;
}

static const struct op *find_op(const char *name)
{
	const struct op *op;

	for (op = ops; op->name; op++)
		if (!strcmp(op->name, name))
			return op;
	return NULL;
}

static bool takes(const struct op *op, const char *key)
{
	const char *list = op->fields;
	size_t n = strlen(key);

	for (; *list; list += strspn(list, " ")) {
		size_t len = strcspn(list, " ");

		if (len == n && !memcmp(list, key, n))
			return true;
		list += len;
	}
	return false;
}

static bool parse_fields(struct script *s, struct action *a, char *rest)
{
	char *word;

	while ((word = next_word(&rest))) {
		char *equals = strchr(word, '=');
		struct token *t;

		if (!equals)
			return script_wrong(s, a->line, "\"%s\": write FIELD=VALUE", word);
		*equals = 0;
		if (!takes(a->op, word))
			return script_wrong(s, a->line, "%s has no field \"%s\"; it takes: %s",
					    a->op->name, word, a->op->fields);
		for (unsigned i = 0; i < a->nr_fields; i++)
			if (!strcmp(a->fields[i].key, word))
				return script_wrong(s, a->line, "\"%s\" is given twice", word);
		t = add_token(s, &a->fields, &a->nr_fields);
		t->key = word;
		if (!parse_field(s, a->line, t, equals + 1))
			return false;
	}
	return true;
}

static bool parse_result(struct script *s, struct action *a, char *rest)
{
	char *word;

	while ((word = next_word(&rest))) {
		char *equals = strchr(word, '=');
		struct token *t = add_token(s, &a->expected, &a->nr_expected);

		if (equals) {
			*equals = 0;
			t->key = word;
		}
		if (!parse_expected(s, a->line, t, equals ? equals + 1 : word))
			return false;
	}
	if (!a->nr_expected)
		return script_wrong(s, a->line,
				    "nothing after \"->\"; write the result, as in -> rc=0");
	return true;
}

static bool parse_op(struct script *s, struct action *a, const char *word)
{
	if (!word)
		return script_wrong(s, a->line,
				    "no operation; write [CALLER:] OP FIELD=VALUE ... -> RESULT");
	a->op = find_op(word);
	if (!a->op)
		return script_wrong(s, a->line,
				    "there is no operation \"%s\"; FORMAT.md lists them", word);
	if (!a->op->run && !s->linux_guest)
		return script_wrong(s, a->line, "%s is Linux's; it needs @env platform=linux",
				    word);
	if (a->background && !(a->op->flags & OP_BLOCKS))
		return script_wrong(s, a->line, "%s does not wait; write \":\" in place of \"&\"",
				    word);
	if (a->background && a->repeated)
		return script_wrong(s, a->line,
				    "repeat= of what is left running; write it in lines");
	return true;
}

static bool parse_action(struct script *s, struct action *a, const char *text, const char *arrow)
{
	char *rest = script_copy(s, text, (size_t)(arrow - text));
	char *word = next_word(&rest);
	size_t n = word ? strlen(word) : 0;

	if (n > 1 && (word[n - 1] == ':' || word[n - 1] == '&')) {
		if (!parse_caller(s, a, word))
			return false;
		word = next_word(&rest);
	}
	if (word && !strncmp(word, "repeat=", 7)) {
		a->repeated = true;
		if (!parse_number(word + 7, &a->repeat) || a->repeat < 1 || a->repeat > 1u << 24)
			return script_wrong(s, a->line, "%s: a number from 1 to %u", word,
					    1u << 24);
		word = next_word(&rest);
	}
	return parse_op(s, a, word) && parse_fields(s, a, rest) &&
	       parse_result(s, a, script_copy(s, a->result, strlen(a->result)));
}

/* Without the blanks around it. */
static char *trimmed(struct script *s, const char *from, const char *end)
{
	while (from < end && strchr(" \t\r", *from))
		from++;
	while (end > from && strchr(" \t\r", end[-1]))
		end--;
	return script_copy(s, from, (size_t)(end - from));
}

static bool parse_line(struct script *s, unsigned line, const char *text)
{
	const char *first = text + strspn(text, " \t\r");
	const char *end = text + strlen(text);
	const char *arrow;
	struct action *a = add_action(s);

	a->line = line;
	a->text = trimmed(s, text, end);
	if (!*first || *first == '#')
		return true;
	if (!strncmp(first, "@env", 4) && (!first[4] || strchr(" \t\r", first[4])))
		return parse_env(s, line, script_copy(s, first + 4, strlen(first + 4)));
	if (*first == '@')
		return script_wrong(s, line, "only @env begins with @");
	arrow = strstr(first, "->");
	if (!arrow)
		return script_wrong(s, line, "no result; write OP FIELD=VALUE ... -> RESULT");
	a->text = trimmed(s, text, arrow);
	a->result = trimmed(s, arrow + 2, end);
	return parse_action(s, a, first, arrow);
}

/* ---- the file ---- */

static char *read_file(struct script *s, size_t *size)
{
	FILE *f = fopen(s->path, "r");
	char *text = NULL;
	size_t got;

	if (!f) {
		script_wrong(s, 0, "%s", strerror(errno));
		return NULL;
	}
	text = script_alloc(s, MAX_FILE + 1);
	got = fread(text, 1, MAX_FILE + 1, f);
	if (ferror(f))
		script_wrong(s, 0, "%s", strerror(errno));
	else if (got > MAX_FILE)
		script_wrong(s, 0, "longer than %u MiB; that is no scenario", MAX_FILE >> 20);
	fclose(f);
	*size = got;
	return s->error[0] ? NULL : text;
}

bool script_load(struct script *s, const char *path)
{
	unsigned line = 0;
	char *text, *end, *next;
	size_t size;

	*s = (struct script){ .path = path, .vcpus = 2 };
	text = read_file(s, &size);
	if (!text)
		return false;
	for (end = text + size; text < end; text = next) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		line++;
		if (memchr(text, 0, (size_t)(next - text)))
			return script_wrong(s, line, "a zero byte; that is no text file");
		*next++ = 0;
		if (!parse_line(s, line, text))
			return false;
	}
	if (s->pages.nr > MAX_PAGES)
		return script_wrong(s, 0, "%u page names; at most %u", s->pages.nr, MAX_PAGES);
	return true;
}
