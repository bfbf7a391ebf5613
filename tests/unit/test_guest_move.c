/* SPDX-License-Identifier: MIT */
/*
 * Ports that move to another CPU, and CPUs that stop, with each of the ABIs: every event is handled
 * exactly once, on a CPU that it was bound to. The choice of CPUs is not tested here.
 */
#include "guests.h"

#include "../../guest/events/events.h"

/* As the IRQ core does it. */
static int move(struct guest *g, unsigned irq, unsigned cpu)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t flags = irq_lock_save(g, desc);
	int rc = events_move(g, desc, cpu);

	irq_unlock_restore(g, desc, flags);
	return rc;
}

struct moved {
	evtchn_port_t tx;
	unsigned irq;
	struct record r;
	unsigned on[2]; /* runs on each CPU */
};

static void count_cpu(struct guest *g, unsigned irq, struct record *r)
{
	struct moved *l = r->arg;

	(void)irq;
	l->on[this_cpu(g)->nr]++;
}

static void make(struct guests *m, struct moved *l)
{
	*l = (struct moved){ .r = { .answer = GUEST_IRQ_HANDLED, .also = count_cpu, .arg = l } };
	l->irq = bind_loop_to(m->a, &l->tx);
	assert_rc(guest_request_irq(m->a, l->irq, record_run, 0, "moved", &l->r), 0);
}

/* Events enabled on that CPU of a; what is due there is delivered. */
static void enable_on(struct guests *m, struct testbed_vcpu *v)
{
	testbed_on(v);
	guest_local_irq_enable(m->a);
	testbed_on(NULL);
}

static void boot_cpu1(struct guests *m)
{
	assert_rc(testbed_vcpu_boot(m->va1), 0);
}

static void moved_idle(void **state)
{
	struct guests *m = *state;
	struct moved l;

	boot_cpu1(m);
	make(m, &l);
	guest_local_irq_enable(m->a);
	enable_on(m, m->va1);
	assert_rc(move(m->a, l.irq, 1), 0);
	assert_status(m->va, SELF, guest_irq_port(m->a, l.irq), "interdomain vcpu=1 dom=1 port=1");
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	testbed_run(m->tb);
	assert_int_equal(l.on[0], 0);
	assert_int_equal(l.on[1], 1);
	assert_rc(move(m->a, l.irq, 1), 0); /* it is there */
	assert_rc(move(m->a, l.irq, 0), 0);
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	testbed_run(m->tb);
	assert_int_equal(l.on[0], 1);
	assert_int_equal(l.on[1], 1);
}

/* Announced to the old CPU already when it moves. */
static void moved_while_pending(void **state)
{
	struct guests *m = *state;
	struct moved l;
	bool fifo = m->abi == GUEST_ABI_FIFO;

	boot_cpu1(m);
	make(m, &l);
	enable_on(m, m->va1);
	assert_rc(guest_notify_port(m->a, l.tx), 0); /* CPU 0 has events disabled */
	assert_rc(move(m->a, l.irq, 1), 0);
	testbed_run(m->tb);
	/* FIFO: it is on CPU 0's queue and stays there */
	assert_int_equal(l.on[1], fifo ? 0 : 1);
	guest_local_irq_enable(m->a);
	assert_int_equal(l.on[0], fifo ? 1 : 0);
	assert_int_equal(l.r.runs, 1);
	/* and the next one comes to CPU 1 alone */
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	testbed_run(m->tb);
	assert_int_equal(l.on[1], fifo ? 1 : 2);
	assert_int_equal(l.r.runs, 2);
}

