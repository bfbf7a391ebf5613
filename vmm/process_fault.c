/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that the shim reports: which the guest handles, which are instructions that Xen
 * emulates, which end it; and the words for how a domain ended. Printing the report is the
 * machine's (it knows the domain's name and its peers).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xen/sched.h>

#include "process_internal.h"

#define VECTOR_INVALID_OPCODE 6
#define VECTOR_PROTECTION     13
#define VECTOR_PAGE_FAULT     14
#define VECTOR_80	      0x80

/* Error codes: of a page fault, of a selector */
#define ERROR_PRESENT	  1u
#define ERROR_WRITE	  2u
#define ERROR_USER	  4u
#define ERROR_FETCH	  16u
#define ERROR_EXTERNAL	  1u
#define ERROR_IDT	  2u
#define ERROR_INDEX_SHIFT 3

#define INT_BYTES 2

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
		where = " in the monitor's pages (iret, hypercall)";
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

static void over_exception(struct vcpu *v, const struct shim_fault *f)
{
	struct process_report report = new_report(v);

	report.how = PROCESS_EXCEPTION;
	report.vector = f->vector;
	report.error_code = f->error_code;
	report.fault_address = f->address;
	report.have_regs = true;
	report.regs = f->regs;
	describe(f, &report);
	over_crash(v, &report);
}

/* ---- into the guest's handlers --------------------------------------------------------------- */

static bool has_error_code(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

/* Enter the guest's handler: false if it has none. */
static bool bounce(struct vcpu *v, unsigned vector, uint64_t error, int64_t skip)
{
	struct hv_trap handler;

	if (hv_vcpu_trap(v->hv, vector, &handler))
		return false;
	v->control->trap = (struct shim_trap){ .rip = handler.rip,
					       .error = error,
					       .has_error = has_error_code(vector),
					       .masks = handler.mask_events,
					       .skip = skip };
	return true;
}

static bool bounce_fault(struct vcpu *v, const struct shim_fault *f)
{
	struct vcpu_info *info = hv_vcpu_info(v->hv, NULL, NULL);

	if (f->vector == VECTOR_PAGE_FAULT && info)
		info->arch.cr2 = f->address;
	return f->vector < 256 && bounce(v, f->vector, f->error_code, 0);
}

/*
 * An int instruction that the host lets nobody use: for those to whom the guest opened the vector
 * it is an exception, behind the instruction; for others it stays what it is.
 */
static bool bounce_int(struct vcpu *v, const struct shim_fault *f)
{
	unsigned vector = (unsigned)(f->error_code >> ERROR_INDEX_SHIFT);
	struct hv_trap handler;

	if (f->vector != VECTOR_PROTECTION || !(f->error_code & ERROR_IDT) ||
	    (f->error_code & ERROR_EXTERNAL) || hv_vcpu_trap(v->hv, vector, &handler))
		return false;
	/* A PV kernel counts as ring 1; 0x80 has a gate of its own in Xen, which is always open. */
	return (handler.dpl >= 1 || vector == VECTOR_80) && bounce(v, vector, 0, INT_BYTES);
}

/* Bytes of the guest's code. False: some cannot be read, and f is now the page fault for that. */
static bool read_code(const struct vcpu *v, struct shim_fault *f, uint64_t at, uint8_t *to,
		      size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (hv_pv_copy_from(v->process->domain, &to[i], at + i, 1)) {
			f->vector = VECTOR_PAGE_FAULT;
			f->error_code = 0;
			f->address = at + i;
			return false;
		}
	}
	return true;
}

/*
 * Xen's prefix with cpuid behind it: true if it was executed. What of it cannot be read is a page
 * fault, also when that makes no cpuid of it, as on Xen.
 */
