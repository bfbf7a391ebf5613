/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of the guest half, in one thread: who holds a root, how they are made to let go,
 * what is refused where, and what one section makes of it. CPUs that do this at once are
 * tests/threads/test_spaces.c's.
 */
#include <carillon/guest_mm.h>
#include <carillon/guest_multicall.h>
#include <carillon/guest_smp.h>
#include <xen/vcpu.h>

#include "guests.h"

#define CPUS 3u

struct mm {
	struct testbed *tb;
	struct testbed_domain *d;
	struct guest *g;
	struct testbed_vcpu *v[CPUS];
	bool booted[CPUS];
	struct guest_space s, t;
	void *page[2];
	uint64_t root[2];
};

static struct mm *the_mm; /* the guest half's callbacks know only the guest */

static int start(struct guest *g, unsigned cpu)
{
	struct mm *m = the_mm;
	struct testbed_vcpu *before;
	int rc = m->booted[cpu] ? (int)op_vcpu(m->v[0], VCPUOP_up, cpu, NULL, 0)
				: testbed_vcpu_boot(m->v[cpu]);

	if (rc)
		return rc;
	m->booted[cpu] = true;
	before = testbed_on(m->v[cpu]);
	guest_cpu_started(g);
	guest_local_irq_enable(g);
	testbed_on(before);
	return 0;
}

static void meanwhile(void *arg)
{
	struct mm *m = arg;

	for (unsigned i = 1; i < CPUS; i++) {
		struct testbed_vcpu *before = testbed_on(m->v[i]);

		if (guest_cpu_dying(m->g))
			assert_rc(guest_cpu_die(m->g), 0);
		testbed_on(before);
	}
}

static int setup_alone(void **state)
{
	struct testbed_domain_config cfg = guests_config(1, CPUS);
	struct mm *m = test_calloc(1, sizeof(*m));

	the_mm = m;
	cfg.page_tables = true;
	m->tb = testbed_create(TESTBED_VIRTUAL);
	m->d = testbed_domain_create(m->tb, &cfg, NULL);
	assert_non_null(m->d);
	m->g = testbed_guest(m->d);
	for (unsigned i = 0; i < CPUS; i++)
		m->v[i] = testbed_vcpu(m->d, i);
	for (unsigned i = 0; i < 2; i++) {
		m->page[i] = testbed_page(m->d);
		m->root[i] = testbed_frame(m->d, m->page[i]);
	}
	testbed_meanwhile(m->tb, meanwhile, m);
	*state = m;
	guest_local_irq_enable(m->g);
	assert_rc(guest_mm_init(m->g, testbed_root(m->d)), 0);
	return 0;
}

static int setup(void **state)
{
	const struct guest_smp_config cfg = { .start = start };
	struct mm *m;

	setup_alone(state);
	m = *state;
	assert_rc(guest_smp_init(m->g, &cfg), 0);
	for (unsigned i = 1; i < CPUS; i++)
		assert_rc(guest_cpu_up(m->g, i), 0);
	assert_rc(guest_space_create(m->g, &m->s, m->root[0]), 0);
	return 0;
}

static int teardown(void **state)
{
	struct mm *m = *state;
	unsigned leaked;

	testbed_on(NULL);
	leaked = testbed_destroy(m->tb);
	test_free(m);
	return leaked != 0;
}

static int use_on(struct mm *m, unsigned cpu, struct guest_space *space)
{
	struct testbed_vcpu *before = testbed_on(m->v[cpu]);
	int rc = guest_space_use(m->g, space);

	testbed_on(before);
	return rc;
}

static void lazy_on(struct mm *m, unsigned cpu)
{
	struct testbed_vcpu *before = testbed_on(m->v[cpu]);

	guest_space_lazy(m->g);
	testbed_on(before);
}

