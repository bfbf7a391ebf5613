/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit domain's events: its shared pages in their layout, 1,024 ports and 32-bit selectors, a
 * vcpu_info of its own, FIFO and back, channels to a 64-bit domain. The other hypercalls of such a
 * domain are in test_compat_calls.c.
 */
#include <xen/vcpu.h>

#include "bare.h"
#include "fifo.h"

static struct compat_shared_info *shared(struct bare *b)
{
	return testbed_shared_info32(b->d0);
}

static struct testbed_vcpu *wide_domain(struct bare *b, domid_t id)
{
	return testbed_vcpu(bare_domain(b, id, true), 0);
}

/* Words are where a 32-bit guest looks, by numbers: nothing of this is computed from a structure.
 */
static void places(void **state)
{
	struct bare *b = *state;
	uint8_t *page = (uint8_t *)shared(b);

	assert_null(testbed_shared_info(b->d0));
	assert_int_equal(page[64 * 0 + 1], 1); /* evtchn_upcall_mask of each vCPU */
	assert_int_equal(page[64 * 31 + 1], 1);
	for (uint32_t i = 1; i < 100; i++)
		assert_rc(op_bind_ipi(b->v0, i % 2), i);
	assert_rc(op_send(b->v0, 70), 0);
	assert_int_equal(page[2048 + 70 / 8], 1 << 70 % 8); /* evtchn_pending */
	assert_int_equal(page[64 * 0 + 0], 1);		    /* evtchn_upcall_pending */
	assert_int_equal(page[64 * 0 + 4], 1 << 70 / 32);   /* evtchn_pending_sel */
	page[2048 + 128 + 71 / 8] = 1 << 71 % 8;	    /* evtchn_mask */
	assert_rc(op_send(b->v0, 71), 0);
	assert_int_equal(page[64 * 1 + 0], 0);
	assert_rc(op_unmask(b->v0, 71), 0);
	assert_int_equal(page[2048 + 128 + 71 / 8], 0);
	assert_int_equal(page[64 * 1 + 0], 1);
	assert_int_equal(page[64 * 1 + 4], 1 << 71 / 32);
	/* where a 64-bit domain has its selector and its mask */
	assert_int_equal(page[64 * 0 + 8], 0);
	assert_int_equal(page[2048 + 512 + 71 / 8], 0);
}

static void clocks(void **state)
{
	struct bare *b = *state;
	uint8_t *page = (uint8_t *)shared(b);
	const struct compat_shared_info *s = shared(b);
	struct vcpu_time_info t;
	uint32_t word;

	testbed_advance(b->tb, 5 * TESTBED_MS);
	hv_set_clock(testbed_hv(b->tb), 0x123456789abcdef0, 0xfedcba9876543210, 0x80000000u, -3);
	hv_set_wallclock(testbed_hv(b->tb), 0x500000007, 9);
	for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
		memcpy(&t, page + 64 * vcpu + 32, sizeof(t));
		assert_int_equal(t.version % 2, 0);
		assert_true(t.version > 0);
		assert_int_equal(t.tsc_timestamp, 0x123456789abcdef0);
		assert_int_equal(t.system_time, 0xfedcba9876543210);
		assert_int_equal(t.tsc_to_system_mul, 0x80000000u);
		assert_int_equal(t.tsc_shift, -3);
		assert_int_equal(t.flags, XEN_PVCLOCK_TSC_STABLE_BIT);
	}
	memcpy(&word, page + 2304 + 4, sizeof(word)); /* wc_sec */
	assert_int_equal(word, 7);
	memcpy(&word, page + 2304 + 8, sizeof(word)); /* wc_nsec */
	assert_int_equal(word, 9);
	memcpy(&word, page + 2316 + 24, sizeof(word)); /* arch.wc_sec_hi */
	assert_int_equal(word, 5);
	assert_int_equal(s->wc_version % 2, 0);
	assert_true(s->wc_version > 0);
}

