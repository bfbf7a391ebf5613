/* SPDX-License-Identifier: MIT */
/*
 * Two operations on the FIFO ABI that meet: the first is stopped before its k-th atomic access, the
 * second runs as far as it can, then both end; for every k. Deterministic: two threads of which one
 * runs at a time. Afterwards the guest takes off what it is told of, and nothing may be left
 * pending.
 */
#include "../unit/fifo.h"
#include "points.h"
#include "turns.h"

struct meeting {
	const char *name;
	void (*before)(void);
	void (*first)(void);
	void (*second)(void);
	void (*after)(void);
};

static struct {
	bool first_over, second_over;
} m;

/* The world of one meeting. */
static struct testbed *tb;
static struct testbed_domain *d;
static struct testbed_vcpu *v0, *v1, *v2;
static struct fifo_view f;
static unsigned handled[64];

/*
 * They stop where they were told to. Whoever makes too many accesses spins on what the other
 * one holds.
 */
void test_point(void)
{
	if (!me || m.first_over || m.second_over)
		return;
	if (++turns.spent == ENOUGH || (turns.countdown[me] && --turns.countdown[me] == 0))
		let_go();
}

static void *second_thread(void *arg)
{
	const struct meeting *t = arg;

	me = 2;
	await_turn();
	t->second();
	m.second_over = true;
	give_turn(1);
	return NULL;
}

/* ---- the guest ---- */

static void guest_queue(unsigned cpu, unsigned priority)
{
	do {
		event_word_t old = 0;
		uint32_t port = pop_word(&f, cpu, priority, &old);

		if (!port || port >= 64 || !(old & LINKED))
			fail_msg("vCPU %u: the queue is broken at port %u", cpu, port);
		if (!(old & MASKED) && (old & PENDING)) {
			word_clear(&f, port, PENDING);
			handled[port]++;
		}
	} while (f.head[cpu][priority]);
}

