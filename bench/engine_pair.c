/* SPDX-License-Identifier: MIT */
/*
 * Two processors at once: two vCPUs that send to one, and two domains that answer each other, with
 * nothing but event words between them. Each thread is a vCPU's, on a processor of its own.
 */
#include <stdlib.h>

#include "../hypervisor/event.h"
#include "engine_senders.h"

#define SAMPLES 1001u
#define TRIPS	100u /* few: most rounds have both processors to themselves */

/* ---- two senders to one vCPU, nobody draining ---- */

static void send_all(const struct senders *s, unsigned who)
{
	struct hv_vcpu *by = testbed_hv_vcpu(testbed_vcpu(s->e.from, who));

	for (uint32_t i = 0; i < SENDERS_FRESH; i++)
		event_send(by, senders_port(s, who, i));
}

static void measure_senders(const char *name, bool fifo)
{
	struct senders *s = senders_create(fifo, send_all);

	if (!s)
		return;
	engine_create_threads(&s->e, 32);
	if (fifo) { /* the senders' domain, too, for the number of its ports */
		engine_fifo(s->e.from, 1, SENDERS_FIRST, s->e.block, &s->e.words);
		engine_fifo(s->e.to, 1, SENDERS_PORTS, s->e.block, &s->e.words);
	}
	engine_connect(&s->e, senders_last_port(s));
	senders_measure(s, name);
	engine_destroy(&s->e);
	free(s);
}

/* ---- there and back ---- */

struct end {
	struct hv_vcpu *vcpu; /* not the testbed's, which its own kick writes */
	struct shared_info *shared;
	struct evtchn_fifo_control_block *block;
	event_word_t *words;
};

/* Of several ports in turn each has its word on a line of its own. */
#define FIRST_PORT 1u
#define APART	   16u

struct trip {
	struct engine e;
	unsigned ports; /* a power of 2 */
	struct engine_both both;
	struct end end[2];
};

static uint8_t *upcall_pending(const struct end *end)
{
	return &end->shared->vcpu_info[0].evtchn_upcall_pending;
}

/*
 * As a guest: wait for the upcall, take the one event, which is that port's. A look at vcpu_info
 * takes it away from the sender, who has two things to write there: hence the pause.
 */
static void take(const struct end *end, uint32_t port)
{
	for (unsigned looks = 1; !__atomic_load_n(upcall_pending(end), __ATOMIC_ACQUIRE); looks++) {
		__builtin_ia32_pause();
		engine_patience(looks);
	}
	__atomic_store_n(upcall_pending(end), 0, __ATOMIC_RELAXED);
	if (!end->block) {
		__atomic_exchange_n(&end->shared->vcpu_info[0].evtchn_pending_sel, 0,
				    __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&end->shared->evtchn_pending[0], ~(UINT64_C(1) << port),
				   __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_exchange_n(&end->block->ready, 0, __ATOMIC_SEQ_CST);
	(void)bare_take_fifo(&end->words[port]);
}

static uint32_t trip_port(const struct trip *t, unsigned trip)
{
	return FIRST_PORT + (trip & (t->ports - 1)) * APART;
}

static void *answer(void *arg)
{
	struct trip *t = arg;

	for (unsigned i = 0; i < TRIPS * SAMPLES; i++) {
		uint32_t port = trip_port(t, i);

		take(&t->end[1], port);
		event_send(t->end[1].vcpu, port);
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

static void measure_trip(const char *name, bool fifo, unsigned ports)
{
	struct trip *t = calloc(1, sizeof(*t));
	double samples[SAMPLES];

	if (!t || !engine_both_begin(&t->both))
		goto out;
	t->ports = ports;
	engine_create(&t->e, 16);
	set_up_end(&t->end[0], t->e.from, fifo);
	set_up_end(&t->end[1], t->e.to, fifo);
	engine_connect(&t->e, trip_port(t, ports - 1));
	engine_both_start(&t->both, answer, t);
	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = figures_now();

		for (unsigned k = 0; k < TRIPS; k++) {
			uint32_t port = trip_port(t, i * TRIPS + k);

			event_send(t->end[0].vcpu, port);
			take(&t->end[0], port);
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
	measure_trip("engine/2l/round-trip", false, 1);
	measure_trip("engine/fifo/round-trip", true, 1);
	measure_trip("engine/fifo/round-trip-2-ports", true, 2);
}
