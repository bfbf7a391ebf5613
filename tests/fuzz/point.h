/* SPDX-License-Identifier: MIT */
/*
 * Put before every file of the hypervisor half that fuzz-hypercalls links: at each of its atomic
 * accesses another vCPU of a hostile guest may write somewhere.
 */
#ifndef CARILLON_TESTS_FUZZ_POINT_H
#define CARILLON_TESTS_FUZZ_POINT_H

void fuzz_point(void);

#define ATOMIC_POINT(p) fuzz_point()

#endif
