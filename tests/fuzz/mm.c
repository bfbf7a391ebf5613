/* SPDX-License-Identifier: MIT */
/*
 * fuzz-mm: a PV domain's two vCPUs change page tables, roots, GDTs and LDTs, while others write to
 * the pages that are mapped writable (mutator.h). Every answer must be the one that follows from a
 * walk over all tables (mm_uses.h), and after each step every type and count, every mapping that
 * the embedder was told of and every table must be as such a walk finds them. Two other kinds of
 * guests: one whose arguments change while they are read, so that answers are not known; and one
 * that writes its tables itself, as where memory is shared, of which only the host must be safe.
 */
#include <string.h>

#include "mm_step.h"
#include "mutator.h"

#define STEPS 150u
#define BATCH 120u
#define DONE  (BASE + 4096 + 4088) /* where the count of a batch's requests is put */

/* The tables as they were. */
static uint64_t before[RAM_PAGES][ENTRIES];

/* ---- numbers ---- */

/* Its arguments' two pages are for nothing else. */
uint64_t take_frame(struct input *in)
{
	static const uint64_t strange[] = { SHARED_MFN,	 SHARED_MFN + 1, LOCKED_MFN,
					    SPECIAL_MFN, 0x9000,	 0,
					    RAM_MFN - 1, NO_MFN,	 NO_MFN >> 12 };
	/* Those that are tables, or may soon be. */
	static const unsigned tables[] = { ROOT,     L3,       L2,	 L1,	    TREE,
					   TREE + 1, TREE + 2, TREE + 3, FIRST_GDT, FIRST_GDT + 1,
					   COPY,     COPY + 1, TREE + 4, TREE + 5 };
	uint8_t b = take8(in);
	uint64_t mfn = RAM_MFN + 2 + b % (RAM_PAGES - 2);

	if (b >= 250)
		mfn = take64(in);
	else if (b >= 235)
		mfn = strange[b % (sizeof(strange) / sizeof(strange[0]))];
	else if (b >= 120)
		mfn = RAM_MFN + tables[b % (sizeof(tables) / sizeof(tables[0]))];
	return mfn - RAM_MFN < 2 ? mfn + 2 : mfn;
}

uint64_t take_entry(struct input *in)
{
	static const uint64_t flags[] = {
		PRESENT | RW,	      PRESENT,	   PRESENT | RW | USER, TABLE, PRESENT | NX,
		PRESENT | RW | NX,    TABLE,	   PRESENT | DIRTY,	0x81,  PRESENT | RW | 0x100,
		PRESENT | 1ull << 62, ~0ull << 52,
	};
	uint8_t kind = take8(in);

	if (kind >= 250)
		return take64(in);
	if (kind >= 225)
		return 0;
	return take_frame(in) << 12 | flags[kind % (sizeof(flags) / sizeof(flags[0]))];
}

/* One of a few, so that things meet; seldom one on the way to the arguments. */
unsigned take_slot(struct input *in, uint64_t table)
{
	static const unsigned slots[] = { 1, 2, 5, 255, 256, 271, 272, 511, 0, 4 };
	uint8_t b = take8(in);
	unsigned slot = b < 200 ? slots[b % 10u] : b % 48u;

	if (b >= 253 || (slot > 1 && (table != RAM_MFN + L3 || slot != 4)))
		return slot;
	return slot == 1 && table != RAM_MFN + L1 ? 1 : slot + 2;
}

uint64_t take_va(struct input *in)
{
	static const uint64_t slots[] = { 0, 1, 511, 4, 5, 255, 272, 2 };
	uint8_t b = take8(in);
	uint64_t va;

	if (b < 160)
		return BASE + (2ull + b % (RAM_PAGES - 2)) * 4096;
	if (b < 170)
		return BASE + b % 4u * 4096;
	if (b < 210)
		return BASE + (1ull << 21) * (1 + b % 5u) + take8(in) % 10u * 4096;
	if (b >= 250)
		return take64(in);
	va = slots[b % 8u] << 39 | slots[take8(in) % 8u] << 30;
	b = take8(in);
	va |= slots[b % 8u] << 21 | slots[b / 8u % 8u] << 12;
	return va >> 47 ? va | UINT64_MAX << 48 : va;
}

/* ---- hypercalls ---- */

long call(struct machine *x, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	uint64_t a[6] = { a0, a1, a2, a3 };
	long rc;

	do {
		rc = hv_hypercall(x->v, nr, a);
	} while (hv_vcpu_preempted(x->v));
	return rc;
}

