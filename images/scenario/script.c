/* SPDX-License-Identifier: MIT */
/*
 * Lines of a scenario (tests/scenarios/FORMAT.md): into words, and words into numbers. Names that
 * an answer gives to numbers are kept here. What is done with them is in the other files.
 */
#include "scenario.h"

#include <xen/event_channel.h>
#include <xen/vcpu.h>

#define NAMES 512u

static struct {
	struct text name;
	uint64_t value;
} names[NAMES];
static unsigned nr_names;

static const struct {
	const char *name;
	uint64_t value;
} words[] = {
	{ "SELF", DOMID_SELF },
	{ "IO", DOMID_IO },
	{ "XEN", DOMID_XEN },
	{ "COW", DOMID_COW },
	{ "INVALID", DOMID_INVALID },
	{ "IDLE", DOMID_IDLE },
	{ "TIMER", VIRQ_TIMER },
	{ "DEBUG", VIRQ_DEBUG },
	{ "CONSOLE", VIRQ_CONSOLE },
	{ "DOM_EXC", VIRQ_DOM_EXC },
	{ "TBUF", VIRQ_TBUF },
	{ "DEBUGGER", VIRQ_DEBUGGER },
	{ "XENOPROF", VIRQ_XENOPROF },
	{ "CON_RING", VIRQ_CON_RING },
	{ "PCPU_STATE", VIRQ_PCPU_STATE },
	{ "MEM_EVENT", VIRQ_MEM_EVENT },
	{ "ARGO", VIRQ_ARGO },
	{ "ENOMEM", VIRQ_ENOMEM },
	{ "XENPMU", VIRQ_XENPMU },
	{ "ARCH_0", VIRQ_ARCH_0 },
	{ "ARCH_1", VIRQ_ARCH_1 },
	{ "ARCH_2", VIRQ_ARCH_2 },
	{ "ARCH_3", VIRQ_ARCH_3 },
	{ "ARCH_4", VIRQ_ARCH_4 },
	{ "ARCH_5", VIRQ_ARCH_5 },
	{ "ARCH_6", VIRQ_ARCH_6 },
	{ "ARCH_7", VIRQ_ARCH_7 },
	{ "initialise", VCPUOP_initialise },
	{ "up", VCPUOP_up },
	{ "down", VCPUOP_down },
	{ "is_up", VCPUOP_is_up },
	{ "get_runstate_info", VCPUOP_get_runstate_info },
	{ "register_runstate_memory_area", VCPUOP_register_runstate_memory_area },
	{ "set_periodic_timer", VCPUOP_set_periodic_timer },
	{ "stop_periodic_timer", VCPUOP_stop_periodic_timer },
	{ "set_singleshot_timer", VCPUOP_set_singleshot_timer },
	{ "stop_singleshot_timer", VCPUOP_stop_singleshot_timer },
	{ "register_vcpu_info", VCPUOP_register_vcpu_info },
	{ "send_nmi", VCPUOP_send_nmi },
};

bool text_is(const struct text *t, const char *word)
{
	size_t i;

	for (i = 0; i < t->len; i++)
		if (!word[i] || word[i] != t->at[i])
			return false;
	return !word[i];
}

static bool same_text(const struct text *a, const struct text *b)
{
	return a->len == b->len && !memcmp(a->at, b->at, a->len);
}

