/* SPDX-License-Identifier: MIT */
/*
 * Laying out and writing a PV kernel's first memory, as Xen's toolstack does (same order, same
 * alignments, same bits in the page-table entries), so that an image finds here what it finds
 * there. Pages that stay zero are not touched: the memory is fresh.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder.h"
#include "process.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  HV_PAGE_SIZE
#define SLACK	   (512ull << 10) /* at least so much is mapped behind the stack */
#define END_ALIGN  (4ull << 20)	  /* and the mapped area ends at such a boundary */
#define CHUNK	   256u		  /* pages whose frame numbers ascend: 1 MiB */
#define ENTRIES	   512u

/* Page-table entry bits. */
#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_USER     0x004ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY    0x040ull
#define PTE_LEAF     (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define PTE_TABLE    (PTE_LEAF | PTE_DIRTY)

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/*
 * Whole chunks come in reverse order; what is left over at the end of memory keeps its place. Long
 * enough runs that mapping the guest takes few system calls, short enough that every image meets
 * several.
 */
static uint64_t frame_index(const struct build *b, uint64_t pfn)
{
	uint64_t chunks = b->layout.nr_pages / CHUNK;

	if (pfn / CHUNK >= chunks)
		return pfn;
	return (chunks - 1 - pfn / CHUNK) * CHUNK + pfn % CHUNK;
}

uint64_t builder_mfn(const struct build *b, uint64_t pfn)
{
	return b->ram->mfn + frame_index(b, pfn);
}

static uint64_t pfn_of(const struct build *b, uint64_t va)
{
	return (va - b->image->virt_base) >> PAGE_SHIFT;
}

