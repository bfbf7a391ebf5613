/* SPDX-License-Identifier: MIT */
/*
 * The numbers of interrupts, and their table as text. Nothing else prints in this half, so the
 * little formatting that it takes is here.
 */
#include "irq.h"

#define NS_PER_MS UINT64_C(1000000)

#define COUNT_WIDTH 10u
#define CHIP_WIDTH  10u
#define FLOW_WIDTH  6u
#define NAMES_ROOM  256u

struct line {
	char *text;
	size_t room; /* the ending NUL included */
	size_t len;
};

/* What does not fit is left out. */
static void put(struct line *l, const char *s)
{
	while (*s && l->len + 1 < l->room)
		l->text[l->len++] = *s++;
	l->text[l->len] = '\0';
}

static void put_left(struct line *l, const char *s, unsigned width)
{
	size_t end = l->len + width;

	put(l, s);
	while (l->len < end && l->len + 1 < l->room)
		put(l, " ");
}

static void put_right(struct line *l, const char *s, unsigned width)
{
	unsigned len = 0;

	while (s[len])
		len++;
	for (; len < width; len++)
		put(l, " ");
	put(l, s);
}

static void put_number(struct line *l, uint64_t n, unsigned width)
{
	char digits[21];
	char *p = &digits[20];

	*p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put_right(l, p, width);
}

static void start(struct line *l)
{
	l->len = 0;
	l->text[0] = '\0';
}

static void put_trouble(struct line *l, const struct irq_desc *desc)
{
	uint64_t unclaimed = load_relaxed(&desc->unclaimed.total);

	if (unclaimed) {
		put(l, "  unclaimed: ");
		put_number(l, unclaimed, 0);
	}
	if (desc->late.delayed) {
		put(l, "  delayed: ");
		put_number(l, desc->late.delayed, 0);
		put(l, ", ms: ");
		put_number(l, desc->late.delay / NS_PER_MS, 0);
	}
}

/* Quick passes are counted in the line, for pass_cpu; that changes with the lock held. */
static uint64_t count_on(const struct irq_desc *desc, unsigned cpu)
{
	uint64_t n = load_acquire(&desc->count[cpu]);
	const struct irq_line *at = load_acquire(&desc->at);

	return at && load_acquire(&desc->pass_cpu) == cpu ? n + load_acquire(&at->count) : n;
}

/* Names under the lock, as another CPU may free a handler and its name with it. */
static void put_irq(struct guest *g, struct line *l, const struct irq_desc *desc)
{
	const struct irq_action *a;
	unsigned cpu;

	start(l);
	put_number(l, desc->irq, 3);
	put(l, ":");
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		put(l, " ");
		put_number(l, count_on(desc, cpu), COUNT_WIDTH);
	}
	put(l, "  ");
	put_left(l, desc->chip->name, CHIP_WIDTH);
	put(l, "  ");
	put_left(l, desc->flow->name, desc->actions ? FLOW_WIDTH : 0);
	for (a = desc->actions; a; a = a->next) {
		put(l, a == desc->actions ? "  " : ", ");
		put(l, a->name ? a->name : "?");
	}
	put_trouble(l, desc);
}

/* False: the number is free at present. */
static bool show_irq(struct guest *g, struct line *l, struct irq_desc *desc)
{
	guest_flags_t flags = irq_lock_save(g, desc);
	bool bound = desc->chip;

	if (bound)
		put_irq(g, l, desc);
	irq_unlock_restore(g, desc, flags);
	return bound;
}

static void show_head(struct guest *g, struct line *l)
{
	unsigned cpu, unit;

	start(l);
	put(l, "    ");
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		for (unit = cpu < 10 ? 1 : cpu < 100 ? 2 : 3; unit < COUNT_WIDTH - 2; unit++)
			put(l, " ");
		put(l, "CPU");
		put_number(l, cpu, 0);
	}
}

enum cpu_counter {
	SPURIOUS,
	DELAYED,
	NESTED
};

static uint64_t counter_of(const struct guest_cpu *cpu, enum cpu_counter which)
{
	switch (which) {
	case SPURIOUS:
		return load_relaxed(&cpu->spurious);
	case DELAYED:
		return load_relaxed(&cpu->late_delayed);
	case NESTED:
		return load_relaxed(&cpu->nested);
	}
	return 0;
}

/* Answers the sum. */
static uint64_t show_counter(struct guest *g, struct line *l, enum cpu_counter which)
{
	static const struct {
		const char *tag, *text;
	} words[] = {
		[SPURIOUS] = { "SPU:", "  spurious: no IRQ, or no handler's" },
		[DELAYED] = { "LTE:", "  late eois that were delayed" },
		[NESTED] = { "NST:", "  upcalls that interrupted a handler" },
	};
	uint64_t n, sum = 0;
	unsigned cpu;

	start(l);
	put(l, words[which].tag);
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		n = counter_of(&g->cpus[cpu], which);
		put(l, " ");
		put_number(l, n, COUNT_WIDTH);
		sum += n;
	}
	put(l, words[which].text);
	return sum;
}

void guest_show_interrupts(struct guest *g, void (*emit)(void *arg, const char *line), void *arg)
{
	struct line l = { .room = 8 + g->nr_cpus * 21u + NAMES_ROOM };
	unsigned irq, end = load_acquire(&g->irqs.fresh);
	struct irq_desc *desc;

	l.text = guest_alloc(g, l.room);
	if (!l.text) {
		emit(arg, "no memory for the table of interrupts");
		return;
	}
	show_head(g, &l);
	emit(arg, l.text);
	for (irq = 1; irq < end; irq++) {
		desc = irq_to_desc(g, irq);
		if (desc && desc->irq == irq && show_irq(g, &l, desc))
			emit(arg, l.text);
	}
	(void)show_counter(g, &l, SPURIOUS);
	emit(arg, l.text);
	if (show_counter(g, &l, DELAYED))
		emit(arg, l.text);
	if (show_counter(g, &l, NESTED))
		emit(arg, l.text);
	guest_free(g, l.text, l.room);
}

uint64_t guest_irq_count_cpu(const struct guest *g, unsigned irq, unsigned cpu)
{
	const struct irq_desc *desc = irq_to_desc(g, irq);
	uint64_t seq, n;

	if (!desc || cpu >= g->nr_cpus)
		return 0;
	/* Not while the counts change places. */
	while ((seq = load_acquire(&desc->lock.seq)) & 1 ||
	       (n = count_on(desc, cpu), load_relaxed(&desc->lock.seq) != seq))
		cpu_relax(g);
	return n;
}

uint64_t guest_irq_count(const struct guest *g, unsigned irq)
{
	uint64_t sum = 0;
	unsigned cpu;

	for (cpu = 0; cpu < g->nr_cpus; cpu++)
		sum += guest_irq_count_cpu(g, irq, cpu);
	return sum;
}

int guest_irq_get_stats(struct guest *g, unsigned irq, struct guest_irq_stats *stats)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	uint64_t handled = guest_irq_count(g, irq);
	guest_flags_t flags;
	int rc = -XEN_EINVAL;

	if (!desc)
		return rc;
	flags = irq_lock_save(g, desc);
	if (desc->chip) {
		rc = 0;
		*stats = (struct guest_irq_stats){
			.handled = handled,
			.unclaimed = load_relaxed(&desc->unclaimed.total),
			.merged = load_relaxed(&desc->merged),
			.late_spurious = desc->late.spurious,
			.late_delayed = desc->late.delayed,
			.late_delay = desc->late.delay,
		};
	}
	irq_unlock_restore(g, desc, flags);
	return rc;
}
