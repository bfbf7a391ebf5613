/* SPDX-License-Identifier: MIT */
/*
 * What entry.S calls: the upcall, and exceptions, which end the domain with a report unless the
 * kernel's hook deals with them. How frames look and how one returns is in entry.S.
 */
#include "internal.h"

static const char *const vector_names[] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound",
	"invalid opcode",
	"device not available",
	"double fault",
	NULL,
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	NULL,
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
};

/* All mask events, so that a report comes out in one piece. */
static struct trap_info trap_of(unsigned vector)
{
	struct trap_info t = {
		.vector = (uint8_t)vector,
		.cs = FLAT_KERNEL_CS,
		.address = pv_trap_entries[vector],
	};

	/* int3 and into are instructions that ring 3, where we are, may use */
	TI_SET_DPL(&t, vector == 3 || vector == 4 ? 3 : 0);
	TI_SET_IF(&t, 1);
	return t;
}

void pv_trap_context(struct trap_info table[256])
{
	for (unsigned vector = 0; vector < PV_TRAP_ENTRIES; vector++)
		if (pv_trap_entries[vector])
			table[vector] = trap_of(vector);
}

/* Give Xen the handlers, for this CPU. */
int pv_trap_init(void)
{
	struct trap_info table[PV_TRAP_ENTRIES + 1];
	size_t n = 0;

	for (unsigned vector = 0; vector < PV_TRAP_ENTRIES; vector++) {
		if (pv_trap_entries[vector])
			table[n++] = trap_of(vector);
	}
	table[n] = (struct trap_info){ 0 };
	return (int)pv_hypercall(__HYPERVISOR_set_trap_table, pv_arg(table), 0, 0, 0, 0);
}

void pv_event(void)
{
	guest_upcall(pv_this_cpu()->pv->guest);
}

static void report(const struct pv_cpu *cpu, const struct pv_frame *f)
{
	const char *name = NULL;

	if (f->vector < sizeof(vector_names) / sizeof(vector_names[0]))
		name = vector_names[f->vector];
	if (f->vector == PV_VECTOR_FAILSAFE)
		name = "failsafe callback";
	pv_printf("exception %lu (%s) on CPU %u, error code %#lx\n", f->vector,
		  name ? name : "unknown", cpu->id, f->error);
	pv_printf("rip %016lx cs %04lx rflags %08lx rsp %016lx ss %04lx\n", f->rip, f->cs & 0xffff,
		  f->rflags, f->rsp, f->ss & 0xffff);
	pv_printf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	pv_printf("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	pv_printf("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	pv_printf("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	if (f->vector == 14 && cpu->pv->shared_info && cpu->id < XEN_LEGACY_MAX_VCPUS)
		pv_printf(" cr2 %016lx", cpu->pv->shared_info->vcpu_info[cpu->id].arch.cr2);
	pv_printf("\n");
}

void pv_trap(struct pv_frame *frame)
{
	struct pv_cpu *cpu = pv_this_cpu();
	pv_trap_hook hook = cpu->pv->trap_hook;

	if (hook && frame->vector != PV_VECTOR_FAILSAFE && hook(cpu->pv, frame))
		return;
	report(cpu, frame);
	pv_shutdown(SHUTDOWN_crash);
}
