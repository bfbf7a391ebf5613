/* SPDX-License-Identifier: MIT */
/*
 * Interrupts that no handler claims. A few are normal; a line on which there is hardly anything
 * else is stuck, would take the whole CPU, and is disabled.
 */
#include "irq.h"

#define COUNT	  100000u
#define TOO_MANY  99900u /* of COUNT; a device that shares the line may have the rest */
#define FORGIVING UINT64_C(100000000) /* ns: one now and then is not a storm */

/* A count begins with an unclaimed interrupt and takes COUNT of them, claimed or not. */
bool irq_count_unclaimed(struct guest *g, struct irq_desc *desc, bool claimed)
{
	struct irq_unclaimed *u = &desc->unclaimed;
	unsigned in_count = load_relaxed(&u->in_count);
	bool stuck;
	uint64_t now;

	if (!claimed) {
		count_one(&u->total);
		now = guest_clock(g);
		in_count = now - u->last > FORGIVING ? 1 : in_count + 1;
		store_relaxed(&u->in_count, in_count);
		u->last = now;
	}
	if (++u->seen < COUNT)
		return false;
	stuck = in_count > TOO_MANY;
	u->seen = 0;
	store_relaxed(&u->in_count, 0u);
	return stuck;
}

void irq_stuck(struct guest *g, struct irq_desc *desc)
{
	const struct guest_irq_hooks *hooks = load_acquire(&g->hooks);

	irq_lock(g, desc);
	/* The handlers may have gone meanwhile, and the line with them. */
	if (irq_has_drivers(desc) && !desc->stuck) {
		desc->stuck = true;
		desc->depth++;
		desc->chip->mask(g, desc);
	}
	irq_unlock(g, desc);
	if (hooks && hooks->unclaimed)
		hooks->unclaimed(hooks->arg, desc->irq);
}

void irq_unstick(struct guest *g, struct irq_desc *desc)
{
	if (!desc->stuck)
		return;
	desc->stuck = false;
	if (!--desc->depth)
		desc->chip->unmask(g, desc);
}

void guest_set_irq_hooks(struct guest *g, const struct guest_irq_hooks *hooks)
{
	store_release(&g->hooks, hooks);
}