uint64_t args(struct machine *x, const void *from, size_t n)
{
	memcpy(x->s->ram + ARGS * ENTRIES, from, n);
	return BASE + ARGS * 4096ull;
}

bool done(struct machine *x, const char *what, long rc, bool should)
{
	bool refused = x->e->refused;

	MUST(x->unknown || (rc >= 0) == (should && !refused), "%s: %ld%s", what, rc,
	     refused ? ", and it was refused" : "");
	return rc >= 0;
}

/* ---- entries ---- */

/* May this be stored? While it is, the old one still counts. */
static bool may_store(const struct machine *x, uint64_t table, unsigned slot, uint64_t value)
{
	unsigned level = mm_level_of(&x->u, table);
	struct mm_extra extra = { level, slot, level == TOP ? 0 : table, value };
	struct mm_uses u;
	uint64_t old;

	if (!level)
		return mm_is_data(&x->u, table);
	old = mm_page(x->s, table)[slot];
	if ((value & PRESENT) && !mm_flags_ok(value, level))
		return false;
	if (level == TOP && !mm_root_slot_ok(slot))
		return false;
	/* One address space: what another root says, too, cannot be changed. */
	if (level == TOP && x->u.roots > 1 && !mm_same_mapping(old, value))
		return false;
	if (level > 1 && (old & value & PRESENT) && MFN(old) == MFN(value))
		return true;
	mm_uses_find(&u, x->s, &extra);
	return mm_uses_valid(&u);
}

static void stored(struct machine *x, uint64_t table, unsigned slot, uint64_t value)
{
	x->changed = mm_page(x->s, table) + slot;
	x->to = value;
}

static void mmu_update(struct machine *x, struct input *in)
{
	uint64_t table = take_frame(in);
	unsigned slot = take_slot(in, table), command = take8(in);
	struct mmu_update u = { (table << 12) + slot * 8ull, take_entry(in) };
	uint64_t value = u.val, owners = command & 0x10 ? command >> 5 : DOMID_SELF;
	bool should;

	if (command >= 200)
		x->e->fail_in = 1 + command % 5;
	command = command & 8 ? command % 8u : 0;
	u.ptr |= command;
	table = u.ptr >> 12;
	if (command == MMU_PT_UPDATE_PRESERVE_AD && mm_level_of(&x->u, table))
		value |= mm_page(x->s, table)[slot] & (ACCESSED | DIRTY);
	if (command == MMU_MACHPHYS_UPDATE)
		should = mm_is_frame(table);
	else
		should = command <= MMU_PT_UPDATE_NO_TRANSLATE && may_store(x, table, slot, value);
	should = should && owners == DOMID_SELF;
	if (done(x, "mmu_update",
		 call(x, __HYPERVISOR_mmu_update, args(x, &u, sizeof(u)), 1, 0, owners), should) &&
	    command != MMU_MACHPHYS_UPDATE)
		stored(x, table, slot, value);
}

static bool readable(const struct machine *x, uint64_t va, size_t n)
{
	return va + n >= va && mm_translate(x->s, &x->u, va, false) != NO_MFN &&
	       mm_translate(x->s, &x->u, va + n - 1, false) != NO_MFN;
}

/* The leaf table that an address is translated by. */
static uint64_t leaf_table(const struct machine *x, uint64_t va)
{
	const uint64_t *table = x->u.root;
	uint64_t entry = 0;

	if (va >= 1ull << 47 && va < HYPERVISOR_VIRT_END)
		return NO_MFN;
	for (unsigned level = TOP; table && level > 1; level--) {
		entry = table[(va >> (3 + 9 * level)) % ENTRIES];
		if (!(entry & PRESENT))
			return NO_MFN;
		table = mm_page(x->s, MFN(entry));
	}
	return table ? MFN(entry) : NO_MFN;
}

static void update_va_mapping(struct machine *x, struct input *in)
{
	uint64_t va = take_va(in), value = take_entry(in), table = leaf_table(x, va);
	uint8_t how = take8(in);
	uint64_t flags = how & 3, owner = how & 0x30 ? DOMID_SELF : how >> 6;
	unsigned slot = va / 4096 % ENTRIES;
	bool other = how & 8, should = table != NO_MFN && may_store(x, table, slot, value);
	bool told = true; /* whose addresses are to be flushed */
	long rc;

	if (how & 4)
		flags |= take_va(in) & ~7ull;
	should = should && !(other && owner != DOMID_SELF);
	rc = call(x,
		  other ? __HYPERVISOR_update_va_mapping_otherdomain
			: __HYPERVISOR_update_va_mapping,
		  va, value, flags, owner);
	/* Looked at by the tables as they are afterwards. */
	if ((how & 3) == UVMF_TLB_FLUSH || (how & 3) == UVMF_INVLPG)
		told = !(flags & ~3ull) || (flags & ~3ull) == UVMF_ALL ||
		       readable(x, flags & ~3ull, 8);
	/* It has been stored then, and only the rest failed. */
	if (should && !told && !x->e->refused && rc < 0)
		rc = 0;
	if (done(x, "update_va_mapping", rc, should))
		stored(x, table, slot, value);
}

