/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls about page tables and TLBs, one each: queued in a section, made at once elsewhere.
 * Which CPU has which root loaded is space.c's.
 */
#include "mm.h"

static bool add_ext(struct guest *g, const struct mmuext_op *op, const struct guest_cpumask *mask,
		    guest_batch_done done, void *arg)
{
	struct {
		struct mmuext_op op;
		struct guest_cpumask mask;
	} * a;
	struct multicall_entry *call =
		guest_batch_add(g, mask ? sizeof(*a) : sizeof(a->op), (void **)&a, done, arg);

	if (!call)
		return false;
	a->op = *op;
	if (mask) {
		/* Whole: Xen reads as many bits as the domain has vCPUs, not as we use. */
		a->mask = *mask;
		a->op.arg2.vcpumask = hypercall_arg(&a->mask);
	}
	call->op = __HYPERVISOR_mmuext_op;
	call->args[0] = hypercall_arg(&a->op);
	call->args[1] = 1;
	call->args[3] = DOMID_SELF;
	return true;
}

int mm_ext(struct guest *g, unsigned cmd, uint64_t arg1, const struct guest_cpumask *mask,
	   guest_batch_done done, void *arg)
{
	const struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };
	guest_flags_t flags = guest_batch_begin(g);
	bool added = add_ext(g, &op, mask, done, arg);
	long error = guest_batch_end(g, flags);

	return added ? (int)error : -XEN_EDEADLK;
}

int guest_pin_table(struct guest *g, unsigned level, uint64_t mfn)
{
	if (level < 1 || level > 4)
		return -XEN_EINVAL;
	return mm_ext(g, MMUEXT_PIN_L1_TABLE + level - 1, mfn, NULL, NULL, NULL);
}

int guest_unpin_table(struct guest *g, uint64_t mfn)
{
	return mm_ext(g, MMUEXT_UNPIN_TABLE, mfn, NULL, NULL, NULL);
}

int guest_update_va_mapping(struct guest *g, uint64_t va, uint64_t pte, uint64_t flags)
{
	guest_flags_t events = guest_batch_begin(g);
	struct multicall_entry *call = guest_batch_add(g, 0, NULL, NULL, NULL);
	long error;

	if (call) {
		call->op = __HYPERVISOR_update_va_mapping;
		call->args[0] = va;
		call->args[1] = pte;
		call->args[2] = flags;
	}
	error = guest_batch_end(g, events);
	return call ? (int)error : -XEN_EDEADLK;
}

int guest_flush_tlb_local(struct guest *g)
{
	return mm_ext(g, MMUEXT_TLB_FLUSH_LOCAL, 0, NULL, NULL, NULL);
}

int guest_flush_tlb_page_local(struct guest *g, uint64_t va)
{
	return mm_ext(g, MMUEXT_INVLPG_LOCAL, va, NULL, NULL, NULL);
}

/* Nobody, this CPU alone, or others too. Events are disabled: this CPU stays this one. */
static int flush_mask(struct guest *g, const struct guest_cpumask *mask, unsigned local,
		      unsigned multi, uint64_t va)
{
	guest_flags_t flags = guest_batch_begin(g);
	unsigned me = this_cpu(g)->nr, i;
	bool mine = false, others = false;
	int rc = 0;
	long error;

	for (i = 0; i < GUEST_MAX_CPUS / 64; i++) {
		uint64_t self = i == me / 64 ? UINT64_C(1) << me % 64 : 0;

		mine |= mask->bits[i] & self;
		others |= mask->bits[i] & ~self;
	}
	if (others)
		rc = mm_ext(g, multi, va, mask, NULL, NULL);
	else if (mine)
		rc = mm_ext(g, local, va, NULL, NULL, NULL);
	error = guest_batch_end(g, flags);
	return rc ? rc : (int)error;
}

int guest_flush_tlb(struct guest *g, const struct guest_cpumask *mask)
{
	return flush_mask(g, mask, MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_MULTI, 0);
}

int guest_flush_tlb_page(struct guest *g, const struct guest_cpumask *mask, uint64_t va)
{
	return flush_mask(g, mask, MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_MULTI, va);
}

static struct guest_cpumask holders(const struct guest_space *space)
{
	struct guest_cpumask mask;
	unsigned i;

	for (i = 0; i < GUEST_MAX_CPUS / 64; i++)
		mask.bits[i] = load_sc(&space->cpus[i]);
	return mask;
}

int guest_space_flush(struct guest *g, const struct guest_space *space)
{
	struct guest_cpumask mask = holders(space);

	return guest_flush_tlb(g, &mask);
}

int guest_space_flush_page(struct guest *g, const struct guest_space *space, uint64_t va)
{
	struct guest_cpumask mask = holders(space);

	return guest_flush_tlb_page(g, &mask, va);
}
