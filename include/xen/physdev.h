/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: hardware interrupts, I/O ports and PCI devices of a domain that has been given some.
 * Binding an interrupt to a port is event_channel.h's. IN members are the caller's, OUT Xen's;
 * without a word, IN.
 */
#ifndef CARILLON_XEN_PHYSDEV_H
#define CARILLON_XEN_PHYSDEV_H

#include "xen.h"

/* First argument of physdev_op; the second is the guest address of the structure on the right */
#define PHYSDEVOP_IRQ_UNMASK_NOTIFY  4	/* gone since Xen 3 */
#define PHYSDEVOP_irq_status_query   5	/* physdev_irq_status_query */
#define PHYSDEVOP_set_iopl	     6	/* physdev_set_iopl */
#define PHYSDEVOP_set_iobitmap	     7	/* physdev_set_iobitmap */
#define PHYSDEVOP_apic_read	     8	/* physdev_apic */
#define PHYSDEVOP_apic_write	     9	/* physdev_apic */
#define PHYSDEVOP_alloc_irq_vector   10 /* physdev_irq */
#define PHYSDEVOP_free_irq_vector    11 /* physdev_irq */
#define PHYSDEVOP_eoi		     12 /* physdev_eoi */
#define PHYSDEVOP_map_pirq	     13 /* physdev_map_pirq */
#define PHYSDEVOP_unmap_pirq	     14 /* physdev_unmap_pirq */
#define PHYSDEVOP_manage_pci_add     15 /* physdev_manage_pci */
#define PHYSDEVOP_manage_pci_remove  16 /* physdev_manage_pci */
#define PHYSDEVOP_pirq_eoi_gmfn_v1   17 /* physdev_pirq_eoi_gmfn; then eoi unmasks too */
#define PHYSDEVOP_restore_msi	     19 /* physdev_restore_msi */
#define PHYSDEVOP_manage_pci_add_ext 20 /* physdev_manage_pci_ext */
#define PHYSDEVOP_setup_gsi	     21 /* physdev_setup_gsi */
#define PHYSDEVOP_get_free_pirq	     23 /* physdev_get_free_pirq */
#define PHYSDEVOP_pci_mmcfg_reserved 24 /* physdev_pci_mmcfg_reserved */
#define PHYSDEVOP_pci_device_add     25 /* physdev_pci_device_add */
#define PHYSDEVOP_pci_device_remove  26 /* physdev_pci_device */
#define PHYSDEVOP_restore_msi_ext    27 /* physdev_pci_device */
#define PHYSDEVOP_pirq_eoi_gmfn_v2   28 /* physdev_pirq_eoi_gmfn; eoi stays as it is */
#define PHYSDEVOP_dbgp_op	     29 /* physdev_dbgp_op */
#define PHYSDEVOP_prepare_msix	     30 /* physdev_pci_device */
#define PHYSDEVOP_release_msix	     31 /* physdev_pci_device */
#define PHYSDEVOP_pirq_eoi_gmfn	     PHYSDEVOP_pirq_eoi_gmfn_v2

/* physdev_irq_status_query.flags, by bit number and by mask */
#define _XENIRQSTAT_needs_eoi 0 /* call PHYSDEVOP_eoi after handling */
#define XENIRQSTAT_needs_eoi  (CARILLON_XEN_CONST(1, U) << _XENIRQSTAT_needs_eoi)
#define _XENIRQSTAT_shared    1 /* other domains have it too */
#define XENIRQSTAT_shared     (CARILLON_XEN_CONST(1, U) << _XENIRQSTAT_shared)

/* physdev_map_pirq.type and physdev_get_free_pirq.type */
#define MAP_PIRQ_TYPE_MSI	0x0
#define MAP_PIRQ_TYPE_GSI	0x1
#define MAP_PIRQ_TYPE_UNKNOWN	0x2
#define MAP_PIRQ_TYPE_MSI_SEG	0x3 /* MSI with a PCI segment */
#define MAP_PIRQ_TYPE_MULTI_MSI 0x4 /* several MSI vectors, with a PCI segment */

/* physdev_pci_mmcfg_reserved.flags: the firmware reserves the area */
#define XEN_PCI_MMCFG_RESERVED 0x1

/* physdev_pci_device_add.flags */
#define XEN_PCI_DEV_EXTFN  0x1 /* an extended function (ARI) */
#define XEN_PCI_DEV_VIRTFN 0x2 /* a virtual function of physfn */
#define XEN_PCI_DEV_PXM	   0x4 /* optarr[0] is its proximity domain */

/* physdev_dbgp_op.op and .bus */
#define PHYSDEVOP_DBGP_RESET_PREPARE 1
#define PHYSDEVOP_DBGP_RESET_DONE    2
#define PHYSDEVOP_DBGP_BUS_UNKNOWN   0
#define PHYSDEVOP_DBGP_BUS_PCI	     1

#ifndef __ASSEMBLER__
/* The guest has handled the interrupt: the line may fire again */
struct physdev_eoi {
	uint32_t irq; /* pirq */
};
typedef struct physdev_eoi physdev_eoi_t;

