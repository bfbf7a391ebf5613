/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor says of itself, and the console hypercall.
 */
#ifndef HYPERVISOR_VERSION_H
#define HYPERVISOR_VERSION_H

#include "private.h"

/* Of Xen, whose interface it is */
#define VERSION_MAJOR 4u
#define VERSION_MINOR 17u

long do_xen_version(struct hv_vcpu *v, const uint64_t a[6]);
long do_console_io(struct hv_vcpu *v, const uint64_t a[6]);

#endif
