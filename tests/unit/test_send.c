/* SPDX-License-Identifier: MIT */
/*
 * close, send, unmask, bind_vcpu and bind_ipi: every state of a port, and the bits they leave
 * (scenarios 03, 04, 07, 09, 10). Where ports come from is test_ports.c.
 */
#include "bare.h"

static const uint32_t bad_ports[] = { 64,     4095,	  4096,	      131071,
				      131072, 0x7fffffff, 0x80000000, 0xffffffff };

static void bad_ports_everywhere(void **state)
{
	struct bare *b = *state;

	for (unsigned i = 0; i < ALEN(bad_ports); i++) {
		assert_fails(op_close(b->v0, bad_ports[i]), EINVAL);
		assert_fails(op_send(b->v0, bad_ports[i]), EINVAL);
		assert_fails(op_unmask(b->v0, bad_ports[i]), EINVAL);
		assert_fails(op_bind_vcpu(b->v0, bad_ports[i], 0), EINVAL);
		/* the vCPU is looked at first */
		assert_fails(op_bind_vcpu(b->v0, bad_ports[i], 2), ENOENT);
	}
	for (uint32_t p = 0; p < 64; p += 21) {
		assert_fails(op_close(b->v0, p), EINVAL);
		assert_fails(op_send(b->v0, p), EINVAL);
		assert_fails(op_bind_vcpu(b->v0, p, 0), EINVAL);
		assert_rc(op_unmask(b->v0, p), 0);
	}
}

static void close_every_state(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 12, 12);
	assert_rc(op_alloc_unbound(b->v0, SELF, 7), 1);
	assert_rc(op_close(b->v0, 1), 0);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
	assert_fails(op_close(b->v0, 1), EINVAL);

	assert_rc(op_bind_ipi(b->v0, 1), 1);
	assert_status(b->v0, SELF, 1, "ipi vcpu=1");
	assert_rc(op_close(b->v0, 1), 0);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");

	for (int round = 0; round < 2; round++) {
		assert_rc(op_bind_virq(b->v0, VIRQ_XENOPROF, 1), 1);
		assert_fails(op_bind_virq(b->v0, VIRQ_XENOPROF, 1), EEXIST);
		assert_rc(op_close(b->v0, 1), 0);
		assert_status(b->v0, SELF, 1, "closed vcpu=0");
		assert_rc(op_bind_pirq(b->v0, 12, 0), 1);
		assert_fails(op_bind_pirq(b->v0, 12, 0), EEXIST);
		assert_rc(op_close(b->v0, 1), 0);
	}
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
}

static void close_one_end(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_close(b->v0, 2), 0);
	assert_status(b->v0, SELF, 2, "closed vcpu=0");
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
	/* the closed port's pending bit goes, the other's stays */
	assert_bits(b->d0, 2, 0, 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_fails(op_close(b->v0, 2), EINVAL);
	/* it can be connected to again, also if the end allocated first was the one closed */
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_status(b->v0, SELF, 1, "interdomain vcpu=0 dom=0 port=2");
	assert_rc(op_close(b->v0, 1), 0);
	assert_status(b->v0, SELF, 2, "unbound vcpu=0 dom=0");
	assert_rc(op_bind_interdomain(b->v0, SELF, 2), 1);
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=0 port=1");
	assert_rc(op_close(b->v0, 1), 0);
	assert_rc(op_close(b->v0, 2), 0);
}

static void close_keeps_the_mask(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_close(b->v0, 1), 0);
	assert_bits(b->d0, 1, 0, 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_bits(b->d0, 1, 0, 1);
}

static void send_to_nobody(void **state)
{
	struct bare *b = *state;

	bare_map_gsi(b, 8, 8);
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_alloc_unbound(b->v0, SELF, 99), 2);
	assert_rc(op_send(b->v0, 1), 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 3);
	assert_rc(op_bind_virq(b->v0, VIRQ_CON_RING, 0), 4);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 5);
	for (uint32_t p = 3; p <= 5; p++)
		assert_fails(op_send(b->v0, p), EINVAL);
	for (uint32_t p = 1; p <= 5; p++)
		assert_bits(b->d0, p, 0, 0);
	assert_upcall(b->v0, 0, 0);
}