/* Every port's pending bit and selector, and the last port. */
static void all_ports(void **state)
{
	struct bare *b = *state;

	for (uint32_t port = 1; port < 1024; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	assert_fails(op_bind_ipi(b->v0, 0), ENOSPC);
	assert_fails(op_alloc_unbound(b->v0, SELF, 0), ENOSPC);
	assert_fails(op_bind_virq(b->v0, VIRQ_TIMER, 0), ENOSPC);
	for (uint32_t port = 1; port < 1024; port++) {
		mem_clear_upcall(b->v0);
		assert_rc(op_send(b->v0, port), 0);
		assert_bits(b->d0, port, 1, 0);
		assert_upcall(b->v0, true, UINT64_C(1) << port / 32);
		assert_int_equal(shared(b)->evtchn_pending[port / 32] & 1u << port % 32,
				 1u << port % 32);
	}
	assert_int_equal(shared(b)->wc_nsec, 5);
	assert_rc(op_close(b->v0, 1023), 0);
	assert_bits(b->d0, 1023, 0, 0);
	assert_bits(b->d0, 1022, 1, 0);
	assert_rc(op_bind_ipi(b->v0, 1), 1023);
	assert_fails(op_send(b->v0, 1024), EINVAL);
	assert_fails(op_unmask(b->v0, 1024), EINVAL);
}

static long register_info(struct bare *b, uint32_t vcpu, const void *page, uint32_t offset)
{
	struct vcpu_register_vcpu_info r = { .mfn = testbed_frame(b->d0, page), .offset = offset };

	return op_vcpu(b->v0, VCPUOP_register_vcpu_info, vcpu, &r, sizeof(r));
}

static void own_vcpu_info(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);
	uint8_t *page = testbed_page(b->d0);
	struct compat_vcpu_info *old = &shared(b)->vcpu_info[1], *new = (void *)(page + 132);
	uint64_t mfn = 7;
	unsigned offset = 7;

	memset(page, 0xee, HV_PAGE_SIZE);
	old->arch.cr2 = 0x1234;
	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_fails(register_info(b, 1, page, HV_PAGE_SIZE - 60), ENXIO);
	assert_fails(register_info(b, 1, page, 130), ENXIO); /* i386 aligns it to 4 bytes, not 8 */
	assert_ptr_equal(hv_vcpu_info32(v1, NULL, NULL), old);
	assert_null(hv_vcpu_info(v1, &mfn, &offset));
	assert_int_equal(mfn, 7);
	assert_int_equal(offset, 7);

	assert_rc(register_info(b, 1, page, 132), 0);
	assert_ptr_equal(hv_vcpu_info32(v1, &mfn, &offset), new);
	assert_int_equal(mfn, testbed_frame(b->d0, page));
	assert_int_equal(offset, 132);
	assert_int_equal(new->arch.cr2, 0x1234);
	assert_int_equal(new->evtchn_upcall_mask, 1);
	assert_upcall(b->v1, true, UINT32_MAX);
	assert_int_equal(new->time.tsc_to_system_mul, 0x80000000u);
	assert_int_equal(page[131], 0xee);
	assert_int_equal(page[132 + 64], 0xee);
	/* events and clocks go there from now on */
	mem_clear_upcall(b->v1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v1, true, 1);
	assert_int_equal(old->evtchn_upcall_pending, 0);
	hv_set_clock(testbed_hv(b->tb), 0x1111222233334444, 0x5555666677778888, 3, 1);
	assert_true(new->time.tsc_timestamp == 0x1111222233334444);
	assert_true(new->time.system_time == 0x5555666677778888);
	assert_fails(register_info(b, 1, page, 256), EINVAL);
	/* the last place of a page */
	assert_rc(register_info(b, 0, page, HV_PAGE_SIZE - 64), 0);
}

