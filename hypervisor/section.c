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
