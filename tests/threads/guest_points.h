/* SPDX-License-Identifier: MIT */
/*
 * Included before the guest half's sources where a thread test wants interrupts in the middle of
 * things: before each of its atomic accesses a vCPU takes the upcalls that are due.
 */
#ifndef CARILLON_TESTS_GUEST_POINTS_H
#define CARILLON_TESTS_GUEST_POINTS_H

#include "points.h"

void test_guest_point(void);

#undef GUEST_ATOMIC_HOOK
#define GUEST_ATOMIC_HOOK(p) ((void)(p), test_guest_point())

#endif
