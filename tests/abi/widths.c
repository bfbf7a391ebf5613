/* SPDX-License-Identifier: MIT */
/*
 * One array of layouts, compiled for i386 and for x86-64; widths.sh sees that both are the same
 * bytes. In it: compat32.h, which i386.c has compared with Xen's headers; and of Xen's headers the
 * arguments that the hypervisor half takes from guests of either width as they are.
 */
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
/* Before the others, which count on it. */
#include <xen/xen.h>

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#if defined(CARILLON_XEN_XEN_H) || !defined(__XEN_PUBLIC_XEN_H__)
#error "widths.c must see the system's Xen headers"
#endif

/* compat32.h takes only vcpu_time_info from our xen.h: Xen's does as well */
#define CARILLON_XEN_XEN_H
#include "../../include/xen/compat32.h"

#define WHOLE(type)	   sizeof(type),
#define PART(type, member) offsetof(type, member), sizeof(((type *)0)->member),
/* Their members before the last are 32 bits or less, or begin at 0: nothing else can move. */
#define SAME(name, last) WHOLE(struct name) PART(struct name, last)

#define CONST(name)
#define CALL(name, args)
#define TYPE(name)
#define STRUCT(name)
#define UNION(name)
#define FIELD(name, member)
#define FLEX(name, member)
#define COMPAT_STRUCT(name)	   WHOLE(struct compat_##name)
#define COMPAT_FIELD(name, member) PART(struct compat_##name, member)

__attribute__((section(".widths"))) const unsigned short widths[] = {
#include "list.h"
	/* event_channel_op, by either entry */
	SAME(evtchn_alloc_unbound, port) SAME(evtchn_bind_interdomain, local_port) SAME(
		evtchn_bind_virq, port) SAME(evtchn_bind_pirq, port) SAME(evtchn_bind_ipi, port)
		SAME(evtchn_close, port) SAME(evtchn_send, port) SAME(evtchn_status, u) PART(
			struct evtchn_status, u.interdomain.port) SAME(evtchn_bind_vcpu, vcpu)
			SAME(evtchn_unmask, port) SAME(evtchn_reset, dom) SAME(
				evtchn_init_control, _pad) PART(struct evtchn_init_control, offset)
				SAME(evtchn_expand_array, array_gfn)
					SAME(evtchn_set_priority, priority) SAME(evtchn_op, u)
						SAME(evtchn_fifo_control_block, head)
	/* the others */
	SAME(sched_shutdown, reason) SAME(sched_remote_shutdown, reason) SAME(
		sched_watchdog, timeout) SAME(sched_pin_override, pcpu)
		SAME(vcpu_set_periodic_timer, period_ns) SAME(vcpu_register_vcpu_info, rsvd) SAME(
			vcpu_register_runstate_memory_area, addr) SAME(callback_unregister, _unused)
			SAME(xen_feature_info, submap) SAME(xen_compile_info, compile_date)
				SAME(physdev_eoi, irq) SAME(physdev_irq_status_query, flags)
					SAME(physdev_set_iopl, iopl) SAME(physdev_irq, vector)
						SAME(physdev_unmap_pirq, pirq)
							SAME(physdev_setup_gsi, polarity)
								SAME(physdev_get_free_pirq, pirq)
};
