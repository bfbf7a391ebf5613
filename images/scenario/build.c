/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain that the script has made: frames one after another, mapped here for as
 * long as it lives (a window), and in it page tables, the agent, where arguments are, and pages
 * that scripts name. What control.c asks Xen for around it is not here.
 */
#include "scenario.h"

#include <xen/memory.h>

#define ORDER 7u
#define PAGES (1u << ORDER)
#define VIRT \
	UINT64_C(0x200000000) /* where the domain has its first frame, and the others after it */

enum page { /* in the window */
	ROOT,
	LEVEL3,
	LEVEL2,
	LEVEL1,
	CODE,
	HYPERCALLS,
	MAILBOX,
	STACK,
	GOOD,
	EDGE = GOOD + 2 * GOOD_PAGES,
	NAMED = EDGE + 2 * EDGE_PAGES,
	SHARED_INFO = PAGES, /* not among the domain's frames */
	WINDOW,
};

/* Its own frames are given up: the addresses are what is wanted. */
static uint8_t windows[OTHERS][WINDOW * PV_PAGE_BYTES] __attribute__((aligned(4096)));

static uint8_t *page(const struct domain *d, unsigned n)
{
	return d->window + n * PV_PAGE_BYTES;
}

static long map(const struct domain *d, unsigned n, uint64_t frame, bool writable)
{
	return pv_hypercall(__HYPERVISOR_update_va_mapping_otherdomain, pv_arg(page(d, n)),
			    pv_pte(frame, writable), UVMF_INVLPG | UVMF_ALL, d->id, 0);
}

static long populate(struct domain *d)
{
	xen_pfn_t frame = 0;
	struct xen_memory_reservation r = {
		.extent_start = pv_arg(&frame),
		.nr_extents = 1,
		.extent_order = ORDER,
		.domid = d->id,
	};
	long rc =
		pv_hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, pv_arg(&r), 0, 0, 0);

	d->frame = frame;
	return rc == 1 ? 0 : -XEN_ENOMEM;
}

static void lay_out(struct domain *d)
{
	d->shared = (struct shared_info *)page(d, SHARED_INFO);
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		d->info[i] = &d->shared->vcpu_info[i];
		d->info[i]->evtchn_upcall_mask = 1;
	}
	d->good[0] = page(d, GOOD);
	d->good[1] = page(d, GOOD + GOOD_PAGES);
	d->edge[0] = page(d, EDGE);
	d->edge[1] = page(d, EDGE + EDGE_PAGES);
	d->shift = VIRT - pv_arg(d->window);
	d->caller[0].box = (struct mailbox *)page(d, MAILBOX);
	d->nr_callers = 1;
}

long build_memory(struct machine *m, struct domain *d, uint64_t shared_info_frame)
{
	long rc;

	d->window = windows[d - m->other];
	rc = populate(d);
	for (unsigned n = 0; n < PAGES && !rc; n++)
		rc = map(d, n, d->frame + n, true);
	if (!rc)
		rc = map(d, SHARED_INFO, shared_info_frame, true);
	if (rc)
		return rc;
	memset(d->window, 0, PAGES * PV_PAGE_BYTES);
	lay_out(d);
	return 0;
}

static uint64_t *table(const struct domain *d, enum page n)
{
	return (uint64_t *)page(d, n);
}

/* present, writable, user, accessed, dirty: a table, or code that may only be read */
static uint64_t entry(const struct domain *d, enum page n, bool writable)
{
	return (d->frame + n) << 12 | (writable ? 0x67u : 0x25u);
}

/* Xen takes frames as page tables only when nobody can write to them. */
static void make_tables(struct domain *d)
{
	uint64_t *level1 = table(d, LEVEL1);

	table(d, ROOT)[VIRT >> 39 & 511] = entry(d, LEVEL3, true);
	table(d, LEVEL3)[VIRT >> 30 & 511] = entry(d, LEVEL2, true);
	table(d, LEVEL2)[VIRT >> 21 & 511] = entry(d, LEVEL1, true);
	level1[CODE] = entry(d, CODE, false);
	level1[HYPERCALLS] = entry(d, HYPERCALLS, false);
	for (unsigned n = MAILBOX; n < PAGES; n++) {
		unsigned edge = n >= EDGE && n < NAMED ? (n - EDGE) % EDGE_PAGES : 0;

		if (edge != EDGE_HOLE)
			level1[n] = pv_pte(d->frame + n, edge < EDGE_RO);
	}
	for (unsigned n = ROOT; n <= LEVEL1; n++)
		map(d, n, d->frame + n, false);
}

void build_agent(struct domain *d, struct vcpu_guest_context *c)
{
	make_tables(d);
	memcpy(page(d, CODE), agent_begin, (size_t)(agent_end - agent_begin));
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = VIRT + CODE * PV_PAGE_BYTES;
	c->user_regs.rsp = VIRT + (STACK + 1) * PV_PAGE_BYTES;
	c->user_regs.rdi = VIRT + MAILBOX * PV_PAGE_BYTES;
	c->user_regs.rsi = VIRT + HYPERCALLS * PV_PAGE_BYTES;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(d->frame + ROOT);
}

uint64_t build_hypercall_frame(const struct domain *d)
{
	return d->frame + HYPERCALLS;
}

bool build_page(const struct domain *d, unsigned n, struct named_page *named)
{
	if (NAMED + n >= PAGES)
		return false;
	named->page = page(d, NAMED + n);
	named->frame = d->frame + NAMED + n;
	return true;
}

uint64_t build_table_frame(const struct domain *d)
{
	return d->frame + LEVEL1;
}

/* As long as we map its frames, a dead domain does not go. */
void build_forget(struct domain *d)
{
	for (unsigned n = 0; n < WINDOW; n++)
		pv_remap(page(d, n), 0);
	memset(d, 0, sizeof(*d));
}
