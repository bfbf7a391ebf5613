/* SPDX-License-Identifier: MIT */
/*
 * The scenario image: its parts. script.c reads lines into actions, event.c makes the event channel
 * operations, other.c all other hypercalls, memory.c looks at the shared words, place.c knows where
 * arguments are put, main.c goes through the script.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "../lib/lib.h"

#define TOKENS	    24u
#define ARRAY_PAGES 128u /* of FIFO event words, as many as there can be */

/* "key=value" or a word alone (key NULL). Values are resolved when the action runs. */
struct text {
	const char *at;
	size_t len;
};

struct token {
	struct text key, value;
};

/* One line: what is to be done, and what was answered elsewhere (only to learn names from). */
struct action {
	struct text caller, op;
	uint64_t repeat;
	uint64_t round; /* of a repeated one: what a lone "+" adds */
	unsigned nr, nr_expected;
	struct token token[TOKENS], expected[TOKENS];
};

struct machine {
	struct pv *pv;
	struct action *action;
	char *out; /* the answer being made */
	size_t room, used;
	uint64_t port; /* OUT port of the last event channel operation */
	bool has_port;
	long rc;
	bool unknown; /* the line cannot be done here */

	bool fifo;
	struct evtchn_fifo_control_block *block[2];
	uint32_t head[2][EVTCHN_FIFO_MAX_QUEUES];
	uint32_t *array[ARRAY_PAGES];
	unsigned nr_array;
};

/* ---- script.c ---- */

bool text_is(const struct text *t, const char *word);
/* The next line of a script as an action; false: none is left. Lines without one have no op. */
bool script_next(const char **at, const char *end, struct action *a);
const struct token *find(const struct action *a, const char *key);
/* The value of a field; `otherwise` if it is not there. Sets m->unknown for a word without value.
 */
uint64_t field(struct machine *m, const char *key, uint64_t otherwise);
bool is_word(const struct machine *m, const char *key, const char *word);

void answer_word(struct machine *m, const char *key, const char *word);
void answer_number(struct machine *m, const char *key, int64_t value);
void answer_hex(struct machine *m, const char *key, uint64_t value);

/* ---- place.c ---- */

void place_init(struct pv *pv);
/* Where arg= (or that key) says that n bytes are; they are copied there if they can be. */
uint64_t place(struct machine *m, const char *key, unsigned slot, const void *bytes, size_t n);
/* Reads them back; false if there is nothing. */
bool fetch(uint64_t va, void *bytes, size_t n);
/* The frame of the page of our own that a script calls by that name; or of a page table. */
uint64_t named_frame(struct machine *m, const struct text *name);
/* NULL: it is none of these. */
uint8_t *page_of_frame(uint64_t frame);

/* ---- event.c, other.c, memory.c: true if the operation is theirs ---- */

bool run_event(struct machine *m);
bool run_other(struct machine *m);
bool run_memory(struct machine *m);
void memory_forget(struct machine *m);

#endif
