/* SPDX-License-Identifier: MIT */
/*
 * What the interpreter's files share: a scenario as it was parsed, and its machine while it runs.
 * scenario_parse.c makes the one, scenario_run.c the other; the operations are in scenario_event.c,
 * scenario_call.c, scenario_line.c, scenario_memory.c and scenario_env.c, all listed in
 * scenario_table.c.
 */
#ifndef CARILLON_TESTBED_SCENARIO_PRIVATE_H
#define CARILLON_TESTBED_SCENARIO_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenario.h"
#include "testbed.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct call;

/* ---- values: scenario_value.c ---- */

enum value_kind {
	VALUE_NUMBER,
	VALUE_NAME, /* $name, with what is added to it */
	VALUE_PAGE, /* page:NAME */
	VALUE_NONE, /* none, off */
	VALUE_WORD, /* only in results */
};

struct value {
	enum value_kind kind;
	uint64_t number; /* NAME: what is added */
	unsigned index;	 /* NAME: of the script's names; PAGE: of its pages */
	bool step;	 /* and the iteration's number is added too */
	const char *word;
	uint64_t now; /* what it is in this call; all ones for NONE */
};

/* key=value, or a list of values; key is NULL for a word alone. */
struct token {
	const char *key;
	struct value *values;
	unsigned nr;
};

/* Words that are unique within a script: $names, page names. */
struct words {
	const char **word;
	unsigned nr;
};

/* "EINVAL" and so on; NULL, 0 if there is none. */
const char *errno_name(long number);
long errno_number(const char *name);

/* The names of domids, VIRQs and states for numbers that have one; else NULL. */
const char *domid_name(uint64_t number);
const char *virq_name(uint64_t number);
const char *state_name(uint64_t number);
/* A domid or VIRQ by its name; false if there is none. */
bool symbol_number(const char *name, uint64_t *number);

/* Decimal, 0x hex, negative (as two's complement); false if it is not exactly that. */
bool parse_number(const char *text, uint64_t *number);

/* ---- a script: scenario_parse.c ---- */

struct op {
	const char *name;
	const char *fields; /* that it takes, between blanks; FIELD.in: an OUT field before */
	void (*run)(struct call *c); /* NULL: needs a Linux guest */
	unsigned flags;
	unsigned nr; /* the operation's own */
};

#define OP_HYPERCALL 1u /* its caller must be able to run */
#define OP_BLOCKS    2u /* may be started with & */

extern const struct op ops[]; /* ends with a NULL name */

struct action {
	unsigned line;
	char *text, *result;   /* as written */
	const struct op *op;   /* NULL: nothing to run */
	unsigned domain, vcpu; /* the caller */
	bool background;
	bool repeated;
	uint64_t repeat;
	struct token *fields, *expected;
	unsigned nr_fields, nr_expected;
};

struct block; /* of a script's memory */

struct script {
	struct block *blocks;
	const char *path;
	struct action *actions;
	unsigned nr_actions;
	struct words names, pages;
	bool env_seen, linux_guest;
	unsigned vcpus;
	bool compat32; /* domain 0 is a 32-bit one */
	char error[512];
};

/* Read and parse; false and error is set. Give back what it holds in both cases. */
bool script_load(struct script *s, const char *path);
void script_free(struct script *s);

