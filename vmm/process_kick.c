/* SPDX-License-Identifier: MIT */
/*
 * Making a vCPU notice that something changed: process_kick, from any thread and inside the
 * hypervisor's sections, so nothing here blocks; and the sleep that a kick ends.
 *
 * Why no wake-up is lost. The hypervisor changes something (sets pending, makes runnable or not,
 * shuts the domain down) and then kicks; process_kick reads `state`. We write `state` and then look
 * at what it changed. All four are sequentially consistent, so either we see the change or the kick
 * sees our state:
 *
 * - VCPU_IN_GUEST: written before the last look; a later change finds it and sends the signal. The
 *   signal may come twice or for nothing, that is harmless. Before the answer it stays queued. An
 *   upcall that the last look finds needs none if the call came by the hypercall page: its end,
 *   which runs on the guest's thread after the answer, looks again (shim/iret.S).
 *
 * - VCPU_WAITING: written before looking whether it is runnable; a later change finds it, takes it
 *   away and wakes the futex, which does not sleep on another value.
 *
 * - VCPU_ASLEEP: the same, for a vCPU whose call (SCHEDOP_block, SCHEDOP_poll) only waits for it to
 *   be woken: its thread leaves the call unanswered and waits for the next one, which cannot come
 *   before. Who makes it runnable takes the state away and answers, so this thread need not be
 *   woken in between. If it is runnable already, its thread does that itself, or somebody has.
 *   Where there is one processor only: leave_call() in process_vcpu.c says why.
 *
 * - VCPU_HELD, VCPU_VACANT: the same, for one that has sent, on one processor; any kick answers.
 *   `told` stands for what it changed: process_handover.c.
 *
 * - VCPU_IN_MONITOR: written when a call has come in: nothing need be done, we look before we
 *   answer. Between a call's trap and that store, a kick still signals: if the call was not yet
 *   received, it is interrupted and restarted after the upcall; if it was, the signal stays queued
 *   until the answer.
 *
 * VCPU_ASLEEP, VCPU_HELD and VCPU_VACANT are taken away by one compare-and-exchange, so one thread
 * answers, once. From then on what is otherwise its own thread's is that one's, up to the answer,
 * which is its last access: the guest's next call may be received before that returns; or, of one
 * that has no thread, up to where it is given one. What is written meanwhile is seen with
 * VCPU_IN_GUEST, which the own thread's next state replaces by an exchange.
 */
#include "process_internal.h"

void vcpu_set_state(struct vcpu *v, enum vcpu_state state)
{
	atomic_exchange_explicit(&v->state, state, memory_order_seq_cst);
}

bool vcpu_change_state(struct vcpu *v, uint32_t from, enum vcpu_state to)
{
	return atomic_compare_exchange_strong_explicit(&v->state, &from, to, memory_order_seq_cst,
						       memory_order_seq_cst);
}

bool vcpu_take(struct vcpu *v, uint32_t from)
{
	if (vcpu_change_state(v, from, VCPU_IN_MONITOR))
		return true;
	/* In this order: it goes from the first to the second state meanwhile, not back. */
	if (from != VCPU_HELD || !vcpu_change_state(v, VCPU_VACANT, VCPU_IN_MONITOR))
		return false;
	v->vacant = true;
	return true;
}

/* It comes to its thread in the monitor before the next instruction of its guest. */
static void call_in(const struct vcpu *v)
{
	__atomic_store_n(&v->control->park, 1, __ATOMIC_RELEASE);
	vcpu_signal(v);
}

/* Executing? A call in if it is to stop, or to take an NMI; it has to ask then, upcall or not. */
static void kick_running(struct vcpu *v)
{
	/* To stop for ever? It may have made itself deaf, and there is nothing to ask. */
	if (hv_domain_is_shut_down(v->process->domain, NULL))
		process_kill(v->process);
	if (!hv_vcpu_runnable(v->hv) || hv_vcpu_nmi_due(v->hv))
		call_in(v);
	else
		vcpu_signal(v);
}

