/* SPDX-License-Identifier: MIT */
/*
 * Shows: how well two domains are served while a third one does what it likes. They pass a number
 * to and fro: role=ping on the command line begins, role=pong answers, rounds=N times. One event
 * carries each number in each direction, so both must count exactly N, and no number may be left
 * out or come twice.
 *
 * A third domain may have a channel to either (evtchn=flood,PORT): its events are taken as those of
 * a peer that is not trusted are, by late eoi, and each fourth round sends one back.
 *
 * Success: the counts, of ping also how long a round took, and poweroff; else a crash. With
 * quantiles=N on the command line, so many of the rounds' times, from the shortest to the longest.
 */
#include "../lib/lib.h"

#define MAX_ROUNDS 200000u
#define FLOOD_BACK 4u

/* The shared memory `pair`: each side writes its own line. */
struct board {
	_Alignas(64) uint64_t ping;
	_Alignas(64) uint64_t pong;
};

static struct measure {
	struct pv *pv;
	struct shared pair;
	bool pings;
	uint64_t rounds;
	volatile uint64_t seen; /* the peer's last number */
	uint64_t events, wrong;
	uint64_t floods;
	int flood_irq;
	uint32_t *took; /* ns, of each round */
} measure;

static void answer(struct measure *m, uint64_t number)
{
	struct board *board = m->pair.memory;

	__atomic_store_n(m->pings ? &board->ping : &board->pong, number, __ATOMIC_RELEASE);
	shared_notify(&m->pair, m->pv);
}

static enum guest_irqreturn arrived(struct guest *g, unsigned irq, void *dev)
{
	struct measure *m = dev;
	const struct board *board = m->pair.memory;
	uint64_t number = __atomic_load_n(m->pings ? &board->pong : &board->ping, __ATOMIC_ACQUIRE);

	(void)g;
	(void)irq;
	m->events++;
	if (number != m->seen + 1)
		m->wrong++;
	m->seen = number;
	if (!m->pings)
		answer(m, number);
	return GUEST_IRQ_HANDLED;
}

/* Whatever it wants, it is not worth an interrupt: so it gets fewer and fewer. */
static enum guest_irqreturn flooded(struct guest *g, unsigned irq, void *dev)
{
	struct measure *m = dev;

	m->floods++;
	(void)guest_irq_lateeoi(g, irq, GUEST_EOI_SPURIOUS);
	return GUEST_IRQ_HANDLED;
}

static void open_flood(struct measure *m)
{
	const char *p = pv_word(pv_cmdline(m->pv->start_info), "evtchn=flood,");
	uint64_t port;

	if (!p || !pv_number(&p, &port))
		return;
	m->flood_irq = guest_bind_evtchn_to_irq_lateeoi(m->pv->guest, (evtchn_port_t)port);
	if (m->flood_irq < 0 ||
	    guest_request_irq(m->pv->guest, (unsigned)m->flood_irq, flooded, 0, "flood", m))
		pv_panic("flood: cannot bind port %lu: %d", port, m->flood_irq);
}

static void wait_for(struct measure *m, uint64_t number)
{
	struct guest *g = m->pv->guest;

	guest_local_irq_disable(g);
	while (m->seen < number) {
		guest_halt(g);
		guest_local_irq_disable(g);
	}
	guest_local_irq_enable(g);
}

static void ping(struct measure *m)
{
	struct guest *g = m->pv->guest;

	for (uint64_t i = 1; i <= m->rounds; i++) {
		uint64_t begin = guest_clock(g), ns;

		answer(m, i);
		wait_for(m, i);
		ns = guest_clock(g) - begin;
		m->took[i - 1] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
		if (m->flood_irq > 0 && i % FLOOD_BACK == 0)
			(void)guest_notify_irq(g, (unsigned)m->flood_irq);
	}
}

/* Shell sort: good enough for once. */
static void sort(uint32_t *values, uint64_t n)
{
	for (uint64_t gap = n / 2; gap; gap /= 2)
		for (uint64_t i = gap; i < n; i++) {
			uint32_t value = values[i];
			uint64_t at = i;

			for (; at >= gap && values[at - gap] > value; at -= gap)
				values[at] = values[at - gap];
			values[at] = value;
		}
}

static void report_quantiles(const struct measure *m)
{
	const char *p = pv_word(pv_cmdline(m->pv->start_info), "quantiles=");
	uint64_t n;

	if (!p || !pv_number(&p, &n) || n < 2)
		return;
	for (uint64_t i = 0; i < n; i++)
		pv_printf("measure: took %u ns\n", m->took[i * (m->rounds - 1) / (n - 1)]);
}

static void report_times(struct measure *m, uint64_t ns)
{
	sort(m->took, m->rounds);
	report_quantiles(m);
	pv_printf("measure: a round: median %u ns, p99 %u ns; %lu rounds/s\n",
		  m->took[m->rounds / 2], m->took[m->rounds * 99 / 100],
		  m->rounds * UINT64_C(1000000000) / (ns ? ns : 1));
}

void pv_main(struct start_info *si)
{
	struct measure *m = &measure;
	const char *p = pv_word(pv_cmdline(si), "rounds=");
	uint64_t begin;

	if (pv_init(&m->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	m->pings = pv_word(pv_cmdline(si), "role=ping") != NULL;
	if (!p || !pv_number(&p, &m->rounds) || !m->rounds || m->rounds > MAX_ROUNDS)
		pv_panic("rounds=N on the command line: 1 to %u", MAX_ROUNDS);
	m->took = pv_alloc(m->pv, m->rounds * sizeof(*m->took));
	if (!m->took)
		pv_panic("no memory for the times of %lu rounds", m->rounds);
	(void)guest_stop_periodic_tick(m->pv->guest, 0);
	shared_open(&m->pair, m->pv, "pair", arrived, m);
	open_flood(m);
	guest_local_irq_enable(m->pv->guest);
	begin = guest_clock(m->pv->guest);
	if (m->pings)
		ping(m);
	else
		wait_for(m, m->rounds);
	if (m->pings)
		report_times(m, guest_clock(m->pv->guest) - begin);
	pv_printf("measure: %lu rounds, %lu events, %lu wrong, %s of a stranger\n", m->rounds,
		  m->events, m->wrong, m->floods ? "some" : "none");
	if (m->events != m->rounds || m->wrong)
		pv_panic("measure: WRONG");
	pv_shutdown(SHUTDOWN_poweroff);
}
