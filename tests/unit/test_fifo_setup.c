/* SPDX-License-Identifier: MIT */
/*
 * Into the FIFO ABI and out of it: init_control, expand_array, set_priority and their errors in
 * order, growth to all ports, what is remembered over a switch, reset (scenarios 12, 13, 16, 23,
 * 28, 29). How events are queued is test_fifo.c.
 */
#include "fifo.h"

#define NO_FRAME 0x7fffffffffu

static uint64_t new_frame(struct bare *b)
{
	return testbed_frame(b->d0, testbed_page(b->d0));
}

/* Frames that exist but cannot be written by the hypervisor: a page table, shared memory. */
static uint64_t page_table(struct bare *b)
{
	struct {
		uint32_t cmd;
		uint64_t arg1, arg2;
	} pin = { 0 /* MMUEXT_PIN_L1_TABLE */, new_frame(b), 0 };
	uint64_t va = testbed_place(b->v0, AT_OK, 0, &pin, sizeof(pin));

	assert_rc(testbed_call(b->v0, __HYPERVISOR_mmuext_op, va, 1, 0, DOMID_SELF), 0);
	return pin.arg1;
}

static uint64_t shared_frame(struct bare *b, uint64_t mfn)
{
	static uint8_t page[HV_PAGE_SIZE] __attribute__((aligned(HV_PAGE_SIZE)));
	struct hv_memory m = { .mfn = mfn, .pages = 1, .host = page, .kind = HV_MEMORY_SHARED };

	assert_rc(hv_domain_add_memory(testbed_hv_domain(b->d0), &m), 0);
	return mfn;
}

static void init_control_errors(void **state)
{
	struct bare *b = *state;
	static const uint32_t offsets[] = { 1, 4, 4025, 4032, 4088, 4096, 0x80000000, 0xfffffff8 };
	uint64_t cb = new_frame(b), table = page_table(b), shared = shared_frame(b, 0x50000);
	unsigned blocks = testbed_blocks(b->tb);

	assert_fails(expand_array(b->v0, cb), EOPNOTSUPP);
	assert_fails(expand_array(b->v0, UINT64_MAX), EOPNOTSUPP);
	for (unsigned i = 0; i < ALEN(offsets); i++)
		assert_fails(init_control(b->v0, cb, offsets[i], 0), EINVAL);
	/* the vCPU is looked at before the offset, that before the frame */
	assert_fails(init_control(b->v0, cb, 0, 2), ENOENT);
	assert_fails(init_control(b->v0, cb, 4, 2), ENOENT);
	assert_fails(init_control(b->v0, cb, 0, UINT32_MAX), ENOENT);
	assert_fails(init_control(b->v0, UINT64_MAX, 0, 0), EINVAL);
	assert_fails(init_control(b->v0, NO_FRAME, 0, 0), EINVAL);
	assert_fails(init_control(b->v0, table, 0, 0), EINVAL);
	assert_fails(init_control(b->v0, shared, 0, 0), EINVAL);
	assert_fails(init_control_at(b->v0, AT_NULL, cb, 0, 0), EFAULT);
	assert_fails(init_control_at(b->v0, AT_UNMAPPED, cb, 0, 0), EFAULT);
	assert_fails(init_control_at(b->v0, AT_STRADDLE, cb, 0, 0), EFAULT);
	testbed_fail_alloc(b->tb, 0);
	assert_fails(init_control(b->v0, cb, 0, 0), ENOMEM);
	testbed_fail_alloc(b->tb, UINT64_MAX);
	/* nothing of all that is left: not the ABI, not the memory, not the frame's use */
	assert_fails(expand_array(b->v0, cb), EOPNOTSUPP);
	assert_int_equal(testbed_blocks(b->tb), blocks);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_fails(set_priority(b->v0, 1, 7), ENOSYS);
	/* the last offset that fits */
	assert_rc(init_control(b->v0, cb, 4024, 0), 17);
	assert_rc(set_priority(b->v0, 1, 7), 0);
	assert_fails(init_control(b->v0, cb, 4024, 0), EINVAL);
	assert_fails(init_control(b->v0, new_frame(b), 3, 0), EINVAL);
	/* vCPUs may share a page */
	assert_rc(init_control(b->v0, cb, 0, 1), 17);
	assert_fails(init_control(b->v0, cb, 0, 1), EINVAL);
	assert_fails(init_control(b->v0, cb, 0, 2), ENOENT);
}