static void info_of_the_other_width(void **state)
{
	struct bare *b = *state;
	struct hv_vcpu *wide = testbed_hv_vcpu(wide_domain(b, 1));

	assert_true(hv_domain_is_compat32(testbed_hv_domain(b->d0)));
	assert_false(hv_domain_is_compat32(hv_vcpu_domain(wide)));
	assert_non_null(hv_vcpu_info(wide, NULL, NULL));
	assert_null(hv_vcpu_info32(wide, NULL, NULL));
}

/* A 64-bit domain beside: neither's words are written in the other's layout. */
static void between_widths(void **state)
{
	struct bare *b = *state;
	struct testbed_vcpu *wide = wide_domain(b, 1);
	struct testbed_domain *d1 = testbed_vcpu_domain(wide);
	uint32_t here, there;

	for (uint32_t port = 1; port <= 100; port++) /* ports whose word differs by width */
		assert_rc(op_alloc_unbound(b->v0, SELF, 1), port);
	for (uint32_t port = 1; port < 70; port++)
		assert_rc(op_bind_ipi(wide, 0), port);
	here = 100;
	there = (uint32_t)op_bind_interdomain(wide, 0, here);
	assert_int_equal(there, 70);
	assert_bits(d1, there, 1, 0);
	assert_upcall(wide, true, 1 << 70 / 64);
	assert_rc(op_send(wide, there), 0);
	assert_bits(b->d0, here, 1, 0);
	assert_upcall(b->v0, true, 1 << 100 / 32);

	mem_clear_upcall(wide);
	mem_set_pending(d1, there, false);
	mem_set_masked(d1, there, true);
	assert_rc(op_send(b->v0, here), 0);
	assert_bits(d1, there, 1, 1);
	assert_upcall(wide, false, 0);
	assert_rc(op_unmask(wide, there), 0);
	assert_upcall(wide, true, 2);

	mem_clear_upcall(b->v0);
	mem_set_pending(b->d0, here, false);
	mem_set_masked(b->d0, here, true);
	assert_rc(op_send(wide, there), 0);
	assert_upcall(b->v0, false, 0);
	assert_rc(op_unmask(b->v0, here), 0);
	assert_upcall(b->v0, true, 8);

	assert_rc(op_close(wide, there), 0);
	assert_status(b->v0, SELF, here, "unbound vcpu=0 dom=1");
	assert_rc(op_bind_interdomain(wide, 0, here), there);
	assert_rc(op_close(b->v0, here), 0);
	assert_bits(b->d0, here, 0, 0);
	assert_status(wide, SELF, there, "unbound vcpu=0 dom=0");
	assert_rc(op_bind_interdomain(b->v0, 1, there), 100);
	testbed_domain_destroy(d1);
	assert_status(b->v0, SELF, here, "unbound vcpu=0 dom=1");
	assert_rc(op_send(b->v0, here), 0);
}

