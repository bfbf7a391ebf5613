/* SPDX-License-Identifier: MIT */
/*
 * The mailbox by which a vCPU is told what to call: agent.S and the C files share its layout.
 */
#ifndef SCENARIO_AGENT_H
#define SCENARIO_AGENT_H

#define MAILBOX_IDLE	 0 /* its answer has been taken */
#define MAILBOX_ASKED	 1
#define MAILBOX_ANSWERED 2

/* Offsets in struct mailbox */
#define MAILBOX_STATE  0
#define MAILBOX_NR     4
#define MAILBOX_ARG    8
#define MAILBOX_RESULT 32

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct mailbox {
	uint32_t state;
	uint32_t nr; /* of the hypercall */
	uint64_t arg[3];
	int64_t result;
};

_Static_assert(offsetof(struct mailbox, state) == MAILBOX_STATE, "agent.S");
_Static_assert(offsetof(struct mailbox, nr) == MAILBOX_NR, "agent.S");
_Static_assert(offsetof(struct mailbox, arg) == MAILBOX_ARG, "agent.S");
_Static_assert(offsetof(struct mailbox, result) == MAILBOX_RESULT, "agent.S");
#endif

#endif