static void expand_array_errors(void **state)
{
	struct bare *b = *state;
	uint64_t arr = new_frame(b), table = page_table(b);

	assert_rc(init_control(b->v0, new_frame(b), 0, 0), 17);
	assert_fails(expand_array(b->v0, NO_FRAME), EINVAL);
	assert_fails(expand_array(b->v0, table), EINVAL);
	assert_fails(expand_array_at(b->v0, AT_NULL, arr), EFAULT);
	assert_fails(expand_array_at(b->v0, AT_UNMAPPED, arr), EFAULT);
	assert_fails(expand_array_at(b->v0, AT_STRADDLE, arr), EFAULT);
	/* the same page may be given many times; 128 in all */
	for (unsigned i = 0; i < 127; i++)
		assert_rc(expand_array(b->v0, arr), 0);
	assert_rc(expand_array_at(b->v0, AT_READONLY, arr), 0);
	assert_fails(expand_array(b->v0, arr), ENOSPC);
	assert_fails(expand_array(b->v0, NO_FRAME), ENOSPC);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_fails(expand_array(b->v0, arr), EOPNOTSUPP);
	/* the answer cannot be written, but it is done */
	assert_fails(init_control_at(b->v0, AT_READONLY, new_frame(b), 8, 1), EFAULT);
	assert_rc(expand_array(b->v0, arr), 0);
	assert_fails(init_control(b->v0, new_frame(b), 8, 1), EINVAL);
	assert_rc(init_control(b->v0, new_frame(b), 512, 0), 17);
}

/* Pinned while they are in use, and no longer. */
static void frames_are_held(void **state)
{
	struct bare *b = *state;
	uint64_t cb = new_frame(b), arr = new_frame(b);
	struct {
		uint32_t cmd;
		uint64_t arg1, arg2;
	} pin = { 0 /* MMUEXT_PIN_L1_TABLE */, 0, 0 };
	uint64_t frames[] = { cb, arr };

	assert_rc(init_control(b->v0, cb, 0, 0), 17);
	assert_rc(init_control(b->v0, cb, 128, 1), 17);
	assert_rc(expand_array(b->v0, arr), 0);
	assert_rc(expand_array(b->v0, arr), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2; i++) {
			uint64_t va;
			long rc;

			pin.arg1 = frames[i];
			va = testbed_place(b->v0, AT_OK, 0, &pin, sizeof(pin));
			rc = testbed_call(b->v0, __HYPERVISOR_mmuext_op, va, 1, 0, DOMID_SELF);
			assert_int_equal(rc == 0, round == 1);
		}
		if (round == 0)
			assert_rc(op_reset(b->v0, SELF), 0);
	}
}

static void priority_errors(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 16, 255, 0x80000000, 0xffffffff };
	static const uint32_t closed[] = { 0, 40, 63 };
	static const uint32_t beyond[] = { 64, 4096, 131071, 131072, 0xffffffff };

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_fails(set_priority(b->v0, 1, 16), ENOSYS);
	assert_fails(set_priority(b->v0, 40, 7), ENOSYS);
	assert_fails(set_priority(b->v0, 64, 7), EINVAL);
	assert_rc(init_control(b->v0, new_frame(b), 0, 0), 17);
	assert_rc(expand_array(b->v0, new_frame(b)), 0);
	for (uint32_t p = 0; p < 16; p++)
		assert_rc(set_priority(b->v0, 1, p), 0);
	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_fails(set_priority(b->v0, 1, bad[i]), EINVAL);
	for (unsigned i = 0; i < ALEN(closed); i++) {
		assert_fails(set_priority(b->v0, closed[i], 3), EACCES);
		assert_fails(set_priority(b->v0, closed[i], 16), EACCES);
	}
	for (unsigned i = 0; i < ALEN(beyond); i++)
		assert_fails(set_priority(b->v0, beyond[i], 3), EINVAL);
	assert_fails(set_priority_at(b->v0, AT_NULL, 1, 3), EFAULT);
	assert_fails(set_priority_at(b->v0, AT_UNMAPPED, 1, 3), EFAULT);
	assert_fails(set_priority_at(b->v0, AT_STRADDLE, 1, 3), EFAULT);
	assert_rc(set_priority_at(b->v0, AT_READONLY, 1, 3), 0);
}

