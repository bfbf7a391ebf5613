/* SPDX-License-Identifier: MIT */
/*
 * Event channels for programs (guest_evtchn.h): handles, binding and its errors, the queue and its
 * order, enabling, who may do what. a (domain 1) has the handles, b (domain 2) is at the other end.
 */
#include <carillon/guest_evtchn.h>

#include "guests.h"

struct waiter {
	struct guest_evtchn *h;
	unsigned woken;
};

static void wake(struct guest_evtchn *h, void *arg)
{
	struct waiter *w = arg;

	assert_ptr_equal(h, w->h);
	w->woken++;
}

static void open_handle(struct guest *g, struct waiter *w)
{
	w->woken = 0;
	assert_rc(guest_evtchn_open(g, wake, w, &w->h), 0);
}

/* A port of the handle, and b's IRQ at the other end of it. */
static evtchn_port_t channel(struct guests *m, struct guest_evtchn *h, int *irq_b)
{
	int port = guest_evtchn_bind_unbound(h, 2);

	assert_true(port > 0);
	*irq_b = guest_bind_interdomain_to_irq(m->b, 1, (evtchn_port_t)port);
	assert_true(*irq_b > 0);
	guest_clear_irq_pending(m->b, (unsigned)*irq_b);
	return (evtchn_port_t)port;
}

static void from_b(struct guests *m, int irq_b)
{
	assert_rc(guest_notify_irq(m->b, (unsigned)irq_b), 0);
	testbed_run(m->tb);
}

static void masked_until_written(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t port, got[4];
	int b;

	open_handle(m->a, &w);
	port = channel(m, w.h, &b);
	guest_local_irq_enable(m->a);
	assert_fails(guest_evtchn_read(w.h, got, 4), EAGAIN);
	from_b(m, b);
	assert_int_equal(w.woken, 1);
	assert_true(port_masked(m->a, port));
	from_b(m, b);
	from_b(m, b);
	assert_int_equal(w.woken, 1);
	assert_int_equal(guest_evtchn_read(w.h, got, 4), 1);
	assert_int_equal(got[0], port);
	assert_fails(guest_evtchn_read(w.h, got, 4), EAGAIN);
	/* what came meanwhile comes now, once */
	guest_evtchn_write(w.h, &port, 1);
	assert_int_equal(w.woken, 2);
	assert_int_equal(guest_evtchn_read(w.h, got, 4), 1);
	guest_evtchn_write(w.h, &port, 1);
	guest_evtchn_write(w.h, &port, 1); /* enabled: nothing more to do */
	assert_false(port_masked(m->a, port));
	assert_fails(guest_evtchn_read(w.h, got, 4), EAGAIN);
	from_b(m, b);
	assert_int_equal(guest_evtchn_read(w.h, got, 4), 1);
	guest_evtchn_close(w.h);
	assert_status(m->va, SELF, port, "closed vcpu=0");
}

static void in_the_order_of_events(void **state)
{
	struct guests *m = *state;
	static const unsigned order[] = { 3, 0, 4, 1, 2 };
	struct waiter w;
	evtchn_port_t port[5], got[5];
	int b[5];

	open_handle(m->a, &w);
	for (unsigned i = 0; i < 5; i++)
		port[i] = channel(m, w.h, &b[i]);
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 5; i++)
		from_b(m, b[order[i]]);
	assert_int_equal(w.woken, 1); /* it was told that there is something */
	assert_rc(guest_evtchn_read(w.h, got, 0), 0);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 2);
	assert_int_equal(guest_evtchn_read(w.h, got + 2, 5), 3);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(got[i], port[order[i]]);
	guest_evtchn_close(w.h);
}

/* Written without having been read: it arrives again, and is in the queue only once. */
static void never_twice_in_the_queue(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t port[2], got[8];
	int b[2];

	open_handle(m->a, &w);
	port[0] = channel(m, w.h, &b[0]);
	port[1] = channel(m, w.h, &b[1]);
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 200; i++) {
		from_b(m, b[0]);
		guest_evtchn_write(w.h, port, 1);
	}
	from_b(m, b[1]);
	assert_int_equal(guest_evtchn_read(w.h, got, 8), 2);
	assert_int_equal(got[0], port[0]);
	assert_int_equal(got[1], port[1]);
	guest_evtchn_close(w.h);
}