static void send_ipi(void **state)
{
	struct bare *b = *state;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 1), 2);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_upcall(b->v1, 0, 0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_upcall(b->v1, 1, 1);
	mem_clear_upcall(b->v0);
	/* already pending: nothing new */
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 0, 0);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 1, 1);
	mem_clear_upcall(b->v0);
	/* masked: pending, but neither selector nor upcall */
	mem_set_pending(b->d0, 1, false);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 1);
	assert_upcall(b->v0, 0, 0);
}

static void send_interdomain(void **state)
{
	struct bare *b = *state;
	struct vcpu_info *info = &testbed_shared_info(b->d0)->vcpu_info[0];

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	mem_set_pending(b->d0, 2, false);
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, 1, 1);
	assert_rc(op_send(b->v0, 2), 0);
	assert_bits(b->d0, 1, 1, 0);
	/* the selector bit is set still: the upcall flag is not raised again */
	info->evtchn_upcall_pending = 0;
	mem_set_pending(b->d0, 1, false);
	mem_set_pending(b->d0, 2, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, 0, 1);
	/* after close */
	assert_rc(op_close(b->v0, 2), 0);
	assert_fails(op_send(b->v0, 2), EINVAL);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_send(b->v0, 1), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 0, 0);
}

static void ipi_of_an_offline_vcpu(void **state)
{
	struct bare *b = *state;
	static const uint32_t bad[] = { 2, 31, 8191, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < ALEN(bad); i++)
		assert_fails(op_bind_ipi(b->v0, bad[i]), ENOENT);
	assert_rc(op_bind_ipi(b->v0, 0), 1);
	assert_rc(op_bind_ipi(b->v0, 0), 2);
	assert_rc(op_bind_ipi(b->v0, 1), 3);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v1)));
	assert_rc(op_send(b->v0, 3), 0);
	assert_bits(b->d0, 3, 1, 0);
	assert_upcall(b->v1, 1, 1);
	assert_upcall(b->v0, 0, 0);
	assert_false(hv_vcpu_runnable(testbed_hv_vcpu(b->v1)));
	/* for good on its vCPU; a new one there is clean */
	assert_fails(op_bind_vcpu(b->v0, 3, 0), EINVAL);
	assert_fails(op_bind_vcpu(b->v0, 3, 1), EINVAL);
	assert_rc(op_close(b->v0, 3), 0);
	assert_rc(op_bind_ipi(b->v0, 0), 3);
	assert_status(b->v0, SELF, 3, "ipi vcpu=0");
	assert_bits(b->d0, 3, 0, 0);
}