/* Scenario 16: a vCPU without a control block loses what was pending, the others do not. */
static void switch_with_events_pending(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = { .d = b->d0 };

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_rc(op_bind_ipi(b->v0, 1), 3);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 3), 0);
	mem_clear_upcall(b->v0);
	give_block(&f, 0, 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_bits(b->d0, 2, 0, 0);
	assert_upcall(b->v0, 0, 0);
	assert_rc(set_priority(b->v0, 1, 2), 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 4);
	assert_rc(op_close(b->v0, 4), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 4);
	give_page(&f, NULL);
	assert_word(&f, 1, "PL");
	assert_word(&f, 2, "PL");
	assert_word(&f, 3, "-");
	assert_queue(&f, 0, 2, 1, 1);
	assert_queue(&f, 0, 7, 1, 2);
	assert_upcall(b->v0, 1, 0);
	give_block(&f, 1, 0);
	assert_word(&f, 3, "-");
	assert_queue(&f, 1, 7, 0, 0);
	assert_rc(op_send(b->v0, 3), 0);
	assert_word(&f, 3, "PL");
	assert_queue(&f, 1, 7, 1, 3);
}

/* Scenario 28. */
static void there_and_back(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = { .d = b->d0 };

	for (uint32_t p = 1; p <= 3; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_send(b->v0, 1), 0);
	mem_set_masked(b->d0, 2, true);
	assert_rc(op_send(b->v0, 2), 0);
	mem_clear_upcall(b->v0);
	give_block(&f, 0, 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(b->d0, 2, 1, 1);
	assert_rc(op_send(b->v0, 3), 0);
	assert_bits(b->d0, 3, 0, 0);
	assert_rc(op_close(b->v0, 3), 0);
	/* the mask is not taken along; a port closed meanwhile is raised all the same, and busy */
	give_page(&f, NULL);
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL>3");
	assert_word(&f, 3, "PL");
	assert_queue(&f, 0, 7, 1, 1);
	assert_status(b->v0, SELF, 3, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 4);
	assert_int_equal(drain(&f, 0, 7), 3);
	assert_rc(op_bind_ipi(b->v0, 0), 3);
	assert_rc(op_close(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_bits(b->d0, 2, 1, 1);
	/* stale bits: events are merged into them until the guest clears them */
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 0, 0);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 1, 1);
	mem_set_pending(b->d0, 1, false);
	mem_set_pending(b->d0, 2, false);
	/* what was remembered the first time is raised again */
	forget_all(&f);
	give_block(&f, 0, 0);
	give_page(&f, NULL);
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL>3");
	assert_word(&f, 3, "PL");
	assert_rc(op_bind_ipi(b->v0, 0), 4);
}

/* Priorities do not survive the way back; the queue that a port was last on is no trap. */
static void back_with_ports_moved(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);

	for (unsigned round = 0; round < 3; round++) {
		assert_rc(op_bind_ipi(b->v0, 1), 1);
		assert_rc(op_bind_ipi(b->v0, 0), 2);
		if (round < 2) {
			assert_rc(set_priority(b->v0, 1, 12), 0);
			assert_rc(set_priority(b->v0, 2, 12), 0);
		}
		assert_rc(op_send(b->v0, 1), 0);
		assert_rc(op_send(b->v0, 2), 0);
		assert_queue(&f, 1, round < 2 ? 12 : 7, 1, 1);
		assert_queue(&f, 0, round < 2 ? 12 : 7, 1, 2);
		assert_rc(op_reset(b->v0, SELF), 0);
		/* its new life begins in the 2-level ABI */
		if (round == 1) {
			assert_rc(op_bind_ipi(b->v0, 1), 1);
			assert_rc(op_bind_ipi(b->v0, 0), 2);
		}
		f = fifo_begin(b->d0, 2);
		if (round == 1) {
			assert_rc(op_close(b->v0, 1), 0);
			assert_rc(op_close(b->v0, 2), 0);
		}
	}
	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(op_reset(b->v0, SELF), 0);
}

