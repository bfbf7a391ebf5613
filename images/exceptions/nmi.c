/* SPDX-License-Identifier: MIT */
/*
 * NMIs: whatever the event mask says, one at a time until the iret, on another CPU too, and also
 * when that one sleeps. An NMI for a CPU without a handler is lost.
 */
#include <xen/nmi.h>
#include <xen/vcpu.h>

#include "exceptions.h"

#define STORM 1000u
#define NMI   2u

static struct {
	unsigned count, depth, deepest;
	unsigned again; /* to be sent from inside */
	bool masked;	/* events were, in each */
} nmi;

static volatile unsigned progress; /* of the second CPU */

static long send(unsigned cpu)
{
	return pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, cpu, 0, 0, 0);
}

static bool hook(struct pv *pv, struct pv_frame *frame)
{
	unsigned cpu = pv_this_cpu()->id;

	if (frame->vector != NMI)
		return probe_hook(pv, frame);
	nmi.count++;
	nmi.depth++;
	if (nmi.depth > nmi.deepest)
		nmi.deepest = nmi.depth;
	nmi.masked &= pv->shared_info->vcpu_info[cpu].evtchn_upcall_mask;
	if (nmi.again) {
		nmi.again--;
		(void)send(cpu);
		(void)send(cpu); /* is the same one */
	}
	nmi.depth--;
	return true;
}

static void on_one_cpu(struct pv *pv)
{
	struct guest *g = pv->guest;

	nmi.masked = true;
	guest_local_irq_disable(g);
	check(!send(0) && nmi.count == 1, "NMI with events masked");
	guest_local_irq_enable(g);
	check(!send(0) && nmi.count == 2 && !*own_mask, "NMI with events enabled, as after it");
	nmi.again = 2;
	check(!send(0) && nmi.count == 5 && nmi.deepest == 1, "NMI in an NMI comes after it");
	for (unsigned i = 0; i < STORM; i++)
		(void)send(0);
	check(nmi.count == 5 + STORM && nmi.deepest == 1, "%u NMIs", STORM);
	check(nmi.masked, "events were masked in all of them");
	check(pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 1, 0, 0) == -XEN_EINVAL,
	      "NMI with an argument");
	check(send(GUEST_MAX_CPUS) == -XEN_ENOENT, "NMI for no CPU");
}

/* ---- the second CPU ----------------------------------------------------------------------- */

static long set_callback(uint64_t address)
{
	struct xennmi_callback cb = { .handler_address = address };

	return pv_hypercall(__HYPERVISOR_nmi_op, XENNMI_register_callback, pv_arg(&cb), 0, 0, 0);
}

static void own_callback(void)
{
	uint64_t before;

	check(set_callback(UINT64_C(1) << 63) == -XEN_EINVAL, "an NMI callback at no address");
	check(!pv_hypercall(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0, 0, 0, 0),
	      "no NMI callback");
	check(!send(1), "an NMI that is lost");
	check(!set_callback(pv_arg(own_entry)), "another NMI callback, of the second CPU");
	before = own.count;
	check(!send(1) && own.count == before + 1, "which is entered");
}

static void cpu_main(struct pv *pv, unsigned cpu)
{
	(void)cpu;
	own_callback();
	progress = 1;
	/* No event wakes it from here but an NMI. */
	guest_local_irq_disable(pv->guest);
	while (progress == 1) {
		uint64_t before = own.count;

		guest_halt(pv->guest);
		guest_local_irq_disable(pv->guest);
		if (own.count != before)
			progress = 2;
	}
	while (!guest_cpu_dying(pv->guest)) {
		guest_halt(pv->guest);
		guest_local_irq_disable(pv->guest);
	}
}

static bool wait_progress(struct pv *pv, unsigned value)
{
	uint64_t end = guest_clock(pv->guest) + UINT64_C(20000000000);

	while (progress < value && guest_clock(pv->guest) < end) {
		(void)pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
		if (progress == 1)
			(void)send(1); /* it may not sleep yet */
	}
	return progress >= value;
}

static void on_two_cpus(struct pv *pv)
{
	const struct pv_smp_config config = { .main = cpu_main };

	if (guest_count_cpus(&pv->ops, pv, 2) < 2)
		return;
	if (pv_smp_init(pv, &config) || guest_cpu_up(pv->guest, 1))
		pv_panic("exceptions: no second CPU");
	check(wait_progress(pv, 1) && wait_progress(pv, 2), "an NMI wakes a CPU that sleeps");
	check(!guest_cpu_down(pv->guest, 1), "the second CPU goes");
}

void check_nmi(struct pv *pv)
{
	pv->trap_hook = hook;
	on_one_cpu(pv);
	on_two_cpus(pv);
}
