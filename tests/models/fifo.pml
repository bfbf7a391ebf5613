/* SPDX-License-Identifier: MIT */
/*
 * The FIFO protocol: two senders of three ports, two queues. CASE 1: the queues are two priorities
 * of one vCPU, and a port's priority is changed under the senders. CASE 2: they are two vCPUs', and
 * a port is moved from one to the other, masked meanwhile. CASE 3: as 1, but instead of the change
 * the guest writes what it likes into words, heads and ready bits.
 * Checked for every interleaving: no event is lost (1, 2), no port is linked twice, and whatever the
 * guest writes the hypervisor follows only numbers of its own and comes to an end.
 * Where a step is code, the comment beside it says which.
 *
 * MUTATE=n makes a mistake on purpose; check.py expects that each is found.
 */
#ifndef MUTATE
#define MUTATE 0
#endif
#ifndef CASE
#define CASE 1
#endif
/* of the two senders */
#ifndef SENDS
#define SENDS	   2
#define LESS_SENDS 2
#endif

#ifndef WRITES
#define WRITES 1		/* of a guest that breaks the ABI */
#endif

#define PORTS	3		/* 1 .. PORTS; 0 is none */
#define QUEUES	2
#define SENDERS 2
#define HELD	7		/* FIFO_HELD */

#if CASE == 2
#define CPU(q) (q)
#define VCPUS  2
#else
#define CPU(q) 0
#define VCPUS  1
#endif

/* the event words, the control blocks, the upcall flags */
bit P[PORTS + 1], M[PORTS + 1], L[PORTS + 1];
byte link[PORTS + 1], head[QUEUES];
bit ready[QUEUES], upcall[VCPUS];
/* the hypervisor's: where a port's next event goes (its vCPU, its priority), where it was last */
bit to[PORTS + 1], last[PORTS + 1];
byte tail[QUEUES];
bit inside[SENDERS];
/* the account */
byte sent[PORTS + 1], seen[PORTS + 1];
byte places[PORTS + 1];		/* on how many queues it is, as the hypervisor links it */

/* hold(), hold_later() */
inline hold(q, t) {
#if MUTATE == 2 /* nobody is kept out */
	t = tail[q]
#else
	d_step { tail[q] != HELD -> t = tail[q]; tail[q] = HELD }
#endif
}

inline let_go(q, t) {
	tail[q] = t
}

/* begin_queue() and, if the guest has not been told yet, mark_pending() */
inline begin(q, p) {
#if MUTATE == 1 /* the head is stored last */
	if
	:: ready[q]
	:: d_step { !ready[q] -> ready[q] = 1 };
		upcall[CPU(q)] = 1
	fi;
	head[q] = p
#else
	head[q] = p;
	if
	:: ready[q]
	:: d_step { !ready[q] -> ready[q] = 1 };
		upcall[CPU(q)] = 1
	fi
#endif
}

/* behind(); the caller has put `follows` to 0, and it is 1 if there is something to link behind */
inline behind(t, p) {
	if
	:: t != 0 && t != p ->
		assert(t <= PORTS);
		follows = L[t]
	:: else
	fi
}

/* append(), link_behind(); the caller has put `linked` to 0 */
inline append(q, t, p) {
	if
	:: follows ->
		if
		:: d_step { L[t] -> linked = !link[t]; link[t] = link[t] | p }
		:: d_step { !L[t] -> skip }
		fi
	:: else
	fi;
	if
	:: linked
	:: !linked -> begin(q, p)
	fi
}

