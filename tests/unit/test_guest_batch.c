/* SPDX-License-Identifier: MIT */
/*
 * Batches of hypercalls: what is made when and in which order, what becomes of results, full
 * batches, sections inside sections and handlers, and what is refused. The hypercalls are sends to
 * the own domain. What the rest of the guest half queues is in test_guest_smp.c and
 * test_guest_mm.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include <carillon/guest_multicall.h>

#include "guests.h"

static struct guest_batch_counters count(struct guests *m)
{
	struct guest_batch_counters c;

	guest_batch_counters(m->a, &c);
	return c;
}

static bool add_send(struct guest *g, evtchn_port_t port, guest_batch_done done, void *arg)
{
	struct multicall_entry *call;
	struct evtchn_send *op;

	call = guest_batch_add(g, sizeof(*op), (void **)&op, done, arg);
	if (!call)
		return false;
	assert_int_equal(op->port, 0);
	assert_int_equal((uintptr_t)op % 8, 0);
	op->port = port;
	call->op = __HYPERVISOR_event_channel_op;
	call->args[0] = EVTCHNOP_send;
	call->args[1] = (uintptr_t)op;
	return true;
}

/* ---- what is made ---- */

static void made_at_the_end(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx[3], rx[3];
	guest_flags_t flags;

	for (unsigned i = 0; i < 3; i++)
		rx[i] = guest_irq_port(m->a, bind_loop_to(m->a, &tx[i]));
	guest_local_irq_enable(m->a);
	flags = guest_batch_begin(m->a);
	assert_true(flags);
	assert_true(guest_irqs_disabled(m->a));
	for (unsigned i = 0; i < 3; i++)
		assert_true(add_send(m->a, tx[i], NULL, NULL));
	for (unsigned i = 0; i < 3; i++)
		assert_false(port_pending(m->a, rx[i]));
	assert_int_equal(guest_batch_end(m->a, flags), 0);
	assert_false(guest_irqs_disabled(m->a));
	for (unsigned i = 0; i < 3; i++)
		assert_true(port_pending(m->a, rx[i]));
	assert_int_equal(count(m).calls, 3);
	assert_int_equal(count(m).traps, 1);
	assert_int_equal(count(m).flushes, 1);
	assert_int_equal(count(m).failed, 0);

	/* With events disabled they stay so; one call alone is made directly; none, not at all. */
	guest_local_irq_disable(m->a);
	flags = guest_batch_begin(m->a);
	assert_true(add_send(m->a, tx[0], NULL, NULL));
	assert_int_equal(guest_batch_end(m->a, flags), 0);
	assert_true(guest_irqs_disabled(m->a));
	assert_int_equal(guest_batch_end(m->a, guest_batch_begin(m->a)), 0);
	assert_int_equal(guest_batch_flush(m->a), 0);
	assert_int_equal(count(m).calls, 4);
	assert_int_equal(count(m).traps, 2);
	assert_int_equal(count(m).flushes, 2);
}

static void sections_nest(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx[2], rx[2];
	guest_flags_t outer, inner;

	for (unsigned i = 0; i < 2; i++)
		rx[i] = guest_irq_port(m->a, bind_loop_to(m->a, &tx[i]));
	outer = guest_batch_begin(m->a);
	assert_true(add_send(m->a, tx[0], NULL, NULL));
	inner = guest_batch_begin(m->a);
	assert_true(add_send(m->a, tx[1], NULL, NULL));
	assert_true(add_send(m->a, 4000, NULL, NULL));
	assert_int_equal(guest_batch_end(m->a, inner), 0);
	assert_false(port_pending(m->a, rx[0]) || port_pending(m->a, rx[1]));
	assert_int_equal(guest_batch_flush(m->a), -XEN_EINVAL);
	assert_true(port_pending(m->a, rx[0]) && port_pending(m->a, rx[1]));
	assert_int_equal(guest_batch_end(m->a, outer), 0); /* it was told */
}

/* ---- what becomes of results ---- */

struct told {
	char text[64];
	unsigned n;
};

static struct told told;

static long note(struct guest *g, long result, void *arg)
{
	const char *what = arg;

	assert_true(guest_irqs_disabled(g));
	told.n += (unsigned)snprintf(told.text + told.n, sizeof(told.text) - told.n, "%c%ld ",
				     what[0], result);
	return what[1] ? 0 : result;
}

