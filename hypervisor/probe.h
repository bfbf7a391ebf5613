/* SPDX-License-Identifier: MIT */
/*
 * Static probes of the provider `carillon`: where the events of this half can be watched from
 * outside, by perf and bpftrace. Only a build with HV_PROBES has any; for a freestanding one this
 * is nothing. What each tells is in docs/tracing.md, and its arguments are the same here and there.
 *
 * A probe is one nop, with a note that says where its arguments are. They must be at hand: no call
 * is made for them, and none has a side effect. (No parameter below may be called as a probe is.)
 */
#ifndef HYPERVISOR_PROBE_H
#define HYPERVISOR_PROBE_H

#ifdef HV_PROBES
#include <sys/sdt.h>
#define PROBE2(name, a, b) STAP_PROBE2(carillon, name, (unsigned)(a), (unsigned)(b))
#define PROBE3(name, a, b, c) \
	STAP_PROBE3(carillon, name, (unsigned)(a), (unsigned)(b), (unsigned)(c))
#define PROBE4(name, a, b, c, d) \
	STAP_PROBE4(carillon, name, (unsigned)(a), (unsigned)(b), (unsigned)(c), (unsigned)(d))
#else
#define PROBE2(name, a, b)	 ((void)(a), (void)(b))
#define PROBE3(name, a, b, c)	 ((void)(a), (void)(b), (void)(c))
#define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

/* A port was taken into use, or out of use. state: as in enum port_state, and as Xen prints it. */
#define probe_bind(domid, port, vcpu, state)  PROBE4(bind, domid, port, vcpu, state)
#define probe_close(domid, port, vcpu, state) PROBE4(close, domid, port, vcpu, state)

/* EVTCHNOP_send of a port of the calling domain; to which domain, if it is an interdomain one. */
#define probe_send(domid, port, state, remote_dom) PROBE4(send, domid, port, state, remote_dom)

/* An event was raised: the port's pending bit is set, and was set before or not. */
#define probe_pending(domid, port, vcpu, was_set) PROBE4(pending, domid, port, vcpu, was_set)

/* evtchn_upcall_pending of a vCPU went from 0 to 1, and it is kicked. */
#define probe_upcall(domid, vcpu) PROBE2(upcall, domid, vcpu)

/* A line's interrupt was sent to a domain that has bound it; and that one's PHYSDEVOP_eoi. */
#define probe_pirq(domid, port, vcpu, number) PROBE4(pirq, domid, port, vcpu, number)
#define probe_eoi(domid, number)	      PROBE2(eoi, domid, number)

/* EVTCHNOP_set_priority. */
#define probe_priority(domid, port, value) PROBE3(priority, domid, port, value)

#endif
