/* SPDX-License-Identifier: MIT */
/*
 * The machine that the engine benchmark measures on: two domains of the testbed without guest code,
 * and the event channel operations that put them into a state.
 */
#include <err.h>
#include <stdlib.h>

#include "engine.h"

#define WORDS_PER_PAGE (HV_PAGE_SIZE / sizeof(event_word_t))

void engine_call(struct testbed_vcpu *v, unsigned op, void *arg, size_t n)
{
	uint64_t va = testbed_place(v, AT_OK, 0, arg, n);
	long rc = hv_hypercall(testbed_hv_vcpu(v), __HYPERVISOR_event_channel_op,
			       (uint64_t[6]){ op, va });

	if (rc || !testbed_fetch(v, va, arg, n))
		errx(1, "event channel operation %u: %ld", op, rc);
}

static void create(struct engine *e, enum testbed_time time, unsigned pages)
{
	*e = (struct engine){ .tb = testbed_create(time) };
	if (!e->tb)
		errx(1, "no machine");
	e->from = testbed_domain_create(
		e->tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 2, .pages = pages },
		NULL);
	e->to = testbed_domain_create(
		e->tb,
		&(struct testbed_domain_config){ .id = 2, .vcpus = ENGINE_VCPUS, .pages = pages },
		NULL);
	if (!e->from || !e->to)
		errx(1, "no domain");
	e->sender = testbed_hv_vcpu(testbed_vcpu(e->from, 0));
	e->shared = testbed_shared_info(e->to);
}

void engine_create(struct engine *e, unsigned pages)
{
	create(e, TESTBED_VIRTUAL, pages);
}

void engine_create_threads(struct engine *e, unsigned pages)
{
	create(e, TESTBED_THREADS, pages);
}

void engine_connect(struct engine *e, uint32_t ports)
{
	evtchn_port_t a, b;

	for (uint32_t port = 1; port <= ports; port++)
		if (hv_evtchn_connect(testbed_hv_domain(e->from), testbed_hv_domain(e->to), &a,
				      &b) ||
		    a != port || b != port)
			errx(1, "port %u is not connected", port);
}

void engine_destroy(struct engine *e)
{
	if (testbed_destroy(e->tb))
		errx(1, "the hypervisor keeps memory");
}

void engine_fifo(struct testbed_domain *d, unsigned vcpus, uint32_t ports,
		 struct evtchn_fifo_control_block **blocks, event_word_t **words)
{
	struct testbed_vcpu *v = testbed_vcpu(d, 0);

	for (unsigned i = 0; i < vcpus; i++) {
		struct evtchn_init_control a = { .vcpu = i };

		blocks[i] = testbed_page(d);
		a.control_gfn = testbed_frame(d, blocks[i]);
		engine_call(v, EVTCHNOP_init_control, &a, sizeof(a));
	}
	for (uint32_t port = 0; port < ports; port += WORDS_PER_PAGE) {
		event_word_t *page = testbed_page(d);
		struct evtchn_expand_array a = { .array_gfn = testbed_frame(d, page) };

		engine_call(v, EVTCHNOP_expand_array, &a, sizeof(a));
		if (port == 0)
			*words = page;
		else if (page != *words + port)
			errx(1, "the pages do not follow each other");
	}
}
