/* SPDX-License-Identifier: MIT */
/*
 * The guest half: many ports pending in one upcall. The handler of one changes what comes after it,
 * each is handled once and in its turn, and all are counted, however they are handled.
 */
#include <stdio.h>

#include "guests.h"

#define MOST 320u

struct many {
	struct testbed_domain *d;
	struct guest *g;
	unsigned n;
	evtchn_port_t tx[MOST], rx[MOST];
	unsigned irq[MOST];
	struct record r[MOST];
	unsigned runs; /* of all */
	unsigned order[2 * MOST];
	void (*also)(struct many *t, unsigned i); /* what a handler does; may be NULL */
};

/* A guest with two CPUs and no lack of IRQ numbers. */
static void begin(struct guests *m, struct many *t)
{
	struct testbed_domain_config cfg = guests_config(3, 2);

	cfg.nr_irqs = 0;
	cfg.pages = 2048;
	cfg.abi = m->abi;
	*t = (struct many){ .d = testbed_domain_create(m->tb, &cfg, NULL) };
	assert_non_null(t->d);
	t->g = testbed_guest(t->d);
}

static void end(struct many *t)
{
	testbed_domain_destroy(t->d);
}

static void in_order(struct guest *g, unsigned irq, struct record *r)
{
	struct many *t = r->arg;
	unsigned i = (unsigned)(r - t->r);

	(void)g;
	assert_int_equal(irq, t->irq[i]);
	assert_true(t->runs < 2 * MOST);
	t->order[t->runs++] = i;
	if (t->also)
		t->also(t, i);
}

static void skip_ports(struct many *t, unsigned n)
{
	while (n--)
		assert_true(guest_alloc_unbound(t->g, 2) > 0);
}

/* Loops; the ports that events arrive at are in a row, `between` others after each. */
static void bind_many(struct many *t, unsigned n, unsigned first, unsigned between)
{
	int port;

	for (t->n = 0; t->n < n; t->n++) {
		port = guest_alloc_unbound(t->g, DOMID_SELF);
		assert_true(port > 0);
		t->tx[t->n] = (evtchn_port_t)port;
	}
	assert_true(first > n);
	skip_ports(t, first - n - 1);
	for (unsigned i = 0; i < n; i++) {
		int irq = guest_bind_interdomain_to_irq(t->g, DOMID_SELF, t->tx[i]);

		assert_true(irq > 0);
		t->irq[i] = (unsigned)irq;
		t->rx[i] = guest_irq_port(t->g, t->irq[i]);
		assert_int_equal(t->rx[i], first + i * (between + 1));
		assert_true(guest_clear_irq_pending(t->g, t->irq[i]));
		skip_ports(t, between);
	}
}

static void request(struct many *t, unsigned i, unsigned flags)
{
	t->r[i] = (struct record){ .answer = GUEST_IRQ_HANDLED, .also = in_order, .arg = t };
	assert_rc(guest_request_irq(t->g, t->irq[i], record_run, flags, "r", &t->r[i]), 0);
}

static void bind_and_request(struct many *t, unsigned n, unsigned first, unsigned between)
{
	bind_many(t, n, first, between);
	for (unsigned i = 0; i < n; i++)
		request(t, i, 0);
}

static void send(struct many *t, unsigned i)
{
	assert_rc(guest_notify_port(t->g, t->tx[i]), 0);
}

static void send_all(struct many *t)
{
	for (unsigned i = 0; i < t->n; i++)
		send(t, i);
}

/* One upcall for all that has been sent. */
static void deliver(struct many *t)
{
	guest_local_irq_enable(t->g);
	guest_local_irq_disable(t->g);
}

static void read_spurious(void *arg, const char *line)
{
	unsigned n;

	if (sscanf(line, "SPU: %u", &n) == 1)
		*(unsigned *)arg = n;
}

static unsigned spurious(struct many *t)
{
	unsigned n = UINT32_MAX;

	guest_show_interrupts(t->g, read_spurious, &n);
	return n;
}

/* ---- how many, where, and from where ------------------------------------------------------ */

/* The first port of a later word; the first of all, if there is none. */
static unsigned behind_word_of(const struct many *t, unsigned i)
{
	evtchn_port_t word = t->rx[i] / 64;

	while (i < t->n && t->rx[i] / 64 == word)
		i++;
	return i % t->n;
}

/* Once with all that is remembered from before, then from behind the word of port `from`. */
static void each_once(struct guests *m, unsigned n, unsigned between, unsigned from)
{
	struct many t;
	unsigned first;

	begin(m, &t);
	bind_and_request(&t, n, 384, between);
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.runs, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(t.order[i], i);

	send(&t, from);
	deliver(&t);
	t.runs = 0;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.runs, n);
	/* 2-level: the word that was served last comes last. FIFO: as they were sent. */
	first = m->abi == GUEST_ABI_FIFO ? 0 : behind_word_of(&t, from);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(t.order[i], (first + i) % n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(t.r[i].runs, i == from ? 3 : 2);
		assert_int_equal(guest_irq_count(t.g, t.irq[i]), t.r[i].runs);
		assert_false(port_pending(t.g, t.rx[i]));
	}
	end(&t);
}

