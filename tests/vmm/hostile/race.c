/* SPDX-License-Identifier: MIT */
/*
 * Memory that changes while somebody else uses it: the arguments of a hypercall that another vCPU
 * is in, and the stack on which another vCPU takes its upcalls. Needs two vCPUs.
 */
#include "hostile.h"

#include "../../../images/lib/lib.h"

/* What the calls below read, each at the beginning: a length, a frame, a port, a pointer. */
static struct {
	union {
		struct evtchn_send send;
		struct evtchn_bind_virq virq;
		struct evtchn_status status;
		struct evtchn_bind_vcpu vcpu;
		struct evtchn_init_control control;
		struct evtchn_expand_array expand;
		struct sched_poll poll;
		struct vcpu_register_vcpu_info info;
		struct vcpu_set_singleshot_timer timer;
		struct multicall_entry calls[8];
		struct mmu_update updates[8];
		struct mmuext_op ext[8];
		uint64_t words[64];
	};
	evtchn_port_t ports[8];
} shared __attribute__((aligned(64)));

static void flip(unsigned cpu, void *arg)
{
	uint64_t seed = pv_arg(arg) * 0x9e3779b97f4a7c15 + cpu;
	volatile uint64_t *words = shared.words;

	for (;;) {
		uint64_t r = hostile_rnd(&seed), value = hostile_rnd(&seed);

		switch (r >> 32 & 7) {
		case 0:
			value &= 15;
			break;
		case 1:
			value &= 4095;
			break;
		case 2:
			value = pv_arg(&shared);
			break;
		case 3:
			value = hostile_si()->pt_base;
			break;
		case 4:
			value = __HYPERVISOR_event_channel_op;
			break;
		case 5:
			value = EVTCHNOP_reset;
			break;
		default:
			break;
		}
		words[r & 63] = value;
	}
}

static void one_call(struct pv *pv, uint64_t *seed)
{
	uint64_t r = hostile_rnd(seed), at = pv_arg(&shared);

	(void)pv;
	switch (r >> 8 & 7) {
	case 0: /* not the multicall's own doing that it ends: those calls are never shutdowns */
		shared.calls[0].op = __HYPERVISOR_event_channel_op;
		shared.calls[0].args[0] = EVTCHNOP_status;
		shared.calls[0].args[1] = at + 256;
		pv_hypercall(__HYPERVISOR_multicall, at, r & 7, 0, 0, 0);
		break;
	case 1:
		pv_hypercall(__HYPERVISOR_mmu_update, at, r & 7, at + 256, DOMID_SELF, 0);
		break;
	case 2:
		pv_hypercall(__HYPERVISOR_mmuext_op, at, r & 7, at + 256, DOMID_SELF, 0);
		break;
	case 3: /* with a limit in time: it is asked to be short */
		shared.poll.timeout = 1;
		pv_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, at, 0, 0, 0);
		break;
	case 4:
		pv_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, at, 0, 0);
		break;
	default:
		pv_hypercall(__HYPERVISOR_event_channel_op, r & 15, at, 0, 0, 0);
	}
}

/* Arguments that vCPU 1 rewrites meanwhile. Its own end with a report, or OK. */
void mode_arguments(struct pv *pv)
{
	uint64_t seed = hostile_option("seed=", 1) * 0x9e3779b97f4a7c15;

	hostile_start_vcpu(pv, 1, flip, (void *)hostile_option("seed=", 1));
	for (uint64_t i = 0; i < hostile_option("rounds=", 3000); i++)
		one_call(pv, &seed);
	hostile_done();
}

static uint64_t stack[2048] __attribute__((aligned(4096)));

static void corrupt(unsigned cpu, void *arg)
{
	uint64_t seed = pv_arg(arg) * 0x9e3779b97f4a7c15 + cpu;
	volatile uint64_t *words = stack;

	for (;;) {
		uint64_t r = hostile_rnd(&seed), value = hostile_rnd(&seed);

		if (r >> 32 & 1)
			value = pv_arg(&stack[value & 2047]);
		if (r >> 33 & 1)
			words[2048 - 1 - (r & 63)] = value;
	}
}

/*
 * vCPU 1 writes over the stack on which vCPU 0 takes its upcalls, from before the frame is there
 * until it is read again by iret. The end of this domain with a report, or OK.
 */
void mode_stack(struct pv *pv)
{
	uint64_t end;

	hostile_timer(pv, 50000);
	hostile_start_vcpu(pv, 1, corrupt, (void *)hostile_option("seed=", 1));
	end = guest_clock(pv->guest) + hostile_option("ms=", 200) * UINT64_C(1000000);
	/* Nothing of our own is on that stack, so upcalls are all that suffers. */
	while (guest_clock(pv->guest) < end)
		__asm__ volatile("mov %%rsp, %%rbx\n\t"
				 "mov %0, %%rsp\n\t"
				 "mov $2000, %%ecx\n"
				 "1:\tpause\n\t"
				 "dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "mov %%rbx, %%rsp"
				 :
				 : "r"(&stack[2048])
				 : "rbx", "rcx", "memory", "cc");
	hostile_done();
}
