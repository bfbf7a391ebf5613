/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: making them, starting and stopping them, moving their vcpu_info, and vcpu_op. Not here:
 * what makes them wait (sched.c), when their timers fire (time.c).
 */
#include "vcpu.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#include "atomic.h"
#include "bound.h"
#include "compat.h"
#include "domain.h"
#include "entry.h"
#include "guest_access.h"
#include "policy.h"
#include "probe.h"
#include "runstate.h"
#include "time.h"

#define MS UINT64_C(1000000)

#define SAME_PLACE(here, member)                                                               \
	_Static_assert(offsetof(struct vcpu_area, here) == offsetof(struct vcpu_info, member), \
		       "vcpu_info.");                                                          \
	_Static_assert(offsetof(struct vcpu_area, here) ==                                     \
			       offsetof(struct compat_vcpu_info, member),                      \
		       "compat_vcpu_info.")

SAME_PLACE(evtchn_upcall_pending, evtchn_upcall_pending);
SAME_PLACE(evtchn_upcall_mask, evtchn_upcall_mask);
SAME_PLACE(time, time);
SAME_PLACE(time.version, time.version);
SAME_PLACE(time.tsc_timestamp, time.tsc_timestamp);
SAME_PLACE(time.system_time, time.system_time);
SAME_PLACE(time.tsc_to_system_mul, time.tsc_to_system_mul);
SAME_PLACE(time.tsc_shift, time.tsc_shift);
SAME_PLACE(time.flags, time.flags);
_Static_assert(offsetof(struct vcpu_area, selector64) ==
			       offsetof(struct vcpu_info, evtchn_pending_sel) &&
		       offsetof(struct vcpu_area, selector32) ==
			       offsetof(struct compat_vcpu_info, evtchn_pending_sel),
	       "selectors");
_Static_assert(sizeof(struct vcpu_area) == sizeof(struct vcpu_info) &&
		       sizeof(struct vcpu_area) == sizeof(struct compat_vcpu_info),
	       "one size");

/* Into the list of those whose sections are waited for, and whose counts are added up. */
static void enlist(struct hv *hv, struct hv_vcpu *v)
{
	lock_take(hv, &hv->section_lock);
	lock_take(hv, &hv->count_lock);
	count_begin(v);
	v->next = hv->vcpus;
	hv->vcpus = v;
	lock_drop(&hv->count_lock);
	lock_drop(&hv->section_lock);
}

static void delist(struct hv *hv, struct hv_vcpu *v)
{
	struct hv_vcpu **p;

	lock_take(hv, &hv->section_lock);
	lock_take(hv, &hv->count_lock);
	for (p = &hv->vcpus; *p != v; p = &(*p)->next)
		;
	*p = v->next;
	count_end(v);
	lock_drop(&hv->count_lock);
	lock_drop(&hv->section_lock);
}

int vcpu_create(struct hv_domain *d, unsigned id)
{
	struct hv_vcpu *v = alloc(d->hv, sizeof(*v));

	if (!v)
		return -XEN_ENOMEM;
	if (entry_init(d, &v->entry)) {
		release(d->hv, v, sizeof(*v));
		return -XEN_ENOMEM;
	}
	v->domain = d;
	v->id = id;
	v->first_queue = id * EVTCHN_FIFO_MAX_QUEUES;
	v->stopped = STOP_DOWN;
	runstate_init(v);
	v->info_mfn = HV_NEVER;
	if (id < XEN_LEGACY_MAX_VCPUS) {
		v->info = (struct vcpu_area *)(void *)&d->shared->vcpu_info[id];
		v->info_offset = (unsigned)(id * sizeof(struct vcpu_area));
	}
	d->vcpu[id] = v;
	enlist(d->hv, v);
	return 0;
}

void vcpu_free(struct hv_domain *d, unsigned id)
{
	struct hv_vcpu *v = d->vcpu[id];

	if (!v)
		return;
	d->vcpu[id] = NULL;
	delist(d->hv, v);
	if (v->info_mfn != HV_NEVER)
		mm_put_frame(d, v->info_mfn);
	entry_free(d->hv, &v->entry);
	release(d->hv, v->context, sizeof(*v->context));
	release(d->hv, v, sizeof(*v));
}

struct hv_vcpu *vcpu_find(const struct hv_domain *d, uint64_t id)
{
	if (id >= d->max_vcpus)
		return NULL;
	return d->vcpu[index_nospec(id, d->max_vcpus)];
}

static void kick(struct hv_vcpu *v)
{
	v->domain->hv->ops->kick(v);
}

void vcpu_stop(struct hv_vcpu *v, uint32_t reasons)
{
	uint32_t old = fetch_or_seq(&v->stopped, reasons);

	runstate_changed(v);
	if (old == 0)
		kick(v);
}

