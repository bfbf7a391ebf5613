/* SPDX-License-Identifier: MIT */
/*
 * Where there is one processor only: a vCPU that has sent an event leaves it to whom it woke. Its
 * call is handled and then *held*: VCPU_HELD, no call of it can come before the answer. So of two
 * that send to each other, each next trap goes from one's guest to the monitor to the other's
 * guest, and nobody is let in only to go to sleep; by which thread is in process_seat.c.
 *
 * Who answers a held call, each by vcpu_take (one compare-and-exchange, so one of them, once):
 *
 * - a kick, as with VCPU_ASLEEP: an event for it, its domain's end, whatever else it is to notice.
 *   We write VCPU_HELD and then look whether it was kicked since it was last in the guest (`told`);
 *   a kick writes that first, then reads the state. So one of the two sees the other, and we answer
 *   ourselves in the first case.
 *
 * - a send of the next call, if the held vCPU's upcall_pending is set: a guest that takes one event
 *   after the other without leaving its upcall finds the next one without having been told, and
 *   then whoever sends it is not told to kick. This may have been another's event; then the held
 *   one goes on for nothing, as it would in the next case. What comes to it from elsewhere in
 *   that state, of a timer or a device, waits for the next call or the look.
 *
 * - the next call of any other vCPU's, when it has been handled: before that vCPU's thread answers,
 *   waits or ends (handover_end). Also one that came between our send and now: `turns` counts them,
 *   and is written and read as `told` is.
 *
 * - the look, once a millisecond, if nobody was held since the last one: no receiver holds its
 *   sender up for more than two by making no call. There is none while nothing is held: the first
 *   one that is asks for it, in `watched`. The look takes that away and then looks who is held; we
 *   say who is held and then ask.
 *
 * `held` is the last one that was held, and it may have been answered since. Only one is: the next
 * one replaces it. So that it exists for who takes it out of there, its process is kept, which
 * process_destroy waits for. A kick need not: the hypervisor's sections are waited for as well.
 *
 * Who is woken by a send that will be held is answered last (`answers`), when we are through: it
 * would get the core at once, and send back to a vCPU that is not held yet. Until then it is
 * VCPU_IN_MONITOR, and whoever answers looks at everything that came meanwhile. That it exists is
 * seen to in the same way: kept before the state is taken away, so before its own thread, whose end
 * process_destroy waits for first, can write another.
 *
 * Whether a vCPU's sends are held is for experience to say (`trust`): if the last that woke
 * somebody was followed by a call that waits, or, held, by an event for it. One that had something
 * else to do meanwhile is not held the next time: it would be switched away for each of its events.
 * One that only the look let go is not held for some time.
 */
#include <time.h>

#include <carillon/hypervisor_look.h>

#include "process_internal.h"

/*
 * Trust. From HOLDS on a send that wakes somebody is held; ANSWERED: and an event ended the last
 * hold, so its thread may park. Less than that: each such send that is followed by a call that
 * waits adds 1, from -SHORT or -LONG on.
 */
#define SHORT	 3
#define LONG	 16
#define HOLDS	 1
#define ANSWERED 2

static struct {
	_Atomic(struct vcpu *) held;
	atomic_uint turns;   /* calls that have been handled */
	atomic_uint count;   /* how often one was held */
	unsigned seen;	     /* of that, by the last look */
	atomic_bool watched; /* there will be a look */
} handover;

static _Thread_local struct vcpu *sender;

static void release(struct vcpu *v, enum wake_why why)
{
	if (vcpu_take(v, VCPU_HELD))
		vcpu_wake(v, why);
}

