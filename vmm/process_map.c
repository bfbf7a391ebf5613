/* SPDX-License-Identifier: MIT */
/*
 * System calls that the shim makes with our leave: a domain's mappings, from (address, frames) to
 * mmap and munmap, and the bases of segments where there are no instructions for it. Which mappings
 * a guest may ask for is the hypervisor's business (mm*.c there).
 */
#define _GNU_SOURCE 1
#include <asm/prctl.h>
#include <asm/unistd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "process_internal.h"

/* ---- plans ----------------------------------------------------------------------------------- */

/* Can `op` be made part of `last`: the same kind, right behind it in memory and in the file? */
static bool follows(const struct shim_op *last, const struct shim_op *op)
{
	if (last->nr != op->nr || last->args[0] + last->args[1] != op->args[0])
		return false;
	if (op->nr == __NR_munmap)
		return true;
	return op->nr == __NR_mmap && last->args[2] == op->args[2] &&
	       last->args[4] == op->args[4] && last->args[5] + last->args[1] == op->args[5];
}

int plan_add(struct plan *plan, const struct shim_op *op)
{
	if (plan->nr > plan->shown && follows(&plan->ops[plan->nr - 1], op)) {
		plan->ops[plan->nr - 1].args[1] += op->args[1];
		return 0;
	}
	if (plan->nr == plan->room) {
		unsigned room = plan->room ? plan->room * 2 : 16;
		struct shim_op *ops = realloc(plan->ops, room * sizeof(*ops));

		if (!ops)
			return -ENOMEM;
		plan->ops = ops;
		plan->room = room;
	}
	plan->ops[plan->nr++] = *op;
	return 0;
}

void plan_clear(struct plan *plan)
{
	/* A batch of thousands was an exception: do not keep its memory. */
	if (plan->room > 1024) {
		free(plan->ops);
		plan->ops = NULL;
		plan->room = 0;
	}
	plan->nr = plan->shown = plan->allowed = 0;
}

unsigned plan_show(struct vcpu *v)
{
	struct plan *plan = &v->plan;
	unsigned n = plan->nr - plan->allowed;

	plan->shown = plan->allowed;
	if (n > SHIM_MAX_OPS)
		n = SHIM_MAX_OPS;
	memcpy(v->control->ops, plan->ops + plan->shown, n * sizeof(*plan->ops));
	v->control->nr_ops = n;
	plan->shown += n;
	return n;
}

/*
 * The registers in `call` are the thread's own and nobody can change them while it waits for us; so
 * what we compare here is what the kernel executes when we let it. All arguments are values.
 */
bool plan_allows(struct vcpu *v, const struct seccomp_data *call)
{
	const struct shim_op *op;

	if (v->plan.allowed == v->plan.shown)
		return false;
	op = &v->plan.ops[v->plan.allowed];
	if ((uint64_t)(uint32_t)call->nr != op->nr ||
	    memcmp(op->args, call->args, sizeof(op->args)) != 0)
		return false;
	v->plan.allowed++;
	return true;
}

/*
 * So many changes may one hypercall of a guest's add up to: as many as a process may have mappings
 * (vm.max_map_count). One entry can stand for thousands, and a batch or multicall can change it to
 * and fro without end, which shall not be our memory's. Unmapping has some more room, to take back
 * what was begun.
 */
#define PLAN_MAX_MAPS (1u << 16)
#define PLAN_MAX      (PLAN_MAX_MAPS + 4096)

/* ---- mappings -------------------------------------------------------------------------------- */

static const struct process_memory *memory_of(const struct process *p, uint64_t mfn,
					      unsigned *index)
{
	unsigned i;

	for (i = 0; i < p->nr_memory; i++) {
		const struct process_memory *m = &p->memory[i];

		if (mfn >= m->mfn && mfn - m->mfn < m->pages) {
			*index = i;
			return m;
		}
	}
	return NULL;
}

static int add_mapping(struct process *p, struct plan *plan, uint64_t va, uint64_t mfn,
		       uint64_t pages, unsigned prot)
{
	struct shim_op op = { .nr = __NR_mmap };
	const struct process_memory *m;
	unsigned index;
	uint64_t n;
	int r;

	for (; pages; pages -= n, mfn += n, va += n * HV_PAGE_SIZE) {
		m = memory_of(p, mfn, &index);
		if (!m || ((prot & HV_PROT_WRITE) && !m->writable))
			return -EINVAL;
		n = m->pages - (mfn - m->mfn);
		if (n > pages)
			n = pages;
		op.args[0] = va;
		op.args[1] = n * HV_PAGE_SIZE;
		op.args[2] = ((prot & HV_PROT_READ) ? PROT_READ : 0) |
			     ((prot & HV_PROT_WRITE) ? PROT_WRITE : 0) |
			     ((prot & HV_PROT_EXEC) ? PROT_EXEC : 0);
		op.args[3] = MAP_SHARED | MAP_FIXED;
		op.args[4] = SHIM_FD_MEMORY + index;
		op.args[5] = m->offset + (mfn - m->mfn) * HV_PAGE_SIZE;
		r = plan_add(plan, &op);
		if (r)
			return r;
	}
	return 0;
}