bool text_number(const struct text *t, uint64_t *out)
{
	bool hex = t->len > 2 && t->at[0] == '0' && t->at[1] == 'x';
	bool minus = t->len > 1 && t->at[0] == '-';
	uint64_t n = 0;

	if (!t->len)
		return false;
	for (size_t i = hex ? 2 : minus; i < t->len; i++) {
		char c = t->at[i];
		unsigned digit = 99;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (hex && c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a' + 10);
		if (digit > 15)
			return false;
		n = n * (hex ? 16 : 10) + digit;
	}
	*out = minus ? -n : n;
	return true;
}

/* ---- lines ---- */

static struct text next_word(const char **at, const char *end)
{
	struct text t;

	while (*at < end && **at == ' ')
		(*at)++;
	t.at = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	t.len = (size_t)(*at - t.at);
	return t;
}

static void add_token(struct token *list, unsigned *nr, const struct text *t)
{
	struct token *k = &list[*nr];
	size_t i;

	if (*nr == TOKENS)
		return;
	(*nr)++;
	for (i = 0; i < t->len && t->at[i] != '='; i++)
		;
	if (i == t->len) {
		*k = (struct token){ .value = *t };
		return;
	}
	k->key = (struct text){ t->at, i };
	k->value = (struct text){ t->at + i + 1, t->len - i - 1 };
}

static void read_action(const char *at, const char *end, struct action *a)
{
	bool expected = false;
	struct text t;

	for (;;) {
		t = next_word(&at, end);
		if (!t.len || t.at[0] == '#')
			return;
		if (text_is(&t, "->"))
			expected = true;
		else if (expected)
			add_token(a->expected, &a->nr_expected, &t);
		else if (!a->op.len && (t.at[t.len - 1] == ':' || t.at[t.len - 1] == '&'))
			a->caller = t;
		else if (!a->op.len && t.len > 7 && !memcmp(t.at, "repeat=", 7))
			text_number(&(struct text){ t.at + 7, t.len - 7 }, &a->repeat);
		else if (!a->op.len)
			a->op = t;
		else
			add_token(a->token, &a->nr, &t);
	}
}

bool script_next(const char **at, const char *end, struct action *a)
{
	const char *line = *at;

	if (line >= end || !*line)
		return false;
	while (*at < end && **at && **at != '\n')
		(*at)++;
	memset(a, 0, sizeof(*a));
	if (*line != '#' && *line != '@')
		read_action(line, *at, a);
	if (*at < end && **at == '\n')
		(*at)++;
	return true;
}

/* ---- values ---- */

static bool named(const struct text *t, uint64_t *out)
{
	for (unsigned i = 0; i < nr_names; i++)
		if (same_text(&names[i].name, t)) {
			*out = names[i].value;
			return true;
		}
	return false;
}

/* $name, $name+1, $name-1 */
static bool symbol(const struct text *t, uint64_t *out)
{
	struct text name = *t, rest = { 0 };
	uint64_t n = 0;

	for (size_t i = 1; i < t->len; i++) {
		if (t->at[i] != '+' && t->at[i] != '-')
			continue;
		name.len = i;
		rest = (struct text){ t->at + i + (t->at[i] == '+'),
				      t->len - i - (t->at[i] == '+') };
		break;
	}
	if (!named(&name, out))
		return false;
	if (rest.len && !text_number(&rest, &n))
		return false;
	*out += n;
	return true;
}

static bool value_of(struct machine *m, struct text t, uint64_t *out)
{
	uint64_t plus = 0;

	if (t.len > 1 && t.at[t.len - 1] == '+') {
		plus = m->action->round;
		t.len--;
	}
	if (t.len > 5 && !memcmp(t.at, "page:", 5)) {
		*out = named_frame(m, &(struct text){ t.at + 5, t.len - 5 });
		return true;
	}
	if (t.at[0] == '$' ? symbol(&t, out) : text_number(&t, out)) {
		*out += plus;
		return true;
	}
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (text_is(&t, words[i].name)) {
			*out = words[i].value;
			return true;
		}
	return false;
}

const struct token *find(const struct action *a, const char *key)
{
	for (unsigned i = 0; i < a->nr; i++)
		if (text_is(&a->token[i].key, key))
			return &a->token[i];
	return NULL;
}

/* Scripts call this domain 0. Where it is another, the two change places. */
static uint64_t domid_here(const struct machine *m, const char *key, uint64_t value)
{
	static const char *const keys[] = { "dom", "remote_dom", "domid", "u.dom" };

	struct text name = { key, 0 };

	if (value != 0 && value != m->self.id)
		return value;
	while (key[name.len])
		name.len++;
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (text_is(&name, keys[i]))
			return m->self.id - value;
	return value;
}

uint64_t field(struct machine *m, const char *key, uint64_t otherwise)
{
	const struct token *t = find(m->action, key);
	uint64_t value = otherwise;

	if (t && !value_of(m, t->value, &value))
		m->unknown = true;
	return domid_here(m, key, value);
}

bool is_word(const struct machine *m, const char *key, const char *word)
{
	const struct token *t = find(m->action, key);

	return t && text_is(&t->value, word);
}

/* ---- answers ---- */

static void put(struct machine *m, const char *key, const char *text)
{
	int n = pv_snprintf(m->out + m->used, m->room - m->used, "%s%s%s%s", m->used ? " " : "",
			    key ? key : "", key ? "=" : "", text);

	m->used += (size_t)n < m->room - m->used ? (size_t)n : m->room - m->used - 1;
}

void answer_word(struct machine *m, const char *key, const char *word)
{
	put(m, key, word);
}

/* A name that the line gives to a number is bound the first time. */
static void learn(struct machine *m, const char *key, uint64_t value)
{
	const struct action *a = m->action;
	uint64_t known;

	for (unsigned i = 0; i < a->nr_expected; i++) {
		const struct token *t = &a->expected[i];

		if (!text_is(&t->key, key) || t->value.at[0] != '$' || symbol(&t->value, &known) ||
		    nr_names == NAMES)
			continue;
		names[nr_names].name = t->value;
		names[nr_names++].value = value;
	}
}

void answer_number(struct machine *m, const char *key, int64_t value)
{
	char text[32];

	if (key)
		value = (int64_t)domid_here(m, key, (uint64_t)value);
	pv_snprintf(text, sizeof(text), "%ld", (long)value);
	put(m, key, text);
	if (key)
		learn(m, key, (uint64_t)value);
}

void answer_hex(struct machine *m, const char *key, uint64_t value)
{
	char text[32];

	pv_snprintf(text, sizeof(text), "0x%lx", (unsigned long)value);
	put(m, key, text);
}
