/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that the shim reports, and the words for how a domain ended. Printing the report is
 * the machine's (it knows the domain's name and its peers).
 */
#define _GNU_SOURCE 1
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xen/sched.h>

#include "process_internal.h"

#define VECTOR_PAGE_FAULT 14
#define ERROR_WRITE	  2u
#define ERROR_FETCH	  16u

static const char *const vector_names[] = {
	"division by zero",
	"debug exception",
	"NMI",
	"breakpoint",
	"overflow",
	"bound exceeded",
	"invalid opcode",
	"no coprocessor",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection fault",
	"page fault",
	"vector 15",
	"floating point exception",
	"alignment check",
	"machine check",
	"SIMD exception",
};

static const char *vector_name(unsigned vector)
{
	if (vector < sizeof(vector_names) / sizeof(vector_names[0]))
		return vector_names[vector];
	return "exception";
}

static void describe(const struct shim_fault *f, struct process_report *report)
{
	const char *where = f->in_delivery ? " on the stack an upcall or iret used" : "";
	const char *how = "read";

	if (!f->in_delivery && f->regs.rip >= SHIM_BASE && f->regs.rip < SHIM_END)
		where = " in an iret or inside the monitor's own pages";
	if (f->error_code & ERROR_FETCH)
		how = "execute";
	else if (f->error_code & ERROR_WRITE)
		how = "write";
	if (f->vector == VECTOR_PAGE_FAULT)
		snprintf(report->what, sizeof(report->what), "page fault (%s) at 0x%llx%s", how,
			 (unsigned long long)f->address, where);
	else
		snprintf(report->what, sizeof(report->what), "%s%s", vector_name(f->vector), where);
}

static struct process_report new_report(const struct vcpu *v)
{
	return (struct process_report){
		.vcpu = v->id,
		.last_hypercall = v->last_hypercall,
		.last_rip = v->last_rip,
	};
}

/* The report comes first: the crash makes other vCPUs' threads see a mere shutdown. */
static void over_crash(struct vcpu *v, const struct process_report *report)
{
	process_over(v->process, report);
	hv_domain_crash(v->process->domain);
}

int vcpu_fault(struct vcpu *v)
{
	struct process_report report = new_report(v);
	struct vcpu_info *info;
	struct shim_fault f;
	struct hv_trap trap;

	/* Once: the guest's other vCPUs may be writing it. */
	memcpy(&f, (const void *)&v->scratch->fault, sizeof(f));
	if (!f.in_delivery && (f.regs.rip < SHIM_BASE || f.regs.rip >= SHIM_END) &&
	    f.vector < 256 && !hv_vcpu_trap(v->hv, f.vector, &trap)) {
		info = hv_vcpu_info(v->hv, NULL, NULL);
		if (f.vector == VECTOR_PAGE_FAULT && info)
			info->arch.cr2 = f.address;
		v->control->trap_rip = trap.rip;
		v->control->trap_masks = trap.mask_events;
		return 1;
	}
	report.how = PROCESS_EXCEPTION;
	report.vector = f.vector;
	report.error_code = f.error_code;
	report.fault_address = f.address;
	report.have_regs = true;
	report.regs = f.regs;
	describe(&f, &report);
	over_crash(v, &report);
	return -1;
}

/* Hypercalls that shut a domain down because it asked for that; 0: those that may have to give it
 * up */
static unsigned asks_for_end(uint64_t nr)
{
	switch (nr) {
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
		return 3;
	case __HYPERVISOR_multicall:
		return 2;
	case __HYPERVISOR_vcpu_op:
		return 1;
	default:
		return 0;
	}
}

/*
 * Which vCPU did it? Of those that were in a call when the domain ended, not waiting, the one whose
 * call can have been it. NULL: none was, so it came from outside.
 */
static const struct vcpu *who_ended(const struct process *p)
{
	const struct vcpu *best = NULL;
	unsigned i;

	for (i = 0; i < p->nr_vcpus; i++) {
		const struct vcpu *v = &p->vcpus[i];

		if (v->ended_in_call && v->last_hypercall != UINT64_MAX &&
		    (!best || asks_for_end(v->last_hypercall) > asks_for_end(best->last_hypercall)))
			best = v;
	}
	return best;
}

void process_describe_shutdown(const struct process *p, unsigned reason,
			       struct process_report *report)
{
	const struct vcpu *v = who_ended(p);

	*report = new_report(v ? v : &p->vcpus[0]);
	report->how = PROCESS_SHUTDOWN;
	report->shutdown_reason = reason;
	snprintf(report->what, sizeof(report->what), "shut down (%u)", reason);
	if (v && reason == SHUTDOWN_crash && !asks_for_end(v->last_hypercall)) {
		report->how = PROCESS_BROKEN;
		snprintf(report->what, sizeof(report->what),
			 "what it maps is no longer what its page tables say");
	}
}

void vcpu_over_broken(struct vcpu *v, const char *fmt, ...)
{
	struct process_report report = new_report(v);
	va_list ap;

	report.how = PROCESS_BROKEN;
	va_start(ap, fmt);
	vsnprintf(report.what, sizeof(report.what), fmt, ap);
	va_end(ap);
	over_crash(v, &report);
}
