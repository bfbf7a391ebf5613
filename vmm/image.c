/* SPDX-License-Identifier: MIT */
/*
 * Reading and checking guest kernels: ELF header, segments, Xen's notes. An image that passes can
 * be loaded at virt_base; whether it fits a domain's memory is the builder's to say.
 */
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <carillon/hypervisor.h>
#include <xen/elfnote.h>

#include "image.h"
#include "message.h"
#include "process.h"

#define LOW_HALF_END PROCESS_GUEST_END /* the top of the low half is the backend's */
#define NOT_GIVEN    UINT64_MAX

/* What the notes say, as they say it. */
struct notes {
	uint64_t entry, hypercall_page, virt_base, paddr_offset;
	bool any;
};

static int bad(const struct image *img, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(const struct image *img, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	message("%s: %s", img->path, text);
	return -1;
}

/* ---- header ---------------------------------------------------------------------------------- */

static int check_header(const struct image *img, Elf *elf, GElf_Ehdr *ehdr)
{
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, ehdr))
		return bad(img,
			   "is no ELF file; use a guest kernel, such as build/images/hello.elf");
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr->e_machine != EM_X86_64)
		return bad(img, "is not for x86-64 (class %u, machine %u); build it with -m64",
			   ehdr->e_ident[EI_CLASS], ehdr->e_machine);
	if (ehdr->e_type != ET_EXEC)
		return bad(img,
			   "is no static executable (ELF type %u); link it with -static and "
			   "without -pie",
			   ehdr->e_type);
	return 0;
}

/* ---- notes ----------------------------------------------------------------------------------- */

static int read_number(const struct image *img, unsigned type, const uint8_t *desc, uint64_t size,
		       uint64_t *out)
{
	if (size != 4 && size != 8)
		return bad(img, "Xen note %u has %llu bytes; make it 4 or 8", type,
			   (unsigned long long)size);
	*out = 0;
	memcpy(out, desc, size);
	return 0;
}

static int expect_string(const struct image *img, const char *what, const uint8_t *desc,
			 uint64_t size, const char *wanted)
{
	if (size == strlen(wanted) + 1 && !memcmp(desc, wanted, size))
		return 0;
	return bad(img, "its Xen note for the %s says \"%.*s\"; only \"%s\" can be run", what,
		   (int)strnlen((const char *)desc, size < 64 ? size : 64), desc, wanted);
}

/*
 * "!name" is what the kernel cannot do without. These two mean that it is no PV kernel as Xen has
 * them on x86-64; others (writable_page_tables, which Linux names) every builder lets pass.
 */
static bool impossible(const char *name, size_t n)
{
	static const char *const names[] = { "auto_translated_physmap", "supervisor_mode_kernel" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) && !memcmp(name, names[i], n))
			return true;
	return false;
}

static int check_features(const struct image *img, const uint8_t *desc, uint64_t size)
{
	const char *p = (const char *)desc, *end = p + strnlen(p, size);

	while (p < end) {
		size_t n = 0;

		while (p + n < end && p[n] != '|')
			n++;
		if (*p == '!' && impossible(p + 1, n - 1))
			return bad(img,
				   "needs the Xen feature \"%.*s\", which is not here; build it "
				   "without",
				   (int)n - 1, p + 1);
		p += n + 1;
	}
	return 0;
}

static int read_note(const struct image *img, struct notes *notes, unsigned type,
		     const uint8_t *desc, uint64_t size)
{
	notes->any = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		return read_number(img, type, desc, size, &notes->entry);
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		return read_number(img, type, desc, size, &notes->hypercall_page);
	case XEN_ELFNOTE_VIRT_BASE:
		return read_number(img, type, desc, size, &notes->virt_base);
	case XEN_ELFNOTE_PADDR_OFFSET:
		return read_number(img, type, desc, size, &notes->paddr_offset);
	case XEN_ELFNOTE_XEN_VERSION:
		return expect_string(img, "Xen version", desc, size, "xen-3.0");
	case XEN_ELFNOTE_LOADER:
		return expect_string(img, "loader", desc, size, "generic");
	case XEN_ELFNOTE_FEATURES:
		return check_features(img, desc, size);
	default:
		return 0;
	}
}

