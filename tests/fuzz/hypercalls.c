/* SPDX-License-Identifier: MIT */
/*
 * fuzz-hypercalls: any hypercalls with any arguments, from several domains and vCPUs, of both
 * widths, while other vCPUs write into every page that guests may write (mutator.h); time, lines,
 * allocation failures, preemption, domains that die. Nobody says what the answers must be, but what
 * holds after each call whatever guests do: check() below, and the sanitizers.
 */
#include <ops.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "hypercalls.h"
#include "mutator.h"

#define STEPS 400u

/* ---- what always holds ---- */

static void check_interdomain(const struct machine *x, unsigned dom, uint32_t port,
			      const struct hv_port_info *i)
{
	struct hv_port_info peer;

	MUST(i->remote_dom < DOMAINS, "port %u of %u: domain %u", port, dom, i->remote_dom);
	MUST(hv_port_info(testbed_hv_domain(x->d[i->remote_dom]), i->remote_port, &peer) == 0,
	     "port %u of %u: no such peer", port, dom);
	MUST(peer.status == EVTCHNSTAT_interdomain && peer.remote_dom == dom &&
		     peer.remote_port == port,
	     "port %u of %u: its peer, %u of %u, is another's", port, dom, i->remote_port,
	     i->remote_dom);
}

static void check_port(const struct machine *x, unsigned dom, uint32_t port,
		       uint32_t virqs[VCPUS][NR_VIRQS])
{
	struct hv_port_info i;

	if (hv_port_info(testbed_hv_domain(x->d[dom]), port, &i))
		return;
	MUST(i.vcpu < VCPUS, "port %u of %u: vCPU %u", port, dom, i.vcpu);
	MUST(i.priority < EVTCHN_FIFO_MAX_QUEUES, "port %u of %u: priority", port, dom);
	MUST(i.queue_vcpu < VCPUS && i.queue_priority < EVTCHN_FIFO_MAX_QUEUES,
	     "port %u of %u: on queue %u of %u", port, dom, i.queue_priority, i.queue_vcpu);
	if (i.status != EVTCHNSTAT_closed)
		MUST(port && port <= PORTS, "port %u of %u is in use", port, dom);
	if (i.status == EVTCHNSTAT_interdomain)
		check_interdomain(x, dom, port, &i);
	if (i.status != EVTCHNSTAT_virq)
		return;
	MUST(i.irq < NR_VIRQS, "port %u of %u: virq %u", port, dom, i.irq);
	MUST(!virqs[i.vcpu][i.irq] || (i.irq != VIRQ_TIMER && i.irq != VIRQ_DEBUG),
	     "virq %u of %u has ports %u and %u", i.irq, dom, virqs[i.vcpu][i.irq], port);
	virqs[i.vcpu][i.irq] = port;
}

static void check(const struct machine *x)
{
	for (unsigned dom = 0; dom < DOMAINS; dom++) {
		uint32_t virqs[VCPUS][NR_VIRQS] = { 0 };

		if (!x->d[dom])
			continue;
		for (uint32_t port = 0; port < PORTS + 64; port++)
			check_port(x, dom, port, virqs);
	}
}

/* ---- the machine ---- */

static void domain_create(struct machine *x, unsigned dom)
{
	const struct testbed_domain_config cfg = {
		.id = (domid_t)dom,
		.vcpus = VCPUS,
		.nr_pirqs = 20,
		.max_evtchn_port = PORTS,
		.privileged = dom == 0,
		.periodic_tick = dom == 1,
		.compat32 = dom == 2,
	};

	x->d[dom] = testbed_domain_create(x->tb, &cfg, NULL);
	if (!x->d[dom])
		return;
	for (unsigned i = 0; i < FRAMES; i++)
		x->frame[dom][i] = testbed_page(x->d[dom]);
	for (unsigned i = 0; i < LINES; i++)
		hv_domain_map_pirq(testbed_hv_domain(x->d[dom]), 1 + i, 1 + i, i != 0);
	embedder_map(x, dom);
}

