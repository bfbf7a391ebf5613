/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: set_gdt, LDTs, update_descriptor, and which selectors a return may name. Pages
 * are typed and checked as on Xen, so that a kernel that gets this wrong learns it here; but loaded
 * they are not: guests run on the flat segments that Xen gives everybody.
 */
#include "guest_access.h"
#include "mm_internal.h"

#define DESCRIPTORS	  (HV_PAGE_SIZE / 8)
#define LDT_MAX_ENTRIES	  8192u
#define DESC_PRESENT	  (1ull << 47)
#define DESC_DPL	  (3ull << 45)
#define DESC_CODE_OR_DATA (1ull << 44)
#define DESC_TYPE	  (0xfull << 40)
#define DESC_CODE	  (8ull << 40)
#define DESC_WRITABLE	  (2ull << 40) /* of data */
#define DESC_LONG	  (1ull << 53)

#define SELECTOR_RPL 3u
#define SELECTOR_LDT 4u

#define VECTOR_NOT_PRESENT 11u
#define VECTOR_STACK	   12u
#define VECTOR_PROTECTION  13u

/* Xen admits call gates besides; there is nobody here who could take one. */
static bool descriptor_ok(uint64_t desc)
{
	return !(desc & DESC_PRESENT) || (desc & DESC_CODE_OR_DATA) || !(desc & DESC_TYPE);
}

/* Privileged segments become the guest's. */
static uint64_t for_guest(uint64_t desc)
{
	return desc & DESC_PRESENT ? desc | DESC_DPL : desc;
}

/* One more use of a frame as a part of a GDT or LDT. */
static int use_page(struct mm *mm, uint64_t mfn)
{
	const uint64_t *word = mm_type_word(mm, mfn);
	bool checked = word && type_of(type_load(word)) == FRAME_GDT;
	uint64_t *descs;

	if (mm_use_frame(mm, mfn, FRAME_GDT))
		return -XEN_EINVAL;
	if (checked)
		return 0;
	/* From here on the guest has no writable mapping of it. */
	descs = range_frame(mm_range(mm, mfn), mfn);
	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		uint64_t desc = pte_load(&descs[i]);

		if (!descriptor_ok(desc)) {
			mm_unuse_frame(mm, mfn, FRAME_GDT);
			return -XEN_EINVAL;
		}
		if (desc != for_guest(desc))
			pte_store(&descs[i], for_guest(desc));
	}
	return 0;
}

static void drop(struct mm *mm, const struct gdt *table)
{
	for (unsigned i = 0; i < table->frames; i++)
		mm_unuse_frame(mm, table->mfn[i], FRAME_GDT);
}

static unsigned pages_of(unsigned entries)
{
	return (entries + DESCRIPTORS - 1) / DESCRIPTORS;
}

/* Take the new one's frames, and let the old one's go. Under the lock. */
static int replace(struct mm *mm, struct gdt *old, struct gdt *new)
{
	for (new->frames = 0; new->frames < pages_of(new->entries); new->frames++) {
		if (use_page(mm, new->mfn[new->frames])) {
			drop(mm, new);
			return -XEN_EINVAL;
		}
	}
	drop(mm, old);
	*old = *new;
	return 0;
}

int mm_set_gdt(struct hv_vcpu *v, const uint64_t *frames, unsigned entries)
{
	struct hv_domain *d = v->domain;
	struct gdt new = { .entries = entries };
	int rc;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	for (unsigned i = 0; i < pages_of(entries); i++)
		new.mfn[i] = frames[i];
	mm_lock(d);
	rc = replace(d->mm, &d->mm->vcpus[v->id].gdt, &new);
	/* Not checked: a vCPU's initialisation comes here with the domain's lock. */
	mm_unlock(d);
	return rc;
}

/*
 * Xen looks at the pages when a segment of one is loaded first, and types them then. Here none is
 * ever loaded, so they are looked at now.
 */