/* Pairs with tick() in time.c, which stops the tick and then looks at the reasons. */
bool vcpu_let_run(struct hv_vcpu *v, uint32_t reasons)
{
	uint32_t old = fetch_and_seq(&v->stopped, ~reasons);

	if (!(old & reasons) || (old & ~reasons))
		return false;
	runstate_changed(v);
	if (load_seq(&v->timers.tick_stopped))
		timers_resumed(v);
	return true;
}

void vcpu_resume(struct hv_vcpu *v, uint32_t reasons)
{
	if (vcpu_let_run(v, reasons))
		kick(v);
}

void vcpu_wake(struct hv_vcpu *v)
{
	vcpu_let_run(v, STOP_BLOCKED);
	kick(v);
}

void vcpu_tell_uncounted(struct hv_vcpu *v)
{
	fetch_add_relaxed(&v->kicks, UINT64_C(1));
	vcpu_tell(v);
}

bool vcpu_has_upcall(const struct hv_vcpu *v)
{
	const struct vcpu_area *info = load_seq(&v->info);

	return info && load_seq(&info->evtchn_upcall_pending) &&
	       !load_seq(&info->evtchn_upcall_mask);
}

/* ---- the first context ---- */

/*
 * Called with the domain's lock held; it has been checked. The context is the vCPU's from then on.
 */
static void set_context(struct hv_vcpu *v, struct vcpu_guest_context *c)
{
	struct hv_domain *d = v->domain;

	/* The domain has all its memory when its first vCPU starts. */
	if (d->shared_mfn == HV_NEVER)
		d->shared_mfn = mm_frame_number(d, d->shared);
	entry_from_context(&v->entry, c);
	/* Release: who sees the context (hv_vcpu_context) sees all of it, and the entry points. */
	store_release(&v->context, c);
	clock_update_vcpu(v);
}

int hv_vcpu_start(struct hv_vcpu *v, const struct vcpu_guest_context *ctx)
{
	struct hv_domain *d = v->domain;
	struct vcpu_guest_context *c = alloc(d->hv, sizeof(*c));
	int rc;

	if (!c)
		return -XEN_ENOMEM;
	*c = *ctx;
	lock_take(d->hv, &d->lock);
	rc = v->context ? -XEN_EEXIST : entry_check(c);
	if (rc == 0 && d->compat32 && !compat_context_fits(c))
		rc = -XEN_EINVAL;
	if (rc == 0)
		rc = mm_load_root(v, xen_cr3_to_pfn(c->ctrlreg[3]));
	if (rc == 0)
		set_context(v, c);
	lock_drop(&d->lock);
	if (rc) {
		release(d->hv, c, sizeof(*c));
		return rc;
	}
	vcpu_resume(v, STOP_DOWN);
	return 0;
}

/*
 * What a guest gives a vCPU must fit the machine: its root is then loaded. A domain that has no
 * page tables here may say what it likes.
 */
static int check_guest_context(struct hv_vcpu *v, const struct vcpu_guest_context *c)
{
	struct hv_domain *d = v->domain;
	uint64_t frames[16];
	unsigned i;
	int rc;

	if (entry_check(c))
		return -XEN_EINVAL;
	if (!mm_adopted(d))
		return 0;
	if (c->gdt_ents > FIRST_RESERVED_GDT_ENTRY)
		return -XEN_EINVAL;
	rc = mm_load_root(v, xen_cr3_to_pfn(c->ctrlreg[3]));
	if (rc)
		return rc;
	for (i = 0; i < 16; i++)
		frames[i] = c->gdt_frames[i];
	rc = mm_set_gdt(v, frames, (unsigned)c->gdt_ents);
	if (rc)
		goto unload;
	rc = mm_set_ldt(v, c->ldt_base, c->ldt_ents);
	if (rc)
		goto drop_gdt;
	return 0;

drop_gdt:
	(void)mm_set_gdt(v, frames, 0);
unload:
	mm_unload_root(v);
	return rc;
}

/*
 * From the caller's memory. The selectors of its callbacks are flat ones for a 64-bit guest, and
 * have no place in a struct vcpu_guest_context.
 */
static int read_context(struct hv_vcpu *self, struct vcpu_guest_context *c, uint64_t arg,
			struct hv_entry *selectors)
{
	if (self->domain->compat32)
		return compat_read_context(self, c, arg, selectors);
	return copy_from_guest(self, c, arg, sizeof(*c));
}

/*
 * As on Xen, a context that says so makes the vCPU up, but does not wake it; and VCPUOP_up wakes
 * only one that was down. So it runs after it was down or paused, not before. Guests leave the flag
 * to Xen's tools.
 */
