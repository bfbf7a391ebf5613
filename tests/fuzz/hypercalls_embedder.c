/* SPDX-License-Identifier: MIT */
/*
 * The embedder's side of fuzz-hypercalls: what a monitor calls besides hv_hypercall, its callbacks
 * that say no, and what it looks at. The guests' side is hypercalls.c.
 */
#include "hypercalls.h"

#include <xen/errno.h>

/* ---- callbacks ---- */

static bool preempt(struct testbed_vcpu *v, void *arg)
{
	struct machine *x = arg;

	(void)v;
	return x->preempt && ++x->asked % x->preempt == 0;
}

static int policy(const struct hv_request *r, void *arg)
{
	struct machine *x = arg;

	return x->deny && ++x->requests % x->deny == 0 ? -XEN_EPERM : hv_default_policy(r);
}

static int may_deliver(void *arg, struct hv_domain *d, unsigned pirq, unsigned line)
{
	struct machine *x = arg;

	(void)d;
	(void)pirq;
	(void)line;
	return x->keep_lines;
}

/* ---- lines without a log ---- */

#define LINE_PERCPU  4u
#define LINE_CHILD   5u
#define LINE_CHAINED 6u
#define LINE_FREE    7u /* no domain has it at first */

static void nothing(void *data, unsigned line)
{
	(void)data;
	(void)line;
}

static bool asserted(void *data, unsigned line)
{
	const struct machine *x = data;

	return line == LINE_CHILD && x->signals & 2;
}

/* Asking takes them away. */
static uint32_t status(void *data, unsigned line)
{
	struct machine *x = data;
	uint32_t signals = x->signals;

	(void)line;
	x->signals = 0;
	return signals;
}

static const struct hv_irq_chip chip = {
	.name = "fuzz",
	.startup = nothing,
	.shutdown = nothing,
	.ack = nothing,
	.mask = nothing,
	.unmask = nothing,
	.asserted = asserted,
};

static const struct hv_irq_chip no_asserted = {
	.name = "fuzz",
	.startup = nothing,
	.shutdown = nothing,
	.mask = nothing,
	.unmask = nothing,
};

/* Each vCPU's own, one that comes through another, and one that guests may take. */
void embedder_begin(struct machine *x)
{
	static const unsigned child[] = { LINE_CHILD };
	static const struct hv_irq_demux demux = { child, 1, status };
	struct hv *hv = testbed_hv(x->tb);

	testbed_set_preempt(x->tb, preempt, x);
	testbed_deliver_if(x->tb, may_deliver, x);
	MUST(hv_irq_register(hv, LINE_PERCPU, HV_IRQ_PERCPU, &chip, x) == 0, "per-CPU");
	MUST(hv_irq_register(hv, LINE_CHILD, HV_IRQ_LEVEL, &chip, x) == 0, "child");
	MUST(hv_irq_register(hv, LINE_FREE, HV_IRQ_LEVEL, &chip, x) == 0, "free");
	MUST(hv_irq_chain(hv, LINE_CHAINED, &chip, x, &demux) == 0, "chained");
}

void embedder_map(struct machine *x, unsigned dom)
{
	struct hv_domain *d = testbed_hv_domain(x->d[dom]);

	hv_vcpu_map_pirq(hv_domain_vcpu(d, 0), LINE_PERCPU, LINE_PERCPU);
	hv_domain_map_pirq(d, LINE_CHILD, LINE_CHILD, true);
}

static void describe(struct machine *x, unsigned line, uint8_t how)
{
	static const unsigned one[] = { 8 }, two[] = { 1, 7 }, six[] = { LINE_CHAINED },
			      none[] = { 5000 };
	static const struct hv_irq_demux demux[] = {
		{ one, 1, status },  { two, 2, status }, { six, 1, status },
		{ none, 1, status }, { one, 0, status }, { one, 1, NULL },
	};
	const struct hv_irq_chip *c = how & 0x80 ? &no_asserted : &chip;

	if (how & 0x40)
		hv_irq_register(testbed_hv(x->tb), line, (enum hv_irq_flow)(how % 5), c, x);
	else
		hv_irq_chain(testbed_hv(x->tb), line, c, x, how % 7 < 6 ? &demux[how % 7] : NULL);
}

