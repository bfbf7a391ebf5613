/* SPDX-License-Identifier: MIT */
/*
 * nmi_op: the guest's NMI handler, and the reasons Xen leaves in shared_info.arch.nmi_reason. A
 * callback of type CALLBACKTYPE_nmi (callback.h) is the same thing by a newer call.
 */
#ifndef CARILLON_XEN_NMI_H
#define CARILLON_XEN_NMI_H

#include "xen.h"

/* nmi_reason, by bit number and by mask */
#define _XEN_NMIREASON_io_error 0 /* I/O check */
#define XEN_NMIREASON_io_error	(CARILLON_XEN_CONST(1, UL) << _XEN_NMIREASON_io_error)
#define _XEN_NMIREASON_pci_serr 1 /* PCI system error */
#define XEN_NMIREASON_pci_serr	(CARILLON_XEN_CONST(1, UL) << _XEN_NMIREASON_pci_serr)
#define _XEN_NMIREASON_unknown	2
#define XEN_NMIREASON_unknown	(CARILLON_XEN_CONST(1, UL) << _XEN_NMIREASON_unknown)

/* First argument of nmi_op; the second is the guest address of the structure */
#define XENNMI_register_callback   0 /* xennmi_callback */
#define XENNMI_unregister_callback 1 /* nothing */

#ifndef __ASSEMBLER__
/* For the calling vCPU */
struct xennmi_callback {
	unsigned long handler_address; /* guest virtual */
	unsigned long pad;
};
typedef struct xennmi_callback xennmi_callback_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_NMI_H */
