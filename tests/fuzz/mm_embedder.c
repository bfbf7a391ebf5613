/* SPDX-License-Identifier: MIT */
/* The embedder of fuzz-mm: see mm_embedder.h. */
#include "mm_embedder.h"

#include <xen/errno.h>

#include "input.h"
#include "mutator.h"

#define PAGE 4096ul

static const struct {
	uint64_t mfn, pages;
	enum hv_memory_kind kind;
	bool read_only;
} memories[] = {
	{ RAM_MFN, RAM_PAGES, HV_MEMORY_RAM, false },
	{ SHARED_MFN, SHARED_PAGES, HV_MEMORY_SHARED, false },
	{ LOCKED_MFN, 1, HV_MEMORY_SHARED, true },
	{ SPECIAL_MFN, 1, HV_MEMORY_SPECIAL, false },
};

#define MEMORIES     (sizeof(memories) / sizeof(memories[0]))
#define MEMORY_PAGES (RAM_PAGES + SHARED_PAGES + 2)

/* ---- callbacks ---- */

static void *lend(void *ctx, size_t size)
{
	struct embedder *e = ctx;
	size_t whole = (size + 63) / 64 * 64;

	e->allocated += size;
	return memset(aligned_alloc(size % PAGE ? 64 : PAGE, whole), 0, whole);
}

static void take_back(void *ctx, void *p, size_t size)
{
	struct embedder *e = ctx;

	e->allocated -= p ? size : 0;
	free(p);
}

static uint64_t now(void *ctx)
{
	(void)ctx;
	return 1;
}

static void kick(struct hv_vcpu *v)
{
	(void)v;
}

static void set_timer(struct hv_vcpu *v, uint64_t deadline)
{
	(void)v;
	(void)deadline;
}

static void shut_down(struct hv_domain *d, unsigned reason)
{
	struct embedder *e = hv_ctx(hv_domain_hv(d));

	(void)reason;
	e->shutdowns++;
}

static bool preempt(struct hv_vcpu *v)
{
	struct embedder *e = hv_ctx(hv_domain_hv(hv_vcpu_domain(v)));

	return e->preempt;
}

static struct note *note_of(struct embedder *e, uint64_t va)
{
	size_t at = (va >> 12) * 0x9e3779b97f4a7c15ull >> 51;

	for (;; at++) {
		struct note *n = &e->notes[at % NOTES];

		if (!n->mfn || n->va == va)
			return n;
	}
}

/* A run is of one memory, and what is only to be read is not mapped otherwise. */
static void check_run(uint64_t mfn, uint64_t pages, unsigned prot)
{
	for (size_t i = 0; i < MEMORIES; i++) {
		if (mfn - memories[i].mfn >= memories[i].pages)
			continue;
		MUST(pages <= memories[i].pages - (mfn - memories[i].mfn), "run from %#llx",
		     (unsigned long long)mfn);
		MUST(!memories[i].read_only || !(prot & HV_PROT_WRITE), "%#llx writable",
		     (unsigned long long)mfn);
		return;
	}
	MUST(false, "%#llx is not the domain's", (unsigned long long)mfn);
}

static void count_writable(struct embedder *e, const struct note *n, unsigned by)
{
	if ((n->prot & HV_PROT_WRITE) && n->mfn - RAM_MFN < RAM_PAGES)
		e->mapped_writable[n->mfn - RAM_MFN] += by;
}

static int pv_map(struct hv_domain *d, struct hv_vcpu *v, uint64_t va, uint64_t mfn, uint64_t pages,
		  unsigned prot)
{
	struct embedder *e = hv_ctx(hv_domain_hv(d));

	(void)v;
	MUST(pages && va % PAGE == 0 && !(va + pages * PAGE - 1 < va), "%llu pages at %#llx",
	     (unsigned long long)pages, (unsigned long long)va);
	if (prot)
		check_run(mfn, pages, prot);
	if (e->fail_in && !--e->fail_in) {
		e->refused = true;
		return -XEN_ENOMEM;
	}
	for (uint64_t i = 0; i < pages; i++) {
		struct note *n = note_of(e, va + i * PAGE);

		e->nr_notes += !n->mfn;
		MUST(e->nr_notes < NOTES, "too many notes");
		count_writable(e, n, -1u);
		e->mapped += !!prot - (n->prot != 0);
		*n = (struct note){ va + i * PAGE, prot ? mfn + i : 1, prot };
		count_writable(e, n, 1);
	}
	embedder_let_write(e);
	return 0;
}