static void bind_vcpu_every_state(void **state)
{
	struct bare *b = *state;
	static const struct {
		uint32_t port;
		long rc;
		const char *status;
	} t[] = {
		{ 1, 0, "unbound vcpu=1 dom=0" },
		{ 2, 0, "interdomain vcpu=1 dom=0 port=3" },
		{ 4, -XEN_EINVAL, "virq vcpu=0 virq=0" },
		{ 5, 0, "virq vcpu=1 virq=8" },
		{ 6, 0, "virq vcpu=1 virq=11" },
		{ 7, 0, "virq vcpu=1 virq=19" },
		{ 8, -XEN_EINVAL, "ipi vcpu=0" },
		{ 9, 0, "pirq vcpu=1 pirq=8" },
		{ 10, -XEN_EINVAL, "closed vcpu=0" },
	};

	bare_map_gsi(b, 8, 8);
	op_alloc_unbound(b->v0, SELF, SELF);
	op_alloc_unbound(b->v0, SELF, SELF);
	op_bind_interdomain(b->v0, SELF, 2);
	op_bind_virq(b->v0, VIRQ_TIMER, 0);
	op_bind_virq(b->v0, VIRQ_CON_RING, 0);
	op_bind_virq(b->v0, VIRQ_ARGO, 0);
	op_bind_virq(b->v0, VIRQ_ARCH_3, 0);
	op_bind_ipi(b->v0, 0);
	assert_rc(op_bind_pirq(b->v0, 8, 0), 9);
	for (unsigned i = 0; i < ALEN(t); i++) {
		assert_rc(op_bind_vcpu(b->v0, t[i].port, 1), t[i].rc);
		assert_status(b->v0, SELF, t[i].port, t[i].status);
		assert_fails(op_bind_vcpu(b->v0, t[i].port, 2), ENOENT);
		assert_fails(op_bind_vcpu(b->v0, t[i].port, UINT32_MAX), ENOENT);
	}
	assert_status(b->v0, SELF, 3, "interdomain vcpu=0 dom=0 port=2");
	assert_fails(op_bind_vcpu(b->v0, 0, 0), EINVAL);
	assert_fails(op_bind_vcpu(b->v0, 0, 2), ENOENT);
	mem_clear_upcall(b->v0);
	assert_rc(op_send(b->v0, 3), 0);
	assert_bits(b->d0, 2, 1, 0);
	assert_upcall(b->v0, 0, 0);
	assert_upcall(b->v1, 1, 1);
	/* a moved virq is bound on vCPU 0 all the same */
	assert_fails(op_bind_virq(b->v0, VIRQ_CON_RING, 0), EEXIST);
	assert_fails(op_bind_virq(b->v0, VIRQ_CON_RING, 1), EINVAL);
}

static void the_vcpu_of_a_port_lives_until_close(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_vcpu(b->v0, 1, 1), 0);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_status(b->v0, SELF, 1, "interdomain vcpu=1 dom=0 port=2");
	assert_status(b->v0, SELF, 2, "interdomain vcpu=0 dom=0 port=1");
	assert_rc(op_close(b->v0, 2), 0);
	assert_status(b->v0, SELF, 1, "unbound vcpu=1 dom=0");
	assert_rc(op_close(b->v0, 1), 0);
	assert_status(b->v0, SELF, 1, "closed vcpu=0");
	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_status(b->v0, SELF, 1, "unbound vcpu=0 dom=0");
}

static void unmask_delivers(void **state)
{
	struct bare *b = *state;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v0, 1), 0);
	assert_upcall(b->v0, 0, 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_bits(b->d0, 1, 1, 0);
	assert_upcall(b->v0, 1, 1);
	/* nothing pending: only the bit goes */
	mem_clear_upcall(b->v0);
	mem_set_masked(b->d0, 1, true);
	mem_set_pending(b->d0, 1, false);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_upcall(b->v0, 0, 0);
	/* pending but not masked: nothing */
	mem_set_pending(b->d0, 1, true);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_upcall(b->v0, 0, 0);
}

static void unmask_follows_the_vcpu(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	mem_set_pending(b->d0, 2, false);
	mem_clear_upcall(b->v0);
	assert_rc(op_bind_vcpu(b->v0, 1, 1), 0);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v0, 2), 0);
	assert_upcall(b->v1, 0, 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_upcall(b->v1, 1, 1);
	assert_upcall(b->v0, 0, 0);
	/* sent while masked, moved, unmasked: the new vCPU is told */
	mem_clear_upcall(b->v1);
	mem_set_pending(b->d0, 1, false);
	mem_set_masked(b->d0, 1, true);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_bind_vcpu(b->v0, 1, 0), 0);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_upcall(b->v0, 1, 1);
	assert_upcall(b->v1, 0, 0);
}

static void unmask_other_states(void **state)
{
	struct bare *b = *state;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_DEBUG, 0), 2);
	for (uint32_t p = 0; p <= 2; p++)
		mem_set_masked(b->d0, p, true);
	mem_set_masked(b->d0, 40, true);
	assert_rc(op_unmask(b->v0, 1), 0);
	assert_rc(op_unmask(b->v0, 2), 0);
	assert_bits(b->d0, 1, 0, 0);
	assert_bits(b->d0, 2, 0, 0);
	/* a closed port: no error, no change */
	assert_rc(op_unmask(b->v0, 40), 0);
	assert_bits(b->d0, 40, 0, 1);
	assert_rc(op_unmask(b->v0, 0), 0);
	assert_bits(b->d0, 0, 0, 1);
}

