/* SPDX-License-Identifier: MIT */
/*
 * PV memory: several roots of one address space. What may become one, who holds it, when it may be
 * data again, what may be stored in one of several. Tables below roots are in test_mm_tables.c.
 */
#include "mm_machine.h"

#define COPY   60u /* pages that are made roots, read-only from the start */
#define COPIES 4u

static int set_up_copies(void **state)
{
	struct machine *m;

	set_up_adopted(state);
	m = *state;
	for (unsigned i = COPY; i < COPY + COPIES; i++)
		memcpy(page(m, i), page(m, ROOT), PAGE);
	lock_pages(m, COPY, COPIES);
	return 0;
}

static void on_vcpu(struct machine *m, unsigned id)
{
	m->v = hv_domain_vcpu(m->d, id);
}

static long pin(struct machine *m, unsigned n)
{
	return extended(m, MMUEXT_PIN_L4_TABLE, mfn(n), 0);
}

static long unpin(struct machine *m, unsigned n)
{
	return extended(m, MMUEXT_UNPIN_TABLE, mfn(n), 0);
}

static long load(struct machine *m, unsigned n)
{
	return extended(m, MMUEXT_NEW_BASEPTR, mfn(n), 0);
}

static long make_writable(struct machine *m, unsigned n)
{
	return map(m, va(n), leaf(n, RW));
}

/* By the other two ways also, which want it to be no table. */
static void assert_table(struct machine *m, unsigned n)
{
	assert_int_equal(make_writable(m, n), -XEN_EBUSY);
	assert_int_equal(store(m, L1, n, leaf(n, RW)), -XEN_EBUSY);
	assert_int_equal(extended(m, MMUEXT_CLEAR_PAGE, mfn(n), 0), -XEN_EINVAL);
	assert_false(noted_prot(m, va(n)) & HV_PROT_WRITE);
}

static void assert_data(struct machine *m, unsigned n)
{
	assert_int_equal(make_writable(m, n), 0);
	assert_true(noted_prot(m, va(n)) & HV_PROT_WRITE);
	lock_pages(m, n, 1);
}

/* ---- what may become a root ---- */

static void pins_a_copy(void **state)
{
	struct machine *m = *state;

	assert_int_equal(pin(m, COPY), 0);
	assert_int_equal(pin(m, COPY), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_PIN_L3_TABLE, mfn(COPY), 0), -XEN_EINVAL);
	assert_table(m, COPY);
	assert_int_equal(load(m, COPY), 0);
	assert_int_equal(load(m, COPY), 0);
	compare(m);
	assert_int_equal(load(m, ROOT), 0);
	assert_int_equal(unpin(m, COPY), 0);
	assert_int_equal(unpin(m, COPY), -XEN_EINVAL);
	assert_data(m, COPY);
	compare(m);
}

static void needs_no_writable_mapping(void **state)
{
	struct machine *m = *state;

	assert_int_equal(make_writable(m, COPY), 0);
	assert_int_equal(pin(m, COPY), -XEN_EINVAL);
	assert_int_equal(load(m, COPY), -XEN_EINVAL);
	lock_pages(m, COPY, 1);
	assert_int_equal(pin(m, COPY), 0);
	assert_int_equal(pin(m, L3), -XEN_EINVAL);
	assert_int_equal(load(m, L3), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_NEW_BASEPTR, SHARED_MFN, 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_NEW_BASEPTR, FOREIGN_MFN, 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_NEW_BASEPTR, ~0ull, 0), -XEN_EINVAL);
	assert_int_equal(extended(m, MMUEXT_PIN_L4_TABLE, FOREIGN_MFN, 0), -XEN_EINVAL);
}

/* As on Xen: then it is a root while it is loaded. */
static void loads_what_is_not_pinned(void **state)
{
	struct machine *m = *state;

	assert_int_equal(load(m, COPY), 0);
	assert_table(m, COPY);
	assert_int_equal(unpin(m, COPY), -XEN_EINVAL);
	assert_int_equal(load(m, ROOT), 0);
	assert_data(m, COPY);
}

static void says_what_the_others_say(void **state)
{
	struct machine *m = *state;
	const struct {
		unsigned slot;
		uint64_t value;
	} bad[] = {
		{ 0, 0 },
		{ 0, leaf(L3, TABLE & ~RW) },
		{ 0, leaf(L3, TABLE | NX) },
		{ 0, leaf(L3, TABLE | PSE) },
		{ 0, leaf(L2, TABLE) },
		{ 1, leaf(L3, TABLE) },
		{ 1, leaf(COPY, TABLE) },
		{ 255, leaf(7, TABLE) },
		{ 272, leaf(L3, TABLE) },
		{ 511, FOREIGN_MFN << 12 | TABLE },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t good = page(m, COPY)[bad[i].slot];

		page(m, COPY)[bad[i].slot] = bad[i].value;
		assert_int_equal(pin(m, COPY), -XEN_EINVAL);
		assert_int_equal(load(m, COPY), -XEN_EINVAL);
		page(m, COPY)[bad[i].slot] = good;
	}
	assert_data(m, COPY); /* nothing was left typed */
	/* What means the same, and Xen's slots, which a copy made on Xen has filled. */
	page(m, COPY)[0] ^= DIRTY;
	page(m, COPY)[1] = ~PRESENT;
	page(m, COPY)[256] = FOREIGN_MFN << 12 | TABLE;
	page(m, COPY)[271] = ~0ull;
	assert_int_equal(pin(m, COPY), 0);
	assert_int_equal(load(m, COPY), 0);
	compare(m);
}

