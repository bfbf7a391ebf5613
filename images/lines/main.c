/* SPDX-License-Identifier: MIT */
/*
 * Shows: hardware lines of each kind, and that none of their interrupts is lost. It binds the line
 * of every timer= and line= on its command line, which other domains may have too, and counts.
 *
 * The devices count as well, in their registers, up to the `count` of the machine file, which
 * count=N repeats for us. What must hold for each then:
 *
 *	edge	The last pulse was seen. A pulse merges with the one before if that is still
 *		pending: there may be fewer interrupts than pulses, never more.
 *	level	Every raise is acknowledged, and none was skipped: the device raises the line again
 *		only when all who have it are done, so each raise is an interrupt of its own.
 *
 * What came before we had bound is not ours: a level's first raise waits for its first owner, but
 * others may have dealt with some before us; an edge that nobody hears is gone.
 * Success: the interrupt table, a line of counts for each device, shutdown with reason poweroff.
 * Anything lost, or too many, is a crash.
 */
#include <carillon/device.h>

#include "../lib/lib.h"

#define MAX_DEVICES 16u
#define NAME_BYTES  32u

/* Ticks after all devices have stopped; an interrupt that has not come by then is lost. */
#define PATIENCE 100u

struct device {
	char name[NAME_BYTES];
	const volatile struct timer_regs *timer; /* it is one or the other */
	volatile struct line_regs *line;
	bool level;
	bool late;     /* it had stopped before we were bound: no interrupt has to come */
	bool skipped;  /* level: a raise that nobody, or that we, did not see */
	uint64_t seen; /* the device's count, as of our last interrupt */
	uint64_t interrupts;
};

struct lines {
	struct pv *pv;
	struct tick tick;
	struct device devices[MAX_DEVICES];
	unsigned nr_devices;
	uint64_t count; /* where each device stops */
};

static struct lines lines;

static uint64_t pulses(const struct device *d)
{
	return d->timer ? __atomic_load_n(&d->timer->count, __ATOMIC_ACQUIRE)
			: __atomic_load_n(&d->line->raised, __ATOMIC_ACQUIRE);
}

static uint32_t acknowledged(const struct device *d)
{
	return __atomic_load_n(&d->line->acked, __ATOMIC_ACQUIRE);
}

/* ---- interrupts ----------------------------------------------------------------------- */

static enum guest_irqreturn edge_handler(struct guest *g, unsigned irq, void *dev)
{
	struct device *d = dev;

	(void)g;
	(void)irq;
	d->seen = pulses(d);
	d->interrupts++;
	return GUEST_IRQ_HANDLED;
}

/*
 * The acknowledgement lets the level fall, the eoi after us says that we are done with it. With a
 * shared line another owner may have acknowledged this raise already, but never a later one: that
 * does not come before our eoi.
 */
static enum guest_irqreturn level_handler(struct guest *g, unsigned irq, void *dev)
{
	struct device *d = dev;
	uint64_t raised = pulses(d);

	(void)g;
	(void)irq;
	if (raised - acknowledged(d) > 1 || (d->interrupts && raised - d->seen > 1))
		d->skipped = true;
	/* One may come twice for the same raise, as with any level: it fell while it was sent. */
	if (raised != d->seen)
		d->interrupts++;
	d->seen = raised;
	__atomic_store_n(&d->line->acked, (uint32_t)raised, __ATOMIC_RELEASE);
	return GUEST_IRQ_HANDLED;
}

/* ---- finding the devices -------------------------------------------------------------- */

static void copy_name(char *to, const char *from)
{
	size_t n = 0;

	for (; n < NAME_BYTES - 1 && from[n] && from[n] != ' ' && from[n] != ','; n++)
		to[n] = from[n];
	to[n] = '\0';
}

static void check_magic(const char *name, uint32_t magic, uint32_t version, uint32_t expected)
{
	if (magic != expected || version != 1)
		pv_panic("%s: magic %#x, version %u: no device that we know", name, magic, version);
}

static void map_registers(struct lines *l, struct device *d, uint64_t frame, bool timer)
{
	void *regs = frames_open(l->pv, d->name, frame, 1);

	if (timer) {
		d->timer = regs;
		check_magic(d->name, d->timer->magic, d->timer->version, DEVICE_MAGIC_TIMER);
	} else {
		d->line = regs;
		check_magic(d->name, d->line->magic, d->line->version, DEVICE_MAGIC_LINE);
		d->level = d->line->level;
	}
}

