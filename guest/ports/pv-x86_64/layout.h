/* SPDX-License-Identifier: MIT */
/*
 * Numbers that entry.S, the linker script and the C files of this port share. Nothing here is for
 * kernels that use it: that is pv.h.
 */
#ifndef PV_LAYOUT_H
#define PV_LAYOUT_H

/*
 * Where guest frame 0 is mapped, and the kernel linked: above any host's mmap_min_addr, outside the
 * hypervisor's half, and beyond 32 bits so that nothing works by accident. kernel.lds repeats it.
 */
#define PV_VIRT_BASE 0x100000000

/*
 * Where pv_map_frames maps: in the same GiB, so that the builder's level 2 table covers it, and
 * behind what the builder maps, however much memory the domain has.
 */
#define PV_MAP_BASE 0x120000000

#define PV_PAGE_SIZE  4096
#define PV_STACK_SIZE 0x8000

/* Where entry.S finds it in struct pv_cpu; pv.h has the structure, smp.c compares. */
#define PV_CPU_IRQ_DEPTH 20
#define PV_CPU_IRQ_STACK 24

/* In pv_frame.vector, beyond the exceptions' 0 .. 31 */
#define PV_VECTOR_EVENT	   256
#define PV_VECTOR_FAILSAFE 257

#endif
