/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of fuzz-hypercalls share: the machine, and the embedder's side of it
 * (hypercalls_embedder.c), which is what a monitor calls and what it looks at after each step.
 */
#ifndef CARILLON_TESTS_FUZZ_HYPERCALLS_H
#define CARILLON_TESTS_FUZZ_HYPERCALLS_H

#include <testbed.h>

#include "input.h"

#define DOMAINS 3u /* 0 is privileged, 2 is 32-bit */
#define VCPUS	2u
#define FRAMES	6u
#define LINES	3u   /* from 1 on; the others come by the embedder's calls */
#define PORTS	200u /* the highest that a domain may have */

struct machine {
	struct testbed *tb;
	struct testbed_domain *d[DOMAINS];
	void *frame[DOMAINS][FRAMES];
	struct testbed_line *line[LINES];
	unsigned preempt; /* of the next questions, one in so many is answered by yes; 0: none */
	unsigned asked;
	unsigned deny; /* likewise, of the policy's */
	unsigned requests;
	bool keep_lines;  /* no domain is to hear of them */
	uint32_t signals; /* children of a chained line that signal */
	unsigned me;
	struct testbed_vcpu *v;
};

/* The embedder's callbacks and lines; and which of them a new domain has. */
void embedder_begin(struct machine *x);
void embedder_map(struct machine *x, unsigned dom);

/* One call of the embedder's. */
void embedder_step(struct machine *x, struct input *in);

/* Look at all that can be looked at. */
void embedder_look(const struct machine *x);

#endif