/* Twice as an entry of a multicall, in whose middle it is cut short. */
static void update_by_multicall(struct machine *x, const struct mmu_update u[BATCH])
{
	struct {
		struct multicall_entry e[2];
		struct mmu_update u[BATCH];
	} a = { .e = { { .op = __HYPERVISOR_mmu_update }, { .op = __HYPERVISOR_mmu_update } } };
	const uint64_t here = BASE + ARGS * 4096ull;

	for (unsigned i = 0; i < 2; i++) {
		a.e[i].args[0] = here + offsetof(__typeof__(a), u);
		a.e[i].args[1] = BATCH;
		a.e[i].args[2] = DONE;
		a.e[i].args[3] = DOMID_SELF;
	}
	memcpy(a.u, u, sizeof(a.u));
	MUST(call(x, __HYPERVISOR_multicall, args(x, &a, sizeof(a)), 2, 0, 0) == 0 || x->unknown,
	     "multicall");
	x->many = true;
}

static void update_many(struct machine *x, struct input *in)
{
	struct mmu_update u[BATCH];
	unsigned nr = 1 + take8(in) % 4u, all = nr, answer;
	long rc;

	for (unsigned i = 0; i < nr; i++) {
		uint64_t table = take_frame(in);

		u[i].ptr = (table << 12) + take_slot(in, table) * 8ull;
		u[i].val = take_entry(in);
	}
	if (take8(in) > 200)
		for (all = BATCH; nr < all; nr++)
			u[nr] = u[nr - 1];
	if (all == BATCH && u[0].val & 1) {
		update_by_multicall(x, u);
		return;
	}
	rc = call(x, __HYPERVISOR_mmu_update, args(x, u, all * sizeof(u[0])), all, DONE,
		  DOMID_SELF);
	memcpy(&answer, (char *)x->s->ram + DONE - BASE, sizeof(answer));
	MUST(x->unknown || (rc ? answer < all : answer == all), "%ld, and %u of %u", rc, answer,
	     all);
	x->many = true;
}

/* ---- tables as a whole ---- */

static bool descriptor_ok(uint64_t desc)
{
	/* Not there, or code or data, or of no type. */
	return !(desc >> 47 & 1) || (desc >> 44 & 1) || !(desc >> 40 & 15);
}

bool may_set(const struct machine *x, const struct descriptors *t)
{
	struct mm_uses u;

	mm_uses_find(&u, x->s, NULL);
	for (unsigned i = 0; i < (t->entries + ENTRIES - 1) / ENTRIES; i++) {
		const uint64_t *page = mm_page(x->s, t->mfn[i]);

		if (!page || u.frame[t->mfn[i] - RAM_MFN].writable || mm_level_of(&u, t->mfn[i]))
			return false;
		for (unsigned j = 0; j < ENTRIES; j++)
			if (!descriptor_ok(page[j]))
				return false;
	}
	return true;
}

static void set_gdt(struct machine *x, struct input *in)
{
	struct descriptors t = { .entries = take16(in) };
	unsigned pages;
	bool should;

	t.entries = t.entries & 0x8000 ? t.entries & 0x1fff : t.entries % 1100u;
	pages = (t.entries + ENTRIES - 1) / ENTRIES;
	for (unsigned i = 0; i < 16; i++)
		t.mfn[i] = i < 3 ? take_frame(in) : t.mfn[i - 1];
	should = t.entries <= FIRST_RESERVED_GDT_ENTRY && may_set(x, &t);
	if (!done(x, "set_gdt",
		  call(x, __HYPERVISOR_set_gdt, args(x, t.mfn, pages * 8ull), t.entries, 0, 0),
		  should))
		return;
	x->s->gdt[x->me] = t;
}

/* An LDT is at an address: the frames that are there now. */
void find_ldt(const struct machine *x, uint64_t va, uint64_t entries, struct descriptors *t)
{
	t->entries = (unsigned)entries;
	for (unsigned i = 0; i < 16; i++)
		t->mfn[i] = mm_translate(x->s, &x->u, va + i * 4096ull, false);
}