int mm_set_ldt(struct hv_vcpu *v, uint64_t va, uint64_t entries)
{
	struct hv_domain *d = v->domain;
	struct gdt new = { .entries = (unsigned)entries };
	int rc;

	if (entries > LDT_MAX_ENTRIES ||
	    (entries && (va % HV_PAGE_SIZE || !va_ok(va) || !va_ok(va + entries * 8 - 1))))
		return -XEN_EINVAL;
	mm_lock(d);
	for (unsigned i = 0; i < pages_of(new.entries); i++)
		new.mfn[i] = mm_frame_at(d, va + i * (uint64_t)HV_PAGE_SIZE);
	rc = replace(d->mm, &d->mm->vcpus[v->id].ldt, &new);
	mm_unlock(d);
	return rc;
}

/* ---- returns ---- */

/* What a selector names. 0, which is not present, if that is nothing. */
static uint64_t find_descriptor(const struct hv_vcpu *v, uint16_t selector)
{
	const struct mm *mm = v->domain->mm;
	const struct mm_vcpu *held = &mm->vcpus[v->id];
	const struct gdt *table = selector & SELECTOR_LDT ? &held->ldt : &held->gdt;
	unsigned i = selector / 8;
	const struct range *r;

	if (i >= table->entries)
		return 0;
	i = (unsigned)index_nospec(i, table->entries);
	r = mm_range(mm, table->mfn[i / DESCRIPTORS]);
	if (!r)
		return 0;
	return pte_load((uint64_t *)range_frame(r, table->mfn[i / DESCRIPTORS]) + i % DESCRIPTORS);
}

static int refuse(struct hv_exception *out, unsigned vector, uint16_t selector)
{
	out->vector = vector;
	out->error = selector & ~SELECTOR_RPL;
	return -XEN_EINVAL;
}

/*
 * 32-bit code is refused, also Xen's own selector for it: it would be the embedder's segments that
 * it ran on.
 */
int hv_vcpu_check_return(const struct hv_vcpu *v, uint16_t cs, uint16_t ss,
			 struct hv_exception *out)
{
	const uint64_t code = DESC_CODE_OR_DATA | DESC_CODE | DESC_LONG | DESC_DPL;
	const uint64_t stack = DESC_CODE_OR_DATA | DESC_WRITABLE | DESC_DPL;
	uint64_t desc;

	if ((cs & SELECTOR_RPL) == SELECTOR_RPL)
		return -XEN_EPERM;
	if ((cs | SELECTOR_RPL) != FLAT_KERNEL_CS64) {
		desc = find_descriptor(v, cs);
		if ((desc & code) != code)
			return refuse(out, VECTOR_PROTECTION, cs);
		if (!(desc & DESC_PRESENT))
			return refuse(out, VECTOR_NOT_PRESENT, cs);
	}
	if ((ss | SELECTOR_RPL) != FLAT_KERNEL_SS64) {
		desc = find_descriptor(v, ss);
		if ((desc & (stack | DESC_CODE)) != stack)
			return refuse(out, VECTOR_PROTECTION, ss);
		if (!(desc & DESC_PRESENT))
			return refuse(out, VECTOR_STACK, ss);
	}
	return 0;
}

/* ---- hypercalls ---- */

long do_set_gdt(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t frames[FIRST_RESERVED_GDT_PAGE] = { 0 };
	unsigned entries = (unsigned)a[1];

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	if (copy_from_guest(v, frames, a[0], pages_of(entries) * sizeof(frames[0])))
		return -XEN_EFAULT;
	return mm_set_gdt(v, frames, entries);
}

long do_update_descriptor(struct hv_vcpu *v, const uint64_t a[6])
{
	struct hv_domain *d = v->domain;
	uint64_t mfn = a[0] >> PAGE_SHIFT;
	const struct range *r = mm_range(d->mm, mfn);
	enum frame_type type;
	int err = -XEN_EINVAL;

	if (a[0] % sizeof(uint64_t) || !descriptor_ok(a[1]) || !r || !r->types || r->read_only)
		return err;
	mm_lock(d);
	type = type_of(type_load(range_type(r, mfn)));
	/* On any other page it is a store that the guest could have made itself, unless that is a
	 * table. */
	if (!is_table(type)) {
		pte_store((uint64_t *)range_frame(r, mfn) + a[0] % HV_PAGE_SIZE / 8,
			  for_guest(a[1]));
		err = 0;
	}
	mm_unlock_checked(d);
	return err;
}