/* ---- who holds it ---- */

static void is_a_table_while_loaded(void **state)
{
	struct machine *m = *state;

	assert_int_equal(pin(m, COPY), 0);
	for (unsigned v = 0; v < 2; v++) {
		on_vcpu(m, v);
		assert_int_equal(load(m, COPY), 0);
	}
	assert_int_equal(unpin(m, COPY), 0);
	for (unsigned v = 0; v < 2; v++) {
		assert_table(m, COPY);
		on_vcpu(m, v);
		assert_int_equal(load(m, v ? COPY + 1 : ROOT), 0);
	}
	assert_data(m, COPY);
	assert_table(m, COPY + 1);
	/* It can be pinned again before they have let go. */
	assert_int_equal(pin(m, COPY + 1), 0);
	assert_int_equal(load(m, ROOT), 0);
	assert_table(m, COPY + 1);
	compare(m);
}

/* The builder's root is a root as others are; what it was is not looked at any more. */
static void outlives_the_first(void **state)
{
	struct machine *m = *state;
	uint64_t word = 0;

	assert_int_equal(pin(m, COPY), 0);
	assert_int_equal(unpin(m, ROOT), 0);
	assert_table(m, ROOT);
	assert_int_equal(load(m, COPY), 0);
	assert_int_equal(make_writable(m, ROOT), 0);
	memset(page(m, ROOT), 0x77, PAGE);
	assert_int_equal(hv_pv_copy_from(m->d, &word, va(ROOT), 8), 0);
	assert_int_equal(word, 0x7777777777777777);
	lock_pages(m, 40, 1);
	assert_int_equal(store(m, L2, 1, leaf(40, TABLE)), 0);
	assert_int_equal(map(m, va(513), leaf(9, RW)), 0);
	assert_int_equal(noted_prot(m, va(513)), 7);
	/* The last one stays, pinned or not. */
	assert_int_equal(unpin(m, COPY), 0);
	assert_table(m, COPY);
	assert_int_equal(pin(m, ROOT), -XEN_EINVAL);
	memcpy(page(m, ROOT), page(m, COPY), PAGE);
	lock_pages(m, ROOT, 1);
	compare(m);
}

static void starts_vcpus_on_one(void **state)
{
	struct machine *m = *state;
	struct vcpu_guest_context *c = (void *)page(m, ARGS); /* of two pages */
	const unsigned nr = __HYPERVISOR_vcpu_op;

	memset(c, 0, sizeof(*c));
	c->ctrlreg[3] = xen_pfn_to_cr3(mfn(L3));
	assert_int_equal(call(m, nr, VCPUOP_initialise, 1, va(ARGS), 0), -XEN_EINVAL);
	c->ctrlreg[3] = xen_pfn_to_cr3(mfn(5));
	assert_int_equal(call(m, nr, VCPUOP_initialise, 1, va(ARGS), 0), -XEN_EINVAL);
	/* What fails afterwards holds nothing. */
	c->ctrlreg[3] = xen_pfn_to_cr3(mfn(COPY));
	c->gdt_ents = 1;
	c->gdt_frames[0] = mfn(L1);
	assert_int_equal(call(m, nr, VCPUOP_initialise, 1, va(ARGS), 0), -XEN_EINVAL);
	assert_data(m, COPY);
	lock_pages(m, 5, 1);
	c->gdt_frames[0] = mfn(5);
	c->ldt_ents = 1;
	c->ldt_base = va(6); /* mapped writable */
	assert_int_equal(call(m, nr, VCPUOP_initialise, 1, va(ARGS), 0), -XEN_EINVAL);
	assert_data(m, COPY);
	assert_int_equal(map(m, va(5), leaf(5, RW)), 0);
	assert_int_equal(pin(m, COPY), 0);
	memset(c, 0, sizeof(*c));
	c->ctrlreg[3] = xen_pfn_to_cr3(mfn(COPY));
	assert_int_equal(call(m, nr, VCPUOP_initialise, 1, va(ARGS), 0), 0);
	assert_int_equal(unpin(m, COPY), 0);
	assert_table(m, COPY);
	on_vcpu(m, 1);
	assert_int_equal(load(m, ROOT), 0);
	assert_data(m, COPY);
}

