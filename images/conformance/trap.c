/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that a ring-3 kernel can raise, each with its vector, error code and, for page faults,
 * cr2; and where the kernel's own guard pages are. Xen does not tell its guests' kernels that they
 * are users (bit 2 of a page fault's error code).
 */
#include "conformance.h"

struct trapped trapped;

/* guest/ports/pv-x86_64/entry.S */
extern char pv_boot_guard[];

#define DE 0
#define DB 1
#define BP 3
#define OF 4
#define UD 6
#define NM 7
#define SS 12
#define GP 13
#define PF 14
#define MF 16
#define AC 17
#define XM 19

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_FETCH   16u

#define NOWHERE UINT64_C(0x0000900000000000) /* not canonical */

static bool hook(struct pv *pv, struct pv_frame *frame)
{
	uint64_t resume = trapped.resume;

	(void)pv;
	if (frame->vector == 2 && trapped.nmi) {
		trapped.nmi();
		return true;
	}
	if (!resume)
		return false;
	trapped.frame = *frame;
	trapped.cr2 = conf.pv->shared_info->vcpu_info[guest_this_cpu(conf.g)].arch.cr2;
	trapped.masked = guest_irqs_disabled(conf.g);
	trapped.count++;
	frame->rip = resume;
	if (trapped.also)
		trapped.also(frame);
	return true;
}

void traps_init(void)
{
	conf.pv->trap_hook = hook;
}

bool took(unsigned vector, uint64_t error)
{
	return expect(trapped.count == 1, "%u exceptions, 1 expected", trapped.count) &&
	       expect(trapped.frame.vector == vector && trapped.frame.error == error,
		      "exception %lu, error %#lx; expected %u, %#lx", trapped.frame.vector,
		      trapped.frame.error, vector, error);
}

bool writable(volatile void *p)
{
	TRY("mov (%1), %%al; mov %%al, (%1)", "r"(p));
	return !trapped.count;
}

bool processor_is_real(void)
{
	uint32_t a = 0x40000000, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return !(b == 0x54474354 && c == 0x43544743 && d == 0x47435447); /* "TCGTCGTCGTCG" */
}

bool fpu_can_be_switched_off(void)
{
	long r = pv_hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0);

	(void)pv_hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
	return r != -XEN_ENOSYS;
}

/* ---- of instructions ---------------------------------------------------------------------- */

static void divide_error(void)
{
	TRY("xor %%edx, %%edx; mov $1, %%eax; div %%dl", "r"(0));
	EXPECT(took(DE, 0));
}

static void clear_tf(struct pv_frame *frame)
{
	frame->rflags &= ~UINT64_C(0x100);
}

static void debug_single_step(void)
{
	trapped.also = clear_tf;
	TRY("pushf; orl $0x100, (%%rsp); popf; nop; nop", "r"(0));
	trapped.also = NULL;
	EXPECT(took(DB, 0));
}

static void breakpoint(void)
{
	TRY("int3", "r"(0));
	EXPECT(took(BP, 0));
}

/* rip is behind the instruction for int3, at it for a fault. */
static void breakpoint_is_behind(void)
{
	TRY("lea 1f(%%rip), %%rdx; int3; 1:", "r"(0));
	EXPECT(took(BP, 0));
	EXPECT_EQ(trapped.frame.rip, trapped.frame.rdx);
	TRY("lea 1f(%%rip), %%rdx; 1: ud2", "r"(0));
	EXPECT(took(UD, 0));
	EXPECT_EQ(trapped.frame.rip, trapped.frame.rdx);
}

static void overflow(void)
{
	TRY("int $4", "r"(0));
	EXPECT(took(OF, 0));
}

static void invalid_opcode(void)
{
	TRY("ud2", "r"(0));
	EXPECT(took(UD, 0));
}

static void device_not_available(void)
{
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0), 0);
	TRY("fnop", "r"(0));
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0), 0);
	EXPECT(took(NM, 0));
	TRY("fnop", "r"(0));
	EXPECT_EQ(trapped.count, 0);
}

static void restore_rbp(struct pv_frame *frame)
{
	frame->rbp = frame->rdx;
}

static void stack_fault(void)
{
	trapped.also = restore_rbp;
	TRY("mov %%rbp, %%rdx; mov %1, %%rbp; mov (%%rbp), %%al; mov %%rdx, %%rbp", "r"(NOWHERE));
	trapped.also = NULL;
	EXPECT(took(SS, 0));
}

