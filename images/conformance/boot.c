/* SPDX-License-Identifier: MIT */
/*
 * What a kernel finds when it begins: start_info, the mapped shared page, the console, features,
 * its memory. How it is entered afterwards is in entry.c.
 */
#include "conformance.h"

#include <xen/version.h>

static void start_info_magic(void)
{
	const char *magic = conf.pv->start_info->magic;

	/* Xen puts a "p" behind it, for PAE. */
	EXPECT(!memcmp(magic, "xen-3.0-x86_64", 14));
}

static void start_info_memory(void)
{
	const struct start_info *si = conf.pv->start_info;

	EXPECT(si->nr_pages >= 1024);
	EXPECT(si->nr_pt_frames >= 4); /* a table of each level */
	EXPECT_EQ(si->pt_base % PV_PAGE_BYTES, 0);
	EXPECT_EQ(si->shared_info % PV_PAGE_BYTES, 0);
	EXPECT(si->mfn_list != 0);
}

static void start_info_flags(void)
{
	uint32_t flags = conf.pv->start_info->flags;

	/* The control domain may use hardware. */
	EXPECT(!(flags & SIF_INITDOMAIN) || (flags & SIF_PRIVILEGED));
}

static void command_line_ends(void)
{
	const char *end = conf.cmdline;

	while (*end)
		end++;
	EXPECT(end - conf.cmdline < MAX_GUEST_CMDLINE);
}

/* The frames of the p2m are ours, and no two of them are the same. */
static void p2m_distinct(void)
{
	const unsigned long *p2m = conf.pv->p2m;
	unsigned long n = conf.pv->start_info->nr_pages, near = 0;

	if (n > 2048)
		n = 2048;
	for (unsigned long i = 1; i < n; i++) {
		near += p2m[i] == p2m[i - 1];
		EXPECT(p2m[i] != conf.pv->start_info->shared_info >> 12);
		EXPECT(p2m[i] != 0 && p2m[i] != ~0ul);
	}
	EXPECT_EQ(near, 0);
	for (unsigned long i = 0; i < 64; i++)
		for (unsigned long j = 0; j < i; j++)
			EXPECT(p2m[i] != p2m[j]);
}

static void p2m_is_the_mapping(void)
{
	const uint64_t *root = (const uint64_t *)conf.pv->start_info->pt_base;
	uint64_t frame = pv_frame_of(conf.pv, root);

	/* The root table is mapped where start_info says: its entry leads to a frame of ours. */
	EXPECT(frame != UINT64_MAX);
	EXPECT(root[0] & 1);
}

static void shared_info_is_mapped(void)
{
	const struct shared_info *s = conf.pv->shared_info;

	for (unsigned cpu = 0; cpu < conf.nr_cpus; cpu++)
		EXPECT(s->vcpu_info[cpu].time.tsc_to_system_mul != 0);
	EXPECT_EQ(s->vcpu_info[0].evtchn_upcall_mask, 0);
	EXPECT(s->wc_sec != 0);
}

static void shared_info_is_ours_to_write(void)
{
	struct shared_info *s = conf.pv->shared_info;
	xen_ulong_t old = s->evtchn_mask[63];

	/* With FIFO the bits mean nothing, with 2-level the port is not used. */
	s->evtchn_mask[63] = old ^ 1;
	EXPECT_EQ(s->evtchn_mask[63], old ^ 1);
	s->evtchn_mask[63] = old;
}

static void console_writes(void)
{
	static const char text[] = "# a line of the console's own\n";

	EXPECT_EQ(pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text) - 1,
			       pv_arg(text), 0, 0),
		  0);
}

static void console_writes_nothing(void)
{
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 0, pv_arg(""), 0, 0), 0);
}

static void console_bad_places(void)
{
	for (enum place p = PLACE_NULL + 1; p < PLACE_STRADDLE; p++)
		EXPECT_EQ(pv_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 8,
				       place(p, "12345678", 8), 0, 0),
			  -XEN_EFAULT);
}

static void features(void)
{
	struct xen_feature_info info = { .submap_idx = 0 };

	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_xen_version, XENVER_get_features, pv_arg(&info), 0, 0, 0),
		0);
	/* A PV kernel's page tables are its own work. */
	EXPECT(!(info.submap & 1u << XENFEAT_auto_translated_physmap));
	EXPECT(!(info.submap & 1u << XENFEAT_writable_page_tables));
	EXPECT(!(info.submap & 1u << XENFEAT_supervisor_mode_kernel));
	EXPECT(!(info.submap & 1u << XENFEAT_hvm_callback_vector));
}

static void features_beyond(void)
{
	struct xen_feature_info info = { .submap_idx = 1000 };

	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_xen_version, XENVER_get_features, pv_arg(&info), 0, 0, 0),
		-XEN_EINVAL);
}

static void version(void)
{
	long v = pv_hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);

	EXPECT_EQ(v >> 16, 4);
	EXPECT_EQ(v & 0xffff, 17);
}

static void pagesize(void)
{
	EXPECT_EQ(pv_hypercall(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0, 0, 0), 4096);
}

static void capabilities(void)
{
	static xen_capabilities_info_t text;

	EXPECT_EQ(
		pv_hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, pv_arg(text), 0, 0, 0),
		0);
	EXPECT(!memcmp(text, "xen-3.0-x86_64", 14));
}

static const uint8_t *hypercall_stub(size_t nr)
{
	return (const uint8_t *)pv_hypercall_page + nr * 32;
}

static void hypercall_page_is_filled(void)
{
	const uint8_t *iret = hypercall_stub(__HYPERVISOR_iret),
		      *version_stub = hypercall_stub(__HYPERVISOR_xen_version);

	/* It was all int3 in the image. */
	EXPECT(*version_stub != 0xcc);
	EXPECT(*iret != 0xcc);
	EXPECT(memcmp(iret, version_stub, 16));
}

static void cpus_are_as_many_as_vcpus(void)
{
	EXPECT(conf.nr_cpus >= 1 && conf.nr_cpus <= MAX_CPUS);
	EXPECT_EQ(pv_this_cpu()->id, 0);
	EXPECT(pv_this_cpu()->self == pv_this_cpu());
}

static const struct check checks[] = {
	{ "start_info_magic", start_info_magic, 0 },
	{ "start_info_memory", start_info_memory, 0 },
	{ "start_info_flags", start_info_flags, 0 },
	{ "command_line_ends", command_line_ends, 0 },
	{ "p2m_distinct", p2m_distinct, 0 },
	{ "p2m_is_the_mapping", p2m_is_the_mapping, 0 },
	{ "shared_info_is_mapped", shared_info_is_mapped, 0 },
	{ "shared_info_is_ours_to_write", shared_info_is_ours_to_write, 0 },
	{ "console_writes", console_writes, 0 },
	{ "console_writes_nothing", console_writes_nothing, 0 },
	{ "console_bad_places", console_bad_places, 0 },
	{ "features", features, 0 },
	{ "features_beyond", features_beyond, 0 },
	{ "version", version, 0 },
	{ "pagesize", pagesize, 0 },
	{ "capabilities", capabilities, 0 },
	{ "hypercall_page_is_filled", hypercall_page_is_filled, 0 },
	{ "cpus_are_as_many_as_vcpus", cpus_are_as_many_as_vcpus, 0 },
	{ 0 },
};

const struct area area_boot = { "boot", checks };