/* The 32-bit one dies. */
static void narrow_peer_dies(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *narrow = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 3, .compat32 = true }, NULL);
	struct testbed_vcpu *v = testbed_vcpu(narrow, 0);

	assert_rc(op_alloc_unbound(v, SELF, 0), 1);
	assert_rc(op_bind_interdomain(b->v0, 3, 1), 1);
	assert_rc(op_send(v, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	testbed_domain_destroy(narrow);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=3");
}

static void move_to_fifo_and_back(void **state)
{
	struct bare *b = *state;
	void *block = testbed_page(b->d0);
	event_word_t *words = testbed_page(b->d0);
	struct evtchn_fifo_control_block *cb = block;

	for (uint32_t port = 1; port < 1024; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	assert_rc(op_send(b->v0, 33), 0);
	assert_rc(op_send(b->v0, 1023), 0);
	/* not its bits: where a 64-bit domain would have those of ports 2048 and on */
	memset((uint8_t *)shared(b) + 3072, 0xff, 1024);
	assert_int_equal(init_control(b->v0, testbed_frame(b->d0, block), 0, 0),
			 EVTCHN_FIFO_LINK_BITS);
	assert_rc(expand_array(b->v0, testbed_frame(b->d0, words)), 0);
	/* what was pending is raised anew, and nothing else */
	for (uint32_t port = 1; port < 1024; port++)
		assert_int_equal(!!(words[port] & PENDING), port == 33 || port == 1023);
	assert_int_equal(cb->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
	assert_int_equal(cb->head[EVTCHN_FIFO_PRIORITY_DEFAULT], 33);
	assert_int_equal(words[33] & LINK, 1023);
	/* more ports than the 2-level ABI has in either width */
	assert_rc(op_bind_ipi(b->v0, 0), 1024);

	assert_rc(op_reset(b->v0, SELF), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	mem_set_pending(b->d0, 1, false);
	mem_clear_upcall(b->v0);
	words[1] = 0;
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, true, 1);
	assert_int_equal(words[1], 0);
	for (uint32_t port = 2; port < 1024; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	assert_fails(op_bind_ipi(b->v0, 0), ENOSPC);
}

/* All numbers of the old entry and of the new one go by the same structures in both widths. */
static void by_the_old_entry(void **state)
{
	struct bare *b = *state;
	struct evtchn_status s;

	ops_compat(b->v0);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	ops_compat(b->v0);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	ops_compat(b->v0);
	assert_rc(op_status(b->v0, SELF, 2, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_interdomain);
	assert_int_equal(s.u.interdomain.port, 1);
	ops_compat(b->v0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_bits(b->d0, 1, 1, 0);
	ops_compat(b->v0);
	assert_rc(op_bind_vcpu(b->v0, 1, 1), 0);
	assert_status(b->v0, SELF, 1, "interdomain vcpu=1 dom=0 port=2");
	ops_compat(b->v0);
	ops_at(b->v0, AT_STRADDLE);
	assert_fails(op_close(b->v0, 1), EFAULT);
}

static void interrupts(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 4, 4);
	assert_rc(op_bind_pirq(b->v0, 4, 0), 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 2);
	hv_irq_raise(testbed_hv(b->tb), 4);
	hv_vcpu_virq(testbed_hv_vcpu(b->v0), VIRQ_DEBUG);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, true, 1);
	assert_rc(op_eoi(b->v0, 4), 0);
}

/* What the embedder sees of a port is by the same words. */
static void port_info(void **state)
{
	struct bare *b = *state;
	struct hv_port_info info;

	for (uint32_t port = 1; port < 100; port++)
		assert_rc(op_bind_ipi(b->v0, 0), port);
	mem_set_masked(b->d0, 99, true);
	assert_rc(op_send(b->v0, 99), 0);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 99, &info), 0);
	assert_true(info.pending);
	assert_true(info.masked);
	assert_true(info.has_word);
	assert_false(info.selected);
	assert_rc(op_unmask(b->v0, 99), 0);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 99, &info), 0);
	assert_false(info.masked);
	assert_true(info.selected);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 5, &info), 0);
	assert_false(info.selected); /* another word */
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 98, &info), 0);
	assert_false(info.pending);
	assert_false(info.masked);
}

static void not_pv(void **state)
{
	struct bare *b = *state;
	void *page = testbed_page(b->d0);

	assert_fails(hv_pv_adopt(testbed_hv_domain(b->d0), testbed_frame(b->d0, page)), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test_32(places),
		bare_test_32(clocks),
		bare_test_32(all_ports),
		bare_test_32(own_vcpu_info),
		bare_test_32(info_of_the_other_width),
		bare_test_32(between_widths),
		bare_test(narrow_peer_dies),
		bare_test_32(move_to_fifo_and_back),
		bare_test_32(by_the_old_entry),
		bare_test_32(interrupts),
		bare_test_32(port_info),
		bare_test_32(not_pv),
	};

	return cmocka_run_group_tests_name("compat", tests, NULL, NULL);
}
