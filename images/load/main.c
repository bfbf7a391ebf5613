/* SPDX-License-Identifier: MIT */
/*
 * Shows: what is sent arrives, while other domains die or stand still. One of several kernels that
 * send to each other as they like, then say what they sent and took.
 *
 * Command line: me=N, its number; sends=N, how many in all, or ms=N, for how long. Channels are
 * named c and the numbers of their two ends (c12), shared memory `board` says who has sent all.
 * With fault_us=N vCPU 1 faults after that time, which ends the domain.
 *
 * Success: when every peer has sent all or is gone, one line for each channel and then "settled".
 * It does not end by itself, so that the hypervisor's counters can be compared:
 * tests/vmm/faults.py.
 */
#include "../lib/lib.h"

#define MAX_PEERS 10u

struct channel {
	unsigned peer;
	evtchn_port_t port;
	int irq;
	uint64_t sent, handled;
};

static struct load {
	struct pv *pv;
	unsigned me, nr;
	volatile uint8_t *ready, *done; /* by number, in shared memory */
	struct channel channels[MAX_PEERS];
	struct tick tick;
	uint64_t fault_us;
} load;

static enum guest_irqreturn arrived(struct guest *g, unsigned irq, void *dev)
{
	struct channel *c = dev;

	(void)g;
	(void)irq;
	c->handled++;
	return GUEST_IRQ_HANDLED;
}

static uint64_t number(const struct load *l, const char *key, uint64_t otherwise)
{
	const char *p = pv_word(pv_cmdline(l->pv->start_info), key);
	uint64_t n;

	return p && pv_number(&p, &n) ? n : otherwise;
}

/* evtchn=cAB,PORT */
static void open_channels(struct load *l)
{
	const char *key = "evtchn=c", *p = pv_word(pv_cmdline(l->pv->start_info), key);

	for (; p; p = pv_word(p, key)) {
		struct channel *c = &l->channels[l->nr++];
		unsigned a = (unsigned)(p[0] - '0'), b = (unsigned)(p[1] - '0');
		uint64_t port;

		if (l->nr > MAX_PEERS || a >= MAX_PEERS || b >= MAX_PEERS || !pv_skip_field(&p) ||
		    !pv_number(&p, &port))
			pv_panic("load: evtchn=cAB,PORT expected");
		c->peer = a == l->me ? b : a;
		c->port = (evtchn_port_t)port;
		c->irq = guest_bind_evtchn_to_irqhandler(l->pv->guest, c->port, arrived, 0, "load",
							 c);
		if (c->irq < 0)
			pv_panic("load: port %u: %d", c->port, c->irq);
	}
	if (!l->nr)
		pv_panic("load: no channels");
}

static void open_board(struct load *l)
{
	const char *p = pv_word(pv_cmdline(l->pv->start_info), "shm=board,");
	uint64_t frame, pages;

	if (!p || !pv_number(&p, &frame) || !pv_number(&p, &pages))
		pv_panic("load: shm=board is missing");
	l->ready = frames_open(l->pv, "board", frame, pages);
	l->done = l->ready + MAX_PEERS;
}

static void cpu_main(struct pv *pv, unsigned cpu)
{
	uint64_t end = guest_clock(pv->guest) + load.fault_us * 1000;

	(void)cpu;
	while (guest_clock(pv->guest) < end)
		__builtin_ia32_pause();
	__asm__ volatile("movl $0, 16");
}

static void start_fault(struct load *l)
{
	const struct pv_smp_config config = { .main = cpu_main, .max_cpus = 2 };

	l->fault_us = number(l, "fault_us=", 0);
	if (l->fault_us && (pv_smp_init(l->pv, &config) || guest_cpu_up(l->pv->guest, 1)))
		pv_panic("load: no second CPU");
}

static bool connected(const struct channel *c)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = c->port };

	if (pv_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, pv_arg(&op), 0, 0, 0))
		pv_panic("load: no status of port %u", c->port);
	return op.status == EVTCHNSTAT_interdomain;
}

/* A dead peer is told by no event, so look at each tick. */
static void wait_for(struct load *l, const volatile uint8_t *said)
{
	struct guest *g = l->pv->guest;

	for (unsigned i = 0; i < l->nr; i++)
		while (!said[l->channels[i].peer] && connected(&l->channels[i])) {
			guest_local_irq_disable(g);
			guest_halt(g);
		}
	guest_local_irq_enable(g);
}

static void send_all(struct load *l)
{
	uint64_t seed = 0x9e3779b97f4a7c15 * (l->me + 1);
	struct guest *g = l->pv->guest;
	uint64_t ms = number(l, "ms=", 0), end = guest_clock(g) + ms * 1000000;

	for (uint64_t n = number(l, "sends=", 2000); ms ? guest_clock(g) < end : n > 0; n--) {
		struct channel *c;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		c = &l->channels[seed % l->nr];
		if (guest_notify_port(g, c->port))
			pv_panic("load: cannot send to %u", c->peer);
		c->sent++;
		/* Now and then deaf for a while, so that some become one. */
		if (seed >> 32 & 1)
			continue;
		guest_local_irq_disable(g);
		for (unsigned i = 0; i < (seed >> 40 & 1023); i++)
			__builtin_ia32_pause();
		guest_local_irq_enable(g);
	}
	l->done[l->me] = 1;
}

void pv_main(struct start_info *si)
{
	struct load *l = &load;

	if (pv_init(&l->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	l->me = (unsigned)number(l, "me=", 0);
	if (l->me >= MAX_PEERS)
		pv_panic("load: me=0 to %u", MAX_PEERS - 1);
	tick_start(&l->tick, l->pv);
	open_board(l);
	open_channels(l);
	guest_local_irq_enable(l->pv->guest);
	start_fault(l);
	/*
	 * Of what comes before a domain has its event words the hypervisor counts some as new that
	 * was not; so nobody begins before all are there.
	 */
	l->ready[l->me] = 1;
	wait_for(l, l->ready);
	send_all(l);
	wait_for(l, l->done);
	/* All that they sent is pending or taken; this takes it. */
	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	for (unsigned i = 0; i < l->nr; i++)
		pv_printf("load: peer %u: sent %lu, handled %lu\n", l->channels[i].peer,
			  l->channels[i].sent, l->channels[i].handled);
	pv_printf("load: settled\n");
	for (;;) {
		guest_local_irq_disable(l->pv->guest);
		guest_halt(l->pv->guest);
	}
}