static void begin_up(struct hv_vcpu *v)
{
	fetch_or_seq(&v->stopped, STOP_ASLEEP);
	fetch_and_seq(&v->stopped, ~STOP_DOWN);
}

static long op_initialise(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self)
{
	struct hv_domain *d = v->domain;
	struct vcpu_guest_context *c;
	struct hv_entry selectors = { .event_cs = FLAT_KERNEL_CS, .failsafe_cs = FLAT_KERNEL_CS };
	long rc;

	if (!load_acquire(&v->info))
		return -XEN_EINVAL;
	c = alloc(d->hv, sizeof(*c));
	if (!c)
		return -XEN_ENOMEM;
	rc = read_context(self, c, arg, &selectors);
	if (rc == 0) {
		lock_take(d->hv, &d->lock);
		rc = v->context ? -XEN_EEXIST : check_guest_context(v, c);
		if (rc == 0) {
			v->entry.at.event_cs = selectors.event_cs;
			v->entry.at.failsafe_cs = selectors.failsafe_cs;
			set_context(v, c);
			if (c->flags & VGCF_online)
				begin_up(v);
		}
		lock_drop(&d->lock);
	}
	if (rc)
		release(d->hv, c, sizeof(*c));
	return rc;
}

static long op_up(struct hv_vcpu *v)
{
	struct hv_domain *d = v->domain;
	bool may = load_acquire(&v->context);

	/* With the lock, so that who finds it down under the lock (register_info) has it down. */
	lock_take(d->hv, &d->lock);
	if (may && (load_seq(&v->stopped) & STOP_DOWN))
		vcpu_resume(v, STOP_DOWN | STOP_ASLEEP);
	lock_drop(&d->lock);
	return may ? 0 : -XEN_EINVAL;
}

