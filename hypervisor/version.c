/* SPDX-License-Identifier: MIT */
/*
 * xen_version: the version whose interface we keep, and what of it a PV guest gets.
 */
#include "version.h"

#include <xen/version.h>

#include "guest_access.h"
#include "policy.h"

/* A string as the guest gets it: in a field of that size, the rest zeroes. */
static long give_text(struct hv_vcpu *v, uint64_t va, const char *text, size_t len, size_t field)
{
	char zeroes[64] = { 0 };
	size_t done;

	if (copy_to_guest(v, va, text, len))
		return -XEN_EFAULT;
	for (done = len; done < field; done += sizeof(zeroes)) {
		size_t n = field - done < sizeof(zeroes) ? field - done : sizeof(zeroes);

		if (copy_to_guest(v, va + done, zeroes, n))
			return -XEN_EFAULT;
	}
	return 0;
}

/* Who may not know gets these words instead, as on Xen. */
#define DENIED "<denied>"
#define GIVE(v, va, denied, text, field)                                    \
	((denied) ? give_text(v, va, DENIED, sizeof(DENIED), sizeof(field)) \
		  : give_text(v, va, text, sizeof(text), sizeof(field)))

static long give_compile_info(struct hv_vcpu *v, uint64_t va, bool denied)
{
	static const struct xen_compile_info info = {
		.compiler = "C17",
		.compile_by = "carillon",
		.compile_domain = "",
		.compile_date = "",
	};
	static const struct xen_compile_info nothing = {
		.compiler = DENIED,
		.compile_by = DENIED,
		.compile_domain = DENIED,
		.compile_date = DENIED,
	};

	return copy_to_guest(v, va, denied ? &nothing : &info, sizeof(info));
}

/*
 * What mmu_update can do, for those who have it; otherwise tables are read-only and frame numbers
 * are machine frames.
 */
static long give_features(struct hv_vcpu *v, uint64_t va)
{
	struct xen_feature_info f;

	if (copy_from_guest(v, &f, va, sizeof(f)))
		return -XEN_EFAULT;
	if (f.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -XEN_EINVAL;
	f.submap = v->domain->compat32 ? 0 : 1u << XENFEAT_mmu_pt_update_preserve_ad;
	if (v->domain->privileged)
		f.submap |= 1u << XENFEAT_dom0;
	return copy_to_guest(v, va, &f, sizeof(f));
}

static long give_parameters(struct hv_vcpu *v, uint64_t va)
{
	struct xen_platform_parameters p = { .virt_start = HYPERVISOR_VIRT_START };

	return copy_to_guest(v, va, &p, sizeof(p));
}

/* A UUID that is unique among the domains of one hypervisor. */
static long give_handle(struct hv_vcpu *v, uint64_t va, bool denied)
{
	static const xen_domain_handle_t nothing;
	xen_domain_handle_t h = { 'c', 'a', 'r', 'i', 'l', 'l', 'o', 'n' };

	h[14] = (uint8_t)(v->domain->domid >> 8);
	h[15] = (uint8_t)v->domain->domid;
	return copy_to_guest(v, va, denied ? nothing : h, sizeof(h));
}

/*
 * Guests call it also with XENVER_version to have pending events delivered: every return to a guest
 * looks for them.
 */
long do_xen_version(struct hv_vcpu *v, const uint64_t a[6])
{
	bool denied = policy_ask_on(v, HV_OP_VERSION, v->domain, (uint32_t)a[0]);

	switch ((uint32_t)a[0]) {
	case XENVER_version:
		return VERSION_MAJOR << 16 | VERSION_MINOR;
	case XENVER_extraversion:
		return GIVE(v, a[1], denied, ".carillon", xen_extraversion_t);
	case XENVER_compile_info:
		return give_compile_info(v, a[1], denied);
	case XENVER_capabilities:
		if (v->domain->compat32)
			return GIVE(v, a[1], denied, "xen-3.0-x86_32p ", xen_capabilities_info_t);
		return GIVE(v, a[1], denied, "xen-3.0-x86_64 ", xen_capabilities_info_t);
	case XENVER_changeset:
		return GIVE(v, a[1], denied, "", xen_changeset_info_t);
	case XENVER_platform_parameters:
		return give_parameters(v, a[1]);
	case XENVER_get_features:
		return give_features(v, a[1]);
	case XENVER_pagesize:
		if (denied)
			return 0;
		return a[1] ? -XEN_EINVAL : (long)HV_PAGE_SIZE;
	case XENVER_guest_handle:
		return give_handle(v, a[1], denied);
	case XENVER_commandline:
		return GIVE(v, a[1], denied, "", xen_commandline_t);
	case XENVER_build_id:
		return denied ? -XEN_EPERM : -XEN_ENODATA;
	default:
		return -XEN_ENOSYS;
	}
}