static void lines(struct machine *x, uint8_t op, uint8_t b, uint8_t more)
{
	struct hv *hv = testbed_hv(x->tb);
	unsigned line = b % 10;
	struct hv_irq_info info;

	if (b >= 250)
		line = b == 255 ? HV_MAX_LINES : HV_MAX_LINES - 1;
	switch (op % 12) {
	case 0:
	case 1:
		describe(x, line, more);
		break;
	case 2:
		x->signals = more;
		hv_irq_raise(hv, line);
		break;
	case 3:
		x->signals = more;
		hv_irq_raise_vcpu(testbed_hv_vcpu(x->v), line);
		break;
	case 4:
		hv_irq_resample(hv, line);
		break;
	case 5:
		if (more >= 128)
			hv_irq_invalidate(hv, line);
		break;
	case 6:
		hv_vcpu_map_pirq(testbed_hv_vcpu(x->v), more % 18, line);
		break;
	case 7:
		hv_domain_map_pirq(testbed_hv_domain(x->d[x->me]), more % 18, line, more & 0x80);
		break;
	case 8:
		hv_set_eoi_timeout(hv, b == 1 ? HV_NEVER : b * 1000ull);
		break;
	case 9:
		hv_irq_timer(hv);
		break;
	case 10:
		x->keep_lines = b & 1;
		break;
	default:
		hv_irq_set_flags(hv, line, more % 3);
		hv_irq_info(hv, line, &info);
	}
}

/* ---- vCPUs and the machine ---- */

static void machine(struct machine *x, uint8_t op, uint8_t b, uint8_t more)
{
	struct hv_domain *d = testbed_hv_domain(x->d[x->me]);
	struct hv_vcpu *v = testbed_hv_vcpu(x->v);
	struct testbed_domain *other = x->d[b % DOMAINS];
	struct hv_trap trap;
	evtchn_port_t a, c;

	switch (op % 10) {
	case 0:
		if (other)
			hv_evtchn_connect(d, testbed_hv_domain(other), &a, &c);
		break;
	case 1:
		hv_vcpu_send_nmi(v);
		break;
	case 2:
		if (hv_vcpu_take_nmi(v, &trap) == 0)
			MUST(hv_vcpu_in_nmi(v) && trap.rip, "an NMI to nowhere");
		break;
	case 3:
		hv_domain_virq(d, b);
		break;
	case 4:
		if (hv_vcpu_runnable(v))
			hv_vcpu_resumed(v);
		break;
	case 5:
		x->deny = b % 5;
		testbed_set_policy(x->tb, x->deny ? policy : NULL, x);
		break;
	case 6:
		hv_set_clock(testbed_hv(x->tb), testbed_cycles(x->tb), testbed_now(x->tb), 1u << 31,
			     0);
		hv_set_clock_stable(testbed_hv(x->tb), b & 1);
		break;
	case 7:
		hv_set_wallclock(testbed_hv(x->tb), b, more);
		break;
	case 8:
		hv_vcpu_trap(v, b | (more & 1) << 8, &trap);
		break;
	default:
		if (other)
			hv_evtchn_connect_at(d, more, testbed_hv_domain(other), b);
	}
}

/* Only what was paused. */
static void unpause(struct machine *x)
{
	struct hv_vcpu_state s;

	hv_vcpu_state(testbed_hv_vcpu(x->v), &s);
	if (s.paused)
		hv_domain_unpause(testbed_hv_domain(x->d[x->me]));
}