void embedder_let_write(struct embedder *e)
{
	mutator_forget();
	for (unsigned i = 0; i < RAM_PAGES; i++)
		if (e->forging || (e->mapped_writable[i] && (i > ARGS + 1 || e->args_too)))
			mutator_page(e->s.ram + (size_t)i * ENTRIES);
}

/* ---- its life ---- */

static uint64_t leaf(unsigned frame, uint64_t flags)
{
	return (RAM_MFN + frame) << 12 | PRESENT | flags;
}

static void write_first_tables(struct mm_state *s)
{
	uint64_t(*page)[ENTRIES] = (uint64_t(*)[ENTRIES])s->ram;

	page[ROOT][0] = leaf(L3, TABLE);
	page[L3][4] = leaf(L2, TABLE);
	page[L2][0] = leaf(L1, TABLE);
	for (unsigned i = 0; i < RAM_PAGES; i++)
		page[L1][i] = leaf(i, i < FIRST_RO ? RW | USER : USER);
	memcpy(page[COPY], page[ROOT], PAGE);
	memcpy(page[COPY + 1], page[ROOT], PAGE);
	page[TREE][ENTRIES - 1] = leaf(TREE + 1, TABLE);
	page[TREE + 1][0] = leaf(TREE + 2, TABLE);
	page[TREE + 1][ENTRIES - 1] = leaf(TREE + 3, TABLE);
	for (unsigned i = 0; i < 4; i++) {
		page[TREE + 2][i] = leaf(4 + i, RW);
		page[TREE + 3][2 * i] = leaf(8 + i, RW | NX);
	}
	page[FIRST_GDT][1] = 0x00affa000000ffff; /* code, data, and what is not there */
	page[FIRST_GDT][2] = 0x00cf92000000ffff;
	page[FIRST_GDT][3] = 0x00af7a000000ffff;
	page[FIRST_GDT][4] = 0x00cf72000000ffff;
	page[FIRST_GDT + 1][ENTRIES - 1] = 0x0000890000000067; /* of the system */
}

static int set_segment_base(struct hv_vcpu *v, unsigned which, uint64_t base)
{
	struct embedder *e = hv_ctx(hv_domain_hv(hv_vcpu_domain(v)));

	e->segment = which;
	e->base = base;
	return 0;
}

static long iret(struct hv_vcpu *v)
{
	(void)v;
	return IRET_RAX;
}

static const struct hv_ops ops = {
	.alloc = lend,
	.free = take_back,
	.now = now,
	.kick = kick,
	.set_timer = set_timer,
	.pv_map = pv_map,
	.shutdown = shut_down,
	.preempt = preempt,
	.set_segment_base = set_segment_base,
	.iret = iret,
};

static void add_memories(struct embedder *e)
{
	uint8_t *host = e->memory;

	for (size_t i = 0; i < MEMORIES; i++) {
		const struct hv_memory memory = { .mfn = memories[i].mfn,
						  .pages = memories[i].pages,
						  .host = host,
						  .kind = memories[i].kind,
						  .read_only = memories[i].read_only };

		MUST(hv_domain_add_memory(e->d, &memory) == 0, "memory %zu", i);
		host += memories[i].pages * PAGE;
	}
}

/* Are the first tables such as may be adopted? */
static bool may_adopt(const struct mm_state *s)
{
	struct mm_uses u;

	mm_uses_find(&u, s, NULL);
	for (unsigned slot = 0; slot < ENTRIES; slot++)
		if (!mm_root_slot_ok(slot) && (u.root[slot] & PRESENT))
			return false;
	return mm_uses_valid(&u);
}

