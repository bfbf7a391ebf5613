/* SPDX-License-Identifier: MIT */
/*
 * FIFO events: words, queues, ready bits, upcalls, ports that move and ports that are used again,
 * polls, guests that write what they may not (scenarios 13, 14, 15, 25, 33, 35). How a domain comes
 * into the FIFO ABI is test_fifo_setup.c.
 */
#include <xen/vcpu.h>

#include "fifo.h"

#define MS TESTBED_MS

/* IPIs of vCPU 0 with the numbers first .. last. */
static void bind_ipis(struct testbed_vcpu *v, uint32_t first, uint32_t last)
{
	for (uint32_t p = first; p <= last; p++)
		assert_rc(op_bind_ipi(v, 0), p);
}

/* Three events, one behind the other, and again. */
static void order_and_links(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);

	bind_ipis(b->v0, 1, 3);
	assert_word(&f, 1, "-");
	assert_queue(&f, 0, 7, 0, 0);
	assert_upcall(b->v0, 0, 0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PL");
	assert_queue(&f, 0, 7, 1, 1);
	assert_upcall(b->v0, 1, 0);
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(op_send(b->v0, 1), 0); /* pending already */
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL>3");
	assert_word(&f, 3, "PL");
	assert_queue(&f, 0, 7, 1, 1);
	assert_upcall(b->v0, 0, 0);
	assert_int_equal(take_ready(&f, 0), 0x80);
	for (uint32_t p = 1; p <= 3; p++) {
		assert_rc(pop(&f, 0, 7), p);
		assert_word(&f, p, "P");
		word_clear(&f, p, PENDING);
	}
	assert_queue(&f, 0, 7, 0, 1);
	/* the guest has read the tail: 3 is the new head, not linked behind itself */
	assert_rc(op_send(b->v0, 3), 0);
	assert_word(&f, 3, "PL");
	assert_queue(&f, 0, 7, 1, 3);
	assert_upcall(b->v0, 1, 0);
}

/* Taken off by the guest while the rest is queued: linked again behind the rest. */
static void sent_again_while_the_queue_lasts(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 3);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop(&f, 0, 7), 1);
	/* not handled yet, so pending still: queued all the same */
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 2, "PL>1");
	assert_word(&f, 1, "PL");
	assert_queue(&f, 0, 7, 0, 1);
	assert_rc(pop(&f, 0, 7), 2);
	assert_rc(pop(&f, 0, 7), 1);
	assert_rc(op_send(b->v0, 3), 0);
	/* the old tail has no link left of what was tried */
	assert_word(&f, 1, "P");
	assert_queue(&f, 0, 7, 1, 3);
}

static void pending_cleared_while_linked(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 2);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	word_clear(&f, 1, PENDING);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL");
	assert_int_equal(drain(&f, 0, 7), 2);
}

static void masks(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 2);
	/* masked: pending, nothing else; unmask queues it */
	word_set(&f, 1, MASKED);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PM");
	assert_queue(&f, 0, 7, 0, 0);
	assert_upcall(b->v0, 0, 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_word(&f, 1, "PL");
	assert_queue(&f, 0, 7, 1, 1);
	assert_upcall(b->v0, 1, 0);
	assert_int_equal(drain(&f, 0, 7), 1);
	/* not pending: nothing to queue */
	word_set(&f, 1, MASKED);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_word(&f, 1, "-");
	/* never masked, pending, not linked: queued, unlike in the 2-level ABI */
	mem_clear_upcall(b->v0);
	word_set(&f, 1, PENDING);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_word(&f, 1, "PL");
	assert_upcall(b->v0, 1, 0);
	/* masked after it was linked: not linked twice */
	assert_rc(op_send(b->v0, 2), 0);
	word_set(&f, 1, MASKED);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL");
	assert_int_equal(drain(&f, 0, 7), 2);
	/* taken off while masked: pending it stays, and unmask brings it back */
	assert_rc(op_send(b->v0, 1), 0);
	word_set(&f, 1, MASKED);
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop(&f, 0, 7), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PM");
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_queue(&f, 0, 7, 1, 1);
	/* ports not in use keep their mask */
	word_set(&f, 50, MASKED | PENDING);
	assert_rc(op_unmask(b->v0, 50), 0);
	assert_word(&f, 50, "PM");
	assert_fails(op_unmask(b->v0, 64), EINVAL);
}

