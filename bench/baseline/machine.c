/* SPDX-License-Identifier: MIT */
/*
 * Two domains of the conventional design, with shared pages of their own, where a row of the engine
 * benchmark expects those of its machine.
 */
#include "machine.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static void *page_zalloc(size_t n)
{
	void *p = aligned_alloc(PAGE, (n + PAGE - 1) / PAGE * PAGE);

	return p ? memset(p, 0, (n + PAGE - 1) / PAGE * PAGE) : NULL;
}

static void *zalloc(struct conv_system *s, size_t n)
{
	((struct conv_machine *)s)->bytes += n;
	return calloc(1, n);
}

/* About what the testbed does for the engine: note that the vCPU has to look. */
__attribute__((noinline)) void conv_testbed_kick(struct conv_domain *d, unsigned vcpu)
{
	struct conv_machine *m = (struct conv_machine *)d->system;

	__atomic_fetch_add(&m->kicks[vcpu], 1, __ATOMIC_RELAXED);
}

static void *or_die(void *p)
{
	if (!p)
		errx(1, "no memory for the baseline's machine");
	return p;
}

static void create_domain(struct conv_machine *m, struct conv_domain *d)
{
	d->system = &m->system;
	d->shared = or_die(page_zalloc(sizeof(*d->shared)));
	for (unsigned i = 0; i < CONV_VCPUS; i++)
		d->vcpu[i].info = &d->shared->vcpu_info[i];
}

void conv_create(struct engine *e)
{
	struct conv_machine *m = or_die(calloc(1, sizeof(*m)));

	m->system.zalloc = zalloc;
	m->system.kick = conv_testbed_kick;
	create_domain(m, &m->from);
	create_domain(m, &m->to);
	*e = (struct engine){ .conv = m, .shared = m->to.shared };
}

void conv_fifo(struct conv_domain *d, uint32_t ports)
{
	event_word_t *words = or_die(page_zalloc(ports * sizeof(*words)));

	d->fifo = true;
	for (uint32_t port = 0; port < ports; port += CONV_WORDS)
		d->words[port / CONV_WORDS] = words + port;
	for (unsigned i = 0; i < CONV_VCPUS; i++)
		d->vcpu[i].block = or_die(page_zalloc(sizeof(*d->vcpu[i].block)));
}

void conv_fifo_both(struct engine *e, uint32_t ports)
{
	conv_fifo(&e->conv->from, ports);
	conv_fifo(&e->conv->to, ports);
	e->words = e->conv->to.words[0];
	for (unsigned i = 0; i < CONV_VCPUS; i++)
		e->block[i] = e->conv->to.vcpu[i].block;
}

void conv_connect(struct engine *e, uint32_t ports)
{
	struct conv_domain *from = &e->conv->from, *to = &e->conv->to;

	for (uint32_t port = 1; port <= ports; port++)
		if (conv_occupy(to, CONV_INTERDOMAIN, from, port) ||
		    conv_occupy(from, CONV_INTERDOMAIN, to, port))
			errx(1, "baseline: port %u is not connected", port);
}

static void destroy_domain(struct conv_domain *d)
{
	for (unsigned i = 0; i < CONV_BUCKETS; i++)
		free(d->bucket[i]);
	for (unsigned i = 0; i < CONV_VCPUS; i++)
		free(d->vcpu[i].block);
	free(d->words[0]);
	free(d->shared);
}

void conv_destroy(struct engine *e)
{
	destroy_domain(&e->conv->from);
	destroy_domain(&e->conv->to);
	free(e->conv);
}