static int read_note_data(const struct image *img, Elf_Data *data, struct notes *notes)
{
	size_t offset = 0, name, desc;
	GElf_Nhdr nhdr;

	while (data && (offset = gelf_getnote(data, offset, &nhdr, &name, &desc))) {
		const uint8_t *base = data->d_buf;

		if (nhdr.n_namesz != 4 || memcmp(base + name, "Xen", 4) != 0)
			continue;
		if (read_note(img, notes, nhdr.n_type, base + desc, nhdr.n_descsz))
			return -1;
	}
	return 0;
}

/* As Xen's builder: the program headers' notes, and if there are none, the sections'. */
static int read_notes(const struct image *img, Elf *elf, struct notes *notes)
{
	Elf_Scn *scn = NULL;
	GElf_Phdr phdr;
	GElf_Shdr shdr;
	size_t i, n = 0;

	*notes = (struct notes){ NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, 0, false };
	elf_getphdrnum(elf, &n);
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_NOTE)
			continue;
		if (read_note_data(
			    img,
			    elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz,
						 phdr.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR),
			    notes))
			return -1;
	}
	while (!notes->any && (scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_NOTE)
			continue;
		if (read_note_data(img, elf_getdata(scn, NULL), notes))
			return -1;
	}
	return 0;
}

static uint64_t mmap_min_addr(void)
{
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");
	uint64_t value = 65536;
	char text[32];

	if (!f)
		return value;
	if (fgets(text, sizeof(text), f))
		value = strtoull(text, NULL, 10);
	fclose(f);
	return value;
}

static int check_base(struct image *img, const struct notes *notes)
{
	uint64_t min;

	if (!notes->any)
		return bad(img, "has no Xen notes, so it is no Xen PV kernel; link in a "
				".note.Xen section (see images/)");
	if (notes->virt_base == NOT_GIVEN)
		return bad(img, "has no Xen note VIRT_BASE; add one (4 GiB is a good address)");
	if (notes->hypercall_page == NOT_GIVEN)
		return bad(img, "has no Xen note HYPERCALL_PAGE; add one, without the page it "
				"cannot call the hypervisor");
	min = mmap_min_addr();
	if (notes->virt_base < min || notes->virt_base >= LOW_HALF_END)
		return bad(img,
			   "VIRT_BASE 0x%llx is not between 0x%llx (vm.mmap_min_addr) and "
			   "0x%llx; link it at 4 GiB",
			   (unsigned long long)notes->virt_base, (unsigned long long)min,
			   (unsigned long long)LOW_HALF_END);
	if (notes->virt_base % HV_PAGE_SIZE)
		return bad(img, "VIRT_BASE 0x%llx is not the start of a page; align it to 4096",
			   (unsigned long long)notes->virt_base);
	img->virt_base = notes->virt_base;
	return 0;
}

/* ---- segments -------------------------------------------------------------------------------- */

static int add_segment(struct image *img, const GElf_Phdr *phdr, uint64_t paddr_offset,
		       uint64_t file_size, unsigned index)
{
	struct image_segment *seg = &img->segments[img->nr_segments];
	uint64_t pa = phdr->p_paddr - paddr_offset, file_end = phdr->p_offset + phdr->p_filesz;

	if (img->nr_segments == IMAGE_MAX_SEGMENTS)
		return bad(img, "has more than %u segments to load; link it with fewer",
			   IMAGE_MAX_SEGMENTS);
	if (phdr->p_filesz > phdr->p_memsz || phdr->p_offset > file_size ||
	    phdr->p_filesz > file_size - phdr->p_offset)
		return bad(img,
			   "is truncated: segment %u needs bytes 0x%llx to 0x%llx of a file of "
			   "0x%llx; build or copy it again",
			   index, (unsigned long long)phdr->p_offset, (unsigned long long)file_end,
			   (unsigned long long)file_size);
	if (phdr->p_paddr < paddr_offset || pa >= LOW_HALF_END - img->virt_base ||
	    phdr->p_memsz > LOW_HALF_END - img->virt_base - pa)
		return bad(img,
			   "segment %u (address 0x%llx, 0x%llx bytes) is not in the low half of "
			   "the address space; link it above VIRT_BASE 0x%llx",
			   index, (unsigned long long)phdr->p_paddr,
			   (unsigned long long)phdr->p_memsz, (unsigned long long)img->virt_base);
	*seg = (struct image_segment){
		.va = img->virt_base + pa,
		.file_offset = phdr->p_offset,
		.file_size = phdr->p_filesz,
		.mem_size = phdr->p_memsz,
		.flags = phdr->p_flags,
	};
	if (phdr->p_vaddr != seg->va)
		return bad(img,
			   "segment %u is linked for 0x%llx but its physical address puts it at "
			   "0x%llx; make p_paddr p_vaddr - VIRT_BASE + PADDR_OFFSET",
			   index, (unsigned long long)phdr->p_vaddr, (unsigned long long)seg->va);
	img->nr_segments++;
	if (seg->va + seg->mem_size > img->end)
		img->end = seg->va + seg->mem_size;
	return 0;
}