static void protection_noncanonical(void)
{
	TRY("mov (%1), %%al", "r"(NOWHERE));
	EXPECT(took(GP, 0));
}

static void protection_privileged(void)
{
	TRY("hlt", "r"(0));
	EXPECT(took(GP, 0));
	TRY("lgdt (%%rsp)", "r"(0));
	EXPECT(took(GP, 0));
	TRY("ltr %%ax", "r"(0));
	EXPECT(took(GP, 0));
}

static void protection_software_interrupt(void)
{
	TRY("int $0x30", "r"(0));
	EXPECT(took(GP, 0x30 * 8 + 2));
	/* The gate of a processor's exception is the processor's alone. */
	TRY("int $14", "r"(0));
	EXPECT(took(GP, 14 * 8 + 2));
}

static void x87_error(void)
{
	static const uint16_t unmasked = 0x037b, masked = 0x037f; /* bit 2: division by zero */

	TRY("fninit; fldcw %1; fld1; fldz; fdivrp; fwait", "m"(unmasked));
	__asm__ volatile("fnclex; fninit; fldcw %0" : : "m"(masked));
	EXPECT(took(MF, 0));
}

static void clear_ac(struct pv_frame *frame)
{
	frame->rflags &= ~UINT64_C(0x40000);
}

static void alignment_check(void)
{
	uint64_t words[2] = { 0 };

	trapped.also = clear_ac;
	TRY("pushf; orl $0x40000, (%%rsp); popf; mov 1(%1), %%eax; pushf; andl $~0x40000, (%%rsp); "
	    "popf",
	    "r"(words));
	trapped.also = NULL;
	EXPECT(took(AC, 0));
}

static void simd_error(void)
{
	static const uint32_t unmasked = 0x1d80, masked = 0x1f80; /* bit 9: division by zero */

	TRY("ldmxcsr %1; xorps %%xmm1, %%xmm1; mov $1, %%eax; cvtsi2ss %%eax, %%xmm0; "
	    "divss %%xmm1, %%xmm0",
	    "m"(unmasked));
	__asm__ volatile("ldmxcsr %0" : : "m"(masked));
	EXPECT(took(XM, 0));
}

/* ---- page faults -------------------------------------------------------------------------- */

static uint8_t page[PV_PAGE_BYTES] __attribute__((aligned(4096)));

static uint64_t page_frame(void)
{
	return pv_frame_of(conf.pv, page);
}

static void fault_read(void)
{
	EXPECT_EQ(pv_remap(page, 0), 0);
	TRY("mov 123(%1), %%al", "r"(page));
	EXPECT(took(PF, 0));
	EXPECT_EQ(trapped.cr2, pv_arg(page) + 123);
	EXPECT_EQ(pv_remap(page, pv_pte(page_frame(), true)), 0);
}

static void fault_write(void)
{
	EXPECT_EQ(pv_remap(page, 0), 0);
	TRY("movb $1, 4095(%1)", "r"(page));
	EXPECT(took(PF, PF_WRITE));
	EXPECT_EQ(trapped.cr2, pv_arg(page) + 4095);
	EXPECT_EQ(pv_remap(page, pv_pte(page_frame(), true)), 0);
}

static void fault_read_only(void)
{
	page[7] = 42;
	EXPECT_EQ(pv_remap(page, pv_pte(page_frame(), false)), 0);
	TRY("movb $1, 7(%1)", "r"(page));
	EXPECT(took(PF, PF_WRITE | PF_PRESENT));
	EXPECT_EQ(trapped.cr2, pv_arg(page) + 7);
	EXPECT_EQ(page[7], 42);
	EXPECT_EQ(pv_remap(page, pv_pte(page_frame(), true)), 0);
	EXPECT(writable(&page[7]));
}

static void fault_fetch(void)
{
	page[0] = 0xc3; /* ret, if it were run */
	TRY("jmp *%1", "r"(page));
	EXPECT(took(PF, PF_FETCH | PF_PRESENT));
	EXPECT_EQ(trapped.cr2, pv_arg(page));
	EXPECT_EQ(trapped.frame.rip, pv_arg(page));
}

static void fault_straddles(void)
{
	/* The second page of the access is the one that is told. */
	static uint8_t two[2 * PV_PAGE_BYTES] __attribute__((aligned(4096)));
	uint8_t *second = two + PV_PAGE_BYTES;

	EXPECT_EQ(pv_remap(second, 0), 0);
	TRY("mov -4(%1), %%rax", "r"(second));
	EXPECT(took(PF, 0));
	EXPECT_EQ(trapped.cr2, pv_arg(second));
	EXPECT_EQ(pv_remap(second, pv_pte(pv_frame_of(conf.pv, second), true)), 0);
}

