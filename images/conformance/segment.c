/* SPDX-License-Identifier: MIT */
/*
 * Segments and the processor: thread-local descriptors, LDTs, the kernel's stack, NMIs of our own,
 * CPUID by Xen's prefix. More of them, entry by entry, is in images/exceptions.
 */
#include <xen/arch-x86/cpuid.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "conformance.h"

#define DATA	  UINT64_C(0x00cff3000000ffff) /* flat, ring 3 */
#define DATA_DPL0 UINT64_C(0x00cf93000000ffff)
#define TSS	  UINT64_C(0x0000890000000067)
#define MEGABYTE  UINT64_C(0x00c0f300000000ff) /* limit 0xfffff */

/* The limit of a segment, UINT64_MAX if the processor has no such one. */
static uint64_t limit_of(uint64_t selector)
{
	uint64_t limit = UINT64_MAX;

	__asm__ volatile("lsl %[sel], %[limit]" : [limit] "+r"(limit) : [sel] "r"(selector) : "cc");
	return limit;
}

bool descriptors_are_loaded(void)
{
	uint64_t limit;

	if (pv_set_tls(conf.pv, 0, 0, MEGABYTE))
		return true; /* the checks will tell */
	limit = limit_of(PV_TLS_SELECTOR(0));
	(void)pv_set_tls(conf.pv, 0, 0, 0);
	return limit == 0xfffff;
}

/* ---- descriptors -------------------------------------------------------------------------- */

static void tls_is_written(void)
{
	const volatile uint64_t *gdt = conf.pv->cpu[0].gdt;

	EXPECT_EQ(pv_set_tls(conf.pv, 0, 1, MEGABYTE), 0);
	EXPECT_EQ(gdt[PV_TLS_FIRST + 1], MEGABYTE);
	EXPECT_EQ(pv_set_tls(conf.pv, 0, 1, DATA_DPL0), 0);
	EXPECT_EQ(gdt[PV_TLS_FIRST + 1], DATA); /* Xen makes the ring ours */
	EXPECT_EQ(pv_set_tls(conf.pv, 0, 1, TSS), -XEN_EINVAL);
	EXPECT_EQ(gdt[PV_TLS_FIRST + 1], DATA);
	EXPECT_EQ(pv_set_tls(conf.pv, 0, 1, 0), 0);
	EXPECT_EQ(gdt[PV_TLS_FIRST + 1], 0);
	EXPECT_EQ(pv_set_tls(conf.pv, 0, PV_TLS_SLOTS, 0), -XEN_EINVAL);
	EXPECT_EQ(pv_set_tls(conf.pv, GUEST_MAX_CPUS, 0, 0), -XEN_EINVAL);
}

static void tls_of_each_cpu(void)
{
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		EXPECT_EQ(pv_set_tls(conf.pv, cpu, 2, MEGABYTE - cpu), 0);
	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++) {
		EXPECT_EQ(conf.pv->cpu[cpu].gdt[PV_TLS_FIRST + 2], MEGABYTE - cpu);
		EXPECT_EQ(pv_set_tls(conf.pv, cpu, 2, 0), 0);
	}
}

static void gdt_is_no_memory(void)
{
	const uint64_t *gdt = conf.pv->cpu[0].gdt;

	EXPECT(pv_remap(gdt, pv_pte(pv_frame_of(conf.pv, gdt), true)) < 0);
}

static void tls_is_loaded(void)
{
	EXPECT_EQ(pv_set_tls(conf.pv, 0, 0, MEGABYTE), 0);
	EXPECT_EQ(limit_of(PV_TLS_SELECTOR(0)), 0xfffff);
	TRY("mov %w1, %%fs", "r"(PV_TLS_SELECTOR(0)));
	EXPECT_EQ(trapped.count, 0);
	TRY("mov %w1, %%fs", "r"(0));
	EXPECT_EQ(pv_set_tls(conf.pv, 0, 0, 0), 0);
	TRY("mov %w1, %%fs", "r"(PV_TLS_SELECTOR(0)));
	EXPECT(took(13, PV_TLS_SELECTOR(0) & ~UINT64_C(3)));
}

static uint64_t descriptors[600] = { [1] = DATA, [599] = MEGABYTE };

