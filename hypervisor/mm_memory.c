/* SPDX-License-Identifier: MIT */
/*
 * memory_op: what a domain may ask about its memory. How much there is was settled when it was
 * built: to change it is answered as Xen does when there is no more to be had, namely that no
 * extent was done.
 */
#include <xen/memory.h>

#include "guest_access.h"
#include "mm_internal.h"

#define COMMAND_BITS \
	6u /* of the first argument; above them the extent that a restarted call goes on from */
#define E820_RAM 1u

/* As the BIOS gives it. */
struct e820_entry {
	uint64_t address;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

static long reservation_size(struct hv_vcpu *v, uint64_t at)
{
	const struct hv_domain *d = v->domain;
	struct xen_memory_domain who;
	int err;

	if (copy_from_guest(v, &who, at, sizeof(who)))
		return -XEN_EFAULT;
	if (who.domid != d->domid) {
		err = mm_check_domid(d, who.domid);
		if (err)
			return err;
	}
	return (long)d->mm->ram_pages;
}

static long change_reservation(struct hv_vcpu *v, uint64_t start, uint64_t at)
{
	const struct hv_domain *d = v->domain;
	struct xen_memory_reservation r;

	if (copy_from_guest(v, &r, at, sizeof(r)) || start >= r.nr_extents)
		return (long)start;
	if (r.domid != d->domid && mm_check_domid(d, r.domid) == -XEN_EPERM)
		return -XEN_EPERM;
	return (long)start;
}

/* One piece of RAM from 0 on, as the tools give it to a PV domain. */
static long memory_map(struct hv_vcpu *v, uint64_t at)
{
	const struct e820_entry ram = {
		.size = v->domain->mm->ram_pages << PAGE_SHIFT,
		.type = E820_RAM,
	};
	struct xen_memory_map map;

	if (copy_from_guest(v, &map, at, sizeof(map)))
		return -XEN_EFAULT;
	if (map.nr_entries > 1)
		map.nr_entries = 1;
	if (map.nr_entries && copy_to_guest(v, map.buffer, &ram, sizeof(ram)))
		return -XEN_EFAULT;
	return copy_to_guest(v, at, &map, sizeof(map));
}

long do_memory_op(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t start = a[0] >> COMMAND_BITS;

	switch (a[0] % (1u << COMMAND_BITS)) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return change_reservation(v, start, a[1]);
	case XENMEM_maximum_ram_page:
		return start ? -XEN_EINVAL : (long)v->domain->mm->ram_end;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
		return start ? -XEN_EINVAL : reservation_size(v, a[1]);
	case XENMEM_memory_map:
		return start ? -XEN_EINVAL : memory_map(v, a[1]);
	default:
		return -XEN_ENOSYS;
	}
}
