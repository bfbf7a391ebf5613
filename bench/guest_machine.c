/* SPDX-License-Identifier: MIT */
/*
 * The machine of the guest half's benchmark: a hypervisor that says yes to everything, hands out
 * ports one after the other, and announces events in the order that it is told. Nothing of it is
 * part of a figure.
 */
#include "guest.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#define RAM	 ((size_t)128 << 20) /* as much of it as is taken */
#define PRIORITY 7u		     /* EVTCHN_FIFO_PRIORITY_DEFAULT */

static void *page_of(uint64_t frame)
{
	return (void *)(uintptr_t)(frame * PAGE);
}

static long answer(struct played *p, unsigned op, void *arg)
{
	switch (op) {
	case EVTCHNOP_init_control: {
		const struct evtchn_init_control *a = arg;

		p->block = (void *)((char *)page_of(a->control_gfn) + a->offset);
		return 0;
	}
	case EVTCHNOP_expand_array:
		p->page[p->pages++] = page_of(((const struct evtchn_expand_array *)arg)->array_gfn);
		return 0;
	case EVTCHNOP_status: {
		struct evtchn_status *a = arg;

		a->status = EVTCHNSTAT_interdomain;
		a->vcpu = 0;
		return 0;
	}
	case EVTCHNOP_unmask:
		errx(1, "a port was unmasked by a hypercall: it was pending");
	default:
		return 0;
	}
}

static long port_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	(void)a2, (void)a3, (void)a4;
	if (nr != __HYPERVISOR_event_channel_op)
		return -XEN_ENOSYS;
	return answer(ctx, (unsigned)a0, (void *)(uintptr_t)a1);
}

static unsigned port_this_cpu(void *ctx)
{
	(void)ctx;
	return 0;
}

static uint64_t port_cycles(void *ctx)
{
	(void)ctx;
	return 0;
}

static void *port_alloc(void *ctx, size_t size)
{
	struct played *p = ctx;

	return memory_ram_take(&p->ram, size);
}

static void port_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)p;
	(void)size;
}

static const struct guest_port_ops port_ops = {
	.hypercall = port_hypercall,
	.this_cpu = port_this_cpu,
	.alloc = port_alloc,
	.free = port_free,
	.cycles = port_cycles,
	.frame_of = memory_frame_of,
};

static enum guest_irqreturn handler(struct guest *g, unsigned irq, void *dev)
{
	struct played *p = dev;

	(void)g;
	(void)irq;
	p->handled++;
	return GUEST_IRQ_HANDLED;
}

static void bind(struct played *p, evtchn_port_t port, enum guest_irq_flow flow)
{
	int irq = guest_bind_evtchn_to_irq(p->g, port);

	if (irq < 0 || guest_set_irq_flow(p->g, (unsigned)irq, flow) ||
	    guest_request_irq(p->g, (unsigned)irq, handler, 0, "bench", p))
		errx(1, "port %u cannot be bound: %d", port, irq);
}

void played_create(struct played *p, enum guest_abi abi, evtchn_port_t ports,
		   enum guest_irq_flow flow)
{
	struct guest_config cfg = { .nr_cpus = 1, .abi = abi };

	*p = (struct played){ .ram = memory_ram(RAM), .ports = ports };
	p->shared = memory_ram_take(&p->ram, PAGE);
	if (!p->shared)
		errx(1, "out of memory");
	cfg.shared_info = p->shared;
	if (guest_create(&p->g, &port_ops, p, &cfg))
		errx(1, "no guest");
	for (evtchn_port_t port = 1; port <= ports; port++)
		bind(p, port, flow);
}

void played_destroy(struct played *p)
{
	guest_destroy(p->g);
	memory_ram_free(&p->ram);
}

static uint32_t below(uint32_t n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

evtchn_port_t *played_choose(const struct played *p, unsigned n)
{
	evtchn_port_t *chosen = calloc(n, sizeof(*chosen));

	if (!chosen)
		errx(1, "out of memory");
	/* One of each part of them: even distances would meet in the same sets of the cache. */
	for (unsigned i = 0; i < n; i++)
		chosen[i] = 1 + (evtchn_port_t)((uint64_t)i * p->ports / n) + below(p->ports / n);
	for (unsigned i = n - 1; i > 0; i--) {
		evtchn_port_t port = chosen[i];
		unsigned k = below(i + 1);

		chosen[i] = chosen[k];
		chosen[k] = port;
	}
	return chosen;
}

static void send_fifo(struct played *p)
{
	for (unsigned i = 0; i < p->nr_pending; i++) {
		evtchn_port_t next = i + 1 < p->nr_pending ? p->pending[i + 1] : 0;

		*played_word(p, p->pending[i]) =
			1u << EVTCHN_FIFO_PENDING | 1u << EVTCHN_FIFO_LINKED | next;
	}
	p->block->head[PRIORITY] = p->pending[0];
	p->block->ready = 1u << PRIORITY;
}

static void send_2l(struct played *p)
{
	for (unsigned i = 0; i < p->nr_pending; i++) {
		evtchn_port_t port = p->pending[i];

		p->shared->evtchn_pending[port / 64] |= UINT64_C(1) << port % 64;
		p->shared->vcpu_info[0].evtchn_pending_sel |= UINT64_C(1) << port / 64;
	}
}

void played_send(struct played *p)
{
	if (p->block)
		send_fifo(p);
	else
		send_2l(p);
	p->shared->vcpu_info[0].evtchn_upcall_pending = 1;
}