static void adopt(struct embedder *e, uint64_t table, unsigned slot, uint64_t entry,
		  unsigned fail_in)
{
	uint64_t *page = mm_page(&e->s, table), old = page ? page[slot] : 0;
	int rc;

	MUST(hv_pv_adopt(e->d, SHARED_MFN) && hv_pv_adopt(e->d, NO_MFN), "no root");
	if (page)
		page[slot] = entry;
	e->fail_in = fail_in;
	rc = hv_pv_adopt(e->d, RAM_MFN + ROOT);
	MUST((rc == 0) == (may_adopt(&e->s) && !e->refused), "hv_pv_adopt: %d", rc);
	e->fail_in = 0;
	e->refused = false;
	if (rc == 0)
		return;
	MUST(!e->mapped, "%u pages stayed mapped", e->mapped);
	if (page)
		page[slot] = old;
	MUST(hv_pv_adopt(e->d, RAM_MFN + ROOT) == 0, "hv_pv_adopt");
}

struct embedder *embedder_create(uint64_t table, unsigned slot, uint64_t entry, unsigned fail_in)
{
	struct embedder *e = calloc(1, sizeof(*e));
	struct hv_domain_config cfg = { .domid = 1, .max_vcpus = VCPUS };
	struct vcpu_guest_context first = { .ctrlreg = { [3] = xen_pfn_to_cr3(RAM_MFN + ROOT) } };

	e->memory = aligned_alloc(PAGE, MEMORY_PAGES * PAGE);
	memset(e->memory, 0, MEMORY_PAGES * PAGE);
	e->s.ram = (uint64_t *)(void *)e->memory;
	for (unsigned v = 0; v < VCPUS; v++)
		e->s.root[v] = NO_MFN;
	cfg.shared_info = e->memory + (MEMORY_PAGES - 1) * PAGE;
	MUST(hv_create(&e->hv, &ops, e) == 0, "hv_create");
	hv_set_clock(e->hv, 0, 0, 1u << 31, 1);
	MUST(hv_domain_create(e->hv, &cfg, &e->d) == 0, "hv_domain_create");
	add_memories(e);
	write_first_tables(&e->s);
	e->s.root[0] = RAM_MFN + ROOT;
	e->s.pinned[ROOT] = TOP;
	adopt(e, table, slot, entry, fail_in);
	MUST(hv_pv_adopt(e->d, RAM_MFN + ROOT) < 0, "adopted twice");
	MUST(hv_vcpu_start(hv_domain_vcpu(e->d, 0), &first) == 0, "hv_vcpu_start");
	return e;
}

void embedder_destroy(struct embedder *e)
{
	mutator_forget();
	hv_domain_destroy(e->d);
	hv_destroy(e->hv);
	MUST(e->allocated == 0, "%zu bytes", e->allocated);
	free(e->memory);
	free(e);
}

/* ---- comparing ---- */

/* How many pages the table maps; each must be noted so. */
static unsigned compare_table(struct embedder *e, unsigned level, const uint64_t *table,
			      uint64_t at, unsigned rights)
{
	unsigned pages = 0;

	for (unsigned slot = 0; slot < ENTRIES; slot++) {
		uint64_t entry = table[slot], va = at + ((uint64_t)slot << (3 + 9 * level));
		unsigned prot = rights;
		const struct note *n;

		if (!(entry & PRESENT) || (level == TOP && !mm_root_slot_ok(slot)))
			continue;
		if (level == TOP && slot >= ENTRIES / 2)
			va |= UINT64_MAX << 48;
		if (!(entry & RW))
			prot &= ~(unsigned)HV_PROT_WRITE;
		if (entry & NX)
			prot &= ~(unsigned)HV_PROT_EXEC;
		if (level > 1) {
			pages += compare_table(e, level - 1, mm_page(&e->s, MFN(entry)), va, prot);
			continue;
		}
		n = note_of(e, va);
		MUST(n->mfn == MFN(entry) && n->prot == prot,
		     "%#llx: entry %#llx and rights %#x, noted %#llx and %#x",
		     (unsigned long long)va, (unsigned long long)entry, prot,
		     (unsigned long long)n->mfn, n->prot);
		pages++;
	}
	return pages;
}

void embedder_compare(struct embedder *e, const struct mm_uses *u)
{
	unsigned pages =
		compare_table(e, TOP, u->root, 0, HV_PROT_READ | HV_PROT_WRITE | HV_PROT_EXEC);

	MUST(e->mapped == pages, "%u pages are mapped, not %u", e->mapped, pages);
	for (unsigned i = 0; i < RAM_PAGES; i++)
		MUST(!e->mapped_writable[i] || mm_is_data(u, RAM_MFN + i),
		     "frame %u is mapped writable", i);
}