static void queues_are_separate(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);

	bind_ipis(b->v0, 1, 16);
	assert_rc(op_bind_ipi(b->v0, 1), 17);
	for (uint32_t i = 0; i < 16; i++)
		assert_rc(set_priority(b->v0, 1 + i, i), 0);
	for (uint32_t i = 0; i < 16; i++) {
		assert_rc(op_send(b->v0, 1 + i), 0);
		assert_queue(&f, 0, i, 1, 1 + i);
		assert_word(&f, 1 + i, "PL");
	}
	assert_upcall(b->v1, 0, 0);
	assert_rc(op_send(b->v0, 17), 0);
	assert_upcall(b->v1, 1, 0);
	assert_int_equal(take_ready(&f, 0), 0xffff);
	assert_int_equal(take_ready(&f, 1), 0x80);
	/* a ready bit each is told once, whichever comes first */
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 0, 0);
	assert_rc(pop(&f, 0, 0), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 1, 0);
	/* the number is used anew with the default priority */
	assert_rc(pop(&f, 0, 3), 4);
	assert_rc(op_close(b->v0, 4), 0);
	bind_ipis(b->v0, 4, 4);
	assert_rc(op_send(b->v0, 4), 0);
	assert_word(&f, 8, "PL>4");
}

/* Sender and guest meet at the ready bit: told again only after the guest took it. */
static void ready_and_upcall(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 2);
	assert_rc(op_send(b->v0, 1), 0);
	mem_clear_upcall(b->v0);
	/* taken off without the ready bit being taken: the new head is ready already */
	assert_rc(pop(&f, 0, 7), 1);
	assert_rc(op_send(b->v0, 2), 0);
	assert_queue(&f, 0, 7, 1, 2);
	assert_upcall(b->v0, 0, 0);
}

static void moved_while_queued(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);

	bind_ipis(b->v0, 1, 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_bind_interdomain(b->v0, SELF, 2), 3);
	assert_int_equal(drain(&f, 0, 7), 1); /* 3: binding raised it */
	/* another priority: from the next time on */
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(set_priority(b->v0, 1, 2), 0);
	word_clear(&f, 1, PENDING);
	assert_rc(op_send(b->v0, 1), 0);
	assert_queue(&f, 0, 7, 1, 1);
	assert_queue(&f, 0, 2, 0, 0);
	assert_int_equal(drain(&f, 0, 7), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_queue(&f, 0, 2, 1, 1);
	assert_queue(&f, 0, 7, 0, 1);
	/* another vCPU: the same */
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 3), 0);
	assert_rc(op_bind_vcpu(b->v0, 2, 1), 0);
	word_clear(&f, 2, PENDING);
	assert_rc(op_send(b->v0, 3), 0);
	assert_queue(&f, 0, 7, 1, 2);
	assert_queue(&f, 1, 7, 0, 0);
	assert_upcall(b->v1, 0, 0);
	assert_int_equal(drain(&f, 0, 7), 1);
	assert_rc(op_send(b->v0, 3), 0);
	assert_queue(&f, 1, 7, 1, 2);
	assert_upcall(b->v1, 1, 0);
}

/*
 * The tail trap: the port that is a queue's last goes to another queue. The next event of the first
 * one must not be linked behind it, nor may the second one's link be written over.
 */