/*
 * A refused request must leave no trace, so the plan goes back to its length before. (An operation
 * that was merged into its predecessor would still be there: so undo that too.)
 */
int process_pv_map(struct process *p, struct hv_vcpu *hv, uint64_t va, uint64_t mfn, uint64_t pages,
		   unsigned prot)
{
	struct plan *plan = hv ? &((struct vcpu *)hv_vcpu_user(hv))->plan : &p->boot;
	uint64_t end = PROCESS_GUEST_END, last = 0;
	unsigned nr = plan->nr;
	int r;

	if (hv && nr >= (prot ? PLAN_MAX_MAPS : PLAN_MAX))
		return -ENOMEM;
	if (va % HV_PAGE_SIZE || va < process_backend.lowest_va || va >= end ||
	    pages > (end - va) / HV_PAGE_SIZE)
		return -EINVAL;
	if (nr)
		last = plan->ops[nr - 1].args[1];
	if (prot) {
		r = add_mapping(p, plan, va, mfn, pages, prot);
	} else {
		struct shim_op op = { .nr = __NR_munmap, .args = { va, pages * HV_PAGE_SIZE } };

		r = pages ? plan_add(plan, &op) : 0;
	}
	if (r) {
		plan->nr = nr;
		if (nr)
			plan->ops[nr - 1].args[1] = last;
	}
	return r;
}

int plan_alias(struct process *p, struct plan *plan, unsigned vcpu, uint64_t mfn)
{
	return add_mapping(p, plan, SHIM_ALIAS + (uint64_t)vcpu * HV_PAGE_SIZE, mfn, 1,
			   HV_PROT_READ | HV_PROT_WRITE);
}

/* ---- bases ----------------------------------------------------------------------------------- */

static int add_base(struct plan *plan, uint64_t which, uint64_t base)
{
	struct shim_op op = { .nr = __NR_arch_prctl, .args = { which, base } };

	return plan_add(plan, &op);
}

int plan_bases(struct vcpu *v)
{
	int r = 0;

	if (v->work & SHIM_WORK_FS)
		r = add_base(&v->plan, ARCH_SET_FS, v->control->fs_base);
	if (!r && (v->work & SHIM_WORK_GS))
		r = add_base(&v->plan, ARCH_SET_GS, v->control->gs_base);
	v->work &= ~(unsigned)(SHIM_WORK_FS | SHIM_WORK_GS);
	return r;
}

/* ---- the hypercall page ---------------------------------------------------------------------- */

#define STUB	   32u
#define STUB_AFTER 10u /* where `syscall` returns to */

/*
 * Entry n of the hypercall page, as on Xen: what `syscall` destroys is kept for the caller; the
 * last part, which takes an upcall that is due, is in shim/iret.S. iret is jumped to with its frame
 * on the stack, which these pushes complete, and never comes back: it need not enter the monitor at
 * all.
 */
void process_fill_hypercall_page(void *page)
{
	static const uint8_t call[] = {
		0x51, 0x41, 0x53,			     /* push rcx; push r11 */
		0xb8, 0x00, 0x00, 0x00, 0x00,		     /* mov $n, eax */
		0x0f, 0x05,				     /* syscall */
		0x48, 0xb9, 0,	  0,	0,    0, 0, 0, 0, 0, /* movabs $address, rcx */
		0xff, 0xe1,				     /* jmp *rcx */
	};
	static const uint8_t iret[] = {
		0x51, 0x41, 0x53, 0x50,			  /* push rcx; push r11; push rax */
		0x48, 0xb8, 0,	  0,	0, 0, 0, 0, 0, 0, /* movabs $address, rax */
		0xff, 0xe0,				  /* jmp *rax */
	};
	const uint64_t target = SHIM_IRET, after = SHIM_AFTER;
	uint8_t *stub = page;
	uint32_t n;

	for (n = 0; n < HV_PAGE_SIZE / STUB; n++, stub += STUB) {
		memset(stub, 0xcc, STUB);
		if (n == __HYPERVISOR_iret) {
			memcpy(stub, iret, sizeof(iret));
			memcpy(stub + 6, &target, sizeof(target));
		} else {
			memcpy(stub, call, sizeof(call));
			memcpy(stub + 4, &n, sizeof(n));
			memcpy(stub + STUB_AFTER + 2, &after, sizeof(after));
		}
	}
}

bool hypercall_by_page(const struct process *p, uint64_t ip)
{
	return ip - p->hypercall_page < HV_PAGE_SIZE &&
	       (ip - p->hypercall_page) % STUB == STUB_AFTER;
}
