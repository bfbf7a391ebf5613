/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs: the context that a vCPU starts with, its stacks, its way back after it was down. When
 * CPUs come and go, and what they have of event channels, is the guest half's (guest/smp/).
 *
 * Xen takes a vCPU's context once in its life. So its GDT, which Xen holds, and its stack, on which
 * it went down, are the vCPU's for good; its interrupt stack only while it is up.
 */
#include <xen/vcpu.h>

#include "internal.h"

_Static_assert(offsetof(struct pv_cpu, irq_depth) == PV_CPU_IRQ_DEPTH, "entry.S");
_Static_assert(offsetof(struct pv_cpu, irq_stack) == PV_CPU_IRQ_STACK, "entry.S");

/* ---- stacks ------------------------------------------------------------------------------- */

/* The page below it is not mapped: what overflows faults there, and the domain ends. */
void *pv_stack_alloc(struct pv *pv, size_t size)
{
	char *base = pv_alloc(pv, size + PV_PAGE_SIZE);

	if (!base)
		return NULL;
	if (pv_remap(base, 0)) {
		pv_free(pv, base, size + PV_PAGE_SIZE);
		return NULL;
	}
	return base + PV_PAGE_SIZE + size;
}

void pv_stack_free(struct pv *pv, void *end, size_t size)
{
	char *base = (char *)end - size - PV_PAGE_SIZE;

	if (!end)
		return;
	if (!pv_remap(base, pv_pte(pv_frame_of(pv, base), true)))
		pv_free(pv, base, size + PV_PAGE_SIZE);
	/* else better lost than in the allocator */
}

/* ---- the context -------------------------------------------------------------------------- */

static void context_fill(const struct pv *pv, const struct pv_cpu *cpu,
			 struct vcpu_guest_context *c)
{
	/* Not VGCF_online: then VCPUOP_up would find nothing to do, and not wake it. */
	c->flags = VGCF_in_kernel | VGCF_failsafe_disables_events;
	c->user_regs.rip = pv_arg(pv_secondary_entry);
	c->user_regs.rsp = pv_arg(cpu->stack);
	c->user_regs.rdi = pv_arg(cpu);
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.ds = FLAT_KERNEL_DS;
	c->user_regs.es = FLAT_KERNEL_DS;
	pv_trap_context(c->trap_ctxt);
	c->gdt_frames[0] = pv_frame_of(pv, cpu->gdt);
	c->gdt_ents = PV_GDT_ENTRIES;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = pv_arg(cpu->stack);
	c->ctrlreg[3] = xen_pfn_to_cr3(pv_frame_of(pv, (void *)pv->start_info->pt_base));
	c->event_callback_eip = pv_arg(pv_event_entry);
	c->failsafe_callback_eip = pv_arg(pv_failsafe_entry);
	c->gs_base_kernel = pv_arg(cpu);
}

static long vcpu_op(unsigned op, unsigned cpu, void *arg)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, op, cpu, pv_arg(arg), 0, 0);
}

static int context_give(struct pv *pv, const struct pv_cpu *cpu)
{
	struct vcpu_guest_context *c = pv_alloc(pv, sizeof(*c));
	long r;

	if (!c)
		return -XEN_ENOMEM;
	context_fill(pv, cpu, c);
	r = vcpu_op(VCPUOP_initialise, cpu->id, c);
	pv_free(pv, c, sizeof(*c));
	return (int)r;
}

static int initialise(struct pv *pv, struct pv_cpu *cpu)
{
	int r = -XEN_ENOMEM;

	cpu->stack = pv_stack_alloc(pv, PV_STACK_SIZE);
	if (!cpu->stack)
		return r;
	r = pv_gdt_make(pv, cpu);
	if (r)
		goto free_stack;
	r = context_give(pv, cpu);
	if (r)
		goto free_gdt;
	cpu->initialised = true;
	return 0;

free_gdt:
	pv_gdt_free(pv, cpu);
free_stack:
	pv_stack_free(pv, cpu->stack, PV_STACK_SIZE);
	cpu->stack = NULL;
	return r;
}

/* ---- coming and going --------------------------------------------------------------------- */

static void release(struct guest *g, unsigned nr)
{
	struct pv *pv = guest_ctx(g);
	struct pv_cpu *cpu = &pv->cpu[nr];

	pv_stack_free(pv, cpu->irq_stack, PV_IRQ_STACK_BYTES);
	cpu->irq_stack = NULL;
}

static int start(struct guest *g, unsigned nr)
{
	struct pv *pv = guest_ctx(g);
	struct pv_cpu *cpu = &pv->cpu[nr];
	int r;

	cpu->self = cpu;
	cpu->pv = pv;
	cpu->id = nr;
	cpu->irq_stack = pv_stack_alloc(pv, PV_IRQ_STACK_BYTES);
	if (!cpu->irq_stack)
		return -XEN_ENOMEM;
	r = cpu->initialised ? 0 : initialise(pv, cpu);
	if (!r)
		r = (int)vcpu_op(VCPUOP_up, nr, NULL);
	if (r)
		release(g, nr);
	return r;
}

void pv_secondary(struct pv_cpu *cpu)
{
	struct pv *pv = cpu->pv;

	guest_cpu_started(pv->guest);
	pv->smp.main(pv, cpu->id);
	if (guest_cpu_die(pv->guest))
		pv_panic("CPU %u has nothing to do, and was not asked to go", cpu->id);
	pv_secondary_again(cpu, cpu->stack);
}

int pv_smp_init(struct pv *pv, const struct pv_smp_config *cfg)
{
	const struct guest_smp_config smp = {
		.max_cpus = cfg->max_cpus,
		.start = start,
		.release = release,
		.reschedule = cfg->reschedule,
		.timer = cfg->timer,
		.spin_limit = cfg->spin_limit,
	};

	if (!cfg->main)
		return -XEN_EINVAL;
	pv->smp = *cfg;
	return guest_smp_init(pv->guest, &smp);
}