static struct guest_space *current_on(struct mm *m, unsigned cpu)
{
	struct testbed_vcpu *before = testbed_on(m->v[cpu]);
	struct guest_space *current = guest_space_current(m->g);

	testbed_on(before);
	return current;
}

static long mmuext(struct mm *m, unsigned cmd, uint64_t mfn)
{
	const struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };
	uint64_t at = testbed_place(m->v[0], AT_OK, 1, &op, sizeof(op));

	return testbed_call(m->v[0], __HYPERVISOR_mmuext_op, at, 1, 0, DOMID_SELF);
}

/* The hypervisor would clear a page that is data, and refuses with a page table. */
static bool is_data(struct mm *m, uint64_t mfn)
{
	return mmuext(m, MMUEXT_CLEAR_PAGE, mfn) == 0;
}

static struct guest_mm_counters count(struct mm *m)
{
	struct guest_mm_counters c;

	guest_mm_counters(m->g, &c);
	return c;
}

static struct guest_batch_counters traps(struct mm *m)
{
	struct guest_batch_counters c;

	guest_batch_counters(m->g, &c);
	return c;
}

/* ---- life ---- */

static void one_cpu(void **state)
{
	struct mm *m = *state;

	assert_fails(guest_mm_init(m->g, 1), EEXIST);
	assert_fails(guest_space_use(m->g, &m->s), EINVAL);
	assert_fails(guest_space_destroy(m->g, &m->s), EINVAL);
	assert_rc(guest_space_create(m->g, &m->s, m->root[0]), 0);
	assert_fails(guest_space_create(m->g, &m->s, m->root[0]), EINVAL); /* in use */
	assert_fails(guest_space_create(m->g, &m->t, m->root[0]), EINVAL); /* pinned */
	assert_false(is_data(m, m->root[0]));
	assert_rc(guest_space_use(m->g, &m->s), 0);
	assert_ptr_equal(guest_space_current(m->g), &m->s);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	assert_int_equal(count(m).switches, 1);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_null(guest_space_current(m->g));
	assert_int_equal(count(m).switches, 2);
	assert_int_equal(count(m).shot_down, 1);
	assert_true(is_data(m, m->root[0]));
	assert_fails(guest_space_destroy(m->g, &m->s), EINVAL);
	assert_fails(guest_space_use(m->g, &m->s), EINVAL);
	/* The same memory again, and one that nobody uses. */
	assert_rc(guest_space_create(m->g, &m->s, m->root[1]), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).switches, 2);
	assert_true(is_data(m, m->root[1]));
}

static void bad_roots(void **state)
{
	struct mm *m = *state;

	*(uint64_t *)m->page[0] = m->root[1] << 12 | 0x67; /* says what no other root says */
	assert_fails(guest_space_create(m->g, &m->s, m->root[0]), EINVAL);
	assert_fails(guest_space_create(m->g, &m->s, testbed_root(m->d)), EINVAL);
	assert_fails(guest_space_create(m->g, &m->s, 0), EINVAL);
	assert_true(is_data(m, m->root[0]));
	assert_rc(guest_space_create(m->g, &m->s, m->root[1]), 0);
}

/* ---- holding ---- */

static void lazily(void **state)
{
	struct mm *m = *state;

	assert_rc(use_on(m, 1, &m->s), 0);
	lazy_on(m, 1);
	assert_null(current_on(m, 1));
	assert_rc(use_on(m, 1, &m->s), 0);
	assert_ptr_equal(current_on(m, 1), &m->s);
	assert_int_equal(count(m).switches, 1);
	assert_int_equal(count(m).kept, 1);
	assert_rc(use_on(m, 1, NULL), 0);
	assert_int_equal(count(m).switches, 2);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).shot_down, 0);
}

