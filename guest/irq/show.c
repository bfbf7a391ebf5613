/* SPDX-License-Identifier: MIT */
/*
 * The table of interrupts, as text. Nothing else prints in this half, so the little formatting that
 * it takes is here.
 */
#include "irq.h"

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

static void put_names(struct guest *g, struct line *l, struct irq_desc *desc)
{
	const struct irq_action *a;

	/* Under the lock, as another CPU may free one and its name with it. */
	guest_flags_t flags = lock_irqsave(g, &desc->lock);

	if (desc->chip) {
		put(l, "  ");
		put_left(l, desc->chip->name, CHIP_WIDTH);
		put(l, "  ");
		put_left(l, desc->flow->name, desc->actions ? FLOW_WIDTH : 0);
	}
	for (a = desc->actions; a; a = a->next) {
		put(l, a == desc->actions ? "  " : ", ");
		put(l, a->name ? a->name : "?");
	}
	unlock_irqrestore(g, &desc->lock, flags);
}

static void show_irq(struct guest *g, struct line *l, struct irq_desc *desc)
{
	unsigned cpu;

	start(l);
	put_number(l, desc->irq, 3);
	put(l, ":");
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		put(l, " ");
		put_number(l, load_relaxed(&desc->count[cpu]), COUNT_WIDTH);
	}
	put_names(g, l, desc);
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

static void show_spurious(struct guest *g, struct line *l)
{
	unsigned cpu;

	start(l);
	put(l, "SPU:");
	for (cpu = 0; cpu < g->nr_cpus; cpu++) {
		put(l, " ");
		put_number(l, load_relaxed(&g->cpus[cpu].spurious), COUNT_WIDTH);
	}
	put(l, "  spurious: no IRQ, or no handler's");
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
		if (!load_relaxed(&desc->line))
			continue; /* free at present */
		show_irq(g, &l, desc);
		emit(arg, l.text);
	}
	show_spurious(g, &l);
	emit(arg, l.text);
	guest_free(g, l.text, l.room);
}