static void in_one_word(void **state)
{
	static const unsigned n[] = { 2, 17, 63, 64 };

	for (unsigned i = 0; i < ALEN(n); i++) {
		each_once(*state, n[i], 0, 0);
		each_once(*state, n[i], 0, n[i] / 2);
		each_once(*state, n[i], 0, n[i] - 1);
	}
}

static void in_many_words(void **state)
{
	static const unsigned n[] = { 2, 17, 33 };

	for (unsigned i = 0; i < ALEN(n); i++) {
		each_once(*state, n[i], 99, n[i] / 2); /* one in a word */
		each_once(*state, n[i], 20, n[i] / 2); /* three or four */
	}
	each_once(*state, 65, 0, 32);
	each_once(*state, 129, 0, 70);
	each_once(*state, MOST, 0, 100);
}

/* ---- sent again while its word is handled -------------------------------------------------- */

static void send_in_between(struct many *t, unsigned i)
{
	if (t->runs > 4)
		return;
	if (i == 0)
		send(t, 0); /* itself */
	if (i == 1)
		send(t, 3); /* still to come: that is one event */
	if (i == 2)
		send(t, 1); /* has been */
}

static void sent_again(void **state)
{
	static const unsigned runs[] = { 2, 2, 1, 1 };
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 4, 384, 0);
	t.also = send_in_between;
	send_all(&t);
	deliver(&t);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(t.r[i].runs, runs[i]);
		assert_int_equal(t.order[i], i);
	}
	end(&t);
}

/* ---- the flag ------------------------------------------------------------------------------ */

static void enable_somehow(struct many *t, unsigned i)
{
	assert_true(guest_irqs_disabled(t->g));
	if (i == 0)
		guest_local_irq_enable(t->g);
	if (i == 1)
		guest_local_irq_restore(t->g, 1);
	if (i == 3) {
		send(t, 0); /* or it would sleep for ever */
		guest_halt(t->g);
	}
}

/* Each handler begins with events disabled, whatever the one before it has done. */
static void enabled_by_others(void **state)
{
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 4, 384, 0);
	t.also = enable_somehow;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.runs, 5);
	end(&t);
}

/* ---- the first one's handler changes what comes after it ----------------------------------- */

static void disable_next(struct many *t, unsigned i)
{
	if (!i)
		assert_rc(guest_disable_irq_nosync(t->g, t->irq[1]), 0);
}

static void disabled_by_the_first(void **state)
{
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 3, 384, 0);
	t.also = disable_next;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.r[1].runs, 0);
	assert_int_equal(t.r[2].runs, 1);
	assert_true(port_pending(t.g, t.rx[1]));
	assert_rc(guest_enable_irq(t.g, t.irq[1]), 0);
	deliver(&t);
	assert_int_equal(t.r[1].runs, 1);
	end(&t);
}

static void disable_and_enable_next(struct many *t, unsigned i)
{
	disable_next(t, i);
	if (!i)
		assert_rc(guest_enable_irq(t->g, t->irq[1]), 0);
}

static void disabled_and_enabled(void **state)
{
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 3, 384, 0);
	t.also = disable_and_enable_next;
	send_all(&t);
	deliver(&t);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(t.r[i].runs, 1);
	end(&t);
}

static void free_next(struct many *t, unsigned i)
{
	if (!i)
		assert_rc(guest_free_irq(t->g, t->irq[1], &t->r[1]), 0);
}

/* The event is for whoever is there next. */
static void freed_by_the_first(void **state)
{
	struct record next = RECORD;
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 3, 384, 0);
	t.also = free_next;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.r[1].runs, 0);
	assert_int_equal(t.r[2].runs, 1);
	assert_true(port_pending(t.g, t.rx[1]));
	assert_rc(guest_request_irq(t.g, t.irq[1], record_run, 0, "next", &next), 0);
	deliver(&t);
	assert_int_equal(next.runs, 1);
	assert_int_equal(t.r[1].runs, 0);
	end(&t);
}

static void unbind_two(struct many *t)
{
	for (unsigned i = 1; i < 3; i++)
		assert_rc(guest_unbind_from_irqhandler(t->g, t->irq[i], &t->r[i]), 0);
}

static void unbind_next(struct many *t, unsigned i)
{
	if (!i)
		unbind_two(t);
}

/* What is closed is not looked at any more, nor counted as if somebody had sent it for nothing. */
static void closed_by_the_first(void **state)
{
	struct many t;

	begin(*state, &t);
	bind_and_request(&t, 4, 384, 0);
	t.also = unbind_next;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.r[1].runs + t.r[2].runs, 0);
	assert_int_equal(t.r[0].runs + t.r[3].runs, 2);
	assert_int_equal(spurious(&t), 0);
	assert_false(port_pending(t.g, t.rx[1]) || port_pending(t.g, t.rx[2]));
	end(&t);
}

