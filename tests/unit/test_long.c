/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that take long are cut short and go on: reset, the search for a free port, multicalls,
 * console output. What they do otherwise is tested elsewhere.
 */
#include <xen/sched.h>
#include <xen/version.h>

#include "fifo.h"

/* Cut short at every step, with something done in between. */
struct cut {
	unsigned steps;
	unsigned at; /* the step at which `also` is called; 0: at each */
	void (*also)(struct bare *b, struct cut *c);
	struct bare *b;
	long rc, rc2;
};

static bool cut_here(struct testbed_vcpu *v, void *arg)
{
	struct cut *c = arg;

	if (v != c->b->v0)
		return false;
	c->steps++;
	if (c->also && (!c->at || c->at == c->steps))
		c->also(c->b, c);
	return true;
}

static void cut_begin(struct bare *b, struct cut *c)
{
	c->b = b;
	assert_rc(testbed_vcpu_boot(b->v1), 0);
	testbed_set_preempt(b->tb, cut_here, c);
}

static void bind_many(struct bare *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_true(op_bind_ipi(b->v0, i & 1) > 0);
}

/* ---- reset ---- */

static void reset_by_steps(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d5 = bare_domain(b, 5, true);
	struct testbed_vcpu *v5 = testbed_vcpu(d5, 0);
	struct cut c = { 0 };
	long remote;

	bind_many(b, 2000);
	remote = op_alloc_unbound(b->v0, SELF, 5);
	assert_rc(remote, 2001);
	assert_rc(op_bind_interdomain(v5, 0, (uint32_t)remote), 1);
	cut_begin(b, &c);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_true(c.steps >= 2);
	assert_status(v5, SELF, 1, "unbound vcpu=0 dom=0");
	for (uint32_t port = 1; port <= 2001; port++)
		assert_status(b->v0, SELF, port, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

/* A hundred thousand, as FIFO has them, and the way back to the 2-level ABI at the end of it. */
static void reset_of_many(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	struct cut c = { 0 };

	bind_many(b, 100000);
	cut_begin(b, &c);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_true(c.steps >= 100000 / 1024);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_fails(set_priority(b->v0, 1, 3), ENOSYS);
	(void)f;
}

static void others_meanwhile(struct bare *b, struct cut *c)
{
	c->rc = op_reset(b->v1, SELF);
	/* Behind it: the lowest of those closed already. */
	c->rc2 = op_bind_ipi(b->v1, 0);
}

static void reset_is_one(void **state)
{
	struct bare *b = *state;
	struct cut c = { .at = 1, .also = others_meanwhile };

	bind_many(b, 600);
	cut_begin(b, &c);
	assert_fails(op_reset(b->v0, SELF), EAGAIN);
	assert_fails(c.rc, EBUSY);
	assert_rc(c.rc2, 1);
	assert_status(b->v0, SELF, 1, "ipi vcpu=0");
	assert_status(b->v0, SELF, 600, "closed vcpu=0");
	/* It is over: the next one begins anew. */
	testbed_set_preempt(b->tb, NULL, NULL);
	assert_rc(op_reset(b->v0, SELF), 0);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
}

/* Another vCPU goes on with it, by the number that only a hypervisor should use. */
static void finished_by_another(struct bare *b, struct cut *c)
{
	struct evtchn_reset a = { SELF };

	c->rc = op_raw(b->v1, EVTCHNOP_reset_cont, &a, sizeof(a));
}

static void reset_continued_twice(void **state)
{
	struct bare *b = *state;
	struct cut c = { .at = 1, .also = finished_by_another };

	bind_many(b, 600);
	cut_begin(b, &c);
	/* The first then finds that nothing is half done. */
	assert_fails(op_reset(b->v0, SELF), EBUSY);
	assert_rc(c.rc, 0);
	assert_status(b->v0, SELF, 600, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

static void reset_of_another(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d5 = bare_domain(b, 5, true);
	struct cut c = { 0 };

	for (unsigned i = 0; i < 600; i++)
		assert_true(op_bind_ipi(testbed_vcpu(d5, 0), 0) > 0);
	hv_domain_pause(testbed_hv_domain(d5));
	cut_begin(b, &c);
	assert_rc(op_reset(b->v0, 5), 0);
	assert_true(c.steps > 0);
	hv_domain_unpause(testbed_hv_domain(d5));
	assert_rc(op_bind_ipi(testbed_vcpu(d5, 0), 0), 1);
}

/* ---- the search for a free port ---- */

/* Ports from..to were never used, and their words read LINKED: the guest wrote that. */
static void link_free_ports(struct fifo_view *f, uint32_t from, uint32_t to)
{
	for (uint32_t port = from; port <= to; port++) {
		if (port / 1024 >= f->pages)
			give_page(f, NULL);
		word_set(f, port, LINKED);
	}
}

static void bind_meanwhile(struct bare *b, struct cut *c)
{
	/* Its own search, from the beginning, as long as the other. */
	c->rc = op_bind_ipi(b->v1, 0);
}

/* Nobody asks: the search is cut short all the same, and called again by whoever called it. */
static void search_is_bounded(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);
	uint64_t args[6] = { EVTCHNOP_bind_ipi };
	struct evtchn_bind_ipi a = { 0, 0xa5 };
	unsigned cuts = 0;

	assert_rc(testbed_vcpu_boot(b->v1), 0);
	link_free_ports(&f, 1, 5000);
	args[1] = testbed_place(b->v0, AT_OK, 0, &a, sizeof(a));
	for (;;) {
		long rc = hv_hypercall(testbed_hv_vcpu(b->v0), __HYPERVISOR_event_channel_op, args);

		if (!hv_vcpu_preempted(testbed_hv_vcpu(b->v0))) {
			assert_rc(rc, 0);
			break;
		}
		if (cuts++ == 0)
			bind_meanwhile(b, &(struct cut){ 0 });
	}
	assert_int_equal(cuts, 4);
	testbed_fetch(b->v0, args[1], &a, sizeof(a));
	/* The other vCPU's bind, in between, got 5001 */
	assert_int_equal(a.port, 5002);
	/* A port that is not linked any more is found again, and first. */
	word_clear(&f, 700, LINKED);
	assert_rc(op_bind_ipi(b->v0, 0), 700);
	assert_rc(op_alloc_unbound(b->v0, SELF, 5), 5003);
	ops_compat(b->v0);
	assert_rc(op_alloc_unbound(b->v0, SELF, 5), 5004);
	assert_rc(op_bind_interdomain(b->v0, SELF, 5003), -XEN_EINVAL);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 1), 5005);
}

/* All that can be had are linked: the end of them is found, too, by steps. */
static void search_finds_none(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d5 = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 5, .pages = 160 }, NULL);
	struct testbed_vcpu *v5 = testbed_vcpu(d5, 0);
	struct fifo_view f = fifo_begin(d5, 1);

	link_free_ports(&f, 1, 131071);
	assert_fails(op_bind_ipi(v5, 0), ENOSPC);
	word_clear(&f, 131071, LINKED);
	assert_rc(op_bind_ipi(v5, 0), 131071);
}

