/* SPDX-License-Identifier: MIT */
/*
 * The counters' slow side: who has a slot, and what was counted in all places together. The other
 * one is count() in vcpu.h.
 */
#include "count.h"

#include "private.h"
#include "vcpu.h"

void count_begin(struct hv_vcpu *v)
{
	uint32_t *used = &v->domain->hv->count_slots;
	uint64_t slot;

	v->cells = COUNT_CELLS;
	if (*used == UINT32_MAX)
		return;
	slot = (uint64_t)__builtin_ctz(~*used);
	*used |= 1u << slot;
	v->cells = slot * COUNT_KINDS;
}

static void add(uint64_t n[COUNT_KINDS], const uint64_t *cells)
{
	unsigned kind;

	for (kind = 0; kind < COUNT_KINDS; kind++)
		n[kind] += load_relaxed(&cells[kind]);
}

/* What it has counted for others is theirs now. */
static void hand_over(const struct hv_vcpu *by)
{
	struct hv_vcpu *v;
	unsigned kind;

	for (v = by->domain->hv->vcpus; v; v = v->next)
		for (kind = 0; v->cells < COUNT_CELLS && kind < COUNT_KINDS; kind++)
			fetch_add_relaxed(&v->counting.others[kind],
					  load_relaxed(&by->counting.sent[v->cells + kind]));
}

void count_end(struct hv_vcpu *v)
{
	struct hv *hv = v->domain->hv;
	struct hv_vcpu *by;
	unsigned kind;

	hand_over(v);
	if (v->cells == COUNT_CELLS)
		return;
	/* Nobody counts there now: who gets the slot next begins at 0. */
	for (by = hv->vcpus; by; by = by->next)
		for (kind = 0; kind < COUNT_KINDS; kind++)
			store_relaxed(&by->counting.sent[v->cells + kind], UINT64_C(0));
	hv->count_slots &= ~(1u << v->cells / COUNT_KINDS);
}

void count_sum(const struct hv_vcpu *v, uint64_t n[COUNT_KINDS])
{
	struct hv *hv = v->domain->hv;
	const struct hv_vcpu *by;

	lock_take(hv, &hv->count_lock);
	add(n, v->counting.others);
	for (by = hv->vcpus; by && v->cells < COUNT_CELLS; by = by->next)
		add(n, &by->counting.sent[v->cells]);
	lock_drop(&hv->count_lock);
}
