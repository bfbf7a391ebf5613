/* SPDX-License-Identifier: MIT */
/*
 * Runstates. A vCPU runs, or is blocked or offline by what v->stopped says, or it is runnable: from
 * the moment at which it may run until its own thread says that it does. That is what a guest
 * counts as stolen.
 *
 * The area in guest memory is written by that thread when the vCPU runs again, as on Xen, so it
 * always shows one that runs. Its address is a virtual one: if nothing writable is there, it is not
 * written.
 */
#include "runstate.h"

#include <xen/vcpu.h>

#include "bound.h"
#include "compat.h"
#include "guest_access.h"

void runstate_init(struct hv_vcpu *v)
{
	v->runstate.state = RUNSTATE_offline;
	v->runstate.since = now(v->domain->hv);
}

/* Lock held. */
static void enter(struct hv_vcpu *v, uint32_t state)
{
	struct runstate *r = &v->runstate;
	uint64_t t = now(v->domain->hv);

	if (t > r->since)
		r->time[r->state] += t - r->since;
	r->since = t;
	store_relaxed(&r->state, state);
}

static uint32_t why_stopped(uint32_t stopped)
{
	if ((stopped & STOP_BLOCKED) && !(stopped & (STOP_DOWN | STOP_SHUTDOWN)))
		return RUNSTATE_blocked;
	return RUNSTATE_offline;
}

void runstate_changed(struct hv_vcpu *v)
{
	struct runstate *r = &v->runstate;
	uint32_t state, stopped;

	lock_take(v->domain->hv, &r->lock);
	/*
	 * Whoever changes the reasons comes here afterwards; the last one to take the lock sees
	 * what became of it.
	 */
	stopped = load_seq(&v->stopped);
	if (stopped)
		state = why_stopped(stopped);
	else
		state = r->state == RUNSTATE_running ? RUNSTATE_running : RUNSTATE_runnable;
	if (state != r->state)
		enter(v, state);
	lock_drop(&r->lock);
}

/* As of now. */
static void snapshot(struct hv_vcpu *v, struct vcpu_runstate_info *out)
{
	struct runstate *r = &v->runstate;
	uint64_t t;

	lock_take(v->domain->hv, &r->lock);
	memset(out, 0, sizeof(*out));
	out->state = (int)r->state;
	out->state_entry_time = r->since;
	memcpy(out->time, r->time, sizeof(out->time));
	t = now(v->domain->hv);
	if (t > r->since)
		out->time[r->state] += t - r->since;
	lock_drop(&r->lock);
}

/* In the layout of the writer, whose guest's memory it is. */
static int give(struct hv_vcpu *self, uint64_t at, const struct vcpu_runstate_info *r)
{
	if (self->domain->compat32)
		return compat_give_runstate(self, at, r);
	return copy_to_guest(self, at, r, sizeof(*r));
}

static uint64_t entry_time(const struct hv_vcpu *v, uint64_t at)
{
	return at + (v->domain->compat32
			     ? offsetof(struct compat_vcpu_runstate_info, state_entry_time)
			     : offsetof(struct vcpu_runstate_info, state_entry_time));
}

/*
 * A guest that asked for it sees XEN_RUNSTATE_UPDATE in state_entry_time before and after anything
 * else changes, and knows that it must read again. Its own thread writes, so only other vCPUs of
 * the guest may be reading meanwhile.
 */
static void write_area(struct hv_vcpu *v, const struct vcpu_runstate_info *info)
{
	uint64_t at = load_relaxed(&v->runstate.area);
	struct vcpu_runstate_info r = *info;
	uint64_t entry_at = entry_time(v, at);

	if (!at)
		return; /* taken back just now */
	if (!load_relaxed(&v->domain->runstate_flag)) {
		(void)give(v, at, &r);
		return;
	}
	r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	if (copy_to_guest(v, entry_at, &r.state_entry_time, sizeof(r.state_entry_time)) ||
	    give(v, at, &r))
		return;
	r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	(void)copy_to_guest(v, entry_at, &r.state_entry_time, sizeof(r.state_entry_time));
}

void runstate_runs(struct hv_vcpu *v)
{
	struct runstate *r = &v->runstate;
	struct vcpu_runstate_info info;

	bool runs;

	lock_take(v->domain->hv, &r->lock);
	/*
	 * Not if it was stopped just now, and is about to hear so: whoever did that has been in
	 * runstate_changed(), or will be.
	 */
	runs = !load_seq(&v->stopped);
	if (runs)
		enter(v, RUNSTATE_running);
	lock_drop(&r->lock);
	if (runs && load_relaxed(&r->area)) {
		snapshot(v, &info);
		write_area(v, &info);
	}
}

void hv_vcpu_resumed(struct hv_vcpu *v)
{
	runstate_check(v);
}

long runstate_get(struct hv_vcpu *v, uint64_t va, struct hv_vcpu *self)
{
	struct vcpu_runstate_info info;

	snapshot(v, &info);
	return give(self, va, &info);
}

/*
 * Address 0 ends it. Of another vCPU: that one finds the address when it runs next, and writes
 * there by its own mappings.
 */
long runstate_register_area(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self)
{
	struct vcpu_register_runstate_memory_area area;
	struct vcpu_runstate_info info;

	if (copy_from_guest(self, &area, arg, sizeof(area)))
		return -XEN_EFAULT;
	if (!is_canonical(area.addr.p))
		return -XEN_EFAULT;
	store_relaxed(&v->runstate.area, area.addr.p);
	if (!area.addr.p)
		return 0;
	snapshot(v, &info);
	/* As on Xen, a bad address is the guest's own loss. */
	(void)give(self, area.addr.p, &info);
	return 0;
}