/* Another vCPU may do that, to one that went down asleep. */
bool vcpu_info_moved(const struct vcpu *v, uint64_t *mfn, unsigned *offset)
{
	*mfn = UINT64_MAX;
	*offset = 0;
	return hv_vcpu_info(v->hv, mfn, offset) &&
	       (!v->control->info || *mfn != v->info_mfn || *offset != v->info_offset);
}

bool vcpu_needs_its_thread(const struct vcpu *v)
{
	unsigned offset;
	uint64_t mfn;

	return !hv_vcpu_runnable(v->hv) || hv_vcpu_nmi_due(v->hv) ||
	       vcpu_info_moved(v, &mfn, &offset);
}

/* Whatever is not simply going on is for its own thread: it is called in, and waits there. */
static void end_call(struct vcpu *v)
{
	if (hv_domain_is_shut_down(v->process->domain, NULL)) {
		process_kill(v->process);
		return;
	}
	atomic_store_explicit(&v->told, false, memory_order_relaxed);
	hv_vcpu_resumed(v->hv);
	vcpu_set_state(v, VCPU_IN_GUEST);
	if (vcpu_needs_its_thread(v))
		call_in(v);
	else if (!v->left_looks && hv_vcpu_upcall_due(v->hv))
		vcpu_signal(v);
	vcpu_answer(v, &v->left_answer);
}

/* Its thread, if it has none, comes last: the guest is what is waited for. */
void vcpu_wake(struct vcpu *v, enum wake_why why)
{
	struct parked *parked = v->vacant ? v->parked : NULL;

	v->vacant = false;
	v->why = why;
	end_call(v);
	if (parked)
		seat_give(parked, v);
}

/* Not runnable, it sleeps on: whoever takes the last reason away kicks again. */
static bool may_wake(const struct vcpu *v)
{
	return hv_vcpu_runnable(v->hv) || hv_domain_is_shut_down(v->process->domain, NULL);
}

/* Now; or by a sender that is going to be held: when it is. */
static void answer_for(struct vcpu *v, uint32_t from)
{
	struct vcpu *sender = handover_sender();

	if (!sender) {
		if (vcpu_take(v, from))
			vcpu_wake(v, WOKEN_BY_KICK);
		return;
	}
	process_keep(v->process);
	if (vcpu_take(v, from))
		sender->answers = v;
	else
		process_let_go(v->process);
}

void process_kick(struct hv_vcpu *hv)
{
	struct vcpu *v = hv_vcpu_user(hv);

	if (!v)
		return;
	if (process_backend.one_cpu) {
		handover_kicks(v);
		atomic_store_explicit(&v->told, true, memory_order_seq_cst);
	}
	switch (atomic_load_explicit(&v->state, memory_order_seq_cst)) {
	case VCPU_IN_GUEST:
		kick_running(v);
		break;
	case VCPU_WAITING:
		if (vcpu_take(v, VCPU_WAITING))
			vcpu_futex(&v->state, FUTEX_WAKE_PRIVATE, 1);
		break;
	case VCPU_ASLEEP:
		if (may_wake(v))
			answer_for(v, VCPU_ASLEEP);
		break;
	case VCPU_HELD:
	case VCPU_VACANT:
		answer_for(v, VCPU_HELD);
		break;
	default:
		break;
	}
}

bool vcpu_fall_asleep(struct vcpu *v)
{
	__atomic_store_n(&v->control->park, 0, __ATOMIC_SEQ_CST);
	vcpu_set_state(v, VCPU_ASLEEP);
	return !may_wake(v) || !vcpu_take(v, VCPU_ASLEEP);
}

bool vcpu_wait_runnable(struct vcpu *v)
{
	bool waited;

	handover_end(v);
	for (waited = false;; waited = true) {
		vcpu_set_state(v, VCPU_WAITING);
		if (hv_vcpu_runnable(v->hv))
			return true;
		if (vcpu_domain_over(v, waited))
			return false;
		vcpu_futex(&v->state, FUTEX_WAIT_PRIVATE, VCPU_WAITING);
	}
}
