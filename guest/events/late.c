/* SPDX-License-Identifier: MIT */
/*
 * Late eoi: the port of an IRQ stays masked from its event until the driver has dealt with it and
 * says so; the eoi of a peer that sends for nothing takes effect later and later. Delayed eois wait
 * on a list of the CPU that was told, by when they are due, for its VIRQ_TIMER (the timer itself is
 * clock.c's).
 */
#include "bind.h"

#define STEP   UINT64_C(1000000)    /* ns: the first delay, then doubled */
#define DOUBLE 10u		    /* times at most ... */
#define MOST   UINT64_C(1000000000) /* ... and never longer than this */

/* The port is open if nobody wants it shut. None: it is dead (guest_resume). */
static void open_port(struct guest *g, struct irq_desc *desc)
{
	if (desc->line && !desc->late.masked && !desc->late.owed && !desc->late.due)
		g->abi->unmask(g, desc->line);
}

static void late_mask(struct guest *g, struct irq_desc *desc)
{
	desc->late.masked = true;
	if (desc->line)
		(void)g->abi->mask(g, desc->line);
}

static void late_unmask(struct guest *g, struct irq_desc *desc)
{
	desc->late.masked = false;
	open_port(g, desc);
}

/*
 * Masked before it is taken, so that the peer's next event finds it shut. One that is seen while an
 * eoi is still due, as a CPU that had the port before had read it already, waits for that.
 */
static bool late_ack(struct guest *g, struct irq_desc *desc)
{
	(void)g->abi->mask(g, desc->line);
	if (desc->late.owed || desc->late.due)
		return false;
	if (g->abi->clear_pending(g, desc->line)) {
		desc->late.owed = true;
		return true;
	}
	open_port(g, desc);
	return false;
}

static bool late_mask_ack(struct guest *g, struct irq_desc *desc)
{
	late_mask(g, desc);
	return late_ack(g, desc);
}

/* The list is of the CPU that late.cpu names; other CPUs remove what they close. */
static void list_add(struct guest *g, struct irq_desc *desc)
{
	struct guest_cpu *cpu = &g->cpus[desc->late.cpu];
	struct irq_desc **at = &cpu->late;

	lock_acquire(g, &cpu->late_lock);
	while (*at && (*at)->late.due <= desc->late.due)
		at = &(*at)->late.next;
	desc->late.next = *at;
	*at = desc;
	lock_release(&cpu->late_lock);
}

static void list_remove(struct guest *g, struct irq_desc *desc)
{
	struct guest_cpu *cpu = &g->cpus[desc->late.cpu];
	struct irq_desc **at = &cpu->late;

	lock_acquire(g, &cpu->late_lock);
	while (*at != desc)
		at = &(*at)->late.next;
	*at = desc->late.next;
	desc->late.due = 0;
	lock_release(&cpu->late_lock);
}

/* When the first of the list is due, and which that is; 0: the list is empty. */
static uint64_t first_due(struct guest *g, struct guest_cpu *cpu, struct irq_desc **desc)
{
	uint64_t due;

	lock_acquire(g, &cpu->late_lock);
	*desc = cpu->late;
	due = *desc ? (*desc)->late.due : 0;
	lock_release(&cpu->late_lock);
	return due;
}

static void late_shutdown(struct guest *g, struct irq_desc *desc)
{
	if (desc->late.due)
		list_remove(g, desc);
	/* The driver that would say eoi has gone; the next one has not seen the event. */
	desc->late.owed = false;
	desc->late.in_row = 0;
	late_mask(g, desc);
}

const struct irq_chip irq_chip_late = {
	.name = "xen-late",
	.spread = true,
	.mask = late_mask,
	.unmask = late_unmask,
	.ack = late_ack,
	.mask_ack = late_mask_ack,
	.retrigger = port_retrigger,
	.shutdown = late_shutdown,
	.cpu = port_cpu,
	.set_affinity = events_move,
	.suits = port_suits,
};

