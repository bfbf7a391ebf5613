/* SPDX-License-Identifier: MIT */
/*
 * compat32.h against Xen's headers compiled for i386: this file is compiled with -m32, needs no
 * 32-bit libc (-ffreestanding -fsyntax-only) and is never run. Compiling is the test.
 */
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
/* Before the others, which count on it. */
#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#if defined(CARILLON_XEN_XEN_H) || !defined(__XEN_PUBLIC_XEN_H__)
#error "i386.c must see the system's Xen headers"
#endif
#ifndef __i386__
#error "i386.c is for -m32"
#endif

/* compat32.h includes our xen.h, which is for 64 bits: Xen's takes its place */
#define CARILLON_XEN_XEN_H
#include "../../include/xen/compat32.h"

#define SAME(a, b)	   _Static_assert((a) == (b), #a " == " #b);
#define SIZE(type, member) sizeof(((type *)0)->member)

#define CONST(name)
#define CALL(name, args)
#define TYPE(name)
#define STRUCT(name)
#define UNION(name)
#define FIELD(name, member)
#define FLEX(name, member)
#define COMPAT_STRUCT(name) SAME(sizeof(struct compat_##name), sizeof(struct name))
#define COMPAT_FIELD(name, member)                                                  \
	SAME(offsetof(struct compat_##name, member), offsetof(struct name, member)) \
	SAME(SIZE(struct compat_##name, member), SIZE(struct name, member))
#include "list.h"

SAME(COMPAT_EVTCHN_2L_NR_CHANNELS, EVTCHN_2L_NR_CHANNELS)
SAME(COMPAT_FLAT_KERNEL_CS, FLAT_KERNEL_CS)
SAME(COMPAT_FLAT_KERNEL_DS, FLAT_KERNEL_DS)
SAME(COMPAT_FLAT_KERNEL_SS, FLAT_KERNEL_SS)
SAME(COMPAT_HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_START)