/* after_pending(), queue_port() */
inline queue(p) {
	q = to[p];
	do
	:: 	was = last[p];
#if MUTATE == 3 /* the queue that it was on is not held */
		hold(q, mine);
		break
#else
		if
		:: was < q -> hold(was, other)
		:: else
		fi;
		hold(q, mine);
		if
		:: was > q -> hold(was, other)
		:: else
		fi;
		if
		:: last[p] == was -> break
		:: else ->
			let_go(q, mine);
			if
			:: was != q -> let_go(was, other)
			:: else
			fi
		fi
#endif
	od;
#if MUTATE == 8 /* what is last on the queue is asked of the guest */
	mine = head[q];
#endif
	/* claim() */
	if
	:: d_step { P[p] && !M[p] && !L[p] -> link[p] = 0; L[p] = 1; places[p]++; old = last[p]; last[p] = q };
#if CASE != 3
		assert(places[p] == 1);
#endif
#if MUTATE == 3
		if
		:: old != q && tail[old] == p -> tail[old] = 0
		:: else
		fi;
#endif
		behind(mine, p);
		append(q, mine, p);
		mine = p;
#if MUTATE != 4 /* it stays the tail over there */
		if
		:: other == p -> other = 0
		:: else
		fi
#endif
	:: d_step { !(P[p] && !M[p] && !L[p]) -> skip }
	fi;
	let_go(q, mine);
#if MUTATE != 3
	if
	:: was != q -> let_go(was, other)
	:: else
	fi;
#endif
	d_step { linked = 0; follows = 0; mine = 0; other = 0; was = 0; q = 0; old = 0 }
}

/* queue_quickly(); the caller has put `done` to 0, and it is 1 if the event is queued */
inline queue_quickly(p) {
	q = to[p];
#if MUTATE == 9 /* it is LINKED before its queue is held */
	if
	:: d_step { last[p] == q && !P[p] && !M[p] && !L[p] && !link[p] ->
			sent[p]++; P[p] = 1; L[p] = 1; places[p]++; done = 1 };
		assert(places[p] == 1);
		hold(q, mine);
		behind(mine, p);
		append(q, mine, p);
		let_go(q, p)
	:: d_step { !(last[p] == q && !P[p] && !M[p] && !L[p] && !link[p]) -> skip }
	fi;
#else
#if MUTATE == 10 /* looks whether the queue is empty before it holds it */
	if
	:: d_step { tail[q] != HELD -> mine = tail[q] };
		behind(mine, p)
	:: tail[q] == HELD
	fi;
#endif
	if
	:: d_step { tail[q] != HELD -> mine = tail[q]; tail[q] = HELD };
		if
		:: last[p] == q ->
#if MUTATE != 10
			behind(mine, p);
#endif
			if
			:: d_step { !P[p] && !M[p] && !L[p] && !link[p] ->
					sent[p]++; P[p] = 1; L[p] = 1; places[p]++; done = 1 };
#if CASE != 3
				assert(places[p] == 1);
#endif
				append(q, mine, p);
				mine = p
			:: d_step { !(!P[p] && !M[p] && !L[p] && !link[p]) -> skip }
			fi
		:: else
		fi;
		let_go(q, mine)
	:: d_step { tail[q] == HELD -> skip }
	fi;
#endif
	d_step { linked = 0; follows = 0; mine = 0; q = 0 }
}

/* fifo_send(), after_pending() */
proctype Sender(bit id) {
	byte n, p, mine, other;
	bit q, was, linked, follows, old, done;

	do
	:: n < (id -> LESS_SENDS : SENDS) ->
		atomic {
			n++;
			if
			:: p = 1
			:: p = 2
			:: p = 3
			fi;
			inside[id] = 1
		};
#if MUTATE == 5 /* looks whether it is linked before it is pending */
		if
		:: M[p] || L[p] -> d_step { sent[p]++; P[p] = 1 }
		:: else -> d_step { sent[p]++; P[p] = 1 }; queue(p)
		fi;
#else
		if
		:: d_step { !P[p] && !M[p] && !L[p] && !link[p] -> skip };
			queue_quickly(p)
		:: d_step { !(!P[p] && !M[p] && !L[p] && !link[p]) -> skip }
		fi;
		if
		:: done
		:: !done ->
			d_step { sent[p]++; P[p] = 1 };
			if
			:: M[p] || L[p]
			:: !(M[p] || L[p]) -> queue(p)
			fi
		fi;
#endif
		d_step { inside[id] = 0; p = 0; done = 0 }
	:: else -> break
	od
}

