/* SPDX-License-Identifier: MIT */
/*
 * The guest half with the FIFO ABI over the real hypervisor half: priorities, events for CPUs that
 * have not started, ports that are closed while they are queued. What both ABIs have in
 * common is in the other test_guest_*.c, single steps on the words in test_guest_words.c.
 */
#include "guests.h"

struct loop {
	evtchn_port_t tx;
	unsigned irq;
	struct record r;
};

static void make_loop(struct guest *g, struct loop *l, char mark, char *trail)
{
	*l = (struct loop){ .r = { .answer = GUEST_IRQ_HANDLED, .mark = mark, .trail = trail } };
	l->irq = bind_loop_to(g, &l->tx);
	assert_rc(guest_request_irq(g, l->irq, record_run, 0, "loop", &l->r), 0);
}

static void strictly_by_priority(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct loop l[6];
	static const unsigned priority[] = { 15, 7, 0, 7, 15, 0 };

	for (unsigned i = 0; i < 6; i++) {
		make_loop(m->a, &l[i], (char)('a' + i), trail);
		assert_rc(guest_set_irq_priority(m->a, l[i].irq, priority[i]), 0);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_rc(guest_notify_port(m->a, l[i].tx), 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "cfbdae");
}

static void send_other(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	assert_rc(guest_notify_port(g, *(evtchn_port_t *)r->arg), 0);
}

/* What arrives while a handler runs comes next if its priority is higher, else in its turn. */
static void arrives_meanwhile(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct loop l[4];

	for (unsigned i = 0; i < 4; i++)
		make_loop(m->a, &l[i], (char)('a' + i), trail);
	assert_rc(guest_set_irq_priority(m->a, l[2].irq, 3), 0);
	l[0].r.also = send_other; /* a sends c, which is more urgent than b */
	l[0].r.arg = &l[2].tx;
	l[2].r.also = send_other; /* c sends d */
	l[2].r.arg = &l[3].tx;
	assert_rc(guest_notify_port(m->a, l[0].tx), 0);
	assert_rc(guest_notify_port(m->a, l[1].tx), 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "acbd");
}

static void the_timer_is_first(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct record timer = { .answer = GUEST_IRQ_HANDLED, .mark = 't', .trail = trail };
	struct loop l[2];
	int irq = guest_bind_virq_to_irqhandler(m->a, VIRQ_TIMER, 0, record_run, 0, "t", &timer);

	assert_true(irq > 0);
	make_loop(m->a, &l[0], 'a', trail);
	make_loop(m->a, &l[1], 'b', trail);
	assert_rc(guest_set_irq_priority(m->a, l[1].irq, 1), 0);
	assert_rc(guest_notify_port(m->a, l[0].tx), 0);
	assert_rc(guest_notify_port(m->a, l[1].tx), 0);
	assert_rc(guest_set_timer(m->a, 1), 0); /* long past */
	testbed_advance(m->tb, 1000);
	assert_string_equal(trail, "");
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "tba");
}

static void priority_errors(void **state)
{
	struct guests *m = *state;
	struct loop l;
	char trail[16] = "";

	make_loop(m->a, &l, 'a', trail);
	assert_fails(guest_set_irq_priority(m->a, l.irq, EVTCHN_FIFO_PRIORITY_MIN + 1), EINVAL);
	assert_fails(guest_set_irq_priority(m->a, l.irq, UINT32_MAX), EINVAL);
	assert_fails(guest_set_irq_priority(m->a, 60, 1), EINVAL);
	assert_fails(guest_set_irq_priority(m->a, 0, 1), EINVAL);
	if (m->abi == GUEST_ABI_2L) {
		assert_fails(guest_set_irq_priority(m->a, l.irq, 1), ENOSYS);
		return;
	}
	assert_rc(guest_set_irq_priority(m->a, l.irq, EVTCHN_FIFO_PRIORITY_MIN), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, l.irq, &l.r), 0);
	assert_fails(guest_set_irq_priority(m->a, l.irq, 1), EINVAL);
}

/* Before CPU 1 has ever run: kept for it. */
static void sent_before_its_cpu_starts(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int irq = guest_bind_ipi_to_irqhandler(m->a, 3, 1, record_run, 0, "ipi", &r);

	assert_true(irq > 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_true(port_pending(m->a, guest_irq_port(m->a, (unsigned)irq)));
	assert_rc(testbed_vcpu_boot(m->va1), 0);
	testbed_on(m->va1);
	guest_local_irq_enable(m->a);
	testbed_on(NULL);
	assert_int_equal(r.runs, 1);
}

/* A queued port that is closed is not handed out before it is off its queue. */
static void closed_while_queued(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct record fresh = RECORD;
	struct loop a, b;
	evtchn_port_t port, other;
	int irq;

	make_loop(m->a, &a, 'a', trail);
	make_loop(m->a, &b, 'b', trail);
	port = guest_irq_port(m->a, a.irq);
	assert_rc(guest_notify_port(m->a, a.tx), 0);
	assert_rc(guest_notify_port(m->a, b.tx), 0);
	assert_true(guest_port_state(m->a, port) & GUEST_PORT_LINKED);
	assert_rc(guest_unbind_from_irqhandler(m->a, a.irq, &a.r), 0);
	irq = guest_bind_ipi_to_irqhandler(m->a, 5, 0, record_run, 0, "x", &fresh);
	assert_true(irq > 0);
	other = guest_irq_port(m->a, (unsigned)irq);
	assert_int_not_equal(other, port);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "b"); /* the queue behind it is not lost */
	assert_int_equal(guest_port_state(m->a, port), GUEST_PORT_MASKED);
	irq = guest_bind_ipi_to_irqhandler(m->a, 6, 0, record_run, 0, "y", &fresh);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), port);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(fresh.runs, 1);
}

/* Disabled by a more urgent handler when it is queued already. */
static void disable_other(struct guest *g, unsigned irq, struct record *r)
{
	(void)irq;
	assert_rc(guest_disable_irq_nosync(g, *(unsigned *)r->arg), 0);
}

static void masked_while_queued(void **state)
{
	struct guests *m = *state;
	char trail[16] = "";
	struct loop l[3];

	for (unsigned i = 0; i < 3; i++)
		make_loop(m->a, &l[i], (char)('a' + i), trail);
	l[0].r.also = disable_other;
	l[0].r.arg = &l[1].irq;
	for (unsigned i = 0; i < 3; i++)
		assert_rc(guest_notify_port(m->a, l[i].tx), 0);
	guest_local_irq_enable(m->a);
	assert_string_equal(trail, "ac");
	assert_int_equal(guest_port_state(m->a, guest_irq_port(m->a, l[1].irq)),
			 GUEST_PORT_PENDING | GUEST_PORT_MASKED);
	assert_rc(guest_enable_irq(m->a, l[1].irq), 0);
	assert_string_equal(trail, "acb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test_fifo(strictly_by_priority),	 guests_test_fifo(arrives_meanwhile),
		guests_test_fifo(the_timer_is_first),	 guests_test(priority_errors),
		guests_test(sent_before_its_cpu_starts), guests_test_fifo(closed_while_queued),
		guests_test_fifo(masked_while_queued),
	};

	return cmocka_run_group_tests_name("guest_fifo", tests, NULL, NULL);
}
