/* SPDX-License-Identifier: MIT */
/* GDT, LDT, thread-local descriptors, the kernel's stack. */
#include <xen/callback.h>

#include "exceptions.h"

#define DATA	  UINT64_C(0x00cff3000000ffff) /* flat, ring 3 */
#define DATA_DPL0 UINT64_C(0x00cf93000000ffff)
#define TSS	  UINT64_C(0x0000890000000067)
#define MEGABYTE  UINT64_C(0x00c0f300000000ff) /* limit 0xfffff */

/* The limit of a segment, UINT64_MAX if the processor has no such one. */
static uint64_t limit_of(uint64_t selector)
{
	uint64_t limit = UINT64_MAX;

	__asm__ volatile("lsl %[sel], %[limit]" : [limit] "+r"(limit) : [sel] "r"(selector) : "cc");
	return limit;
}

static const char *loaded(uint64_t selector, uint64_t limit)
{
	return limit_of(selector) == limit ? "loaded" : "kept";
}

static void thread_local_ones(struct pv *pv)
{
	const uint64_t *gdt = pv->cpu[0].gdt;

	int r = pv_set_tls(pv, 0, 1, MEGABYTE);

	check(!r && gdt[PV_TLS_FIRST + 1] == MEGABYTE, "a thread-local descriptor, which is %s",
	      loaded(PV_TLS_SELECTOR(1), 0xfffff));
	check(!pv_set_tls(pv, 0, 1, DATA_DPL0) && gdt[PV_TLS_FIRST + 1] == DATA, "its DPL is ours");
	check(pv_set_tls(pv, 0, 2, TSS) == -XEN_EINVAL && !gdt[PV_TLS_FIRST + 2],
	      "a task state segment is refused");
	check(!pv_set_tls(pv, 0, 1, 0), "none again");
}

static long set_ldt(uint64_t at, unsigned entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	op.arg1.linear_addr = at;
	op.arg2.nr_ents = entries;
	return pv_hypercall(__HYPERVISOR_mmuext_op, pv_arg(&op), 1, 0, DOMID_SELF, 0);
}

static void ldts(struct pv *pv)
{
	uint64_t descriptors[600] = { [1] = DATA, [599] = MEGABYTE };
	uint64_t *page;
	int r;

	r = pv_set_ldt(pv, descriptors, 600);
	check(!r, "an LDT, which is %s", loaded(PV_LDT_SELECTOR(599), 0xfffff));
	page = pv->cpu[0].ldt;
	(void)limit_of(PV_LDT_SELECTOR(1)); /* Xen looks at it when it is used first */
	check(pv_remap(page, pv_pte(pv_frame_of(pv, page), true)) < 0,
	      "its page is not to be written");
	check(!pv_hypercall(__HYPERVISOR_update_descriptor,
			    pv_frame_of(pv, page) * PV_PAGE_BYTES + 16, DATA_DPL0, 0, 0, 0) &&
		      page[2] == DATA,
	      "but by Xen");
	check(set_ldt(pv_arg(page) + 8, 8) == -XEN_EINVAL, "not at a page's beginning");
	check(set_ldt(pv_arg(page), 8193) == -XEN_EINVAL, "more than there can be");
	check(set_ldt(0xffff800000000000, 8) == -XEN_EINVAL, "in Xen's part");
	check(!pv_set_ldt(pv, NULL, 0), "none again");
	check(!pv_remap(page, pv_pte(pv_frame_of(pv, page), true)), "its page is ours again");
}

static void callbacks(void)
{
	struct callback_register reg = { .type = CALLBACKTYPE_failsafe,
					 .address = 0x8000000000000000 };

	check(pv_hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, pv_arg(&reg), 0, 0, 0) ==
		      -XEN_EINVAL,
	      "a failsafe callback at no address");
	check(!pv_hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, pv_arg(&reg), 0, 0, 0),
	      "another kernel stack");
}

void check_segments(struct pv *pv)
{
	thread_local_ones(pv);
	ldts(pv);
	callbacks();
}
