/* SPDX-License-Identifier: MIT */
/*
 * Shows: a device driver by interrupts alone. It owns a character device (command line: chardev=),
 * passes its input to another domain through one ring (shm=request), takes what comes back from a
 * second (shm=reply) and gives that to the device's output. Nothing polls: the main loop sleeps,
 * all work is in four handlers. Only that the worker died, of which no event tells, is looked for,
 * at each tick.
 *
 *	device input  --input line-->  request ring  --event-->  worker
 *	device output <--output line-- reply ring    <--event--  worker
 *
 * Flow control: what does not go on stays where it is. With the request ring full, the input line
 * is disabled until the worker has made space; with the reply ring empty, the output line is, until
 * there is something.
 * Success: every byte came back, the interrupt table is printed, shutdown with reason poweroff; a
 * number of bytes that differs, a ring that is broken, or a worker that died is a crash.
 */
#include <carillon/device.h>

#include "../lib/lib.h"

struct driver {
	struct pv *pv;
	struct tick tick;

	volatile struct chardev_regs *regs;
	const uint8_t *input;
	uint8_t *output;
	uint32_t window;
	uint32_t in_cons, out_prod; /* our indices: the device's copies are not ours to read back */
	unsigned input_irq, output_irq;

	struct shared request_shared, reply_shared;
	struct ring_producer request;
	struct ring_consumer reply;

	bool input_waits;  /* for space in the request ring: its line is disabled */
	bool output_waits; /* for data in the reply ring: its line is disabled */
	bool input_ended, output_ended, done;
	uint64_t bytes_in, bytes_out;
};

static struct driver driver;

static uint32_t load(const volatile uint32_t *reg)
{
	return __atomic_load_n(reg, __ATOMIC_ACQUIRE);
}

static void store(volatile uint32_t *reg, uint32_t v)
{
	__atomic_store_n(reg, v, __ATOMIC_RELEASE);
}

/* How far the other side is ahead of us, or behind; both are at most the window. */
static uint32_t in_flight(const struct driver *d, uint32_t prod, uint32_t cons)
{
	if (prod - cons > d->window)
		pv_panic("the device's index %#x is out of its window (%#x, %#x bytes)", prod, cons,
			 d->window);
	return prod - cons;
}

/* ---- input: device to request ring ---------------------------------------------------- */

/* Move what there is, as far as it fits; how much is left in the device. */
static uint32_t move_input(struct driver *d)
{
	uint32_t left = in_flight(d, load(&d->regs->in_prod), d->in_cons);

	while (left) {
		uint32_t offset = d->in_cons & (d->window - 1);
		uint32_t piece = d->window - offset < left ? d->window - offset : left;
		int64_t n = ring_write(&d->request, d->input + offset, piece);

		if (n < 0)
			pv_panic("the request ring is broken");
		if (!n)
			break;
		d->in_cons += (uint32_t)n;
		d->bytes_in += (uint64_t)n;
		left -= (uint32_t)n;
	}
	store(&d->regs->in_cons, d->in_cons);
	if (ring_publish(&d->request))
		shared_notify(&d->request_shared, d->pv);
	return left;
}

/*
 * The input line is up: bytes, or the end. Both are acknowledged in the registers, then the line
 * falls; the eoi after us lets the device look.
 */
static enum guest_irqreturn input_handler(struct guest *g, unsigned irq, void *dev)
{
	struct driver *d = dev;
	uint32_t flags;

	/* A byte that came with the end is seen: the flag is read first, the index after it. */
	do {
		flags = load(&d->regs->flags);
		if (!move_input(d))
			break;
		if (ring_wait_space(&d->request, d->request.end.size / 2)) {
			d->input_waits = true;
			guest_disable_irq_nosync(g, irq);
			return GUEST_IRQ_HANDLED;
		}
	} while (true);

	if ((flags & CHARDEV_IN_EOF) && !d->input_ended) {
		d->input_ended = true;
		store(&d->regs->in_eof_seen, 1);
		ring_finish(&d->request);
		shared_notify(&d->request_shared, d->pv);
	}
	return GUEST_IRQ_HANDLED;
}

/* The worker has read from the request ring while we waited for space. */
static enum guest_irqreturn request_handler(struct guest *g, unsigned irq, void *dev)
{
	struct driver *d = dev;

	(void)irq;
	if (d->input_waits && !ring_wait_space(&d->request, d->request.end.size / 2)) {
		d->input_waits = false;
		guest_enable_irq(g, d->input_irq);
	}
	return GUEST_IRQ_HANDLED;
}

/* ---- output: reply ring to device ----------------------------------------------------- */

/* Fill the output window; how much space is left in it: if any, the ring is empty. */
static uint32_t move_output(struct driver *d)
{
	uint32_t space = d->window - in_flight(d, d->out_prod, load(&d->regs->out_cons));

	while (space) {
		uint32_t offset = d->out_prod & (d->window - 1);
		uint32_t piece = d->window - offset < space ? d->window - offset : space;
		int64_t n = ring_read(&d->reply, d->output + offset, piece);

		if (n < 0)
			pv_panic("the reply ring is broken");
		if (!n)
			break;
		d->out_prod += (uint32_t)n;
		d->bytes_out += (uint64_t)n;
		space -= (uint32_t)n;
	}
	store(&d->regs->out_prod, d->out_prod);
	if (ring_release(&d->reply))
		shared_notify(&d->reply_shared, d->pv);
	return space;
}

/*
 * The output line is up: space, or, after the end, everything has left. The eoi after us lets the
 * device look at what we wrote. Nothing to write: the line stays as it is until there is, so that
 * it cannot storm.
 */