/* In order, each with its own result; what one `done` forgives is forgotten. */
static void results(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx;
	guest_flags_t flags;
	evtchn_port_t rx = guest_irq_port(m->a, bind_loop_to(m->a, &tx));

	memset(&told, 0, sizeof(told));
	flags = guest_batch_begin(m->a);
	assert_int_equal(guest_batch_after(m->a, note, "a"), 0);
	assert_true(add_send(m->a, 4000, note, "b+"));
	assert_true(add_send(m->a, tx, note, "c"));
	assert_int_equal(guest_batch_after(m->a, note, "d"), 0);
	assert_true(add_send(m->a, 4001, note, "e"));
	assert_true(add_send(m->a, 4002, NULL, NULL));
	assert_int_equal(told.n, 0);
	assert_int_equal(guest_batch_end(m->a, flags), -XEN_EINVAL);
	assert_string_equal(told.text, "a0 b-22 c0 d0 e-22 ");
	assert_true(port_pending(m->a, rx));
	assert_int_equal(count(m).failed, 2);

	/* Nothing to be made, but something to be told; and forgiven whole. */
	memset(&told, 0, sizeof(told));
	flags = guest_batch_begin(m->a);
	assert_int_equal(guest_batch_after(m->a, note, "f"), 0);
	assert_int_equal(guest_batch_flush(m->a), 0);
	assert_string_equal(told.text, "f0 ");
	assert_true(add_send(m->a, 4000, note, "g+"));
	assert_int_equal(guest_batch_end(m->a, flags), 0);
	assert_string_equal(told.text, "f0 g-22 ");
}

static long count_up(struct guest *g, long result, void *arg)
{
	(void)g;
	++*(unsigned *)arg;
	return result;
}

static void full_batches(void **state)
{
	struct guests *m = *state;
	evtchn_port_t tx;
	guest_flags_t flags;
	unsigned n = 0;
	void *args[2];

	bind_loop_to(m->a, &tx);
	flags = guest_batch_begin(m->a);
	assert_true(add_send(m->a, 4000, NULL, NULL)); /* fails, and is told in the end */
	for (unsigned i = 1; i < GUEST_BATCH_CALLS; i++)
		assert_true(add_send(m->a, tx, NULL, NULL));
	assert_int_equal(count(m).traps, 0);
	assert_true(add_send(m->a, tx, NULL, NULL));
	assert_int_equal(count(m).traps, 1);
	assert_int_equal(count(m).calls, GUEST_BATCH_CALLS);
	assert_int_equal(count(m).full, 1);
	/* Full by their arguments. */
	assert_non_null(guest_batch_add(m->a, GUEST_BATCH_BYTES - 16, &args[0], NULL, NULL));
	assert_int_equal(count(m).full, 1);
	memset(args[0], 0xff, GUEST_BATCH_BYTES - 16);
	assert_non_null(guest_batch_add(m->a, 16, &args[1], NULL, NULL));
	assert_int_equal(count(m).full, 2);
	assert_int_equal(*(uint64_t *)args[1], 0);
	/* Full of what is only to be told. */
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(guest_batch_after(m->a, count_up, &n), 0);
	assert_int_equal(guest_batch_end(m->a, flags), -XEN_EINVAL);
	assert_int_equal(n, 100);
	assert_int_equal(count(m).calls, GUEST_BATCH_CALLS + 3);
}

/* ---- handlers ---- */

struct other {
	evtchn_port_t tx, rx;
	bool seen;
};

/* It has a section of its own, when the interrupted one is over. */
static void batches_too(struct guest *g, unsigned irq, struct record *r)
{
	struct other *o = r->arg;
	guest_flags_t flags = guest_batch_begin(g);

	(void)irq;
	assert_false(flags);
	assert_true(add_send(g, o->tx, NULL, NULL));
	assert_false(port_pending(g, o->rx));
	assert_int_equal(guest_batch_end(g, flags), 0);
	o->seen = port_pending(g, o->rx);
}

