/* SPDX-License-Identifier: MIT */
/*
 * How EVTCHNOP_send ends, for event_send.c and the ABIs' short ways: the event is counted, who has
 * to be told is told, and the sender leaves its section. What is common is inline, what is not is
 * called last: so a send has no frame to make and nothing to save.
 */
#ifndef HYPERVISOR_EVENT_SEND_H
#define HYPERVISOR_EVENT_SEND_H

#include "probe.h"
#include "vcpu.h"

/* It has been made pending, and nobody is left to be told. This is the end of most. */
static inline long event_sent(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port,
			      enum counted kind)
{
	probe_pending(v->domain->domid, port, v->id, kind == COUNT_MERGED);
	count_own(by, v, kind);
	section_leave(&by->section);
	return 0;
}

/* The same, newly pending, and upcall_pending went from 0 to 1. Not where anybody polls. */
long event_sent_kick(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port);

/* The same whatever became of it, and whoever polls. */
long event_sent_any(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t port, enum counted kind);

#endif