static int check_overlaps(const struct image *img)
{
	unsigned i, j;

	for (i = 0; i < img->nr_segments; i++) {
		for (j = 0; j < i; j++) {
			const struct image_segment *a = &img->segments[i], *b = &img->segments[j];

			if (a->va < b->va + b->mem_size && b->va < a->va + a->mem_size)
				return bad(img,
					   "its segments at 0x%llx and 0x%llx overlap; link it "
					   "again",
					   (unsigned long long)b->va, (unsigned long long)a->va);
		}
	}
	return 0;
}

static int read_segments(struct image *img, Elf *elf, const struct notes *notes)
{
	struct stat st;
	GElf_Phdr phdr;
	size_t i, n = 0;

	if (fstat(img->fd, &st) < 0)
		return bad(img, "%m; check the file");
	if (elf_getphdrnum(elf, &n) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr))
			return bad(img, "is truncated: its program headers are not in the file; "
					"build or copy it again");
		if (phdr.p_type == PT_INTERP)
			return bad(img, "wants a dynamic linker; link it with -static");
		if (phdr.p_type != PT_LOAD || !phdr.p_memsz)
			continue;
		if (add_segment(img, &phdr, notes->paddr_offset, (uint64_t)st.st_size, (unsigned)i))
			return -1;
	}
	if (!img->nr_segments)
		return bad(img, "has no segment to load; link it as an executable");
	return check_overlaps(img);
}

static const struct image_segment *segment_of(const struct image *img, uint64_t va, uint64_t size)
{
	unsigned i;

	for (i = 0; i < img->nr_segments; i++) {
		const struct image_segment *seg = &img->segments[i];

		if (va >= seg->va && size <= seg->mem_size && va - seg->va <= seg->mem_size - size)
			return seg;
	}
	return NULL;
}

static int check_addresses(struct image *img, const struct notes *notes, const GElf_Ehdr *ehdr)
{
	const struct image_segment *seg;

	img->entry = notes->entry == NOT_GIVEN ? ehdr->e_entry : notes->entry;
	seg = segment_of(img, img->entry, 1);
	if (!seg || !(seg->flags & PF_X))
		return bad(img,
			   "its entry 0x%llx is in no executable segment; check ENTRY and the "
			   "linker script",
			   (unsigned long long)img->entry);
	img->hypercall_page = notes->hypercall_page;
	if (img->hypercall_page % HV_PAGE_SIZE)
		return bad(img,
			   "its hypercall page 0x%llx is not the start of a page; align it to "
			   "4096",
			   (unsigned long long)img->hypercall_page);
	seg = segment_of(img, img->hypercall_page, HV_PAGE_SIZE);
	if (!seg || !(seg->flags & PF_X))
		return bad(img,
			   "its hypercall page 0x%llx is in no executable segment; put it into "
			   ".text",
			   (unsigned long long)img->hypercall_page);
	return 0;
}

int image_open(struct image *img, const char *path)
{
	struct notes notes;
	GElf_Ehdr ehdr;
	int error = -1;
	Elf *elf;

	*img = (struct image){ .path = path };
	img->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (img->fd < 0)
		return bad(img, "%m; give a guest kernel that can be read");
	elf_version(EV_CURRENT);
	elf = elf_begin(img->fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return bad(img,
			   "is no ELF file; use a guest kernel, such as build/images/hello.elf");
	if (!check_header(img, elf, &ehdr) && !read_notes(img, elf, &notes) &&
	    !check_base(img, &notes) && !read_segments(img, elf, &notes) &&
	    !check_addresses(img, &notes, &ehdr))
		error = 0;
	elf_end(elf);
	return error;
}

void image_close(struct image *img)
{
	if (img->fd >= 0)
		close(img->fd);
	img->fd = -1;
}
