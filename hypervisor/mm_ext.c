/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pinning of page tables, and what else there is to an address space. Which root a vCPU
 * has loaded is counted and changes nothing else, since all say the same (mm_root.c); and there is
 * nothing to flush, since a change is in force when its hypercall returns.
 */
#include "guest_access.h"
#include "mm_internal.h"

static int pin(struct mm *mm, uint64_t mfn, unsigned level)
{
	uint64_t *word = mm_type_word(mm, mfn);
	int err;

	if (level == PT_TOP)
		return mm_pin_root(mm, mfn);
	if (!word)
		return -XEN_EINVAL;
	if (type_of(type_load(word)) == FRAME_FREE) {
		err = mm_make_table(mm, mfn, level);
		if (err)
			return err;
	}
	if (type_of(type_load(word)) != table_type(level) || (type_load(word) & FRAME_PINNED))
		return -XEN_EINVAL;
	type_store(word, type_load(word) | FRAME_PINNED);
	return 0;
}

static int unpin(struct mm *mm, uint64_t mfn)
{
	uint64_t *word = mm_type_word(mm, mfn);
	uint64_t type = word ? type_load(word) : 0;

	if (!is_table(type_of(type)) || !(type & FRAME_PINNED))
		return -XEN_EINVAL;
	if (type_of(type) == table_type(PT_TOP)) {
		mm_unpin_root(mm, mfn);
		return 0;
	}
	type_store(word, type & ~FRAME_PINNED);
	if (!(type & FRAME_LINKED))
		mm_unmake_table(mm, mfn, table_level(type_of(type)));
	return 0;
}

static int set_user_root(uint64_t mfn)
{
	/* None is what there is already. */
	return mfn ? -XEN_ENOSYS : 0;
}

/* Clear a page, or fill it from another one. */
static int fill_page(struct mm *mm, uint64_t mfn, const uint64_t *from_mfn)
{
	const struct range *to = mm_range(mm, mfn);
	const struct range *from = from_mfn ? mm_range(mm, *from_mfn) : NULL;

	if ((from_mfn && !from) || !to || to->read_only || mm_use_frame(mm, mfn, FRAME_WRITABLE))
		return -XEN_EINVAL;
	if (from)
		__builtin_memmove(range_frame(to, mfn), range_frame(from, *from_mfn), HV_PAGE_SIZE);
	else
		__builtin_memset(range_frame(to, mfn), 0, HV_PAGE_SIZE);
	mm_unuse_frame(mm, mfn, FRAME_WRITABLE);
	return 0;
}

/* What changes types or contents of frames: under the lock. */
static int frame_op(struct mm *mm, const struct mmuext_op *op)
{
	const uint64_t source = op->arg2.src_mfn;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return pin(mm, op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
	case MMUEXT_UNPIN_TABLE:
		return unpin(mm, op->arg1.mfn);
	case MMUEXT_CLEAR_PAGE:
		return fill_page(mm, op->arg1.mfn, NULL);
	case MMUEXT_COPY_PAGE:
		return fill_page(mm, op->arg1.mfn, &source);
	default:
		return -XEN_ENOSYS;
	}
}

static int one_op(struct hv_vcpu *v, const struct mmuext_op *op)
{
	struct hv_domain *d = v->domain;
	int err;

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return mm_adopted(d) ? mm_load_root(v, op->arg1.mfn) : -XEN_EINVAL;
	case MMUEXT_NEW_USER_BASEPTR:
		return set_user_root(op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_ALL:
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		return mm_check_vcpumask(v, op->arg2.vcpumask) ? -XEN_EINVAL : 0;
	case MMUEXT_SET_LDT:
		return mm_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
	/* As Xen answers a domain that has no hardware. */
	case MMUEXT_FLUSH_CACHE:
		return -XEN_EACCES;
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return -XEN_EINVAL;
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	default:
		mm_lock(d);
		err = frame_op(d->mm, op);
		mm_unlock_checked(d);
		return err;
	}
}

long do_mmuext_op(struct hv_vcpu *v, const uint64_t a[6])
{
	struct mm_batch batch;
	struct mmuext_op op;
	uint32_t i;
	int err = mm_batch_begin(v, a, sizeof(op), &batch);

	if (!err)
		err = mm_check_domid(v->domain, (domid_t)a[3]);
	if (err)
		return err;
	for (i = 0; i < batch.count; i++) {
		if (mm_batch_should_yield(v, i))
			return mm_batch_again(v, a, &batch, i);
		err = mm_batch_get(v, &batch, i, &op);
		if (!err)
			err = one_op(v, &op);
		if (err)
			break;
	}
	mm_batch_end(v, &batch, i);
	return err;
}