/* Only what it is told of: by upcall, and by ready bit. */
static void upcall(unsigned cpu)
{
	struct vcpu_info *info = &testbed_shared_info(d)->vcpu_info[cpu];

	while (__atomic_exchange_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
		uint32_t ready = f.block[cpu] ? take_ready(&f, cpu) : 0;

		for (unsigned i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
			if (ready >> i & 1)
				guest_queue(cpu, i);
	}
}

static void upcalls(void)
{
	upcall(0);
	upcall(1);
}

/* ---- what meets ---- */

/* Ports 1 .. 4 notify vCPU 0; 5 too, and can be moved: 6 is its other end. */
static void with_ports(void)
{
	for (long p = 1; p <= 4; p++)
		assert_rc(op_bind_ipi(v0, 0), p);
	assert_rc(op_alloc_unbound(v0, SELF, SELF), 5);
	assert_rc(op_bind_interdomain(v0, SELF, 5), 6);
	if (!f.pages)
		mem_clear_upcall(v0);
	mem_set_pending(d, 6, false);
}

static void with_fifo(void)
{
	f = fifo_begin(d, 2);
	with_ports();
	upcalls();
	handled[6] = 0;
}

static void with_blocks(void)
{
	with_ports();
	give_block(&f, 0, 0);
}

/* Each operation makes its calls on a vCPU of its own: their arguments have one place per vCPU. */
static struct testbed_vcpu *mine(void)
{
	return me == 2 ? v1 : v0;
}

static void send1(void)
{
	op_send(mine(), 1);
}

static void send2(void)
{
	op_send(mine(), 2);
}

static void send5(void)
{
	op_send(mine(), 6);
}

static void take_page(void)
{
	f.page[0] = testbed_page(d);
	f.pages = 1;
	expand_array(mine(), testbed_frame(d, f.page[0]));
}

static void take_block(void)
{
	f.block[0] = testbed_page(d);
	init_control(mine(), testbed_frame(d, f.block[0]), 0, 0);
}

static void handled1(void)
{
	assert_true(handled[1]);
}

static void handled12(void)
{
	assert_true(handled[1] && handled[2]);
}

static void handled5(void)
{
	assert_true(handled[5]);
}

static void handled15(void)
{
	assert_true(handled[1] && handled[5]);
}

static void page_then_handled1(void)
{
	give_page(&f, NULL);
	upcalls();
	handled1();
}

/* 1 is queued; in another meeting 2 is, and taken off, so that it is a tail that is on no queue. */
static void with_1_queued(void)
{
	with_fifo();
	send1();
}

static void with_tail_2_drained(void)
{
	with_fifo();
	send2();
	upcalls();
}

static void with_tail_5_drained(void)
{
	with_fifo();
	send5();
	upcalls();
}

static void send2_elsewhere(void)
{
	set_priority(mine(), 2, 3);
	op_send(mine(), 2);
	op_send(mine(), 3); /* behind the old tail, if that is remembered wrongly */
}

static void drain_and_send1(void)
{
	upcall(0);
	op_send(mine(), 1);
}

static void move5(void)
{
	word_set(&f, 5, MASKED);
	op_bind_vcpu(mine(), 5, 1);
	set_priority(mine(), 5, 2);
	op_unmask(mine(), 5);
}

static void move5_and_back(void)
{
	move5();
	op_send(mine(), 6);
	upcall(1);
	op_bind_vcpu(mine(), 5, 0);
	set_priority(mine(), 5, 7);
}

static void mask_and_unmask1(void)
{
	word_set(&f, 1, MASKED);
	op_unmask(mine(), 1);
}

static void with_1_masked(void)
{
	with_fifo();
	word_set(&f, 1, MASKED);
}

static void unmask1(void)
{
	op_unmask(mine(), 1);
}

static void close1(void)
{
	op_close(mine(), 1);
}

static void closed1(void)
{
	assert_false(*word_at(&f, 1) & PENDING);
}

static void look_at_1(void)
{
	struct hv_port_info info;

	hv_port_info(testbed_hv_domain(d), 1, &info);
}

static void poll_1(void)
{
	evtchn_port_t port = 1;

	op_poll(mine(), &port, 1, 1);
}

static void reset(void)
{
	op_reset(mine(), SELF);
	memset(f.page[0], 0, HV_PAGE_SIZE);
	memset(f.block[0], 0, sizeof(*f.block[0]));
	mem_clear_upcall(v0);
}

static void is_clean(void)
{
	assert_fails(expand_array(v0, testbed_frame(d, f.page[0])), EOPNOTSUPP);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(f.page[0][i], 0);
	assert_int_equal(f.block[0]->ready, 0);
	assert_int_equal(f.block[0]->head[7], 0);
	assert_rc(op_bind_ipi(v0, 0), 1);
	assert_bits(d, 1, 0, 0);
}

static void poll_on_2(void)
{
	evtchn_port_t port = 2;

	op_poll(v2, &port, 1, 0);
}

static void poll_is_over(void)
{
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(v2)));
}