static void handlers_have_their_own(void **state)
{
	struct guests *m = *state;
	struct other o = { 0 };
	struct record r = { .answer = GUEST_IRQ_HANDLED, .also = batches_too, .arg = &o };
	unsigned irq = bind_self(m->a, &r, 0);
	guest_flags_t flags;

	o.rx = guest_irq_port(m->a, bind_loop_to(m->a, &o.tx));
	guest_local_irq_enable(m->a);
	flags = guest_batch_begin(m->a);
	assert_true(add_send(m->a, guest_irq_port(m->a, irq), NULL, NULL));
	assert_true(add_send(m->a, guest_irq_port(m->a, irq), NULL, NULL));
	assert_int_equal(guest_batch_flush(m->a), 0);
	assert_int_equal(r.runs, 0);
	assert_int_equal(guest_batch_end(m->a, flags), 0);
	assert_int_equal(r.runs, 1);
	assert_true(o.seen);
	guest_local_irq_disable(m->a);
	assert_rc(guest_unbind_from_irqhandler(m->a, irq, &r), 0);
}

/* ---- what is refused ---- */

static long queues(struct guest *g, long result, void *arg)
{
	guest_flags_t flags = guest_batch_begin(g);

	*(bool *)arg = add_send(g, 1, NULL, NULL) || !guest_batch_after(g, note, "x") ||
		       guest_batch_flush(g);
	assert_int_equal(guest_batch_end(g, flags), 0);
	return result;
}

static void misuse(void **state)
{
	struct guests *m = *state;
	bool could = true;
	guest_flags_t flags;
	void *args;

	assert_null(guest_batch_add(m->a, 8, &args, NULL, NULL));
	assert_int_equal(guest_batch_after(m->a, note, "x"), -XEN_EINVAL);
	flags = guest_batch_begin(m->a);
	assert_null(guest_batch_add(m->a, GUEST_BATCH_BYTES + 1, &args, NULL, NULL));
	assert_int_equal(guest_batch_after(m->a, NULL, NULL), -XEN_EINVAL);
	assert_int_equal(guest_batch_after(m->a, queues, &could), 0);
	assert_int_equal(guest_batch_end(m->a, flags), 0);
	assert_false(could);
	assert_int_equal(count(m).calls, 0);
}

/* ---- a multicall that fails itself ---- */

struct fake {
	struct shared_info *shared;
	unsigned made; /* entries that the multicall gets to */
	long answer;
};

static long fake_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	const struct fake *f = ctx;
	struct multicall_entry *e = (void *)(uintptr_t)a0;

	(void)a2;
	(void)a3;
	(void)a4;
	if (nr != __HYPERVISOR_multicall)
		return 0;
	for (unsigned i = 0; i < a1 && i < f->made; i++)
		e[i].result = 7;
	return f->answer;
}

static unsigned fake_cpu(void *ctx)
{
	(void)ctx;
	return 0;
}

static void *fake_alloc(void *ctx, size_t size)
{
	void *p = aligned_alloc(size % 4096 ? 64 : 4096, (size + 63) / 64 * 64);

	(void)ctx;
	return memset(p, 0, size);
}

static void fake_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

static uint64_t fake_cycles(void *ctx)
{
	(void)ctx;
	return 0;
}

static void fails_itself(void **state)
{
	static const struct guest_port_ops ops = { .hypercall = fake_hypercall,
						   .this_cpu = fake_cpu,
						   .alloc = fake_alloc,
						   .free = fake_free,
						   .cycles = fake_cycles };
	struct fake f = { .shared = aligned_alloc(4096, 4096), .made = 1, .answer = -XEN_EFAULT };
	struct guest_config cfg = { .shared_info = f.shared, .nr_cpus = 1 };
	guest_flags_t flags;
	struct guest *g;

	(void)state;
	memset(f.shared, 0, 4096);
	memset(&told, 0, sizeof(told));
	assert_rc(guest_create(&g, &ops, &f, &cfg), 0);
	for (unsigned i = 0; i < 2; i++) {
		flags = guest_batch_begin(g);
		assert_true(add_send(g, 1, note, "a"));
		assert_true(add_send(g, 2, note, "b"));
		assert_int_equal(guest_batch_end(g, flags), -XEN_EFAULT);
		f.answer = 0; /* which Xen does not do */
	}
	assert_string_equal(told.text, "a7 b-14 a7 b-14 ");
	guest_destroy(g);
	free(f.shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(made_at_the_end),
		guests_test(sections_nest),
		guests_test(results),
		guests_test(full_batches),
		guests_test(misuse),
		guests_test(handlers_have_their_own),
		cmocka_unit_test(fails_itself),
	};

	return cmocka_run_group_tests_name("guest_batch", tests, NULL, NULL);
}
