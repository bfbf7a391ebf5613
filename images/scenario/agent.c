/* SPDX-License-Identifier: MIT */
/*
 * Calls by vCPUs: this one makes its own, every other runs an agent (agent.S) and is asked by its
 * mailbox. The agent reads the mailbox when it is asked for something, and writes it last when that
 * is done; it yields otherwise, and so do we.
 */
#include "scenario.h"

#include <xen/vcpu.h>

#define PATIENCE UINT64_C(20000000000) /* for a call that should come back; then it has not */

static struct mailbox boxes[CALLERS];
static uint8_t stacks[CALLERS][PV_PAGE_BYTES] __attribute__((aligned(16)));

static void watch(struct domain *d, uint64_t now)
{
	for (struct caller *c = d->caller; c < d->caller + d->nr_callers; c++) {
		long rc;

		if (!c->polling || c->ended || !call_answered(c, &rc))
			continue;
		c->ended = true;
		c->end = now;
	}
}

void relax(struct machine *m)
{
	uint64_t now = guest_clock(m->pv->guest);

	watch(&m->self, now);
	for (struct domain *d = m->other; d < m->other + OTHERS; d++)
		if (d->exists)
			watch(d, now);
	pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
}

void wait_until(struct machine *m, uint64_t time)
{
	while (guest_clock(m->pv->guest) < time)
		relax(m);
}

bool call_answered(const struct caller *c, long *rc)
{
	if (__atomic_load_n(&c->box->state, __ATOMIC_ACQUIRE) != MAILBOX_ANSWERED)
		return false;
	*rc = c->box->result;
	return true;
}

void call_later(struct machine *m, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct mailbox *box = m->caller->box;

	box->nr = nr;
	box->arg[0] = a0;
	box->arg[1] = a1;
	box->arg[2] = a2;
	__atomic_store_n(&box->state, MAILBOX_ASKED, __ATOMIC_RELEASE);
}

long call(struct machine *m, unsigned nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	uint64_t until;
	long rc;

	if (!m->caller->box)
		return pv_hypercall(nr, a0, a1, a2, 0, 0);
	call_later(m, nr, a0, a1, a2);
	until = guest_clock(m->pv->guest) + PATIENCE;
	while (!call_answered(m->caller, &rc)) {
		relax(m);
		if (guest_clock(m->pv->guest) > until) {
			m->unknown = true;
			return -XEN_EBUSY;
		}
	}
	return rc;
}

void agent_context(struct machine *m, unsigned vcpu, struct vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = pv_arg(agent_begin);
	c->user_regs.rsp = pv_arg(stacks[vcpu % CALLERS]) + sizeof(stacks[0]);
	c->user_regs.rdi = pv_arg(&boxes[vcpu % CALLERS]);
	c->user_regs.rsi = pv_arg(pv_hypercall_page);
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = xen_pfn_to_cr3(pv_frame_of(m->pv, (void *)m->pv->start_info->pt_base));
}

/* The script itself may have initialised it before, and brought it up, by vcpu_op. */
static bool start(struct machine *m, unsigned vcpu)
{
	static struct vcpu_guest_context context;
	struct caller *c = &m->self.caller[vcpu];
	long rc;

	agent_context(m, vcpu, &context);
	rc = pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, vcpu, pv_arg(&context), 0, 0);
	if (rc && rc != -XEN_EEXIST)
		return false;
	if (pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, vcpu, 0, 0, 0))
		return false;
	c->box = &boxes[vcpu];
	c->started = true;
	m->self.shared->vcpu_info[vcpu].evtchn_upcall_mask = 1;
	return true;
}

bool agent_use(struct machine *m, unsigned vcpu)
{
	if (m->by != &m->self)
		return vcpu == 0 && m->caller->started;
	if (vcpu == 0 || m->caller->started)
		return true;
	if (!start(m, vcpu))
		return false;
	call(m, __HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, vcpu, 0);
	return !m->unknown;
}