static bool emulate_cpuid(struct vcpu *v, struct shim_fault *f)
{
	static const uint8_t prefix[] = { 0x0f, 0x0b, 'x', 'e', 'n' }, cpuid[] = { 0x0f, 0xa2 };
	uint8_t code[sizeof(prefix)];
	struct cpu_user_regs *regs = &v->control->start;
	struct hv_cpuid answer;

	if (f->vector != VECTOR_INVALID_OPCODE ||
	    !read_code(v, f, f->regs.rip, code, sizeof(prefix)) ||
	    memcmp(code, prefix, sizeof(prefix)) != 0 ||
	    !read_code(v, f, f->regs.rip + sizeof(prefix), code, sizeof(cpuid)) ||
	    memcmp(code, cpuid, sizeof(cpuid)) != 0)
		return false;
	cpuid_answer(&v->process->cpuid, v->hv, (uint32_t)f->regs.rax, (uint32_t)f->regs.rcx,
		     &answer);
	regs->rax = answer.eax;
	regs->rbx = answer.ebx;
	regs->rcx = answer.ecx;
	regs->rdx = answer.edx;
	regs->rip = f->regs.rip + sizeof(prefix) + sizeof(cpuid);
	return true;
}

/*
 * As Xen tells kernels: they are not users, though the processor takes them for such. And whether
 * there is a page is what the guest's tables say: the host may not have made its own entry yet.
 */
static uint64_t page_fault_error(const struct vcpu *v, const struct shim_fault *f)
{
	uint64_t error = f->error_code & ~(uint64_t)(ERROR_USER | ERROR_PRESENT);
	uint8_t byte;

	return hv_pv_copy_from(v->process->domain, &byte, f->address, 1) ? error
									 : error | ERROR_PRESENT;
}

int vcpu_fault(struct vcpu *v)
{
	struct shim_fault f;

	/* Once: the guest's other vCPUs may be writing it. */
	memcpy(&f, (const void *)&v->scratch->fault, sizeof(f));
	if (f.vector == VECTOR_PAGE_FAULT)
		f.error_code = page_fault_error(v, &f);
	if (!f.in_delivery && (f.regs.rip < SHIM_BASE || f.regs.rip >= SHIM_END)) {
		if (emulate_cpuid(v, &f))
			return 2;
		if (bounce_int(v, &f) || bounce_fault(v, &f))
			return 1;
	}
	over_exception(v, &f);
	return -1;
}

int vcpu_check_return(struct vcpu *v)
{
	struct hv_exception bad;
	struct shim_fault f;
	int r;

	memcpy(&f, (const void *)&v->scratch->fault, sizeof(f));
	r = hv_vcpu_check_return(v->hv, f.regs.cs, f.regs.ss, &bad);
	if (!r)
		return 0;
	if (r == -EPERM) {
		vcpu_over_broken(v, "it returns to a user mode (cs 0x%x), which it cannot have",
				 f.regs.cs);
		return -1;
	}
	f.vector = bad.vector;
	f.error_code = bad.error;
	f.in_delivery = 0;
	if (bounce_fault(v, &f))
		return 1;
	over_exception(v, &f);
	return -1;
}

int vcpu_int80(struct vcpu *v, uint64_t ip, uint64_t nr, int64_t *value)
{
	static const uint8_t instruction[INT_BYTES] = { 0xcd, VECTOR_80 };
	struct shim_fault f = { .vector = VECTOR_PROTECTION,
				.error_code = VECTOR_80 << ERROR_INDEX_SHIFT | ERROR_IDT };
	uint8_t code[INT_BYTES];

	/* From 32-bit code there are other ways to come here. */
	if (hv_pv_copy_from(v->process->domain, code, ip - INT_BYTES, INT_BYTES) ||
	    memcmp(code, instruction, INT_BYTES) != 0)
		return 0;
	*value = (int64_t)nr;
	if (bounce(v, VECTOR_80, 0, 0) || bounce(v, f.vector, f.error_code, -INT_BYTES)) {
		v->work |= SHIM_WORK_TRAP;
		return 0;
	}
	vcpu_over_broken(v, "int 0x80, and it has no handler of that, nor of vector 13");
	return -1;
}

/* ---- how it ended ---------------------------------------------------------------------------- */

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
