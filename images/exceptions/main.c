/* SPDX-License-Identifier: MIT */
/*
 * Shows: what a kernel meets at the processor: exceptions with their error codes, software
 * interrupts, masks on entry, returns that cannot be made, NMIs, descriptor tables, CPUID. Each
 * check prints one line, and is the same here and on Xen; where the two may differ, the line says
 * what there was. With several CPUs, the second one takes part (NMIs). Success: shutdown with
 * reason poweroff; a check that is WRONG: a crash. The words `user` (return to a user mode) and
 * `forget=ud`, `80`, `iret`, `nmi` (do that without handlers) end it otherwise.
 */
#include <xen/vcpu.h>

#include "exceptions.h"

static unsigned wrong;

void check(bool ok, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	pv_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pv_printf("exceptions: %s: %s\n", text, ok ? "ok" : "WRONG");
	wrong += !ok;
}

bool raises(void (*f)(void *arg), void *arg, unsigned vector, uint64_t error)
{
	const struct pv_frame *frame = survived();

	if (survives(f, arg)) {
		pv_printf("exceptions: nothing raised\n");
		return false;
	}
	if (frame->vector == vector && frame->error == error)
		return true;
	pv_printf("exceptions: vector %lu, error code %#lx, rip %lx, cs %lx\n", frame->vector,
		  frame->error, frame->rip, frame->cs);
	return false;
}

static void undefined(void)
{
	__asm__ volatile("ud2");
}

/* What becomes of it without handlers; only that of an NMI is to come back. */
static _Noreturn void forget(const char *what)
{
	pv_hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0);
	if (*what == 'n')
		(void)pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0, 0, 0);
	else if (*what == '8')
		__asm__ volatile("int $0x80" : : : "rax");
	else if (*what == 'i')
		iret_with(0xd000, FLAT_KERNEL_SS, 0x2);
	else
		undefined();
	pv_printf("exceptions: forgot\n");
	pv_shutdown(SHUTDOWN_poweroff);
}

void pv_main(struct start_info *si)
{
	const char *what;
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	pv->trap_hook = probe_hook;
	own_mask = &pv->shared_info->vcpu_info[0].evtchn_upcall_mask;
	what = pv_word(pv_cmdline(si), "forget=");
	if (what)
		forget(what);
	if (pv_word(pv_cmdline(si), "user"))
		iret_with(FLAT_KERNEL_CS, FLAT_KERNEL_SS, 0x2);
	check_vectors(pv);
	check_segments(pv);
	check_cpuid(pv);
	check_nmi(pv);
	if (wrong)
		pv_panic("exceptions: %u checks are WRONG", wrong);
	pv_printf("exceptions: OK\n");
	pv_shutdown(SHUTDOWN_poweroff);
}
