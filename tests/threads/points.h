/* SPDX-License-Identifier: MIT */
/*
 * Included before a half's sources where a thread test wants its threads to meet in the middle of
 * things: before some of its atomic accesses, the thread gives the processor away.
 */
#ifndef CARILLON_TESTS_POINTS_H
#define CARILLON_TESTS_POINTS_H

void test_point(void);

#define ATOMIC_POINT(p)	     ((void)(p), test_point()) /* the hypervisor half's */
#define GUEST_ATOMIC_HOOK(p) ((void)(p), test_point())

#endif
