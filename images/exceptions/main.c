/* SPDX-License-Identifier: MIT */
/*
 * Shows: what a kernel meets at the processor: exceptions with their error codes, software
 * interrupts, masks on entry, returns that cannot be made, NMIs, descriptor tables, CPUID. Each
 * check prints one line, and is the same here and on Xen; where the two may differ, the line says
 * what there was. With several CPUs, the second one takes part (NMIs). Success: shutdown with
 * reason poweroff; a check that is WRONG: a crash.
 */
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

void pv_main(struct start_info *si)
{
	struct pv *pv;

	if (pv_init(&pv, si))
		pv_shutdown(SHUTDOWN_crash);
	pv->trap_hook = probe_hook;
	own_mask = &pv->shared_info->vcpu_info[0].evtchn_upcall_mask;
	check_vectors(pv);
	check_segments(pv);
	check_cpuid(pv);
	check_nmi(pv);
	if (wrong)
		pv_panic("exceptions: %u checks are WRONG", wrong);
	pv_printf("exceptions: OK\n");
	pv_shutdown(SHUTDOWN_poweroff);
}