/* More ports than the first ring has room for, all of them in it at once, from the middle on. */
static void grows_with_its_ports(void **state)
{
	struct guests *m = *state;
	struct testbed_domain_config cfg = guests_config(3, 1);
	enum {
		N = 700
	};
	struct testbed_domain *d;
	struct waiter w;
	struct guest *g;
	evtchn_port_t tx[N], got[N];
	int rx[N];

	cfg.abi = m->abi;
	cfg.nr_irqs = 0;
	d = testbed_domain_create(m->tb, &cfg, NULL);
	g = testbed_guest(d);
	open_handle(g, &w);
	guest_local_irq_enable(g);
	for (unsigned i = 0; i < N; i++) {
		tx[i] = (evtchn_port_t)guest_alloc_unbound(g, 3);
		rx[i] = guest_evtchn_bind_interdomain(w.h, 3, tx[i]);
		assert_true(rx[i] > 0);
		if (i % 3 == 0)
			assert_int_equal(guest_evtchn_read(w.h, got, 1), 1);
	}
	/* each has its first event, from connecting; a third has been read */
	assert_int_equal(guest_evtchn_read(w.h, got, N), N - (N + 2) / 3);
	assert_fails(guest_evtchn_read(w.h, got, N), EAGAIN);
	for (unsigned i = 0; i < N; i++) {
		evtchn_port_t port = (evtchn_port_t)rx[i];

		guest_evtchn_write(w.h, &port, 1);
	}
	for (unsigned i = N; i-- > 0;)
		assert_rc(guest_notify_port(g, tx[i]), 0);
	assert_int_equal(guest_evtchn_read(w.h, got, N), N);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(got[i], rx[N - 1 - i]);
	for (unsigned i = 0; i < N; i += 2)
		assert_rc(guest_evtchn_unbind(w.h, (evtchn_port_t)rx[i]), 0);
	guest_evtchn_close(w.h);
	testbed_domain_destroy(d);
}

static void owners_only(void **state)
{
	struct guests *m = *state;
	struct waiter w, other;
	evtchn_port_t port, got[2];
	int b;

	open_handle(m->a, &w);
	open_handle(m->a, &other);
	port = channel(m, w.h, &b);
	guest_local_irq_enable(m->a);
	assert_fails(guest_evtchn_notify(other.h, port), ENOTCONN);
	assert_fails(guest_evtchn_notify(other.h, UINT32_MAX), ENOTCONN);
	assert_fails(guest_evtchn_unbind(other.h, port), ENOTCONN);
	assert_fails(guest_evtchn_unbind(other.h, 1u << 17), EINVAL);
	assert_fails(guest_evtchn_unbind(other.h, UINT32_MAX), EINVAL);
	assert_fails(guest_evtchn_bind_static(other.h, port), EBUSY);
	assert_fails(guest_evtchn_bind_static(w.h, port), EISCONN);
	from_b(m, b);
	assert_fails(guest_evtchn_read(other.h, got, 2), EAGAIN);
	guest_evtchn_write(other.h, &port, 1); /* not its to enable */
	assert_true(port_masked(m->a, port));
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	guest_evtchn_close(other.h); /* takes nothing with it that is not its own */
	guest_evtchn_write(w.h, &port, 1);
	from_b(m, b);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	/* and the other end hears the owner */
	guest_local_irq_disable(m->b);
	assert_rc(guest_evtchn_notify(w.h, port), 0);
	assert_true(guest_clear_irq_pending(m->b, (unsigned)b));
	guest_evtchn_close(w.h);
}

