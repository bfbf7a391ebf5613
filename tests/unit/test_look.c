/* SPDX-License-Identifier: MIT */
/*
 * Looking from outside: what hv_port_info, hv_vcpu_state, hv_irq_info and the counters say, walking
 * the domains, counting single ports, and channels at ports of the embedder's choice. How that
 * looks as text is in test_dump.c; with threads it is in threads/test_look.c.
 */
#include "fifo.h"

#include <xen/physdev.h>
#include <xen/sched.h>

static struct hv_port_info look(const struct testbed_domain *d, evtchn_port_t port)
{
	struct hv_port_info info;

	memset(&info, 0xa5, sizeof(info));
	assert_rc(hv_port_info(testbed_hv_domain(d), port, &info), 0);
	return info;
}

/* ---- ports ---- */

static void port_in_2_level(void **state)
{
	struct bare *b = *state;
	struct hv_port_info i;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	i = look(b->d0, 1);
	assert_int_equal(i.status, EVTCHNSTAT_ipi);
	assert_true(i.has_word);
	assert_false(i.fifo || i.pending || i.masked || i.selected || i.linked || i.counted);
	assert_rc(op_send(b->v0, 1), 0);
	i = look(b->d0, 1);
	assert_true(i.pending && i.selected && !i.masked);
	/* taken by the guest, the selector still set; as on Xen it is that of the port's word */
	mem_set_pending(b->d0, 1, false);
	i = look(b->d0, 1);
	assert_true(!i.pending && i.selected);
	mem_clear_upcall(b->v0);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v0, 1), 0);
	i = look(b->d0, 1);
	assert_true(i.pending && i.masked && !i.selected);
	/* the selector is the one of the vCPU that is notified */
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 2);
	assert_rc(op_bind_vcpu(b->v0, 2, 1), 0);
	assert_false(look(b->d0, 2).selected);
	testbed_shared_info(b->d0)->vcpu_info[1].evtchn_pending_sel = 1;
	assert_true(look(b->d0, 2).selected);
	assert_int_equal(look(b->d0, 2).vcpu, 1);
	assert_int_equal(look(b->d0, 2).remote_dom, 0);
}

static void port_in_fifo(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 2);
	struct hv_port_info i;

	for (long p = 1; p <= 3; p++)
		assert_rc(op_bind_ipi(b->v0, 1), p);
	assert_rc(set_priority(b->v0, 2, 3), 0);
	i = look(b->d0, 2);
	assert_true(i.fifo && i.has_word);
	assert_false(i.linked || i.busy || i.pending || i.masked || i.selected);
	assert_int_equal(i.priority, 3);
	assert_int_equal(look(b->d0, 1).priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 3), 0);
	i = look(b->d0, 1);
	assert_true(i.linked && i.pending);
	assert_int_equal(i.link, 3);
	assert_int_equal(i.queue_vcpu, 1);
	assert_int_equal(i.queue_priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
	i = look(b->d0, 3);
	assert_true(i.linked);
	assert_int_equal(i.link, 0);
	/* from its next event on */
	assert_rc(set_priority(b->v0, 3, 1), 0);
	i = look(b->d0, 3);
	assert_int_equal(i.priority, 1);
	assert_int_equal(i.queue_priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
	word_set(&f, 2, BUSY | MASKED);
	i = look(b->d0, 2);
	assert_true(i.busy && i.masked && !i.linked);
}

static void port_without_word(void **state)
{
	struct bare *b = *state;
	struct hv_port_info i;

	fifo_begin(b->d0, 1);
	for (long p = 1; p <= 1024; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_send(b->v0, 1024), 0);
	i = look(b->d0, 1024);
	assert_true(i.fifo && !i.has_word && i.masked && !i.pending && !i.linked);
	assert_true(look(b->d0, 1023).has_word);
	assert_fails(hv_port_info(testbed_hv_domain(b->d0), 1088, &i), EINVAL);
	assert_fails(hv_port_info(testbed_hv_domain(b->d0), UINT32_MAX, &i), EINVAL);
}

/* ---- vCPUs ---- */

static struct hv_vcpu_state state_of(const struct testbed_vcpu *v)
{
	struct hv_vcpu_state s;

	memset(&s, 0xa5, sizeof(s));
	hv_vcpu_state(testbed_hv_vcpu(v), &s);
	return s;
}

static void vcpu_states(void **state)
{
	struct bare *b = *state;
	evtchn_port_t ports[2] = { 1, 2 };
	struct hv_vcpu_state s;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	s = state_of(b->v0);
	assert_true(s.up && s.upcall_mask);
	assert_false(s.blocked || s.polling || s.paused || s.shut_down || s.upcall_pending);
	assert_false(state_of(b->v1).up);
	assert_rc(op_poll(b->v0, ports, 1, 0), 0);
	s = state_of(b->v0);
	assert_true(s.blocked && s.polling);
	assert_int_equal(s.poll_port, 1);
	/* woken, though it has not come back to say that its poll is over */
	assert_rc(op_send(b->v1, 1), 0);
	s = state_of(b->v0);
	assert_false(s.blocked || s.polling);
	assert_int_equal(s.poll_port, 0);
	assert_true(s.upcall_pending);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_poll(b->v0, ports, 2, 0), 0);
	s = state_of(b->v0);
	assert_true(s.polling);
	assert_int_equal(s.poll_port, 0);
	hv_domain_pause(testbed_hv_domain(b->d0));
	assert_true(state_of(b->v0).paused);
	hv_domain_unpause(testbed_hv_domain(b->d0));
	assert_false(state_of(b->v0).paused);
	hv_domain_crash(testbed_hv_domain(b->d0));
	assert_true(state_of(b->v0).shut_down);
}