static struct record next[2];

/* The two ports are IPIs now; each may have the other's IRQ, as that is the one given back last. */
static void swap_next(struct many *t, unsigned i)
{
	if (i)
		return;
	unbind_two(t);
	for (unsigned k = 0; k < 2; k++) {
		int irq = guest_bind_ipi_to_irqhandler(t->g, k, 0, record_run, 0, "next", &next[k]);

		assert_true(irq > 0);
		/* FIFO: a port that is on a queue is not handed out again. */
		if (guest_abi(t->g) == GUEST_ABI_2L)
			assert_int_equal(guest_irq_port(t->g, (unsigned)irq), t->rx[1 + k]);
		assert_int_equal(irq, t->irq[2 - k]);
		if (!k)
			assert_rc(guest_notify_irq(t->g, (unsigned)irq), 0);
	}
}

static void rebound_by_the_first(void **state)
{
	struct many t;

	next[0] = next[1] = (struct record)RECORD;
	begin(*state, &t);
	bind_and_request(&t, 4, 384, 0);
	t.also = swap_next;
	send_all(&t);
	deliver(&t);
	assert_int_equal(t.r[1].runs + t.r[2].runs, 0);
	assert_int_equal(t.r[3].runs, 1);
	assert_int_equal(next[0].runs, 1);
	assert_int_equal(next[1].runs, 0);
	assert_int_equal(spurious(&t), 0);
	end(&t);
}

static void move_next(struct many *t, unsigned i)
{
	struct guest_cpumask mask = { { 0 } };

	guest_cpumask_set(&mask, 1);
	if (!i)
		assert_rc(guest_irq_set_affinity(t->g, t->irq[1], &mask), 0);
}

static void moved_by_the_first(void **state)
{
	struct testbed_vcpu *before, *v;
	struct guests *m = *state;
	struct many t;

	begin(m, &t);
	v = testbed_vcpu(t.d, 1);
	assert_rc(testbed_vcpu_boot(v), 0);
	before = testbed_on(v);
	guest_local_irq_enable(t.g);
	testbed_on(before);
	bind_and_request(&t, 3, 384, 0);
	t.also = move_next;
	send_all(&t);
	deliver(&t);
	testbed_run(m->tb);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(t.r[i].runs, 1);
	/* 2-level: by the CPU that has it. FIFO: it was on the other one's queue. */
	assert_int_equal(guest_irq_count_cpu(t.g, t.irq[1], 1), m->abi == GUEST_ABI_2L);
	assert_int_equal(guest_irq_effective_cpu(t.g, t.irq[1]), 1);
	end(&t);
}

/* ---- counted ------------------------------------------------------------------------------ */

static unsigned see_handled(void *arg, unsigned irq, unsigned cpu,
			    const struct guest_cpu_load *loads, unsigned nr_cpus)
{
	(void)irq;
	(void)nr_cpus;
	*(uint64_t *)arg = loads[0].handled;
	return cpu;
}

static enum guest_irqreturn not_mine(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	return GUEST_IRQ_NONE;
}

/* Every so many-th has two handlers, so its passes are no quick ones; 0: none. */
static void counted(struct guests *m, unsigned n, unsigned slow)
{
	uint64_t handled = 0;
	struct many t;

	begin(m, &t);
	bind_many(&t, n, 384, 0);
	for (unsigned i = 0; i < n; i++) {
		bool two = slow && i % slow == 0;

		request(&t, i, two ? GUEST_IRQF_SHARED : 0);
		if (two)
			assert_rc(guest_request_irq(t.g, t.irq[i], not_mine, GUEST_IRQF_SHARED,
						    "other", &t),
				  0);
	}
	guest_set_balancer(t.g, see_handled, &handled);
	for (unsigned round = 1; round <= 2; round++) {
		send_all(&t);
		deliver(&t);
		guest_balance_irqs(t.g);
		assert_int_equal(t.runs, round * n);
		assert_int_equal(handled, round * n);
	}
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(guest_irq_count(t.g, t.irq[i]), 2);
	end(&t);
}

static void all_are_counted(void **state)
{
	static const unsigned n[] = { 1, 16, 17, 128, 129, 300 };

	for (unsigned i = 0; i < ALEN(n); i++) {
		counted(*state, n[i], 0);
		counted(*state, n[i], 1);
		counted(*state, n[i], 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(in_one_word),
		guests_test(in_many_words),
		guests_test(sent_again),
		guests_test(enabled_by_others),
		guests_test(disabled_by_the_first),
		guests_test(disabled_and_enabled),
		guests_test(freed_by_the_first),
		guests_test(closed_by_the_first),
		guests_test(rebound_by_the_first),
		guests_test(moved_by_the_first),
		guests_test(all_are_counted),
	};

	return cmocka_run_group_tests_name("guest_together", tests, NULL, NULL);
}
