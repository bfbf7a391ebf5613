/* SPDX-License-Identifier: MIT */
/*
 * A domain's memory and its one PV address space, as the rest of hypervisor/ sees them. How frames
 * are typed and tables are walked is in mm_internal.h; the embedder's view (hv_domain_add_memory,
 * hv_pv_adopt) is public.
 */
#ifndef HYPERVISOR_MM_H
#define HYPERVISOR_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Machine addresses are below 2 to the power of this. */
#define MM_ADDRESS_BITS 52u

struct hv_domain;
struct hv_vcpu;

/* Set d->mm up, empty; and free it. d->mm is NULL before and after. [setup] -ENOMEM */
int mm_init(struct hv_domain *d);
void mm_destroy(struct hv_domain *d);

/*
 * Copy by the PV page tables. -EFAULT if a byte is not mapped (for mm_copy_to: not mapped
 * writable); how much was copied is then undefined. Takes no lock: page tables may change
 * meanwhile, and frames live as long as the domain. [any]
 */
int mm_copy_from(const struct hv_domain *d, void *dst, uint64_t va, size_t n);
int mm_copy_to(const struct hv_domain *d, uint64_t va, const void *src, size_t n);

/* Host address of a frame of any kind; NULL if the domain has none of that number. [any] */
void *mm_frame(const struct hv_domain *d, uint64_t mfn);

/* The number of the frame at a page-aligned host address; HV_NEVER if it is none of the domain's.
 * [any] */
uint64_t mm_frame_number(const struct hv_domain *d, const void *host);

/*
 * Pin a RAM frame as data that the hypervisor writes (vcpu_info, control blocks, event array
 * pages): until the put it cannot become a page table or a GDT page. NULL if it is one now, or is
 * not the domain's own writable RAM. Gets nest. [any]
 */
void *mm_get_frame(struct hv_domain *d, uint64_t mfn);
void mm_put_frame(struct hv_domain *d, uint64_t mfn);

/* Does the hypervisor know the domain's page tables? Constant once its vCPUs run. [any] */
bool mm_adopted(const struct hv_domain *d);

/*
 * Load a root on a vCPU, in the place of what it had: MMUEXT_NEW_BASEPTR, and a new vCPU's cr3. As
 * on Xen the frame need not be pinned; then it is checked here, and a root as long as it is loaded.
 * -EINVAL: it is something else, or does not say what the domain's other roots say. A domain that
 * has adopted no page tables may say what it likes. [any]
 */
int mm_load_root(struct hv_vcpu *v, uint64_t mfn);
/* The same, of a vCPU that could not be started: it has none any more. */
void mm_unload_root(struct hv_vcpu *v);

/*
 * A vCPU's GDT: set_gdt, and a new vCPU's context. The frames are typed, and kept so until the next
 * call or the domain's end; nothing is loaded into hardware. -EINVAL [vcpu]
 */
int mm_set_gdt(struct hv_vcpu *v, const uint64_t *frames, unsigned entries);

/*
 * Its LDT, at a guest address: MMUEXT_SET_LDT, and a new vCPU's context. 0 entries: none. Kept as
 * the GDT is. -EINVAL [vcpu]
 */
int mm_set_ldt(struct hv_vcpu *v, uint64_t va, uint64_t entries);

/* Hypercall bodies: arguments as the guest passed them, the answer as it gets it. [vcpu] */
long do_mmu_update(struct hv_vcpu *v, const uint64_t a[6]);
long do_mmuext_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_update_va_mapping(struct hv_vcpu *v, const uint64_t a[6]);
long do_update_va_mapping_otherdomain(struct hv_vcpu *v, const uint64_t a[6]);
long do_memory_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_set_gdt(struct hv_vcpu *v, const uint64_t a[6]);
long do_update_descriptor(struct hv_vcpu *v, const uint64_t a[6]);

#endif
