/* SPDX-License-Identifier: MIT */
/*
 * hypervisor/section.c and section.h: a vCPU and two other threads come and go as senders, two
 * closers each take something away and wait. After its wait no sender that found a closer's thing
 * may still be in there.
 *
 * MUTATE=n makes a mistake on purpose; check.py expects that each is found.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#define OTHERS	2		/* threads that are no vCPU's */
#define CLOSERS 2
#define SENDS	2		/* of each sender */

byte epoch = 1;			/* hv->epoch */
byte vcpu_inside;		/* a vCPU's section.inside */
byte shared_inside[2];		/* shared_section.inside[] */
bit there[CLOSERS] = 1;		/* can still be found */
bit freed[CLOSERS];		/* its closer has waited */
bit section_lock;

/* What was looked up is used. */
inline look_and_use() {
	found[0] = there[0];
	found[1] = there[1];
	assert(!found[0] || !freed[0]);
	assert(!found[1] || !freed[1]);
	d_step { found[0] = 0; found[1] = 0 }
}

active proctype Vcpu() {
	byte e, n;
	bit found[CLOSERS];

	do
	:: n < SENDS ->
		e = epoch;			/* section_enter(): load_acquire */
		vcpu_inside = e;		/* exchange_seq */
		look_and_use();
		vcpu_inside = 0;		/* section_leave() */
		n++
	:: else -> break
	od
}

active [OTHERS] proctype Other() {
	bit p, found[CLOSERS];
	byte n;

	do
	:: n < SENDS ->
		p = epoch & 1;			/* section_enter_shared(): load_relaxed */
#if MUTATE == 1 /* looks before it is counted */
		found[0] = there[0];
		found[1] = there[1];
		shared_inside[p]++;
		assert(!found[0] || !freed[0]);
		assert(!found[1] || !freed[1]);
#else
		shared_inside[p]++;		/* fetch_add_seq */
		look_and_use();
#endif
		shared_inside[p]--;		/* section_leave_shared() */
		n++
	:: else -> break
	od
}

active [CLOSERS] proctype Closer() {
	byte e, me = _pid - OTHERS - 1;

#if MUTATE != 2 /* waits before it takes it away */
	there[me] = 0;
#endif
	atomic { !section_lock -> section_lock = 1 };
	e = epoch;
	epoch = e + 1;
#if MUTATE == 3 /* only who entered in the last epoch is waited for */
	vcpu_inside != e;
#else
	(vcpu_inside == 0 || vcpu_inside > e);	/* wait_vcpus() */
#endif
	/* wait_shared() */
	shared_inside[e & 1] == 0;
#if MUTATE != 4 /* one of the two counts only */
	if
	:: shared_inside[(e + 1) & 1] == 0
	:: shared_inside[(e + 1) & 1] != 0 ->
		epoch = e + 2;
		shared_inside[(e + 1) & 1] == 0
	fi;
#endif
	section_lock = 0;
#if MUTATE == 2
	there[me] = 0;
#endif
	freed[me] = 1
}
