/* SPDX-License-Identifier: MIT */
/*
 * The counters' slow side: who gets a cell, and what is in all of them together. Cells are given to
 * the first that comes, and are never taken from it but by its end: so nothing has to be moved
 * while somebody adds.
 */
#include "count.h"

#include "private.h"
#include "vcpu.h"

void count_begin(struct hv_vcpu *v)
{
	unsigned n = v->domain->hv->count_next++;

	v->counting.place = n % COUNT_CELLS * (unsigned)sizeof(struct count_cell);
}

/* What it has counted for others is theirs now. All of these live: see below. */
static void hand_over(struct counting *by)
{
	unsigned i, kind;

	for (i = 0; i < COUNT_CELLS; i++) {
		struct count_cell *c = &by->cell[i];
		struct hv_vcpu *of = load_relaxed(&c->of);

		for (kind = 0; of && kind < COUNT_KINDS; kind++)
			fetch_add_relaxed(&of->counting.others[kind], load_relaxed(&c->n[kind]));
	}
}

void count_end(struct hv_vcpu *v)
{
	struct hv_vcpu *by;

	hand_over(&v->counting);
	for (by = v->domain->hv->vcpus; by; by = by->next) {
		struct count_cell *c = count_cell(by, v);

		/* Its sender may look at it now, for another vCPU. It is free for that one then. */
		if (load_relaxed(&c->of) == v)
			store_release(&c->of, (struct hv_vcpu *)NULL);
	}
}

void count_sum(const struct hv_vcpu *v, uint64_t n[COUNT_KINDS])
{
	struct hv *hv = v->domain->hv;
	struct hv_vcpu *by;
	unsigned kind;

	lock_take(hv, &hv->count_lock);
	for (kind = 0; kind < COUNT_KINDS; kind++)
		n[kind] = load_relaxed(&v->counting.others[kind]);
	for (by = hv->vcpus; by; by = by->next) {
		const struct count_cell *c = count_cell(by, v);

		/* Acquire: pairs with count_otherwise(), that has cleared what was before. */
		if (load_acquire(&c->of) == v)
			for (kind = 0; kind < COUNT_KINDS; kind++)
				n[kind] += load_relaxed(&c->n[kind]);
	}
	lock_drop(&hv->count_lock);
}

void count_otherwise(struct hv_vcpu *by, struct hv_vcpu *v, enum counted kind)
{
	struct count_cell *c = by ? count_cell(by, v) : NULL;
	unsigned i;

	/* Only we make it anybody's. Acquire: pairs with count_end(). */
	if (!c || load_acquire(&c->of)) {
		fetch_add_relaxed(&v->counting.others[kind], UINT64_C(1));
		return;
	}
	for (i = 0; i < COUNT_KINDS; i++)
		store_relaxed(&c->n[i], (uint64_t)(i == kind));
	store_release(&c->of, v);
}
