/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of the guest half on four CPUs, each a thread: CPUs switch to roots, hold them
 * lazily and flush them while CPU 0 makes and destroys them, and takes a CPU down now and then. A
 * root that is destroyed is written to, plainly: so TSan sees whether anybody still looks at it.
 */
#include "cpus.h"

#include <carillon/guest_mm.h>
#include <carillon/guest_multicall.h>

#define SPACES 2u
#define ROUNDS 300u

struct spaces {
	struct guest_space space[SPACES];
	uint64_t *page[SPACES];
	unsigned used[CPUS], refused[CPUS];
};

/* A page that is a table is not cleared. */
static bool clear_page(struct testbed_vcpu *v, const struct testbed_domain *d, const void *page)
{
	const struct mmuext_op op = { .cmd = MMUEXT_CLEAR_PAGE,
				      .arg1.mfn = testbed_frame(d, page) };
	uint64_t at = testbed_place(v, AT_OK, 1, &op, sizeof(op));

	return testbed_call(v, __HYPERVISOR_mmuext_op, at, 1, 0, DOMID_SELF) == 0;
}

static void create(struct machine *m, unsigned i)
{
	struct spaces *s = m->arg;

	wrong_unless(m, !guest_space_create(m->g, &s->space[i], testbed_frame(m->d, s->page[i])));
}

static void destroy(struct machine *m, struct testbed_vcpu *v, unsigned i)
{
	struct spaces *s = m->arg;

	wrong_unless(m, !guest_space_destroy(m->g, &s->space[i]));
	for (unsigned word = 0; word < HV_PAGE_SIZE / 8; word++)
		s->page[i][word] = ~UINT64_C(0);
	wrong_unless(m, clear_page(v, m->d, s->page[i]));
}

static void make_and_destroy(struct machine *m, struct testbed_vcpu *v)
{
	struct spaces *s = m->arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 3 == 0 && !guest_space_use(m->g, &s->space[i % SPACES]))
			s->used[0]++;
		destroy(m, v, i % SPACES);
		create(m, i % SPACES);
		if (i % 30 == 29) {
			wrong_unless(m, !guest_cpu_down(m->g, 3));
			wrong_unless(m, !guest_cpu_up(m->g, 3));
		}
	}
}

static void switch_about(struct machine *m, unsigned cpu)
{
	struct spaces *s = m->arg;
	unsigned n = s->used[cpu] + s->refused[cpu];
	struct guest_space *space = &s->space[(n + cpu) % SPACES];
	int rc = guest_space_use(m->g, n % 5 ? space : NULL);

	wrong_unless(m, !rc || rc == -XEN_EINVAL);
	if (rc)
		s->refused[cpu]++;
	else
		s->used[cpu]++;
	if (!rc && n % 3)
		guest_space_lazy(m->g);
	if (n % 4 == 0)
		wrong_unless(m, !guest_space_flush(m->g, space));
}

static void spaces_run(struct machine *m, struct testbed_vcpu *v, unsigned cpu)
{
	struct spaces *s = m->arg;

	if (cpu) {
		while (!atomic_load(&m->stop) && !guest_cpu_dying(m->g)) {
			switch_about(m, cpu);
			testbed_point(v);
			sched_yield();
		}
		return;
	}
	for (unsigned i = 0; i < SPACES; i++)
		s->page[i] = testbed_page(m->d);
	wrong_unless(m, !guest_mm_init(m->g, testbed_root(m->d)));
	for (unsigned i = 0; i < SPACES; i++)
		create(m, i);
	make_and_destroy(m, v);
	for (unsigned i = 0; i < SPACES; i++)
		destroy(m, v, i);
	atomic_store(&m->stop, true);
}

static void roots_come_and_go(void **state)
{
	struct spaces s = { 0 };
	struct machine m = { .abi = abi_of(state), .run = spaces_run, .arg = &s };
	struct guest_smp_counters c;
	struct guest_mm_counters mm;
	struct guest_batch_counters b;

	run_machine(&m, &(struct guest_smp_config){ 0 }, &c);
	assert_settled(&c);
	guest_mm_counters(m.g, &mm);
	assert_true(mm.switches > mm.shot_down);
	assert_true(mm.shot_down >= ROUNDS / 3);
	guest_batch_counters(m.g, &b);
	assert_int_equal(b.failed, 0);
	end_machine(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { both(roots_come_and_go) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