bool may_set_ldt(const struct machine *x, uint64_t va, uint64_t entries)
{
	struct descriptors t;

	if (!entries)
		return true;
	if (entries > 8192 || va % 4096)
		return false;
	find_ldt(x, va, entries, &t);
	return may_set(x, &t);
}

static void update_descriptor(struct machine *x, struct input *in)
{
	static const uint64_t descs[] = { 0x00affa000000ffff, 0x00cf92000000ffff,
					  0x0000890000000067, 0x00af7a000000ffff,
					  0x00cf90000000ffff, 0 };
	uint64_t mfn = take_frame(in), at = (mfn << 12) + take8(in) % 8u * 8ull;
	uint8_t kind = take8(in);
	uint64_t desc = kind < 200 ? descs[kind % 6u] : take64(in);

	at += kind == 199;
	mfn = at >> 12;
	done(x, "update_descriptor", call(x, __HYPERVISOR_update_descriptor, at, desc, 0, 0),
	     at % 8 == 0 && descriptor_ok(desc) && mfn - RAM_MFN < RAM_PAGES &&
		     !mm_level_of(&x->u, mfn));
}

/* ---- mmuext_op ---- */

static bool may_pin(const struct machine *x, unsigned level, uint64_t mfn)
{
	struct mm_state with = *x->s;
	struct mm_uses u;

	if (mfn - RAM_MFN >= RAM_PAGES || with.pinned[mfn - RAM_MFN])
		return false;
	with.pinned[mfn - RAM_MFN] = level;
	mm_uses_find(&u, &with, NULL);
	return mm_uses_valid(&u);
}

/* While the old one is still loaded. */
bool may_load(const struct machine *x, uint64_t mfn)
{
	struct mm_state with = *x->s;
	struct mm_uses u;

	if (mfn == x->s->root[x->me])
		return true;
	if (mfn - RAM_MFN >= RAM_PAGES)
		return false;
	/* To be loaded is to be held as by a pin. */
	if (!with.pinned[mfn - RAM_MFN])
		with.pinned[mfn - RAM_MFN] = TOP;
	mm_uses_find(&u, &with, NULL);
	return mm_uses_valid(&u) && with.pinned[mfn - RAM_MFN] == TOP;
}

static bool may_extended(const struct machine *x, const struct mmuext_op *op)
{
	uint64_t mfn = op->arg1.mfn;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return may_pin(x, op->cmd - MMUEXT_PIN_L1_TABLE + 1, mfn);
	case MMUEXT_UNPIN_TABLE:
		return mfn - RAM_MFN < RAM_PAGES && x->s->pinned[mfn - RAM_MFN];
	case MMUEXT_NEW_BASEPTR:
		return may_load(x, mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		return !mfn;
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_ALL:
		return true;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		return readable(x, op->arg2.vcpumask, 8);
	case MMUEXT_SET_LDT:
		return may_set_ldt(x, mfn, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE:
		return mm_is_data(&x->u, mfn);
	case MMUEXT_COPY_PAGE:
		return mm_is_data(&x->u, mfn) && mm_is_frame(op->arg2.src_mfn);
	default:
		return false;
	}
}

static void take_extended(struct input *in, struct mmuext_op *op)
{
	uint8_t cmd = take8(in);

	memset(op, 0, sizeof(*op));
	op->cmd = cmd < 160 ? cmd % 6u : cmd % 24u;
	op->arg1.mfn = take_frame(in);
	switch (op->cmd) {
	case MMUEXT_SET_LDT:
		op->arg1.linear_addr = take_va(in);
		op->arg2.nr_ents = take16(in) % 8200u;
		break;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		op->arg2.vcpumask = take_va(in);
		break;
	default:
		op->arg2.src_mfn = take_frame(in);
	}
}

static void extended_done(struct machine *x, const struct mmuext_op *op)
{
	uint64_t mfn = op->arg1.mfn;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		x->s->pinned[mfn - RAM_MFN] = op->cmd - MMUEXT_PIN_L1_TABLE + 1;
		break;
	case MMUEXT_UNPIN_TABLE:
		x->s->pinned[mfn - RAM_MFN] = 0;
		break;
	case MMUEXT_NEW_BASEPTR:
		x->s->root[x->me] = mfn;
		break;
	case MMUEXT_SET_LDT:
		find_ldt(x, op->arg1.linear_addr, op->arg2.nr_ents, &x->s->ldt[x->me]);
		break;
	}
}

static void extended(struct machine *x, struct input *in)
{
	struct mmuext_op op;
	bool should;

	take_extended(in, &op);
	should = may_extended(x, &op);
	if (done(x, "mmuext_op",
		 call(x, __HYPERVISOR_mmuext_op, args(x, &op, sizeof(op)), 1, 0, DOMID_SELF),
		 should) &&
	    !x->unknown)
		extended_done(x, &op);
}