static void unbound_while_queued(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t port[3], got[4];
	int b[3];

	open_handle(m->a, &w);
	for (unsigned i = 0; i < 3; i++)
		port[i] = channel(m, w.h, &b[i]);
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 3; i++)
		from_b(m, b[i]);
	assert_rc(guest_evtchn_unbind(w.h, port[1]), 0);
	assert_status(m->va, SELF, port[1], "closed vcpu=0");
	assert_fails(guest_evtchn_unbind(w.h, port[1]), ENOTCONN);
	assert_int_equal(guest_evtchn_read(w.h, got, 4), 2);
	assert_int_equal(got[0], port[0]);
	assert_int_equal(got[1], port[2]);
	/* the number anew: a fresh, enabled port */
	assert_int_equal(channel(m, w.h, &b[1]), port[1]);
	from_b(m, b[1]);
	assert_int_equal(guest_evtchn_read(w.h, got, 4), 1);
	guest_evtchn_close(w.h);
}

static void virqs(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t got[2], port;
	int r;

	open_handle(m->a, &w);
	r = guest_evtchn_bind_virq(w.h, VIRQ_DEBUG);
	assert_true(r > 0);
	port = (evtchn_port_t)r;
	assert_status(m->va, SELF, port, "virq vcpu=0 virq=1");
	assert_fails(guest_evtchn_bind_virq(w.h, VIRQ_DEBUG), EEXIST);
	assert_fails(guest_evtchn_bind_virq(w.h, NR_VIRQS), EINVAL);
	guest_local_irq_enable(m->a);
	for (unsigned i = 0; i < 3; i++) {
		hv_vcpu_virq(testbed_hv_vcpu(m->va), VIRQ_DEBUG);
		testbed_run(m->tb);
		assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
		assert_int_equal(got[0], port);
		guest_evtchn_write(w.h, got, 1);
	}
	guest_evtchn_close(w.h);
	assert_true(guest_bind_virq_to_irq(m->a, VIRQ_DEBUG, 0) > 0);
}

static void given_ports(void **state)
{
	struct guests *m = *state;
	evtchn_port_t port = (evtchn_port_t)guest_alloc_unbound(m->a, 2), got[2];
	struct record r = RECORD;
	struct waiter w;
	int b = guest_bind_interdomain_to_irq(m->b, 1, port), irq;

	open_handle(m->a, &w);
	assert_rc(guest_evtchn_bind_static(w.h, port), 0);
	guest_local_irq_enable(m->a);
	from_b(m, b);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	assert_int_equal(got[0], port);
	/* an IRQ's driver cannot have it meanwhile, nor we what a driver has */
	assert_fails(guest_bind_evtchn_to_irqhandler(m->a, port, record_run, 0, "x", &r), EBUSY);
	assert_rc(guest_evtchn_unbind(w.h, port), 0);
	assert_status(m->va, SELF, port, "interdomain vcpu=0 dom=2 port=1");
	irq = guest_bind_evtchn_to_irqhandler(m->a, port, record_run, 0, "x", &r);
	assert_true(irq > 0);
	assert_fails(guest_evtchn_bind_static(w.h, port), EBUSY);
	from_b(m, b);
	assert_int_equal(r.runs, 1);
	assert_fails(guest_evtchn_bind_static(w.h, 20), ENOENT);
	assert_fails(guest_evtchn_bind_static(w.h, 0), EINVAL);
	guest_evtchn_close(w.h);
	assert_status(m->va, SELF, port, "interdomain vcpu=0 dom=2 port=1");
}

static void errors_leave_nothing(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	int b;

	open_handle(m->a, &w);
	assert_fails(guest_evtchn_bind_interdomain(w.h, 77, 1), ESRCH);
	assert_fails(guest_evtchn_bind_interdomain(w.h, 2, 9), EINVAL);
	/* 63 IRQ numbers */
	for (unsigned i = 0; i < 63; i++)
		assert_int_equal(guest_evtchn_bind_unbound(w.h, 2), i + 1);
	assert_fails(guest_evtchn_bind_unbound(w.h, 2), ENOSPC);
	assert_status(m->va, SELF, 64, "closed vcpu=0");
	assert_rc(guest_evtchn_unbind(w.h, 7), 0);
	assert_int_equal(channel(m, w.h, &b), 7);
	guest_evtchn_close(w.h);
	assert_status(m->va, SELF, 63, "closed vcpu=0");
}

