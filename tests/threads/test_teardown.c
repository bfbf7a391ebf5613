/* SPDX-License-Identifier: MIT */
/*
 * A domain that does everything at once (ports of every kind, both ABIs, resets that are cut short,
 * polls, timers, a watchdog) is destroyed at a moment that nobody chose, and made anew with the
 * same number, while two vCPUs of another one do what they can to it.
 */
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "load.h"

#define LIVES	   80u
#define PEER_PORTS 64u /* of domain 0, left for domain 9 */

struct world {
	struct testbed *tb;
	struct testbed_domain *d0, *d9;
	_Atomic unsigned acts; /* of the victim's vCPUs in this life */
	_Atomic unsigned bad;
	atomic_bool stop;
};

static bool often(struct testbed_vcpu *v, void *arg)
{
	(void)v;
	(void)arg;
	return true;
}

/* None of these may be answered by anything that is not Xen's to answer. */
static void judge(struct world *w, long rc)
{
	switch (rc) {
	case -XEN_EINVAL:
	case -XEN_ENOENT:
	case -XEN_ENOSPC:
	case -XEN_EEXIST:
	case -XEN_EBUSY:
	case -XEN_EAGAIN:
	case -XEN_EPERM:
	case -XEN_ESRCH:
	case -XEN_ENOSYS:
	case -XEN_EOPNOTSUPP:
	case -XEN_EACCES:
		return;
	default:
		if (rc < 0)
			atomic_fetch_add(&w->bad, 1);
	}
}

/* ---- the victim ---- */

static long go_fifo(struct testbed_vcpu *v, const uint64_t *frames)
{
	struct evtchn_init_control c = { .control_gfn = frames[0],
					 .offset = 512 * testbed_vcpu_id(v),
					 .vcpu = testbed_vcpu_id(v) };
	struct evtchn_expand_array e = { frames[1] };
	long rc = op_raw(v, EVTCHNOP_init_control, &c, sizeof(c));

	return rc ? rc : op_raw(v, EVTCHNOP_expand_array, &e, sizeof(e));
}

static long wait_a_little(struct testbed_vcpu *v, uint32_t port)
{
	return op_poll(v, &port, 1,
		       testbed_now(testbed_domain_machine(testbed_vcpu_domain(v))) + 20000);
}

static long prioritise(struct testbed_vcpu *v, uint32_t port, uint32_t priority)
{
	struct evtchn_set_priority p = { port, priority };

	return op_raw(v, EVTCHNOP_set_priority, &p, sizeof(p));
}

static long guard(struct testbed_vcpu *v, uint32_t id)
{
	struct sched_watchdog wd = { id, 1000 };

	return op_sched(v, SCHEDOP_watchdog, &wd, sizeof(wd));
}

static long act(struct testbed_vcpu *v, uint32_t r, const uint64_t *frames)
{
	uint32_t port = r >> 8 & 127, other = r >> 16 & 127;

	switch (r & 15) {
	case 0:
		return op_bind_interdomain(v, 0, 1 + other % PEER_PORTS);
	case 1:
		return op_bind_ipi(v, port & 1);
	case 2:
		return op_bind_virq(v, other & 1 ? VIRQ_TIMER : VIRQ_DOM_EXC, port & 1);
	case 3:
		return op_close(v, port);
	case 4:
		return op_bind_vcpu(v, port, other & 1);
	case 5:
		return go_fifo(v, frames);
	case 6:
		return other < 8 ? op_reset(v, DOMID_SELF) : 0;
	case 7:
		return wait_a_little(v, port);
	case 8:
		return op_unmask(v, port);
	case 9:
		return prioritise(v, port, other & 15);
	case 10:
		return op_set_timer(v, 1 + (r >> 12));
	case 11:
		return guard(v, other & 3);
	case 12:
		return op_alloc_unbound(v, DOMID_SELF, 0);
	default:
		return op_send(v, port);
	}
}

struct victim {
	struct world *w;
	uint64_t frames[2];
	uint32_t seed;
};

static void live(struct testbed_vcpu *v, void *arg)
{
	struct victim *me = arg;

	for (;;) {
		judge(me->w, act(v, rnd(&me->seed), me->frames));
		atomic_fetch_add(&me->w->acts, 1);
	}
}

