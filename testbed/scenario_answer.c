/* SPDX-License-Identifier: MIT */
/*
 * Answers: what an operation gave, as text in the words of the format, and whether it is what the
 * scenario says. Here $names get their numbers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario_private.h"

static struct answer_field *add(struct answer *a, const char *key)
{
	struct answer_field *f = &a->field[a->nr < COUNT(a->field) ? a->nr++ : a->nr - 1];

	*f = (struct answer_field){ .key = key };
	return f;
}

void answer_number(struct answer *a, const char *key, enum answer_format format, uint64_t number)
{
	struct answer_field *f = add(a, key);

	f->format = format;
	f->number = number;
}

void answer_word(struct answer *a, const char *key, const char *word)
{
	struct answer_field *f = add(a, key);

	f->format = AS_WORD;
	f->word = word;
}

bool answer_has_rc(const struct answer *a, long *rc)
{
	for (unsigned i = 0; i < a->nr; i++) {
		if (a->field[i].format != AS_RC)
			continue;
		*rc = (long)a->field[i].number;
		return true;
	}
	return false;
}

static const char *name_of(const struct answer_field *f)
{
	switch (f->format) {
	case AS_DOMID:
		return domid_name(f->number);
	case AS_VIRQ:
		return virq_name(f->number);
	case AS_STATE:
		return state_name(f->number);
	case AS_WORD:
		return f->word;
	default:
		return NULL;
	}
}

static void field_text(const struct answer_field *f, char *text, size_t room)
{
	const char *name = name_of(f);
	long rc = (long)f->number;

	if (name)
		snprintf(text, room, "%s", name);
	else if (f->format == AS_HEX)
		snprintf(text, room, "0x%" PRIx64, f->number);
	else if (f->format == AS_RC && rc < 0 && errno_name(-rc))
		snprintf(text, room, "-%s", errno_name(-rc));
	else if (f->format == AS_RC)
		snprintf(text, room, "%ld", rc);
	else
		snprintf(text, room, "%" PRIu64, f->number);
}

/* Append, as far as there is room. */
static void append(char *text, size_t room, const char *key, const char *value)
{
	size_t n = strlen(text);

	snprintf(text + n, room - n, "%s%s%s%s", n ? " " : "", key ? key : "", key ? "=" : "",
		 value);
}

void answer_text(const struct answer *a, char *text, size_t room)
{
	char value[64];

	text[0] = 0;
	for (unsigned i = 0; i < a->nr; i++) {
		field_text(&a->field[i], value, sizeof(value));
		append(text, room, a->field[i].key, value);
	}
}

/* ---- comparing ---- */

static const struct answer_field *find(const struct answer *a, const struct token *t)
{
	for (unsigned i = 0; i < a->nr; i++) {
		const struct answer_field *f = &a->field[i];

		if (t->key ? f->key && !strcmp(f->key, t->key)
			   : !f->key && !strcmp(f->word, t->values->word))
			return f;
	}
	return NULL;
}

static bool word_agrees(const struct answer_field *f, const char *word)
{
	const char *name = name_of(f);
	uint64_t number;

	if (name && !strcmp(name, word))
		return true;
	return f->format != AS_WORD && f->format != AS_RC && symbol_number(word, &number) &&
	       number == f->number;
}

/* A name seen for the first time is bound, and so agrees. */
static bool agrees(struct replay *r, const struct answer_field *f, const struct value *v)
{
	if (v->kind == VALUE_WORD)
		return word_agrees(f, v->word);
	if (f->format == AS_WORD)
		return false;
	if (v->kind == VALUE_NUMBER)
		return f->number == v->number;
	if (!r->bound[v->index] && v->number == 0) {
		r->bound[v->index] = true;
		r->value[v->index] = f->number;
	}
	return r->bound[v->index] && r->value[v->index] + v->number == f->number;
}

/* "port is 3, not $a (2)" */
static void say_difference(const struct replay *r, const struct token *t,
			   const struct answer_field *f, char *text, size_t room)
{
	const struct value *v = t->values;
	const char *word = t->key ? t->key : v->word;
	char is[64];

	if (!f) {
		snprintf(text, room, "%s is missing", word);
		return;
	}
	field_text(f, is, sizeof(is));
	if (v->kind != VALUE_NAME)
		snprintf(text, room, "%s is %s", word, is);
	else if (r->bound[v->index])
		snprintf(text, room, "%s is %s, %s is %" PRIu64, word, is, v->word,
			 r->value[v->index] + v->number);
	else
		snprintf(text, room, "%s is %s, %s has no value", word, is, v->word);
}

static bool expects(const struct action *a, const struct answer_field *f)
{
	for (unsigned i = 0; i < a->nr_expected; i++) {
		const struct token *t = &a->expected[i];

		if (t->key ? f->key && !strcmp(t->key, f->key)
			   : !f->key && !strcmp(t->values->word, f->word))
			return true;
	}
	return false;
}

const char *answer_compare(struct replay *r, const struct action *a, const struct answer *got,
			   char *text, size_t room)
{
	const char *differs = NULL;

	/* All of them, also after a difference: names are bound as far as there are numbers. */
	for (unsigned i = 0; i < a->nr_expected; i++) {
		const struct token *t = &a->expected[i];
		const struct answer_field *f = find(got, t);

		if (f && (!t->key || agrees(r, f, t->values)))
			continue;
		if (!differs)
			say_difference(r, t, f, text, room);
		differs = text;
	}
	for (unsigned i = 0; i < got->nr && !differs; i++) {
		const struct answer_field *f = &got->field[i];

		if (expects(a, f))
			continue;
		snprintf(text, room, "%s is not expected", f->key ? f->key : f->word);
		differs = text;
	}
	return differs;
}