/* Disabled when it moves: nothing is delivered, until it is enabled, on the new CPU. */
static void moved_while_disabled(void **state)
{
	struct guests *m = *state;
	struct moved l;

	boot_cpu1(m);
	make(m, &l);
	guest_local_irq_enable(m->a);
	enable_on(m, m->va1);
	assert_rc(guest_disable_irq(m->a, l.irq), 0);
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	assert_rc(move(m->a, l.irq, 1), 0);
	assert_true(port_masked(m->a, guest_irq_port(m->a, l.irq)));
	testbed_run(m->tb);
	assert_int_equal(l.r.runs, 0);
	assert_rc(guest_enable_irq(m->a, l.irq), 0);
	testbed_run(m->tb);
	assert_int_equal(l.on[1], 1);
	assert_int_equal(l.r.runs, 1);
}

static void move_self(struct guest *g, unsigned irq, struct record *r)
{
	struct moved *l = r->arg;

	count_cpu(g, irq, r);
	if (r->runs > 1)
		return;
	assert_rc(move(g, irq, 1), 0);
	assert_rc(guest_notify_port(g, l->tx), 0);
}

/* From its own handler, and an event comes before that ends. */
static void moved_while_it_runs(void **state)
{
	struct guests *m = *state;
	struct moved l;

	boot_cpu1(m);
	make(m, &l);
	l.r.also = move_self;
	enable_on(m, m->va1);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	testbed_run(m->tb);
	assert_int_equal(l.on[0], 1);
	assert_int_equal(l.on[1], 1);
}

static void errors(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	unsigned ipi = bind_self(m->a, &r, 0);
	int timer = guest_bind_virq_to_irq(m->a, VIRQ_TIMER, 0);
	struct moved l;

	make(m, &l);
	assert_fails(move(m->a, ipi, 1), EINVAL);
	assert_fails(move(m->a, (unsigned)timer, 1), EINVAL);
	assert_fails(move(m->a, l.irq, 2), EINVAL);
	assert_fails(guest_cpu_dead(m->a, 0), EINVAL);
	assert_fails(guest_cpu_dead(m->a, 2), EINVAL);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, ipi), 0);
	assert_rc(guest_notify_port(m->a, l.tx), 0);
	assert_int_equal(r.runs, 1);
	assert_int_equal(l.on[0], 1);
	assert_rc(guest_unbind_from_irqhandler(m->a, l.irq, &l.r), 0);
	assert_fails(move(m->a, l.irq, 1), EINVAL);
}

/* A hypervisor that refuses: everything as before, and what came meanwhile is delivered. */
static void refused(void **state)
{
	struct guests *m = *state;
	struct moved l;
	long port;
	int irq;

	make(m, &l);
	port = op_bind_ipi(m->va, 0); /* bound by its number, nobody here knows that it is an IPI */
	irq = guest_bind_evtchn_to_irqhandler(m->a, (evtchn_port_t)port, record_run, 0, "x", &l.r);
	assert_true(irq > 0);
	assert_fails(move(m->a, (unsigned)irq, 1), EINVAL);
	assert_false(port_masked(m->a, (evtchn_port_t)port));
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(l.on[0], 1);
}

/* A closed port's number is CPU 0's again. */
static void closed_after_it_moved(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	evtchn_port_t port;
	struct moved l;
	int irq;

	boot_cpu1(m);
	make(m, &l);
	assert_rc(move(m->a, l.irq, 1), 0);
	port = guest_irq_port(m->a, l.irq);
	assert_rc(guest_unbind_from_irqhandler(m->a, l.irq, &l.r), 0);
	irq = guest_bind_ipi_to_irqhandler(m->a, 0, 0, record_run, 0, "new", &r);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), port);
	guest_local_irq_enable(m->a);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(r.runs, 1);
}

/* ---- a CPU stops -------------------------------------------------------------------------- */

static void stop_cpu1(struct guests *m)
{
	assert_rc(op_vcpu(m->va, VCPUOP_down, 1, NULL, 0), 0);
	assert_rc(guest_cpu_dead(m->a, 1), 0);
}

