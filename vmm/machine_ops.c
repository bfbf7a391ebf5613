/* SPDX-License-Identifier: MIT */
/*
 * What the machine lends to the hypervisor half: memory, time, consoles; vCPUs are the process
 * backend's. Nothing here blocks on a guest.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#define CACHE_LINE 64
#define PAUSES	   32u /* about a microsecond: less than another thread costs that is let in */
#define BIG	   (64u << 10) /* from here on fresh pages, which cost nothing until they are used */

static void *ops_alloc(void *ctx, size_t size)
{
	void *p;

	(void)ctx;
	if (size >= BIG) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	if (posix_memalign(&p, size % HV_PAGE_SIZE ? CACHE_LINE : HV_PAGE_SIZE, size))
		return NULL;
	return memset(p, 0, size);
}

static void ops_free(void *ctx, void *p, size_t size)
{
	(void)ctx;
	if (size >= BIG)
		munmap(p, size);
	else
		free(p);
}

static uint64_t ops_now(void *ctx)
{
	const struct machine *m = ctx;

	return clock_now(&m->clock);
}

/* Who is waited for is mostly on another processor and soon done; else it may want this one. */
static void ops_relax(void *ctx)
{
	static _Thread_local unsigned turns;

	(void)ctx;
	__builtin_ia32_pause();
	if (++turns % PAUSES == 0)
		sched_yield();
}

static struct domain *domain_of(const struct hv_vcpu *v)
{
	return hv_domain_user(hv_vcpu_domain(v));
}

static void ops_set_timer(struct hv_vcpu *v, uint64_t deadline)
{
	timer_set(&domain_of(v)->vcpu_timers[hv_vcpu_id(v)], deadline);
}

static void ops_set_line_timer(void *ctx, uint64_t deadline)
{
	struct machine *m = ctx;

	timer_set(&m->line_timer, deadline);
}

static int ops_pv_map(struct hv_domain *hd, struct hv_vcpu *v, uint64_t va, uint64_t mfn,
		      uint64_t pages, unsigned prot)
{
	struct domain *d = hv_domain_user(hd);

	return process_pv_map(d->process, v, va, mfn, pages, prot);
}

static void ops_console_write(struct hv_domain *hd, const char *text, size_t n)
{
	struct domain *d = hv_domain_user(hd);

	console_guest(&d->machine->console, d->cfg->name, &d->line, text, n);
}

const struct hv_ops machine_ops = {
	.alloc = ops_alloc,
	.free = ops_free,
	.now = ops_now,
	.relax = ops_relax,
	.kick = process_kick,
	.set_timer = ops_set_timer,
	.set_line_timer = ops_set_line_timer,
	.pv_map = ops_pv_map,
	.set_segment_base = process_set_segment_base,
	.iret = process_iret,
	.console_write = ops_console_write,
	/* No shutdown: the process backend sees that no vCPU is runnable any more, and says so. */
};