static void shoots_holders_down(void **state)
{
	struct mm *m = *state;

	assert_rc(guest_space_create(m->g, &m->t, m->root[1]), 0);
	assert_rc(use_on(m, 0, &m->s), 0);
	assert_rc(use_on(m, 1, &m->s), 0);
	lazy_on(m, 1);
	assert_rc(use_on(m, 2, &m->t), 0);
	/* Xen itself unpins it at once, and it is a page table as long as somebody has it. */
	assert_rc(mmuext(m, MMUEXT_UNPIN_TABLE, m->root[0]), 0);
	assert_false(is_data(m, m->root[0]));
	assert_rc(mmuext(m, MMUEXT_PIN_L4_TABLE, m->root[0]), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).shot_down, 2);
	assert_true(is_data(m, m->root[0]));
	assert_null(current_on(m, 0));
	assert_null(current_on(m, 1));
	assert_ptr_equal(current_on(m, 2), &m->t);
	assert_false(is_data(m, m->root[1]));
	assert_fails(use_on(m, 1, &m->s), EINVAL);
	assert_rc(guest_space_destroy(m->g, &m->t), 0);
	assert_true(is_data(m, m->root[1]));
}

static void goes_down_without(void **state)
{
	struct mm *m = *state;

	assert_rc(use_on(m, 1, &m->s), 0);
	lazy_on(m, 1);
	assert_rc(use_on(m, 2, &m->s), 0);
	assert_rc(guest_cpu_down(m->g, 1), 0);
	assert_rc(guest_cpu_down(m->g, 2), 0);
	assert_rc(mmuext(m, MMUEXT_UNPIN_TABLE, m->root[0]), 0);
	assert_true(is_data(m, m->root[0]));
	assert_rc(mmuext(m, MMUEXT_PIN_L4_TABLE, m->root[0]), 0);
	assert_rc(guest_cpu_up(m->g, 1), 0);
	assert_null(current_on(m, 1));
	assert_rc(use_on(m, 1, &m->s), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).shot_down, 1);
	assert_true(is_data(m, m->root[0]));
}

/* ---- where it is refused ---- */

static void tries_all(struct guest *g)
{
	struct mm *m = the_mm;

	assert_fails(guest_space_use(g, &m->s), EDEADLK);
	assert_fails(guest_space_use(g, NULL), EDEADLK);
	assert_fails(guest_space_destroy(g, &m->s), EDEADLK);
}

static void tried_in_handler(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	(void)r;
	tries_all(g);
	assert_rc(guest_flush_tlb_local(g), 0);
}

static void tried_in_call(struct guest *g, void *arg)
{
	tries_all(g);
	++*(unsigned *)arg;
}

static void tried_in_work(struct guest *g, struct guest_work *work)
{
	(void)work;
	tries_all(g);
}

static void refused_in_handlers(void **state)
{
	const struct guest_cpumask all = { { 7 } };
	struct mm *m = *state;
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = tried_in_handler };
	struct guest_work work = { .fn = tried_in_work };
	unsigned calls = 0;
	int irq = guest_bind_ipi_to_irqhandler(m->g, GUEST_SMP_IPIS, 0, record_run, 0, "own", &r);

	assert_true(irq > 0);
	assert_rc(use_on(m, 1, &m->s), 0);
	assert_rc(guest_notify_irq(m->g, (unsigned)irq), 0);
	assert_int_equal(r.runs, 1);
	assert_rc(guest_smp_call_function_mask(m->g, &all, tried_in_call, &calls, true), 3);
	assert_int_equal(calls, 3);
	assert_rc(guest_work_queue_on(m->g, &work, 1), 0);
	assert_rc(guest_work_sync(m->g, &work), 0);
	assert_ptr_equal(current_on(m, 1), &m->s);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
}

/* ---- sections ---- */

