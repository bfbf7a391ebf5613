/* SPDX-License-Identifier: MIT */
/*
 * The values of scenarios: what may stand to the right of "=", as a field and as a result, and the
 * names that numbers have. What a $name is worth is known only when the script runs
 * (scenario_run.c, scenario_answer.c).
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/vcpu.h>

#include "scenario_private.h"

struct symbol {
	const char *name;
	uint64_t number;
};

#define ERRNO(name, number) { #name, number },
static const struct symbol errnos[] = { XEN_ERRNO_LIST(ERRNO) };

static const struct symbol domids[] = {
	{ "SELF", DOMID_SELF }, { "IO", DOMID_IO },	      { "XEN", DOMID_XEN },
	{ "COW", DOMID_COW },	{ "INVALID", DOMID_INVALID }, { "IDLE", DOMID_IDLE },
};

#define SYMBOL(prefix, symbol)                               \
	{                                                    \
		.name = (#symbol), .number = prefix##symbol, \
	}
#define VIRQ(name) SYMBOL(VIRQ_, name)
static const struct symbol virqs[] = {
	VIRQ(TIMER),	VIRQ(DEBUG),	VIRQ(CONSOLE),	VIRQ(DOM_EXC),	  VIRQ(TBUF),
	VIRQ(DEBUGGER), VIRQ(XENOPROF), VIRQ(CON_RING), VIRQ(PCPU_STATE), VIRQ(MEM_EVENT),
	VIRQ(ARGO),	VIRQ(ENOMEM),	VIRQ(XENPMU),	VIRQ(ARCH_0),	  VIRQ(ARCH_1),
	VIRQ(ARCH_2),	VIRQ(ARCH_3),	VIRQ(ARCH_4),	VIRQ(ARCH_5),	  VIRQ(ARCH_6),
	VIRQ(ARCH_7),
};

#define STATE(name) SYMBOL(EVTCHNSTAT_, name)
static const struct symbol states[] = { STATE(closed), STATE(unbound), STATE(interdomain),
					STATE(pirq),   STATE(virq),    STATE(ipi) };

#define VCPUOP(name) SYMBOL(VCPUOP_, name)
static const struct symbol vcpu_ops[] = {
	VCPUOP(initialise),
	VCPUOP(up),
	VCPUOP(down),
	VCPUOP(is_up),
	VCPUOP(get_runstate_info),
	VCPUOP(register_runstate_memory_area),
	VCPUOP(set_periodic_timer),
	VCPUOP(stop_periodic_timer),
	VCPUOP(set_singleshot_timer),
	VCPUOP(stop_singleshot_timer),
	VCPUOP(register_vcpu_info),
	VCPUOP(send_nmi),
	VCPUOP(get_physid),
	VCPUOP(register_vcpu_time_memory_area),
};

static const struct symbol places[] = {
	{ "NULL", AT_NULL },	     { "UNMAPPED", AT_UNMAPPED },
	{ "NONCANON", AT_NONCANON }, { "XEN", AT_XEN },
	{ "TOP", AT_TOP },	     { "STRADDLE", AT_STRADDLE },
	{ "EDGE", AT_EDGE },	     { "UNALIGNED", AT_UNALIGNED },
	{ "RO", AT_READONLY },
};

static const struct symbol entries[] = { { "compat", 1 } };

static bool find_name(const struct symbol *table, size_t n, const char *name, uint64_t *number)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		*number = table[i].number;
		return true;
	}
	return false;
}

static const char *find_number(const struct symbol *table, size_t n, uint64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].number == number)
			return table[i].name;
	return NULL;
}

const char *errno_name(long number)
{
	return find_number(errnos, COUNT(errnos), (uint64_t)number);
}

const char *domid_name(uint64_t number)
{
	return find_number(domids, COUNT(domids), number);
}

const char *virq_name(uint64_t number)
{
	return find_number(virqs, COUNT(virqs), number);
}

const char *state_name(uint64_t number)
{
	return find_number(states, COUNT(states), number);
}

bool symbol_number(const char *name, uint64_t *number)
{
	return find_name(domids, COUNT(domids), name, number) ||
	       find_name(virqs, COUNT(virqs), name, number);
}

bool parse_number(const char *text, uint64_t *number)
{
	bool negative = text[0] == '-';
	const char *digits = text + negative;
	unsigned base = 10;
	uint64_t n = 0;

	if (digits[0] == '0' && digits[1] == 'x') {
		base = 16;
		digits += 2;
	}
	if (!*digits)
		return false;
	for (; *digits; digits++) {
		unsigned digit = isdigit((unsigned char)*digits)    ? (unsigned)*digits - '0'
				 : *digits >= 'a' && *digits <= 'f' ? (unsigned)*digits - 'a' + 10
				 : *digits >= 'A' && *digits <= 'F' ? (unsigned)*digits - 'A' + 10
								    : 16;

		if (digit >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*number = negative ? -n : n;
	return true;
}

/* $name, $name+1, $name-1; new: a result may name one for the first time. */
static bool parse_name(struct script *s, unsigned line, struct value *v, char *text, bool new)
{
	char *sum = strpbrk(text, "+-");
	char *name = text + 1;
	uint64_t plus = 0;
	int known;

	if (sum && !parse_number(sum + 1, &plus))
		return script_wrong(s, line, "\"%s\": write $NAME, $NAME+1 or $NAME-1", text);
	v->kind = VALUE_NAME;
	v->number = sum && *sum == '-' ? -plus : plus;
	if (sum)
		*sum = 0;
	if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_")])
		return script_wrong(s, line, "\"%s\" is no name; letters, digits and _ make one",
				    text);
	known = words_find(&s->names, name);
	if (known < 0 && (!new || sum))
		return script_wrong(
			s, line, "%s has no value yet; a result above must have it, as in port=%s",
			text, text);
	v->index = known < 0 ? script_intern(s, &s->names, name) : (unsigned)known;
	return true;
}

