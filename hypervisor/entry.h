/* SPDX-License-Identifier: MIT */
/*
 * Where the guest is entered, and the rest of a PV vCPU's state that a guest sets for itself. It is
 * kept here and used by the embedder.
 */
#ifndef HYPERVISOR_ENTRY_H
#define HYPERVISOR_ENTRY_H

#include "private.h"

int entry_init(const struct hv_domain *d, struct entry *e);
void entry_free(const struct hv *hv, struct entry *e);

/* -XEN_EINVAL if an address in it is not canonical. Then take it over. */
int entry_check(const struct vcpu_guest_context *c);
void entry_from_context(struct entry *e, const struct vcpu_guest_context *c);

/* One of the entry points: CALLBACKTYPE_*, CALLBACKF_*. -XEN_EINVAL: no such address */
long entry_set_callback(struct hv_vcpu *v, unsigned type, unsigned flags, uint64_t address);
long entry_unset_callback(struct hv_vcpu *v, unsigned type);

long do_set_trap_table(struct hv_vcpu *v, const uint64_t a[6]);
long do_set_callbacks(struct hv_vcpu *v, const uint64_t a[6]);
long do_callback_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_nmi_op(struct hv_vcpu *v, const uint64_t a[6]);
long do_stack_switch(struct hv_vcpu *v, const uint64_t a[6]);
long do_set_segment_base(struct hv_vcpu *v, const uint64_t a[6]);
long do_vm_assist(struct hv_vcpu *v, const uint64_t a[6]);
long do_fpu_taskswitch(struct hv_vcpu *v, const uint64_t a[6]);
long do_iret(struct hv_vcpu *v, const uint64_t a[6]);

#endif