static void embedder_starts_vcpus(void **state)
{
	struct machine *m = *state;
	struct vcpu_guest_context c = { .ctrlreg = { [3] = xen_pfn_to_cr3(mfn(7)) } };

	assert_int_equal(hv_vcpu_start(hv_domain_vcpu(m->d, 1), &c), -XEN_EINVAL);
	c.ctrlreg[3] = xen_pfn_to_cr3(mfn(COPY));
	assert_int_equal(hv_vcpu_start(hv_domain_vcpu(m->d, 1), &c), 0);
	assert_table(m, COPY);
}

/* ---- entries of one of several ---- */

static void keeps_them_alike(void **state)
{
	struct machine *m = *state;

	lock_pages(m, 20, 2);
	page(m, 21)[0] = leaf(22, TABLE);
	page(m, 22)[3] = leaf(30, RW);
	lock_pages(m, 22, 1);
	page(m, 20)[4] = leaf(21, TABLE);
	assert_int_equal(pin(m, COPY), 0);
	for (unsigned i = 0; i < 2; i++) {
		unsigned root = i ? COPY : ROOT;

		assert_int_equal(store(m, root, 1, leaf(20, TABLE)), -XEN_EINVAL);
		assert_int_equal(store(m, root, 0, 0), -XEN_EINVAL);
		assert_int_equal(store(m, root, 0, leaf(L3, TABLE | NX)), -XEN_EINVAL);
		assert_int_equal(store(m, root, 0, leaf(20, TABLE)), -XEN_EINVAL);
		assert_int_equal(store(m, root, 0, leaf(L3, TABLE | DIRTY)), 0);
		assert_int_equal(store(m, root, 1, ~PRESENT), 0);
		assert_int_equal(store(m, root, 1, 0), 0);
		compare(m);
	}
	/* Below them the one table is everybody's. */
	assert_int_equal(store(m, L3, 5, leaf(21, TABLE)), 0);
	compare(m);
	assert_int_equal(store(m, L3, 5, 0), 0);
	/* With one left, the first or another, it may change. */
	assert_int_equal(unpin(m, COPY), 0);
	assert_int_equal(store(m, ROOT, 1, leaf(20, TABLE)), 0);
	compare(m);
	assert_int_equal(pin(m, COPY), -XEN_EINVAL);
	page(m, COPY)[1] = leaf(20, TABLE);
	assert_int_equal(load(m, COPY), 0);
	assert_int_equal(store(m, COPY, 1, 0), -XEN_EINVAL);
	assert_int_equal(unpin(m, ROOT), 0);
	assert_int_equal(store(m, COPY, 1, 0), 0);
	page(m, ROOT)[1] = 0; /* data, for compare() */
	compare(m);
	assert_int_equal(map(m, va(20), leaf(20, RW)), 0);
}

/* ---- anything, held against a model ---- */

struct model {
	bool pinned[COPIES];
	unsigned loaded[2]; /* a copy; COPIES: the builder's root */
};

static bool held(const struct model *o, unsigned i)
{
	return o->pinned[i] || o->loaded[0] == i || o->loaded[1] == i;
}

static void any_step(struct machine *m, struct model *o, uint64_t r)
{
	unsigned i = (unsigned)(r >> 8) % COPIES, v = (unsigned)(r >> 16) % 2;
	bool was = held(o, i);

	on_vcpu(m, v);
	switch ((r >> 24) % 5) {
	case 0:
		assert_int_equal(pin(m, COPY + i), o->pinned[i] ? -XEN_EINVAL : 0);
		o->pinned[i] = true;
		break;
	case 1:
		assert_int_equal(unpin(m, COPY + i), o->pinned[i] ? 0 : -XEN_EINVAL);
		o->pinned[i] = false;
		break;
	case 2:
		assert_int_equal(load(m, COPY + i), 0);
		o->loaded[v] = i;
		break;
	case 3:
		assert_int_equal(load(m, ROOT), 0);
		o->loaded[v] = COPIES;
		break;
	default:
		assert_int_equal(make_writable(m, COPY + i), was ? -XEN_EBUSY : 0);
		lock_pages(m, COPY + i, 1);
	}
}

static void any_order(void **state)
{
	struct machine *m = *state;
	struct model o = { .loaded = { COPIES, COPIES } };
	uint64_t seed = 88172645463325252ull;

	for (unsigned i = 0; i < 50000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		any_step(m, &o, seed >> 8);
	}
	on_vcpu(m, 0);
	compare(m);
}

#define TEST_COPIES(f) cmocka_unit_test_setup_teardown(f, set_up_copies, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_COPIES(pins_a_copy),
		TEST_COPIES(needs_no_writable_mapping),
		TEST_COPIES(loads_what_is_not_pinned),
		TEST_COPIES(says_what_the_others_say),
		TEST_COPIES(is_a_table_while_loaded),
		TEST_COPIES(outlives_the_first),
		TEST_COPIES(starts_vcpus_on_one),
		TEST_COPIES(embedder_starts_vcpus),
		TEST_COPIES(keeps_them_alike),
		TEST_COPIES(any_order),
	};

	return cmocka_run_group_tests_name("mm_roots", tests, NULL, NULL);
}