static void ldt_and_back(void)
{
	uint64_t *page, pte;

	if (!EXPECT_EQ(pv_set_ldt(conf.pv, descriptors, 600), 0))
		return;
	page = conf.pv->cpu[0].ldt;
	pte = pv_pte(pv_frame_of(conf.pv, page), true);
	(void)limit_of(PV_LDT_SELECTOR(1)); /* Xen looks at it when it is used first */
	EXPECT(pv_remap(page, pte) < 0);
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_update_descriptor,
			       pv_frame_of(conf.pv, page) * PV_PAGE_BYTES + 16, DATA_DPL0, 0, 0, 0),
		  0);
	EXPECT_EQ(((volatile uint64_t *)page)[2], DATA);
	EXPECT_EQ(pv_set_ldt(conf.pv, NULL, 0), 0);
	EXPECT_EQ(pv_remap(page, pte), 0); /* its page is memory again */
	EXPECT(writable(page));
}

static void ldt_is_loaded(void)
{
	if (!EXPECT_EQ(pv_set_ldt(conf.pv, descriptors, 600), 0))
		return;
	EXPECT_EQ(limit_of(PV_LDT_SELECTOR(599)), 0xfffff);
	EXPECT_EQ(limit_of(PV_LDT_SELECTOR(1)), 0xffffffff);
	EXPECT_EQ(limit_of(PV_LDT_SELECTOR(598)), UINT64_MAX);
	EXPECT_EQ(pv_set_ldt(conf.pv, NULL, 0), 0);
	EXPECT_EQ(limit_of(PV_LDT_SELECTOR(599)), UINT64_MAX);
}

static long set_ldt(uint64_t at, unsigned entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	op.arg1.linear_addr = at;
	op.arg2.nr_ents = entries;
	return pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0);
}

static void ldt_bad(void)
{
	EXPECT_EQ(set_ldt(pv_arg(descriptors) | 8, 8), -XEN_EINVAL);
	EXPECT_EQ(set_ldt(0xffff800000000000, 8), -XEN_EINVAL);
	EXPECT_EQ(set_ldt(pv_arg(descriptors) & ~UINT64_C(4095), PV_LDT_ENTRIES + 1), -XEN_EINVAL);
	EXPECT_EQ(pv_set_ldt(conf.pv, descriptors, PV_LDT_ENTRIES + 1), -XEN_EINVAL);
}

/* It is for entries from a user mode: those from the kernel stay on the stack that there is. */
static void stack_switch(void)
{
	static uint64_t stack[64];
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);

	EXPECT_EQ(pv_hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, pv_arg(stack + 64), 0, 0,
			       0),
		  0);
	TRY("ud2", "r"(0));
	EXPECT(took(6, 0));
	EXPECT(trapped.frame.rsp <= here && here - trapped.frame.rsp < PV_PAGE_BYTES);
	for (unsigned i = 0; i < 64; i++)
		EXPECT_EQ(((volatile uint64_t *)stack)[i], 0);
}

/* ---- NMIs --------------------------------------------------------------------------------- */

static struct {
	volatile unsigned count, depth, deepest, again, cpu;
	volatile bool unmasked; /* events were not masked in one */
} nmi;

static long send_nmi(unsigned cpu)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, cpu, 0, 0, 0);
}

static void on_nmi(void)
{
	nmi.depth++;
	if (nmi.depth > nmi.deepest)
		nmi.deepest = nmi.depth;
	nmi.unmasked |= !guest_irqs_disabled(conf.g);
	nmi.cpu = guest_this_cpu(conf.g);
	if (nmi.again) {
		nmi.again--;
		(void)send_nmi(nmi.cpu);
		(void)send_nmi(nmi.cpu); /* is the same one */
	}
	nmi.depth--;
	nmi.count++;
}

static void nmi_begin(unsigned again)
{
	memset(&nmi, 0, sizeof(nmi));
	nmi.again = again;
	trapped.nmi = on_nmi;
}

static void nmi_end(void)
{
	trapped.nmi = NULL;
	EXPECT(!nmi.unmasked);
}

static void nmi_whatever_the_mask(void)
{
	nmi_begin(0);
	EXPECT_EQ(send_nmi(0), 0);
	EXPECT_EQ(nmi.count, 1);
	EXPECT(!guest_irqs_disabled(conf.g));
	guest_local_irq_disable(conf.g);
	EXPECT_EQ(send_nmi(0), 0);
	EXPECT_EQ(nmi.count, 2);
	EXPECT(guest_irqs_disabled(conf.g));
	guest_local_irq_enable(conf.g);
	nmi_end();
}

