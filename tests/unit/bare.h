/* SPDX-License-Identifier: MIT */
/*
 * The set-up of most hypervisor-half tests, that of the scenarios' platform=bare: a raw privileged
 * domain 0 with two vCPUs (1 is down), 440 pirqs, no tick; upcalls are masked, so none is ever
 * taken. And the words in which tests say what they expect.
 */
#ifndef CARILLON_TESTS_BARE_H
#define CARILLON_TESTS_BARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "ops.h"
#include "testbed.h"

#define SELF	DOMID_SELF
#define ALEN(a) (sizeof(a) / sizeof((a)[0]))

/* A call that answers exactly this; 0 or a port; or an error by its name without XEN_. */
#define assert_rc(call, value)		  assert_int_equal((long)(call), (long)(value))
#define assert_fails(call, error)	  assert_int_equal((long)(call), -(long)XEN_##error)
#define assert_status(v, dom, port, text) assert_string_equal(op_status_text(v, dom, port), text)

struct bare {
	struct testbed *tb;
	struct testbed_domain *d0;
	struct testbed_vcpu *v0, *v1;
};

static inline int bare_setup_width(void **state, bool compat32)
{
	struct bare *b = test_calloc(1, sizeof(*b));

	b->tb = testbed_create(TESTBED_VIRTUAL);
	assert_non_null(b->tb);
	b->d0 = testbed_domain_create(b->tb,
				      &(struct testbed_domain_config){ .id = 0,
								       .vcpus = 2,
								       .nr_pirqs = 440,
								       .privileged = true,
								       .compat32 = compat32 },
				      NULL);
	assert_non_null(b->d0);
	b->v0 = testbed_vcpu(b->d0, 0);
	b->v1 = testbed_vcpu(b->d0, 1);
	*state = b;
	return 0;
}

static inline int bare_setup(void **state)
{
	return bare_setup_width(state, false);
}

static inline int bare_setup_32(void **state)
{
	return bare_setup_width(state, true);
}

static inline int bare_teardown(void **state)
{
	struct bare *b = *state;
	unsigned leaked = testbed_destroy(b->tb);

	test_free(b);
	if (leaked)
		print_error("%u blocks are not given back\n", leaked);
	return leaked != 0;
}

/* An unprivileged raw domain; started, so that it may make hypercalls, or only created and paused.
 */
static inline struct testbed_domain *bare_domain(struct bare *b, domid_t id, bool started)
{
	struct testbed_domain *d = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = id, .absent = !started }, NULL);

	assert_non_null(d);
	if (!started)
		hv_domain_pause(testbed_hv_domain(d));
	return d;
}

/* What env.map_gsi does: an edge line of that number, mapped to a pirq of domain 0. */
static inline void bare_map_gsi(struct bare *b, unsigned gsi, unsigned pirq)
{
	assert_non_null(testbed_line(b->tb, gsi, HV_IRQ_EDGE));
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), pirq, gsi, false), 0);
}

static inline void assert_bits(const struct testbed_domain *d, uint32_t port, bool pending,
			       bool masked)
{
	assert_int_equal(mem_pending(d, port), pending);
	assert_int_equal(mem_masked(d, port), masked);
}

static inline void assert_upcall(const struct testbed_vcpu *v, bool pending, uint64_t selector)
{
	assert_int_equal(mem_upcall(v), pending);
	assert_int_equal(mem_selector(v), selector);
}

#define bare_test(f)	cmocka_unit_test_setup_teardown(f, bare_setup, bare_teardown)
#define bare_test_32(f) cmocka_unit_test_setup_teardown(f, bare_setup_32, bare_teardown)

#endif