static const struct meeting meetings[] = {
	{ "send, page comes", with_blocks, send1, take_page, handled1 },
	{ "page comes, send", with_blocks, take_page, send1, handled1 },
	{ "send, first control block", with_ports, send1, take_block, page_then_handled1 },
	{ "first control block, send", with_ports, take_block, send1, page_then_handled1 },
	{ "send, the same", with_fifo, send1, send1, handled1 },
	{ "send, another", with_fifo, send1, send2, handled12 },
	{ "send behind 1, guest", with_1_queued, send2, upcalls, handled12 },
	{ "send behind 1, guest, 1 again", with_1_queued, send2, drain_and_send1, handled12 },
	{ "send again, guest", with_1_queued, send1, upcalls, handled1 },
	{ "send behind 2, which goes elsewhere", with_tail_2_drained, send1, send2_elsewhere,
	  handled12 },
	{ "2 goes elsewhere, send", with_tail_2_drained, send2_elsewhere, send1, handled12 },
	{ "send 5, which is moved", with_fifo, send5, move5, handled5 },
	{ "move 5, send it", with_fifo, move5, send5, handled5 },
	{ "send 5, moved and sent", with_fifo, send5, move5_and_back, handled5 },
	{ "send 5, tail, moved and sent", with_tail_5_drained, send5, move5_and_back, handled5 },
	{ "send 1, behind 5, moved and sent", with_tail_5_drained, send1, move5_and_back,
	  handled15 },
	{ "send, masked and unmasked", with_fifo, send1, mask_and_unmask1, handled1 },
	{ "send masked, unmask", with_1_masked, send1, unmask1, handled1 },
	{ "unmask, send", with_1_masked, unmask1, send1, handled1 },
	{ "send, close", with_fifo, send1, close1, closed1 },
	{ "send, reset", with_fifo, send1, reset, is_clean },
	{ "look, reset", with_fifo, look_at_1, reset, is_clean },
	{ "reset, look", with_fifo, reset, look_at_1, is_clean },
	{ "poll, reset", with_fifo, poll_1, reset, is_clean },
	{ "unmask, reset", with_1_masked, unmask1, reset, is_clean },
	{ "poll, send", with_fifo, poll_on_2, send2, poll_is_over },
	{ "send, poll", with_fifo, send2, poll_on_2, poll_is_over },
};

/* ---- the test ---- */

static void make_world(void)
{
	tb = testbed_create(TESTBED_VIRTUAL);
	d = testbed_domain_create(tb, &(struct testbed_domain_config){ .id = 1, .vcpus = 3 }, NULL);
	v0 = testbed_vcpu(d, 0);
	v1 = testbed_vcpu(d, 1);
	v2 = testbed_vcpu(d, 2);
	assert_rc(testbed_vcpu_boot(v2), 0);
	f = (struct fifo_view){ .d = d };
	memset(handled, 0, sizeof(handled));
}

/*
 * The first stops before its access number k, the second before its j-th (0: not at all); false if
 * the first did not make that many.
 */
static bool meet(const struct meeting *t, unsigned k, unsigned j)
{
	pthread_t thread;
	bool stopped;

	make_world();
	me = 0;
	t->before();
	turns.turn = 1;
	turns.countdown[1] = k;
	turns.countdown[2] = j;
	turns.spent = 0;
	m.first_over = m.second_over = false;
	assert_int_equal(pthread_create(&thread, NULL, second_thread, (void *)t), 0);
	me = 1;
	t->first();
	m.first_over = true;
	stopped = turns.countdown[1] == 0;
	if (!m.second_over) {
		give_turn(2);
		await_turn();
	}
	pthread_join(thread, NULL);
	me = 0;
	upcalls();
	t->after();
	for (unsigned p = 1; f.pages && p < 64; p++)
		if (*word_at(&f, p) & PENDING)
			fail_msg("port %u is left pending", p);
	assert_int_equal(testbed_destroy(tb), 0);
	return stopped;
}

/* Near the end of the first, where it takes away what the second may be looking at. */
static void both_stop(const struct meeting *t, unsigned end)
{
	for (unsigned k = end > 60 ? end - 60 : 1; k < end; k++)
		for (unsigned j = 1; j <= 12; j++)
			meet(t, k, j);
}

static void everything_meets(void **state)
{
	unsigned points = 0;

	(void)state;
	for (unsigned i = 0; i < ALEN(meetings); i++) {
		unsigned k = 1;

		print_message("%s", meetings[i].name);
		while (meet(&meetings[i], k, 0))
			k++;
		if (meetings[i].first == reset)
			both_stop(&meetings[i], k);
		print_message(": %u\n", k);
		assert_true(k > 3);
		points += k;
	}
	assert_true(points > 10 * ALEN(meetings));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_meets),
	};

	return cmocka_run_group_tests_name("threads: fifo, two at a time", tests, NULL, NULL);
}