static enum guest_irqreturn output_handler(struct guest *g, unsigned irq, void *dev)
{
	struct driver *d = dev;

	if (d->output_ended) {
		if (load(&d->regs->flags) & CHARDEV_OUT_DRAINED) {
			d->done = true;
			guest_disable_irq_nosync(g, irq);
		}
		return GUEST_IRQ_HANDLED;
	}
	do {
		if (!move_output(d))
			return GUEST_IRQ_HANDLED;
		if (ring_at_end(&d->reply)) {
			d->output_ended = true;
			store(&d->regs->out_eof, 1);
			return GUEST_IRQ_HANDLED;
		}
	} while (!ring_wait_data(&d->reply));
	d->output_waits = true;
	guest_disable_irq_nosync(g, irq);
	return GUEST_IRQ_HANDLED;
}

/* The output line was left alone for want of data: there is some now, or the end. */
static void resume_output(struct driver *d)
{
	if (d->output_waits && !ring_wait_data(&d->reply)) {
		d->output_waits = false;
		guest_enable_irq(d->pv->guest, d->output_irq);
	}
}

/* The worker has written to the reply ring, or ended it, while we waited for that. */
static enum guest_irqreturn reply_handler(struct guest *g, unsigned irq, void *dev)
{
	(void)g;
	(void)irq;
	resume_output(dev);
	return GUEST_IRQ_HANDLED;
}

static bool reply_ended(const struct driver *d)
{
	return atomic_load_explicit(&d->reply.end.shared->ended, memory_order_seq_cst);
}

/*
 * A worker that has finished is gone, too. It may also have died after it ended the reply and
 * before it told us: then this does. The connection is looked at first: what is in the ring when it
 * has gone is all that will ever be there.
 */
static void look_for_worker(struct driver *d)
{
	if (shared_connected(&d->reply_shared))
		return;
	if (!reply_ended(d))
		pv_panic("the worker is gone before the end of its reply: %lu bytes in, %lu out",
			 d->bytes_in, d->bytes_out);
	resume_output(d);
}

/* ---- start and end -------------------------------------------------------------------- */

static unsigned bind_line(struct driver *d, uint64_t pirq, guest_irq_handler handler,
			  const char *name)
{
	int irq = guest_bind_pirq_to_irqhandler(d->pv->guest, (unsigned)pirq, handler, 0, name, d);

	if (irq < 0)
		pv_panic("%s: cannot bind pirq %lu: %d", name, pirq, irq);
	return (unsigned)irq;
}

/* chardev=NAME,FRAME,PAGES,INPIRQ,OUTPIRQ */
static void open_device(struct driver *d)
{
	const char *p = pv_word(pv_cmdline(d->pv->start_info), "chardev=");
	uint64_t frame, pages, input_pirq, output_pirq;
	void *mapped;

	if (!p || !pv_skip_field(&p) || !pv_number(&p, &frame) || !pv_number(&p, &pages) ||
	    !pv_number(&p, &input_pirq) || !pv_number(&p, &output_pirq))
		pv_panic("no chardev=NAME,FRAME,PAGES,INPIRQ,OUTPIRQ on the command line: "
			 "the machine file needs a chardev for this domain");
	mapped = frames_open(d->pv, "chardev", frame, pages);
	d->regs = mapped;
	d->window = load(&d->regs->window);
	if (d->regs->magic != DEVICE_MAGIC_CHARDEV || d->regs->version != 1)
		pv_panic("magic %#x, version %u: no character device that we know", d->regs->magic,
			 d->regs->version);
	if (!d->window || (d->window & (d->window - 1)) ||
	    d->window > (pages - 1) * PV_PAGE_BYTES / 2)
		pv_panic("the device's window of %#x bytes does not fit %lu pages", d->window,
			 pages);
	d->input = (const uint8_t *)mapped + PV_PAGE_BYTES;
	d->output = (uint8_t *)mapped + PV_PAGE_BYTES + d->window;
	d->output_irq = bind_line(d, output_pirq, output_handler, "output");
	d->input_irq = bind_line(d, input_pirq, input_handler, "input");
}

void pv_main(struct start_info *si)
{
	struct driver *d = &driver;
	uint64_t looked = 0;
	struct guest *g;

	if (pv_init(&d->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	g = d->pv->guest;

	/* Events are disabled until guest_halt: nothing below is interrupted by what it starts. */
	shared_open(&d->request_shared, d->pv, "request", request_handler, d);
	shared_open(&d->reply_shared, d->pv, "reply", reply_handler, d);
	if (!ring_producer_init(&d->request, d->request_shared.memory, d->request_shared.bytes) ||
	    !ring_consumer_init(&d->reply, d->reply_shared.memory, d->reply_shared.bytes))
		pv_panic("shared memory of less than two pages holds no ring");
	tick_start(&d->tick, d->pv);
	open_device(d);

	while (!d->done) {
		guest_halt(g);
		guest_local_irq_disable(g);
		if (d->tick.count != looked && !d->done) {
			looked = d->tick.count;
			look_for_worker(d);
		}
	}

	guest_show_interrupts(g, pv_emit_line, NULL);
	pv_printf("%lu bytes in, %lu bytes out, %lu ticks%s\n", d->bytes_in, d->bytes_out,
		  d->tick.count,
		  load(&d->regs->flags) & CHARDEV_OUT_ERROR ? ", output failed" : "");
	pv_shutdown(d->bytes_in == d->bytes_out ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}
