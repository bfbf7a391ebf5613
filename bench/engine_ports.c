/* SPDX-License-Identifier: MIT */
/*
 * Many ports: what taking one into use and closing it cost, whether that grows with their number,
 * and how much of the hypervisor's memory a bound one needs. By hypercalls, argument in guest
 * memory.
 */
#include <stdio.h>

#include "engine.h"

#define TENTHS	 10u
#define MAX_RUNS 31u

/* A number of ports, and how often it is measured. */
struct size {
	const char *allocate, *bind, *close; /* names of the rows; NULL: none */
	uint32_t ports;
	unsigned runs;
	bool fifo;
};

static const struct size sizes[] = {
	{ NULL, "engine/2l/bind-1000", "engine/2l/close-1000", 1000, 31, false },
	{ "engine/fifo/allocate-1000", "engine/fifo/bind-1000", "engine/fifo/close-1000", 1000, 31,
	  true },
	{ "engine/fifo/allocate-10000", "engine/fifo/bind-10000", "engine/fifo/close-10000", 10000,
	  11, true },
	{ "engine/fifo/allocate-131071", "engine/fifo/bind-131071", "engine/fifo/close-131071",
	  131071, 5, true },
};

#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* One operation on all ports, run by run. */
struct series {
	double per_port[MAX_RUNS];
	double last_to_first[MAX_RUNS]; /* time of the last tenth of the ports to that of the first
					 */
};

typedef void one_port(struct engine *e, uint32_t port);

static void allocate_one(struct engine *e, uint32_t port)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF,
					  .remote_dom = hv_domain_id(testbed_hv_domain(e->from)) };

	(void)port; /* the lowest that is free */
	engine_call(testbed_vcpu(e->to, 0), EVTCHNOP_alloc_unbound, &a, sizeof(a));
}

static void bind_one(struct engine *e, uint32_t port)
{
	struct evtchn_bind_interdomain a = { .remote_dom = hv_domain_id(testbed_hv_domain(e->to)),
					     .remote_port = port };

	engine_call(testbed_vcpu(e->from, 0), EVTCHNOP_bind_interdomain, &a, sizeof(a));
}

static void close_one(struct engine *e, uint32_t port)
{
	struct evtchn_close a = { .port = port };

	engine_call(testbed_vcpu(e->from, 0), EVTCHNOP_close, &a, sizeof(a));
}

static void all_ports(struct engine *e, one_port *f, uint32_t ports, struct series *s, unsigned run)
{
	uint64_t at[TENTHS + 1] = { figures_now() };
	uint32_t port = 1;

	for (unsigned i = 1; i <= TENTHS; i++) {
		for (; port <= (uint64_t)ports * i / TENTHS; port++)
			f(e, port);
		at[i] = figures_now();
	}
	s->per_port[run] = (double)(at[TENTHS] - at[0]) / ports;
	s->last_to_first[run] = (double)(at[TENTHS] - at[TENTHS - 1]) / (double)(at[1] - at[0]);
}

/* Bytes of the hypervisor's for each bound port, both domains' together. */
static double one_run(const struct size *size, unsigned run, struct series s[3])
{
	struct evtchn_fifo_control_block *block;
	event_word_t *words;
	struct engine e;
	size_t empty, bound;

	engine_create(&e, 160);
	empty = testbed_bytes(e.tb);
	if (size->fifo) {
		engine_fifo(e.from, 1, size->ports + 1, &block, &words);
		engine_fifo(e.to, 1, size->ports + 1, &block, &words);
	}
	all_ports(&e, allocate_one, size->ports, &s[0], run);
	all_ports(&e, bind_one, size->ports, &s[1], run);
	bound = testbed_bytes(e.tb);
	all_ports(&e, close_one, size->ports, &s[2], run);
	engine_destroy(&e);
	return (double)(bound - empty) / (2.0 * size->ports);
}

static void print_series(const char *name, struct series *s, unsigned runs)
{
	char more[64];

	if (!name)
		return;
	snprintf(more, sizeof(more), "last_to_first_tenth=%.2f",
		 figures_median(s->last_to_first, runs));
	figures_print(name, "ns", s->per_port, runs, more);
}

void measure_ports(void)
{
	double bytes[MAX_RUNS];

	for (unsigned i = 0; i < NR_SIZES; i++) {
		const struct size *size = &sizes[i];
		struct series s[3];
		unsigned runs = figures_fewer(size->runs);

		for (unsigned run = 0; run < runs; run++)
			bytes[run] = one_run(size, run, s);
		print_series(size->allocate, &s[0], runs);
		print_series(size->bind, &s[1], runs);
		print_series(size->close, &s[2], runs);
		/* of the largest: what a domain has in any case is spread over most ports */
		if (size == &sizes[NR_SIZES - 1])
			figures_print("engine/bytes-per-port", "B", bytes, runs, "");
	}
}