/* A port bound under the 2-level ABI has the default priority, whatever it had before that. */
static void default_priority_after_the_switch(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(set_priority(b->v0, 1, 3), 0);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	f = fifo_begin(b->d0, 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_queue(&f, 0, 7, 1, 1);
	assert_queue(&f, 0, 3, 0, 0);
}

/* Scenario 23: events on ports whose page is not there yet; more ports than the 2-level ABI has. */
static void ports_without_a_page(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = { .d = b->d0 };
	void *same = testbed_page(b->d0);

	give_block(&f, 0, 0);
	for (uint32_t p = 1; p <= 5000; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_status(b->v0, SELF, 5055, "closed vcpu=0");
	assert_status(b->v0, SELF, 5056, "-22");
	assert_rc(op_send(b->v0, 1023), 0);
	assert_rc(op_send(b->v0, 1024), 0);
	assert_rc(op_send(b->v0, 4096), 0);
	assert_rc(op_send(b->v0, 5000), 0);
	assert_queue(&f, 0, 7, 0, 0);
	assert_upcall(b->v0, 0, 0);
	give_page(&f, NULL);
	assert_queue(&f, 0, 7, 1, 1023);
	assert_upcall(b->v0, 1, 0);
	assert_word(&f, 1024, "no word");
	give_page(&f, NULL);
	assert_word(&f, 1024, "PL");
	assert_word(&f, 1023, "PL>1024");
	for (unsigned i = 0; i < 3; i++)
		give_page(&f, same);
	/* 4096 and 2048 share a word */
	assert_word(&f, 4096, "PL>5000");
	assert_word(&f, 2048, "PL>5000");
	assert_word(&f, 5000, "PL");
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop(&f, 0, 7), 1023);
	assert_rc(pop(&f, 0, 7), 1024);
	assert_rc(pop(&f, 0, 7), 4096);
	/* back: the ports above 4095 stay valid, but cannot be allocated */
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_status(b->v0, SELF, 4096, "closed vcpu=0");
	assert_status(b->v0, SELF, 5056, "-22");
	assert_rc(op_unmask(b->v0, 4096), 0);
	assert_fails(op_close(b->v0, 4096), EINVAL);
	assert_fails(op_send(b->v0, 4096), EINVAL);
	for (uint32_t p = 1; p < 4096; p++)
		assert_rc(op_alloc_unbound(b->v0, SELF, SELF), p);
	assert_fails(op_alloc_unbound(b->v0, SELF, SELF), ENOSPC);
	assert_fails(op_bind_ipi(b->v0, 0), ENOSPC);
	forget_all(&f);
	give_block(&f, 0, 0);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 4096);
	assert_rc(op_bind_ipi(b->v0, 0), 4097);
}

/* Scenario 29, and the last word of the last page. */
static void all_ports(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1;
	struct fifo_view f;
	struct testbed_vcpu *v;

	d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 2, .pages = 160 }, NULL);
	v = testbed_vcpu(d1, 0);
	f = (struct fifo_view){ .d = d1 };
	give_block(&f, 0, 0);
	for (uint32_t p = 1; p <= 131071; p++)
		assert_rc(op_bind_ipi(v, 0), p);
	assert_fails(op_bind_ipi(v, 0), ENOSPC);
	assert_fails(op_bind_virq(v, VIRQ_DEBUG, 0), ENOSPC);
	assert_fails(op_bind_interdomain(v, SELF, 5), ENOSPC);
	assert_status(v, SELF, 131071, "ipi vcpu=0");
	assert_status(v, SELF, 131072, "-22");
	assert_rc(op_send(v, 131071), 0);
	assert_fails(op_send(v, 131072), EINVAL);
	assert_rc(set_priority(v, 131071, 1), 0);
	assert_fails(set_priority(v, 131072, 1), EINVAL);
	assert_fails(op_close(v, 131072), EINVAL);
	for (unsigned i = 0; i < 128; i++)
		give_page(&f, NULL);
	assert_word(&f, 131071, "PL");
	assert_queue(&f, 0, 1, 1, 131071);
	assert_rc(set_priority(v, 131070, 1), 0);
	assert_rc(op_send(v, 131070), 0);
	assert_rc(set_priority(v, 131071, 0), 0);
	assert_word(&f, 131071, "PL>131070");
	assert_int_equal(drain(&f, 0, 1), 2);
	assert_rc(op_close(v, 131071), 0);
	assert_rc(op_alloc_unbound(v, SELF, SELF), 131071);
	assert_rc(op_close(v, 4096), 0);
	assert_rc(op_close(v, 70000), 0);
	assert_rc(op_bind_virq(v, VIRQ_DEBUG, 0), 4096);
	assert_rc(op_bind_ipi(v, 1), 70000);
	assert_rc(op_reset(v, SELF), 0);
	assert_rc(op_bind_ipi(v, 0), 1);
}