static void vcpu_without_info(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 5, .vcpus = 33 }, NULL);
	struct hv_vcpu_state s = state_of(testbed_vcpu(d, 32));

	assert_false(s.up || s.upcall_pending || s.upcall_mask);
	assert_true(state_of(testbed_vcpu(d, 31)).upcall_mask);
}

/* ---- counters ---- */

static void counters_of_vcpus(void **state)
{
	struct bare *b = *state;
	struct hv_counters c0, c1, sum;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 1), 2);
	mem_set_masked(b->d0, 2, true);
	for (unsigned i = 0; i < 3; i++)
		assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_send(b->v0, 2), 0);
	hv_vcpu_counters(testbed_hv_vcpu(b->v0), &c0);
	hv_vcpu_counters(testbed_hv_vcpu(b->v1), &c1);
	hv_domain_counters(testbed_hv_domain(b->d0), &sum);
	assert_int_equal(c0.sends, 3);
	assert_int_equal(c0.merged, 2);
	assert_int_equal(c0.masked, 0);
	assert_int_equal(c0.kicks, 1);
	assert_int_equal(c1.sends, 2);
	assert_int_equal(c1.merged, 1);
	assert_int_equal(c1.masked, 1);
	assert_int_equal(c1.kicks, 0);
	assert_int_equal(c1.hypercalls, 0);
	assert_int_equal(sum.sends, 5);
	assert_int_equal(sum.masked, 1);
	assert_int_equal(sum.hypercalls, c0.hypercalls);
}

static void masked_counts_in_fifo(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	struct hv_counters c;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	word_set(&f, 1, MASKED);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 1), 0);
	hv_vcpu_counters(testbed_hv_vcpu(b->v0), &c);
	assert_int_equal(c.sends, 2);
	assert_int_equal(c.merged, 1);
	assert_int_equal(c.masked, 1);
}

/* ---- lines ---- */

static void lines(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct hv_irq_info i;
	struct testbed_line *l;
	struct hv_counters c;

	assert_fails(hv_irq_info(hv, 20, &i), ENOENT);
	assert_fails(hv_irq_info(hv, HV_MAX_LINES, &i), EINVAL);
	assert_rc(hv_domain_map_pirq(testbed_hv_domain(b->d0), 33, 20, true), 0);
	assert_rc(hv_irq_info(hv, 20, &i), 0);
	assert_false(i.described || i.started || i.masked);
	assert_int_equal(i.nr_bound, 0);
	l = testbed_line(b->tb, 20, HV_IRQ_LEVEL);
	assert_rc(op_bind_pirq(b->v0, 33, BIND_PIRQ__WILL_SHARE), 1);
	assert_rc(hv_irq_info(hv, 20, &i), 0);
	assert_true(i.described && i.started && !i.masked);
	assert_int_equal(i.flow, HV_IRQ_LEVEL);
	assert_int_equal(i.nr_bound, 1);
	assert_int_equal(i.bound[0].domid, 0);
	assert_int_equal(i.bound[0].pirq, 33);
	assert_int_equal(i.bound[0].port, 1);
	assert_false(i.bound[0].in_flight);
	testbed_line_set(l, true);
	assert_rc(hv_irq_info(hv, 20, &i), 0);
	assert_true(i.masked && i.bound[0].in_flight);
	assert_int_equal(i.in_flight, 1);
	testbed_line_set(l, false);
	assert_rc(op_eoi(b->v0, 33), 0);
	assert_rc(hv_irq_info(hv, 20, &i), 0);
	assert_true(!i.masked && !i.bound[0].in_flight);
	assert_int_equal(i.in_flight, 0);
	hv_vcpu_counters(testbed_hv_vcpu(b->v0), &c);
	assert_int_equal(c.pirqs, 1);
	assert_int_equal(c.eois, 1);
	assert_int_equal(look(b->d0, 1).irq, 33);
	assert_rc(op_close(b->v0, 1), 0);
	assert_rc(hv_irq_info(hv, 20, &i), 0);
	assert_false(i.started);
	assert_int_equal(i.nr_bound, 0);
}