/* fields: NAME,FRAME,PIRQ, as they follow timer= or line= */
static void open_device(struct lines *l, const char *fields, bool timer)
{
	struct device *d = &l->devices[l->nr_devices];
	uint64_t frame, pirq;
	int irq;

	if (l->nr_devices++ == MAX_DEVICES)
		pv_panic("more than %u devices", MAX_DEVICES);
	copy_name(d->name, fields);
	if (!pv_skip_field(&fields) || !pv_number(&fields, &frame) || !pv_number(&fields, &pirq))
		pv_panic("%s: NAME,FRAME,PIRQ expected", d->name);
	map_registers(l, d, frame, timer);
	/* SHARED says that we do not mind; whether another domain has the line is not our affair.
	 */
	irq = guest_bind_pirq_to_irqhandler(l->pv->guest, (unsigned)pirq,
					    d->level ? level_handler : edge_handler,
					    GUEST_IRQF_SHARED, d->name, d);
	if (irq < 0)
		pv_panic("%s: cannot bind pirq %lu: %d", d->name, pirq, irq);
	/* After the bind: a count that is not reached now will be, with an interrupt to us. */
	d->late = pulses(d) == l->count;
}

static void open_devices(struct lines *l, bool timers)
{
	const char *key = timers ? "timer=" : "line=";
	const char *word = pv_word(pv_cmdline(l->pv->start_info), key);

	for (; word; word = pv_word(word, key))
		open_device(l, word, timers);
}

/* ---- the end -------------------------------------------------------------------------- */

static bool done(const struct lines *l, const struct device *d)
{
	if (d->level && acknowledged(d) != l->count)
		return false;
	return d->late || d->seen == l->count;
}

static bool all_done(const struct lines *l)
{
	for (unsigned i = 0; i < l->nr_devices; i++)
		if (!done(l, &l->devices[i]))
			return false;
	return true;
}

static bool all_stopped(const struct lines *l)
{
	bool stopped = true;

	for (unsigned i = 0; i < l->nr_devices; i++) {
		const struct device *d = &l->devices[i];

		if (pulses(d) > l->count)
			pv_panic("%s: raised %lu times; make count=%lu what the device has",
				 d->name, pulses(d), l->count);
		stopped &= pulses(d) == l->count;
	}
	return stopped;
}

static void wait(struct lines *l)
{
	uint64_t running = 0; /* the last tick at which a device was */

	while (!all_done(l) && l->tick.count - running < PATIENCE) {
		guest_halt(l->pv->guest);
		guest_local_irq_disable(l->pv->guest);
		if (!all_stopped(l))
			running = l->tick.count;
	}
}

static bool report(const struct lines *l, const struct device *d)
{
	bool ok = done(l, d) && !d->skipped && d->interrupts <= l->count;

	if (d->level)
		pv_printf("%s: level, %lu raised, %u acknowledged, %lu interrupts%s\n", d->name,
			  pulses(d), acknowledged(d), d->interrupts, ok ? "" : ": WRONG");
	else
		pv_printf("%s: edge, %lu pulses, %lu seen, %lu interrupts%s\n", d->name, pulses(d),
			  d->late ? pulses(d) : d->seen, d->interrupts, ok ? "" : ": WRONG");
	return ok;
}

void pv_main(struct start_info *si)
{
	struct lines *l = &lines;
	const char *p = pv_word(pv_cmdline(si), "count=");
	unsigned wrong = 0;

	if (pv_init(&l->pv, si))
		pv_shutdown(SHUTDOWN_crash);
	if (!p || !pv_number(&p, &l->count) || !l->count)
		pv_panic("count=N on the command line is missing: the `count` of the devices");

	pv_printf("event channels: %s\n",
		  guest_abi(l->pv->guest) == GUEST_ABI_FIFO ? "FIFO" : "2-level");
	/* Events are disabled but for guest_halt: handlers run there and nowhere else. */
	tick_start(&l->tick, l->pv);
	open_devices(l, true);
	open_devices(l, false);
	wait(l);

	guest_show_interrupts(l->pv->guest, pv_emit_line, NULL);
	for (unsigned i = 0; i < l->nr_devices; i++)
		wrong += !report(l, &l->devices[i]);
	if (!l->nr_devices || wrong)
		pv_panic("%u of %u devices went wrong", wrong, l->nr_devices);
	pv_shutdown(SHUTDOWN_poweroff);
}