static void boot_guard_faults(void)
{
	TRY("movb $1, (%1)", "r"(pv_boot_guard));
	EXPECT(took(PF, PF_WRITE));
	EXPECT_EQ(trapped.cr2, pv_arg(pv_boot_guard));
}

static void irq_stack_guard_faults(void)
{
	char *guard = (char *)pv_this_cpu()->irq_stack - PV_IRQ_STACK_BYTES - 1;

	TRY("movb $1, (%1)", "r"(guard));
	EXPECT(took(PF, PF_WRITE));
	EXPECT_EQ(trapped.cr2, pv_arg(guard));
}

/* ---- the frame ---------------------------------------------------------------------------- */

static void frame_has_registers(void)
{
	TRY("mov $0x1234567, %%edx; mov %1, %%rax; ud2", "r"(UINT64_C(0xfedcba9876543210)));
	EXPECT(took(UD, 0));
	EXPECT_EQ(trapped.frame.rdx, 0x1234567);
	EXPECT_EQ(trapped.frame.rax, 0xfedcba9876543210);
	EXPECT_EQ(trapped.frame.cs & 0xffff, 0xe030);
	EXPECT_EQ(trapped.frame.ss & 0xffff, 0xe02b);
	EXPECT_EQ(trapped.frame.r11, trapped.frame.rip + 2); /* TRY put the end there */
}

static void change_registers(struct pv_frame *frame)
{
	frame->rdx = 0x1111222233334444;
	frame->rax = 0x5555666677778888;
}

static void changed_registers_return(void)
{
	uint64_t rdx, rax;

	trapped.also = change_registers;
	trapped.count = 0;
	__asm__ volatile("lea 1f(%%rip), %%r11\n\tmov %%r11, %0\n\tud2\n1:\tmovq $0, %0"
			 : "=m"(trapped.resume), "=&d"(rdx), "=&a"(rax)
			 :
			 : "r11", "memory", "cc");
	trapped.also = NULL;
	EXPECT(took(UD, 0));
	EXPECT_EQ(rdx, 0x1111222233334444);
	EXPECT_EQ(rax, 0x5555666677778888);
}

static enum guest_irqreturn faulting(struct guest *g, unsigned irq, void *dev)
{
	struct wire *w = dev;

	(void)g;
	(void)irq;
	TRY("ud2", "r"(0));
	w->count += trapped.count == 1 && trapped.frame.vector == UD;
	return GUEST_IRQ_HANDLED;
}

static void exception_in_a_handler(void)
{
	struct wire w;

	if (!wire_open(&w, faulting, 0))
		return;
	EXPECT_EQ(port_send(w.tx), 0);
	EXPECT_EQ(w.count, 1);
	EXPECT_EQ(pv_this_cpu()->irq_depth, 0);
	wire_close(&w);
}

static const struct check checks[] = {
	{ "divide_error", divide_error, 0 },
	{ "debug_single_step", debug_single_step, 0 },
	{ "breakpoint", breakpoint, 0 },
	{ "breakpoint_is_behind", breakpoint_is_behind, 0 },
	{ "overflow", overflow, 0 },
	{ "invalid_opcode", invalid_opcode, 0 },
	{ "device_not_available", device_not_available, NEEDS_TS },
	{ "stack_fault", stack_fault, NEEDS_REAL },
	{ "protection_noncanonical", protection_noncanonical, 0 },
	{ "protection_privileged", protection_privileged, 0 },
	{ "protection_software_interrupt", protection_software_interrupt, NEEDS_REAL },
	{ "x87_error", x87_error, 0 },
	{ "alignment_check", alignment_check, NEEDS_REAL },
	{ "simd_error", simd_error, NEEDS_REAL },
	{ "fault_read", fault_read, 0 },
	{ "fault_write", fault_write, 0 },
	{ "fault_read_only", fault_read_only, 0 },
	{ "fault_fetch", fault_fetch, 0 },
	{ "fault_straddles", fault_straddles, 0 },
	{ "boot_guard_faults", boot_guard_faults, 0 },
	{ "irq_stack_guard_faults", irq_stack_guard_faults, 0 },
	{ "frame_has_registers", frame_has_registers, 0 },
	{ "changed_registers_return", changed_registers_return, 0 },
	{ "exception_in_a_handler", exception_in_a_handler, 0 },
	{ 0 },
};

const struct area area_trap = { "trap", checks };
