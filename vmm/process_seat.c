/* SPDX-License-Identifier: MIT */
/*
 * Which of the monitor's threads receives which vCPU's calls. There are as many of both, and each
 * vCPU has its own but where there is one processor: one that is held (process_handover.c) makes no
 * call, and so needs none. Its thread goes along with the core: if it answers another one that was
 * held itself, and so is vacant, it receives that one's next call. If not, it stays with its own;
 * or it parks, if an event ended that one's last hold, as the next is likely to come from whom it
 * woke, whose thread goes along then. Without that, parking would be one more sleep and wake-up.
 *
 * Of two that send to each other one thread has always the one that runs, while the other is
 * parked. That one thread is still runnable, having given the answer, when the guest calls again,
 * so nobody has to be woken for it and then let in: each event is a trap and no more.
 *
 * To each vacant vCPU belongs one parked thread, in `parked`. Who answers it gives it that, or goes
 * itself, and then leaves that to the vCPU it comes from. So any thread may have any domain's vCPU.
 * It ends with the one that it has, and whoever ends a domain waits for that many threads.
 *
 * VCPU_HELD becomes VCPU_VACANT by a compare-and-exchange: if it has been answered meanwhile it
 * will call, and its thread stays. What only its own thread touches goes from one to the next by
 * that, by `is_given`, and by how the state is taken away (process_kick.c).
 */
#include "process_internal.h"

/* Any thread. Nothing of it or of the vCPU is touched after this but the futex' address. */
void seat_give(struct parked *t, struct vcpu *v)
{
	t->given = v;
	atomic_store_explicit(&t->is_given, 1, memory_order_release);
	vcpu_futex(&t->is_given, FUTEX_WAKE_PRIVATE, 1);
}

static struct vcpu *park(struct parked *t)
{
	while (!atomic_load_explicit(&t->is_given, memory_order_acquire))
		vcpu_futex(&t->is_given, FUTEX_WAIT_PRIVATE, 0);
	return t->given;
}

void seat_answer(struct vcpu *woken)
{
	vcpu_wake(woken, WOKEN_BY_KICK);
	process_let_go(woken->process);
}

struct vcpu *seat_follow(struct vcpu *v, struct vcpu *woken, bool may_park)
{
	bool goes_along = woken->vacant;
	struct parked own = { 0 };
	bool vacant;

	/* Read by nobody who did not find it vacant. */
	v->parked = goes_along ? woken->parked : &own;
	vacant = (goes_along || may_park) && vcpu_change_state(v, VCPU_HELD, VCPU_VACANT);
	if (vacant && goes_along)
		woken->vacant = false;
	seat_answer(woken);
	if (!vacant)
		return v;
	return goes_along ? woken : park(&own);
}