void *script_alloc(struct script *s, size_t size);
char *script_copy(struct script *s, const char *text, size_t n);
/* Its index, -1 if it is not there; or as a new one. */
int words_find(const struct words *w, const char *word);
unsigned script_intern(struct script *s, struct words *w, const char *word);
/* error = "path:line: ..."; false, to be returned. The first one counts. */
bool script_wrong(struct script *s, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* scenario_value.c: the right side of key=value, in a line's fields and in its result. */
bool parse_field(struct script *s, unsigned line, struct token *t, char *text);
bool parse_expected(struct script *s, unsigned line, struct token *t, char *text);

/* ---- answers: scenario_answer.c ---- */

enum answer_format {
	AS_NUMBER,
	AS_HEX,
	AS_RC,
	AS_DOMID,
	AS_VIRQ,
	AS_STATE,
	AS_WORD,
};

struct answer_field {
	const char *key; /* NULL: the word alone */
	enum answer_format format;
	uint64_t number;
	const char *word;
};

struct answer {
	struct answer_field field[12];
	unsigned nr;
};

void answer_number(struct answer *a, const char *key, enum answer_format format, uint64_t number);
void answer_word(struct answer *a, const char *key, const char *word);
#define answer_rc(a, rc) answer_number(a, "rc", AS_RC, (uint64_t)(rc))
/* Its rc; false if it has none. */
bool answer_has_rc(const struct answer *a, long *rc);

void answer_text(const struct answer *a, char *text, size_t room);

/* ---- the machine: scenario_run.c ---- */

#define FIFO_PAGES 128u
#define FIFO_PAGE  1024u /* words in one */
#define PRIORITIES 16u

#define REPLAY_GSIS 24u

/* A poll, from its hypercall until somebody looked at its end. */
struct poll {
	bool running, ended;
	uint64_t started, deadline, end;
	long rc;
};

/* What the script has told the hypervisor for a vCPU, and what a guest there would remember. */
struct side {
	struct testbed_vcpu *v;
	bool used; /* has been made to run */
	struct poll poll;
	uint64_t block_gfn; /* its control block, HV_NEVER: none */
	uint32_t block_offset;
	uint32_t head[PRIORITIES]; /* of the queues: the next to be taken, 0 unknown */
};

struct rdomain {
	struct rdomain *next;
	domid_t id;
	struct testbed_domain *d;
	unsigned pauses; /* by the toolstack */
	unsigned nr_vcpus;
	struct side *side;
	bool fifo;
	unsigned nr_array;
	uint64_t array[FIFO_PAGES]; /* frames of its event words */
	uint64_t *page;		    /* frame of each of the script's page names, 0: not yet */
};

struct replay {
	struct script *script;
	struct testbed *tb;
	struct rdomain *domains;
	struct testbed_line *line[REPLAY_GSIS]; /* by GSI; no 0 */
	bool *bound;				/* per $name */
	uint64_t *value;
	unsigned polls; /* that run */
	/* scenario_replay_without: */
	bool failing;  /* the failure is to come, or was in this call */
	bool given_up; /* it was a new domain's, so that the rest of the script means nothing */
};

/* One operation, once. */
struct call {
	struct replay *r;
	const struct action *a;
	struct rdomain *d; /* the caller's */
	struct side *side;
	uint64_t iteration;
	struct answer answer;
	uint64_t port; /* OUT port of event channel operations that have one */
	bool has_port;
	char trouble[160]; /* why it could not be run; empty: it was */
};

/* The field's value; fallback if it is not given. */
uint64_t call_field(const struct call *c, const char *key, uint64_t fallback);
const struct token *call_token(const struct call *c, const char *key);
/* trouble = ..., unless there was some already */
void call_trouble(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct rdomain *replay_domain(const struct replay *r, uint64_t id);
/* Let time pass until ns from now, or until the poll (may be NULL) has ended. */
void replay_pass(struct replay *r, uint64_t ns, const struct poll *until);
/* Look which polls have ended. */
void replay_notice(struct replay *r);
/* A new domain; its frames for pages of its own come with it. */
int replay_add_domain(struct replay *r, const struct testbed_domain_config *cfg,
		      struct rdomain **out);
void replay_remove_domain(struct replay *r, struct rdomain *d);
/* Make the vCPU run, if it never was asked to. */
void replay_use(struct call *c, struct side *side);

/* scenario_answer.c: NULL, or how the answer differs (text is room for it). Binds names. */
const char *answer_compare(struct replay *r, const struct action *a, const struct answer *got,
			   char *text, size_t room);

/* ---- operations ---- */

void run_event(struct call *c); /* op->nr: EVTCHNOP_* */
void run_raw(struct call *c);

void run_poll(struct call *c);
void run_join(struct call *c);
void run_set_timer(struct call *c);
void run_vcpu_op(struct call *c);
void run_sleep(struct call *c);
void run_show(struct call *c);

void run_physdev(struct call *c); /* op->nr: PHYSDEVOP_*, 0: nr= */
void run_map_gsi(struct call *c);
void run_line(struct call *c);
void run_mem_bit(struct call *c);

void run_mem_port(struct call *c);
void run_mem_shared(struct call *c);
void run_mem_set(struct call *c);
void run_mem_upcall(struct call *c);
void run_mem_clear_upcall(struct call *c);
void run_mem_queue(struct call *c);
void run_mem_take_ready(struct call *c);
void run_mem_pop(struct call *c);
/* The domain is back in the 2-level ABI. */
void memory_forget(struct rdomain *d);

void run_domain_create(struct call *c);
void run_domain_start(struct call *c);
void run_domain_pause(struct call *c);
void run_domain_unpause(struct call *c);
void run_domain_destroy(struct call *c);
void run_debug_key(struct call *c);
void run_virq_handler(struct call *c);

#endif