static void pages_changed(struct machine *x)
{
	mutator_forget();
	for (unsigned dom = 0; dom < DOMAINS; dom++) {
		if (!x->d[dom])
			continue;
		mutator_page(dom == 2 ? (void *)testbed_shared_info32(x->d[dom])
				      : (void *)testbed_shared_info(x->d[dom]));
		for (unsigned i = 0; i < FRAMES; i++)
			mutator_page(x->frame[dom][i]);
		/* where hypercall arguments are */
		for (unsigned v = 0; v < VCPUS; v++)
			mutator_page((void *)(uintptr_t)testbed_place(testbed_vcpu(x->d[dom], v),
								      AT_OK, 0, "", 0));
	}
}

static void line_create(struct machine *x, unsigned i)
{
	x->line[i] = testbed_line(x->tb, 1 + i, i == 2 ? HV_IRQ_EDGE : HV_IRQ_LEVEL);
}

static void set_up(struct machine *x)
{
	x->tb = testbed_create(TESTBED_VIRTUAL);
	embedder_begin(x);
	for (unsigned i = 0; i < LINES; i++)
		line_create(x, i);
	for (unsigned dom = 0; dom < DOMAINS; dom++)
		domain_create(x, dom);
	pages_changed(x);
}

/* ---- arguments ---- */

static unsigned take_dom(struct input *in)
{
	static const unsigned doms[] = { DOMID_SELF, 0, 1, 2, 3, DOMID_XEN, 0xffff, DOMID_IO };

	return doms[take8(in) % (sizeof(doms) / sizeof(doms[0]))];
}

static uint64_t take_frame(const struct machine *x, struct input *in)
{
	uint8_t b = take8(in);

	if (b < 200 && x->d[x->me])
		return testbed_frame(x->d[x->me], x->frame[x->me][b % FRAMES]);
	return b < 220 ? b : take64(in);
}

static enum testbed_where take_where(struct input *in)
{
	uint8_t b = take8(in);

	return b < 200 ? AT_OK : (enum testbed_where)(b % (AT_READONLY + 1u));
}

/* Bytes that structures are made of: numbers of ports, vCPUs, domains, frames, or anything. */
static size_t take_bytes(const struct machine *x, struct input *in, uint8_t *out, size_t n)
{
	size_t at = 0;

	while (at + 8 <= n) {
		uint8_t kind = take8(in);
		uint64_t v = 0;
		size_t size = kind & 8 ? 8 : kind & 16 ? 2 : 4;

		switch (kind & 7) {
		case 0:
			break;
		case 1:
			v = take_port(in);
			break;
		case 2:
			v = take_dom(in);
			break;
		case 3:
			v = take_frame(x, in);
			break;
		case 4:
			v = take8(in);
			break;
		case 5:
			v = testbed_now(x->tb) + take16(in);
			break;
		case 6:
			v = testbed_place(x->v, take_where(in), 1, &kind, 1);
			break;
		default:
			v = take64(in);
		}
		memcpy(out + at, &v, size);
		at += size;
	}
	return at;
}

/* Such bytes at a place; its guest address. */
static uint64_t place_bytes(const struct machine *x, struct input *in, enum testbed_where where,
			    unsigned slot, size_t most)
{
	uint8_t bytes[512];
	size_t n = take_bytes(x, in, bytes, most);

	return testbed_place(x->v, where, slot, bytes, n);
}

/* ---- hypercalls ---- */

static long call(struct machine *x, uint64_t nr, const uint64_t args[6])
{
	long rc;

	if (!hv_vcpu_runnable(testbed_hv_vcpu(x->v)))
		return 0;
	rc = testbed_hypercall(x->v, nr, args);
	/* Cut short in its middle, asleep: once it is awake, it goes on. */
	if (hv_vcpu_preempted(testbed_hv_vcpu(x->v))) {
		for (unsigned i = 0; i < 8 && !hv_vcpu_runnable(testbed_hv_vcpu(x->v)); i++)
			testbed_step(x->tb);
		if (hv_vcpu_runnable(testbed_hv_vcpu(x->v)))
			rc = testbed_go_on(x->v);
	}
	return rc;
}

static void event_channel(struct machine *x, struct input *in)
{
	uint8_t op = take8(in), bytes[64];
	size_t n = take_bytes(x, in, bytes, 32);
	enum testbed_where where = take_where(in);
	uint64_t args[6] = { op % 17u, testbed_place(x->v, where, 0, bytes, n) };

	if (op < 240) {
		call(x, __HYPERVISOR_event_channel_op, args);
		return;
	}
	memmove(bytes + 8, bytes, n);
	memset(bytes, 0, 8);
	bytes[0] = op % 12u;
	args[0] = testbed_place(x->v, where, 0, bytes, n + 8);
	call(x, __HYPERVISOR_event_channel_op_compat, args);
}

