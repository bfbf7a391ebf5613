/* SPDX-License-Identifier: MIT */
/*
 * Time handed from CPU to CPU: four CPUs whose counters differ, and a word through which each tells
 * the others the time that it has read. Nobody may then read an earlier one.
 */
#include "load.h"

#define CPUS  4u
#define READS 20000u
#define SKEW  2000u /* cycles, between one CPU and the next */

struct hand_over {
	struct guest *g;
	_Atomic uint64_t told;
	atomic_uint arrived, backwards;
	uint64_t furthest[CPUS];
};

static void read_and_tell(struct testbed_vcpu *v, void *arg)
{
	struct hand_over *h = arg;
	uint64_t told, now, own = 0;

	rendezvous(v, &h->arrived, CPUS);
	for (unsigned i = 0; i < READS; i++) {
		told = atomic_load_explicit(&h->told, memory_order_acquire);
		now = guest_clock(h->g);
		if (now < told || now < own)
			atomic_fetch_add(&h->backwards, 1);
		own = now;
		atomic_store_explicit(&h->told, now, memory_order_release);
		if (i % 64 == 0)
			sched_yield();
	}
	h->furthest[testbed_vcpu_id(v)] = own;
}

static void handed_over(bool promised, uint64_t skew)
{
	struct testbed *tb = testbed_create(TESTBED_THREADS);
	struct testbed_domain *d = load_guest(tb, 1, CPUS, GUEST_ABI_2L);
	struct hand_over h = { .g = testbed_guest(d) };

	for (unsigned i = 0; i < CPUS && !promised; i++)
		testbed_set_skew(testbed_vcpu(d, i), i * skew);
	for (unsigned i = 0; i < CPUS; i++)
		testbed_thread(testbed_vcpu(d, i), read_and_tell, &h);
	for (unsigned i = 0; i < CPUS; i++)
		testbed_join(testbed_vcpu(d, i));
	assert_int_equal(atomic_load(&h.backwards), 0);
	for (unsigned i = 0; i < CPUS; i++)
		assert_in_range(h.furthest[i], 1, testbed_now(tb) + CPUS * skew);
	assert_int_equal(testbed_destroy(tb), 0);
}

static void counters_that_differ(void **state)
{
	(void)state;
	handed_over(false, SKEW);
}

static void counters_that_agree(void **state)
{
	(void)state;
	handed_over(true, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_that_differ),
		cmocka_unit_test(counters_that_agree),
	};

	return cmocka_run_group_tests_name("threads_clock", tests, NULL, NULL);
}