static void queued(void **state)
{
	struct mm *m = *state;
	struct guest_batch_counters before = traps(m);
	guest_flags_t flags = guest_batch_begin(m->g);

	assert_rc(guest_pin_table(m->g, 4, m->root[1]), 0);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	assert_rc(guest_flush_tlb_local(m->g), 0);
	assert_rc(guest_unpin_table(m->g, m->root[1]), 0);
	assert_fails(guest_space_create(m->g, &m->t, m->root[1]), EDEADLK);
	assert_fails(guest_space_destroy(m->g, &m->s), EDEADLK);
	assert_fails(guest_smp_call_function_single(m->g, 1, tried_in_call, NULL, true), EDEADLK);
	assert_int_equal(count(m).switches, 0);
	assert_int_equal(guest_batch_end(m->g, flags), 0);
	assert_int_equal(count(m).switches, 1);
	assert_int_equal(traps(m).calls, before.calls + 4);
	assert_int_equal(traps(m).traps, before.traps + 1);

	/* To and fro: each is made, and in the end it is where it was told to be. */
	assert_rc(guest_space_create(m->g, &m->t, m->root[1]), 0);
	flags = guest_batch_begin(m->g);
	assert_rc(guest_space_use(m->g, &m->t), 0);
	assert_rc(guest_space_use(m->g, &m->t), 0);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	assert_rc(guest_space_use(m->g, NULL), 0);
	assert_int_equal(guest_batch_end(m->g, flags), 0);
	assert_int_equal(count(m).switches, 4);
	assert_null(guest_space_current(m->g));
	assert_rc(guest_space_destroy(m->g, &m->t), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).shot_down, 0);
}

