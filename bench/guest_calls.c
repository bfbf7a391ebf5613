/* SPDX-License-Identifier: MIT */
/*
 * Calling a function on another CPU: the round trip, with both CPUs spinning, against a cache line
 * that goes to the other thread and comes back; and calls from all to all at once. The hypervisor
 * is played here too: a send sets the 2-level bits that the other CPU, spinning, looks at.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <carillon/guest_smp.h>
#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "guest.h"

#define MAX_CPUS 4u
#define SAMPLES	 11u
#define TRIPS	 200u
#define ROUNDS	 1000u
#define PATIENCE 100u /* looks before another thread may have our processor */

enum mode {
	SERVE,
	PLAY,
	CALL_ALL
};

struct calls {
	struct guest *g;
	struct shared_info *shared;
	unsigned cpus;
	unsigned ports;
	unsigned char cpu_of[64]; /* port: the CPU that it notifies */
	pthread_t thread[MAX_CPUS];
	_Atomic unsigned arrived;
	_Alignas(64) _Atomic bool stop;
	_Atomic unsigned mode; /* enum mode, of all CPUs but 0 */
	/* The floor's, alone on its line. */
	_Alignas(64) _Atomic uint32_t ball;
	_Alignas(64) unsigned called; /* likewise: it is the called one's */
};

static _Thread_local unsigned this_cpu;
static _Thread_local unsigned looks;
static struct calls *the_machine; /* guest_smp's callback knows only the guest */

static struct vcpu_info *info_of(const struct calls *c, unsigned cpu)
{
	return &c->shared->vcpu_info[cpu];
}

/* One turn of a busy wait. The pause leaves the line to who is writing there. */
static void patience(void)
{
	__builtin_ia32_pause();
	if (++looks % PATIENCE == 0)
		sched_yield();
}

