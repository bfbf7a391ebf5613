/* SPDX-License-Identifier: MIT */
/*
 * The waiting side of the read sections. The two phases are for progress only: new senders count in
 * the other phase than the one waited for, so a wait ends however many senders there are.
 */
#include "section.h"

#include "lock.h"
#include "private.h"

void section_add(struct hv *hv, struct section *s)
{
	lock_take(hv, &hv->section_lock);
	s->next = hv->sections;
	hv->sections = s;
	lock_drop(&hv->section_lock);
}

void section_remove(struct hv *hv, struct section *s)
{
	struct section **p;

	lock_take(hv, &hv->section_lock);
	for (p = &hv->sections; *p; p = &(*p)->next) {
		if (*p == s) {
			*p = s->next;
			break;
		}
	}
	lock_drop(&hv->section_lock);
}

static void wait_phase(const struct hv *hv, unsigned p)
{
	const struct section *s;

	for (s = hv->sections; s; s = s->next)
		while (load_seq(&s->inside[p]))
			relax(hv);
}

/*
 * Twice: a sender may have read the phase, been stopped, and count itself in that phase only after
 * it was flipped. It may so have entered before our caller's store and be in either; when both have
 * been empty once since, it is out.
 */
void sections_wait(struct hv *hv)
{
	unsigned i;

	lock_take(hv, &hv->section_lock);
	for (i = 0; i < 2; i++) {
		uint32_t old = load_relaxed(&hv->phase);

		store_seq(&hv->phase, old + 1);
		wait_phase(hv, old & 1);
	}
	lock_drop(&hv->section_lock);
}