/* As many as can share one are listed. */
static void line_of_many(void **state)
{
	struct bare *b = *state;
	struct hv_irq_info i;

	assert_non_null(testbed_line(b->tb, 9, HV_IRQ_EDGE));
	for (unsigned k = 0; k < HV_MAX_LINE_GUESTS; k++) {
		struct testbed_domain *d = testbed_domain_create(
			b->tb,
			&(struct testbed_domain_config){ .id = (domid_t)(10 + k), .nr_pirqs = 4 },
			NULL);

		assert_rc(hv_domain_map_pirq(testbed_hv_domain(d), 3, 9, true), 0);
		assert_rc(op_bind_pirq(testbed_vcpu(d, 0), 3, BIND_PIRQ__WILL_SHARE), 1);
	}
	assert_rc(hv_irq_info(testbed_hv(b->tb), 9, &i), 0);
	assert_int_equal(i.nr_bound, HV_MAX_LINE_GUESTS);
	for (unsigned k = 0; k < HV_MAX_LINE_GUESTS; k++)
		assert_int_equal(i.bound[k].pirq, 3);
	assert_int_equal(i.flow, HV_IRQ_EDGE);
}

/* A per-CPU line is bound by more than are listed. */
static void line_of_more(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = testbed_domain_create(
		b->tb,
		&(struct testbed_domain_config){
			.id = 9, .vcpus = HV_MAX_LINE_GUESTS + 2, .nr_pirqs = 64 },
		NULL);
	struct hv_irq_info i;

	assert_non_null(testbed_line(b->tb, 9, HV_IRQ_PERCPU));
	for (unsigned k = 0; k < HV_MAX_LINE_GUESTS + 2; k++) {
		assert_rc(hv_vcpu_map_pirq(testbed_hv_vcpu(testbed_vcpu(d, k)), k, 9), 0);
		assert_rc(op_bind_pirq(testbed_vcpu(d, 0), k, 0), k + 1);
	}
	assert_rc(hv_irq_info(testbed_hv(b->tb), 9, &i), 0);
	assert_int_equal(i.nr_bound, HV_MAX_LINE_GUESTS + 2);
	/* The last ones that bound. */
	assert_int_equal(i.bound[0].pirq, HV_MAX_LINE_GUESTS + 1);
	assert_int_equal(i.bound[HV_MAX_LINE_GUESTS - 1].pirq, 2);
}

/* ---- walking ---- */

struct walk {
	domid_t seen[8];
	unsigned n, stop_after;
};

static int walked(struct hv_domain *d, void *arg)
{
	struct walk *w = arg;

	w->seen[w->n++] = hv_domain_id(d);
	return w->n == w->stop_after ? 7 : 0;
}

static void walk_domains(void **state)
{
	struct bare *b = *state;
	struct hv *hv = testbed_hv(b->tb);
	struct walk w = { .n = 0 };
	struct testbed_domain *last;

	bare_domain(b, 700, false);
	bare_domain(b, 3, false);
	last = bare_domain(b, DOMID_FIRST_RESERVED - 1, false);
	assert_rc(hv_for_each_domain(hv, walked, &w), 0);
	assert_int_equal(w.n, 4);
	assert_int_equal(w.seen[0], 0);
	assert_int_equal(w.seen[1], 3);
	assert_int_equal(w.seen[2], 700);
	assert_int_equal(w.seen[3], DOMID_FIRST_RESERVED - 1);
	w = (struct walk){ .stop_after = 2 };
	assert_rc(hv_for_each_domain(hv, walked, &w), 7);
	assert_int_equal(w.n, 2);
	testbed_domain_destroy(last);
	w = (struct walk){ .n = 0 };
	assert_rc(hv_for_each_domain(hv, walked, &w), 0);
	assert_int_equal(w.n, 3);
}