static void tail_moves_to_another_queue(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);

	bind_ipis(b->v0, 1, 4);
	for (unsigned round = 0; round < 4; round++) {
		unsigned away = round % 2 ? 7 : 2, back = round % 2 ? 2 : 7;

		assert_rc(set_priority(b->v0, 2, back), 0);
		assert_rc(op_send(b->v0, 2), 0);
		assert_int_equal(drain(&f, 0, back), 1);
		assert_rc(set_priority(b->v0, 1, back), 0);
		assert_rc(set_priority(b->v0, 3, away), 0);
		assert_rc(set_priority(b->v0, 2, away), 0);
		assert_rc(op_send(b->v0, 2), 0);
		assert_rc(op_send(b->v0, 1), 0);
		assert_rc(op_send(b->v0, 3), 0);
		assert_word(&f, 2, "PL>3");
		assert_word(&f, 1, "PL");
		assert_queue(&f, 0, away, 1, 2);
		assert_queue(&f, 0, back, 1, 1);
		assert_int_equal(drain(&f, 0, away), 2);
		assert_int_equal(drain(&f, 0, back), 1);
	}
	/* to another vCPU and back, taken off each time */
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 5);
	assert_rc(op_bind_interdomain(b->v0, SELF, 5), 6);
	drain(&f, 0, 7);
	for (unsigned round = 0; round < 4; round++) {
		unsigned vcpu = round % 2;

		assert_rc(op_bind_vcpu(b->v0, 5, vcpu), 0);
		assert_rc(op_send(b->v0, 6), 0);
		assert_queue(&f, vcpu, 7, 1, 5);
		assert_rc(op_send(b->v0, 4), 0);
		assert_word(&f, 5, vcpu ? "PL" : "PL>4");
		assert_int_equal(drain(&f, vcpu, 7), vcpu ? 1 : 2);
		drain(&f, 0, 7);
	}
}

/* Moved away and back without anything else queued in between. */
static void tail_comes_back(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	static const unsigned to[] = { 7, 2, 7, 15, 0, 7, 7, 2 };

	bind_ipis(b->v0, 1, 2);
	for (unsigned i = 0; i < ALEN(to); i++) {
		assert_rc(set_priority(b->v0, 1, to[i]), 0);
		assert_rc(op_send(b->v0, 1), 0);
		assert_queue(&f, 0, to[i], 1, 1);
		assert_word(&f, 1, "PL");
		assert_int_equal(drain(&f, 0, to[i]), 1);
	}
}

static void no_control_block(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "-");
	word_set(&f, 1, MASKED);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "M");
	word_set(&f, 1, PENDING);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_word(&f, 1, "P");
	assert_upcall(b->v1, 0, 0);
	word_clear(&f, 1, PENDING);
	give_block(&f, 1, 128);
	assert_word(&f, 1, "-");
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PL");
	assert_queue(&f, 1, 7, 1, 1);
	assert_upcall(b->v1, 1, 0);
	/* it is down, and finds its event when it comes up */
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v1)));
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_upcall(b->v1, 1, 0);
}

/* Scenario 33, and a vcpu_info that comes later. */
static void vcpus_without_vcpu_info(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d1 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 40, .pages = 80 }, NULL);
	struct testbed_vcpu *v = testbed_vcpu(d1, 0);
	struct testbed_vcpu *last = testbed_vcpu(d1, 39);
	uint64_t cb = testbed_frame(d1, testbed_page(d1)), arr;
	event_word_t *words = testbed_page(d1);
	struct vcpu_register_vcpu_info reg = { 0 };

	arr = testbed_frame(d1, words);
	assert_rc(op_bind_ipi(v, 31), 1);
	assert_rc(op_bind_ipi(v, 32), 2);
	assert_rc(op_bind_ipi(v, 39), 3);
	for (uint32_t p = 1; p <= 3; p++)
		assert_rc(op_send(v, p), 0);
	assert_rc(init_control(v, cb, 0, 39), 17);
	assert_fails(init_control(v, cb, 128, 40), ENOENT);
	assert_rc(init_control(v, cb, 128, 0), 17);
	assert_rc(expand_array(v, arr), 0);
	assert_int_equal(words[1], 0);
	assert_int_equal(words[2], 0);
	assert_int_equal(words[3], PENDING | LINKED);
	assert_rc(op_send(v, 3), 0);
	reg.mfn = testbed_frame(d1, testbed_page(d1));
	assert_rc(op_vcpu(v, VCPUOP_register_vcpu_info, 39, &reg, sizeof(reg)), 0);
	assert_int_equal(mem_upcall(last), 1);
}