/* The operations that build something, as a guest would: so that there is something to break. */
static void build(struct machine *x, struct input *in)
{
	uint32_t a = take_dom(in), b = take_port(in);

	if (!hv_vcpu_runnable(testbed_hv_vcpu(x->v)))
		return;
	ops_at(x->v, AT_OK);
	switch (take8(in) % 8) {
	case 0:
		op_alloc_unbound(x->v, a, b % DOMAINS);
		break;
	case 1:
		op_bind_interdomain(x->v, a, b);
		break;
	case 2:
		op_bind_virq(x->v, b % NR_VIRQS, a % VCPUS);
		break;
	case 3:
		op_bind_ipi(x->v, a % VCPUS);
		break;
	case 4:
		op_bind_pirq(x->v, b % 8, BIND_PIRQ__WILL_SHARE);
		break;
	case 5:
		op_send(x->v, b);
		break;
	case 6:
		op_unmask(x->v, b);
		break;
	default:
		op_bind_vcpu(x->v, b, a % VCPUS);
	}
}

static void fifo(struct machine *x, struct input *in)
{
	uint8_t b = take8(in);
	struct evtchn_init_control control = { take_frame(x, in), 0, b % VCPUS, 0, { 0 } };
	struct evtchn_expand_array expand = { take_frame(x, in) };

	if (!hv_vcpu_runnable(testbed_hv_vcpu(x->v)))
		return;
	if (b & 0x80)
		op_raw(x->v, EVTCHNOP_init_control, &control, sizeof(control));
	if (b & 0x40)
		op_raw(x->v, EVTCHNOP_expand_array, &expand, sizeof(expand));
}

/* Any number with arguments of any kind. */
static void any(struct machine *x, struct input *in)
{
	static const uint8_t numbers[] = {
		__HYPERVISOR_set_trap_table,   __HYPERVISOR_mmu_update,
		__HYPERVISOR_set_gdt,	       __HYPERVISOR_stack_switch,
		__HYPERVISOR_set_callbacks,    __HYPERVISOR_update_descriptor,
		__HYPERVISOR_memory_op,	       __HYPERVISOR_multicall,
		__HYPERVISOR_set_timer_op,     __HYPERVISOR_xen_version,
		__HYPERVISOR_console_io,       __HYPERVISOR_vcpu_op,
		__HYPERVISOR_mmuext_op,	       __HYPERVISOR_nmi_op,
		__HYPERVISOR_sched_op,	       __HYPERVISOR_callback_op,
		__HYPERVISOR_event_channel_op, __HYPERVISOR_physdev_op,
		__HYPERVISOR_sched_op_compat,  __HYPERVISOR_update_va_mapping,
	};
	static const uint8_t rare[] = {
		__HYPERVISOR_vm_assist,	     __HYPERVISOR_set_segment_base,
		__HYPERVISOR_iret,	     __HYPERVISOR_physdev_op_compat,
		__HYPERVISOR_fpu_taskswitch, __HYPERVISOR_update_va_mapping_otherdomain,
	};
	uint8_t which = take8(in);
	uint64_t nr = which < 230   ? numbers[which % sizeof(numbers)]
		      : which < 250 ? rare[which % sizeof(rare)]
				    : take64(in);
	uint64_t args[6];

	for (unsigned i = 0; i < 6; i++) {
		uint8_t kind = take8(in);

		args[i] = kind < 128 ? kind % 20u : kind < 160 ? take64(in) : 0;
		if (kind < 192)
			continue;
		args[i] = place_bytes(x, in, kind < 240 ? AT_OK : take_where(in), kind & 1,
				      8u << (kind % 6u));
	}
	call(x, nr, args);
}

/* As a 32-bit guest has it. */
struct entry32 {
	uint32_t op, result, args[6];
};

static void multicall32(struct machine *x, struct input *in)
{
	struct entry32 e[8];
	unsigned nr = 1 + take8(in) % 8u;
	uint64_t args[6] = { 0, nr };

	memset(e, 0, sizeof(e));
	for (unsigned i = 0; i < nr; i++) {
		e[i].args[1] = (uint32_t)place_bytes(x, in, AT_OK, 1, 32);
		e[i].op = take8(in) % 45u;
		e[i].args[0] = take8(in) % 16u;
		e[i].args[2] = 1;
	}
	args[0] = testbed_place(x->v, AT_OK, 0, e, nr * sizeof(e[0]));
	call(x, __HYPERVISOR_multicall, args);
}

