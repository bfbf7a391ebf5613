/* SPDX-License-Identifier: MIT */
/*
 * The default policy: what Xen allows when no other is loaded. For each operation it says to whom
 * it belongs; nothing else is looked at.
 */
#include "policy.h"

#include <xen/version.h>

#include "atomic.h"

/* Who may do it to a domain. Each includes those after it. */
enum circle {
	ANYBODY,
	ITSELF,	    /* the domain on itself */
	ITS_MASTER, /* who has it as its target (hv_domain_set_target) */
	PRIVILEGED,
};

static const uint8_t circles[HV_OPERATIONS] = {
	[HV_OP_EVTCHN_ALLOC_UNBOUND] = ITSELF,
	[HV_OP_EVTCHN_BIND_INTERDOMAIN] = ANYBODY,
	[HV_OP_EVTCHN_BIND_VIRQ] = ANYBODY,
	[HV_OP_EVTCHN_BIND_IPI] = ANYBODY,
	[HV_OP_EVTCHN_BIND_PIRQ] = ANYBODY, /* which pirqs it has is told by hv_domain_map_pirq */
	[HV_OP_EVTCHN_CLOSE] = ANYBODY,
	[HV_OP_EVTCHN_SEND] = ANYBODY,
	[HV_OP_EVTCHN_STATUS] = ITSELF,
	[HV_OP_EVTCHN_BIND_VCPU] = ANYBODY,
	[HV_OP_EVTCHN_UNMASK] = ANYBODY,
	[HV_OP_EVTCHN_RESET] = ITSELF,
	[HV_OP_EVTCHN_INIT_CONTROL] = ANYBODY,
	[HV_OP_EVTCHN_EXPAND_ARRAY] = ANYBODY,
	[HV_OP_EVTCHN_SET_PRIORITY] = ANYBODY,
	[HV_OP_PIRQ_MAP] = ITS_MASTER,
	[HV_OP_PIRQ_TAKE] = PRIVILEGED,
	[HV_OP_PIRQ_UNMAP] = ITS_MASTER,
	[HV_OP_PIRQ_SETUP] = PRIVILEGED,
	[HV_OP_SHUTDOWN] = ANYBODY,
	[HV_OP_REMOTE_SHUTDOWN] = ITS_MASTER,
	[HV_OP_WATCHDOG] = ANYBODY,
	[HV_OP_VCPU] = ANYBODY,
	[HV_OP_CONSOLE] = ANYBODY, /* Xen: the privileged domain, but for debug builds */
	[HV_OP_VERSION] = ANYBODY,
};

/* The command line and the build tell of the host. */
static enum circle version_circle(uint64_t what)
{
	return what == XENVER_commandline || what == XENVER_build_id ? PRIVILEGED : ANYBODY;
}

int hv_default_policy(const struct hv_request *r)
{
	const struct hv_domain *by = r->caller->domain;
	enum circle circle;

	if ((unsigned)r->op >= HV_OPERATIONS)
		return -XEN_EPERM;
	circle = (enum circle)circles[r->op];
	if (r->op == HV_OP_VERSION)
		circle = version_circle(r->number);
	switch (circle) {
	case ANYBODY:
		return 0;
	case ITSELF:
		if (r->target == by)
			return 0;
		/* fall through */
	case ITS_MASTER:
		if (r->target && load_acquire(&by->target) == r->target)
			return 0;
		/* fall through */
	case PRIVILEGED:
		break;
	}
	return by->privileged ? 0 : -XEN_EPERM;
}