/* One more in the row; ns that it costs. */
static uint64_t penalty(struct irq_late *late)
{
	uint64_t delay;

	late->spurious++;
	if (late->in_row < DOUBLE + 2)
		late->in_row++;
	if (late->in_row < 2)
		return 0;
	delay = STEP << (late->in_row - 2);
	return delay < MOST ? delay : MOST;
}

/* True if the eoi is now on the list. A timer that cannot be set delays nothing. */
static bool postpone(struct guest *g, struct irq_desc *desc, uint64_t delay)
{
	struct guest_cpu *cpu = this_cpu(g);
	struct irq_desc *first;

	desc->late.cpu = cpu->nr;
	desc->late.due = guest_clock(g) + delay;
	list_add(g, desc);
	if (first_due(g, cpu, &first) == desc->late.due && clock_set_late(g, cpu, desc->late.due)) {
		list_remove(g, desc);
		return false;
	}
	desc->late.delayed++;
	desc->late.delay += delay;
	count_one(&cpu->late_delayed);
	return true;
}

static void eoi(struct guest *g, struct irq_desc *desc, bool spurious)
{
	uint64_t delay = 0;

	desc->late.owed = false;
	if (spurious)
		delay = penalty(&desc->late);
	else
		desc->late.in_row = 0;
	if (!delay || !postpone(g, desc, delay))
		open_port(g, desc);
}

int guest_irq_lateeoi(struct guest *g, unsigned irq, unsigned flags)
{
	struct irq_desc *desc = irq_to_desc(g, irq);
	guest_flags_t saved;
	int rc = -XEN_EINVAL;

	if (!desc || (flags & ~GUEST_EOI_SPURIOUS))
		return rc;
	saved = irq_lock_save(g, desc);
	if (desc->chip == &irq_chip_late && desc->late.owed) {
		rc = 0;
		eoi(g, desc, flags & GUEST_EOI_SPURIOUS);
	}
	irq_unlock_restore(g, desc, saved);
	return rc;
}

/* It was at the head and due a moment ago; another CPU may have closed it since. */
static void finish(struct guest *g, struct guest_cpu *cpu, struct irq_desc *desc, uint64_t now)
{
	irq_lock(g, desc);
	if (desc->late.due && desc->late.cpu == cpu->nr && desc->late.due <= now) {
		list_remove(g, desc);
		open_port(g, desc);
	}
	irq_unlock(g, desc);
}

void late_cpu_dead(struct guest *g, struct guest_cpu *cpu)
{
	struct irq_desc *desc;

	while (first_due(g, cpu, &desc))
		finish(g, cpu, desc, UINT64_MAX);
}

/*
 * VIRQ_TIMER of this CPU, before the kernel's handlers of it: what they ask of the timer now comes
 * after what is asked here. Handled, as nobody can tell whose it was.
 */
static enum guest_irqreturn late_timer(struct guest *g, unsigned irq, void *dev)
{
	struct guest_cpu *cpu = this_cpu(g);
	uint64_t now = guest_clock(g), due;
	struct irq_desc *desc;

	(void)irq;
	(void)dev;
	clock_expired(cpu, now);
	while ((due = first_due(g, cpu, &desc)) && due <= now)
		finish(g, cpu, desc, now);
	/* If it fails they wait for whatever timer comes next: there is nobody to be told. */
	(void)clock_set_late(g, cpu, due);
	return GUEST_IRQ_HANDLED;
}

/* Have the timer of a CPU. A vCPU that does not exist needs none. */
static int timer_of(struct guest *g, unsigned cpu)
{
	int irq = guest_bind_virq_to_irq(g, VIRQ_TIMER, cpu), rc;

	if (irq < 0)
		return irq == -XEN_ENOENT ? 0 : irq;
	rc = irq_add_internal(g, (unsigned)irq, late_timer, "late eoi");
	if (!rc)
		return 0;
	/* There already: its own reference holds the IRQ. */
	(void)guest_unbind_irq(g, (unsigned)irq);
	return rc == -XEN_EEXIST ? 0 : rc;
}

int late_prepare(struct guest *g)
{
	unsigned cpu;
	int rc = 0;

	for (cpu = 0; !rc && cpu < g->nr_cpus; cpu++)
		rc = timer_of(g, cpu);
	return rc;
}