static void multicall(struct machine *x, struct input *in)
{
	struct multicall_entry e[8];
	unsigned nr = 1 + take8(in) % 8u;
	uint64_t args[6] = { 0, nr };

	if (x->me == 2) {
		multicall32(x, in);
		return;
	}
	for (unsigned i = 0; i < nr; i++) {
		uint64_t arg = place_bytes(x, in, AT_OK, 1, 32);

		memset(&e[i], 0, sizeof(e[i]));
		e[i].op = take8(in) % 45u;
		e[i].args[0] = take8(in) % 16u;
		e[i].args[1] = arg;
		e[i].args[2] = 1;
	}
	args[0] = testbed_place(x->v, AT_OK, 0, e, nr * sizeof(e[0]));
	call(x, __HYPERVISOR_multicall, args);
}

static void physdev(struct machine *x, struct input *in)
{
	uint8_t op = take8(in);
	uint64_t args[6] = { op < 64 ? PHYSDEVOP_eoi : op % 32u,
			     place_bytes(x, in, take_where(in), 0, 32) };

	call(x, __HYPERVISOR_physdev_op, args);
}

/* Pirqs that the guest maps itself. */
static void pirqs(struct machine *x, struct input *in)
{
	struct physdev_map_pirq map = { .domid = (domid_t)take_dom(in),
					.type = take8(in) % 7,
					.index = take8(in) % 12 - 1 };
	struct physdev_unmap_pirq unmap = { map.domid, take8(in) % 20 - 2 };
	struct physdev_get_free_pirq any = { map.type, 0 };
	enum testbed_where where = take_where(in);
	uint8_t op = take8(in);
	uint64_t args[6] = { PHYSDEVOP_map_pirq, 0 };

	map.pirq = unmap.pirq;
	map.entry_nr = op >> 5;
	if (op % 4 == 0) {
		args[0] = PHYSDEVOP_unmap_pirq;
		args[1] = testbed_place(x->v, where, 0, &unmap, sizeof(unmap));
	} else if (op % 4 == 1) {
		args[0] = PHYSDEVOP_get_free_pirq;
		args[1] = testbed_place(x->v, where, 0, &any, sizeof(any));
	} else {
		args[1] = testbed_place(x->v, where, 0, &map, sizeof(map));
	}
	call(x, __HYPERVISOR_physdev_op, args);
}

static void physdev_compat(struct machine *x, struct input *in)
{
	struct physdev_op op = { .cmd = take8(in) % 14u };
	uint64_t args[6] = { 0 };

	take_bytes(x, in, (uint8_t *)&op.u, 8);
	args[0] = testbed_place(x->v, take_where(in), 0, &op, sizeof(op));
	call(x, __HYPERVISOR_physdev_op_compat, args);
}

static void sched(struct machine *x, struct input *in)
{
	struct sched_poll poll = { .nr_ports = take8(in) % 3u,
				   .timeout = testbed_now(x->tb) + take16(in) };
	evtchn_port_t ports[2] = { take_port(in), take_port(in) };
	uint8_t op = take8(in);
	uint64_t args[6] = { op % 9u, 0 };

	/* Not each input is to end soon. */
	if (args[0] == SCHEDOP_shutdown && op < 200)
		args[0] = SCHEDOP_poll;
	if (args[0] == SCHEDOP_poll && x->me != 2) {
		poll.ports = testbed_place(x->v, take_where(in), 1, ports, sizeof(ports));
		args[1] = testbed_place(x->v, AT_OK, 0, &poll, sizeof(poll));
	} else if (args[0] == SCHEDOP_watchdog) {
		struct sched_watchdog w = { op % 4u, poll.nr_ports };

		args[1] = testbed_place(x->v, AT_OK, 0, &w, sizeof(w));
	} else {
		args[1] = place_bytes(x, in, take_where(in), 0, 32);
	}
	call(x, __HYPERVISOR_sched_op, args);
}

static void vcpu_op(struct machine *x, struct input *in)
{
	uint8_t op = take8(in);
	uint64_t args[6] = { op % 16u, take8(in) % 4u, place_bytes(x, in, take_where(in), 0, 32) };

	call(x, __HYPERVISOR_vcpu_op, args);
}

