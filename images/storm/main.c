/* SPDX-License-Identifier: MIT */
/*
 * A guest that attacks by the ABI alone, as fast as it can and without end: mode=NAME on the
 * command line says how. None of it is an error that Xen would end it for, so it is others that
 * must not suffer: tests/vmm/neighbours.py looks at them and at the monitor. (What aims at the
 * sandbox is tests/vmm/hostile, what ends with a report images/misbehave.)
 *
 * Each mode prints one line when it has begun, and never ends by itself.
 */
#include <xen/event_channel.h>

#include "../lib/lib.h"

#define WORDS (PV_PAGE_BYTES / sizeof(uint32_t))

static long event_op(unsigned op, void *arg)
{
	return pv_hypercall(__HYPERVISOR_event_channel_op, op, pv_arg(arg), 0, 0, 0);
}

static long send(evtchn_port_t port)
{
	struct evtchn_send op = { .port = port };

	return event_op(EVTCHNOP_send, &op);
}

static evtchn_port_t new_ipi(void)
{
	struct evtchn_bind_ipi op = { .vcpu = 0 };

	if (event_op(EVTCHNOP_bind_ipi, &op))
		pv_panic("storm: no port");
	return op.port;
}

/* ---- modes ------------------------------------------------------------------------------ */

/* A loop with events disabled, and no hypercalls: what the others are compared with. */
static void mode_spin(struct pv *pv)
{
	guest_local_irq_disable(pv->guest);
	pv_printf("storm: spinning\n");
	for (;;)
		__builtin_ia32_pause();
}

/* Events to every domain that we have a channel to. */
static void mode_send(struct pv *pv)
{
	const char *cmdline = pv_cmdline(pv->start_info);
	evtchn_port_t ports[8];
	unsigned nr = 0;

	for (const char *p = pv_word(cmdline, "evtchn="); p && nr < 8; p = pv_word(p, "evtchn=")) {
		uint64_t port;

		if (pv_skip_field(&p) && pv_number(&p, &port))
			ports[nr++] = (evtchn_port_t)port;
	}
	if (!nr)
		pv_panic("storm: nobody to send to");
	pv_printf("storm: sending\n");
	for (;;)
		for (unsigned i = 0; i < nr; i++)
			if (send(ports[i]))
				pv_panic("storm: port %u is closed", ports[i]);
}

static enum guest_irqreturn again(struct guest *g, unsigned irq, void *dev)
{
	(void)dev;
	(void)guest_notify_irq(g, irq);
	return GUEST_IRQ_HANDLED;
}

/* Upcalls to ourselves, each of which asks for the next. */
static void mode_self(struct pv *pv)
{
	int irq = guest_bind_ipi_to_irqhandler(pv->guest, 0, 0, again, 0, "again", NULL);

	if (irq < 0)
		pv_panic("storm: no IPI");
	(void)guest_notify_irq(pv->guest, (unsigned)irq);
	/* It may never come back from here. */
	pv_printf("storm: sending to itself\n");
	guest_local_irq_enable(pv->guest);
	for (;;)
		__builtin_ia32_pause();
}

/* All ports that there are, closed, and again. The word `ports=N`: at least so many were got. */
static void mode_bind(struct pv *pv)
{
	const char *p = pv_word(pv_cmdline(pv->start_info), "ports=");
	uint64_t least = 1;

	(void)pv;
	if (p && !pv_number(&p, &least))
		pv_panic("ports=");
	for (bool said = false;; said = true) {
		evtchn_port_t first = 0, last = 0;
		long r;

		for (;;) {
			struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
							   .remote_dom = DOMID_SELF };

			r = event_op(EVTCHNOP_alloc_unbound, &op);
			if (r)
				break;
			first = first ? first : op.port;
			last = op.port;
		}
		if (r != -XEN_ENOSPC || last < least)
			pv_panic("storm: port %u is the last: %ld", last, r);
		if (!said)
			pv_printf("storm: bound up to port %u\n", last);
		for (evtchn_port_t port = first; port <= last; port++) {
			struct evtchn_close op = { .port = port };

			(void)event_op(EVTCHNOP_close, &op);
		}
	}
}

/* Those that change what we stand on, write to the console or end us: not what this aims at. */
static bool is_own_end(unsigned nr)
{
	switch (nr) {
	case __HYPERVISOR_mmu_update:
	case __HYPERVISOR_mmuext_op:
	case __HYPERVISOR_update_va_mapping:
	case __HYPERVISOR_stack_switch:
	case __HYPERVISOR_set_segment_base:
	case __HYPERVISOR_multicall:
	case __HYPERVISOR_console_io:
	case __HYPERVISOR_vcpu_op:
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
	case __HYPERVISOR_iret:
		return true;
	default:
		return false;
	}
}