/* ---- the others ---- */

static void pester(struct testbed_vcpu *v, void *arg)
{
	struct world *w = arg;
	uint32_t seed = 1234 + testbed_vcpu_id(v);
	struct evtchn_status st;

	while (!atomic_load(&w->stop)) {
		uint32_t r = rnd(&seed), port = 1 + (r >> 8) % PEER_PORTS;

		switch (r & 7) {
		case 0:
			judge(w, op_status(v, 9, port, &st));
			break;
		case 1:
			judge(w, op_alloc_unbound(v, 9, 0));
			break;
		case 2:
			/* Closed, and left for it again under the same number or another */
			if (op_close(v, port) == 0)
				judge(w, op_alloc_unbound(v, DOMID_SELF, 9));
			break;
		case 3:
			judge(w, op_reset(v, 9)); /* not paused: refused, or it is gone */
			break;
		case 4:
			judge(w, op_bind_vcpu(v, port, r >> 16 & 1));
			break;
		default:
			judge(w, op_send(v, port));
		}
	}
}

/* ---- the end of it ---- */

static void one_life(struct world *w, uint32_t seed)
{
	struct victim me[2];
	uint8_t *control, *words;
	unsigned acts;

	w->d9 = load_domain(w->tb, 9, 2, false);
	control = testbed_page(w->d9);
	words = testbed_page(w->d9);
	atomic_store(&w->acts, 0);
	for (unsigned i = 0; i < 2; i++) {
		me[i] = (struct victim){ .w = w,
					 .frames = { testbed_frame(w->d9, control),
						     testbed_frame(w->d9, words) },
					 .seed = seed * 2 + i + 1 };
		testbed_thread(testbed_vcpu(w->d9, i), live, &me[i]);
	}
	acts = 50 + seed * 37 % 400;
	while (atomic_load(&w->acts) < acts)
		sched_yield();
	if (seed & 1)
		hv_domain_pause(testbed_hv_domain(w->d9));
	testbed_domain_destroy(w->d9);
}

static bool bound_to_9(struct testbed_vcpu *v, uint32_t port)
{
	struct evtchn_status st;

	return op_status(v, DOMID_SELF, port, &st) == 0 && st.status == EVTCHNSTAT_interdomain &&
	       st.u.interdomain.dom == 9;
}

static void destroyed_at_any_moment(void **state)
{
	struct world w = { .tb = testbed_create(TESTBED_THREADS) };
	struct testbed_vcpu *v0;
	unsigned blocks;

	(void)state;
	testbed_set_preempt(w.tb, often, NULL);
	w.d0 = load_domain(w.tb, 0, 3, false);
	v0 = testbed_vcpu(w.d0, 0);
	for (unsigned i = 1; i <= PEER_PORTS; i++)
		assert_int_equal(op_alloc_unbound(v0, DOMID_SELF, 9), i);
	assert_int_equal(op_bind_virq(v0, VIRQ_DOM_EXC, 0), PEER_PORTS + 1);
	/* Once before counting: what the hypervisor keeps for the next domain is no leak. */
	testbed_domain_destroy(load_domain(w.tb, 9, 1, false));
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(testbed_vcpu_boot(testbed_vcpu(w.d0, i)), 0);
	blocks = testbed_blocks(w.tb);
	for (unsigned i = 1; i < 3; i++)
		testbed_thread(testbed_vcpu(w.d0, i), pester, &w);
	for (unsigned life = 0; life < LIVES; life++) {
		mem_set_pending(w.d0, PEER_PORTS + 1, false);
		one_life(&w, life);
		assert_true(mem_pending(w.d0, PEER_PORTS + 1));
		for (uint32_t port = 1; port <= PEER_PORTS; port++)
			assert_false(bound_to_9(v0, port));
		assert_int_equal(testbed_blocks(w.tb), blocks);
	}
	atomic_store(&w.stop, true);
	for (unsigned i = 1; i < 3; i++)
		testbed_join(testbed_vcpu(w.d0, i));
	assert_int_equal(atomic_load(&w.bad), 0);
	assert_int_equal(testbed_destroy(w.tb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destroyed_at_any_moment),
	};

	return cmocka_run_group_tests_name("teardown", tests, NULL, NULL);
}
