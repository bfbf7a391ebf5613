/* SPDX-License-Identifier: MIT */
/*
 * Two processors at once: two vCPUs that send to one, and two domains that answer each other, with
 * nothing but event words between them. Each thread is a vCPU's, on a processor of its own.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../hypervisor/event.h"
#include "engine.h"

#define FRESH	2048u /* ports of each sender, whose event words share no line with the other's */
#define FIRST	64u
#define ROUNDS	501u
#define SAMPLES 1001u
#define TRIPS	100u /* few: most rounds have both processors to themselves */
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define LINKED	(1u << EVTCHN_FIFO_LINKED)

struct pair {
	struct engine e;
	struct engine_both both;
	bool fifo;
	_Atomic unsigned go; /* which round has begun; counts arrivals besides */
	_Atomic unsigned arrived;
};

/* ---- two senders to one vCPU, nobody draining ---- */

static void reset(struct pair *p)
{
	struct engine *e = &p->e;

	/* told already: who sends tells nobody */
	e->shared->vcpu_info[0].evtchn_upcall_pending = 1;
	e->shared->vcpu_info[0].evtchn_pending_sel = UINT64_MAX;
	if (!p->fifo) {
		memset(e->shared->evtchn_pending, 0, sizeof(e->shared->evtchn_pending));
		return;
	}
	memset(e->words, 0, (FIRST + 2 * FRESH) * sizeof(*e->words));
	memset(e->block[0], 0, sizeof(*e->block[0]));
}

/* The ports of one of the two. 2-level: those of every second cache line of bits. */
static uint32_t port_of(const struct pair *p, unsigned who, uint32_t i)
{
	if (p->fifo)
		return FIRST + who * FRESH + i;
	return ((i / 512) * 2 + who) * 512 + i % 512;
}

static void send_all(struct pair *p, unsigned who)
{
	struct hv_vcpu *by = testbed_hv_vcpu(testbed_vcpu(p->e.from, who));

	for (uint32_t i = 0; i < FRESH; i++)
		event_send(by, port_of(p, who, i));
}

static void wait_until(_Atomic unsigned *what, unsigned is)
{
	for (unsigned looks = 1; atomic_load_explicit(what, memory_order_acquire) != is; looks++)
		engine_patience(looks);
}

static void *second_sender(void *arg)
{
	struct pair *p = arg;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		wait_until(&p->go, round);
		send_all(p, 1);
		atomic_store(&p->arrived, round);
	}
	return NULL;
}

/* ns for all of both's sends; the first of the two is this thread. */
static double one_round(struct pair *p, unsigned round)
{
	uint64_t start;

	reset(p);
	start = figures_now();
	atomic_store(&p->go, round);
	send_all(p, 0);
	wait_until(&p->arrived, round);
	return (double)(figures_now() - start);
}

static double alone(struct pair *p)
{
	uint64_t start;

	reset(p);
	start = figures_now();
	send_all(p, 0);
	return (double)(figures_now() - start) / FRESH;
}

static void measure_senders(const char *name, bool fifo)
{
	struct pair *p = calloc(1, sizeof(*p));
	double samples[ROUNDS], single[ROUNDS];
	char more[64];

	if (!p || !engine_both_begin(&p->both))
		goto out;
	p->fifo = fifo;
	engine_create_threads(&p->e, 32);
	if (fifo) { /* the senders' domain, too, for the number of its ports */
		engine_fifo(p->e.from, 1, FIRST, p->e.block, &p->e.words);
		engine_fifo(p->e.to, 1, FIRST + 2 * FRESH, p->e.block, &p->e.words);
	}
	engine_connect(&p->e, fifo ? FIRST + 2 * FRESH - 1 : 4095);
	for (unsigned i = 0; i < ROUNDS; i++)
		single[i] = alone(p);
	engine_both_start(&p->both, second_sender, p);
	for (unsigned i = 0; i < ROUNDS; i++)
		samples[i] = one_round(p, i + 1) / (2 * FRESH);
	engine_both_end(&p->both);
	snprintf(more, sizeof(more), "alone=%.2f", figures_median(single, ROUNDS));
	figures_print(name, "ns", samples, ROUNDS, more);
	engine_destroy(&p->e);
out:
	free(p);
}

/* ---- there and back ---- */

struct end {
	struct hv_vcpu *vcpu; /* not the testbed's, which its own kick writes */
	struct shared_info *shared;
	struct evtchn_fifo_control_block *block;
	event_word_t *words;
};

struct trip {
	struct engine e;
	struct engine_both both;
	struct end end[2];
};

static uint8_t *upcall_pending(const struct end *end)
{
	return &end->shared->vcpu_info[0].evtchn_upcall_pending;
}

/*
 * As a guest: wait for the upcall, take the one event. Its port is 1. A look at vcpu_info takes it
 * away from the sender, who has two things to write there: hence the pause.
 */
static void take(const struct end *end)
{
	for (unsigned looks = 1; !__atomic_load_n(upcall_pending(end), __ATOMIC_ACQUIRE); looks++) {
		__builtin_ia32_pause();
		engine_patience(looks);
	}
	__atomic_store_n(upcall_pending(end), 0, __ATOMIC_RELAXED);
	if (!end->block) {
		__atomic_exchange_n(&end->shared->vcpu_info[0].evtchn_pending_sel, 0,
				    __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&end->shared->evtchn_pending[0], ~UINT64_C(2), __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_exchange_n(&end->block->ready, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&end->words[1], ~(LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&end->words[1], ~PENDING, __ATOMIC_SEQ_CST);
}

static void *answer(void *arg)
{
	struct trip *t = arg;

	for (unsigned i = 0; i < TRIPS * SAMPLES; i++) {
		take(&t->end[1]);
		event_send(t->end[1].vcpu, 1);
	}
	return NULL;
}

static void set_up_end(struct end *end, struct testbed_domain *d, bool fifo)
{
	end->vcpu = testbed_hv_vcpu(testbed_vcpu(d, 0));
	end->shared = testbed_shared_info(d);
	if (fifo)
		engine_fifo(d, 1, 1024, &end->block, &end->words);
}

static void measure_trip(const char *name, bool fifo)
{
	struct trip *t = calloc(1, sizeof(*t));
	double samples[SAMPLES];

	if (!t || !engine_both_begin(&t->both))
		goto out;
	engine_create(&t->e, 16);
	set_up_end(&t->end[0], t->e.from, fifo);
	set_up_end(&t->end[1], t->e.to, fifo);
	engine_connect(&t->e, 1);
	engine_both_start(&t->both, answer, t);
	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = figures_now();

		for (unsigned k = 0; k < TRIPS; k++) {
			event_send(t->end[0].vcpu, 1);
			take(&t->end[0]);
		}
		samples[i] = (double)(figures_now() - start) / TRIPS;
	}
	engine_both_end(&t->both);
	figures_print(name, "ns", samples, SAMPLES, "");
	engine_destroy(&t->e);
out:
	free(t);
}

void measure_pairs(void)
{
	measure_senders("engine/2l/two-senders", false);
	measure_senders("engine/fifo/two-senders-one-queue", true);
	measure_trip("engine/2l/round-trip", false);
	measure_trip("engine/fifo/round-trip", true);
}