/* The last one that goes down takes the domain with it. */
static long op_down(struct hv_vcpu *v)
{
	struct hv_domain *d = v->domain;
	bool last = true;
	unsigned i;

	lock_take(d->hv, &d->lock);
	for (i = 0; i < d->max_vcpus; i++)
		if (i != v->id && !(load_seq(&d->vcpu[i]->stopped) & STOP_DOWN))
			last = false;
	if (!last)
		vcpu_stop(v, STOP_DOWN);
	lock_drop(&d->lock);
	if (last)
		domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

/* ---- the rest of vcpu_op ---- */

/*
 * It is the same area in another place: contents go along, and everything is marked pending so that
 * nothing is lost.
 */
static void move_info(struct hv_vcpu *v, struct vcpu_area *to)
{
	struct vcpu_area *from = v->info;

	if (from) {
		memcpy(to, from, sizeof(*to));
	} else {
		memset(to, 0, sizeof(*to));
		to->evtchn_upcall_mask = 1;
	}
	/*
	 * Pairs with select_word(): a sender that reads the old place has set its pending bit
	 * already, and the guest looks for bits only after the stores below.
	 */
	store_seq(&v->info, to);
	if (v->domain->compat32)
		store_seq(&to->selector32, UINT32_MAX);
	else
		store_seq(area_selector64(to), UINT64_MAX);
	store_seq(&to->evtchn_upcall_pending, (uint8_t)1);
}

static long register_info(struct hv_vcpu *v, const struct vcpu_register_vcpu_info *r,
			  struct hv_vcpu *self)
{
	struct hv_domain *d = v->domain;
	uint32_t align =
		d->compat32 ? _Alignof(struct compat_vcpu_info) : _Alignof(struct vcpu_info);
	uint8_t *frame;

	if (r->offset > HV_PAGE_SIZE - sizeof(struct vcpu_area) || r->offset % align)
		return -XEN_ENXIO;
	if (v->info_mfn != HV_NEVER)
		return -XEN_EINVAL;
	if (v != self && !(load_seq(&v->stopped) & STOP_DOWN))
		return -XEN_EINVAL;
	frame = mm_get_frame(d, r->mfn);
	if (!frame)
		return -XEN_EINVAL;
	v->info_mfn = r->mfn;
	v->info_offset = r->offset;
	lock_take(d->hv, &v->clock_lock);
	move_info(v, (struct vcpu_area *)(void *)(frame + index_nospec(r->offset, HV_PAGE_SIZE)));
	lock_drop(&v->clock_lock);
	clock_update_vcpu(v);
	vcpu_resume(v, STOP_BLOCKED);
	return 0;
}

static long op_register_info(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self)
{
	struct hv_domain *d = v->domain;
	struct vcpu_register_vcpu_info r;
	long rc;

	if (copy_from_guest(self, &r, arg, sizeof(r)))
		return -XEN_EFAULT;
	lock_take(d->hv, &d->lock);
	rc = register_info(v, &r, self);
	lock_drop(&d->lock);
	return rc;
}

static long op_set_periodic(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self)
{
	struct vcpu_set_periodic_timer set;

	if (copy_from_guest(self, &set, arg, sizeof(set)))
		return -XEN_EFAULT;
	if (set.period_ns < MS || set.period_ns > INT64_MAX >> 2)
		return -XEN_EINVAL;
	timers_set_period(v, set.period_ns);
	return 0;
}

static long op_set_single(struct hv_vcpu *v, uint64_t arg, struct hv_vcpu *self)
{
	struct vcpu_set_singleshot_timer set;

	if (v != self)
		return -XEN_EINVAL;
	if (copy_from_guest(self, &set, arg, sizeof(set)))
		return -XEN_EFAULT;
	/* Not even VCPU_SSHOTTMR_future has a time refused that is over: Xen fires at once. */
	timers_set_single(v, set.timeout_abs_ns);
	return 0;
}

static long op_send_nmi(struct hv_vcpu *v, uint64_t arg)
{
	if (arg)
		return -XEN_EINVAL;
	hv_vcpu_send_nmi(v);
	return 0;
}

static long op_stop_single(struct hv_vcpu *v, struct hv_vcpu *self)
{
	if (v != self)
		return -XEN_EINVAL;
	timers_set_single(v, HV_NEVER);
	return 0;
}

long do_vcpu_op(struct hv_vcpu *self, const uint64_t a[6])
{
	struct hv_vcpu *v = vcpu_find(self->domain, (uint32_t)a[1]);
	long rc;

	if (!v)
		return -XEN_ENOENT;
	rc = policy_ask_own(self, HV_OP_VCPU, (uint32_t)a[0]);
	if (rc)
		return rc;
	switch ((uint32_t)a[0]) {
	case VCPUOP_initialise:
		return op_initialise(v, a[2], self);
	case VCPUOP_up:
		return op_up(v);
	case VCPUOP_down:
		return op_down(v);
	case VCPUOP_is_up:
		return !(load_seq(&v->stopped) & STOP_DOWN);
	case VCPUOP_get_runstate_info:
		return runstate_get(v, a[2], self);
	case VCPUOP_register_runstate_memory_area:
		return runstate_register_area(v, a[2], self);
	case VCPUOP_set_periodic_timer:
		return op_set_periodic(v, a[2], self);
	case VCPUOP_stop_periodic_timer:
		timers_set_period(v, 0);
		return 0;
	case VCPUOP_send_nmi:
		return op_send_nmi(v, a[2]);
	case VCPUOP_set_singleshot_timer:
		return op_set_single(v, a[2], self);
	case VCPUOP_stop_singleshot_timer:
		return op_stop_single(v, self);
	case VCPUOP_register_vcpu_info:
		return op_register_info(v, a[2], self);
	default:
		return -XEN_ENOSYS;
	}
}

/* ---- for the embedder ---- */

struct hv_domain *hv_vcpu_domain(const struct hv_vcpu *v)
{
	return v->domain;
}

unsigned hv_vcpu_id(const struct hv_vcpu *v)
{
	return v->id;
}

void hv_vcpu_set_user(struct hv_vcpu *v, void *user)
{
	v->user = user;
}

void *hv_vcpu_user(const struct hv_vcpu *v)
{
	return v->user;
}

const struct vcpu_guest_context *hv_vcpu_context(const struct hv_vcpu *v)
{
	return load_acquire(&v->context);
}

bool hv_vcpu_runnable(const struct hv_vcpu *v)
{
	return load_seq(&v->stopped) == 0;
}

bool hv_vcpu_upcall_due(const struct hv_vcpu *v)
{
	return vcpu_has_upcall(v) && load_relaxed(&v->entry.at.event);
}

static struct vcpu_area *where_info(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset)
{
	if (mfn)
		*mfn = v->info_mfn != HV_NEVER ? v->info_mfn : v->domain->shared_mfn;
	if (offset)
		*offset = v->info_offset;
	return load_acquire(&v->info);
}

struct vcpu_info *hv_vcpu_info(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset)
{
	if (v->domain->compat32)
		return NULL;
	return (struct vcpu_info *)(void *)where_info(v, mfn, offset);
}

struct compat_vcpu_info *hv_vcpu_info32(const struct hv_vcpu *v, uint64_t *mfn, unsigned *offset)
{
	if (!v->domain->compat32)
		return NULL;
	return (struct compat_vcpu_info *)(void *)where_info(v, mfn, offset);
}