/* Scenario 15: a number whose word is LINKED is not given out. */
static void linked_numbers_are_busy(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 3);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_close(b->v0, 1), 0);
	assert_word(&f, 1, "L>2");
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 4);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 5);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 6);
	assert_fails(op_close(b->v0, 1), EINVAL);
	assert_fails(op_send(b->v0, 1), EINVAL);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_fails(set_priority(b->v0, 1, 7), EACCES);
	assert_fails(op_bind_vcpu(b->v0, 1, 0), EINVAL);
	assert_rc(op_close(b->v0, 3), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 3);
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop(&f, 0, 7), 1);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_word(&f, 1, "-");
	assert_rc(op_close(b->v0, 2), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 7);
	assert_rc(pop(&f, 0, 7), 2);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	/* the other bits do not count; LINKED does, also if the guest wrote it */
	assert_rc(op_close(b->v0, 2), 0);
	word_set(&f, 2, MASKED | PENDING | BUSY);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_word(&f, 2, "PMB");
	assert_rc(op_close(b->v0, 2), 0);
	assert_word(&f, 2, "MB");
	word_set(&f, 2, LINKED);
	assert_rc(op_bind_ipi(b->v0, 0), 8);
	word_clear(&f, 2, LINKED);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	/* back in the 2-level ABI nothing is */
	word_clear(&f, 2, MASKED | BUSY);
	assert_rc(op_send(b->v0, 2), 0);
	assert_word(&f, 2, "PL");
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
}

/* All free numbers of a page busy: the next one is found behind them, and they come back in order.
 */
static void many_busy_numbers(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	for (uint32_t p = 1; p < 1024; p++)
		word_set(&f, p, LINKED);
	/* ports without a word cannot be busy */
	assert_rc(op_bind_ipi(b->v0, 0), 1024);
	word_clear(&f, 700, LINKED);
	word_clear(&f, 900, LINKED);
	assert_rc(op_bind_ipi(b->v0, 0), 700);
	assert_rc(op_bind_ipi(b->v0, 0), 900);
	assert_rc(op_bind_ipi(b->v0, 0), 1025);
	word_clear(&f, 63, LINKED);
	assert_rc(op_bind_ipi(b->v0, 0), 63);
}

/* A closed port that is a queue's tail: the next is linked behind it. */
static void closed_tail(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 2);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_close(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_word(&f, 1, "L>2");
	assert_word(&f, 2, "PL");
	assert_int_equal(take_ready(&f, 0), 0x80);
	assert_rc(pop(&f, 0, 7), 1);
	assert_rc(pop(&f, 0, 7), 2);
	word_clear(&f, 2, PENDING);
	/* taken off, the number used anew with another priority: the old queue forgets it */
	assert_rc(op_close(b->v0, 2), 0);
	bind_ipis(b->v0, 1, 2);
	assert_rc(set_priority(b->v0, 2, 4), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 2, "PL");
	assert_queue(&f, 0, 7, 1, 1);
	assert_queue(&f, 0, 4, 1, 2);
}