static bool parse_page(struct script *s, unsigned line, struct value *v, const char *text)
{
	const char *name = text + strlen("page:");

	if (!*name)
		return script_wrong(s, line, "page: has no name; write page:NAME");
	v->kind = VALUE_PAGE;
	v->index = script_intern(s, &s->pages, name);
	return true;
}

static bool parse_value(struct script *s, unsigned line, struct value *v, char *text)
{
	size_t n = strlen(text);

	if (n > 1 && text[n - 1] == '+') {
		v->step = true;
		text[n - 1] = 0;
	}
	if (text[0] == '$')
		return parse_name(s, line, v, text, false);
	if (!strncmp(text, "page:", 5))
		return parse_page(s, line, v, text);
	if (parse_number(text, &v->number) || symbol_number(text, &v->number))
		return true;
	return script_wrong(
		s, line,
		"\"%s\" is no value; write a number, $NAME, page:NAME, a domid (SELF ...) or "
		"a VIRQ (TIMER ...)",
		text);
}

/* One of a table's words, or a number if that is allowed too. */
static bool parse_word(struct script *s, unsigned line, struct value *v, char *text,
		       const struct symbol *table, size_t n, bool number)
{
	if (find_name(table, n, text, &v->number))
		return true;
	if (number)
		return parse_value(s, line, v, text);
	return script_wrong(s, line, "\"%s\" is not known here; %s ... %s are", text, table[0].name,
			    table[n - 1].name);
}

static bool is_any(const char *key, const char *a, const char *b)
{
	return !strcmp(key, a) || !strcmp(key, b);
}

/* P,P,... or none */
static bool parse_list(struct script *s, unsigned line, struct token *t, char *text)
{
	unsigned n = 1;
	char *next;

	for (const char *p = text; *p; p++)
		n += *p == ',';
	t->values = script_alloc(s, n * sizeof(*t->values));
	for (t->nr = 0; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = 0;
		if (!parse_value(s, line, &t->values[t->nr++], text))
			return false;
	}
	return true;
}

bool parse_field(struct script *s, unsigned line, struct token *t, char *text)
{
	struct value *v = script_alloc(s, sizeof(*v));

	t->values = v;
	t->nr = 1;
	if (!strcmp(text, "none") && is_any(t->key, "ports", "timeout_ms")) {
		v->kind = VALUE_NONE;
		t->nr = strcmp(t->key, "ports") != 0;
		return true;
	}
	if (!strcmp(text, "off") && !strcmp(t->key, "in_ms")) {
		v->kind = VALUE_NONE;
		return true;
	}
	if (!strcmp(t->key, "ports"))
		return parse_list(s, line, t, text);
	if (is_any(t->key, "arg", "ports_arg"))
		return parse_word(s, line, v, text, places, COUNT(places), false);
	if (!strcmp(t->key, "via"))
		return parse_word(s, line, v, text, entries, COUNT(entries), false);
	if (!strcmp(t->key, "op"))
		return parse_word(s, line, v, text, vcpu_ops, COUNT(vcpu_ops), true);
	if (!strcmp(t->key, "key")) {
		v->number = (unsigned char)text[0];
		return (text[0] && !text[1]) ||
		       script_wrong(s, line, "key=%s: write one letter", text);
	}
	return parse_value(s, line, v, text);
}

long errno_number(const char *name)
{
	uint64_t number;

	return find_name(errnos, COUNT(errnos), name, &number) ? (long)number : 0;
}

bool parse_expected(struct script *s, unsigned line, struct token *t, char *text)
{
	struct value *v = script_alloc(s, sizeof(*v));

	t->values = v;
	t->nr = 1;
	v->word = script_copy(s, text, strlen(text));
	if (text[0] == '$')
		return parse_name(s, line, v, text, true);
	if (parse_number(text, &v->number))
		return true;
	v->kind = VALUE_WORD;
	if (text[0] == '-' && !errno_number(text + 1))
		return script_wrong(s, line,
				    "\"%s\" is no error; write -EINVAL or another of xen/errno.h",
				    text);
	if (text[0] == '-') {
		v->kind = VALUE_NUMBER;
		v->number = -(uint64_t)errno_number(text + 1);
	}
	return *text || script_wrong(s, line, "nothing after \"%s=\"", t->key);
}