/* events/upcall.c; events/fifo.c: look(), take_first() */
proctype Consumer(bit cpu) {
	byte p, mine[QUEUES];
	bit told[QUEUES], q, handle;

end:	do
	:: upcall[cpu] ->
		upcall[cpu] = 0;
		do
		:: d_step { ready[0] && CPU(0) == cpu -> ready[0] = 0; told[0] = 1 }
		:: d_step { ready[1] && CPU(1) == cpu -> ready[1] = 0; told[1] = 1 }
		:: (told[0] || told[1]) && !(ready[0] && CPU(0) == cpu) && !(ready[1] && CPU(1) == cpu) ->
			q = !told[0];
			p = mine[q];
			if
			:: p == 0 -> p = head[q]
			:: else
			fi;
			if
			:: p == 0 || p > PORTS -> told[q] = 0; mine[q] = 0
			:: else ->
				d_step {
					mine[q] = (L[p] -> link[p] : 0);
					if
					:: L[p] && places[p] > 0 -> places[p]--
					:: else
					fi;
					L[p] = 0;
					link[p] = 0;
					if
					:: mine[q] > PORTS -> mine[q] = 0
					:: else
					fi;
					if
					:: mine[q] == 0 -> told[q] = 0
					:: else
					fi;
					handle = P[p] && !M[p]
				};
				if
				:: handle ->
#if MUTATE == 6 /* pending is cleared after the handler ran */
					seen[p] = sent[p];
					P[p] = 0
#else
					P[p] = 0;
					seen[p] = sent[p]
#endif
				:: else
				fi
			fi;
			d_step { p = 0; handle = 0; q = 0 }
		:: !told[0] && !told[1] && !(ready[0] && CPU(0) == cpu) && !(ready[1] && CPU(1) == cpu) -> break
		od
	od
}

/* EVTCHNOP_set_priority, twice */
proctype Prioritiser() {
	to[1] = 1;
	to[1] = 0
}

/* move.c: events_move(); the unmask is EVTCHNOP_unmask, event_fifo.c: unmask() */
proctype Mover() {
	byte mine, other;
	bit q, was, linked, follows, old;

	M[1] = 1;
	to[1] = 1;
	!inside[0];				/* sections_wait() */
	!inside[1];
#if MUTATE == 7 /* unmasked without the hypervisor */
	M[1] = 0
#else
	if
	:: d_step { P[1] && !L[1] -> M[1] = 0 };
		queue(1)
	:: d_step { !(P[1] && !L[1]) -> M[1] = 0 }
	fi
#endif
}

/* A guest that breaks the ABI. */
proctype Vandal() {
	byte n, p, v;

	do
	:: n < WRITES ->
		atomic {
			n++;
			select(p : 1 .. PORTS);
			select(v : 0 .. PORTS + 1)	/* also no port */
		};
		if
		:: d_step { L[p] = 1; link[p] = v }
		:: d_step { L[p] = 0; link[p] = v }
		:: d_step { head[0] = v; ready[0] = 1 }
		:: ready[0] = 0
		fi
	:: else -> break
	od
}

proctype Quiet() {
	byte p = 1;

	timeout ->
	assert(tail[0] <= PORTS && tail[1] <= PORTS);
#if CASE != 3
	do
	:: p <= PORTS ->
		assert(!P[p] && !M[p] && !L[p] && !link[p]);
		assert(seen[p] == sent[p]);
		p++
	:: else -> break
	od
#endif
}

init {
	atomic {
		run Consumer(0);
#if CASE == 2
		run Consumer(1);
		run Mover();
#elif CASE == 1
		run Prioritiser();
#else
		run Vandal();
#endif
		run Sender(0);
		run Sender(1);
		run Quiet()
	}
}