/* The counters: every event raised, those merged, the upcall flag's rises. */
static void counters(void **state)
{
	struct bare *b = *state;
	struct hv_counters before, after;

	assert_rc(op_bind_ipi(b->v0, 0), 1);
	hv_domain_counters(testbed_hv_domain(b->d0), &before);
	for (int i = 0; i < 5; i++)
		assert_rc(op_send(b->v0, 1), 0);
	hv_domain_counters(testbed_hv_domain(b->d0), &after);
	assert_int_equal(after.hypercalls - before.hypercalls, 5);
	assert_int_equal(after.sends - before.sends, 5);
	assert_int_equal(after.merged - before.merged, 4);
	assert_int_equal(after.kicks - before.kicks, 1);
}

/* The vCPU is kicked when its upcall flag rises, not while it is up already: also not by another
 * word. */
static void one_kick_while_the_flag_is_up(void **state)
{
	struct bare *b = *state;
	struct hv_counters before, after;
	unsigned kicks;

	for (long p = 1; p <= 65; p++)
		assert_rc(op_bind_ipi(b->v0, 0), p);
	assert_rc(op_send(b->v0, 1), 0);
	hv_domain_counters(testbed_hv_domain(b->d0), &before);
	kicks = testbed_kicks(b->v0);
	assert_rc(op_send(b->v0, 2), 0);
	assert_rc(op_send(b->v0, 65), 0);
	assert_upcall(b->v0, 1, 3);
	hv_domain_counters(testbed_hv_domain(b->d0), &after);
	assert_int_equal(after.sends - before.sends, 2);
	assert_int_equal(after.kicks - before.kicks, 0);
	assert_int_equal(testbed_kicks(b->v0), kicks);
	mem_clear_upcall(b->v0);
	mem_set_pending(b->d0, 65, false);
	assert_rc(op_send(b->v0, 65), 0);
	assert_upcall(b->v0, 1, 2);
	assert_int_equal(testbed_kicks(b->v0), kicks + 1);
}

static void port_info(void **state)
{
	struct bare *b = *state;
	struct hv_port_info info;

	assert_rc(op_alloc_unbound(b->v0, SELF, SELF), 1);
	assert_rc(op_bind_interdomain(b->v0, SELF, 1), 2);
	assert_rc(op_bind_vcpu(b->v0, 2, 1), 0);
	mem_set_masked(b->d0, 2, true);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 2, &info), 0);
	assert_int_equal(info.status, EVTCHNSTAT_interdomain);
	assert_int_equal(info.vcpu, 1);
	assert_true(info.pending);
	assert_true(info.masked);
	assert_int_equal(info.remote_dom, 0);
	assert_int_equal(info.remote_port, 1);
	assert_rc(op_bind_virq(b->v0, VIRQ_ARCH_2, 0), 3);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 3, &info), 0);
	assert_int_equal(info.status, EVTCHNSTAT_virq);
	assert_int_equal(info.irq, VIRQ_ARCH_2);
	assert_false(info.pending);
	assert_rc(hv_port_info(testbed_hv_domain(b->d0), 63, &info), 0);
	assert_int_equal(info.status, EVTCHNSTAT_closed);
	assert_fails(hv_port_info(testbed_hv_domain(b->d0), 64, &info), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bare_test(bad_ports_everywhere),
		bare_test(close_every_state),
		bare_test(close_one_end),
		bare_test(close_keeps_the_mask),
		bare_test(send_to_nobody),
		bare_test(send_ipi),
		bare_test(send_interdomain),
		bare_test(ipi_of_an_offline_vcpu),
		bare_test(bind_vcpu_every_state),
		bare_test(the_vcpu_of_a_port_lives_until_close),
		bare_test(unmask_delivers),
		bare_test(unmask_follows_the_vcpu),
		bare_test(unmask_other_states),
		bare_test(counters),
		bare_test(one_kick_while_the_flag_is_up),
		bare_test(port_info),
	};

	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
