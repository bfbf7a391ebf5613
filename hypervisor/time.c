/* SPDX-License-Identifier: MIT */
/*
 * Timers and clocks. A vCPU has three timers: the single shot (set_timer_op and vcpu_op share it),
 * the periodic tick, and the deadline of a poll. The earliest of them is the embedder's one
 * deadline for it.
 */
#include "time.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "atomic.h"
#include "domain.h"
#include "event.h"
#include "runstate.h"
#include "vcpu.h"

#define TICK_NS UINT64_C(10000000)
/* A timeout 2^50 ns away is a guest's miscalculation. */
#define FAR_OFF_BITS 50
#define FAR_OFF_NS   UINT64_C(100000000)

void timers_init(struct hv_vcpu *v, bool tick)
{
	struct timers *t = &v->timers;
	unsigned i;

	t->single = HV_NEVER;
	t->poll = HV_NEVER;
	for (i = 0; i < WATCHDOGS; i++)
		t->watchdog[i] = HV_NEVER;
	t->armed = HV_NEVER;
	t->period = tick ? TICK_NS : 0;
	t->last_tick = now(v->domain->hv);
	t->tick_stopped = 1;
}

static uint64_t next_tick(const struct timers *t)
{
	if (!t->period || load_relaxed(&t->tick_stopped))
		return HV_NEVER;
	return t->last_tick + t->period;
}

/* Tell the embedder, if it is news. Timer lock held. */
static void arm(struct hv_vcpu *v)
{
	struct timers *t = &v->timers;
	uint64_t deadline = next_tick(t);
	unsigned i;

	if (t->single < deadline)
		deadline = t->single;
	if (t->poll < deadline)
		deadline = t->poll;
	for (i = 0; i < WATCHDOGS; i++)
		if (t->watchdog[i] < deadline)
			deadline = t->watchdog[i];
	if (deadline == t->armed)
		return;
	t->armed = deadline;
	v->domain->hv->ops->set_timer(v, deadline);
}

void timers_stop(struct hv_vcpu *v)
{
	struct timers *t = &v->timers;
	unsigned i;

	lock_take(v->domain->hv, &t->lock);
	t->single = HV_NEVER;
	store_relaxed(&t->poll, HV_NEVER);
	for (i = 0; i < WATCHDOGS; i++)
		t->watchdog[i] = HV_NEVER;
	t->period = 0;
	arm(v);
	lock_drop(&t->lock);
}

static void set_one(struct hv_vcpu *v, uint64_t *timer, uint64_t value)
{
	lock_take(v->domain->hv, &v->timers.lock);
	store_relaxed(timer, value);
	arm(v);
	lock_drop(&v->timers.lock);
}

void timers_set_poll(struct hv_vcpu *v, uint64_t deadline)
{
	/*
	 * Only this thread sets it, so it can tell without the lock that there is nothing to take
	 * back.
	 */
	if (load_relaxed(&v->timers.poll) == deadline)
		return;
	set_one(v, &v->timers.poll, deadline);
}

void timers_set_single(struct hv_vcpu *v, uint64_t deadline)
{
	set_one(v, &v->timers.single, deadline);
}

void timers_set_watchdog(struct hv_domain *d, unsigned i, uint64_t deadline)
{
	set_one(d->vcpu[0], &d->vcpu[0]->timers.watchdog[i], deadline);
}

/*
 * As on Xen, the tick is for a vCPU that runs: one that is blocked, paused or down gets none, and
 * one tick at once when it runs again if it missed any. So the deadline, when it comes for one that
 * does not run, only stops the tick.
 */
static bool tick(struct hv_vcpu *v, uint64_t t_now)
{
	struct timers *t = &v->timers;

	if (next_tick(t) > t_now)
		return false;
	/* Pairs with vcpu_let_run(): it takes the reason away, then looks at tick_stopped. */
	store_seq(&t->tick_stopped, 1u);
	if (!hv_vcpu_runnable(v))
		return false;
	store_seq(&t->tick_stopped, 0u);
	t->last_tick = t_now;
	return true;
}

void timers_resumed(struct hv_vcpu *v)
{
	lock_take(v->domain->hv, &v->timers.lock);
	store_seq(&v->timers.tick_stopped, 0u);
	arm(v);
	lock_drop(&v->timers.lock);
}

void timers_set_period(struct hv_vcpu *v, uint64_t period)
{
	set_one(v, &v->timers.period, period);
}

/*
 * Its poll's deadline came. With the timer lock held, so that it is this poll's and not the next
 * one's.
 */
static void end_poll(struct hv_vcpu *v)
{
	uint32_t old = fetch_and_seq(&v->stopped, ~STOP_BLOCKED);

	store_relaxed(&v->timers.poll, HV_NEVER);
	if (old & STOP_BLOCKED)
		runstate_changed(v);
	if (old != STOP_BLOCKED)
		return;
	store_seq(&v->timers.tick_stopped, 0u);
	v->domain->hv->ops->kick(v);
}

/* Has a watchdog not been fed? Timer lock held. */
static bool barks(struct timers *t, uint64_t t_now)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < WATCHDOGS; i++) {
		if (t->watchdog[i] > t_now)
			continue;
		t->watchdog[i] = HV_NEVER;
		any = true;
	}
	return any;
}

