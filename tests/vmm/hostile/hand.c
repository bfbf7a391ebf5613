/* SPDX-License-Identifier: MIT */
/*
 * Who sends to whom, where there is one processor and the monitor leaves it to the receiver
 * (vmm/process_handover.c). do=NAME says what this domain does; its channels are cN with in=N and
 * out=N.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

static evtchn_port_t out;
static volatile uint64_t seen, rounds;
static volatile uint64_t sent; /* by vCPU 1 */

static evtchn_port_t port_of(const char *end)
{
	char word[32];
	const char *p;
	uint64_t port;

	pv_snprintf(word, sizeof(word), "evtchn=c%lu,", hostile_option(end, 0));
	p = pv_word(pv_cmdline(hostile_si()), word);
	if (!p || !pv_number(&p, &port))
		pv_panic("hostile: no channel %s", word);
	return (evtchn_port_t)port;
}

static void send(void)
{
	struct evtchn_send op = { out };

	if (pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, pv_arg(&op), 0, 0, 0))
		pv_panic("hostile: cannot send");
}

static enum guest_irqreturn count(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	(void)dev;
	seen++;
	return GUEST_IRQ_HANDLED;
}

static enum guest_irqreturn pass_on(struct guest *g, unsigned irq, void *first)
{
	(void)count(g, irq, first);
	if (!first || seen < rounds)
		send();
	return GUEST_IRQ_HANDLED;
}

static void receive(struct pv *pv, guest_irq_handler handler, void *arg)
{
	if (guest_bind_evtchn_to_irqhandler(pv->guest, port_of("in="), handler, 0, "in", arg) <= 0)
		pv_panic("hostile: cannot bind");
	(void)guest_stop_periodic_tick(pv->guest, 0);
}

static void wait_for(struct pv *pv, uint64_t n)
{
	guest_local_irq_disable(pv->guest);
	while (seen < n) {
		guest_halt(pv->guest);
		guest_local_irq_disable(pv->guest);
	}
	guest_local_irq_enable(pv->guest);
}

/* A call that waits for nothing: so experience says that sends may be held. */
static void wait_a_little(struct pv *pv)
{
	struct sched_poll p = { .timeout = guest_clock(pv->guest) + 1000 };

	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, pv_arg(&p), 0, 0, 0);
}

static void send_ever(unsigned cpu, void *pv)
{
	(void)cpu;
	for (;;) {
		send();
		sent++;
		wait_a_little(pv);
	}
}

/* vCPU 1 sends and is taken down and up meanwhile; each time it gets on. Then all ends. */
static void take_down(struct pv *pv)
{
	uint64_t before;

	hostile_start_vcpu(pv, 1, send_ever, pv);
	for (uint64_t i = 0; i < rounds; i++) {
		for (before = sent; sent < before + 3;)
			wait_a_little(pv);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0, 0, 0);
		wait_a_little(pv);
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 1, 0, 0, 0);
	}
}

/* One event and then a burst, each time: the receiver sends back whatever it gets. */
static void send_bursts(struct pv *pv)
{
	receive(pv, count, NULL);
	guest_local_irq_enable(pv->guest);
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t before = seen;

		for (uint64_t n = i % 2 ? 10 : 1; n; n--)
			send();
		wait_for(pv, before + 1);
	}
}

static bool does(const char *what)
{
	const char *p = pv_word(pv_cmdline(hostile_si()), "do=");
	size_t n = 0;

	while (p && what[n] && p[n] == what[n])
		n++;
	return p && !what[n];
}

void mode_hand(struct pv *pv)
{
	static int first;

	rounds = hostile_option("rounds=", 1000);
	out = port_of("out=");
	if (does("burst")) {
		send_bursts(pv);
	} else if (does("down")) {
		take_down(pv);
	} else if (does("send")) {
		for (uint64_t i = 0; i < rounds; i++) {
			send();
			wait_a_little(pv);
		}
	} else if (does("deaf")) {
		receive(pv, count, NULL);
		guest_local_irq_enable(pv->guest);
		pv_printf("hostile: makes no call from now on\n");
		for (;;)
			__builtin_ia32_pause();
	} else {
		bool begins = hostile_option("first=", 0);

		receive(pv, pass_on, begins ? &first : NULL);
		if (begins)
			send();
		guest_local_irq_enable(pv->guest);
		wait_for(pv, rounds);
	}
	pv_printf("hostile: %lu events\n", seen);
	hostile_done();
}
