/* SPDX-License-Identifier: MIT */
/*
 * Running vCPUs: hypercalls, the way back into a guest with its upcalls, waiting while a vCPU is
 * not runnable, vCPU threads. Which deadline fires when is clock.c.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <xen/vcpu.h>

#include "private.h"

#define PAUSES 32u /* about a microsecond: less than another thread costs that is let in */

_Thread_local struct testbed_vcpu *testbed_current;
static _Thread_local struct testbed_vcpu *own; /* the vCPU whose thread this is */

struct testbed_vcpu *testbed_vcpu(const struct testbed_domain *d, unsigned id)
{
	return id < d->nr_vcpus ? &d->vcpus[id] : NULL;
}

struct testbed_domain *testbed_vcpu_domain(const struct testbed_vcpu *v)
{
	return v->d;
}

unsigned testbed_vcpu_id(const struct testbed_vcpu *v)
{
	return v->id;
}

struct hv_vcpu *testbed_hv_vcpu(const struct testbed_vcpu *v)
{
	return v->hv;
}

struct testbed_vcpu *testbed_on(struct testbed_vcpu *v)
{
	struct testbed_vcpu *before = testbed_current;

	testbed_current = v;
	return before;
}

void testbed_relax(void *ctx)
{
	struct testbed *tb = ctx;

	/* One thread: nobody else will ever do what is waited for */
	if (++tb->idle_spins > 10000000)
		testbed_die("a busy wait that nobody can end");
}

/* Who is waited for is mostly on another processor and soon done; else it may want this one. */
void testbed_relax_threads(void *ctx)
{
	static _Thread_local unsigned turns;

	(void)ctx;
	__builtin_ia32_pause();
	if (++turns % PAUSES == 0)
		sched_yield();
}

/*
 * A guest waits for another of its CPUs: in one thread that has its turn here, and what is due on
 * this one interrupts the wait.
 */
void testbed_relax_guest(struct testbed_domain *d)
{
	struct testbed *tb = d->tb;

	if (tb->time == TESTBED_THREADS) {
		sched_yield();
		if (own && own->d == d)
			testbed_point(own);
		return;
	}
	testbed_relax(tb);
	if (tb->meanwhile)
		tb->meanwhile(tb->meanwhile_arg);
	testbed_run(tb);
}

void testbed_meanwhile(struct testbed *tb, void (*fn)(void *arg), void *arg)
{
	tb->meanwhile = fn;
	tb->meanwhile_arg = arg;
}

int testbed_vcpu_boot(struct testbed_vcpu *v)
{
	struct vcpu_guest_context *ctx = calloc(1, sizeof(*ctx));
	int rc;

	if (!ctx)
		testbed_die("out of memory");
	ctx->flags = VGCF_in_kernel;
	ctx->user_regs.rip = (uintptr_t)v->args;
	ctx->user_regs.rsp = (uintptr_t)v->args + PAGE;
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	if (v->d->root)
		ctx->ctrlreg[3] = xen_pfn_to_cr3(testbed_root(v->d));
	/* The address is never entered: it says that upcalls are wanted */
	if (v->d->guest_wanted)
		ctx->event_callback_eip = (uintptr_t)v->args;
	rc = hv_vcpu_start(v->hv, ctx);
	free(ctx);
	v->booted = v->booted || !rc;
	if (!rc && v->d->guest && v->id && v->d->tb->time == TESTBED_VIRTUAL) {
		struct testbed_vcpu *before = testbed_on(v);

		rc = guest_cpu_init(v->d->guest);
		v->cpu_ready = true;
		testbed_on(before);
	}
	return rc;
}