static void polls(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);
	struct hv_vcpu *v1 = testbed_hv_vcpu(b->v1);
	evtchn_port_t port = 1;

	bind_ipis(b->v0, 1, 1);
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	assert_rc(op_send(b->v0, 1), 0);
	mem_clear_upcall(b->v0);
	assert_rc(op_poll_end(b->v0, 1, 200 * MS), POLL_IMMEDIATE);
	word_clear(&f, 1, PENDING);
	assert_rc(op_poll_end(b->v0, 1, 200 * MS), POLL_TIMEOUT);
	assert_fails(op_poll_end(b->v0, 50, 200 * MS), EINVAL);
	/* still queued: not queued anew, no upcall, but it ends the poll */
	assert_rc(op_poll(b->v1, &port, 1, 0), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(op_send(b->v0, 1), 0);
	assert_true(hv_vcpu_runnable(v1));
	assert_upcall(b->v0, 0, 0);
	assert_word(&f, 1, "PL");
	/* masked: the same */
	assert_int_equal(drain(&f, 0, 7), 1);
	word_set(&f, 1, MASKED);
	assert_rc(op_poll(b->v1, &port, 1, 0), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(op_send(b->v0, 1), 0);
	assert_true(hv_vcpu_runnable(v1));
	/* an event that is merged wakes nobody; one whose page comes does */
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	for (uint32_t p = 3; p <= 1500; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_poll(b->v1, (evtchn_port_t[]){ 2, 3 }, 2, 0), 0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_false(hv_vcpu_runnable(v1));
	assert_rc(op_send(b->v0, 4), 0);
	assert_true(hv_vcpu_runnable(v1));
	/* one that goes to an empty queue, and to one that is not, on which it was before */
	assert_rc(op_send(b->v0, 3), 0);
	assert_int_equal(drain(&f, 0, 7), 2);
	for (port = 3; port <= 4; port++) {
		assert_word(&f, port, "-");
		assert_rc(op_poll(b->v1, &port, 1, 0), 0);
		assert_false(hv_vcpu_runnable(v1));
		assert_rc(op_send(b->v0, port), 0);
		assert_true(hv_vcpu_runnable(v1));
		assert_word(&f, port, "PL");
	}
	port = 1500;
	assert_rc(op_poll(b->v1, &port, 1, 0), 0);
	assert_rc(op_send(b->v0, 1500), 0);
	assert_false(hv_vcpu_runnable(v1));
	give_page(&f, NULL);
	assert_true(hv_vcpu_runnable(v1));
	assert_word(&f, 1500, "PL");
}

static void status_and_counters(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	struct hv_port_info info;
	struct hv_counters was, is;

	bind_ipis(b->v0, 1, 1);
	hv_domain_counters(testbed_hv_domain(b->d0), &was);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 1), 0);
	hv_domain_counters(testbed_hv_domain(b->d0), &is);
	assert_int_equal(is.sends - was.sends, 2);
	assert_int_equal(is.merged - was.merged, 1);
	assert_int_equal(is.kicks - was.kicks, 1);
	assert_int_equal(hv_port_info(testbed_hv_domain(b->d0), 1, &info), 0);
	assert_true(info.pending);
	assert_false(info.masked);
	word_clear(&f, 1, PENDING);
	word_set(&f, 1, MASKED);
	assert_int_equal(hv_port_info(testbed_hv_domain(b->d0), 1, &info), 0);
	assert_false(info.pending);
	assert_true(info.masked);
	/* no word, no event to see */
	for (uint32_t p = 2; p <= 1024; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_send(b->v0, 1024), 0);
	assert_int_equal(hv_port_info(testbed_hv_domain(b->d0), 1024, &info), 0);
	assert_false(info.pending);
	assert_true(info.masked);
}

/*
 * An event without a place is remembered once; the next ones are merged into that, as is what was
 * pending in the 2-level ABI already.
 */