static void restricted(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t port, got[2];
	int b, given = guest_alloc_unbound(m->a, 2);

	open_handle(m->a, &w);
	port = (evtchn_port_t)guest_evtchn_bind_unbound(w.h, 1); /* what it has, it keeps */
	assert_fails(guest_evtchn_restrict(w.h, 0), EINVAL);
	assert_fails(guest_evtchn_restrict(w.h, DOMID_SELF), EINVAL);
	assert_rc(guest_evtchn_restrict(w.h, 2), 0);
	assert_fails(guest_evtchn_restrict(w.h, 2), EACCES);
	assert_fails(guest_evtchn_bind_unbound(w.h, 1), EACCES);
	assert_fails(guest_evtchn_bind_interdomain(w.h, 1, port), EACCES);
	assert_fails(guest_evtchn_bind_virq(w.h, VIRQ_DEBUG), EACCES);
	assert_fails(guest_evtchn_bind_static(w.h, (evtchn_port_t)given), EACCES);
	channel(m, w.h, &b);
	guest_local_irq_enable(m->a);
	from_b(m, b);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	assert_rc(guest_evtchn_notify(w.h, port), 0);
	guest_evtchn_close(w.h);
}

static void emptied(void **state)
{
	struct guests *m = *state;
	struct waiter w;
	evtchn_port_t port, got[2];
	int b;

	open_handle(m->a, &w);
	port = channel(m, w.h, &b);
	guest_local_irq_enable(m->a);
	from_b(m, b);
	guest_evtchn_reset(w.h);
	assert_fails(guest_evtchn_read(w.h, got, 2), EAGAIN);
	from_b(m, b); /* it is disabled still */
	assert_fails(guest_evtchn_read(w.h, got, 2), EAGAIN);
	guest_evtchn_write(w.h, &port, 1);
	assert_int_equal(w.woken, 2);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	guest_evtchn_close(w.h);
}

static void after_resume(void **state)
{
	struct guests *m = *state;
	struct record r = RECORD;
	struct waiter w;
	evtchn_port_t port, got[2];
	int b, irq;

	open_handle(m->a, &w);
	port = channel(m, w.h, &b);
	guest_local_irq_enable(m->a);
	assert_rc(op_reset(m->va, SELF), 0);
	assert_rc(guest_resume(m->a), 1);
	guest_local_irq_enable(m->a);
	/* the number is somebody else's now, and not ours to send on */
	irq = guest_bind_ipi_to_irqhandler(m->a, 0, 0, record_run, 0, "x", &r);
	assert_int_equal(guest_irq_port(m->a, (unsigned)irq), port);
	assert_rc(guest_evtchn_notify(w.h, port), 0);
	assert_int_equal(r.runs, 0);
	assert_rc(guest_unbind_from_irqhandler(m->a, (unsigned)irq, &r), 0);
	/* and now it is ours again: a port that is alive takes the dead one's place */
	assert_rc(guest_unbind_irq(m->b, (unsigned)b), 0);
	assert_int_equal(channel(m, w.h, &b), port);
	from_b(m, b);
	assert_int_equal(guest_evtchn_read(w.h, got, 2), 1);
	assert_rc(guest_evtchn_unbind(w.h, port), 0);
	assert_fails(guest_evtchn_unbind(w.h, port), ENOTCONN);
	assert_status(m->va, SELF, port, "closed vcpu=0");
	guest_evtchn_close(w.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guests_test(masked_until_written),
		guests_test(in_the_order_of_events),
		guests_test(never_twice_in_the_queue),
		guests_test(grows_with_its_ports),
		guests_test(owners_only),
		guests_test(unbound_while_queued),
		guests_test(virqs),
		guests_test(given_ports),
		guests_test(errors_leave_nothing),
		guests_test(restricted),
		guests_test(emptied),
		guests_test(after_resume),
	};

	return cmocka_run_group_tests_name("guest_evtchn", tests, NULL, NULL);
}
