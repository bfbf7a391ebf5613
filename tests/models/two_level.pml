/* SPDX-License-Identifier: MIT */
/*
 * The 2-level protocol: two senders, two vCPUs that take upcalls, and one of (CASE) 1: a task that
 * moves a port between them, 2: one that masks and unmasks, 3: one that closes a port and opens it
 * again. Checked for every interleaving:
 * no event is lost, none comes out of a port that nobody has sent to since it was opened, nobody
 * waits for ever. Where a step is code, the comment beside it says which; the simulation
 * (docs/simulation.md) covers what this does not: weaker orders than one step after the other.
 *
 * MUTATE=n makes a mistake on purpose; check.py expects that each is found.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#ifndef CASE
#define CASE 1
#endif

#define PORTS	3
#define VCPUS	2
#define SENDERS 2
#define SENDS	2		/* of each sender */
#define WORD(p) ((p) / 2)	/* ports 0 and 1 share a word of bits and its selector bit */
#define WORDS	2
#define SEL(v, p) sel[(v) * WORDS + WORD(p)]

/* the shared pages */
bit pending[PORTS], mask[PORTS], upcall[VCPUS], sel[VCPUS * WORDS];
/* the hypervisor's port words, and who is in a section */
bit open[PORTS] = 1, inside[SENDERS];
bit bound[PORTS];		/* the vCPU that it notifies */
/* the guest's: the CPU that handles it (two_level_cpu.ports) */
bit owner[PORTS];
/* the account: events sent since it was opened, and how many of them the handler has seen */
byte sent[PORTS], seen[PORTS];

bit was_sel[VCPUS * WORDS];	/* consumer's own copies */

/* event_2l.c: select_word(), vcpu_mark_pending() */
inline announce(v, p) {
	if
	:: SEL(v, p)
	:: d_step { !SEL(v, p) -> SEL(v, p) = 1 };
		upcall[v] = 1
	fi
}

/* event_2l.c: raise(), with the word as it was read */
inline raise(p, v) {
#if MUTATE == 1 /* the mask is read before pending is set */
	masked = mask[p];
	if
	:: d_step { pending[p] -> sent[p]++ }
	:: d_step { !pending[p] -> sent[p]++; pending[p] = 1 };
		if
		:: masked
		:: else -> announce(v, p)
		fi
	fi
#else
	if
	:: d_step { pending[p] -> sent[p]++ }
	:: d_step { !pending[p] -> sent[p]++; pending[p] = 1 };
		if
		:: mask[p]
		:: !mask[p] -> announce(v, p)
		fi
	fi
#endif
}

proctype Sender(bit id) {
	byte n, p;
	bit v, masked;

	do
	:: n < SENDS ->
		atomic {
			n++;
			if
			:: p = 0
			:: p = 1
			:: p = 2
			fi;
			inside[id] = 1			/* section_enter() */
		}
		if					/* event_send(): one load */
		:: d_step { open[p] -> v = bound[p] };
			raise(p, v)
		:: !open[p]
		fi;
		d_step {
			inside[id] = 0;			/* section_leave_own() */
			p = 0;
			v = 0;
			masked = 0
		}
	:: else -> break
	od
}

/* sections_wait(): each sender has been outside once since (section.pml says how) */
inline wait_for_senders() {
#if MUTATE == 2
	skip
#else
	!inside[0];
	!inside[1]
#endif
}

/* upcall.c, two_level.c: two_level_handle() */
proctype Consumer(bit v) {
	byte p, w;

end:	do
	:: upcall[v] ->
#if MUTATE == 4 /* the flag is cleared after the selector was taken */
		d_step { w = 0; do :: w < WORDS -> was_sel[v * WORDS + w] = sel[v * WORDS + w]; sel[v * WORDS + w] = 0; w++ :: else -> break od; w = 0 };
		upcall[v] = 0;
#else
		upcall[v] = 0;
		d_step { w = 0; do :: w < WORDS -> was_sel[v * WORDS + w] = sel[v * WORDS + w]; sel[v * WORDS + w] = 0; w++ :: else -> break od; w = 0 };
#endif
		do
		:: p < PORTS ->
			if
			:: was_sel[v * WORDS + WORD(p)] && owner[p] == v && pending[p] && !mask[p] ->
#if MUTATE == 5 /* pending is cleared after the handler ran */
				seen[p] = sent[p];
				pending[p] = 0
#else
				/*
				 * two_level_clear_pending(), then the handler. The bit may have been
				 * cleared by a close meanwhile: then there is nothing to handle.
				 */
				if
				:: d_step {
						pending[p] -> pending[p] = 0;
						assert(sent[p] > 0 || !open[p])
					};
					seen[p] = sent[p]
				:: d_step { !pending[p] -> skip }
				fi
#endif
			:: else
			fi;
			p++
		:: else -> break
		od;
		p = 0;
		d_step { was_sel[v * WORDS] = 0; was_sel[v * WORDS + 1] = 0 }
	od
}

/* move.c: events_move(), by CPU 0; the unmask is EVTCHNOP_unmask, event_2l.c: unmask() */
proctype Mover() {
	mask[0] = 1;					/* two_level_mask() */
#if MUTATE == 6 /* unmasked before it is bound to its new vCPU */
	mask[0] = 0;
#endif
	bound[0] = 1;					/* bind_vcpu() */
#if MUTATE != 3 /* who moves it does not wait */
	wait_for_senders();
#endif
	owner[0] = 1;					/* two_level_move() */
	if
	:: d_step { mask[0] -> mask[0] = 0 };
		if
		:: pending[0] -> announce(1, 0)
		:: !pending[0]
		fi
	:: !mask[0]
	fi
}

/* A port of its own CPU: two_level_mask(), two_level_unmask() */
proctype Masker() {
	bit was;

	mask[1] = 1;
#if MUTATE == 7 /* pending is looked at before the mask is cleared */
	was = pending[1];
	mask[1] = 0;
#else
	mask[1] = 0;
	was = pending[1];
#endif
	if
	:: was -> SEL(0, 1) = 1; upcall[0] = 1
	:: else
	fi
}

/* event_close.c: event_close(); then EVTCHNOP_alloc_unbound takes the number again */
proctype Closer() {
	open[2] = 0;
#if MUTATE == 8 /* the pending bit is cleared before the senders are out */
	pending[2] = 0;
	wait_for_senders();
#else
	wait_for_senders();
	pending[2] = 0;
#endif
	d_step {
		assert(pending[2] == 0);
		sent[2] = 0;
		seen[2] = 0;
		open[2] = 1;
		bound[2] = 0
	}
}

/* When nobody can move any more. */
proctype Quiet() {
	byte p;

	timeout ->
	do
	:: p < PORTS ->
		assert(!mask[p]);
		assert(!pending[p] || !open[p]);
		assert(seen[p] == sent[p]);
		p++
	:: else -> break
	od
}

init {
	atomic {
		run Consumer(0);
		run Consumer(1);
		run Sender(0);
		run Sender(1);
#if CASE == 1
		run Mover();
#elif CASE == 2
		run Masker();
#else
		run Closer();
#endif
		run Quiet()
	}
}
