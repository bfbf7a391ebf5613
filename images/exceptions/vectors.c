/* SPDX-License-Identifier: MIT */
/* Exceptions of instructions, software interrupts, masks on entry, and returns by iret. */
#include "exceptions.h"

#define GP		13u
#define PF		14u
#define ERROR_WRITE	2u
#define ERROR_FETCH	16u
#define ERROR_IDT(n)	((n)*8u + 2u)
#define NOWHERE		0x10000ul
#define NOT_CANONICAL	0x8000000000000000ul
#define VECTOR_OPEN	0x81u
#define VECTOR_UNMASKED 0x82u
#define VECTOR_NONE	0x83u
#define RFLAGS_IF	0x200u
#define KERNEL_CS	(FLAT_KERNEL_CS & ~3u) /* as kernels are told by Xen */
#define BAD_SELECTOR	0xd000u /* in the part of the GDT that is the guest's, and not there */

extern const char iret_with_target[];

static void divide(void *arg)
{
	(void)arg;
	__asm__ volatile("xor %%edx, %%edx\n\tmov $1, %%eax\n\tdivl %[zero]"
			 :
			 : [zero] "m"((const uint32_t){ 0 })
			 : "rax", "rdx");
}

static void breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void undefined(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void halt(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %%rax, %%cr8" : : "a"(0ul));
}

static void load(void *arg)
{
	(void)*(volatile uint8_t *)arg;
}

static void store(void *arg)
{
	*(volatile uint8_t *)arg = 1;
}

static void jump(void *arg)
{
	((void (*)(void))arg)();
}

#define SOFT(name, n)                                         \
	static void name(void *arg)                           \
	{                                                     \
		(void)arg;                                    \
		__asm__ volatile(".byte 0xcd, %c0" ::"i"(n)); \
	}
SOFT(soft_80, 0x80u)
SOFT(soft_open, VECTOR_OPEN)
SOFT(soft_unmasked, VECTOR_UNMASKED)
SOFT(soft_none, VECTOR_NONE)
SOFT(soft_breakpoint, 3)

/* ---- exceptions --------------------------------------------------------------------------- */

static void instructions(void)
{
	const struct pv_frame *frame = survived();

	check(raises(divide, NULL, 0, 0), "divide error");
	check(raises(breakpoint, NULL, 3, 0) && *(const uint8_t *)(frame->rip - 1) == 0xcc,
	      "breakpoint, behind the instruction");
	check(raises(soft_breakpoint, NULL, 3, 0) && *(const uint8_t *)(frame->rip - 2) == 0xcd,
	      "breakpoint by int 3");
	check(raises(undefined, NULL, 6, 0) && *(const uint16_t *)frame->rip == 0x0b0f,
	      "invalid opcode, at the instruction");
	check(raises(halt, NULL, GP, 0), "privileged instruction");
	check(raises(load, (void *)NOT_CANONICAL, GP, 0), "load from an address that is none");
	check((frame->cs & 0xffff) == KERNEL_CS && (frame->ss & 0xffff) == FLAT_KERNEL_SS,
	      "selectors of a kernel");
}

static void page_fault(struct pv *pv, void (*f)(void *), void *at, uint64_t error, const char *what)
{
	const volatile struct arch_vcpu_info *arch = &pv->shared_info->vcpu_info[0].arch;

	check(raises(f, at, PF, error) && arch->cr2 == (uint64_t)at, "page fault: %s", what);
}

static void page_faults(struct pv *pv)
{
	page_fault(pv, load, (void *)NOWHERE, 0, "read of nothing");
	page_fault(pv, store, (void *)(NOWHERE + 5), ERROR_WRITE, "write to nothing");
	page_fault(pv, jump, (void *)NOWHERE, ERROR_FETCH, "jump to nothing");
	page_fault(pv, store, (void *)(uint64_t)pv->cpu[0].gdt, ERROR_WRITE | 1,
		   "write to the GDT");
}

/* ---- software interrupts ------------------------------------------------------------------ */

static bool behind_int(uint8_t n)
{
	const uint8_t *at = (const uint8_t *)own.rip;

	return at[-2] == 0xcd && at[-1] == n;
}

static void handlers(uint8_t dpl)
{
	struct trap_info table[4] = {
		{ .vector = 0x80u, .cs = FLAT_KERNEL_CS, .address = pv_arg(own_entry) },
		{ .vector = VECTOR_OPEN, .cs = FLAT_KERNEL_CS, .address = pv_arg(own_entry) },
		{ .vector = VECTOR_UNMASKED, .cs = FLAT_KERNEL_CS, .address = pv_arg(own_entry) },
	};

	for (unsigned i = 0; i < 3; i++)
		TI_SET_DPL(&table[i], dpl);
	TI_SET_IF(&table[1], 1);
	check(!pv_hypercall(__HYPERVISOR_set_trap_table, pv_arg(table), 0, 0, 0, 0),
	      "handlers of software interrupts with DPL %u", dpl);
}

static bool entered(void (*f)(void *), uint8_t n)
{
	uint64_t before = own.count;

	return survives(f, NULL) && own.count == before + 1 && behind_int(n);
}

static bool refused(void (*f)(void *), uint8_t n)
{
	return raises(f, NULL, GP, ERROR_IDT(n)) && *(const uint8_t *)survived()->rip == 0xcd;
}

/* int 0x80 has a gate of its own in Xen, which does not look at the DPL. */
static void int_80(void)
{
	check(refused(soft_80, 0x80), "int 0x80 without a handler");
	handlers(0);
	check(entered(soft_80, 0x80), "int 0x80 with a handler that nobody may raise");
}

static void software_interrupts(struct pv *pv)
{
	int_80();
	if (survives(soft_open, NULL) || survived()->error != ERROR_IDT(VECTOR_OPEN)) {
		pv_printf("exceptions: other vectors: left out: this processor, or emulator, gives "
			  "error code %#lx for %#x\n",
			  survived()->error, VECTOR_OPEN);
		return;
	}
	check(refused(soft_none, VECTOR_NONE), "int without a handler");
	check(refused(soft_open, VECTOR_OPEN), "int that nobody may raise");
	handlers(3);
	guest_local_irq_enable(pv->guest);
	check(entered(soft_open, VECTOR_OPEN) && own.masked,
	      "int with a handler, which masks events");
	check(!*own_mask && !(own.cs >> 32 & 0xff) && (own.rflags & RFLAGS_IF),
	      "they were not masked before");
	check(entered(soft_unmasked, VECTOR_UNMASKED) && !own.masked,
	      "a handler that does not mask them");
	guest_local_irq_disable(pv->guest);
	check(entered(soft_unmasked, VECTOR_UNMASKED) && own.masked && (own.cs >> 32 & 0xff) == 1 &&
		      !(own.rflags & RFLAGS_IF),
	      "they were masked before");
}

/* ---- returns ------------------------------------------------------------------------------ */

static void return_to_bad_code(void *arg)
{
	(void)arg;
	iret_with(BAD_SELECTOR, FLAT_KERNEL_SS, 0x202);
}

static void return_to_bad_stack(void *arg)
{
	(void)arg;
	iret_with(KERNEL_CS, BAD_SELECTOR, 0x202);
}

static void return_by_gdt(void *arg)
{
	(void)arg;
	iret_with(8, 16, 0x202);
}

static void returns(void)
{
	const struct pv_frame *frame = survived();

	iret_with(KERNEL_CS, FLAT_KERNEL_SS, 0x202);
	check(!*own_mask, "iret with IF unmasks events");
	iret_with(KERNEL_CS, FLAT_KERNEL_SS, 0x2);
	check(*own_mask, "iret without IF masks them");
	check(raises(return_to_bad_code, NULL, GP, BAD_SELECTOR), "iret to no code segment");
	check(frame->rip == pv_arg(iret_with_target), "which is at where it would be");
	check(raises(return_to_bad_stack, NULL, GP, BAD_SELECTOR), "iret to no stack segment");
	check(survives(return_by_gdt, NULL), "iret to segments of our GDT");
}

void check_vectors(struct pv *pv)
{
	instructions();
	page_faults(pv);
	software_interrupts(pv);
	returns();
	guest_local_irq_disable(pv->guest);
}
