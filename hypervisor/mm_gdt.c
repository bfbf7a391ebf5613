/* SPDX-License-Identifier: MIT */
/*
 * GDT pages: set_gdt and update_descriptor. They are typed and checked as on Xen, so that a kernel
 * that gets this wrong learns it here; but loaded they are not: guests run on the flat segments
 * that Xen gives everybody.
 */
#include "guest_access.h"
#include "mm_internal.h"

#define DESCRIPTORS	  (HV_PAGE_SIZE / 8)
#define DESC_PRESENT	  (1ull << 47)
#define DESC_CODE_OR_DATA (1ull << 44)
#define DESC_TYPE	  (0xfull << 40)

/* Xen admits call gates besides; there is nobody here who could take one. */
static bool descriptor_ok(uint64_t desc)
{
	return !(desc & DESC_PRESENT) || (desc & DESC_CODE_OR_DATA) || !(desc & DESC_TYPE);
}

static int use_gdt_page(struct mm *mm, uint64_t mfn)
{
	const uint64_t *word = mm_type_word(mm, mfn);
	bool checked = word && type_of(type_load(word)) == FRAME_GDT;
	const uint64_t *descs;

	if (mm_use_frame(mm, mfn, FRAME_GDT))
		return -XEN_EINVAL;
	if (checked)
		return 0;
	/* From here on the guest has no writable mapping of it. */
	descs = range_frame(mm_range(mm, mfn), mfn);
	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		if (!descriptor_ok(pte_load(&descs[i]))) {
			mm_unuse_frame(mm, mfn, FRAME_GDT);
			return -XEN_EINVAL;
		}
	}
	return 0;
}

static void drop_gdt(struct mm *mm, const struct gdt *gdt)
{
	for (unsigned i = 0; i < gdt->frames; i++)
		mm_unuse_frame(mm, gdt->mfn[i], FRAME_GDT);
}

int mm_set_gdt(struct hv_vcpu *v, const uint64_t *frames, unsigned entries)
{
	struct hv_domain *d = v->domain;
	struct gdt *old = &d->mm->gdts[v->id];
	struct gdt new = { 0 };
	unsigned wanted = (entries + DESCRIPTORS - 1) / DESCRIPTORS;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	mm_lock(d);
	for (; new.frames < wanted; new.frames++) {
		new.mfn[new.frames] = frames[new.frames];
		if (use_gdt_page(d->mm, frames[new.frames]))
			break;
	}
	if (new.frames < wanted) {
		drop_gdt(d->mm, &new);
	} else {
		drop_gdt(d->mm, old);
		*old = new;
	}
	/* Not checked: a vCPU's initialisation comes here with the domain's lock. */
	mm_unlock(d);
	return new.frames < wanted ? -XEN_EINVAL : 0;
}

long do_set_gdt(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t frames[FIRST_RESERVED_GDT_PAGE] = { 0 };
	unsigned entries = (unsigned)a[1];

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	if (copy_from_guest(v, frames, a[0],
			    (entries + DESCRIPTORS - 1) / DESCRIPTORS * sizeof(frames[0])))
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
		pte_store((uint64_t *)range_frame(r, mfn) + a[0] % HV_PAGE_SIZE / 8, a[1]);
		err = 0;
	}
	mm_unlock_checked(d);
	return err;
}