/* One upcall, as an entry code makes it: mask, call, and leave as by iret. */
static bool take_upcall(struct testbed_vcpu *v)
{
	struct vcpu_info *info;
	struct testbed_vcpu *before;

	if (!v->d->guest || !hv_vcpu_runnable(v->hv) || !hv_vcpu_upcall_due(v->hv))
		return false;
	info = hv_vcpu_info(v->hv, NULL, NULL);
	__atomic_store_n(&info->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
	before = testbed_on(v);
	guest_upcall(v->d->guest);
	testbed_on(before);
	__atomic_store_n(&info->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	return true;
}

static void leave_if_dead(struct testbed_vcpu *v)
{
	if (own == v && hv_domain_is_shut_down(v->d->hv, NULL))
		longjmp(v->leave, 1);
}

static void settle_threads(struct testbed_vcpu *v)
{
	for (;;) {
		uint32_t seen = atomic_load(&v->kicks);

		leave_if_dead(v);
		/* Not a vCPU's own thread: the end of a guest half makes hypercalls too. */
		if (hv_domain_is_shut_down(v->d->hv, NULL))
			return;
		if (!hv_vcpu_runnable(v->hv)) {
			testbed_futex_wait(&v->kicks, seen, HV_NEVER);
			continue;
		}
		hv_vcpu_resumed(v->hv);
		if (!take_upcall(v))
			return;
	}
}

/* It took itself down: whoever acts as it goes on, to be another one. */
static bool is_down(const struct testbed_vcpu *v)
{
	uint64_t args[6] = { VCPUOP_is_up, v->id };

	return hv_hypercall(v->hv, __HYPERVISOR_vcpu_op, args) == 0;
}

/* Others' upcalls and time are all that can make it runnable again. */
static void settle_virtual(struct testbed_vcpu *v)
{
	for (;;) {
		while (take_upcall(v))
			;
		if (hv_vcpu_runnable(v->hv))
			hv_vcpu_resumed(v->hv);
		if (hv_vcpu_runnable(v->hv) || is_down(v) || hv_domain_is_shut_down(v->d->hv, NULL))
			return;
		testbed_run(v->d->tb);
		if (!hv_vcpu_runnable(v->hv) && !testbed_step(v->d->tb))
			testbed_die("a vCPU sleeps and nothing is left that could wake it");
	}
}

void testbed_vcpu_wait(struct testbed_vcpu *v)
{
	if (v->d->tb->time == TESTBED_THREADS) {
		settle_threads(v);
		return;
	}
	v->d->tb->idle_spins = 0;
	if (v->d->guest)
		settle_virtual(v);
}

void testbed_point(struct testbed_vcpu *v)
{
	if (v->d->tb->time == TESTBED_THREADS)
		settle_threads(v);
	else
		while (take_upcall(v))
			;
}

bool testbed_preempt(struct hv_vcpu *hv)
{
	struct testbed_vcpu *v = hv_vcpu_user(hv);
	const struct testbed *tb = v->d->tb;

	return tb->preempt && tb->preempt(v, tb->preempt_arg);
}

void testbed_set_preempt(struct testbed *tb, bool (*fn)(struct testbed_vcpu *v, void *arg),
			 void *arg)
{
	tb->preempt = fn;
	tb->preempt_arg = arg;
}

/* One that is cut short is the guest's to call again: after its upcalls, when it is runnable. */
long testbed_call_whole(struct testbed_vcpu *v, uint64_t nr, const uint64_t args[6], bool trusted)
{
	uint64_t a[6];
	bool again;
	long rc;

	memcpy(a, args, sizeof(a));
	do {
		bool was = v->trusted;

		v->trusted = trusted;
		rc = hv_hypercall(v->hv, nr, a);
		v->trusted = was;
		again = hv_vcpu_preempted(v->hv);
		testbed_vcpu_wait(v);
	} while (again && hv_vcpu_runnable(v->hv));
	v->left = again;
	v->left_nr = nr;
	memcpy(v->left_args, a, sizeof(a));
	return rc;
}

long testbed_hypercall(struct testbed_vcpu *v, uint64_t nr, const uint64_t args[6])
{
	return testbed_call_whole(v, nr, args, false);
}

long testbed_go_on(struct testbed_vcpu *v)
{
	if (!v->left)
		testbed_die("vCPU %u has nothing to go on with", v->id);
	return testbed_call_whole(v, v->left_nr, v->left_args, false);
}

void testbed_run(struct testbed *tb)
{
	bool again = true;

	while (again) {
		again = false;
		for (struct testbed_domain *d = tb->domains; d; d = d->next)
			for (unsigned i = 0; i < d->nr_vcpus; i++)
				again |= take_upcall(&d->vcpus[i]);
	}
}

static void *thread_main(void *arg)
{
	struct testbed_vcpu *v = arg;

	testbed_current = v;
	own = v;
	if (setjmp(v->leave) == 0) {
		if (v->d->guest && v->id && !v->cpu_ready) {
			v->cpu_ready = true;
			if (guest_cpu_init(v->d->guest))
				testbed_die("guest_cpu_init failed");
		}
		testbed_point(v);
		v->fn(v, v->arg);
	}
	return NULL;
}

void testbed_thread(struct testbed_vcpu *v, void (*fn)(struct testbed_vcpu *v, void *arg),
		    void *arg)
{
	if (v->threaded)
		testbed_die("vCPU %u has a thread already", v->id);
	if (!v->booted && testbed_vcpu_boot(v))
		testbed_die("vCPU %u does not start", v->id);
	v->fn = fn;
	v->arg = arg;
	v->threaded = true;
	if (pthread_create(&v->thread, NULL, thread_main, v))
		testbed_die("no thread for a vCPU");
}

void testbed_join(struct testbed_vcpu *v)
{
	if (!v->threaded)
		return;
	pthread_join(v->thread, NULL);
	v->threaded = false;
}

/* The domain is about to go: nobody may be in a hypercall of it any more. */
void testbed_threads_stop(struct testbed_domain *d)
{
	bool any = false;

	for (unsigned i = 0; i < d->nr_vcpus; i++)
		any |= d->vcpus[i].threaded;
	if (any)
		hv_domain_crash(d->hv);
	for (unsigned i = 0; i < d->nr_vcpus; i++)
		testbed_join(&d->vcpus[i]);
}