/* A search that was given up leaves nothing to the next operation. */
static void search_given_up(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);
	struct evtchn_bind_ipi a = { 0, 0 };
	uint64_t args[6] = { EVTCHNOP_bind_ipi };

	link_free_ports(&f, 1, 2000);
	args[1] = testbed_place(b->v0, AT_OK, 0, &a, sizeof(a));
	hv_hypercall(testbed_hv_vcpu(b->v0), __HYPERVISOR_event_channel_op, args);
	assert_true(hv_vcpu_preempted(testbed_hv_vcpu(b->v0)));
	word_clear(&f, 5, LINKED);
	assert_rc(op_alloc_unbound(b->v0, SELF, 5), 5);
	assert_rc(op_bind_ipi(b->v0, 0), 2001);
}

/* The embedder's own connections look as far. */
static void connect_searches(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);
	struct testbed_domain *d5 = bare_domain(b, 5, true);
	evtchn_port_t pa, pb;

	link_free_ports(&f, 1, 3000);
	assert_rc(hv_evtchn_connect(testbed_hv_domain(b->d0), testbed_hv_domain(d5), &pa, &pb), 0);
	assert_int_equal(pa, 3001);
	assert_int_equal(pb, 1);
	assert_rc(hv_evtchn_connect(testbed_hv_domain(b->d0), testbed_hv_domain(b->d0), &pa, &pb),
		  0);
	assert_int_equal(pa, 3002);
	assert_int_equal(pb, 3003);
}

/* ---- multicall ---- */