/* Host address of a guest address; good to the end of its page. */
static void *host(const struct build *b, uint64_t va)
{
	return b->ram->host + frame_index(b, pfn_of(b, va)) * PAGE_SIZE + va % PAGE_SIZE;
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* Tables of one level (span: bytes that one of them maps) that [start, end) takes. */
static uint64_t tables(uint64_t start, uint64_t end, unsigned span_shift)
{
	return ((end - 1) >> span_shift) - (start >> span_shift) + 1;
}

uint64_t builder_layout(struct build *b)
{
	struct layout *l = &b->layout;
	uint64_t base = b->image->virt_base, needed = 0, pages;

	l->module = round_up(b->image->end, PAGE_SIZE);
	l->p2m = l->module + round_up(b->module_size, PAGE_SIZE);
	l->start_info = l->p2m + round_up(l->nr_pages * sizeof(xen_pfn_t), PAGE_SIZE);
	l->page_tables = l->start_info + PAGE_SIZE;
	/* The tables map themselves: as many as it takes until their number maps all. */
	do {
		l->nr_page_tables = needed;
		l->stack = l->page_tables + l->nr_page_tables * PAGE_SIZE;
		l->end = round_up(l->stack + PAGE_SIZE + SLACK, END_ALIGN);
		needed = 1 + tables(base, l->end, 39) + tables(base, l->end, 30) +
			 tables(base, l->end, 21);
	} while (needed != l->nr_page_tables);
	pages = (l->end - base) >> PAGE_SHIFT;
	return pages > l->nr_pages ? pages - l->nr_pages : 0;
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Bytes of a file to where the kernel has `to`. */
static int load(const struct build *b, int fd, uint64_t offset, uint64_t size, uint64_t to)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t va = to + done, chunk = CHUNK * (uint64_t)PAGE_SIZE;
		uint64_t n = chunk - (va - b->image->virt_base) % chunk;
		ssize_t got;

		/* The last chunk of memory may be a partial one that keeps its place: still a run.
		 */
		if (n > size - done)
			n = size - done;
		got = pread(fd, host(b, va), n, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		done += (uint64_t)got;
	}
	return 0;
}

static void write_p2m(const struct build *b)
{
	uint64_t pfn, per_page = PAGE_SIZE / sizeof(xen_pfn_t);
	xen_pfn_t *page = NULL;

	for (pfn = 0; pfn < b->layout.nr_pages; pfn++) {
		if (pfn % per_page == 0)
			page = host(b, b->layout.p2m + pfn * sizeof(xen_pfn_t));
		page[pfn % per_page] = builder_mfn(b, pfn);
	}
}

static void write_start_info(const struct build *b)
{
	struct start_info *si = host(b, b->layout.start_info);

	memcpy(si->magic, "xen-3.0-x86_64", sizeof("xen-3.0-x86_64"));
	si->nr_pages = b->layout.nr_pages;
	si->shared_info = b->shared_info_mfn << PAGE_SHIFT;
	si->flags = b->privileged ? SIF_PRIVILEGED : 0;
	si->pt_base = b->layout.page_tables;
	si->nr_pt_frames = b->layout.nr_page_tables;
	si->mfn_list = b->layout.p2m;
	if (b->module_size) {
		si->mod_start = b->layout.module;
		si->mod_len = b->module_size;
	}
	memcpy(si->cmd_line, b->cmdline, strlen(b->cmdline) + 1);
}

/* Where the next table is taken from, and the tables of each level that are being filled. */
struct table_walk {
	const struct build *b;
	uint64_t next;
	uint64_t va[5]; /* the current table's address, by level; [4] is the root */
};

static uint64_t *entry(const struct table_walk *w, unsigned level, uint64_t va)
{
	uint64_t *table = host(w->b, w->va[level]);

	return &table[(va >> (PAGE_SHIFT + 9 * (level - 1))) % ENTRIES];
}

static void next_table(struct table_walk *w, unsigned level, uint64_t va)
{
	w->va[level] = w->next;
	w->next += PAGE_SIZE;
	*entry(w, level + 1, va) =
		builder_mfn(w->b, pfn_of(w->b, w->va[level])) << PAGE_SHIFT | PTE_TABLE;
}

static void write_page_tables(const struct build *b)
{
	uint64_t va, base = b->image->virt_base, tables_end;
	struct table_walk w = { .b = b, .next = b->layout.page_tables + PAGE_SIZE };
	unsigned level;

	w.va[4] = b->layout.page_tables;
	tables_end = w.va[4] + b->layout.nr_page_tables * PAGE_SIZE;
	for (va = base; va < b->layout.end; va += PAGE_SIZE) {
		uint64_t flags = PTE_LEAF;

		for (level = 3; level >= 1; level--)
			if (va == base || !(va & ((1ull << (PAGE_SHIFT + 9 * level)) - 1)))
				next_table(&w, level, va);
		if (va >= b->layout.page_tables && va < tables_end)
			flags &= ~PTE_WRITE;
		*entry(&w, 1, va) = builder_mfn(b, pfn_of(b, va)) << PAGE_SHIFT | flags;
	}
}

int builder_write(const struct build *b)
{
	unsigned i;
	int error;

	for (i = 0; i < b->image->nr_segments; i++) {
		const struct image_segment *s = &b->image->segments[i];

		error = load(b, b->image->fd, s->file_offset, s->file_size, s->va);
		if (error)
			return error;
	}
	error = load(b, b->module_fd, 0, b->module_size, b->layout.module);
	if (error)
		return error;
	process_fill_hypercall_page(host(b, b->image->hypercall_page));
	write_p2m(b);
	write_start_info(b);
	write_page_tables(b);
	return 0;
}

uint64_t builder_root(const struct build *b)
{
	return builder_mfn(b, pfn_of(b, b->layout.page_tables));
}

void builder_context(const struct build *b, struct vcpu_guest_context *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->flags = VGCF_in_kernel | VGCF_online;
	ctx->user_regs.rip = b->image->entry;
	ctx->user_regs.rsp = b->layout.stack + PAGE_SIZE;
	ctx->user_regs.rsi = b->layout.start_info;
	ctx->user_regs.rflags = 1 << 9; /* IF */
	ctx->user_regs.cs = FLAT_KERNEL_CS64;
	ctx->user_regs.ss = FLAT_KERNEL_SS64;
	ctx->user_regs.ds = FLAT_KERNEL_DS64;
	ctx->user_regs.es = FLAT_KERNEL_DS64;
	ctx->user_regs.fs = FLAT_KERNEL_DS64;
	ctx->user_regs.gs = FLAT_KERNEL_DS64;
	ctx->kernel_ss = FLAT_KERNEL_SS64;
	ctx->kernel_sp = ctx->user_regs.rsp;
	ctx->ctrlreg[3] = xen_pfn_to_cr3(builder_root(b));
}
