/* SPDX-License-Identifier: MIT */
/*
 * The set-up of the guest half's tests: two unprivileged domains with guest halves, a (id 1, two
 * CPUs) and b (id 2, one), over a real hypervisor half on virtual time; events are disabled. Every
 * test runs with each of the ABIs. And a handler that writes down its runs.
 */
#ifndef CARILLON_TESTS_GUESTS_H
#define CARILLON_TESTS_GUESTS_H

#include "bare.h"

struct guests {
	enum guest_abi abi;
	struct testbed *tb;
	struct testbed_domain *da, *db;
	struct guest *a, *b;
	struct testbed_vcpu *va, *va1, *vb;
};

static inline struct testbed_domain_config guests_config(domid_t id, unsigned vcpus)
{
	return (struct testbed_domain_config){
		.id = id, .vcpus = vcpus, .nr_pirqs = 16, .guest = true, .nr_irqs = 64
	};
}

static inline int guests_setup(void **state, enum guest_abi abi)
{
	struct guests *m = test_calloc(1, sizeof(*m));
	struct testbed_domain_config ca = guests_config(1, 2), cb = guests_config(2, 1);

	m->abi = ca.abi = cb.abi = abi;
	m->tb = testbed_create(TESTBED_VIRTUAL);
	assert_non_null(m->tb);
	m->da = testbed_domain_create(m->tb, &ca, NULL);
	m->db = testbed_domain_create(m->tb, &cb, NULL);
	assert_non_null(m->da);
	assert_non_null(m->db);
	m->a = testbed_guest(m->da);
	m->b = testbed_guest(m->db);
	m->va = testbed_vcpu(m->da, 0);
	m->va1 = testbed_vcpu(m->da, 1);
	m->vb = testbed_vcpu(m->db, 0);
	*state = m;
	return 0;
}

static inline int guests_setup_2l(void **state)
{
	return guests_setup(state, GUEST_ABI_2L);
}

static inline int guests_setup_fifo(void **state)
{
	return guests_setup(state, GUEST_ABI_FIFO);
}

static inline int guests_teardown(void **state)
{
	struct guests *m = *state;
	unsigned leaked;

	testbed_on(NULL);
	leaked = testbed_destroy(m->tb);
	test_free(m);
	if (leaked)
		print_error("%u blocks are not given back\n", leaked);
	return leaked != 0;
}

static inline bool port_pending(struct guest *g, evtchn_port_t port)
{
	return guest_port_state(g, port) & GUEST_PORT_PENDING;
}

static inline bool port_masked(struct guest *g, evtchn_port_t port)
{
	return guest_port_state(g, port) & GUEST_PORT_MASKED;
}

struct record {
	unsigned runs;
	unsigned irq; /* of the last run */
	enum guest_irqreturn answer;
	void (*also)(struct guest *g, unsigned irq, struct record *r);
	void *arg;
	char mark; /* put into trail */
	char *trail;
};

static inline enum guest_irqreturn record_run(struct guest *g, unsigned irq, void *dev)
{
	struct record *r = dev;

	r->runs++;
	r->irq = irq;
	if (r->trail) {
		size_t n = strlen(r->trail);

		r->trail[n] = r->mark;
		r->trail[n + 1] = 0;
	}
	if (r->also)
		r->also(g, irq, r);
	return r->answer;
}

#define RECORD                              \
	{                                   \
		.answer = GUEST_IRQ_HANDLED \
	}

/* An IPI to the own CPU 0, whose handler is r: the simplest event that a guest can send itself. Its
 * IRQ. */
static inline unsigned bind_self(struct guest *g, struct record *r, unsigned flags)
{
	int irq = guest_bind_ipi_to_irqhandler(g, 0, 0, record_run, flags, "self", r);

	assert_true(irq > 0);
	return (unsigned)irq;
}

/* A loop of two ports of one guest: events sent on `tx` arrive at the IRQ, which has no handler
 * yet. */
static inline unsigned bind_loop_to(struct guest *g, evtchn_port_t *tx)
{
	int port = guest_alloc_unbound(g, DOMID_SELF);
	int irq;

	assert_true(port > 0);
	*tx = (evtchn_port_t)port;
	irq = guest_bind_interdomain_to_irq(g, DOMID_SELF, *tx);
	assert_true(irq > 0);
	/* binding made it pending; that is not an event of the test's */
	assert_true(guest_clear_irq_pending(g, (unsigned)irq));
	return (unsigned)irq;
}

#define guests_test_2l(f)                                             \
	{                                                             \
#f " (2l)", f, guests_setup_2l, guests_teardown, NULL \
	}
#define guests_test_fifo(f)                                               \
	{                                                                 \
#f " (fifo)", f, guests_setup_fifo, guests_teardown, NULL \
	}
#define guests_test(f) guests_test_2l(f), guests_test_fifo(f)

#endif
