/* SPDX-License-Identifier: MIT */
/*
 * A software interrupt controller that writes down what is asked of it. Routing lines to domains is
 * the test's, by hv_domain_map_pirq.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* The hypervisor serialises these by the line's lock. */
static void note(struct testbed_line *l, char what)
{
	if (l->len + 1 < sizeof(l->log))
		l->log[l->len++] = what;
}

static void chip_startup(void *data, unsigned line)
{
	struct testbed_line *l = data;

	(void)line;
	note(l, 'S');
	atomic_store(&l->enabled, true);
}

static void chip_shutdown(void *data, unsigned line)
{
	struct testbed_line *l = data;

	(void)line;
	note(l, 'D');
	atomic_store(&l->enabled, false);
}

static void chip_ack(void *data, unsigned line)
{
	(void)line;
	note(data, 'A');
}

static void chip_mask(void *data, unsigned line)
{
	struct testbed_line *l = data;

	(void)line;
	note(l, 'M');
	atomic_store(&l->enabled, false);
}

static void chip_unmask(void *data, unsigned line)
{
	struct testbed_line *l = data;

	(void)line;
	note(l, 'U');
	atomic_store(&l->enabled, true);
}

static bool chip_asserted(void *data, unsigned line)
{
	struct testbed_line *l = data;

	(void)line;
	return atomic_load(&l->level);
}

static const struct hv_irq_chip chip = {
	.name = "testbed",
	.startup = chip_startup,
	.shutdown = chip_shutdown,
	.ack = chip_ack,
	.mask = chip_mask,
	.unmask = chip_unmask,
	.asserted = chip_asserted,
};

struct testbed_line *testbed_line(struct testbed *tb, unsigned line, enum hv_irq_flow flow)
{
	struct testbed_line *l = calloc(1, sizeof(*l));

	if (!l)
		testbed_die("out of memory");
	l->tb = tb;
	l->line = line;
	l->flow = flow;
	if (hv_irq_register(tb->hv, line, flow, &chip, l)) {
		free(l);
		return NULL;
	}
	l->next = tb->lines;
	tb->lines = l;
	return l;
}

void testbed_line_set(struct testbed_line *l, bool level)
{
	if (l->flow == HV_IRQ_LEVEL)
		atomic_store(&l->level, level);
	if (level)
		hv_irq_raise(l->tb->hv, l->line);
}

int testbed_may_deliver(struct hv_domain *hv, unsigned pirq, unsigned line)
{
	const struct testbed *tb = ((struct testbed_domain *)hv_domain_user(hv))->tb;

	return tb->may_deliver ? tb->may_deliver(tb->may_deliver_arg, hv, pirq, line) : 0;
}

void testbed_deliver_if(struct testbed *tb,
			int (*may)(void *arg, struct hv_domain *d, unsigned pirq, unsigned line),
			void *arg)
{
	tb->may_deliver_arg = arg;
	tb->may_deliver = may;
}

const char *testbed_line_log(struct testbed_line *l)
{
	memcpy(l->shown, l->log, l->len);
	l->shown[l->len] = 0;
	l->len = 0;
	return l->shown;
}

bool testbed_line_enabled(const struct testbed_line *l)
{
	return atomic_load(&l->enabled);
}