/* A vCPU that begins, and where its runstate is kept: what is right by chance too seldom. */
static void vcpu_begin(struct machine *x, struct input *in)
{
	static struct vcpu_guest_context c;
	uint8_t how = take8(in), bytes[64] = { 0 };
	uint64_t area = testbed_place(x->v, AT_OK, 1, bytes, sizeof(bytes));
	uint64_t args[6] = { VCPUOP_initialise, how >> 7 };

	memset(&c, 0, sizeof(c));
	if (how & 1)
		c.flags = VGCF_online;
	if ((how & 6) == 2)
		c.fs_base = take64(in);
	else if ((how & 6) == 4)
		c.trap_ctxt[take8(in)].address = take64(in);
	if (how & 8)
		args[2] = testbed_place(x->v, AT_OK, 0, &c, sizeof(c));
	else
		args[2] = testbed_place(x->v, AT_OK, 0, &area, sizeof(area));
	if (!(how & 8))
		args[0] = how & 16 ? VCPUOP_register_runstate_memory_area
				   : VCPUOP_register_vcpu_time_memory_area;
	call(x, __HYPERVISOR_vcpu_op, args);
	args[0] = VCPUOP_up;
	if (how & 32)
		call(x, __HYPERVISOR_vcpu_op, args);
	args[0] = how & 1 ? VMASST_CMD_enable : VMASST_CMD_disable;
	args[1] = VMASST_TYPE_runstate_update_flag;
	if (how & 64)
		call(x, __HYPERVISOR_vm_assist, args);
}

/* ---- the rest of the machine ---- */

static void rebirth(struct machine *x, unsigned dom)
{
	mutator_forget(); /* its pages go */
	if (x->d[dom])
		testbed_domain_destroy(x->d[dom]);
	domain_create(x, dom);
	pages_changed(x);
}

static void advance(struct machine *x, struct input *in)
{
	uint64_t us = take16(in);

	/* Seldom as long as a watchdog. */
	testbed_advance(x->tb, us < 0xf000 ? us * 1000 : (us - 0xf000) * 1000000);
}

static void line_set(struct machine *x, struct input *in)
{
	struct testbed_line *line = x->line[take8(in) % LINES];

	testbed_line_set(line, take8(in) & 1);
}

static void die(struct machine *x, struct input *in)
{
	if (take8(in) > 200)
		rebirth(x, x->me);
}

static void fail_alloc(struct machine *x, struct input *in)
{
	testbed_fail_alloc(x->tb, take8(in) & 7);
}

static void set_preempt(struct machine *x, struct input *in)
{
	x->preempt = take8(in) % 8u;
}

static void other_vcpu(struct machine *x, struct input *in)
{
	(void)x;
	mutator_write(in);
}

static void step(struct machine *x, struct input *in)
{
	static void (*const steps[32])(struct machine *, struct input *) = {
		advance,       line_set,      embedder_step, die,
		fail_alloc,    set_preempt,   physdev,	     physdev,
		sched,	       vcpu_op,	      multicall,     fifo,
		fifo,	       other_vcpu,    other_vcpu,    any,
		any,	       any,	      event_channel, event_channel,
		event_channel, event_channel, build,	     build,
		build,	       build,	      build,	     build,
		build,	       vcpu_begin,    pirqs,	     physdev_compat,
	};
	uint8_t op = take8(in);

	x->me = (op >> 5) % DOMAINS;
	if (!x->d[x->me])
		domain_create(x, x->me), pages_changed(x);
	if (!x->d[x->me])
		return; /* for want of memory */
	x->v = testbed_vcpu(x->d[x->me], op >> 7);
	steps[op & 31](x, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A third of the input is the other vCPUs'. */
	struct input in = { data, data + size - size / 3 };
	struct machine x = { 0 };

	set_up(&x);
	mutator_start((struct input){ in.end, data + size });
	for (unsigned i = 0; i < STEPS && more(&in); i++) {
		step(&x, &in);
		check(&x);
		embedder_look(&x);
	}
	mutator_start((struct input){ NULL, NULL });
	testbed_fail_alloc(x.tb, UINT64_MAX);
	MUST(testbed_destroy(x.tb) == 0, "memory was not given back");
	mutator_forget();
	return 0;
}