/* A page in which Xen sets a bit per pirq that needs PHYSDEVOP_eoi */
struct physdev_pirq_eoi_gmfn {
	xen_pfn_t gmfn;
};
typedef struct physdev_pirq_eoi_gmfn physdev_pirq_eoi_gmfn_t;

struct physdev_irq_status_query {
	uint32_t irq;	/* IN: pirq */
	uint32_t flags; /* OUT: XENIRQSTAT_* */
};
typedef struct physdev_irq_status_query physdev_irq_status_query_t;

/* The calling vCPU's I/O privilege level */
struct physdev_set_iopl {
	uint32_t iopl; /* 0 to 3 */
};
typedef struct physdev_set_iopl physdev_set_iopl_t;

/* The calling vCPU's I/O permissions: a set bit forbids the port */
struct physdev_set_iobitmap {
	uint64_t bitmap; /* guest address */
	uint32_t nr_ports;
};
typedef struct physdev_set_iobitmap physdev_set_iobitmap_t;

/* An I/O APIC register */
struct physdev_apic {
	unsigned long apic_physbase; /* IN: which APIC: its physical address */
	uint32_t reg;		     /* IN */
	uint32_t value;		     /* IN to write, OUT of read */
};
typedef struct physdev_apic physdev_apic_t;

struct physdev_irq {
	uint32_t irq;	 /* IN */
	uint32_t vector; /* OUT of alloc */
};
typedef struct physdev_irq physdev_irq_t;

/* Give a hardware interrupt a pirq in a domain */
struct physdev_map_pirq {
	domid_t domid;
	int type;  /* MAP_PIRQ_TYPE_* */
	int index; /* GSI number; unused for several vectors */
	int pirq;  /* IN: wanted, negative: any; OUT: given */
	int bus;   /* PCI bus, with its segment in bits 16-31 */
	int devfn;
	int entry_nr;	     /* MSI-X entry, or IN and OUT number of vectors */
	uint64_t table_base; /* MSI-X table's address; 0: plain MSI */
};
typedef struct physdev_map_pirq physdev_map_pirq_t;

struct physdev_unmap_pirq {
	domid_t domid;
	int pirq;
};
typedef struct physdev_unmap_pirq physdev_unmap_pirq_t;

/* A device in segment 0 came or went */
struct physdev_manage_pci {
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_manage_pci physdev_manage_pci_t;

/* Write a device's MSI setting again, after it slept */
struct physdev_restore_msi {
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_restore_msi physdev_restore_msi_t;

struct physdev_manage_pci_ext {
	uint8_t bus;
	uint8_t devfn;
	uint32_t is_extfn;  /* an extended function (ARI) */
	uint32_t is_virtfn; /* a virtual function of physfn */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;
};
typedef struct physdev_manage_pci_ext physdev_manage_pci_ext_t;

/* The one argument of physdev_op_compat */
struct physdev_op {
	uint32_t cmd; /* PHYSDEVOP_* */
	union {
		struct physdev_irq_status_query irq_status_query;
		struct physdev_set_iopl set_iopl;
		struct physdev_set_iobitmap set_iobitmap;
		struct physdev_apic apic_op;
		struct physdev_irq irq_op;
	} u;
};
typedef struct physdev_op physdev_op_t;

/* How a GSI is wired */
struct physdev_setup_gsi {
	int gsi;
	uint8_t triggering; /* 0: edge, 1: level */
	uint8_t polarity;   /* 0: active high, 1: active low */
};
typedef struct physdev_setup_gsi physdev_setup_gsi_t;

struct physdev_get_free_pirq {
	int type;      /* IN: MAP_PIRQ_TYPE_GSI or _MSI */
	uint32_t pirq; /* OUT */
};
typedef struct physdev_get_free_pirq physdev_get_free_pirq_t;

/* A memory-mapped PCI configuration area */
struct physdev_pci_mmcfg_reserved {
	uint64_t address; /* physical */
	uint16_t segment;
	uint8_t start_bus;
	uint8_t end_bus;
	uint32_t flags; /* XEN_PCI_MMCFG_RESERVED */
};
typedef struct physdev_pci_mmcfg_reserved physdev_pci_mmcfg_reserved_t;

struct physdev_pci_device_add {
	uint16_t seg;
	uint8_t bus;
	uint8_t devfn;
	uint32_t flags; /* XEN_PCI_DEV_* */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;
	uint32_t optarr[]; /* one, if XEN_PCI_DEV_PXM */
};
typedef struct physdev_pci_device_add physdev_pci_device_add_t;

struct physdev_pci_device {
	uint16_t seg;
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_pci_device physdev_pci_device_t;

/* The USB debug port is about to be reset, or has been */
struct physdev_dbgp_op {
	uint8_t op;  /* PHYSDEVOP_DBGP_RESET_* */
	uint8_t bus; /* PHYSDEVOP_DBGP_BUS_* */
	union {
		struct physdev_pci_device pci;
	} u;
};
typedef struct physdev_dbgp_op physdev_dbgp_op_t;
#endif /* !__ASSEMBLER__ */

#endif /* CARILLON_XEN_PHYSDEV_H */