static void its_ports_go_to_cpu_0(void **state)
{
	struct guests *m = *state;
	struct moved idle, pending, disabled;

	boot_cpu1(m);
	make(m, &idle);
	make(m, &pending);
	make(m, &disabled);
	assert_rc(move(m->a, idle.irq, 1), 0);
	assert_rc(move(m->a, pending.irq, 1), 0);
	assert_rc(move(m->a, disabled.irq, 1), 0);
	assert_rc(guest_notify_port(m->a, pending.tx), 0);
	assert_rc(guest_notify_port(m->a, disabled.tx), 0);
	assert_rc(guest_disable_irq(m->a, disabled.irq), 0); /* it is queued already */
	guest_local_irq_enable(m->a);
	assert_int_equal(pending.r.runs, 0);
	stop_cpu1(m);
	testbed_run(m->tb);
	assert_int_equal(pending.on[0], 1);
	assert_int_equal(pending.r.runs, 1);
	assert_int_equal(disabled.r.runs, 0);
	assert_rc(guest_notify_port(m->a, idle.tx), 0);
	assert_rc(guest_notify_port(m->a, pending.tx), 0);
	assert_rc(guest_enable_irq(m->a, disabled.irq), 0);
	assert_int_equal(idle.on[0], 1);
	assert_int_equal(pending.on[0], 2);
	assert_int_equal(disabled.on[0], 1);
}

/* What was sent to the CPU itself waits for it, also twice over. */
static void its_ipis_wait(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD, quiet = RECORD;
	int irq = guest_bind_ipi_to_irqhandler(m->a, 2, 1, record_run, 0, "ipi", &r);
	int off = guest_bind_ipi_to_irqhandler(m->a, 3, 1, record_run, 0, "off", &quiet);

	boot_cpu1(m);
	for (unsigned i = 1; i < 3; i++) {
		assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
		assert_rc(guest_notify_irq(m->a, (unsigned)off), 0);
		assert_rc(guest_disable_irq(m->a, (unsigned)off), 0);
		stop_cpu1(m);
		/* nothing is left on its queues, so its ports could be handed out again */
		assert_false(guest_port_state(m->a, guest_irq_port(m->a, (unsigned)irq)) &
			     GUEST_PORT_LINKED);
		assert_int_equal(r.runs, i - 1);
		assert_rc(op_vcpu(m->va, VCPUOP_up, 1, NULL, 0), 0);
		testbed_on(m->va1);
		assert_rc(guest_cpu_init(m->a), 0);
		testbed_on(NULL);
		enable_on(m, m->va1);
		testbed_run(m->tb);
		assert_int_equal(r.runs, i);
		assert_int_equal(quiet.runs, i - 1);
		assert_rc(guest_enable_irq(m->a, (unsigned)off), 0);
		testbed_run(m->tb);
		assert_int_equal(quiet.runs, i);
		testbed_on(m->va1);
		guest_local_irq_disable(m->a);
		testbed_on(NULL);
	}
}

/* Its IPIs are unbound while their events are on its queues: those numbers come back. */
static void its_ports_can_be_had_again(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	int irq = guest_bind_ipi_to_irqhandler(m->a, 2, 1, record_run, 0, "ipi", &r);
	evtchn_port_t port = guest_irq_port(m->a, (unsigned)irq);

	boot_cpu1(m);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq, &r), 0);
	stop_cpu1(m);
	irq = guest_bind_ipi_to_irqhandler(m->a, 2, 0, record_run, 0, "ipi", &r);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), port);
	guest_local_irq_enable(m->a);
	assert_int_equal(r.runs, 0);
	assert_rc(guest_notify_irq(m->a, (unsigned)irq), 0);
	assert_int_equal(r.runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(moved_idle),
		guests_test(moved_while_pending),
		guests_test(moved_while_disabled),
		guests_test(moved_while_it_runs),
		guests_test(errors),
		guests_test(refused),
		guests_test(closed_after_it_moved),
		guests_test(its_ports_go_to_cpu_0),
		guests_test(its_ipis_wait),
		guests_test(its_ports_can_be_had_again),
	};

	return cmocka_run_group_tests_name("guest_move", tests, NULL, NULL);
}