static uint64_t place_calls(struct testbed_vcpu *v, struct multicall_entry *e, size_t n)
{
	return testbed_place(v, AT_OK, 1, e, n * sizeof(*e));
}

static void multicall_by_entries(void **state)
{
	struct bare *b = *state;
	struct multicall_entry e[3] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
		{ .op = 11 }
	};
	uint64_t va = place_calls(b->v0, e, 3);
	struct cut c = { 0 };

	cut_begin(b, &c);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_multicall, va, 3), 0);
	assert_int_equal(c.steps, 2);
	testbed_fetch(b->v0, va, e, sizeof(e));
	assert_rc(e[0].result, 4096);
	assert_rc(e[1].result, 4 << 16 | 17);
	assert_fails(e[2].result, ENOSYS);
}

/* A poll in the middle: the rest comes after it. */
static void multicall_sleeps(void **state)
{
	struct bare *b = *state;
	long port = op_bind_ipi(b->v0, 0);
	evtchn_port_t ports[1] = { (evtchn_port_t)port };
	struct evtchn_close close = { .port = (evtchn_port_t)port };
	struct sched_poll poll = { .nr_ports = 1 };
	struct multicall_entry e[2] = { { .op = __HYPERVISOR_sched_op, .args = { SCHEDOP_poll } },
					{ .op = __HYPERVISOR_event_channel_op,
					  .args = { EVTCHNOP_close } } };
	uint8_t *page = testbed_page(b->d0);
	uint64_t va = (uint64_t)(uintptr_t)page;

	memcpy(page + 1024, ports, sizeof(ports));
	poll.ports = va + 1024;
	memcpy(page + 512, &poll, sizeof(poll));
	memcpy(page + 768, &close, sizeof(close));
	e[0].args[1] = va + 512;
	e[1].args[1] = va + 768;
	memcpy(page, e, sizeof(e));
	testbed_call(b->v0, __HYPERVISOR_multicall, va, 2);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	assert_status(b->v1, SELF, (uint32_t)port, "ipi vcpu=0");
	assert_rc(op_send(b->v1, (uint32_t)port), 0);
	assert_true(hv_vcpu_runnable(testbed_hv_vcpu(b->v0)));
	assert_rc(testbed_go_on(b->v0), 0);
	assert_status(b->v1, SELF, (uint32_t)port, "closed vcpu=0");
	memcpy(e, page, sizeof(e));
	assert_rc(e[0].result, 0);
	assert_rc(e[1].result, 0);
}

/* An entry that is cut short goes on in the next multicall. */
static void multicall_of_a_long_one(void **state)
{
	struct bare *b = *state;
	uint8_t *page = testbed_page(b->d0);
	struct evtchn_reset reset = { SELF };
	struct multicall_entry e[2] = {
		{ .op = __HYPERVISOR_event_channel_op,
		  .args = { EVTCHNOP_reset, (uint64_t)(uintptr_t)page + 512 } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } }
	};
	struct cut c = { 0 };

	bind_many(b, 1000);
	memcpy(page, e, sizeof(e));
	memcpy(page + 512, &reset, sizeof(reset));
	cut_begin(b, &c);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_multicall, (uint64_t)(uintptr_t)page, 2), 0);
	assert_true(c.steps > 3);
	memcpy(e, page, sizeof(e));
	assert_rc(e[0].result, 0);
	assert_int_equal(e[0].args[0], EVTCHNOP_reset_cont);
	assert_rc(e[1].result, 4096);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
}

/* ---- console ---- */

static void long_text(void **state)
{
	struct bare *b = *state;
	char text[2000];
	struct cut c = { 0 };

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	cut_begin(b, &c);
	assert_rc(testbed_call(b->v0, __HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text),
			       testbed_place(b->v0, AT_OK, 0, text, sizeof(text))),
		  0);
	assert_int_equal(c.steps, 7);
	assert_int_equal(strlen(testbed_console(b->d0)), sizeof(text));
	assert_memory_equal(testbed_console(b->d0), text, sizeof(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(reset_by_steps),    bare_test(reset_of_many),
		bare_test(reset_is_one),      bare_test(reset_continued_twice),
		bare_test(reset_of_another),  bare_test(search_is_bounded),
		bare_test(search_finds_none), bare_test(search_given_up),
		bare_test(connect_searches),  bare_test(multicall_by_entries),
		bare_test(multicall_sleeps),  bare_test(multicall_of_a_long_one),
		bare_test(long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