static void counts_before_there_are_words(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);
	struct fifo_view f = { .d = b->d0 };
	struct hv_counters was, is;

	bind_ipis(b->v0, 1, 2);
	assert_rc(op_send(b->v0, 1), 0);
	give_block(&f, 0, 0);
	hv_domain_counters(d, &was);
	assert_rc(op_send(b->v0, 1), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(op_send(b->v0, 2), 0);
	hv_domain_counters(d, &is);
	assert_int_equal(is.sends - was.sends, 4);
	assert_int_equal(is.merged - was.merged, 3);
	give_page(&f, NULL);
	assert_word(&f, 1, "PL>2");
	assert_word(&f, 2, "PL");
}

/* What a broken guest writes costs it its own events at most, and no other queue's. */
static void hostile_words(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);

	bind_ipis(b->v0, 1, 5);
	/* LINKED by itself: never queued by us, until it clears that */
	word_set(&f, 1, LINKED);
	assert_rc(op_send(b->v0, 1), 0);
	assert_queue(&f, 0, 7, 0, 0);
	word_clear(&f, 1, LINKED | PENDING);
	/* links in a word that is not linked: not taken for a link of ours */
	*word_at(&f, 1) = LINK;
	assert_rc(op_send(b->v0, 1), 0);
	assert_word(&f, 1, "PL");
	/* a tail with a link that we did not write: the event begins a new queue */
	word_set(&f, 1, 77);
	assert_rc(op_send(b->v0, 2), 0);
	assert_queue(&f, 0, 7, 1, 2);
	assert_word(&f, 2, "PL");
	assert_rc(op_send(b->v0, 3), 0);
	assert_word(&f, 2, "PL>3");
	/* the head, all words and the ready bits overwritten: sends go on */
	f.block[0]->head[7] = UINT32_MAX;
	memset(f.page[0], 0xff, HV_PAGE_SIZE);
	for (uint32_t p = 1; p <= 5; p++) {
		assert_rc(op_send(b->v0, p), 0);
		assert_rc(op_unmask(b->v0, p), 0);
	}
	memset(f.page[0], 0, HV_PAGE_SIZE);
	f.block[0]->ready = 0;
	assert_rc(op_send(b->v0, 4), 0);
	assert_rc(op_send(b->v0, 5), 0);
	assert_queue(&f, 0, 7, 1, 4);
	assert_word(&f, 4, "PL>5");
}

/* One page as control block, as words, and as words again. */
static void hostile_pages(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = { .d = b->d0 };
	uint8_t *page = testbed_page(b->d0);

	give_block(&f, 0, 0);
	assert_rc(init_control(b->v0, testbed_frame(b->d0, page), 0, 1), 17);
	give_page(&f, page);
	give_page(&f, page);
	for (uint32_t p = 1; p <= 1100; p++)
		assert_rc(op_bind_ipi(b->v0, p % 2) > 0, 1);
	for (unsigned round = 0; round < 3; round++)
		for (uint32_t p = 1; p <= 1100; p++) {
			op_send(b->v0, p);
			op_unmask(b->v0, p);
			set_priority(b->v0, p, (p + round) % 16);
			if (p % 7 == 0)
				memset(page, (int)p, 200);
			if (p % 11 == 0)
				op_close(b->v0, p);
		}
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(order_and_links),
		bare_test(sent_again_while_the_queue_lasts),
		bare_test(pending_cleared_while_linked),
		bare_test(masks),
		bare_test(queues_are_separate),
		bare_test(ready_and_upcall),
		bare_test(moved_while_queued),
		bare_test(tail_moves_to_another_queue),
		bare_test(tail_comes_back),
		bare_test(no_control_block),
		bare_test(vcpus_without_vcpu_info),
		bare_test(linked_numbers_are_busy),
		bare_test(many_busy_numbers),
		bare_test(closed_tail),
		bare_test(polls),
		bare_test(status_and_counters),
		bare_test(counts_before_there_are_words),
		bare_test(hostile_words),
		bare_test(hostile_pages),
	};

	return cmocka_run_group_tests_name("fifo", tests, NULL, NULL);
}
