/* SPDX-License-Identifier: MIT */
/*
 * compat32.h again, in 64-bit code, where it is used and where alignment differs. Against Xen's
 * headers for 32-bit layouts in 64-bit code (xen/foreign); the runstate area, which those lack, is
 * taken from Xen's vcpu.h with i386's alignment. Compiling is the test.
 */
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
/* Before the others, which count on it. */
#include <xen/xen.h>

#include <xen/foreign/x86_32.h>
#pragma pack(push, 4)
#include <xen/vcpu.h>
#pragma pack(pop)

#if defined(CARILLON_XEN_XEN_H) || !defined(__XEN_PUBLIC_XEN_H__)
#error "compat64.c must see the system's Xen headers"
#endif

/* compat32.h takes only vcpu_time_info from our xen.h: Xen's does as well */
#define CARILLON_XEN_XEN_H
#include "../../include/xen/compat32.h"

#define vcpu_runstate_info_x86_32 vcpu_runstate_info

#define SAME(a, b)	   _Static_assert((a) == (b), #a " == " #b);
#define SIZE(type, member) sizeof(((type *)0)->member)

#define CONST(name)
#define CALL(name, args)
#define TYPE(name)
#define STRUCT(name)
#define UNION(name)
#define FIELD(name, member)
#define FLEX(name, member)
#define COMPAT_STRUCT(name) SAME(sizeof(struct compat_##name), sizeof(struct name##_x86_32))
#define COMPAT_FIELD(name, member)                                                           \
	SAME(offsetof(struct compat_##name, member), offsetof(struct name##_x86_32, member)) \
	SAME(SIZE(struct compat_##name, member), SIZE(struct name##_x86_32, member))
#include "list.h"
