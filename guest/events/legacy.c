/* SPDX-License-Identifier: MIT */
/*
 * IRQ numbers that are pirq numbers (guest_config.nr_legacy_pirqs): nobody binds them, so their
 * handlers do, each with a reference.
 */
#include "bind.h"

static int legacy_bind(struct guest *g, unsigned irq, bool share)
{
	int rc = guest_bind_pirq_to_irq(g, irq, share);

	return rc < 0 ? rc : 0;
}

const struct irq_fixed_ops events_fixed_ops = {
	.bind = legacy_bind,
	.unbind = guest_unbind_irq,
};