/* A switch that fails when it is made leaves the CPU where it was, and holding nothing else. */
static void fails_when_made(void **state)
{
	struct mm *m = *state;
	guest_flags_t flags;

	assert_rc(guest_space_create(m->g, &m->t, m->root[1]), 0);
	assert_rc(guest_space_use(m->g, &m->t), 0);
	/* Behind its back the root becomes something else. */
	assert_rc(mmuext(m, MMUEXT_UNPIN_TABLE, m->root[0]), 0);
	*(uint64_t *)m->page[0] = m->root[1] << 12 | 0x67;
	assert_fails(guest_space_use(m->g, &m->s), EINVAL);
	assert_ptr_equal(guest_space_current(m->g), &m->t);
	flags = guest_batch_begin(m->g);
	assert_rc(guest_space_use(m->g, &m->s), 0); /* queued */
	assert_rc(guest_space_use(m->g, NULL), 0);
	assert_int_equal(guest_batch_end(m->g, flags), -XEN_EINVAL);
	assert_null(guest_space_current(m->g));
	/* Nobody holds it; but what is not pinned cannot be unpinned, and it is there as before. */
	assert_fails(guest_space_destroy(m->g, &m->s), EINVAL);
	assert_int_equal(count(m).shot_down, 0);
	*(uint64_t *)m->page[0] = 0;
	assert_rc(mmuext(m, MMUEXT_PIN_L4_TABLE, m->root[0]), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
}

/*
 * Away and back in one section: the CPU holds the space that it is back in, so it is flushed there
 * and made to leave.
 */
static void away_and_back(void **state)
{
	struct mm *m = *state;
	struct testbed_vcpu *before;
	guest_flags_t flags;
	uint64_t calls;

	assert_rc(guest_space_create(m->g, &m->t, m->root[1]), 0);
	before = testbed_on(m->v[1]);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	flags = guest_batch_begin(m->g);
	assert_rc(guest_space_use(m->g, &m->t), 0);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	assert_int_equal(guest_batch_end(m->g, flags), 0);
	testbed_on(before);
	calls = traps(m).calls;
	assert_rc(guest_space_flush(m->g, &m->s), 0);
	assert_int_equal(traps(m).calls, calls + 1);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
	assert_int_equal(count(m).shot_down, 1);
	assert_null(current_on(m, 1));
	assert_true(is_data(m, m->root[0]));
	assert_rc(guest_space_destroy(m->g, &m->t), 0);
}

static long uses_another(struct guest *g, long result, void *arg)
{
	struct mm *m = arg;

	(void)result;
	assert_fails(guest_space_use(g, &m->t), EDEADLK);
	return 0;
}

/* What is told before a switch that fails, and wants another itself, changes nothing. */
static void fails_behind_a_done(void **state)
{
	struct mm *m = *state;
	guest_flags_t flags;

	assert_rc(guest_space_create(m->g, &m->t, m->root[1]), 0);
	assert_rc(mmuext(m, MMUEXT_UNPIN_TABLE, m->root[0]), 0);
	*(uint64_t *)m->page[0] = m->root[1] << 12 | 0x67;
	flags = guest_batch_begin(m->g);
	assert_rc(guest_batch_after(m->g, uses_another, m), 0);
	assert_rc(guest_space_use(m->g, &m->s), 0); /* queued */
	assert_int_equal(guest_batch_end(m->g, flags), -XEN_EINVAL);
	assert_null(guest_space_current(m->g));

	/* Nor does it bring back what was left lazily meanwhile. */
	assert_rc(guest_space_use(m->g, &m->t), 0);
	flags = guest_batch_begin(m->g);
	assert_rc(guest_space_use(m->g, &m->s), 0);
	guest_space_lazy(m->g);
	assert_int_equal(guest_batch_end(m->g, flags), -XEN_EINVAL);
	assert_null(guest_space_current(m->g));
	assert_rc(guest_space_destroy(m->g, &m->t), 0);
	*(uint64_t *)m->page[0] = 0;
	assert_rc(mmuext(m, MMUEXT_PIN_L4_TABLE, m->root[0]), 0);
	assert_rc(guest_space_destroy(m->g, &m->s), 0);
}

/* ---- flushes ---- */

static void flushes(void **state)
{
	const struct guest_cpumask none = { { 0 } }, me = { { 1 } }, all = { { 7 } };
	struct mm *m = *state;
	struct guest_batch_counters before = traps(m);

	assert_rc(guest_flush_tlb(m->g, &none), 0);
	assert_rc(guest_space_flush(m->g, &m->s), 0);
	assert_int_equal(traps(m).calls, before.calls); /* nobody's */
	assert_rc(guest_flush_tlb(m->g, &me), 0);
	assert_rc(guest_flush_tlb(m->g, &all), 0);
	assert_rc(guest_flush_tlb_page(m->g, &me, 0x1000), 0);
	assert_rc(guest_flush_tlb_page(m->g, &all, 0x1000), 0);
	assert_rc(guest_flush_tlb_page_local(m->g, 0x1000), 0);
	assert_rc(use_on(m, 1, &m->s), 0);
	lazy_on(m, 1);
	assert_rc(guest_space_flush(m->g, &m->s), 0);
	assert_rc(guest_space_flush_page(m->g, &m->s, 0x1000), 0);
	assert_int_equal(traps(m).calls, before.calls + 8);
	assert_fails(guest_pin_table(m->g, 0, 1), EINVAL);
	assert_fails(guest_pin_table(m->g, 5, 1), EINVAL);
	assert_fails(guest_unpin_table(m->g, 1), EINVAL);
	assert_fails(guest_update_va_mapping(m->g, 0x1000, 0, UVMF_INVLPG | UVMF_ALL), EINVAL);
	assert_int_equal(traps(m).failed, before.failed + 2);
}

#define ALONE(f) cmocka_unit_test_setup_teardown(f, setup_alone, teardown)
#define SMP(f)	 cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(one_cpu),
		ALONE(bad_roots),
		SMP(lazily),
		SMP(shoots_holders_down),
		SMP(goes_down_without),
		SMP(refused_in_handlers),
		SMP(queued),
		SMP(fails_when_made),
		SMP(away_and_back),
		SMP(fails_behind_a_done),
		SMP(flushes),
	};

	return cmocka_run_group_tests_name("guest_mm", tests, NULL, NULL);
}
