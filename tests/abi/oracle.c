/* SPDX-License-Identifier: MIT */
/*
 * The ABI as Xen's own headers (Debian: libxen-dev) have it. Compiled without -I include. As the
 * hypervisor sees it (__XEN__): newest layouts, and the few numbers hidden from guests.
 */
#define __XEN__ 1
#include <stdint.h>
/* Before the others, which count on it. */
#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* These are for tools; the hypervisor's own view of them wants more of its headers. */
#undef __XEN__
#define __XEN_TOOLS__ 1
#include <xen/domctl.h>
#include <xen/sysctl.h>

#if defined(CARILLON_XEN_XEN_H) || !defined(__XEN_PUBLIC_XEN_H__)
#error "oracle.c must see the system's Xen headers and only those"
#endif

#define ABI_TABLE abi_oracle
#include "table.h"
