/* SPDX-License-Identifier: MIT */
/*
 * callback_op: where Xen enters a PV guest for events, failed returns, system calls and NMIs. The
 * exceptions' handlers are set_trap_table's (struct trap_info, arch-x86/xen.h).
 */
#ifndef CARILLON_XEN_CALLBACK_H
#define CARILLON_XEN_CALLBACK_H

#include "xen.h"

/* First argument of callback_op; the second is the guest address of the structure */
#define CALLBACKOP_register   0 /* callback_register */
#define CALLBACKOP_unregister 1 /* callback_unregister */

/* Which entry */
#define CALLBACKTYPE_event		 0 /* the upcall */
#define CALLBACKTYPE_failsafe		 1 /* Xen could not load the state to return to */
#define CALLBACKTYPE_syscall		 2 /* syscall from 64-bit user mode */
#define CALLBACKTYPE_sysenter_deprecated 3 /* obsolete, 32-bit hypervisors */
#define CALLBACKTYPE_nmi		 4
#define CALLBACKTYPE_sysenter		 5 /* sysenter from user mode */
#define CALLBACKTYPE_syscall32		 7 /* syscall from 32-bit user mode */

/* callback_register.flags: mask upcalls on entry; events and NMIs always do */
#define _CALLBACKF_mask_events 0
#define CALLBACKF_mask_events  (CARILLON_XEN_CONST(1, U) << _CALLBACKF_mask_events)

#ifndef __ASSEMBLER__
struct callback_register {
	uint16_t type;	/* CALLBACKTYPE_* */
	uint16_t flags; /* CALLBACKF_* */
	xen_callback_t address;
};
typedef struct callback_register callback_register_t;

/* -XEN_EINVAL for a type that cannot be without */
struct callback_unregister {
	uint16_t type; /* CALLBACKTYPE_* */
	uint16_t _unused;
};
typedef struct callback_unregister callback_unregister_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_CALLBACK_H */