void hv_vcpu_timer(struct hv_vcpu *v)
{
	struct timers *t = &v->timers;
	bool virq = false, bark;
	uint64_t t_now;

	lock_take(v->domain->hv, &t->lock);
	t_now = now(v->domain->hv);
	if (t->single <= t_now) {
		t->single = HV_NEVER;
		virq = true;
	}
	if (t->poll <= t_now)
		end_poll(v);
	if (tick(v, t_now))
		virq = true;
	bark = barks(t, t_now);
	t->armed = HV_NEVER - 1; /* the embedder's is spent, so it is told again whatever it is */
	arm(v);
	lock_drop(&t->lock);
	/* Without the lock: this may wake the vCPU, which starts its tick again. */
	if (virq)
		hv_vcpu_virq(v, VIRQ_TIMER);
	if (bark)
		domain_shutdown(v->domain, SHUTDOWN_watchdog);
}

/*
 * 0 stops it. A time that cannot be meant (negative, or years away) comes soon instead, as on Xen:
 * guests have done that.
 */
long do_set_timer_op(struct hv_vcpu *v, const uint64_t a[6])
{
	uint64_t t_now = now(v->domain->hv);
	uint64_t when = a[0];

	if (when == 0)
		when = HV_NEVER;
	else if (when > INT64_MAX || (when > t_now && (when - t_now) >> FAR_OFF_BITS))
		when = t_now + FAR_OFF_NS;
	timers_set_single(v, when);
	return 0;
}

/* ---- clocks ---- */

/*
 * The guest reads version, members, version: an odd one or two different ones send it back. So the
 * first store of version comes before those of the members, and the second after them; the guest
 * may write to all of it, and only it suffers.
 */
static void write_halves(uint32_t half[2], uint64_t value)
{
	store_release(&half[0], (uint32_t)value);
	store_release(&half[1], (uint32_t)(value >> 32));
}

static void write_time(struct area_time *t, const struct clock *c, uint32_t version)
{
	store_seq(&t->version, version | 1);
	/* Release keeps each behind the odd version above, and the even one behind them all. */
	write_halves(t->tsc_timestamp, c->cycles);
	write_halves(t->system_time, c->ns);
	store_release(&t->tsc_to_system_mul, c->mul);
	store_release(&t->tsc_shift, c->shift);
	store_release(&t->flags, c->flags);
	store_release(&t->version, (version | 1) + 1);
}

static void update_vcpu(struct hv_vcpu *v, const struct clock *c)
{
	struct vcpu_area *info;

	lock_take(v->domain->hv, &v->clock_lock);
	info = load_acquire(&v->info);
	v->time_version += 2;
	if (info)
		write_time(&info->time, c, v->time_version);
	lock_drop(&v->clock_lock);
}

void clock_update_vcpu(struct hv_vcpu *v)
{
	struct hv *hv = v->domain->hv;

	/* Held meanwhile, or this might write an old relation over a new one. */
	lock_take(hv, &hv->lock);
	update_vcpu(v, &hv->clock);
	lock_drop(&hv->lock);
}

/* hv->lock held: nobody else writes it. */
static void update_wallclock(struct hv_domain *d, const struct clock *c)
{
	struct shared_info *s = d->shared;
	struct compat_shared_info *s32 = shared32(d);
	bool narrow = d->compat32;
	uint32_t *version = narrow ? &s32->wc_version : &s->wc_version;

	d->wallclock_version += 2;
	store_seq(version, d->wallclock_version | 1);
	store_release(narrow ? &s32->wc_sec : &s->wc_sec, (uint32_t)c->wall_sec);
	store_release(narrow ? &s32->arch.wc_sec_hi : &s->wc_sec_hi, (uint32_t)(c->wall_sec >> 32));
	store_release(narrow ? &s32->wc_nsec : &s->wc_nsec, c->wall_nsec);
	store_release(version, (d->wallclock_version | 1) + 1);
}

void clock_update_domain(struct hv_domain *d)
{
	unsigned i;

	update_wallclock(d, &d->hv->clock);
	for (i = 0; i < d->max_vcpus; i++)
		update_vcpu(d->vcpu[i], &d->hv->clock);
}

void hv_set_clock(struct hv *hv, uint64_t at_cycles, uint64_t at_ns, uint32_t mul, int8_t shift)
{
	struct hv_domain *d;

	lock_take(hv, &hv->lock);
	hv->clock.cycles = at_cycles;
	hv->clock.ns = at_ns;
	hv->clock.mul = mul;
	hv->clock.shift = shift;
	for (d = hv->first; d; d = d->next)
		clock_update_domain(d);
	lock_drop(&hv->lock);
}

void hv_set_clock_stable(struct hv *hv, bool stable)
{
	struct hv_domain *d;

	lock_take(hv, &hv->lock);
	hv->clock.flags = stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
	for (d = hv->first; d; d = d->next)
		clock_update_domain(d);
	lock_drop(&hv->lock);
}

void hv_set_wallclock(struct hv *hv, uint64_t sec, uint32_t nsec)
{
	struct hv_domain *d;

	lock_take(hv, &hv->lock);
	hv->clock.wall_sec = sec;
	hv->clock.wall_nsec = nsec;
	for (d = hv->first; d; d = d->next)
		update_wallclock(d, &hv->clock);
	lock_drop(&hv->lock);
}
