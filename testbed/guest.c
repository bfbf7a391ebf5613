/* SPDX-License-Identifier: MIT */
/*
 * The guest half's port on the testbed: its hypercalls go straight to the hypervisor half, as the
 * vCPU that this thread is. Raw domains have none of this.
 */
#include <string.h>

#include "private.h"

#define LINE 64u

/* The vCPU of this domain that runs now; a thread that is none of its vCPUs acts as vCPU 0. */
static struct testbed_vcpu *current_of(struct testbed_domain *d)
{
	return testbed_current && testbed_current->d == d ? testbed_current : &d->vcpus[0];
}

static long port_hypercall(void *ctx, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t a3, uint64_t a4)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4 };

	return testbed_call_whole(current_of(ctx), nr, args, true);
}

static unsigned port_this_cpu(void *ctx)
{
	return current_of(ctx)->id;
}

/*
 * A vcpu_info may be named by frame and offset, so allocations of a cache line come from the
 * domain's memory, as whole pages do. All else is the host's, where ASan watches its ends. The
 * pages of lines are given back with the domain. lines_lock is held.
 */
static void *line_alloc(struct testbed_domain *d)
{
	struct testbed_free_line *line;

	if (!d->free_lines) {
		uint8_t *page = testbed_page(d);

		for (unsigned at = 0; at < PAGE; at += LINE) {
			line = (void *)(page + at);
			line->next = d->free_lines;
			d->free_lines = line;
		}
	}
	line = d->free_lines;
	d->free_lines = line->next;
	return memset(line, 0, LINE);
}

static void line_free(struct testbed_domain *d, struct testbed_free_line *line)
{
	line->next = d->free_lines;
	d->free_lines = line;
}

static void *port_alloc(void *ctx, size_t size)
{
	struct testbed_domain *d = ctx;
	void *p;

	if (size > LINE && size % PAGE)
		return testbed_block_alloc(d->tb, size);
	pthread_mutex_lock(&d->lines_lock);
	if (size <= LINE)
		p = line_alloc(d);
	else
		p = arena_alloc(d, (unsigned)(size / PAGE));
	pthread_mutex_unlock(&d->lines_lock);
	if (p)
		atomic_fetch_add(&d->tb->blocks, 1);
	return p;
}

static void port_free(void *ctx, void *p, size_t size)
{
	struct testbed_domain *d = ctx;

	if (!p)
		return;
	if (size > LINE && size % PAGE) {
		testbed_block_free(d->tb, p, size);
		return;
	}
	pthread_mutex_lock(&d->lines_lock);
	if (size <= LINE)
		line_free(d, p);
	else
		arena_free(d, p, (unsigned)(size / PAGE));
	pthread_mutex_unlock(&d->lines_lock);
	atomic_fetch_sub(&d->tb->blocks, 1);
}

static uint64_t port_cycles(void *ctx)
{
	struct testbed_domain *d = ctx;

	return testbed_cycles(d->tb) + current_of(d)->skew;
}

static uint64_t port_frame_of(void *ctx, const void *p)
{
	return testbed_frame(ctx, p);
}

static void port_relax(void *ctx)
{
	testbed_relax_guest(ctx);
}

static const struct guest_port_ops port_ops = {
	.hypercall = port_hypercall,
	.this_cpu = port_this_cpu,
	.alloc = port_alloc,
	.free = port_free,
	.cycles = port_cycles,
	.frame_of = port_frame_of,
	.relax = port_relax,
};

int testbed_guest_create(struct testbed_domain *d, const struct testbed_domain_config *config)
{
	struct guest_config cfg = {
		.shared_info = d->shared_info,
		.nr_cpus = d->nr_vcpus,
		.nr_irqs = config->nr_irqs,
		.nr_legacy_pirqs = config->nr_legacy_pirqs,
		.abi = config->abi,
	};
	struct testbed_vcpu *before = testbed_on(&d->vcpus[0]);
	int rc = guest_create(&d->guest, &port_ops, d, &cfg);

	testbed_on(before);
	if (rc)
		d->guest = NULL;
	else
		d->vcpus[0].cpu_ready = true;
	return rc;
}
