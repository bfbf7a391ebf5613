/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: each CPU's GDT, thread-local descriptors in it, its LDT. Kernels of this port
 * run on the flat segments that Xen has in every GDT; these tables are for what is not there. Xen
 * takes their pages only while nobody can write to them, and writes the descriptors itself.
 */
#include "internal.h"

#define CODE64 UINT64_C(0x00affb000000ffff) /* 64-bit code, ring 3, flat */
#define DATA   UINT64_C(0x00cff3000000ffff) /* data, ring 3, flat */

static void pages_free(struct pv *pv, void *p, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += PV_PAGE_SIZE) {
		char *page = (char *)p + at;

		/* What stays read-only is better lost than in the allocator. */
		if (!pv_remap(page, pv_pte(pv_frame_of(pv, page), true)))
			pv_free(pv, page, PV_PAGE_SIZE);
	}
}

static int pages_close(struct pv *pv, void *p, size_t bytes)
{
	int r = 0;

	for (size_t at = 0; at < bytes && !r; at += PV_PAGE_SIZE) {
		char *page = (char *)p + at;

		r = pv_remap(page, pv_pte(pv_frame_of(pv, page), false));
	}
	return r;
}

/* ---- GDT ---------------------------------------------------------------------------------- */

int pv_gdt_make(struct pv *pv, struct pv_cpu *cpu)
{
	uint64_t *gdt = pv_alloc(pv, PV_PAGE_SIZE);
	int r;

	if (!gdt)
		return -XEN_ENOMEM;
	gdt[1] = CODE64;
	gdt[2] = DATA;
	r = pages_close(pv, gdt, PV_PAGE_SIZE);
	if (r) {
		pages_free(pv, gdt, PV_PAGE_SIZE);
		return r;
	}
	cpu->gdt = gdt;
	return 0;
}

void pv_gdt_free(struct pv *pv, struct pv_cpu *cpu)
{
	pages_free(pv, cpu->gdt, PV_PAGE_SIZE);
	cpu->gdt = NULL;
}

int pv_gdt_load(struct pv *pv, struct pv_cpu *cpu)
{
	unsigned long frame;
	long r = pv_gdt_make(pv, cpu);

	if (r)
		return (int)r;
	frame = pv_frame_of(pv, cpu->gdt);
	r = pv_hypercall(__HYPERVISOR_set_gdt, pv_arg(&frame), PV_GDT_ENTRIES, 0, 0, 0);
	if (r)
		pv_gdt_free(pv, cpu);
	return (int)r;
}

int pv_set_tls(struct pv *pv, unsigned cpu, unsigned slot, uint64_t descriptor)
{
	const uint64_t *gdt = cpu < GUEST_MAX_CPUS ? pv->cpu[cpu].gdt : NULL;

	if (!gdt || slot >= PV_TLS_SLOTS)
		return -XEN_EINVAL;
	return (int)pv_hypercall(__HYPERVISOR_update_descriptor,
				 pv_frame_of(pv, gdt) * PV_PAGE_SIZE +
					 (PV_TLS_FIRST + slot) * UINT64_C(8),
				 descriptor, 0, 0, 0);
}

/* ---- LDT ---------------------------------------------------------------------------------- */

static size_t ldt_bytes(unsigned entries)
{
	return (entries * 8ul + PV_PAGE_SIZE - 1) & ~(size_t)(PV_PAGE_SIZE - 1);
}

static int ldt_load(const uint64_t *ldt, unsigned entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	op.arg1.linear_addr = pv_arg(ldt);
	op.arg2.nr_ents = entries;
	return (int)pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0);
}

static void ldt_forget(struct pv *pv, struct pv_cpu *cpu)
{
	if (cpu->ldt)
		pages_free(pv, cpu->ldt, ldt_bytes(cpu->ldt_entries));
	cpu->ldt = NULL;
	cpu->ldt_entries = 0;
}

int pv_set_ldt(struct pv *pv, const uint64_t *descriptors, unsigned entries)
{
	struct pv_cpu *cpu = pv_this_cpu();
	uint64_t *ldt = NULL;
	int r = 0;

	if (entries > PV_LDT_ENTRIES)
		return -XEN_EINVAL;
	if (entries) {
		ldt = pv_alloc(pv, ldt_bytes(entries));
		if (!ldt)
			return -XEN_ENOMEM;
		for (unsigned i = 0; i < entries; i++)
			ldt[i] = descriptors[i];
		r = pages_close(pv, ldt, ldt_bytes(entries));
	}
	if (!r)
		r = ldt_load(ldt, entries);
	if (r) {
		if (ldt)
			pages_free(pv, ldt, ldt_bytes(entries));
		return r;
	}
	ldt_forget(pv, cpu);
	cpu->ldt = ldt;
	cpu->ldt_entries = entries;
	return 0;
}
