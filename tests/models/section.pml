/* SPDX-License-Identifier: MIT */
/*
 * hypervisor/section.c and section.h: two senders come and go, two closers each take something away
 * and wait. After its wait no sender that found a closer's thing may still be in there.
 *
 * MUTATE=n makes a mistake on purpose; check.py expects that each is found.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#define SENDERS 2
#define CLOSERS 2

bit phase;			/* hv->phase, its lowest bit */
byte inside[SENDERS * 2];	/* section.inside[], by sender and phase */
bit there[CLOSERS] = 1;		/* can still be found */
bit freed[CLOSERS];		/* its closer has waited */
bit section_lock;

active [SENDERS] proctype Sender() {
	bit p, found[CLOSERS];

	do
	:: 	p = phase;				/* section_enter(): load */
#if MUTATE == 1 /* looks before it is counted */
		found[0] = there[0];
		found[1] = there[1];
		inside[_pid * 2 + p]++;
#else
		inside[_pid * 2 + p]++;			/* fetch_add_seq */
		found[0] = there[0];
		found[1] = there[1];
#endif
		/* What was found is used. */
		assert(!found[0] || !freed[0]);
		assert(!found[1] || !freed[1]);
		inside[_pid * 2 + p]--;			/* section_leave() */
		p = 0; found[0] = 0; found[1] = 0
	od
}

active [CLOSERS] proctype Closer() {
	bit old;
	byte s, i;
	byte me = _pid - SENDERS;

#if MUTATE == 2 /* waits before it takes it away */
	skip;
#else
	there[me] = 0;
#endif
	atomic { !section_lock -> section_lock = 1 };
	do
#if MUTATE == 3 /* only one phase */
	:: i < 1 ->
#else
	:: i < 2 ->
#endif
		old = phase;
		phase = 1 - old;
		do
		:: s < SENDERS -> inside[s * 2 + old] == 0; s++	/* wait_phase() */
		:: else -> break
		od;
		s = 0;
		i++
	:: else -> break
	od;
	section_lock = 0;
#if MUTATE == 2
	there[me] = 0;
#endif
	freed[me] = 1
}
