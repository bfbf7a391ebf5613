/* SPDX-License-Identifier: MIT */
/*
 * Shows: work in a domain that is woken by events and nothing else. It reads a stream of bytes from
 * one ring (shm=request), changes it so that one can see that it was here (rot13), and writes it to
 * another (shm=reply). The handlers only note that something changed; the work is done outside of
 * them with events enabled, so that the tick goes on meanwhile.
 *
 * Flow control: it stops when there is nothing to read or no space to write, and asks the other
 * side to tell it when there is.
 * Success: the stream ends, so does the reply; the interrupt table is printed, shutdown with reason
 * poweroff. A ring that is broken, or a driver that died, is a crash.
 */
#include "../lib/lib.h"
#include "rot13.h"

/* At most so much before the other side may see it: that it starts early is worth more than a few
 * notifications. */
#define PIECE (32u << 10)

struct worker {
	struct pv *pv;
	struct tick tick;
	struct shared request_shared, reply_shared;
	struct ring_consumer request;
	struct ring_producer reply;
	bool changed; /* a handler was here since we last looked; written by both with events
			 disabled */
	uint64_t bytes;
};

static struct worker worker;

static enum guest_irqreturn ring_handler(struct guest *g, unsigned irq, void *dev)
{
	struct worker *w = dev;

	(void)g;
	(void)irq;
	w->changed = true;
	return GUEST_IRQ_HANDLED;
}

/* One piece from ring to ring, without a copy between. false: nothing to read, or no space. */
static bool move(struct worker *w)
{
	uint32_t n, space;
	const uint8_t *from = ring_data_at(&w->request, &n);
	uint8_t *to = ring_space_at(&w->reply, &space);

	if (w->request.end.broken || w->reply.end.broken)
		pv_panic("the %s ring is broken", w->request.end.broken ? "request" : "reply");
	if (n > space)
		n = space;
	if (n > PIECE)
		n = PIECE;
	if (!n)
		return false;
	rot13(to, from, n);
	ring_consume(&w->request, n);
	ring_advance(&w->reply, n);
	w->bytes += n;
	if (ring_release(&w->request))
		shared_notify(&w->request_shared, w->pv);
	if (ring_publish(&w->reply))
		shared_notify(&w->reply_shared, w->pv);
	return true;
}

/* Work until there is a reason to sleep (true) or all is done (false). */
static bool work(struct worker *w)
{
	for (;;) {
		int64_t data;

		if (move(w))
			continue;
		if (ring_at_end(&w->request))
			break;
		data = ring_data(&w->request);
		if (data == 0 && ring_wait_data(&w->request))
			return true;
		if (data > 0 && ring_wait_space(&w->reply, w->reply.end.size / 2))
			return true;
	}
	ring_finish(&w->reply);
	shared_notify(&w->reply_shared, w->pv);
	return false;
}

/*
 * Sleep until a handler was here since the last time. The driver stays until we have ended the
 * reply, and then we do not sleep any more; that it died all the same is seen at a tick.
 */
static void wait(struct worker *w)
{
	struct guest *g = w->pv->guest;

	guest_local_irq_disable(g);
	while (!w->changed) {
		guest_halt(g);
		guest_local_irq_disable(g);
		if (!w->changed && !shared_connected(&w->request_shared))
			pv_panic("the driver is gone before it took the end of the reply: "
				 "%lu bytes turned",
				 w->bytes);
	}
	w->changed = false;
	guest_local_irq_enable(g);
}

void pv_main(struct start_info *si)
{
	struct worker *w = &worker;

	if (pv_init(&w->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	shared_open(&w->request_shared, w->pv, "request", ring_handler, w);
	shared_open(&w->reply_shared, w->pv, "reply", ring_handler, w);
	if (!ring_consumer_init(&w->request, w->request_shared.memory, w->request_shared.bytes) ||
	    !ring_producer_init(&w->reply, w->reply_shared.memory, w->reply_shared.bytes))
		pv_panic("shared memory of less than two pages holds no ring");
	tick_start(&w->tick, w->pv);
	guest_local_irq_enable(w->pv->guest);

	while (work(w))
		wait(w);

	guest_show_interrupts(w->pv->guest, pv_emit_line, NULL);
	pv_printf("%lu bytes turned, %lu ticks\n", w->bytes, w->tick.count);
	pv_shutdown(SHUTDOWN_poweroff);
}
