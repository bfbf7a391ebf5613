/* SPDX-License-Identifier: MIT */
/*
 * How a domain ended, for people: one line if there is little to say, the registers if it crashed.
 */
#include <stdio.h>
#include <string.h>

#include <xen/sched.h>

#include "machine.h"

static const char *hypercall_name(uint64_t nr)
{
	static const char *const names[] = {
		[__HYPERVISOR_set_trap_table] = "set_trap_table",
		[__HYPERVISOR_mmu_update] = "mmu_update",
		[__HYPERVISOR_set_gdt] = "set_gdt",
		[__HYPERVISOR_stack_switch] = "stack_switch",
		[__HYPERVISOR_set_callbacks] = "set_callbacks",
		[__HYPERVISOR_fpu_taskswitch] = "fpu_taskswitch",
		[__HYPERVISOR_sched_op_compat] = "sched_op_compat",
		[__HYPERVISOR_platform_op] = "platform_op",
		[__HYPERVISOR_set_debugreg] = "set_debugreg",
		[__HYPERVISOR_get_debugreg] = "get_debugreg",
		[__HYPERVISOR_update_descriptor] = "update_descriptor",
		[__HYPERVISOR_memory_op] = "memory_op",
		[__HYPERVISOR_multicall] = "multicall",
		[__HYPERVISOR_update_va_mapping] = "update_va_mapping",
		[__HYPERVISOR_set_timer_op] = "set_timer_op",
		[__HYPERVISOR_event_channel_op_compat] = "event_channel_op_compat",
		[__HYPERVISOR_xen_version] = "xen_version",
		[__HYPERVISOR_console_io] = "console_io",
		[__HYPERVISOR_physdev_op_compat] = "physdev_op_compat",
		[__HYPERVISOR_grant_table_op] = "grant_table_op",
		[__HYPERVISOR_vm_assist] = "vm_assist",
		[__HYPERVISOR_iret] = "iret",
		[__HYPERVISOR_vcpu_op] = "vcpu_op",
		[__HYPERVISOR_set_segment_base] = "set_segment_base",
		[__HYPERVISOR_mmuext_op] = "mmuext_op",
		[__HYPERVISOR_nmi_op] = "nmi_op",
		[__HYPERVISOR_sched_op] = "sched_op",
		[__HYPERVISOR_callback_op] = "callback_op",
		[__HYPERVISOR_event_channel_op] = "event_channel_op",
		[__HYPERVISOR_physdev_op] = "physdev_op",
		[__HYPERVISOR_hvm_op] = "hvm_op",
		[__HYPERVISOR_sysctl] = "sysctl",
		[__HYPERVISOR_domctl] = "domctl",
	};

	if (nr < sizeof(names) / sizeof(names[0]) && names[nr])
		return names[nr];
	return "unknown";
}

static void print_registers(struct console *c, const struct cpu_user_regs *r)
{
	console_say(c, "  rip %016llx rsp %016llx rflags %08llx cs %04x ss %04x",
		    (unsigned long long)r->rip, (unsigned long long)r->rsp,
		    (unsigned long long)r->rflags, r->cs, r->ss);
	console_say(c, "  rax %016llx rbx %016llx rcx %016llx rdx %016llx",
		    (unsigned long long)r->rax, (unsigned long long)r->rbx,
		    (unsigned long long)r->rcx, (unsigned long long)r->rdx);
	console_say(c, "  rsi %016llx rdi %016llx rbp %016llx r8  %016llx",
		    (unsigned long long)r->rsi, (unsigned long long)r->rdi,
		    (unsigned long long)r->rbp, (unsigned long long)r->r8);
	console_say(c, "  r9  %016llx r10 %016llx r11 %016llx r12 %016llx",
		    (unsigned long long)r->r9, (unsigned long long)r->r10,
		    (unsigned long long)r->r11, (unsigned long long)r->r12);
	console_say(c, "  r13 %016llx r14 %016llx r15 %016llx", (unsigned long long)r->r13,
		    (unsigned long long)r->r14, (unsigned long long)r->r15);
}

static void print_last_hypercall(struct console *c, const struct process_report *r)
{
	if (r->last_hypercall == UINT64_MAX)
		console_say(c, "  it had made no hypercall");
	else
		console_say(c, "  last hypercall %s (%llu) at %016llx",
			    hypercall_name(r->last_hypercall),
			    (unsigned long long)r->last_hypercall, (unsigned long long)r->last_rip);
}

static void crash_headline(char *text, size_t n, const struct domain *d)
{
	const struct process_report *r = &d->report;

	switch (r->how) {
	case PROCESS_SHUTDOWN:
		snprintf(text, n, "%s",
			 d->given_up ? "it was given up, see above"
				     : "it shut down with reason crash");
		break;
	case PROCESS_EXCEPTION:
		snprintf(text, n, "%s (vector %u, error code 0x%llx)", r->what, r->vector,
			 (unsigned long long)r->error_code);
		break;
	case PROCESS_DIED:
		if (r->signal)
			snprintf(text, n, "its process was killed by signal %d (%s)", r->signal,
				 strsignal(r->signal));
		else
			snprintf(text, n, "its process exited%s%s", r->what[0] ? ": " : "",
				 r->what);
		break;
	case PROCESS_BROKEN:
		snprintf(text, n, "it broke its sandbox: %s", r->what);
		break;
	}
}

/* Ends that are no crash: poweroff, and what Xen's toolstack would act upon. */
static bool report_shutdown(struct domain *d, unsigned reason)
{
	static const char *const names[] = { "poweroff", "reboot",   "suspend",
					     "crash",	 "watchdog", "soft reset" };
	bool known = reason < sizeof(names) / sizeof(names[0]);

	if (reason == SHUTDOWN_poweroff)
		return true;
	console_say(&d->machine->console,
		    "domain %s: asked for %s (%u), which is not supported: treated as its end; "
		    "use poweroff",
		    d->cfg->name, known ? names[reason] : "an unknown shutdown", reason);
	return false;
}

bool domain_report(struct domain *d)
{
	const struct process_report *r = &d->report;
	struct console *c = &d->machine->console;
	char what[256] = "";

	console_guest_end(c, d->cfg->name, &d->line);
	if (r->how == PROCESS_SHUTDOWN && r->shutdown_reason != SHUTDOWN_crash)
		return report_shutdown(d, r->shutdown_reason);
	crash_headline(what, sizeof(what), d);
	console_say(c, "domain %s crashed: vCPU %u: %s", d->cfg->name, r->vcpu, what);
	if (r->have_regs)
		print_registers(c, &r->regs);
	print_last_hypercall(c, r);
	return false;
}