/* Interrupts are polled for. As an entry code: mask, call, leave. */
static void take_upcall(struct calls *c)
{
	struct vcpu_info *v = info_of(c, this_cpu);

	if (!__atomic_load_n(&v->evtchn_upcall_pending, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&v->evtchn_upcall_mask, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&v->evtchn_upcall_mask, 1, __ATOMIC_RELAXED);
	guest_upcall(c->g);
	__atomic_store_n(&v->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
}

static void announce(struct calls *c, evtchn_port_t port)
{
	struct vcpu_info *v = info_of(c, c->cpu_of[port]);
	uint64_t sel = UINT64_C(1) << port / 64;

	if (!(__atomic_fetch_or(&v->evtchn_pending_sel, sel, __ATOMIC_SEQ_CST) & sel))
		__atomic_exchange_n(&v->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

static void send(struct calls *c, evtchn_port_t port)
{
	uint64_t bit = UINT64_C(1) << port % 64;

	if (__atomic_fetch_or(&c->shared->evtchn_pending[port / 64], bit, __ATOMIC_SEQ_CST) & bit)
		return;
	if (!(__atomic_load_n(&c->shared->evtchn_mask[port / 64], __ATOMIC_SEQ_CST) & bit))
		announce(c, port);
}

static void unmask(struct calls *c, evtchn_port_t port)
{
	uint64_t bit = UINT64_C(1) << port % 64;

	__atomic_fetch_and(&c->shared->evtchn_mask[port / 64], ~bit, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->shared->evtchn_pending[port / 64], __ATOMIC_SEQ_CST) & bit)
		announce(c, port);
}

static long evtchn_op(struct calls *c, unsigned op, void *arg)
{
	switch (op) {
	case EVTCHNOP_bind_ipi: {
		struct evtchn_bind_ipi *a = arg;

		a->port = ++c->ports;
		c->cpu_of[a->port] = (unsigned char)a->vcpu;
		return 0;
	}
	case EVTCHNOP_send:
		send(c, ((const struct evtchn_send *)arg)->port);
		return 0;
	case EVTCHNOP_unmask:
		unmask(c, ((const struct evtchn_unmask *)arg)->port);
		return 0;
	case EVTCHNOP_close:
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

/* IPIs to several CPUs come as one. */
static long multicall(struct calls *c, struct multicall_entry *call, uint64_t nr)
{
	for (; nr; nr--, call++) {
		if (call->op != __HYPERVISOR_event_channel_op)
			errx(1, "hypercall %llu in a batch", (unsigned long long)call->op);
		call->result = (xen_ulong_t)evtchn_op(c, (unsigned)call->args[0],
						      (void *)(uintptr_t)call->args[1]);
	}
	return 0;
}

static long port_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	struct calls *c = ctx;

	(void)a2, (void)a3, (void)a4;
	if (nr == __HYPERVISOR_multicall)
		return multicall(c, (struct multicall_entry *)(uintptr_t)a0, a1);
	if (nr == __HYPERVISOR_event_channel_op)
		return evtchn_op(c, (unsigned)a0, (void *)(uintptr_t)a1);
	if (nr == __HYPERVISOR_sched_op || nr == __HYPERVISOR_xen_version)
		take_upcall(c); /* who polls or forces a callback */
	return 0;
}

static unsigned port_this_cpu(void *ctx)
{
	(void)ctx;
	return this_cpu;
}

static void port_relax(void *ctx)
{
	patience();
	take_upcall(ctx);
}

static void *port_alloc(void *ctx, size_t size)
{
	void *p = aligned_alloc(size % 4096 ? 64 : 4096, (size + 63) / 64 * 64);

	(void)ctx;
	return p ? memset(p, 0, size) : NULL;
}

static void port_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

static uint64_t port_cycles(void *ctx)
{
	(void)ctx;
	return figures_now();
}

static const struct guest_port_ops port_ops = {
	.hypercall = port_hypercall,
	.this_cpu = port_this_cpu,
	.alloc = port_alloc,
	.free = port_free,
	.cycles = port_cycles,
	.relax = port_relax,
};

static void nothing(struct guest *g, void *arg)
{
	(void)g;
	(void)arg;
}

/* All CPUs at once, each all others; and serve them until the last has done so. */
static void call_all(struct calls *c)
{
	const struct guest_cpumask all = { { ~UINT64_C(0), ~UINT64_C(0) } };

	atomic_fetch_add(&c->arrived, 1);
	while (atomic_load(&c->arrived) < c->cpus)
		port_relax(c);
	for (unsigned i = 0; i < ROUNDS; i++)
		if (guest_smp_call_function_mask(c->g, &all, nothing, NULL, true) != (int)c->cpus)
			errx(1, "a call was refused");
	atomic_fetch_add(&c->arrived, 1);
	while (atomic_load(&c->arrived) < 2 * c->cpus)
		port_relax(c);
}

static void give_back(struct calls *c)
{
	uint32_t ball = atomic_load_explicit(&c->ball, memory_order_acquire);

	if (ball & 1)
		atomic_store(&c->ball, ball + 1);
}

static void *other_cpu(void *arg)
{
	struct calls *c = the_machine;
	unsigned mode, before = SERVE;

	this_cpu = (unsigned)(uintptr_t)arg;
	figures_pin(this_cpu);
	guest_cpu_started(c->g);
	guest_local_irq_enable(c->g);
	while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		mode = atomic_load_explicit(&c->mode, memory_order_relaxed);
		if (mode == PLAY)
			give_back(c);
		else
			take_upcall(c);
		if (mode == CALL_ALL && before != CALL_ALL)
			call_all(c);
		before = mode;
		patience();
	}
	return NULL;
}

static int start_cpu(struct guest *g, unsigned cpu)
{
	(void)g;
	return pthread_create(&the_machine->thread[cpu], NULL, other_cpu, (void *)(uintptr_t)cpu)
		       ? -XEN_ENOMEM
		       : 0;
}

static void create(struct calls *c, unsigned cpus)
{
	struct guest_config cfg = { .nr_cpus = cpus, .abi = GUEST_ABI_2L };
	const struct guest_smp_config smp = { .start = start_cpu, .spin_limit = 1u << 30 };

	memset(c, 0, sizeof(*c));
	c->cpus = cpus;
	c->shared = aligned_alloc(4096, 4096);
	if (!c->shared)
		errx(1, "out of memory");
	memset(c->shared, 0, 4096);
	cfg.shared_info = c->shared;
	the_machine = c;
	this_cpu = 0;
	if (guest_create(&c->g, &port_ops, c, &cfg) || guest_smp_init(c->g, &smp))
		errx(1, "no guest");
	guest_local_irq_enable(c->g);
	for (unsigned cpu = 1; cpu < cpus; cpu++)
		if (guest_cpu_up(c->g, cpu))
			errx(1, "CPU %u does not start", cpu);
}

/* CPUs do not go one by one here: all stop, and the memory goes. */
static void destroy(struct calls *c)
{
	atomic_store(&c->stop, true);
	for (unsigned cpu = 1; cpu < c->cpus; cpu++)
		pthread_join(c->thread[cpu], NULL);
	guest_local_irq_disable(c->g);
	guest_destroy(c->g);
	free(c->shared);
}

static double ping_pong(struct calls *c)
{
	uint64_t start;

	atomic_store(&c->ball, 0);
	atomic_store(&c->mode, PLAY);
	start = figures_now();
	for (uint32_t i = 0; i < TRIPS; i++) {
		atomic_store(&c->ball, 2 * i + 1);
		while (atomic_load_explicit(&c->ball, memory_order_acquire) != 2 * i + 2)
			patience();
	}
	start = figures_now() - start;
	atomic_store(&c->mode, SERVE);
	return (double)start / TRIPS;
}

static void count(struct guest *g, void *arg)
{
	(void)g;
	++*(unsigned *)arg;
}

static double call(struct calls *c)
{
	uint64_t start = figures_now();

	c->called = 0;

	for (unsigned i = 0; i < TRIPS; i++)
		if (guest_smp_call_function_single(c->g, 1, count, &c->called, true))
			errx(1, "a call was refused");
	start = figures_now() - start;
	if (c->called != TRIPS)
		errx(1, "%u calls arrived of %u", c->called, TRIPS);
	return (double)start / TRIPS;
}

/* ns for each function that one CPU runs for another */
static double calls_of_all(struct calls *c)
{
	uint64_t start;

	atomic_store(&c->arrived, 0);
	atomic_store(&c->mode, CALL_ALL);
	start = figures_now();
	call_all(c);
	start = figures_now() - start;
	atomic_store(&c->mode, SERVE);
	/* The others see that before they are asked again. */
	for (unsigned cpu = 1; cpu < c->cpus; cpu++)
		if (guest_smp_call_function_single(c->g, cpu, nothing, NULL, true))
			errx(1, "a call was refused");
	return (double)start / ROUNDS / c->cpus / (c->cpus - 1);
}

static void measure_all(const char *name, unsigned cpus)
{
	double samples[SAMPLES];
	unsigned n = figures_fewer(SAMPLES);
	static struct calls c;

	create(&c, cpus);
	for (unsigned k = 0; k < n; k++)
		samples[k] = calls_of_all(&c);
	destroy(&c);
	figures_print(name, "ns", samples, n, "");
}

/* With fewer processors than CPUs, they wait for their turns too. */
void measure_calls(void)
{
	double trips[SAMPLES], calls[SAMPLES];
	unsigned n = figures_fewer(SAMPLES);
	static struct calls c;

	if (figures_processors() < 2)
		return;
	figures_pin(0);
	create(&c, 2);
	for (unsigned k = 0; k < n; k++) {
		trips[k] = ping_pong(&c);
		calls[k] = call(&c);
	}
	destroy(&c);
	figures_print("floor/ping-pong", "ns", trips, n, "");
	figures_print("guest/call-function", "ns", calls, n, "");
	measure_all("guest/call-all-2", 2);
	measure_all("guest/call-all-4", 4);
	figures_unpin();
}
