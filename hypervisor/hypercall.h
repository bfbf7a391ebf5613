/* SPDX-License-Identifier: MIT */
/*
 * For hypercalls that may take long: how one is cut short and goes on. What they do meanwhile is
 * theirs: all of it is in the arguments that they go on with, which may be the guest's to change,
 * or in the domain.
 */
#ifndef HYPERVISOR_HYPERCALL_H
#define HYPERVISOR_HYPERCALL_H

#include "private.h"

/*
 * Has the vCPU something else to do first? Asked after at least one step, so that every call gets
 * on. No locks held, on its own thread.
 */
bool hypercall_should_yield(struct hv_vcpu *v);

/*
 * The present hypercall goes on as one with these arguments and returns now. The result stands for
 * none: pass it on.
 */
long hypercall_again(struct hv_vcpu *v, const uint64_t a[6]);

#endif
