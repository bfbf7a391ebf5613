/* SPDX-License-Identifier: MIT */
/*
 * The waiting side of the read sections. An epoch is for progress only: senders that enter in a new
 * one are not waited for, so a wait ends however many senders there are.
 */
#include "section.h"

#include "lock.h"
#include "private.h"

/* Who entered in that epoch or before is out. One who came later has seen what we wait for. */
static void wait_vcpus(const struct hv *hv, uint64_t epoch)
{
	const struct hv_vcpu *v;
	uint64_t e;

	for (v = hv->vcpus; v; v = v->next)
		while ((e = load_seq(&v->section.inside)) != 0 && e <= epoch)
			relax(hv);
}

/*
 * Both counts have been empty once. Either may have somebody who entered before our caller's store:
 * a sender may have read the epoch, been stopped, and counted itself in it only when it was over.
 * While we wait for one, who comes counts in the other.
 */
static void wait_shared(struct hv *hv, uint64_t epoch)
{
	const struct shared_section *s = &hv->section;

	while (load_seq(&s->inside[epoch & 1]))
		relax(hv);
	if (!load_seq(&s->inside[(epoch + 1) & 1]))
		return;
	store_seq(&hv->epoch, epoch + 2);
	while (load_seq(&s->inside[(epoch + 1) & 1]))
		relax(hv);
}

void sections_wait(struct hv *hv)
{
	uint64_t epoch;

	lock_take(hv, &hv->section_lock);
	epoch = load_relaxed(&hv->epoch);
	store_seq(&hv->epoch, epoch + 1);
	wait_vcpus(hv, epoch);
	wait_shared(hv, epoch);
	lock_drop(&hv->section_lock);
}

/*
 * Each of them was seen outside once after the caller's store: who enters later sees that, and who
 * had entered before is out. So nobody is waited for, and no epoch has to end.
 */
static bool all_out(const struct hv_domain *d)
{
	const struct shared_section *s = &d->hv->section;
	struct hv_vcpu *const *v = d->vcpu, *const *end = v + d->max_vcpus;

	if (load_seq(&s->inside[0]) || load_seq(&s->inside[1]))
		return false;
	for (; v < end; v++)
		if (load_seq(&(*v)->section.inside))
			return false;
	return true;
}

void sections_wait_domain(const struct hv_domain *d)
{
	if (!all_out(d))
		sections_wait(d->hv);
}
