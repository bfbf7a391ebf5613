/* SPDX-License-Identifier: MIT */
/*
 * What the thread tests share: set-up, a generator of numbers with fixed seeds, waiting for each
 * other. Numbers of operations are fixed, times are not. Threads never assert: they count what went
 * wrong, the main thread asserts when they have ended.
 */
#ifndef CARILLON_TESTS_LOAD_H
#define CARILLON_TESTS_LOAD_H

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/errno.h>

#include "ops.h"
#include "testbed.h"

static inline uint32_t rnd(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline struct testbed_domain *load_domain(struct testbed *tb, domid_t id, unsigned vcpus,
						 bool guest)
{
	struct testbed_domain *d =
		testbed_domain_create(tb,
				      &(struct testbed_domain_config){ .id = id,
								       .vcpus = vcpus,
								       .nr_pirqs = 8,
								       .guest = guest,
								       .privileged = !id },
				      NULL);

	assert_non_null(d);
	return d;
}

static inline struct testbed_domain *load_guest(struct testbed *tb, domid_t id, unsigned vcpus,
						enum guest_abi abi)
{
	struct testbed_domain *d =
		testbed_domain_create(tb,
				      &(struct testbed_domain_config){ .id = id,
								       .vcpus = vcpus,
								       .nr_pirqs = 8,
								       .guest = true,
								       .abi = abi,
								       .page_tables = true },
				      NULL);

	assert_non_null(d);
	return d;
}

/* Take upcalls until as many have arrived as there are. */
static inline void rendezvous(struct testbed_vcpu *v, atomic_uint *arrived, unsigned all)
{
	atomic_fetch_add(arrived, 1);
	while (atomic_load(arrived) < all) {
		testbed_point(v);
		sched_yield();
	}
	testbed_point(v);
}

/* A test with each ABI, which its state points to. */
#define both(f)                                                           \
	{ #f " (2l)", f, NULL, NULL, &(enum guest_abi){ GUEST_ABI_2L } }, \
	{                                                                 \
#f " (fifo)", f, NULL, NULL, &(enum guest_abi)            \
		{                                                         \
			GUEST_ABI_FIFO                                    \
		}                                                         \
	}

#endif
