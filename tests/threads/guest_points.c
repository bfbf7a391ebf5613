/* SPDX-License-Identifier: MIT */
/*
 * Where a vCPU of a points test is interrupted: wherever events are enabled and one is due. Now and
 * then it also gives the processor away, so that one is due at all.
 */
#include "guest_points.h"

#include "testbed.h"

void test_point(void); /* points.c; its header is for the other way of building the half */

void test_guest_point(void)
{
	struct testbed_vcpu *v = testbed_on(NULL);

	testbed_on(v);
	test_point();
	if (v)
		testbed_point(v);
}