/* ---- counting single ports ---- */

static void assert_count(const struct testbed_domain *d, evtchn_port_t port, uint64_t sends,
			 uint64_t merged)
{
	struct hv_port_info i = look(d, port);

	assert_true(i.counted);
	assert_int_equal(i.sends, sends);
	assert_int_equal(i.merged, merged);
}

static void port_counters(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);
	unsigned blocks;

	for (long p = 1; p <= 2; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_send(b->v0, 1), 0);
	blocks = testbed_blocks(b->tb);
	assert_rc(hv_domain_trace(d, false), 0);
	assert_rc(hv_domain_trace(d, true), 0);
	assert_count(b->d0, 1, 0, 0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(hv_domain_trace(d, true), 0);
	assert_count(b->d0, 1, 1, 1);
	assert_count(b->d0, 2, 2, 1);
	/* the next one to have the number begins anew */
	assert_rc(op_close(b->v0, 2), 0);
	assert_rc(op_bind_ipi(b->v0, 1), 2);
	assert_count(b->d0, 2, 0, 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_count(b->d0, 2, 1, 0);
	assert_rc(hv_domain_trace(d, false), 0);
	assert_false(look(b->d0, 2).counted);
	assert_int_equal(look(b->d0, 2).sends, 0);
	assert_int_equal(testbed_blocks(b->tb), blocks);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(hv_domain_trace(d, true), 0);
	assert_count(b->d0, 2, 0, 0);
}

/* Ports that come while it is on are counted; what is left on goes with the domain. */
static void port_counters_grow(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *d = bare_domain(b, 4, true);
	struct testbed_vcpu *v = testbed_vcpu(d, 0);

	assert_rc(hv_domain_trace(testbed_hv_domain(d), true), 0);
	for (long p = 1; p <= 600; p++)
		assert_rc(op_bind_ipi(v, 0), p);
	for (uint32_t p = 60; p <= 600; p++)
		assert_rc(op_send(v, p), 0);
	assert_count(d, 59, 0, 0);
	assert_count(d, 60, 1, 0);
	assert_count(d, 64, 1, 0);
	assert_count(d, 256, 1, 0);
	assert_count(d, 600, 1, 0);
	testbed_domain_destroy(d); /* bare_teardown() looks for what is left */
}

static void port_counters_in_fifo(void **state)
{
	struct bare *b = *state;

	fifo_begin(b->d0, 1);
	assert_rc(hv_domain_trace(testbed_hv_domain(b->d0), true), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	for (unsigned i = 0; i < 5; i++)
		assert_rc(op_send(b->v0, 1), 0);
	assert_count(b->d0, 1, 5, 4);
}

static void no_memory_for_counters(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d = testbed_hv_domain(b->d0);
	unsigned blocks = testbed_blocks(b->tb);

	for (uint64_t n = 0; n < 2; n++) {
		testbed_fail_alloc(b->tb, n);
		assert_fails(hv_domain_trace(d, true), ENOMEM);
		assert_false(look(b->d0, 1).counted);
		assert_int_equal(testbed_blocks(b->tb), blocks);
	}
	assert_rc(hv_domain_trace(d, true), 0);
	for (long p = 1; p <= 255; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	for (uint64_t n = 0; n < 2; n++) {
		testbed_fail_alloc(b->tb, n); /* the counters', then the ports' */
		assert_fails(op_bind_ipi(b->v0, 0), ENOMEM);
		assert_status(b->v0, SELF, 256, "-22");
	}
	testbed_fail_alloc(b->tb, UINT64_MAX);
	assert_rc(op_bind_ipi(b->v0, 0), 256);
	assert_rc(op_send(b->v0, 256), 0);
	assert_count(b->d0, 256, 1, 0);
}

/* ---- channels at chosen ports ---- */

static void connect_at_ports(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *other = bare_domain(b, 2, true);
	struct hv_domain *d0 = testbed_hv_domain(b->d0), *d2 = testbed_hv_domain(other);
	struct testbed_vcpu *v2 = testbed_vcpu(other, 0);

	assert_rc(hv_evtchn_connect_at(d0, 10, d2, 4095), 0);
	assert_status(b->v0, SELF, 10, "interdomain vcpu=0 dom=2 port=4095");
	assert_status(v2, SELF, 4095, "interdomain vcpu=0 dom=0 port=10");
	assert_bits(other, 4095, 0, 0);
	assert_rc(op_send(b->v0, 10), 0);
	assert_bits(other, 4095, 1, 0);
	/* what is below stays free, in order, and what is taken is jumped over */
	for (long p = 1; p <= 9; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_bind_ipi(b->v0, 0), 11);
	assert_rc(op_close(v2, 4095), 0);
	assert_status(b->v0, SELF, 10, "unbound vcpu=0 dom=2");
	assert_rc(hv_evtchn_connect_at(d2, 1, d2, 2), 0);
	assert_rc(op_send(v2, 1), 0);
	assert_bits(other, 2, 1, 0);
}

static void connect_at_refuses(void **state)
{
	struct bare *b = *state;
	struct testbed_domain *small = testbed_domain_create(
		b->tb, &(struct testbed_domain_config){ .id = 2, .max_evtchn_port = 50 }, NULL);
	struct hv_domain *d0 = testbed_hv_domain(b->d0), *d2 = testbed_hv_domain(small);

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_fails(hv_evtchn_connect_at(d0, 0, d2, 5), EINVAL);
	assert_fails(hv_evtchn_connect_at(d0, 5, d2, 0), EINVAL);
	assert_fails(hv_evtchn_connect_at(d0, 1, d2, 5), EBUSY);
	assert_fails(hv_evtchn_connect_at(d2, 5, d0, 1), EBUSY);
	assert_fails(hv_evtchn_connect_at(d0, 7, d0, 7), EBUSY);
	assert_fails(hv_evtchn_connect_at(d0, 5, d2, 51), ENOSPC);
	assert_fails(hv_evtchn_connect_at(d0, 4096, d2, 5), ENOSPC);
	assert_fails(hv_evtchn_connect_at(d0, UINT32_MAX, d2, 5), ENOSPC);
	/* nothing is left of any */
	assert_status(b->v0, SELF, 5, "closed vcpu=0");
	assert_status(testbed_vcpu(small, 0), SELF, 5, "closed vcpu=0");
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_rc(op_bind_ipi(testbed_vcpu(small, 0), 0), 1);
	assert_rc(hv_evtchn_connect_at(d0, 7, d2, 50), 0);
	assert_fails(hv_evtchn_connect_at(d0, 8, d2, 50), EBUSY);
	assert_rc(hv_evtchn_connect_at(d0, 8, d2, 5), 0);
}

/* In FIFO a port that is still on a queue is not to be had, nor one of which the guest says so. */
static void connect_at_in_fifo(void **state)
{
	struct bare *b = *state;
	struct fifo_view f = fifo_begin(b->d0, 1);
	struct hv_domain *d0 = testbed_hv_domain(b->d0);

	word_set(&f, 20, LINKED);
	assert_fails(hv_evtchn_connect_at(d0, 20, d0, 21), EBUSY);
	word_clear(&f, 20, LINKED);
	assert_rc(hv_evtchn_connect_at(d0, 20, d0, 21), 0);
	assert_rc(hv_evtchn_connect_at(d0, 5000, d0, 22), 0);
	assert_fails(hv_evtchn_connect_at(d0, 131072, d0, 23), ENOSPC);
}

static void connect_at_without_memory(void **state)
{
	struct bare *b = *state;
	struct hv_domain *d0 = testbed_hv_domain(b->d0);

	testbed_fail_alloc(b->tb, 1);
	assert_fails(hv_evtchn_connect_at(d0, 5, d0, 700), ENOMEM);
	testbed_fail_alloc(b->tb, UINT64_MAX);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(hv_evtchn_connect_at(d0, 5, d0, 700), 0);
	assert_status(b->v0, SELF, 700, "interdomain vcpu=0 dom=0 port=5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(port_in_2_level),
		bare_test(port_in_fifo),
		bare_test(port_without_word),
		bare_test(vcpu_states),
		bare_test(vcpu_without_info),
		bare_test(counters_of_vcpus),
		bare_test(masked_counts_in_fifo),
		bare_test(lines),
		bare_test(line_of_many),
		bare_test(line_of_more),
		bare_test(walk_domains),
		bare_test(port_counters),
		bare_test(port_counters_grow),
		bare_test(port_counters_in_fifo),
		bare_test(no_memory_for_counters),
		bare_test(connect_at_ports),
		bare_test(connect_at_refuses),
		bare_test(connect_at_in_fifo),
		bare_test(connect_at_without_memory),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