/* Any number, any arguments, of those hypercalls that do not end us. */
static void mode_garbage(struct pv *pv)
{
	static uint64_t page[PV_PAGE_BYTES / 8] __attribute__((aligned(PV_PAGE_BYTES)));
	uint64_t seed = 88172645463325252u;

	(void)pv;
	pv_printf("storm: garbage\n");
	for (;;) {
		uint64_t r[4];
		unsigned nr;

		for (unsigned i = 0; i < 4; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			r[i] = seed;
			page[seed >> 20 & 511] = seed >> 32 & (seed >> 8 & 1 ? 15 : UINT32_MAX);
		}
		nr = (unsigned)r[0] & 63;
		if (is_own_end(nr))
			continue;
		(void)pv_hypercall(nr, r[1] >> 32 & 15, r[2] & 1 ? pv_arg(page) : r[2], r[3],
				   r[1] & 7, r[0] >> 32);
	}
}

/* ---- FIFO words that break the rules: abi=2l, since they are set up here ------------------ */

struct words {
	struct evtchn_fifo_control_block *block;
	volatile uint32_t *word;
};

static struct words turn_to_fifo(struct pv *pv)
{
	struct words w = { .block = pv_alloc(pv, PV_PAGE_BYTES),
			   .word = pv_alloc(pv, PV_PAGE_BYTES) };
	struct evtchn_init_control init = { .control_gfn = pv_frame_of(pv, w.block), .vcpu = 0 };
	struct evtchn_expand_array expand = { .array_gfn = pv_frame_of(pv, (const void *)w.word) };

	if (!w.block || !w.word || event_op(EVTCHNOP_init_control, &init) ||
	    event_op(EVTCHNOP_expand_array, &expand))
		pv_panic("storm: no FIFO (needs abi=2l)");
	return w;
}

static struct words many_ports(struct pv *pv, evtchn_port_t *first, evtchn_port_t *last)
{
	struct words w = turn_to_fifo(pv);

	*first = new_ipi();
	do
		*last = new_ipi();
	while (*last < WORDS / 2);
	return w;
}

/* Every word names the next, and the last the first: whoever follows them goes round for ever. */
static void mode_circle(struct pv *pv)
{
	evtchn_port_t first, last;
	struct words w = many_ports(pv, &first, &last);

	pv_printf("storm: a circle of %u\n", last - first + 1);
	for (uint32_t round = 0;; round++) {
		for (evtchn_port_t port = first; port <= last; port++) {
			evtchn_port_t next = port == last ? first : port + 1;

			w.word[port] = 1u << EVTCHN_FIFO_LINKED | next |
				       (round & 1 ? 1u << EVTCHN_FIFO_MASKED : 0);
			if (round & 2)
				w.block->head[port % 16] = next;
			if (send(port) || send(next))
				pv_panic("storm: send");
			w.word[port] = next; /* not linked, with a link */
		}
	}
}

/* BUSY on every word, the bit with which a guest keeps Xen from linking behind it. */
static void mode_busy(struct pv *pv)
{
	evtchn_port_t first, last;
	struct words w = many_ports(pv, &first, &last);

	pv_printf("storm: %u words are busy\n", last - first + 1);
	for (;;)
		for (evtchn_port_t port = first; port <= last; port++) {
			w.word[port] = 1u << EVTCHN_FIFO_BUSY;
			if (send(port))
				pv_panic("storm: send");
			w.word[port] |= 1u << EVTCHN_FIFO_BUSY | 1u << EVTCHN_FIFO_LINKED;
		}
}

/* Unmasks everything by hypercall, again and again, and takes nothing. */
static void mode_unmask(struct pv *pv)
{
	evtchn_port_t first, last;
	struct words w = many_ports(pv, &first, &last);

	pv_printf("storm: unmasking\n");
	for (;;)
		for (evtchn_port_t port = first; port <= last; port++) {
			struct evtchn_unmask op = { .port = port };

			w.word[port] |= 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING;
			if (event_op(EVTCHNOP_unmask, &op))
				pv_panic("storm: unmask");
		}
}

static const struct mode {
	const char *name;
	void (*run)(struct pv *pv);
} modes[] = {
	{ "spin", mode_spin }, { "send", mode_send },	    { "self", mode_self },
	{ "bind", mode_bind }, { "garbage", mode_garbage }, { "circle", mode_circle },
	{ "busy", mode_busy }, { "unmask", mode_unmask },
};

void pv_main(struct start_info *si)
{
	struct pv *pv;
	char word[32];

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	(void)guest_stop_periodic_tick(pv->guest, 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *end;

		pv_snprintf(word, sizeof(word), "mode=%s", modes[i].name);
		end = pv_word(pv_cmdline(si), word);
		if (end && (!*end || *end == ' '))
			modes[i].run(pv);
	}
	pv_panic("storm: no such mode");
}