static void nmi_one_at_a_time(void)
{
	nmi_begin(20);
	EXPECT_EQ(send_nmi(0), 0);
	EXPECT_EQ(nmi.count, 21);
	EXPECT_EQ(nmi.deepest, 1);
	nmi_end();
}

static enum guest_irqreturn sends_nmi(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)g;
	(void)irq;
	EXPECT_EQ(send_nmi(0), 0);
	w->count += nmi.count == 1;
	return GUEST_IRQ_HANDLED;
}

static void nmi_in_a_handler(void)
{
	struct wire w;

	nmi_begin(0);
	if (wire_open(&w, sends_nmi, 0)) {
		EXPECT_EQ(port_send(w.tx), 0);
		EXPECT_EQ(w.count, 1);
		EXPECT_EQ(pv_this_cpu()->irq_depth, 0);
		wire_close(&w);
	}
	nmi_end();
}

/* They sleep, or run on the way to it. */
static void nmi_to_other_cpus(void)
{
	for (unsigned cpu = 1; cpu < conf.nr_cpus; cpu++) {
		nmi_begin(0);
		EXPECT_EQ(send_nmi(cpu), 0);
		WAIT_FOR(nmi.count == 1);
		EXPECT_EQ(nmi.cpu, cpu);
		nmi_end();
	}
}

static void nmi_bad(void)
{
	EXPECT_EQ(send_nmi(100000), -XEN_ENOENT);
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 1, 0, 0), -XEN_EINVAL);
}

/* ---- CPUID -------------------------------------------------------------------------------- */

static void cpuid_names_xen(void)
{
	struct pv_cpuid c = pv_cpuid(XEN_CPUID_FIRST_LEAF, 0);

	EXPECT_EQ(c.eax, XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES));
	EXPECT_EQ(c.ebx, XEN_CPUID_SIGNATURE_EBX);
	EXPECT_EQ(c.ecx, XEN_CPUID_SIGNATURE_ECX);
	EXPECT_EQ(c.edx, XEN_CPUID_SIGNATURE_EDX);
	c = pv_cpuid(XEN_CPUID_LEAF(1), 0);
	EXPECT_EQ(c.eax, pv_hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0));
	EXPECT_EQ(c.ebx | c.ecx | c.edx, 0);
}

static void cpuid_of_the_processor(void)
{
	struct pv_cpuid c = pv_cpuid(1, 0);

	EXPECT(c.ecx & 1u << 31);		/* under a hypervisor */
	EXPECT(!(c.ecx & (1u << 5 | 1u << 6))); /* no virtualisation of its own */
	EXPECT_EQ(c.ebx >> 24, 0);
}

static const struct check checks[] = {
	{ "tls_is_written", tls_is_written, 0 },
	{ "tls_of_each_cpu", tls_of_each_cpu, 0 },
	{ "gdt_is_no_memory", gdt_is_no_memory, 0 },
	{ "tls_is_loaded", tls_is_loaded, NEEDS_LOADING },
	{ "ldt_and_back", ldt_and_back, 0 },
	{ "ldt_is_loaded", ldt_is_loaded, NEEDS_LOADING },
	{ "ldt_bad", ldt_bad, 0 },
	{ "stack_switch", stack_switch, 0 },
	{ 0 },
};

const struct area area_segment = { "segment", checks };

static const struct check nmi_checks[] = {
	{ "whatever_the_mask", nmi_whatever_the_mask, 0 },
	{ "one_at_a_time", nmi_one_at_a_time, 0 },
	{ "in_a_handler", nmi_in_a_handler, 0 },
	{ "to_other_cpus", nmi_to_other_cpus, NEEDS_CPUS },
	{ "bad", nmi_bad, 0 },
	{ 0 },
};

const struct area area_nmi = { "nmi", nmi_checks };

static const struct check cpuid_checks[] = {
	{ "names_xen", cpuid_names_xen, 0 },
	{ "of_the_processor", cpuid_of_the_processor, 0 },
	{ 0 },
};

const struct area area_cpuid = { "cpuid", cpuid_checks };