static bool is_held(const struct vcpu *v)
{
	uint32_t state = atomic_load(&v->state);

	return state == VCPU_HELD || state == VCPU_VACANT;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Its last call was a send that woke somebody, and this one waits, or not. */
static void learn(struct vcpu *v, bool wait)
{
	if (v->why == WOKEN_BY_KICK)
		v->trust = ANSWERED;
	else if (v->why == WOKEN_BY_LOOK)
		v->trust = -LONG;
	else if (!wait && v->trust > -SHORT)
		v->trust = -SHORT;
	else if (wait)
		v->trust = v->trust < HOLDS ? v->trust + 1 : HOLDS;
}

void handover_begin(struct vcpu *v, bool send, bool wait)
{
	if (v->woke)
		learn(v, wait);
	v->woke = false;
	v->why = WOKEN_BY_NOBODY;
	if (!send || !process_backend.one_cpu)
		return;
	v->turns = atomic_load(&handover.turns);
	sender = v;
}

void handover_kicks(const struct vcpu *v)
{
	if (sender && sender != v)
		sender->woke = true;
}

struct vcpu *handover_sender(void)
{
	return sender && sender->trust >= HOLDS && !sender->answers ? sender : NULL;
}

/* Perhaps its event was for who is held, and no news there. */
static void told_nobody(void)
{
	struct vcpu *held = atomic_exchange(&handover.held, NULL);
	struct hv_vcpu_state at;

	if (!held)
		return;
	hv_vcpu_state(held->hv, &at);
	if (held != sender && at.upcall_pending && is_held(held))
		process_kick(held->hv);
	release(held, WOKEN_BY_TURN);
	process_let_go(held->process);
}

void handover_handled(struct vcpu *v)
{
	if (sender && !v->woke)
		told_nobody();
	sender = NULL;
}

/* ---- holding --------------------------------------------------------------------------------- */

/* From now on that one is held, or none. */
static void replace(struct vcpu *by, enum wake_why why)
{
	struct vcpu *old = atomic_exchange(&handover.held, by);

	if (!old)
		return;
	if (old != by)
		release(old, why);
	process_let_go(old->process);
}

static struct vcpu *take_answers(struct vcpu *v)
{
	struct vcpu *woken = v->answers;

	v->answers = NULL;
	return woken;
}

struct vcpu *handover_hold(struct vcpu *v)
{
	struct vcpu *woken;

	if (!v->woke || v->trust < HOLDS || atomic_load(&v->told))
		return NULL;
	process_keep(v->process);
	vcpu_set_state(v, VCPU_HELD);
	replace(v, WOKEN_BY_TURN);
	atomic_fetch_add(&handover.count, 1);
	if (!atomic_exchange(&handover.watched, true))
		process_backend.look_later(process_backend.arg);
	if (atomic_load(&v->told))
		release(v, WOKEN_BY_KICK);
	else if (atomic_load(&handover.turns) != v->turns)
		release(v, WOKEN_BY_TURN);
	/* `v` itself may be another thread's after this. */
	woken = take_answers(v);
	return woken ? seat_follow(v, woken, v->trust == ANSWERED) : v;
}

void handover_end(struct vcpu *v)
{
	struct vcpu *held, *woken;

	if (!process_backend.one_cpu)
		return;
	atomic_fetch_add(&handover.turns, 1);
	held = atomic_load(&handover.held);
	if (held && held != v)
		replace(NULL, WOKEN_BY_TURN);
	woken = take_answers(v);
	if (woken)
		seat_answer(woken);
}

void process_look(void)
{
	unsigned count = atomic_load(&handover.count);

	if (count != handover.seen) {
		handover.seen = count;
		process_backend.look_later(process_backend.arg);
		return;
	}
	atomic_store(&handover.watched, false);
	/* One that has just been held is let go as well, and is none the worse for it. */
	replace(NULL, atomic_load(&handover.count) == count ? WOKEN_BY_LOOK : WOKEN_BY_TURN);
}

void handover_forget(struct process *p)
{
	struct timespec pause = { .tv_nsec = 10000 };

	replace(NULL, WOKEN_BY_TURN);
	while (atomic_load(&p->kept))
		nanosleep(&pause, NULL);
}