static void domains(struct machine *x, uint8_t op, uint8_t b, struct input *in)
{
	struct hv_domain *d = testbed_hv_domain(x->d[x->me]);
	struct hv_domain *other = x->d[b % DOMAINS] ? testbed_hv_domain(x->d[b % DOMAINS]) : NULL;
	struct hv_irq_info info;

	switch (op % 16) {
	case 0:
		hv_domain_pause(d);
		break;
	case 1:
		unpause(x);
		break;
	case 2:
		hv_domain_set_target(d, other);
		break;
	case 3:
		hv_global_virq(testbed_hv(x->tb), b % (NR_VIRQS + 1));
		break;
	case 4:
		hv_set_virq_handler(testbed_hv(x->tb), b % (NR_VIRQS + 1), d);
		break;
	case 5:
		hv_vcpu_virq(testbed_hv_vcpu(x->v), b % (NR_VIRQS + 1));
		break;
	case 6:
		if (other)
			hv_evtchn_connect_at(d, b % PORTS, other, take_port(in));
		break;
	case 7:
		hv_domain_trace(d, b & 1);
		break;
	case 8:
		hv_set_foreground(testbed_hv(x->tb), b & 1 ? d : NULL);
		break;
	case 9:
		hv_irq_info(testbed_hv(x->tb), b % 5, &info);
		break;
	case 10:
		hv_domain_unmap_pirq(d, b % 16);
		break;
	case 11:
		hv_domain_map_pirq(d, b % 16, 1 + b / 16 % LINES, true);
		break;
	case 12:
		hv_irq_set_flags(testbed_hv(x->tb), 1 + b % LINES, b >> 7);
		break;
	case 13:
		if (hv_irq_probe_begin(testbed_hv(x->tb), 1 + b % LINES) == 0)
			hv_irq_probe_end(testbed_hv(x->tb), 1 + b % LINES);
		break;
	case 14:
		testbed_vcpu_boot(x->v);
		break;
	default:
		if (b == 255)
			hv_domain_crash(d);
	}
}

void embedder_step(struct machine *x, struct input *in)
{
	uint8_t op = take8(in), b = take8(in);

	if (op < 128)
		domains(x, op, b, in);
	else if (op < 208)
		lines(x, op, b, take8(in));
	else
		machine(x, op, b, take8(in));
}

/* ---- looking ---- */

static void look_at_vcpu(const struct hv_vcpu *v, struct hv_counters *sum)
{
	struct hv_vcpu_state s;
	struct hv_counters c;
	struct hv_entry entry;
	unsigned offset = 0;
	uint64_t mfn;

	hv_vcpu_state(v, &s);
	hv_vcpu_counters(v, &c);
	hv_vcpu_entry(v, &entry);
	MUST(!hv_vcpu_runnable(v) || (s.up && !s.blocked && !s.paused && !s.shut_down),
	     "vCPU %u runs though it may not", hv_vcpu_id(v));
	MUST(!s.polling || s.blocked, "vCPU %u polls awake", hv_vcpu_id(v));
	MUST(!s.up || hv_vcpu_context(v), "vCPU %u is up without a context", hv_vcpu_id(v));
	MUST(!hv_vcpu_upcall_due(v) || entry.event, "vCPU %u: an upcall to nowhere", hv_vcpu_id(v));
	MUST(!(hv_vcpu_nmi_due(v) && hv_vcpu_in_nmi(v)), "vCPU %u: an NMI in an NMI",
	     hv_vcpu_id(v));
	hv_vcpu_info(v, &mfn, &offset);
	hv_vcpu_info32(v, &mfn, &offset);
	MUST(offset <= HV_PAGE_SIZE - sizeof(struct vcpu_info), "vcpu_info at %u", offset);
	sum->sends += c.sends;
	sum->merged += c.merged;
	sum->masked += c.masked;
	sum->hypercalls += c.hypercalls;
}

static int look_at_domain(struct hv_domain *d, void *arg)
{
	struct hv_counters all, sum = { 0 };

	for (unsigned id = 0; id < VCPUS; id++)
		look_at_vcpu(hv_domain_vcpu(d, id), &sum);
	hv_domain_counters(d, &all);
	MUST(all.sends == sum.sends && all.merged == sum.merged && all.masked == sum.masked &&
		     all.hypercalls == sum.hypercalls,
	     "domain %u: its counts are not its vCPUs'", hv_domain_id(d));
	MUST(all.merged + all.masked <= all.sends, "domain %u: counts", hv_domain_id(d));
	MUST(hv_domain_is_compat32(d) == (hv_domain_id(d) == 2), "domain %u: width",
	     hv_domain_id(d));
	++*(unsigned *)arg;
	return 0;
}

void embedder_look(const struct machine *x)
{
	unsigned found = 0, made = 0;
	struct hv_irq_info info;

	hv_for_each_domain(testbed_hv(x->tb), look_at_domain, &found);
	for (unsigned dom = 0; dom < DOMAINS; dom++)
		made += x->d[dom] != NULL;
	MUST(found == made, "%u domains, not %u", found, made);
	for (unsigned line = 0; line < 10; line++)
		hv_irq_info(testbed_hv(x->tb), line, &info);
}
