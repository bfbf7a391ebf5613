/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op: bringing vCPUs up and down, their timers, and the areas they share with Xen. The initial
 * context is in arch-x86/xen.h; sleeping and ending the domain are in sched.h.
 */
#ifndef CARILLON_XEN_VCPU_H
#define CARILLON_XEN_VCPU_H

#include "xen.h"

/*
 * First argument of vcpu_op; the second is the vCPU's number, the third the guest address of what
 * is on the right.
 */
#define VCPUOP_initialise		      0 /* vcpu_guest_context; still down then */
#define VCPUOP_up			      1
#define VCPUOP_down			      2 /* of another vCPU: may finish later */
#define VCPUOP_is_up			      3 /* answers 0 or 1 */
#define VCPUOP_get_runstate_info	      4 /* vcpu_runstate_info */
#define VCPUOP_register_runstate_memory_area  5 /* vcpu_register_runstate_memory_area */
#define VCPUOP_set_periodic_timer	      6 /* vcpu_set_periodic_timer */
#define VCPUOP_stop_periodic_timer	      7
#define VCPUOP_set_singleshot_timer	      8 /* vcpu_set_singleshot_timer */
#define VCPUOP_stop_singleshot_timer	      9
#define VCPUOP_register_vcpu_info	      10 /* vcpu_register_vcpu_info */
#define VCPUOP_send_nmi			      11
#define VCPUOP_get_physid		      12 /* vcpu_get_physid */
#define VCPUOP_register_vcpu_time_memory_area 13 /* vcpu_register_time_memory_area */

/* vcpu_runstate_info.state */
#define RUNSTATE_running  0 /* on a physical CPU */
#define RUNSTATE_runnable 1 /* waiting for one */
#define RUNSTATE_blocked  2 /* waiting for an event */
#define RUNSTATE_offline  3 /* neither: down, or paused from outside */

/* In state_entry_time while Xen writes the area, after VMASST_TYPE_runstate_update_flag */
#define XEN_RUNSTATE_UPDATE (CARILLON_XEN_CONST(1, ULL) << 63)

/* vcpu_set_singleshot_timer.flags: do not take a timeout already past. Xen 4.17 ignores it */
#define _VCPU_SSHOTTMR_future 0
#define VCPU_SSHOTTMR_future  (CARILLON_XEN_CONST(1, U) << _VCPU_SSHOTTMR_future)

#ifndef __ASSEMBLER__
/* How a vCPU has spent its time; Xen writes it. Times are ns, system time */
struct vcpu_runstate_info {
	int state;		   /* RUNSTATE_* */
	uint64_t state_entry_time; /* since when, and XEN_RUNSTATE_UPDATE */
	uint64_t time[4];	   /* spent in each state */
};
typedef struct vcpu_runstate_info vcpu_runstate_info_t;

/* Where Xen keeps a vCPU's vcpu_runstate_info up to date: a guest virtual address, by any name */
struct vcpu_register_runstate_memory_area {
	union {
		uint64_t h;
		uint64_t v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_runstate_memory_area vcpu_register_runstate_memory_area_t;

/* VIRQ_TIMER at a fixed rate */
struct vcpu_set_periodic_timer {
	uint64_t period_ns; /* 1 ms at least */
};
typedef struct vcpu_set_periodic_timer vcpu_set_periodic_timer_t;

/* VIRQ_TIMER once */
struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns; /* system time */
	uint32_t flags;		 /* VCPU_SSHOTTMR_* */
};
typedef struct vcpu_set_singleshot_timer vcpu_set_singleshot_timer_t;

/* Move a vCPU's vcpu_info into the guest's own memory; once per vCPU, and within one page */
struct vcpu_register_vcpu_info {
	uint64_t mfn;	 /* machine frame (PV) */
	uint32_t offset; /* bytes into it */
	uint32_t rsvd;
};
typedef struct vcpu_register_vcpu_info vcpu_register_vcpu_info_t;

/* OUT: the physical CPU that a vCPU is pinned to: APIC id in bits 0-31, ACPI id in bits 32-63 */
struct vcpu_get_physid {
	uint64_t phys_id;
};
typedef struct vcpu_get_physid vcpu_get_physid_t;
#define xen_vcpu_physid_to_x86_apicid(physid) ((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid) ((uint32_t)((physid) >> 32))

/* Where Xen keeps a second copy of a vCPU's vcpu_time_info: a guest virtual address, by any name */
struct vcpu_register_time_memory_area {
	union {
		uint64_t h;
		uint64_t v;
		uint64_t p;
	} addr;
};
typedef struct vcpu_register_time_memory_area vcpu_register_time_memory_area_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_VCPU_H */