static void extend_many(struct machine *x, struct input *in)
{
	struct mmuext_op op[BATCH];
	unsigned nr = 1 + take8(in) % 6u, all = nr, answer;
	long rc;

	for (unsigned i = 0; i < nr; i++)
		take_extended(in, &op[i]);
	if (take8(in) > 200)
		for (all = BATCH / 2 + 10; nr < all; nr++)
			op[nr] = op[nr - 1];
	rc = call(x, __HYPERVISOR_mmuext_op, args(x, op, all * sizeof(op[0])), all, DONE,
		  DOMID_SELF);
	memcpy(&answer, (char *)x->s->ram + DONE - BASE, sizeof(answer));
	x->many = true;
	if (x->unknown)
		return;
	MUST(rc ? answer < all : answer == all, "%ld, and %u of %u", rc, answer, all);
	for (unsigned i = 0; i < answer; i++)
		extended_done(x, &op[i]);
}

/* ---- steps ---- */

/* All must be as it is found anew. False: there is no going on. */
static bool check(struct machine *x)
{
	const uint64_t args_at[] = { BASE, BASE + 4096 };
	struct mm_uses u;

	if (x->unknown)
		mm_words_follow(x->e->d, x->s);
	MUST(!x->e->shutdowns, "the domain was crashed");
	mm_uses_find(&u, x->s, NULL);
	MUST(mm_uses_valid(&u), "what was done should not have been");
	mm_words_compare(x->e->d, x->s, &u);
	embedder_compare(x->e, &u);
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		uint64_t mfn = RAM_MFN + i, *page = mm_page(x->s, mfn);
		bool was = mm_level_of(&x->u, mfn), is = mm_level_of(&u, mfn);

		for (unsigned slot = 0; was && is && !x->many && slot < ENTRIES; slot++)
			if (&page[slot] == x->changed && !x->unknown)
				MUST(page[slot] == x->to, "slot %u of %u", slot, i);
			else if (&page[slot] != x->changed)
				MUST(page[slot] == before[i][slot], "slot %u of %u", slot, i);
		if (is)
			memcpy(before[i], page, sizeof(before[i]));
	}
	x->u = u;
	for (unsigned i = 0; i < 2; i++)
		if (mm_translate(x->s, &u, args_at[i], true) != RAM_MFN + ARGS + i)
			return false;
	return x->e->nr_notes < NOTES / 2;
}

static void step(struct machine *x, struct input *in)
{
	static void (*const steps[])(struct machine *, struct input *) = {
		mmu_update,	   mmu_update,	mmu_update, mmu_update, update_va_mapping,
		update_va_mapping, extended,	extended,   extended,	extended,
		guest_write,	   set_gdt,	set_gdt,    data_page,	update_descriptor,
		update_many,	   extend_many, copy,	    initialise, check_return,
		memory_op,	   cpuid,	registers,
	};
	uint8_t op = take8(in);

	x->me = op & 0x80 && x->up[1];
	x->v = hv_domain_vcpu(x->e->d, x->me);
	x->changed = NULL;
	x->many = x->unknown;
	op &= 0x7f;
	if (op < 120) {
		steps[op % (sizeof(steps) / sizeof(steps[0]))](x, in);
		x->e->refused = false;
		x->e->fail_in = 0;
		return;
	}
	op = take8(in);
	x->e->preempt = op & 0x80;
	x->e->fail_in = op & 7;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A quarter of the input is the other vCPUs'. */
	struct input in = { data, data + size - size / 4 };
	struct machine *x = calloc(1, sizeof(*x));
	uint8_t how = take8(&in), kind = how & 7;
	uint64_t table = how & 8 ? take_frame(&in) : NO_MFN;
	unsigned slot = how & 8 ? take_slot(&in, table) : 0;

	x->e = embedder_create(table, slot, how & 8 ? take_entry(&in) : 0, how >> 5);
	x->s = &x->e->s;
	x->up[0] = true;
	x->e->forging = kind == 0;
	x->e->args_too = kind == 1;
	x->unknown = kind <= 1;
	x->many = true;
	check(x);
	embedder_let_write(x->e);
	mutator_start((struct input){ in.end, data + size });
	for (unsigned i = 0; i < STEPS && more(&in); i++) {
		step(x, &in);
		if (x->e->forging ? x->e->shutdowns : !check(x))
			break;
	}
	mutator_start((struct input){ NULL, NULL });
	embedder_destroy(x->e);
	free(x);
	return 0;
}
