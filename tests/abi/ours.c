/* SPDX-License-Identifier: MIT */
/* The ABI as include/xen has it. Compiled with -I include. */
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

#include "../../images/scenario/control.h"

#if !defined(CARILLON_XEN_XEN_H) || defined(__XEN_PUBLIC_XEN_H__)
#error "ours.c must see include/xen and only that"
#endif

#define ABI_TABLE abi_ours
#include "table.h"
