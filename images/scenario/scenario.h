/* SPDX-License-Identifier: MIT */
/*
 * The scenario image: its parts. script.c reads lines into actions, event.c and physdev.c make the
 * operations of those names, other.c all other hypercalls, memory.c looks at the shared words,
 * place.c knows where arguments are put, agent.c has vCPUs other than the script's own make calls,
 * control.c does what a toolstack does, build.c makes a domain's memory, main.c goes through the
 * script.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "../lib/lib.h"

#include "agent.h"

#define TOKENS	    24u
#define ARRAY_PAGES 128u /* of FIFO event words, as many as there can be */
#define VCPUS	    64u	 /* of a domain, those whose shared words are known */
#define CALLERS	    8u	 /* vCPUs of this domain that can call */
#define OTHERS	    6u	 /* domains at a time */
#define NAMED_PAGES 256u

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

/* A vCPU that makes calls: this one (no mailbox), or one that runs an agent. */
struct caller {
	struct mailbox *box;
	bool started;
	/* Of its poll: how long the vCPU had slept before it; system times, deadline 0: none. */
	uint64_t slept, deadline, end;
	bool polling, ended; /* it was left running */
};

struct named_page {
	struct text name;
	uint8_t *page;
	uint64_t frame;
};

/* A domain as the script sees it: this one, or one that control.c made. */
struct domain {
	bool exists;
	domid_t id;
	unsigned nr_callers;
	struct caller caller[CALLERS];

	struct shared_info *shared; /* mapped here, as all below */
	struct vcpu_info *info[VCPUS];
	bool fifo;
	struct evtchn_fifo_control_block *block[VCPUS];
	uint32_t head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];
	uint32_t *array[ARRAY_PAGES];
	unsigned nr_array;

	/* Where arguments are: place.c's. The domain has them at these addresses plus shift. */
	uint8_t *good[2], *edge[2];
	uint64_t shift;
	struct named_page page[NAMED_PAGES];
	unsigned nr_pages;

	/* Of another domain: build.c's */
	uint8_t *window;
	uint64_t frame; /* its first: they are one after another */
	bool built;	/* has a context */
};

struct machine {
	struct pv *pv;
	struct domain self, other[OTHERS];
	struct domain *by; /* whose line it is, and which vCPU's */
	struct caller *caller;

	struct action *action;
	char *out; /* the answer being made */
	size_t room, used;
	uint64_t port; /* OUT port of the last event channel operation */
	bool has_port;
	long rc;
	bool unknown; /* the line cannot be done here */
};

/* ---- script.c ---- */

bool text_is(const struct text *t, const char *word);
bool text_number(const struct text *t, uint64_t *out);
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

#define EDGE_PAGES 5u /* two that can be written, a hole, two that may only be read */
#define EDGE_HOLE  2u
#define EDGE_RO	   3u
#define GOOD_PAGES 2u /* for each of two arguments */

void place_init(struct machine *m);
/* Where arg= (or that key) says that n bytes are; they are copied there if they can be. */
uint64_t place(struct machine *m, const char *key, unsigned slot, const void *bytes, size_t n);
/* Reads them back; false if there is nothing. */
bool fetch(const struct machine *m, uint64_t va, void *bytes, size_t n);
/* The frame of the caller's page that a script calls by that name; or of a page table. */
uint64_t named_frame(struct machine *m, const struct text *name);
/* Of the caller's pages. NULL: it is none of these. */
uint8_t *page_of_frame(const struct machine *m, uint64_t frame);

/* ---- agent.c ---- */

extern const char agent_begin[], agent_end[];

/* The hypercall, by the vCPU whose line it is. Sets m->unknown if that does not come back. */
long call(struct machine *m, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* Only ask; the answer is joined. */
void call_later(struct machine *m, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* false: there is no answer (yet) */
bool call_answered(const struct caller *c, long *rc);
/* The context with which a vCPU of this domain becomes an agent. */
void agent_context(struct machine *m, unsigned vcpu, struct vcpu_guest_context *c);
/* Make sure that the vCPU whose line it is can call; false: it cannot. */
bool agent_use(struct machine *m, unsigned vcpu);
/* Let others run, and see which polls have ended. */
void relax(struct machine *m);
void wait_until(struct machine *m, uint64_t time);

/* ---- build.c: another domain's memory ---- */

/* Give it pages, and map them and its shared_info here. The hypercalls' answers. */
long build_memory(struct machine *m, struct domain *d, uint64_t shared_info_frame);
/* What its vCPU 0 runs: page tables, agent, context. */
void build_agent(struct domain *d, struct vcpu_guest_context *c);
uint64_t build_hypercall_frame(const struct domain *d);
/* The frame and, here, the page of its n-th named page; false: it has no more. */
bool build_page(const struct domain *d, unsigned n, struct named_page *page);
uint64_t build_table_frame(const struct domain *d);
void build_forget(struct domain *d);

/* ---- control.c ---- */

/* NULL: there is none. */
struct domain *domain_find(struct machine *m, uint64_t id);

/* ---- event.c, physdev.c, other.c, memory.c, control.c: true if the operation is theirs ---- */

bool run_event(struct machine *m);
bool run_physdev(struct machine *m);
bool run_other(struct machine *m);
bool run_memory(struct machine *m);
bool run_control(struct machine *m);
void memory_forget(struct domain *d);
void memory_moved_info(struct machine *m, unsigned vcpu, uint64_t frame, uint32_t offset);

#endif