/* Scenario 26: an unprivileged domain, and reset from outside. */
static void only_one_of_two_domains(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);
	struct fifo_view f = { .d = d1 };
	event_word_t old;

	assert_rc(op_alloc_unbound(b->v0, 1, 0), 1);
	assert_rc(op_bind_interdomain(b->v0, 1, 1), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(v, 1, 1);
	assert_fails(init_control(v, new_frame(b), 0, 0), EINVAL);
	give_block(&f, 0, 16);
	assert_fails(expand_array(v, 0), EINVAL);
	assert_fails(expand_array(v, new_frame(b)), EINVAL);
	give_page(&f, NULL);
	assert_fails(set_priority(b->v0, 1, 7), ENOSYS);
	assert_fails(expand_array(b->v0, new_frame(b)), EOPNOTSUPP);
	assert_word(&f, 1, "PL");
	assert_bits(d1, 1, 1, 0);
	assert_queue(&f, 0, 7, 1, 1);
	assert_rc(set_priority(v, 1, 1), 0);
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop_word(&f, 0, 7, &old), 1);
	assert_int_equal(old, PENDING | LINKED);
	word_clear(&f, 1, PENDING);
	mem_clear_upcall(v);
	assert_rc(op_send(b->v0, 1), 0);
	assert_queue(&f, 0, 1, 1, 1);
	assert_upcall(v, 1, 0);
	assert_rc(op_send(v, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	/* another domain that allocates there honours LINKED */
	assert_rc(op_bind_ipi(v, 0), 2);
	assert_rc(op_send(v, 2), 0);
	assert_rc(op_close(v, 2), 0);
	assert_word(&f, 2, "L");
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 3);
	assert_int_equal(drain(&f, 0, 7), 1);
	assert_rc(op_alloc_unbound(b->v0, 1, 0), 2);
	assert_fails(op_reset(b->v0, 1), EINVAL);
	hv_domain_pause(testbed_hv_domain(d1));
	assert_rc(op_reset(b->v0, 1), 0);
	hv_domain_unpause(testbed_hv_domain(d1));
	assert_fails(expand_array(v, testbed_frame(d1, f.page[0])), EOPNOTSUPP);
	assert_rc(op_bind_ipi(v, 0), 1);
	assert_fails(set_priority(v, 1, 7), ENOSYS);
	assert_bits(d1, 1, 1, 0);
}

/* A domain dies with blocks, pages and events: nothing is left (bare_teardown counts). */
static void death_in_the_fifo_abi(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = bare_domain(b, 1, true);
	struct fifo_view f = fifo_begin(d1, 1);
	unsigned blocks;

	assert_rc(op_bind_ipi(testbed_vcpu(d1, 0), 0), 1);
	assert_rc(op_send(testbed_vcpu(d1, 0), 1), 0);
	assert_word(&f, 1, "PL");
	testbed_domain_destroy(d1);
	blocks = testbed_blocks(b->tb);
	d1 = bare_domain(b, 1, true);
	f = fifo_begin(d1, 1);
	assert_rc(op_bind_ipi(testbed_vcpu(d1, 0), 0), 1);
	assert_word(&f, 1, "-");
	testbed_domain_destroy(d1);
	assert_int_equal(testbed_blocks(b->tb), blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(init_control_errors),
		bare_test(expand_array_errors),
		bare_test(frames_are_held),
		bare_test(priority_errors),
		bare_test(switch_with_events_pending),
		bare_test(there_and_back),
		bare_test(back_with_ports_moved),
		bare_test(default_priority_after_the_switch),
		bare_test(ports_without_a_page),
		bare_test(all_ports),
		bare_test(only_one_of_two_domains),
		bare_test(death_in_the_fifo_abi),
	};

	return cmocka_run_group_tests_name("fifo_setup", tests, NULL, NULL);
}
